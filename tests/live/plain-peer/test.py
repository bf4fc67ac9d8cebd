"""A peer whose profile forbids sealing: the call passes in clear and is called plain

So does a fax that takes over from voice (T.38): its datagrams are not looked at.
"""
import socket
import struct

from lib import claims, rtp, sip, stage
from lib.ua import Agent, connect, exchange

FAX = 'm=image {} udptl t38\r\na=T38FaxVersion:0\r\n'


def setup(t):
    t.stage = stage.Stage(t.open(), profile='plain')


def fax_port(message):
    return int(message.sdp('m')[0].split()[1])


def udptl(number):
    """A sequence number, a primary packet, no redundancy (T.38 9.1)."""
    return struct.pack('!HB', number, 6) + b'pages' + bytes([number & 255, 0, 0])


def pages(t, sender, gate, port, receiver):
    """Numbers that begin as RTP and RTCP do are among them."""
    sent = [udptl(n) for n in (0, 1, 2, 0x8000, 0x80c8, 0xffff)]
    got = []
    receiver.media.settimeout(5)
    for one in sent:
        sender.media.sendto(one, (gate, port))
        try:
            got.append(receiver.media.recv(2048))
        except socket.timeout:
            break
    t.claim(f'UDPTL of {sender.uri} arrives as it was', got == sent, f'{len(got)} of {len(sent)}')


def fax(t, a, b):
    """Voice, then a fax that the called one wants, as it is usual."""
    s = t.stage
    dialog, back, _, _ = connect(a, b, stage.BOB, a.offer(), b.offer())
    lines = [FAX.format(x.port + 2) for x in (a, b)]
    body = [x.offer().split('m=audio')[0] + line for x, line in zip((a, b), lines)]
    got, final = exchange(b, back, 1, a, 'INVITE', (body[1], body[0]))
    t.claim('T.38 passes both ways', final.status == 200 and all(
        m.sdp('m')[0].endswith('udptl t38') and 'a=T38FaxVersion:0' in m.body
        for m in (got, final)), got.body)
    pages(t, a, s.a.inside, fax_port(got), b)
    pages(t, b, s.b.inside, fax_port(final), a)
    t.claim('it is still called plain', s.verdicts() == ['plain', 'plain'])
    got, final = exchange(a, dialog, 2, b, 'INVITE', (a.offer(), b.offer()))
    t.claim('and voice takes over again', final.status == 200 and 'm=audio' in got.body)
    t.claim('BYE', exchange(a, dialog, 3, b, 'BYE')[1].status == 200)


def check(t):
    s = t.stage
    seen = []
    s.talk(s.alice, s.bob, stage.BOB, during=lambda: seen.extend(s.verdicts()))
    t.claim('plain at both', seen == ['plain', 'plain'], str(seen))
    paths = s.recorded()
    t.claim('media intact', claims.media_intact(paths['phone-a'], paths['phone-b'], s.a.inside,
                                                s.b.inside))
    payloads = {p.payload for p in rtp.sent(paths['phone-a'])}
    found = rtp.in_clear(payloads, paths['wire'])
    t.claim('and in clear on the wire', found > 0.9 * len(payloads), f'{found} of {len(payloads)}')
    for message in sip.messages(paths['wire']):
        t.claim('no key on the wire', not message.mikey())
    t.claim('no inner address on the wire', claims.hidden(paths['wire'], [
        s.alice.address, s.bob.address, s.a.inside, s.b.inside]))
    s.bob.stop()
    fax(t, Agent(t.lab, 'phone-a', s.alice.address, stage.ALICE, (s.a.inside, 5060)),
        Agent(t.lab, 'phone-b', s.bob.address, stage.BOB, (s.b.inside, 5060), 5060))
