#!/usr/bin/env python3
"""Bytes of a call's SIP messages between two gateways, plain and with SDP, or whole
messages, sealed by S/MIME: INVITE, 100, 180, 200, ACK, BYE, 200 (root).

    ./sealed_bytes.py BUILD        a table for bench/RESULTS.md

The media are plain in every row, so that nothing but S/MIME differs. The second call of
each row is the first in which both ends know each other's certificates."""
import contextlib
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../tests/live'))
from lib import certs, lab as labs, sip, stage  # noqa: E402

KINDS = {'RSA-2048': '', 'P-256': 'P-256'}
MODES = (('sign', False), ('encrypt', False), ('sign-encrypt', False),
         ('tunnel', False), ('tunnel', True), ('tunnel', 'both'))  # body, hide


def bytes_of(path):
    """Of all messages of the capture, repetitions left out: total, and by name."""
    seen = {}
    for m in sip.messages(path):
        name = str(m.status) + ' ' + m.method if m.status else m.method
        seen.setdefault(name, len(m.raw))
    return sum(seen.values()), seen


def calls(build, mode, curve, hide=False, n=2):
    """Totals of n calls, one after the other."""
    with contextlib.closing(labs.Lab(programs=labs.programs(build))) as lab:
        issuer = certs.Issuer(lab)
        paths = {s: issuer.issue(s, f'URI:sip:{s}.example', curve=curve) for s in 'ab'}
        cert = {} if mode == 'none' else {
            'peer_a': {'cert': f'file:{paths["b"]}'}, 'peer_b': {'cert': f'file:{paths["a"]}'},
            'extra_a': issuer.config('a'), 'extra_b': issuer.config('b')}
        s = stage.Stage(lab, profile='plain', plain_body=mode, plain_hide=hide, **cert)
        totals = []
        for _ in range(n):
            s.record()
            s.talk(s.alice, s.bob, stage.BOB, seconds=0.5)
            time.sleep(0.5)
            totals.append(bytes_of(s.recorded()['wire']))
        return totals


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    plain, parts = calls(sys.argv[1], 'none', '')[1]
    print('plain: %d bytes: %s' % (plain, ', '.join(f'{k} {v}' for k, v in parts.items())))
    print('| body | keys | first call | times plain | later calls | times plain |')
    print('|---|---|---|---|---|---|')
    for kind, curve in KINDS.items():
        for mode, hide in MODES:
            first, later = (t for t, _ in calls(sys.argv[1], mode, curve, hide))
            name = mode + {False: '', True: ', hide', 'both': ', hide both'}[hide]
            print(f'| {name} | {kind} | {first} | {first / plain:.2f} | {later} | '
                  f'{later / plain:.2f} |', flush=True)


if __name__ == '__main__':
    main()
