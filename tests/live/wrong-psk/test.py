"""A wrong pre-shared key on one side: an error at once, no media, the reason shown"""
import time

from lib import claims, sip, stage

ERROR = 6  # RFC 3830 table 6.1.a


def setup(t):
    t.stage = stage.Stage(t.open(), psk_b='ffeeddccbbaa99887766554433221100')


def attempt(t, caller, callee, uri, link):
    s = t.stage
    s.record()
    caller.forget()
    callee.forget()
    began = time.monotonic()
    caller.dial(uri)
    caller.wait_event('CALL_CLOSED', 10)
    took = time.monotonic() - began
    time.sleep(1)
    paths = s.recorded()
    finals = [m for m in sip.messages(paths[link]) if m.status >= 200 and m.method == 'INVITE']
    t.claim('the phone got an error', finals and finals[0].status >= 400, str(finals))
    t.claim('at once', took < 2, f'{took:.2f} s')
    t.claim('the other phone did not ring', not callee.rang())
    t.claim('no media anywhere', claims.media_absent(*paths.values()))
    for gate in (s.a, s.b):
        ended = gate.ended()
        t.claim(f'{gate.host} tells why', ended and ended[0].get('trouble'), str(ended[:1]))
        t.claim('and has no call left', gate.calls() == [])
    refusal = next(m for m in sip.messages(paths['wire']) if m.status == 488)
    errors = [raw for _, raw in refusal.mikey()]
    t.claim('the 488 on the wire has a MIKEY error message',
            len(errors) == 1 and errors[0][1] == ERROR, refusal.body)
    asker = s.a if caller is s.alice else s.b
    t.claim('which the caller\'s gateway explains', 'authentication failure' in asker.log())
    t.claim('and the phone does not see', not next(
        m for m in sip.messages(paths[link]) if m.status == 488).body)


def check(t):
    s = t.stage
    attempt(t, s.alice, s.bob, stage.BOB, 'phone-a')
    attempt(t, s.bob, s.alice, stage.ALICE, 'phone-b')
