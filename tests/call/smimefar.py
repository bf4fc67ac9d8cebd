"""A far end of sealed bodies that nobody here wrote: certificates and CMS by the
openssl command, MIME and SIP written out, so that it can also say what no far end
should. And the real daemon that it talks to, with a phone behind it."""
import base64
import email.utils
import os
import random
import re
import subprocess
import sys
import zlib

from parent import CTL, Place, users
from sipsock import End, SDP, dialog

HOST = f'127.{os.getpid() >> 8 & 255}.{os.getpid() & 255}.2'  # nobody else's
INSIDE, OUTSIDE, PHONE, FAR = 5060, 5070, 5080, 5090
BOB = 'sip:bob@b.example'
USER = users()[-1]  # as root an ordinary user
GCM, CBC = ('-aes-128-gcm',), ('-aes-128-cbc',)


def openssl(*words, given=None):
    done = subprocess.run(['openssl', *words], input=given, capture_output=True)
    assert not done.returncode, f'openssl {words}: {done.stderr.decode()[-600:]}'
    return done.stdout


class Issuer:
    """Issues NAME.pem and NAME.key in a folder; its own is CA.pem."""

    def __init__(self, folder, name):
        self.dir, self.ca, self.serial = folder, f'{folder}/{name}', 100
        openssl('req', '-x509', *self._key(self.ca), '-days', '30', '-subj', f'/CN={name}', '-out',
                f'{self.ca}.pem')

    @staticmethod
    def _key(base):
        return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout',
                f'{base}.key']

    def issue(self, name, san, days=30):
        base = f'{self.dir}/{name}'
        self.serial += 1
        openssl('req', '-new', *self._key(base), '-subj', f'/CN={name}', '-out', f'{base}.csr')
        with open(f'{base}.ext', 'w') as f:
            f.write(f'subjectAltName = {san}\nbasicConstraints = CA:FALSE\n'
                    'subjectKeyIdentifier = hash\n')
        openssl('x509', '-req', '-in', f'{base}.csr', '-CA', f'{self.ca}.pem', '-CAkey',
                f'{self.ca}.key', '-days', str(days), '-extfile', f'{base}.ext', '-set_serial',
                str(self.serial), '-out', f'{base}.pem')
        return base

    def own(self, name, san):
        """That nobody vouches for but itself."""
        base = f'{self.dir}/{name}'
        openssl('req', '-x509', *self._key(base), '-days', '30', '-subj', f'/CN={name}', '-addext',
                f'subjectAltName = {san}', '-out', f'{base}.pem')
        return base

    def revoke(self, *bases):
        """CA.crl, with all of them on it."""
        conf = f'{self.ca}.conf'
        with open(f'{self.ca}.index', 'w'):
            pass
        with open(conf, 'w') as f:
            f.write(f'[ca]\ndefault_ca=x\n[x]\ndatabase={self.ca}.index\ndefault_md=sha256\n'
                    f'certificate={self.ca}.pem\nprivate_key={self.ca}.key\n')
        for base in bases:
            openssl('ca', '-config', conf, '-revoke', f'{base}.pem')
        openssl('ca', '-config', conf, '-gencrl', '-crldays', '2', '-out', f'{self.ca}.crl')


# -- what is sealed ---------------------------------------------------------------

def entity(kind, content, *lines):
    head = ''.join(f'{line}\r\n' for line in (f'Content-Type: {kind}', *lines))
    return head.encode() + b'\r\n' + (content.encode() if isinstance(content, str) else content)


def multipart(kind, *parts):
    """A multipart entity of entities; no preamble, no epilogue."""
    mark = 'm%012x' % random.getrandbits(48)
    body = b''.join(b'--%s\r\n%s\r\n' % (mark.encode(), part) for part in parts)
    return entity(f'multipart/{kind};boundary="{mark}"', body + f'--{mark}--'.encode())


def p7m(der, kind):
    text = base64.encodebytes(der).replace(b'\n', b'\r\n')
    return entity(f'application/pkcs7-mime;smime-type={kind};name=smime.p7m', text,
                  'Content-Transfer-Encoding: base64')


def signed(base, what):
    """Opaque signed-data."""
    return p7m(openssl('cms', '-sign', '-binary', '-nodetach', '-outform', 'DER', '-signer',
                       f'{base}.pem', '-inkey', f'{base}.key', '-md', 'sha256', given=what),
               'signed-data')


def detached(base, what, turn=False):
    """multipart/signed; turn: the signature comes first."""
    der = openssl('cms', '-sign', '-binary', '-outform', 'DER', '-signer', f'{base}.pem', '-inkey',
                  f'{base}.key', '-md', 'sha256', given=what)
    signature = entity('application/pkcs7-signature;name=smime.p7s', base64.encodebytes(der),
                       'Content-Transfer-Encoding: base64')
    parts = (signature, what) if turn else (what, signature)
    return multipart('signed;protocol="application/pkcs7-signature";micalg=sha-256', *parts)


def encrypted(to, what, how=GCM):
    der = openssl('cms', '-encrypt', '-binary', '-outform', 'DER', *how, '-recip', f'{to}.pem',
                  '-keyopt', 'ecdh_kdf_md:sha256', given=what)
    return p7m(der, 'enveloped-data' if how == CBC else 'authEnveloped-data')


def der(tag, content):
    n = len(content)
    size = bytes([n]) if n < 128 else b'\x83' + n.to_bytes(3, 'big')
    return bytes([tag]) + size + content


def compressed(what):
    """CompressedData (RFC 3274)."""
    zlib_oid = bytes.fromhex('060b2a864886f70d0109100308')
    data = bytes.fromhex('06092a864886f70d010701')
    inner = der(0x30, b'\x02\x01\x00' + der(0x30, zlib_oid) + der(
        0x30, data + der(0xa0, der(4, zlib.compress(what)))))
    return p7m(der(0x30, bytes.fromhex('060b2a864886f70d0109100109') + der(0xa0, inner)),
               'compressed-data')


def changed(what, at):
    """With a byte of its CMS another, so far from the end."""
    head, _, body = what.partition(b'\r\n\r\n')
    bad = bytearray(base64.decodebytes(body))
    bad[-at] ^= 1
    return head + b'\r\n\r\n' + base64.encodebytes(bytes(bad)).replace(b'\n', b'\r\n')


def cut(what, to):
    """With its CMS cut to that share."""
    head, _, body = what.partition(b'\r\n\r\n')
    raw = base64.decodebytes(body)
    return head + b'\r\n\r\n' + base64.encodebytes(raw[:int(len(raw) * to)]).replace(
        b'\n', b'\r\n')


def unsealed(message, base, ca):
    """What the gateway signed and encrypted for base: the signed entity."""
    der_of = openssl('cms', '-decrypt', '-binary', '-inform', 'DER', '-recip', f'{base}.pem',
                     '-inkey', f'{base}.key', given=message.body).split(b'\r\n\r\n', 1)[1]
    return openssl('cms', '-verify', '-binary', '-inform', 'DER', '-CAfile', f'{ca}.pem',
                   '-certfile', f'{os.path.dirname(ca)}/b.pem', '-purpose', 'any', given=der_of)


class Bound:
    """A request of a far end to be: its headers, and what binds a body to it."""
    first = ''

    def __init__(self, end, user, uri=BOB, method='INVITE', d=None, **over):
        self.method, self.uri = method, uri
        self.dialog = d or dialog(**{'from': f'<{user}>', 'to': f'<{uri}>'})
        self.cseq = self.dialog['cseq'] + (method != 'ACK')
        self.date = email.utils.formatdate(usegmt=True)
        tag = f';tag={self.dialog["ttag"]}' if self.dialog['ttag'] else ''
        self.headers = {
            'From': f'{self.dialog["from"]};tag={self.dialog["ftag"]}',
            'To': f'{self.dialog["to"]}{tag}', 'Call-ID': self.dialog['call_id'],
            'CSeq': f'{self.cseq} {method}', 'Contact': f'<{end.own_uri()}>', 'Date': self.date}
        self.headers.update(over)
        self.end = end

    def fragment(self):
        text = self.first + ''.join(f'{k}: {v}\r\n' for k, v in self.headers.items())
        return entity('message/sipfrag', text, 'Content-Disposition: aib;handling=optional')

    def content(self, content=SDP, kind='application/sdp'):
        """What is signed: a body and the headers beside it."""
        return multipart('mixed', entity(kind, content), self.fragment())

    def whole(self, content=SDP, **over):
        """All of it (RFC 3261 23.4); over: what is different within."""
        lines = ''.join(f'{k}: {v}\r\n' for k, v in {**self.headers, **over}.items() if v)
        kind = 'Content-Type: application/sdp\r\n' if content else ''
        return entity('message/sip',
                      f'{self.method} {self.uri} SIP/2.0\r\n{lines}{kind}\r\n{content}')

    def send(self, sealed, **over):
        """Sends it with a sealed entity as its body; its branch."""
        head, _, body = sealed.partition(b'\r\n\r\n')
        extra = f'Date: {self.date}\r\n' + (head.decode() + '\r\n' if head else '')
        return self.end.request(self.method, over.pop('uri', self.uri), self.dialog, body=body,
                                extra=extra, cseq=self.cseq, **over)


class Answer(Bound):
    """A response of a far end to a request that came."""

    def __init__(self, end, request, status, tag='F1', to=None):
        self.end, self.request, self.status, self.tag = end, request, status, tag
        self.date = email.utils.formatdate(usegmt=True)
        to = to or request.get('To')
        self.first = f'SIP/2.0 {status}\r\n'
        self.headers = {
            'From': request.get('From'), 'To': to + ('' if 'tag=' in to else f';tag={tag}'),
            'Call-ID': request.get('Call-ID'), 'CSeq': request.get('CSeq'),
            'Contact': f'<{end.own_uri()}>', 'Date': self.date}

    def send(self, sealed, more=''):
        head, _, body = sealed.partition(b'\r\n\r\n')
        extra = f'Date: {self.date}\r\n{more}' + (head.decode() + '\r\n' if head else '')
        self.end.reply(self.request, self.status, self.tag, body=body, extra=extra)


# -- the daemon -------------------------------------------------------------------

class Gate(Place):
    """callseald for b.example, with bob's phone inside and peers as given; certificates
    are made into its folder by its issuer."""

    def __init__(self):
        super().__init__(USER)
        self.issuer = Issuer(self.dir, 'ca')
        self.issuer.issue('b', 'URI:sip:b.example')
        self.ends = []

    def run(self, profiles, peers, more=''):
        """Starts it, and the phone and the far end."""
        self.write(f'''
user = "{USER or 'nobody'}";
inside = {{ listen = ( "udp:{HOST}:{INSIDE}" ); media = ( "{HOST}" ); }};
outside = {{ listen = ( "udp:{HOST}:{OUTSIDE}", "tcp:{HOST}:{OUTSIDE}" ); media = ( "{HOST}" ); }};
profiles = {{ {profiles} }};
peers = ( {peers} );
phones = ( {{ user = "bob"; contact = "sip:bob@{HOST}:{PHONE}"; }},
           {{ user = "rob"; contact = "sip:rob@{HOST}:{PHONE}"; }} );
identity = {{ cert = "file:b.pem"; key = "file:b.key"; }};
trust = {{ ca = ( "file:ca.pem" ); crl = ( "file:ca.crl" ); }};
{more}
''')
        for name in os.listdir(self.dir):
            if self.user:
                os.chown(f'{self.dir}/{name}', *self.owner())
            if name.endswith('.key'):
                os.chmod(f'{self.dir}/{name}', 0o600)
        self.start('--foreground')
        self.phone = self.end(PHONE, INSIDE)
        self.far = self.end(FAR, OUTSIDE)
        return self

    def trust(self, name, who):
        """The operator takes a certificate as that far end's."""
        shown = openssl('x509', '-in', f'{self.dir}/{name}.pem', '-noout', '-fingerprint',
                        '-sha256').decode().strip().split('=')[1]
        subprocess.run([CTL, '--run-dir', self.run_dir, 'trust', '--accept', who,
                        shown.replace(':', '').lower()], check=True, capture_output=True)

    def owner(self):
        state = os.stat(self.dir)
        return state.st_uid, state.st_gid

    def end(self, port, to, tcp=False):
        e = End(port, (HOST, to), host=HOST, tcp=tcp)
        self.ends.append(e)
        return e

    def __exit__(self, *args):
        for e in self.ends:
            e.close()
        super().__exit__(*args)


class Scene:
    """The daemon, the phone and the far end, and what no phone may hear of."""

    def __init__(self, gate):
        self.gate, self.phone, self.far = gate, gate.phone, gate.far

    def drain(self):
        for end in (self.phone, self.far):
            while end.recv(0.02):
                pass

    def path(self, name):
        return f'{self.gate.dir}/{name}'

    def lines(self, since):
        """What was refused since then: (engine's lines, the keeper's audit)."""
        found = [line for line in self.gate.log()[since:].splitlines()
                 if re.search(r': (refused|remote): ', line)]
        return ([x for x in found if x.startswith('engine/')],
                [x for x in found if x.startswith('keeper/') and 'audit: ' in x])

    def refused(self, since, status, why, asked=True):
        """One line of each, and both say it; the keeper, if it was asked."""
        self.gate.until(lambda: all(self.lines(since)[:1 + asked]), why)
        engine, keeper = self.lines(since)
        assert (len(engine), len(keeper)) == (1, asked), (engine, keeper)
        assert why in engine[0] and f'refused with {status}: ' in engine[0], engine
        for line in keeper:
            assert why in line, line

    def bad(self, status, why, sealed, user='', message=None, end=None, asked=True):
        """sealed(message): its body. It is refused, and no phone rings."""
        end = end or self.far
        m = message or Bound(end, user)
        since = len(self.gate.log())
        branch = m.send(sealed(m))
        no = end.expect('SIP/2.0 [2-6]', 4)
        assert no.status == status, f'{no.line}, not {status}: {self.gate.log()[since:]}'
        if m.method == 'INVITE':
            end.request('ACK', m.uri, dict(m.dialog, ttag=no.tag('To')), branch=branch,
                        cseq=m.cseq)
        self.refused(since, status, why, asked)
        self.phone.quiet(0.1)  # and no faster than lines may be logged (log.h)


def run(cases, prepare, scene=Scene):
    """The cases that are named on the command line, or all; the exit status."""
    words = sys.argv[1:]
    failed = []
    with Gate() as gate:
        s = scene(prepare(gate))
        for name, fn in cases:
            if words and not any(re.search(x, name) for x in words):
                continue
            try:
                s.drain()
                fn(s)
            except AssertionError as e:
                failed.append(name)
                print(f'FAIL {name}: {str(e)[-1500:]}', flush=True)
            else:
                print(f'ok {name}', flush=True)
        assert gate.stop() == 0
        faults = re.findall(r'.*(?:: bug:|Sanitizer|runtime error).*', gate.log())
        assert not faults, faults
    return 1 if failed else 0
