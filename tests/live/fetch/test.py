"""Far ends whose certificate is in no file: it is asked for, and the first call is sealed

Two gateways through Kamailio that know nothing of each other but the issuer: a signed OPTIONS
brings the one's certificate and its answer the other's, once. To strangers, who cannot prove
that they are a peer, it is an OPTIONS like any other.
"""
import importlib.util
import os

from lib import certs, sip, stage
from lib.proxy import Proxy
from lib.ua import Agent

spec = importlib.util.spec_from_file_location('smime', os.path.join(
    os.path.dirname(__file__), '..', 'smime', 'test.py'))
smime = importlib.util.module_from_spec(spec)
spec.loader.exec_module(smime)


def setup(t):
    lab = t.open()
    t.issuer = certs.Issuer(lab)
    t.issuer.issue('a', 'URI:sip:a.example')
    t.issuer.issue('b', 'URI:sip:b.example', curve='P-256')
    t.proxy = Proxy(lab, smime.same.ROUTES.replace('TRANSPORT', 'tcp'))
    t.stage = stage.Stage(
        lab, route='', body='sign-encrypt',
        proxy_a=f'sip:{t.proxy.addresses["a"]}:5060;transport=tcp',
        proxy_b=f'sip:{t.proxy.addresses["b"]}:5060;transport=tcp',
        extra_a=t.issuer.config('a'), extra_b=t.issuer.config('b'))


def call(t):
    """One call: its verdicts, and what passed the wire."""
    s = t.stage
    s.record()
    seen = []
    s.talk(s.alice, s.bob, stage.BOB, during=lambda: seen.extend(s.verdicts()))
    paths = s.recorded()
    t.claim('sealed at both', seen == ['sealed'] * 2, str(seen))
    t.claim('media intact and sealed', '; '.join(s.check_media(paths)))
    return sip.messages(paths['wire'])


def check_first(t):
    wire = call(t)
    asked = [m for m in wire if m.method == 'OPTIONS']
    invites = [m for m in wire if m.start.startswith('INVITE')]
    t.claim('asked first, in one round trip', [m.status for m in asked] == [0, 200] and
            asked[1].time < invites[0].time, str(asked))
    for m, site in zip(asked, 'ab'):
        kind, body = m.header('Content-Type'), m.raw.split(b'\r\n\r\n', 1)[1]
        t.both = f'{t.issuer.dir}/{site}.pem'
        t.claim(f'signed, for this message: {m.start}', b'\r\nCall-ID: ' + m.header(
            'Call-ID').encode() in smime.verified(t, kind, body))
    t.claim('the INVITE is encrypted', 'pkcs7-mime' in invites[0].header('Content-Type') and
            len({m.header('Call-ID') for m in invites}) == 1, str(invites))


def check_strangers(t):
    s = t.stage
    eve = Agent(t.lab, 'net', t.lab.net.address('net-b'), stage.ALICE, (s.b.outside, 5060))
    plain = eve.final(eve.request('OPTIONS', stage.BOB), 'OPTIONS')
    for body in ('not CMS', '--x\r\n\r\n'):
        sent = eve.request('OPTIONS', stage.BOB, body, headers=[
            'Content-Type: application/pkcs7-mime;smime-type=signed-data'])
        final = eve.final(sent, 'OPTIONS')
        t.claim('whoever proves nothing gets what anybody gets', final.start == plain.start and
                not final.body, final.start)


def check(t):
    s = t.stage
    check_first(t)
    t.claim('not asked again', not [m for m in call(t) if m.method == 'OPTIONS'])
    check_strangers(t)
    for gate in (s.a, s.b):  # the switch is off: as before
        gate.stop()
        gate.fetch = False
        gate.start()
    s.alice.forget()
    s.alice.dial(stage.BOB)
    s.alice.wait_event('CALL_CLOSED')
    t.claim('without fetch the log says what to set', "set its peer's cert" in s.a.log())
    t.claim('and nothing rings', not s.bob.rang() or s.bob.saw('CALL_CLOSED'))
