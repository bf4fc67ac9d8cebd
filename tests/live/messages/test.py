"""MESSAGEs sealed by S/MIME between two gateways, through Kamailio, in each form

From phone to phone, outside a call and in one, in both directions. Where the proxy alters
the words, takes the signature away or sends a MESSAGE twice, nothing reaches the phone.
"""
import importlib.util
import os

from lib import certs, sip, speech, stage
from lib.lab import wait_for
from lib.phone import Phone
from lib.proxy import Proxy

spec = importlib.util.spec_from_file_location('smime', os.path.join(
    os.path.dirname(__file__), '..', 'smime', 'test.py'))
smime = importlib.util.module_from_spec(spec)
spec.loader.exec_module(smime)

# What Kamailio does with the MESSAGEs for these users.
ALTER = '''
	if (is_method("MESSAGE") && $rU == "altered") {
		subst_body('/innocent/not-such/');
	} else if (is_method("MESSAGE") && $rU == "bare") {
		set_body("quite innocent", "text/plain");
	}
	t_relay();
}
'''
MODES = 'sign', 'encrypt', 'sign-encrypt'


def setup(t):
    lab = t.open()
    t.issuer = certs.Issuer(lab)
    paths = {'a': t.issuer.issue('a', 'URI:sip:a.example'),
             'b': t.issuer.issue('b', 'URI:sip:b.example', curve='P-256')}
    routes = smime.same.ROUTES.replace('TRANSPORT', 'tcp')
    routes = routes[:routes.rindex('t_relay')].rstrip() + ALTER
    t.proxy = Proxy(lab, routes)
    t.stage = stage.Stage(
        lab, phones='', route='', body='sign',
        proxy_a=f'sip:{t.proxy.addresses["a"]}:5060;transport=tcp',
        proxy_b=f'sip:{t.proxy.addresses["b"]}:5060;transport=tcp',
        peer_a={'cert': f'file:{paths["b"]}'}, peer_b={'cert': f'file:{paths["a"]}'},
        extra_a=t.issuer.config('a'), extra_b=t.issuer.config('b'))
    phone = t.stage.b.phones['bob']
    t.stage.b.phones |= {'altered': phone, 'bare': phone}
    speech.make(t.stage.speech, seconds=10)
    t.stage.bob = Phone(lab, 'b', stage.BOB, t.stage.speech, watches=stage.ALICE)
    t.stage.alice = Phone(lab, 'a', stage.ALICE, t.stage.speech, watches=stage.BOB)
    # for what baresip does not say: it has one addressee only, its contact
    t.hand = smime.Agent(lab, 'phone-a', t.stage.alice.address, stage.ALICE,
                         (t.stage.a.inside, 5060))


def link(agent):
    return f'phone-{agent.host[-1]}'


def arrived(t, callee):
    """The MESSAGEs that a phone was sent, by its own link's capture."""
    return [m for m in sip.messages(t.stage.captures[link(callee)].path)
            if m.start.startswith('MESSAGE')]


def answered(t, caller):
    return [m.status for m in sip.messages(t.stage.captures[link(caller)].path)
            if m.method == 'MESSAGE' and m.status >= 200]


def say(t, caller, text):
    """Sends words to the other phone; the statuses that the caller has then."""
    before = len(answered(t, caller))
    caller.command('message', text)
    wait_for('an answer', lambda: len(answered(t, caller)) > before, 10)
    return answered(t, caller)[before:]


def write(t, uri, text):
    """The same by hand, to anybody: the status."""
    sent = t.hand.request('MESSAGE', uri, text, headers=['Content-Type: text/plain'])
    return t.hand.final(sent, 'MESSAGE').status


def check_pair(t, mode):
    s = t.stage
    for caller, callee in ((s.alice, s.bob), (s.bob, s.alice)):
        s.record()
        text = f'the fox in {mode} to {callee.host}'
        status = say(t, caller, text)
        t.claim(f'{mode}: accepted', status == [200], str(status))
        wait_for('the words', lambda: arrived(t, callee), 5)
        paths = s.recorded()
        got = [m for m in sip.messages(paths[link(callee)]) if m.start.startswith('MESSAGE')]
        t.claim('the words arrive as they were', got[0].body == text and
                got[0].header('Content-Type').startswith('text/plain'), str(got[0].headers))
        wire = [m for m in sip.messages(paths['wire']) if m.start.startswith('MESSAGE')]
        t.claim('sealed on the wire', wire and all('pkcs7-mime' in m.header('Content-Type')
                                                   for m in wire), str(wire))
        t.claim('hidden when encrypted', mode == 'sign' or
                not any(text.encode() in m.raw for m in wire))


def check_forgers(t):
    s = t.stage
    s.record()
    for user, why in (('altered', 'signature'), ('bare', 'not signed')):
        status = write(t, f'sip:{user}@b.example', 'quite innocent')
        t.claim(f'{user}: refused', status in (403, 488), str(status))
        lines = [x for x in s.b.log().splitlines() if 'words from outside' in x]
        t.claim('one line says why', len([x for x in lines if why in x]) == 1, str(lines))
    t.claim('no phone saw it', not arrived(t, s.bob))


def check_repeat(t):
    """Somebody on the way sends it once more, in a transaction of his own."""
    s = t.stage
    s.record()
    say(t, s.alice, 'pay ten')
    wire = [m for m in sip.messages(s.recorded()['wire']) if m.start.startswith('MESSAGE')]
    head, _, body = wire[0].raw.partition(b'\r\n\r\n')
    kept = [x for x in head.split(b'\r\n') if not x.startswith(b'Via')]
    s.record()
    forger = smime.Agent(t.lab, 'net', t.lab.net.address('net-b'), stage.ALICE,
                         (s.b.outside, 5060))
    for branch in ('z9hG4bKforged1', 'z9hG4bKforged2'):
        via = f'Via: SIP/2.0/UDP {forger.at};branch={branch}'.encode()
        forger.send(b'\r\n'.join([kept[0], via, *kept[1:], b'', body]))
    wait_for('the refusals', lambda: s.b.log().count('seen before') >= 2, 5)
    t.claim('the phone is told once', not arrived(t, s.bob))


def check_call(t):
    s = t.stage
    s.record()
    s.talk(s.alice, s.bob, stage.BOB, seconds=2, during=lambda: say(
        t, s.alice, 'by the way'))
    paths = s.recorded()
    t.claim('media intact and sealed beside it', '; '.join(s.check_media(paths)))


def check_renewed(t):
    """The other gateway has a new key, and nobody here was told."""
    s = t.stage
    t.issuer.issue('b2', 'URI:sip:b.example', curve='P-256')
    s.b.extra = t.issuer.config('b2')
    for gate in (s.a, s.b):
        gate.stop()
        gate.body = 'sign-encrypt'
        gate.start()
    s.record()
    status = say(t, s.alice, 'to whom it may concern')
    t.claim('accepted', status == [200], str(status))
    wire = [m for m in sip.messages(s.recorded()['wire']) if m.method == 'MESSAGE']
    t.claim('by a 493 that brought the certificate', [m.status for m in wire] ==
            [0, 493, 0, 200] and 'certs-only' in wire[1].header('Content-Type'), str(wire))


def check(t):
    s = t.stage
    for mode in MODES:
        for gate in (s.a, s.b):
            gate.body = mode
            smime.reloaded(gate)
        check_pair(t, mode)
    for gate in (s.a, s.b):
        gate.body = 'sign'
        smime.reloaded(gate)
    check_forgers(t)
    check_repeat(t)
    check_call(t)
    check_renewed(t)
