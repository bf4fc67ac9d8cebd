"""A proxy forks one sealed INVITE to two gateways at once; the second answers

Both phones ring (two early dialogs, one keying context each); one answers, the
other is cancelled; media go to the one that answered only. By a method whose keys
the offer fixes for all branches, then by one whose answer fixes them.
"""
import time

from lib import claims, rtp, sip, speech, stage
from lib.capture import Capture
from lib.gateway import Gateway, Peer
from lib.phone import Phone
from lib.proxy import Proxy, leading

KEY = '00112233445566778899aabbccddeeff'
ROUTES = leading('''\
	append_branch();
	$(branch(dst_uri)[0]) = "sip:10.99.3.1:5060";
	$du = "sip:10.99.2.1:5060";''')


def setup(t):
    lab = t.open('abc')
    proxy = Proxy(lab, ROUTES, 'abc')
    net = lab.net
    t.gates = {'a': Gateway(lab, 'a', [Peer('b', '*@b.example', psk=KEY)], {
        'alice': f'sip:alice@{net.address("phone-a")}:5060'},
        proxy=f'sip:{proxy.addresses["a"]}:5060')}
    for site in 'bc':
        t.gates[site] = Gateway(lab, site, [Peer('a', '*@a.example', psk=KEY)], {
            'bob': f'sip:bob@{net.address(f"phone-{site}")}:5060'},
            proxy=f'sip:{proxy.addresses[site]}:5060')
    for gate in t.gates.values():
        gate.start()
    wav = f'{lab.dir}/speech.wav'
    speech.make(wav, seconds=20)
    t.alice = Phone(lab, 'a', stage.ALICE, wav)
    t.phones = {site: Phone(lab, site, stage.BOB, wav, auto=False) for site in 'bc'}


def one_call(t, method, winner, loser):
    t.alice.forget()
    t.alice.dial(stage.BOB)
    for phone in t.phones.values():
        phone.wait_event('CALL_INCOMING')
    t.alice.wait_event('CALL_RINGING')
    time.sleep(0.5)
    t.phones[winner].accept()
    t.alice.wait_event('CALL_ESTABLISHED')
    t.phones[loser].wait_event('CALL_CLOSED', 5)
    time.sleep(2)
    calls = t.gates['a'].calls()
    t.claim(f'one call, sealed by {method}', [(c['verdict'], c['method']) for c in calls] == [
        ('sealed', method)], str(calls))
    t.claim('the other gateway has none', t.gates[loser].gone())
    t.alice.hangup()
    t.phones[winner].wait_event('CALL_CLOSED', 5)


def use(t, method):
    for gate in t.gates.values():
        gate.stop()
        gate.keying = [method]
        gate.start()


def check(t):
    for method in ('mikey-psk', 'mikey-dhhmac'):
        use(t, method)
        answered(t, method)


def answered(t, method):
    captures = {link: Capture(t.lab, f'{link}-{method}', link) for link in (
        'phone-a', 'phone-b', 'phone-c', 'wire')}
    for phone in t.phones.values():
        phone.forget()
    one_call(t, method, 'c', 'b')
    paths = {name: capture.stop() for name, capture in captures.items()}
    a, c = t.gates['a'], t.gates['c']
    t.claim('media intact to the one that answered', claims.media_intact(
        paths['phone-a'], paths['phone-c'], a.inside, c.inside))
    t.claim('and from it', claims.media_intact(
        paths['phone-c'], paths['phone-a'], c.inside, a.inside))
    t.claim('none to the other', claims.media_absent(paths['phone-b']))
    t.claim('nothing in clear', claims.media_sealed(paths['wire'], paths['phone-a']))
    t.claim('no index twice', claims.index_unique(paths['wire'], a.outside))
    t.claim('all media from gate-a went to gate-c', {p.time for p in rtp.sent(
        paths['wire'], source=a.outside)} == {p.time for p in rtp.sent(
            paths['wire'], source=a.outside, dest=c.outside)})
    tags = {m.header('To').split('tag=')[-1] for m in sip.messages(paths['phone-a'])
            if m.status == 180}
    print('early dialogs that the phone saw:', tags)
