"""svmap and svwar find nothing; a flood is dropped while calls of the peer pass

sipvicious looks for devices and for users at a gateway whose plain peer anybody may
pose as. It gets no answer, and the log has a line that fail2ban's filter in etc/
knows; under another User-Agent it soon hears that nobody is there. 3000 requests at
once from a stranger cost a stranger's share of answers; meanwhile a call goes through.
"""
import os
import shutil
import subprocess
import time

from lib import stage
from lib.sipp import Sipp, scenario
from lib.ua import Agent

FILTER = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', '..', 'etc',
                      'fail2ban', 'filter.d', 'callseal.conf')


def setup(t):
    lab = t.open()
    t.stage = stage.Stage(lab, phones='', profile='plain', extra_b='limits = { unknown = 8; };')
    t.callee = Sipp(lab, 'b', scenario('uas'), '-m', '1', '-mp', '6000')


def scan(t, *argv):
    """What a tool of sipvicious says, run where nobody is trusted."""
    home = t.lab.folder('sipvicious')
    done = subprocess.run(t.lab.net.command('net', *argv), capture_output=True, text=True,
                          timeout=60, env={'HOME': home, 'PATH': os.environ['PATH']}, cwd=home)
    return done.stdout + done.stderr


def guard(t):
    return t.stage.b.status()['guard']


def scanners(t):
    gate = t.stage.b.outside
    said = scan(t, 'svmap', '-p5060', '-m', 'OPTIONS', gate)
    t.claim('svmap finds nothing', gate + ':5060' not in said, said[-300:])
    t.claim('it was known', guard(t)['scanner'] >= 1, str(guard(t)))
    said = scan(t, 'svwar', '-e100-130', '-m', 'INVITE', '--force', gate)
    t.claim('svwar finds nobody', '| 1' not in said, said[-300:])


def fail2ban(t):
    if not shutil.which('fail2ban-regex'):
        print('skip: no fail2ban-regex')
        return
    home = t.lab.folder('fail2ban')
    log = os.path.join(home, 'log')
    for path in (FILTER, '/etc/fail2ban/filter.d/common.conf'):
        shutil.copy(path, home)
    with open(log, 'w', encoding='utf-8') as f:
        for line in t.stage.b.log().splitlines():
            f.write(f'Nov 26 02:02:02 gate callseald[1]: {line}\n')
    said = subprocess.run(['fail2ban-regex', '--out', 'ip', log,
                           os.path.join(home, 'callseal.conf')],
                          capture_output=True, text=True).stdout
    t.claim('fail2ban knows the address, and no other', set(said.split()) == {'10.99.2.254'}, said)


def harvest(t):
    """Under another name: an honest User-Agent, every user in turn."""
    far = Agent(t.lab, 'net', t.lab.net.address('net-b'), stage.ALICE,
                (t.stage.b.outside, 5060))
    found = [far.final(far.request('INVITE', f'sip:{user}@b.example', far.offer())).status
             for user in range(100, 112)]
    t.claim('nobody is there', set(found) == {404}, str(found))
    last = far.final(far.request('INVITE', stage.BOB, far.offer()))
    t.claim('nor is bob, now', last.status == 404, last.start)
    t.claim('for the limit of unknown users', guard(t)['unknown'] >= 4, str(guard(t)))
    t.claim('the log says so', 'too many unknown users' in t.stage.b.log())


def flood(t):
    far = Agent(t.lab, 'net', t.lab.net.address('net-b'), stage.ALICE,
                (t.stage.b.outside, 5060), port=5090)
    began = time.monotonic()
    for _ in range(3000):
        far.request('OPTIONS', f'sip:{t.stage.b.outside}')
    took = time.monotonic() - began
    caller = Sipp(t.lab, 'a', scenario('uac'), '-s', 'bob', '-m', '1', '-d', '500', '-mp', '10000')
    answers = 0
    while far.wait(lambda m: m.status == 200, 0.5):
        answers += 1
    t.claim('most of a flood is dropped', 50 < answers <= 600 + 200 * (took + 1),
            f'{answers} of 3000 in {took:.1f} s')
    caller.finish(30)
    t.callee.finish(10)
    t.claim('the call went through', t.stage.b.gone())
    t.claim('counted', guard(t)['flood'] > 1000, str(guard(t)))


def check(t):
    scanners(t)
    fail2ban(t)
    harvest(t)
    flood(t)
