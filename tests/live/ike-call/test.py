"""each call has a tunnel of its own, which two charons raise by a key that MIKEY agreed

Nobody gave the two anything for IKE: no key, no certificate, no address. charon does ESP in
user space here; all that goes to the far gateway's media then goes to charon, which is why
media have an address of their own. On a kernel with ESP (tests/kernel/vm) the kernel does it.
"""
import json
import os
import signal
import time

from lib import certs, claims, pcap, rtp, stage
from lib.capture import Capture
from lib.charon import TO_PEER, Charon, kernel_has_esp, raw
from lib.lab import wait_for
from lib.phone import Phone

EXPECTED = ('was ended by signal 9',)
SLOW = 15  # packets within charon when a call ends: threads do ESP there
IKE = (500, 4500)


def setup(t):
    lab = t.open()
    t.esp, t.charon = kernel_has_esp(), {}
    issuer, settings = certs.Issuer(lab), {}
    for site in 'ab':
        t.charon[site] = Charon(lab, f'gate-{site}', **({'esp': ''} if t.esp
                                                        else {'more': TO_PEER}))
        os.chmod(t.charon[site].path, 0o666)
        issuer.issue(site, f'URI:sip:{site}.example', curve='P-256')
        if not t.esp:
            at = lab.net.address(f'gate-{site}').rsplit('.', 1)[0] + '.2'
            lab.net.run(f'gate-{site}', 'ip', 'address', 'add', f'{at}/24', 'dev', 'wan')
            settings[f'media_outside_{site}'] = at
        settings[f'extra_{site}'] = issuer.config(site) + f'''
tunnel = {{ shut = "{"kernel" if t.esp else "relay"}"; }};
vici = {{ socket = "{t.charon[site].path}"; }};
'''
    t.stage = s = stage.Stage(
        lab, psk_a='', profile='ike', ike='call', ike_more='keying = [ "mikey-ecdh" ];',
        capability='net_admin' if t.esp else '', **settings)
    for gate, site, user in ((s.a, 'a', 'amy'), (s.b, 'b', 'ben')):
        gate.phones[user] = f'sip:{user}@{lab.net.address(f"phone-{site}")}:5062'
        gate.reload()
        wait_for('charon to be asked', lambda gate=gate: 'is there' in gate.log() and
                 'is in force' in gate.log())
    t.amy = Phone(lab, 'a', 'sip:amy@a.example', s.speech, number=1)
    t.ben = Phone(lab, 'b', 'sip:ben@b.example', s.speech, number=1)


def clear(path):
    """RTP that crosses the wire as it is, of which there must be none."""
    return [p for p in pcap.datagrams(path)
            if rtp.parse(p) and p.port_to not in IKE and p.port_from not in IKE]


def esp_in(path):
    return pcap.protocols(path)[pcap.ESP] + sum(4500 in (p.port_from, p.port_to)
                                                for p in pcap.datagrams(path))


def sas(gate):
    """(tunnels of calls, charon's SAs), as the operator sees them."""
    told = json.loads(gate.tell('sas', '--json'))
    return told['tunnels'], [sa for sa in told['charon'] if 'child' in sa]


def left(t):
    """Connections, keys and SAs that the charons have of calls."""
    return [answer for charon in t.charon.values()
            for command in (b'get-conns', b'get-shared')
            for answer in (raw(charon.path, bytes([0, len(command)]) + command),)
            if b'once:' in answer] + [sa for gate in (t.stage.a, t.stage.b)
                                      for sa in sas(gate)[1]]


def nothing_left(t):
    for gate in (t.stage.a, t.stage.b):
        gate.gone(10)
    wait_for('charon to have nothing of calls', lambda: left(t) == [], 10)
    t.claim('then nothing of it is left in either charon', left(t) == [])


def look(t, calls=1):
    for gate in (t.stage.a, t.stage.b):
        shown = gate.calls()
        t.claim(f'{gate.host}: sealed', len(shown) == calls and all(
            c['verdict'] == 'sealed' and c['method'] == 'mikey-ecdh' for c in shown), str(shown))
        tunnels, children = sas(gate)
        t.claim('each call has a tunnel', [x['state'] for x in tunnels] == ['raised'] * calls,
                str(tunnels))
        t.claim('which charon has, under the peer\'s name, for these ports alone',
                len(children) == calls and len({c['connection'] for c in children}) == calls and
                all(c['peer'] in 'ab' and 'once:' in c['connection'] and
                    any(x['local'].rsplit(':')[-1] in c['takes'][0] for x in tunnels)
                    for c in children), str(children))
        for site in 'ab':
            keys = raw(t.charon[site].path, b'\0\x0aget-shared')
            t.claim('whose key it has forgotten', b'once:' not in keys, str(keys))


def media(t, paths, what):
    s = t.stage
    t.claim(f'{what}: every packet from phone to phone, both ways', '; '.join(
        claims.media_intact(paths[f'phone-{x}'], paths[f'phone-{y}'], *lans, ends=SLOW,
                            begins=0)
        for x, y, lans in (('a', 'b', (s.a.inside, s.b.inside)),
                           ('b', 'a', (s.b.inside, s.a.inside)))))
    on_wire(t, paths['wire'], what)


def on_wire(t, path, what):
    found = clear(path)
    t.claim(f'{what}: no RTP is on the wire', not found, str(found[:2]))
    t.claim(f'{what}: but ESP is', esp_in(path) > 150, f'{esp_in(path)} packets')


def talk(t, what, caller, callee, uri):
    s = t.stage
    s.record()
    s.talk(caller, callee, uri, seconds=3, during=lambda: look(t))
    media(t, s.recorded(), what)
    nothing_left(t)


def dial(caller, callee, uri):
    for phone in (caller, callee):
        phone.forget()
    caller.dial(uri)
    for phone in (callee, caller):
        phone.wait_event('CALL_ESTABLISHED')


def hang_up(caller, callee):
    caller.hangup()
    callee.wait_event('CALL_CLOSED')


def two(t):
    s = t.stage
    s.record()
    dial(s.alice, s.bob, stage.BOB)
    dial(t.amy, t.ben, 'sip:ben@b.example')
    time.sleep(1)
    look(t, 2)
    names = [c['connection'] for c in sas(s.a)[1]]
    hang_up(s.alice, s.bob)
    wait_for('one to be left', lambda: all(len(sas(g)[1]) == 1 for g in (s.a, s.b)), 10)
    t.claim('the other one stays', sas(s.a)[1][0]['connection'] in names)
    before = sas(s.a)[1][0]
    time.sleep(1)
    after = sas(s.a)[1][0]
    t.claim('and takes media', all(after[way]['packets'] > before[way]['packets'] + 20
                                   for way in ('in', 'out')), f'{before} {after}')
    hang_up(t.ben, t.amy)
    on_wire(t, s.recorded()['wire'], 'two at a time')
    nothing_left(t)


def new_keys(t, gate):
    """A further exchange of MIKEY: a tunnel in place of the one that is there."""
    call, = gate.calls()
    before = [c['connection'] for c in sas(gate)[1]]
    gate.tell('rekey', call['id'])
    wait_for('the new tunnel', lambda: all(
        [x['state'] for x in sas(g)[0]].count('raised') == 1 and len(sas(g)[0]) == 2
        for g in (t.stage.a, t.stage.b)), 10)
    wait_for('the old one to go', lambda: all(
        len(sas(g)[0]) == len(sas(g)[1]) == 1 for g in (t.stage.a, t.stage.b)), 20)
    after = [c['connection'] for c in sas(gate)[1]]
    t.claim(f'{gate.host}: another tunnel has taken its place', before != after,
            f'{before} {after}')


def rekeyed(t):
    s = t.stage
    s.record()
    dial(s.alice, s.bob, stage.BOB)
    time.sleep(1)
    for gate in (s.a, s.b):
        new_keys(t, gate)
    hang_up(s.alice, s.bob)
    paths = s.recorded()
    on_wire(t, paths['wire'], 'with new keys twice')
    for x, y, near, far in (('a', 'b', s.a.inside, s.b.inside),
                            ('b', 'a', s.b.inside, s.a.inside)):
        said = len(rtp.sent(paths[f'phone-{x}'], dest=near))
        heard = len(rtp.sent(paths[f'phone-{y}'], source=far))
        t.claim('a packet or two under way are lost when an old one goes', said > 500 and
                heard > said - SLOW, f'{heard} of {said}')
    nothing_left(t)


def both_hang_up(t):
    s = t.stage
    for _ in range(3):
        dial(s.alice, s.bob, stage.BOB)
        time.sleep(0.5)
        for phone in (s.alice, s.bob):
            phone.hangup()
        nothing_left(t)


def killed(t):
    """charon dies in the middle of a call."""
    s, charon = t.stage, t.charon['a']
    capture = Capture(t.lab, 'killed', 'wire')
    dial(s.alice, s.bob, stage.BOB)
    time.sleep(1)
    charon.process.send(signal.SIGKILL)
    for phone in (s.alice, s.bob):
        phone.wait_event('CALL_CLOSED')
    t.claim('the call ends', s.a.gone() and s.b.gone() and
            'the tunnel is gone: ended' in s.a.log())
    time.sleep(0.5)
    leaked = clear(capture.stop())
    t.claim('what left in clear meanwhile was within the time of a loop\'s turn',
            len(leaked) <= (0 if t.esp else claims.in_time(2)), f'{len(leaked)} packets')
    begun = time.monotonic()
    s.alice.forget()
    s.alice.dial(stage.BOB)
    s.alice.wait_event('CALL_CLOSED')
    t.claim('the next is refused at once, and nothing rings',
            time.monotonic() - begun < 2 and s.b.calls() == [])
    charon.process.wait(5)
    wait_for('the tunnel device is gone',
             lambda: 'ipsec0' not in t.lab.net.run('gate-a', 'ip', '-brief', 'link'))
    os.unlink(charon.path)
    times = s.a.log().count('is there')
    charon.start()
    os.chmod(charon.path, 0o666)
    wait_for('it to be found', lambda: s.a.log().count('is there') > times, 20)
    talk(t, 'with charon back', s.alice, s.bob, stage.BOB)


def hangs(t, site):
    """charon is there, but does nothing: not a packet leaves in clear."""
    s, charon = t.stage, t.charon[site]
    capture = Capture(t.lab, f'hangs-{site}', 'wire')
    times = {gate: gate.log().count('is there') for gate in (s.a, s.b)}
    charon.process.send(signal.SIGSTOP)
    for phone in (s.alice, s.bob):
        phone.forget()
    begun = time.monotonic()
    s.alice.dial(stage.BOB)
    s.alice.wait_event('CALL_CLOSED')
    took = time.monotonic() - begun
    t.claim(f'charon at {site} hangs: the call fails', took < 12 and s.a.gone() and s.b.gone(),
            f'{took:.1f} s')
    charon.process.send(signal.SIGCONT)
    found = clear(capture.stop())
    t.claim('and no RTP was on the wire', not found, str(found[:2]))
    gate = {'a': s.a, 'b': s.b}[site]
    wait_for('it to be found', lambda: gate.log().count('is there') > times[gate], 20)
    nothing_left(t)


def crashed(t):
    """The tunnel process dies in a call: the next one ends what it left in charon."""
    s = t.stage
    dial(s.alice, s.bob, stage.BOB)
    time.sleep(0.5)
    t.charon['b'].process.send(signal.SIGSTOP)  # so that it does not tell
    os.kill(s.a.children()['tunnel'], signal.SIGKILL)
    s.alice.wait_event('CALL_CLOSED')
    wait_for('the process', lambda: 'tunnel' in s.a.children(), 10)
    t.charon['b'].process.send(signal.SIGCONT)
    nothing_left(t)
    talk(t, 'with another process', s.alice, s.bob, stage.BOB)


def check(t):
    s = t.stage
    talk(t, 'from a to b', s.alice, s.bob, stage.BOB)
    talk(t, 'from b to a', s.bob, s.alice, stage.ALICE)
    two(t)
    rekeyed(t)
    both_hang_up(t)
    killed(t)
    hangs(t, 'a')
    hangs(t, 'b')
    crashed(t)
