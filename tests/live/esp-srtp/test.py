"""SRTP in ESP, both keyed by one MIKEY exchange, which gets new keys meanwhile

Between the gateways there is ESP and nothing else; opened by the kernel's keys, what is
in it is SRTP, with none of the phones' words. Speech arrives from end to end, and over a
change of both kinds of key not one packet is lost. Where the far end wants ESP alone there
is no call and no packet.
"""
import re
import subprocess
import time

from lib import claims, stage
from lib.lab import wait_for

KERNEL = 'esp'
PORTS = range(40000, 41000)
PATIENCE = 90  # seconds: a command takes one or two in a guest on a busy machine
SUITE, ESP, TAG = 'AEAD_AES_128_GCM', 'AES_128_GCM', 16
BOTH = f'media = "esp+srtp"; esp = [ "{ESP}" ];'


def setup(t):
    t.stage = stage.Stage(t.open(), seconds=300, sealed=BOTH, keying=['mikey-dhhmac'],
                          suites=[SUITE], capability='net_admin', media='grace = 3;')


def keys(gate):
    """Those of the SAs in the gateway's kernel, by SPI."""
    done = subprocess.run(gate.lab.net.command(gate.host, 'ip', 'xfrm', 'state'),
                          capture_output=True, text=True, check=True)
    return dict(re.findall(r'proto esp spi (0x[0-9a-f]+).*?aead rfc4106\(gcm\(aes\)\) '
                           r'(0x[0-9a-f]+)', done.stdout, re.S))


def look(t):
    for gate in (t.stage.b, t.stage.a):
        call, = gate.calls()
        t.claim(f'{gate.host}: sealed by SRTP in ESP', call['verdict'] == 'sealed' and
                'SRTP, in ESP' in call['reason'] and call['suite'] == SUITE and
                call['esp'] == ESP, str(call))
    return call['id']  # a's


def renew(t):
    s = t.stage
    call = look(t)
    t.keys = keys(s.a)
    t.claim('two SAs', len(t.keys) == 2 and t.keys == keys(s.b), str(list(t.keys)))
    s.a.tell('rekey', call)
    for gate in (s.a, s.b):
        wait_for('two other SAs', lambda g=gate: len(keys(g)) == 2 and
                 not set(keys(g)) & set(t.keys), PATIENCE, step=0.5)
    fresh = keys(s.a)
    t.claim('both ends have two new SAs, and no old one', fresh == keys(s.b))
    t.claim('with other keys', not set(fresh.values()) & set(t.keys.values()))
    t.keys.update(fresh)
    time.sleep(1)


def talk(t):
    s = t.stage
    s.talk(s.alice, s.bob, stage.BOB, seconds=6, during=lambda: renew(t))
    paths = s.recorded()
    for link in ('phone-a', 'phone-b'):
        t.claim('nothing but ESP on the wire', claims.esp_only(paths['wire'], paths[link], PORTS))
    within = claims.in_esp(paths['wire'], t.keys)
    for link, gate in (('phone-a', s.a), ('phone-b', s.b)):
        t.claim('and in it SRTP', claims.srtp_in_esp(within, paths[link], gate.inside,
                                                     gate.outside, TAG))
    t.claim('not a packet from a to b is lost', claims.none_lost(
        paths['phone-a'], paths['phone-b'], s.a.inside, s.b.inside))
    t.claim('not a packet from b to a is lost', claims.none_lost(
        paths['phone-b'], paths['phone-a'], s.b.inside, s.a.inside))
    for gate in (s.a, s.b):
        t.claim(f'{gate.host}: no call is left', gate.gone(PATIENCE))
        t.claim(f'{gate.host}: no SA is left', not keys(gate))


def half(t, media):
    """b wants something else, and then nothing is."""
    s = t.stage
    s.b.sealed = media
    before = s.b.log().count('is in force')
    s.b.reload()
    wait_for('the reload', lambda: s.b.log().count('is in force') > before, PATIENCE)
    s.record()
    for caller, callee, uri in ((s.alice, s.bob, stage.BOB), (s.bob, s.alice, stage.ALICE)):
        caller.forget()
        callee.forget()
        caller.dial(uri)
        caller.wait_event('CALL_CLOSED', PATIENCE)
    paths = s.recorded()
    t.claim(f'b has {media}: no media', claims.media_absent(*paths.values()))
    for gate in (s.a, s.b):
        t.claim(f'{gate.host}: no call and no SA', gate.gone(PATIENCE) and not keys(gate))


def check(t):
    talk(t)
    half(t, f'media = "esp"; esp = [ "{ESP}" ];')
