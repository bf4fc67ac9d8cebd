"""SDES with linphone, called and calling: its suites and lines, media both ways

SIP is UDP here, so the verdict is plain; what it does over TLS, sdes-baresip shows.
"""
import time

from lib import claims, linphone, rtp, sip, trunk
from lib.lab import wait_for
from lib.stage import BOB


def setup(t):
    t.scene = trunk.Scene(t.open(), tls=False, trunk=False, sdes='any')
    # or it offers IPv6, which the gateway has none of
    t.lab.net.run('gate-b', 'sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1')
    t.far = linphone.Linphone(t.lab)


def talk(t, begin):
    s = t.scene
    s.alice.forget()
    s.record()
    begin()
    s.alice.wait_event('CALL_ESTABLISHED')
    wait_for('a verdict', lambda: [c for c in s.gate.calls() if c['state'] == 'up'])
    one = s.gate.calls()[0]
    t.claim('the verdict is plain', one['verdict'] == 'plain', one['reason'])
    t.far.command(f'incall-player-start {s.wav}')
    time.sleep(4)
    streams = s.gate.call(one['id'])['streams']
    s.alice.hangup()
    t.claim('the gateway is done', s.gate.gone())
    paths = s.recorded()
    gate, alice = s.gate.inside, s.alice.address
    out, back = rtp.sent(paths['phone-a'], dest=gate), rtp.sent(paths['phone-a'], dest=alice)
    t.claim('media both ways', len(out) > 100 and len(back) > 100, f'{len(out)}, {len(back)}')
    t.claim('sealed on the wire', claims.media_sealed(paths['wire'], paths['phone-a']))
    lines = [a for m in sip.messages(paths['wire']) for a in m.sdp('a')
             if a.startswith('crypto:') and m.source == t.far.address]
    t.claim('linphone wrote a=crypto', lines, f'{len(lines)}, {lines[0].split(" inline")[0]}')
    t.claim('and no packet failed to authenticate', all(
        x['outside']['dropped_auth'] == 0 for x in streams), str(streams)[:300])


def check(t):
    talk(t, lambda: t.scene.alice.dial(BOB))
    talk(t, lambda: t.far.command(f'call sip:alice@{t.scene.gate.outside}'))
