#!/usr/bin/env python3
"""Computes mikey_ike_keys.json: the pre-shared key and the name of a tunnel that IKE raises, from a
TGK by a plain reading of RFC 3830 4.1.2 and 4.1.3, with nothing of the code under test."""
import json

from mikey_esp_keys import prf

PSK, NAME = 0x2AD01C64, 0x39A2C14B  # the TEK's constant and the salt's


def case(number, prf_no, tgk_len, tunnel):
    tgk = bytes((11 * i + number) & 255 for i in range(tgk_len))
    rand = bytes(0x20 + number + i for i in range(16))
    nonces = {'initiator': bytes(0x60 + number + i for i in range(16)),
              'responder': bytes(0xa0 + number + i for i in range(16))}
    csb_id = 0x50607080 + number

    def derive(constant, length):
        label = (constant.to_bytes(4, 'big') + bytes([2 * tunnel - 1]) + csb_id.to_bytes(4, 'big')
                 + rand + nonces['initiator'] + nonces['responder'])
        return prf(['sha1', 'sha256'][prf_no], tgk, label, length).hex()

    return {'prf': prf_no, 'tgk': tgk.hex(), 'csb_id': csb_id, 'tunnel': tunnel,
            'rand': rand.hex(), 'initiator': nonces['initiator'].hex(),
            'responder': nonces['responder'].hex(), 'psk': derive(PSK, 32),
            'name': derive(NAME, 16)}


if __name__ == '__main__':
    print(json.dumps({
        'source': 'RFC 3830 4.1.2, 4.1.3 with the label of doc/MIKEY-IPSEC.md: computed by '
                  'mikey_ike_keys.py',
        'cases': [case(1, 0, 32, 1), case(2, 1, 32, 2), case(3, 0, 192, 8), case(4, 1, 66, 1)],
    }, indent=1))
