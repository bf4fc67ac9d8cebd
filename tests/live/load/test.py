"""50 sealed calls at once by sipp, each with media there and back"""
from lib import claims, rtp, stage
from lib.lab import wait_most
from lib.sipp import Sipp, scenario

CALLS, RATE, TALK = 50, 10, 7000


def setup(t):
    t.stage = stage.Stage(t.open(), phones='')
    t.callee = Sipp(t.lab, 'b', scenario('uas'), '-rtp_echo', '-m', str(CALLS), '-mp', '6000')
    t.caller = Sipp(t.lab, 'a', scenario('uac'), '-s', 'bob', '-m', str(CALLS), '-l', str(CALLS),
                    '-r', str(RATE), '-d', str(TALK), '-mp', '10000')


def check(t):
    s = t.stage
    most = wait_most(lambda: len(s.a.calls()), CALLS, 30)
    words = {c['verdict'] for c in s.a.calls() + s.b.calls() if c['state'] == 'up'}
    t.claim('all calls are up at once', most == CALLS, str(most))
    t.claim('each is sealed', words == {'sealed'}, str(words))
    t.caller.finish(60)
    t.callee.finish(10)
    t.claim('every call succeeded, and ended by BYE', s.a.gone() and s.b.gone())
    paths = s.recorded()
    entered = rtp.sent(paths['phone-a'], dest=s.a.inside)
    crossed = rtp.sent(paths['wire'], source=s.a.outside)
    arrived = rtp.sent(paths['phone-b'], source=s.b.inside)
    back = rtp.sent(paths['phone-a'], source=s.a.inside)
    counts = f'{len(entered)} sent, {len(crossed)} crossed, {len(arrived)} arrived, ' \
             f'{len(back)} came back'
    t.claim('media there and back', min(len(arrived), len(back)) > len(entered) * 0.97, counts)
    t.claim('as they were sent', {p.payload for p in arrived} <= {p.payload for p in entered} and
            {p.payload for p in back} <= {p.payload for p in entered})
    t.claim('one SSRC for each call on the wire', len({p.ssrc for p in crossed}) == CALLS)
    t.claim('no index twice', claims.index_unique(paths['wire'], s.a.outside) + '; ' +
            claims.index_unique(paths['wire'], s.b.outside))
    t.claim('nothing in clear', claims.media_sealed(paths['wire'], paths['phone-a']))
    t.claim('SDP on the wire is sealed', claims.sdp_sealed(paths['wire']))
