"""charon refuses a tunnel: the call fails at once, and who asks is told why

By another key, another certificate than the pinned one, other suites, a far end that
is not there. A call in SRTP between the same gateways goes on meanwhile.
"""
import json
import random
import signal
import time

from lib import certs, charon, stage
from lib.charon import Shell
from lib.gateway import Peer
from lib.lab import wait_for
from lib.ua import Agent, connect, exchange, media_of

KEY = '00112233445566778899aabbccddeeff'


def setup(t):
    lab = t.open()
    t.charon, settings = charon.pair(lab)
    for site in 'ab':
        certs.own(lab, site, f'DNS:{site}.example', 'P-256')
    for site, other in (('b', 'c'), ('a', 'd')):  # another one of the same name
        certs.own(lab, other, f'DNS:{site}.example', 'P-256')
    t.stage = stage.Stage(lab, psk_a=KEY, ike='after', phones='', **settings)
    agents(t)


def agents(t):
    """alice calls bob through the tunnel, carol dave by SRTP."""
    s, net = t.stage, t.lab.net
    for site, gate, user, port in (('a', s.a, 'alice', 5060), ('a', s.a, 'carol', 5090),
                                   ('b', s.b, 'bob', 5060), ('b', s.b, 'dave', 5090)):
        home = {'carol': 'c', 'dave': 'd'}.get(user, site)
        host = f'phone-{site}'
        setattr(t, user, Agent(t.lab, host, net.address(host), f'sip:{user}@{home}.example',
                               (gate.inside, 5060), port))
        gate.phones[user] = f'sip:{user}@{net.address(host)}:{port}'
    s.a.peers.append(Peer('dave', '*@d.example', 'sealed', KEY, f'sip:{s.b.outside}:5060'))
    s.b.peers.append(Peer('carol', '*@c.example', 'sealed', KEY, f'sip:{s.a.outside}:5060'))


def other_call(t):
    """carol and dave speak by SRTP, and go on."""
    dialog, _, _, final = connect(t.carol, t.dave, 'sip:dave@d.example', t.carol.offer(),
                                  t.dave.offer())
    return dialog, media_of(final)


def heard(t, target):
    """Whether what carol sends arrives at dave."""
    word, ssrc = random.randbytes(160), random.getrandbits(32)
    t.dave.media.settimeout(3)
    for n in range(10):
        t.carol.rtp(target, n, 160 * n, ssrc, word)
        time.sleep(0.02)
    try:
        while True:
            if t.dave.media.recv(2048)[12:] == word:
                return True
    except TimeoutError:
        return False


def refused(t, what, why, seconds=3.0):
    """alice calls bob, who answers; the tunnel is refused."""
    s = t.stage
    begun = time.monotonic()
    dialog = t.alice.request('INVITE', stage.BOB, t.alice.offer())
    invite = t.bob.wait(lambda m: m.start.startswith('INVITE'))
    t.bob.answer(invite, 200, 'OK', 'bob', t.bob.offer())
    final = t.alice.final(dialog)
    took = time.monotonic() - begun
    t.claim(f'{what}: the call fails at once', final.status >= 400 and took < seconds,
            f'{final.start}, {took:.1f} s')
    bye = t.bob.wait(lambda m: m.start.startswith('BYE'))
    t.claim('who answered gets a BYE', bye)
    t.bob.answer(bye, 200, 'OK')
    ended = s.b.ended()[0]
    t.claim('the call\'s record has the reason', why in json.dumps(ended), json.dumps(ended))
    t.claim('so has the log', f'no tunnel to the peer: {why}' in s.b.log(), s.b.log()[-2000:])
    t.claim('and the list of SAs', f'no tunnel to a: {why}' in s.b.tell('sas'), s.b.tell('sas'))


def well(t):
    """And now it is raised."""
    dialog, _, _, _ = connect(t.alice, t.bob, stage.BOB, t.alice.offer(), t.bob.offer())
    wait_for('it to be up', lambda: [c['state'] for c in t.stage.b.calls()
                                     if c['peer'] == 'a'] == ['up'])
    t.claim('what was wrong is right again, and the call is sealed',
            [c['verdict'] for c in t.stage.b.calls() if c['peer'] == 'a'] == ['sealed'],
            str(t.stage.b.calls()))
    exchange(t.alice, dialog, 2, t.bob, 'BYE')
    t.alice.uri, t.bob.uri = stage.ALICE, stage.BOB


def ended(t):
    """No tunnel is up any more."""
    for gate in (t.stage.a, t.stage.b):
        wait_for('its end', lambda gate=gate: '"child"' not in gate.tell('sas', '--json'), 20)


def goes_on(t, dialog, target):
    t.claim('the call in SRTP goes on', heard(t, target))
    exchange(t.carol, dialog, 2, t.dave, 'BYE')


def by_keys(t):
    s = t.stage
    for gate in (s.a, s.b):
        charon.restart(gate)
    other = other_call(t)
    s.b.peers[0].psk = KEY[::-1]
    s.b.reload()
    wait_for('the other key', lambda: 'configuration 2 is in force' in s.b.log())
    refused(t, 'another key', 'the far end does not believe us (AUTHENTICATION_FAILED)')
    t.claim('and at the far end', 'audit: peer b: charon refused a tunnel that the far end '
            'began: the far end has another pre-shared key' in s.a.log(), s.a.log()[-1000:])
    s.b.peers[0].psk = KEY
    s.b.reload()
    wait_for('the key', lambda: 'configuration 3 is in force' in s.b.log())
    well(t)
    process = t.charon['a'].process
    ended(t)
    process.send(signal.SIGSTOP)
    refused(t, 'a far end that is silent', 'the far end does not answer IKE', 10)
    goes_on(t, *other)
    process.send(signal.SIGCONT)
    wait_for('what it still raised to be ended', lambda: '"child"' not in s.a.tell(
        'sas', '--json'), 20)


def by_suites(t):
    s = t.stage
    charon.restart(s.b, ike_more='esp = [ "AES_256_CBC_HMAC_SHA256_128" ];')
    other = other_call(t)
    refused(t, 'other suites', 'the far end takes none of our suites of ESP '
            '(NO_PROPOSAL_CHOSEN)')
    goes_on(t, *other)
    s.b.ike_more = ''


def by_certificates(t):
    s, made = t.stage, f'{t.lab.dir}/certs-own'
    charon.prove(s.a, made, 'a', 'c')
    charon.prove(s.b, made, 'b', 'a')
    other = other_call(t)
    refused(t, 'no private key', 'charon has no private key of our certificate')
    for site in 'ab':
        shell = Shell(t.lab, t.build, t.charon[site].path)
        shell.wait('up ')
        shell.good(f'key {made}/{site}.key')
    refused(t, 'another certificate than the pinned one', 'the far end does not believe us')
    t.claim('and at the far end', 'audit: peer b: charon refused a tunnel that the far end '
            'began: the far end\'s certificate is not the pinned one' in s.a.log(),
            s.a.log()[-1000:])
    goes_on(t, *other)
    charon.prove(s.a, made, 'a', 'b')
    charon.prove(s.b, made, 'b', 'd')
    other = other_call(t)
    refused(t, 'a wrong pin of who raises it',
            'the far end\'s certificate is not the pinned one')
    with open(f'{made}/a.pem', 'rb') as right, open(f'{made}/d.pem', 'wb') as wrong:
        wrong.write(right.read())
    s.b.reload()
    wait_for('the other certificate', lambda: 'its certificate of IKE, or ours, is another' in
             s.b.log())
    goes_on(t, *other)
    well(t)
    t.claim('a certificate in place of the pinned one takes no restart',
            s.b.log().rsplit('parent: info: ended', 1)[-1].count('charon 5') == 1)


def by_a_ca(t):
    """Both believe what a CA issued, and no other's."""
    s, issuer, other = t.stage, certs.Issuer(t.lab, 'ike'), certs.Issuer(t.lab, 'other')
    for site in 'ab':
        issuer.issue(site, f'DNS:{site}.example', curve='P-256')
        shell = Shell(t.lab, t.build, t.charon[site].path)
        shell.wait('up ')
        shell.good(f'key {issuer.dir}/{site}.key')
    charon.prove(s.a, issuer.dir, 'a', 'ca', 'ike_ca')
    charon.prove(s.b, issuer.dir, 'b', 'ca', 'ike_ca')
    well(t)
    ended(t)
    s.a.peers[0].more['ike_ca'] = f'file:{other.ca}'
    charon.restart(s.a)
    wait_for('the end of what the CA before had raised', lambda: not any(
        'peer' in sa for sa in json.loads(s.a.tell('sas', '--json'))['charon']))
    refused(t, 'a certificate of another CA', 'the far end does not believe us')
    t.claim('and at the far end', 'audit: peer b: charon refused a tunnel that the far end '
            'began: the far end\'s certificate ' in s.a.log(), s.a.log()[-1000:])


def check(t):
    by_keys(t)
    by_suites(t)
    by_certificates(t)
    ended(t)
    by_a_ca(t)
