#!/usr/bin/env python3
"""Calls of ours to a far end that nobody here wrote, by the real daemon: who may answer
them, and descriptions that travel in PRACK and UPDATE, sealed both ways.

    test_smime_far.py [NAME ...]     runs all cases, or those whose name matches"""
import json
import subprocess
import sys

from parent import CTL
from sipsock import SDP, dialog
from smimefar import (Answer, Bound, FAR, HOST, encrypted, entity, openssl, run, signed,
                      unsealed)

PROFILES = '''
both = { need = "forbid"; body = "sign-encrypt"; fetch = false; };
signed = { need = "forbid"; body = "sign"; };
keyed = { need = "require"; keying = [ "sdes" ]; suites = [ "AES_CM_128_HMAC_SHA1_80" ];
          body = "sign-encrypt"; diverted = "allow"; fetch = false; };
whole = { need = "forbid"; body = "tunnel"; diverted = "allow"; fetch = false; };
trunk = { need = "forbid"; body = "sign"; diverted = "allow"; asserted = "trust"; };
open = { need = "forbid"; body = "sign"; diverted = "allow"; };
eager = { need = "prefer"; keying = [ "mikey-ecdh" ]; body = "sign"; diverted = "allow"; };
'''
PEERS = f'''
{{ match = "*@a.example"; profile = "both"; name = "a"; cert = "file:a.pem";
   route = "sip:{HOST}:{FAR + 1};transport=tcp"; }},
{{ match = "*@k.example"; profile = "keyed"; name = "k"; cert = "file:k.pem";
   route = "sip:{HOST}:{FAR + 1};transport=tcp"; }},
{{ match = "*@w.example"; profile = "whole"; name = "w"; cert = "file:w.pem";
   route = "sip:{HOST}:{FAR + 1};transport=tcp"; }},
{{ match = "*@n.example"; profile = "trunk"; name = "n";
   route = "sip:{HOST}:{FAR + 1};transport=tcp"; }},
{{ match = "*@o.example"; profile = "open"; name = "o";
   route = "sip:{HOST}:{FAR + 1};transport=tcp"; }},
{{ match = "*@t.example"; profile = "open"; name = "t";
   route = "sip:{HOST}:{FAR + 1};transport=tcp"; }},
{{ match = "*@q.example"; profile = "eager"; name = "q";
   route = "sip:{HOST}:{FAR + 1};transport=tcp"; }},
{{ match = "*@s.example"; profile = "signed"; name = "s"; route = "sip:{HOST}:{FAR}"; }}
'''
CASES = []


def case(fn):
    CASES.append((fn.__name__, fn))
    return fn


def calls(s, uri, far, body=SDP, extra=''):
    """The phone's INVITE; its dialog, and what came at the far end."""
    d = dialog(**{'from': '<sip:bob@b.example>', 'to': f'<{uri}>', 'uri': uri})
    d['branch'] = s.phone.request('INVITE', uri, d, body=body, extra=extra)
    return d, far.expect('INVITE', 5)


def confirm(s, d, far):
    ok = s.phone.expect('SIP/2.0 200', 4)
    assert ok.get('Content-Type') in ('application/sdp', ''), ok.data
    d['ttag'], d['uri'] = ok.tag('To'), ok.contact()
    s.phone.request('ACK', d['uri'], d, cseq=1)
    far.expect('ACK', 4)


def bye(s, d, far):
    s.phone.request('BYE', d['uri'], d)
    far.reply(far.expect('BYE', 4), '200 OK', contact=False)
    s.phone.expect('SIP/2.0 200')


def of_far(i, name='sip:sam@s.example', cseq=7):
    """The dialog as the far end has it, speaking as that name."""
    return {'call_id': i.get('Call-ID'), 'ftag': 'F1', 'ttag': i.tag('From'), 'cseq': cseq,
            'from': f'<{name}>', 'to': '<sip:bob@b.example>'}


# -- who answers ------------------------------------------------------------------

@case
def the_domain_or_the_one_who_was_called(s):
    for name in ('s', 'sam'):
        d, i = calls(s, 'sip:sam@s.example', s.far)
        for status, content in (('180 Ringing', None), ('200 OK', SDP)):
            r = Answer(s.far, i, status)
            r.send(signed(s.path(name), r.content(content) if content else r.fragment()))
        s.phone.expect('SIP/2.0 180', 4)
        confirm(s, d, s.far)
        bye(s, d, s.far)


@case
def nobody_else(s):
    """Of the same domain, or of another: a call that was diverted is no call. What rings
    there is not heard, whoever it says that it is."""
    for name, san in (('rob', 'sip:rob@s.example'), ('a', 'sip:a.example')):
        for to in (None, f'<{san}>'):
            d, i = calls(s, 'sip:sam@s.example', s.far)
            since = len(s.gate.log())
            r = Answer(s.far, i, '180 Ringing')
            r.send(signed(s.path(name), r.fragment()))
            s.refused(since, 403, f'certificate is for {san}, the call is with sip:sam@s.example')
            s.phone.quiet(0.1)
            since = len(s.gate.log())
            r = Answer(s.far, i, '200 OK', to=to)
            r.send(signed(s.path(name), r.content()))
            s.far.expect('ACK', 4)
            s.far.reply(s.far.expect('BYE', 4), '200 OK', contact=False)
            s.refused(since, 403, f'certificate is for {san}')
            no = s.phone.expect('SIP/2.0 403')
            s.phone.request('ACK', d['uri'], dict(d, ttag=no.tag('To')), branch=d['branch'])


@case
def who_is_connected_stays(s):
    """RFC 4916, which we do not announce: requests in the call by other names. They are
    taken of who was called, or of the domain for him; for the phone nothing changes."""
    d, i = calls(s, 'sip:sam@s.example', s.far)
    assert 'from-change' not in i.get('Supported'), i.get('Supported')
    r = Answer(s.far, i, '200 OK')
    r.send(signed(s.path('s'), r.content()))
    confirm(s, d, s.far)
    for n, (name, who) in enumerate((('rob', 'sip:rob@s.example'), ('a', 'sip:sam@a.example'),
                                     ('a', 'sip:sam@s.example'), ('s', 'sip:rob@s.example'))):
        m = Bound(s.far, '', i.contact(), 'UPDATE', of_far(i, who, 7 + n))
        if name != 's':
            s.bad(403, 'certificate is for', lambda m, name=name: signed(
                s.path(name), m.fragment()), message=m)
            continue
        m.send(signed(s.path(name), m.fragment()))
        got = s.phone.expect('UPDATE')
        assert '<sip:sam@s.example>' in got.get('From'), got.get('From')
        s.phone.reply(got, '200 OK')
        s.far.expect('SIP/2.0 200')
    bye(s, d, s.far)


# -- who is connected, where the profile takes another ------------------------------

SAM, ROB, TIM = 'sip:sam@o.example', 'sip:rob@o.example', 'sip:tim@t.example'
NO_PEER = 'who has no peer of the same profile'
KEYED = SDP.replace('RTP/AVP', 'RTP/SAVP') + (
    'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n')


def the_call(s):
    """As callsealctl has it."""
    told = subprocess.run([CTL, '--run-dir', s.gate.run_dir, '--json', 'calls'], check=True,
                          capture_output=True)
    return json.loads(told.stdout)[-1]


def answer(s, i, name, status='200 OK', tag='F1', **over):
    """What the far end says, signed by that name."""
    r = Answer(s.gate.far_tcp, i, status, tag, **over)
    r.send(signed(s.path(name), r.content() if status[0] == '2' else r.fragment()))
    return r


def ask(s, i, name, who, cseq, method='UPDATE', tag='F1'):
    """A request of the far end's in the call, as who in From, signed by that name."""
    d = dict(of_far(i, who, cseq), ftag=tag)
    m = Bound(s.gate.far_tcp, '', i.contact(), method, d)
    m.send(signed(s.path(name), m.fragment()))
    return m


def taken(s, method='UPDATE'):
    got = s.phone.expect(method, 4)
    s.phone.reply(got, '200 OK')
    s.gate.far_tcp.expect('SIP/2.0 200', 4)
    return got


def not_taken(s, i, name, who, cseq, why, method='UPDATE', tag='F1'):
    since = len(s.gate.log())
    ask(s, i, name, who, cseq, method, tag)
    s.gate.far_tcp.expect('SIP/2.0 403', 4)
    s.refused(since, 403, why)
    s.phone.quiet(0.1)


def no_call(s, d, since, why):
    """It was answered by whom the call must not be with."""
    far = s.gate.far_tcp
    far.expect('ACK', 4)
    far.reply(far.expect('BYE', 4), '200 OK', contact=False)
    s.refused(since, 403, why)
    no = s.phone.expect('SIP/2.0 403', 4)
    s.phone.request('ACK', d['uri'], dict(d, ttag=no.tag('To')), branch=d['branch'])


def up(s, d, i, who):
    """The call is up, with that one (None: whom it is for)."""
    confirm(s, d, s.gate.far_tcp)
    assert the_call(s).get('connected') == who, the_call(s)


@case
def diverted_to_somebody_with_a_certificate(s):
    """Of the same domain, of another, or to the domain itself; then the call is his."""
    far = s.gate.far_tcp
    for name, who in (('orob', ROB), ('tim', TIM), ('t', 'sip:t.example')):
        since = len(s.gate.log())
        d, i = calls(s, SAM, far)
        answer(s, i, name, '180 Ringing')
        s.phone.expect('SIP/2.0 180', 4)
        answer(s, i, name)
        up(s, d, i, who)
        assert f'audit: peer o: the call for {SAM} is with {who}' in s.gate.log()[since:]
        # whoever was called has no part in it
        not_taken(s, i, 'osam', SAM, 7, f'the call is with {who}', 'BYE')
        not_taken(s, i, 'a', who, 8, f'the call is with {who}', 'INFO')
        ask(s, i, name, SAM, 9, 'BYE')
        s.phone.reply(s.phone.expect('BYE', 4), '200 OK', contact=False)
        far.expect('SIP/2.0 200', 4)


@case
def no_more_than_peer(s):
    """Keys that both have and nobody else make no call with whom was not called sealed; nor
    is it so once whoever was called is back, for the keys are the other's still."""
    far = s.gate.far_tcp
    for name, word, why in (('k', 'sealed', 'both sides signed SDP'),
                            ('kim', 'peer', 'the call was diverted')):
        d, i = calls(s, 'sip:kay@k.example', far)
        r = Answer(far, i, '200 OK')
        r.send(encrypted(s.path('b'), signed(s.path(name), r.content(KEYED))))
        up(s, d, i, None if name == 'k' else 'sip:kim@k.example')
        for n, who in enumerate((None,) if name == 'k' else (None, 'kim', 'kay')):
            if who:
                ask(s, i, who, f'sip:{who}@k.example', 10 + n)
                taken(s)
            call = the_call(s)
            assert call['verdict'] == word and why in call['reason'], call
        assert 'connected' not in call, call
        bye(s, d, far)


@case
def nobody_takes_what_others_sealed(s):
    """By a signature of his own around it: he cannot know what he signs, and keys that
    come so are not his. Who was called may do it."""
    far = s.gate.far_tcp
    for inner, outer, fine in (('k', 'kim', False), ('kim', 'k', False), ('kim', 'kim', False),
                               (None, 'kim', False), (None, 'k', True)):
        d, i = calls(s, 'sip:kay@k.example', far)
        since = len(s.gate.log())
        r = Answer(far, i, '200 OK')
        text = r.content(KEYED)
        r.send(signed(s.path(outer), encrypted(
            s.path('b'), signed(s.path(inner), text) if inner else text)))
        if fine:
            up(s, d, i, None)
            bye(s, d, far)
        else:
            no_call(s, d, since, 'by one signature within all encryption')


@case
def whole_messages_are_his(s):
    """All that follows is encrypted for him, and not for who was called; also what the
    gateway says when the call is over."""
    far = s.gate.far_tcp
    d, i = calls(s, 'sip:wes@w.example', far)
    unsealed(i, s.path('w'), s.path('ca'))
    r = Answer(far, i, '200 OK')
    text = r.first + ''.join(f'{k}: {v}\r\n' for k, v in r.headers.items())
    r.send(encrypted(s.path('b'), signed(s.path('wim'), entity(
        'message/sip', f'{text}Content-Type: application/sdp\r\n\r\n{SDP}'))))
    ok = s.phone.expect('SIP/2.0 200', 4)
    d['ttag'], d['uri'] = ok.tag('To'), ok.contact()
    s.phone.request('ACK', d['uri'], d, cseq=1)
    got = [far.expect('ACK', 4)]
    assert the_call(s)['connected'] == 'sip:wim@w.example', the_call(s)
    subprocess.run([CTL, '--run-dir', s.gate.run_dir, 'hangup', the_call(s)['id']], check=True,
                   capture_output=True)
    s.phone.reply(s.phone.expect('BYE', 4), '200 OK', contact=False)
    got.append(far.expect('BYE', 4))
    far.reply(got[1], '200 OK', contact=False)
    for m in got:
        inner = unsealed(m, s.path('wim'), s.path('ca'))
        assert f'{m.method} '.encode() in inner, inner
        try:
            unsealed(m, s.path('w'), s.path('ca'))
        except AssertionError:
            continue
        assert False, 'who was called can read it'


@case
def diverted_to_whom_nobody_trusts(s):
    """Certificates that would be refused of anybody, that name several, or whose owners
    are treated otherwise by their own profile, in `need` alone, too."""
    for name, why in (('self', 'is refused'), ('gone', 'is refused'), ('two', 'certificate is for'),
                      ('zed', NO_PEER), ('a', NO_PEER), ('quin', NO_PEER)):
        d, i = calls(s, SAM, s.gate.far_tcp)
        since = len(s.gate.log())
        answer(s, i, name)
        no_call(s, d, since, why)


@case
def who_rang_is_who_answers(s):
    d, i = calls(s, SAM, s.gate.far_tcp)
    answer(s, i, 'osam', '180 Ringing')
    s.phone.expect('SIP/2.0 180', 4)
    since = len(s.gate.log())
    answer(s, i, 'tim')
    no_call(s, d, since, f'certificate is for {TIM}, the call is with {SAM}')


@case
def branches_are_each_somebodys(s):
    for rings, picks, who in (('tim', 'osam', None), ('osam', 'tim', TIM), ('tim', 'orob', ROB)):
        far = s.gate.far_tcp
        d, i = calls(s, SAM, far)
        for n, name in (('F1', rings), ('F2', picks)):
            answer(s, i, name, '180 Ringing', n)
            s.phone.expect('SIP/2.0 180', 4)
        answer(s, i, picks, tag='F2')
        up(s, d, i, who)
        bye(s, d, far)


@case
def another_change(s):
    """By a request that names him in From, which he signed (RFC 4916 4.4); not else."""
    far = s.gate.far_tcp
    d, i = calls(s, SAM, far)
    answer(s, i, 'tim')
    up(s, d, i, TIM)
    for n, (name, who, then) in enumerate((
            ('tim', TIM, TIM), ('tim', SAM, TIM), ('t', TIM, TIM), ('orob', ROB, ROB),
            ('orob', SAM, ROB), ('osam', SAM, None), ('tim', TIM, TIM))):
        ask(s, i, name, who, 10 + n)
        taken(s)
        assert the_call(s).get('connected') == then, (name, who, the_call(s))
    for n, (name, who, why) in enumerate((
            ('tim', ROB, f'certificate is for {TIM}, the call is with {ROB}'),
            ('orob', TIM, f'certificate is for {ROB}, the call is with {TIM}'),
            ('osam', 'sip:ann@a.example', NO_PEER), ('a', 'sip:ann@a.example', NO_PEER),
            ('self', SAM, 'is refused'))):
        not_taken(s, i, name, who, 20 + n, why)
    # who is new says so before anything else, and ends no call
    for n, (name, who, method) in enumerate((('orob', ROB, 'BYE'), ('orob', ROB, 'INFO'),
                                             ('osam', SAM, 'BYE'))):
        not_taken(s, i, name, who, 30 + n, f'certificate is for {who}, the call is with {TIM}',
                  method)
    assert the_call(s)['connected'] == TIM
    # a domain speaks for whom it names, who was called, too
    for n, (name, who, then) in enumerate((('orob', ROB, ROB), ('o', ROB, ROB), ('o', SAM, None),
                                           ('tim', TIM, TIM))):
        ask(s, i, name, who, 40 + n)
        taken(s)
        assert the_call(s).get('connected') == then, (name, who, the_call(s))
    # nor by an answer
    s.phone.request('INFO', d['uri'], d)
    got = far.expect('INFO', 4)
    since = len(s.gate.log())
    r = Answer(far, got, '200 OK')
    r.send(signed(s.path('orob'), r.fragment()))
    s.phone.expect('SIP/2.0 502', 4)
    s.refused(since, 403, f'certificate is for {ROB}')
    bye(s, d, far)


# -- who is told of it --------------------------------------------------------------

NOBODY = 'sip:anonymous@anonymous.invalid'
KNOWS = 'Supported: from-change\r\nAllow: INVITE, ACK, BYE, CANCEL, UPDATE\r\n'


def named(m, who):
    """A message to the phone names him (None: nobody) as whom it is with."""
    assert m.get('P-Asserted-Identity') == (f'<{who}>' if who else ''), m.data
    return m


@case
def phones_are_told(s):
    """By P-Asserted-Identity, in whatever comes anyway."""
    far = s.gate.far_tcp
    d, i = calls(s, SAM, far)
    assert 'from-change' in i.get('Supported'), i.data
    answer(s, i, 'tim', '180 Ringing')
    named(s.phone.expect('SIP/2.0 180', 4), TIM)
    answer(s, i, 'osam', '180 Ringing', 'F2')
    named(s.phone.expect('SIP/2.0 180', 4), SAM)
    answer(s, i, 'tim')
    ok = named(s.phone.expect('SIP/2.0 200', 4), TIM)
    d['ttag'], d['uri'] = ok.tag('To'), ok.contact()
    s.phone.request('ACK', d['uri'], d, cseq=1)
    far.expect('ACK', 4)
    s.phone.quiet(0.1)  # it knows, and says no UPDATE
    for n, (name, who) in enumerate((('orob', ROB), ('osam', SAM))):
        ask(s, i, name, who, 30 + n)
        got = named(taken(s), who)
        assert f'<{SAM}>' in got.get('From'), got.data
        # we call him as he calls himself
        s.phone.request('INFO', d['uri'], d)
        got = far.expect('INFO', 4)
        assert f'<{who}>' in got.get('To') and got.tag('To') == 'F1', got.data
        r = Answer(far, got, '200 OK')
        r.send(signed(s.path(name), r.fragment()))
        s.phone.expect('SIP/2.0 200', 4)
    bye(s, d, far)


@case
def by_another_from_where_they_know_it(s):
    far = s.gate.far_tcp
    d, i = calls(s, SAM, far, extra=KNOWS)
    assert i.get('Supported').count('from-change') == 1, i.data
    answer(s, i, 'tim')
    up(s, d, i, TIM)
    got = s.phone.expect('UPDATE', 4)
    assert f'<{TIM}>' in got.get('From') and got.tag('From') == d['ttag'], got.data
    named(got, TIM)
    s.phone.reply(got, '488 No')  # which it may say
    ask(s, i, 'tim', SAM, 30, 'INFO')
    got = taken(s, 'INFO')
    assert f'<{TIM}>' in got.get('From'), got.data
    # what changes nothing else is told, too
    s.phone.quiet(0.1)
    ask(s, i, 'orob', ROB, 31)
    got = taken(s)
    assert f'<{ROB}>' in got.get('From'), got.data
    s.phone.quiet(0.1)
    bye(s, d, far)


@case
def a_refresh_that_stays_here_tells_it_too(s):
    far = s.gate.far_tcp
    for more, who in ((KNOWS, ROB), (KNOWS.partition('\r\n')[2], SAM)):
        d, i = calls(s, SAM, far, extra=more)
        r = Answer(far, i, '200 OK')
        r.send(signed(s.path('osam'), r.content()),
               'Session-Expires: 1800;refresher=uas\r\nRequire: timer\r\n')
        up(s, d, i, None)
        u = Bound(far, '', i.contact(), 'UPDATE', of_far(i, ROB, 30))
        u.send(b'Session-Expires: 1800;refresher=uac\r\nSupported: timer\r\n'
               + signed(s.path('orob'), u.fragment()))
        far.expect('SIP/2.0 200', 4)
        got = s.phone.expect('UPDATE', 4)
        assert f'<{who}>' in named(got, ROB).get('From'), got.data
        s.phone.reply(got, '200 OK')
        s.phone.quiet(0.1)
        bye(s, d, far)


@case
def nobody_is_told_without_need(s):
    """Who was called answers; the profile takes nobody else, and says so to nobody."""
    far = s.gate.far_tcp
    for name, more in (('osam', ''), ('o', ''), ('osam', 'Privacy: id\r\n')):
        d, i = calls(s, SAM, far, extra=KNOWS)
        r = Answer(far, i, '200 OK')
        r.send(signed(s.path(name), r.content()), more)
        ok = named(s.phone.expect('SIP/2.0 200', 4), None)
        assert 'from-change' not in ok.get('Supported'), ok.data
        d['ttag'], d['uri'] = ok.tag('To'), ok.contact()
        s.phone.request('ACK', d['uri'], d, cseq=1)
        far.expect('ACK', 4)
        s.phone.quiet(0.1)
        bye(s, d, far)
    d, i = calls(s, 'sip:sam@s.example', s.far, extra=KNOWS.replace('from', 'timer, from'))
    assert i.get('Supported') == 'timer', i.data
    r = Answer(s.far, i, '200 OK')
    r.send(signed(s.path('sam'), r.content()), KNOWS)
    ok = named(s.phone.expect('SIP/2.0 200', 4), None)
    assert 'from-change' not in ok.get('Supported'), ok.data
    d['ttag'], d['uri'] = ok.tag('To'), ok.contact()
    s.phone.request('ACK', d['uri'], d, cseq=1)
    s.far.expect('ACK', 4)
    s.phone.quiet(0.1)
    bye(s, d, s.far)


@case
def who_wants_no_name_is_nobody(s):
    """Privacy is not signed: were nobody named, whoever adds it could have the phone show
    who was called. It is of its branch alone."""
    far = s.gate.far_tcp
    d, i = calls(s, SAM, far, extra=KNOWS)
    for n, (name, more, who) in enumerate((('orob', 'Privacy: id\r\n', NOBODY),
                                           ('tim', '', TIM))):
        r = Answer(far, i, '180 Ringing', f'F{n}')
        r.send(signed(s.path(name), r.fragment()), more)
        named(s.phone.expect('SIP/2.0 180', 4), who)
    r = Answer(far, i, '200 OK', 'F1')
    r.send(signed(s.path('tim'), r.content()), 'Privacy: id\r\n')
    ok = named(s.phone.expect('SIP/2.0 200', 4), NOBODY)
    d['ttag'], d['uri'] = ok.tag('To'), ok.contact()
    s.phone.request('ACK', d['uri'], d, cseq=1)
    far.expect('ACK', 4)
    got = named(s.phone.expect('UPDATE', 4), NOBODY)
    assert f'<{NOBODY}>' in got.get('From'), got.data
    s.phone.reply(got, '200 OK')
    bye(s, d, far)


@case
def a_trusted_network_says_it_itself(s):
    far = s.gate.far_tcp
    for pai in ('sip:+1@n.example', ''):
        d, i = calls(s, 'sip:nan@n.example', far, extra=KNOWS.partition('\r\n')[2])
        r = Answer(far, i, '200 OK')
        r.send(signed(s.path('ned'), r.content()), f'P-Asserted-Identity: <{pai}>\r\n' if pai
               else '')
        got = s.phone.expect('SIP/2.0 200', 4)
        assert got.all('P-Asserted-Identity') == [f'<{pai or "sip:ned@n.example"}>'], got.data
        d['ttag'], d['uri'] = got.tag('To'), got.contact()
        s.phone.request('ACK', d['uri'], d, cseq=1)
        far.expect('ACK', 4)
        s.phone.quiet(0.1)
        bye(s, d, far)


@case
def to_whom_it_was_diverted_here(s):
    """A call that a proxy led to another user of ours than To names: he is told in From,
    signed, if the far end knows that. Where it does not take it, it is left at that."""
    far = s.gate.far_tcp
    for more, ends in ((KNOWS, None), (KNOWS, 'rob'), (KNOWS, 'bob'),
                       (KNOWS.replace('Supported: from-change\r\n', ''), None)):
        m = Bound(far, SAM, 'sip:rob@b.example',
                  d=dialog(**{'from': f'<{SAM}>', 'to': '<sip:bob@b.example>'}))
        sealed = signed(s.path('osam'), m.content())
        head, _, body = sealed.partition(b'\r\n\r\n')
        m.send(more.encode() + head + b'\r\n\r\n' + body)
        rang = s.phone.expect('INVITE', 4)
        assert 'from-change' not in rang.get('Supported'), rang.data
        s.phone.reply(rang, '200 OK', 'P1', body=SDP)
        ok = far.expect('SIP/2.0 200', 4)
        assert 'from-change' in ok.get('Supported'), ok.data
        d = dict(m.dialog, ttag=ok.tag('To'), uri=ok.contact())
        a = Bound(far, SAM, d['uri'], 'ACK', d)
        a.cseq = m.cseq
        a.headers['CSeq'] = f'{m.cseq} ACK'
        a.send(signed(s.path('osam'), a.fragment()))
        s.phone.expect('ACK', 4)
        if 'from-change' in more:
            got = far.expect('UPDATE', 4)
            assert '<sip:rob@b.example>' in got.get('From'), got.data
            assert got.tag('From') == d['ttag'] and SAM in got.get('To'), got.data
            assert b'<sip:rob@b.example>' in openssl(
                'cms', '-verify', '-inform', 'DER', '-CAfile', s.path('ca.pem'), '-certfile',
                s.path('b.pem'), '-purpose', 'any', given=got.body), got.data
            if ends == 'bob':
                far.reply(got, '403 No', contact=False)
            else:
                r = Answer(far, got, '200 OK')
                r.send(signed(s.path('osam'), r.fragment()))
        far.quiet(0.1)
        if ends:
            s.phone.request('BYE', rang.contact(), {
                'call_id': rang.get('Call-ID'), 'ftag': 'P1', 'cseq': 1,
                'ttag': rang.tag('From'), 'from': rang.get('To'),
                'to': rang.get('From').partition(';')[0]})
            got = far.expect('BYE', 4)
            assert f'<sip:{ends}@b.example>' in got.get('From'), got.data
            r = Answer(far, got, '200 OK')
            r.send(signed(s.path('osam'), r.fragment()))
            s.phone.expect('SIP/2.0 200', 4)
            continue
        b = Bound(far, '', d['uri'], 'BYE', d)
        b.send(signed(s.path('osam'), b.fragment()))
        s.phone.reply(s.phone.expect('BYE', 4), '200 OK', contact=False)
        far.expect('SIP/2.0 200', 4)


@case
def a_caller_changes(s):
    """The same of calls that come in, where the profile takes it. Whom screening keeps out
    gets into none that way."""
    far = s.gate.far_tcp
    ron = 'sip:ron@o.example'
    for caller, name, then in ((SAM, 'osam', ROB), ('sip:sam@s.example', 'sam', None),
                               (SAM, 'osam', ron)):
        m = Bound(far, caller)
        m.send(signed(s.path(name), m.content()))
        got = s.phone.expect('INVITE', 4)
        s.phone.reply(got, '200 OK', 'P1', body=SDP)
        ok = far.expect('SIP/2.0 200', 4)
        d = dict(m.dialog, ttag=ok.tag('To'), uri=ok.contact())
        a = Bound(far, caller, d['uri'], 'ACK', d)
        a.cseq = m.cseq
        a.headers['CSeq'] = f'{m.cseq} ACK'
        a.send(signed(s.path(name), a.fragment()))
        s.phone.expect('ACK', 4)
        u = Bound(far, '', d['uri'], 'UPDATE', dict(d, **{'from': f'<{then or ROB}>'}))
        since = len(s.gate.log())
        u.send(signed(s.path('o' if then == ron else 'orob'), u.fragment()))
        if then == ron:
            far.expect('SIP/2.0 403', 4)
            for end in (far, s.phone):
                end.reply(end.expect('BYE', 4), '200 OK', contact=False)
            assert 'on a list of screening' in s.gate.log()[since:]
            break
        if then:
            taken(s)
            assert the_call(s)['connected'] == then
        else:
            far.expect('SIP/2.0 403', 4)
            s.refused(since, 403, 'certificate is for')
        who = 'orob' if then else name
        b = Bound(far, '', d['uri'], 'BYE', dict(d, cseq=u.cseq + 1))
        b.send(signed(s.path(who), b.fragment()))
        s.phone.reply(s.phone.expect('BYE', 4), '200 OK', contact=False)
        far.expect('SIP/2.0 200', 4)


# -- descriptions in PRACK and UPDATE ---------------------------------------------

def opened(s, m):
    """What we sealed for a.example; of m and of no other message."""
    assert b'm=audio' not in m.body and b'pkcs7-mime' in m.data, m.data
    inner = unsealed(m, s.path('a'), s.path('ca'))
    for name in ('Call-ID', 'CSeq'):
        assert f'\r\n{name}: {m.get(name)}\r\n'.encode() in inner, inner
    assert b'm=audio' in inner, inner


def both(s, m, content=SDP):
    m.send(encrypted(s.path('b'), signed(s.path('a'), m.content(content))))


def bare(s, m, **more):
    m.send(signed(s.path('a'), m.fragment()), **more)


@case
def an_answer_in_prack_then_updates(s):
    far = s.gate.far_tcp
    d, i = calls(s, 'sip:ann@a.example', far, b'', 'Require: 100rel\r\nSupported: 100rel\r\n'
                 'Allow: INVITE, ACK, BYE, CANCEL, PRACK, UPDATE\r\n')
    r = Answer(far, i, '183 Session Progress')
    r.send(encrypted(s.path('b'), signed(s.path('a'), r.content())),
           'Require: 100rel\r\nRSeq: 5\r\n')
    p = s.phone.expect('SIP/2.0 183', 4)
    assert p.get('Content-Type') == 'application/sdp', p.data
    d['ttag'], d['uri'] = p.tag('To'), p.contact()
    s.phone.request('PRACK', d['uri'], d, extra=f'RAck: {p.get("RSeq")} 1 INVITE\r\n', body=SDP)
    got = far.expect('PRACK', 4)
    opened(s, got)
    assert got.get('RAck') == '5 ' + i.get('CSeq'), got.get('RAck')
    far.reply(got, '200 OK', contact=False)
    s.phone.expect('SIP/2.0 200')
    # ours, while it rings
    s.phone.request('UPDATE', d['uri'], d, body=SDP)
    got = far.expect('UPDATE', 4)
    opened(s, got)
    both(s, Answer(far, got, '200 OK'))
    ok = s.phone.expect('SIP/2.0 200')
    assert ok.body.startswith(b'v=0') and 'UPDATE' in ok.get('CSeq'), ok.data
    # theirs
    m = Bound(far, '', i.contact(), 'UPDATE', of_far(i, 'sip:ann@a.example'))
    both(s, m)
    got = s.phone.expect('UPDATE', 4)
    assert got.body.startswith(b'v=0'), got.data
    s.phone.reply(got, '200 OK', body=SDP)
    opened(s, far.expect('SIP/2.0 200', 4))
    bare(s, Answer(far, i, '200 OK'))
    confirm(s, d, far)
    # with nothing sealed in it, no phone sees it
    m = Bound(far, '', i.contact(), 'UPDATE', of_far(i, 'sip:ann@a.example', 20))
    s.bad(488, 'not encrypted', lambda m: signed(s.path('a'), m.content()), message=m, end=far)
    bye(s, d, far)


@case
def a_prack_of_our_own(s):
    """For a phone that knows none, to a reliable answer that is sealed. A PRACK says no
    more than RAck, so that in this mode it has no body."""
    far = s.gate.far_tcp
    d, i = calls(s, 'sip:ann@a.example', far)
    r = Answer(far, i, '183 Session Progress')
    r.send(encrypted(s.path('b'), signed(s.path('a'), r.content())),
           'Require: 100rel\r\nRSeq: 9\r\n')
    got = far.expect('PRACK', 4)
    assert (got.get('RAck'), got.body) == ('9 ' + i.get('CSeq'), b''), got.data
    far.reply(got, '200 OK', contact=False)
    p = s.phone.expect('SIP/2.0 183', 4)
    assert p.body.startswith(b'v=0') and not p.get('RSeq'), p.data
    bare(s, Answer(far, i, '200 OK'))
    confirm(s, d, far)
    bye(s, d, far)


def prepare(gate):
    for name, san in (('a', 'a'), ('s', 's'), ('sam', 'sam@s'), ('rob', 'rob@s'),
                      ('o', 'o'), ('osam', 'sam@o'), ('orob', 'rob@o'), ('t', 't'),
                      ('tim', 'tim@t'), ('k', 'k'), ('kim', 'kim@k'), ('kay', 'kay@k'), ('w', 'w'),
                      ('wim', 'wim@w'), ('n', 'n'), ('ned', 'ned@n')):
        gate.issuer.issue(name, f'URI:sip:{san}.example')
    gate.issuer.own('self', f'URI:{SAM}')
    gate.issuer.issue('two', f'URI:{ROB},URI:{TIM}')
    gate.issuer.issue('zed', 'URI:sip:zed@z.example')
    gate.issuer.issue('quin', 'URI:sip:quin@q.example')
    gate.issuer.revoke(gate.issuer.issue('gone', f'URI:{TIM}'))
    gate.run(PROFILES, PEERS, 'screening = { deny = ( "ron@*" ); };')
    gate.far_tcp = gate.end(FAR + 1, 0, tcp=True).listen()
    return gate


if __name__ == '__main__':
    sys.exit(run(CASES, prepare))
