"""Phones register at their gateway itself, with a digest, and call and are called sealed

baresip knows MD5 alone and gives up where anything else is offered, so its
gateway offers no more; linphone takes the SHA-256 that comes first.
"""
import json
import re
import time

from lib import claims, linphone, rtp, sip, speech, stage, ua
from lib.accounts import REGISTRAR, write_account
from lib.lab import wait_for
from lib.phone import Phone

EXPECTED = ('was ended by signal 9',)


def setup(t):
    lab = t.open()
    write_account(lab, 'a', 'alice')
    write_account(lab, 'b', 'bob')
    t.stage = s = stage.Stage(lab, phones='', extra_a=REGISTRAR.format('a.example', '"md5"'),
                              extra_b=REGISTRAR.format('b.example', '"sha-256", "md5"'))
    speech.make(s.speech, seconds=30)
    s.alice = Phone(lab, 'a', stage.ALICE, s.speech, password='right')
    lab.net.run('phone-b', 'sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1')
    t.bob = linphone.Linphone(lab, lab.net.address('phone-b'), host='phone-b',
                              account=(stage.BOB, s.b.inside, 'right'))


def registrations(gate):
    return json.loads(gate.tell('registrations', '--json'))


def talk(t, what, begin):
    s = t.stage
    s.alice.forget()
    s.record()
    begin()
    s.alice.wait_event('CALL_ESTABLISHED')
    wait_for('both up', lambda: all([c['state'] for c in g.calls()] == ['up'] for g in (s.a, s.b)))
    verdicts = s.verdicts()
    t.bob.command(f'incall-player-start {s.speech}')
    time.sleep(3)
    s.alice.hangup()
    t.claim(f'{what}: over', s.a.gone() and s.b.gone())
    t.claim(f'{what}: sealed at both', verdicts == ['sealed', 'sealed'], str(verdicts))
    paths = s.recorded()
    out, back = rtp.sent(paths['phone-b'], dest=t.bob.address), \
        rtp.sent(paths['phone-a'], dest=s.alice.address)
    t.claim(f'{what}: media both ways', len(out) > 100 and len(back) > 100,
            f'{len(out)}, {len(back)}')
    t.claim(f'{what}: sealed on the wire', claims.media_sealed(paths['wire'], paths['phone-a']))
    t.claim(f'{what}: SDP on the wire is sealed', claims.sdp_sealed(paths['wire']))
    crossed = [m for m in sip.messages(paths['wire'])
               if m.header('Proxy-Authorization') or m.header('Authorization')]
    t.claim(f'{what}: no credentials outside', not crossed)
    return paths


def algorithms(path):
    """Of what phones answered."""
    found = set()
    for m in sip.messages(path):
        for name in ('Authorization', 'Proxy-Authorization'):
            if m.header(name):
                found.add('SHA-256' if 'SHA-256' in m.header(name) else 'MD5')
    return found


def guess(t):
    """A wrong password: the same answer as before, and the line for fail2ban."""
    s = t.stage
    agent = ua.Agent(s.lab, 'phone-b', t.bob.address, stage.BOB, (s.b.inside, 5060))
    no = agent.final(agent.request('REGISTER', 'sip:b.example'), 'REGISTER')
    t.claim('two challenges', ['SHA-256' in c for c in no.all('WWW-Authenticate')] ==
            [True, False], str(no.all('WWW-Authenticate')))
    nonce, opaque = (re.search(f'{name}="([^"]*)"', no.header('WWW-Authenticate')).group(1)
                     for name in ('nonce', 'opaque'))
    no = agent.final(agent.request('REGISTER', 'sip:b.example', cseq=2, headers=[
        f'Authorization: Digest username="bob", realm="b.example", nonce="{nonce}", '
        f'uri="sip:b.example", response="{"0" * 32}", algorithm=MD5, qop=auth, nc=00000001, '
        f'cnonce="1", opaque="{opaque}"']), 'REGISTER')
    t.claim('asked again', no.status == 401)
    line = f'engine/sip: refused: credentials refused from {t.bob.address} for bob: wrong password'
    wait_for('the line of the log', lambda: line in s.b.log())


def check(t):
    s = t.stage
    for gate, account in ((s.a, 'alice@a.example'), (s.b, 'bob@b.example')):
        listed = wait_for('a registration', lambda g=gate: registrations(g), 20)
        t.claim(f'{account} is registered', [(x['account'], x['kind']) for x in listed] ==
                [(account, 'local')], str(listed))
    paths = s.recorded()
    t.claim('baresip answered with MD5', algorithms(paths['phone-a']) == {'MD5'})
    t.claim('linphone answered with SHA-256', algorithms(paths['phone-b']) == {'SHA-256'},
            str(algorithms(paths['phone-b'])))
    talk(t, 'from baresip', lambda: s.alice.dial(stage.BOB))
    talk(t, 'from linphone', lambda: t.bob.command(f'call {stage.ALICE}'))
    before = registrations(s.b)
    killed = s.b.children()['engine']
    s.lab.net.run('gate-b', 'kill', '-9', str(killed))
    wait_for('a new engine', lambda: s.b.children().get('engine') not in (None, killed) and
             s.b.ask('status')[0] == 0, 15)
    t.claim('the registration outlives the engine', registrations(s.b) == before)
    talk(t, 'after the engine was killed', lambda: s.alice.dial(stage.BOB))
    guess(t)
