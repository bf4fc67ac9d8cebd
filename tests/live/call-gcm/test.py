"""A phone calls a phone through two gateways: MIKEY and AEAD_AES_128_GCM

Real phones, real speech, both ways; every promise of a sealed call is checked on
captures of the three links.
"""
from lib import claims, speech, stage


def setup(t):
    t.stage = stage.Stage(t.open(), suites=['AEAD_AES_128_GCM'])


def look(t):
    calls = t.stage.a.calls() + t.stage.b.calls()
    t.claim('both gateways know one call', len(calls) == 2, str(calls))
    for call in calls:
        t.claim('it is sealed', call['verdict'] == 'sealed', str(call))
        t.claim('by MIKEY with a pre-shared key', call['method'] == 'mikey-psk')
        t.claim('the suite is the configured one', call['suite'] == 'AEAD_AES_128_GCM')
    t.claim('out of a, into b', [c['direction'] for c in calls] == ['out', 'in'])


def check(t):
    s = t.stage
    s.talk(s.alice, s.bob, stage.BOB, seconds=4, during=lambda: look(t))
    paths = s.recorded()
    t.claim('media intact and sealed', '; '.join(s.check_media(paths)))
    t.claim('SDP on the wire is sealed', claims.sdp_sealed(paths['wire']))
    t.claim('no inner address on the wire', claims.hidden(paths['wire'], [
        s.alice.address, s.bob.address, s.a.inside, s.b.inside]))
    for phone in (s.alice, s.bob):
        _, heard = speech.read(phone.heard())
        _, said = speech.read(s.speech)
        alike = speech.likeness(heard, said)
        t.claim(f'{phone.host} heard the speech', alike > 0.9, f'correlation {alike:.4f}')
    for gate in (s.a, s.b):
        t.claim('no call is left', gate.calls() == [])
        t.claim(f'{gate.host} stops when told', gate.stop())
