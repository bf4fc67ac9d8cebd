"""A proxy diverts a call to carol, whose gateway signs as her and nobody else

alice calls bob. With diverted = "refuse" there is no call. With "allow" there is one,
of the verdict "peer"; alice's gateway and her phone say with whom (RFC 4916), and
carol's gateway says it itself, in From of what it signs: she hangs up.
"""
import time

from lib import certs, claims, sip, speech, stage
from lib.capture import Capture
from lib.gateway import Gateway, Peer
from lib.lab import wait_for
from lib.phone import Phone
from lib.proxy import Proxy, leading

KEY = '00112233445566778899aabbccddeeff'
CAROL = 'sip:carol@b.example'
ROUTES = leading('''\
	if ($rU == "bob") $rU = "carol";
	$du = "sip:10.99.2.1:5060;transport=tcp";''')


def setup(t):
    lab = t.open()
    proxy = Proxy(lab, ROUTES)
    issuer = certs.Issuer(lab)
    issuer.issue('a', 'URI:sip:a.example', curve='P-256')
    issuer.issue('b', f'URI:{CAROL}', curve='P-256')
    phones = {s: f'sip:{u}@{lab.net.address(f"phone-{s}")}:5060' for s, u in (
        ('a', 'alice'), ('b', 'carol'))}
    gates = []
    for site, other, user in (('a', 'b', 'alice'), ('b', 'a', 'carol')):
        # its keys by a secret of both, whose owner may be another: retarget
        gates.append(Gateway(
            lab, site, [Peer(other, f'*@{other}.example', psk=KEY)], {user: phones[site]},
            proxy=f'sip:{proxy.addresses[site]}:5060;transport=tcp', body='sign',
            retarget='allow', extra=issuer.config(site)))
    t.a, t.b = gates
    for gate in gates:
        gate.start()
    wav = f'{lab.dir}/speech.wav'
    speech.make(wav, seconds=20)
    t.alice = Phone(lab, 'a', stage.ALICE, wav)
    t.carol = Phone(lab, 'b', CAROL, wav)


def refused(t):
    t.alice.dial(stage.BOB)
    t.alice.wait_event('CALL_CLOSED')
    t.claim('refused: no call', t.a.gone() and t.b.gone())
    trouble = t.a.ended()[0]['trouble']
    t.claim('the reason names both', f'certificate is for {CAROL}' in trouble and
            stage.BOB in trouble, trouble)


def allowed(t):
    t.a.stop()
    t.a.sealed = 'diverted = "allow";'
    t.a.start()
    t.alice.forget()
    t.carol.forget()
    captures = [Capture(t.lab, link, link) for link in ('phone-a', 'wire', 'phone-b')]
    t.alice.dial(stage.BOB)
    t.alice.wait_event('CALL_ESTABLISHED')
    wait_for('two calls', lambda: t.a.calls() and t.b.calls(), 5)
    call = t.a.call(t.a.calls()[0]['id'])
    t.claim('a says with whom it is', (call['verdict'], call['connected']) ==
            ('peer', CAROL) and 'was diverted' in call['reason'], str(call))
    t.claim('for b it is whom it is for', 'connected' not in t.b.calls()[0], str(t.b.calls()))
    time.sleep(2)
    t.carol.hangup()
    t.alice.wait_event('CALL_CLOSED')
    t.claim('the call is over', t.a.gone() and t.b.gone())
    a, wire, b = (capture.stop() for capture in captures)
    t.claim('media intact', claims.media_intact(a, b, t.a.inside, t.b.inside))
    t.claim('nothing in clear', claims.media_sealed(wire, a))
    told = {m.header('P-Asserted-Identity') for m in sip.messages(a)
            if m.status in (180, 183, 200) and m.method == 'INVITE' and m.source == t.a.inside}
    t.claim("alice's phone is told", told == {f'<{CAROL}>'}, str(told))
    asked = next(m for m in sip.messages(wire) if m.start.startswith('INVITE'))
    t.claim('a says that it takes another From', 'from-change' in asked.all('Supported'),
            str(asked.all('Supported')))
    # no UPDATE: her phone allows none
    byes = [m for m in sip.messages(wire) if m.start.startswith('BYE')]
    t.claim('b names carol in From, and signs it', byes and all(
        CAROL in m.header('From') and 'signed-data' in m.header('Content-Type') for m in byes),
        str(byes))


def check(t):
    refused(t)
    allowed(t)
