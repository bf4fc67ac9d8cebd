"""SDP sealed by S/MIME between two gateways, through Kamailio, in each form

Signed, encrypted, and both, in both directions, one gateway with RSA and one with P-256.
openssl verifies and decrypts what passed the proxy. Where the proxy alters the signed
SDP, or somebody offers it unsigned, the phone does not ring. Keys within sealed SDP, too:
a=crypto between the gateways, and k=clear: of an old far end that openssl seals for.
"""
import importlib.util
import os
import subprocess

from lib import certs, claims, cms, sip, stage
from lib.lab import wait_for
from lib.proxy import Proxy
from lib.ua import Agent

spec = importlib.util.spec_from_file_location('proxy_udp', os.path.join(
    os.path.dirname(__file__), '..', 'proxy-udp', 'test.py'))
same = importlib.util.module_from_spec(spec)
spec.loader.exec_module(same)

# Kamailio changes the port in the SDP of calls to this user, and the header of
# those to the next.
ALTER = '''
	if (is_method("INVITE") && $rU == "altered") {
		subst_body('/m=audio [0-9]+/m=audio 4444/');
	}
	if (is_method("INVITE") && $rU == "undated") {
		remove_hf("Date");
	}
	t_relay();
}
'''
WORDS = {'sign': 'both sides signed SDP', 'encrypt': 'SDP itself is not authenticated',
         'sign-encrypt': 'both sides signed SDP', 'tunnel': 'both sides signed SDP'}


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
    """What openssl finds signed in a multipart/signed body or in opaque signed-data."""
    if 'signed-data' in kind:
        out = openssl(t, '-verify', '-inform', 'DER', '-in', put(t, 'signature', body), '-binary',
                      '-CAfile', t.issuer.ca, '-purpose', 'any', '-certfile', t.both)
        t.claim('openssl verifies the message', out.returncode == 0, out.stderr.decode()[-300:])
        return out.stdout
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


def check_whole(t, wire, site):
    """Every message of a call, but 100, as it passed the wire: the first is for the
    certificate of a site, the others are under the key that it brings."""
    kinds = {f'{m.status} {m.method}' if m.status else m.method: m for m in wire}
    t.claim('all are sealed', set(kinds) >= {'INVITE', '180 INVITE', '200 INVITE', 'ACK', 'BYE',
                                             '200 BYE'}, str(list(kinds)))
    for name, m in kinds.items():
        t.claim(f'{name} shows only what it must', 'authEnveloped' in m.header('Content-Type') and
                b'm=audio' not in m.raw and not any(
                    m.header(h) for h in ('Allow', 'User-Agent', 'Server', 'Subject')), m.start)
    size = {name: len(m.raw.split(b'\r\n\r\n', 1)[1]) for name, m in kinds.items()}
    body = opened(t, kinds['INVITE'].raw.split(b'\r\n\r\n', 1)[1], site)
    head, _, der = body.partition(b'\r\n\r\n')
    t.claim('a key for the others is in it', b'Content-Session-Key: kek' in body)
    out = openssl(t, '-verify', '-inform', 'DER', '-in', put(t, 'whole', der), '-binary',
                  '-CAfile', t.issuer.ca, '-purpose', 'any', '-certfile', t.both)
    t.claim('openssl verifies the message within', out.returncode == 0 and
            b'Content-Type: message/sip\r\n\r\nINVITE ' in out.stdout and
            b'm=audio' in out.stdout, out.stderr.decode()[-300:] + str(head))
    t.claim('the others are shorter', size['ACK'] < size['INVITE'] - 500, str(size))


def check_bare(t, mode, wire):
    """In the sign modes what has no description has its headers signed."""
    if mode == 'encrypt':
        return
    for name in ('180', 'ACK', 'BYE', '200 of BYE'):
        found = [m for m in wire if name == (m.method if not m.status else
                 str(m.status) + (' of BYE' if m.method == 'BYE' else ''))]
        t.claim(f'{mode}: {name} is signed', found and all(
            'signed-data' in m.header('Content-Type') for m in found), str(found))
        for m in found[:1]:
            body = verified(t, m.header('Content-Type'), m.raw.split(b'\r\n\r\n', 1)[1])
            t.claim(f'{mode}: {name} is bound to its call',
                    b'\r\nCall-ID: ' + m.header('Call-ID').encode() + b'\r\n' in body)


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
        if mode == 'tunnel':
            check_whole(t, wire, to)
            continue
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


def set_both(s, **values):
    for gate in (s.a, s.b):
        for name, value in values.items():
            setattr(gate, name, value)
        reloaded(gate)


def check_keys_within(t):
    """SDES, but nobody on the way has the keys."""
    s = t.stage
    set_both(s, body='sign-encrypt', keying=['sdes', 'mikey-psk'])
    s.record()
    seen = []
    s.talk(s.alice, s.bob, stage.BOB, during=lambda: seen.extend(s.a.calls() + s.b.calls()))
    t.claim('a=crypto within: sealed at both', [c['verdict'] for c in seen] == ['sealed'] * 2,
            str(seen))
    paths = s.recorded()
    t.claim('media intact and sealed', '; '.join(s.check_media(paths)))
    wire = [m for m in sip.messages(paths['wire']) if m.body]
    for message, site in ((next(m for m in wire if m.start.startswith('INVITE')), 'b'),
                          (next(m for m in wire if m.status == 200), 'a')):
        within = opened(t, message.raw.split(b'\r\n\r\n', 1)[1], site)
        t.claim('the key is in SDP, and SDP is sealed', b'a=crypto:1 ' in within and
                b' inline:' in within and b'crypto' not in message.raw)
    t.claim('no key in a log', not any(
        word in gate.log() for gate in (s.a, s.b) for word in ('inline:', 'veiled:')))


HEX = '0123456789ABCDEF' * 3 + '0123456789AB'


def check_old_end(t):
    """What 2004 sealed with, and k=clear:, are for who says legacy."""
    s = t.stage
    t.issuer.issue('old', 'URI:sip:b.example')
    agent = Agent(t.lab, 'gate-b', t.lab.net.address('gate-b'), stage.BOB, (s.a.outside, 5060))
    old = cms.End(agent, f'{t.issuer.dir}/old', f'{t.issuer.dir}/a.pem', t.issuer.ca, old=True)
    offer = agent.offer('RTP/SAVP').replace('t=0 0', f'k=clear:{HEX}\r\nt=0 0')
    s.alice.forget()
    final = agent.final(old.invite(stage.ALICE, offer))
    t.claim('of 2004, without legacy: refused', final.status in (488, 493), final.start)
    set_both(s, legacy=True)
    for what, seal in (('k= in the clear', lambda e: e), ('only signed', old.sign),
                       ('only encrypted', old.encrypt)):
        final = agent.final(old.invite(stage.ALICE, offer, seal))
        t.claim(f'{what}: refused', final.status in (488, 493), final.start)
    t.claim('and nothing rang', not s.alice.rang())
    d = old.invite(stage.ALICE, offer)
    final = agent.final(d)
    t.claim('k=clear: in a whole seal of 2004 is taken', final.status == 200, final.start)
    t.claim('the answer has the same key', f'k=clear:{HEX.lower()}\r\n'.encode() in
            old.opened(final))
    one = s.a.calls()[0]
    t.claim('AES_CM_128_HMAC_SHA1_80, from edge to edge', one['suite'] ==
            'AES_CM_128_HMAC_SHA1_80' and HEX.lower() not in s.a.log().lower(), str(one))
    agent.request('ACK', d['uri'], dialog={**d, 'to': final.header('To')})
    bye = agent.wait(lambda m: m.method == 'BYE' and not m.status)
    t.claim('who signs no ACK has no call', bye)
    agent.answer(bye, 200, 'OK')
    set_both(s, legacy=False)


def refused(t, what, reason):
    s = t.stage
    t.claim(f'{what}: no call is left', s.a.gone() and s.b.gone())
    t.claim('the phone did not ring', not s.bob.rang())
    t.claim('the log says why', reason in s.b.log(), s.b.log()[-600:])


def check(t):
    s = t.stage
    for mode in WORDS:
        set_both(s, body=mode)
        check_mode(t, mode)
    s.alice.forget()
    s.bob.forget()
    s.alice.dial('sip:undated@b.example')
    s.alice.wait_event('CALL_CLOSED')
    refused(t, 'a header taken off on the way', 'Date differs or is missing')

    check_keys_within(t)
    check_old_end(t)
    set_both(s, body='sign', keying=['mikey-psk'])
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
