"""Session timers between two gateways: a sealed call is refreshed, no key changes

The phones know nothing of timers. The gateways agree on 90 s; after 45 s one of
them refreshes the session between them: the caller's phone sees nothing of it, the
called one, where it needs a re-INVITE, what it was offered before.
"""
import time

from lib import claims, sip, stage

TALK = 52  # seconds


def setup(t):
    t.stage = stage.Stage(t.open(), seconds=TALK + 10, extra='calls = { session = 90; };')


def at_the_end(t):
    s = t.stage
    time.sleep(TALK - 1)
    t.claim('sealed', s.verdicts() == ['sealed', 'sealed'])
    t.claim('no new keys', all(c['rekeys'] == 0 for g in (s.a, s.b) for c in g.calls()))


def check(t):
    s = t.stage
    s.talk(s.alice, s.bob, stage.BOB, seconds=TALK, during=lambda: at_the_end(t))
    paths = s.recorded()
    wire = sip.messages(paths['wire'])
    asked = [m for m in wire if m.header('Session-Expires') and not m.status]
    answers = [m for m in wire if m.header('Session-Expires') and m.status == 200]
    t.claim('90 s are agreed, and agreed again',
            len({m.header('CSeq') for m in answers}) == 2, str(answers))
    first, refresh = asked[0], asked[-1]
    t.claim('the refresh is in the middle', 40 < refresh.time - first.time < 50)
    if refresh.method == 'INVITE':
        t.claim('it says the same, keys and all', refresh.body == first.body)
        t.claim('and so does its answer', answers[-1].body == answers[0].body)
    for link, most in (('phone-a', 1), ('phone-b', 2)):
        invites = [m for m in sip.messages(paths[link])
                   if not m.status and m.method in ('INVITE', 'UPDATE')]
        t.claim(f'{link} saw {most} INVITE', len({m.header('CSeq') for m in invites}) == most and
                len({m.body for m in invites}) == 1, str(invites))
    s.check_media(paths)
    t.claim('nothing in clear', claims.media_sealed(paths['wire'], paths['phone-a']))
