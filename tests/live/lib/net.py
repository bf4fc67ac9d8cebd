"""A network of its own in namespaces: sites with a phone and a gateway each, and
between them the net that nobody has to trust.

    phone-a ---- gate-a ==== net ==== gate-b ---- phone-b       (and -c, -d, ...)
    .11.2   .11.1    .1.1  .1.254/.2.254  .2.1   .12.1    .12.2     of 10.99.x.y
    fd99:11::2 and so on beside it

Only "net" forwards packets: a phone reaches nothing but its own gateway, and so
whatever gets through went through the gateways. Interfaces: phones eth0, gates
lan and wan, net to-a, to-b, ...
"""
import contextlib
import ctypes
import os
import signal
import subprocess
import time

CLONE_NEWNET = 0x40000000


def place(name):
    """(net, node) of a phone, or of a gate towards its phone ("lan-a") or towards
    the net ("gate-a"), or of the net towards a gate ("net-a")."""
    kind, site = name.split('-')
    n = ord(site) - ord('a') + 1
    return {'phone': (n + 10, 2), 'lan': (n + 10, 1), 'gate': (n, 1), 'net': (n, 254),
            'home': (n + 20, 2), 'door': (n + 20, 1)}[kind]


# To the kernel's table of flows (NFNL_SUBSYS_CTNETLINK): IPCTNL_MSG_CT_DELETE, all of IPv4.
FORGET_FLOWS = '''
import socket, struct
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
s.send(struct.pack("=IHHIIBBH", 20, 0x102, 5, 1, 0, socket.AF_INET, 0, 0))
assert struct.unpack_from("=IHHIIi", s.recv(4096))[5] == 0
'''


class Net:
    def __init__(self, sites='ab'):
        self.prefix = f'callseal-{os.getpid()}'
        self.sites = sites
        self.hosts = ['net'] + [f'{kind}-{s}' for s in sites for kind in ('phone', 'gate')]
        self.made = []
        try:
            self._make()
        except BaseException:
            self.close()
            raise

    def address(self, name, six=False):
        net, node = place(name)
        return f'fd99:{net}::{node}' if six else f'10.99.{net}.{node}'

    def phones_net(self, site, six=False):
        """The net of a site's phones, as a prefix."""
        net, _ = place(f'lan-{site}')
        return f'fd99:{net}::/64' if six else f'10.99.{net}.0/24'

    def capture_options(self, link):
        """(host, dumpcap's options) for "phone-a", "wire" or "wire-b": what passes
        the link of that phone, or what leaves and reaches that site over the net
        (site a when none is named). HOST:DEVICE is any other link."""
        host, _, device = link.partition(':')
        if device:
            return host, ['-i', device]
        if link.startswith('wire'):
            return 'net', ['-i', f'to-{link[5:] or "a"}']
        return link, ['-i', 'eth0']

    def namespace(self, host):
        return f'{self.prefix}-{host}'

    def command(self, host, *argv):
        """The argument list that runs argv on a host."""
        return ['ip', 'netns', 'exec', self.namespace(host), *argv]

    def run(self, host, *argv):
        """Runs to the end; raises with what it said when it fails."""
        return run(self.command(host, *argv))

    @contextlib.contextmanager
    def inside(self, host):
        """Sockets opened by this thread within the block belong to the host."""
        libc = ctypes.CDLL(None, use_errno=True)
        here = os.open('/proc/thread-self/ns/net', os.O_RDONLY | os.O_CLOEXEC)
        there = os.open(f'/run/netns/{self.namespace(host)}', os.O_RDONLY | os.O_CLOEXEC)
        try:
            if libc.setns(there, CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), 'setns')
            yield
        finally:
            libc.setns(here, CLONE_NEWNET)
            os.close(there)
            os.close(here)

    def nat_home(self, site):
        """A host "home-a" behind a NAT, which is the host phone-a: other ports, too."""
        home, door = f'home-{site}', f'phone-{site}'
        run(['ip', 'netns', 'add', self.namespace(home)])
        self.made.append(home)
        self.hosts.append(home)
        self.run(home, 'ip', 'link', 'set', 'lo', 'up')
        self._wire(home, 'eth0', home, door, 'home', f'door-{site}')
        self.run(home, 'ip', 'route', 'add', 'default', 'via', self.address(f'door-{site}'))
        self.run(door, 'sysctl', '-qw', 'net.ipv4.ip_forward=1')
        for protocol in ('udp', 'tcp'):
            self.run(door, 'iptables', '-t', 'nat', '-A', 'POSTROUTING', '-o', 'eth0', '-s',
                     self.address(home), '-p', protocol, '-j', 'MASQUERADE', '--to-ports',
                     '41000-48000')

    def nat_gate(self, site, public, legacy=False, moves=None):
        """The gateway of a site is seen as public, with its own ports. legacy: the
        kernel has the older kind of tables. moves: what leaves by the first of these
        two UDP ports has the second, and what comes to the first goes nowhere."""
        six = ':' in public
        own = self.address(f'gate-{site}', six)
        tables = ('ip6tables' if six else 'iptables') + ('-legacy' if legacy else '')
        self.run('net', 'ip', 'address', 'add', f'{public}/{128 if six else 32}', 'dev', 'lo')
        if moves:
            self.run('net', tables, '-t', 'nat', '-A', 'PREROUTING', '-d', public, '-p', 'udp',
                     '--dport', str(moves[0]), '-j', 'RETURN')
            self.run('net', tables, '-t', 'nat', '-A', 'POSTROUTING', '-s', own, '-p', 'udp',
                     '--sport', str(moves[0]), '-j', 'SNAT', '--to-source', f'{public}:{moves[1]}')
        for chain in ('PREROUTING', 'OUTPUT'):
            self.run('net', tables, '-t', 'nat', '-A', chain, '-d', public, '-j', 'DNAT',
                     '--to-destination', own)
        self.run('net', tables, '-t', 'nat', '-A', 'POSTROUTING', '-s', own, '-j', 'SNAT',
                 '--to-source', public)

    def nat_moves(self, site, old, public, legacy=False):
        """The gateway that was seen as old is seen as public, and what the NAT remembers
        of flows is forgotten. IPv4 only."""
        own = self.address(f'gate-{site}')
        tables = 'iptables-legacy' if legacy else 'iptables'
        for chain, words in (('PREROUTING', ['-d', old, '-j', 'DNAT', '--to-destination', own]),
                             ('OUTPUT', ['-d', old, '-j', 'DNAT', '--to-destination', own]),
                             ('POSTROUTING', ['-s', own, '-j', 'SNAT', '--to-source', old])):
            self.run('net', tables, '-t', 'nat', '-D', chain, *words)
        self.run('net', 'ip', 'address', 'del', f'{old}/32', 'dev', 'lo')
        self.nat_gate(site, public, legacy)
        self.run('net', 'python3', '-c', FORGET_FLOWS)

    def close(self):
        """Ends what still runs in the namespaces, and removes them."""
        for host in reversed(self.made):
            pids = subprocess.run(['ip', 'netns', 'pids', self.namespace(host)],
                                  capture_output=True, text=True).stdout.split()
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            subprocess.run(['ip', 'netns', 'del', self.namespace(host)], capture_output=True)
        self.made = []

    def _make(self):
        for host in self.hosts:
            run(['ip', 'netns', 'add', self.namespace(host)])
            self.made.append(host)
            forward = int(host == 'net')
            self.run(host, 'sysctl', '-qw', f'net.ipv4.ip_forward={forward}',
                     f'net.ipv6.conf.all.forwarding={forward}',
                     'net.ipv4.conf.all.rp_filter=0', 'net.ipv4.conf.default.rp_filter=0',
                     'net.ipv6.conf.default.accept_dad=0')
            self.run(host, 'ip', 'link', 'set', 'lo', 'up')
        for s in self.sites:
            self._wire(f'phone-{s}', 'eth0', f'phone-{s}', f'gate-{s}', 'lan', f'lan-{s}')
            self._wire(f'gate-{s}', 'wan', f'gate-{s}', 'net', f'to-{s}', f'net-{s}')
            for six in (False, True):
                for host, via in ((f'phone-{s}', f'lan-{s}'), (f'gate-{s}', f'net-{s}')):
                    self.run(host, 'ip', 'route', 'add', 'default', 'via', self.address(via, six))
        self._wait_links()

    def _wire(self, host1, device1, name1, host2, device2, name2):
        run(['ip', 'link', 'add', device1, 'netns', self.namespace(host1), 'type', 'veth',
             'peer', 'name', device2, 'netns', self.namespace(host2)])
        for host, device, name in ((host1, device1, name1), (host2, device2, name2)):
            self.run(host, 'ip', 'address', 'add', f'{self.address(name)}/24', 'dev', device)
            self.run(host, 'ip', 'address', 'add', f'{self.address(name, True)}/64',
                     'dev', device, 'nodad')
            self.run(host, 'ip', 'link', 'set', device, 'up')

    def _wait_links(self):
        """Links, and IPv6 with them, come up some time later."""
        for host in self.hosts:
            for _ in range(100):
                links = self.run(host, 'ip', '-brief', 'link')
                addresses = self.run(host, 'ip', '-6', 'address', 'show', 'tentative')
                if 'DOWN' not in links and not addresses.strip():
                    break
                time.sleep(0.05)


class Loopback(Net):
    """The same hosts as addresses 127.0.x.y of this machine, where namespaces
    cannot be made. No IPv6, and no host is kept from any other."""

    def _make(self):
        pass

    def address(self, name, six=False):
        return '127.0.%d.%d' % place(name)

    def phones_net(self, site, six=False):
        return '127.0.0.0/8'  # a phone's unbound socket sends from 127.0.0.1

    def capture_options(self, link):
        site = 'a' if link == 'wire' else link[-1]
        near = self.address(f'gate-{site}' if link.startswith('wire') else f'lan-{site}')
        return link, ['-i', 'lo', '-f', f'host {near}']

    def command(self, host, *argv):
        return list(argv)

    def inside(self, host):
        return contextlib.nullcontext()


def run(argv):
    done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise RuntimeError(f'{" ".join(argv)}: {done.stderr.strip() or done.stdout.strip()}')
    return done.stdout


def possible():
    """None, or why no such network can be made here."""
    if os.geteuid() != 0:
        return 'not root'
    name = f'callseal-{os.getpid()}-try'
    try:
        run(['ip', 'netns', 'add', name])
    except (RuntimeError, FileNotFoundError) as e:
        return f'no network namespaces: {e}'
    try:
        run(['ip', 'link', 'add', 'try0', 'netns', name, 'type', 'veth', 'peer', 'name', 'try1',
             'netns', name])
    except RuntimeError as e:
        return f'no veth: {e}'
    finally:
        run(['ip', 'netns', 'del', name])
    return None
