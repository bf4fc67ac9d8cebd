#!/usr/bin/env python3
"""bench/tunnel/ike.py - how long IKE takes to raise a tunnel: charon alone, and through us.

    sudo bench/tunnel/ike.py [--build DIR] [--rounds N]

Two charons in network namespaces, ESP in user space, a pre-shared key. "charon": one
blocking "initiate" on its socket, from the request to the answer. "callseal": our client
(tests/mock/vici_shell), from the order to the child-updown event, the request not waiting
inside charon; "loaded": the same with the connection loaded anew in front, as a new call
has to. They take turns, and the turns change their order. Both do IKE_SA and first
child, then a further child of the same IKE_SA; each round ends with none. "call": a tunnel
of a call's own (ike = "call", tests/mock/ike_shell) at the end that begins, from the key to
"up": key and connection are loaded, then IKE; the other end was given its own before, as
with a call's answer. Medians, and the tenth and ninetieth percentile, in microseconds.
"""
import argparse
import os
import socket
import statistics
import struct
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, f'{TOP}/tests/live')
sys.dont_write_bytecode = True
from lib.charon import Charon, Ike, Shell  # noqa: E402
from lib.lab import Failure, Lab, programs  # noqa: E402

SECRET = '0123456789abcdef0123456789abcdef'


class Blocking:
    """Requests one by one on a socket of our own; charon answers when it is done."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)

    def initiate(self, conn, child):
        """The microseconds until charon says it is up."""
        keys = ((b'ike', conn.encode()), (b'child', child.encode()), (b'loglevel', b'-1'))
        packet = b'\0\x08initiate' + b''.join(
            b'\3' + bytes([len(k)]) + k + struct.pack('!H', len(v)) + v for k, v in keys)
        begun = time.monotonic_ns()
        self.socket.sendall(struct.pack('!I', len(packet)) + packet)
        answer = self.socket.recv(4096)
        while len(answer) < 4 + struct.unpack('!I', answer[:4])[0]:
            answer += self.socket.recv(4096)
        took = (time.monotonic_ns() - begun) // 1000
        if b'success\0\3yes' not in answer:
            raise Failure(f'charon: {answer}')
        return took


def connection(lab, site):
    other = 'b' if site == 'a' else 'a'
    order = f'load name=cs-peer local={lab.net.address(f"gate-{site}")} ' \
        f'remote={lab.net.address(f"gate-{other}")} id={site}.example peer={other}.example ' \
        'proposal=aes128gcm16-prfsha256-x25519'
    for n in range(2):
        mine, theirs = (lab.net.phones_net(s) for s in (site, other))
        order += f' child=call-{n} esp=aes128gcm16 local_ts={mine}[udp/{40000 + 2 * n}] ' \
            f'remote_ts={theirs}[udp/{40000 + 2 * n}]'
    return order


def through_us(shell, child, before=None):
    number = shell.order(before or f'initiate cs-peer {child}')
    if before:
        shell.order(f'initiate cs-peer {child}')
    begun = shell.wait(f'order {number} ')
    return shell.wait('event child-up', name=child).us - begun.us


def of_a_call(lab, ikes, i):
    """The microseconds from the key, at the end that begins, until it is up there."""
    name, uses, begun = f'once:{i:08x}:peer', {}, 0
    for site, other, own, far in (('b', 'a', '-b', '-a'), ('a', 'b', '-a', '-b')):
        mine, theirs = (lab.net.phones_net(s) for s in (site, other))
        ikes[site].order(f'peer {name} {lab.net.address(f"gate-{site}")} '
                         f'{lab.net.address(f"gate-{other}")} {i:032x}{own} {i:032x}{far}')
        begun = time.monotonic_ns() // 1000
        uses[site] = ikes[site].order(f'use {name} {mine}[udp/40100-40101] '
                                      f'{theirs}[udp/40100-40101]'
                                      f'{" passive" if site == "b" else ""}')
        line = ikes[site].wait('ready ' if site == 'b' else 'up ', use=uses[site])
    ikes['b'].wait('up ', use=uses['b'])
    for site, ike in ikes.items():
        ike.order(f'drop {uses[site]}')
        ike.order(f'del {name}')
    time.sleep(0.05)
    return line.us - begun


def down(shells):
    shells['a'].good('terminate conn=cs-peer')
    for shell in shells.values():
        shell.wait('event ike-down')
    time.sleep(0.05)
    for shell in shells.values():
        while shell.lines.qsize():
            shell.lines.get()
        shell.seen.clear()


def row(name, values):
    deciles = statistics.quantiles(values, n=10)
    print(f'| {name} | {statistics.median(values):.0f} | {deciles[0]:.0f} | {deciles[8]:.0f} |'
          f' {len(values)} |')


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument('--build', default=f'{TOP}/build')
    parser.add_argument('--rounds', type=int, default=100)
    a = parser.parse_args()
    took = {(who, n): [] for n in range(2) for who in ('charon', 'callseal', 'loaded')}
    calls = []
    with Lab('ab', programs(a.build)) as lab:
        charons = {site: Charon(lab, f'gate-{site}') for site in 'ab'}
        shells = {site: Shell(lab, a.build, charons[site].path) for site in 'ab'}
        for site, shell in shells.items():
            shell.wait('up ')
            shell.good(f'psk cs-peer {SECRET} a.example b.example')
            shell.good(connection(lab, site))
        anew = connection(lab, 'a')
        blocking = Blocking(charons['a'].path)
        raise_by = {'charon': lambda child: blocking.initiate('cs-peer', child),
                    'callseal': lambda child: through_us(shells['a'], child),
                    'loaded': lambda child: through_us(shells['a'], child, anew)}
        ikes = {site: Ike(lab, a.build, charons[site].path, SECRET, 'call-') for site in 'ab'}
        for ike in ikes.values():
            ike.wait('charon there')
        for i in range(a.rounds):
            calls.append(of_a_call(lab, ikes, i))
            for who in sorted(raise_by, reverse=i % 2):
                for n in range(2):
                    took[who, n].append(raise_by[who](f'call-{n}'))
                down(shells)
    print('| what | p50 | p10 | p90 | rounds |\n|---|---|---|---|---|')
    for n, what in enumerate(('IKE_SA and first child', 'a further child')):
        for who in raise_by:
            row(f'{what}, {who}', took[who, n])
    row('IKE_SA and child of a call, callseal', calls)
    alone = statistics.median(took['charon', 0])
    print(f'of a call: {statistics.median(calls) / alone:.2f} of charon alone')
    for n, what in enumerate(('first', 'further')):
        theirs, *ours = (statistics.median(took[w, n]) for w in raise_by)
        print(f'{what}: {ours[0] / theirs:.2f} of charon alone, {ours[1] / theirs:.2f} loaded')


if __name__ == '__main__':
    main()
