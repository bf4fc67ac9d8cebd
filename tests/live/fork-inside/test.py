"""A registrar forks one sealed INVITE to two phones behind one gateway

Both phones of an account registered through their gateway; both ring, one is picked
up, the other is cancelled. By a pre-shared key, then by Diffie-Hellman, then with profiles
that want keys early: each branch has its own.
"""
import json
import time

from lib import claims, sip, stage
from lib.lab import wait_for
from lib.phone import Phone
from lib.proxy import Proxy
from lib.sipp import Sipp

PORT = 5062
ROUTES = '''
loadmodule "usrloc.so"
loadmodule "registrar.so"
request_route {
	if (is_method("REGISTER")) { save("location"); exit; }
	if (has_totag()) {
		if (loose_route()) { t_relay(); exit; }
		if (is_method("ACK")) { if (t_check_trans()) t_relay(); exit; }
		sl_send_reply("404", "Not here"); exit;
	}
	if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
	record_route();
	if (!lookup("location")) { sl_send_reply("404", "Not Found"); exit; }
	t_relay();
}
'''


def setup(t):
    lab = t.open()
    proxy = Proxy(lab, ROUTES)
    t.stage = stage.Stage(
        lab, route='', phones='a', proxy_a=f'sip:{proxy.addresses["a"]}:5060',
        proxy_b=f'sip:{proxy.addresses["b"]}:5060', extra_b='register = "pass";')
    t.bob = Phone(lab, 'b', stage.BOB, t.stage.speech, auto=False, password='any')
    Sipp(lab, 'b', t.file('register.xml'), '-m', '1', port=PORT).finish(10)
    wait_for('two registrations', lambda: len(json.loads(
        t.stage.b.tell('registrations', '--json'))) == 2)


def one_call(t, method):
    s = t.stage
    s.record()
    other = Sipp(t.lab, 'b', t.file('ring.xml'), '-m', '1', port=PORT)
    time.sleep(0.5)
    s.alice.forget()
    t.bob.forget()
    s.alice.dial(stage.BOB)
    t.bob.wait_event('CALL_INCOMING')
    time.sleep(1)
    t.claim('two calls ring at the gateway', len(s.b.calls()) == 2, str(s.b.calls()))
    t.bob.accept()
    s.alice.wait_event('CALL_ESTABLISHED')
    other.finish(10)
    time.sleep(2)
    calls = s.a.calls() + s.b.calls()
    t.claim(f'one call, sealed at both by {method}', [
        (c['verdict'], c['method']) for c in calls] == [('sealed', method)] * 2, str(calls))
    s.alice.hangup()
    t.bob.wait_event('CALL_CLOSED')
    return s.recorded()


def forked(t, method, answer='pickup'):
    s = t.stage
    for gate in (s.a, s.b):
        gate.keying, gate.answer = [method], answer
        gate.reload()
    time.sleep(1)
    paths = one_call(t, method)
    invites = {(m.header('Call-ID'), m.start) for m in sip.messages(paths['phone-b'])
               if m.start.startswith('INVITE')}
    t.claim('both phones had an INVITE', len(invites) == 2, str(invites))
    t.claim('nobody was told of a merged request', not [
        m for name in ('phone-a', 'wire') for m in sip.messages(paths[name]) if m.status == 482])
    t.claim('media intact', claims.media_intact(paths['phone-b'], paths['phone-a'], s.b.inside,
                                                s.a.inside))
    t.claim('and back', claims.media_intact(paths['phone-a'], paths['phone-b'], s.a.inside,
                                            s.b.inside))
    t.claim('nothing in clear', claims.media_sealed(paths['wire'], paths['phone-a']))


def check(t):
    forked(t, 'mikey-psk')
    forked(t, 'mikey-dhhmac')
    forked(t, 'mikey-dhhmac', answer='early')
    for gate in (t.stage.a, t.stage.b):
        t.claim('no call is left', gate.gone())
