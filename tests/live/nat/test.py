"""A phone behind a NAT, a gateway behind another: sealed calls both ways, by UDP and TCP

The phone (baresip) says 10.99.21.2 and is seen as 10.99.11.2 with other ports; the
gateway has 10.99.1.1 and is seen as 203.0.113.1. Kamailio is the registrar. The side
that did not begin hangs up, so that a BYE has to find its way through both NATs.
"""
import json
import re
import time

from lib import claims, rtp, sip, stage
from lib.lab import wait_for
from lib.phone import Phone
from lib.proxy import Proxy

PUBLIC, OWN = '203.0.113.1', '10.99.1.1'
ROUTES = '''
loadmodule "usrloc.so"
loadmodule "registrar.so"
request_route {
	if (!mf_process_maxfwd_header("20")) { sl_send_reply("483", "Too Many Hops"); exit; }
	if (is_method("REGISTER")) { save("location"); exit; }
	if (has_totag()) {
		if (loose_route()) { t_relay(); exit; }
		if (is_method("ACK")) { if (t_check_trans()) t_relay(); exit; }
		sl_send_reply("404", "Not here"); exit;
	}
	if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
	if ($rd == "a.example") {
		if (!lookup("location")) { sl_send_reply("404", "Not Found"); exit; }
	} else if ($rd == "b.example") {
		$du = "sip:10.99.2.1:5060";
	} else { sl_send_reply("404", "Unknown"); exit; }
	t_relay();
}
'''


def setup(t):
    lab = t.open()
    lab.net.nat_home('a')
    lab.net.nat_gate('a', PUBLIC)
    t.proxy = Proxy(lab, ROUTES)
    t.stage = stage.Stage(
        lab, route='', phones='b', proxy_a=f'sip:{t.proxy.addresses["a"]}:5060',
        proxy_b=f'sip:{t.proxy.addresses["b"]}:5060', public_a=PUBLIC,
        extra_a='register = "pass";')


def heard(path, source, dest):
    """How many of the payloads that one capture has towards dest are in another from source."""
    return len({p.payload for p in rtp.sent(path[0], dest=dest)} &
               {p.payload for p in rtp.sent(path[1], source=source)})


def call(t, what, caller, callee, uri):
    s, seen = t.stage, []
    s.record()
    caller.forget()
    callee.forget()
    caller.dial(uri)
    callee.wait_event('CALL_ESTABLISHED')
    caller.wait_event('CALL_ESTABLISHED')
    wait_for('both', lambda: len(s.a.calls()) == len(s.b.calls()) == 1)
    seen = s.verdicts()
    time.sleep(4)
    callee.hangup()
    caller.wait_event('CALL_CLOSED')
    t.claim(f'{what}: sealed at both', seen == ['sealed', 'sealed'], str(seen))
    t.claim(f'{what}: the BYE of the callee found the caller', s.a.gone() and s.b.gone())
    paths = s.recorded()
    pair = paths['phone-a'], paths['phone-b']
    there = heard(pair, s.b.inside, s.a.inside)
    back = heard(pair[::-1], s.a.inside, s.b.inside)
    t.claim(f'{what}: heard at both ends', there > 100 and back > 100, f'{there}, {back}')
    t.claim(f'{what}: sealed on the wire', claims.media_sealed(paths['wire'], paths['phone-a']))
    return paths


def no_own_address(t, what, path):
    """What the gateway says has its public address only (the proxy, which is next to it,
    sees the other one, and says so in received)."""
    ours = [m for m in sip.messages(path) if m.source == OWN]
    leaks = [m for m in ours if OWN in f'{m.start}{m.headers}{m.body}'.replace(
        f'received={OWN}', '')]
    t.claim(f'{what}: our own address stays at home', ours and not leaks, str(leaks[:3]))


def check(t):
    s = t.stage
    for transport in ('udp', 'tcp'):
        alice = Phone(t.lab, 'a', stage.ALICE, s.speech, transport=transport, host='home-a',
                      password='unused')
        listed = wait_for('a registration', lambda: [
            r for r in json.loads(s.a.tell('registrations', '--json'))
            if r['transport'] == transport])
        t.claim(f'{transport}: registered from behind the NAT',
                listed[0]['phone'].startswith('10.99.11.2:4') and
                '10.99.21.2' in listed[0]['contact'], str(listed))
        paths = call(t, f'{transport}, out', alice, s.bob, stage.BOB)
        no_own_address(t, f'{transport}, out', paths['wire'])
        invite = next(m for m in sip.messages(paths['wire']) if m.start.startswith('INVITE'))
        t.claim('Contact and SDP are public', f'@{PUBLIC}' in invite.header('Contact') or
                f'sip:{PUBLIC}' in invite.header('Contact'), invite.header('Contact'))
        t.claim('and c=', re.search(f'c=IN IP4 {re.escape(PUBLIC)}', invite.body) is not None)
        call(t, f'{transport}, in', s.bob, alice, stage.ALICE)
        alice.process.stop()
