"""SDP tells of IKE (RFC 6193) while the tunnel is a precondition (RFC 3312, 5027)

Each offer and answer between the gateways has the line, with roles that fit. What does not
fit what is known of the peer ends the call before anybody's phone rings. A far end of our
own hands says "active": it begins IKE after our 183, and then the phone rings.
"""
import json
import time

from lib import sip, stage, told
from lib.charon import Ike
from lib.lab import wait_for
from lib.told import KEY, NONE, REQUIRE, SEND, both, print_of, refused
from lib.ua import Agent, connect, exchange, uri_in

HEADERS = ('Require: precondition', 'Supported: 100rel',
           'Allow: INVITE, ACK, CANCEL, BYE, PRACK, UPDATE')
FAR = 'v=0\r\no=- 1 {v} IN IP4 {media}\r\ns=-\r\nc=IN IP4 {media}\r\nt=0 0\r\n' \
    'm=audio 40100 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n' \
    'a=curr:sec e2e {current}\r\na=des:sec mandatory e2e sendrecv\r\n' \
    'm=application 4500 udp ike-esp-udpencap\r\nc=IN IP4 {at}\r\na=ike-setup:{role}\r\n{more}'


def setup(t):
    told.setup(t, 'before', ike_more=REQUIRE)


def line(message):
    """Of IKE, in its SDP."""
    return message.body.partition('m=application ')[2]


def role(message):
    return line(message).partition('a=ike-setup:')[2].split('\r')[0]


def children(gate):
    return [sa for sa in json.loads(gate.tell('sas', '--json'))['charon'] if 'child' in sa]


def ended(t):
    """No tunnel is up any more."""
    for gate in (t.stage.a, t.stage.b):
        wait_for('its end', lambda gate=gate: children(gate) == [] and gate.gone(), 20)


def rings(agent, seconds=5.0):
    return agent.wait(lambda m: m.start.startswith('INVITE'), seconds)


def hush(agent, invite):
    """Its phone is not called any more."""
    cancel = agent.wait(lambda m: m.start.startswith('CANCEL'))
    agent.answer(cancel, 200, 'OK')
    agent.answer(invite, 487, 'Request Terminated', 'callee')


def fits(t):
    s = t.stage
    both(t)
    s.record()
    dialog, _, invite, final = connect(t.alice, t.bob, stage.BOB, t.alice.offer(), t.bob.offer())
    t.claim('the call is sealed, and one tunnel is up at either end',
            s.verdicts() == ['sealed', 'sealed'] and
            len(children(s.a)) == len(children(s.b)) == 1)
    exchange(t.alice, dialog, 2, t.bob, 'BYE')
    paths = s.recorded()
    t.claim('the phones see nothing of it', not any(
        word in m.body for link in ('phone-a', 'phone-b') for m in sip.messages(paths[link])
        for word in ('application', 'ike', 'finger', ':sec')), invite.body + final.body)
    wire = [m for m in sip.messages(paths['wire']) if m.body]
    spoke = [(m.start.split()[0] if not m.status else m.status, m.method, role(m)) for m in wire]
    t.claim('who says what, in order', spoke == [
        ('INVITE', 'INVITE', 'actpass'), (183, 'INVITE', 'active'),
        ('UPDATE', 'UPDATE', 'actpass'), (200, 'UPDATE', 'active'),
        ('UPDATE', 'UPDATE', 'active'), (200, 'UPDATE', 'passive')], str(spoke))
    for m, site in zip(wire, 'ababba'):
        t.claim(f'{m.start}: the line is of {site}, and has no precondition', all(
            part in line(m) for part in ('4500 udp ike-esp-udpencap',
                                         t.lab.net.address(f'gate-{site}'),
                                         f'fingerprint:SHA-256 {print_of(t, site)}')) and
            ':sec' not in line(m), m.body)
    t.claim('who said "active" began it, and the other did not',
            t.charon['b'].log().count('initiating IKE_SA') == t.begun + 1 and
            'initiating IKE_SA' not in t.charon['a'].log())
    t.alice.uri, t.bob.uri = stage.ALICE, stage.BOB


def another(t):
    """a pins another certificate than b shows: an offer tells before IKE does, and what
    answers one is not even sent, for b's gateway finds no tunnel."""
    ended(t)
    s, why = t.stage, 'IKE in SDP: its fingerprint is not that of the peer\'s ike_cert'
    both(t, pin_a='c')
    refused(t, t.bob, t.alice, stage.ALICE, s.a, why, False, 488)
    refused(t, t.alice, t.bob, stage.BOB, s.b, 'no tunnel to the peer', False, 580)


def old(t):
    """One of them says nothing of IKE."""
    s = t.stage
    both(t, word_a=SEND, word_b=NONE)
    dialog, *_ = connect(t.alice, t.bob, stage.BOB, t.alice.offer(), t.bob.offer() +
                         'm=application 0 udp ike-esp-udpencap\r\n')
    t.claim('with ike_sdp = "send" a peer without it has its calls',
            s.verdicts() == ['sealed', 'sealed'])
    exchange(t.alice, dialog, 2, t.bob, 'BYE')
    t.alice.uri, t.bob.uri = stage.ALICE, stage.BOB
    both(t, word_b=NONE)
    refused(t, t.bob, t.alice, stage.ALICE, s.a, 'no IKE in the far end\'s SDP', False, 488)
    refused(t, t.alice, t.bob, stage.BOB, s.a, 'no IKE in the far end\'s SDP', False, 488)


# -- a far end of our own hands: b's SIP from gateway b's address ------------------


def far_sdp(t, current, role_of, more='', v=1, at=''):
    s = t.stage
    return FAR.format(v=v, media=s.b.media_outside, at=at or s.b.outside, current=current,
                      role=role_of, more=more)


def begin(t, far, offer):
    """Its call, until our 183 is acknowledged."""
    dialog = far.request('INVITE', stage.ALICE, offer, headers=HEADERS)
    progress = far.wait(lambda m: m.status >= 183 and m.method == 'INVITE')
    t.claim('a reliable 183', progress and progress.status == 183, str(progress))
    dialog |= {'to': progress.header('To'), 'uri': uri_in(progress.header('Contact'))}
    far.request('PRACK', '', dialog=dialog, cseq=2,
                headers=(f'RAck: {progress.header("RSeq")} 1 INVITE',))
    t.claim('its PRACK is taken', far.wait(lambda m: m.status == 200 and m.method == 'PRACK'))
    return dialog, progress


def update(far, dialog, cseq, offer):
    far.request('UPDATE', '', offer, dialog, cseq, headers=('Require: precondition',))
    return far.wait(lambda m: m.status >= 200 and m.method == 'UPDATE', 10)


def until_told(t, far, ike):
    """The far end begins; the phone is called, and answers; our offer of that."""
    near, there = (f'{gate.media_outside}/32[udp/40000-40999]'
                   for gate in (t.stage.b, t.stage.a))
    dialog, progress = begin(t, far, far_sdp(t, 'none', 'active'))
    t.claim('our 183 waits: "passive", nothing is up yet, tell me',
            role(progress) == 'passive' and 'curr:sec e2e none' in progress.sdp('a') and
            'conf:sec e2e sendrecv' in progress.sdp('a'), progress.body)
    t.claim('and so does the phone', not rings(t.alice, 0.5) and not children(t.stage.a))
    ike.order(f'peer far {t.stage.b.outside} {t.stage.a.outside} b.example a.example 1')
    use = ike.order(f'use far {near} {there}')
    ike.wait('up ', 10, use=use)
    answer = update(far, dialog, 3, far_sdp(t, 'sendrecv', 'active', v=2))
    t.claim('its UPDATE says that it is up, and so is ours',
            answer.status == 200 and 'curr:sec e2e sendrecv' in answer.sdp('a') and
            role(answer) == 'passive' and len(children(t.stage.a)) == 1, answer.body)
    invite = rings(t.alice)
    t.claim('then the phone rings', invite)
    t.alice.answer(invite, 200, 'OK', 'callee', t.alice.offer())
    offer = far.wait(lambda m: m.start.startswith('UPDATE'))
    t.claim('what it takes is an offer that has the line', role(offer) == 'passive', offer.body)
    return dialog, offer, use


def give_back(ike, use):
    ike.order(f'drop {use}')
    ike.order('del far')


def active(t):
    """By pre-shared key, so that no certificates are told."""
    s, lab = t.stage, t.lab
    s.b.stop()
    ike = Ike(lab, t.build, t.charon['b'].path, KEY)
    ike.wait('charon there')
    far = Agent(lab, 'gate-b', s.b.outside, stage.BOB, (s.a.outside, 5060), 5060)
    dialog, offer, use = until_told(t, far, ike)
    far.answer(offer, 200, 'OK', body=far_sdp(t, 'sendrecv', 'active', v=3))
    ok = far.wait(lambda m: m.status == 200 and m.method == 'INVITE')
    far.request('ACK', '', dialog=dialog, cseq=1)
    t.claim('the call is up, and sealed', ok and not ok.body and
            t.alice.wait(lambda m: m.start.startswith('ACK')) and
            [c['verdict'] for c in s.a.calls()] == ['sealed'])
    bye = far.request('BYE', '', dialog=dialog, cseq=4)
    t.alice.answer(t.alice.wait(lambda m: m.start.startswith('BYE')), 200, 'OK')
    far.final(bye, 'BYE')
    give_back(ike, use)
    wait_for('the end', lambda: children(s.a) == [] and s.a.gone(), 20)
    dialog, offer, use = until_told(t, far, ike)
    far.answer(offer, 200, 'OK', body=far_sdp(t, 'sendrecv', 'active', v=3, at=s.a.outside))
    final = far.wait(lambda m: m.status >= 300 and m.method == 'INVITE')
    bye = t.alice.wait(lambda m: m.start.startswith('BYE'))
    t.claim('another address in its last answer ends the call', final and final.status == 488 and
            bye and 'another end of IKE' in s.a.log(), str(final))
    t.alice.answer(bye, 200, 'OK')
    give_back(ike, use)
    ike.close()
    far.socket.close()
    far.media.close()
    t.begun = t.charon['b'].log().count('initiating IKE_SA')


def by_hand(t):
    """What its SDP says is not what is known of b."""
    s = t.stage
    both(t)
    ended(t)
    s.b.stop()
    far = Agent(t.lab, 'gate-b', s.b.outside, stage.BOB, (s.a.outside, 5060), 5060)
    good, bad = (f'a=fingerprint:SHA-256 {print_of(t, site)}\r\n' for site in 'bc')
    for offer, status, why in (
            (far_sdp(t, 'none', 'actpass', bad), 488, 'its fingerprint is not that'),
            (far_sdp(t, 'none', 'active', bad), 488, 'its fingerprint is not that'),
            (far_sdp(t, 'none', 'actpass', good, at=s.a.outside), 488,
             'it has another address'),
            (far_sdp(t, 'none', 'actpass'), 488, 'no fingerprint of a certificate')):
        before = len(s.a.log())
        final = far.final(far.request('INVITE', stage.ALICE, offer, headers=HEADERS))
        t.claim(f'an offer that does not fit: {why}', final.status == status and
                why in s.a.log()[before:], f'{final.start} {s.a.log()[before:]}')
        t.claim('nobody\'s phone rings', not rings(t.alice, 0.3))
    dialog = t.alice.request('INVITE', stage.BOB, t.alice.offer())
    invite = rings(far)
    far.answer(invite, 183, 'Session Progress', 'callee', far_sdp(t, 'recv', 'active', bad),
               ('Require: 100rel', 'RSeq: 7'))
    prack = far.wait(lambda m: m.start.startswith('PRACK'))
    far.answer(prack, 200, 'OK')
    begun = time.monotonic()
    hush(far, invite)
    final = t.alice.final(dialog)
    s.a.gone()
    t.claim('a 183 that does not fit ends the call at once', final.status == 488 and
            time.monotonic() - begun < 2 and
            'its fingerprint is not that' in json.dumps(s.a.ended()[0]), final.start)
    t.claim('and nothing was raised', 'initiating IKE_SA' not in t.charon['a'].log())


def check(t):
    active(t)
    fits(t)
    another(t)
    old(t)
    by_hand(t)
