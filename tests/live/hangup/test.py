"""The operator ends a call: callsealctl hangup ID; callsealctl call ID shows its streams"""
from lib import stage


def setup(t):
    t.stage = stage.Stage(t.open())


def check(t):
    s = t.stage
    s.alice.dial(stage.BOB)
    s.bob.wait_event('CALL_ESTABLISHED')
    call = s.a.calls()[0]
    t.claim('the call is shown', s.a.call(call['id'])['id'] == call['id'])
    t.claim('with its streams', s.a.call(call['id']).get('streams'), str(s.a.call(call['id'])))
    t.claim('an unknown call is an error', s.a.ask('hangup', 'ffffffff')[0] != 0)
    s.a.tell('hangup', call['id'])
    s.alice.wait_event('CALL_CLOSED', 5)
    s.bob.wait_event('CALL_CLOSED', 5)
    t.claim('both phones were told', True)
    t.claim('both gateways are done', s.a.gone() and s.b.gone())
