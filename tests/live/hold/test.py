"""Hold and resume (re-INVITE) in the middle of a sealed call, from either side

Every re-INVITE crosses the wire sealed; what is said after it arrives, and no SRTP
index is used twice over all of it.
"""
import time

from lib import claims, rtp, sip, stage


def setup(t):
    t.stage = stage.Stage(t.open(), seconds=60)


def hold_and_resume(t):
    s = t.stage
    for phone in (s.alice, s.bob):
        time.sleep(1)
        phone.command('hold')
        time.sleep(1)
        t.claim('still sealed', s.verdicts() == ['sealed', 'sealed'])
        phone.command('resume')
        time.sleep(1)
        t.claim('still sealed', s.verdicts() == ['sealed', 'sealed'])


def check(t):
    s = t.stage
    s.talk(s.alice, s.bob, stage.BOB, seconds=7, during=lambda: hold_and_resume(t))
    paths = s.recorded()
    messages = sip.messages(paths['wire'])
    offers = [m for m in messages if m.start.startswith('INVITE') and m.body]
    t.claim('five offers crossed the wire', len(offers) >= 5, str(len(offers)))
    known = ('sendonly', 'sendrecv', 'inactive')
    directions = [a for m in offers for a in m.sdp('a') if a in known]
    t.claim('hold among them', {'sendonly', 'inactive'} & set(directions), str(directions))
    t.claim('SDP on the wire is sealed', claims.sdp_sealed(paths['wire']))
    t.claim('nothing in clear', claims.media_sealed(paths['wire'], paths['phone-a']))
    for gate in (s.gate_a, s.gate_b):
        t.claim('no index twice', claims.index_unique(paths['wire'], gate))
    for here, there, to, away in (('phone-a', 'phone-b', s.a.inside, s.b.inside),
                                  ('phone-b', 'phone-a', s.b.inside, s.a.inside)):
        sent = rtp.sent(paths[here], dest=to)
        got = rtp.sent(paths[there], source=away)
        t.claim(f'what {here} sent arrived', len(got) > 0.95 * len(sent) and
                {p.payload for p in got} <= {p.payload for p in sent},
                f'{len(got)} of {len(sent)}')
        t.claim('up to the end', sent[-1].time - got[-1].time < 0.2)
