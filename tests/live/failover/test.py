"""Two servers for a peer, one of them dead: by DNS with keepalive, and by silence"""
import json
import os
import shutil
import time

from lib import claims, dns, sip, stage, ua
from lib.lab import wait_for
from lib.proxy import Proxy

ROUTES = '''
request_route {
	if (!mf_process_maxfwd_header("20")) { sl_send_reply("483", "Too Many Hops"); exit; }
	if (is_method("OPTIONS") && !has_totag()) { sl_send_reply("200", "Here"); exit; }
	if (has_totag()) {
		if (loose_route()) { t_relay(); exit; }
		if (is_method("ACK")) { if (t_check_trans()) t_relay(); exit; }
		sl_send_reply("404", "Not here"); exit;
	}
	if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
	record_route();
	if ($rd == "b.example") $du = "sip:10.99.2.1:5060";
	else if ($rd == "a.example") $du = "sip:10.99.1.1:5060";
	else { sl_send_reply("404", "Unknown"); exit; }
	t_relay();
}
'''
DEAD = 5080  # a port where somebody listens, and says nothing


def setup(t):
    lab = t.open()
    t.proxy = Proxy(lab, ROUTES)
    here = t.proxy.addresses
    folder = f'/etc/netns/{lab.net.namespace("gate-a")}'  # ip netns exec puts it into /etc
    os.makedirs(folder)
    lab.on_close(lambda: shutil.rmtree(folder))
    with open(f'{folder}/resolv.conf', 'w', encoding='ascii') as f:
        f.write(f'nameserver {here["a"]}\n')
    with lab.net.inside('net'):
        server = dns.Dns({
            ('_sip._udp.trunk.test', dns.SRV): [(10, 0, DEAD, 'dead.trunk.test'),
                                                (20, 0, 5060, 'live.trunk.test')],
            ('dead.trunk.test', dns.A): [here['a']], ('live.trunk.test', dns.A): [here['a']],
        }, here['a'])
        for site in 'ab':
            lab.on_close(ua.udp(here[site], DEAD).close)
    server.start()
    lab.on_close(server.close)
    t.stage = stage.Stage(
        lab, route_a='sip:trunk.test', peer_a={'keepalive': 2},
        route_b=[f'sip:{here["b"]}:{DEAD}', f'sip:{here["b"]}:5060'])


def peers(gate):
    return json.loads(gate.tell('peers', '--json'))[0]['servers']


def states(gate):
    return {server['server'].split(';')[0]: server['state'] for server in peers(gate)}


def call(t, caller, callee, uri, link):
    """A sealed call; how long the INVITE took to ring, and the INVITEs on that link."""
    s = t.stage
    s.record()
    seen, begun = [], time.monotonic()
    s.talk(caller, callee, uri, during=lambda: seen.append(time.monotonic() - begun) or
           seen.extend(s.verdicts()))
    t.claim('sealed at both', seen[1:] == ['sealed', 'sealed'], str(seen))
    paths = s.recorded()
    t.claim('media intact and sealed', '; '.join(s.check_media(paths)))
    t.claim('SDP on the wire is sealed', claims.sdp_sealed(paths['wire']))
    return seen[0], [m for m in sip.messages(paths['wire']) if m.method == 'INVITE' and
                     not m.status]


def check(t):
    s = t.stage
    live, dead = 'sip:trunk.test:5060', f'sip:trunk.test:{DEAD}'
    wait_for('OPTIONS', lambda: states(s.a) == {live: 'up', dead: 'down'}, 15)
    t.claim('one is up, one is down', detail=s.a.tell('peers'))
    took, invites = call(t, s.alice, s.bob, stage.BOB, 'wire')
    t.claim('the dead one costs no time', took < 3 and not any(
        m.ports[1] == DEAD for m in invites), f'{took:.1f} s')
    took, _ = call(t, s.bob, s.alice, stage.ALICE, 'wire')
    t.claim('without keepalive silence leads on', 3.5 < took < 8, f'{took:.1f} s')
    t.claim('and is remembered', 'rests_s' in peers(s.b)[0], str(peers(s.b)))
    took, _ = call(t, s.bob, s.alice, stage.ALICE, 'wire')
    t.claim('so that the next call goes past it', took < 3, f'{took:.1f} s')
    t.proxy.process.stop()
    wait_for('the end of the other one', lambda: set(states(s.a).values()) == {'down'}, 15)
    s.alice.forget()
    begun = time.monotonic()
    s.alice.dial(stage.BOB)
    s.alice.wait_event('CALL_CLOSED')
    last = s.a.ended()[0]
    t.claim('a call is refused at once when all are down',
            last['status'] == 503 and time.monotonic() - begun < 3, str(last))
    t.proxy = Proxy(s.lab, ROUTES)
    wait_for('its return', lambda: states(s.a)[live] == 'up', 15)
    call(t, s.alice, s.bob, stage.BOB, 'wire')
    log = s.a.log()
    t.claim('each change is one line', log.count('is up again') == 1 and
            log.count(f'next hop {live};transport=udp;maddr=10.99.1.254 is down') == 1, log[-1500:])
