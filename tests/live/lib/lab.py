"""One test's network, folder and processes. Closing it ends every process it
started, by its id, and removes what it made."""
import contextlib
import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time

from .net import Net

USER = 'nobody'  # whom the gateways run as: no root needed


PROGRAMS = ('callseald', 'callsealctl')
PATIENCE = 4 if 'CALLSEAL_VM' in os.environ else 1  # in a guest (tests/kernel/vm)


class Failure(Exception):
    """A claim that is not true, or a peer that did not do its part."""


def wait_for(what, test, seconds=10.0, step=0.05):
    """The first true result of test(); Failure names what did not come."""
    seconds *= PATIENCE
    end = time.monotonic() + seconds
    while True:
        result = test()
        if result:
            return result
        if time.monotonic() > end:
            raise Failure(f'{what}: not within {seconds:g} s')
        time.sleep(step)


def programs(build):
    """The paths of the programs under test below a build's folder."""
    found = []
    for name in PROGRAMS:
        paths = [p for p in glob.glob(f'{build}/**/{name}', recursive=True)
                 if os.path.isfile(p) and os.access(p, os.X_OK)]
        if not paths:
            raise SystemExit(f'no {name} below {build}: build first')
        found.append(min(paths, key=len))
    return found


def wait_most(value, wanted, seconds):
    """The greatest value() seen until it is the wanted one, or time is up."""
    end, most = time.monotonic() + seconds, value()
    while most < wanted and time.monotonic() < end:
        time.sleep(0.1)
        most = max(most, value())
    return most


class Process:
    """A program on a host; its output goes to NAME.log in the lab's folder."""

    def __init__(self, lab, name, host, argv, user=None, env=None, cwd=None):
        self.name = name
        self.log = os.path.join(lab.dir, f'{name}.log')
        if user:
            who = pwd.getpwnam(user)
            argv = ['setpriv', f'--reuid={who.pw_uid}', f'--regid={who.pw_gid}', '--clear-groups',
                    '--no-new-privs', '--', *argv]
        with open(self.log, 'ab') as out:
            self.popen = subprocess.Popen(
                lab.net.command(host, *argv), stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True, cwd=cwd or lab.dir, env={**os.environ, **(env or {})})

    @property
    def pid(self):
        return self.popen.pid

    def running(self):
        return self.popen.poll() is None

    def output(self):
        with open(self.log, encoding='utf-8', errors='replace') as f:
            return f.read()

    def send(self, number):
        with contextlib.suppress(ProcessLookupError):
            self.popen.send_signal(number)

    def wait(self, seconds):
        """The exit status; Failure when it does not end by itself."""
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f'{self.name} did not end within {seconds} s') from None

    def stop(self, seconds=5.0, number=signal.SIGTERM):
        """Asks it to end, then insists. True if asking was enough."""
        if not self.running():
            return True
        self.send(number)
        try:
            self.popen.wait(seconds)
            return True
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait(5)
            return False


class Lab:
    def __init__(self, sites='ab', programs=None, keep=False, net=Net):
        """programs: callseald's and callsealctl's paths; they are copied, so that
        an ordinary user reaches them wherever the build lies."""
        self.dir = tempfile.mkdtemp(prefix='callseal-live-', dir=tempfile.gettempdir())
        os.chmod(self.dir, 0o755)
        self.keep = keep
        self.processes = []
        self.closers = []
        self.gateways = []
        self.net = None
        try:
            self.bin = self.folder('bin')
            for program in programs or ():
                shutil.copy(program, self.bin)
            self.net = net(sites)
        except BaseException:
            self.close()
            raise

    def folder(self, *names, user=None):
        path = os.path.join(self.dir, *names)
        os.makedirs(path, exist_ok=True)
        if user:
            who = pwd.getpwnam(user)
            os.chown(path, who.pw_uid, who.pw_gid)
        return path

    def start(self, name, host, argv, **options):
        process = Process(self, name, host, argv, **options)
        self.processes.append(process)
        return process

    def on_close(self, close):
        self.closers.append(close)

    def close(self):
        for close in reversed(self.closers):
            with contextlib.suppress(Exception):
                close()
        for process in reversed(self.processes):
            process.stop()
        if self.net:
            self.net.close()
        if not self.keep:
            shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.close()
