"""SDES with a trunk (baresip) over mutual TLS, called and calling, held and resumed

The gateway offers a=crypto to the trunk, and answers the trunk's. Both ends hear
each other's speech, the verdict is hop, nothing of media or SIP is in clear on
the wire.
"""
import time

from lib import claims, pcap, rtp, speech, trunk
from lib.lab import wait_for
from lib.stage import ALICE, BOB

ALIKE = 0.9


def setup(t):
    t.scene = trunk.Scene(t.open())


def listen(t, who, name):
    _, said = speech.read(t.scene.wav)
    rate, heard = speech.read(who.heard())
    alike = speech.likeness(speech.resample(heard, rate, speech.RATE), said)
    t.claim(f'{name} hears the speech', alike > ALIKE, f'likeness {alike:.3f}')


def media(t, paths):
    """Both ways at the phone, in clear nowhere on the wire."""
    gate, alice = t.scene.gate.inside, t.scene.alice.address
    out, back = rtp.sent(paths['phone-a'], dest=gate), rtp.sent(paths['phone-a'], dest=alice)
    t.claim('media both ways', len(out) > 100 and len(back) > 100, f'{len(out)}, {len(back)}')
    t.claim('sealed on the wire', claims.media_sealed(paths['wire'], paths['phone-a']))
    t.claim('no index twice', claims.index_unique(paths['wire'], t.scene.gate.outside))
    clear = [p for p in pcap.packets(paths['wire']) if b'a=crypto' in p.data]
    t.claim('no SDP in clear on the wire', not clear)


def packets(gate, call_id):
    """What came in, inside and outside."""
    stream = gate.call(call_id)['streams'][0]
    return [stream[face]['packets_in'] for face in ('inside', 'outside')]


def call(t, caller, callee, uri, during=None):
    s = t.scene
    for end in (caller, callee):
        end.forget()
    caller.dial(uri)
    for end in (callee, caller):
        end.wait_event('CALL_ESTABLISHED')
    wait_for('the verdict', lambda: s.gate.calls() and s.gate.calls()[0]['state'] == 'up')
    one = s.gate.calls()[0]
    t.claim('the verdict is hop', one['verdict'] == 'hop', one['reason'])
    facts = s.gate.call(one['id'])
    t.claim('keyed by sdes', 'sdes' in str(facts), str(facts)[:200])
    time.sleep(4)
    if during:
        during()
    caller.hangup()
    callee.wait_event('CALL_CLOSED')
    t.claim('the gateway is done', s.gate.gone())
    media(t, s.recorded())
    listen(t, s.alice, 'alice')
    listen(t, s.trunk, 'the trunk')


def check(t):
    s = t.scene

    def hold():
        before = len(t.scene.gate.log())
        s.alice.command('hold')
        time.sleep(1)
        s.alice.command('resume')
        time.sleep(3)
        one = s.gate.calls()[0]
        t.claim('hop after hold and resume', one['verdict'] == 'hop')
        t.claim('nothing was refused', 'refused' not in s.gate.log()[before:])
        s.gate.tell('rekey', one['id'])
        t.claim('new keys on demand', 'new keys' in s.gate.log()[before:])
        heard = packets(s.gate, one['id'])
        time.sleep(2)
        more = packets(s.gate, one['id'])
        t.claim('media go on both ways', all(b - a > 60 for a, b in zip(heard, more)),
                f'{heard}, then {more}')

    call(t, s.alice, s.trunk, BOB)
    s.record()
    call(t, s.trunk, s.alice, ALICE)
    s.record()
    call(t, s.alice, s.trunk, BOB, hold)
