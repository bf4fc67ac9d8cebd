"""Opportunistic SRTP (RFC 8643) with SDES: a trunk that offers and takes RTP/AVP with a=crypto

The trunk's calls come as RTP/AVP with a=crypto and are sealed; the gateway's own
offers are RTP/SAVP first.
"""
import time

from lib import claims, rtp, trunk
from lib.lab import wait_for
from lib.stage import ALICE, BOB


def setup(t):
    t.scene = trunk.Scene(t.open(), profile='prefer', mediaenc='srtp')


def call(t, caller, callee, uri, verdict):
    s = t.scene
    for end in (caller, callee):
        end.forget()
    s.record()
    caller.dial(uri)
    for end in (callee, caller):
        end.wait_event('CALL_ESTABLISHED')
    wait_for('a verdict', lambda: [c for c in s.gate.calls() if c['state'] == 'up'])
    one = s.gate.calls()[0]
    t.claim(f'the verdict is {verdict}', one['verdict'] == verdict, one['reason'])
    time.sleep(3)
    caller.hangup()
    callee.wait_event('CALL_CLOSED')
    t.claim('the gateway is done', s.gate.gone())
    paths = s.recorded()
    t.claim('sealed on the wire', claims.media_sealed(paths['wire'], paths['phone-a']))
    back = rtp.sent(paths['phone-a'], dest=s.alice.address)
    t.claim('media came back', len(back) > 100, str(len(back)))


def check(t):
    s = t.scene
    call(t, s.trunk, s.alice, ALICE, 'hop')
    call(t, s.alice, s.trunk, BOB, 'hop')
