"""TLS that verifies servers only: SDES leaves to the trunk, but none is taken from who calls

The trunk shows no certificate that the gateway asks for, so nobody knows who it
is that offers keys.
"""
import time

from lib import claims, trunk
from lib.lab import wait_for
from lib.stage import ALICE, BOB


def setup(t):
    t.scene = trunk.Scene(t.open(), verify='server')


def check(t):
    s = t.scene
    s.trunk.dial(ALICE)
    s.trunk.wait_event('CALL_CLOSED')
    t.claim('the phone never rang', not s.alice.rang())
    t.claim('refused for the lack of verified TLS',
            'did not come by verified TLS' in s.gate.log(), s.gate.log().splitlines()[-1])
    s.record()
    s.trunk.forget()
    s.alice.dial(BOB)
    for end in (s.trunk, s.alice):
        end.wait_event('CALL_ESTABLISHED')
    wait_for('a verdict', lambda: [c for c in s.gate.calls() if c['state'] == 'up'])
    t.claim('the verdict is hop', s.gate.calls()[0]['verdict'] == 'hop')
    time.sleep(3)
    s.alice.hangup()
    s.trunk.wait_event('CALL_CLOSED')
    t.claim('the gateway is done', s.gate.gone())
    paths = s.recorded()
    t.claim('sealed on the wire', claims.media_sealed(paths['wire'], paths['phone-a']))
