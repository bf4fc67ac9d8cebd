"""Calls in which nobody outside is named, through Kamailio: the linkage test

Whole messages with hide = true and "both", in both directions. What passed the outside is
searched for every name of caller, callee and signer, and for whatever is the same in two
calls. The same search finds the names where nothing is hidden.
"""
import importlib.util
import os
import re
import subprocess

from lib import certs, pcap, sip, stage
from lib.proxy import Proxy
from lib.ua import Agent

spec = importlib.util.spec_from_file_location('smime', os.path.join(
    os.path.dirname(__file__), '..', 'smime', 'test.py'))
smime = importlib.util.module_from_spec(spec)
spec.loader.exec_module(smime)

ANONYMOUS = '"Anonymous" <sip:anonymous@anonymous.invalid>'


def setup(t):
    lab = t.open()
    t.issuer = certs.Issuer(lab)
    paths = {'a': t.issuer.issue('a', 'URI:sip:a.example', curve='P-256'),
             'b': t.issuer.issue('b', 'URI:sip:b.example', curve='P-256')}
    t.proxy = Proxy(lab, smime.same.ROUTES.replace('TRANSPORT', 'udp'))
    t.proxy_a = f'sip:{t.proxy.addresses["a"]}:5060'
    t.stage = stage.Stage(
        lab, route='', body='tunnel', proxy_a=t.proxy_a,
        proxy_b=f'sip:{t.proxy.addresses["b"]}:5060',
        peer_a={'cert': f'file:{paths["b"]}'}, peer_b={'cert': f'file:{paths["a"]}'},
        extra_a=t.issuer.config('a'), extra_b=t.issuer.config('b'))


def field(t, site, *words):
    out = subprocess.run(['openssl', 'x509', '-in', f'{t.issuer.dir}/{site}.pem', '-noout',
                          *words], check=True, capture_output=True, text=True).stdout
    return out


def signers(t, site):
    """What names the certificate of a site, in text and DER: names, serial, key."""
    serial = bytes.fromhex(field(t, site, '-serial').strip().split('=')[1])
    key = field(t, site, '-pubkey')
    der = subprocess.run(['openssl', 'pkey', '-pubin', '-outform', 'DER'], input=key.encode(),
                         check=True, capture_output=True).stdout
    return {f'serial of {site}': serial, f'key of {site}': der[-32:],
            f'name of {site}': f'sip:{site}.example'.encode()}


def record_calls(t, rounds):
    """So many calls each way: what passed outside, by call."""
    s = t.stage
    s.record()
    seen = []
    for _ in range(rounds):
        for caller, callee, uri in ((s.alice, s.bob, stage.BOB), (s.bob, s.alice, stage.ALICE)):
            s.talk(caller, callee, uri, seconds=0.6, ends=callee,
                   during=lambda: seen.extend(s.a.calls() + s.b.calls()))
    t.claim('all sealed', [c['verdict'] for c in seen] == ['sealed'] * 4 * rounds)
    people = [{c[who].split(';')[0] for who in ('caller', 'callee')} for c in seen]
    t.claim('both gateways know who speaks', people == [{stage.ALICE, stage.BOB}] * 4 * rounds,
            str(people))
    paths = s.recorded()
    wire, calls = sip.messages(paths['wire']), {}
    for m in wire:
        if m.header('Call-ID') and m.method != 'OPTIONS':
            calls.setdefault(m.header('Call-ID'), []).append(m)
    t.claim('all calls were seen', len(calls) == 2 * rounds, str(list(calls)))
    phone = sip.messages(paths['phone-b'])
    t.claim('the phone sees who calls', any(
        m.method == 'INVITE' and not m.status and 'alice@a.example' in m.header('From')
        for m in phone), str([m.header('From') for m in phone if m.method == 'INVITE']))
    return list(calls.values())


def named(t, calls, hide):
    """What of the people is in clear in what passed: the words found."""
    found = set()
    words = {'alice': b'alice', 'bob': b'bob'}
    for site in 'ab':
        words.update({k: v for k, v in signers(t, site).items()})
    for n, call in enumerate(calls):
        caller = 'alice' if n % 2 == 0 else 'bob'
        there = 'b' if n % 2 == 0 else 'a'
        for m in call:
            text = m.raw
            for name, word in words.items():
                if name.startswith(('serial', 'key')) and name.endswith(there):
                    continue  # the recipient's domain is named by what is encrypted for it
                if name == f'name of {there}' and hide:
                    continue
                if name in ('alice', 'bob') and hide is True and name != caller:
                    continue
                if word in text:
                    found.add((name, m.start.split(' ')[0], m.status))
    return found


def tokens(call):
    """Every word of the headers and first lines of a call that could be an id of it."""
    words = set()
    for m in call:
        head = m.raw.split(b'\r\n\r\n', 1)[0].decode()
        for line in head.split('\r\n'):
            if line.lower().startswith(('date:', 'content-', 'cseq:', 'max-forwards:')):
                continue
            words.update(re.findall(r'[A-Za-z0-9][A-Za-z0-9_.+%!*-]{7,}', line))
    return words


# What says no more than which gateways and proxies these are, and what they speak.
PLAIN = re.compile(r'^(\d+\.\d+\.\d+\.\d+.*|SIP.*|callseal|.*\.invalid|anonymous|Anonymous|'
                   r'[a-z]\.example|Proxy.*|Session-Expires|Max-Forwards|Record-Route|Supported|'
                   r'Content-.*|replaces|refresher|transport|Undecipherable|Trying|Ringing|'
                   r'rport.*|received.*|branch|.*kamailio.*|trying|Server|timer|100rel|'
                   r'z9hG4bK|Require.*|Warning|precondition|INVITE|UPDATE|outbound|gruu|'
                   r'norefersub|important)$', re.I)


def repeated(calls):
    """Words that two calls share."""
    seen, twice = set(), set()
    for call in calls:
        words = {w for w in tokens(call) if not PLAIN.match(w)}
        twice |= seen & words
        seen |= words
    return twice


def cms(t, calls):
    """The envelopes name the recipient's domain in the first message, and nobody later."""
    shown = []
    for call in calls:
        bodies = {}
        for m in call:
            if m.header('Content-Type') and 'pkcs7' in m.header('Content-Type'):
                bodies.setdefault(m.raw.split(b'\r\n\r\n', 1)[1], m)
        kinds = []
        for body, m in bodies.items():
            out = smime.openssl(t, '-cmsout', '-print', '-inform', 'DER', '-noout', '-in',
                                smime.put(t, 'cms', body)).stdout.decode()
            t.claim(f'{m.start.split()[0]}: no signer, certificate or attribute outside',
                    'signerInfos' not in out and 'X509' not in out and
                    re.search(r'originatorInfo: *<ABSENT>', out), out[:1500])
            ids = re.findall(r'keyIdentifier: *\n((?: .*- .*\n)+)', out)
            kinds.append('kekri' if 'd.kekri' in out else 'kari' if 'd.kari' in out else out)
            shown += [(kinds[-1], ''.join(ids))]
        t.claim('one for a certificate, all others by the call\'s key',
                sorted(kinds)[0] == 'kari' and kinds.count('kari') == 1, str(kinds))
    keks = [i for kind, i in shown if kind == 'kekri' and i]
    t.claim('a call\'s key has a name of its own', len(set(keks)) >= len(calls), str(shown)[:500])


def check_hidden(t, hide, rounds):
    calls = record_calls(t, rounds)
    found = named(t, calls, hide)
    t.claim(f'hide = {hide}: nobody is named outside', not found, str(found))
    twice = repeated(calls)
    t.claim(f'hide = {hide}: nothing is the same in two calls', not twice, str(twice))
    for call in calls:
        first = next(m for m in call if m.start.startswith('INVITE'))
        t.claim('From is anonymous', first.header('From').startswith(ANONYMOUS),
                first.header('From'))
        t.claim('no header names anybody', not any(first.header(h) for h in (
            'User-Agent', 'P-Asserted-Identity', 'Remote-Party-ID', 'Subject')), first.start)
    cms(t, calls)
    return calls


def check_shown(t):
    """Nothing is hidden: the search finds it."""
    calls = record_calls(t, 1)
    found = {name for name, _, _ in named(t, calls, False)}
    t.claim('the search finds who is not hidden', found >= {'alice', 'bob'}, str(found))
    t.claim('and what comes again', calls[0][0].header('Call-ID') in repeated(calls + calls[:1]))


def replay(eve, invite, to=None):
    """What a hidden INVITE of somebody's gets from eve, word for word, or to another token."""
    head, body = invite.raw.split(b'\r\n\r\n', 1)
    own = invite.header('To').split('sip:')[1].split('@')[0]
    branch = f'z9hG4bK{len(head)}{to}'
    lines = [line for line in head.decode().split('\r\n')
             if not line.lower().startswith(('via:', 'record-route:', 'route:'))]
    lines.insert(1, f'Via: SIP/2.0/UDP {eve.at};branch={branch}')
    head = '\r\n'.join(lines).replace(own, to or own)
    eve.send(head.encode() + b'\r\n\r\n' + body)
    return eve.final({'call': invite.header('Call-ID'), 'uri': stage.BOB, 'branch': branch,
                      'tag': 'x', 'cseq': int(invite.header('CSeq').split()[0])})


def intercepted(t):
    """An INVITE of a hidden call that reached nobody else."""
    s = t.stage
    thief = Agent(t.lab, 'net', t.lab.net.address('net-a'), stage.BOB, (s.a.outside, 5060), 5090)
    s.a.proxy = f'sip:{thief.at}'
    smime.reloaded(s.a)
    s.alice.forget()
    s.alice.dial(stage.BOB)
    invite = thief.wait(lambda m: m.start.startswith('INVITE'))
    thief.answer(invite, 486, 'Busy Here', 'x')
    s.alice.wait_event('CALL_CLOSED')
    s.a.proxy = t.proxy_a
    smime.reloaded(s.a)
    return invite


def check_refused(t, calls):
    """Who does not hide, what is garbage, who is a stranger."""
    s = t.stage
    s.bob.forget()
    eve = Agent(t.lab, 'net', t.lab.net.address('net-b'), 'sip:anonymous@anonymous.invalid',
                (s.b.outside, 5060))
    final = replay(eve, intercepted(t), '0123456789abcdef' * 2)
    t.claim('with a token of another call: 488', final.status == 488 and
            'shows who is in it' in s.b.log().strip().split('\n')[-1],
            f'{final.start} {s.b.log()[-300:]}')
    final = replay(eve, next(m for m in calls[0] if m.start.startswith('INVITE')))
    t.claim('once more: 482', final.status == 482, final.start)
    for to in ('sip:0123456789abcdef0123456789abcdef@b.example', stage.BOB,
               'sip:nobody@b.example'):
        final = eve.final(eve.request('INVITE', to, 'no CMS', headers=[
            'Content-Type: application/pkcs7-mime;smime-type=authEnveloped-data']))
        t.claim(f'what does not open gets 493, whoever it is for: {to}',
                final.status == 493 and not final.body, final.start)
    s.a.hide = False
    smime.reloaded(s.a)
    s.alice.forget()
    s.alice.dial(stage.BOB)
    s.alice.wait_event('CALL_CLOSED')
    t.claim('who does not hide is refused', 'shows who is in it' in s.b.log(), s.b.log()[-400:])
    t.claim('no phone rang', not s.bob.rang())


def check(t):
    s = t.stage
    check_shown(t)
    for hide in (True, 'both'):
        smime.set_both(s, hide=hide)
        calls = check_hidden(t, hide, rounds=2 if hide == 'both' else 1)
    check_refused(t, calls)
