"""Keys by Diffie-Hellman under the pre-shared one (RFC 4650), beside MIKEY-PSK

One gateway ranks mikey-dhhmac first, the other mikey-psk: each offers its own
first and takes the other's. Each call agrees on new values. What is lost of the
called phone's first words, before the caller's gateway can have the key, is counted.
"""
from lib import claims, rtp, sip, stage

OFFER, RESPONSE = 7, 8
VALUE = 192  # bytes of a public value in group 5


def setup(t):
    t.stage = stage.Stage(t.open(), keying_a=['mikey-dhhmac', 'mikey-psk'],
                          keying_b=['mikey-psk', 'mikey-dhhmac'])


def mikey(path):
    """The different MIKEY messages on the wire, in order."""
    found = []
    for message in sip.messages(path):
        found += [raw for _, raw in message.mikey() if raw not in found]
    return found


def call(t, caller, callee, uri, method):
    s = t.stage
    s.record()
    seen = []
    s.talk(caller, callee, uri, seconds=3,
           during=lambda: seen.extend(s.a.calls() + s.b.calls()))
    t.claim(f'{method} at both', [c['method'] for c in seen] == [method, method], str(seen))
    t.claim('both are sealed', [c['verdict'] for c in seen] == ['sealed', 'sealed'], str(seen))
    paths = s.recorded()
    t.claim('media intact and sealed', '; '.join(s.check_media(paths)))
    t.claim('SDP on the wire is sealed', claims.sdp_sealed(paths['wire']))
    t.claim('tshark reads it', claims.mikey_dissects(paths['wire']))
    return paths, seen


def lost_at_start(paths, gate_from, gate_to):
    """Of the called phone's packets, how many came before the key."""
    entered = rtp.in_sequence(rtp.sent(paths['phone-b'], dest=gate_from))
    arrived = rtp.in_sequence(rtp.sent(paths['phone-a'], source=gate_to))
    return rtp.aligned(entered, arrived)[0]


def check(t):
    s = t.stage
    values = []
    for _ in range(2):
        paths, seen = call(t, s.alice, s.bob, stage.BOB, 'mikey-dhhmac')
        messages = mikey(paths['wire'])
        t.claim('an offer and a response', [m[1] for m in messages] == [OFFER, RESPONSE])
        t.claim('the verdict says how much the group is worth',
                all('weaker' in c['reason'] for c in seen), str([c['reason'] for c in seen]))
        values.append(messages[1][-2 * (VALUE + 3) - 24:])
        lost = lost_at_start(paths, s.b.inside, s.a.inside)
        t.claim('the first words are heard', lost <= 1, f'{lost} packets lost at the start')
    t.claim('every call has its own values', values[0] != values[1])
    paths, _ = call(t, s.bob, s.alice, stage.ALICE, 'mikey-psk')
    t.claim('the other way by the other method', [m[1] for m in mikey(paths['wire'])] == [0, 1])
    for gate in (s.a, s.b):
        t.claim('no call is left', gate.calls() == [])
