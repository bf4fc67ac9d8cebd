"""callseald at a site, with its own configuration, state and run directories,
run by an ordinary user; and callsealctl to look into it."""
import glob
import json
import os
import pwd
import re
import signal
import subprocess

from .lab import USER, Failure, wait_for

CHILDREN = ('engine', 'keeper', 'relay', 'tunnel')
SUITES = ['AEAD_AES_128_GCM', 'AES_CM_128_HMAC_SHA1_80']


class Peer:
    """One line of the group peers, and the file with its key."""

    def __init__(self, name, match, profile='sealed', psk=None, route='', **more):
        self.name, self.match, self.profile = name, match, profile
        self.psk, self.route, self.more = psk, route, more

    def text(self):
        items = {'match': self.match, 'profile': self.profile, 'name': self.name,
                 'route': self.route, **self.more}
        if self.psk:
            items['psk'] = f'file:{self.name}.psk'
        return '{ ' + ' '.join(f'{k} = {quoted(v)};' for k, v in items.items() if v) + ' }'


def child_name(pid):
    """Which of the daemon's processes it is, or None."""
    try:
        with open(f'/proc/{pid}/cmdline', encoding='utf-8', errors='replace') as f:
            words = re.split(r'[\0 ]+', f.read())
    except FileNotFoundError:
        return None
    return next((name for name in CHILDREN if name in words), None)


def quoted(value):
    return json.dumps(value)  # libconfig's strings are written as JSON's


def texts(values):
    return '( ' + ', '.join(quoted(v) for v in values) + ' )'


class Gateway:
    """Start it with start(); change what config() writes by the attributes
    before that, or before reload()."""

    def __init__(self, lab, site, peers, phones, **settings):
        self.lab, self.site = lab, site
        self.host = f'gate-{site}'
        self.peers, self.phones = peers, phones
        self.suites = settings.pop('suites', SUITES)
        self.keying = settings.pop('keying', ['mikey-psk'])
        self.level = settings.pop('level', 'session')
        self.sdes = settings.pop('sdes', 'tls')
        self.rate = settings.pop('rate', 0)  # of key derivation
        self.hash = settings.pop('hash', 'sha-1')
        self.legacy = settings.pop('legacy', False)
        self.rekey = settings.pop('rekey', 0)  # seconds
        self.proxy = settings.pop('proxy', '')
        self.answer = settings.pop('answer', 'pickup')
        self.late = settings.pop('late', 'refuse')
        self.trust = settings.pop('trust', 'ca')
        self.body = settings.pop('body', 'none')
        self.fetch = settings.pop('fetch', True)
        self.hide = settings.pop('hide', False)  # True, or 'both'
        self.plain_body = settings.pop('plain_body', 'none')
        self.plain_hide = settings.pop('plain_hide', False)
        self.unencrypted = settings.pop('unencrypted', 'refuse')
        self.retarget = settings.pop('retarget', 'refuse')
        self.tls = settings.pop('tls', '')  # group tls; then nothing else is spoken outside
        self.six = settings.pop('six', (False, False))  # inside, outside
        self.workers = settings.pop('workers', 1)
        self.ports = settings.pop('ports', '16384-32767')
        self.media = settings.pop('media', '')  # more of the group media
        self.sealed = settings.pop('sealed', '')  # more of the profile "sealed"
        self.capability = settings.pop('capability', '')  # that it keeps as that user
        self.extra = settings.pop('extra', '')
        self.public = settings.pop('public', '')
        self.ike = settings.pop('ike', 'standing')
        self.ike_more = settings.pop('ike_more', '')  # more of the profile "ike"
        self.within = settings.pop('within', '')  # "mikey-dh": SRTP in what ike raised
        self.media_outside = settings.pop('media_outside', '')  # else where SIP is
        self.options = settings.pop('options', [])
        assert not settings, settings
        self.dir = lab.folder(f'gate-{site}', user=USER)
        self.state = lab.folder(f'gate-{site}', 'state', user=USER)
        self.run_dir = lab.folder(f'gate-{site}', 'run', user=USER)
        os.chmod(self.state, 0o700)
        self.path = f'{self.dir}/callseal.conf'
        self.process = None
        lab.gateways.append(self)

    @property
    def inside(self):
        return self.lab.net.address(f'lan-{self.site}', self.six[0])

    @property
    def outside(self):
        return self.lab.net.address(self.host, self.six[1])

    def config(self):
        def listen(address, *transports):
            at = f'[{address}]' if ':' in address else address
            return texts([f'{transport}:{at}:{port}' for transport, port in transports])
        clear, sealed = (('udp', 5060), ('tcp', 5060)), (('tls', 5061),)
        nets = [self.lab.net.phones_net(self.site, self.six[0])]
        phones = [f'{{ user = {quoted(user)}; contact = {quoted(contact)}; }}'
                  for user, contact in self.phones.items()]
        return f'''\
inside = {{
	listen = {listen(self.inside, *clear)};
	nets = {texts(nets)};
	media = {texts([self.inside])};
}};
outside = {{
	listen = {listen(self.outside, *(sealed if self.tls else clear))};
	media = {texts([self.media_outside or self.outside])};
	proxy = {quoted(self.proxy)};
	{f'public = "{self.public}";' if self.public else ''}
}};
media = {{ workers = {self.workers}; ports = {quoted(self.ports)}; {self.media} }};
mikey = {{ level = {quoted(self.level)}; derivation_rate = {self.rate};
	rekey = {self.rekey}; hash = {quoted(self.hash)}; legacy = {quoted(self.legacy)}; }};
profiles = {{
	sealed = {{ need = "require"; keying = [ {
            ', '.join(map(quoted, self.keying))} ]; suites = [ {
            ', '.join(map(quoted, self.suites))} ];
		answer = {quoted(self.answer)}; late = {quoted(self.late)};
		retarget = {quoted(self.retarget)}; sdes = {quoted(self.sdes)};
		trust = {quoted(self.trust)}; body = {quoted(self.body)};
		fetch = {quoted(self.fetch)}; hide = {quoted(self.hide)};
		unencrypted = {quoted(self.unencrypted)}; {self.sealed} }};
	plain = {{ need = "forbid"; body = {quoted(self.plain_body)};
		hide = {quoted(self.plain_hide)}; }};
	prefer = {{ need = "prefer"; keying = [ {', '.join(map(quoted, self.keying))} ]; }};
	ike = {{ need = "require"; ike = {quoted(self.ike)}; {self.ike_more} media = {
            f'"ike+srtp"; keying = [ "{self.within}" ]' if self.within else '"ike"'}; }};
	allow = {{ need = "allow"; keying = [ {', '.join(map(quoted, self.keying))} ]; }};
}};
peers = (
	{""",
	""".join(p.text() for p in self.peers)}
);
phones = ( {', '.join(phones)} );
{self.tls}
{self.extra}
'''

    def write(self):
        for peer in self.peers:
            if peer.psk:
                self._write_secret(f'{self.dir}/{peer.name}.psk', peer.psk)
        with open(self.path, 'w') as f:
            f.write(self.config())

    @staticmethod
    def _write_secret(path, text):
        who = pwd.getpwnam(USER)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 'w') as f:
            os.fchown(f.fileno(), who.pw_uid, who.pw_gid)
            f.write(text + '\n')

    def start(self):
        self.write()
        argv = [f'{self.lab.bin}/callseald', '-f', self.path, '--state-dir', self.state,
                '--run-dir', self.run_dir, '--foreground', *self.options]
        if self.capability:  # as systemd gives it: AmbientCapabilities
            who = pwd.getpwnam(USER)
            argv = ['setpriv', '--reuid', str(who.pw_uid), '--regid', str(who.pw_gid),
                    '--clear-groups', '--inh-caps', f'+{self.capability}', '--ambient-caps',
                    f'+{self.capability}', *argv]
        self.process = self.lab.start(f'callseald-{self.site}', self.host, argv,
                                      user=None if self.capability else USER)
        wait_for(f'callseald at {self.host}', self._ready, 15)
        return self

    def _ready(self):
        if not self.process.running():
            raise Failure(f'callseald at {self.host} ended:\n{self.process.output()[-2000:]}')
        if not os.path.exists(f'{self.run_dir}/control.sock'):
            return False
        status, text = self.ask('status', '--json')  # the engine's: others may still start
        return not status and all(p['up'] for p in json.loads(text)['processes'].values())

    def ask(self, *words):
        """(exit status, what it wrote) of callsealctl, run by the same user."""
        who = pwd.getpwnam(USER)
        done = subprocess.run(
            [f'{self.lab.bin}/callsealctl', '--run-dir', self.run_dir, *words],
            user=who.pw_uid, group=who.pw_gid, extra_groups=[], capture_output=True, text=True,
            stdin=subprocess.DEVNULL, timeout=20)
        return done.returncode, done.stdout + done.stderr

    def tell(self, *words):
        """What callsealctl wrote; Failure when its status is not 0."""
        status, text = self.ask(*words)
        if status:
            raise Failure(f'{self.host}: callsealctl {" ".join(words)}: {status}: {text}')
        return text

    def calls(self):
        """The calls as callsealctl calls --json shows them."""
        return json.loads(self.tell('calls', '--json'))

    def call(self, call_id):
        """One call with its streams and their packet counters."""
        return json.loads(self.tell('call', call_id, '--json'))

    def gone(self, seconds=5):
        """True once no call is left."""
        wait_for(f'{self.host}: the end of its calls', lambda: self.calls() == [], seconds)
        return True

    def children(self):
        """The process ids of keeper, relay and engine."""
        out = {}
        for folder in glob.glob(f'/proc/{self.process.pid}/task/*/children'):
            with open(folder) as f:
                for pid in f.read().split():
                    name = child_name(pid)
                    if name:
                        out[name] = int(pid)
        return out

    def ended(self):
        """The last ended and refused calls, newest first."""
        return json.loads(self.tell('calls', '--ended', '--json'))

    def status(self):
        return json.loads(self.tell('status', '--json'))

    def reload(self):
        """By SIGHUP, with the configuration as it is now described."""
        self.write()
        self.process.send(signal.SIGHUP)

    def log(self):
        return self.process.output()

    def troubles(self):
        """Lines of its log that no test may cause: a bug, a sanitizer's find, the
        end of a process that nobody asked for."""
        fault = r': bug:|ERROR: \w+Sanitizer|runtime error|was ended by signal|ended with status'
        return [line for line in self.log().splitlines() if re.search(fault, line)]

    def stop(self):
        """True if it ended when asked, with status 0."""
        return self.process.stop() and self.process.popen.returncode == 0


def pair(lab, psk_a='00112233445566778899aabbccddeeff', psk_b=None, transport='udp', **settings):
    """Two gateways that know each other by a pre-shared key: a.example with
    alice, b.example with bob. Settings ending in _a or _b are one side's."""
    gates = []
    for here, there, user, psk in (('a', 'b', 'alice', psk_a), ('b', 'a', 'bob', psk_b or psk_a)):
        own = {k: v for k, v in settings.items() if k[-2:] not in ('_a', '_b')}
        own |= {k[:-2]: v for k, v in settings.items() if k.endswith('_' + here)}
        six = own.get('six', (False, False))
        far, phone = at(lab, f'gate-{there}', six[1]), at(lab, f'phone-{here}', six[0])
        route = own.pop('route', f'sip:{far}:5060')
        more = own.pop('peer', {})
        profile = own.pop('profile', 'sealed')
        peer = Peer(there, f'*@{there}.example', profile, psk if profile != 'plain' else None,
                    route, **more)
        contact = f'sip:{user}@{phone}:5060' + (';transport=tcp' if transport == 'tcp' else '')
        gates.append(Gateway(lab, here, [peer], {user: contact}, **own))
    return [gate.start() for gate in gates]


def at(lab, name, six):
    address = lab.net.address(name, six)
    return f'[{address}]' if six else address
