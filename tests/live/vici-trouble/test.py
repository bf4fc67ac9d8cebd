"""charon hangs, dies, comes back, refuses or stays silent: our VICI client says so in time
"""
import os
import signal
import socket
import struct
import time

from lib import charon as vici
from lib.charon import Charon, Shell
from lib.lab import wait_for

SECRET = '0123456789abcdef0123456789abcdef'
CLOSED, TIMEOUT, IO, STATE, REFUSED, UNSUPPORTED = '-16', '-14', '-15', '-19', '-22', '-5'
THREADS = 16  # charon's own, by default
MANY = 4 * THREADS


def setup(t):
    lab = t.open()
    t.charon = {site: Charon(lab, f'gate-{site}') for site in 'ab'}
    t.shell = Shell(lab, t.build, t.charon['a'].path)
    t.shell.wait('up ')


def load(t, shell, site, ports, name='cs-peer', remote=None, child='call', domain='example'):
    other = 'b' if site == 'a' else 'a'
    nets = [t.lab.net.phones_net(s) for s in (site, other)]
    shell.good(
        f'load name={name} local={t.lab.net.address(f"gate-{site}")} '
        f'remote={remote or t.lab.net.address(f"gate-{other}")} id={site}.{domain} '
        f'peer={other}.{domain} child={child} local_ts={nets[0]}[udp/{ports[site]}] '
        f'remote_ts={nets[1]}[udp/{ports[other]}]')


def both(t):
    """Both ends loaded, and the child up."""
    t.far = Shell(t.lab, t.build, t.charon['b'].path)
    t.far.wait('up ')
    for site, shell in (('a', t.shell), ('b', t.far)):
        shell.good(f'psk cs-peer {SECRET} a.example b.example')
        load(t, shell, site, {'a': 40000, 'b': 50000})
    t.shell.good('initiate cs-peer call')
    return t.shell.wait('event child-up', name='call')


def silent_charon(t):
    """Input that gets no answer at all; ours never writes it."""
    path = t.charon['a'].path
    t.claim('a request whose name is not printable gets no answer',
            vici.raw(path, b'\0\3a\nb') is None)
    t.claim('nor does a packet of no type', vici.raw(path, b'\xff') is None)
    t.claim('ours refuses at once to send such a name',
            t.shell.ask('raw 0x610a62')['error'] in (UNSUPPORTED, '-3'))


def refusals(t):
    t.claim('an unknown command', t.shell.ask('raw no-such-thing')['error'] == UNSUPPORTED)
    answer = t.shell.ask('initiate nobody call')
    t.claim('an unknown connection, and why', answer['error'] == REFUSED and
            'not found' in answer.text, answer.text)
    broken = t.shell.ask('raw load-conn cs-bad { nonsense = 1 }')
    t.claim('a connection that charon does not understand is refused',
            'success = no' in broken.text, broken.text)


def others(t):
    """Somebody else's connection in the same charon is shown, and not as ours."""
    for site, shell in (('a', t.shell), ('b', t.far)):
        shell.good(f'psk office {SECRET} a.office b.office')
        load(t, shell, site, {'a': 41000, 'b': 51000}, 'office', child='lan', domain='office')
    t.shell.good('initiate office lan')
    t.shell.wait('event child-up', name='lan')
    marks = {sa['conn']: sa['ours'] for sa in t.shell.sas()[0]}
    t.claim('foreign and own SAs are told apart', marks == {'cs-peer': '1', 'office': '0'},
            str(marks))
    t.shell.good('terminate conn=office')
    t.shell.wait('event ike-down', conn='office')


def a_child_that_never_comes(t):
    """charon says "begun", and has no event for what fails."""
    load(t, t.shell, 'a', {'a': 42000, 'b': 52000}, child='refused')
    t.shell.good('initiate cs-peer refused')
    t.claim('no event tells that the far end refused a child',
            t.shell.never('event child', 2, name='refused'))
    t.claim('it did refuse', 'TS_UNACCEPTABLE' in t.charon['a'].log())
    t.shell.settled(lambda _, children: [c['name'] for c in children] == ['call'])
    t.claim('the IKE_SA and the other child stay')


def many_at_once(t):
    """None of them waits inside charon, so that it goes on answering."""
    for i in range(MANY):
        load(t, t.shell, 'a', {'a': 43000 + i, 'b': 53000 + i}, name=f'cs-far-{i}',
             remote=f'10.99.2.{100 + i}', child='call')
    numbers = [t.shell.order(f'initiate cs-far-{i} call') for i in range(MANY)]
    begun = [t.shell.answer(n)['error'] for n in numbers]
    start = time.monotonic()
    t.shell.good('raw version')
    t.claim(f'{MANY} towards nobody begun, and charon answers at once',
            set(begun) == {'0'} and time.monotonic() - start < 2,
            f'{time.monotonic() - start:.3f} s')
    waiting = [blocking(t, i) for i in range(MANY)]
    t.shell.order('timeout 1000')
    wait_for('charon, made to wait by others, to answer nobody',  # the trap is there
             lambda: t.shell.ask('raw version')['error'] == TIMEOUT, 5)
    t.claim('where others make it wait, it answers nobody')
    t.shell.order('timeout 5000')
    for s in waiting:
        s.close()


def blocking(t, i):
    """An initiate that waits inside charon, as others may send it."""
    s = socket.socket(socket.AF_UNIX)
    s.connect(t.charon['a'].path)
    name = f'cs-far-{i}'.encode()
    packet = b'\0\x08initiate\3\3ike\0' + bytes([len(name)]) + name + b'\3\5child\0\4call'
    s.sendall(struct.pack('!I', len(packet)) + packet)
    return s


def hung(t):
    """SIGSTOP: the socket takes everything, and nothing comes back."""
    process = t.charon['a'].process
    t.shell.good('raw version')
    process.send(signal.SIGSTOP)
    t.shell.order('timeout 500')
    first = t.shell.order('list')
    later = [t.shell.order('raw version') for _ in range(5)]
    began = time.monotonic()
    t.claim('what was under way times out', t.shell.answer(first)['error'] == TIMEOUT)
    t.claim('in its own time', 0.3 < time.monotonic() - began < 3,
            f'{time.monotonic() - began:.2f} s')
    t.claim('what was behind it fails at once',
            {t.shell.answer(n, 2)['error'] for n in later} == {CLOSED})
    down = t.shell.wait('down ')
    t.claim('down, and why', down['error'] == TIMEOUT and 'no answer to list-sas' in down.text,
            down.text)
    t.claim('meanwhile requests are refused at once', t.shell.ask('list', 2)['error'] == STATE)
    down = t.shell.wait('down ', 8, was_up=0)
    t.claim('a new connection gets no greeting either', down['error'] == TIMEOUT, down.text)
    process.send(signal.SIGCONT)
    t.shell.wait('up ', 12)
    t.shell.order('timeout 5000')
    t.claim('after SIGCONT it is up, and the SAs are still there',
            [c['name'] for c in t.shell.sas()[1]] == ['call'])


def restarted(t):
    a = t.charon['a']
    a.process.send(signal.SIGKILL)
    down = t.shell.wait('down ', was_up=0, error=IO)
    t.claim('nobody there', 'cannot connect' in down.text, down.text)
    a.process.wait(5)
    wait_for('the tunnel device is gone', lambda: 'ipsec0' not in t.lab.net.run(
        'gate-a', 'ip', '-brief', 'link'))
    os.unlink(a.path)
    a.start()
    t.shell.wait('up ', 12)
    t.claim('up again with a new charon, which knows nothing', t.shell.sas() == [[], []])
    t.shell.good(f'psk cs-peer {SECRET} a.example b.example')
    load(t, t.shell, 'a', {'a': 40000, 'b': 50000})
    t.shell.good('initiate cs-peer call')
    t.shell.wait('event child-up', name='call')
    t.claim('loaded again, raised again, and the events are registered again')


def another_server(t):
    """Somebody else listens where charon did, and says what is no VICI."""
    a = t.charon['a']
    a.process.send(signal.SIGKILL)
    a.process.wait(5)
    os.unlink(a.path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(a.path)
        server.listen(5)
        server.settimeout(12)
        peer, _ = server.accept()
        peer.sendall(b'HTTP/1.1 400 Bad Request\r\n\r\n')
        down = t.shell.wait('down ', 5, error='-4')
        t.claim('nonsense is called so', down['was_up'] == '0', down.text)
        peer.close()


def check(t):
    silent_charon(t)
    both(t)
    refusals(t)
    others(t)
    a_child_that_never_comes(t)
    hung(t)
    many_at_once(t)
    restarted(t)
    another_server(t)
