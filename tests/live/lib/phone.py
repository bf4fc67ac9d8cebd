"""A real phone: baresip without a sound card, driven through its TCP control
port (netstrings of JSON). It speaks a WAV file and records what it hears."""
import glob
import json
import os
import select
import socket
import time

from .lab import Failure, wait_for
from .net import run

CONTROL = 4444
MODULES = '/usr/lib/baresip/modules'

CONFIG = '''\
poll_method epoll
sip_listen {listen}:{port}
sip_certificate {dir}/unused.pem
call_local_timeout 120
call_max_calls 8
audio_path /usr/share/baresip
audio_source {source}
audio_player aubridge,nobody
audio_alert aubridge,nobody
audio_buffer 20-160
rtp_tos 184
rtp_ports {ports}
rtcp_mux no
jitter_buffer_delay 1-10
net_interface {address}
module_path {modules}
module g711.so
module account.so
module aufile.so
module aubridge.so
module sndfile.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen {listen}:{control}
snd_path {dir}
{more}
'''


class Phone:
    """user@domain at a site; every call goes to the site's gateway."""

    def __init__(self, lab, site, uri, speech, six=False, transport='udp', auto=True,
                 password=None, watches=None, host=None, number=0, more='', codecs='PCMU'):
        """With a password it registers at its domain, else not at all. With
        watches (a SIP URI, or '') it tells others whether it is there, and
        subscribes to that of the URI. host: another than the site's for phones.
        number: which of several there. more: of its configuration. codecs: the best
        first."""
        self.codecs = codecs
        self.password, self.watches = password, watches
        self.more = more
        self.lab, self.uri, self.site = lab, uri, site
        self.host = host or f'phone-{site}'
        self.address = lab.net.address(self.host, six)
        self.user = uri.split(':')[1].split('@')[0]
        gate = lab.net.address(f'lan-{site}', six)
        self.proxy = f'sip:[{gate}]:5060' if six else f'sip:{gate}:5060'
        self.number = number
        name = f'{site}-{number}' if number else site
        self.dir = lab.folder(f'phone-{name}')
        self.events = []
        self._write(speech, six, transport, auto)
        self.process = lab.start(f'baresip-{name}', self.host, ['baresip', '-f', self.dir])
        self._connect()

    def _write(self, speech, six, transport, auto):
        at = f'[{self.address}]' if six else self.address
        with open(f'{self.dir}/config', 'w') as f:
            f.write(CONFIG.format(
                listen=at, port=5060 + 2 * self.number, dir=self.dir,
                source=f'aufile,{speech}', ports='{}-{}'.format(
                    *(n + 1000 * self.number for n in (20000, 20998))),
                address=self.address, modules=MODULES, control=CONTROL + self.number,
                more=self._presence() + self.more))
        mode = 'auto' if auto else 'manual'
        with open(f'{self.dir}/accounts', 'w') as f:
            f.write(f'<{self.uri};transport={transport}>;{self._register()}'
                    f';audio_codecs={self.codecs};answermode={mode}'
                    f';outbound="{self.proxy};transport={transport}"\n')
        self._write_certificate(f'{self.dir}/unused.pem')

    def _presence(self):
        if self.watches is None:
            return ''
        with open(f'{self.dir}/contacts', 'w') as f:
            if self.watches:
                f.write(f'"Other" <{self.watches}>;presence=p2p\n')
        return 'module_app contact.so\nmodule_app presence.so'

    def _register(self):
        if self.password is None:
            return 'regint=0'
        return f'regint=120;auth_user={self.user};auth_pass={self.password}'

    @staticmethod
    def _write_certificate(path):
        """baresip insists on one, even where it speaks no TLS."""
        run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
             '-nodes', '-subj', '/CN=phone', '-keyout', path, '-out', path + '.crt'])
        with open(path, 'a') as whole, open(path + '.crt') as certificate:
            whole.write(certificate.read())

    def _connect(self):
        def attempt():
            if not self.process.running():
                raise Failure(f'baresip at {self.host} ended: {self.process.output()[-500:]}')
            with self.lab.net.inside(self.host):
                try:
                    return socket.create_connection((self.address, CONTROL + self.number), 1)
                except OSError:
                    return None
        self.socket = wait_for(f'baresip at {self.host}', attempt)
        self.socket.setblocking(False)
        self.buffer = b''

    def command(self, name, params='', seconds=5.0):
        """The answer's text; Failure when it says no."""
        token = f'{name}-{time.monotonic_ns()}'
        text = json.dumps({'command': name, 'params': params, 'token': token}).encode()
        self.socket.sendall(b'%d:%s,' % (len(text), text))
        answer = wait_for(f'{self.host}: {name}', lambda: self._find(
            lambda m: m.get('response') and m.get('token') == token), seconds)
        return answer

    def dial(self, uri):
        self.command('dial', uri)

    def hangup(self):
        self.command('hangup')

    def accept(self):
        self.command('accept')

    def wait_event(self, kind, seconds=15.0):
        """The first event of that type not waited for yet ("CALL_ESTABLISHED",
        "CALL_CLOSED", "CALL_INCOMING", "CALL_RINGING", ...)."""
        return wait_for(f'{self.host}: {kind}', lambda: self._find(
            lambda m: m.get('event') and m.get('type') == kind), seconds)

    def saw(self, kind):
        self._pump()
        return any(m.get('event') and m.get('type') == kind for m in self.events)

    def rang(self):
        """Whether anything at all arrived (one that answers by itself shows no
        CALL_INCOMING)."""
        return any(self.saw(kind) for kind in ('CALL_INCOMING', 'CALL_ESTABLISHED', 'CALL_CLOSED'))

    def forget(self):
        """Drops every event so far: a new call begins."""
        self._pump()
        self.events.clear()

    def heard(self):
        """The WAV file of what the newest call brought to the ear."""
        files = sorted(glob.glob(f'{self.dir}/dump-*-dec.wav'), key=os.path.getmtime)
        if not files:
            raise Failure(f'{self.host} recorded nothing')
        return files[-1]

    def stop(self):
        self.socket.close()
        self.process.stop()

    def _find(self, wanted):
        self._pump()
        for i, message in enumerate(self.events):
            if wanted(message):
                return self.events.pop(i)
        return None

    def _pump(self):
        while select.select([self.socket], [], [], 0)[0]:
            data = self.socket.recv(65536)
            if not data:
                raise Failure(f'baresip at {self.host} ended: {self.process.output()[-500:]}')
            self.buffer += data
        while b':' in self.buffer:
            size, _, rest = self.buffer.partition(b':')
            if len(rest) < int(size) + 1:
                break
            self.events.append(json.loads(rest[:int(size)]))
            self.buffer = rest[int(size) + 1:]
