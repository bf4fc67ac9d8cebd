"""Video beside voice, digits as events and as INFO, and lines that are rejected

Two m= lines are sealed both, and what is sent on either arrives. Events (RFC 4733)
are media like any other; INFO passes as it is; T.38, which SRTP cannot seal, does
not, and the call goes on with voice.
"""
import time

from lib import claims, rtp, stage
from lib.ua import Agent, connect, exchange

CAMERA = '''
module vp8.so
module fakevideo.so
video_source fakevideo,nil
video_display fakevideo,nil
video_size 176x144
video_bitrate 100000
video_fps 10
'''
EVENT, DIGITS = 101, {'a': '159', 'b': '#70'}
FAX = 'm=image 6000 udptl t38\r\na=T38FaxVersion:0\r\n'
NO_FAX = 'm=image 0 udptl t38\r\n'
RELAY = 'Signal=5\r\nDuration=160\r\n'


def setup(t):
    t.stage = stage.Stage(t.open(), more=CAMERA)


def press(t):
    """Both at once."""
    s = t.stage
    time.sleep(1)
    for n in range(3):
        s.alice.command('sndcode', DIGITS['a'][n])
        s.bob.command('sndcode', DIGITS['b'][n])
        time.sleep(0.4)
    time.sleep(0.5)
    for gate in (s.a, s.b):
        call, = gate.calls()
        streams = gate.call(call['id'])['streams']
        t.claim(f'{gate.host}: two sealed lines', call['verdict'] == 'sealed' and
                len(streams) == 2, str(call))


def digits(packets):
    """One for each event: packets with one timestamp are one (RFC 4733 2.5.1)."""
    keys = '0123456789*#'
    return ''.join(keys[p.payload[0]] for i, p in enumerate(packets)
                   if not i or p.timestamp != packets[i - 1].timestamp)


def told(packets):
    """What the far phone must get of them, but for where their numbers begin."""
    return [(p.type, p.marker, p.payload) for p in packets]


def crossed(t, what, sent, got):
    """In order, none missing but at the very ends, each at its time."""
    lost = rtp.aligned(told(sent), told(got))
    t.claim(f'{what} arrived',
            lost is not None and max(lost) <= claims.in_time(claims.LOST_AT_ENDS),
            f'{len(got)} of {len(sent)}, lost at the ends {lost}')
    sent = sent[lost[0]:len(sent) - lost[1]]
    shifts = {(b.timestamp - a.timestamp) & 0xffffffff for a, b in zip(sent, got)}
    t.claim(f'{what}: at its times', len(shifts) == 1, str(shifts))


def phones_talk(t):
    s = t.stage
    s.talk(s.alice, s.bob, stage.BOB, seconds=2, during=lambda: press(t))
    paths = s.recorded()
    t.claim('SDP on the wire is sealed', claims.sdp_sealed(paths['wire']))
    t.claim('nothing in clear', claims.media_sealed(paths['wire'], paths['phone-a']))
    for here, there, to, away in (('a', 'b', s.a.inside, s.b.inside),
                                  ('b', 'a', s.b.inside, s.a.inside)):
        sent = rtp.sent(paths[f'phone-{here}'], dest=to)
        got = rtp.sent(paths[f'phone-{there}'], source=away)
        pick = {'voice': lambda p: p.type in (0, EVENT), 'video': lambda p: p.type > 95 and
                p.type != EVENT, 'events': lambda p: p.type == EVENT}
        for what, wanted in pick.items():
            crossed(t, f'{what} of {here}', [p for p in sent if wanted(p)],
                    [p for p in got if wanted(p)])
        heard = digits([p for p in got if p.type == EVENT])
        t.claim(f'the digits of {here}', heard == DIGITS[here], heard)


def info(t, sender, dialog, cseq, receiver):
    got, final = exchange(sender, dialog, cseq, receiver, 'INFO', (RELAY, ''),
                          ('Content-Type: application/dtmf-relay',))
    t.claim('INFO arrives as it was, and is answered', got.body == RELAY and
            got.header('Content-Type') == 'application/dtmf-relay' and final.status == 200)


def agents_talk(t, a, b):
    """What real phones do not do at will, between ends in our own hands."""
    dialog, back, invite, final = connect(a, b, stage.BOB, a.offer() + FAX, b.offer() + NO_FAX)
    t.claim('T.38 beside voice comes rejected', NO_FAX in invite.body and NO_FAX in final.body)
    t.claim('and voice does not', 'm=audio 0' not in invite.body + final.body)
    info(t, a, dialog, 2, b)
    info(t, b, back, 1, a)
    fax = a.offer().split('m=audio')[0] + FAX + NO_FAX
    refused = a.final(a.request('INVITE', dialog['uri'], fax, dialog, 3))
    t.claim('T.38 in place of voice is refused', refused.status == 488, refused.start)
    t.claim('the other end did not see it',
            not b.wait(lambda m: m.start.startswith('INVITE'), 0.2))
    t.claim('and the call goes on', t.stage.verdicts() == ['sealed', 'sealed'])
    t.claim('BYE', exchange(a, dialog, 4, b, 'BYE')[1].status == 200)


def check(t):
    phones_talk(t)
    s = t.stage
    s.bob.stop()
    agents_talk(t, Agent(t.lab, 'phone-a', s.alice.address, stage.ALICE, (s.a.inside, 5060)),
                Agent(t.lab, 'phone-b', s.bob.address, stage.BOB, (s.b.inside, 5060), 5060))
