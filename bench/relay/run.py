#!/usr/bin/env python3
"""run.py - CPU time of a relay for each packet, plain RTP to SRTP and back, beside rtpengine.

    run.py [--build DIR] [--loads 200,500] [--rounds 3] [--seconds 8]
           [--targets uring,epoll,rtpengine] [--suite NAME] [--transform NAME] [--jsonl FILE]

Targets take turns and the order turns round each time; each run starts its target afresh on CPU 1
(the load has CPU 0). All on loopback. rtpengine is Debian's rtpengine-daemon in user space, driven
over its ng protocol with SDES keys; it is left out when it is not installed.
"""
import argparse
import base64
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile

ENGINE_HOST, LOAD_HOST, LOAD_PORT = '127.77.0.3', '127.77.0.2', 10000
NG = ('127.77.0.3', 2223)
KEY_BYTES = {'AES_CM_128_HMAC_SHA1_80': 30, 'AES_CM_128_HMAC_SHA1_32': 30,
             'AEAD_AES_128_GCM': 28, 'AEAD_AES_256_GCM': 44}


def bencode(x):
    if isinstance(x, dict):
        return b'd' + b''.join(bencode(k) + bencode(x[k]) for k in sorted(x)) + b'e'
    if isinstance(x, list):
        return b'l' + b''.join(map(bencode, x)) + b'e'
    x = x.encode() if isinstance(x, str) else x
    return b'%d:' % len(x) + x


def bdecode(s, at=0):
    """(value, where it ends)"""
    c = s[at:at + 1]
    if c in b'dl':
        items, at = [], at + 1
        while s[at:at + 1] != b'e':
            item, at = bdecode(s, at)
            items.append(item)
        return (dict(zip(items[::2], items[1::2])) if c == b'd' else items), at + 1
    if c == b'i':
        end = s.index(b'e', at)
        return int(s[at + 1:end]), end + 1
    colon = s.index(b':', at)
    end = colon + 1 + int(s[at:colon])
    return s[colon + 1:end], end


class Ours:
    """The relay of this project, without engine and keeper."""

    def __init__(self, loop, args):
        self.loop, self.args, self.process = loop, args, None

    def start(self, calls, flows):
        a = self.args
        self.process = subprocess.Popen(
            ['taskset', '-c', '1', os.path.join(a.build, 'bench/relay_host'), self.loop,
             a.transform, a.suite, str(calls)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for line in self.process.stdout:
            if line == 'ready\n':
                return self.process.pid
            flows.write(line)
        sys.exit(self.process.stderr.read())

    def stop(self):
        self.process.stdin.close()
        notes = self.process.stderr.read()
        self.process.wait()
        found = re.search(r'# .*: (\d+) bytes a stream', notes)
        return {'bytes_a_stream': int(found.group(1))} if found else {}


class Engine:
    """rtpengine."""

    def __init__(self, args):
        self.args, self.process, self.count = args, None, 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(1)

    def ask(self, **words):
        self.count += 1
        cookie = b'%d_%d' % (os.getpid(), self.count)
        message = {k.replace('_', '-'): v for k, v in words.items()}
        for _ in range(10):
            self.socket.sendto(cookie + b' ' + bencode(message), NG)
            try:
                while True:
                    got, answer = self.socket.recv(65535).split(b' ', 1)
                    if got == cookie:
                        return bdecode(answer)[0]
            except (TimeoutError, ConnectionError):
                pass
        sys.exit('rtpengine does not answer')

    def sdp(self, port, profile, crypto=''):
        return (f'v=0\r\no=- 1 1 IN IP4 {LOAD_HOST}\r\ns=-\r\nc=IN IP4 {LOAD_HOST}\r\nt=0 0\r\n'
                f'm=audio {port} {profile} 0\r\na=rtpmap:0 PCMU/8000\r\n{crypto}')

    def change(self, command, call, sdp, to, **more):
        answer = self.ask(command=command, call_id=f'{os.getpid()}-{self.process.pid}-{call}',
                          from_tag='a', sdp=sdp, ICE='remove', DTLS='off',
                          transport_protocol=to, replace=['origin', 'session-connection'], **more)
        if answer.get(b'result') != b'ok':
            sys.exit(f'rtpengine: {answer}')
        text = answer[b'sdp'].decode()
        host = re.search(r'c=IN IP4 (\S+)', text).group(1)
        return f'{host}:' + re.search(r'm=audio (\d+)', text).group(1), text

    def call(self, n, flows):
        suite, here = self.args.suite, LOAD_PORT + 4 * n
        outside, text = self.change('offer', n, self.sdp(here, 'RTP/AVP'), 'RTP/SAVP')
        found = re.search(rf'a=crypto:(\d+) {suite} inline:([A-Za-z0-9+/=]+)', text)
        ours = base64.b64encode(os.urandom(KEY_BYTES[suite])).decode()
        crypto = f'a=crypto:{found.group(1)} {suite} inline:{ours}\r\n'
        inside, _ = self.change('answer', n, self.sdp(here + 2, 'RTP/SAVP', crypto), 'RTP/AVP',
                                to_tag='b')
        flows.write(f'{LOAD_HOST}:{here} {inside} {LOAD_HOST}:{here + 2} {outside} {suite} '
                    f'{found.group(2)} {ours}\n')

    def start(self, calls, flows):
        self.process = subprocess.Popen(
            ['taskset', '-c', '1', 'rtpengine', '--config-file=none', '-f', '--table=-1',
             f'--interface={ENGINE_HOST}', f'--listen-ng={NG[0]}:{NG[1]}', '--num-threads=1',
             '--port-min=30000', '--port-max=39999', '--log-stderr', '--log-level=2'],
            stderr=subprocess.DEVNULL)
        self.ask(command='ping')
        for n in range(calls):
            self.call(n, flows)
        return self.process.pid

    def stop(self):
        self.process.terminate()
        self.process.wait()
        return {}


def one_run(name, args, calls):
    target = Engine(args) if name == 'rtpengine' else Ours(name, args)
    with tempfile.NamedTemporaryFile('w', suffix='.flows') as flows:
        pid = target.start(calls, flows)
        flows.flush()
        done = subprocess.run(['taskset', '-c', '0', os.path.join(args.build, 'bench/relay_load'),
                               flows.name, str(pid), str(args.seconds)],
                              capture_output=True, text=True)
        more = target.stop()
    if done.returncode:
        sys.exit(done.stderr)
    return {'target': name, **json.loads(done.stdout), **more}


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    p = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--build', default=os.path.join(here, '../..'))
    p.add_argument('--loads', default='200,500')
    p.add_argument('--rounds', type=int, default=3)
    p.add_argument('--seconds', type=int, default=8)
    p.add_argument('--targets', default='uring,epoll,rtpengine')
    p.add_argument('--suite', default='AES_CM_128_HMAC_SHA1_80')
    p.add_argument('--transform', default='evp')
    p.add_argument('--jsonl')
    args = p.parse_args()
    names = [t for t in args.targets.split(',') if t != 'rtpengine' or shutil.which('rtpengine')]
    results = []
    for turn in range(args.rounds):
        for calls in map(int, args.loads.split(',')):
            for name in names if turn % 2 == 0 else names[::-1]:
                result = one_run(name, args, calls)
                results.append(result)
                print(json.dumps(result), flush=True)
                if args.jsonl:
                    with open(args.jsonl, 'a', encoding='utf-8') as f:
                        f.write(json.dumps(result) + '\n')
    print(f'{"calls":>6} {"target":12} {"ns a packet":>12} {"spread":>15} {"lost %":>7}'
          f' {"p50 us":>7} {"p99 us":>7}')
    for calls in map(int, args.loads.split(',')):
        for name in names:
            rows = [r for r in results if r['target'] == name and r['calls'] == calls]
            ns = sorted(r['cpu_ns'] for r in rows)
            lost = statistics.median(100 - 100 * r['received'] / r['sent'] for r in rows)
            print(f'{calls:6} {name:12} {statistics.median(ns):12.0f} {ns[0]:7.0f}-{ns[-1]:<7.0f}'
                  f' {lost:7.2f} {statistics.median(r["p50_us"] for r in rows):7.0f}'
                  f' {statistics.median(r["p99_us"] for r in rows):7.0f}')


if __name__ == '__main__':
    main()
