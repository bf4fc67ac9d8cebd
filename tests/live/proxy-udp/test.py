"""Kamailio between the gateways over UDP, with record-route; both directions"""
from lib import claims, sip, stage
from lib.proxy import Proxy

ROUTES = '''
request_route {
	if (!mf_process_maxfwd_header("20")) { sl_send_reply("483", "Too Many Hops"); exit; }
	if (has_totag()) {
		if (loose_route()) { t_relay(); exit; }
		if (is_method("ACK")) { if (t_check_trans()) t_relay(); exit; }
		sl_send_reply("404", "Not here"); exit;
	}
	if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
	record_route();
	if ($rd == "b.example") $du = "sip:10.99.2.1:5060;transport=TRANSPORT";
	else if ($rd == "a.example") $du = "sip:10.99.1.1:5060;transport=TRANSPORT";
	else { sl_send_reply("404", "Unknown"); exit; }
	t_relay();
}
'''


def setup(t, transport='udp'):
    lab = t.open()
    t.proxy = Proxy(lab, ROUTES.replace('TRANSPORT', transport))
    t.stage = stage.Stage(
        lab, route='', proxy_a=f'sip:{t.proxy.addresses["a"]}:5060;transport={transport}',
        proxy_b=f'sip:{t.proxy.addresses["b"]}:5060;transport={transport}')


def check(t, transport='udp'):
    s = t.stage
    for caller, callee, uri in ((s.alice, s.bob, stage.BOB), (s.bob, s.alice, stage.ALICE)):
        s.record()
        seen = []
        s.talk(caller, callee, uri, during=lambda: seen.extend(s.verdicts()))
        t.claim('sealed at both', seen == ['sealed', 'sealed'], str(seen))
        paths = s.recorded()
        t.claim('media intact and sealed', '; '.join(s.check_media(paths)))
        t.claim('SDP on the wire is sealed', claims.sdp_sealed(paths['wire']))
        messages = sip.messages(paths['wire'])
        t.claim(f'all went by {transport} through the proxy', all(
            m.transport == transport and t.proxy.addresses['a'] in (m.source, m.dest)
            for m in messages), str(messages))
        methods = {m.method for m in messages if not m.status}
        t.claim('ACK and BYE took the recorded route', {'INVITE', 'ACK', 'BYE'} <= methods,
                str(methods))
