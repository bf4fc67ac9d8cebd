"""our VICI client has charon raise, list, rekey and end IKE and ESP, by PSK and certificate

charon runs at both gates with ESP in user space; no gateway of ours takes part yet. What
the client tells is held against the other end and against the wire.
"""
import socket

from lib import certs
from lib.capture import Capture
from lib.charon import Charon, Shell

SECRET = '0123456789abcdef0123456789abcdef'
IDS = {'a': 'a.example', 'b': 'b.example'}
PORTS = {'a': '40000-40001', 'b': '50000-50001'}
INSTALLED = '4'  # enum vici_child_state
WORD = b'a word in clear on the wire'


def setup(t):
    lab = t.open()
    t.charon, t.shell = {}, {}
    for site in 'ab':
        t.charon[site] = Charon(lab, f'gate-{site}')
        t.shell[site] = Shell(lab, t.build, t.charon[site].path)
        up = t.shell[site].wait('up ')
        t.claim(f'up at {site}', up.text)


def load(t, site, children, pin='', conn='cs-peer'):
    """The connection to the other site with those children: {name: ports of a, of b}."""
    other = 'b' if site == 'a' else 'a'
    order = f'load name={conn} local={t.lab.net.address(f"gate-{site}")} ' \
        f'remote={t.lab.net.address(f"gate-{other}")} id={IDS[site]} peer={IDS[other]} ' \
        'proposal=aes128gcm16-prfsha256-x25519' + (f' pin={pin}' if pin else '')
    for name, ports in children.items():
        ours, theirs = (t.lab.net.phones_net(s) for s in (site, other))
        mine = ports[site]
        order += f' child={name} esp=aes128gcm16 local_ts={ours}[udp/{mine}] ' \
            f'remote_ts={theirs}[udp/{ports[other]}]'
    t.shell[site].good(order)


def by_psk(t):
    for site in 'ab':
        t.shell[site].good(f'psk cs-peer {SECRET} {IDS["a"]} {IDS["b"]}')
        load(t, site, {'call-1': PORTS})
    a, b = t.shell['a'], t.shell['b']
    begun = a.good('initiate cs-peer call-1')
    ike = a.wait('event ike-up', conn='cs-peer', ours=1)
    up = a.wait('event child-up', name='call-1', conn='cs-peer', ike=ike['id'])
    t.claim('IKE and its child came up, and the event says so', up['state'] == INSTALLED,
            f'{up.us - begun.us} us after "begun"')
    t.claim('the identities are the right ones',
            (ike['local_id'], ike['remote_id']) == (IDS['a'], IDS['b']))
    far = b.wait('event child-up', name='call-1')
    t.claim('the other end has the same SPIs, the other way round',
            (up['spi_in'], up['spi_out']) == (far['spi_out'], far['spi_in']))
    t.claim('and the selectors that were asked for', up['odd'] == '0' and
            up['local'] == '10.99.11.0/24[17/40000-40001]' and
            up['remote'] == '10.99.12.0/24[17/50000-50001]', str(up))
    return up


def through(t):
    """A datagram from net to net: it arrives, and is not on the wire."""
    capture = Capture(t.lab, 'esp', 'wire')
    near, far = t.lab.net.address('lan-a'), t.lab.net.address('lan-b')
    with t.lab.net.inside('gate-a'):
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with t.lab.net.inside('gate-b'):
        receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.bind((near, 40000))
    receiver.bind((far, 50000))
    receiver.settimeout(5)
    for _ in range(20):
        sender.sendto(WORD, (far, 50000))
    got = [receiver.recv(2048) for _ in range(20)]
    sender.close()
    receiver.close()
    with open(capture.stop(), 'rb') as f:
        wire = f.read()
    t.claim('what goes through the tunnel arrives', got == [WORD] * 20)
    t.claim('and is not on the wire in clear', WORD not in wire and len(wire) > 20 * len(WORD),
            f'{len(wire)} octets captured')


def listed(t, up):
    a = t.shell['a']
    ikes, children = a.sas()
    t.claim('listed: one IKE_SA of ours and its child', len(ikes) == len(children) == 1 and
            ikes[0]['ours'] == '1' and children[0]['id'] == up['id'], f'{ikes} {children}')
    t.claim('with its bytes', int(children[0]['bytes_out']) >= 20 * len(WORD),
            children[0]['bytes_out'])


def one_conn_more_children(t, up):
    """The peer's connection is loaded again with one child more, then without the first."""
    a = t.shell['a']
    more = {'call-1': PORTS, 'call-2': {'a': '40002-40003', 'b': '50002-50003'}}
    for site in 'ab':
        load(t, site, more)
    a.good('initiate cs-peer call-2')
    second = a.wait('event child-up', name='call-2')
    t.claim('the second child is in the same IKE_SA', second['ike'] == up['ike'])
    del more['call-1']
    for site in 'ab':
        load(t, site, more)
    t.claim('a child that is loaded no more stays up', len(a.sas()[1]) == 2)
    a.good(f'terminate child_id={second["id"]}')
    down = a.wait('event child-down', name='call-2')
    t.claim('one is ended by its id', down['id'] == second['id'])
    a.settled(lambda _, children: [c['id'] for c in children] == [up['id']])
    t.claim('the other stays')


def rekeyed(t, up):
    a = t.shell['a']
    load(t, 'a', {'call-1': PORTS})
    load(t, 'b', {'call-1': PORTS})
    a.good(f'rekey child_id={up["id"]}')
    old, new = a.wait('event child-rekey'), a.wait('event new', name='call-1')
    t.claim('a child was rekeyed', old['id'] == up['id'] != new['id'] and
            new['spi_in'] != up['spi_in'] and new['reqid'] == up['reqid'], f'{old}; {new}')
    a.good(f'rekey ike_id={up["ike"]}')
    old, new = a.wait('event ike-rekey'), a.wait('event new', conn='cs-peer')
    t.claim('an IKE_SA was rekeyed', old['id'] == up['ike'] != new['id'])
    a.settled(lambda ikes, children: [i['id'] for i in ikes] == [new['id']] and
              [(c['ike'], c['state']) for c in children] == [(new['id'], INSTALLED)])
    t.claim('its child moved')


def ended(t):
    a = t.shell['a']
    a.good('terminate conn=cs-peer')
    a.wait('event ike-down', conn='cs-peer')
    t.shell['b'].wait('event ike-down', conn='cs-peer')
    for shell in t.shell.values():
        shell.settled(lambda ikes, children: not ikes and not children)
    t.claim('nothing is left')
    t.claim('to end what is not there is refused',
            a.ask('terminate conn=cs-peer')['error'] == '-22')
    a.good('unpsk cs-peer')
    a.good('unload cs-peer')
    t.claim('an unloaded connection is unknown', a.ask('initiate cs-peer call-1')['error']
            == '-22')


def by_certificate(t):
    """Each end pins the other's self-signed certificate; a stranger's is refused."""
    for site in 'abc':
        certs.own(t.lab, site, f'DNS:{site}.example', 'P-256')
    made = f'{t.lab.dir}/certs-own'
    a = t.shell['a']
    for site, other in (('a', 'b'), ('b', 'a')):
        t.shell[site].good(f'cert {made}/{site}.pem')
        t.claim('a key gets a name', len(t.shell[site].good(f'key {made}/{site}.key')['id']) > 10)
        load(t, site, {'call-1': PORTS}, pin=f'{made}/{other}.pem')
    a.good('initiate cs-peer call-1')
    a.wait('event child-up', name='call-1')
    t.claim('up by certificates that each end pinned')
    a.good('terminate conn=cs-peer')
    a.wait('event ike-down')
    load(t, 'a', {'call-1': PORTS}, pin=f'{made}/c.pem')
    a.good('initiate cs-peer call-1')
    t.claim('another certificate than the pinned one raises nothing',
            a.never('event child-up', 3) and a.sas()[1] == [])


def check(t):
    up = by_psk(t)
    through(t)
    listed(t, up)
    one_conn_more_children(t, up)
    rekeyed(t, up)
    ended(t)
    by_certificate(t)
