"""SDP says where IKE goes, who begins it and by which certificate (RFC 6193)

What does not fit the peer's pinned certificate is refused before anything is raised, and
an offer before any phone rings. The phones see none of it.
"""
import time

from lib import pcap, rtp, stage, told
from lib.capture import tshark
from lib.lab import wait_for
from lib.told import NONE, SEND, both, print_of, refused
from lib.ua import Agent, connect, exchange

FAR = 'v=0\r\no=- 1 1 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\n' \
    'm=audio 40100 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n' \
    'm=application {1} udp {2}\r\nc=IN IP4 {3}\r\na=ike-setup:{4}\r\n' \
    'a=fingerprint:{5}\r\n'


def setup(t):
    told.setup(t, 'after')


def dissected(t, path):
    """Lines of SDP on the wire as tshark reads them: (m=, their attributes) each."""
    rows = tshark(path, 'sip.CSeq.method == "INVITE" && sdp', 'sdp.media', 'sdp.media_attr',
                  'sdp.connection_info.address')
    t.claim('tshark reads SDP on the wire', len(rows) >= 2, str(rows))
    return rows


def up(s):
    for gate in (s.a, s.b):
        wait_for('it to be up', lambda gate=gate: [c['state'] for c in gate.calls()] == ['up'])


def held(t, back):
    """By who was called: the tunnel that his gateway began is then one that it waits for."""
    hold = t.bob.offer(lines=('a=sendonly',)).replace('- 1 1 ', '- 1 2 ')
    answer = t.alice.offer(lines=('a=recvonly',)).replace('- 1 1 ', '- 1 2 ')
    _, final = exchange(t.bob, back, 1, t.alice, 'INVITE', (hold, answer))
    t.claim('a hold passes', final.status == 200, str(final))
    time.sleep(4)  # longer than a tunnel lingers that nobody wants
    t.claim('and the call goes on', not any(m.start.startswith('BYE')
                                            for a in (t.alice, t.bob) for m in a.received))
    up(t.stage)


def fits(t):
    s = t.stage
    both(t)
    s.record()
    dialog, back, invite, final = connect(t.alice, t.bob, stage.BOB, t.alice.offer(),
                                          t.bob.offer())
    up(s)
    held(t, back)
    t.claim('the call is sealed', s.verdicts() == ['sealed', 'sealed'])
    t.claim('the phones see nothing of IKE', not any(
        word in m.body for m in (invite, final) for word in ('application', 'ike', 'finger')),
        invite.body + final.body)
    exchange(t.alice, dialog, 2, t.bob, 'BYE')
    paths = s.recorded()
    rows = dissected(t, paths['wire'])
    for row, site, role in zip(rows, 'ab', ('actpass', 'active')):
        text = ' '.join(row)
        t.claim(f'what {site} says of its IKE', all(part in text for part in (
            'application 4500 udp ike-esp-udpencap', f'ike-setup:{role}',
            f'fingerprint:SHA-256 {print_of(t, site)}',
            t.lab.net.address(f'gate-{site}'))), text)
    begun = t.charon['b'].log().count('initiating IKE_SA')
    t.claim('who said "active" began it, and the other did not',
            begun == 1 and 'initiating IKE_SA' not in t.charon['a'].log())
    t.claim('no RTP is on the wire', not any(rtp.parse(p) for p in pcap.datagrams(
        paths['wire']) if p.port_from not in (500, 4500, 5060)))
    t.alice.uri, t.bob.uri = stage.ALICE, stage.BOB


def ended(t):
    """No tunnel is up any more."""
    for gate in (t.stage.a, t.stage.b):
        wait_for('its end', lambda gate=gate: '"child"' not in gate.tell('sas', '--json'), 20)


def another(t):
    """a pins another certificate than b shows: SDP tells before IKE does."""
    ended(t)
    s, why = t.stage, 'IKE in SDP: its fingerprint is not that of the peer\'s ike_cert'
    both(t, pin_a='c')
    refused(t, t.bob, t.alice, stage.ALICE, s.a, why, False)
    refused(t, t.alice, t.bob, stage.BOB, s.b, 'no tunnel to the peer', True)


def old(t):
    """One of them knows nothing of this."""
    s = t.stage
    both(t, word_a=SEND, word_b=NONE)
    dialog, _, invite, final = connect(t.alice, t.bob, stage.BOB, t.alice.offer(), t.bob.offer() +
                                       'm=application 0 udp ike-esp-udpencap\r\n')
    up(s)
    t.claim('with ike_sdp = "send" a peer without it has its calls',
            s.verdicts() == ['sealed', 'sealed'] and 'application 0 udp' in invite.body and
            'application' not in final.body, invite.body + final.body)
    exchange(t.alice, dialog, 2, t.bob, 'BYE')
    t.alice.uri, t.bob.uri = stage.ALICE, stage.BOB
    both(t, word_b=NONE)
    refused(t, t.bob, t.alice, stage.ALICE, s.a, 'no IKE in the far end\'s SDP', False)


def by_hand(t):
    """A far end of our own: b's SIP from gateway b's address."""
    s, lab = t.stage, t.lab
    both(t)
    ended(t)
    s.b.stop()
    at = s.b.outside
    far = Agent(lab, 'gate-b', at, stage.BOB, (s.a.outside, 5060), 5060)
    good = 'SHA-256 ' + print_of(t, 'b')
    media = s.b.media_outside
    rows = (
        ((media, 4500, 'ike-esp-udpencap', at, 'active', good), 503, 'let it offer actpass'),
        ((media, 4500, 'ike-esp-udpencap', at, 'actpass', 'SHA-256 ' + print_of(t, 'c')), 488,
         'its fingerprint is not that'),
        ((media, 4500, 'ike-esp-udpencap', s.a.outside, 'actpass', good), 488,
         'it has another address'),
        ((media, 4501, 'ike-esp-udpencap', at, 'actpass', good), 488, 'its port is neither'),
        ((media, 0, 'ike-esp-udpencap', at, 'actpass', good), 488, 'no IKE in the far end'),
        ((media, 500, 'ike-esp', at, 'x', good), 400, 'malformed'),
    )
    for words, status, why in rows:
        before = len(s.a.log())
        dialog = far.request('INVITE', stage.ALICE, FAR.format(*words))
        final = far.final(dialog)
        said = s.a.log()[before:]
        t.claim(f'an offer that does not fit: {why}', final.status == status and why in said,
                f'{final.start} {said}')
        t.claim('nobody\'s phone rings', not t.alice.wait(
            lambda m: m.start.startswith('INVITE'), 0.3))
    dialog = far.request('INVITE', stage.ALICE, FAR.format(
        media, 500, 'ike-esp', at, 'passive', 'SHA-1 ' + print_of(t, 'b', 'sha1')) +
        f'a=ice-ufrag:9uB6\r\na=ice-pwd:YH75Fviy6338Vbrhrlp8Yh\r\n'
        f'a=candidate:1 1 udp 2130706431 {at} 500 typ host\r\n')
    t.claim('one that fits rings, whatever candidates it has',
            t.alice.wait(lambda m: m.start.startswith('INVITE')))
    forked(t, far, FAR.format(media, 4500, 'ike-esp-udpencap', at, 'passive', good))


def forked(t, far, sdp):
    """Two early dialogs answer (RFC 6193 5.3); who is "passive" has the other begin."""
    before = t.charon['a'].log().count('establishing CHILD_SA')
    dialog = t.alice.request('INVITE', stage.BOB, t.alice.offer())
    invite = far.wait(lambda m: m.start.startswith('INVITE'))
    far.answer(invite, 183, 'Session Progress', 'one', sdp)
    t.claim('the caller begins IKE', t.alice.wait(lambda m: m.status == 183, 10) and
            t.charon['a'].log().count('establishing CHILD_SA') == before + 1)
    far.answer(invite, 183, 'Session Progress', 'two', sdp)
    t.claim('a second answer is cancelled', far.wait(lambda m: m.start.startswith('CANCEL')))
    final = t.alice.final(dialog)
    t.claim('and the call fails', final.status == 488 and
            'a second far end answered' in t.stage.a.log(), final.start)


def check(t):
    fits(t)
    another(t)
    old(t)
    by_hand(t)
