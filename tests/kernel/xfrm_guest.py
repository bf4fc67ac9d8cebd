#!/usr/bin/env python3
"""modules/xfrm on a real kernel: two hosts a and b, and mid between them, in
network namespaces. tests/mock/xfrmtool runs as an ordinary user with CAP_NET_ADMIN
and nothing else; iproute2 says what came to be in the kernel, a packet socket on
mid what crosses the wire.

    xfrm_guest.py TOOL [NAME...]    all claims, or those functions
"""
import contextlib
import os
import re
import socket
import subprocess
import sys
import time

import guest
from guest import (A, A6, B, B6, SPEECH, Wire, Wrong, claim, forge, inside, ip, kernel, run,
                   talk, udp)

TOOL = os.path.abspath(sys.argv[1])
UDP_ENCAP, ESP_IN_UDP = 100, 2
PAIR = f'own={A} peer={B} port=40000 far=50000 in=0x1001 out=0x2001'
BACK = f'own={B} peer={A} port=50000 far=40000 in=0x2001 out=0x1001'


# -- the program under test ----------------------------------------------------

class Tool(guest.Tool):
    def __init__(self, host, ledger, capability='+net_admin'):
        ledger = guest.ledger(ledger)
        super().__init__(host, [TOOL, ledger], capability)


@contextlib.contextmanager
def tools(*hosts):
    """A tool on each host, its first sweep done; nothing may be left in the end."""
    running = [Tool(host, f'{host}.ledger') for host in hosts]
    for tool in running:
        tool.do('sweep')
    yield running if len(running) > 1 else running[0]
    for tool in running:
        tool.do('sweep')
        tool.end()
    left = {host: kernel(host) for host in hosts}
    claim('nothing is left in the kernel', not any(left.values()), left)


# -- claims --------------------------------------------------------------------

def capability():
    """Without CAP_NET_ADMIN it says so; with just that all algorithms are there"""
    tool = Tool('a', 'without.ledger', capability=None)
    claim('it says what is missing', 'CAP_NET_ADMIN is missing' in tool.first, tool.first)
    tool.end()
    with tools('a') as a:
        with open(f'/proc/{a.process.pid}/status', encoding='ascii') as f:
            status = f.read()
        claim('an ordinary user', re.search(r'^Uid:\s+65534', status, re.M), status)
        claim('with CAP_NET_ADMIN and nothing else',
              re.search(r'^CapEff:\s+0*1000$', status, re.M) and
              re.search(r'^CapBnd:\s+0*1000$', status, re.M), status)
        said = a.do('probe')
        claim('every algorithm, both families, ESN, UDP', said.rstrip() ==
              'ok 1:11 2:11 3:11 4:11 esn:11 encap:1', said)
        claim('the probe leaves nothing', not kernel('a'), kernel('a'))


def esp_only():
    """Blocked until the tunnel is up, then ESP and nothing else, then blocked"""
    wire, left, right = Wire(), udp('a', 40000), udp('b', 50000)
    with tools('a', 'b') as (a, b):
        claim('in clear it would pass', talk(left, right, (B, 50000)) == 5)
        wire.seen()
        for tool, near, port in ((a, A, 0x9c00), (b, B, 0xc000)):
            tool.do('rule name=block action=block', f'near={near}/32 remote=0.0.0.0/0',
                    f'port=0x{port:x} mask=0xfc00')
        claim('blocked before the tunnel is up', talk(left, right, (B, 50000)) == 0)
        claim('and nothing is on the wire', not wire.seen())
        b.do('raise name=t seed=one', BACK)
        a.do('raise name=t seed=one', PAIR)
        both_ways(wire, left, right)
        a.do('drop name=t')
        b.do('drop name=t')
        claim('blocked again', talk(left, right, (B, 50000)) == 0 and not wire.seen())


def both_ways(wire, left, right):
    claim('all packets arrive', talk(left, right, (B, 50000)) == 5 and
          talk(right, left, (A, 40000)) == 5)
    seen = wire.seen()
    claim('each of them as ESP, nothing else', [p for p, _ in seen] == [50] * 10, seen)
    claim('the speech is not to be seen', not any(SPEECH in f for _, f in seen))
    forge((A, 40000), (B, 50000), SPEECH + b'!')
    right.settimeout(0.3)
    with contextlib.suppress(TimeoutError):
        raise Wrong(f'forged in clear: {right.recv(2048)}')
    seen = wire.seen()
    claim('a forged clear packet reached b and was dropped', [p for p, _ in seen] == [17], seen)


def variants():
    """Each cipher, both modes, IPv6, ESN, in UDP: packets pass, as iproute2 sees it too"""
    wire = Wire()
    with tools('a', 'b') as (a, b):
        for n, (options, state) in enumerate((
                ('suite=1 mode=transport', r'mode transport.*aead rfc4106\(gcm\(aes\)\) '
                 r'0x[0-9a-f]{40} 128'),
                ('suite=2 mode=tunnel', r'mode tunnel.*0x[0-9a-f]{72} 128'),
                ('suite=3 mode=transport', r'auth-trunc hmac\(sha256\) 0x[0-9a-f]{64} 128'
                 r'.*enc cbc\(aes\) 0x[0-9a-f]{32}\n'),
                ('suite=4 mode=tunnel', r'enc cbc\(aes\) 0x[0-9a-f]{64}\n'),
                ('suite=1 esn=1 window=1024', r'flag esn.*replay_window 1024'),
                ('suite=4 esn=1 mode=tunnel', r'flag af-unspec esn'),
                ('suite=1 window=128', r'replay_window 128'),
                ('suite=1 soft=100 hard=200', r'soft 100\(packets\), hard 200\(packets\)'))):
            one_variant(wire, a, b, n, options, state)
        six(wire, a, b)
        in_udp(wire, a, b)


def one_variant(wire, a, b, n, options, state):
    left, right = udp('a', 40000), udp('b', 50000)
    b.do('raise name=t', f'seed=v{n}', BACK, options)
    a.do('raise name=t', f'seed=v{n}', PAIR, options)
    text = subprocess.run(['ip', '-s', '-n', 'a', 'xfrm', 'state'], capture_output=True,
                          text=True).stdout if 'soft' in options else ip('-n', 'a', 'xfrm', 'state')
    if 'soft' in options:
        text = re.sub(r'limit: ', '', text)
    claim(f'{options}: iproute2 reads it so', re.search(state, text, re.S), text)
    policy = ip('-n', 'a', 'xfrm', 'policy')
    claim('the SPI is in the template, RTP and RTCP in one selector',
          'spi 0x00002001' in policy and 'sport 40000-40001 dport 50000-50001' in policy or
          'spi 0x00002001' in policy and 'sport 40000' in policy, policy)
    wire.seen()
    claim('packets pass', talk(left, right, (B, 50000)) == 5 and
          talk(right, left, (A, 40000)) == 5)
    claim('as ESP', {p for p, _ in wire.seen()} == {50})
    a.do('drop name=t')
    b.do('drop name=t')


def six(wire, a, b):
    left, right = udp('a', 40002, True), udp('b', 50002, True)
    pair = f'own={A6} peer={B6} port=40002 far=50002 in=0x1001 out=0x2001 mode=tunnel'
    back = f'own={B6} peer={A6} port=50002 far=40002 in=0x2001 out=0x1001 mode=tunnel'
    b.do('raise name=t seed=six', back)
    a.do('raise name=t seed=six', pair)
    talk(left, right, (B6, 50002))  # neighbours are found
    wire.seen()
    claim('IPv6: packets pass', talk(left, right, (B6, 50002)) == 5)
    claim('as ESP', {p for p, _ in wire.seen()} == {50})
    a.do('drop name=t')
    b.do('drop name=t')
    doors = [udp('a', 4501, True), udp('b', 4501, True)]
    for door in doors:
        door.setsockopt(socket.IPPROTO_UDP, UDP_ENCAP, ESP_IN_UDP)
    for tool, ends in ((b, back), (a, pair)):
        tool.do('raise name=t seed=six-udp encap=4501', ends.replace('tunnel', 'transport'))
    wire.seen()
    claim('in UDP, too', talk(left, right, (B6, 50002)) == 5)
    claim('on port 4501', [f[54:58] for _, f in wire.seen()] == [b'\x11\x95\x11\x95'] * 5)
    a.do('drop name=t')
    b.do('drop name=t')


def in_udp(wire, a, b):
    left, right, doors = udp('a', 40000), udp('b', 50000), [udp('a', 4501), udp('b', 4501)]
    for door in doors:
        door.setsockopt(socket.IPPROTO_UDP, UDP_ENCAP, ESP_IN_UDP)
    b.do('raise name=t seed=udp encap=4501', BACK)
    a.do('raise name=t seed=udp encap=4501', PAIR)
    claim('ESP in UDP: packets pass', talk(left, right, (B, 50000)) == 5)
    seen = wire.seen()
    claim('on port 4501, with the SPI in front', [p for p, _ in seen] == [17] * 5 and
          all(f[34:38] == b'\x11\x95\x11\x95' and f[42:46] == b'\0\0\x20\x01'
              for _, f in seen), seen)
    a.do('drop name=t')
    b.do('drop name=t')


def bypass():
    """SIP does not fall into a tunnel that takes everything between the hosts"""
    wire = Wire()
    with tools('a', 'b') as (a, b):
        for tool, near in ((a, A), (b, B)):
            tool.do('rule name=sip action=bypass', f'near={near}/32 remote=0.0.0.0/0 port=5060')
        b.do(f'raise name=t seed=host own={B} peer={A} in=0x2001 out=0x1001')
        a.do(f'raise name=t seed=host own={A} peer={B} in=0x1001 out=0x2001')
        sip = udp('a', 5060), udp('b', 5060)
        claim('SIP passes', talk(*sip, (B, 5060)) == 5)
        claim('as UDP', {p for p, _ in wire.seen()} == {17})
        rest = udp('a', 40000), udp('b', 50000)
        claim('all else passes', talk(*rest, (B, 50000)) == 5)
        claim('as ESP', {p for p, _ in wire.seen()} == {50})


def limits():
    """A soft limit gives an event; at the hard one the SA goes, and nothing leaks"""
    wire, left, right = Wire(), udp('a', 40000), udp('b', 50000)
    with tools('a', 'b') as (a, b):
        b.do('raise name=t seed=limits', BACK)
        a.do('raise name=t seed=limits', PAIR, 'soft=3 hard=6')
        talk(left, right, (B, 50000), 4)
        said = a.do('events seconds=1')
        claim('soft at 3 packets', 'soft=1 gone=0' in said, said)
        talk(left, right, (B, 50000), 4)
        said = a.do('events seconds=1')
        claim('gone at 6', 'gone=1' in said, said)
        wire.seen()
        claim('then nothing arrives', talk(left, right, (B, 50000)) == 0)
        claim('nor leaves in clear', not [p for p, _ in wire.seen() if p != 50])
        said += a.do('events seconds=1')
        claim('the kernel asks for an SA instead', re.search(r'acquire=[1-9]', said), said)
        a.do('drop name=t')


def refusals():
    """What the kernel refuses is explained, and nothing of it stays"""
    foreign = ('xfrm', 'state', 'add', 'src', B, 'dst', A, 'proto', 'esp', 'spi', '0x1001',
               'reqid', '7', 'mode', 'transport', 'aead', 'rfc4106(gcm(aes))', '0x' + '11' * 20,
               '128')
    policy = ('xfrm', 'policy', 'add', 'src', f'{A}/32', 'dst', f'{B}/32', 'proto', 'udp',
              'sport', '40000', 'dport', '50000', 'dir', 'out', 'priority', '9')
    with tools('a') as a:
        ip('-n', 'a', *foreign)
        before = kernel('a')
        a.refused('raise name=t seed=r1', PAIR, code=-11, text='File exists')
        claim('the foreign SA is as it was, nothing beside it', kernel('a') == before)
        ip('-n', 'a', 'xfrm', 'state', 'deleteall')
        selector = [w if w != '40000' else '41000' for w in policy]
        ip('-n', 'a', *selector)
        exact = 'name=t action=block near=10.99.1.1/32 remote=10.99.2.1/32'
        ip('-n', 'a', 'xfrm', 'policy', 'add', 'src', f'{A}/32', 'dst', f'{B}/32', 'dir', 'out')
        before = kernel('a')
        a.refused('rule', exact, code=-11, text='was left as it is')
        claim('the foreign policies are as they were', kernel('a') == before, kernel('a'))
        ip('-n', 'a', 'xfrm', 'policy', 'deleteall')
        a.do('raise name=t seed=r2', PAIR)
        before = kernel('a')
        a.refused('raise name=u seed=r3', PAIR, code=-11, text='it is ours')
        a.refused('raise name=u seed=r2', PAIR.replace('0x', '0x7'), code=-7,
                  text='this key was installed before')
        a.refused('raise name=u seed=r4', PAIR.replace('0x1001', '0xff'), code=-3,
                  text='reserved')
        claim('ours is as it was', kernel('a') == before, kernel('a'))
        a.do('drop name=t')
        a.refused('raise name=t seed=r2', PAIR, code=-7, text='this key was installed before')
        claim('the list is empty', a.do('list') == 'ok ours=0 foreign=0 records=0')


def reserved():
    """An SPI is reserved, then filled in; also when the kernel gave it up meanwhile"""
    with tools('a') as a:
        with inside('a'), open('/proc/sys/net/core/xfrm_acq_expires', 'w', encoding='ascii') as f:
            f.write('1')
        for n, (wait, other) in enumerate(((0, False), (0, True), (2.5, False))):
            said = a.do(f'reserve name=r own={A} peer={B}')
            spi, reqid = re.search(r'in=(0x[0-9a-f]+) (reqid=0x[0-9a-f]+)', said).groups()
            claim('the kernel has it without a key', spi in ip('-n', 'a', 'xfrm', 'state'))
            time.sleep(wait)
            if wait:
                claim('it gave it up', spi not in ip('-n', 'a', 'xfrm', 'state'))
            mine = PAIR.replace('0x1001', spi)
            # a group of tunnels has one reqid, known only then
            a.do(f'raise name=t seed=res{n}', mine, '' if other else reqid)
            claim('it is an SA now', re.search(rf'spi {spi}.*aead', ip('-n', 'a', 'xfrm', 'state'),
                                               re.S))
            claim('recorded once', a.do('list') == 'ok ours=2 foreign=0 records=4', a.do('list'))
            a.do('drop name=t')
            a.do('drop name=r')  # the name of the first slot: no error
        a.do(f'reserve name=s own={A} peer={B}')
        a.do('drop name=s')


def killed():
    """Two instances on one host, one is killed: its next start removes what it left"""
    one, two = Tool('a', 'one.ledger'), Tool('a', 'two.ledger')
    claim('they have different names', one.first != two.first, one.first)
    third = Tool('a', 'one.ledger')
    claim('no two processes share a ledger', 'another process has the ledger' in third.first,
          third.first)
    third.end()
    one.do('raise name=t seed=k1', PAIR)
    one.do(f'rule name=b action=block near={A}/32 remote=0.0.0.0/0 port=0x9c00 mask=0xfc00')
    two.do('raise name=t seed=k2', PAIR.replace('0x', '0x9').replace('=4', '=42')
           .replace('port=420000', 'port=42000'))
    ip('-n', 'a', 'xfrm', 'state', 'add', 'src', A, 'dst', B, 'proto', 'esp', 'spi', '0xabc',
       'reqid', '3', 'mode', 'transport', 'aead', 'rfc4106(gcm(aes))', '0x' + '22' * 20, '128')
    whole = kernel('a')
    one.kill()
    claim('all of it stays in the kernel', kernel('a') == whole)
    again = Tool('a', 'one.ledger')
    claim('it has the same names', again.first == one.first, again.first)
    said = again.do('sweep keep=1')
    claim('its own SAs and policies are removed', said == 'ok sas=2 policies=2 gone=0 foreign=0',
          said)
    claim('the block policy stays', kernel('a').count('action block') == 2, kernel('a'))
    again.do(f'rule name=b action=block near={A}/32 remote=0.0.0.0/0 port=0x9c00 mask=0xfc00')
    again.do('drop name=b')
    claim("the other's and the foreign SA stay",
          two.do('list') == 'ok ours=2 foreign=1 records=4', two.do('list'))
    damage(again, two)


def damage(again, two):
    again.do('raise name=t seed=k3', PAIR)
    again.kill()
    with open('/run/one.ledger', 'r+b') as f:
        f.seek(2 * 128 + 9)
        f.write(b'?')
    last = Tool('a', 'one.ledger')
    said = last.do('sweep')
    claim('a damaged record keeps nothing back', said == 'ok sas=2 policies=2 gone=0 foreign=0',
          said)
    last.end()
    two.do('drop name=t')
    two.end()
    ip('-n', 'a', 'xfrm', 'state', 'delete', 'src', A, 'dst', B, 'proto', 'esp', 'spi', '0xabc')
    claim('nothing is left in the kernel', not kernel('a'), kernel('a'))


def flood():
    """More events than the socket holds: none that matters is missed"""
    with tools('a') as a:
        a.do(f'many name=m own={A} peer={B} port=2 far=2 count=1200 hard_s=4')
        time.sleep(5.5)
        said = a.do('events seconds=2')
        gone = int(re.search(r'gone=(\d+)', said)[1])
        claim('all 2400 are told', gone >= 2400, said)
        claim('they are gone', a.do('list').startswith('ok ours=0'), a.do('list'))
        a.do('drop name=m')
        claim('and so are the records', a.do('list') == 'ok ours=0 foreign=0 records=0')


CLAIMS = (capability, esp_only, variants, bypass, limits, refusals, reserved, killed, flood)


if __name__ == '__main__':
    sys.exit(run(CLAIMS, sys.argv[2:]))
