"""A phone sends its call to another one: done by the gateway, or by the far end's phone

Alice, who called, then Alice, who was called, sends Bob on to Carol beside her. Where the
gateway does it the call outside goes on, with its keys; where REFER passes, Bob's phone makes
a sealed call of its own. Of Dora, who refuses, the far end hears nothing.
"""
import time

from lib import claims, pcap, rtp, sip, speech, stage
from lib.lab import wait_for
from lib.phone import Phone

CAROL = 'sip:carol@a.example'


def setup(t):
    lab = t.open()
    t.stage = stage.Stage(lab, extra_a='calls = { refer = "handle"; };')
    s = t.stage
    hers = f'{lab.dir}/carol.wav'
    speech.make(hers, 'Here is Carol, who takes the call from now on.', seconds=30)
    t.carol = Phone(lab, 'a', CAROL, hers, number=1)
    t.never = Phone(lab, 'a', 'sip:dora@a.example', hers, auto=False, number=2)
    for phone in (t.carol, t.never):
        s.a.phones[phone.user] = f'sip:{phone.user}@{phone.address}:{5060 + 2 * phone.number}'
    s.a.reload()
    time.sleep(0.5)


def begin(t, called):
    s = t.stage
    for phone in (s.alice, s.bob, t.carol, t.never):
        phone.forget()
    s.record()
    if called:
        s.bob.dial(stage.ALICE)
    else:
        s.alice.dial(stage.BOB)
    s.alice.wait_event('CALL_ESTABLISHED')
    s.bob.wait_event('CALL_ESTABLISHED')
    time.sleep(1.5)


def payloads(path, port, to=None, came=None):
    """What a phone at these ports said to a gateway, or heard from it."""
    return {rtp.parse(p).payload for p in pcap.datagrams(path) if rtp.parse(p) and
            ((p.dest == to and p.port_from // 1000 == port) or
             (p.source == came and p.port_to // 1000 == port))}


def requests(path, method):
    return [m for m in sip.messages(path) if m.start.startswith(method + ' ')]


def handled(t, called):
    """Bob hears Carol in the call that he has."""
    s, what = t.stage, f'handled, Alice {"was called" if called else "called"}'
    begin(t, called)
    s.alice.command('transfer', CAROL)
    t.carol.wait_event('CALL_ESTABLISHED')
    s.alice.wait_event('CALL_CLOSED')
    time.sleep(2)
    t.claim(f'{what}: one sealed call', s.verdicts() == ['sealed'] * 2, str(s.verdicts()))
    t.claim(f'{what}: Bob has not been called again', not s.bob.saw('CALL_CLOSED'))
    s.bob.hangup()
    t.carol.wait_event('CALL_CLOSED')
    t.claim(f'{what}: no call is left', s.a.gone() and s.b.gone())
    paths = s.recorded()
    t.claim(f'{what}: no REFER outside', not requests(paths['wire'], 'REFER'))
    ids = {m.header('Call-ID') for m in requests(paths['wire'], 'INVITE')}
    t.claim(f'{what}: one dialog outside', len(ids) == 1, str(ids))
    for a, b, who in ((dict(to=s.a.inside), dict(came=s.b.inside), 'Bob hears Carol'),
                      (dict(came=s.a.inside), dict(to=s.b.inside), 'Carol hears Bob')):
        both = payloads(paths['phone-a'], 21, **a) & payloads(paths['phone-b'], 20, **b)
        t.claim(f'{what}: {who}', len(both) > 50, f'{len(both)} payloads')
    t.claim(f'{what}: nothing in clear', claims.media_sealed(paths['wire'], paths['phone-a']))
    for gate in (s.gate_a, s.gate_b):
        t.claim(f'{what}: no index twice', claims.index_unique(paths['wire'], gate))


def refused(t):
    s = t.stage
    begin(t, False)
    s.alice.command('transfer', 'sip:dora@a.example')
    t.never.wait_event('CALL_INCOMING')
    t.never.hangup()
    s.alice.wait_event('TRANSFER_FAILED')
    s.bob.wait_event('CALL_CLOSED')  # her phone hangs up then, of its own
    t.claim('refused: no call is left', s.a.gone() and s.b.gone())
    wire = s.recorded()['wire']
    t.claim('refused: the far end heard nothing of it', len({
        m.header('CSeq') for m in requests(wire, 'INVITE')}) == 1)


def passed(t):
    """Bob's phone calls Carol, sealed as any call."""
    s = t.stage
    s.a.extra = ''
    s.a.reload()
    time.sleep(0.5)
    begin(t, False)
    s.alice.command('transfer', CAROL)
    t.carol.wait_event('CALL_ESTABLISHED')
    wait_for('one call at both', lambda: len(s.a.calls()) == len(s.b.calls()) == 1, 10)
    time.sleep(2)
    t.claim('passed: it is sealed', s.verdicts() == ['sealed'] * 2, str(s.verdicts()))
    s.bob.hangup()
    t.carol.wait_event('CALL_CLOSED')
    paths = s.recorded()
    t.claim('passed: REFER went outside', requests(paths['wire'], 'REFER'))
    t.claim('passed: nothing in clear', claims.media_sealed(paths['wire'], paths['phone-a']))


def check(t):
    handled(t, called=False)
    handled(t, called=True)
    refused(t)
    passed(t)
