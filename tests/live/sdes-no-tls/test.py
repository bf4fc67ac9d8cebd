"""SDES without TLS is refused both ways; where the profile allows it the verdict is plain"""
import time

from lib import claims, trunk
from lib.lab import wait_for
from lib.stage import ALICE, BOB
from lib.ua import Agent

SAVP = 'RTP/SAVP'
CRYPTO = 'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:' + 'A' * 40


def setup(t):
    t.scene = trunk.Scene(t.open(), tls=False)


def call(t, caller, callee, uri):
    for end in (caller, callee):
        end.forget()
    caller.dial(uri)
    for end in (callee, caller):
        end.wait_event('CALL_ESTABLISHED')
    wait_for('a verdict', lambda: [c for c in t.scene.gate.calls() if c['state'] == 'up'])
    one = t.scene.gate.calls()[0]
    t.claim('the verdict is plain', one['verdict'] == 'plain' and 'SDES' in one['reason'],
            one['reason'])
    time.sleep(3)
    caller.hangup()
    callee.wait_event('CALL_CLOSED')
    t.claim('the gateway is done', t.scene.gate.gone())


def check(t):
    s = t.scene
    stranger = Agent(t.lab, 'net', t.lab.net.address('net-a'), BOB, (s.gate.outside, 5060))
    final = stranger.final(stranger.request('INVITE', ALICE, stranger.offer(SAVP, [CRYPTO])))
    t.claim('a=crypto over UDP: 488', final.status == 488, final.start)
    warning = final.header('Warning') or ''
    t.claim('and the Warning names what is missing', 'TLS' in warning, warning)
    t.claim('the phone never rang', not s.alice.rang())
    s.alice.dial(BOB)
    s.alice.wait_event('CALL_CLOSED')
    t.claim('a call out by UDP ends', s.gate.gone())
    t.claim('the trunk never heard of it', not s.trunk.rang())
    line = [one for one in s.gate.log().splitlines() if 'sdes is for SIP over verified TLS' in one]
    t.claim('the log says what helps, twice', len(line) == 2, line[0] if line else '')
    s.gate.sdes = 'any'
    s.gate.reload()
    wait_for('the reload', lambda: 'reload' in s.gate.log() or None, 5)
    time.sleep(0.5)
    s.record()
    call(t, s.alice, s.trunk, BOB)
    call(t, s.trunk, s.alice, ALICE)
    paths = s.recorded()
    t.claim('SRTP all the same', claims.media_sealed(paths['wire'], paths['phone-a']))
