"""Certificates trusted on first use, between two gateways that sign for themselves

The first call pins the far end's certificate, the second, after a restart, fits it; both
are peer, on both sides. A changed certificate is refused loudly, with both fingerprints
and the command in the log; a caller pins nothing. The operator accepts, and calls work
again; others, the engine's socket among them, cannot.
"""
import json
import subprocess

from lib import certs, claims, stage
from lib.lab import wait_for


def setup(t):
    lab = t.open()
    t.own_a, t.print_a = certs.own(lab, 'a', 'URI:sip:a.example')
    t.own_b, t.print_b = certs.own(lab, 'b', 'URI:sip:b.example')
    t.new_b, t.print_new = certs.own(lab, 'new', 'URI:sip:b.example', 'P-256')
    t.stage = stage.Stage(lab, psk_a='', keying=['mikey-dh'], trust='tofu',
                          extra_a=t.own_a, extra_b=t.own_b)


def pins(gate):
    return json.loads(gate.tell('trust', '--json'))['pins']


def hexed(text):
    return text.replace(':', '').lower()


def call(t, what, reason):
    s = t.stage
    s.record()
    seen = []
    s.talk(s.alice, s.bob, stage.BOB, during=lambda: seen.extend(s.a.calls() + s.b.calls()))
    t.claim(f'{what}: both are peer', [c['verdict'] for c in seen] == ['peer', 'peer'], str(seen))
    t.claim(f'{what}: the caller is told why', reason in seen[0]['reason'], seen[0]['reason'])
    t.claim(f'{what}: the called has not met the caller', 'not seen before' in seen[1]['reason'])
    paths = s.recorded()
    t.claim('media intact and sealed', '; '.join(s.check_media(paths)))
    t.claim('SDP on the wire is sealed', claims.sdp_sealed(paths['wire']))


def restart(t, gate):
    t.claim('it stops in order', gate.stop())
    gate.start()
    t.stage.alice.forget()


def check(t):
    s = t.stage
    call(t, 'first call', 'not seen before')
    t.claim('the far end is pinned', [(p['name'], p['sha256'], p['by']) for p in pins(s.a)]
            == [('b.example', hexed(t.print_b), 'first call')], str(pins(s.a)))
    t.claim('a caller pins nothing', pins(s.b) == [])
    restart(t, s.a)
    call(t, 'second call', 'earlier call')

    before = s.b.log().count('is in force')
    s.b.extra = t.new_b
    s.b.reload()
    wait_for('the reload', lambda: s.b.log().count('is in force') > before, 5)
    s.alice.forget()
    s.alice.dial(stage.BOB)
    s.alice.wait_event('CALL_CLOSED')
    t.claim('a changed certificate is refused', s.a.gone() and s.b.gone())
    order = f'callsealctl trust --accept b.example {hexed(t.print_new)}'
    t.claim('the log has both and the command', all(
        word in s.a.log() for word in (hexed(t.print_b), 'CHANGED', order)), s.a.log()[-600:])
    t.claim('the call says why', 'refused with 488: the certificate of b.example changed'
            in s.a.log())
    t.claim('the pin is the old one', pins(s.a)[0]['sha256'] == hexed(t.print_b))

    status, text = s.a.ask('trust', '--accept', 'b.example', 'abc')
    t.claim('nonsense is refused', status == 1 and 'fingerprint' in text, text)
    stranger = subprocess.run(
        [f'{s.lab.bin}/callsealctl', '--run-dir', s.a.run_dir, 'trust', '--forget', 'b.example'],
        user='daemon', group='daemon', extra_groups=[], capture_output=True, text=True)
    t.claim('a stranger may not', stranger.returncode == 3, stranger.stderr)
    s.a.tell('trust', '--accept', 'b.example', t.print_new)
    call(t, 'accepted', 'earlier call')
    t.claim('by the operator', pins(s.a)[0]['by'] == 'operator')
    s.a.tell('trust', '--forget', 'b.example')
    t.claim('forgotten', pins(s.a) == [])
    status, text = s.a.ask('certs')
    t.claim('certs tells our own', status == 0 and 'sip:a.example' in text
            and hexed(t.print_a) in text, text)
