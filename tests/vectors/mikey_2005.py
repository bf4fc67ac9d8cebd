#!/usr/bin/env python3
"""Makes mikey_2005_invite.txt and mikey_2005.json: an INVITE that keys ESP in the dialect of 2005,
our answer to it and the keys. A plain reading with Python's hmac and the openssl command, and
nothing of the code under test. No message of a peer of that time is behind it: the INVITE is ours,
made to the letter of the dialect (doc/MIKEY-IPSEC.md)."""
import base64
import hmac
import json
import pathlib
import subprocess

from mikey_esp_keys import AUTH, ENCR, prf

PSK = b'0123456789abcdef'
TGK = bytes(0x30 + i for i in range(24))  # no multiple of 32: see the dialect's PRF
RAND = bytes(0xa0 + i for i in range(16))
CSB = 0x2005cafe
SECONDS = 1900000000  # of 1970, UTC
ALICE, BOB = b'sip:alice@a.example', b'sip:bob@b.example'
A_IP, B_IP = bytes([192, 0, 2, 1]), bytes([198, 51, 100, 2])
A_SPI, B_SPI = 0x00c0ffee, 0x00000b0b
NONE = bytes(4)
OFFER, VERIFY = 0, 1
T, ID, V, SP, RAND_TYPE, KEMAC = 5, 6, 9, 10, 11, 1


def derive(key, constant, cs_id, length):
    label = constant.to_bytes(4, 'big') + bytes([cs_id]) + CSB.to_bytes(4, 'big') + RAND
    return prf('sha1', key, label, length)


def session(spi, source, destination):
    """Policy 0; addresses with their last octet first."""
    return bytes([0]) + spi.to_bytes(4, 'big') + source[::-1] + destination[::-1]


def header(data_type, first, v, sessions):
    return (bytes([1, data_type, first, v << 7]) + CSB.to_bytes(4, 'big')
            + bytes([len(sessions), 7]) + b''.join(sessions))


def stamp():
    return ((SECONDS + 2208988800) << 32).to_bytes(8, 'big')


def policy():
    """SATYPE ESP, transport mode, flags, 3DES with 24 octets, HMAC-SHA-1 with 16."""
    values = [3, 1, 1, 3, 24, 3, 16]
    params = b''.join(bytes([i, 1, v]) for i, v in enumerate(values))
    return bytes([0, 7]) + len(params).to_bytes(2, 'big') + params


def kemac_data():
    """The TGK under AES in counter mode (RFC 3830 4.2.3)."""
    plain = bytes([0, 0]) + len(TGK).to_bytes(2, 'big') + TGK
    salt = derive(PSK, 0x29B88916, 0xff, 14)
    mask = bytes(2) + CSB.to_bytes(4, 'big') + stamp()
    iv = bytes(x ^ y for x, y in zip(salt, mask)) + bytes(2)
    key = derive(PSK, 0x150533E1, 0xff, 16)
    return subprocess.run(['openssl', 'enc', '-aes-128-ctr', '-nopad', '-K', key.hex(), '-iv',
                           iv.hex()], input=plain, check=True, capture_output=True).stdout


def mac(*runs):
    return hmac.digest(derive(PSK, 0x2D22AC75, 0xff, 20), b''.join(runs), 'sha1')


def offer():
    # the offerer knows neither our address nor the SPI on which we receive
    sessions = [session(A_SPI, NONE, A_IP), session(0, A_IP, NONE)]
    data = kemac_data()
    m = (header(OFFER, T, 1, sessions) + bytes([RAND_TYPE, 0]) + stamp()
         + bytes([SP, len(RAND)]) + RAND + bytes([KEMAC]) + policy()
         + bytes([0, 1]) + len(data).to_bytes(2, 'big') + data + bytes([1]))
    return m + mac(m)


def answer():
    sessions = [session(A_SPI, B_IP, A_IP), session(B_SPI, A_IP, B_IP)]
    m = (header(VERIFY, T, 0, sessions) + bytes([ID, 0]) + stamp()
         + bytes([V, 1]) + len(BOB).to_bytes(2, 'big') + BOB + bytes([0, 1]))
    return m + mac(m, ALICE, BOB, stamp())


SDP = '\r\n'.join(['v=0', 'o=alice 1 1 IN IP4 192.0.2.1', 's=-', 'c=IN IP4 192.0.2.1', 't=0 0',
                   'm=audio 4000 RTP/AVP 0', ''])


def invite():
    parts = [('application/mikey', base64.b64encode(offer()).decode()), ('application/sdp', SDP)]
    body = ''.join(f'--boun=_dry\r\nContent-type: {t}\r\n\r\n{b}\r\n\r\n' for t, b in parts)
    body += '--boun=_dry--\r\n'
    head = ['INVITE sip:bob@b.example SIP/2.0', 'From: <sip:alice@a.example>;tag=2005',
            'To: <sip:bob@b.example>', 'Call-ID: 2005@a.example', 'CSeq: 1 INVITE',
            'Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK2005', 'Max-Forwards: 70',
            'Contact: <sip:alice@192.0.2.1>', 'Content-Type: multipart/mixed; boundary=boun=_dry',
            f'Content-Length: {len(body)}', '', '']
    return '\r\n'.join(head) + body


if __name__ == '__main__':
    here = pathlib.Path(__file__).parent
    (here / 'mikey_2005_invite.txt').write_bytes(invite().encode())
    (here / 'mikey_2005.json').write_text(json.dumps({
        'source': 'made by mikey_2005.py to the letter of the dialect, not from a peer of 2005',
        'cases': [{
            'offer': offer().hex(), 'answer': answer().hex(),
            'in_key': derive(TGK, ENCR, 2, 24).hex(), 'in_auth': derive(TGK, AUTH, 2, 16).hex(),
            'out_key': derive(TGK, ENCR, 1, 24).hex(), 'out_auth': derive(TGK, AUTH, 1, 16).hex(),
        }]}, indent=1) + '\n')
