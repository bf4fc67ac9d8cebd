"""Whoever offers a "require" peer's call in clear, or SAVP without a key, gets 488

So does who has listened to a sealed call and forges a re-INVITE in it that leaves the
keys out: the call goes on, sealed, and its BYE finds the way.
"""
import time

from lib import claims, rtp, sip, stage
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
    s.alice.dial(stage.BOB)
    s.bob.wait_event('CALL_ESTABLISHED')
    s.alice.wait_event('CALL_ESTABLISHED')
    forged_reinvite(t, stranger)
    time.sleep(2)
    s.bob.hangup()  # the forged CSeq stands in the way of the caller's own BYE
    s.alice.wait_event('CALL_CLOSED')
    paths = s.recorded()
    t.claim('media pass after it', len(rtp.sent(paths['phone-b'])) > 50)
    t.claim('and are sealed', '; '.join((claims.media_sealed(paths['wire'], paths['phone-a']),
                                         claims.media_sealed(paths['wire'], paths['phone-b']))))


def forged_reinvite(t, stranger):
    """As the caller's gateway would send it, but in clear."""
    s = t.stage
    heard = s.recorded()
    invite = next(m for m in sip.messages(heard['wire']) if m.start.startswith('INVITE'))
    answer = next(m for m in sip.messages(heard['wire'])
                  if m.start.startswith('SIP/2.0 200') and m.method == 'INVITE')
    dialog = {'call': invite.header('Call-ID'), 'to': answer.header('To'),
              'tag': invite.header('From').split('tag=')[1],
              'uri': answer.header('Contact').split('<')[1].split('>')[0]}
    stranger.uri = invite.header('From').split('<')[1].split('>')[0]
    s.record()
    for profile in ('RTP/AVP', 'RTP/SAVP'):
        cseq = int(invite.header('CSeq').split()[0]) + 10 + (profile == 'RTP/SAVP')
        final = stranger.final(stranger.request('INVITE', dialog['uri'], stranger.offer(profile),
                                                dialog=dialog, cseq=cseq))
        t.claim(f'a re-INVITE with {profile} and no keys: 488', final.status == 488, final.start)
    t.claim('the call is as it was', s.verdicts() == ['sealed', 'sealed'])
