"""Keys derived and MACed by HMAC-SHA-256 one way of calling, by HMAC-SHA-1 the other

One gateway has mikey.hash = "sha-256", the other the default; each takes the other's
offer. Pre-shared key and Diffie-Hellman under it.
"""
from lib import claims, sip, stage

HASHES = {'a': 'sha-256', 'b': 'sha-1'}
PRF = {'a': 1, 'b': 0}


def setup(t):
    t.stage = stage.Stage(t.open(), hash_a=HASHES['a'])


def prfs(wire):
    """What each MIKEY message on the wire says of its PRF (RFC 3830 6.1)."""
    return {raw[3] & 0x7f for message in sip.messages(wire) for _, raw in message.mikey()}


def check(t):
    s = t.stage
    for method in ('mikey-psk', 'mikey-dhhmac'):
        for gate in (s.a, s.b):
            gate.stop()
            gate.keying = [method]
            gate.start()
        for site, caller, callee, uri in (('a', s.alice, s.bob, stage.BOB),
                                          ('b', s.bob, s.alice, stage.ALICE)):
            s.record()
            s.talk(caller, callee, uri, seconds=2)
            paths = s.recorded()
            what = f'{method}, {HASHES[site]}'
            t.claim(f'{what}: media intact and sealed', '; '.join(s.check_media(paths)))
            t.claim(f'{what}: SDP on the wire is sealed', claims.sdp_sealed(paths['wire']))
            t.claim(f'{what}: tshark dissects it', claims.mikey_dissects(paths['wire']))
            t.claim(f'{what}: both messages say so', prfs(paths['wire']) == {PRF[site]})
