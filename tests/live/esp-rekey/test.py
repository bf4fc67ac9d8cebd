"""A call in ESP in UDP by MIKEY-DHHMAC, past a NAT, which gets new keys meanwhile

One gateway is behind a NAT, and the other sends to what it is seen as: so ESP goes in
UDP (RFC 3948) both ways. New keys are other SAs with SPIs of their own, and the old ones
go. Not one packet is lost: who answers sends by the old ones until the far end has the
new ones.
"""
import re
import subprocess
import time

from lib import claims, stage
from lib.lab import wait_for

KERNEL = 'esp'
PORTS = range(40000, 41000)
PATIENCE = 90  # seconds: a command takes one or two in a guest on a busy machine


PUBLIC, DOOR = '203.0.113.7', 4501


def setup(t):
    lab = t.open()
    lab.net.nat_gate('a', PUBLIC, legacy=True)
    t.stage = stage.Stage(lab, sealed='media = "esp";', keying=['mikey-dhhmac'], public_a=PUBLIC,
                          capability='net_admin', media='grace = 3;',
                          extra=f'tunnel = {{ udp = {DOOR}; }};', route_b=f'sip:{PUBLIC}:5060')


def spis(gate):
    """Those of the SAs in the gateway's kernel."""
    done = subprocess.run(gate.lab.net.command(gate.host, 'ip', 'xfrm', 'state'),
                          capture_output=True, text=True, check=True)
    return set(re.findall(r'proto esp spi (0x[0-9a-f]+)', done.stdout))


def others(before, now):
    return len(now) == 2 and not now & before


def renew(t):
    s = t.stage
    call, = s.a.calls()
    t.claim('keyed by DHHMAC', call['method'] == 'mikey-dhhmac' and
            call['suite'] == 'AES_128_GCM', str(call))
    before = spis(s.a)
    t.claim('two SAs', len(before) == 2 and before == spis(s.b), str(before))
    time.sleep(1)
    s.a.tell('rekey', call['id'])
    wait_for('two other SAs', lambda: others(before, spis(s.a)), PATIENCE, step=0.5)
    wait_for('the same at b', lambda: spis(s.a) == spis(s.b), PATIENCE, step=0.5)
    t.claim('both ends have two new SAs, and no old one')
    time.sleep(1)


def check(t):
    s = t.stage
    s.talk(s.alice, s.bob, stage.BOB, seconds=6, during=lambda: renew(t))
    paths = s.recorded()
    for link in ('phone-a', 'phone-b'):
        t.claim('nothing but ESP in UDP on the wire', claims.esp_only(
            paths['wire'], paths[link], PORTS, DOOR))
    t.claim('not a packet from a to b is lost', claims.none_lost(
        paths['phone-a'], paths['phone-b'], s.a.inside, s.b.inside))
    t.claim('not a packet from b to a is lost', claims.none_lost(
        paths['phone-b'], paths['phone-a'], s.b.inside, s.a.inside))
