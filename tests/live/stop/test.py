"""SIGTERM under a call: both phones get BYE, the daemon ends with 0 and leaves nothing"""
import os

from lib import sip, stage


def setup(t):
    t.stage = stage.Stage(t.open())


def check(t):
    s = t.stage
    s.alice.dial(stage.BOB)
    s.bob.wait_event('CALL_ESTABLISHED')
    children = s.a.children()
    t.claim('it stops when told, with status 0', s.a.stop())
    s.alice.wait_event('CALL_CLOSED', 3)
    s.bob.wait_event('CALL_CLOSED', 3)
    t.claim('both phones were told', True)
    for name, pid in children.items():
        t.claim(f'{name} is gone', not os.path.exists(f'/proc/{pid}'))
    t.claim('so is the control socket', not os.path.exists(f'{s.a.run_dir}/control.sock'))
    byes = [m for m in sip.messages(s.recorded()['wire']) if m.start.startswith('BYE')]
    t.claim('BYE crossed the wire', byes)
    s.a.start()
    s.talk(s.alice, s.bob, stage.BOB, seconds=1)
    t.claim('it starts again and carries calls', True)
