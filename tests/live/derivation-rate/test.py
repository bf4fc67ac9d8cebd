"""Session keys derived anew every 16 packets one way of calling, every packet the other way"""
from lib import claims, sip, stage

RATES = {'a': 16, 'b': 1}
SUITES = ['AES_CM_128_HMAC_SHA1_80', 'F8_128_HMAC_SHA1_80', 'AEAD_AES_256_GCM']


def setup(t):
    t.stage = stage.Stage(t.open(), suites=SUITES[:1], rate_a=RATES['a'], rate_b=RATES['b'])


def decoded(gate, wire):
    """What callsealctl says of the first MIKEY message of the capture."""
    message = next(m for m in sip.messages(wire) if m.mikey())
    line = next(x for x in message.body.split('\r\n') if x.startswith('a=key-mgmt:'))
    return gate.tell('mikey', 'decode', line.split()[1])


def check(t):
    s = t.stage
    for suite in SUITES:
        for gate in (s.a, s.b):
            gate.stop()
            gate.suites = [suite]
            gate.start()
        for site, caller, callee, uri in (('a', s.alice, s.bob, stage.BOB),
                                          ('b', s.bob, s.alice, stage.ALICE)):
            s.record()
            s.talk(caller, callee, uri, seconds=2)
            paths = s.recorded()
            t.claim(f'{suite}, from {site}: media intact and sealed',
                    '; '.join(s.check_media(paths)))
            t.claim('tshark dissects it', claims.mikey_dissects(paths['wire']))
            words = decoded(s.a, paths['wire'])
            t.claim('the offer says how often',
                    f'session keys anew every {RATES[site]} packets' in words, words)
