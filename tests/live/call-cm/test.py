"""The other way round, B calls A: AES_CM_128_HMAC_SHA1_80, two relay threads"""
from lib import claims, stage

SUITE = 'AES_CM_128_HMAC_SHA1_80'


def setup(t):
    t.stage = stage.Stage(t.open(), suites=[SUITE], workers=2)


def look(t):
    calls = t.stage.a.calls() + t.stage.b.calls()
    t.claim('both show it sealed', [c['verdict'] for c in calls] == ['sealed', 'sealed'])
    t.claim('both show the suite', [c['suite'] for c in calls] == [SUITE, SUITE])


def check(t):
    s = t.stage
    s.talk(s.bob, s.alice, stage.ALICE, during=lambda: look(t))
    paths = s.recorded()
    t.claim('media intact and sealed', '; '.join(s.check_media(paths)))
    t.claim('SDP on the wire is sealed', claims.sdp_sealed(paths['wire']))
