"""Both gateways register at Kamailio with a digest, which also challenges their calls"""
import json

from lib import claims, sip, stage
from lib.gateway import Gateway
from lib.lab import USER, wait_for
from lib.proxy import Proxy

ROUTES = '''
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
request_route {
	if (!mf_process_maxfwd_header("20")) { sl_send_reply("483", "Too Many Hops"); exit; }
	if (is_method("REGISTER")) {
		if (!pv_www_authenticate("t.example", "right", "0")) {
			www_challenge("t.example", "1"); exit;
		}
		if ($au != $tU) { sl_send_reply("403", "Not You"); exit; }
		save("location"); exit;
	}
	if (is_method("ACK") && !has_totag()) { if (t_check_trans()) t_relay(); exit; }
	if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
	if (!is_method("ACK|PRACK") && !pv_proxy_authenticate("t.example", "right", "0")) {
		proxy_challenge("t.example", "1"); exit;
	}
	if (!is_method("ACK")) consume_credentials();
	if (has_totag()) {
		if (loose_route()) { t_relay(); exit; }
		if (is_method("ACK")) { if (t_check_trans()) t_relay(); exit; }
		sl_send_reply("404", "Not here"); exit;
	}
	record_route();
	if ($rd == "b.example") $du = "sip:10.99.2.1:5060";
	else if ($rd == "a.example") $du = "sip:10.99.1.1:5060";
	else { sl_send_reply("404", "Unknown"); exit; }
	t_relay();
}
'''
ACCOUNT = '''accounts = ( { uri = "sip:gate-%s@t.example"; peer = "%s";
	password = "file:provider.password"; register = 600; } );'''


def setup(t):
    lab = t.open()
    t.proxy = Proxy(lab, ROUTES)
    for site in 'ab':
        folder = lab.folder(f'gate-{site}', user=USER)
        Gateway._write_secret(f'{folder}/provider.password', 'right')
    t.stage = stage.Stage(
        lab, route='', proxy_a=f'sip:{t.proxy.addresses["a"]}:5060',
        proxy_b=f'sip:{t.proxy.addresses["b"]}:5060', extra_a=ACCOUNT % ('a', 'b'),
        extra_b=ACCOUNT % ('b', 'a'), rekey_a=4)


def account(gate):
    return json.loads(gate.tell('accounts', '--json'))[0]


def keys(message):
    return [line for line in message.sdp('a') if line.startswith('key-mgmt')]


def check_wire(t, messages):
    """Alice's call as it left gateway a."""
    sent = [m for m in messages if m.method == 'INVITE' and not m.status and keys(m)]
    bare = [m for m in sent if not m.header('Proxy-Authorization')]
    good = [m for m in sent if m.header('Proxy-Authorization')]
    t.claim('the INVITE went without and with credentials', bare and good, str(messages))
    t.claim('with other keys, CSeq and branch, in the same dialog',
            keys(bare[0]) != keys(good[0]) and bare[0].header('CSeq') != good[0].header('CSeq')
            and bare[0].header('Via') != good[0].header('Via') and
            bare[0].header('Call-ID') == good[0].header('Call-ID'))
    byes = [m for m in messages if m.method == 'BYE' and not m.status]
    t.claim('the BYE, too', any(m.header('Proxy-Authorization') for m in byes), str(byes))


def check(t):
    s = t.stage
    for gate in (s.a, s.b):
        wait_for('the registration', lambda g=gate: account(g)['state'] == 'registered')
    t.claim('and for human eyes', 'registered' in s.a.tell('accounts'), s.a.tell('accounts'))
    for caller, callee, uri, phone in ((s.alice, s.bob, stage.BOB, 'phone-a'),
                                       (s.bob, s.alice, stage.ALICE, 'phone-b')):
        s.record()
        seen = []
        s.talk(caller, callee, uri, seconds=8, during=lambda: seen.extend(s.verdicts()))
        t.claim('sealed at both', seen == ['sealed', 'sealed'], str(seen))
        paths = s.recorded()
        t.claim('media intact and sealed', '; '.join(s.check_media(paths)))
        t.claim('SDP on the wire is sealed', claims.sdp_sealed(paths['wire']))
        if caller is s.alice:
            check_wire(t, sip.messages(paths['wire']))
        t.claim('the phone saw no challenge', not any(
            m.status in (401, 407) for m in sip.messages(paths[phone])))
    t.claim('new keys in a call passed the challenge', rekeyed(s.a), str(s.a.status()))
    s.record()
    t.claim('gateway a stops', s.a.stop())
    last = [m for m in sip.messages(s.recorded()['wire']) if m.method == 'REGISTER']
    t.claim('and is registered no longer', any(
        m.header('Expires') == '0' and m.header('Authorization') for m in last) and
        any(m.status == 200 for m in last), str(last))


def rekeyed(gate):
    count = gate.status()['count']
    return count['rekeyed'] >= 1 and not count['rekey_failed']
