#!/usr/bin/env python3
"""The tunnel process on a real kernel: callseald --child tunnel on two hosts a and b,
confined, as an ordinary user with CAP_NET_ADMIN and nothing else;
tests/mock/tunneltool is parent, engine and keeper to each. iproute2 says what came to be
in the kernel, a packet socket between them what crosses the wire.

    tunnel_guest.py TOOL CALLSEALD [NAME...]    all claims, or those functions
"""
import contextlib
import json
import os
import re
import socket
import signal
import subprocess
import sys
import time

import guest
from guest import A, A6, B, SPEECH, Wire, claim, forge, inside, ip, kernel, run, talk, udp

TOOL, DAEMON = (os.path.abspath(p) for p in sys.argv[1:3])
CTL = os.path.abspath('ctl/callsealctl')
CONF = '''
inside = {{ listen = ( "udp:127.0.0.1:5060" ); }};
outside = {{ listen = ( "udp:{own}:5060" ); media = [ "{own}"{six} ]; {outside} }};
media = {{ grace = 3; }};
tunnel = {{ ports = "{ports}"; {tunnel} }};
profiles = {{ t = {{ need = "require"; media = "{media}"; keying = [ "mikey-psk" ];
	{profile} }}; }};
peers = ( {{ name = "b"; match = "*"; profile = "t"; psk = "file:x"; {peer} }} );
'''
PORTS = {'a': '40000-40999', 'b': '50000-50999'}
NOTHING = {'tunnel': '', 'profile': '', 'peer': '', 'outside': ''}
OWN = {'a': A, 'b': B}
HERE = {'a': f'{A}:40000', 'b': f'{B}:50000'}
THERE = {'a': HERE['b'], 'b': HERE['a']}


class Process(guest.Tool):
    def __init__(self, host, capability='+net_admin', ports=None, six=False, **more):
        path = guest.ledger(f'{host}.conf')
        with open(path, 'w', encoding='ascii') as f:
            f.write(CONF.format(own=OWN[host], ports=ports or PORTS[host],
                                six=f', "{guest.HOSTS[1][host]}"' if six else '', media='esp',
                                **{**NOTHING, **more}))
        self.host = host
        self.log = f'/run/{host}.log'
        with open(self.log, 'w', encoding='ascii') as log:
            super().__init__(host, [TOOL, DAEMON, path, guest.ledger(f'{host}.ledger')],
                             capability, log)
        self.pid = int(self.first.split()[1]) if self.first.startswith('ready') else 0

    def reserve(self, name='t', local=None, call=1):
        said = self.do(f'reserve name={name} call={call} local={local or HERE[self.host]}')
        return re.search(r'spi=(0x[0-9a-f]+)', said)[1]

    def key(self, spi, *more, name='t', key=1, seed='s'):
        self.do(f'key name={name} id={key} seed={seed} far={THERE[self.host]} spi={spi}', *more)

    def list(self):
        said = self.do('list')
        portions = [json.loads(x) for x in said[3:].split('\t')]
        portions[0]['tunnels'] = [t for p in portions for t in p['tunnels']]
        return portions[0]

    def said(self):
        with open(self.log, encoding='ascii') as f:
            return f.read()

    def crash(self):
        os.kill(self.pid, 9)
        self.kill()


def blocks(host):
    return kernel(host).count('action block')


def only_blocks(host):
    text = kernel(host)
    return 'proto esp' not in text and 'tmpl' not in text and blocks(host) > 0


@contextlib.contextmanager
def both(**more):
    """The process on each host; all is gone from the kernel in the end."""
    a, b = Process('a', **more), Process('b', **more)
    claim('both are ready', a.pid and b.pid, (a.first, b.first, a.said(), b.said()))
    yield a, b
    for p in (a, b):
        said = p.do('stop')
        claim(f'{p.host} ends in order', said == 'ok 0', said)
        p.end()
        claim(f'nothing is left in the kernel of {p.host}', not kernel(p.host), kernel(p.host))


def up(a, b, seed='s', name='t', key=1, instead='', call=1):
    """A tunnel between them: each reserves, has its key, and raises."""
    spi = {p: p.reserve(name, call=call) for p in (a, b)}
    for p, q in ((a, b), (b, a)):
        p.key(spi[q], name=name, key=key, seed=seed)
    for p in (b, a):
        p.do(f'raise name={name} id={key}', f'instead={instead}' if instead else '')
    return spi


# -- claims --------------------------------------------------------------------

def rights():
    """Without CAP_NET_ADMIN it ends, for good; with it, it has nothing else"""
    p = Process('a', capability=None)
    claim('it ends with the status of a wrong configuration', p.first == 'ended 78' and
          'CAP_NET_ADMIN is missing: start callseald by its systemd unit' in p.said(),
          (p.first, p.said()))
    p.end()
    with both() as (a, _):
        with open(f'/proc/{a.pid}/status', encoding='ascii') as f:
            status = dict(line.rstrip('\n').split(':\t', 1) for line in f if ':\t' in line)
        claim('an ordinary user', status['Uid'].startswith('65534'), status['Uid'])
        claim('CAP_NET_ADMIN, permitted and effective, and nothing else',
              [int(status[f'Cap{k}'], 16) for k in ('Prm', 'Eff')] == [1 << 12] * 2, status)
        claim('which nothing inherits', [int(status[f'Cap{k}'], 16)
                                         for k in ('Inh', 'Amb', 'Bnd')][:2] == [0, 0], status)
        claim('no new privileges, and a filter of system calls',
              status['NoNewPrivs'] == '1' and status.get('Seccomp', '2') == '2', status)


def blocked():
    """The ports are shut, all of them and no other, both ways, while it runs"""
    edges = ((39998, True), (40000, False), (40001, False), (40512, False), (40999, False),
             (41000, True))
    with both() as (a, b):
        claim('by as few policies as there are prefixes', (blocks('a'), blocks('b')) == (12, 16),
              (blocks('a'), blocks('b')))
        right = udp('b', 30000)
        for port, passes in edges:
            left = udp('a', port)
            claim(f'port {port} {"is open" if passes else "is shut"}',
                  talk(left, right, (B, 30000)) == 5 * passes and
                  talk(right, left, (A, port)) == 5 * passes)


def let_through():
    """Another program's policy that lets media pass is told; before tunnels, nothing starts"""
    words = ('xfrm', 'policy', 'add', 'src', '10.99.1.0/24', 'dst', '0.0.0.0/0', 'dir', 'out',
             'action', 'allow')
    for priority, starts in (('0', False), ('100000', True), ('2000000000', True)):
        ip('-n', 'a', *words, 'priority', priority)
        p = Process('a')
        told = 'another program lets what goes from 10.99.1.0/24' in p.said()
        claim(f'priority {priority}: it starts: {starts}', bool(p.pid) == starts, p.first)
        claim('and it is told, if it matters', told == (priority != '2000000000'), p.said())
        if starts:
            p.do('stop')
        p.end()
        ip('-n', 'a', 'xfrm', 'policy', 'delete', *words[3:9])
        claim('nothing is left in the kernel', not kernel('a'), kernel('a'))


def let_through_later():
    """One that is added while a tunnel is up ends it, and no other is raised until it goes"""
    words = ('xfrm', 'policy', 'add', 'src', '10.99.1.0/24', 'dst', '0.0.0.0/0', 'dir', 'out',
             'action', 'allow')
    wire, left, right = Wire(), udp('a', 40000), udp('b', 50000)
    with both() as (a, b):
        up(a, b)
        ip('-n', 'a', *words, 'priority', '2000000000')
        said = a.do('events seconds=1')
        claim('behind ours it ends nothing', 'gone=0' in said and
              talk(left, right, (B, 50000)) == 5, said)
        ip('-n', 'a', 'xfrm', 'policy', 'update', *words[3:], 'priority', '0')
        said = a.do('events seconds=1')
        claim('before ours it ends the tunnel', 'gone=1' in said, said)
        claim('and the log says what to do', 'now lets what goes from 10.99.1.0/24' in a.said() and
              'remove it' in a.said(), a.said())
        claim('the list shows it', '10.99.1.0/24 to 0.0.0.0/0, priority 0' in
              a.list()['foreign_policies'][0])
        a.reserve('n')
        a.key('0x5000', name='n', key=2, seed='n')
        a.refused('raise name=n id=2', code=-11, text='another program lets what goes from')
        ip('-n', 'a', 'xfrm', 'policy', 'delete', *words[3:9])
        a.key('0x5000', name='n', key=3, seed='after')
        a.do('raise name=n id=3')
        claim('it is gone: the tunnel is raised', 'tmpl' in kernel('a'), kernel('a'))
        wire.seen()
        talk(left, right, (B, 50000))
        claim('and all goes in ESP', {p for p, _ in wire.seen()} == {50})
        a.do('drop name=n')
        b.do('drop name=t')


def removed():
    """What others remove of our policies is back at once: media go on in ESP, or stay"""
    wire, left, right = Wire(), udp('a', 40000), udp('b', 50000)
    with both() as (a, b):
        up(a, b)
        before = ip('-n', 'a', 'xfrm', 'policy')
        for words in ('flush', 'delete dir out index NUMBER'):
            shown = re.search(r'dir out.*? index (\d+)', ip('-n', 'a', '-s', 'xfrm', 'policy'),
                              re.DOTALL)
            ip('-n', 'a', 'xfrm', 'policy', *words.replace('NUMBER', shown[1]).split())
            said = a.do('events seconds=1')
            after = ip('-n', 'a', 'xfrm', 'policy')
            claim(f'{words}: all are back', sorted(after.split()) == sorted(before.split()), after)
            claim('no tunnel has ended', 'gone=0' in said, said)
        claim('the log says so', a.said().count('put back at once') == 2, a.said())
        wire.seen()
        claim('media go on', talk(left, right, (B, 50000)) == 5)
        claim('in ESP', {p for p, _ in wire.seen()} == {50})
        a.do('drop name=t')
        b.do('drop name=t')


def esp_only():
    """Media pass as ESP only, both ways; forged clear packets do not; then nothing"""
    wire, left, right = Wire(), udp('a', 40000), udp('b', 50000)
    rtcp = udp('a', 40001), udp('b', 50001)
    with both() as (a, b):
        claim('shut before', talk(left, right, (B, 50000)) == 0 and not wire.seen())
        spi = up(a, b)
        policy = ip('-n', 'a', 'xfrm', 'policy')
        claim("the far end's SPI is in the template", f'spi {spi[b]}' in policy, policy)
        wire.seen()
        claim('all packets arrive', talk(left, right, (B, 50000)) == 5 and
              talk(right, left, (A, 40000)) == 5 and talk(*rtcp, (B, 50001)) == 5)
        seen = wire.seen()
        claim('each of them as ESP, nothing else', [p for p, _ in seen] == [50] * 15, seen)
        claim('the speech is not to be seen', not any(SPEECH in f for _, f in seen))
        forge((A, 40000), (B, 50000), SPEECH)
        forge((A, 40002), (B, 50002), SPEECH)
        right.settimeout(0.3)
        with contextlib.suppress(TimeoutError):
            raise guest.Wrong(f'forged in clear: {right.recv(2048)}')
        claim('two forged clear packets reached b and were dropped',
              [p for p, _ in wire.seen()] == [17, 17])
        outside = udp('b', 50002)
        claim('what the tunnel is not for goes nowhere', talk(left, outside, (B, 50002)) == 0 and
              not wire.seen())
        shown(a, b, spi)
        for p in (a, b):
            p.do('drop name=t')
            p.do('events seconds=0')
            p.list()
            claim(f'only blocks are left on {p.host}', only_blocks(p.host), kernel(p.host))
        claim('shut again', talk(left, right, (B, 50000)) == 0 and not wire.seen())


def shown(a, b, spi):
    ip('-n', 'a', 'xfrm', 'state', 'add', 'src', A, 'dst', '10.99.9.9', 'proto', 'esp', 'spi',
       '0xabc', 'reqid', '3', 'mode', 'transport', 'aead', 'rfc4106(gcm(aes))', '0x' + '22' * 20,
       '128')
    said = a.list()
    mine = said['tunnels'][0]
    claim('the list shows it, with its packets', mine['state'] == 'raised' and
          mine['in']['spi'] == spi[a] and mine['out']['spi'] == spi[b] and
          mine['out']['packets'] == 10 and mine['in']['packets'] == 5 and
          mine['remote'] == HERE['b'] and mine['suite'] == 'AES_128_GCM', said)
    claim('how many policies block, and what is foreign', said['block_policies'] == 12 and
          said['foreign_count'] == 1 and said['foreign'][0]['spi'] == '0x00000abc', said)
    ip('-n', 'a', 'xfrm', 'state', 'delete', 'src', A, 'dst', '10.99.9.9', 'proto', 'esp', 'spi',
       '0xabc')


def orders():
    """KEY and RAISE in either order; what does not fit is refused, and nothing of it stays"""
    with both() as (a, _):
        a.reserve()
        a.do('ask name=t id=1')
        a.key('0x5000')
        claim('first RAISE, then KEY', a.do('answer name=t') == 'ok')
        a.refused('raise name=t id=1', code=-19, text='it was raised before')
        a.do('drop name=t')
        a.reserve('u')
        a.refused('raise name=u id=1', code=-10, text='its key is gone')
        a.key('0x5000', 'call=9', name='u', key=2)
        a.refused('raise name=u id=2', code=-6, text="the key is another call's")
        a.key('0x5000', f'near={A}:40002', name='u', key=3)
        a.refused('raise name=u id=3', code=-6, text='another end than ours')
        a.key('0x5000', 'udp=1', name='u', key=4)
        a.refused('raise name=u id=4', code=-6, text='it is in UDP and need not be')
        a.do(f'key name=u id=5 seed=own far={A}:40010 spi=0x5000')
        a.refused('raise name=u id=5', code=-9, text="the far end's address is ours")
        a.reserve('v', f'{A}:40004')
        a.key('0x5000', name='v', key=6)
        a.refused('raise name=u id=6', code=-6, text="its key is another tunnel's")
        a.refused('raise name=u id=7', code=-14, text='the keeper sent no key')
        a.refused(f'reserve name=w call=2 local={A}:40000', code=-11, text='of another call')
        for wrong in (f'{A}:41000', f'{A}:39998', f'{A}:40001', '10.99.1.2:40000', f'[{A6}]:40000'):
            a.refused(f'reserve name=w call=2 local={wrong}', code=-9, text='tunnel.ports')
        a.key('0x5000', name='u', key=8)
        a.refused('raise name=u id=8', code=-7, text='this key was installed before')
        a.key('0x6000', name='u', key=9, seed='z')
        a.do('raise name=u id=9')
        a.do('drop name=u')
        a.do('drop name=v')
        a.list()
        claim('only blocks are left', only_blocks('a'), kernel('a'))


def rekey():
    """New keys take over; not one packet is lost, and the old ones go after the grace"""
    wire, left, right = Wire(), udp('a', 40000), udp('b', 50000)
    with both() as (a, b):
        old = up(a, b)
        spi = {p: p.reserve('n') for p in (a, b)}
        for p, q in ((a, b), (b, a)):
            p.key(spi[q], name='n', key=2, seed='new')
        claim('old keys', talk(left, right, (B, 50000)) == 5)
        b.do('raise name=n id=2 instead=t proven=1')
        claim('one end has both, the other the old ones', talk(left, right, (B, 50000)) == 5 and
              talk(right, left, (A, 40000)) == 5)
        a.do('raise name=n id=2 instead=t')
        claim('both have new ones', talk(left, right, (B, 50000)) == 5 and
              talk(right, left, (A, 40000)) == 5)
        time.sleep(1)  # b has heard of them, and turns
        claim('and go on', talk(right, left, (A, 40000)) == 5)
        last = [f for p, f in wire.seen() if p == 50][-1]
        claim('which are used', last[34:38].hex() in (spi[p][2:] for p in (a, b)), last.hex())
        states = [t['state'] for t in a.list()['tunnels']]
        claim('the old one still hears', states == ['replaced', 'raised'], states)
        time.sleep(3.5)
        left_over = kernel('a')
        claim('and goes after the grace', old[a] not in left_over and spi[a] in left_over and
              len(a.list()['tunnels']) == 1, left_over)
        claim('nothing is lost', talk(left, right, (B, 50000)) == 5)
        for p in (a, b):
            p.do('drop name=n')


MOVED = '10.99.2.9'  # of b, too


def moved():
    """The far end has another address: new keys lead there, and all that led to the old one goes"""
    wire, left, right = Wire(), udp('a', 40000), udp('b', 50000)
    with both() as (a, b):
        old = up(a, b)
        claim('packets pass', talk(left, right, (B, 50000)) == 5)
        a.reserve('n')
        a.do(f'key name=n id=2 seed=new far={MOVED}:50000 spi=0x7777')
        a.do('raise name=n id=2 instead=t')
        ip('-n', 'b', 'address', 'add', f'{MOVED}/24', 'dev', 'eth0')
        wire.seen()
        talk(left, right, (MOVED, 50000))
        seen = [(p, f[30:34], f[34:38].hex()) for p, f in wire.seen() if p != 1]
        claim('to the new address goes ESP by the new SA, and nothing else',
              seen == [(50, socket.inet_aton(MOVED), '00007777')] * 5, seen)
        claim('from the old one what is under way is heard', talk(right, left, (A, 40000)) == 5)
        time.sleep(4)
        left_over = kernel('a')
        claim('for the grace', old[a] not in left_over and old[b] not in left_over and
              f'{B}/32' not in left_over, left_over)
        claim('then nothing leaves for it', talk(left, right, (B, 50000)) == 0)
        a.do('drop name=n')
        b.do('drop name=t')
        ip('-n', 'b', 'address', 'delete', f'{MOVED}/24', 'dev', 'eth0')


def host_up(a, b, name, call, six=False):
    """A tunnel for all between the two, of that call; b answers. The SPIs, by process."""
    own, host = guest.HOSTS[six], ('[{}]' if six else '{}').format
    spi = {}
    for p in (a, b):
        said = p.do(f'reserve name={name} call={call} local={host(own[p.host])} scope=2')
        spi[p] = re.search(r'spi=(0x[0-9a-f]+)', said)[1]
    for p, q in ((a, b), (b, a)):
        p.do(f'key name={name} id={call} seed={name} far={host(own[q.host])} spi={spi[q]} scope=2')
    b.do(f'raise name={name} id={call} proven=1')
    a.do(f'raise name={name} id={call}')
    return spi


def sas(host):
    return ip('-n', host, 'xfrm', 'state').count('proto esp')


def tcp(port, six=False):
    """Whether a can talk to b by TCP; what was seen of it on the wire, by protocol."""
    wire = Wire()
    wire.seen()  # the end of a connection before it
    with inside('b'):
        server = socket.create_server((guest.HOSTS[six]['b'], port),
                                      family=socket.AF_INET6 if six else socket.AF_INET)
    with inside('a'):
        client = socket.socket(socket.AF_INET6 if six else socket.AF_INET)
    client.settimeout(3)
    with contextlib.closing(server), contextlib.closing(client):
        client.connect((guest.HOSTS[six]['b'], port))
        client.sendall(SPEECH)
        other, _ = server.accept()
        with contextlib.closing(other):
            return other.recv(2048) == SPEECH, {p for p, _ in wire.seen()}


def shared():
    """Calls share what is for all between two hosts; signalling stays out of it"""
    wire = Wire()
    sock = {(h, n): udp(h, n) for h in 'ab' for n in (30000, 5060)}
    sock['a', 40000], sock['b', 50000] = udp('a', 40000), udp('b', 50000)

    def talks(n, m, back=False):
        sides = (sock['a', n], sock['b', m], (B, m))
        if back:
            sides = (sock['b', m], sock['a', n], (A, n))
        passed = talk(*sides) == 5
        return passed, {p for p, _ in wire.seen()}

    with both() as (a, b):
        before = blocks('a')
        one = host_up(a, b, 'one', 1)
        claim('what is not media goes in ESP, both ways', talks(30000, 30000) == (True, {50}) and
              talks(30000, 30000, True) == (True, {50}))
        claim('so do media', talks(40000, 50000) == (True, {50}) and
              talks(40000, 50000, True) == (True, {50}))
        claim('SIP does not', talks(5060, 5060) == (True, {17}) and
              talks(5060, 5060, True) == (True, {17}))
        claim('nor what connects to SIP', tcp(5060) == (True, {6}))
        claim('other connections do', tcp(7000) == (True, {50}))
        wire.seen()
        for src, dst in ((5060, 50000), (40000, 50000), (5060, 30000)):
            forge((A, src), (B, dst), SPEECH)
        for name in (('b', 50000), ('b', 30000)):
            sock[name].settimeout(0.3)
            with contextlib.suppress(TimeoutError):
                raise guest.Wrong(f'forged in clear: {sock[name].recv(2048)}')
        claim('forged clear packets reach b, and nobody there',
              [p for p, _ in wire.seen()] == [17] * 3)
        two = host_up(a, b, 'two', 2)
        policy = ip('-n', 'a', 'xfrm', 'policy')
        claim('a second call has SAs of its own and the same policies',
              sas('a') == 4 and policy.count('tmpl') == 2 and
              f'spi {two[b]}' in policy, kernel('a'))
        claim('which go on', talks(40000, 50000) == (True, {50}) and
              talks(40000, 50000, True) == (True, {50}))
        time.sleep(0.3)  # b has heard of it, and turns
        claim('b sends by the new ones, too', f'spi {two[a]}' in ip('-n', 'b', 'xfrm', 'policy'))
        a.do('drop name=two')
        claim('the newer call ends here: nothing is lost, on either way',
              talks(40000, 50000) == (True, {50}) and talks(40000, 50000, True) == (True, {50}))
        claim('we send by the older one', f'spi {one[b]}' in ip('-n', 'a', 'xfrm', 'policy'))
        b.do('drop name=two')
        claim('and at the other end', talks(40000, 50000) == (True, {50}) and
              talks(40000, 50000, True) == (True, {50}))
        host_up(a, b, 'three', 3)  # while the second one is torn down
        a.do('drop name=one')
        claim('another begins meanwhile', talks(40000, 50000) == (True, {50}) and
              talks(40000, 50000, True) == (True, {50}))
        time.sleep(3.5)
        claim('after the grace the old ones are gone', sas('a') == 2, kernel('a'))
        for p in (a, b):
            p.do('drop name=three')
        b.do('drop name=one')
        for p in (a, b):
            p.list()
            claim(f'only blocks are left on {p.host}', only_blocks(p.host), kernel(p.host))
        claim('as many as before', blocks('a') == before)
        conflicts(a)


def conflicts(a):
    """What another program has in the kernel is left as it is, and told"""
    esp = ('tmpl', 'src', A, 'dst', '10.99.9.9', 'proto', 'esp', 'reqid', '3', 'mode', 'tunnel')
    packed = ('tmpl', 'src', A, 'dst', '10.99.9.9', 'proto', 'comp', 'reqid', '3', 'mode',
              'tunnel', 'tmpl', 'proto', 'esp', 'reqid', '3', 'mode', 'transport')
    for key, templates in (7, esp), (70, packed):
        one_conflict(a, key, templates)


def one_conflict(a, key, templates):
    words = ('xfrm', 'policy', 'add', 'src', '10.99.0.0/16', 'dst', '10.99.0.0/16', 'dir', 'out',
             'priority', '9999999', *templates)
    ip('-n', 'a', *words)
    before = kernel('a')
    a.do(f'reserve name=x call=7 local={A} scope=2')
    a.do(f'key name=x id={key} seed=x far={B} spi=0x5000 scope=2')
    a.refused(f'raise name=x id={key}', code=-11, text='another program has a policy')
    a.do('drop name=x')
    a.list()
    claim('it is as before', kernel('a') == before, kernel('a'))
    ip('-n', 'a', 'xfrm', 'policy', 'delete', *words[3:9])


def shared_six():
    """The same over IPv6"""
    with both(six=True) as (a, b):  # which have media addresses of both kinds
        host_up(a, b, 'one', 1, six=True)
        for host in 'ab':
            ip('-n', host, '-6', 'neigh', 'flush', 'all')
        claim('connections go in ESP', tcp(7000, True) == (True, {50}))
        claim('those of SIP do not', tcp(5060, True) == (True, {6}))
        for p in (a, b):
            p.do('drop name=one')


def lives():
    """A soft limit asks for new keys, at the hard one it is told gone; nothing leaks"""
    wire, left, right = Wire(), udp('a', 40000), udp('b', 50000)
    with both() as (a, b):
        spi = {p: p.reserve() for p in (a, b)}
        for p, q in ((a, b), (b, a)):
            p.key(spi[q], 'life=8' if p is a else '')
            p.do('raise name=t id=1')
        said = a.do('events seconds=10')
        claim('new keys are asked for once, then it is gone', 'soft=1 gone=1' in said, said)
        wire.seen()
        claim('nothing passes', talk(left, right, (B, 50000)) == 0 and not wire.seen())
        claim('only blocks are left', only_blocks('a'), kernel('a'))
        a.reserve('u')
        a.key('0x5000', name='u', key=2, seed='u')
        a.do('raise name=u id=2')
        ip('-n', 'a', 'xfrm', 'state', 'deleteall')
        talk(left, right, (B, 50000))
        said = a.do('events seconds=1')
        claim('what somebody removed is told, too', 'gone=1' in said, said)
        a.reserve('v')
        a.key('0x5000', name='v', key=3, seed='v')
        a.do('raise name=v id=3')
        a.do('gone id=3')
        said = a.do('events seconds=1')
        claim('and what the keeper took back', 'gone=1' in said and only_blocks('a'), said)
        b.do('drop name=t')


def siblings():
    """Tunnels outlive the keeper, not the engine"""
    with both() as (a, b):
        up(a, b)
        a.do('keeper')
        a.do('events seconds=1')
        claim('the keeper may go', 'tmpl' in kernel('a'))
        a.do('engine')
        a.do('events seconds=1')
        claim('the engine takes them along', only_blocks('a'), kernel('a'))
        b.do('drop name=t')


def killed():
    """Killed, it leaves the ports shut; the next start removes the rest"""
    wire, left, right = Wire(), udp('a', 40000), udp('b', 50000)
    b = Process('b')
    a = Process('a')
    up(a, b)
    host_up(a, b, 'all', 9)
    a.crash()
    claim('tunnels and blocks stay in the kernel', sas('a') == 4 and blocks('a') == 12)
    ip('-n', 'a', 'xfrm', 'state', 'deleteall')
    wire.seen()
    claim('without its SAs nothing leaves', talk(left, right, (B, 50000)) == 0 and
          not [p for p, _ in wire.seen() if p != 50])
    a = Process('a')
    claim('the next start has removed all but blocks', a.pid and only_blocks('a') and
          blocks('a') == 12 == ip('-n', 'a', 'xfrm', 'policy').count('dir '), kernel('a'))
    a.crash()
    a = Process('a', ports='42000-42015')
    claim('with other ports, it has others', a.pid and blocks('a') == 2 and
          '42000' in kernel('a'), kernel('a'))
    for p in (a, b):
        p.do('stop')
        p.end()
        claim(f'nothing is left in the kernel of {p.host}', not kernel(p.host), kernel(p.host))


CAPABILITIES = '+net_admin,+net_bind_service'  # as the systemd unit has it
ADMIN, BIND = 1 << 12, 1 << 10


def rights_of(pid):
    with open(f'/proc/{pid}/status', encoding='ascii') as f:
        return {k: int(re.search(rf'^Cap{k}:\s+(\w+)$', text, re.M)[1], 16)
                for text in (f.read(),) for k in ('Prm', 'Eff', 'Inh', 'Amb')}


def children(pid):
    """Process ids by name of a daemon's children."""
    out = subprocess.run(['ps', '-o', 'pid=,args=', '--ppid', str(pid)], capture_output=True,
                         text=True).stdout
    return {m[2]: int(m[1]) for m in re.finditer(r'(\d+) callseal: (\w+)', out)}


@contextlib.contextmanager
def whole_daemon(media='esp'):
    os.makedirs('/run/whole', exist_ok=True)
    with open('/run/whole/x', 'w', encoding='ascii') as f:
        f.write('00112233445566778899aabbccddeeff' * 2)
    with open('/run/whole/conf', 'w', encoding='ascii') as f:
        f.write(CONF.format(own=A, ports=PORTS['a'], six='', media=media, **NOTHING))
    for path in ('/run/whole', '/run/whole/x', '/run/whole/conf'):
        os.chown(path, 65534, 65534)
    os.chmod('/run/whole/x', 0o600)
    with open('/run/whole/log', 'w', encoding='ascii') as log:
        process = subprocess.Popen(
            ['ip', 'netns', 'exec', 'a', 'setpriv', '--reuid', '65534', '--regid', '65534',
             '--clear-groups', '--no-new-privs', '--inh-caps', f'-all,{CAPABILITIES}',
             '--ambient-caps', f'-all,{CAPABILITIES}', '--bounding-set', f'-all,{CAPABILITIES}',
             DAEMON, '-f', '/run/whole/conf', '--state-dir', '/run/whole/state', '--run-dir',
             '/run/whole/run'], stdout=log, stderr=log)
    end = time.monotonic() + 30
    with open('/run/whole/log', encoding='ascii') as log:
        text = log.read()
        while 'info: ready' not in text and time.monotonic() < end:
            time.sleep(0.1)
            text += log.read()
    claim('the daemon is ready', 'info: ready' in text, text)
    yield process
    if process.poll() is None:
        process.kill()
        process.wait()


def whole():
    """The whole daemon as its unit starts it: one process of it has the capability"""
    with whole_daemon() as daemon:
        pids = children(daemon.pid)
        claim('four children', sorted(pids) == ['engine', 'keeper', 'relay', 'tunnel'], pids)
        rights = {name: rights_of(pid) for name, pid in pids.items()}
        claim('of which the tunnel process has CAP_NET_ADMIN',
              rights.pop('tunnel') == {'Prm': ADMIN, 'Eff': ADMIN, 'Inh': 0, 'Amb': 0}, rights)
        claim('and the others nothing', not any(v for r in rights.values() for v in r.values()),
              rights)
        claim('the parent has what it takes to start them again',
              rights_of(daemon.pid)['Prm'] == ADMIN | BIND, rights_of(daemon.pid))
        os.kill(pids['tunnel'], 9)
        time.sleep(3)
        again = children(daemon.pid).get('tunnel')
        claim('which it does', again and again != pids['tunnel'] and
              rights_of(again)['Eff'] == ADMIN and blocks('a') == 12, kernel('a'))
        said = subprocess.run([CTL, '--run-dir', '/run/whole/run', 'sas'], capture_output=True,
                              text=True)
        claim('callsealctl sas shows it', said.stdout == 'no tunnels\n12 policies keep all but '
              'ESP from ports and networks of tunnels\n', said)
        daemon.terminate()
        claim('it ends in order', daemon.wait(20) == 0)
        claim('and leaves nothing in the kernel', not kernel('a'), kernel('a'))


def left():
    """What a crash left goes with the next start, also where no peer has tunnels any more"""
    with whole_daemon() as daemon:
        pids = children(daemon.pid).values()
        os.kill(daemon.pid, signal.SIGSTOP)  # it sees none of them end, nor they it
        for pid in (*pids, daemon.pid):
            os.kill(pid, 9)
        daemon.wait()
    claim('all were killed: the ports stay shut', blocks('a') == 12, kernel('a'))
    for _ in range(5):
        with whole_daemon() as daemon:
            pids = children(daemon.pid).values()
            daemon.kill()
            daemon.wait()
            end = time.monotonic() + 10
            while any(os.path.exists(f'/proc/{pid}') for pid in pids) and time.monotonic() < end:
                time.sleep(0.05)
        claim('the parent is killed: the ports stay shut', blocks('a') == 12, kernel('a'))
    for there, what in ((True, 'a tunnel process sweeps'), (False, 'then there is none')):
        with whole_daemon('srtp') as daemon:
            claim(f'without tunnels {what}', ('tunnel' in children(daemon.pid)) == there)
            claim('the kernel is clean', not kernel('a'), kernel('a'))
            daemon.terminate()
            claim('it ends in order', daemon.wait(20) == 0)


CLAIMS = (rights, blocked, let_through, let_through_later, removed, esp_only, orders, rekey, moved,
          shared, shared_six, lives, siblings, killed, whole, left)

if __name__ == '__main__':
    sys.exit(run(CLAIMS, sys.argv[3:]))
