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
from lib.forged import Forger


def setup(t):
    t.stage = stage.Stage(t.open())
    t.early = Capture(t.lab, 'early', 'wire')


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
    forger = Forger(t.lab)
    with t.lab.net.inside('net'):
        own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        own.bind((t.lab.net.address('net-b'), 0))
    with own:
        for data in evil * 3:
            own.sendto(data, (one.dest, one.port_to))
            forger.send(one.source, one.port_from, one.dest, one.port_to, data)
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
