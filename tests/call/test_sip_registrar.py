#!/usr/bin/env python3
"""The registrar of our own: phones that register by a password, MD5 and
SHA-256, and call by it; what is wrong, late, repeated or somebody else's."""
import json
import os
import re
import sys
import tempfile

from sipphone import DOMAIN, HOP, OPTIONS, PASSWORDS, Phone, REGISTRAR, USERS, fields
from sipscene import INSIDE, OUTSIDE, PORT, PROGRAM, SLOW, WRAP, case, main, same
from sipsock import Relay, SDP, dialog

LOGGED = dict(OPTIONS, log=True)


def listed(s):
    s.relay.say("registrations")
    return json.loads(s.relay.process.stdout.readline())


def contacts(response):
    return [re.search(r"<([^>]*)>", v).group(1) for v in response.all("Contact")]


def rings(s, phone, uri="sip:alice@a.example", target=None):
    """A call from outside to an account reaches this phone."""
    d = dialog()
    s.b.request("INVITE", uri, d, body=SDP)
    i = phone.end.expect("INVITE", 2 * SLOW)
    same(i.uri, target or phone.contact, "Request-URI at the phone")
    phone.end.reply(i, "486 Busy Here", "A1")
    phone.end.expect("ACK")
    s.b.expect("SIP/2.0 486")
    d["ttag"] = "x"


def ring_in_order(s, *phones, first=1):
    """A call rings them one after the other; the first of them at once."""
    s.b.request("INVITE", "sip:alice@a.example", dialog(), body=SDP)
    together = [(p, p.end.expect("INVITE", 2 * SLOW)) for p, _ in phones[:first]]
    same([i.uri for _, i in together], [uri for _, uri in phones[:first]], "who rings first")
    for p, i in together:
        p.end.reply(i, "486 Busy Here", "A1")
        p.end.expect("ACK")
    for p, uri in phones[first:]:
        i = p.end.expect("INVITE", 2 * SLOW)
        same(i.uri, uri, "who rings next")
        p.end.reply(i, "486 Busy Here", "A1")
        p.end.expect("ACK")
    s.b.expect("SIP/2.0 486")


def nobody(s, uri="sip:alice@a.example"):
    d = dialog()
    s.b.request("INVITE", uri, d, body=SDP)
    i = s.a.expect("INVITE", 2 * SLOW)
    same(i.uri, "sip:phone@127.0.0.1:%d" % (PORT + 10), "where no account leads")
    s.a.reply(i, "404 Not Found", "A9")
    s.a.expect("ACK")
    s.b.expect("SIP/2.0 404")


def round_trip(s, algorithm):
    phone = Phone(s.a, algorithm=algorithm)
    ok = phone.register()
    c = phone.challenges
    same([x["algorithm"] for x in c], ["SHA-256", "MD5"], "the strongest first")
    same((c[0]["nonce"], c[0]["realm"], c[0]["qop"]), (c[1]["nonce"], DOMAIN, "auth"), "alike")
    assert c[0]["opaque"] and "stale" not in c[0], c
    same(contacts(ok), [phone.contact], "Contacts")
    assert re.search("expires=(600|599)$", ok.get("Contact")) and ok.get("Date"), ok.data
    info = fields(ok.get("Authentication-Info"))
    same((info["rspauth"], info["nc"], info["cnonce"], info["qop"]),
         (phone.proof, "00000001", "c0ffee", "auth"), "Authentication-Info")
    one = listed(s)
    same([(x["account"], x["kind"], x["contact"]) for x in one],
         [("alice@a.example", "local", phone.contact)], "registrations")
    s.b.quiet(0.1)  # nothing of it goes outside
    rings(s, phone)
    phone.register()  # the same nonce, counted on
    same(phone.nc, 2, "nc")
    same(len(listed(s)), 1, "registrations")
    same(contacts(phone.register(expires=0)), [], "after leaving")
    nobody(s)


@case(**OPTIONS)
def with_sha256(s):
    round_trip(s, "SHA-256")


@case(**OPTIONS)
def with_md5(s):
    round_trip(s, "MD5")


def asked(end, d, cseq, **over):
    """The challenge of one bare REGISTER."""
    over.setdefault("Contact", "<sip:alice@127.0.0.1:%d>" % end.port)
    end.request("REGISTER", REGISTRAR, d, cseq=cseq, **over)
    return end.expect("SIP/2.0 401", 2 * SLOW)


@case(**OPTIONS)
def nothing_is_kept_of_a_challenge(s):
    """RFC 3261 8.2.7: the same request, the same tag; Via as 18.2.1 and RFC 3581 say."""
    d = dialog(**{"from": "<sip:alice@a.example>", "to": "<sip:alice@a.example>"})
    first, again, later = asked(s.a, d, 1), asked(s.a, d, 1), asked(s.a, d, 2)
    assert first.tag("To"), first.data
    same(again.tag("To"), first.tag("To"), "To tag of the same request")
    assert later.tag("To") != first.tag("To"), "To tag of another one"
    assert first.get("WWW-Authenticate") != again.get("WWW-Authenticate"), "one nonce for two"
    same(first.get("CSeq"), "1 REGISTER", "CSeq")
    for extra, want in ((";rport", ";received=127.0.0.1;rport=%d" % s.a.port),
                        (";received=10.9.9.9", ";received=127.0.0.1"), ("", "")):
        branch = ";branch=z9hG4bKx%d" % len(extra)
        s.a.send("REGISTER sip:a.example SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d%s%s\r\n"
                 "From: <sip:alice@a.example>;tag=1\r\nTo: <sip:alice@a.example>\r\n"
                 "Call-ID: 77\r\nCSeq: 1 REGISTER\r\nContent-Length: 0\r\n\r\n"
                 % (s.a.port, extra, branch))
        via = s.a.expect("SIP/2.0 401").get("Via").split(";", 1)[1]
        for one in want.split(";")[1:] + [branch[1:]]:
            assert one in via.split(";"), via
        assert "10.9.9.9" not in via, via


@case(**OPTIONS)
def a_repeated_register(s):
    """What was admitted gets the same answer again, though its nonce is too old."""
    phone = Phone(s.a)
    ok = phone.register()
    sent = s.a.last
    s.relay.set("life=0")
    s.a.send("", sent)
    same(s.a.expect("SIP/2.0 200").data, ok.data, "the answer")


@case(**LOGGED)
def wrong_password_or_nobody(s):
    """Both get the same answer; each leaves the line that others read."""
    answers = []
    for user, password in (("alice", "looking-glass"), ("mallory", "x"), ("a b:c", "x")):
        phone = Phone(s.a, user, password)
        phone.dialog.update({"from": "<sip:alice@a.example>", "to": "<sip:alice@a.example>"})
        no = phone.register(status="401")
        text = re.sub(r'nonce="[^"]*"|tag=[^;\r]*|branch=[^;\r]*', "", no.data.decode())
        answers.append(re.sub(r"(?m)^(CSeq|Call-ID|To|From|Via):.*$", "", text))
        assert "stale" not in no.data.decode()
        s.a.quiet(0.05)
    same(answers[0], answers[1], "wrong password and no such user")
    same(listed(s), [], "registrations")
    log = s.logged()
    for user in ("alice", "mallory", "a?b?c"):
        line = ("credentials refused from 127.0.0.1 for %s: wrong password or no such user\n"
                % user)
        assert log.count(line) == 1, (user, log)
    Phone(s.a).register()


@case(**LOGGED)
def nonces_end(s):
    phone = Phone(s.a)
    phone.register()
    first = phone.challenge["nonce"]
    for what, answer in (("the same count again", {"nc": 1}), ("no nonce of ours", {"nonce": "x"}),
                         ("another opaque", {"opaque": "x"}),
                         ("half of it", {"nonce": first[:32]})):
        no = phone.register(status="401", answer=answer)
        for c in phone.learn(no):
            same(c.get("stale"), "true", what)
            assert c["nonce"] != first
        phone.register()  # with the new one
    s.relay.set("life=0")
    same(phone.learn(phone.register(status="401"))[0].get("stale"), "true", "too old")
    assert "credentials refused" not in s.logged(), s.logged()


@case(**LOGGED)
def a_forged_address(s):
    """Who uses another's address has no nonce for it, and gets nobody banned."""
    phone, victim = Phone(s.a, password="guess"), s.end(PORT + 12, INSIDE, host="127.0.0.2")
    phone.ask()
    phone.learn(s.a.expect("SIP/2.0 401"))
    phone.end = victim
    for over in ({}, {"qop": ""}, {"uri": "sip:b.example"}):
        text = phone.answer("REGISTER", over.pop("uri", REGISTRAR), **over)
        phone.ask(extra="Authorization: %s\r\n" % text)
        no = victim.expect("SIP/2.0 401", 2 * SLOW)
        assert "stale=true" in no.data.decode(), no.data
    assert "credentials refused" not in s.logged(), s.logged()


@case(**LOGGED)
def not_as_asked(s):
    phone = Phone(s.a, algorithm="MD5")
    for what, over in (("no qop", {"qop": ""}),
                       ("another uri", {"uri": "sip:b.example"})):
        phone.ask()
        phone.learn(s.a.expect("SIP/2.0 401"))
        text = phone.answer("REGISTER", over.pop("uri", REGISTRAR), **over)
        phone.ask(extra="Authorization: %s\r\n" % text)
        no = s.a.expect("SIP/2.0 401", 2 * SLOW)
        assert "stale" not in no.data.decode(), what
    s.relay.set("md5=0")
    s.relay.set("any_qop=1")
    phone.challenge = None
    phone.register(answer={"qop": ""})
    no = phone.register(status="401", answer={"qop": ""})  # each nonce once
    same(phone.learn(no)[0].get("stale"), "true", "without counting")
    s.relay.set("md5=1")
    other = Phone(s.a)
    other.ask()
    same([c["algorithm"] for c in other.learn(s.a.expect("SIP/2.0 401"))], ["MD5"], "MD5 alone")
    other.challenge, other.nc = dict(other.challenges[0]), 0
    other.register(status="401")  # SHA-256 all the same
    s.a.send("REGISTER sip:a.example SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bKx;"
             "rport\r\nFrom: <sip:alice@a.example>;tag=1\r\nTo: <sip:alice@a.example>\r\n"
             "Call-ID: 77\r\nCSeq: 1 REGISTER\r\nAuthorization: Digest realm=\"a.example\", "
             "username=\"alice\"\r\nContent-Length: 0\r\n\r\n" % s.a.port)
    s.a.expect("SIP/2.0 401")
    log = s.logged()
    for why in ("alice: no qop=auth", "alice: made for another", "alice: an algorithm"):
        assert "credentials refused from 127.0.0.1 for " + why in log, (why, log)
    assert "credentials of ? from 127.0.0.1:%d are of no use: malformed" % s.a.port in log, log


@case(**LOGGED)
def somebody_elses_account(s):
    carol = Phone(s.end(PORT + 12, INSIDE), "carol")
    for over in ({"To": "<sip:alice@a.example>"}, {"To": "<sip:carol@b.example>"},
                 {"To": "<tel:+4930123>"}):
        carol.register(status="403", **over)
    carol.register(status="404", uri="sip:b.example")
    carol.register()
    same([x["account"] for x in listed(s)], ["carol@a.example"], "registrations")
    assert "REGISTER of alice@a.example from 127.0.0.1:%d: 403" % (PORT + 12) in s.logged()


@case(keys=OPTIONS["keys"] + ("best=1",), target=HOP)
def several_contacts(s):
    """With ring = "best": by q, one after the other."""
    phone = Phone(s.a)
    far = "sip:alice@10.1.1.9;transport=tcp"
    two = "<%s>;q=0.5;expires=100, <%s>;q=0.25" % (phone.contact, far)
    ok = phone.register(expires=None, contact=two, extra="Expires: 77\r\n")
    same(sorted(ok.all("Contact")), sorted([
        "<%s>;q=0.500;expires=100" % phone.contact,
        "<%s>;q=0.250;expires=77" % far]), "Contacts")
    ring_in_order(s, (phone, phone.contact), (phone, far))
    same(len(contacts(phone.register(expires=None, Contact=None))), 2, "a question")
    # the same Contact in other letters is the same binding
    ok = phone.register(expires=200, contact="<SIP:alice@127.0.0.1:%d>" % s.a.port)
    same(len(contacts(ok)), 2, "after a refresh")
    other = Phone(s.end(PORT + 12, INSIDE))
    same(len(contacts(other.register())), 3, "two phones")  # q=1
    # without q it is 1 again (RFC 3261 20.10), and this one came first
    ring_in_order(s, (other, other.contact), (phone, phone.contact), (phone, far), first=2)
    for bad in ("<sip:a@10.1.1.1>, *", "<mailto:a@b.example>",
                ", ".join("<sip:a%d@10.1.1.1>" % i for i in range(9))):
        phone.register(None, status="400", contact=bad)
    for i in range(13):
        other.register(contact="<sip:x%d@10.1.1.1>" % i)
    other.register(status="403", contact="<sip:y@10.1.1.1>")
    phone.register(expires=None, Contact="*", extra="Expires: 0\r\n")
    same(listed(s), [], "after the star")
    for bad in ("Expires: 5\r\n", ""):
        phone.register(None, status="400", Contact="*", extra=bad)


@case(**OPTIONS)
def times(s):
    phone = Phone(s.a)
    no = phone.register(expires=59, status="423")
    same(no.get("Min-Expires"), "60", "Min-Expires")
    same(listed(s), [], "registrations")
    for asked in (99999, None, 3600):
        ok = phone.register(expires=asked)
        assert re.search("expires=(3600|3599)$", ok.get("Contact")), ok.data
    two = "<sip:alice@10.1.1.1>, <%s>;expires=5" % phone.contact
    phone.register(expires=None, status="423", contact=two)
    same(len(listed(s)), 1, "all or nothing")
    no = phone.register(status="420", extra="Require: gruu\r\n")
    same(no.get("Unsupported"), "gruu", "Unsupported")


@case(**OPTIONS)
def order_of_requests(s):
    phone = Phone(s.a)
    phone.register()
    late = phone.dialog["cseq"]
    phone.register()
    for over in ({}, {"Contact": "*"}):
        text = phone.answer("REGISTER", REGISTRAR)
        phone.ask(expires=0, cseq=late, extra="Authorization: %s\r\n%s" % (
            text, "Expires: 0\r\n" if over else ""), **over)
        s.a.expect("SIP/2.0 500", 2 * SLOW)
    same(len(listed(s)), 1, "what came late")
    phone.dialog = dialog(**{"from": phone.account, "to": phone.account})  # it started anew
    phone.register(expires=0)
    same(listed(s), [], "another Call-ID")


PROOF = "Proxy-Authentication-Info"
FORGED = PROOF + ': qop=auth, rspauth="00", cnonce="c0ffee", nc=00000001\r\n'


def proven(phone, response):
    """To who was asked by 407 the gateway proves itself, and nobody else."""
    same(len(response.all(PROOF)), 1, "proofs")
    info = fields(response.get(PROOF))
    same((info["rspauth"], info["qop"], info["nc"], info["cnonce"]),
         (phone.proof, "auth", "%08x" % phone.nc, "c0ffee"), PROOF)


@case(**OPTIONS)
def calls_need_the_password(s):
    phone = Phone(s.a)
    d = phone.send("INVITE", "sip:bob@b.example", body=SDP)
    same([c["algorithm"] for c in phone.challenges], ["SHA-256", "MD5"], "challenges")
    i = s.b.expect("INVITE", 2 * SLOW)
    same((i.uri, i.get("Proxy-Authorization")), ("sip:bob@b.example", ""), "what leaves")
    same(re.sub(";tag=.*", "", i.get("From")), phone.account, "From")
    s.b.reply(i, "180 Ringing", "B1")
    same(s.a.expect("SIP/2.0 180").get(PROOF), "", "in a 180")
    s.b.reply(i, "200 OK", "B1", body=SDP, extra=FORGED)
    ok = s.a.expect("SIP/2.0 200", 2 * SLOW)
    proven(phone, ok)
    d["ttag"], d["uri"] = ok.tag("To"), ok.contact()
    # RFC 3261 22.1: the ACK bears them again, and so do requests in the dialog
    again = "Proxy-Authorization: %s\r\n" % phone.answer("INVITE", "sip:bob@b.example")
    theirs = 'Proxy-Authorization: Digest username="x", realm="b.example", nonce="1", uri="u", ' \
             'response="00"\r\n'
    s.a.request("ACK", d["uri"], d, extra=again)
    same(s.b.expect("ACK").get("Proxy-Authorization"), "", "in the ACK")
    s.a.request("INFO", d["uri"], d, extra=again + theirs)
    r = s.b.expect("INFO")
    same(r.all("Proxy-Authorization"), [theirs.split(": ", 1)[1].strip()], "in an INFO")
    s.b.reply(r, "200 OK")
    s.a.expect("SIP/2.0 200")
    s.bye(d)
    s.gone()


@case(**LOGGED)
def only_ones_own_name(s):
    phone = Phone(s.a)
    for frm in ("<sip:carol@a.example>", "<sip:alice@b.example>", "<tel:+4930123>",
                "<sip:a.example>"):
        d = phone.send("INVITE", "sip:bob@b.example", dialog(**{"from": frm}), body=SDP)
        s.a.expect("SIP/2.0 403", 2 * SLOW)
        s.a.request("ACK", "sip:bob@b.example", d)
    phone.send("INVITE", "sip:bob@b.example", body=SDP,
               extra="P-Asserted-Identity: <sip:carol@a.example>\r\n")
    i = s.b.expect("INVITE", 2 * SLOW)
    same(i.get("P-Asserted-Identity"), "", "an identity that nobody vouches for")
    s.b.reply(i, "404 Not Found", "B")
    s.b.expect("ACK")
    s.a.expect("SIP/2.0 404")
    same(s.logged().count("From is not of the account"), 4, "lines")


@case(**OPTIONS)
def other_requests(s):
    phone = Phone(s.a)
    for method in ("MESSAGE", "SUBSCRIBE", "PUBLISH", "OPTIONS", "REFER", "NOTIFY"):
        phone.challenge = None
        extra = {"SUBSCRIBE": "Event: dialog\r\n", "REFER": "Refer-To: <sip:x@b.example>\r\n",
                 "NOTIFY": "Event: x\r\nSubscription-State: terminated\r\n",
                 "PUBLISH": "Event: presence\r\n"}.get(method, "")
        phone.send(method, "sip:bob@b.example", extra=extra)
        r = s.b.expect(method, 2 * SLOW)
        same(r.get("Proxy-Authorization"), "", "what leaves")
        s.b.reply(r, "404 Not Found", "B")
        same(s.a.expect("SIP/2.0 404").get(PROOF), "", "in a 404")
        phone.send(method, "sip:bob@b.example", extra=extra)
        s.b.reply(s.b.expect(method), "200 OK", "B", extra=FORGED)
        proven(phone, s.a.expect("SIP/2.0 200"))
    s.a.request("OPTIONS", "sip:127.0.0.1:%d" % INSIDE[1], dialog())
    s.a.expect("SIP/2.0 200")  # to us: no more than a ping
    s.a.request("BYE", "sip:bob@b.example", dialog(ttag="x"))
    s.a.expect("SIP/2.0 481")
    s.b.quiet(0.1)
    # from outside nobody is asked
    s.b.request("INVITE", "sip:bob@a.example", dialog(), body=SDP)
    s.a.reply(s.a.expect("INVITE"), "404 Not Found", "A")
    s.a.expect("ACK")
    s.b.expect("SIP/2.0 404")


@case(**OPTIONS)
def an_emergency(s):
    """A call for help goes out, with a password or without."""
    us = "127.0.0.1:%d" % INSIDE[1]
    d = dialog(**{"from": "<sip:somebody@%s>" % us})
    s.a.request("INVITE", "sip:112@" + us, d, body=SDP)
    i = s.b.expect("INVITE", 2 * SLOW)
    same(i.uri, "sip:112@a.example", "Request-URI")
    s.b.reply(i, "404 Not Found", "B")
    s.b.expect("ACK")
    s.a.expect("SIP/2.0 404")
    s.a.request("MESSAGE", "sip:112@a.example", dialog(), extra="Content-Type: text/plain\r\n",
                body="x")
    s.a.expect("SIP/2.0 407")


@case(**OPTIONS)
def our_address_for_a_domain(s):
    """A phone that has the gateway's address where others have the domain."""
    us = "127.0.0.1:%d" % INSIDE[1]
    phone = Phone(s.a)
    phone.account = "<sip:alice@%s>" % us
    phone.dialog.update({"from": phone.account, "to": phone.account})
    phone.register(uri="sip:" + us)
    same([x["account"] for x in listed(s)], ["alice@a.example"], "registrations")
    d = phone.send("INVITE", "sip:4711@" + us, dialog(**{
        "from": phone.account, "to": "<sip:4711@%s>" % us}), body=SDP)
    i = s.b.expect("INVITE", 2 * SLOW)
    same(i.uri, "sip:4711@a.example", "Request-URI")
    same(re.sub(";tag=.*", "", i.get("From")), "<sip:alice@a.example>", "From")
    same(i.get("To"), "<sip:4711@a.example>", "To")
    s.b.reply(i, "404 Not Found", "B")
    s.b.expect("ACK")
    no = s.a.expect("SIP/2.0 404")
    same(re.sub(";tag=.*", "", no.get("From")), phone.account, "From as the phone said it")
    s.a.request("ACK", "sip:4711@" + us, d)
    rings(s, phone, "sip:alice@127.0.0.1:%d" % OUTSIDE[1])


@case(**OPTIONS)
def behind_nat_and_tcp(s):
    end = s.end(0, INSIDE, tcp=True).connect()
    end.port = end.sock.getsockname()[1]
    phone = Phone(end)
    phone.contact = "sip:alice@192.168.7.7:5060;transport=tcp"
    phone.register()
    same(listed(s)[0]["transport"], "tcp", "transport")
    rings(s, phone)
    udp = Phone(s.a, "carol")
    udp.contact = "sip:carol@192.168.7.8:5060"
    udp.register()
    rings(s, udp, "sip:carol@a.example")


@case(keys=("users=" + USERS,), target=HOP)
def a_restart(s):
    folder = tempfile.mkdtemp()
    path = os.path.join(folder, "bindings")

    def restart():
        same(s.relay.stop(), 0, "end of the program")
        s.relay = Relay(PROGRAM, PORT, "sip:phone@127.0.0.1:%d" % (PORT + 10), HOP,
                        "users=" + USERS, "register=2", "bindings=" + path, wrap=WRAP)

    restart()
    phone = Phone(s.a)
    phone.register(contact="<%s>;q=0.7" % phone.contact)
    late = phone.dialog["cseq"]
    restart()
    same([(x["account"], x["kind"]) for x in listed(s)], [("alice@a.example", "local")], "kept")
    rings(s, phone)
    same(phone.learn(phone.register(status="401"))[0]["stale"], "true", "nonces do not")
    ok = phone.register(Contact=None, expires=None)
    assert "q=0.700" in ok.get("Contact"), ok.data
    text = phone.answer("REGISTER", REGISTRAR)
    phone.ask(expires=0, cseq=late, extra="Authorization: %s\r\n" % text)
    s.a.expect("SIP/2.0 500", 2 * SLOW)  # the order is kept, too
    os.unlink(path)
    os.rmdir(folder)


@case(**OPTIONS)
def the_keeper_is_late(s):
    phone = Phone(s.a)
    phone.register()
    s.relay.set("verdict_ms=%d" % (400 * SLOW))
    d = phone.send("INVITE", "sip:bob@b.example", body=SDP)
    s.a.request("CANCEL", "sip:bob@b.example", d, branch=d["branch"])
    s.a.expect("SIP/2.0 200")
    s.a.expect("SIP/2.0 487")
    s.a.request("ACK", "sip:bob@b.example", d, branch=d["branch"])
    s.b.quiet(0.6 * SLOW)
    s.relay.set("verdict_ms=0")
    for err in (-14, -16):  # E_TIMEOUT, E_CLOSED
        s.relay.set("verdict=%d" % err)
        same(phone.register(status="503").get("Retry-After"), "10", "Retry-After")
    s.relay.set("verdict=0")
    s.relay.set("verdict_ms=5000")
    phone.send("MESSAGE", "sip:bob@b.example", extra="Content-Type: text/plain\r\n", body="x")
    # and it still waits when the gateway ends


@case(keys=("register=2",), target=HOP)
def no_keeper(s):
    phone = Phone(s.a)
    phone.register(status="503")
    same(listed(s), [], "registrations")


@case(**OPTIONS)
def guesses(s):
    """After some wrong passwords none is looked at, whatever it is."""
    phone = Phone(s.a, password="guess")
    for _ in range(40):
        phone.register(status="401")
    phone.password = PASSWORDS["alice"]
    phone.register(status="401")
    Phone(s.a, "carol").register()


@case(**OPTIONS)
def limits(s):
    s.relay.set("hosts=1")
    phone = Phone(s.a)
    phone.register()
    Phone(s.end(PORT + 12, INSIDE), "carol").register(status="403")
    phone.register()


@case(**OPTIONS)
def memory_runs_out(s):
    """The n-th allocation fails: a 5xx, 401 or 200, and the phone may try again."""
    seen = set()
    for n in range(1, 9):
        phone = Phone(s.a)
        phone.ask()
        phone.learn(s.a.expect("SIP/2.0 401", 2 * SLOW))
        s.relay.set("oom=%d" % n)
        seen.add(phone.register(status="(200|5)").status)
    s.relay.set("oom=0")
    phone = Phone(s.a)
    phone.register()
    assert seen <= {200, 500, 503} and len(seen) > 1, seen


if __name__ == "__main__":
    sys.exit(main())
