"""Three phones of one account, registered at their gateway, ring together

One is picked up, then another; the caller gives up; one is gone, one is busy; nobody wants.
Sealed by a pre-shared key, by Diffie-Hellman, with keys before the answer, and plain. To
the limits it is one call.
"""
import json
import time

from lib import claims, sip, stage
from lib.accounts import REGISTRAR, write_account
from lib.lab import wait_for
from lib.phone import Phone

ONE_CALL = 'limits = { calls = 1; calls_host = 1; setup = 1; };'
ELSEWHERE = 'Call completed elsewhere'


def setup(t):
    lab = t.open()
    write_account(lab, 'b', 'bob')
    t.stage = stage.Stage(lab, phones='a', extra_b=REGISTRAR.format('b.example', '"md5"') +
                          ONE_CALL)
    t.bobs = [Phone(lab, 'b', stage.BOB, t.stage.speech, auto=False, password='right', number=n)
              for n in range(3)]
    wait_for('three registrations', lambda: len(json.loads(
        t.stage.b.tell('registrations', '--json'))) == 3, 20)


def dial(t, phones):
    s = t.stage
    for phone in [s.alice] + t.bobs:
        phone.forget()
    s.alice.dial(stage.BOB)
    for phone in phones:
        phone.wait_event('CALL_INCOMING')
    s.alice.wait_event('CALL_RINGING')


def nothing_left(t, what):
    t.claim(f'{what}: no call is left', t.stage.a.gone() and t.stage.b.gone())


def picked_up(t, which, verdict, before=None):
    """One of them has the call, the others stop ringing and know why."""
    s, bob = t.stage, t.bobs[which]
    others = [p for p in t.bobs if p is not bob]
    what = f'{verdict}, phone {which}'
    s.record()
    dial(t, [bob] + others)
    t.claim(f'{what}: one call at the gateway', len(s.b.calls()) == 1, str(s.b.calls()))
    if before:
        before()
    bob.accept()
    bob.wait_event('CALL_ESTABLISHED')
    s.alice.wait_event('CALL_ESTABLISHED')
    for phone in others:
        if not before:
            phone.wait_event('CALL_CLOSED', 5)
    time.sleep(3)
    t.claim(f'{what}: at both', s.verdicts() == [verdict] * 2, str(s.verdicts()))
    s.alice.hangup()
    bob.wait_event('CALL_CLOSED')
    nothing_left(t, what)
    paths = s.recorded()
    t.claim(f'{what}: media intact', claims.media_intact(paths['phone-a'], paths['phone-b'],
                                                         s.a.inside, s.b.inside))
    t.claim(f'{what}: and back', claims.media_intact(paths['phone-b'], paths['phone-a'],
                                                     s.b.inside, s.a.inside))
    if verdict == 'sealed':
        t.claim(f'{what}: nothing in clear', claims.media_sealed(paths['wire'], paths['phone-a']))
    cancels = [m for m in sip.messages(paths['phone-b']) if m.start.startswith('CANCEL')]
    t.claim(f'{what}: the others were told why', before or (
        {m.header('Call-ID') for m in cancels} and
        all(ELSEWHERE in m.header('Reason') for m in cancels)), str(cancels))
    answers = {m.header('To') for m in sip.messages(paths['wire'])
               if m.status and m.status > 100 and 'INVITE' in m.header('CSeq')}
    t.claim(f'{what}: one dialog outside', len(answers) == 1, str(answers))


def given_up(t):
    s = t.stage
    dial(t, t.bobs)
    s.alice.hangup()
    for phone in t.bobs:
        phone.wait_event('CALL_CLOSED', 5)
    nothing_left(t, 'given up')


def busy(t, phones):
    for phone in phones:
        phone.hangup()
        phone.wait_event('CALL_CLOSED', 5)


def check(t):
    s = t.stage
    for method, answer in (('mikey-psk', 'pickup'), ('mikey-dhhmac', 'pickup'),
                           ('mikey-dhhmac', 'early')):
        for gate in (s.a, s.b):
            gate.keying, gate.answer = [method], answer
            gate.reload()
        time.sleep(0.5)
        picked_up(t, 0, 'sealed')
        picked_up(t, 2, 'sealed')
        given_up(t)
    for gate in (s.a, s.b):
        for peer in gate.peers:
            peer.profile, peer.psk = 'plain', None
        gate.reload()
    time.sleep(0.5)
    picked_up(t, 1, 'plain')
    given_up(t)
    t.bobs.pop().process.stop(number=9)  # it stays registered
    picked_up(t, 0, 'plain', before=lambda: busy(t, t.bobs[1:2]))
    dial(t, t.bobs)
    busy(t, t.bobs)
    closed = s.alice.wait_event('CALL_CLOSED', 10)
    t.claim('the caller hears that they are busy', '486' in closed['param'], closed['param'])
    nothing_left(t, 'busy')
