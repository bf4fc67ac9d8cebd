"""Whoever offers a "require" peer's call in clear, or SAVP without a key, gets 488"""
from lib import claims, stage
from lib.ua import Agent

SAVP = 'RTP/SAVP'
CRYPTO = 'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:' + 'A' * 40


def setup(t):
    t.stage = stage.Stage(t.open())


def check(t):
    s = t.stage
    stranger = Agent(t.lab, 'net', t.lab.net.address('net-b'), stage.ALICE, (s.b.outside, 5060))
    for what, offer in (
            ('plain media', stranger.offer()),
            ('SRTP without a key exchange', stranger.offer(SAVP)),
            ('SRTP with SDES', stranger.offer(SAVP, [CRYPTO])),
            ('MIKEY that is no base64', stranger.offer(SAVP, ['a=key-mgmt:mikey !!!!'])),
            ('MIKEY of another protocol version', stranger.offer(
                SAVP, ['a=key-mgmt:mikey AgAFAAAAAAAAAAAAAAAAAAAAAA=='])),
            ('two key exchanges', stranger.offer(
                SAVP, ['a=key-mgmt:mikey AQAFAA==', 'a=key-mgmt:mikey AQAFAA==']))):
        final = stranger.final(stranger.request('INVITE', stage.BOB, offer))
        t.claim(f'{what}: 488 or 400', final.status in (488, 400), final.start)
        ended = s.b.ended()
        t.claim('and the reason is shown', ended and ended[0].get('trouble'), str(ended[:1]))
    t.claim('the phone never rang', not s.bob.rang())
    s.talk(s.alice, s.bob, stage.BOB, seconds=1.5)
    paths = s.recorded()
    t.claim('a right call still passes', claims.media_intact(
        paths['phone-a'], paths['phone-b'], s.a.inside, s.b.inside))
