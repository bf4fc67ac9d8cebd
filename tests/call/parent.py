#!/usr/bin/env python3
"""The parent and its children as an operator meets them: options and exit
statuses, key files, two instances, a child that is killed, reload, stop.
Started in the build folder; as root every run is done twice, the second time
as an ordinary user. One test by name: parent.py NAME, or "frozen"."""
import json
import os
import pwd
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time

DAEMON = os.path.abspath('daemon/callseald')
CTL = os.path.abspath('ctl/callsealctl')
ODD = os.path.abspath('tests/mock/oddseald')  # with children that misbehave
CHILDREN = ('engine', 'keeper', 'relay')
USER = 'nobody'
PSK = '00112233445566778899aabbccddeeff' * 2
HOST = f'127.{os.getpid() >> 8 & 255}.{os.getpid() & 255}.1'  # nobody else's


def config(more='', host=HOST, user=USER):
    return f'''
user = "{user}";
inside = {{ listen = ( "udp:{host}:5060", "tcp:{host}:5060" ); }};
outside = {{ listen = ( "udp:{host}:5070" ); }};
profiles = {{ sealed = {{ need = "require"; keying = [ "mikey-psk" ]; }}; }};
peers = ( {{ match = "*@b.example"; profile = "sealed"; psk = "file:b.psk"; }} );
{more}
'''


class Place:
    """A folder with a configuration, and a daemon in it."""

    def __init__(self, user=None):
        self.user = user
        self.dir = tempfile.mkdtemp(prefix='callseal-parent-')
        self.conf = f'{self.dir}/callseal.conf'
        self.state, self.run_dir = f'{self.dir}/state', f'{self.dir}/run'
        self.log_path = f'{self.dir}/log'
        self.process = None
        os.chmod(self.dir, 0o755)
        self.write(config())
        self.write_psk(PSK)
        if user:
            ids = pwd.getpwnam(user)
            os.chown(self.dir, ids.pw_uid, ids.pw_gid)

    def write(self, text):
        with open(self.conf, 'w') as f:
            f.write(text)

    def write_psk(self, text, mode=0o600, name='b.psk'):
        path = f'{self.dir}/{name}'
        with open(path, 'w') as f:
            f.write(text + '\n')
        os.chmod(path, mode)
        if self.user:
            os.chown(path, pwd.getpwnam(self.user).pw_uid, -1)

    def options(self, state=None, run_dir=None):
        return ['-f', self.conf, '--state-dir', state or self.state,
                '--run-dir', run_dir or self.run_dir]

    def call(self, *args):
        """Runs the daemon to its end: exit status and all it said."""
        done = subprocess.run([DAEMON, *args], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=30,
                              user=self.user)
        return done.returncode, done.stdout

    def start(self, *args, **odd):
        """odd: what is odd about which child, see tests/mock/odd.c."""
        environment = {f'ODD_{name.upper()}': habit for name, habit in odd.items()}
        with open(self.log_path, 'w') as log:
            self.process = subprocess.Popen(
                [ODD if odd else DAEMON, *self.options(), '-v', *args],
                stdout=log, stderr=log, user=self.user, env=os.environ | environment)
        self.until(lambda: ': ready\n' in self.log() or odd, 'ready')
        return self

    def says(self, text, times=1):
        self.until(lambda: self.log().count(text) >= times, text)

    def log(self):
        with open(self.log_path, errors='replace') as f:
            return f.read()

    def until(self, condition, what, seconds=20):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f'no "{what}" in time:\n{self.log()}'
            time.sleep(0.02)

    def children(self):
        """Process id by name of those that run now."""
        found = {}
        out = subprocess.run(['ps', '-o', 'pid=,stat=,args=', '--ppid',
                              str(self.process.pid)],
                             capture_output=True, text=True).stdout
        for line in out.splitlines():
            pid, state, args = line.split(None, 2)
            match = re.match(r'callseal: (\w+)', args)
            if match and not state.startswith('Z'):
                found[match[1]] = int(pid)
        return found

    def hup(self, text):
        """Reloads; what was logged from then on, once it is decided."""
        self.write(text)
        before = len(self.log())
        self.process.send_signal(signal.SIGHUP)
        self.until(lambda: re.search('is in force|old configuration stays',
                                     self.log()[before:]), 'reload')
        return self.log()[before:]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(15)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.dir)


def expect(got, status, *texts):
    assert got[0] == status, got
    for text in texts:
        assert text in got[1], (text, got)


# -- tests: each gets the user to run as -------------------------------------

def options(user):
    with Place(user) as p:
        expect(p.call('--version'), 0, 'callseald 0.')
        code, text = p.call('--help')
        assert code == 0
        for word in ('--check', '--print-config', '--state-dir', '--run-dir',
                     '--foreground', '--no-sandbox', '--version', '-v', '-f'):
            assert word in text, word
        expect(p.call('--bogus'), 64, 'bogus', 'Try "callseald --help"')
        expect(p.call('-f'), 64)
        expect(p.call('extra'), 64, 'unexpected "extra"')
        expect(p.call('--child', 'nobody'), 64)


def check(user):
    with Place(user) as p:
        expect(p.call('-f', p.conf, '--check'), 0, 'configuration is fine')
        expect(p.call('-f', p.dir + '/none', '--check'), 78, 'none')
        p.write('\ninsde = { };')
        expect(p.call('-f', p.conf, '--check'), 78,
               'callseal.conf:2: insde: unknown key; did you mean "inside"?')
        expect(p.call(*p.options()), 78, 'did you mean')
        assert not os.path.exists(p.state)  # nothing was begun


def long_requests(user):
    """A sealed INVITE is more than a datagram should be: it must find a way by TCP."""
    note = 'note: peer *@b.example: its profile seals bodies, and '
    tcp = f'"udp:{HOST}:5070", "tcp:{HOST}:5070"'
    own = 'identity = { cert = "file:own.pem"; key = "file:own.key"; }; ' \
        'trust = { ca = ( "file:own.pem" ); };'
    with Place(user) as p:
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj',
                        '/CN=a', '-addext', 'subjectAltName = URI:sip:a.example', '-keyout',
                        f'{p.dir}/own.key', '-out', f'{p.dir}/own.pem'], check=True, user=user,
                       capture_output=True)
        for listen, route, proxy, body, why in (
                (f'"udp:{HOST}:5070"', '', '', 'sign', 'outside.listen has no TCP'),
                (f'"udp:{HOST}:5070"', 'sip:p', '', 'tunnel', 'outside.listen has no TCP'),
                (f'"udp:{HOST}:5070"', 'sip:p', '', 'none', ''),
                (tcp, '', '', 'sign-encrypt', ''),
                (tcp, 'sip:p;Transport=udp', '', 'encrypt', 'by UDP alone'),
                (tcp, '', 'sip:q;transport=udp', 'encrypt', 'by UDP alone'),
                (tcp, 'sip:p;transport=tcp', 'sip:q;transport=udp', 'encrypt', '')):
            text = config(own).replace(f'"udp:{HOST}:5070"', listen).replace(
                'need = "require";', f'need = "require"; body = "{body}";').replace(
                'psk = ', f'route = "{route}"; psk = ' if route else 'psk = ').replace(
                'outside = {', 'outside = { proxy = "%s";' % proxy)
            p.write(text)
            got = p.call('-f', p.conf, '--check')
            expect(got, 0, 'configuration is fine', *(('note: ', note, why) if why else ()))
            assert why or 'seals bodies' not in got[1], (listen, route, proxy, body, got)


def certificates(user):
    """Of whom calls are encrypted for: known, asked for, or a note says so."""
    own = 'identity = { cert = "file:own.pem"; key = "file:own.key"; }; ' \
        'trust = { ca = ( "file:own.pem" ); };'
    with Place(user) as p:
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj',
                        '/CN=a', '-addext', 'subjectAltName = URI:sip:b.example', '-keyout',
                        f'{p.dir}/own.key', '-out', f'{p.dir}/own.pem'], check=True, user=user,
                       capture_output=True)
        for body, cert, why in (
                ('"sign"; fetch = false', '', ''), ('"encrypt"', '', ''),
                ('"encrypt"; fetch = false', '', 'has fetch = false'),
                ('"tunnel"; hide = "both"', '', 'has hide'),
                ('"tunnel"; hide = true', 'cert = "file:own.pem"; ', '')):
            p.write(config(own).replace('need = "require";', f'need = "require"; body = {body};')
                    .replace('psk = ', f'{cert}psk = '))
            got = p.call('-f', p.conf, '--check')
            expect(got, 0, 'configuration is fine', *(
                ('note: peer *@b.example: calls to it are encrypted', why) if why else ()))
            assert why or 'calls to it are encrypted' not in got[1], (body, got)


def key_files(user):
    with Place(user) as p:
        for text, mode, why in ((PSK, 0o644, 'chmod g-w,o='),
                                (PSK[:30], 0o600, 'less than 32 hex digits'),
                                (PSK + 'xy', 0o600, 'something else'),
                                (PSK + 'a', 0o600, 'even number'),
                                (PSK * 9, 0o600, 'more than 512'),
                                ('', 0o600, 'less than 32')):
            p.write_psk(text, mode)
            expect(p.call('-f', p.conf, '--check'), 78, 'b.psk', why)
            expect(p.call(*p.options()), 78, why)
        os.unlink(p.dir + '/b.psk')
        expect(p.call('-f', p.conf, '--check'), 78, 'No such file')
        os.mkdir(p.dir + '/b.psk')
        expect(p.call('-f', p.conf, '--check'), 78, 'no regular file')


def passwords(user):
    """Of accounts at peers: the file's rights and faults, and a reload."""
    with Place(user) as p:
        own = config('accounts = ( { uri = "sip:us@t.example"; peer = "*@b.example"; '
                     'password = "file:secret"; } );')
        p.write(own)
        expect(p.call('-f', p.conf, '--check'), 78, 'us@t.example', 'No such file')
        for text, mode, why in (('word', 0o644, 'chmod g-w,o='), ('', 0o600, 'is empty'),
                                ('one\ntwo', 0o600, 'more than one line')):
            p.write_psk(text, mode, 'secret')
            expect(p.call('-f', p.conf, '--check'), 78, 'account us@t.example', why)
            expect(p.call(*p.options()), 78, why)
        p.write_psk('word', name='secret')
        expect(p.call('-f', p.conf, '--check'), 0, 'configuration is fine')
        p.start()
        p.write_psk('', name='secret')
        said = p.hup(own)
        assert 'the keeper refuses it' in said and 'stays' in said, said
        p.write_psk('word', name='secret')
        assert 'is in force' in p.hup(own)
        assert p.stop() == 0


def accounts(user):
    """The registrar's file: its rights, its faults, and what is only noted."""
    md5, sha = 'alice:a.example:' + 32 * 'a', 'alice:a.example:' + 64 * 'b'
    with Place(user) as p:
        local = config('register = "local"; '
                       'registrar = { domain = "a.example"; users = "file:users"; };')
        p.write(local)
        expect(p.call('-f', p.conf, '--check'), 78, 'registrar.users', 'No such file')
        for text, mode, why in ((md5 + '\n' + sha, 0o644, 'chmod g-w,o='),
                                (md5, 0o600, 'alice has no SHA-256 hash'),
                                (md5 + '\nbob:b.example:0', 0o600, 'line 2: its realm')):
            p.write_psk(text, mode, 'users')
            expect(p.call('-f', p.conf, '--check'), 78, 'registrar.users', why)
            expect(p.call(*p.options()), 78, why)
        p.write_psk(md5 + '\n' + sha, name='users')
        p.start()  # read again at a reload; a wrong one leaves the old in force
        p.write_psk(md5, name='users')
        said = p.hup(local)
        assert 'the keeper refuses it' in said and 'stays' in said, said
        p.write_psk(md5 + '\n' + sha, name='users')
        assert 'is in force' in p.hup(local)
        assert p.stop() == 0
        p.write_psk('', name='users')
        expect(p.call('-f', p.conf, '--check'), 0, 'holds no account')
        p.write_psk(md5 + '\n' + sha, name='users')
        expect(p.call('-f', p.conf, '--check'), 0, 'configuration is fine')
        p.write(config('register = "pass";'))
        expect(p.call('-f', p.conf, '--check'), 0, 'outbound proxy', 'configuration is fine')


def print_config(user):
    with Place(user) as p:
        code, text = p.call('--print-config')
        assert code == 0
        p.write(text)
        expect(p.call('-f', p.conf, '--check'), 0)


def runs_and_stops(user):
    with Place(user) as p:
        p.write(tunnel_config('srtp'))
        p.start()
        assert sorted(p.children()) == sorted(CHILDREN)
        mode = os.stat(p.run_dir + '/control.sock')
        assert stat.S_ISSOCK(mode.st_mode) and mode.st_mode & 0o777 == 0o660
        assert os.stat(p.state + '/replay').st_mode & 0o777 == 0o600
        assert os.stat(p.state + '/memory').st_mode & 0o777 == 0o600
        for name, pid in p.children().items():
            with open(f'/proc/{pid}/status') as f:
                status = f.read()
            assert 'NoNewPrivs:\t1' in status, name
            assert re.search('CapEff:\t0+\n', status), name
            if 'no system call filter' not in p.log():
                assert 'Seccomp:\t2' in status, name
            uid = pwd.getpwnam(USER).pw_uid if os.getuid() == 0 else os.getuid()
            assert f'Uid:\t{uid}\t{uid}\t{uid}\t{uid}' in status, name
        assert p.stop() == 0, p.log()
        assert not p.children()
        assert not os.path.exists(p.run_dir + '/control.sock')
        assert 'killed' not in p.log(), p.log()
        assert 'ended with status' not in p.log(), p.log()


def two_instances(user):
    with Place(user) as p:
        p.start()
        expect(p.call(*p.options()), 1, 'state directory', 'in use by another',
               f'process {p.process.pid}', '--state-dir')
        expect(p.call(*p.options(state=p.dir + '/other')), 1,
               'answers at', '--run-dir')
        assert len(p.children()) == 3  # and the first goes on
        assert p.stop() == 0


def killed_children_come_back(user):
    with Place(user) as p:
        p.start()
        for name in CHILDREN:
            before = p.children()
            os.kill(before[name], signal.SIGKILL)
            p.until(lambda: p.children().get(name, before[name]) != before[name],
                    f'{name} again')
            p.until(lambda: p.log().count(f'{name} is ready') == 2, 'ready')
            after = p.children()
            for other in CHILDREN:
                if other != name:
                    assert after[other] == before[other], (name, other)
        assert 'reload' not in p.log()
        assert 'is in force' in p.hup(config())  # all pairs work
        assert p.stop() == 0


def back_off_grows(user):
    with Place(user) as p:
        p.start()
        for n in range(2):
            pid = p.children()['keeper']
            os.kill(pid, signal.SIGKILL)
            p.until(lambda: p.log().count('keeper is ready') == n + 2, 'ready')
        assert 'again in 200 ms' in p.log() and 'again in 400 ms' in p.log()
        assert p.stop() == 0


def no_orphans(user):
    with Place(user) as p:
        p.start()
        pids = p.children().values()
        p.process.kill()
        p.process.wait()
        p.until(lambda: not any(os.path.exists(f'/proc/{pid}') for pid in pids),
                'end of the children')


def reloads(user):
    with Place(user) as p:
        p.start()
        before = p.children()
        phone = f'phones = ( {{ user = "a"; contact = "sip:{HOST}:9"; }} );'
        assert 'configuration 2 is in force' in p.hup(config(phone))
        said = p.hup(config('nonsense = 1;'))
        assert 'nonsense: unknown key' in said and 'stays' in said, said
        said = p.hup(config('limits = { calls = 5; };'))
        assert 'is in force' in said, said
        said = p.hup(config('media = { workers = 2; };'))
        assert 'media.workers changed, which needs a restart' in said, said
        p.write_psk('short')
        said = p.hup(config())
        assert 'the keeper refuses it' in said and 'stays' in said, said
        p.write_psk(PSK, 0o644)
        said = p.hup(config())
        assert 'chmod' in said and 'stays' in said, said
        p.write_psk(PSK)
        assert 'is in force' in p.hup(config())
        assert p.children() == before
        assert p.stop() == 0


def a_start_that_fails_is_told(user):
    with Place(user) as p:
        p.write(config(host='192.0.2.77'))  # not ours
        code, said = p.call(*p.options())
        assert code == 1, (code, said)
        assert 'did not start 3 times' in said, said
        p.write(config())
        p.start()  # and nothing is left behind
        assert p.stop() == 0


def unknown_user(user):
    if os.getuid() or user:
        return  # only root changes the user
    with Place(user) as p:
        p.write(config(user='no-such-user'))
        expect(p.call(*p.options()), 78, 'no user "no-such-user"', 'sysusers')


def low_ports(user):
    """Root may use them, and the engine has nothing left of that."""
    if os.getuid() or user:
        return
    with Place(user) as p:
        p.write(config().replace(':5070', ':507'))
        p.start()
        with open(f'/proc/{p.children()["engine"]}/status') as f:
            status = f.read()
        for field in ('Prm', 'Eff', 'Inh', 'Amb'):
            assert re.search(f'Cap{field}:\t0+\n', status), status
        assert p.stop() == 0


def tunnel_config(media='esp'):
    text = config().replace('"sealed"; psk', '"t"; psk')
    text = text.replace(':5070" );', ':5070" ); media = [ "192.0.2.7" ];')
    return text.replace('profiles = {', f'profiles = {{ t = {{ need = "require"; '
                        f'media = "{media}"; keying = [ "mikey-psk" ]; }};')


def tunnels(user):
    """What cannot work here is refused for good, and said."""
    with Place(user) as p:
        p.write(tunnel_config())
        status, said = p.call('--check', *p.options())
        if 'this kernel has no ESP' in said or 'no XFRM' in said:
            expect((status, said), 78, 'modprobe')
            expect(p.call(*p.options()), 78, 'modprobe')
        elif user:
            expect((status, said), 0, 'note: ', 'CAP_NET_ADMIN is missing')
            expect(p.call(*p.options()), 78, 'CAP_NET_ADMIN is missing')
        loopback = tunnel_config().replace('192.0.2.7', HOST)
        p.write(loopback)
        expect(p.call('--check', *p.options()), 78, 'outside.media', 'not loopback')


def a_tunnel_process(user):
    """Started where a peer needs it, and only there."""
    with Place(user) as p:
        p.write(tunnel_config())
        p.start(tunnel='crash')
        p.says('tunnel is ready', 2)  # again and again
        p.says('tunnel was ended by signal 6', 2)
        assert p.stop() == 0
    with Place(user) as p:
        p.write(tunnel_config())
        p.start(tunnel='none')
        p.says('tunnel is ready')
        p.says(': ready')
        assert sorted(p.children()) == sorted((*CHILDREN, 'tunnel')), p.children()
        said = p.hup(tunnel_config('srtp'))
        assert 'has media = "esp" any more' in said and 'needs a restart' in said, said
        assert 'is in force' in p.hup(tunnel_config())
        assert p.stop() == 0
    with Place(user) as p:
        p.write(tunnel_config('srtp'))
        p.start()
        assert sorted(p.children()) == sorted(CHILDREN), p.children()
        said = p.hup(tunnel_config())
        assert 'a peer has media = "esp" now' in said and 'needs a restart' in said, said
        assert p.stop() == 0
    a_second_kind_of_tunnel(user)


def a_second_kind_of_tunnel(user):
    """The process is there, but knows one kind, and the peers of its start."""
    ike = tunnel_config('ike').replace('psk = ', 'ike = "192.0.2.8"; psk = ')
    ike = ike.replace('media = "ike"; keying = [ "mikey-psk" ]', 'media = "ike"')
    both = ike.replace('profiles = {', 'profiles = { e = { need = "require"; media = "esp"; '
                       'keying = [ "mikey-psk" ]; };')
    both = both.replace('peers = (', 'peers = ( { match = "*@e.example"; profile = "e"; psk = '
                        '"file:b.psk"; },')
    with Place(user) as p:
        p.write(ike)
        p.start(tunnel='none')
        p.says(': ready')
        said = p.hup(both)
        assert 'a peer has media = "esp" now' in said and 'to change the' in said, said
        said = p.hup(ike.replace('192.0.2.8', '192.0.2.9'))
        assert 'other peers have media = "ike", or their ike' in said, said
        assert 'is in force' in p.hup(ike)
        assert p.stop() == 0


def ike_config(peer, own='cert = "file:a.pem"; id = "a.example";'):
    text = tunnel_config('ike').replace('psk = "file:b.psk";',
                                        f'ike = "192.0.2.8"; ike_id = "b.example"; {peer}')
    return text.replace('media = "ike"; keying = [ "mikey-psk" ]', 'media = "ike"') + \
        f'vici = {{ {own} }}; tunnel = {{ shut = "relay"; }};'


def certificates_of_ike(user):
    """Their files: rights and faults, and what cannot be read is no reload."""
    pinned = ike_config('ike_cert = "file:b.pem";')
    with Place(user) as p:
        for name in 'ab':
            done = subprocess.run(
                ['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
                 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=x', '-addext',
                 f'subjectAltName = DNS:{name}.example', '-keyout', '-'],
                check=True, capture_output=True, text=True)
            key, _, cert = done.stdout.partition('-----BEGIN CERTIFICATE')
            p.write_psk('-----BEGIN CERTIFICATE' + cert, name=f'{name}.pem')
            p.write_psk(key, name=f'{name}.key')
        p.write(ike_config('ike_cert = "file:b.pem";', ''))
        expect(p.call('-f', p.conf, '--check'), 78, 'vici.cert: a peer is believed')
        p.write(ike_config(''))
        expect(p.call('-f', p.conf, '--check'), 78, 'or ike_cert or ike_ca')
        for peer, why in (('ike_cert = "file:none";', 'ike_cert of peer *@b.example: file'),
                          ('ike_cert = "file:b.key";', 'a private key lies in it'),
                          ('ike_cert = "file:b.psk";', 'holds no certificate'),
                          ('ike_cert = "file:a.pem";', 'does not name b.example')):
            p.write(ike_config(peer))
            expect(p.call('-f', p.conf, '--check'), 78, why)
        p.write(pinned)
        expect(p.call('-f', p.conf, '--check'), 0, 'configuration is fine')
        os.chmod(f'{p.dir}/b.pem', 0o666)
        expect(p.call(*p.options()), 78, 'others may change it')
        os.chmod(f'{p.dir}/b.pem', 0o644)
        p.start()
        os.chmod(f'{p.dir}/a.pem', 0o666)
        said = p.hup(pinned)
        assert 'vici.cert: file' in said and 'of IKE cannot be used' in said, said
        os.chmod(f'{p.dir}/a.pem', 0o644)
        assert 'is in force' in p.hup(pinned)
        assert p.stop() == 0


def tells_systemd(user):
    """READY only when all are, RELOADING and READY again, the watchdog fed
    while all answer, STOPPING."""
    with Place(user) as p, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(p.dir + '/notify')
        os.chmod(p.dir + '/notify', 0o777)
        s.settimeout(10)
        heard = []

        def hear(word):
            while not heard or word not in heard[-1]:
                heard.append(s.recv(4096).decode())

        os.environ.update(NOTIFY_SOCKET=p.dir + '/notify', WATCHDOG_USEC='400000')
        try:
            p.start()
        finally:
            del os.environ['NOTIFY_SOCKET'], os.environ['WATCHDOG_USEC']
        hear('READY=1')
        assert p.log().count('is ready') == 3
        hear('WATCHDOG=1')
        hear('WATCHDOG=1')
        p.hup(config())
        hear('RELOADING=1')
        assert 'MONOTONIC_USEC=' in heard[-1]
        hear('READY=1')
        assert 'STATUS=configuration 2, 0 restarts' in heard[-1], heard
        assert p.stop() == 0
        hear('STOPPING=1')


def debugging(user):
    with Place(user) as p:
        p.start('--no-sandbox', '--foreground')
        assert p.log().count('--no-sandbox') == 4, p.log()
        assert p.stop() == 0


def wrong_configuration_in_a_child(user):
    with Place(user) as p:
        p.start(relay='wrong-conf')
        assert p.process.wait(10) == 78, p.log()


def an_engine_that_accuses(user):
    """It is not believed against the keeper; in the end it is the liar."""
    with Place(user) as p:
        p.start(engine='accuse-keeper')
        p.says('accusation 5')
        p.says('engine (process', 1)
        assert 'keeper (process' not in p.log(), p.log()
        p.says('sibling engine came', 8)  # a new pair each time
        assert p.stop() == 0


def a_keeper_that_accuses(user):
    with Place(user) as p:
        p.start(keeper='accuse-relay')
        p.says('relay (process')
        p.says('keeper accuses relay: malformed (key)')
        p.says('relay is started again')
        p.says(': ready\n')
        assert p.stop() == 0


def rules_of_the_parents_pair(user):
    with Place(user) as p:
        p.start(relay='ready-twice')
        p.says('is killed: it broke the rules: not in this state (ready)')
        p.says('relay is ready', 2)
        assert p.stop() == 0


def a_crash_is_told(user):
    with Place(user) as p:
        p.start(keeper='crash')
        p.says('keeper was ended by signal 6')
        p.says('relay/odd: info: sibling keeper went')
        assert p.stop() == 0


def deaf_children_are_killed(user):
    with Place(user) as p:
        p.start(relay='deaf', keeper='deaf')
        p.says(': ready\n')
        began = time.monotonic()
        assert p.stop() == 0
        assert 4 < time.monotonic() - began < 8
        assert p.log().count('is killed: it does not end') == 2, p.log()


def a_reload_that_a_child_refuses(user):
    with Place(user) as p:
        p.start(keeper='no-reload')
        p.says(': ready\n')
        said = p.hup(config())
        assert 'the keeper refuses it (out of memory)' in said, said
        assert p.stop() == 0


def a_keeper_that_dies_in_a_reload(user):
    with Place(user) as p:
        p.start(keeper='die-in-reload')
        p.says(': ready\n')
        said = p.hup(config())
        assert 'the keeper ended while reading it; the old' in said, said
        p.says('keeper is ready', 2)
        assert p.stop() == 0


def an_engine_that_dies_in_a_reload(user):
    with Place(user) as p:
        p.start(engine='die-in-reload')
        p.says(': ready\n')
        assert 'configuration 2 is in force' in p.hup(config())
        p.says('engine is ready', 2)
        assert p.stop() == 0


class Frozen:
    """An engine that stands still, next to all the other tests: it is half a minute before
    the parent takes it for dead."""

    def __init__(self):
        self.place = Place()
        self.place.write(config(host=HOST[:-1] + '9'))
        self.place.start()
        self.before = self.place.children()
        os.kill(self.before['engine'], signal.SIGSTOP)

    def judge(self):
        p = self.place
        p.until(lambda: p.log().count('engine is ready') == 2, 'another engine', 60)
        assert 'is killed: it does not answer' in p.log(), p.log()
        after = p.children()
        assert after['engine'] != self.before['engine'], after
        assert all(after[x] == self.before[x] for x in ('keeper', 'relay')), after
        shown = json.loads(subprocess.run(
            [CTL, '--run-dir', p.run_dir, 'status', '--json'], capture_output=True,
            text=True, check=True).stdout)['processes']
        assert (shown['engine']['starts'], shown['engine']['last_signal']) == (2, 9), shown
        assert [shown[x]['starts'] for x in ('keeper', 'relay')] == [1, 1], shown
        assert p.stop() == 0, p.log()


TESTS = (options, check, long_requests, certificates, key_files, passwords, accounts, print_config,
         runs_and_stops, two_instances, killed_children_come_back, back_off_grows,
         no_orphans, reloads, a_start_that_fails_is_told, unknown_user, low_ports,
         tunnels, a_tunnel_process, certificates_of_ike, tells_systemd, debugging,
         wrong_configuration_in_a_child, an_engine_that_accuses,
         a_keeper_that_accuses, rules_of_the_parents_pair, a_crash_is_told,
         deaf_children_are_killed, a_reload_that_a_child_refuses,
         a_keeper_that_dies_in_a_reload, an_engine_that_dies_in_a_reload)


def users():
    """As whom: ourselves; as root also an ordinary user who may run it."""
    if os.getuid():
        return [None]
    try:
        subprocess.run([DAEMON, '--version'], user=USER, check=True,
                       stdout=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError):
        print(f'{USER} cannot run {DAEMON}: only as root')
        return [None]
    return [None, USER]


def run(wanted):
    for user in users():
        for test in wanted:
            began = time.monotonic()
            test(user)
            print(f'ok {test.__name__} ({user or "ourselves"}, '
                  f'{time.monotonic() - began:.1f} s)', flush=True)


def main():
    wanted = [t for t in TESTS if t.__name__ in sys.argv[1:]]
    if wanted:
        run(wanted)
        return
    frozen = Frozen()
    with frozen.place:
        run([] if 'frozen' in sys.argv else TESTS)
        frozen.judge()
        print('ok frozen', flush=True)


if __name__ == '__main__':
    main()
