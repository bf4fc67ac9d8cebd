"""strongSwan's charon on a host of the lab, without systemd, with ESP in user space;
tests/mock/vici_shell, which speaks to it through our VICI client; and
tests/mock/ike_shell, which has it raise tunnels."""
import glob
import os
import queue
import re
import shutil
import socket
import struct
import subprocess
import threading
import time

from .lab import Failure, wait_for

PLUGINS = 'random nonce openssl pem pkcs1 pkcs8 x509 pubkey constraints kdf ' \
    '%skernel-netlink socket-default updown vici'

SETTINGS = '''charon {
    load = %(plugins)s
    install_routes = yes
    retransmit_tries = 2
    retransmit_timeout = 1.0
    filelog {
        log {
            path = %(dir)s/charon.log
            time_format = %%T
            time_add_ms = yes
            default = 1
            flush_line = yes
        }
    }
    plugins {
        vici {
            socket = unix://%(path)s
        }
%(more)s
    }
}
'''

# ESP in user space to the address of the other charon itself: what that is sent is marked, so
# that it does not go into the tunnel.
TO_PEER = '''        kernel-libipsec {
            allow_peer_ts = yes
        }
        kernel-netlink {
            fwmark = !0x42
        }
        socket-default {
            fwmark = 0x42
        }'''


def kernel_has_esp():
    """Whether charon may leave ESP to it: Charon(esp='')."""
    return subprocess.run(
        ['unshare', '-n', 'ip', 'xfrm', 'state', 'add', 'src', '127.0.0.1', 'dst', '127.0.0.2',
         'proto', 'esp', 'spi', '0x100', 'mode', 'transport', 'aead', 'rfc4106(gcm(aes))',
         '0x00112233445566778899aabbccddeeff00112233', '128'],
        capture_output=True, check=False).returncode == 0


class Charon:
    def __init__(self, lab, host, esp='kernel-libipsec ', more=''):
        self.lab, self.host, self.runs, self.esp = lab, host, 0, esp
        self.dir = lab.folder(f'charon-{host}')
        self.path = os.path.join(self.dir, 'vici')
        if not shutil.which('charon-systemd'):
            raise Failure('no charon-systemd: run tools/deps')
        with open(f'{self.dir}/strongswan.conf', 'w', encoding='utf-8') as f:
            f.write(SETTINGS % {'plugins': PLUGINS % self.esp, 'dir': self.dir,
                                'path': self.path, 'more': more})
        self.start()

    def start(self):
        self.runs += 1
        self.process = self.lab.start(
            f'charon-{self.host}-{self.runs}', self.host, ['charon-systemd'],
            env={'STRONGSWAN_CONF': f'{self.dir}/strongswan.conf'})
        wait_for(f'charon on {self.host}', self.answers)

    def answers(self):
        if not self.process.running():
            raise Failure(f'charon on {self.host} ended: see {self.dir}/charon.log')
        try:
            return raw(self.path, b'\0\7version') is not None
        except OSError:
            return False

    def log(self):
        with open(f'{self.dir}/charon.log', encoding='utf-8', errors='replace') as f:
            return f.read()


def pair(lab):
    """charon at both gates, and what Stage() needs for profile "ike" through them: (charons
    by site, settings). Without ESP in the kernel media have the address towards the phones
    outside, too (tests/live/ike-standing)."""
    esp, charons, settings = kernel_has_esp(), {}, {}
    media = {site: lab.net.address(f'{"gate" if esp else "lan"}-{site}') for site in 'ab'}
    for site in 'ab':
        charons[site] = Charon(lab, f'gate-{site}', **({'esp': ''} if esp else {}))
        os.chmod(charons[site].path, 0o666)
        if not esp:  # where no tunnel leads there
            lab.net.run('net', 'ip', 'route', 'add', media[site], 'via',
                        lab.net.address(f'gate-{site}'))
    for site, far in (('a', 'b'), ('b', 'a')):
        settings |= {
            f'media_outside_{site}': media[site],
            f'peer_{site}': {'ike': lab.net.address(f'gate-{far}'), 'ike_id': f'{far}.example',
                             'ike_nets': media[far]},
            f'extra_{site}': f'''
tunnel = {{ shut = "{"kernel" if esp else "relay"}"; }};
vici = {{ socket = "{charons[site].path}"; id = "{site}.example";
	address = "{lab.net.address(f'gate-{site}')}"; }};
'''}
    return charons, settings | {'profile': 'ike', 'capability': 'net_admin' if esp else ''}


def restart(gate, **settings):
    """With other settings; until it has found its charon."""
    gate.stop()
    for name, value in settings.items():
        setattr(gate, name, value)
    gate.start()
    wait_for('charon to be asked', lambda: 'is there' in gate.log().rsplit(
        'parent: info: ended', 1)[-1], 60)


def prove(gate, made, site, pin, key='ike_cert', **settings):
    """It shows a certificate of site's, and believes that of pin alone, or all of that CA's."""
    peer, line = gate.peers[0], f'\tcert = "file:{made}/{site}.pem";\n'
    peer.psk = None
    for name in ('ike_cert', 'ike_ca'):
        peer.more[name] = f'file:{made}/{pin}.pem' if name == key else None
    restart(gate, extra=re.sub(r'vici = {(\n\tcert = .*\n)?', f'vici = {{\n{line}', gate.extra),
            **settings)


def raw(path, packet, seconds=1.0):
    """What charon answers to the octets of one packet; None when it does not."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(seconds)
        s.connect(path)
        s.sendall(struct.pack('!I', len(packet)) + packet)
        try:
            return s.recv(65536) or None
        except TimeoutError:
            return None


class Line:
    """One line of the shell: its words, its key=value pairs, and when it was."""

    def __init__(self, text):
        when, _, self.text = text.partition(' ')
        self.us = int(when)
        self.pairs = dict(re.findall(r'(\w+)=(\S*)', self.text))

    def __getitem__(self, key):
        return self.pairs[key]

    def __repr__(self):
        return self.text


class Lines:
    """A program of ours that takes orders by lines and tells by lines."""

    def __init__(self, lab, build, program, *args):
        paths = [p for p in glob.glob(f'{build}/**/{program}', recursive=True)
                 if '.libs' not in p]
        if not paths:
            raise Failure(f'no {program} below {build}: build first')
        self.popen = subprocess.Popen([paths[0], *args], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True, bufsize=1)
        lab.on_close(self.close)
        self.lines, self.orders, self.seen = queue.Queue(), 0, []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for text in self.popen.stdout:
            self.lines.put(Line(text.rstrip('\n')))

    def close(self):
        self.popen.kill()
        self.popen.wait(5)

    def _pump(self, seconds):
        try:
            self.seen.append(self.lines.get(timeout=max(0, seconds)))
        except queue.Empty:
            return False
        return True

    def find(self, start, **pairs):
        """Takes the first line like that out of what was seen; or None."""
        for i, line in enumerate(self.seen):
            if line.text.startswith(start) and all(line.pairs.get(k) == str(v)
                                                   for k, v in pairs.items()):
                return self.seen.pop(i)
        return None

    def wait(self, start, seconds=5.0, **pairs):
        end = time.monotonic() + seconds
        while True:
            line = self.find(start, **pairs)
            if line:
                return line
            if not self._pump(end - time.monotonic()):
                raise Failure(f'no "{start}" {pairs or ""} within {seconds:g} s; '
                              f'but {self.seen}')

    def never(self, start, seconds, **pairs):
        """Whether no such line comes within that time."""
        end = time.monotonic() + seconds
        while self._pump(end - time.monotonic()):
            pass
        return self.find(start, **pairs) is None


class Shell(Lines):
    """The VICI client, on the socket of a Charon."""

    def __init__(self, lab, build, path, prefix='cs-'):
        super().__init__(lab, build, 'vici_shell', path, prefix)

    def order(self, text):
        """Its number, by which the answer is known."""
        word = text.split()[0]
        self.popen.stdin.write(text + '\n')
        self.orders += word != 'timeout'
        return self.orders

    def answer(self, number, seconds=5.0):
        return self.wait(f'answer {number} ', seconds)

    def ask(self, text, seconds=5.0):
        return self.answer(self.order(text), seconds)

    def good(self, text):
        """Asks, and charon must say yes."""
        answer = self.ask(text)
        if answer['error'] != '0':
            raise Failure(f'{text}: {answer}')
        return answer

    def sas(self):
        """(IKE_SAs, CHILD_SAs), as listed now."""
        self.good('list')
        found = []
        for word in ('sa ', 'child '):
            lines = []
            while (line := self.find(word)):
                lines.append(line)
            found.append(lines)
        return found

    def settled(self, true):
        """What is listed as soon as true(ikes, children); an event comes a little before
        what it tells of has left the list. Failure after some seconds."""
        found = []

        def listed():
            found[:] = self.sas()
            return true(*found)
        try:
            wait_for('the SAs', listed, 10)
        except Failure:
            raise Failure(f'not the SAs that were to be: {found}') from None
        return found


class Ike(Lines):
    """modules/vici/ike, on the socket of a Charon."""

    def __init__(self, lab, build, path, key, prefix='cs-'):
        super().__init__(lab, build, 'ike_shell', path, prefix, key)

    def order(self, text):
        """What it gives, which is a number; Failure when it is refused."""
        line = self.try_order(text)
        if line['error'] != '0':
            raise Failure(f'{text}: {line}')
        return int(line.text.split()[2])

    def try_order(self, text):
        self.popen.stdin.write(text + '\n')
        return self.wait(f'did {text.split()[0]} ')
