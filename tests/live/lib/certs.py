"""An issuer and what it issues, by the openssl command, for gateways in a lab."""
import os
import pwd
import subprocess

from .lab import USER


def openssl(*words):
    subprocess.run(['openssl', *words], check=True, capture_output=True)


def own(lab, name, san, curve=''):
    """A certificate that signs for itself: the group identity, its fingerprint."""
    base = f'{lab.folder("certs-own", user=USER)}/{name}'
    key = ['ec', '-pkeyopt', f'ec_paramgen_curve:{curve}'] if curve else ['rsa:2048']
    openssl('req', '-x509', '-newkey', *key, '-nodes', '-days', '60', '-subj', f'/CN={name}',
            '-addext', f'subjectAltName = {san}', '-keyout', f'{base}.key', '-out', f'{base}.pem')
    for path in (f'{base}.pem', f'{base}.key'):
        Issuer._give(path)
    print_of = subprocess.run(['openssl', 'x509', '-in', f'{base}.pem', '-noout', '-fingerprint',
                               '-sha256'], check=True, capture_output=True, text=True).stdout
    return (f'identity = {{ cert = "file:{base}.pem"; key = "file:{base}.key"; }};\n',
            print_of.strip().split('=')[1])


class Issuer:
    """A folder with ca.pem and the certificates issued so far."""

    def __init__(self, lab, name='ca'):
        self.dir = lab.folder(f'certs-{name}', user=USER)
        self.ca = f'{self.dir}/ca.pem'
        openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', '-subj',
                f'/CN={name}', '-keyout', f'{self.dir}/ca.key', '-out', self.ca)
        self._give(self.ca)

    @staticmethod
    def _give(path):
        who = pwd.getpwnam(USER)
        os.chown(path, who.pw_uid, who.pw_gid)
        os.chmod(path, 0o600)

    def issue(self, name, san, days=30, curve=''):
        """Makes NAME.pem and NAME.key; the first one's path."""
        base = f'{self.dir}/{name}'
        key = ['ec', '-pkeyopt', f'ec_paramgen_curve:{curve}'] if curve else ['rsa:2048']
        openssl('req', '-new', '-newkey', *key, '-nodes', '-subj', f'/CN={name}',
                '-keyout', f'{base}.key', '-out', f'{base}.csr')
        with open(f'{base}.ext', 'w') as f:
            f.write(f'subjectAltName = {san}\nbasicConstraints = CA:FALSE\n')
        openssl('x509', '-req', '-in', f'{base}.csr', '-CA', self.ca, '-CAkey',
                f'{self.dir}/ca.key', '-days', str(days), '-extfile', f'{base}.ext', '-out',
                f'{base}.pem')
        for path in (f'{base}.pem', f'{base}.key'):
            self._give(path)
        return f'{base}.pem'

    def config(self, name, ca=None):
        """The groups identity and trust of a gateway."""
        return (f'identity = {{ cert = "file:{self.dir}/{name}.pem";'
                f' key = "file:{self.dir}/{name}.key"; }};\n'
                f'trust = {{ ca = ( "file:{ca or self.ca}" ); }};\n')

    def tls(self, name, verify='mutual'):
        """The group tls of a gateway."""
        return (f'tls = {{ cert = "file:{self.dir}/{name}.pem"; key = "file:{self.dir}/{name}.key";'
                f' ca = "file:{self.ca}"; verify = "{verify}"; }};')
