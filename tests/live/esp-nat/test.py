"""A call in ESP in UDP past a NAT that gives a port of its own and sends nothing on

The gateway that calls is behind it: SIP's ports are sent on to it, that of ESP in UDP is not,
and leaves as another. So the far gateway knows where to send only once something came by the
tunnel. Not a packet to it is lost; of those from it only the first ones, before it knew.
"""
import json

from lib import claims, rtp, stage
from lib.lab import wait_for

KERNEL = 'esp'
PORTS = range(40000, 41000)
PATIENCE = 90  # seconds: a command takes one or two in a guest on a busy machine
PUBLIC, DOOR, OUTER = '203.0.113.7', 4501, 46001


def setup(t):
    lab = t.open()
    lab.net.nat_gate('a', PUBLIC, legacy=True, moves=(DOOR, OUTER))
    t.stage = stage.Stage(lab, sealed='media = "esp";', keying=['mikey-dhhmac'], public_a=PUBLIC,
                          capability='net_admin', extra=f'tunnel = {{ udp = {DOOR}; }};',
                          route_b=f'sip:{PUBLIC}:5060')


def goes_to(gate):
    tunnels = json.loads(gate.tell('sas', '--json'))['tunnels']
    return tunnels[0].get('udp') if tunnels else None


def learn(t):
    s = t.stage
    wait_for('b knows the port', lambda: goes_to(s.b) == f'{PUBLIC}:{OUTER}', PATIENCE, step=0.5)
    t.claim('b sends to the port that the NAT has')
    t.claim('a to that of b', goes_to(s.a) == f'{s.lab.net.address("gate-b")}:{DOOR}')


def check(t):
    s = t.stage
    s.talk(s.alice, s.bob, stage.BOB, seconds=6, during=lambda: learn(t))
    paths = s.recorded()
    for link in ('phone-a', 'phone-b'):
        t.claim('nothing but ESP in UDP on the wire', claims.esp_only(
            paths['wire'], paths[link], PORTS, DOOR))
    t.claim('not a packet from a to b is lost', claims.none_lost(
        paths['phone-a'], paths['phone-b'], s.a.inside, s.b.inside))
    sent = len(rtp.ordered(rtp.sent(paths['phone-b'], dest=s.b.inside)))
    came = len(rtp.ordered(rtp.sent(paths['phone-a'], source=s.a.inside)))
    t.claim('from b to a they pass once b knows', came > sent / 2, f'{came} of {sent}')
