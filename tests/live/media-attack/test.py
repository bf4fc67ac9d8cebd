"""Forged, replayed and plain packets thrown at an open sealed stream reach no phone

Somebody on the net sends copies of what he saw, changed copies, plain RTP and noise
to the media ports, from his own and from the true addresses; on the inside another
host sends to the plain port. The call goes on unharmed.
"""
import socket
import struct
import time

from lib import claims, pcap, rtp, stage
from lib.capture import Capture


def setup(t):
    t.stage = stage.Stage(t.open())
    t.early = Capture(t.lab, 'early', 'wire')


def checksum(data):
    total = sum(struct.unpack(f'!{len(data) // 2}H', data))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff


def spoofed(source, sport, dest, dport, data):
    """An IPv4 datagram with a source that is not ours."""
    udp = struct.pack('!HHHH', sport, dport, 8 + len(data), 0) + data
    head = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + len(udp), 1, 0, 64, socket.IPPROTO_UDP, 0,
                       socket.inet_aton(source), socket.inet_aton(dest))
    return head[:10] + struct.pack('!H', checksum(head)) + head[12:] + udp


def attack(t):
    s = t.stage
    time.sleep(1.5)
    seen = [p for p in pcap.datagrams(t.early.stop())
            if p.source == s.a.outside and rtp.parse(p)]
    one = seen[-1]
    changed = bytes([one.data[0], one.data[1]]) + bytes(
        b ^ 1 for b in one.data[2:])
    ahead = one.data[:2] + struct.pack('!H', (rtp.parse(one).seq + 500) & 0xffff) + one.data[4:]
    plain = struct.pack('!BBHII', 0x80, 0, 1, 1, 0x666) + b'mallory!' * 20
    evil = [p.data for p in seen] + [changed, ahead, plain, b'', b'\x80', b'\xff' * 1400,
                                     b'\x80\xc9\0\x01' + b'\0' * 4]
    with t.lab.net.inside('net'):
        own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        own.bind((t.lab.net.address('net-b'), 0))
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    with own, raw:
        for data in evil * 3:
            own.sendto(data, (one.dest, one.port_to))
            raw.sendto(spoofed(one.source, one.port_from, one.dest, one.port_to, data),
                       (one.dest, 0))
            time.sleep(0.001)
    t.evil = len(evil) * 3 * 2
    t.seen = one
    time.sleep(0.5)
    call = s.b.call(s.b.calls()[0]['id'])
    t.outside = call['streams'][0]['outside']


def check(t):
    s = t.stage
    s.talk(s.alice, s.bob, stage.BOB, seconds=5, during=lambda: attack(t))
    paths = s.recorded()
    t.claim('only what Alice said reached Bob', claims.media_intact(
        paths['phone-a'], paths['phone-b'], s.a.inside, s.b.inside))
    t.claim('and back', claims.media_intact(
        paths['phone-b'], paths['phone-a'], s.b.inside, s.a.inside))
    t.claim('media still go to gate-a', t.outside['remote'].rsplit(':', 1)[0] == s.a.outside,
            t.outside['remote'])
    t.claim('replays were counted', t.outside['dropped_replay'] > 0, str(t.outside))
    t.claim('forgeries were counted', t.outside['dropped_auth'] + t.outside['dropped_source'] > 0)
    counted = sum(v for k, v in t.outside.items() if k.startswith('dropped_'))
    t.claim('every evil packet was', counted >= t.evil * 0.95, f'{counted} of {t.evil}')
