"""A call in ESP whose gateway's NAT gets another address: new keys lead the tunnel there

The gateway that called is told by a reload what the network sees of it now, and offers new
keys with it; both then have other SAs, between the new address and the far end, and speech
goes on by them. Nothing leaves in clear meanwhile.
"""
import re
import subprocess
import time

from lib import claims, rtp, stage
from lib.lab import wait_for

KERNEL = 'esp'
PORTS = range(40000, 41000)
PATIENCE = 90  # seconds: a command takes one or two in a guest on a busy machine
FIRST, SECOND, DOOR = '203.0.113.7', '203.0.113.77', 4501


def setup(t):
    lab = t.open()
    lab.net.nat_gate('a', FIRST, legacy=True)
    t.stage = stage.Stage(lab, sealed='media = "esp";', keying=['mikey-dhhmac'], public_a=FIRST,
                          capability='net_admin', media='grace = 3;', seconds=120,
                          extra=f'tunnel = {{ udp = {DOOR}; }};', route_b=f'sip:{FIRST}:5060')


def ends(gate):
    """The addresses of the SAs in the gateway's kernel."""
    done = subprocess.run(gate.lab.net.command(gate.host, 'ip', 'xfrm', 'state'),
                          capture_output=True, text=True, check=True)
    return set(re.findall(r'^src (\S+) dst (\S+)$', done.stdout, re.M))


def move(t):
    s, far = t.stage, t.lab.net.address('gate-b')
    t.claim('to the first address', ends(s.b) == {(FIRST, far), (far, FIRST)}, str(ends(s.b)))
    t.lab.net.nat_moves('a', FIRST, SECOND, legacy=True)
    s.a.public = SECOND
    s.a.reload()
    wait_for('SAs to the second address alone', lambda: ends(s.b) == {
        (SECOND, far), (far, SECOND)}, PATIENCE, step=0.5)
    t.at = time.time()
    time.sleep(5)
    t.claim('sealed at both', s.verdicts() == ['sealed', 'sealed'])


def check(t):
    s = t.stage
    s.talk(s.alice, s.bob, stage.BOB, seconds=1, during=lambda: move(t), ends=s.bob)
    t.claim('the BYE of the far end found the gateway',
            s.a.gone(PATIENCE) and s.b.gone(PATIENCE))
    paths = s.recorded()
    for link, other, dest in (('phone-a', 'phone-b', s.a.inside), ('phone-b', 'phone-a',
                                                                  s.b.inside)):
        t.claim('nothing but ESP in UDP on the wire', claims.esp_only(
            paths['wire'], paths[link], PORTS, DOOR))
        sent = {p.payload for p in rtp.sent(paths[link], dest=dest) if p.time > t.at + 1}
        came = sent & {p.payload for p in rtp.sent(paths[other])}
        t.claim(f'{other} hears on', len(sent) > 100 and len(came) > len(sent) - 50,
                f'{len(came)} of {len(sent)}')
