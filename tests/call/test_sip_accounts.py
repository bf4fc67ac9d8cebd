#!/usr/bin/env python3
"""The gateway's own accounts: it registers, and answers challenges of calls. The
far end computes each digest from the password."""
import hashlib
import json
import os
import re
import sys
import tempfile
import time
from email.utils import parsedate_to_datetime

from sipscene import BOB, OUTSIDE, PORT, SLOW, case, left, main, same
from sipsealed import answer, frag
from sipsock import SDP, called, dialog

ANY = {"target": ""}
PASSWORD = "of the trunk"
CONF = '''
profiles = { p = { need = "forbid"; }; };
peers = ( { match = "*"; profile = "p"; name = "far"; route = ( %s ); } );
accounts = ( %s );
'''
ACCOUNT = '{ uri = "sip:us@t.example"; peer = "far"; password = "file:%%s"; %s },'
ACK = {"cseq": 1}


def lead(s, *more, ports=(11,), accounts=None):
    """Accounts of these words, one each."""
    secret = tempfile.NamedTemporaryFile("w", suffix=".password")
    secret.write(PASSWORD + "\n")
    secret.flush()
    s.secret = secret  # until the end
    routes = ", ".join('"sip:127.0.0.1:%d"' % (PORT + p) for p in ports)
    text = "".join(ACCOUNT % m % secret.name for m in more).rstrip(",")
    with tempfile.NamedTemporaryFile("w", suffix=".conf", delete=False) as f:
        f.write(CONF % (routes, text))
    s.relay.set("conf=%s" % f.name)
    os.unlink(f.name)


def states(s):
    s.relay.say("accounts")
    return {a["name"]: a for a in json.loads(s.relay.process.stdout.readline())}


def state(s, wanted, seconds=2):
    end = time.monotonic() + seconds * SLOW
    while True:
        now = states(s)["us@t.example"]
        if now["state"] == wanted:
            return now
        assert time.monotonic() < end, now
        time.sleep(0.02)


def trouble(s):
    end = time.monotonic() + 2 * SLOW
    while "trouble" not in states(s)["us@t.example"]:
        assert time.monotonic() < end
    return states(s)["us@t.example"]["trouble"]


def challenge(nonce, realm="t.example", algorithm="MD5", more='qop="auth", '):
    return 'Digest realm="%s", %snonce="%s", opaque="op", algorithm=%s' % (
        realm, more, nonce, algorithm)


def fields(value):
    return dict(re.findall(r'(\w+)="?([^",]*)"?', value))


def digest(f, method, password=PASSWORD):
    """The response, and rspauth, to what the fields say (RFC 7616 3.4.1, 3.5)."""
    def h(text):
        name = f.get("algorithm", "MD5").lower().replace("-", "")
        return hashlib.new(name, text.encode()).hexdigest()
    ha1 = h("%s:%s:%s" % (f["username"], f["realm"], password))

    def response(a2):
        if "qop" not in f:
            return h(":".join((ha1, f["nonce"], h(a2))))
        return h(":".join((ha1, f["nonce"], f["nc"], f["cnonce"], f["qop"], h(a2))))
    return response("%s:%s" % (method, f["uri"])), response(":" + f["uri"])


def right(m, header="Authorization", nonce=None, nc=1, user="us"):
    """The credentials of a request are ours and true; their fields."""
    value = m.get(header)
    assert value, "no %s:\n%s" % (header, m.data.decode("latin-1"))
    f = fields(value)
    same(f["username"], user, "user")
    same(f["uri"], m.uri, "uri")
    same(f["response"], digest(f, m.method)[0], "response")
    if nonce:
        same(f["nonce"], nonce, "nonce")
        same(int(f.get("nc", "1"), 16), nc, "nc")
        same(f["opaque"], "op", "opaque")
    return f


def refuse(end, m, *challenges, status="401 Unauthorized", header="WWW-Authenticate"):
    end.reply(m, status, "C%d" % len(end.seen), contact=False,
              extra="".join("%s: %s\r\n" % (header, c) for c in challenges))


def grant(end, m, seconds, extra=""):
    end.reply(m, "200 OK", "R", contact=False,
              extra="Contact: %s;expires=%d\r\n%s" % (m.get("Contact"), seconds, extra))


def proxy(end, m, *challenges):
    refuse(end, m, *challenges, status="407 Proxy Authentication Required",
           header="Proxy-Authenticate")


def registered(s, seconds=60, nonce="n1"):
    """Through a first challenge; the REGISTER that was granted."""
    r = s.b.expect("REGISTER")
    assert not r.get("Authorization")
    refuse(s.b, r, challenge(nonce))
    again = s.b.expect("REGISTER")
    right(again, nonce=nonce)
    same(again.get("Call-ID"), r.get("Call-ID"), "Call-ID")
    same(again.tag("From"), r.tag("From"), "From tag")
    same(int(again.get("CSeq").split()[0]), int(r.get("CSeq").split()[0]) + 1, "CSeq")
    grant(s.b, again, seconds)
    state(s, "registered")
    return again


@case(**ANY)
def registers_where_it_is_now(s):
    lead(s, "register = 300;")
    r = registered(s, seconds=300)
    s.relay.set("public=192.0.2.9")
    again = s.b.expect("REGISTER")
    same(again.contact(), "sip:us@192.0.2.9:%d" % (PORT + 1), "Contact")
    same(again.get("Call-ID"), r.get("Call-ID"), "Call-ID")
    right(again, nonce="n1", nc=2)
    s.relay.set("public=198.51.100.2")  # before the answer
    last = s.b.expect("REGISTER")
    same(last.contact(), "sip:us@198.51.100.2:%d" % (PORT + 1), "Contact")
    grant(s.b, last, 300)
    state(s, "registered")


@case(**ANY)
def registers(s):
    lead(s, "register = 300;")
    r = registered(s)
    same(r.uri, "sip:t.example", "Request-URI")
    same(r.get("Expires"), "300", "Expires")
    same(r.contact(), "sip:us@127.0.0.1:%d" % (PORT + 1), "Contact")
    left = states(s)["us@t.example"]["expires"] - time.time()
    assert 50 < left < 61, left
    s.b.quiet()
    d = dialog(to="<sip:us@t.example>")
    s.b.request("INVITE", r.contact(), d, body=SDP)  # and is called
    i = s.a.expect("INVITE")
    s.a.reply(i, "486 Busy Here", "A")
    s.a.expect("ACK")
    d["ttag"] = s.b.expect("SIP/2.0 486").tag("To")
    leave(s)


def leave(s, nonce="n1", nc=2):
    """Stops: the registration is taken back, without a challenge."""
    s.relay.say("quit")
    r = s.b.expect("REGISTER", 3 * SLOW)
    same(r.get("Expires"), "0", "Expires")
    right(r, nonce=nonce, nc=nc)
    s.b.reply(r, "200 OK", "R", contact=False)


@case(**ANY)
def refreshes(s):
    """With the next count of the nonce; one that is too old gives a new one."""
    lead(s, "register = 300;")
    first = registered(s, 2)
    r = s.b.expect("REGISTER", 3 * SLOW)
    right(r, nonce="n1", nc=2)
    same(r.get("Call-ID"), first.get("Call-ID"), "Call-ID")
    refuse(s.b, r, challenge("n2", more='stale=true, qop="auth", '))
    r = s.b.expect("REGISTER")
    right(r, nonce="n2")
    grant(s.b, r, 2)
    r = s.b.expect("REGISTER", 3 * SLOW)
    right(r, nonce="n2", nc=2)
    grant(s.b, r, 60)
    state(s, "registered")
    leave(s, "n2", 3)


@case(**ANY)
def wrong_password(s):
    """Two requests, then minutes of peace."""
    lead(s, "register = 60;")
    refuse(s.b, s.b.expect("REGISTER"), challenge("n1"))
    r = s.b.expect("REGISTER")
    right(r)
    refuse(s.b, r, challenge("n2"))
    end = time.monotonic() + 2
    while "trouble" not in states(s)["us@t.example"]:
        assert time.monotonic() < end
    same(states(s)["us@t.example"]["trouble"], "401 Unauthorized", "trouble")
    s.b.quiet(1)


@case(**ANY)
def algorithms(s):
    """The first that we know; a proxy and a server each have their own."""
    lead(s, "register = 60;", 'realm = "p.example"; user = "other"; name = "second";')
    r = s.b.expect("REGISTER")
    refuse(s.b, r, challenge("n0", algorithm="TELEPATHY"),
           challenge("n1", algorithm="SHA-256"), challenge("n1", algorithm="MD5"))
    r = s.b.expect("REGISTER")
    same(right(r, nonce="n1")["algorithm"], "SHA-256", "algorithm")
    proxy(s.b, r, challenge("p1", realm="p.example", more=""))
    r = s.b.expect("REGISTER")
    right(r, nonce="n1", nc=2)
    f = right(r, "Proxy-Authorization", nonce="p1", user="other")
    assert "qop" not in f and "nc" not in f, f
    grant(s.b, r, 60)
    state(s, "registered")
    s.relay.say("quit")
    s.b.reply(s.b.expect("REGISTER"), "200 OK", "R", contact=False)


@case(**ANY)
def auth_int_is_refused(s):
    lead(s, "register = 60;")
    refuse(s.b, s.b.expect("REGISTER"), challenge("n1", more='qop="auth-int", '))
    assert "401" in trouble(s)
    s.b.quiet()


@case(**ANY)
def before_the_keeper(s):
    """A challenge that nobody can answer yet is no refusal: soon again."""
    s.relay.set("no_link=1")
    lead(s, "register = 60;")
    refuse(s.b, s.b.expect("REGISTER"), challenge("n0"))
    assert "keeper is not there" in trouble(s)
    s.relay.set("no_link=0")
    r = s.b.expect("REGISTER", 8 * SLOW)
    refuse(s.b, r, challenge("n1"))
    r = s.b.expect("REGISTER")
    right(r, nonce="n1")
    grant(s.b, r, 60)
    state(s, "registered")
    leave(s)


@case(**ANY)
def another_realm(s):
    """Nobody else's challenge is answered, unless the account says any."""
    lead(s, "register = 60;")
    refuse(s.b, s.b.expect("REGISTER"), challenge("n1", realm="evil.example"))
    s.b.quiet()
    lead(s, 'register = 61; realm = "*";')
    refuse(s.b, s.b.expect("REGISTER"), challenge("n1", realm="any.example"))
    r = s.b.expect("REGISTER")
    same(right(r, nonce="n1")["realm"], "any.example", "realm")
    grant(s.b, r, 60)
    state(s, "registered")
    leave(s)


@case(**ANY)
def mutual(s):
    """A registrar that shows a wrong rspauth does not know the password."""
    lead(s, "register = 300;")
    refuse(s.b, s.b.expect("REGISTER"), challenge("n1"))
    r = s.b.expect("REGISTER")
    f = right(r)
    info = 'Authentication-Info: qop=auth, rspauth="%s", cnonce="%s", nc=%s\r\n'
    grant(s.b, r, 2, info % (digest(f, "REGISTER")[1], f["cnonce"], f["nc"]))
    state(s, "registered")
    r = s.b.expect("REGISTER", 3 * SLOW)
    f = right(r, nonce="n1", nc=2)
    grant(s.b, r, 60, info % (digest(f, "REGISTER", "guess")[1], f["cnonce"], f["nc"]))
    assert "does not know" in state(s, "trying")["trouble"]


@case(**ANY)
def other_refusals(s):
    """423 asks for longer; 503 and silence lead to the next server."""
    s.c = s.end(PORT + 12, OUTSIDE)
    lead(s, "register = 60;", ports=(12, 11))
    r = s.c.expect("REGISTER")
    s.c.reply(r, "423 Interval Too Brief", "C", extra="Min-Expires: 600\r\n", contact=False)
    r = s.c.expect("REGISTER")
    same(r.get("Expires"), "600", "Expires")
    s.c.reply(r, "503 Service Unavailable", "C", extra="Retry-After: 1\r\n", contact=False)
    r = s.b.expect("REGISTER", 8 * SLOW)
    grant(s.b, r, 60)
    state(s, "registered")
    s.relay.say("quit")
    same(s.c.recv(1) or s.b.expect("REGISTER").get("Expires"), "0", "Expires")


@case(**ANY)
def reload(s):
    """What stays is left alone, what is gone is taken back."""
    lead(s, "register = 60;")
    r = registered(s)
    lead_same(s)
    s.b.quiet()
    lead(s)
    gone = s.b.expect("REGISTER")
    same(gone.get("Expires"), "0", "Expires")
    same(gone.get("Call-ID"), r.get("Call-ID"), "Call-ID")
    s.b.reply(gone, "200 OK", "R", contact=False)
    same(states(s).get("us@t.example", {}).get("state", "off") in ("off", "ending"), True, "state")


def lead_same(s):
    """The same once more, from the same file of the password."""
    name = s.secret.name
    with tempfile.NamedTemporaryFile("w", suffix=".conf", delete=False) as f:
        f.write(CONF % ('"sip:127.0.0.1:%d"' % (PORT + 11),
                        (ACCOUNT % "register = 60;" % name).rstrip(",")))
    s.relay.set("conf=%s" % f.name)
    os.unlink(f.name)


# -- calls --------------------------------------------------------------------

@case(**ANY)
def invite(s):
    """407 and 401: the phone sees neither; ACK has the credentials, too."""
    lead(s, "", 'realm = "p.example"; name = "second";')
    d, i = s.invite()
    proxy(s.b, i, challenge("p1", realm="p.example"))
    same(s.b.expect("ACK").get("CSeq"), "%s ACK" % i.get("CSeq").split()[0], "ACK")
    again = s.b.expect("INVITE")
    right(again, "Proxy-Authorization", nonce="p1")
    same(again.get("Call-ID"), i.get("Call-ID"), "Call-ID")
    same(again.tag("From"), i.tag("From"), "From tag")
    same(int(again.get("CSeq").split()[0]), int(i.get("CSeq").split()[0]) + 1, "CSeq")
    assert again.get("Via") != i.get("Via")
    refuse(s.b, again, challenge("n1", algorithm="SHA-256"))
    s.b.expect("ACK")
    third = s.b.expect("INVITE")
    right(third, "Proxy-Authorization", nonce="p1", nc=2)
    right(third, nonce="n1")
    s.b.reply(third, "180 Ringing", "B1")
    s.a.expect("SIP/2.0 180")
    s.b.reply(third, "200 OK", "B1", body=SDP)
    _, ack = s.confirm(d)
    same(ack.get("Authorization"), third.get("Authorization"), "credentials of the ACK")
    same(s.relay.stats()["anew"], 2, "offers made anew")
    s.a.request("BYE", d["uri"], d)
    bye = s.b.expect("BYE")
    proxy(s.b, bye, challenge("p2", realm="p.example"))
    bye2 = s.b.expect("BYE")
    right(bye2, "Proxy-Authorization", nonce="p2")
    s.b.reply(bye2, "200 OK", contact=False)
    s.a.expect("SIP/2.0 200")
    s.gone()


@case(**ANY)
def what_passes(s):
    """Other realms, the phone's own credentials, a keeper that is gone, a refusal."""
    lead(s, "")
    for ch, extra, asked in (
            (challenge("n1", realm="phones"), "", 0),
            (challenge("n1"), 'Proxy-Authorization: Digest username="a", realm="t.example", '
             'nonce="x", uri="sip:b", response="00000000000000000000000000000000"\r\n', 0),
            (challenge("n1", more='qop="auth-int", '), "", 0)):
        d, i = s.invite(extra=extra)
        proxy(s.b, i, ch)
        s.b.expect("ACK")
        no = s.a.expect("SIP/2.0 407")
        same(no.get("Proxy-Authenticate"), ch, "the challenge")
        s.a.request("ACK", BOB, dict(d, ttag=no.tag("To")), cseq=1, branch=d["branch"])
        same(s.relay.stats()["answers"], asked, "digests")
    s.relay.set("no_keeper=1")
    d, i = s.invite()
    proxy(s.b, i, challenge("n2"))
    s.b.expect("ACK")
    no = s.a.expect("SIP/2.0 407")
    s.a.request("ACK", BOB, dict(d, ttag=no.tag("To")), cseq=1, branch=d["branch"])
    s.relay.set("no_keeper=0")
    d, i = s.invite()
    proxy(s.b, i, challenge("n3"))
    s.b.expect("ACK")
    i = s.b.expect("INVITE")
    proxy(s.b, i, challenge("n4"))  # the password is wrong
    s.b.expect("ACK")
    no = s.a.expect("SIP/2.0 407")
    s.a.request("ACK", BOB, dict(d, ttag=no.tag("To")), cseq=1, branch=d["branch"])
    s.gone(5)


@case(**ANY)
def in_a_dialog(s):
    """re-INVITE, UPDATE and INFO of the phone; offers and BYE of our own."""
    lead(s, "")
    d, e = s.up(extra="Allow: INVITE, ACK, BYE, UPDATE\r\n")
    for method, body in (("INVITE", SDP), ("UPDATE", SDP), ("INFO", b"")):
        s.a.request(method, d["uri"], d, body=body)
        r = s.b.expect(method)
        refuse(s.b, r, challenge("n" + method))
        if method == "INVITE":
            s.b.expect("ACK")
        again = s.b.expect(method)
        right(again, nonce="n" + method)
        same(int(again.get("CSeq").split()[0]), int(r.get("CSeq").split()[0]) + 1, "CSeq")
        s.b.reply(again, "200 OK", body=body)
        s.a.expect("SIP/2.0 200")
        if method == "INVITE":
            s.a.request("ACK", d["uri"], d)
            right_ack = s.b.expect("ACK")
            same(right_ack.get("Authorization"), again.get("Authorization"), "of the ACK")
    same(s.relay.reoffer(), 0, "the order")
    r = s.b.expect("INVITE|UPDATE")
    refuse(s.b, r, challenge("own"))
    if r.method == "INVITE":
        s.b.expect("ACK")
    again = s.b.expect(r.method)
    right(again, nonce="own")
    s.b.reply(again, "200 OK", body=SDP)
    end = time.monotonic() + 2
    while not s.relay.stats()["done"]:
        assert time.monotonic() < end
    if r.method == "INVITE":
        right_ack = s.b.expect("ACK")
        same(right_ack.get("Authorization"), again.get("Authorization"), "of the ACK")
    s.relay.say("hangup 480 enough")
    bye = s.b.expect("BYE")
    refuse(s.b, bye, challenge("bye"))
    bye2 = s.b.expect("BYE")
    right(bye2, nonce="bye")
    same(bye2.get("Call-ID"), bye.get("Call-ID"), "Call-ID")
    same(int(bye2.get("CSeq").split()[0]), int(bye.get("CSeq").split()[0]) + 1, "CSeq")
    assert bye2.get("Via") != bye.get("Via") and len(bye2.all("Via")) == 1
    s.b.reply(bye2, "200 OK", contact=False)
    s.a.reply(s.a.expect("BYE"), "200 OK", contact=False)
    s.gone()


@case(target="", keys=("session=100",))
def session_refresh(s):
    """Of the gateway's own, as UPDATE and as re-INVITE."""
    lead(s, "")
    for allow, method in (("Allow: INVITE, ACK, BYE, UPDATE\r\n", "UPDATE"), ("", "INVITE")):
        d, i = s.invite()
        s.b.reply(i, "200 OK", "B1", body=SDP, extra=allow + "Require: timer\r\n"
                  "Session-Expires: 100;refresher=uac\r\n")
        s.confirm(d)
        s.relay.set("skip=52")
        r = s.b.expect(method, 3 * SLOW)
        refuse(s.b, r, challenge("s" + method))
        if method == "INVITE":
            s.b.expect("ACK")
        again = s.b.expect(method)
        right(again, nonce="s" + method)
        s.b.reply(again, "200 OK", body=SDP if method == "INVITE" else b"", extra=allow +
                  "Require: timer\r\nSession-Expires: 100;refresher=uac\r\n")
        if method == "INVITE":
            same(s.b.expect("ACK").get("Authorization"), again.get("Authorization"), "of the ACK")
        s.bye(d)
    s.gone(2)


@case(**ANY)
def a_call_that_came(s):
    """The phone's BYE in a call from outside is challenged."""
    lead(s, "")
    d, i = s.invite(frm=s.b, to=s.a)
    s.a.reply(i, "200 OK", "A1", body=SDP)
    s.confirm(d, s.b, s.a)
    e = called(i, "A1")
    s.a.request("BYE", i.contact(), e)
    bye = s.b.expect("BYE")
    refuse(s.b, bye, challenge("n1"))
    bye = s.b.expect("BYE")
    right(bye, nonce="n1")
    s.b.reply(bye, "200 OK", contact=False)
    s.a.expect("SIP/2.0 200")
    s.gone()


@case(target="", keys=("early=1",))
def our_own_prack(s):
    """What the dialog says later has numbers of its own."""
    lead(s, "")
    d, i = s.invite()
    s.b.reply(i, "183 Progress", "B1", "Content-Type: application/mikey\r\nRequire: 100rel\r\n"
              "RSeq: 7\r\n", "keys")
    r = s.b.expect("PRACK")
    refuse(s.b, r, challenge("n1"))
    again = s.b.expect("PRACK")
    right(again, nonce="n1")
    same(again.get("RAck"), r.get("RAck"), "RAck")
    same((again.get("Call-ID"), again.tag("To")), (r.get("Call-ID"), "B1"), "the dialog")
    number = int(r.get("CSeq").split()[0])
    same(again.get("CSeq"), "%d PRACK" % (number + 1), "CSeq")
    s.b.reply(again, "200 OK", contact=False)
    s.b.reply(i, "200 OK", "B1", body=SDP)
    s.confirm(d)
    s.a.request("BYE", d["uri"], d)
    bye = s.b.expect("BYE")
    same(bye.get("CSeq"), "%d BYE" % (number + 2), "CSeq")
    s.b.reply(bye, "200 OK", contact=False)
    s.a.expect("SIP/2.0 200")
    s.gone()


@case(target="", keys=("before=1",))
def requests_of_a_precondition(s):
    """PRACK and UPDATE of the gateway's own, each challenged."""
    lead(s, "")
    d, i = s.invite()
    s.b.reply(i, "183 Progress", "B1", "Content-Type: application/sdp\r\nRequire: 100rel\r\n"
              "RSeq: 7\r\n", SDP)
    for name in ("PRACK", "UPDATE"):
        first = s.b.expect(name)
        refuse(s.b, first, challenge(name))
        again = s.b.expect(name)
        right(again, nonce=name)
        same((again.body, again.get("RAck")), (first.body, first.get("RAck")), name)
        s.b.reply(again, "200 OK", contact=False, body=SDP if name == "UPDATE" else b"")
    s.b.reply(i, "200 OK", "B1")
    s.confirm(d)
    s.bye(d)
    s.gone()


# -- outside calls ------------------------------------------------------------

MWI = "Event: message-summary\r\nExpires: 600\r\n"
KINDS = (("MESSAGE", "Content-Type: text/plain\r\n", b"hello"),
         ("PUBLISH", "Event: presence\r\nContent-Type: application/pidf+xml\r\n", b"<p/>"),
         ("OPTIONS", "", b""), ("SUBSCRIBE", MWI, b""),
         ("REFER", "Refer-To: <sip:carol@c.example>\r\n", b""))


def answered(s, first, end=None, **kw):
    """Refuses it with a challenge; what came then, with our credentials."""
    end = end or s.b
    refuse(end, first, challenge(kw["nonce"]))
    m = end.expect(first.method)
    right(m, **kw)
    same(m.get("Call-ID"), first.get("Call-ID"), "Call-ID")
    same(m.tag("From"), first.tag("From"), "From tag")
    same(m.tag("To"), first.tag("To"), "To tag")
    same(m.body, first.body, "body")
    same(int(m.get("CSeq").split()[0]), int(first.get("CSeq").split()[0]) + 1, "CSeq")
    assert m.get("Via") != first.get("Via")
    return m


@case(**ANY)
def requests_outside_calls(s):
    """Two realms after each other; the phone sees neither."""
    lead(s, "", 'realm = "p.example"; name = "second";')
    for method, extra, body in KINDS:
        s.a.request(method, BOB, dialog(), extra=extra, body=body)
        first = s.b.expect(method)
        proxy(s.b, first, challenge("p" + method, realm="p.example"))
        m = s.b.expect(method)
        right(m, "Proxy-Authorization", nonce="p" + method)
        m = answered(s, m, nonce="n" + method)
        right(m, "Proxy-Authorization", nonce="p" + method, nc=2)
        s.b.reply(m, "489 Bad Event" if "R" in method else "200 OK", "B" + method, contact=False)
        s.a.expect("SIP/2.0 200|SIP/2.0 489")
    left(s, 0)


@case(target="", log=True)
def subscription(s):
    """Its refresh and a NOTIFY of the phone's, in their dialogs."""
    lead(s, "")
    d = dialog()
    s.a.request("SUBSCRIBE", BOB, d, extra=MWI)
    m = answered(s, s.b.expect("SUBSCRIBE"), nonce="s1")
    s.b.reply(m, "200 OK", "N1", extra="Expires: 300\r\nAuthentication-Info: rspauth=\"0\"\r\n")
    ok = s.a.expect("SIP/2.0 200")
    same(ok.get("Authentication-Info"), "", "a proof that was for us")
    assert "does not know the password" in s.logged(), s.logged()
    d["ttag"], d["uri"] = ok.tag("To"), ok.contact()
    s.a.request("SUBSCRIBE", d["uri"], d, extra=MWI)
    m = answered(s, s.b.expect("SUBSCRIBE"), nonce="s2")
    same(m.tag("To"), "N1", "the notifier's tag")
    s.b.reply(m, "200 OK", extra="Expires: 300\r\n")
    s.a.expect("SIP/2.0 200")
    d = dialog()
    s.b.request("SUBSCRIBE", "sip:alice@a.example", d, extra=MWI)
    r = s.a.expect("SUBSCRIBE")
    s.a.reply(r, "200 OK", "A1", extra="Expires: 300\r\n")
    s.b.expect("SIP/2.0 200")
    e = called(r, "A1")
    s.a.request("NOTIFY", r.contact(), e, extra="Subscription-State: terminated\r\n"
                "Event: message-summary\r\n")
    m = answered(s, s.b.expect("NOTIFY"), nonce="s3")
    s.b.reply(m, "200 OK", contact=False)
    s.a.expect("SIP/2.0 200")
    left(s, 1)


@case(**ANY)
def requests_that_pass(s):
    """What no account is for, what is wrong, and what the keeper does not say."""
    lead(s, "")
    text = "Content-Type: text/plain\r\n"
    own = ('Authorization: Digest username="a", realm="t.example", nonce="x", uri="sip:b", '
           'response="00000000000000000000000000000000"\r\n')
    for realm, extra in (("phones", text), ("t.example", text + own)):
        s.a.request("MESSAGE", BOB, dialog(), body=b"hi", extra=extra)
        ch = challenge("n1", realm=realm)
        refuse(s.b, s.b.expect("MESSAGE"), ch)
        same(s.a.expect("SIP/2.0 401").get("WWW-Authenticate"), ch, "the challenge")
    s.relay.set("no_keeper=1")
    s.a.request("MESSAGE", BOB, dialog(), body=b"hi", extra=text)
    refuse(s.b, s.b.expect("MESSAGE"), challenge("n2"))
    s.a.expect("SIP/2.0 401")
    s.relay.set("no_keeper=0")
    s.a.request("MESSAGE", BOB, dialog(), body=b"hi", extra=text)
    refuse(s.b, answered(s, s.b.expect("MESSAGE"), nonce="n3"), challenge("n4"))
    s.a.expect("SIP/2.0 401")  # the password is wrong
    s.b.request("MESSAGE", "sip:alice@a.example", dialog(), body=b"hi", extra=text)
    refuse(s.a, s.a.expect("MESSAGE"), challenge("n5"))
    s.b.expect("SIP/2.0 401")  # a phone's is not ours to answer
    left(s, 0)


@case(target="", keys=("bodies=1",))
def sealed_words(s):
    """The seal is bound to the CSeq, so it is made anew; credentials lie outside."""
    lead(s, "")
    s.a.request("MESSAGE", BOB, dialog(), body=b"hello", extra="Content-Type: text/plain\r\n")
    first = s.b.expect("MESSAGE")
    refuse(s.b, first, challenge("n1"))
    m = s.b.expect("MESSAGE")
    right(m, nonce="n1")
    for r in first, m:
        same(r.body.split(b"\r\n\r\n")[0].decode() + "\r\n", frag(r.get), "bound headers")
    assert m.get("CSeq") != first.get("CSeq")
    s.b.reply(m, "200 OK", "B1", contact=False)
    s.a.expect("SIP/2.0 200")
    left(s, 0)


def challenged(s, m, nonce):
    """A sealed request of a call is challenged, and comes again: sealed for its own CSeq."""
    seq, method = m.get("CSeq").split()
    refuse(s.b, m, challenge(nonce))
    if method == "INVITE":
        s.b.expect("ACK")
    again = s.b.expect(method)
    right(again, nonce=nonce)
    same(again.get("CSeq"), "%d %s" % (int(seq) + 1, method), "CSeq")
    for r in m, again:
        same(r.body.split(b"\r\n\r\n")[0].decode() + "\r\n", frag(r.get), "bound headers")
        off = parsedate_to_datetime(r.get("Date")).timestamp() - time.time()
        assert abs(off) < 60, "Date is off by %d s" % off
    same(b"v=0" in again.body, b"v=0" in m.body, "SDP")
    return again


@case(target="", keys=("bodies=1", "signs=1"))
def sealed_calls(s):
    lead(s, "")
    d, i = s.invite()
    answer(s, challenged(s, i, "n1"), "B1")
    ok, _ = s.confirm(d)
    for n, (method, body) in enumerate((("UPDATE", SDP), ("INFO", b""), ("INVITE", SDP),
                                        ("INVITE", b""), ("BYE", b""))):
        s.a.request(method, d["uri"], d, body=body)
        m = challenged(s, s.b.expect(method), "m%d" % n)
        late = method == "INVITE" and not body
        answer(s, m, "B1", content=SDP if body or late else "")
        s.a.expect("SIP/2.0 200")
        if method == "INVITE":
            s.a.request("ACK", d["uri"], d, cseq=d["cseq"], body=SDP if late else b"")
            same(s.b.expect("ACK").get("CSeq"), m.get("CSeq").replace("INVITE", "ACK"), "CSeq")
    s.gone()


@case(target="", keys=("bodies=1", "signs=1"))
def sealed_offers_and_byes_of_our_own(s):
    lead(s, "")
    d, i = s.invite()
    answer(s, i, "B1")
    s.confirm(d)
    s.relay.say("reoffer")
    s.relay.process.stdout.readline()
    answer(s, challenged(s, s.b.expect("INVITE|UPDATE"), "n1"), "B1")
    s.b.expect("ACK")
    s.relay.say("hangup 200 bye")
    answer(s, challenged(s, s.b.expect("BYE"), "n2"), "B1", content="")
    s.a.reply(s.a.expect("BYE"), "200 OK", contact=False)
    s.gone()


@case(**ANY)
def given_up_meanwhile(s):
    """A CANCEL between the challenge and the answer ends everything."""
    lead(s, "")
    d, i = s.invite()
    proxy(s.b, i, challenge("n1"))
    s.b.expect("ACK")
    i = s.b.expect("INVITE")
    s.b.reply(i, "180 Ringing", "B1")
    s.a.expect("SIP/2.0 180")
    s.a.request("CANCEL", BOB, d, branch=d["branch"], cseq=1, Contact=None)
    s.a.expect("SIP/2.0 200")
    s.a.expect("SIP/2.0 487")
    cancel = s.b.expect("CANCEL")
    same(cancel.get("CSeq"), i.get("CSeq").replace("INVITE", "CANCEL"), "CSeq")
    s.b.reply(cancel, "200 OK")
    s.b.reply(i, "487 Request Terminated", "B1")
    s.b.expect("ACK")
    s.gone()


if __name__ == "__main__":
    sys.exit(main())
