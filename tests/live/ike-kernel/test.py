"""calls in tunnels that charon has the kernel's own ESP do: standing, and one of each call's own

No user-space ESP: what the phones say leaves as the kernel's ESP, and the kernel keeps the
ports of tunnels shut for all else, between calls, too. First a standing tunnel, then one that
a key of MIKEY's for this call raises, of which the charons were told nothing, and in which no
packet is lost. The rest of both is shown by ike-standing and ike-call.
"""
import json
import re
import socket
import subprocess
import time

from lib import charon, claims, pcap, stage
from lib.capture import Capture
from lib.forged import Forger
from lib.lab import wait_for

KERNEL = 'esp'
PORTS = range(40000, 41000)
FORGED, OPEN = b'what nobody in the tunnel said', 20001  # a port that is none of a tunnel's


def setup(t):
    lab = t.open()
    t.charon, settings = charon.pair(lab)
    t.stage = stage.Stage(lab, seconds=300, **settings)  # commands take their time here
    t.forger = Forger(lab)
    for gate in (t.stage.a, t.stage.b):
        wait_for(f'the tunnel at {gate.host}', lambda gate=gate: 'the tunnel is up' in gate.log(),
                 25)


def sas(gate):
    """What the operator sees: (tunnels of calls, charon's SAs)."""
    told = json.loads(gate.tell('sas', '--json'))
    return told['tunnels'], [sa for sa in told['charon'] if 'child' in sa]


def in_kernel(gate):
    """The SAs of the gateway's kernel, by SPI."""
    done = subprocess.run(gate.lab.net.command(gate.host, 'ip', 'xfrm', 'state'),
                          capture_output=True, text=True, check=True)
    return re.findall(r'proto esp spi (0x[0-9a-f]+)', done.stdout)


def dropped(gate):
    """What the gateway's kernel did not let in, for its policies."""
    text = gate.lab.net.run(gate.host, 'cat', '/proc/net/xfrm_stat')
    return sum(int(n) for n in re.findall(r'XfrmIn(?:PolBlock|TmplMismatch|NoPols)\s+(\d+)', text))


def shut(t):
    """No call is there: who listens at a port of tunnels hears nobody, whoever it claims to be."""
    s, got = t.stage, {}
    before = dropped(s.b)
    for port in (PORTS[500], OPEN):
        with t.lab.net.inside('gate-b'):
            ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with ear:
            ear.bind((s.b.outside, port))
            ear.settimeout(2)
            for source in (s.a.outside, t.lab.net.address('net-a')):
                t.forger.send(source, PORTS[500], s.b.outside, port, FORGED)
            got[port] = []
            try:
                while len(got[port]) < 2:
                    got[port].append(ear.recvfrom(2048)[1][0])
            except TimeoutError:
                pass
    t.claim('a port of tunnels is shut for the peer in clear and for strangers, another is not',
            not got[PORTS[500]] and len(got[OPEN]) == 2, str(got))
    t.claim('by the kernel', dropped(s.b) >= before + 2, f'{before}, {dropped(s.b)}')


def forge(t, ours, once):
    """Into a call, as if the far gateway sent in clear."""
    s, before = t.stage, dropped(t.stage.b)
    dest, port = ours['local'].rsplit(':', 1)
    source, sport = ours['remote'].rsplit(':', 1)
    capture = Capture(t.lab, f'forged-{once}', 'gate-b:wan')  # a name has one log
    for _ in range(10):
        t.forger.send(source, int(sport), dest, int(port), FORGED)
    time.sleep(1)
    came = [p for p in pcap.datagrams(capture.stop()) if p.data == FORGED]
    t.claim('what is forged in clear comes to the gateway, and the kernel drops it',
            len(came) == 10 and dropped(s.b) >= before + 10, f'{before}, {dropped(s.b)}')


def look(t, once):
    for gate in (t.stage.a, t.stage.b):
        call, = gate.calls()
        t.claim(f'{gate.host}: sealed', call['verdict'] == 'sealed' and
                call.get('method') == ('mikey-psk' if once else None), str(call))
        tunnels, children = sas(gate)
        # of a standing one each end may have begun one, while they started
        t.claim('in the tunnel that charon has', len(tunnels) == 1 <= len(children) <= 2 - once
                and all(('once:' in x['connection']) == once for x in children), str(children))
        t.claim('and the kernel does', len(in_kernel(gate)) == 2 * len(children),
                str(in_kernel(gate)))
    forge(t, tunnels[0], once)  # of gate-b


def talk(t, caller, callee, uri, once):
    s = t.stage
    s.talk(caller, callee, uri, seconds=4, during=lambda: look(t, once))
    paths = s.recorded()
    for link in ('phone-a', 'phone-b'):
        t.claim('nothing but ESP on the wire', claims.esp_only(paths['wire'], paths[link], PORTS))
    for x, y, near, far in (('a', 'b', s.a, s.b), ('b', 'a', s.b, s.a)):
        # in one that stands, what comes before the 200 finds nobody, as in any call
        t.claim(f'what {x} says comes to {y}', (claims.none_lost if once else claims.media_intact)(
            paths[f'phone-{x}'], paths[f'phone-{y}'], near.inside, far.inside))
        heard = [p for p in pcap.datagrams(paths[f'phone-{y}']) if FORGED in p.data]
        t.claim('nor one added', not heard)
    for gate in (s.a, s.b):
        t.claim(f'{gate.host}: no call is left', gate.gone(25))


def own(t):
    """The same gateways and charons, but nobody tells them a key, a name or an address."""
    s = t.stage
    for gate in (s.a, s.b):
        gate.peers[0].more = {}
        charon.restart(gate, ike='call', ike_more='keying = [ "mikey-psk" ];', extra=re.sub(
            r' id = .*;\n\taddress = "[^"]*";', '', gate.extra))
        wait_for('what stood to be ended', lambda gate=gate: not in_kernel(gate), 25)
    s.record()
    talk(t, s.alice, s.bob, stage.BOB, once=True)
    for gate in (s.a, s.b):
        wait_for('its SAs to go', lambda gate=gate: not in_kernel(gate), 25)
        left = [a for a in (charon.raw(t.charon[gate.site].path, bytes([0, len(c)]) + c)
                            for c in (b'get-conns', b'get-shared')) if b'once:' in a]
        t.claim(f'{gate.host}: nothing of it is left in charon', not left, str(left))


def check(t):
    s = t.stage
    for one in t.charon.values():
        t.claim('charon does no ESP itself', 'libipsec' not in one.log())
    talk(t, s.alice, s.bob, stage.BOB, once=False)
    shut(t)
    own(t)
