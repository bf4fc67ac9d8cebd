"""What the tests of a kernel with ESP share: two hosts a and b, and mid between them,
in network namespaces; what crosses the wire; claims."""
import contextlib
import ctypes
import os
import socket
import subprocess
import time

A, B = '10.99.1.1', '10.99.2.1'
A6, B6 = 'fd99:1::1', 'fd99:2::1'
HOSTS = {'a': A, 'b': B}, {'a': A6, 'b': B6}
SPEECH = b'what nobody else may hear'


class Wrong(Exception):
    pass


def claim(what, true, detail=''):
    if not true:
        raise Wrong(f'not true: {what} ({detail})')
    print(f'  true: {what}', flush=True)


def ip(*words):
    done = subprocess.run(['ip', *words], capture_output=True, text=True)
    if done.returncode:
        raise Wrong(f'ip {" ".join(words)}: {done.stderr}')
    return done.stdout


# -- the network ---------------------------------------------------------------

def build():
    for name in ('a', 'mid', 'b'):
        ip('netns', 'add', name)
        ip('-n', name, 'link', 'set', 'lo', 'up')
    subprocess.run(['ip', 'netns', 'exec', 'mid', 'sysctl', '-qw', 'net.ipv4.ip_forward=1',
                    'net.ipv6.conf.all.forwarding=1'], check=True)
    for n, name in ((1, 'a'), (2, 'b')):
        ip('link', 'add', 'eth0', 'netns', name, 'type', 'veth',
           'peer', 'name', f'to-{name}', 'netns', 'mid')
        for host, device, node in ((name, 'eth0', 1), ('mid', f'to-{name}', 254)):
            ip('-n', host, 'address', 'add', f'10.99.{n}.{node}/24', 'dev', device)
            ip('-n', host, 'address', 'add', f'fd99:{n}::{node}/64', 'dev', device, 'nodad')
            ip('-n', host, 'link', 'set', device, 'up')
        ip('-n', name, 'route', 'add', 'default', 'via', f'10.99.{n}.254')
        ip('-n', name, 'route', 'add', 'default', 'via', f'fd99:{n}::254')


@contextlib.contextmanager
def inside(name):
    """Sockets opened in the block belong to that namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    here = os.open('/proc/thread-self/ns/net', os.O_RDONLY | os.O_CLOEXEC)
    there = os.open(f'/run/netns/{name}', os.O_RDONLY | os.O_CLOEXEC)
    try:
        if libc.setns(there, 0x40000000):
            raise OSError(ctypes.get_errno(), 'setns')
        yield
    finally:
        libc.setns(here, 0x40000000)
        os.close(there)
        os.close(here)


def udp(host, port, six=False):
    with inside(host):
        s = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM)
        s.bind((HOSTS[six][host], port))
        s.settimeout(1)
        return s


class Wire:
    """What passes mid towards b, as (protocol, packet)."""

    def __init__(self):
        with inside('mid'):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            self.socket.bind(('to-b', 3))
        self.socket.setblocking(False)

    def seen(self):
        time.sleep(0.1)
        found = []
        with contextlib.suppress(BlockingIOError):
            while True:
                frame = self.socket.recv(65536)
                if frame[12:14] == b'\x08\x00':
                    found.append((frame[23], frame))
                elif frame[12:14] == b'\x86\xdd' and frame[20] not in (0, 58):  # neighbours
                    found.append((frame[20], frame))
        return found


def talk(sender, receiver, to, count=5):
    """How many of count packets arrive. What the kernel refuses to send does not."""
    for n in range(count):
        with contextlib.suppress(OSError):
            sender.sendto(SPEECH + bytes([n]), to)
    got = 0
    receiver.settimeout(0.3)
    with contextlib.suppress(TimeoutError):
        while got < count:
            got += receiver.recv(2048).startswith(SPEECH)
    return got


def kernel(host):
    return ip('-n', host, 'xfrm', 'state') + ip('-n', host, 'xfrm', 'policy')


def ledger(name):
    """The path of a file that the program may write."""
    path = f'/run/{name}'
    if not os.path.exists(path):
        with open(path, 'wb'):
            os.chown(path, 65534, 65534)
    return path


class Tool:
    """A program that answers each line with one, as an ordinary user."""

    def __init__(self, host, command, capability='+net_admin', log=None):
        only = ['--inh-caps', f'-all,{capability}', '--ambient-caps', f'-all,{capability}',
                '--bounding-set', f'-all,{capability}'] if capability else []
        self.process = subprocess.Popen(
            ['ip', 'netns', 'exec', host, 'setpriv', '--reuid', '65534', '--regid', '65534',
             '--clear-groups', '--no-new-privs', *only, *command],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, bufsize=1)
        self.first = self.process.stdout.readline().strip()

    def ask(self, *words):
        self.process.stdin.write(' '.join(words) + '\n')
        return self.process.stdout.readline().strip()

    def do(self, *words):
        said = self.ask(*words)
        if not said.startswith('ok'):
            raise Wrong(f'{" ".join(words)}: {said}')
        return said

    def refused(self, *words, code, text):
        said = self.ask(*words)
        claim(f'{words[0]} is refused: {text}',
              said.startswith(f'failed {code}:') and text in said, said)
        return said

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def forge(src, dst, payload):
    """A clear UDP packet from mid to b, as if it came from a: (address, port) each."""
    with inside('mid'):
        forger = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    datagram = src[1].to_bytes(2, 'big') + dst[1].to_bytes(2, 'big') + \
        (8 + len(payload)).to_bytes(2, 'big') + b'\0\0' + payload
    head = bytes([0x45, 0, 0, 20 + len(datagram), 0, 1, 0, 0, 64, 17, 0, 0]) + \
        socket.inet_aton(src[0]) + socket.inet_aton(dst[0])
    forger.sendto(head + datagram, (dst[0], 0))


def run(claims, wanted):
    """All of them, or those that are wanted, by name; an exit status."""
    build()
    for fn in claims:
        if wanted and fn.__name__ not in wanted:
            continue
        print(f'{fn.__name__}: {fn.__doc__}', flush=True)
        try:
            fn()
        except Wrong as e:
            print(f'FAILED: {fn.__name__}: {e}', flush=True)
            return 1  # what is left in the kernel would spoil the others
    return 0
