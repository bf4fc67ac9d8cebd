#!/usr/bin/env python3
"""How long a call takes to set up: plain, in SRTP, in ESP keyed by MIKEY, in IKE's tunnel.

    cd BUILD && SOURCE/tests/kernel/vm 900 python3 SOURCE/bench/tunnel/delays.py
    sudo SOURCE/bench/tunnel/delays.py --build BUILD      (here; no esp without a kernel's)

d1 to d7 are those of bench/signalling/delays.py, on the same points of a call's way:
phone A - gateway A - network - gateway B - phone B, each in a network namespace of one
kernel, whose time each datagram has. sipp is both phones; one call at a time; the callee
rings 100 ms. The kinds take turns in each round, on gateways started anew; the first call
of a turn does not count. What a kind adds is the median over the rounds of each round's
difference of medians. --json FILE keeps each call's delays. --count tells instead how many
system calls of the gateways a call of each kind takes from its first to its last message
(strace counts, which makes all of it slow), and what the least of them costs on this kernel.
"""
import argparse
import contextlib
import json
import os
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [f'{TOP}/tests/live', f'{TOP}/bench/signalling']
sys.dont_write_bytecode = True
import delays  # noqa: E402
from lib import gateway, sipp  # noqa: E402
from lib.charon import Charon, kernel_has_esp  # noqa: E402
from lib.lab import Lab, programs, wait_for  # noqa: E402

SO_TIMESTAMPNS = 35
RING = '<pause milliseconds="100"/>\n  <send retrans="500">'
# where datagrams are seen: host, device, who is near, who is behind it
LINKS = (('gate-a', 'lan', 'A', 'phoneA'), ('gate-a', 'wan', 'A', 'p1'),
         ('gate-b', 'wan', 'B', 'p2'), ('gate-b', 'lan', 'B', 'phoneB'))


class Capture(threading.Thread):
    """SIP over UDP on the links of the gateways, as delays.Capture has it on loopback."""

    def __init__(self, net):
        super().__init__(daemon=True)
        self.events, self.running, self.links = [], True, {}
        for host, device, near, behind in LINKS:
            with net.inside(host):
                s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0003))
            s.bind((device, 0x0003))
            s.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            self.links[s] = near, behind

    def run(self):
        while self.running:
            for s in select.select(list(self.links), [], [], 0.3)[0]:
                self.note(*self.links[s], *s.recvmsg(65535, 64))

    def note(self, near, behind, data, ancillary, _, address):
        if address[1] != 0x0800 or data[9] != socket.IPPROTO_UDP or not ancillary:
            return
        head = (data[0] & 15) * 4
        if 5060 not in struct.unpack_from('!HH', data, head):
            return
        ways = (near, behind) if address[2] == socket.PACKET_OUTGOING else (behind, near)
        seconds, nano = struct.unpack('qq', ancillary[0][2][:16])
        self.events.append((seconds * 1000000 + nano / 1000, *ways, data[head + 8:]))

    def stop(self):
        self.running = False
        self.join()
        for s in self.links:
            s.close()


class Strace:
    """Counts the system calls of a process, threads and all."""

    def __init__(self, lab, name, pid):
        self.name, self.path = name, os.path.join(lab.dir, f'strace-{pid}')
        self.process = subprocess.Popen(['strace', '-f', '-c', '-o', self.path, '-p', str(pid)],
                                        stderr=subprocess.PIPE, text=True)
        line = self.process.stderr.readline()
        if 'attached' not in line:
            raise SystemExit(f'strace: {line}')

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)
        with open(self.path, encoding='ascii') as f:
            total = [line.split() for line in f if line.rstrip().endswith(' total')]
        return int(total[-1][3]) if total else 0


def least_call(count=200000):
    """Microseconds of a getppid(), with Python around it."""
    begun = time.perf_counter()
    for _ in range(count):
        pass
    empty, begun = time.perf_counter() - begun, time.perf_counter()
    for _ in range(count):
        os.getppid()
    return (time.perf_counter() - begun - empty) / count * 1e6


def count_all(scene, count):
    kinds = scene.kinds()
    found = {kind: scene.system_calls(kind, count) for kind in kinds}
    print(f'kernel {os.uname().release}; a getppid() takes {least_call():.2f} us')
    print(f'| system calls a call | {" | ".join(kinds)} |\n|---|{"---|" * len(kinds)}')
    names = sorted({name for kind in kinds for name in found[kind]})
    for name in names:
        print(f'| {name} | ' + ' | '.join(f'{found[k].get(name, 0):.0f}' for k in kinds) + ' |')
    print('| together | ' + ' | '.join(f'{sum(found[k].values()):.0f}' for k in kinds) + ' |')


class Scene:
    def __init__(self, lab):
        self.lab, self.esp, self.charon = lab, kernel_has_esp(), {}
        media = {s: lab.net.address(f'{"gate" if self.esp else "lan"}-{s}') for s in 'ab'}
        self.scenarios = {name: self.scenario(name) for name in ('uac', 'uas')}
        settings = {}
        for site, far in (('a', 'b'), ('b', 'a')):
            self.charon[site] = Charon(lab, f'gate-{site}', **({'esp': ''} if self.esp else {}))
            os.chmod(self.charon[site].path, 0o666)
            settings |= {f'media_outside_{site}': media[site]}
        self.ike = {s: {'ike': lab.net.address(f'gate-{f}'), 'ike_id': f'{f}.example',
                        'ike_nets': media[f]} for s, f in (('a', 'b'), ('b', 'a'))}
        self.gates = gateway.pair(lab, capability='net_admin' if self.esp else '', **settings)
        for gate in self.gates:
            gate.stop()

    def scenario(self, name):
        """The tests' own, without speech, and with a callee that rings for some time."""
        with open(sipp.scenario(name), encoding='utf-8') as f:
            text = re.sub(r'<nop>.*?</nop>', '', f.read())
        if name == 'uas':
            text = text.replace('<send retrans="500">', RING, 1)
        path = os.path.join(self.lab.dir, f'{name}.xml')
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)
        return path

    def kinds(self):
        return ['plain', 'srtp', *(['esp'] if self.esp else []), 'ike']

    def start(self, kind):
        for site, gate in zip('ab', self.gates):
            peer = gate.peers[0]
            peer.profile = {'srtp': 'sealed', 'esp': 'sealed'}.get(kind, kind)
            peer.psk = '00112233445566778899aabbccddeeff' if kind != 'plain' else None
            peer.more = self.ike[site] if kind == 'ike' else {}
            gate.sealed = 'media = "esp";' if kind == 'esp' else ''
            gate.extra = '' if kind != 'ike' else f'''
tunnel = {{ shut = "{"kernel" if self.esp else "relay"}"; }};
vici = {{ socket = "{self.charon[site].path}"; id = "{site}.example";
	address = "{self.lab.net.address(f'gate-{site}')}"; }};'''
        seen = [len(gate.log()) if gate.process else 0 for gate in self.gates]
        for gate in self.gates:
            gate.start()
        for gate, at in zip(self.gates, seen):
            if kind == 'ike':
                wait_for('the tunnel', lambda g=gate, n=at: 'the tunnel is up' in g.log()[n:], 60)

    def calls(self, count):
        """So many calls, one after the other: the delays of each that was seen whole."""
        capture = Capture(self.lab.net)
        capture.start()
        callee = sipp.Sipp(self.lab, 'b', self.scenarios['uas'])
        wait_for('the callee', lambda: f':{5060:04X} ' in self.lab.net.run(
            'phone-b', 'cat', '/proc/net/udp'), 30)
        caller = sipp.Sipp(self.lab, 'a', self.scenarios['uac'], '-s', 'bob', '-m',
                           str(count + 1), '-l', '1', '-d', '200')
        try:
            caller.finish(60 + 5 * count)
        finally:
            callee.process.stop(number=signal.SIGKILL)
            capture.stop()
        return [delays.delays_of(c, None) for c in delays.calls_of(capture.events)[1:]]

    def system_calls(self, kind, count):
        """How many system calls one call takes, by the gateways' processes."""
        self.start(kind)
        pids = {f'{gate.host} {name}': pid for gate in self.gates
                for name, pid in gate.children().items()}
        traces = [Strace(self.lab, name, pid) for name, pid in pids.items()]
        try:
            self.calls(count)
            return {t.name: t.stop() / (count + 1) for t in traces}
        finally:
            for gate in self.gates:
                gate.stop()

    def turn(self, kind, count):
        self.start(kind)
        try:
            return self.calls(count)
        finally:
            for gate in self.gates:
                gate.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--build', default='.')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--samples', type=int, default=8)
    parser.add_argument('--json')
    parser.add_argument('--count', action='store_true')
    given = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit('delays.py: not root, and it makes network namespaces')
    runs = []
    with contextlib.closing(Lab(programs=programs(given.build))) as lab:
        scene = Scene(lab)
        if given.count:
            count_all(scene, given.samples)
            return
        for n in range(given.rounds):
            kinds = scene.kinds()
            for kind in kinds if n % 2 == 0 else reversed(kinds):
                begun = time.monotonic()
                found = scene.turn(kind, given.samples)
                runs += [{'round': n, 'target': kind, **d} for d in found]
                print(f'round {n + 1} of {given.rounds}, {kind}: {len(found)} calls, '
                      f'{time.monotonic() - begun:.0f} s', file=sys.stderr, flush=True)
        print(f'kernel {os.uname().release}, load {os.getloadavg()[0]:.1f}')
        print(delays.table(sorted(runs, key=lambda r: scene.kinds().index(r['target']))))
    if given.json:
        with open(given.json, 'w', encoding='utf-8') as f:
            json.dump(runs, f)


if __name__ == '__main__':
    main()
