"""Calls that share one ESP tunnel between their gateways: scope host

Two calls at a time between four phones. Each has SAs by keys of its own, both the same two
policies; one ends, the other goes on without the loss of a packet, and the next begins while
the last is torn down. SIP stays out of the tunnel, and in the end the kernel has none of it.
A far end that says another address than is allowed gets no tunnel.
"""
import subprocess
import time

from lib import claims, pcap, rtp, stage
from lib.lab import wait_for
from lib.phone import Phone

KERNEL = 'esp'
PORTS = range(40000, 41000)
PATIENCE = 90  # seconds: a command takes one or two in a guest on a busy machine
CAROL, DAVE = 'sip:carol@a.example', 'sip:dave@b.example'


def setup(t):
    lab = t.open()
    nets = {site: f'{lab.net.address(f"gate-{site}")}/32' for site in 'ab'}
    t.stage = s = stage.Stage(
        lab, seconds=300, sealed='media = "esp"; esp_scope = "host";', capability='net_admin',
        media='grace = 3;', peer_a={'esp_nets': nets['b']}, peer_b={'esp_nets': nets['a']})
    t.carol = Phone(lab, 'a', CAROL, s.speech, number=1)
    t.dave = Phone(lab, 'b', DAVE, s.speech, number=1)
    for gate, phone in ((s.a, t.carol), (s.b, t.dave)):
        gate.phones[phone.user] = f'sip:{phone.user}@{phone.address}:{5060 + 2 * phone.number}'
        reload(gate)


def reload(gate):
    before = gate.log().count('is in force')
    gate.reload()
    wait_for('the reload', lambda: gate.log().count('is in force') > before, PATIENCE)


def xfrm(gate, what):
    return subprocess.run(gate.lab.net.command(gate.host, 'ip', 'xfrm', what),
                          capture_output=True, text=True, check=True).stdout


def counts(gate):
    """SAs; policies that lead into one."""
    return xfrm(gate, 'state').count('proto esp'), xfrm(gate, 'policy').count('tmpl')


def begin(caller, callee, uri):
    for phone in (caller, callee):
        phone.forget()
    caller.dial(uri)
    for phone in (callee, caller):
        phone.wait_event('CALL_ESTABLISHED', PATIENCE)


def end(caller, callee):
    caller.hangup()
    callee.wait_event('CALL_CLOSED', PATIENCE)


def heard(path, port, to=None, came=None):
    """The RTP between a gateway and the phone whose ports these are."""
    found = ((p, rtp.parse(p)) for p in pcap.datagrams(path))
    return [r for p, r in found if r and
            ((p.dest == to and p.port_from // 1000 == port) or
             (p.source == came and p.port_to // 1000 == port))]


def one_run(t, what, paths, port):
    """Not a packet is lost, but what was under way when somebody hung up."""
    s = t.stage
    for here, there, gate, far in (('a', 'b', s.a, s.b), ('b', 'a', s.b, s.a)):
        entered = [r.payload for r in rtp.ordered(heard(paths[f'phone-{here}'], port, gate.inside))]
        arrived = rtp.in_sequence(heard(paths[f'phone-{there}'], port, None, far.inside))
        lost = rtp.aligned(entered, arrived)
        t.claim(f'{what}, {here} to {there}: not a packet is lost', lost is not None and
                lost[0] == 0 and lost[1] < 25, f'{len(arrived)} of {len(entered)}: {lost}')


def two_calls(t):
    s = t.stage
    begin(s.alice, s.bob, stage.BOB)
    t.claim('one call: two SAs, two policies', counts(s.a) == counts(s.b) == (2, 2))
    begin(t.carol, t.dave, DAVE)
    time.sleep(1.5)
    for gate in (s.a, s.b):
        t.claim(f'{gate.host}: two calls: SAs for each, the same policies',
                counts(gate) == (4, 2))
        verdicts = [call['verdict'] for call in gate.calls()]
        t.claim(f'{gate.host}: both are sealed', verdicts == ['sealed'] * 2, str(verdicts))
    end(t.carol, t.dave)
    for gate in (s.a, s.b):
        wait_for('one call', lambda g=gate: len(g.calls()) == 1, PATIENCE, step=0.5)
    t.claim('one call is left')
    for gate in (s.a, s.b):  # after media.grace
        wait_for('two SAs', lambda g=gate: counts(g) == (2, 2), PATIENCE, step=0.5)
    t.claim('with two SAs and the policies')
    end(s.alice, s.bob)


def check(t):
    s = t.stage
    two_calls(t)
    paths = s.recorded()
    s.record()
    begin(s.alice, s.bob, stage.BOB)  # the last one is hardly over
    time.sleep(2)
    end(s.alice, s.bob)
    again = s.recorded()
    for port, what in ((20, 'the call that goes on'), (21, 'the call that ends')):
        one_run(t, what, paths, port)
    one_run(t, 'the call after it', again, 20)
    for captured in (paths, again):
        for link in ('phone-a', 'phone-b'):
            t.claim('nothing but ESP on the wire', claims.esp_only(captured['wire'],
                                                                 captured[link], PORTS))
    for gate in (s.a, s.b):
        t.claim(f'{gate.host}: no call is left', gate.gone(PATIENCE))
        wait_for('no SA', lambda g=gate: counts(g) == (0, 0), PATIENCE, step=0.5)
    t.claim('no SA and no policy is left')
    refused(t)


def refused(t):
    s = t.stage
    s.b.peers[0].more['esp_nets'] = '198.51.100.99/32'
    reload(s.b)
    s.alice.forget()
    s.alice.dial(stage.BOB)
    s.alice.wait_event('CALL_CLOSED', PATIENCE)
    t.claim('an address that is not allowed is refused', 'not allowed' in s.b.log() and
            counts(s.b) == (0, 0))
