#!/usr/bin/env python3
"""Tunnels between the networks behind two gateways, on a real kernel: the process and the
hosts of tunnel_guest.py, and behind each a host of its network, na and nb. Mid knows the way
to both networks: what left in clear would arrive.

    nets_guest.py TOOL CALLSEALD [NAME...]    all claims, or those functions
"""
import contextlib
import re
import socket
import struct
import subprocess
import sys

import guest
import tunnel_guest
from guest import A, B, SPEECH, claim, inside, ip, kernel, run
from tunnel_guest import sas

NETS = {'a': '192.168.10.0/24', 'b': '192.168.20.0/24'}
MORE = {'a': '192.168.11.0/24', 'b': '192.168.21.0/24'}
BEHIND = {'na': '192.168.10.2', 'nb': '192.168.20.2', 'ma': '192.168.11.2', 'mb': '192.168.21.2'}
OTHER = {'a': 'b', 'b': 'a'}
NETS6 = {'a': 'fd99:a::/64', 'b': 'fd99:b::/64'}
BEHIND6 = {'na': 'fd99:a::2', 'nb': 'fd99:b::2'}


def build():
    for gate, n in (('a', 10), ('b', 20)):
        for name, net in (('n', n), ('m', n + 1)):
            host = name + gate
            ip('netns', 'add', host)
            ip('-n', host, 'link', 'set', 'lo', 'up')
            ip('link', 'add', 'eth0', 'netns', host, 'type', 'veth',
               'peer', 'name', f'to-{host}', 'netns', gate)
            for where, device, node in ((host, 'eth0', 2), (gate, f'to-{host}', 1)):
                ip('-n', where, 'address', 'add', f'192.168.{net}.{node}/24', 'dev', device)
                ip('-n', where, 'link', 'set', device, 'up')
            ip('-n', host, 'route', 'add', 'default', 'via', f'192.168.{net}.1')
            ip('-n', 'mid', 'route', 'add', f'192.168.{net}.0/24', 'via', guest.HOSTS[0][gate])
        subprocess.run(['ip', 'netns', 'exec', gate, 'sysctl', '-qw', 'net.ipv4.ip_forward=1',
                        'net.ipv6.conf.all.forwarding=1'], check=True)
        host = 'n' + gate
        for where, device, node in ((host, 'eth0', 2), (gate, f'to-{host}', 1)):
            ip('-n', where, 'address', 'add', f'fd99:{gate}::{node}/64', 'dev', device, 'nodad')
        ip('-n', host, 'route', 'add', 'default', 'via', f'fd99:{gate}::1')
        ip('-n', 'mid', 'route', 'add', NETS6[gate], 'via', guest.HOSTS[1][gate])


class Process(tunnel_guest.Process):
    def __init__(self, host, mine=(), theirs=(), six=False):
        mine, theirs = (', '.join(f'"{net}"' for net in nets)
                        for nets in (mine or (NETS[host],), theirs or (NETS[OTHER[host]],)))
        super().__init__(host, tunnel=f'nets = [ {mine} ];', peer=f'esp_nets = [ {theirs} ];',
                         profile='esp_scope = "net"; answer = "early";', six=six)

    def reserve(self, name='t', call=1, own=None):
        own = own or guest.HOSTS[0][self.host]
        said = self.do(f'reserve name={name} call={call} local={own} scope=3')
        return re.search(r'spi=(0x[0-9a-f]+)', said)[1]

    def key(self, spi, name='t', call=1, far=None, nets=None, far_nets=None, mode=2):
        self.do(f'key name={name} id={call} seed={name} spi={spi} scope=3 mode={mode}',
                f'far={far or guest.HOSTS[0][OTHER[self.host]]}',
                f'nets={nets or NETS[self.host]}',
                f'far_nets={far_nets or NETS[OTHER[self.host]]}')


def only_rules(host):
    """Blocks and what passes them; nothing that leads into an SA."""
    text = kernel(host)
    return 'proto esp' not in text and 'tmpl' not in text and 'action block' in text


@contextlib.contextmanager
def both(**more):
    a, b = Process('a', **more), Process('b', **more)
    claim('both are ready', a.pid and b.pid, (a.first, b.first, a.said(), b.said()))
    yield a, b
    for p in (a, b):
        said = p.do('stop')
        claim(f'{p.host} ends in order', said == 'ok 0', said)
        p.end()
        claim(f'nothing is left in the kernel of {p.host}', not kernel(p.host), kernel(p.host))


def up(a, b, name='t', call=1, nets=None):
    """A call's tunnel; b answers."""
    spi = {p: p.reserve(name, call) for p in (a, b)}
    for p, q in ((a, b), (b, a)):
        p.key(spi[q], name, call, nets=nets and nets[p.host], far_nets=nets and nets[q.host])
    b.do(f'raise name={name} id={call} proven=1')
    a.do(f'raise name={name} id={call}')
    return spi


def down(name, *processes):
    for p in processes:
        p.do(f'drop name={name}')
        p.list()
        claim(f'only rules are left on {p.host}', only_rules(p.host), kernel(p.host))


def udp(host, address, port=7000):
    with inside(host):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind((address, port))
        s.settimeout(1)
        return s


class Wires:
    """What passes mid on either side."""

    def __init__(self):
        self.sides = guest.Wire(), guest.Wire()
        with inside('mid'):
            raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            raw.bind(('to-a', 3))
        raw.setblocking(False)
        self.sides[1].socket = raw

    def seen(self):
        frames = [f for side in self.sides for f in side.seen()]
        return {p for p, f in frames if p != 1}, [f for _, f in frames]


def pair(left='na', right='nb', port=7000):
    return udp(left, BEHIND[left], port), udp(right, BEHIND[right], port)


def talks(wires, left, right):
    """Whether both ways pass, or none; the protocols that were seen on the wire."""
    wires.seen()
    there = guest.talk(left, right, right.getsockname())
    back = guest.talk(right, left, left.getsockname())
    protocols, frames = wires.seen()
    claim('the speech is not to be seen', not any(SPEECH in f for f in frames))
    claim('both ways alike', there == back, (there, back))
    return there == 5, protocols


# -- claims --------------------------------------------------------------------

def a_vpn():
    """Between the networks in ESP, in tunnel mode, while a call is up; otherwise nothing"""
    wires, socks = Wires(), pair()
    claim('without the daemon there is a way', guest.talk(*socks, socks[1].getsockname()) == 5)
    with both() as (a, b):
        claim('no call: nothing leaves', talks(wires, *socks) == (False, set()))
        spi = up(a, b)
        claim('a call: as ESP, both ways', talks(wires, *socks) == (True, {50}))
        policy = ip('-n', 'a', 'xfrm', 'policy')
        claim('in tunnel mode, in, out and forward', policy.count('mode tunnel') == 3 and
              all(f'dir {d}' in policy for d in ('in', 'out', 'fwd')), policy)
        claim("the far end's SPI is in the template", f'spi {spi[b]}' in policy, policy)
        gate = udp('a', '192.168.10.1')
        claim('the gateway speaks for its network, too', talks(wires, gate, socks[1]) ==
              (True, {50}))
        forged(wires, socks)
        shown(a, spi)
        outside = udp('a', A, 7010)
        claim('from the outside address nothing passes', guest.talk(
            outside, socks[1], socks[1].getsockname()) == 0 and wires.seen()[0] == set())
        down('t', a, b)
        claim('no call any more: nothing leaves', talks(wires, *socks) == (False, set()))


def forged(wires, socks):
    """In clear from mid, as if it came from the other network"""
    wires.seen()
    guest.forge(socks[0].getsockname(), socks[1].getsockname(), SPEECH)
    guest.forge(socks[0].getsockname(), ('192.168.20.1', 7001), SPEECH)
    at_gate = udp('b', '192.168.20.1', 7001)
    for sock in (socks[1], at_gate):
        sock.settimeout(0.3)
        with contextlib.suppress(TimeoutError):
            raise guest.Wrong(f'forged in clear: {sock.recv(2048)}')
    claim('forged clear packets reach b, and nobody there or behind it',
          17 in wires.seen()[0])


def shown(a, spi):
    mine = a.list()['tunnels'][0]
    claim('the list shows it', mine['mode'] == 'tunnel' and mine['remote'] == B and
          mine['nets'] == {'local': [NETS['a']], 'remote': [NETS['b']]} and
          spi[a] == mine['in']['spi'] and mine['in']['packets'] > 0, mine)


def let_through():
    """Another program's policy that lets some of it pass is told; before tunnels, nothing
    starts"""
    for way, direction in (((NETS['a'], '192.168.0.0/16'), 'out'), ((NETS['b'], NETS['a']), 'fwd')):
        words = ('xfrm', 'policy', 'add', 'src', way[0], 'dst', way[1], 'dir', direction,
                 'action', 'allow')
        for priority, starts in (('0', False), ('100000', True), ('2000000000', True)):
            ip('-n', 'a', *words, 'priority', priority)
            p = Process('a')
            told = f'another program lets what goes from {way[0]}' in p.said()
            claim(f'{direction}, priority {priority}: it starts: {starts}', bool(p.pid) == starts,
                  p.first)
            claim('and it is told, if it matters', told == (priority != '2000000000'), p.said())
            if starts:
                p.do('stop')
            p.end()
            ip('-n', 'a', 'xfrm', 'policy', 'delete', *words[3:9])
            if not starts:  # what it had shut before it found out stays so
                p = Process('a')
                p.do('stop')
                p.end()
            claim('nothing is left in the kernel', not kernel('a'), kernel('a'))


def masked():
    """A source that a packet filter hides leads past no tunnel"""
    wires, socks = Wires(), pair()
    rule = ('POSTROUTING', '-o', 'eth0', '-j', 'SNAT', '--to-source', A)
    with both() as (a, b):
        subprocess.run(['ip', 'netns', 'exec', 'a', 'iptables-legacy', '-t', 'nat', '-A', *rule],
                       check=True)
        up(a, b)
        wires.seen()
        guest.talk(*socks, socks[1].getsockname())
        protocols, frames = wires.seen()
        claim('nothing is to be seen of it', protocols <= {50} and
              not any(SPEECH in f for f in frames), protocols)
        subprocess.run(['ip', 'netns', 'exec', 'a', 'iptables-legacy', '-t', 'nat', '-D', *rule],
                       check=True)
        down('t', a, b)


def several():
    """Two networks behind each: one tunnel for all of them, which calls share"""
    wires = Wires()
    nets = {h: f'{NETS[h]},{MORE[h]}' for h in 'ab'}
    hosts = {h: tuple(nets[h].split(',')) for h in 'ab'}
    a = Process('a', mine=hosts['a'], theirs=hosts['b'])
    b = Process('b', mine=hosts['b'], theirs=hosts['a'])
    ways = [pair(left, right, 7000 + i) for i, (left, right) in enumerate(
        (('na', 'nb'), ('na', 'mb'), ('ma', 'nb'), ('ma', 'mb')))]
    one = up(a, b, 'one', 1, nets)
    for way in ways:
        claim('each with each', talks(wires, *way) == (True, {50}))
    turned = {h: ','.join(hosts[h][::-1]) for h in 'ab'}
    spi = {p: p.reserve('two', 2) for p in (a, b)}
    for p, q in ((a, b), (b, a)):  # the far end may say them in another order
        p.key(spi[q], 'two', 2, nets=nets[p.host], far_nets=turned[q.host])
    b.do('raise name=two id=2 proven=1')
    a.do('raise name=two id=2')
    two = spi
    policy = ip('-n', 'a', 'xfrm', 'policy')
    claim('a second call has SAs of its own, and the policies lead into those',
          sas('a') == 4 and policy.count('tmpl') == 12 and policy.count(f'spi {two[b]}') == 4,
          kernel('a'))
    for way in ways:
        claim('each with each', talks(wires, *way) == (True, {50}))
    for p in (a, b):
        p.do('drop name=two')
    policy = ip('-n', 'a', 'xfrm', 'policy')
    claim('then into the older ones', policy.count(f'spi {one[b]}') == 4, policy)
    for way in ways:
        claim('each with each', talks(wires, *way) == (True, {50}))
    down('one', a, b)
    claim('and nothing after the last', talks(wires, *ways[3]) == (False, set()))
    for p in (a, b):
        p.do('stop')
        p.end()
        claim(f'nothing is left in the kernel of {p.host}', not kernel(p.host), kernel(p.host))


def inner():
    """What comes in the tunnel from where the far end has nothing, or to where we have
    nothing, is dropped"""
    wires = Wires()
    good, bad, other = pair(), pair('na', 'mb', 7001), pair('ma', 'nb', 7002)
    a = Process('a')
    b = Process('b', mine=(NETS['b'], MORE['b']), theirs=(NETS['a'], MORE['a']))
    spi = {p: p.reserve() for p in (a, b)}
    a.key(spi[b])  # which knows of one network on either side
    b.key(spi[a], nets=f"{NETS['b']},{MORE['b']}", far_nets=f"{NETS['a']},{MORE['a']}")
    b.do('raise name=t id=1')
    a.do('raise name=t id=1')
    claim('what is agreed on passes', talks(wires, *good) == (True, {50}))
    for what, (left, right) in (('from another network', bad), ('to another network', other)):
        wires.seen()
        got = guest.talk(right, left, left.getsockname())
        claim(f'{what}: it comes as ESP, and goes nowhere', (got, wires.seen()[0]) == (0, {50}))
    for p in (a, b):
        p.do('stop')
        p.end()
        claim(f'nothing is left in the kernel of {p.host}', not kernel(p.host), kernel(p.host))


def six():
    """The same over IPv6"""
    wires = Wires()
    a, b = (Process(h, mine=(NETS6[h],), theirs=(NETS6[OTHER[h]],), six=True) for h in 'ab')
    at = {h: f'[{guest.HOSTS[1][h]}]' for h in 'ab'}
    socks = []
    for name in ('na', 'nb'):
        with inside(name):
            s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
            s.bind((BEHIND6[name], 7000))
            socks.append(s)

    def passes():
        wires.seen()
        return guest.talk(*socks, (BEHIND6['nb'], 7000)) == 5, wires.seen()[0]

    claim('no call: nothing leaves', passes() == (False, set()))
    spi = {p: p.reserve(own=at[p.host]) for p in (a, b)}
    for p, q in ((a, b), (b, a)):
        p.key(spi[q], far=at[q.host], nets=NETS6[p.host], far_nets=NETS6[q.host])
        p.do('raise name=t id=1')
    for host in 'ab':
        ip('-n', host, '-6', 'neigh', 'flush', 'all')
    claim('a call: as ESP', passes() == (True, {50}))
    for p in (a, b):
        p.do('stop')
        p.end()
        claim(f'nothing is left in the kernel of {p.host}', not kernel(p.host), kernel(p.host))


def hostile():
    """What a far end may not have behind it is refused, whatever the keeper says of it"""
    rows = (
        ('0.0.0.0/0', -6, 'unsound'),
        ('192.168.0.0/16', -9, 'the far side of it is not this peer'),  # ours are in it
        ('0.0.0.0/1', -6, 'unsound'),
        ('0.0.0.0/0,192.168.20.0/24', -6, 'unsound'),
        ('192.168.30.0/24', -9, 'not this peer'),
        ('192.168.20.0/23', -9, 'not this peer'),
        (f'{A}/32', -9, "the far end's address is ours"),  # where our SIP is, too
        ('10.99.0.0/16', -9, "the far end's address is ours"),
        ('127.64.0.0/16', -9, 'loopback'),
        ('224.0.0.0/4', -6, 'unsound'),
        ('192.168.20.1/24', -6, 'unsound'),
        ('192.168.20.0/25,192.168.20.0/26', -6, 'unsound'),
    )
    with both() as (a, b):
        before = kernel('a')
        for n, (nets, code, text) in enumerate(rows, 1):
            a.reserve('x', n)
            a.key('0x5000', 'x', n, far_nets=nets)
            a.refused(f'raise name=x id={n}', code=code, text=text)
            a.do('drop name=x')
        a.reserve('x', 50)
        a.key('0x5000', 'x', 50, nets='192.168.12.0/24')
        a.refused('raise name=x id=50', code=-6, text='another end than ours')
        a.do('drop name=x')
        a.reserve('x', 51)
        a.key('0x5000', 'x', 51, mode=1)
        a.refused('raise name=x id=51', code=-6, text="the mode is not the scope's")
        a.do('drop name=x')
        a.reserve('x', 52)
        a.key('0x5000', 'x', 52, far='192.168.10.7')
        a.refused('raise name=x id=52', code=-9, text='behind us')
        a.do('drop name=x')
        a.list()
        claim('nothing of it is left', kernel('a') == before, kernel('a'))
        up(a, b, call=70)
        a.reserve('y', 60)
        a.key('0x5000', 'y', 60, far_nets='192.168.20.0/25')
        a.refused('raise name=y id=60', code=-11, text='another tunnel')
        a.do('drop name=y')
        a.reserve('y', 61)
        a.key('0x5000', 'y', 61, far='10.99.2.9')
        a.refused('raise name=y id=61', code=-11, text='another tunnel')
        a.do('drop name=y')
        claim('the one that was there goes on', sas('a') == 2, kernel('a'))
        down('t', a, b)


def killed():
    """Killed, it leaves all shut; the next start takes the rules over"""
    wires, socks = Wires(), pair()
    b, a = Process('b'), Process('a')
    rules = ip('-n', 'a', 'xfrm', 'policy').count('dir ')
    up(a, b)
    a.crash()
    claim('it is still there', talks(wires, *socks) == (True, {50}))
    ip('-n', 'a', 'xfrm', 'state', 'deleteall')
    claim('without its SAs nothing leaves', guest.talk(*socks, socks[1].getsockname()) == 0 and
          17 not in wires.seen()[0])
    a = Process('a')
    claim('the next start has removed all but rules', a.pid and only_rules('a') and
          ip('-n', 'a', 'xfrm', 'policy').count('dir ') == rules, kernel('a'))
    claim('nothing leaves', guest.talk(*socks, socks[1].getsockname()) == 0 and
          17 not in wires.seen()[0])
    for p in (a, b):
        p.do('stop')
        p.end()
        claim(f'nothing is left in the kernel of {p.host}', not kernel(p.host), kernel(p.host))


def sip_within():
    """Gateways in their own networks: SIP between them passes, the rest does not"""
    wires = Wires()
    wide = {'a': '10.99.1.0/24', 'b': '10.99.2.0/24'}
    a = Process('a', mine=(wide['a'],), theirs=(wide['b'],))
    b = Process('b', mine=(wide['b'],), theirs=(wide['a'],))
    sip = udp('a', A, 5060), udp('b', B, 5060)
    rest = udp('a', A, 7000), udp('b', B, 7000)

    def passes(socks):
        wires.seen()
        return guest.talk(*socks, socks[1].getsockname()) == 5, wires.seen()[0]

    for when in ('before a call', 'in one'):
        claim(f'{when}: SIP', passes(sip) == (True, {17}), ip('-n', 'a', 'xfrm', 'policy'))
        claim(f'{when}: the rest', passes(rest) == ((False, set()) if when != 'in one' else
                                                    (True, {50})))
        if when != 'in one':
            up(a, b, nets=wide)
    for p in (a, b):
        p.do('stop')
        p.end()
        claim(f'nothing is left in the kernel of {p.host}', not kernel(p.host), kernel(p.host))


def connects(source, address):
    """TCP from that host and port"""
    with inside(source[0]):
        s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    with s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        s.bind(source[1])
        s.settimeout(1)
        return s.connect_ex(address) == 0


def sip_past():
    """SIP to who is behind the far gateway goes in clear from outside of the networks, from
    within them not at all; and SIP is what has its ports"""
    wires, within = Wires(), '10.99.1.0/24'
    sip = udp('a', A, 5060), udp('nb', BEHIND['nb'], 5060)

    def passes():
        wires.seen()
        return [guest.talk(*way, way[1].getsockname()) for way in (sip, sip[::-1])]

    with inside('a'):
        server = socket.create_server((A, 7070))
    with both() as (a, b), server:
        for when in ('no call', 'a call'):
            claim(f'{when}: SIP passes', passes() == [5, 5] and wires.seen()[0] == {17})
            for port, there in ((5060, True), (5065, False)):
                claim(f'{when}: from port {port} of TCP to any: {there}', connects(
                    ('nb', (BEHIND['nb'], port)), (A, 7070)) == there)
            if when == 'no call':
                up(a, b)
        down('t', a, b)
    a, b = Process('a', mine=(within,)), Process('b', theirs=(within,))
    for when in ('no call', 'a call'):
        claim(f'from within, {when}: nothing passes both ways', 0 in passes())
        if when == 'no call':
            up(a, b, nets={'a': within, 'b': NETS['b']})
    for p in (a, b):
        p.do('stop')
        p.end()
        claim(f'nothing is left in the kernel of {p.host}', not kernel(p.host), kernel(p.host))


CLAIMS = (a_vpn, let_through, masked, several, inner, six, hostile, killed,
          sip_within, sip_past)

if __name__ == '__main__':
    real_build = guest.build
    guest.build = lambda: (real_build(), build())
    sys.exit(run(CLAIMS, sys.argv[3:]))
