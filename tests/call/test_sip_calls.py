#!/usr/bin/env python3
"""Calls as they should be: both ways, early and late offers, every method,
CANCEL, all transports, and what passes unseen or is hidden."""
import sys
import time

from sipscene import BOB, INSIDE, OUTSIDE, PORT, SLOW, case, main, same
from sipsock import SDP, called, dialog


# -- the plain way -------------------------------------------------------------

@case()
def basic_call_outwards(s):
    d, i = s.invite()
    same(i.uri, "sip:bob@127.0.0.1:%d" % (PORT + 11), "Request-URI")
    assert i.body.endswith(b"a=branch:0\r\n"), "the offer was not filtered"
    s.b.reply(i, "180 Ringing", "B1")
    ring = s.a.expect("SIP/2.0 180")
    s.b.reply(i, "200 OK", "B1", body=SDP)
    ok, ack = s.confirm(d)
    same(ok.tag("To"), ring.tag("To"), "one To tag")
    assert ok.body.endswith(b"a=branch:0\r\n"), "the answer was not filtered"
    same(ack.tag("To"), "B1", "tag of the ACK")
    same(ack.get("CSeq").split()[0], i.get("CSeq").split()[0], "CSeq of the ACK")
    s.bye(d)
    stats = s.gone()
    same((stats["up"], stats["won"], stats["last"]), (1, 1, 200), "the core's view")


@case()
def basic_call_inwards(s):
    d, i = s.invite(frm=s.b, to=s.a, uri="sip:alice@gateway.example")
    same(i.uri, "sip:phone@127.0.0.1:%d" % (PORT + 10), "Request-URI")
    assert i.contact() == "sip:127.0.0.1:%d" % PORT, i.contact()
    s.a.reply(i, "200 OK", "A1", body=SDP)
    s.confirm(d, s.b, s.a)
    e = called(i, "A1")  # the phone hangs up
    s.a.request("BYE", i.contact(), e)
    s.b.reply(s.b.expect("BYE"), "200 OK")
    s.a.expect("SIP/2.0 200")
    s.gone()


@case()
def failure_passes(s):
    d, i = s.invite()
    s.b.reply(i, "486 Busy Here", "B1", extra="Retry-After: 30\r\n")
    s.b.expect("ACK")
    no = s.a.expect("SIP/2.0 486")
    same(no.get("Retry-After"), "30", "Retry-After")
    d["ttag"] = no.tag("To")
    s.a.request("ACK", BOB, d, branch=d["branch"])
    s.gone()
    s.b.quiet()


@case()
def redirection(s):
    _, i = s.invite()
    s.b.reply(i, "302 Moved", "B1", contact=False,
              extra="Contact: <sip:x@192.0.2.1>;q=0.5, \"Y\" <sip:y@c.example>\r\n")
    s.b.expect("ACK")
    no = s.a.expect("SIP/2.0 302")
    assert "<sip:x@192.0.2.1>;q=0.5" in no.data.decode() and "<sip:y@c.example>" in no.data.decode()
    _, i = s.invite(frm=s.b, to=s.a)
    s.a.reply(i, "302 Moved", "A1", contact=False,
              extra="Contact: <sip:x@192.0.2.1>, <sip:y@c.example>\r\n")
    s.a.expect("ACK")
    no = s.b.expect("SIP/2.0 302")
    same(no.all("Contact"), ["<sip:y@c.example>"], "Contacts to the outside")


def elsewhere(s):
    return s.end(PORT + 12, OUTSIDE, host="127.0.0.2")


def moved(s, i, *contacts, by=None):
    """The far end says where to."""
    by = by or s.b
    by.reply(i, "302 Moved", "B%d" % len(by.seen), contact=False,
             extra="".join("Contact: %s\r\n" % c for c in contacts))
    by.expect("ACK")


@case(keys=("follow=1",))
def redirection_followed(s):
    c = elsewhere(s)
    d, i = s.invite(extra="Subject: tea\r\n")
    moved(s, i, "<sip:x@127.0.0.2:%d>;q=0.2" % (PORT + 15), "<sip:w@127.0.0.1:%d>" % PORT,
          "<sip:y@127.0.0.2:%d;v=1?Replaces=a%%3Bb>;q=0.9, <mailto:z@y.example>" % (PORT + 12))
    j = c.expect("INVITE")
    same(j.uri, "sip:y@127.0.0.2:%d;v=1" % (PORT + 12), "Request-URI")
    same((j.get("Subject"), j.body[:-3]), ("tea", i.body[:-3]), "the same call")
    assert j.get("Call-ID") != i.get("Call-ID") and j.tag("From") != i.tag("From")
    c.reply(j, "180 Ringing", "C1")
    s.a.expect("SIP/2.0 180")
    c.reply(j, "200 OK", "C1", body=SDP)
    s.confirm(d, to=c)
    s.bye(d, to=c)
    same(s.gone()["up"], 1, "calls that were up")


@case(keys=("follow=1",))
def redirections_end(s):
    c, by = elsewhere(s), s.b
    d, i = s.invite()
    for n in range(3):
        moved(s, i, "<sip:%d@127.0.0.2:%d>" % (n, PORT + 12), by=by)
        i, by = c.expect("INVITE"), c
        same(i.uri, "sip:%d@127.0.0.2:%d" % (n, PORT + 12), "Request-URI")
    moved(s, i, "<sip:4@127.0.0.2:%d>" % (PORT + 12), by=c)
    s.a.expect("SIP/2.0 302")
    s.gone()


@case(keys=("follow=1", "lead=@127"))
def redirection_that_may_not_be_followed(s):
    """Not to where the core says no, nor to the inside, nor by other means."""
    for contact in ("<sip:x@evil.example>", "<http://127.0.0.2/>", "<sip:x@127.0.0.1:%d>" % PORT,
                    "<sip:x@10.66.0.9>"):
        _, i = s.invite()
        moved(s, i, contact)
        s.a.expect("SIP/2.0 [34]")
        s.b.quiet(0.1)
    _, i = s.invite()
    s.b.reply(i, "305 Use Proxy", "B1", contact=False,
              extra="Contact: <sip:x@127.0.0.1:%d>\r\n" % (PORT + 12))
    s.b.expect("ACK")
    s.a.expect("SIP/2.0 305", skip="SIP/2.0 [134]")


@case(keys=("follow=1",))
def cancelled_on_its_second_way(s):
    c = elsewhere(s)
    d, i = s.invite()
    moved(s, i, "<sip:x@127.0.0.2:%d>" % (PORT + 12))
    i = c.expect("INVITE")
    c.reply(i, "180 Ringing", "B2")
    s.a.expect("SIP/2.0 180")
    s.a.request("CANCEL", BOB, d, branch=d["branch"])
    s.a.expect("SIP/2.0 200")
    s.a.expect("SIP/2.0 487")
    c.reply(c.expect("CANCEL"), "200 OK", contact=False)
    c.reply(i, "487 Request Terminated", "B2")
    c.expect("ACK")
    s.gone()


@case(keys=("lead=c.example",))
def redirection_out_of_a_sealed_call(s):
    _, i = s.invite()
    s.b.reply(i, "302 Moved", "B1", contact=False, extra="Contact: <sip:y@c.example>\r\n")
    s.b.expect("ACK")
    same(s.a.expect("SIP/2.0 302").all("Contact"), ["<sip:y@c.example>"], "a sealed target")
    for more in ("Contact: <sip:x@evil.example>\r\n",
                 "Contact: <sip:y@c.example>, <sip:x@evil.example>\r\n",
                 "Contact: <sip:y@c.example>\r\nm: <tel:+1>\r\n"):
        _, i = s.invite()
        s.b.reply(i, "302 Moved", "B1", contact=False, extra=more)
        s.b.expect("ACK")
        no = s.a.expect("SIP/2.0 480")
        same(no.all("Contact"), [], "a plain target")


@case(keys=("lead=c.example",))
def transfer_out_of_a_sealed_call(s):
    d, e = s.up()
    for more in ("Refer-To: <sip:x@evil.example>\r\n", "r: sip:x@evil.example\r\n", "",
                 "Refer-To: <sip:y@c.example>\r\nRefer-To: <sip:x@evil.example>\r\n"):
        s.b.request("REFER", e["uri"], e, extra=more)
        s.b.expect("SIP/2.0 4")
    s.a.quiet(0.2)
    s.b.request("REFER", e["uri"], e, extra="Refer-To: <sip:y@c.example>\r\n")
    s.a.reply(s.a.expect("REFER"), "202 Accepted")
    s.b.expect("SIP/2.0 202")
    s.a.request("REFER", d["uri"], d, extra="Refer-To: <sip:x@evil.example>\r\n")
    s.b.reply(s.b.expect("REFER"), "202 Accepted")  # the phone's own wish
    s.a.expect("SIP/2.0 202")
    s.bye(d)


@case()
def late_offer(s):
    d, i = s.invite(body=b"")
    same(i.body, b"", "body of the INVITE")
    s.b.reply(i, "200 OK", "B1", body=SDP)
    ok = s.a.expect("SIP/2.0 200")
    assert ok.body.endswith(b"a=branch:0\r\n")
    d["ttag"], d["uri"] = ok.tag("To"), ok.contact()
    s.b.quiet(0.1)  # no ACK before the phone's
    s.a.request("ACK", d["uri"], d, body=SDP)
    assert s.b.expect("ACK").body.endswith(b"a=branch:0\r\n")
    s.bye(d)
    same(s.gone()["filtered"], 2, "filtered bodies")


@case()
def in_dialog_requests(s):
    d, e = s.up()
    for method in ("INFO", "MESSAGE", "REFER", "NOTIFY", "OPTIONS", "SUBSCRIBE"):
        s.a.request(method, d["uri"], d, extra="Content-Type: text/plain\r\nX-It: 1\r\n", body="hi")
        r = s.b.expect(method)
        same((r.body, r.get("X-It"), r.get("Content-Type")), (b"hi", "1", "text/plain"), method)
        s.b.reply(r, "202 Accepted", extra="X-Back: 2\r\n")
        same(s.a.expect("SIP/2.0 202").get("X-Back"), "2", method)
        s.b.request(method, e["uri"], e)
        s.a.reply(s.a.expect(method), "603 Decline")
        s.b.expect("SIP/2.0 603")
    for method, status in (("PUBLISH", 405), ("REGISTER", 405), ("FROBNICATE", 501),
                           ("PRACK", 481)):
        s.a.request(method, d["uri"], d)
        no = s.a.expect("SIP/2.0 %d" % status)
        assert status != 405 or "INVITE" in no.get("Allow")
    s.bye(d)
    s.gone()


@case()
def nothing_provisional_to_other_requests(s):
    d, e = s.up()
    for frm, to, at in ((s.a, s.b, d), (s.b, s.a, e)):
        for method in ("INFO", "UPDATE"):
            frm.request(method, at["uri"], at)
            r = to.expect(method)
            to.reply(r, "182 Queued")
            to.reply(r, "200 OK")
            frm.expect("SIP/2.0 200")
    s.bye(d)
    s.gone()


@case()
def reinvite_and_update(s):
    d, e = s.up()
    s.b.request("INVITE", e["uri"], e, body=SDP)
    r = s.a.expect("INVITE")
    s.a.reply(r, "200 OK", body=SDP)
    s.confirm(e, s.b, s.a)
    s.a.request("UPDATE", d["uri"], d, body=SDP)
    r = s.b.expect("UPDATE")
    assert r.body.endswith(b"a=branch:0\r\n")
    s.b.reply(r, "200 OK", body=SDP)
    assert s.a.expect("SIP/2.0 200").body.endswith(b"a=branch:0\r\n")
    s.a.request("INVITE", d["uri"], d, body=SDP)
    s.b.reply(s.b.expect("INVITE"), "488 Not Acceptable Here")
    s.b.expect("ACK")
    s.a.expect("SIP/2.0 488")
    s.a.request("ACK", d["uri"], d)
    s.a.request("INFO", d["uri"], d)  # the call is still up
    s.b.reply(s.b.expect("INFO"), "200 OK")
    s.a.expect("SIP/2.0 200")
    s.bye(d)
    s.gone()


@case()
def reinvite_glare(s):
    d, e = s.up()
    s.a.request("INVITE", d["uri"], d, body=SDP)
    cseq = d["cseq"]
    r = s.b.expect("INVITE")
    branch = s.b.request("INVITE", e["uri"], e, body=SDP)
    s.b.expect("SIP/2.0 491")
    s.b.request("ACK", e["uri"], e, branch=branch)
    s.a.request("UPDATE", d["uri"], d, body=SDP)
    assert s.a.expect("SIP/2.0 500").get("Retry-After")
    s.a.request("UPDATE", d["uri"], d)  # without an offer it may pass
    s.b.reply(s.b.expect("UPDATE"), "200 OK")
    s.a.expect("SIP/2.0 200")
    s.b.reply(r, "200 OK", body=SDP)
    s.confirm(d, cseq=cseq)
    s.bye(d)
    s.gone()


@case()
def reliable_provisional(s):
    d, i = s.invite(extra="Supported: 100rel\r\n")
    s.b.reply(i, "183 Progress", "B1", "Require: 100rel\r\nRSeq: 7\r\n", SDP)
    p = s.a.expect("SIP/2.0 183")
    same(p.get("Require"), "100rel", "Require")
    assert p.body.endswith(b"a=branch:0\r\n")
    s.b.reply(i, "183 Progress", "B1", "Require: 100rel\r\nRSeq: 7\r\n", SDP)  # repeated
    d["ttag"], d["uri"] = p.tag("To"), p.contact()
    invite_cseq = d["cseq"]
    s.a.request("PRACK", d["uri"], d, extra="RAck: %s %d INVITE\r\n" % (p.get("RSeq"), invite_cseq))
    r = s.b.expect("PRACK")
    same(r.get("RAck"), "7 %s INVITE" % i.get("CSeq").split()[0], "RAck")
    s.b.reply(r, "200 OK", "B1", contact=False)
    s.a.expect("SIP/2.0 200")
    s.a.request("UPDATE", d["uri"], d, body=SDP)  # a second offer, early
    s.b.reply(s.b.expect("UPDATE"), "200 OK", "B1", body=SDP)
    s.a.expect("SIP/2.0 200")
    s.b.reply(i, "180 Ringing", "B1", "Require: 100rel\r\nRSeq: 8\r\n")
    p = s.a.expect("SIP/2.0 180")
    s.a.request("PRACK", d["uri"], d, extra="RAck: %s %d INVITE\r\n" % (p.get("RSeq"), invite_cseq))
    r = s.b.expect("PRACK")
    same(r.get("RAck").split()[0], "8", "RAck")
    s.b.reply(r, "200 OK", "B1", contact=False)
    s.a.expect("SIP/2.0 200")
    s.b.reply(i, "200 OK", "B1")
    ok = s.a.expect("SIP/2.0 200")
    s.a.request("ACK", ok.contact(), d, cseq=invite_cseq)
    s.b.expect("ACK")
    s.bye(d)
    s.gone()


@case()
def reliable_late_offer(s):
    d, i = s.invite(body=b"", extra="Require: 100rel\r\n")
    s.b.reply(i, "183 Progress", "B1", "Require: 100rel\r\nRSeq: 1\r\n", SDP)
    p = s.a.expect("SIP/2.0 183")
    d["ttag"], d["uri"] = p.tag("To"), p.contact()
    s.a.request("PRACK", d["uri"], d, extra="RAck: %s 1 INVITE\r\n" % p.get("RSeq"), body=SDP)
    r = s.b.expect("PRACK")
    assert r.body.endswith(b"a=branch:0\r\n")
    s.b.reply(r, "200 OK", "B1", contact=False)
    s.a.expect("SIP/2.0 200")
    s.b.reply(i, "200 OK", "B1")
    ok = s.a.expect("SIP/2.0 200")
    s.a.request("ACK", ok.contact(), d, cseq=1)
    s.b.expect("ACK")
    s.bye(d)
    same(s.gone()["filtered"], 2, "filtered bodies")


@case()
def reliable_for_a_phone_without_100rel(s):
    d, i = s.invite()
    s.b.reply(i, "183 Progress", "B1", "Require: 100rel\r\nRSeq: 3\r\n", SDP)
    r = s.b.expect("PRACK")  # we acknowledge it ourselves
    same(r.get("RAck").split()[0], "3", "RAck")
    s.b.reply(r, "200 OK", "B1")
    p = s.a.expect("SIP/2.0 183")
    same((p.get("Require"), p.get("RSeq")), ("", ""), "headers")
    s.b.reply(i, "200 OK", "B1", body=SDP)
    s.confirm(d)
    s.bye(d)
    s.gone()


# -- CANCEL --------------------------------------------------------------------

@case()
def cancel_after_ringing(s):
    d, i = s.invite()
    s.b.reply(i, "180 Ringing", "B1")
    s.a.expect("SIP/2.0 180")
    s.a.request("CANCEL", BOB, d, branch=d["branch"])
    s.a.expect("SIP/2.0 200")
    no = s.a.expect("SIP/2.0 487")
    d["ttag"] = no.tag("To")
    s.a.request("ACK", BOB, d, branch=d["branch"])
    s.b.reply(s.b.expect("CANCEL"), "200 OK", contact=False)
    s.b.reply(i, "487 Request Terminated", "B1")
    s.b.expect("ACK")
    s.gone()


@case()
def cancel_before_ringing(s):
    d, i = s.invite()
    s.a.request("CANCEL", BOB, d, branch=d["branch"])
    s.a.expect("SIP/2.0 200")
    s.a.expect("SIP/2.0 487")
    s.b.quiet(0.2)  # nothing may be cancelled before a provisional response
    s.b.reply(i, "180 Ringing", "B1")
    s.b.reply(s.b.expect("CANCEL"), "200 OK", contact=False)
    s.b.reply(i, "487 Request Terminated", "B1")
    s.b.expect("ACK")
    s.gone()


@case()
def cancel_crosses_200(s):
    d, i = s.invite()
    s.b.reply(i, "180 Ringing", "B1")
    s.a.expect("SIP/2.0 180")
    s.a.request("CANCEL", BOB, d, branch=d["branch"])
    s.a.expect("SIP/2.0 200")
    s.a.expect("SIP/2.0 487")
    c = s.b.expect("CANCEL")
    s.b.reply(i, "200 OK", "B1", body=SDP)
    s.b.reply(c, "481 No Such Transaction", contact=False)
    s.b.expect("ACK")
    s.b.reply(s.b.expect("BYE"), "200 OK")
    s.gone()


@case()
def cancel_after_200(s):
    d, i = s.invite()
    s.b.reply(i, "200 OK", "B1", body=SDP)
    ok = s.a.expect("SIP/2.0 200")
    s.a.request("CANCEL", BOB, d, branch=d["branch"])
    s.a.expect("SIP/2.0 481")
    d["ttag"], d["uri"] = ok.tag("To"), ok.contact()
    s.a.request("ACK", d["uri"], d)
    s.b.expect("ACK")
    s.bye(d)
    s.gone()


@case(keys=("offer=late", "late_ms=300"))
def cancel_while_the_offer_waits(s):
    d = dialog()
    branch = s.a.request("INVITE", BOB, d, body=SDP)
    s.a.expect("SIP/2.0 100")
    s.a.request("CANCEL", BOB, d, branch=branch)
    s.a.expect("SIP/2.0 200")
    s.a.expect("SIP/2.0 487")
    s.gone()
    s.b.quiet(0.5)


@case(keys=("answer=late", "late_ms=300"))
def cancel_while_the_answer_waits(s):
    d, i = s.invite()
    s.b.reply(i, "200 OK", "B1", body=SDP)
    time.sleep(0.1)
    s.a.request("CANCEL", BOB, d, branch=d["branch"])
    s.a.expect("SIP/2.0 200")
    s.a.expect("SIP/2.0 487")
    s.b.expect("ACK")
    s.b.reply(s.b.expect("BYE"), "200 OK")
    s.gone()


@case()
def reinvite_cancelled(s):
    d, _ = s.up()
    branch = s.a.request("INVITE", d["uri"], d, body=SDP)
    r = s.b.expect("INVITE")
    s.b.reply(r, "180 Ringing")
    s.a.expect("SIP/2.0 180")
    s.a.request("CANCEL", d["uri"], d, branch=branch)
    s.a.expect("SIP/2.0 200")
    s.b.reply(s.b.expect("CANCEL"), "200 OK", contact=False)
    s.b.reply(r, "487 Request Terminated")
    s.b.expect("ACK")
    s.a.expect("SIP/2.0 487")
    s.a.request("ACK", d["uri"], d, branch=branch)
    s.bye(d)
    s.gone()


# -- transports ----------------------------------------------------------------

def over_tcp(s, host="127.0.0.1"):
    a = s.end(PORT + 13, (host, PORT), host=host, tcp=True).connect()
    b = s.end(PORT + 14, (host, PORT + 1), host=host, tcp=True).listen()
    d = dialog()
    a.request("INVITE", BOB, d, body=SDP)
    i = b.expect("INVITE")
    here = "%s:%d" % (b.show, PORT + 1)
    assert "TCP" in i.get("Via") and "transport=tcp" in i.contact(), i.data
    assert here in i.get("Via") and here in i.contact(), i.data
    same(i.contact().split(";")[0].rpartition(":")[2], str(PORT + 1), "port of the Contact")
    b.reply(i, "180 Ringing", "B1")
    p = a.expect("SIP/2.0 180")
    assert "transport=tcp" in p.contact()
    same(p.contact().split(";")[0].rpartition(":")[2], str(PORT), "port of the Contact")
    b.reply(i, "200 OK", "B1", body=SDP)
    s.confirm(d, a, b)
    s.bye(d, a, b)
    s.gone()


@case(target="sip:bob@127.0.0.1:%d;transport=tcp" % (PORT + 14))
def tcp_on_both_sides(s):
    over_tcp(s)


@case(target="sip:bob@[::1]:%d;transport=tcp" % (PORT + 14))
def tcp_over_ipv6(s):
    over_tcp(s, "::1")


@case(target="sip:bob@[::1]:%d" % (PORT + 14))
def udp_from_ipv4_to_ipv6(s):
    b = s.end(PORT + 14, ("::1", PORT + 1), host="::1")
    d, i = s.invite(to=b)
    assert "[::1]:%d" % (PORT + 1) in i.get("Via") and "[::1]" in i.contact(), i.data
    b.reply(i, "200 OK", "B1", body=SDP)
    s.confirm(d, to=b)
    s.bye(d, to=b)
    s.gone()


@case()
def large_request_goes_by_tcp(s):
    b = s.end(PORT + 11, OUTSIDE, tcp=True).listen()
    extra = "X-Long: %s\r\n" % ("y" * 6000)
    d, i = s.invite(to=b, extra=extra)
    same(len(i.get("X-Long")), 6000, "X-Long")
    b.reply(i, "200 OK", "B1", body=SDP, extra=extra)
    ok = s.a.expect("SIP/2.0 200")  # by UDP, for that is where the request came from
    same(len(ok.get("X-Long")), 6000, "X-Long")
    d["ttag"] = ok.tag("To")
    s.relay.say("hangup 480 enough")


@case()
def large_request_falls_back_to_udp(s):
    extra = "X-Long: %s\r\n" % ("y" * 6000)
    d, i = s.invite(extra=extra)
    assert "UDP" in i.get("Via"), i.get("Via")
    s.b.reply(i, "200 OK", "B1", body=SDP)
    s.confirm(d)
    s.bye(d)
    s.gone()


# -- transparency --------------------------------------------------------------

ASSERTED = "P-Asserted-Identity: \"Alice\" <sip:alice@inside.example>"
STRANGERS = ("History-Info: <sip:x@y.example>;index=1",
             "Diversion: <sip:z@y.example>;reason=unconditional", "Priority: urgent")
TRANSPARENT = [
    "X-Before:one", "Subject :  odd   spacing ", "s: short form", "Allow: INVITE,ACK , BYE",
    "Supported: timer,replaces", "k: 100rel", "Require: x-nothing", "User-Agent: Phone/1.0 (a; b)",
    ASSERTED, "Privacy: none",
    "History-Info: <sip:x@y.example>;index=1", "Diversion: <sip:z@y.example>;reason=unconditional",
    "Date: Sat, 21 Nov 2026 03:00:00 GMT",
    "Accept: application/sdp, text/plain;q=0.5", "Accept-Language: en", "Alert-Info: <urn:alert:x>",
    "Call-Info: <http://x.example/a>;purpose=icon", "Organization: Ex & Ample", "Priority: urgent",
    "Reply-To: <sip:r@inside.example>", "X-Fold: a\r\n b", "X-Empty:", "X-Same: 1", "X-Same: 2",
    "Authorization: Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"sip:b\", response=\"0\"",
    "Proxy-Authorization: Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"sip:b\"",
    "Warning: 399 x \"y\"", "Retry-After: 5", "Geolocation: <cid:x>", "X-Utf8: gr\u00fcn",
    "Expires: 120", "Event: talk", "Content-Disposition: session", "X-After: last",
]
HIDDEN = [
    "Record-Route: <sip:10.66.0.1;lr>", "Route: <sip:127.0.0.1:%d;lr>" % PORT, "Timestamp: 5",
    "Session-Expires: 1800;refresher=uac", "Min-SE: 90", "In-Reply-To: x@10.66.0.7",
    "Target-Dialog: x@10.66.0.7;local-tag=a;remote-tag=b",
]
OURS = ("via", "from", "to", "call-id", "cseq", "contact", "max-forwards", "content-length",
        "content-type", "record-route")


def lines_of(m):
    head = m.data.partition(b"\r\n\r\n")[0].decode("latin-1").replace("\r\n ", "\0")
    return [x.replace("\0", "\r\n ") for x in head.split("\r\n")[1:]
            if x.split(":")[0].strip().lower() not in OURS and x != "Supported: timer"]


@case()
def headers_pass_byte_for_byte(s):
    wanted = [x.encode().decode("latin-1") for x in TRANSPARENT]
    extra = "".join(x + "\r\n" for x in wanted)
    hidden = "".join(x + "\r\n" for x in HIDDEN)
    d, i = s.invite(extra=extra + hidden)
    same(lines_of(i), wanted, "the INVITE")
    extra = extra.replace("Require: x-nothing\r\n", "") + HIDDEN[2] + "\r\n"
    s.b.reply(i, "200 OK", "B1", extra=extra, body=SDP)
    ok, _ = s.confirm(d)
    wanted.remove("Require: x-nothing")
    for x in (ASSERTED, *STRANGERS):
        wanted.remove(x)
    # each leg has a session timer of its own
    same(lines_of(ok), wanted + ["Session-Expires: 1800;refresher=uac", "Require: timer"],
         "the 200")
    s.bye(d)


@case()
def nobody_outside_asserts_an_identity(s):
    _, i = s.invite(frm=s.b, to=s.a, uri="sip:alice@a.example",
                    extra=ASSERTED + "\r\nREMOTE-PARTY-ID : <sip:ceo@a.example>\r\nX-A: 1\r\n")
    same(lines_of(i), ["X-A: 1"], "the INVITE")
    s.a.reply(i, "486 Busy Here", "A1")


@case()
def the_inside_does_not_show(s):
    secret = b"10.66.0"
    d, i = s.invite(extra="".join(x + "\r\n" for x in HIDDEN),
                    Via="SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK10.66.0.7" % (PORT + 10))
    s.b.reply(i, "200 OK", "B1", body=SDP)
    s.confirm(d)
    s.a.request("INFO", d["uri"], d)
    s.b.reply(s.b.expect("INFO"), "200 OK")
    s.a.expect("SIP/2.0 200")
    s.bye(d)
    d, i = s.invite(frm=s.b, to=s.a)
    s.a.reply(i, "302 Moved", "A1", contact=False, extra="Contact: <sip:x@10.66.0.8>\r\n")
    no = s.b.expect("SIP/2.0 480")  # no contact left to be redirected to
    assert "10.66" not in no.get("Contact")
    for data in s.b.seen:
        for line in data.split(b"\r\n"):
            # what the far end itself wrote may come back to it
            assert secret not in line or line.split(b":")[0] in (b"Call-ID",), line
    for data in s.b.seen:
        if data.startswith((b"INVITE", b"ACK", b"BYE", b"INFO")):
            assert secret not in data, data
    assert all(b":%d" % PORT not in x for x in s.b.seen), "the inside listener shows outside"


@case()
def routes_are_the_legs_own(s):
    rr = "Record-Route: <sip:127.0.0.1:%d;lr;x=far>\r\n" % (PORT + 11)
    d, i = s.invite(extra="Record-Route: <sip:127.0.0.1:%d;lr;x=near>\r\n" % (PORT + 10))
    s.b.reply(i, "200 OK", "B1", body=SDP, extra=rr)
    ok, ack = s.confirm(d)
    assert "x=near" in ok.get("Record-Route") and "x=far" not in ok.data.decode(), ok.data
    assert "x=far" in ack.get("Route"), ack.data
    e = called(i, "B1")
    s.b.request("BYE", i.contact(), e)
    y = s.a.expect("BYE")
    assert "x=near" in y.get("Route")
    s.a.reply(y, "200 OK")
    s.b.expect("SIP/2.0 200")
    s.gone()


@case()
def targets_are_refreshed(s):
    c = s.end(PORT + 15, OUTSIDE)
    d, e = s.up()
    s.b.request("UPDATE", e["uri"], e, Contact="<sip:moved@127.0.0.1:%d>" % (PORT + 15))
    s.a.reply(s.a.expect("UPDATE"), "200 OK")
    s.b.expect("SIP/2.0 200")
    s.a.request("BYE", d["uri"], d)
    y = c.expect("BYE")
    same(y.uri, "sip:moved@127.0.0.1:%d" % (PORT + 15), "target")
    c.reply(y, "200 OK")
    s.a.expect("SIP/2.0 200")
    s.gone()


if __name__ == "__main__":
    sys.exit(main())
