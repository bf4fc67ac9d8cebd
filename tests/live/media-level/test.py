"""a=key-mgmt at media level (RFC 4567): offered below m=, answered there"""
from lib import sip, stage


def setup(t):
    t.stage = stage.Stage(t.open(), level='media')


def check(t):
    s = t.stage
    seen = []
    s.talk(s.alice, s.bob, stage.BOB, during=lambda: seen.extend(s.verdicts()))
    t.claim('sealed at both', seen == ['sealed', 'sealed'], str(seen))
    paths = s.recorded()
    t.claim('media intact and sealed', '; '.join(s.check_media(paths)))
    levels = [level for m in sip.messages(paths['wire']) for level, _ in m.mikey()]
    t.claim('every key line is at media level', set(levels) == {'media'} and len(levels) >= 2,
            str(levels))
