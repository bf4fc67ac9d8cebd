"""Keys by certificates instead of a shared secret: each MIKEY method that uses them

Two gateways, each with a certificate of one issuer, call by public-key encryption,
by its reverse mode and by signed Diffie-Hellman, in a group and on a curve, the method
changed by a reload. Then
one gets a certificate for another domain, and one of an issuer that the other does
not believe: its calls are refused.
"""
from lib import certs, claims, stage
from lib.lab import wait_for

METHODS = {'mikey-rsa': '2, 3', 'mikey-rsa-r': '10, 9', 'mikey-dh': '4, 5',
           'mikey-ecdh': '4, 5'}
ALL = list(METHODS)


def setup(t):
    lab = t.open()
    t.issuer = certs.Issuer(lab)
    paths = {name: t.issuer.issue(name, f'URI:sip:{name}.example') for name in 'ab'}
    t.stage = stage.Stage(
        lab, psk_a='', keying=ALL,
        peer_a={'cert': f'file:{paths["b"]}'}, peer_b={'cert': f'file:{paths["a"]}'},
        extra_a=t.issuer.config('a'), extra_b=t.issuer.config('b'))


def reloaded(gate):
    before = gate.log().count('is in force')
    gate.reload()
    wait_for('the reload', lambda: gate.log().count('is in force') > before, 5)


def call(t, method):
    s = t.stage
    s.record()
    seen = []
    s.talk(s.alice, s.bob, stage.BOB, during=lambda: seen.extend(s.a.calls() + s.b.calls()))
    t.claim(f'{method} at both', [c['method'] for c in seen] == [method, method], str(seen))
    t.claim('both are sealed', [c['verdict'] for c in seen] == ['sealed', 'sealed'], str(seen))
    paths = s.recorded()
    t.claim('media intact and sealed', '; '.join(s.check_media(paths)))
    t.claim('SDP on the wire is sealed', claims.sdp_sealed(paths['wire']))
    read = claims.mikey_dissects(paths['wire'])  # tshark: the INVITE comes in fragments
    t.claim('an offer and a response', f'types {METHODS[method]}' in read, read)


def refused(t, what, config, reason):
    s = t.stage
    s.a.extra = config
    reloaded(s.a)
    s.alice.forget()
    s.alice.dial(stage.BOB)
    s.alice.wait_event('CALL_CLOSED')
    t.claim(f'{what} is refused', not s.a.calls() and not s.b.calls())
    t.claim(f'{what}: the log says why', reason in s.a.log() + s.b.log(), reason)


def check(t):
    s = t.stage
    for i, method in enumerate(ALL):
        for gate in (s.a, s.b):  # the favourite of both, the next in the list remembered
            gate.keying = ALL[i:] + ALL[:i]
            reloaded(gate)
        call(t, method)
    t.issuer.issue('other', 'URI:sip:c.example')
    refused(t, 'another domain', t.issuer.config('other'), 'our own certificate is for')
    rogue = certs.Issuer(s.lab, 'rogue')
    rogue.issue('a', 'URI:sip:a.example')
    refused(t, 'an unknown issuer', rogue.config('a', t.issuer.ca), 'certificate is refused')
    for gate in (s.a, s.b):
        t.claim('no call is left', gate.calls() == [])
