#!/usr/bin/env python3
"""How long a packet of speech is on the wire, and what a loss costs: G.711 of 80 and
160 bytes (10 and 20 ms) as RTP, SRTP, ESP, ESP in UDP, and SRTP within ESP. Real
packets of the relay's transform and of a kernel with ESP. From the build folder:

    ../tests/kernel/vm 300 python3 ../bench/tunnel/bytes.py tests/mock/xfrmtool \\
        bench/srtp_packet

Lengths are those of IPv4 packets, without the link's frame. Of losses: for each
suite of ESP the link is cut for 20 packets, then for 1000, more than the replay
window, and it is counted what of the next 50 does not arrive. None of it depends
on the load of the machine."""
import contextlib
import os
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '../../tests/kernel'))
import guest  # noqa: E402
from guest import A, B, udp  # noqa: E402

TOOL, SRTP = (os.path.abspath(p) for p in sys.argv[1:3])
PAIR = f'own={A} peer={B} port=40000 far=50000 in=0x1001 out=0x2001'
BACK = f'own={B} peer={A} port=50000 far=40000 in=0x2001 out=0x1001'
UDP_ENCAP, ESP_IN_UDP = 100, 2
PAYLOADS = 80, 160
SRTPS = 'none', 'AES_CM_128_HMAC_SHA1_32', 'AES_CM_128_HMAC_SHA1_80', 'AEAD_AES_128_GCM'
ESPS = ((0, 'none'), (1, 'AES_128_GCM'), (2, 'AES_256_GCM'), (3, 'AES_128_CBC_HMAC_SHA256_128'),
        (4, 'AES_256_CBC_HMAC_SHA256_128'))


class Tunnel:
    """Both ends of one, by their tools."""

    def __init__(self):
        self.ends = [guest.Tool(host, [TOOL, guest.ledger(f'{host}.ledger')]) for host in 'ab']
        self.number = 0

    @contextlib.contextmanager
    def up(self, suite, more=''):
        self.number += 1
        for tool, ends in zip(self.ends, (PAIR, BACK)) if suite else ():
            tool.do('raise name=t', f'suite={suite} seed=n{self.number}', ends, more)
        yield
        for tool in self.ends if suite else ():
            tool.do('drop name=t')

    def close(self):
        for tool in self.ends:
            tool.end()


def packet(suite, size):
    return bytes.fromhex(subprocess.run([SRTP, suite, str(size)], capture_output=True, text=True,
                                        check=True).stdout)


def length(wire, left, right, data):
    """Of the IP packet that data becomes."""
    wire.seen()
    left.sendto(data, (B, 50000))
    if right.recv(2048) != data:
        sys.exit('another packet arrived')
    (_, frame), = wire.seen()
    return int.from_bytes(frame[16:18], 'big')


def table(tunnel):
    wire, left, right = guest.Wire(), udp('a', 40000), udp('b', 50000)
    doors = [udp('a', 4501), udp('b', 4501)]
    for door in doors:
        door.setsockopt(socket.IPPROTO_UDP, UDP_ENCAP, ESP_IN_UDP)
    plain = {size: 20 + 8 + len(packet('none', size)) for size in PAYLOADS}
    print('| ESP | SRTP within | 80 bytes | more | 160 bytes | more |\n|---|---|---|---|---|---|')
    for number, esp in ESPS[:2] + ESPS[3:4]:  # a longer key makes no packet longer
        for more, where in (('', ''), ('encap=4501', ' in UDP'))[:2 if number else 1]:
            with tunnel.up(number, more):
                for srtp in SRTPS:
                    sizes = [length(wire, left, right, packet(srtp, n)) for n in PAYLOADS]
                    cells = [f'{n} | {n - plain[size]}' for n, size in zip(sizes, PAYLOADS)]
                    print(f'| {esp}{where} | {srtp} |', ' | '.join(cells), '|', flush=True)


def arrived(left, right, data, count):
    """How many of so many, and whether the first did."""
    for n in range(count):
        left.sendto(data + n.to_bytes(2, 'big'), (B, 50000))
    got = []
    right.settimeout(0.5)
    with contextlib.suppress(TimeoutError):
        while True:
            got.append(int.from_bytes(right.recv(2048)[-2:], 'big'))
    return len(got), 0 in got


def losses(tunnel):
    left, right, data = udp('a', 40000), udp('b', 50000), packet('none', 160)
    print('| ESP | sent while cut | of the next 50 arrive |\n|---|---|---|')
    for number, esp in ESPS[1:]:
        for cut in (20, 1000):
            with tunnel.up(number, 'window=256'):
                arrived(left, right, data, 50)
                guest.ip('-n', 'mid', 'route', 'add', 'blackhole', f'{B}/32')
                lost = cut - arrived(left, right, data, cut)[0]
                guest.ip('-n', 'mid', 'route', 'del', 'blackhole', f'{B}/32')
                count, first = arrived(left, right, data, 50)
                print(f'| {esp} | {cut}, {lost} of them lost | {count}, the first one '
                      f'{"among" if first else "not among"} them |', flush=True)


def main():
    guest.build()
    tunnel = Tunnel()
    table(tunnel)
    losses(tunnel)
    tunnel.close()


main()
