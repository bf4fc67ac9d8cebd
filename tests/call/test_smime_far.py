#!/usr/bin/env python3
"""Calls of ours to a far end that nobody here wrote, by the real daemon: who may answer
them, and descriptions that travel in PRACK and UPDATE, sealed both ways.

    test_smime_far.py [NAME ...]     runs all cases, or those whose name matches"""
import sys

from sipsock import SDP, dialog
from smimefar import Answer, Bound, FAR, HOST, encrypted, run, signed, unsealed

PROFILES = '''
both = { need = "forbid"; body = "sign-encrypt"; fetch = false; };
signed = { need = "forbid"; body = "sign"; };
'''
PEERS = f'''
{{ match = "*@a.example"; profile = "both"; name = "a"; cert = "file:a.pem";
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
    for name, san in (('a', 'a'), ('s', 's'), ('sam', 'sam@s'), ('rob', 'rob@s')):
        gate.issuer.issue(name, f'URI:sip:{san}.example')
    gate.issuer.revoke()
    gate.run(PROFILES, PEERS)
    gate.far_tcp = gate.end(FAR + 1, 0, tcp=True).listen()
    return gate


if __name__ == '__main__':
    sys.exit(run(CASES, prepare))
