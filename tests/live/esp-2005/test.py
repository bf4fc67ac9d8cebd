"""A caller who keys ESP in the dialect of 2005: answered to the letter, and heard in ESP

The caller is a program of its own: MIKEY by tests/vectors/mikey_2005.py, its SAs and policies by
`ip xfrm`, its ESP by the kernel. A real phone answers behind the gateway. Speech passes both
ways, nothing of it in clear; without mikey.legacy, or with a suite that the profile does not
name, there is no call.
"""
import base64
import os
import select
import socket
import subprocess
import sys
import time

from lib import claims, pcap, rtp, speech
from lib.capture import Capture
from lib.gateway import Gateway, Peer
from lib.lab import wait_for
from lib.phone import Phone
from lib.sip import Message
from lib.stage import ALICE, BOB
from lib.ua import SAMPLES, Agent

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '../../vectors'))
import mikey_2005  # noqa: E402

KERNEL = 'esp'
PATIENCE = 90  # seconds: a command takes one or two in a guest on a busy machine
PSK = '00112233445566778899aabbccddeeff'
SPI, OFFERED = 0x2005cafe, '3DES_CBC_HMAC_SHA1_96'
PORTS = range(40000, 41000)  # tunnel.ports
SPOKEN = bytes(range(1, SAMPLES + 1))


def profile(suite):
    return f'media = "esp"; esp_scope = "host"; esp = [ "{suite}" ];'


def setup(t):
    lab = t.open()
    address = lab.net.address
    peer = Peer('a', '*@a.example', psk=PSK, route=f'sip:{address("gate-a")}:5080',
                esp_nets=f'{address("gate-a")}/32')
    t.gate = Gateway(lab, 'b', [peer], {'bob': f'sip:bob@{address("phone-b")}:5060'},
                     sealed=profile(OFFERED), legacy=True, capability='net_admin').start()
    wav = os.path.join(lab.dir, 'speech.wav')
    speech.make(wav, seconds=60)
    t.bob = Phone(lab, 'b', BOB, wav)
    t.caller = Agent(lab, 'gate-a', address('gate-a'), ALICE, (t.gate.outside, 5060))


def xfrm(t, host, *words):
    return subprocess.run(t.lab.net.command(host, 'ip', 'xfrm', *words), capture_output=True,
                          text=True, check=True).stdout


def count(t):
    return xfrm(t, 'gate-b', 'state').count('proto esp')


def offered(t):
    """INVITE: the exchange and the dialog."""
    exchange = mikey_2005.Exchange(
        ALICE.encode(), BOB.encode(), socket.inet_aton(t.caller.address), SPI, bytes.fromhex(PSK),
        csb=int(time.time() * 1000) & 0xffffffff, seconds=int(time.time()))
    body = exchange.body(mikey_2005.sdp(t.caller.address, t.caller.port + 2))
    dialog = t.caller.request('INVITE', BOB, body, headers=(mikey_2005.CONTENT_TYPE,))
    return exchange, dialog


def parts(response):
    """MIKEY and SDP of an answer in the form of 2005."""
    _, mikey, sdp, end = response.body.split('--boun=_dry')
    assert end == '--\r\n', end
    head, text = mikey.split('\r\n\r\n', 1)
    assert head == '\r\nContent-type: application/mikey', head
    return text.strip(), sdp.split('\r\n\r\n', 1)[1]


def answered(t, exchange, dialog):
    """The 200 is what a program of 2005 reads: the SPI in it; where its media go."""
    response = t.caller.final(dialog, seconds=PATIENCE)
    t.claim('answered', response.status == 200, str(response))
    text, description = parts(response)
    got = base64.b64decode(text, validate=True)
    spi = int.from_bytes(got[24:28], 'big')
    want = exchange.answer(socket.inet_aton(t.gate.outside), spi)
    t.claim('with the message that the dialect has', got == want, f'{got.hex()} {want.hex()}')
    dialog['to'] = response.header('To')
    dialog['uri'] = response.header('Contact').split('<')[1].split('>')[0]
    port = int(Message(b'SIP/2.0 200 OK\r\n\r\n' + description.encode()).sdp('m')[0].split()[1])
    return spi, port


def raise_tunnel(t, exchange, spi, port):
    """As the caller: everything of the media in ESP, SIP not."""
    near, far = t.caller.address, t.gate.outside
    for source, dest, number, cs in ((near, far, spi, mikey_2005.FORTH),
                                     (far, near, SPI, mikey_2005.BACK)):
        key, auth = exchange.keys(cs)
        xfrm(t, 'gate-a', 'state', 'add', 'src', source, 'dst', dest, 'proto', 'esp', 'spi',
             str(number), 'reqid', '2005', 'mode', 'transport', 'enc', 'cbc(des3_ede)',
             f'0x{key.hex()}', 'auth-trunc', 'hmac(sha1)', f'0x{auth.hex()}', '96')
    for way, source, dest, ports in (('out', near, far, (t.caller.port + 2, port)),
                                     ('in', far, near, (port, t.caller.port + 2))):
        xfrm(t, 'gate-a', 'policy', 'add', 'src', source, 'dst', dest, 'proto', 'udp',
             'sport', str(ports[0]), 'dport', str(ports[1]), 'dir', way, 'tmpl', 'src', source,
             'dst', dest, 'proto', 'esp', 'reqid', '2005', 'mode', 'transport')


def talk(t, port, seconds=3):
    """The caller speaks; what he hears of the phone."""
    heard, end, n = [], time.monotonic() + seconds, 0
    while time.monotonic() < end:
        head = bytes([0x80, 0]) + n.to_bytes(2, 'big') + (n * SAMPLES).to_bytes(4, 'big')
        t.caller.media.sendto(head + b'2005' + SPOKEN, (t.gate.outside, port))
        n += 1
        while select.select([t.caller.media], [], [], 0.02)[0]:
            heard.append(t.caller.media.recvfrom(2048)[0])
    return n, heard


def look(t):
    call, = t.gate.calls()
    t.claim('sealed, by the suite of the profile',
            call['verdict'] == 'sealed' and call['suite'] == OFFERED, str(call))
    t.claim('and the reason says that it is weaker', 'weaker' in call['reason'], str(call))


def a_call(t):
    links = {link: Capture(t.lab, link, link) for link in ('wire', 'phone-b')}
    exchange, dialog = offered(t)
    spi, port = answered(t, exchange, dialog)
    raise_tunnel(t, exchange, spi, port)
    t.caller.request('ACK', BOB, dialog=dialog, cseq=dialog['cseq'])
    t.bob.wait_event('CALL_ESTABLISHED', PATIENCE)
    said, heard = talk(t, port)
    look(t)
    t.claim('the caller hears the phone', len(heard) > 50, str(len(heard)))
    t.caller.bye(dialog)
    t.bob.wait_event('CALL_CLOSED', PATIENCE)
    paths = {link: capture.stop() for link, capture in links.items()}
    reached = [p for p in rtp.sent(paths['phone-b'], source=t.gate.inside)
               if p.payload == SPOKEN]
    t.claim('the phone hears the caller', said - len(reached) < 5, f'{len(reached)} of {said}')
    t.claim('nothing but ESP on the wire',
            claims.esp_only(paths['wire'], paths['phone-b'], PORTS))
    t.claim('nor the caller', SPOKEN not in b''.join(p.data for p in pcap.datagrams(paths['wire'])))
    t.claim('no call is left', t.gate.gone(PATIENCE))
    wait_for('no SA', lambda: count(t) == 0, PATIENCE, step=0.5)
    t.claim('no SA is left')


def refused(t, what, status=488, **settings):
    for name, value in settings.items():
        setattr(t.gate, name, value)
    before = t.gate.log().count('is in force')
    t.gate.reload()
    wait_for('the reload', lambda: t.gate.log().count('is in force') > before, PATIENCE)
    _, dialog = offered(t)
    response = t.caller.final(dialog, seconds=PATIENCE)
    t.claim(f'{what}: refused', response.status == status, str(response))
    t.claim(f'{what}: nothing is left', not t.gate.calls() and count(t) == 0)


def check(t):
    a_call(t)
    refused(t, 'a suite that the profile does not name', sealed=profile('AES_128_GCM'))
    refused(t, 'without mikey.legacy', 400, legacy=False)
