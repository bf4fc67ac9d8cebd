"""A call in ESP tunnels by MIKEY-DHHMAC, which gets new keys while both speak

New keys are other SAs with SPIs of their own, and the old ones go. What the
offerer sends is not lost; who answers uses the new ones at once, so that what it
sends while its answer travels is.
"""
import re
import subprocess
import time

from lib import claims, rtp, stage
from lib.lab import wait_for

KERNEL = 'esp'
PORTS = range(40000, 41000)
PATIENCE = 90  # seconds: a command takes one or two in a guest on a busy machine
UNDER_WAY = 50  # packets that may be lost: a second, in a guest on a busy machine


def setup(t):
    t.stage = stage.Stage(t.open(), sealed='media = "esp";', keying=['mikey-dhhmac'],
                          capability='net_admin', media='grace = 3;')


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


def few_lost(path_from, path_to, gate_from, gate_to):
    entered = rtp.in_sequence(rtp.sent(path_from, dest=gate_from))
    arrived = rtp.in_sequence(rtp.sent(path_to, source=gate_to))
    lost = len(entered) - len(arrived)
    claims.need(arrived[:20] == entered[:20], 'the first packets are not there')
    claims.need(lost <= UNDER_WAY, f'{lost} of {len(entered)} packets lost')
    return f'{len(arrived)} of {len(entered)} payloads'


def check(t):
    s = t.stage
    s.talk(s.alice, s.bob, stage.BOB, seconds=6, during=lambda: renew(t))
    paths = s.recorded()
    for link in ('phone-a', 'phone-b'):
        t.claim('nothing but ESP on the wire', claims.esp_only(paths['wire'], paths[link], PORTS))
    t.claim('not a packet from a to b is lost', claims.none_lost(
        paths['phone-a'], paths['phone-b'], s.a.inside, s.b.inside))
    t.claim('who answers loses what is under way at most', few_lost(
        paths['phone-b'], paths['phone-a'], s.b.inside, s.a.inside))
