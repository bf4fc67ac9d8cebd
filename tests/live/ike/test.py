"""tunnels by their uses: charon raises, shares, loses and raises them again

charon runs at both gates with ESP in user space; no gateway of ours takes part yet.
"""
import os
import signal
import socket

from lib.capture import Capture
from lib.charon import Charon, Ike, Shell
from lib.lab import wait_for

KEY = '0123456789abcdef0123456789abcdef'
PORTS = {'a': '40000-40001', 'b': '50000-50001'}
MORE = {'a': '40002-40003', 'b': '50002-50003'}
WORD = b'a word in clear on the wire'
CLOSED, REFUSED = '-16', '-22'


def setup(t):
    lab = t.open()
    t.charon, t.ike = {}, {}
    for site in 'ab':
        t.charon[site] = Charon(lab, f'gate-{site}')
        begin(t, site)


def begin(t, site):
    other = 'b' if site == 'a' else 'a'
    t.ike[site] = Ike(t.lab, t.build, t.charon[site].path, KEY)
    t.ike[site].wait('charon there')
    t.ike[site].order(f'peer far {t.lab.net.address(f"gate-{site}")} '
                      f'{t.lab.net.address(f"gate-{other}")} {site}.example '
                      f'{other}.example 1')


def use(t, site, ports, how=''):
    """Between the sites' phones' nets, where UDP of these ports comes from and goes to."""
    other = 'b' if site == 'a' else 'a'
    near, far = (f'{t.lab.net.phones_net(s)}[udp/{ports[s]}]' for s in (site, other))
    return t.ike[site].order(f'use far {near} {far} {how}')


def send(t, seconds, port=0):
    """Whether a datagram gets from net to net within that time."""
    near, far = t.lab.net.address('lan-a'), t.lab.net.address('lan-b')
    with t.lab.net.inside('gate-a'):
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with t.lab.net.inside('gate-b'):
        receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with sender, receiver:
        sender.bind((near, 40000 + port))
        receiver.bind((far, 50000 + port))
        receiver.settimeout(seconds)
        sender.sendto(WORD, (far, 50000 + port))
        try:
            return receiver.recv(2048) == WORD
        except TimeoutError:
            return False


def raised(t):
    a, b = t.ike['a'], t.ike['b']
    passive = use(t, 'b', PORTS, 'passive')
    first = use(t, 'a', PORTS)
    up = a.wait('up ', use=first)
    b.wait('up ', use=passive)
    t.claim('up at both ends, one of which only waited', up['error'] == '0')
    net = t.lab.net
    near, far = net.address('lan-a'), net.address('lan-b')
    t.claim('it covers the ports that were wanted and no others',
            (a.order(f'covers {first} {near}:40001 {far}:50000'),
             a.order(f'covers {first} {near}:40002 {far}:50000'),
             a.order(f'covers {first} {near}:40000 {net.address("gate-b")}:50000'))
            == (1, 0, 0))
    capture = Capture(t.lab, 'esp', 'wire')
    t.claim('what goes through it arrives', send(t, 5))
    with open(capture.stop(), 'rb') as f:
        t.claim('and is not on the wire in clear', WORD not in f.read())
    return first, passive


def shared(t, first, passive):
    a, b = t.ike['a'], t.ike['b']
    second = use(t, 'a', PORTS)
    a.wait('up ', use=second)
    other = use(t, 'a', MORE)
    failed = a.wait('failed ', use=other)
    t.claim('other ports are another tunnel, which the far end has to want, too',
            failed['error'] == REFUSED and 'TS_UNACCEPTABLE' in failed.text, failed.text)
    a.order(f'drop {first}')
    t.claim('the last use keeps it', a.never('gone', 1) and send(t, 5))
    a.order(f'drop {second}')
    gone = b.wait('gone ', use=passive)
    t.claim('then it is ended, and the other end hears', gone['error'] == CLOSED, gone.text)


def at_once_again(t):
    """A call begins while the last one's tunnel is being torn down."""
    a, b = t.ike['a'], t.ike['b']
    for _ in range(3):
        last = [use(t, 'b', PORTS, 'passive'), use(t, 'a', PORTS)]
        b.wait('up ', use=last[0])
        a.wait('up ', use=last[1])
        b.order(f'drop {last[0]}')
        a.order(f'drop {last[1]}')
    b.order('use far 10.99.12.0/24[udp/50000-50001] 10.99.11.0/24[udp/40000-40001]')
    again = use(t, 'a', PORTS)
    a.wait('up ', use=again)
    t.claim('calls on each other\'s heels have their tunnel', send(t, 5))
    a.order(f'drop {again}')


def standing(t):
    a, b = t.ike['a'], t.ike['b']
    t.standing = {s: use(t, s, PORTS, 'standing') for s in 'ab'}
    a.wait('up ', use=t.standing['a'])
    b.wait('up ', use=t.standing['b'])
    call = use(t, 'a', PORTS)
    up = a.wait('up ', use=call)
    t.claim('a call takes the standing one', up['error'] == '0')
    a.order(f'drop {call}')
    t.claim('which stays without it', a.never('gone', 1) and send(t, 5))


def rekeyed(t):
    a = t.ike['a']
    shell = Shell(t.lab, t.build, t.charon['a'].path)
    shell.wait('up ')
    ikes, children = shell.sas()
    shell.good(f'rekey child_id={children[0]["id"]}')
    shell.wait('event child-rekey')
    shell.good(f'rekey ike_id={ikes[0]["id"]}')
    shell.wait('event ike-rekey')
    shell.settled(lambda ikes, children: len(ikes) == len(children) == 1)
    t.claim('new keys of both kinds end nothing', a.never('gone', 1) and send(t, 5))
    shell.close()


def taken_over(t):
    """Our process goes, and the next one finds the tunnel."""
    t.ike['a'].close()
    begin(t, 'a')
    t.standing['a'] = use(t, 'a', PORTS, 'standing')
    t.ike['a'].wait('up ', use=t.standing['a'])
    t.claim('the next process takes over the tunnel that is there',
            t.charon['a'].log().count('CHILD_SA') == t.before and send(t, 5))
    t.claim('and the other end saw nothing', t.ike['b'].never('gone', 0.5))


def killed(t):
    a, b, charon = t.ike['a'], t.ike['b'], t.charon['a']
    call = use(t, 'a', PORTS)
    a.wait('up ', use=call)
    charon.process.send(signal.SIGKILL)
    gone = [a.wait('gone ', 3, use=n) for n in (call, t.standing['a'])]
    t.claim('charon is killed: all is gone at once, and why',
            all(g['error'] == CLOSED and 'charon' in g.text for g in gone), gone[0].text)
    t.claim('a call is refused meanwhile', a.try_order(
        'use far 10.99.11.0/24 10.99.12.0/24')['error'] == CLOSED)
    charon.process.wait(5)
    wait_for('the tunnel device is gone',
             lambda: 'ipsec0' not in t.lab.net.run('gate-a', 'ip', '-brief', 'link'))
    b.wait('gone ', 20, use=t.standing['b'])
    t.claim('the other end finds out')
    os.unlink(charon.path)
    charon.start()
    a.wait('up ', 20, use=t.standing['a'])
    b.wait('up ', 20, use=t.standing['b'])
    t.claim('charon is back, and the standing tunnel with it', send(t, 5))


def ended(t):
    for site in 'ab':
        t.ike[site].order(f'drop {t.standing[site]}')
        t.ike[site].order('del far')
    shell = Shell(t.lab, t.build, t.charon['a'].path)
    shell.wait('up ')
    shell.settled(lambda ikes, children: not ikes and not children)
    t.claim('nothing is left')


def check(t):
    shared(t, *raised(t))
    at_once_again(t)
    standing(t)
    rekeyed(t)
    t.before = t.charon['a'].log().count('CHILD_SA')
    taken_over(t)
    killed(t)
    ended(t)
