"""linphone-daemon, without a sound card, outside or as a phone inside: driven
through its pipe, which is a unix socket in /tmp."""
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
default_proxy={proxy}
media_encryption={encryption}
media_encryption_mandatory={mandatory}
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

ACCOUNT = '''
[proxy_0]
reg_proxy=<sip:{proxy}>
reg_route=<sip:{proxy};lr>
reg_identity=<{uri}>
reg_sendregister=1
reg_expires=600

[auth_info_0]
username={user}
passwd={password}
realm={domain}
domain={domain}
'''


class Linphone:
    def __init__(self, lab, address=None, port=5060, host='gate-b', account=None):
        """account: (uri, proxy's address, password) of a plain phone that
        registers; else it speaks SRTP and does not."""
        self.lab, self.host = lab, host
        self.address = address or lab.net.address(self.host)
        self.dir = lab.folder('linphone')
        lab.folder('linphone', '.local', 'share', 'linphone')  # or it comes no further
        config = f'{self.dir}/linphonerc'
        with open(config, 'w') as f:
            f.write(CONFIG.format(port=port, encryption='none' if account else 'srtp',
                                  mandatory=int(not account), proxy=0 if account else -1))
            f.write(self._account(*account) if account else '')
        pipe = f'callseal-{os.getpid()}'
        self.pipe = f'/tmp/{pipe}'
        self.process = lab.start('linphone', self.host, [
            'linphone-daemon', '--config', config, '--pipe', pipe, '--auto-answer',
            '--log', f'{self.dir}/log', '--disable-stats-events'], env={'HOME': self.dir})
        lab.on_close(self.close)
        self.socket = wait_for('linphone', self._connect)
        wait_for('its SIP port', lambda: f':{port} ' in lab.net.run(self.host, 'ss', '-Hlun'), 30)

    @staticmethod
    def _account(uri, proxy, password):
        user, domain = uri.split(':')[1].split('@')
        return ACCOUNT.format(uri=uri, proxy=proxy, password=password, user=user, domain=domain)

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
