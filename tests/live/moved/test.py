"""A gateway behind a NAT whose address changes in a call: told by a reload, the call goes on

The NAT forgets all it knew, as one does that dials in anew: what the far end sends where
the gateway was comes nowhere, what the gateway sends comes from where it is now.
"""
import time

from lib import claims, rtp, sip, stage
from lib.lab import wait_for

FIRST, SECOND = '203.0.113.1', '203.0.113.77'


def setup(t):
    lab = t.open()
    lab.net.nat_gate('a', FIRST)
    t.stage = stage.Stage(lab, public_a=FIRST, seconds=60)


def move(t):
    s = t.stage
    time.sleep(2)
    t.lab.net.nat_moves('a', FIRST, SECOND)
    s.a.public = SECOND
    s.a.reload()
    wait_for('new keys at both', lambda: [gate.call(gate.calls()[0]['id'])['rekeys']
                                          for gate in (s.a, s.b)] == [1, 1])
    t.at = time.time()
    time.sleep(4)
    t.claim('sealed at both', s.verdicts() == ['sealed', 'sealed'])


def heard_after(t, path, there, **which):
    """How many payloads of the first capture, from the move on, the second one has."""
    sent = {p.payload for p in rtp.sent(path, **which) if p.time > t.at + 0.5}
    return len(sent & {p.payload for p in rtp.sent(there)}), len(sent)


def check(t):
    s = t.stage
    s.talk(s.alice, s.bob, stage.BOB, seconds=1, during=lambda: move(t), ends=s.bob)
    t.claim('the BYE of the far end found the gateway', s.a.gone() and s.b.gone())
    paths = s.recorded()
    for one, other, dest in (('phone-a', 'phone-b', s.a.inside), ('phone-b', 'phone-a',
                                                                 s.b.inside)):
        n, of = heard_after(t, paths[one], paths[other], dest=dest)
        t.claim(f'{other} hears on', of > 100 and n > of - 30, f'{n} of {of}')
    offers = {m.header('CSeq'): m for m in sip.messages(paths['wire'])
              if m.source == s.gate_a and m.start.split()[0] in ('INVITE', 'UPDATE')}
    t.claim('one INVITE and one offer of the gateway', len(offers) == 2, str(list(offers)))
    for m, public in zip(offers.values(), (FIRST, SECOND)):
        t.claim(f'says {public}', f'sip:{public}' in m.header('Contact') and
                f' {public}' in m.header('Via') and f'c=IN IP4 {public}' in m.body,
                f'{m.headers}{m.body}')
    for path in ('phone-a', 'phone-b'):
        seen = {m.header('CSeq') for m in sip.messages(paths[path])
                if m.start.split()[0] in ('INVITE', 'UPDATE')}
        t.claim(f'{path} saw one INVITE alone', len(seen) == 1, str(seen))
    t.claim('sealed on the wire', claims.media_sealed(paths['wire'], paths['phone-a']))
