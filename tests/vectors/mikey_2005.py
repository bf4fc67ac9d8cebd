#!/usr/bin/env python3
"""Makes mikey_2005_invite.txt and mikey_2005.json: an INVITE that keys ESP in the dialect of 2005,
our answer to it and the keys. A plain reading with Python's hmac and the openssl command, and
nothing of the code under test. No message of a peer of that time is behind it: the INVITE is ours,
made to the letter of the dialect (doc/MIKEY-IPSEC.md). tests/live/esp-2005 calls with it, too."""
import base64
import hmac
import json
import pathlib
import subprocess

from mikey_esp_keys import AUTH, ENCR, prf

TGK = bytes(0x30 + i for i in range(24))  # no multiple of 32: see the dialect's PRF
RAND = bytes(0xa0 + i for i in range(16))
NONE = bytes(4)
OFFER, VERIFY = 0, 1
T, ID, V, SP, RAND_TYPE, KEMAC = 5, 6, 9, 10, 11, 1
# What runs back to the offerer, and what runs forth, by their places.
BACK, FORTH = 1, 2
KEY, AUTH_KEY = 24, 16  # octets


def session(spi, source, destination):
    """Policy 0; addresses with their last octet first."""
    return bytes([0]) + spi.to_bytes(4, 'big') + source[::-1] + destination[::-1]


def policy():
    """SATYPE ESP, transport mode, flags, 3DES with 24 octets, HMAC-SHA-1 with 16."""
    values = [3, 1, 1, 3, KEY, 3, AUTH_KEY]
    params = b''.join(bytes([i, 1, v]) for i, v in enumerate(values))
    return bytes([0, 7]) + len(params).to_bytes(2, 'big') + params


def sdp(address, port):
    return '\r\n'.join(['v=0', f'o=alice 1 1 IN IP4 {address}', 's=-', f'c=IN IP4 {address}',
                        't=0 0', f'm=audio {port} RTP/AVP 0', ''])


class Exchange:
    """The offer of alice, who knows neither bob's address nor the SPI on which he receives."""

    def __init__(self, alice=b'sip:alice@a.example', bob=b'sip:bob@b.example',
                 a_ip=bytes([192, 0, 2, 1]), a_spi=0x00c0ffee, psk=b'0123456789abcdef',
                 csb=0x2005cafe, seconds=1900000000):
        """seconds: of 1970, UTC."""
        self.alice, self.bob, self.a_ip, self.a_spi = alice, bob, a_ip, a_spi
        self.psk, self.csb = psk, csb
        self.stamp = ((seconds + 2208988800) << 32).to_bytes(8, 'big')

    def derive(self, key, constant, cs_id, length):
        label = (constant.to_bytes(4, 'big') + bytes([cs_id]) + self.csb.to_bytes(4, 'big')
                 + RAND)
        return prf('sha1', key, label, length)

    def keys(self, cs_id):
        """Of encryption and of integrity."""
        return self.derive(TGK, ENCR, cs_id, KEY), self.derive(TGK, AUTH, cs_id, AUTH_KEY)

    def header(self, data_type, first, v, sessions):
        return (bytes([1, data_type, first, v << 7]) + self.csb.to_bytes(4, 'big')
                + bytes([len(sessions), 7]) + b''.join(sessions))

    def kemac_data(self):
        """The TGK under AES in counter mode (RFC 3830 4.2.3)."""
        plain = bytes([0, 0]) + len(TGK).to_bytes(2, 'big') + TGK
        salt = self.derive(self.psk, 0x29B88916, 0xff, 14)
        mask = bytes(2) + self.csb.to_bytes(4, 'big') + self.stamp
        iv = bytes(x ^ y for x, y in zip(salt, mask)) + bytes(2)
        key = self.derive(self.psk, 0x150533E1, 0xff, 16)
        return subprocess.run(['openssl', 'enc', '-aes-128-ctr', '-nopad', '-K', key.hex(), '-iv',
                               iv.hex()], input=plain, check=True, capture_output=True).stdout

    def mac(self, *runs):
        return hmac.digest(self.derive(self.psk, 0x2D22AC75, 0xff, 20), b''.join(runs), 'sha1')

    def offer(self):
        sessions = [session(self.a_spi, NONE, self.a_ip), session(0, self.a_ip, NONE)]
        data = self.kemac_data()
        m = (self.header(OFFER, T, 1, sessions) + bytes([RAND_TYPE, 0]) + self.stamp
             + bytes([SP, len(RAND)]) + RAND + bytes([KEMAC]) + policy()
             + bytes([0, 1]) + len(data).to_bytes(2, 'big') + data + bytes([1]))
        return m + self.mac(m)

    def answer(self, b_ip, b_spi):
        """What bob has to say to it."""
        sessions = [session(self.a_spi, b_ip, self.a_ip), session(b_spi, self.a_ip, b_ip)]
        m = (self.header(VERIFY, T, 0, sessions) + bytes([ID, 0]) + self.stamp
             + bytes([V, 1]) + len(self.bob).to_bytes(2, 'big') + self.bob + bytes([0, 1]))
        return m + self.mac(m, self.alice, self.bob, self.stamp)

    def body(self, description):
        parts = [('application/mikey', base64.b64encode(self.offer()).decode()),
                 ('application/sdp', description)]
        text = ''.join(f'--boun=_dry\r\nContent-type: {t}\r\n\r\n{b}\r\n\r\n' for t, b in parts)
        return text + '--boun=_dry--\r\n'


CONTENT_TYPE = 'Content-Type: multipart/mixed; boundary=boun=_dry'


def invite(exchange):
    body = exchange.body(sdp('192.0.2.1', 4000))
    head = ['INVITE sip:bob@b.example SIP/2.0', 'From: <sip:alice@a.example>;tag=2005',
            'To: <sip:bob@b.example>', 'Call-ID: 2005@a.example', 'CSeq: 1 INVITE',
            'Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK2005', 'Max-Forwards: 70',
            'Contact: <sip:alice@192.0.2.1>', CONTENT_TYPE,
            f'Content-Length: {len(body)}', '', '']
    return '\r\n'.join(head) + body


def main():
    here = pathlib.Path(__file__).parent
    e = Exchange()
    answer = e.answer(bytes([198, 51, 100, 2]), 0x00000b0b)
    (in_key, in_auth), (out_key, out_auth) = e.keys(FORTH), e.keys(BACK)
    (here / 'mikey_2005_invite.txt').write_bytes(invite(e).encode())
    (here / 'mikey_2005.json').write_text(json.dumps({
        'source': 'made by mikey_2005.py to the letter of the dialect, not from a peer of 2005',
        'cases': [{
            'offer': e.offer().hex(), 'answer': answer.hex(),
            'in_key': in_key.hex(), 'in_auth': in_auth.hex(),
            'out_key': out_key.hex(), 'out_auth': out_auth.hex(),
        }]}, indent=1) + '\n')


if __name__ == '__main__':
    main()
