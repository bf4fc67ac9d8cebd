"""IPv6 on the inside and on the outside"""
from lib import claims, stage


def setup(t):
    t.stage = stage.Stage(t.open(), six=True)


def check(t):
    s = t.stage
    seen = []
    s.talk(s.alice, s.bob, stage.BOB, during=lambda: seen.extend(s.verdicts()))
    t.claim('sealed at both', seen == ['sealed', 'sealed'], str(seen))
    paths = s.recorded()
    t.claim('media intact and sealed', '; '.join(s.check_media(paths)))
    t.claim('SDP on the wire is sealed', claims.sdp_sealed(paths['wire']))
    t.claim('no inner address on the wire', claims.hidden(paths['wire'], [
        s.alice.address, s.bob.address, s.a.inside, s.b.inside]))
