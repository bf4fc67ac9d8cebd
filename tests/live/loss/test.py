"""SIP over UDP that loses 5 and 30 of 100 messages on every hop, or mixes them: calls go right

Phones register at their gateways, call, hold, resume and hang up, sealed. What is
lost comes again or ends the call: none stays behind, none comes twice. Then nothing is lost, but
between the gateways signalling and media come late, out of order and twice.
"""
import json
import time

from lib import claims, rtp, sip, speech, stage
from lib.accounts import REGISTRAR, write_account
from lib.lab import Failure, wait_for
from lib.phone import Phone
from lib.shuffle import Shuffle

CALLS = 2  # at each rate and from each side
PATIENCE = 40  # seconds: 64*T1 and some


def lose(t, rate):
    """Of SIP alone, where it is received, in both directions of each hop."""
    for host in ('phone-a', 'gate-a', 'gate-b', 'phone-b'):
        t.lab.net.run(host, 'iptables', '-F', 'INPUT')
        t.lab.net.run(host, 'iptables', '-A', 'INPUT', '-p', 'udp', '--dport', '5060', '-m',
                      'statistic', '--mode', 'random', '--probability', str(rate), '-j', 'DROP')


def setup(t):
    lab = t.open()
    for site, user in (('a', 'alice'), ('b', 'bob')):
        write_account(lab, site, user)
    t.stage = s = stage.Stage(lab, phones='', extra_a=REGISTRAR.format('a.example', '"md5"'),
                              extra_b=REGISTRAR.format('b.example', '"md5"'))
    speech.make(s.speech, seconds=120)
    lose(t, 0.05)
    s.alice = Phone(lab, 'a', stage.ALICE, s.speech, password='right')
    lose(t, 0.3)
    s.bob = Phone(lab, 'b', stage.BOB, s.speech, password='right')


def registered(gate):
    return wait_for(f'a phone at {gate.host}',
                    lambda: json.loads(gate.tell('registrations', '--json')), PATIENCE)


def established(phone, seconds):
    try:
        return phone.wait_event('CALL_ESTABLISHED', seconds)
    except Failure:
        return None


def one_call(t, caller, callee, uri):
    """Whether it came about. However that went, nothing of it is left."""
    s = t.stage
    for phone in (caller, callee):
        phone.forget()
    before = [len(g.ended()) for g in (s.a, s.b)]
    caller.dial(uri)
    up = established(caller, PATIENCE) and established(callee, PATIENCE)
    if up:
        t.claim('one call', len(s.a.calls()) == len(s.b.calls()) == 1)
        t.claim('sealed', s.verdicts() == ['sealed', 'sealed'])
        for order in ('hold', 'resume'):
            caller.command(order)
            time.sleep(1)
    caller.hangup()
    for gate in (s.a, s.b):
        t.claim(f'{gate.host}: it is over', gate.gone(PATIENCE))
    made = [len(g.ended()) - n for g, n in zip((s.a, s.b), before)]
    t.claim('one call at each gateway', made == [1, 1] or not up, str(made))
    return bool(up)


def heard(t, sent, got):
    """Late ones arrive, copies do not."""
    words = {p.payload for p in sent}
    t.claim('what was said arrived', len(got) > 0.9 * len(sent) and
            {p.payload for p in got} <= words, f'{len(got)} of {len(sent)}')
    numbers = [(p.ssrc, p.seq) for p in got]
    t.claim('and each packet once', len(numbers) == len(set(numbers)))
    t.claim('out of order, as it came', any(
        a.ssrc == b.ssrc and a.seq > b.seq for a, b in zip(got, got[1:])))


def mixed(t):
    s = t.stage
    lose(t, 0)
    s.record()
    mix = Shuffle(t.lab)
    came = one_call(t, s.alice, s.bob, stage.BOB) + one_call(t, s.bob, s.alice, stage.ALICE)
    paths = s.recorded()
    t.claim('both calls came about', came == 2, str(came))
    t.claim('packets were mixed', min(mix.delayed, mix.copied) > 30,
            f'{mix.delayed} late, {mix.copied} twice, {mix.passed} in all')
    t.claim('nothing in clear', claims.media_sealed(paths['wire'], paths['phone-a']))
    t.claim('no index twice', claims.index_unique(paths['wire'], s.gate_a))
    heard(t, rtp.sent(paths['phone-a'], dest=s.a.inside),
          rtp.sent(paths['phone-b'], source=s.b.inside))
    heard(t, rtp.sent(paths['phone-b'], dest=s.b.inside),
          rtp.sent(paths['phone-a'], source=s.a.inside))


def check(t):
    s, came = t.stage, {}
    for gate in (s.a, s.b):
        t.claim(f'{gate.host}: a phone registered', len(registered(gate)) == 1)
    for rate in (0.05, 0.3):
        lose(t, rate)
        came[rate] = 0
        for _ in range(CALLS):
            came[rate] += one_call(t, s.alice, s.bob, stage.BOB)
            came[rate] += one_call(t, s.bob, s.alice, stage.ALICE)
    # 11 attempts of 200 and ACK, of which each arrives with both at 0.49
    t.claim('the calls came about', came[0.05] == 2 * CALLS and came[0.3] >= 2 * CALLS - 1,
            str(came))
    wire = sip.messages(s.recorded()['wire'])
    t.claim('SIP was repeated', len(wire) > len({m.raw for m in wire}))
    mixed(t)
