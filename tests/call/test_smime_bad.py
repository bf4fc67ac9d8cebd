#!/usr/bin/env python3
"""Sealed bodies that must not open, sent to the real daemon: the status that each
gets, one line of the log from the engine and one from the keeper that says why, and
a phone that does not ring. doc/SMIME.md has the table.

    test_smime_bad.py [NAME ...]     runs all cases, or those whose name matches"""
import sys

from sipsock import SDP, called
from smimefar import (BOB, CBC, Bound, OUTSIDE, Scene, changed, compressed, cut, detached,
                      encrypted, entity, multipart, run, signed)

ALICE = 'sip:alice@a.example'  # signs and encrypts
SAM = 'sip:sam@s.example'      # signs
TOM = 'sip:tom@t.example'      # signs, and is trusted on first use
WIM = 'sip:wim@w.example'      # seals whole messages
CASES = []

PROFILES = '''
both = { need = "forbid"; body = "sign-encrypt"; fetch = false; };
signed = { need = "forbid"; body = "sign"; };
first = { need = "forbid"; body = "sign"; trust = "tofu"; };
whole = { need = "forbid"; body = "tunnel"; };
'''
PEERS = '''
{ match = "*@a.example"; profile = "both"; name = "a"; },
{ match = "*@s.example"; profile = "signed"; name = "s"; },
{ match = "*@t.example"; profile = "first"; name = "t"; },
{ match = "*@w.example"; profile = "whole"; name = "w"; }
'''


def case(fn):
    CASES.append((fn.__name__, fn))
    return fn


class Calls(Scene):
    def bad(self, status, why, sealed, user=ALICE, *more, **named):
        super().bad(status, why, sealed, user, *more, **named)

    def good(self, sealed, user=ALICE):
        """Called and answered; the dialog of the far end, confirmed."""
        m = Bound(self.far, user)
        m.send(sealed(m))
        i = self.phone.expect('INVITE', 4)
        assert i.get('Content-Type') == 'application/sdp' and i.body.startswith(b'v=0'), i.data
        self.phone.reply(i, '200 OK', 'A1', body=SDP)
        ok = self.far.expect('SIP/2.0 200', 4)
        m.dialog.update(ttag=ok.tag('To'), cseq=m.cseq)
        return m.dialog, i, ok.contact()

    def ack(self, d, uri, user, seal):
        ack = Bound(self.far, user, uri, 'ACK', d)
        ack.send(seal(ack.fragment()))
        self.phone.expect('ACK')

    def bye(self, i):
        """The phone hangs up."""
        e = called(i, 'A1')
        self.phone.request('BYE', i.contact(), e)
        bye = self.far.expect('BYE', 4)
        self.far.reply(bye, '200 OK', contact=False)
        self.phone.expect('SIP/2.0 200')

    # how a right one is made
    def sign(self, name='s', content=SDP):
        return lambda m: signed(self.path(name), m.content(content))

    def both(self, name='a', to='b', **how):
        return lambda m: encrypted(self.path(to), signed(self.path(name), m.content()), **how)


@case
def right_ones_ring(s):
    for user, seal, bare in (
            (ALICE, s.both(), lambda x: signed(s.path('a'), x)),
            (SAM, s.sign(), lambda x: signed(s.path('s'), x)),
            (SAM, lambda m: detached(s.path('s'), m.content()), lambda x: signed(s.path('s'), x))):
        d, i, uri = s.good(seal, user)
        s.ack(d, uri, user, bare)
        s.bye(i)


@case
def cut_and_changed(s):
    s.bad(400, 'what should be CMS is not', lambda m: cut(s.both()(m), 0.5))
    s.bad(400, 'what should be CMS is not', lambda m: cut(s.sign()(m), 0.9), SAM)
    s.bad(493, 'not encrypted for us, or was changed', lambda m: changed(s.both()(m), 1))
    s.bad(493, 'not encrypted for us, or was changed',
          lambda m: changed(s.both(how=CBC)(m), 40))
    s.bad(403, 'the signature is wrong', lambda m: changed(s.sign()(m), 10), SAM)


@case
def wrong_people(s):
    s.bad(493, 'not encrypted for us', s.both(to='a'))
    s.bad(403, 'certificate is for sip:s.example', s.both('s'))
    s.bad(403, 'certificate is for sip:a.example', s.sign('a'), SAM)


@case
def layers_taken_off(s):
    s.bad(488, 'not signed', lambda m: encrypted(s.path('b'), m.content()))
    s.bad(493, '', lambda m: encrypted(s.path('b'), m.content(), CBC))
    s.bad(488, 'not encrypted', s.sign('a'))
    s.bad(488, 'not signed', lambda m: m.content(), SAM)
    s.bad(488, 'not ', lambda m: entity('application/sdp', SDP))


@case
def stripped_and_signed_anew(s):
    """Encrypted, then signed, which is taken: the outer signature is another's."""
    inner = lambda m: encrypted(s.path('b'), m.content())
    d, i, uri = s.good(lambda m: detached(s.path('a'), inner(m)))
    s.ack(d, uri, ALICE, lambda x: signed(s.path('a'), x))
    s.bye(i)
    s.bad(403, 'certificate is for sip:s.example', lambda m: detached(s.path('s'), inner(m)))
    # as a call of his own it is, but the headers within are hers
    alice = Bound(s.far, ALICE)
    sealed = detached(s.path('a2'), encrypted(s.path('b'), alice.content()))
    s.bad(403, 'From', lambda m: sealed, 'sip:mallory@a.example')


@case
def parts_in_another_order(s):
    s.bad(400, 'signature', lambda m: detached(s.path('s'), m.content(), turn=True), SAM)


@case
def certificates(s):
    s.bad(403, 'expired', s.sign('old'), SAM)
    s.bad(403, 'revoked', s.sign('revoked'), SAM)
    s.bad(403, 'certificate is for sip:a.example', s.sign('a'), SAM)
    s.bad(403, 'issuer', s.sign('foreign'), SAM)


@case
def a_certificate_that_changed(s):
    """The first is pinned; who shows another is not believed."""
    s.gate.trust('t1', 't.example')
    d, i, uri = s.good(s.sign('t1'), TOM)
    s.ack(d, uri, TOM, lambda x: signed(s.path('t1'), x))
    s.bye(i)
    s.bad(403, 'certificate of t.example changed', s.sign('t2'), TOM)


@case
def pasted_into_another_call(s):
    other = Bound(s.far, SAM)
    body = s.sign()(other)
    d = other.dialog
    s.bad(403, 'From', lambda m: body, SAM, Bound(s.far, SAM, d=dict(d, ftag='x')))
    s.bad(403, 'Call-ID', lambda m: body, SAM, Bound(s.far, SAM, d=dict(d, call_id='x')))
    s.bad(403, 'CSeq', lambda m: body, SAM, Bound(s.far, SAM, d=dict(d, cseq=4)))
    s.bad(403, 'To', lambda m: body, SAM, Bound(
        s.far, SAM, d=dict(d, to='<sip:rob@b.example>')))
    late = Bound(s.far, SAM)
    late.date = late.headers['Date'] = 'Sat, 13 Nov 2010 23:29:00 GMT'
    s.bad(403, 'Date', s.sign(), SAM, late)


@case
def said_again(s):
    m = Bound(s.far, SAM, method='MESSAGE')
    body = signed(s.path('s'), m.content('tea?', 'text/plain'))
    m.send(body)
    got = s.phone.expect('MESSAGE', 4)
    assert got.body == b'tea?', got.data
    s.phone.reply(got, '200 OK', 'A1', contact=False)
    s.far.expect('SIP/2.0 200')
    s.bad(488, 'seen before', lambda _: body, SAM, m)
    m = Bound(s.far, SAM)
    body = s.sign()(m)
    for status in (486, 482):  # the second time it is of a call that was
        branch = m.send(body)
        if status == 486:
            s.phone.reply(s.phone.expect('INVITE', 4), '486 Busy Here', 'A1')
            s.phone.expect('ACK')
        no = s.far.expect(f'SIP/2.0 {status}')
        s.far.request('ACK', m.uri, dict(m.dialog, ttag=no.tag('To')), branch=branch, cseq=m.cseq)
    s.phone.quiet(0.1)


@case
def forked_while_it_rings(s):
    """To two phones of ours; once one is picked up, a third branch is a copy."""
    m = Bound(s.far, SAM)
    body = s.sign()(m)
    rings = []
    for uri in (BOB, 'sip:rob@b.example'):
        branch = m.send(body, uri=uri)
        i = s.phone.expect('INVITE', 4)
        s.phone.reply(i, '180 Ringing', f'A{len(rings)}')
        s.far.expect('SIP/2.0 180', 4)
        rings.append((uri, branch, i))
    s.phone.reply(rings[1][2], '200 OK', 'A1', body=SDP)
    ok = s.far.expect('SIP/2.0 200', 4)
    d = dict(m.dialog, ttag=ok.tag('To'), cseq=1)
    s.ack(d, ok.contact(), SAM, lambda x: signed(s.path('s'), x))
    for n, (uri, want) in enumerate(((rings[1][0], 482), (BOB, 487))):
        if n:
            branch = rings[0][1]
            s.far.request('CANCEL', uri, m.dialog, branch=branch, cseq=1)
            s.far.expect('SIP/2.0 200')
        else:
            branch = m.send(body, uri=uri)
        no = s.far.expect(f'SIP/2.0 {want}', 4)
        s.far.request('ACK', uri, dict(m.dialog, ttag=no.tag('To')), branch=branch, cseq=1)
    s.phone.reply(s.phone.expect('CANCEL'), '200 OK', contact=False)
    s.phone.reply(rings[0][2], '487 Request Terminated', 'A0')
    s.phone.expect('ACK')
    s.bye(rings[1][2])


@case
def an_unsigned_bye(s):
    d, i, uri = s.good(s.sign(), SAM)
    s.ack(d, uri, SAM, lambda x: signed(s.path('s'), x))
    bye = Bound(s.far, SAM, uri, 'BYE', d)
    s.bad(403, 'nobody signed', lambda m: b'', SAM, bye)
    other = signed(s.path('s'), Bound(s.far, SAM, uri, 'BYE', dict(d, cseq=7)).fragment())
    s.bad(403, 'CSeq', lambda m: other, SAM, Bound(s.far, SAM, uri, 'BYE', dict(d, cseq=1)))
    s.bye(i)  # it went on


@case
def whole_messages(s):
    """What is within is of this message, signed and encrypted, all of it."""
    def sealed(m, name='w', **over):
        return encrypted(s.path('b'), signed(s.path(name), m.whole(**over)))
    d, i, uri = s.good(sealed, WIM)
    s.ack(d, uri, WIM, lambda _: sealed(Bound(s.far, WIM, uri, 'ACK', d), content=''))
    bye = Bound(s.far, WIM, uri, 'BYE', d)
    s.bad(403, 'nobody signed', lambda m: b'', message=bye)
    s.bye(i)
    for name, other in (('From', '<sip:eve@w.example>;tag=x'), ('To', '<sip:eve@b.example>'),
                        ('Call-ID', 'x'), ('CSeq', '7 INVITE'), ('Contact', '<sip:eve@192.0.2.9>'),
                        ('Date', 'Sat, 13 Nov 2010 23:29:00 GMT')):
        s.bad(403, name, lambda m, n=name, o=other: sealed(m, **{n: o}), WIM)
    s.bad(403, 'certificate is for sip:s.example', lambda m: sealed(m, 's'), WIM)
    s.bad(488, 'not signed', lambda m: encrypted(s.path('b'), m.whole()), WIM)
    s.bad(488, 'not encrypted', lambda m: signed(s.path('w'), m.whole()), WIM)
    s.bad(488, 'no whole message', lambda m: encrypted(
        s.path('b'), signed(s.path('w'), m.content())), WIM)
    s.bad(493, 'not encrypted for us', lambda m: changed(sealed(m), 1), WIM)


@case
def too_large(s):
    tcp = s.gate.end(0, OUTSIDE, tcp=True).connect()
    big = SDP + 'a=x:' + 'x' * 140000 + '\r\n'
    s.bad(400, 'too large', s.sign(content=big), SAM, end=tcp, asked=False)


@case
def too_deep(s):
    def nested(m, levels):
        what = m.content()
        for _ in range(levels):
            what = multipart('mixed', what)
        return what
    s.bad(400, 'its MIME cannot be read', lambda m: signed(s.path('s'), nested(m, 9)), SAM)

    def often(m):
        what = m.content()
        for _ in range(4):
            what = signed(s.path('s'), what)
        return what
    s.bad(400, 'sealed too often', often, SAM)


@case
def compressed_bombs(s):
    bomb = entity('application/sdp', SDP + 'a=x:' + 60 * 1024 * 1024 * 'x' + '\r\n')
    sealed = compressed(bomb)
    assert len(sealed) < 120000, len(sealed)
    tcp = s.gate.end(0, OUTSIDE, tcp=True).connect()  # no datagram has it
    small = compressed(entity('application/sdp', SDP))
    s.bad(415, '', lambda m: small, SAM)
    s.bad(415, '', lambda m: sealed, SAM, end=tcp)
    s.bad(415, '', lambda m: signed(s.path('s'), small), SAM)
    s.bad(415, '', lambda m: encrypted(s.path('b'), signed(s.path('a'), small)))


def prepare(gate):
    issuer = gate.issuer
    for name in ('a', 's', 'old', 'revoked', 'a2', 'w'):
        issuer.issue(name, f'URI:sip:{name[0] if name in ("a", "a2", "w") else "s"}.example',
                     days=-1 if name == 'old' else 30)
    issuer.revoke(gate.dir + '/revoked')
    type(issuer)(gate.dir, 'rogue').issue('foreign', 'URI:sip:s.example')
    for name in ('t1', 't2'):
        issuer.own(name, 'URI:sip:t.example')
    return gate.run(PROFILES, PEERS, 'limits = { rate = 2000; };')


if __name__ == '__main__':
    sys.exit(run(CASES, prepare, Calls))
