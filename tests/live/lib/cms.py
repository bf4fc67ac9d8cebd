"""Sealed bodies by the openssl command: what a far end that nobody here wrote
makes of a description, and what it opens."""
import email.utils
import subprocess

from .ua import token


def run(*words, given):
    done = subprocess.run(['openssl', 'cms', *words], input=given, capture_output=True)
    if done.returncode:
        raise RuntimeError(f'openssl cms {words[0]}: {done.stderr.decode()[-400:]}')
    return done.stdout


def wrapped(der, kind):
    """A MIME entity of it, in base64."""
    text = subprocess.run(['openssl', 'base64'], input=der, capture_output=True, check=True).stdout
    return (f'Content-Type: application/pkcs7-mime;smime-type={kind};name=smime.p7m\r\n'
            'Content-Disposition: attachment;handling=required;filename=smime.p7m\r\n'
            'Content-Transfer-Encoding: base64\r\n\r\n').encode() + text.replace(b'\n', b'\r\n')


def bound(headers, sdp):
    """SDP and, beside it, the headers of its message (RFC 3893)."""
    frag = ''.join(f'{name}: {value}\r\n' for name, value in headers.items())
    return (f'Content-Type: multipart/mixed;boundary="mm"\r\n\r\n--mm\r\n'
            f'Content-Type: application/sdp\r\n\r\n{sdp}\r\n--mm\r\n'
            f'Content-Type: message/sipfrag\r\nContent-Disposition: aib;handling=optional\r\n\r\n'
            f'{frag}\r\n--mm--\r\n').encode()


class End:
    """Who seals at an Agent: base.pem and base.key sign, what it sends is for the
    certificate to; with old as in 2004 (3DES, SHA-1, RSA PKCS #1 v1.5)."""

    def __init__(self, agent, base, to, ca, old=False):
        self.agent, self.base, self.to, self.ca, self.old = agent, base, to, ca, old

    def sign(self, entity):
        return wrapped(run('-sign', '-binary', '-nodetach', '-outform', 'DER', '-signer',
                           f'{self.base}.pem', '-inkey', f'{self.base}.key', '-md',
                           'sha1' if self.old else 'sha256', given=entity), 'signed-data')

    def encrypt(self, entity):
        how = ['-des3'] if self.old else ['-aes-128-cbc', '-keyopt', 'rsa_padding_mode:oaep',
                                          '-keyopt', 'rsa_oaep_md:sha256']
        return wrapped(run('-encrypt', '-binary', '-outform', 'DER', how[0], '-recip', self.to,
                           *how[1:], given=entity), 'enveloped-data')

    def invite(self, uri, sdp, seal=None):
        """A new call; seal: what is put around the bound description, else both."""
        d = {'call': token(), 'tag': token(), 'to': f'<{uri}>', 'uri': uri}
        date = email.utils.formatdate(usegmt=True)
        entity = bound({'From': f'<{self.agent.uri}>;tag={d["tag"]}', 'To': d['to'],
                        'Call-ID': d['call'], 'CSeq': '1 INVITE',
                        'Contact': f'<sip:test@{self.agent.at}>', 'Date': date}, sdp)
        entity = (seal or (lambda e: self.encrypt(self.sign(e))))(entity)
        head, _, body = entity.partition(b'\r\n\r\n')
        return self.agent.request('INVITE', uri, body.decode(), dialog=d,
                                  headers=[f'Date: {date}', *head.decode().split('\r\n')])

    def opened(self, message):
        """What is in a body that was encrypted for us and signed; binary, as ours are."""
        body = message.raw.split(b'\r\n\r\n', 1)[1]
        return run('-decrypt', '-binary', '-inform', 'DER', '-recip', f'{self.base}.pem', '-inkey',
                   f'{self.base}.key', given=body)
