#!/usr/bin/env python3
"""Registration that passes through: phones inside, a registrar outside that
challenges with MD5 and SHA-256 and keeps a list, calls back to the phones."""
import hashlib
import json
import os
import re
import sys
import tempfile
import time

from sipscene import INSIDE, OUTSIDE, PORT, PROGRAM, SLOW, WRAP, case, main, same
from sipsock import End, Relay, SDP, called, dialog

PASSWORD = "secret of alice"
HOP = ",sip:127.0.0.1:%d" % (PORT + 11)
REGISTRAR = "sip:a.example"
ALICE = "<sip:alice@a.example>"
PHONES = range(PORT + 10, PORT + 20)
OPTIONS = {"keys": ("register=1",), "target": HOP}


def digest(algorithm, user, uri, nonce, nc="00000001", cnonce="0a4f113b"):
    """RFC 7616: the response for a REGISTER with qop=auth."""
    def h(text):
        return hashlib.new(algorithm.lower().replace("-", ""), text.encode()).hexdigest()
    ha1, ha2 = h("%s:a.example:%s" % (user, PASSWORD)), h("REGISTER:%s" % uri)
    return h(":".join((ha1, nonce, nc, cnonce, "auth", ha2)))


def authorization(challenge, user="alice"):
    """A phone's answer, header by header as it was asked."""
    nonce = re.search(r'nonce="([^"]*)"', challenge).group(1)
    algorithm = re.search(r"algorithm=([\w-]+)", challenge).group(1)
    return ('Digest username="%s", realm="a.example", nonce="%s", uri="%s", response="%s", '
            'algorithm=%s, qop=auth, nc=00000001, cnonce="0a4f113b", opaque="o/p"'
            % (user, nonce, REGISTRAR, digest(algorithm, user, REGISTRAR, nonce), algorithm))


class Registrar:
    """The far end as a registrar: computes what the phone should have answered."""

    def __init__(self, end):
        self.end, self.bindings, self.algorithm = end, {}, "SHA-256"
        self.extra, self.grant = "", None
        self.count = 0

    def challenge(self):
        return ('Digest realm="a.example", qop="auth", nonce="n%d", algorithm=%s, opaque="o/p"'
                % (self.count, self.algorithm))

    def right(self, r):
        """Whether the digest is that of the password, over what arrived."""
        given = r.get("Authorization")
        fields = dict(re.findall(r'(\w+)="?([^",]*)"?', given))
        if not given or fields["uri"] != r.uri:
            return False
        user = re.search(r"sip:(\w+)@", r.get("To")).group(1)
        return fields["username"] == user and fields["response"] == digest(
            fields["algorithm"], user, r.uri, fields["nonce"])

    def store(self, r):
        account = re.search(r"<([^>]*)>", r.get("To")).group(1)
        kept = self.bindings.setdefault(account, {})
        for value in r.all("Contact"):
            if value == "*":
                kept.clear()
                continue
            uri = re.search(r"<([^>]*)>", value).group(1)
            found = re.search(r"expires=(\d+)", value)
            seconds = int(found.group(1) if found else r.get("Expires") or 3600)
            kept.pop(uri, None)
            if seconds:
                kept[uri] = min(seconds, self.grant or seconds)
        return "".join("Contact: <%s>;expires=%d\r\n" % c for c in kept.items())

    def serve(self, challenge=True):
        """One REGISTER, and its repetition after a challenge. The last one."""
        while True:
            r = self.end.expect("REGISTER", 2 * SLOW)
            self.count += 1
            if not challenge or self.right(r):
                self.end.reply(r, "200 OK", "R%d" % self.count, contact=False,
                               extra=self.store(r) + self.extra)
                return r
            self.end.reply(r, "401 Unauthorized", "R%d" % self.count, contact=False,
                           extra="WWW-Authenticate: %s\r\n" % self.challenge())


class Phone:
    def __init__(self, end, user="alice"):
        self.end, self.user = end, user
        self.account = "<sip:%s@a.example>" % user
        self.contact = "sip:%s@10.1.1.1:%d" % (user, end.port)
        self.dialog = dialog(**{"from": self.account, "to": self.account})

    def ask(self, expires=600, extra="", contact=None, **over):
        contact = contact if contact else "<%s>" % self.contact
        if expires is not None:
            contact += ";expires=%d" % expires
        over.setdefault("Contact", contact)
        self.end.request("REGISTER", REGISTRAR, self.dialog, extra=extra, **over)

    def register(self, registrar, expires=600, extra="", **over):
        """With a digest; the 200."""
        self.ask(expires, extra, **over)
        r = registrar.end.expect("REGISTER", 2 * SLOW)
        registrar.count += 1
        registrar.end.reply(r, "401 Unauthorized", "R0", contact=False,
                            extra="WWW-Authenticate: %s\r\n" % registrar.challenge())
        no = self.end.expect("SIP/2.0 401", 2 * SLOW)
        same(no.get("WWW-Authenticate"), registrar.challenge(), "the challenge")
        answer = authorization(no.get("WWW-Authenticate"), self.user)
        self.ask(expires, extra + "Authorization: %s\r\n" % answer, **over)
        self.sent = registrar.serve()
        same(self.sent.get("Authorization"), answer, "the phone's answer upstream")
        return self.end.expect("SIP/2.0 200", 2 * SLOW)


def call(s, uri, phone, target=None):
    """A call from outside to a Contact of the registrar's list."""
    d = dialog()
    s.b.request("INVITE", uri, d, body=SDP)
    i = phone.end.expect("INVITE", 2 * SLOW)
    same(i.uri, target or phone.contact, "Request-URI at the phone")
    phone.end.reply(i, "486 Busy Here", "A1")
    phone.end.expect("ACK")
    no = s.b.expect("SIP/2.0 486")
    d["ttag"] = no.tag("To")


def listed(s):
    s.relay.say("registrations")
    return json.loads(s.relay.process.stdout.readline())


def uris(registrar, user="alice"):
    return list(registrar.bindings.get("sip:%s@a.example" % user, {}))


def round_trip(s, algorithm):
    registrar, phone = Registrar(s.b), Phone(s.a)
    registrar.algorithm = algorithm
    ok = phone.register(registrar, extra="X-Model: 7\r\nUser-Agent: P/1\r\n")
    same(ok.all("Contact"), ["<%s>;expires=600" % phone.contact], "the phone's Contact")
    r = phone.sent
    same((r.uri, r.get("To"), r.get("X-Model")), (REGISTRAR, ALICE, "7"), "what passes")
    same(re.sub(";tag=.*", "", r.get("From")), ALICE, "From")
    assert phone.dialog["call_id"] not in r.data.decode(), "the phone's Call-ID shows"
    assert "10.1.1.1" not in r.data.decode(), "the phone's address shows"
    uri = r.contact()
    assert re.match(r"sip:[0-9a-f]{32}@127\.0\.0\.1:%d" % OUTSIDE[1], uri), uri
    same(len(listed(s)), 1, "registrations")
    call(s, uri, phone)
    first = (r.get("Call-ID"), r.tag("From"), uri)
    phone.register(registrar)
    r = phone.sent
    same((r.get("Call-ID"), r.tag("From"), r.contact()), first, "the same for a refresh")
    same(int(r.get("CSeq").split()[0]), phone.dialog["cseq"], "CSeq grows")
    same(len(listed(s)), 1, "registrations")


@case(**OPTIONS)
def challenge_md5(s):
    round_trip(s, "MD5")


@case(**OPTIONS)
def challenge_sha256(s):
    round_trip(s, "SHA-256")


@case(target=HOP)
def off(s):
    phone = Phone(s.a)
    phone.ask()
    s.a.expect("SIP/2.0 405")
    s.b.quiet()
    s.relay.set("register=1")
    s.b.request("REGISTER", REGISTRAR, dialog())
    s.b.expect("SIP/2.0 405")  # never from outside


@case(**OPTIONS)
def several_phones_on_one_account(s):
    registrar = Registrar(s.b)
    phones = [Phone(s.a)] + [Phone(s.end(p, INSIDE)) for p in list(PHONES)[2:4]]
    for phone in phones:
        ok = phone.register(registrar)
        same(ok.all("Contact"), ["<%s>;expires=600" % phone.contact], "its own Contact only")
    same(len(set(uris(registrar))), 3, "names upstream")
    for uri, phone in zip(uris(registrar), phones):
        call(s, uri, phone)
    ok = phones[1].register(registrar, expires=0)
    same(ok.all("Contact"), [], "after leaving")
    same([x["contact"] for x in listed(s)], sorted([phones[0].contact, phones[2].contact]),
         "registrations")
    call(s, uris(registrar)[1], phones[2])


@case(**OPTIONS)
def several_accounts_on_one_phone(s):
    registrar = Registrar(s.b)
    alice, carol = Phone(s.a), Phone(s.a, "carol")
    alice.contact = carol.contact = "sip:10.1.1.1:5060"
    alice.register(registrar)
    carol.register(registrar)
    assert uris(registrar)[0] != uris(registrar, "carol")[0]
    same([x["account"] for x in listed(s)], ["alice@a.example", "carol@a.example"], "accounts")
    alice.register(registrar, expires=0)
    call(s, uris(registrar, "carol")[0], carol)


@case(**OPTIONS)
def several_contacts(s):
    registrar, phone = Registrar(s.b), Phone(s.a)
    two = "<%s>;q=0.5;expires=100;reg-id=1, <sip:alice@10.1.1.9;transport=tcp>" % phone.contact
    ok = phone.register(registrar, expires=None, extra="Expires: 77\r\n", contact=two)
    same(sorted(ok.all("Contact")), ["<%s>;expires=100" % phone.contact,
                                     "<sip:alice@10.1.1.9;transport=tcp>;expires=77"], "Contacts")
    sent = ", ".join(phone.sent.all("Contact"))
    assert "q=0.5" in sent and "reg-id" not in sent, sent
    same(phone.sent.get("Expires"), "77", "Expires")
    many = ", ".join("<sip:a%d@10.1.1.1>" % i for i in range(9))
    phone.ask(None, contact=many)
    s.a.expect("SIP/2.0 400")


@case(**OPTIONS)
def a_question_and_the_star(s):
    registrar, phone = Registrar(s.b), Phone(s.a)
    other = Phone(s.end(PORT + 12, INSIDE))
    phone.register(registrar)
    other.register(registrar)
    phone.ask(Contact=None)
    ask = registrar.serve(challenge=False)
    same(ask.all("Contact"), [], "Contacts of a question")
    same(s.a.expect("SIP/2.0 200").all("Contact"), ["<%s>;expires=600" % phone.contact],
         "what the phone is told")
    phone.ask(Contact="*", extra="Expires: 0\r\n")
    same(registrar.serve(challenge=False).all("Contact"), ["*"], "the star")
    s.a.expect("SIP/2.0 200")
    same(listed(s), [], "registrations")
    for bad in ("Expires: 5\r\n", ""):
        phone.ask(Contact="*", extra=bad)
        s.a.expect("SIP/2.0 400")
    phone.ask(Contact="*, <sip:a@10.1.1.1>", extra="Expires: 0\r\n")
    s.a.expect("SIP/2.0 400")
    s.b.quiet(0.1)


@case(**OPTIONS)
def refusals_pass(s):
    registrar, phone = Registrar(s.b), Phone(s.a)
    for status, extra in (("423 Interval Too Brief", "Min-Expires: 1800"),
                          ("407 Proxy Authentication Required", 'Proxy-Authenticate: Digest '
                           'realm="p", nonce="1", qop="auth-int"'),
                          ("403 Forbidden", "X-Why: 1"),
                          ("503 Service Unavailable", "Retry-After: 99")):
        phone.ask()
        s.b.reply(s.b.expect("REGISTER"), status, "R", extra=extra + "\r\n", contact=False)
        no = s.a.expect("SIP/2.0 " + status)
        name, value = extra.split(": ", 1)
        same(no.get(name), value, name)
    same(listed(s), [], "registrations")
    phone.register(registrar)
    phone.ask()  # a refresh that fails leaves the binding until it is over
    s.b.reply(s.b.expect("REGISTER"), "500 Oops", "R", contact=False)
    s.a.expect("SIP/2.0 500")
    same(len(listed(s)), 1, "registrations")


@case(keys=("register=1", "refresh=600"), target=HOP)
def refreshes_too_soon(s):
    """What the registrar granted of late answers; what it must know passes."""
    registrar, phone = Registrar(s.b), Phone(s.a)
    phone.register(registrar, expires=600)
    for expires, shown in ((600, 600), (60, 60), (9999, 600)):
        phone.ask(expires=expires)
        ok = s.a.expect("SIP/2.0 200")
        found = re.search(r"<(.*)>;expires=(\d+)$", ok.get("Contact"))
        same(found.group(1), phone.contact, "the phone's Contact")
        assert shown - 2 <= int(found.group(2)) <= shown, ok.get("Contact")
    s.b.quiet(0.1)
    for over in ({"contact": "<%s>;q=0.5" % phone.contact},  # it says something new
                 {"Contact": None},                          # it asks
                 {"contact": "<%s>, <sip:alice@10.1.1.9>" % phone.contact}):
        phone.ask(**over)
        registrar.serve(challenge=False)
        s.a.expect("SIP/2.0 200", 2 * SLOW)
    other = s.end(PORT + 12, INSIDE)  # the same Contact from another port
    again = Phone(other)
    again.contact = phone.contact
    again.ask()
    registrar.serve(challenge=False)
    other.expect("SIP/2.0 200", 2 * SLOW)
    phone.register(registrar, expires=0)
    same([x["contact"] for x in listed(s)], ["sip:alice@10.1.1.9"], "registrations")
    s.relay.set("refresh=0")
    phone.register(registrar)
    phone.register(registrar)


@case(**OPTIONS)
def over_and_restart(s):
    registrar, phone, brief = Registrar(s.b), Phone(s.a), Phone(s.end(PORT + 12, INSIDE), "carol")
    folder = tempfile.mkdtemp()
    path = os.path.join(folder, "bindings")

    def restart():
        same(s.relay.stop(), 0, "end of the program")
        s.relay = Relay(PROGRAM, PORT, "sip:phone@127.0.0.1:%d" % (PORT + 10), HOP,
                        "register=1", "bindings=" + path, wrap=WRAP)

    restart()
    registrar.grant = 600
    phone.register(registrar)
    first = (phone.sent.get("Call-ID"), phone.sent.contact())
    registrar.grant = 2 * SLOW
    ok = brief.register(registrar)
    same(ok.all("Contact"), ["<%s>;expires=%d" % (brief.contact, 2 * SLOW)], "granted")
    gone = uris(registrar, "carol")[0]
    registrar.grant = None
    restart()
    same([x["account"] for x in listed(s)][:1], ["alice@a.example"], "after the restart")
    call(s, first[1], phone)
    phone.register(registrar)
    same((phone.sent.get("Call-ID"), phone.sent.contact()), first, "the same after a restart")
    time.sleep(2.1 * SLOW)
    same([x["account"] for x in listed(s)], ["alice@a.example"], "once it is over")
    d = dialog()
    s.b.request("INVITE", gone, d, body=SDP)
    i = s.a.expect("INVITE", 2 * SLOW)
    same(i.uri, "sip:phone@127.0.0.1:%d" % (PORT + 10), "where nobody registered")
    s.a.reply(i, "404 Not Found", "A9")
    os.unlink(path)
    os.rmdir(folder)


@case(**OPTIONS)
def service_route(s):
    registrar, phone = Registrar(s.b), Phone(s.a)
    other = s.end(PORT + 12, INSIDE)
    registrar.extra = ("Service-Route: <sip:orig@p1.a.example;lr>, <sip:p2.a.example;lr>\r\n"
                       "Path: <sip:edge.a.example;lr>\r\nDate: Sat, 21 Nov 2026 10:00:00 GMT\r\n")
    ok = phone.register(registrar)
    assert "path" in phone.sent.get("Supported"), "Path may be added upstream"
    same((ok.get("Service-Route"), ok.get("Path")), ("", ""), "stays here")
    assert ok.get("Date"), "Date passes"
    d = dialog(**{"from": ALICE})
    for end, routes in ((s.a, "<sip:orig@p1.a.example;lr>, <sip:p2.a.example;lr>"), (other, "")):
        d = dialog(**{"from": ALICE})
        if end is other:
            d["from"] = "<sip:carol@a.example>"
        end.request("INVITE", "sip:bob@b.example", d, body=SDP)
        i = s.b.expect("INVITE", 2 * SLOW)
        same(", ".join(i.all("Route")), routes, "Route")
        s.b.reply(i, "404 Not Found", "B1")
        s.b.expect("ACK")
        end.expect("SIP/2.0 404")


@case(**OPTIONS)
def behind_nat_and_tcp(s):
    registrar, end = Registrar(s.b), s.end(0, INSIDE, tcp=True).connect()
    end.port = end.sock.getsockname()[1]
    phone = Phone(end)
    phone.contact = "sip:alice@192.168.7.7:5060;transport=tcp"
    phone.register(registrar)
    same(listed(s)[0]["transport"], "tcp", "transport")
    end.sock.sendall(b"\r\n\r\n")  # RFC 5626: a ping, and its pong
    end.sock.settimeout(2 * SLOW)
    same(end.sock.recv(10), b"\r\n", "the pong")
    call(s, uris(registrar)[0], phone)  # on the connection of the REGISTER
    listening = s.end(PORT + 12, INSIDE, tcp=True).listen()
    again = Phone(s.end(0, INSIDE, tcp=True).connect())
    again.contact = "sip:alice@127.0.0.1:%d;transport=tcp" % (PORT + 12)
    again.register(registrar)
    again.end.close()
    again.end = listening  # its connection is gone: its Contact is tried
    call(s, uris(registrar)[-1], again)


@case(**OPTIONS)
def guesses_and_limits(s):
    registrar, phone = Registrar(s.b), Phone(s.a)
    phone.register(registrar)
    token = re.search("sip:([0-9a-f]+)@", uris(registrar)[0]).group(1)
    for wrong in (token[:-1], token + "0", token[:-1] + "g", token.upper()):
        if wrong == token:
            continue
        d = dialog()
        s.b.request("INVITE", "sip:%s@127.0.0.1:%d" % (wrong, OUTSIDE[1]), d, body=SDP)
        i = s.a.expect("INVITE", 2 * SLOW)
        same(i.uri, "sip:phone@127.0.0.1:%d" % (PORT + 10), "a wrong token")
        s.a.reply(i, "404 Not Found", "A9")
        s.a.expect("ACK")
        s.b.expect("SIP/2.0 404")
    s.relay.set("hosts=1")
    more = Phone(s.end(PORT + 12, INSIDE), "carol")
    more.ask()
    more.end.expect("SIP/2.0 403")
    phone.register(registrar)  # a refresh is none more


@case(**OPTIONS)
def odd_input(s):
    phone = Phone(s.a)
    for over, status in (({"To": "<tel:+123>"}, 400), ({"To": "<sip:a.example>"}, 400),
                         ({"Contact": "<mailto:a@b.example>"}, 400),
                         ({"Contact": "<sip:%s@10.1.1.1>" % ("a" * 400)}, 400),
                         ({"Max-Forwards": "0"}, 483)):
        phone.ask(**over)
        s.a.expect("SIP/2.0 %d" % status)
    s.a.request("REGISTER", "sips:a.example", phone.dialog)
    s.a.expect("SIP/2.0 480")
    s.a.request("REGISTER", REGISTRAR, phone.dialog, body="hello")
    s.a.expect("SIP/2.0 415")
    s.b.quiet()
    # an answer that nobody asked for in this form
    phone.ask()
    r = s.b.expect("REGISTER")
    s.b.reply(r, "200 OK", "R", contact=False, extra="Contact: *\r\nService-Route: <sip:%s;lr>\r\n"
              % ("x" * 400))
    same(s.a.expect("SIP/2.0 200").all("Contact"), [], "Contacts")
    same(listed(s), [], "registrations")


@case(**OPTIONS)
def memory_runs_out(s):
    """The n-th allocation fails: 5xx or 200, and the phone may try again."""
    seen = set()
    for n in range(1, 9):
        phone = Phone(s.a, "u%d" % n)
        s.relay.set("oom=%d" % n)
        phone.ask()
        r = s.b.recv(0.2 * SLOW)
        if r:
            s.b.reply(r, "200 OK", "R", contact=False,
                      extra="Contact: %s\r\n" % r.get("Contact"))
        seen.add(s.a.expect("SIP/2.0 (200|5)", 2 * SLOW).status)
    s.relay.set("oom=0")
    registrar = Registrar(s.b)
    Phone(s.a).register(registrar)
    assert {200, 500} <= seen, seen


@case(keys=("register=1", "t1=%d" % 20), target=HOP)
def no_registrar(s):
    phone = Phone(s.a)
    phone.ask()
    no = s.a.expect("SIP/2.0 504", 6 * SLOW)  # RFC 4320: no 408
    assert "no answer from the registrar" in no.get("Warning")
    same(listed(s), [], "registrations")
    phone.ask()  # still open when the gateway ends
    s.b.expect("REGISTER")


@case(keys=("register=1", "t1=40"), target=HOP)
def who_waits_is_told(s):
    """RFC 4320 4.1: a 100, not before Timer E is T2."""
    phone = Phone(s.a)
    phone.ask()
    r = s.b.expect("REGISTER")
    time.sleep(0.2)
    s.a.send("", s.a.last)
    s.a.expect("SIP/2.0 100")
    s.b.reply(r, "403 Forbidden", "R", contact=False)
    s.a.expect("SIP/2.0 403")


if __name__ == "__main__":
    sys.exit(main())
