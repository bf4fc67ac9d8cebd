"""A phone that vanishes in a call: the silence of its media ends the call on both legs

Two sealed calls: of one the called phone is killed while the caller talks on, the
other is on hold, silent in both directions, and stays.
"""
import re
import time

from lib import sip, stage
from lib.lab import wait_for
from lib.ua import Agent, media_of

SILENCE = 5  # seconds


def setup(t):
    t.stage = s = stage.Stage(t.open(), media=f'timeout = {SILENCE}; silence = {SILENCE};')
    t.agent = Agent(t.lab, 'phone-a', t.lab.net.address('phone-a'), 'sip:held@a.example',
                    (s.a.inside, 5060))


def held(t):
    """A second call of the same phone, on hold from the start."""
    dialog, answer = t.agent.call(stage.BOB, t.agent.offer(lines=('a=inactive',)))
    t.claim('a call on hold', media_of(answer)[1] > 0 and 'inactive' in answer.sdp('a'))
    return dialog


def check(t):
    s = t.stage
    on_hold = held(t)
    s.alice.dial(stage.BOB)
    s.alice.wait_event('CALL_ESTABLISHED')
    time.sleep(2)
    t.claim('two calls', len(s.a.calls()) == 2 and len(s.b.calls()) == 2)
    killed = time.time()
    s.bob.process.popen.kill()
    wait_for('the end of the call', lambda: len(s.a.calls()) == len(s.b.calls()) == 1, 40)
    took = time.time() - killed
    t.claim('in time', SILENCE - 1 <= took < SILENCE + 25, f'{took:.1f} s')
    s.alice.wait_event('CALL_CLOSED')
    ended = [g.ended()[0] for g in (s.a, s.b)]
    t.claim('because of the silence', any('no media from the' in c['cause'] for c in ended),
            str([c['cause'] for c in ended]))
    time.sleep(SILENCE)
    t.claim('the one on hold is there', len(s.a.calls()) == len(s.b.calls()) == 1)
    t.agent.request('BYE', on_hold['uri'], dialog=on_hold, cseq=2)
    paths = s.recorded()
    for link in ('phone-a', 'phone-b'):
        byes = [m for m in sip.messages(paths[link])
                if m.start.startswith('BYE') and m.header('Reason')]
        t.claim(f'{link}: a BYE with a reason', byes and all(
            re.match(r'SIP;cause=480', m.header('Reason')) for m in byes), str(byes))
