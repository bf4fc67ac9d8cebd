"""A VPN raised by a call: scope net

Two gateways and the networks behind them. While no call is up nothing passes between the
networks. In a call media go from phone to phone by the kernel's routing, in ESP, from the
first packet on and without the relay; so does whatever else the networks say to each other.
An INVITE without a line of media raises the tunnel alone, where the profile has it. In the
end the kernel has no SA, and nothing passes again.
"""
import glob
import json
import os
import re
import subprocess
import time

from lib import claims, pcap, rtp, stage
from lib.lab import wait_for
from lib.sipp import Sipp
from lib.ua import Agent, udp

KERNEL = 'esp'
PORTS = range(20000, 21000)  # the phones' own
WORDS = b'what one network says to the other'
PATIENCE = 90  # seconds: a command takes one or two in a guest on a busy machine
HERE = os.path.dirname(os.path.abspath(__file__))
ALONE = 'esp_alone = "allow";'
PROFILE = 'media = "esp"; esp_scope = "net";'


def setup(t):
    lab = t.open()
    nets = {site: lab.net.phones_net(site) for site in 'ab'}
    t.stage = s = stage.Stage(  # its speech is longer than all that is looked at meanwhile
        lab, seconds=300, sealed=PROFILE + ALONE, capability='net_admin', answer='early',
        extra_a=f'tunnel = {{ nets = ( "{nets["a"]}" ); }};',
        extra_b=f'tunnel = {{ nets = ( "{nets["b"]}" ); }};',
        peer_a={'esp_nets': nets['b']}, peer_b={'esp_nets': nets['a']})
    for site in 'ab':  # what leaks would arrive
        lab.net.run(f'gate-{site}', 'sysctl', '-qw', 'net.ipv4.ip_forward=1')
        lab.net.run('net', 'ip', 'route', 'add', nets[site], 'via',
                    lab.net.address(f'gate-{site}'))
    s.b.phones['vpn'] = f'sip:vpn@{s.bob.address}:5070'
    reload(s.b)


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


def speaks(t, here, there, port):
    """Whether what is no call's gets from one network to the other."""
    address = {site: t.lab.net.address(f'phone-{site}') for site in 'ab'}
    sides = []
    for site in (here, there):
        with t.lab.net.inside(f'phone-{site}'):
            sides.append(udp(address[site], port))
    sender, receiver = sides
    receiver.settimeout(1)
    try:
        for _ in range(3):
            sender.sendto(WORDS, (address[there], port))
        return receiver.recv(2048) == WORDS
    except TimeoutError:
        return False
    finally:
        for side in sides:
            side.close()


def both_speak(t):
    return speaks(t, 'a', 'b', 7000), speaks(t, 'b', 'a', 7001)


def relay_waits(gate):
    """How often its threads have waited for something so far: at least once for two packets."""
    total = 0
    for path in glob.glob(f'/proc/{gate.children()["relay"]}/task/*/status'):
        with open(path, encoding='ascii') as f:
            total += int(re.search(r'^voluntary_ctxt_switches:\s+(\d+)', f.read(), re.M)[1])
    return total


def begin(t):
    s = t.stage
    for phone in (s.alice, s.bob):
        phone.forget()
    s.alice.dial(stage.BOB)
    for phone in (s.bob, s.alice):
        phone.wait_event('CALL_ESTABLISHED', PATIENCE)


def end(t):
    s = t.stage
    s.alice.hangup()
    s.bob.wait_event('CALL_CLOSED', PATIENCE)
    for gate in (s.a, s.b):
        t.claim(f'{gate.host}: no call is left', gate.gone(PATIENCE))
        wait_for('no SA', lambda g=gate: counts(g) == (0, 0), PATIENCE, step=0.5)


def shut(t, when):
    t.claim(f'{when}: nothing passes between the networks', both_speak(t) == (False, False))


def in_the_call(t):
    s = t.stage
    for gate, far in ((s.a, s.b), (s.b, s.a)):
        t.claim(f'{gate.host}: two SAs; policies in, out and forward', counts(gate) == (2, 3),
                xfrm(gate, 'policy'))
        call, = gate.calls()
        t.claim(f'{gate.host}: sealed, and without a stream of the relay',
                call['verdict'] == 'sealed' and gate.call(call['id'])['streams'] == [], call)
        tunnel, = json.loads(gate.tell('sas', '--json'))['tunnels']
        t.claim(f'{gate.host}: callsealctl sas shows the networks', tunnel['mode'] == 'tunnel' and
                tunnel['remote'] == far.outside and
                tunnel['nets']['remote'] == [t.lab.net.phones_net(far.site)], str(tunnel))
        text = gate.tell('sas')
        t.claim('in words, too', t.lab.net.phones_net(far.site) in text, text)


def sends_by(gate):
    """The SPI that the policy outwards leads into."""
    return re.search(r'proto esp spi (0x\w+)', xfrm(gate, 'policy'))[1]


def new_keys(t):
    s = t.stage
    old = [sends_by(gate) for gate in (s.a, s.b)]
    s.a.tell('rekey', s.a.calls()[0]['id'])
    for gate, spi in zip((s.a, s.b), old):
        wait_for('new keys', lambda g=gate, spi=spi: g.calls()[0]['rekeys'] == 1 and
                 sends_by(g) != spi, PATIENCE, step=0.5)
    time.sleep(1)
    t.claim('new keys, which both send by')


def a_call(t):
    s = t.stage
    begin(t)
    before = [relay_waits(gate) for gate in (s.a, s.b)]
    time.sleep(3)
    waits = [relay_waits(gate) - n for gate, n in zip((s.a, s.b), before)]
    t.claim('300 packets of speech pass the relays by', max(waits) < 30, str(waits))
    in_the_call(t)
    t.claim('the networks speak to each other', both_speak(t) == (True, True))
    new_keys(t)
    end(t)


def alone(t):
    """It shares the tunnel with a call that ends before it."""
    s = t.stage
    begin(t)
    callee = Sipp(t.lab, 'b', f'{HERE}/uas.xml', '-m', '1', port=5070)
    wait_for('the callee to listen', lambda: ':5070' in t.lab.net.run(callee.host, 'ss', '-Hlun'),
             PATIENCE, step=0.5)
    caller = Sipp(t.lab, 'a', f'{HERE}/uac.xml', '-m', '1', '-s', 'vpn', '-d', '30000', port=5070)
    for gate in (s.a, s.b):
        wait_for('both calls', lambda g=gate: [c['state'] for c in g.calls()] == ['up'] * 2,
                 PATIENCE, step=0.5)
        t.claim(f'{gate.host}: SAs for each, the same policies', counts(gate) == (4, 3))
        t.claim(f'{gate.host}: both are sealed',
                [call['verdict'] for call in gate.calls()] == ['sealed'] * 2)
    s.alice.hangup()
    s.bob.wait_event('CALL_CLOSED', PATIENCE)
    for gate in (s.a, s.b):
        wait_for('one call', lambda g=gate: len(g.calls()) == 1, PATIENCE, step=0.5)
    t.claim('no line of media: the networks speak to each other', both_speak(t) == (True, True))
    for side in (caller, callee):
        side.finish(PATIENCE)
    for gate in (s.a, s.b):
        t.claim(f'{gate.host}: no call is left', gate.gone(PATIENCE))
        wait_for('no SA', lambda g=gate: counts(g) == (0, 0), PATIENCE, step=0.5)


def refused(t):
    """Where the profile does not say so, on either side."""
    s = t.stage
    s.b.sealed = PROFILE
    reload(s.b)
    agent = Agent(t.lab, 'phone-a', s.alice.address, stage.ALICE, (s.a.inside, 5060), port=5090)
    body = f'v=0\r\no=- 1 1 IN IP4 {s.alice.address}\r\ns=-\r\nt=0 0\r\n'
    for gate, reason in ((s.b, 'from outside'), (s.a, 'from inside')):
        d = agent.request('INVITE', 'sip:vpn@b.example', body)
        answer = agent.final(d, seconds=PATIENCE)
        t.claim(f'{reason}: 488', answer.status == 488, answer.start)
        t.claim('the log says why', 'esp_alone' in gate.log())
        s.a.sealed = PROFILE
        reload(s.a)
    for gate in (s.a, s.b):
        wait_for('no SA', lambda g=gate: counts(g) == (0, 0), PATIENCE, step=0.5)
    t.claim('nothing of it is left')


def between(path, nets):
    """Whatever is in clear from one of the networks to the other."""
    def of(address):
        return next((n for n in nets if address.startswith(n)), None)
    return [p for p in pcap.packets(path) if of(p.source) and of(p.dest)]


def check(t):
    s = t.stage
    shut(t, 'no call yet')
    a_call(t)
    shut(t, 'no call any more')
    look(t, s.recorded())
    s.record()
    alone(t)
    shut(t, 'nor afterwards')
    refused(t)
    look(t, s.recorded())


def look(t, paths):
    """At a call of which all was captured."""
    s = t.stage
    a, b, wire = paths['phone-a'], paths['phone-b'], paths['wire']
    for here, there, path, far in ((s.alice, s.bob, a, b), (s.bob, s.alice, b, a)):
        entered = rtp.ordered(rtp.sent(path, here.address, there.address))
        arrived = rtp.in_sequence(rtp.sent(far, here.address, there.address))
        lost = rtp.aligned([p.payload for p in entered], arrived)
        t.claim(f'{here.user}: from phone to phone, not a packet is lost', lost is not None and
                lost[0] == 0 and lost[1] < 25, f'{len(arrived)} of {len(entered)}: {lost}')
        t.claim('nothing but ESP on the wire', claims.esp_only(wire, path, PORTS))
    clear = between(wire, [re.sub(r'0/24$', '', t.lab.net.phones_net(x)) for x in 'ab'])
    t.claim('nothing between the networks in clear', not clear, f'{len(clear)}: {clear[:1]}')
