"""A peer whose profile forbids sealing: the call passes in clear and is called plain"""
from lib import claims, rtp, sip, stage


def setup(t):
    t.stage = stage.Stage(t.open(), profile='plain')


def check(t):
    s = t.stage
    seen = []
    s.talk(s.alice, s.bob, stage.BOB, during=lambda: seen.extend(s.verdicts()))
    t.claim('plain at both', seen == ['plain', 'plain'], str(seen))
    paths = s.recorded()
    t.claim('media intact', claims.media_intact(paths['phone-a'], paths['phone-b'], s.a.inside,
                                                s.b.inside))
    payloads = {p.payload for p in rtp.sent(paths['phone-a'])}
    found = rtp.in_clear(payloads, paths['wire'])
    t.claim('and in clear on the wire', found > 0.9 * len(payloads), f'{found} of {len(payloads)}')
    for message in sip.messages(paths['wire']):
        t.claim('no key on the wire', not message.mikey())
    t.claim('no inner address on the wire', claims.hidden(paths['wire'], [
        s.alice.address, s.bob.address, s.a.inside, s.b.inside]))
