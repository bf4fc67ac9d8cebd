"""A captured INVITE sent again: verbatim, in a new dialog, after a restart: never a call"""
import re
import time

from lib import sip, stage
from lib.ua import Agent, token


def setup(t):
    t.stage = stage.Stage(t.open())


def sealed_invite(path, source):
    return next(m for m in sip.messages(path)
                if m.method == 'INVITE' and not m.status and m.source == source)


def send_again(t, eve, raw, what):
    """The copy must not reach the phone, nor be answered with success."""
    s = t.stage
    s.record()
    eve.received.clear()
    eve.send(raw)
    answer = eve.wait(lambda m: m.status >= 200, 3)
    time.sleep(0.5)
    reached = [m for m in sip.messages(s.recorded()['phone-b']) if m.start.startswith('INVITE')]
    t.claim(f'{what}: no INVITE reaches the phone', not reached, str(reached))
    t.claim(f'{what}: no call at the gateway', s.b.calls() == [], str(s.b.calls()))
    return answer


def other_branch(eve, raw):
    here = f'Via: SIP/2.0/UDP {eve.at};rport;branch=z9hG4bK'.encode()
    return re.sub(rb'(?i)\r\n(Via|v): [^\r]*', b'\r\n' + here + token().encode(), raw, count=1)


def during_the_call(t, eve):
    """The call is answered: its INVITE, on a further branch, is a copy."""
    s = t.stage
    time.sleep(0.5)
    copy = sealed_invite(s.recorded()['wire'], s.a.outside)
    eve.received.clear()
    eve.send(other_branch(eve, copy.raw))
    answer = eve.wait(lambda m: m.status >= 200, 3)
    t.claim('during the call: refused', answer and answer.status >= 400, str(answer))
    t.claim('during the call: one call at the gateway', len(s.b.calls()) == 1, str(s.b.calls()))
    s.record()


def check(t):
    s = t.stage
    eve = Agent(t.lab, 'net', t.lab.net.address('net-b'), stage.ALICE, (s.b.outside, 5060), 5060)
    s.record()
    s.talk(s.alice, s.bob, stage.BOB, seconds=1.5, during=lambda: during_the_call(t, eve))
    s.talk(s.alice, s.bob, stage.BOB, seconds=1)
    copy = sealed_invite(s.recorded()['wire'], s.a.outside)
    send_again(t, eve, copy.raw, 'verbatim')

    def other(pattern, value, raw):
        changed = re.sub(pattern, value, raw, count=1)
        assert changed != raw
        return changed
    branch = other_branch(eve, copy.raw)
    answer = send_again(t, eve, branch, 'another branch')
    t.claim('refused', answer and answer.status >= 400, str(answer))
    call = other(rb'(?i)\r\n(Call-ID|i): [^\r]*', b'\r\nCall-ID: ' + token().encode(), branch)
    call = other(b'z9hG4bK[0-9a-f]+', b'z9hG4bK' + token().encode(), call)
    answer = send_again(t, eve, call, 'another call')
    t.claim('refused', answer and answer.status >= 400, str(answer))
    ended = s.b.ended()
    t.claim('the reason is shown', ended and ended[0].get('trouble'), str(ended[:1]))
    t.claim('gate-b stops and starts', s.b.stop() and s.b.start())
    late = other(b'z9hG4bK[0-9a-f]+', b'z9hG4bK' + token().encode(), call)
    late = other(rb'(?i)\r\nCall-ID: [^\r]*', b'\r\nCall-ID: ' + token().encode(), late)
    answer = send_again(t, eve, late, 'after a restart')
    t.claim('refused', answer and answer.status >= 400, str(answer))
    s.talk(s.alice, s.bob, stage.BOB, seconds=1)
    t.claim('a fresh call passes', True)
