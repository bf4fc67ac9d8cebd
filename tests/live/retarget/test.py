"""A proxy diverts a sealed call from bob to carol of the same domain, who answers

The keys are meant for bob. Without retarget = "allow" on both sides there is no
call; with it there is one, its verdict is "peer", not "sealed", and both gateways
say whose the keys are. By a method whose offer names the keys' owner, then by
one that agrees on them.
"""
import time

from lib import claims, speech, stage
from lib.capture import Capture
from lib.gateway import Gateway, Peer
from lib.phone import Phone
from lib.proxy import Proxy, leading

KEY = '00112233445566778899aabbccddeeff'
CAROL = 'sip:carol@b.example'
ROUTES = leading('''\
	if ($rU == "bob") $rU = "carol";
	$du = "sip:10.99.2.1:5060";''')


def setup(t):
    lab = t.open()
    proxy = Proxy(lab, ROUTES)
    phones = {s: f'sip:{u}@{lab.net.address(f"phone-{s}")}:5060' for s, u in (
        ('a', 'alice'), ('b', 'carol'))}
    t.a = Gateway(lab, 'a', [Peer('b', '*@b.example', psk=KEY)], {'alice': phones['a']},
                  proxy=f'sip:{proxy.addresses["a"]}:5060')
    t.b = Gateway(lab, 'b', [Peer('a', '*@a.example', psk=KEY)], {'carol': phones['b']},
                  proxy=f'sip:{proxy.addresses["b"]}:5060')
    for gate in (t.a, t.b):
        gate.start()
    wav = f'{lab.dir}/speech.wav'
    speech.make(wav, seconds=20)
    t.alice = Phone(lab, 'a', stage.ALICE, wav)
    t.carol = Phone(lab, 'b', CAROL, wav)


def use(t, method, retarget_a, retarget_b):
    for gate, retarget in ((t.a, retarget_a), (t.b, retarget_b)):
        gate.stop()
        gate.keying, gate.retarget = [method], retarget
        gate.start()
    t.alice.forget()
    t.carol.forget()


def refused(t, method, retarget_a, retarget_b, where):
    use(t, method, retarget_a, retarget_b)
    t.alice.dial(stage.BOB)
    t.alice.wait_event('CALL_CLOSED')
    t.claim(f'{method}, {retarget_a} and {retarget_b}: no call', t.a.gone() and t.b.gone())
    trouble = where.ended()[0]['trouble']
    t.claim('the reason has both names and the cure', 'bob@b.example' in trouble and
            CAROL in trouble and 'retarget' in trouble, trouble)


def allowed(t, method):
    use(t, method, 'allow', 'allow')
    captures = [Capture(t.lab, f'{link}-{method}', link) for link in (
        'phone-a', 'wire', 'phone-b')]
    t.alice.dial(stage.BOB)
    t.alice.wait_event('CALL_ESTABLISHED')
    time.sleep(2)
    for gate, other in ((t.a, CAROL), (t.b, stage.BOB)):
        call = gate.call(gate.calls()[0]['id'])
        t.claim(f'{method}: {gate.host} says whose the keys are', (
            call['verdict'], call['keyed_as']) == ('peer', other) and
            'diverted' in call['reason'], str(call['reason']))
    t.alice.hangup()
    t.carol.wait_event('CALL_CLOSED')
    a, wire, b = (capture.stop() for capture in captures)
    t.claim('media intact', claims.media_intact(a, b, t.a.inside, t.b.inside))
    t.claim('nothing in clear', claims.media_sealed(wire, a))


def check(t):
    for method in ('mikey-psk', 'mikey-dhhmac'):
        refused(t, method, 'refuse', 'refuse', t.b)
        refused(t, method, 'allow', 'refuse', t.b)
        refused(t, method, 'refuse', 'allow', t.a)
        allowed(t, method)
