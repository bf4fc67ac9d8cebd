"""Certificates with keys on curves: ECDSA on P-256 and P-384, with each other and with RSA

Signed Diffie-Hellman in a group and on a curve, between a gateway with a P-256 key and one
with a P-384 key, then one with an RSA key that signs by PSS. callsealctl certs names the keys
and warns of a certificate that is over soon.
"""
import json

from lib import certs, claims, stage
from lib.lab import wait_for

METHODS = ['mikey-ecdh', 'mikey-dh']


def setup(t):
    lab = t.open()
    t.issuer = certs.Issuer(lab)
    t.issuer.issue('a', 'URI:sip:a.example', curve='P-256', days=60)
    t.issuer.issue('b', 'URI:sip:b.example', curve='P-384')
    t.issuer.issue('rsa', 'URI:sip:b.example')
    t.stage = stage.Stage(lab, psk_a='', keying=METHODS, extra_a=t.issuer.config('a'),
                          extra_b=t.issuer.config('b'))


def reloaded(gate):
    before = gate.log().count('is in force')
    gate.reload()
    wait_for('the reload', lambda: gate.log().count('is in force') > before, 5)


def call(t, method, signs):
    s = t.stage
    for gate in (s.a, s.b):
        gate.keying = [method] + [m for m in METHODS if m != method]
        reloaded(gate)
    s.record()
    seen = []
    s.talk(s.alice, s.bob, stage.BOB, during=lambda: seen.extend(s.a.calls() + s.b.calls()))
    t.claim(f'{method} with {signs}', [c['method'] for c in seen] == [method, method], str(seen))
    t.claim('both are sealed', [c['verdict'] for c in seen] == ['sealed', 'sealed'], str(seen))
    paths = s.recorded()
    t.claim('media intact and sealed', '; '.join(s.check_media(paths)))
    t.claim('SDP on the wire is sealed', claims.sdp_sealed(paths['wire']))


def check(t):
    s = t.stage
    for method in METHODS:
        call(t, method, 'P-256 and P-384')
    s.b.extra = t.issuer.config('rsa').replace('key = ', 'signature = "pss"; key = ')
    for method in METHODS:
        call(t, method, 'P-256 and RSA-PSS')
    status, text = s.a.ask('certs', '--json')
    told = json.loads(text)
    t.claim('the key is told', told['own'][0]['key'] == 'ECDSA P-256', text)
    t.claim('the days are told', told['own'][0]['days_left'] in (59, 60), text)
    # the issuer is over in 30 days
    t.claim('what is over soon is warned of', status == 4 and len(told['warnings']) == 1
            and 'anchor CN=ca is over in 29 days' in told['warnings'][0], text)
