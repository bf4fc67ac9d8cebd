"""the tunnel is up at both gateways before the called phone rings (ike = "before")

charon does ESP in user space, or on a kernel that has it (tests/kernel/vm) that. The
caller's phone knows two codecs, the called one a single one of them, which gateway B
cannot know when it answers. At the end sipp takes gateway B's place.
"""
import json
import os
import signal
import time

from lib import claims, pcap, rtp, sip, speech, stage
from lib.charon import Charon, Ike, kernel_has_esp
from lib.lab import wait_for
from lib.phone import Phone

SLOW = 15  # packets within charon when a call ends: threads do ESP there
KEY = 'sixteen octets..'  # as Ike() has it; the gateways read it in hexadecimal
HIDDEN = ('precondition', 'RSeq', 'RAck')


def setup(t):
    lab = t.open()
    t.esp, t.charon, settings = kernel_has_esp(), {}, {}
    t.media = {site: lab.net.address(f'{"gate" if t.esp else "lan"}-{site}') for site in 'ab'}
    for site, far in (('a', 'b'), ('b', 'a')):
        t.charon[site] = Charon(lab, f'gate-{site}', **({'esp': ''} if t.esp else {}))
        os.chmod(t.charon[site].path, 0o666)
        settings |= {
            f'media_outside_{site}': t.media[site],
            f'peer_{site}': {'ike': lab.net.address(f'gate-{far}'),
                             'ike_id': f'{far}.example',
                             'ike_nets': t.media[far]},
            f'extra_{site}': f'''
tunnel = {{ shut = "{"kernel" if t.esp else "relay"}"; }};
vici = {{ socket = "{t.charon[site].path}"; id = "{site}.example";
	address = "{lab.net.address(f'gate-{site}')}"; }};
'''}
    t.stage = stage.Stage(lab, phones='', psk_a=KEY.encode().hex(), profile='ike',
                          ike='before', capability='net_admin' if t.esp else '', **settings)
    speech.make(t.stage.speech, seconds=30)
    t.alice = Phone(lab, 'a', stage.ALICE, t.stage.speech, codecs='PCMU,PCMA')
    t.bob = Phone(lab, 'b', stage.BOB, t.stage.speech, auto=False, codecs='PCMA')


def children(gate):
    return [sa for sa in json.loads(gate.tell('sas', '--json'))['charon'] if 'child' in sa]


def uses(gate):
    return json.loads(gate.tell('sas', '--json'))['tunnels']


def first(messages, **wanted):
    return next(m for m in messages if all(getattr(m, k) == v for k, v in wanted.items()))


def in_clear(t, path):
    nets = [] if t.esp else list(t.media.values())
    return [p for p in pcap.datagrams(path)
            if (p.source in nets or p.dest in nets) or
            (rtp.parse(p) and p.port_to not in (500, 4500) and p.port_from not in (500, 4500))]


def dial(t):
    t.stage.record()
    for phone in (t.alice, t.bob):
        phone.forget()
    t.alice.dial(stage.BOB)


def talk(t):
    s = t.stage
    t.claim('no tunnel is there without a call', children(s.a) == children(s.b) == [])
    dial(t)
    t.bob.wait_event('CALL_INCOMING')
    t.claim('the phone rings: the tunnel is up at both ends, and the call has its use of it',
            len(children(s.a)) == len(children(s.b)) == 1 and
            all(u['state'] == 'raised' for u in uses(s.a) + uses(s.b)) and
            len(uses(s.a)) == len(uses(s.b)) == 1, f'{uses(s.a)} {uses(s.b)}')
    t.alice.wait_event('CALL_RINGING')
    time.sleep(0.5)
    t.bob.accept()
    t.bob.wait_event('CALL_ESTABLISHED')
    t.alice.wait_event('CALL_ESTABLISHED')
    time.sleep(2)
    verdicts = s.verdicts()
    t.alice.hangup()
    t.bob.wait_event('CALL_CLOSED')
    t.claim('both say sealed', verdicts == ['sealed', 'sealed'], str(verdicts))
    return s.recorded()


def order(t, paths):
    wire, near = sip.messages(paths['wire']), sip.messages(paths['phone-b'])
    invite = first(wire, method='INVITE', status=0)
    progress = first(wire, status=183)
    prack = first(wire, method='PRACK', status=0)
    update = first(wire, method='UPDATE', status=0)
    rings = first(near, method='INVITE', status=0)
    t.claim('the INVITE requires it', invite.header('Require') == 'precondition' and
            'curr:sec e2e none' in invite.sdp('a') and
            'des:sec mandatory e2e sendrecv' in invite.sdp('a'), invite.body)
    t.claim('a reliable 183 takes all that was offered, and wants to hear',
            progress.header('Require') == '100rel' and
            progress.sdp('m')[0].split()[3:] == invite.sdp('m')[0].split()[3:] and
            'curr:sec e2e recv' in progress.sdp('a') and
            'conf:sec e2e sendrecv' in progress.sdp('a'), progress.body)
    t.claim('an UPDATE confirms, and then the phone is called',
            'curr:sec e2e sendrecv' in update.sdp('a') and invite.time < progress.time <
            prack.time < update.time < rings.time)
    ike = [p.time for p in pcap.datagrams(paths['wire'])
           if 500 in (p.port_to, p.port_from) and p.time < rings.time]
    t.claim('after IKE', ike and invite.time < ike[-1] < progress.time)
    taken = [m for m in wire if m.method == 'UPDATE' and not m.status and m != update]
    ok = [m for m in wire if m.method == 'INVITE' and m.status == 200][0]
    formats = taken[0].sdp('m')[0].split()[3:] if taken else []
    t.claim('gateway B offers what its phone takes, and the 200 has nothing to add',
            '8' in formats and '0' not in formats and taken[0].time < ok.time and
            not ok.body, taken and taken[0].body)
    for link in ('phone-a', 'phone-b'):
        shown = [m for m in sip.messages(paths[link])
                 if m.method in ('PRACK', 'UPDATE') or m.status == 183 or ':sec ' in m.body or
                 any(word in str(m.headers) for word in HIDDEN)]
        t.claim(f'{link} sees nothing of it', not shown, str(shown))
    answer = [m for m in sip.messages(paths['phone-a'])
              if m.status == 200 and m.method == 'INVITE'][0]
    formats = answer.sdp('m')[0].split()[3:]
    t.claim('and has the answer that the other phone gave',
            '8' in formats and '0' not in formats, answer.body)


def media(t, paths):
    s = t.stage
    t.claim('every packet from phone to phone, both ways', '; '.join(
        claims.media_intact(paths[f'phone-{x}'], paths[f'phone-{y}'], *lans, ends=SLOW)
        for x, y, lans in (('a', 'b', (s.a.inside, s.b.inside)),
                           ('b', 'a', (s.b.inside, s.a.inside)))))
    found = in_clear(t, paths['wire'])
    t.claim('no RTP is on the wire', not found, str(found[:2]))


def left(t, *gates):
    for gate in gates or (t.stage.a, t.stage.b):
        wait_for('the tunnel\'s end', lambda gate=gate: children(gate) == [], 20)
        t.claim('no call and no use is left', gate.gone() and uses(gate) == [])


def given_up(t):
    """The caller hangs up while it rings."""
    dial(t)
    t.bob.wait_event('CALL_INCOMING')
    t.alice.hangup()
    t.bob.wait_event('CALL_CLOSED')
    left(t)


def hangs(t):
    """charon does nothing at B: the call ends, and nobody's phone rings."""
    t.charon['b'].process.send(signal.SIGSTOP)
    dial(t)
    begun = time.monotonic()
    t.alice.wait_event('CALL_CLOSED')
    took = time.monotonic() - begun
    t.charon['b'].process.send(signal.SIGCONT)
    paths = t.stage.recorded()
    t.claim('without a tunnel the answer is 580', any(
        m.status == 580 for m in sip.messages(paths['phone-a'])) and took < 10, f'{took:.1f} s')
    t.claim('which says why to the other gateway, not to the phone', [
        'des:sec failure e2e sendrecv' in m.sdp('a') for link in ('wire', 'phone-a')
        for m in sip.messages(paths[link]) if m.status == 580] == [True, False])
    t.claim('and no phone rang', not sip.messages(paths['phone-b']))
    t.claim('the operator knows why', 'no tunnel to the peer' in t.stage.b.log())
    left(t)


def other_timing(t):
    """Only one of the two wants it."""
    s = t.stage
    s.b.ike = 'after'
    s.b.reload()
    dial(t)
    t.alice.wait_event('CALL_CLOSED')
    paths = s.recorded()
    t.claim('a far end that does not want it is not called without', any(
        m.status == 580 for m in sip.messages(paths['phone-a'])) and
        'the far end knows no preconditions' in s.a.log() and s.b.gone())
    s.b.ike, s.a.ike = 'before', 'after'
    s.a.reload()
    s.b.reload()
    dial(t)
    t.alice.wait_event('CALL_CLOSED')
    paths = s.recorded()
    t.claim('and one that does not ask for it is told so', any(
        m.status == 421 and 'precondition' in m.header('Require')
        for m in sip.messages(paths['wire'])) and not sip.messages(paths['phone-b']))
    s.a.ike = 'before'
    s.a.reload()


def sipp(t, scenario, *more):
    """At gateway B's place."""
    lab, folder = t.lab, t.lab.folder(f'sipp-{scenario}')
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), f'{scenario}.xml')
    gate = lab.net.address('gate-b')
    return lab.start(f'sipp-{scenario}', 'gate-b', [
        'sipp', '-sf', path, '-i', gate, '-p', '5060', '-t', 'u1', '-m', '1', '-nostdin',
        '-key', 'media', t.media['b'], '-trace_err', '-error_file', f'{folder}/errors',
        '-timeout', '20', *more, f'{lab.net.address("gate-a")}:5060'],
        cwd=folder, env={'TERM': 'dumb'})


def foreign(t):
    """A far end of another make, which leaves it to gateway A to raise the tunnel."""
    s = t.stage
    s.b.stop()
    t.charon['b'].process.stop()  # with all that it has of gateway B: the key, too
    t.charon['b'].start()
    near, far = (f'{t.media[site]}/32[udp/40000-40999]' for site in 'ba')
    ike = Ike(t.lab, t.build, t.charon['b'].path, KEY)
    ike.wait('charon there')
    ike.order(f'peer far {t.lab.net.address("gate-b")} {t.lab.net.address("gate-a")} '
              'b.example a.example 1')
    ike.order(f'use far {near} {far} passive')
    called = sipp(t, 'uas')
    wait_for('sipp', lambda: ':5060' in t.lab.net.run('gate-b', 'ss', '-Hlun'))
    t.alice.forget()
    t.alice.dial(stage.BOB)
    t.alice.wait_event('CALL_RINGING')
    t.claim('called by us it rings when the tunnel is up', len(children(s.a)) == 1)
    t.alice.wait_event('CALL_ESTABLISHED')
    t.claim('and the call is sealed', [c['verdict'] for c in s.a.calls()] == ['sealed'])
    t.alice.hangup()
    t.claim('as it should be', called.wait(20) == 0, called.output()[-500:])
    left(t, s.a)
    t.alice.forget()
    ike.order(f'use far {near} {far} passive')
    caller = sipp(t, 'uac')
    t.alice.wait_event('CALL_ESTABLISHED')
    t.claim('calling us it has its call by that, too', len(children(s.a)) == 1)
    t.claim('and its call is as it should be', caller.wait(20) == 0, caller.output()[-500:])
    left(t, s.a)


def check(t):
    paths = talk(t)
    order(t, paths)
    media(t, paths)
    left(t)
    given_up(t)
    hangs(t)
    other_timing(t)
    paths = talk(t)
    media(t, paths)
    left(t)
    foreign(t)
