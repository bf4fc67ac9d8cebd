"""A SIP trunk: baresip in a gateway's place, outside, that speaks TLS and SDES by
itself; and the scene with one gateway before it."""
import os
import shutil

from . import certs, gateway, speech
from .capture import Capture
from .phone import CONFIG, CONTROL, MODULES, Phone
from .stage import ALICE, BOB

# before the accounts, which name it
SDES = CONFIG.replace('module g711.so', 'module srtp.so\nmodule g711.so')


class Trunk(Phone):
    """bob at the host of gateway b, whose next hop is gateway a."""

    def __init__(self, lab, wav, issuer=None, mediaenc='srtp-mand', auto=True):
        self.lab, self.uri, self.user, self.site = lab, BOB, 'bob', 'b'
        self.host = 'gate-b'
        self.address = lab.net.address(self.host)
        self.number, self.dir = 0, lab.folder('trunk')
        self.events, self.issuer, self.mediaenc = [], issuer, mediaenc
        self._write(wav, auto)
        self.process = lab.start('baresip-trunk', self.host, ['baresip', '-f', self.dir])
        self._connect()

    def _write(self, wav, auto):
        tls = bool(self.issuer)
        hop = f'{self.lab.net.address("gate-a")}:{5061 if tls else 5060}'
        more = ''
        if tls:
            more = f'sip_cafile {self.issuer.ca}\n'
            with open(f'{self.dir}/unused.pem', 'wb') as out:
                for part in ('key', 'pem'):
                    with open(f'{self.issuer.dir}/trunk.{part}', 'rb') as f:
                        shutil.copyfileobj(f, out)
        else:
            self._write_certificate(f'{self.dir}/unused.pem')
        with open(f'{self.dir}/config', 'w') as f:
            f.write(SDES.format(
                listen=self.address, port=5060, dir=self.dir, source=f'aufile,{wav}',
                ports='30000-30998', address=self.address, modules=MODULES,
                control=CONTROL, more=more))
        transport = 'tls' if tls else 'udp'
        with open(f'{self.dir}/accounts', 'w') as f:
            f.write(f'<{self.uri};transport={transport}>;regint=0;audio_codecs=PCMU'
                    f';mediaenc={self.mediaenc};answermode={"auto" if auto else "manual"}'
                    f';outbound="sip:{hop};transport={transport}"\n')


class Scene:
    """alice, gateway a, and (with trunk) a Trunk; the links that matter recorded.
    Settings go to the gateway."""

    def __init__(self, lab, tls=True, verify='mutual', profile='sealed', mediaenc='srtp-mand',
                 trunk=True, seconds=30, **settings):
        self.lab = lab
        self.issuer = certs.Issuer(lab) if tls else None
        far, near = lab.net.address('gate-b'), lab.net.address('gate-a')
        if tls:
            self.issuer.issue('a', f'IP:{near}', 60)
            self.issuer.issue('trunk', f'IP:{far}', 60)
            settings['tls'] = self.issuer.tls('a', verify)
        settings.setdefault('keying', ['sdes'])
        hop = f'sip:{far}:5061;transport=tls' if tls else f'sip:{far}:5060'
        phone = f'sip:alice@{lab.net.address("phone-a")}:5060'
        peer = gateway.Peer('b', '*@b.example', profile, route=hop)
        self.gate = gateway.Gateway(lab, 'a', [peer], {'alice': phone}, **settings).start()
        self.wav = os.path.join(lab.dir, 'speech.wav')
        speech.make(self.wav, seconds=seconds)
        self.alice = Phone(lab, 'a', ALICE, self.wav)
        self.trunk = Trunk(lab, self.wav, self.issuer, mediaenc) if trunk else None
        self.record()

    def record(self):
        n = self.lab.captures = getattr(self.lab, 'captures', 0) + 1
        self.captures = {link: Capture(self.lab, f'{link}-{n}', link)
                         for link in ('phone-a', 'wire')}

    def recorded(self):
        return {name: capture.stop() for name, capture in self.captures.items()}
