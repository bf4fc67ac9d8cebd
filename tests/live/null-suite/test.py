"""A suite that authenticates and encrypts nothing: only by permission, and called plain

Packets bear a tag, so that a forged one is dropped; their payloads can be read on the
wire, and both gateways say "plain" of the call, whatever its key exchange proved.
"""
from lib import claims, rtp, stage

SUITE = 'NULL_HMAC_SHA1_80'


def setup(t):
    t.stage = stage.Stage(t.open(), suites=[SUITE], unencrypted='allow')


def check(t):
    s = t.stage
    seen = []
    s.talk(s.alice, s.bob, stage.BOB, during=lambda: seen.extend(s.a.calls() + s.b.calls()))
    t.claim('that suite at both', [c['suite'] for c in seen] == [SUITE, SUITE], str(seen))
    t.claim('the verdict is plain', [c['verdict'] for c in seen] == ['plain', 'plain'])
    t.claim('and says why', all('encrypts nothing' in c['reason'] for c in seen))
    paths = s.recorded()
    t.claim('media intact', claims.media_intact(paths['phone-a'], paths['phone-b'],
                                                s.a.inside, s.b.inside))
    sent = {p.payload for p in rtp.sent(paths['phone-a'])}
    wire = [p.payload for p in rtp.sent(paths['wire'], source=s.gate_a)]
    t.claim('readable on the wire, with a tag of 10 bytes', wire and all(
        p[:-10] in sent for p in wire), f'{len(wire)} packets')
    s.a.unencrypted = 'refuse'
    s.a.reload()
    t.claim('without permission the configuration is refused', 'encrypts nothing' in s.a.log())
