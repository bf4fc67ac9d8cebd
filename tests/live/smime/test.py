"""SDP sealed by S/MIME between two gateways, through Kamailio, in each form

Signed, encrypted, and both, in both directions, one gateway with RSA and one with P-256.
openssl verifies and decrypts what passed the proxy. Where the proxy alters the signed
SDP, or somebody offers it unsigned, the phone does not ring.
"""
import importlib.util
import os
import subprocess

from lib import certs, claims, sip, stage
from lib.lab import wait_for
from lib.proxy import Proxy
from lib.ua import Agent

spec = importlib.util.spec_from_file_location('proxy_udp', os.path.join(
    os.path.dirname(__file__), '..', 'proxy-udp', 'test.py'))
same = importlib.util.module_from_spec(spec)
spec.loader.exec_module(same)

# Kamailio changes the port in the SDP of calls to this user.
ALTER = '''
	if (is_method("INVITE") && $rU == "altered") {
		subst_body('/m=audio [0-9]+/m=audio 4444/');
	}
	t_relay();
}
'''
WORDS = {'sign': 'both sides signed SDP', 'encrypt': 'SDP itself is not authenticated',
         'sign-encrypt': 'both sides signed SDP'}


def setup(t):
    lab = t.open()
    t.issuer = certs.Issuer(lab)
    paths = {'a': t.issuer.issue('a', 'URI:sip:a.example'),
             'b': t.issuer.issue('b', 'URI:sip:b.example', curve='P-256')}
    t.both = put(t, 'both.pem', b''.join(open(path, 'rb').read() for path in paths.values()))
    routes = same.ROUTES.replace('TRANSPORT', 'tcp')
    routes = routes[:routes.rindex('t_relay')].rstrip() + ALTER
    t.proxy = Proxy(lab, routes)
    t.stage = stage.Stage(
        lab, route='', body='sign', proxy_a=f'sip:{t.proxy.addresses["a"]}:5060;transport=tcp',
        proxy_b=f'sip:{t.proxy.addresses["b"]}:5060;transport=tcp',
        peer_a={'cert': f'file:{paths["b"]}'}, peer_b={'cert': f'file:{paths["a"]}'},
        extra_a=t.issuer.config('a'), extra_b=t.issuer.config('b'))


def reloaded(gate):
    before = gate.log().count('is in force')
    gate.reload()
    wait_for('the reload', lambda: gate.log().count('is in force') > before, 5)


def openssl(t, *words):
    return subprocess.run(['openssl', 'cms', *words], capture_output=True)


def put(t, name, data):
    path = f'{t.lab.dir}/{name}'
    with open(path, 'wb') as f:
        f.write(data)
    return path


def verified(t, kind, body):
    """What openssl finds signed in a multipart/signed body."""
    mark = b'--' + kind.split('boundary=')[1].split(';')[0].strip('"').encode()
    _, content, signature, _ = body.split(mark)
    der = signature.split(b'\r\n\r\n', 1)[1][:-2]
    out = openssl(t, '-verify', '-inform', 'DER', '-in', put(t, 'signature', der), '-content',
                  put(t, 'content', content[2:-2]), '-binary', '-CAfile', t.issuer.ca,
                  '-purpose', 'any', '-certfile', t.both)  # some only refer to theirs
    t.claim('openssl verifies the signature', out.returncode == 0, out.stderr.decode()[-300:])
    return out.stdout


def opened(t, body, site):
    """What openssl decrypts for a gateway."""
    out = openssl(t, '-decrypt', '-inform', 'DER', '-in', put(t, 'envelope', body), '-recip',
                  f'{t.issuer.dir}/{site}.pem', '-inkey', f'{t.issuer.dir}/{site}.key', '-binary')
    t.claim('openssl decrypts it', out.returncode == 0, out.stderr.decode()[-300:])
    return out.stdout


def check_body(t, mode, message, site):
    """A message that carries SDP to a site, as it passed the wire."""
    kind = message.header('Content-Type')
    body = message.raw.split(b'\r\n\r\n', 1)[1]
    if 'encrypt' in mode:
        t.claim(f'{message.start}: encrypted', 'pkcs7-mime' in kind and b'm=audio' not in body,
                kind)
        head, _, body = opened(t, body, site).partition(b'\r\n\r\n')
        kind = head.decode()
    if 'sign' in mode:
        body = verified(t, kind, body)
        call_id = message.header('Call-ID').encode()
        t.claim('bound to its call', b'\r\nCall-ID: ' + call_id + b'\r\n' in body)
    t.claim('SDP is in it', b'm=audio' in body)


def check_bare(t, mode, wire):
    """In the sign modes what has no description has its headers signed."""
    if mode == 'encrypt':
        return
    for name in ('180', 'ACK', 'BYE', '200 of BYE'):
        found = [m for m in wire if name == (m.method if not m.status else
                 str(m.status) + (' of BYE' if m.method == 'BYE' else ''))]
        t.claim(f'{mode}: {name} is signed', found and all(
            ('pkcs7-mime' if 'encrypt' in mode else 'multipart/signed')
            in m.header('Content-Type') for m in found), str(found))


def check_mode(t, mode):
    s = t.stage
    for caller, callee, uri in ((s.alice, s.bob, stage.BOB), (s.bob, s.alice, stage.ALICE)):
        s.record()
        seen = []
        s.talk(caller, callee, uri, during=lambda: seen.extend(s.a.calls() + s.b.calls()),
               ends=callee)
        t.claim(f'{mode}: sealed at both', [c['verdict'] for c in seen] == ['sealed'] * 2,
                str(seen))
        t.claim('the reason says it', all(WORDS[mode] in c['reason'] for c in seen),
                str([c['reason'] for c in seen]))
        paths = s.recorded()
        t.claim('media intact and sealed', '; '.join(s.check_media(paths)))
        t.claim('the phones see SDP only', all(
            m.header('Content-Type') in (None, 'application/sdp')
            for name in ('phone-a', 'phone-b') for m in sip.messages(paths[name])))
        to = 'b' if callee is s.bob else 'a'
        wire = [m for m in sip.messages(paths['wire']) if m.body]
        check_body(t, mode, next(m for m in wire if m.start.startswith('INVITE')), to)
        check_body(t, mode, next(m for m in wire if m.status == 200),
                   'a' if to == 'b' else 'b')
        check_bare(t, mode, wire)


def invites(t, path):
    """The INVITEs of a capture that went out, each once."""
    seen = {}
    for m in sip.messages(path):
        if m.start.startswith('INVITE') and m.source == t.stage.a.outside:
            seen.setdefault(m.header('Call-ID'), m.raw)
    return list(seen.values())


def check_certificates(t):
    """They travel once, and again to a gateway that was restarted."""
    s = t.stage
    sizes = []
    for what in ('known', 'forgotten'):
        if what == 'forgotten':
            s.b.stop()
            s.b.peers[0].more.pop('cert')  # or it would know it all the same
            s.b.start()
        s.record()
        s.talk(s.alice, s.bob, stage.BOB, seconds=1.5)
        sizes.append([len(raw) for raw in invites(t, s.recorded()['wire'])])
    t.claim('a known certificate is referred to', len(sizes[0]) == 1, str(sizes))
    t.claim('a forgotten one is asked for (493) and sent', len(sizes[1]) == 2 and
            sizes[1][0] < sizes[1][1] - 800, str(sizes))


def refused(t, what, reason):
    s = t.stage
    t.claim(f'{what}: no call is left', s.a.gone() and s.b.gone())
    t.claim('the phone did not ring', not s.bob.rang())
    t.claim('the log says why', reason in s.b.log(), s.b.log()[-600:])


def check(t):
    s = t.stage
    for mode in WORDS:
        for gate in (s.a, s.b):
            gate.body = mode
            reloaded(gate)
        check_mode(t, mode)

    for gate in (s.a, s.b):
        gate.body = 'sign'
        reloaded(gate)
    check_certificates(t)
    s.alice.forget()
    s.bob.forget()
    s.alice.dial('sip:altered@b.example')
    s.alice.wait_event('CALL_CLOSED')
    refused(t, 'altered SDP', 'signature')

    stranger = Agent(t.lab, 'net', t.lab.net.address('net-b'), stage.ALICE, (s.b.outside, 5060))
    final = stranger.final(stranger.request('INVITE', stage.BOB, stranger.offer('RTP/SAVP')))
    t.claim('SDP without a signature gets 488', final.status == 488, final.start)
    refused(t, 'unsigned SDP', 'not signed')
    t.claim('and says what is missing', 'S/MIME' in final.header('Warning'), str(final.headers))
    s.talk(s.alice, s.bob, stage.BOB, seconds=1.5)
    t.claim('a right call still passes', claims.media_intact(
        *(s.recorded()[n] for n in ('phone-a', 'phone-b')), s.a.inside, s.b.inside))
