#!/usr/bin/env python3
"""ESP in UDP past a NAT that gives ports of its own, on a real kernel: the process and the
hosts of tunnel_guest.py; mid is the NAT before a. B is told a port where nobody is.

    nat_guest.py TOOL CALLSEALD [NAME...]    all claims, or those functions
"""
import contextlib
import re
import socket
import struct
import subprocess
import sys
import time

import tunnel_guest
from guest import A, B, Wire, claim, inside, ip, kernel, run, talk, udp
from tunnel_guest import only_blocks

PUBLIC, ELSEWHERE, DOOR = '10.99.2.254', '10.99.2.200', 4501
EVERY = 5  # seconds between keep-alives
KEEP = b'\xff'


# -- the NAT -------------------------------------------------------------------

def table(*words):
    subprocess.run(['ip', 'netns', 'exec', 'mid', 'iptables-legacy', '-w', '-t', 'nat', *words],
                   check=True)


def remembers(seconds):
    """How long the NAT keeps a mapping that is not used."""
    for name in ('udp_timeout', 'udp_timeout_stream'):
        subprocess.run(['ip', 'netns', 'exec', 'mid', 'sysctl', '-qw',
                        f'net.netfilter.nf_conntrack_{name}={seconds}'], check=True)


def forget():
    """The NAT loses its mappings (IPCTNL_MSG_CT_DELETE of all)."""
    with inside('mid'):
        ask = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
    with ask:
        ask.send(struct.pack('=IHHIIBBH', 20, 1 << 8 | 2, 5, 1, 0, socket.AF_INET, 0, 0))
        error, = struct.unpack_from('=i', ask.recv(4096), 16)
    claim('the NAT forgets', error == 0, error)


def maps(port, address=PUBLIC):
    """What a sends from its port of ESP in UDP gets that source from now on."""
    table('-F', 'POSTROUTING')
    table('-A', 'POSTROUTING', '-o', 'to-b', '-p', 'udp', '--sport', str(DOOR), '-s', A,
          '-j', 'SNAT', '--to-source', f'{address}:{port}')
    forget()


@contextlib.contextmanager
def nat(port, every=600):
    """Both processes with the NAT between, and no keep-alives for as long as that."""
    remembers(600)
    maps(port)
    words = f'udp = {DOOR}; keepalive = {every};'
    a = tunnel_guest.Process('a', tunnel=words, outside=f'public = [ "{PUBLIC}" ];')
    b = tunnel_guest.Process('b', tunnel=words)
    claim('both are ready', a.pid and b.pid, (a.first, b.first, a.said(), b.said()))
    yield a, b
    for p in (a, b):
        if p.process.poll() is None:
            claim(f'{p.host} ends in order', p.do('stop') == 'ok 0')
            p.end()
            claim(f'nothing is left in the kernel of {p.host}', not kernel(p.host),
                  kernel(p.host))
    table('-F', 'POSTROUTING')


# -- the tunnel ----------------------------------------------------------------

def up(a, b, name='t', call=1, key=1, scope=1, instead='', n=0):
    """A tunnel whose keying says the port that a has behind the NAT; the SPIs."""
    ports = {a: f':{40000 + n}', b: f':{50000 + n}'} if scope == 1 else {a: '', b: ''}
    spi = {}
    for p, own in ((a, A), (b, B)):
        said = p.do(f'reserve name={name} call={call} local={own}{ports[p]} scope={scope}')
        spi[p] = re.search(r'spi=(0x[0-9a-f]+)', said)[1]
    words = f'key name={name} id={key} seed={name}{key} scope={scope} door={DOOR} far_door={DOOR}'
    a.do(words, f'far={B}{ports[b]} spi={spi[b]} public={PUBLIC}')
    b.do(words, f'far={PUBLIC}{ports[a]} spi={spi[a]} far_nat=1')
    for p, proven in ((b, 'proven=1'), (a, '')):
        p.do(f'raise name={name} id={key} {proven}', f'instead={instead}' if instead else '')
    return spi


def seen(wire):
    """What was ESP in UDP, as (from b, the far port, SPI, sequence number)."""
    found = []
    for protocol, frame in wire.seen():
        src, dst = (int.from_bytes(frame[n:n + 2], 'big') for n in (34, 36))
        if protocol != 17 or DOOR not in (src, dst) or frame[38:40] == b'\x00\x09':
            continue
        mine = frame[26:30] == bytes(int(x) for x in B.split('.'))
        found.append((mine, dst if mine else src, '0x' + frame[42:46].hex(),
                      int.from_bytes(frame[46:50], 'big')))
    return found


def keeps(wire):
    """What was a keep-alive, as (source, port)."""
    return [('.'.join(str(x) for x in frame[26:30]), int.from_bytes(frame[34:36], 'big'))
            for protocol, frame in wire.seen()
            if protocol == 17 and frame[38:40] == b'\x00\x09' and frame[42:43] == KEEP]


def encap(host, spi):
    """The ports of that SA in the kernel."""
    text = ip('-n', host, 'xfrm', 'state')
    of = re.search(rf'spi {spi} .*?sport (\d+) dport (\d+)', text, re.S)
    return int(of[1]), int(of[2])


def follows(spi, port):
    """Whether b's inbound SA has that port, or soon gets it: the last of what is done."""
    end = time.monotonic() + 10
    while encap('b', spi)[0] != port and time.monotonic() < end:
        time.sleep(0.1)
    return encap('b', spi)[0] == port


def to_a(sock):
    return talk(sock['b'], sock['a'], (PUBLIC, 40000))


def to_b(sock):
    return talk(sock['a'], sock['b'], (B, 50000))


def sockets():
    return {'a': udp('a', 40000), 'b': udp('b', 50000)}


def went(wire, spi):
    """What b sent by that SA, as (port, sequence number)."""
    return [(port, n) for mine, port, s, n in seen(wire) if mine and s == spi]


# -- claims --------------------------------------------------------------------

def learnt():
    """B follows the port that a's packets come from, and again when it changes in a call"""
    wire, sock = Wire(), sockets()
    with nat(61001) as (a, b):
        spi = up(a, b)
        claim('to the port that a says nothing gets through', to_a(sock) == 0)
        claim('though it was sent there', went(wire, spi[a]) == [(DOOR, n) for n in range(1, 6)])
        claim('what a sends arrives', to_b(sock) == 5)
        claim('and from then on what b sends, too', follows(spi[b], 61001) and to_a(sock) == 5,
              (kernel('b'), b.said()))
        claim('by the port that the NAT has, with the next sequence numbers: the key is in use '
              'once', went(wire, spi[a]) == [(61001, n) for n in range(6, 11)])
        claim('both SAs have it', (encap('b', spi[a]), encap('b', spi[b])) ==
              ((DOOR, 61001), (61001, DOOR)), kernel('b'))
        claim('the list tells it', b.list()['tunnels'][0]['udp'] == f'{PUBLIC}:61001')
        claim('and the log', f'ESP in UDP goes to {PUBLIC}:61001, no longer to port {DOOR}' in
              b.said(), b.said())
        claim('a sends where b said', a.list()['tunnels'][0]['udp'] == f'{B}:{DOOR}')
        changes(wire, sock, a, b, spi)
        for p in (a, b):
            p.do('drop name=t')


def changes(wire, sock, a, b, spi):
    maps(61777)
    claim('the NAT has another port now: nothing gets to a', to_a(sock) == 0)
    claim('until it sends', to_b(sock) == 5 and follows(spi[b], 61777) and to_a(sock) == 5,
          kernel('b'))
    sent = went(wire, spi[a])
    claim('by the new port, with the sequence numbers that come next',
          sent == [(61001, n) for n in range(11, 16)] + [(61777, n) for n in range(16, 21)], sent)
    new = renew(a, b)
    claim('new keys begin with that port', encap('b', new[a]) == (DOOR, 61777) and
          encap('b', new[b]) == (61777, DOOR), kernel('b'))
    claim('and pass at once, both ways', to_b(sock) == 5 and to_a(sock) == 5)
    time.sleep(0.5)  # b has heard of them, and turns
    wire.seen()
    claim('by the new SA', to_a(sock) == 5 and [port for port, _ in went(wire, new[a])] ==
          [61777] * 5, kernel('b'))
    for p in (a, b):
        p.do('drop name=n')


def renew(a, b):
    return up(a, b, name='n', key=2, instead='t')


def regular(found, began, what):
    """From a alone, one at the least and one more for each interval since then."""
    passed = time.monotonic() - began
    claim(what, set(found) == {(PUBLIC, 61002)} and
          int(passed / EVERY) - 1 <= len(found) <= passed / EVERY + 1, (found, passed))


def kept():
    """Keep-alives: from behind the NAT alone, one for each far end, while there is a tunnel"""
    wire, sock = Wire(), sockets()
    with nat(61002, EVERY) as (a, b):
        time.sleep(EVERY + 1)
        claim('none without a tunnel', not keeps(wire))
        began = time.monotonic()
        spi = up(a, b)
        up(a, b, name='u', key=2, n=2)
        time.sleep(0.5)
        regular(keeps(wire), began, 'one as soon as there is one, by the door to that of b')
        claim('it is not authentic, and b learns nothing of it', encap('b', spi[a]) ==
              (DOOR, DOOR), kernel('b'))
        began = time.monotonic()
        time.sleep(3 * EVERY)
        regular(keeps(wire), began, 'then one in each interval, for both tunnels, from a alone')
        with inside('b'), open('/proc/thread-self/net/udp', encoding='ascii') as f:
            queue = re.search(rf':{DOOR:04X} [0-9A-F:]+ \w+ \w+:(\w+)', f.read())[1]
        claim('nobody at b has to read them', int(queue, 16) == 0, queue)
        remembers(EVERY + 7)
        claim('media pass', to_b(sock) == 5 and follows(spi[b], 61002) and to_a(sock) == 5)
        time.sleep(2 * (EVERY + 7))
        claim('and are let in after a silence longer than the NAT remembers', to_a(sock) == 5)
        for p in (a, b):
            p.do('drop name=t')
            p.do('drop name=u')
        keeps(wire)
        time.sleep(EVERY + 1)
        claim('none when the last tunnel is gone', not keeps(wire))


def moved():
    """From another address nothing is followed: it is told, and what leaves goes where it did"""
    wire, sock = Wire(), sockets()
    ip('-n', 'mid', 'address', 'add', f'{ELSEWHERE}/32', 'dev', 'to-b')
    with nat(61003) as (a, b):
        spi = up(a, b)
        claim('media pass', to_b(sock) == 5 and follows(spi[b], 61003) and to_a(sock) == 5)
        maps(61004, ELSEWHERE)
        claim('nothing is taken from there', to_b(sock) == 0)
        wire.seen()
        to_a(sock)
        claim('and nothing sent there', {port for port, _ in went(wire, spi[a])} == {61003})
        said = b.list()['tunnels'][0]
        claim('the list tells both', (said['udp'], said['elsewhere']) ==
              (f'{PUBLIC}:61003', f'{ELSEWHERE}:61004'), said)
        claim('and the log, once', b.said().count(f'comes from {ELSEWHERE}:61004, and goes to '
                                                  f'{PUBLIC} all the same: a new address takes '
                                                  'new keys') == 1, b.said())
        maps(61005)
        claim('from the old address it is followed as before', to_b(sock) == 5 and
              follows(spi[b], 61005) and to_a(sock) == 5 and
              'elsewhere' not in b.list()['tunnels'][0])
        for p in (a, b):
            p.do('drop name=t')
    ip('-n', 'mid', 'address', 'delete', f'{ELSEWHERE}/32', 'dev', 'to-b')


def shared():
    """Calls that share what is for all between two hosts share the port, too"""
    wire, sock = Wire(), sockets()
    with nat(61006) as (a, b):
        one = up(a, b, name='one', scope=2)
        claim('media pass', to_b(sock) == 5 and follows(one[b], 61006) and to_a(sock) == 5)
        two = up(a, b, name='two', call=2, key=2, scope=2)
        claim('the second call begins with what the first has learnt',
              encap('b', two[a]) == (DOOR, 61006), kernel('b'))
        claim('media pass by it', to_b(sock) == 5)
        time.sleep(0.5)  # b has heard of it, and turns
        claim('both ways', to_a(sock) == 5)
        maps(61007)
        claim('the NAT changes', to_b(sock) == 5 and follows(two[b], 61007) and to_a(sock) == 5)
        claim('the SA that sends follows, the other one has time',
              (encap('b', two[a]), encap('b', one[a])) == ((DOOR, 61007), (DOOR, 61006)),
              kernel('b'))
        for p in (a, b):
            p.do('drop name=two')
        wire.seen()
        claim('when b turns to that one, it follows', to_a(sock) == 5 and
              {port for port, _ in went(wire, one[a])} == {61007}, kernel('b'))
        claim('and its inbound one once it is heard', to_b(sock) == 5 and
              follows(one[b], 61007), kernel('b'))
        for p in (a, b):
            p.do('drop name=one')


def killed():
    """Killed after it followed, it knows its SAs all the same"""
    sock = sockets()
    with nat(61008) as (a, b):
        spi = up(a, b)
        claim('media pass', to_b(sock) == 5 and follows(spi[b], 61008) and to_a(sock) == 5)
        b.crash()
        claim('they are in the kernel still', tunnel_guest.sas('b') == 2)
        again = tunnel_guest.Process('b', tunnel=f'udp = {DOOR};')
        claim('the next start removes them', again.pid and only_blocks('b'), kernel('b'))
        again.do('stop')
        again.end()
        a.do('drop name=t')


CLAIMS = (learnt, kept, moved, shared, killed)

if __name__ == '__main__':
    sys.exit(run(CLAIMS, sys.argv[3:]))
