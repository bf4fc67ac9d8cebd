#!/usr/bin/env python3
"""Computes mikey_esp_keys.json: ESP keys from a TGK by a plain reading of RFC 3830 4.1.2 and 4.1.3
(RFC 6043 6.1 for the second PRF), with Python's hmac alone and nothing of the code under test."""
import hmac
import json

ENCR, AUTH, SALT, TEK = 0x15798CEF, 0x1B5C7973, 0x39A2C14B, 0x2AD01C64
LENGTHS = {  # octets of encryption key, integrity key, salt
    'AES_128_GCM': (16, 0, 4), 'AES_256_GCM': (32, 0, 4),
    'AES_128_CBC_HMAC_SHA256_128': (16, 32, 0), 'AES_256_CBC_HMAC_SHA256_128': (32, 32, 0),
    'AES_128_CBC_HMAC_SHA1_96': (16, 20, 0), '3DES_CBC_HMAC_SHA1_96': (24, 20, 0),
}


def prf(hash_name, inkey, label, length):
    """PRF(inkey, label): the XOR of P over inkey's blocks of 256 bits."""
    out = bytes(length)
    for at in range(0, len(inkey), 32):
        s, a, p = inkey[at:at + 32], label, b''
        while len(p) < length:
            a = hmac.digest(s, a, hash_name)
            p += hmac.digest(s, a + label, hash_name)
        out = bytes(x ^ y for x, y in zip(out, p))
    return out


def case(number, prf_no, tgk_len, suite, cs_id, fresh_len, auth_len=None):
    tgk = bytes((7 * i + number) & 255 for i in range(tgk_len))
    rand = bytes(0x40 + number + i for i in range(16))
    fresh = bytes(0x80 + number + i for i in range(fresh_len))
    csb_id = 0x10203040 + number
    key, auth, salt = LENGTHS[suite]
    auth = auth_len or auth

    def derive(constant, length):
        label = (constant.to_bytes(4, 'big') + bytes([cs_id]) + csb_id.to_bytes(4, 'big')
                 + rand + fresh)
        return prf(['sha1', 'sha256'][prf_no], tgk, label, length).hex()

    return {'prf': prf_no, 'suite': suite, 'tgk': tgk.hex(), 'csb_id': csb_id, 'cs_id': cs_id,
            'rand': rand.hex(), 'fresh': fresh.hex(), 'key': derive(ENCR, key),
            'auth': derive(AUTH, auth), 'salt': derive(SALT, salt)}


def within(number, prf_no, tgk_len, tunnels, lines, key, salt):
    """SRTP in tunnels: master keys of the sessions behind theirs, by the first one's nonces."""
    tgk = bytes((5 * i + number) & 255 for i in range(tgk_len))
    rand = bytes(0x20 + number + i for i in range(16))
    fresh = bytes(0xa0 + number + i for i in range(32))
    csb_id = 0x50607080 + number

    def derive(constant, cs_id, length):
        label = (constant.to_bytes(4, 'big') + bytes([cs_id]) + csb_id.to_bytes(4, 'big')
                 + rand + fresh)
        return prf(['sha1', 'sha256'][prf_no], tgk, label, length).hex()

    first = 2 * tunnels + 1
    return {'prf': prf_no, 'tgk': tgk.hex(), 'csb_id': csb_id, 'rand': rand.hex(),
            'fresh': fresh.hex(), 'tunnels': tunnels,
            'suite': {16: 'AEAD_AES_128_GCM', 32: 'AEAD_AES_256_GCM'}[key]
            if salt == 12 else 'AES_CM_128_HMAC_SHA1_80',
            'lines': [{'forth': derive(TEK, cs, key), 'forth_salt': derive(SALT, cs, salt),
                       'back': derive(TEK, cs + 1, key), 'back_salt': derive(SALT, cs + 1, salt)}
                      for cs in range(first, first + 2 * lines, 2)]}


WITHIN = [
    within(1, 0, 16, 1, 1, 16, 12), within(2, 0, 32, 1, 3, 32, 12),
    within(3, 1, 20, 2, 2, 16, 14), within(4, 0, 192, 8, 8, 16, 14),
]

CASES = [
    case(1, 0, 16, 'AES_128_GCM', 1, 32), case(2, 0, 32, 'AES_256_GCM', 2, 32),
    case(3, 0, 32, 'AES_256_CBC_HMAC_SHA256_128', 3, 32),
    case(4, 0, 192, 'AES_128_CBC_HMAC_SHA256_128', 16, 32),
    case(5, 1, 48, 'AES_256_GCM', 1, 32), case(6, 1, 20, 'AES_128_CBC_HMAC_SHA256_128', 2, 32),
    case(7, 0, 24, '3DES_CBC_HMAC_SHA1_96', 1, 0, 16),
    case(8, 0, 16, 'AES_128_CBC_HMAC_SHA1_96', 2, 0),
]

if __name__ == '__main__':
    print(json.dumps({
        'source': 'RFC 3830 4.1.2, 4.1.3 and RFC 6043 6.1, which print no vectors: computed by '
                  'mikey_esp_keys.py. "fresh" stands behind RAND (doc/MIKEY-IPSEC.md)',
        'verified': 'the encryption keys of TGKs up to 256 bits also by OpenSSL TLS1-PRF, the '
                    'same construction',
        'cases': CASES, 'within': WITHIN}, indent=1))
