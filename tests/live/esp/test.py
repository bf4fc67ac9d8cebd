"""Calls in ESP tunnels, keyed by MIKEY: raised and removed by the kernel's IPsec

Real phones, real speech. Between the gateways there is SIP and ESP and nothing
else, each packet of a phone arrives at the other one as it was, the ports of
tunnels take nothing in clear, and when a call is over the kernel has none of it.
"""
import subprocess

from lib import claims, stage

KERNEL = 'esp'
PORTS = range(40000, 41000)


def setup(t):
    t.stage = stage.Stage(t.open(), sealed='media = "esp";', capability='net_admin')


def ip(gate, *words):
    return subprocess.run(gate.lab.net.command(gate.host, 'ip', *words), capture_output=True,
                          text=True, check=True).stdout


def states(gate):
    return ip(gate, 'xfrm', 'state').count('proto esp')


def look(t):
    for gate in (t.stage.a, t.stage.b):
        call, = gate.calls()
        t.claim(f'{gate.host}: sealed in ESP', call['verdict'] == 'sealed' and
                call['suite'] == 'AES_128_GCM', str(call))
        t.claim(f'{gate.host}: two SAs in the kernel', states(gate) == 2,
                ip(gate, 'xfrm', 'state'))


def check(t):
    s = t.stage
    s.talk(s.alice, s.bob, stage.BOB, seconds=5, during=lambda: look(t))
    paths = s.recorded()
    for link in ('phone-a', 'phone-b'):
        t.claim('nothing but ESP on the wire', claims.esp_only(paths['wire'], paths[link], PORTS))
    t.claim('not a packet from a to b is lost', claims.none_lost(
        paths['phone-a'], paths['phone-b'], s.a.inside, s.b.inside))
    t.claim('not a packet from b to a is lost', claims.none_lost(
        paths['phone-b'], paths['phone-a'], s.b.inside, s.a.inside))
    for gate in (s.a, s.b):
        t.claim(f'{gate.host}: no call is left', gate.gone())
        t.claim(f'{gate.host}: no SA is left', states(gate) == 0, ip(gate, 'xfrm', 'state'))
        t.claim(f'{gate.host} stops when told', gate.stop())
        t.claim(f'{gate.host}: no policy is left', 'dir' not in ip(gate, 'xfrm', 'policy'),
                ip(gate, 'xfrm', 'policy'))
