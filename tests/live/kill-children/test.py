"""kill -9 of keeper, relay and engine under a call: restarted, and the next call works"""
import os
import signal
import time

from lib import claims, stage
from lib.lab import wait_for

EXPECTED = ('was ended by signal 9',)


def setup(t):
    t.stage = stage.Stage(t.open(), seconds=60)


def one_call(t, what):
    s = t.stage
    s.record()
    seen = []
    s.talk(s.alice, s.bob, stage.BOB, seconds=2, during=lambda: seen.extend(
        [c['verdict'] for c in s.a.calls() + s.b.calls() if c['state'] == 'up']))
    paths = s.recorded()
    t.claim(f'{what}: the next call is sealed', 'sealed' in seen and set(seen) == {'sealed'},
            str(seen))
    t.claim('and its media pass', claims.media_intact(paths['phone-a'], paths['phone-b'],
                                                      s.a.inside, s.b.inside))
    t.claim('not in clear', claims.media_sealed(paths['wire'], paths['phone-a']))


def check(t):
    s = t.stage
    one_call(t, 'before')
    for name in ('keeper', 'relay', 'engine'):
        s.record()
        s.alice.forget()
        s.bob.forget()
        s.alice.dial(stage.BOB)
        s.bob.wait_event('CALL_ESTABLISHED')
        time.sleep(1)
        before = s.a.children()
        os.kill(before[name], signal.SIGKILL)
        wait_for(f'a new {name}', lambda: s.a.children().get(name, before[name]) != before[name])
        wait_for('the gateway', lambda: s.a.ask('status')[0] == 0)
        t.claim(f'{name} was restarted, the daemon lives', s.a.process.running())
        time.sleep(2)  # what remains of the call must not go in clear
        s.alice.hangup()
        for phone in (s.alice, s.bob):
            phone.command('hangup')
        wait_for('both gateways to be done with it', lambda: s.b.calls() == [] or
                 s.b.tell('hangup', s.b.calls()[0]['id']) and s.b.calls() == [], 10)
        paths = s.recorded()
        t.claim('nothing went in clear', claims.media_sealed(paths['wire'], paths['phone-a']))
        t.claim('no index twice', claims.index_unique(paths['wire'], s.a.outside))
        one_call(t, f'after the {name}')
    engine = s.a.status()['processes']['engine']
    t.claim('the end of the engine is counted, and shown', engine['starts'] == 2 and
            engine['last_signal'] == signal.SIGKILL and
            'started 2 times, the last time after signal 9' in s.a.tell('status'), str(engine))
