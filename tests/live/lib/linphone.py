"""linphone-daemon, without a sound card, outside: driven through its pipe, which
is a unix socket in /tmp."""
import os
import socket

from .lab import Failure, wait_for

CONFIG = '''\
[sip]
sip_port={port}
sip_tcp_port=0
sip_tls_port=0
use_ipv6=0
contact="Bob" <sip:bob@b.example>
default_proxy=-1
media_encryption=srtp
media_encryption_mandatory=1
guess_hostname=0
register_only_when_network_is_up=0

[net]
nat_policy_ref=none
firewall_policy=none
mtu=1300

[rtp]
audio_rtp_port=30000
audio_adaptive_jitt_comp_enabled=0

[sound]
echocancellation=0

[video]
enabled=0
'''


class Linphone:
    def __init__(self, lab, address=None, port=5060):
        self.lab, self.host = lab, 'gate-b'
        self.address = address or lab.net.address(self.host)
        self.dir = lab.folder('linphone')
        lab.folder('linphone', '.local', 'share', 'linphone')  # or it comes no further
        config = f'{self.dir}/linphonerc'
        with open(config, 'w') as f:
            f.write(CONFIG.format(port=port))
        pipe = f'callseal-{os.getpid()}'
        self.pipe = f'/tmp/{pipe}'
        self.process = lab.start('linphone', self.host, [
            'linphone-daemon', '--config', config, '--pipe', pipe, '--auto-answer',
            '--log', f'{self.dir}/log', '--disable-stats-events'], env={'HOME': self.dir})
        lab.on_close(self.close)
        self.socket = wait_for('linphone', self._connect)
        wait_for('its SIP port', lambda: f':{port} ' in lab.net.run(self.host, 'ss', '-Hlun'), 30)

    def _connect(self):
        if not self.process.running():
            raise Failure(f'linphone-daemon ended: {self.process.output()[-500:]}')
        s = socket.socket(socket.AF_UNIX)
        try:
            s.connect(self.pipe)
        except OSError:
            s.close()
            return None
        s.settimeout(5)
        return s

    def close(self):
        self.socket.close()
        if os.path.exists(self.pipe):
            os.unlink(self.pipe)

    def command(self, text):
        """The answer; Failure when it is not "Status: Ok"."""
        self.socket.sendall(text.encode() + b'\n')
        answer = self.socket.recv(65536).decode('utf-8', 'replace')
        if 'Status: Ok' not in answer:
            raise Failure(f'linphone: {text}: {answer}')
        return answer

    def log(self):
        with open(f'{self.dir}/log', encoding='utf-8', errors='replace') as f:
            return f.read()
