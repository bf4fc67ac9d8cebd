"""Calls in ESP tunnels, keyed by MIKEY: raised and removed by the kernel's IPsec

Real phones, real speech. Between the gateways there is SIP and ESP and nothing
else, each packet of a phone arrives at the other one as it was, the ports of
tunnels take nothing in clear, and when a call is over the kernel has none of it.
A call by a pre-shared key, one by RSA, one by Diffie-Hellman, over IPv6, and both
kinds of cipher (esp-rekey has IPv4).
"""
import subprocess

from lib import certs, claims, stage
from lib.lab import wait_for

KERNEL = 'esp'
PORTS = range(40000, 41000)
PATIENCE = 90  # seconds: a command takes one or two in a guest on a busy machine
CASES = (('mikey-psk', 'AES_128_GCM'), ('mikey-rsa', 'AES_256_CBC_HMAC_SHA256_128'),
         ('mikey-dh', 'AES_256_GCM'))


METHODS = [method for method, _ in CASES]


def profile(i):
    return f'media = "esp"; esp = [ "{CASES[i][1]}" ];'


def setup(t):
    lab = t.open()
    issuer = certs.Issuer(lab)
    paths = {name: issuer.issue(name, f'URI:sip:{name}.example') for name in 'ab'}
    t.stage = stage.Stage(
        lab, outside_six=True, keying=METHODS, sealed=profile(0), capability='net_admin',
        peer_a={'cert': f'file:{paths["b"]}'}, peer_b={'cert': f'file:{paths["a"]}'},
        extra_a=issuer.config('a'), extra_b=issuer.config('b'))


def states(gate):
    """The kernel's SAs, as a text; how many there are."""
    text = subprocess.run(gate.lab.net.command(gate.host, 'ip', 'xfrm', 'state'),
                          capture_output=True, text=True, check=True).stdout
    return text, text.count('proto esp')


def change(t, i):
    for gate in (t.stage.a, t.stage.b):  # the favourite of both
        gate.keying, gate.sealed = METHODS[i:] + METHODS[:i], profile(i)
        before = gate.log().count('is in force')
        gate.reload()
        wait_for('the reload', lambda: gate.log().count('is in force') > before, PATIENCE)


def look(t, method, suite):
    for gate in (t.stage.a, t.stage.b):
        call, = gate.calls()
        t.claim(f'{gate.host}: sealed in ESP', call['verdict'] == 'sealed' and
                call['suite'] == suite and call['method'] == method, str(call))
        text, count = states(gate)
        t.claim(f'{gate.host}: two SAs in the kernel', count == 2, text)


def talk(t, method, suite):
    s = t.stage
    s.talk(s.alice, s.bob, stage.BOB, seconds=4, during=lambda: look(t, method, suite))
    paths = s.recorded()
    for link in ('phone-a', 'phone-b'):
        t.claim('nothing but ESP on the wire', claims.esp_only(paths['wire'], paths[link], PORTS))
    t.claim('not a packet from a to b is lost', claims.none_lost(
        paths['phone-a'], paths['phone-b'], s.a.inside, s.b.inside))
    t.claim('not a packet from b to a is lost', claims.none_lost(
        paths['phone-b'], paths['phone-a'], s.b.inside, s.a.inside))
    for gate in (s.a, s.b):
        t.claim(f'{gate.host}: no call is left', gate.gone(PATIENCE))
        text, count = states(gate)
        t.claim(f'{gate.host}: no SA is left', count == 0, text)


def check(t):
    for i, (method, suite) in enumerate(CASES):
        if i:
            t.stage.record()
            change(t, i)
        talk(t, method, suite)
