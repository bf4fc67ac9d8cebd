"""The phone repeats, restarts and steps back its RTP: no SRTP index is used twice

RULES of SRTP: an index used twice under one key gives the plain text away. The
gateway owns SSRC and sequence on the sealed leg, whatever the phone does.
"""
import time

from lib import claims, rtp, stage
from lib.ua import Agent, media_of


def setup(t):
    t.stage = stage.Stage(t.open(), phones='b', suites=['AES_CM_128_HMAC_SHA1_80'])
    s = t.stage
    t.agent = Agent(t.lab, 'phone-a', t.lab.net.address('phone-a'), stage.ALICE,
                    (s.a.inside, 5060))


def check(t):
    s, agent = t.stage, t.agent
    dialog, answer = agent.call(stage.BOB)
    target = media_of(answer)
    runs = [
        ('begins', 0x1111, range(1000, 1200)),
        ('repeats all of it', 0x1111, range(1000, 1200)),
        ('starts again at 0', 0x1111, range(0, 100)),
        ('steps back by 50', 0x1111, range(50, 150)),
        ('wraps around', 0x1111, range(65400, 65700)),
        ('jumps far ahead', 0x1111, range(30000, 30100)),
        ('changes its SSRC', 0x2222, range(1000, 1200)),
        ('takes the old SSRC again', 0x1111, range(1000, 1100)),
        ('sends one number all the time', 0x1111, [7] * 100),
    ]
    for n, (what, ssrc, seqs) in enumerate(runs):
        print('the phone', what)
        agent.rtp_run(target, seqs, ssrc, seed=n)
        time.sleep(0.1)
    time.sleep(0.3)
    print(s.a.call(s.a.calls()[0]['id']))
    t.claim('BYE is answered', agent.bye(dialog).status == 200)
    paths = s.recorded()
    t.claim('no index twice', claims.index_unique(paths['wire'], s.a.outside))
    wire = rtp.sent(paths['wire'], source=s.a.outside)
    sent = sum(len(r[2]) for r in runs)
    t.claim('one SSRC, not the phone\'s', len({p.ssrc for p in wire}) == 1 and
            not {p.ssrc for p in wire} & {0x1111, 0x2222}, str({hex(p.ssrc) for p in wire}))
    t.claim('most of it was forwarded', len(wire) > sent // 2, f'{len(wire)} of {sent}')
    indexes = [i for _, i in rtp.extended(wire)]
    t.claim('and the index only grew', indexes == sorted(indexes))
    entered = {p.payload for p in rtp.sent(paths['phone-a'], dest=s.a.inside)}
    arrived = [p.payload for p in rtp.sent(paths['phone-b'], source=s.b.inside)]
    t.claim('all that arrived was sent', set(arrived) <= entered)
    t.claim('all that crossed the wire arrived', len(arrived) >= len(wire) - 3,
            f'{len(arrived)} of {len(wire)}')
