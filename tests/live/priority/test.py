"""Both gateways rank methods and suites: the call goes by the lowest sum of the ranks

The paper's example: one has PSK, PKE, DH and _80, _32, the other PKE, DH, PSK and _32,
F8_80: PKE and _32. The INVITE has one a=key-mgmt and the others as capabilities; the next
one is small, since the far end is remembered. Where a man in the middle takes the
capabilities out, or turns them round, the call is refused. When the far end's lists
change, what is remembered is refused, and the same call goes on with the full offer.
"""
import re
import time

from lib import certs, claims, sip, stage
from lib.lab import wait_for
from lib.proxy import Proxy

PSK, PKE, DH = 'mikey-psk', 'mikey-rsa', 'mikey-dh'
CM_80, CM_32, F8_80 = ('AES_CM_128_HMAC_SHA1_80', 'AES_CM_128_HMAC_SHA1_32',
                       'F8_128_HMAC_SHA1_80')
# what comes from gateway B passes the man in the middle
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
	if ($rd == "b.example") $du = "sip:10.99.2.1:5060;transport=tcp";
	else if ($rd == "a.example") {
		$du = "sip:10.99.1.1:5060;transport=tcp";
		ATTACK
	}
	t_relay();
}
'''
STRIP = r'subst_body("/a=(acap|pcfg):[^\r]*\r\n//g");'
TURN = r'''subst_body("/a=pcfg:101 a=101/a=pcfg:101 a=109/");
		subst_body("/a=pcfg:102 a=102/a=pcfg:102 a=101/");
		subst_body("/a=pcfg:101 a=109/a=pcfg:101 a=102/");'''


def setup(t):
    lab = t.open()
    t.issuer = certs.Issuer(lab)
    paths = {name: t.issuer.issue(name, f'URI:sip:{name}.example') for name in 'ab'}
    t.proxy = Proxy(lab, ROUTES.replace('ATTACK', ''))
    t.stage = stage.Stage(
        lab, keying_a=[PSK, PKE, DH], suites_a=[CM_80, CM_32],
        keying_b=[PKE, DH, PSK], suites_b=[CM_32, F8_80],
        peer_a={'cert': f'file:{paths["b"]}'}, peer_b={'cert': f'file:{paths["a"]}'},
        extra_a=t.issuer.config('a'), extra_b=t.issuer.config('b'), route='',
        proxy_a=f'sip:{t.proxy.addresses["a"]}:5060;transport=tcp',
        proxy_b=f'sip:{t.proxy.addresses["b"]}:5060;transport=tcp')


def lines(message, name):
    return [a for a in message.sdp('a') if a.startswith(name + ':')]


def talk(t, caller, callee, uri, method, suite):
    """One call; the first INVITE and its 200 on the wire."""
    s = t.stage
    s.record()
    seen = []
    s.talk(caller, callee, uri, during=lambda: seen.extend(s.a.calls() + s.b.calls()))
    t.claim(f'{method} at both', [c['method'] for c in seen] == [method] * 2, str(seen))
    t.claim(f'{suite} at both', [c['suite'] for c in seen] == [suite] * 2, str(seen))
    t.claim('sealed at both', [c['verdict'] for c in seen] == ['sealed'] * 2, str(seen))
    paths = s.recorded()
    t.claim('media intact and sealed', '; '.join(s.check_media(paths)))
    t.claim('SDP on the wire is sealed', claims.sdp_sealed(paths['wire']))
    for phone in ('phone-a', 'phone-b'):
        t.claim(f'nothing of it reaches {phone}', not any(
            lines(m, name) for m in sip.messages(paths[phone])
            for name in ('acap', 'pcfg', 'acfg', 'key-mgmt')))
    found = [m for m in sip.messages(paths['wire']) if m.sdp('m')]
    invite = [m for m in found if m.start.startswith('INVITE')][0]
    ok = [m for m in found if m.status == 200][0]
    for message in (invite, ok):
        t.claim(f'one a=key-mgmt in {message.start}', len(lines(message, 'key-mgmt')) == 1)
    return invite, ok


def refused(t, what, attack, reason):
    s = t.stage
    t.proxy.process.stop()
    t.proxy = Proxy(s.lab, ROUTES.replace('ATTACK', attack))
    s.record()
    s.bob.forget()
    s.alice.forget()
    s.bob.dial(stage.ALICE)
    s.bob.wait_event('CALL_CLOSED', 15)
    time.sleep(1)
    paths = s.recorded()
    finals = [m for m in sip.messages(paths['wire']) if m.method == 'INVITE' and m.status >= 300]
    t.claim(f'{what}: 488', finals and finals[0].status == 488, str(finals))
    t.claim(f'{what}: the phone did not ring', not s.alice.rang())
    t.claim(f'{what}: no media', claims.media_absent(*paths.values()))
    t.claim(f'{what}: the log says why', reason in s.a.log(), s.a.log()[-600:])
    t.claim(f'{what}: no call is left', s.a.calls() == [] and s.b.calls() == [])


def check(t):
    s = t.stage
    invite, ok = talk(t, s.alice, s.bob, stage.BOB, PKE, CM_32)
    acap, pcfg = lines(invite, 'acap'), lines(invite, 'pcfg')
    t.claim('the others are capabilities', len(acap) == 2 and all(
        re.fullmatch(r'acap:\d+ key-mgmt:mikey [A-Za-z0-9+/=]+', a) for a in acap), str(acap))
    t.claim('and configurations', pcfg == [
        'pcfg:101 a=101 +callseal=1', 'pcfg:102 a=102 +callseal=1'], str(pcfg))
    kinds = [kind for _, kind in sorted((m[1], m[1]) for _, m in invite.mikey())]
    t.claim('the actual one is by pre-shared key', kinds == [0], str(kinds))
    t.claim('the answer names the one it took', lines(ok, 'acfg') == ['acfg:101 a=101'],
            str(lines(ok, 'acfg')))
    full = len(invite.raw)
    invite, ok = talk(t, s.alice, s.bob, stage.BOB, PKE, CM_32)
    t.claim('the next INVITE is small', not lines(invite, 'acap') and not lines(ok, 'acfg') and
            len(invite.raw) < full, f'{full} bytes, then {len(invite.raw)}')
    refused(t, 'stripped', STRIP, 'altered on the way')
    refused(t, 'turned round', TURN, 'altered on the way')
    t.proxy.process.stop()
    t.proxy = Proxy(s.lab, ROUTES.replace('ATTACK', ''))
    invite, ok = talk(t, s.bob, s.alice, stage.ALICE, PKE, CM_32)
    t.claim('the other way it is the actual one', len(lines(invite, 'acap')) == 2 and
            not lines(ok, 'acfg'))
    s.b.keying = [DH, PSK]
    before = s.b.log().count('is in force')
    s.b.reload()
    wait_for('the reload', lambda: s.b.log().count('is in force') > before, 5)
    talk(t, s.alice, s.bob, stage.BOB, PSK, CM_32)
    t.claim('what was remembered was refused before', 'an old memory' in s.b.log())
    for gate in (s.a, s.b):
        t.claim('no call is left', gate.calls() == [])
