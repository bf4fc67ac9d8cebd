"""plain RTP of calls goes in the tunnel that charon keeps between two gateways

charon does ESP in user space here, so that the relay alone keeps the ports shut
(tunnel.shut). Its tunnel device leads to the far gateway's address towards its phones,
which is why media have that address outside, too. On a kernel with ESP (tests/kernel/vm)
the kernel does both.
"""
import json
import os
import signal
import socket
import threading
import time

from lib import certs, claims, pcap, rtp, speech, stage
from lib.capture import Capture, tshark
from lib.charon import Charon, Shell, kernel_has_esp
from lib.lab import wait_for

SLOW = 15  # packets within charon when a call ends: threads do ESP there
KEY = '00112233445566778899aabbccddeeff'


def setup(t):
    lab = t.open()
    t.esp, t.charon = kernel_has_esp(), {}
    t.media = {site: lab.net.address(f'{"gate" if t.esp else "lan"}-{site}') for site in 'ab'}
    for site in 'ab':
        t.charon[site] = Charon(lab, f'gate-{site}', **({'esp': ''} if t.esp else {}))
        os.chmod(t.charon[site].path, 0o666)
    t.wire = Capture(lab, 'all', 'wire')
    issuer, settings = certs.Issuer(lab), {}
    for site, far in (('a', 'b'), ('b', 'a')):
        issuer.issue(site, f'URI:sip:{site}.example', curve='P-256')
        settings |= {
            f'media_outside_{site}': t.media[site],
            f'peer_{site}': {'ike': lab.net.address(f'gate-{far}'),
                             'ike_id': f'{far}.example',
                             'ike_nets': t.media[far]},
            f'extra_{site}': issuer.config(site) + f'''
tunnel = {{ shut = "{"kernel" if t.esp else "relay"}"; }};
vici = {{ socket = "{t.charon[site].path}"; id = "{site}.example";
	address = "{lab.net.address(f'gate-{site}')}"; }};
'''}
    t.stage = stage.Stage(lab, psk_a=KEY, profile='ike',
                          capability='net_admin' if t.esp else '', **settings)
    for gate in (t.stage.a, t.stage.b):
        up(t, gate)


def up(t, gate, seconds=20, times=1):
    wait_for(f'the tunnel at {gate.host}',
             lambda: gate.log().count('the tunnel is up') >= times, seconds)


def clear(t, path):
    """RTP that crosses the wire as it is, of which there must be none."""
    nets = [] if t.esp else list(t.media.values())
    return [p for p in pcap.datagrams(path)
            if (p.source in nets or p.dest in nets) or
            (rtp.parse(p) and p.port_to not in (500, 4500) and p.port_from not in (500, 4500))]


def look(t):
    calls = t.stage.a.calls() + t.stage.b.calls()
    t.claim('both gateways know one call', len(calls) == 2, str(calls))
    for call in calls:
        t.claim('it is sealed, by the tunnel', call['verdict'] == 'sealed' and
                call['need'] == 'require' and 'IPsec' in call['reason'], str(call))
    sas = t.stage.a.tell('sas')
    charon = json.loads(t.stage.a.tell('sas', '--json'))['charon']
    t.claim('and that charon has it, by which suite, and what went through it',
            len(charon) == 1 and charon[0]['peer'] == 'b' and
            charon[0]['suite'].startswith('AES_GCM_16-') and charon[0]['left_s'] > 60 and
            all(charon[0][way]['packets'] > 0 for way in ('in', 'out')), str(charon))
    t.claim('the operator sees whose media use it', t.media['b'] in sas, sas)


def talk(t):
    s = t.stage
    s.talk(s.alice, s.bob, stage.BOB, seconds=4, during=lambda: look(t))
    paths = s.recorded()
    lan_a, lan_b = s.a.inside, s.b.inside
    t.claim('every packet from phone to phone, both ways', '; '.join((
        claims.media_intact(paths['phone-a'], paths['phone-b'], lan_a, lan_b, ends=SLOW),
        claims.media_intact(paths['phone-b'], paths['phone-a'], lan_b, lan_a, ends=SLOW))))
    found = clear(t, paths['wire'])
    t.claim('no RTP is on the wire', not found, str(found[:2]))
    esp = pcap.protocols(paths['wire'])[pcap.ESP] + sum(
        4500 in (p.port_from, p.port_to) for p in pcap.datagrams(paths['wire']))
    t.claim('but ESP is', esp > 200, f'{esp} packets')
    for phone in (s.alice, s.bob) if not t.esp else ():  # too slow to play it
        _, heard = speech.read(phone.heard())
        _, said = speech.read(s.speech)
        alike = speech.likeness(heard, said)
        t.claim(f'{phone.host} heard the speech', alike > 0.9, f'correlation {alike:.4f}')
    t.claim('no use is left', json.loads(s.a.tell('sas', '--json'))['tunnels'] == [] and
            s.a.calls() == [])


def killed(t):
    """charon dies in the middle of a call."""
    s, charon = t.stage, t.charon['a']
    capture = Capture(t.lab, 'killed', 'wire')
    for phone in (s.alice, s.bob):
        phone.forget()
    s.alice.dial(stage.BOB)
    s.bob.wait_event('CALL_ESTABLISHED')
    time.sleep(1)
    charon.process.send(signal.SIGKILL)
    s.bob.wait_event('CALL_CLOSED')
    t.claim('the call ends', s.a.gone())
    t.claim('and why', 'the tunnel is gone: ended' in s.a.log())
    time.sleep(0.5)
    leaked = clear(t, capture.stop())
    t.claim('what left in clear meanwhile was within the time of a loop\'s turn',
            len(leaked) <= 2, f'{len(leaked)} packets')
    s.alice.forget()
    s.alice.dial(stage.BOB)
    s.alice.wait_event('CALL_CLOSED')
    t.claim('the next is refused at once, and nothing rings', s.b.calls() == [] and
            'no tunnel to the peer' in s.a.log())
    charon.process.wait(5)
    wait_for('the tunnel device is gone',
             lambda: 'ipsec0' not in t.lab.net.run('gate-a', 'ip', '-brief', 'link'))
    nonsense(t)
    os.unlink(charon.path)
    charon.start()
    os.chmod(charon.path, 0o666)
    up(t, s.a, 60, 2)
    up(t, s.b, 60, 2)


class Nonsense(threading.Thread):
    """At charon's socket: whatever it is asked, it answers what is no VICI."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(path)
        self.socket.listen()
        os.chmod(path, 0o666)
        self.answers = 0
        self.start()

    def run(self):
        while True:
            try:
                one, _ = self.socket.accept()
            except OSError:
                return
            with one:
                if one.recv(4096):
                    one.sendall(b'\0\0\0\4\x63all')
                    self.answers += 1

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.join(5)
        self.socket.close()


def nonsense(t):
    """Something else than charon sits there: it is believed in nothing."""
    s, path = t.stage, t.charon['a'].path
    os.unlink(path)
    fake = Nonsense(path)
    wait_for('it to be asked', lambda: fake.answers, 15)
    s.alice.forget()
    begun = time.monotonic()
    s.alice.dial(stage.BOB)
    s.alice.wait_event('CALL_CLOSED')
    took = time.monotonic() - begun
    fake.close()
    t.claim('who answers nonsense raises nothing, and the call is refused at once',
            s.b.calls() == [] and took < 2 and
            'no tunnel to the peer: charon: charon sent ' in s.a.log(), f'{took:.1f} s')
    t.claim('the process that asked it lives', 'tunnel was ended' not in s.a.log())


def other_key(t):
    """The operator changes the pre-shared key at both ends in the middle of a call."""
    s = t.stage
    for phone in (s.alice, s.bob):
        phone.forget()
    s.alice.dial(stage.BOB)
    s.bob.wait_event('CALL_ESTABLISHED')
    for gate in (s.a, s.b):
        gate.peers[0].psk = KEY[::-1]
        gate.reload()
    s.bob.wait_event('CALL_CLOSED')
    t.claim('another key ends what the old one raised', s.a.gone() and s.b.gone() and
            'the pre-shared key is another one now' in s.a.log() + s.b.log())
    for gate in (s.a, s.b):
        up(t, gate, 30, 3)


def children(gate):
    return [sa for sa in json.loads(gate.tell('sas', '--json'))['charon'] if 'child' in sa]


def within(t, inner, phone):
    """What goes in the tunnel is not what the phone says, but as long and a tag more."""
    said = rtp.sent(phone, dest=t.stage.a.inside)
    words = {p.payload.hex() for p in said if len(set(p.payload)) > 1}
    long = max(len(p.payload) for p in said) + 12 + 16
    sealed = [row[0] for row in tshark(inner, 'udp', 'udp.payload') if len(row[0]) == 2 * long]
    t.claim('media in the tunnel are SRTP', len(words) > 50 and len(sealed) > 50 and
            not any(text[24:-32] in words for text in sealed), f'{len(sealed)} packets')


def after(t):
    """The tunnel is there while calls are, and has SRTP in it."""
    s = t.stage
    for gate in (s.a, s.b):
        gate.stop()
        gate.ike, gate.within = 'after', 'mikey-ecdh'
        gate.start()
    for gate in (s.a, s.b):
        wait_for('what stood to be ended', lambda gate=gate: children(gate) == [])
    s.record()
    inner = None if t.esp else Capture(t.lab, 'inner', 'gate-a:ipsec0')
    s.talk(s.alice, s.bob, stage.BOB, seconds=2, during=lambda: t.claim(
        'the call has a tunnel raised', len(children(s.a)) == len(children(s.b)) == 1 and
        'raised' in s.a.tell('sas') and s.verdicts() == ['sealed', 'sealed'] and
        s.a.calls()[0]['method'] == 'mikey-ecdh', s.a.tell('sas')))
    paths = s.recorded()
    if inner:
        within(t, inner.stop(), paths['phone-a'])
    t.claim('every packet from phone to phone, both ways', '; '.join(
        claims.media_intact(paths[f'phone-{x}'], paths[f'phone-{y}'], *lans, ends=SLOW)
        for x, y, lans in (('a', 'b', (s.a.inside, s.b.inside)),
                           ('b', 'a', (s.b.inside, s.a.inside)))))
    t.claim('no RTP is on the wire', not clear(t, paths['wire']))
    for gate in (s.a, s.b):
        wait_for('its end', lambda gate=gate: children(gate) == [])
    hangs(t)


def hangs(t):
    """charon is there, but does nothing: who answers finds out."""
    s, charon = t.stage, t.charon['b']
    charon.process.send(signal.SIGSTOP)
    for n, rings in ((1, True), (2, False)):
        for phone in (s.alice, s.bob):
            phone.forget()
        begun = time.monotonic()
        s.alice.dial(stage.BOB)
        s.alice.wait_event('CALL_CLOSED')
        if rings:
            s.bob.wait_event('CALL_CLOSED')
        took = time.monotonic() - begun
        t.claim('a charon that hangs fails the call, with the reason; the next at once',
                s.a.gone() and s.b.log().count('no tunnel to the peer') == n and
                took < (8 if rings else 1), f'{took:.1f} s')
    charon.process.send(signal.SIGCONT)


def prove(t, gate, site, pin):
    """The gateway shows a certificate of site's, and believes the one of pin alone."""
    peer, made = gate.peers[0], f'{t.lab.dir}/certs-own'
    gate.stop()
    peer.psk, peer.more['ike_cert'] = None, f'file:{made}/{pin}.pem'
    line = f'\tcert = "file:{made}/{site}.pem";\n'
    if line not in gate.extra:
        gate.extra = gate.extra.replace('vici = {', f'vici = {{\n{line}')
    gate.ike = 'standing'
    gate.start()


def certificates(t):
    """Each end pins the other's; charon alone has their keys, as if by swanctl."""
    s = t.stage
    for site in 'abc':
        certs.own(t.lab, site, f'DNS:{"b" if site == "c" else site}.example', 'P-256')
    for site in 'ab':
        shell = Shell(t.lab, t.build, t.charon[site].path)
        shell.wait('up ')
        shell.good(f'key {t.lab.dir}/certs-own/{site}.key')
    prove(t, s.b, 'b', 'a')
    prove(t, s.a, 'a', 'c')
    wait_for('it to be refused', lambda: 'did not come up' in s.a.log(), 15)
    t.claim('another certificate than the pinned one raises nothing',
            children(s.a) == children(s.b) == [])
    prove(t, s.a, 'a', 'b')
    up(t, s.a)
    s.record()
    s.talk(s.alice, s.bob, stage.BOB, seconds=2, during=lambda: t.claim(
        'by certificates a call is sealed', s.verdicts() == ['sealed', 'sealed']))
    t.claim('no RTP is on the wire', not clear(t, s.recorded()['wire']))


def again(t):
    s = t.stage
    s.record()
    s.talk(s.bob, s.alice, stage.ALICE, seconds=2)
    paths = s.recorded()
    t.claim('the tunnel is back by the new key, and calls go the other way, too',
            claims.media_intact(paths['phone-a'], paths['phone-b'], s.a.inside, s.b.inside,
                                ends=SLOW))
    t.claim('no RTP is on the wire', not clear(t, paths['wire']))


def check(t):
    talk(t)
    killed(t)
    other_key(t)
    again(t)
    after(t)
    certificates(t)
    t.wire.stop()
