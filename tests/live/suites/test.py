"""Every suite carries a call, the answerer takes what it can, none in common is 488"""
from lib import claims, stage
from lib.lab import Failure
from lib.ua import Agent

ALL = ['AES_CM_128_HMAC_SHA1_80', 'AES_CM_128_HMAC_SHA1_32', 'AEAD_AES_128_GCM',
       'AEAD_AES_256_GCM']


def setup(t):
    t.stage = stage.Stage(t.open(), suites=ALL[:1])


def with_suites(s, a, b):
    for gate, suites in ((s.a, a), (s.b, b)):
        gate.stop()
        gate.suites = suites
        gate.start()


def check(t):
    s = t.stage
    for suite in ALL:
        with_suites(s, [suite], ALL)
        s.record()
        seen = []
        s.talk(s.alice, s.bob, stage.BOB, seconds=1.5,
               during=lambda: seen.extend(s.a.calls() + s.b.calls()))
        t.claim(f'{suite} at both', [c['suite'] for c in seen] == [suite, suite], str(seen))
        paths = s.recorded()
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
