"""The caller gives up while it rings, and the callee declines"""
from lib import claims, sip, stage
from lib.phone import Phone


def setup(t):
    t.stage = s = stage.Stage(t.open(), phones='a')
    s.bob = Phone(t.lab, 'b', stage.BOB, s.speech, auto=False)


def check(t):
    s = t.stage
    s.alice.dial(stage.BOB)
    s.bob.wait_event('CALL_INCOMING')
    s.alice.wait_event('CALL_RINGING')
    s.alice.hangup()
    s.bob.wait_event('CALL_CLOSED', 5)
    t.claim('the called phone stopped ringing', True)
    for gate in (s.a, s.b):
        t.claim(f'{gate.host} has no call left', gate.gone())
    s.alice.forget()
    s.alice.dial(stage.BOB)
    s.bob.wait_event('CALL_INCOMING')
    s.bob.hangup()
    closed = s.alice.wait_event('CALL_CLOSED', 5)
    t.claim('the calling phone was told', bool(closed['param']), closed['param'])
    for gate in (s.a, s.b):
        t.claim(f'{gate.host} has no call left', gate.gone())
    paths = s.recorded()
    t.claim('no media', claims.media_absent(*paths.values()))
    for name in ('phone-a', 'wire', 'phone-b'):
        messages = sip.messages(paths[name])
        t.claim(f'CANCEL crossed {name}', any(m.start.startswith('CANCEL') for m in messages))
        t.claim('and 487 came back', any(m.status == 487 for m in messages))
