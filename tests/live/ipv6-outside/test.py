"""IPv4 phones, IPv6 between the gateways"""
from lib import claims, stage


def setup(t):
    t.stage = stage.Stage(t.open(), seconds=20, outside_six=True)


def check(t):
    s = t.stage
    s.talk(s.alice, s.bob, stage.BOB)
    paths = s.recorded()
    t.claim('media intact and sealed', '; '.join(s.check_media(paths)))
    t.claim('SDP on the wire is sealed', claims.sdp_sealed(paths['wire']))
