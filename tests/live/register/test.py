"""A phone registers through its gateway at Kamailio, with a digest, and is called"""
import json

from lib import claims, sip, stage
from lib.lab import wait_for
from lib.phone import Phone
from lib.proxy import Proxy

EXPECTED = ('was ended by signal 9',)
ROUTES = '''
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
request_route {
	if (!mf_process_maxfwd_header("20")) { sl_send_reply("483", "Too Many Hops"); exit; }
	if (is_method("REGISTER")) {
		if (!pv_www_authenticate("b.example", "right", "0")) {
			www_challenge("b.example", "1"); exit;
		}
		if ($au != $tU) { sl_send_reply("403", "Not You"); exit; }
		save("location"); exit;
	}
	if (has_totag()) {
		if (loose_route()) { t_relay(); exit; }
		if (is_method("ACK")) { if (t_check_trans()) t_relay(); exit; }
		sl_send_reply("404", "Not here"); exit;
	}
	if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
	record_route();
	if ($rd == "b.example") {
		if (!lookup("location")) { sl_send_reply("404", "Not Found"); exit; }
	} else if ($rd == "a.example") {
		$du = "sip:10.99.1.1:5060";
	} else { sl_send_reply("404", "Unknown"); exit; }
	t_relay();
}
'''


def setup(t):
    lab = t.open()
    t.proxy = Proxy(lab, ROUTES)
    t.stage = stage.Stage(
        lab, route='', phones='a', proxy_a=f'sip:{t.proxy.addresses["a"]}:5060',
        proxy_b=f'sip:{t.proxy.addresses["b"]}:5060', extra_b='register = "pass";')
    t.bob = Phone(lab, 'b', stage.BOB, t.stage.speech, password='right')


def registrations(gate):
    return json.loads(gate.tell('registrations', '--json'))


def call(t, what):
    """A sealed call from alice to bob, both ways; what crossed the wire."""
    s = t.stage
    s.record()
    seen = []
    s.talk(s.alice, t.bob, stage.BOB, during=lambda: seen.extend(s.verdicts()))
    t.claim(f'{what}: sealed at both', seen == ['sealed', 'sealed'], str(seen))
    paths = s.recorded()
    t.claim(f'{what}: media intact and sealed', '; '.join(s.check_media(paths)))
    t.claim(f'{what}: SDP on the wire is sealed', claims.sdp_sealed(paths['wire']))


def check(t):
    s, bob = t.stage, t.bob
    listed = wait_for('a registration', lambda: registrations(s.b))
    t.claim('one registration', len(listed) == 1 and listed[0]['account'] == 'bob@b.example' and
            bob.address in listed[0]['contact'], str(listed))
    t.claim('and for human eyes', 'bob@b.example' in s.b.tell('registrations'))
    paths = s.recorded()
    outer = [m for m in sip.messages(paths['phone-b']) if m.method == 'REGISTER' and not m.status]
    t.claim('the phone answered a challenge', any(m.header('Authorization') for m in outer))
    call(t, 'registered')
    s.b.children_before = s.b.children()
    s.lab.net.run('gate-b', 'kill', '-9', str(s.b.children_before['engine']))
    wait_for('a new engine', lambda: s.b.children().get('engine') not in
             (None, s.b.children_before['engine']) and s.b.ask('status')[0] == 0, 15)
    t.claim('the registration outlives the engine', registrations(s.b) == listed,
            str(registrations(s.b)))
    call(t, 'after the engine was killed')
