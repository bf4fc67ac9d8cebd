"""Every suite carries a call, the answerer takes what it can, none in common is 488"""
from lib import claims, rtp, stage
from lib.lab import Failure
from lib.ua import Agent

# and by how many bytes a packet grows
TAGS = {'AES_CM_128_HMAC_SHA1_80': 10, 'AES_CM_128_HMAC_SHA1_32': 4, 'AEAD_AES_128_GCM': 16,
        'AEAD_AES_256_GCM': 16, 'AES_192_CM_HMAC_SHA1_80': 10, 'AES_192_CM_HMAC_SHA1_32': 4,
        'AES_256_CM_HMAC_SHA1_80': 10, 'AES_256_CM_HMAC_SHA1_32': 4, 'F8_128_HMAC_SHA1_80': 10}
ALL = list(TAGS)
LONG = [s for s in ALL if '192' in s or '256' in s]  # under a KEMAC of 128 bits
OTHER_NAME = {'F8_128_HMAC_SHA1_80': 'AES_F8_128_HMAC_SHA1_80'}


def setup(t):
    t.stage = stage.Stage(t.open(), suites=ALL[:1])


def with_suites(s, a, b):
    for gate, suites in ((s.a, a), (s.b, b)):
        gate.stop()
        gate.suites = suites
        gate.start()


def growth(wire, phone):
    """The sizes that sealed payloads have more than plain ones."""
    plain = {len(p.payload) for p in rtp.sent(phone)}
    sealed = {len(p.payload) for p in rtp.sent(wire)}
    return {b - a for a in plain for b in sealed}


def check(t):
    s = t.stage
    for suite in ALL:
        with_suites(s, [OTHER_NAME.get(suite, suite)], ALL)
        s.record()
        seen = []
        s.talk(s.alice, s.bob, stage.BOB, seconds=1.5,
               during=lambda: seen.extend(s.a.calls() + s.b.calls()))
        t.claim(f'{suite} at both', [c['suite'] for c in seen] == [suite, suite], str(seen))
        t.claim('the verdict says whether the key exchange is weaker',
                all(c['verdict'] == 'sealed' and ('weaker' in c['reason']) == (suite in LONG)
                    for c in seen), str([c['reason'] for c in seen]))
        paths = s.recorded()
        t.claim(f'packets grow by {TAGS[suite]} bytes',
                growth(paths['wire'], paths['phone-a']) == {TAGS[suite]})
        t.claim('media intact and sealed', '; '.join(
            [claims.media_intact(paths['phone-a'], paths['phone-b'], s.a.inside, s.b.inside),
             claims.media_sealed(paths['wire'], paths['phone-a'])]))
    with_suites(s, ['AEAD_AES_256_GCM'], ['AES_CM_128_HMAC_SHA1_80'])
    agent = Agent(t.lab, 'phone-a', s.alice.address, stage.ALICE, (s.a.inside, 5060))
    s.bob.forget()
    final = agent.final(agent.request('INVITE', stage.BOB, agent.offer()))
    t.claim('no suite in common: 488', final.status == 488, final.start)
    if s.bob.rang():
        raise Failure('the phone rang')
