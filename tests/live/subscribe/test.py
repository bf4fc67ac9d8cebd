"""One phone watches another: SUBSCRIBE and NOTIFY between two baresips, a MESSAGE refused

The watcher's phone is told through both gateways whether the other one is there.
Neither side sees the other's addresses. A MESSAGE to a peer whose profile
requires sealing does not leave, since nothing seals it.
"""
from lib import sip, stage
from lib.lab import wait_for
from lib.phone import Phone


def setup(t):
    t.stage = stage.Stage(t.open(), phones='')
    t.bob = Phone(t.lab, 'b', stage.BOB, t.stage.speech, watches='')
    t.alice = Phone(t.lab, 'a', stage.ALICE, t.stage.speech, watches=stage.BOB)


def passed(path):
    """Of a capture: what SUBSCRIBE and NOTIFY were answered with."""
    return {(m.method, m.status) for m in sip.messages(path)
            if m.status >= 200 and m.method in ('SUBSCRIBE', 'NOTIFY')}


def check(t):
    s = t.stage
    wait_for('one open subscription', lambda: len(passed(s.captures['phone-a'].path)) == 2, 30)
    t.alice.command('message', f'{stage.BOB} a secret')
    wait_for('the refusal', lambda: 'MESSAGE refused' in s.a.log(), 10)
    paths = s.recorded()
    for link in ('phone-a', 'wire', 'phone-b'):
        t.claim(f'{link}: both are accepted', passed(paths[link]) ==
                {('SUBSCRIBE', 200), ('NOTIFY', 200)}, str(passed(paths[link])))
    states = [m.body for m in sip.messages(paths['phone-a']) if m.start.startswith('NOTIFY')]
    t.claim('the state itself arrives', 'presence' in states[0], states[0][:60])
    wire = sip.messages(paths['wire'])
    inner = t.alice.address, t.bob.address
    t.claim('no inside address on the wire',
            not any(a in f'{m.start}{m.headers}' for m in wire for a in inner))
    t.claim('no MESSAGE and not its words', not any(m.method == 'MESSAGE' for m in wire) and
            not any('a secret' in m.body for m in wire))
