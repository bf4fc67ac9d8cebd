#!/usr/bin/env python3
"""The tunnel as a precondition (ike = "before"): what the outside says of it on
either side of a call, what the phones see of that (nothing), and how it fails."""
import sys
import time

from sipphone import OPTIONS, Phone
from sipscene import BOB, INSIDE, PORT, T1, SLOW, branch, case, main, same
from sipsock import SDP, called, dialog

TYPE = "Content-Type: application/sdp\r\n"
ASKS = "Require: precondition\r\nSupported: 100rel\r\nAllow: INVITE, ACK, UPDATE, PRACK\r\n"
PROGRESS = TYPE + "Require: 100rel\r\nRSeq: %d\r\nAllow: UPDATE, PRACK\r\n"
PRE = "a=curr:sec e2e %s\r\na=des:sec mandatory e2e sendrecv\r\n"
BEFORE = ("before=1",)
# of bodies it sees what the mock core lets pass
SEEN = (b"RAck", b"precondition", b"RSeq", b"UPDATE sip")


def sdp(current, more=""):
    return SDP + PRE % current + more


def phone_saw_nothing(end):
    for data in end.seen:
        for word in SEEN:
            assert word not in data, "the phone saw %r: %r" % (word, data)


# -- our phone calls -----------------------------------------------------------

def pracked(s, i, tag="B1", rseq=7, body=None):
    """The far end answers, reliably; its acknowledgement has come and is answered."""
    s.b.reply(i, "183 Progress", tag, PROGRESS % rseq,
              sdp("recv", "a=conf:sec e2e sendrecv\r\n") if body is None else body)
    r = s.b.expect("PRACK")
    same(r.get("RAck"), "%d %s INVITE" % (rseq, i.get("CSeq").split()[0]), "RAck")
    s.b.reply(r, "200 OK", tag, contact=False)


def confirmed(s, i, tag="B1", **kw):
    """... and our UPDATE, too. What it was."""
    pracked(s, i, tag, **kw)
    u = s.b.expect("UPDATE")
    same((u.get("Require"), u.get("Content-Type"), u.tag("To")),
         ("precondition", "application/sdp", tag), "the UPDATE")
    assert u.body.endswith(b"a=refresh\r\n") and u.contact(), u.data
    s.b.reply(u, "200 OK", tag, TYPE, sdp("sendrecv", "a=second\r\n"))
    return u


@case(keys=BEFORE)
def the_phone_rings_after_the_tunnel(s):
    d, i = s.invite(extra="Supported: 100rel, precondition, x-mine\r\nAllow: INVITE, ACK\r\n")
    same(i.all("Require"), ["precondition"], "Require")
    same(sorted(i.all("Supported")), ["100rel", "timer", "x-mine"], "Supported")
    assert "UPDATE" in ",".join(i.all("Allow")), i.data
    confirmed(s, i)
    s.a.quiet(0.1)
    s.b.reply(i, "180 Ringing", "B1", TYPE, sdp("sendrecv"))
    same(s.a.expect("SIP/2.0 180").body, b"", "the 180's body")
    e = called(i, "B1")
    s.b.request("UPDATE", i.contact(), e, extra="Require: precondition\r\n",
                body=sdp("sendrecv", "a=third\r\n"))
    ok = s.b.expect("SIP/2.0 200")
    same(ok.get("Content-Type"), "application/sdp", "its answer")
    assert ok.body.endswith(b"a=reply\r\n"), ok.data
    s.b.reply(i, "200 OK", "B1", "Supported: precondition, x-theirs\r\n"
              "Require: precondition, x-needed\r\n")
    ok, _ = s.confirm(d)
    same((ok.get("Content-Type"), ok.all("Supported"), ok.all("Require")),
         ("application/sdp", ["x-theirs"], ["x-needed"]), "the phone's answer")
    assert b"a=third" in ok.body, ok.data
    s.b.request("INVITE", i.contact(), e, body=sdp("sendrecv"),
                extra="Require: precondition, x-that\r\nSupported: precondition\r\n")
    r = s.a.expect("INVITE")
    same((r.all("Require"), r.get("Supported")), (["x-that"], "timer"), "a later offer")
    s.a.reply(r, "200 OK", body=SDP)
    e["ttag"] = s.b.expect("SIP/2.0 200").tag("To")
    s.b.request("ACK", i.contact(), e)
    s.a.expect("ACK")
    s.bye(d)
    phone_saw_nothing(s.a)
    had = s.gone()
    same([had[k] for k in ("held", "offered", "replied")], [3, 1, 1], "what the core had")


@case(keys=BEFORE)
def without_a_third_offer(s):
    """A far end that knew all in its 183, or says its answer once more."""
    for body in (b"", sdp("sendrecv", "a=ignored\r\n")):
        d, i = s.invite()
        same(i.get("Supported").replace("timer, ", ""), i.get("Supported"), "Supported")
        confirmed(s, i)
        s.b.reply(i, "180 Ringing", "B1")
        s.a.expect("SIP/2.0 180")
        s.b.reply(i, "200 OK", "B1", TYPE if body else "", body)
        ok, _ = s.confirm(d)
        assert b"a=second" in ok.body and b"a=ignored" not in ok.body, ok.data
        s.bye(d)
    s.gone(2)


@case(keys=BEFORE + ("not_due=1",))
def who_knows_already_is_not_told(s):
    d, i = s.invite()
    pracked(s, i, body=sdp("sendrecv"))
    s.b.reply(i, "180 Ringing", "B1")
    s.a.expect("SIP/2.0 180")
    s.b.reply(i, "200 OK", "B1")
    ok, _ = s.confirm(d)
    assert b"a=curr:sec" in ok.body  # the mock core's; the true one takes it out
    s.bye(d)
    s.gone()


@case(keys=BEFORE)
def who_waits_for_nothing_is_refused(s):
    s.relay.set("not_due=1")
    _, i = s.invite()
    pracked(s, i, body=sdp("none"))
    ended(s, i)


def ended(s, i, status=580, tag="B1"):
    """The phone hears it, the far end a CANCEL."""
    no = s.a.expect("SIP/2.0 %d" % status)
    s.b.reply(s.b.expect("CANCEL"), "200 OK", contact=False)
    s.b.reply(i, "487 Request Terminated", tag)
    s.b.expect("ACK")
    s.gone()
    return no


@case(keys=BEFORE)
def a_far_end_that_knows_none(s):
    _, i = s.invite()
    s.b.reply(i, "420 Bad Extension", "B1", "Unsupported: precondition\r\n")
    s.b.expect("ACK")
    no = s.a.expect("SIP/2.0 580")
    same(no.get("Unsupported"), "", "Unsupported")
    assert "knows no preconditions" in no.get("Warning") and not no.body, no.data
    s.gone()


@case(keys=BEFORE)
def a_far_end_that_wants_more(s):
    """Of which preconditions, and what they need, are ours."""
    _, i = s.invite()
    s.b.reply(i, "421 Extension Required", "B1", "Require: precondition, 100rel, x-more\r\n")
    s.b.expect("ACK")
    same(s.a.expect("SIP/2.0 421").all("Require"), ["x-more"], "Require")
    phone_saw_nothing(s.a)
    s.gone()


@case(keys=BEFORE)
def who_rings_too_soon(s):
    _, i = s.invite()
    s.b.reply(i, "180 Ringing", "B1")
    assert "before the tunnel is up" in ended(s, i).get("Warning")


@case(keys=BEFORE)
def who_rings_too_soon_reliably(s):
    _, i = s.invite()
    s.b.reply(i, "180 Ringing", "B1", PROGRESS % 3, sdp("recv"))
    ended(s, i)


@case(keys=BEFORE)
def who_describes_unreliably(s):
    _, i = s.invite()
    s.b.reply(i, "183 Progress", "B1", TYPE, SDP)
    ended(s, i)


@case(keys=BEFORE)
def who_answers_too_soon(s):
    _, i = s.invite()
    s.b.reply(i, "200 OK", "B1", TYPE, SDP)
    s.a.expect("SIP/2.0 580")
    s.b.expect("ACK")
    s.b.reply(s.b.expect("BYE"), "200 OK", contact=False)
    s.gone()


@case(keys=BEFORE)
def progress_without_sdp_says_nothing(s):
    d, i = s.invite()
    s.b.reply(i, "183 Progress", "B1")
    s.a.expect("SIP/2.0 183")
    s.b.reply(i, "182 Queued", "B1", "Require: 100rel\r\nRSeq: 7\r\n")
    s.b.reply(s.b.expect("PRACK"), "200 OK", "B1", contact=False)
    same(s.a.expect("SIP/2.0 182").get("RSeq"), "", "RSeq")
    confirmed(s, i, rseq=8)
    s.b.reply(i, "200 OK", "B1")
    s.confirm(d)
    s.bye(d)
    s.gone()


@case(keys=BEFORE + ("answer=refuse",))
def terms_that_will_not_do(s):
    _, i = s.invite()
    pracked(s, i)
    ended(s, i, 488)


@case(keys=BEFORE)
def far_ends_that_take_no_prack_or_update(s):
    _, i = s.invite()
    s.b.reply(i, "183 Progress", "B1", PROGRESS % 7, sdp("recv"))
    s.b.reply(s.b.expect("PRACK"), "481 Gone", "B1")
    ended(s, i)


@case(keys=BEFORE)
def an_update_that_is_refused(s):
    _, i = s.invite()
    pracked(s, i)
    s.b.reply(s.b.expect("UPDATE"), "580 Precondition Failure", "B1")
    ended(s, i)


@case(keys=BEFORE)
def an_update_without_an_answer(s):
    _, i = s.invite()
    pracked(s, i)
    s.b.reply(s.b.expect("UPDATE"), "200 OK", "B1")
    ended(s, i)


@case(keys=BEFORE + ("t1=%d" % T1,))
def an_update_into_silence(s):
    _, i = s.invite()
    s.b.reply(i, "100 Trying")
    pracked(s, i)
    s.b.expect("UPDATE")
    s.a.expect("SIP/2.0 580", 6 * SLOW)
    s.b.reply(s.b.expect("CANCEL", skip="UPDATE"), "200 OK", contact=False)
    s.b.reply(i, "487 Request Terminated", "B1")
    s.b.expect("ACK", skip="UPDATE")
    s.gone()


@case(keys=BEFORE)
def offers_that_cross(s):
    d, i = s.invite()
    pracked(s, i)
    first = s.b.expect("UPDATE")
    e = called(i, "B1")
    s.b.request("UPDATE", i.contact(), e, body=sdp("recv"))
    s.b.expect("SIP/2.0 491")
    s.b.reply(first, "491 Request Pending", "B1")
    second = s.b.expect("UPDATE", 5 * SLOW)
    assert branch(first) != branch(second), second.data
    s.b.reply(second, "200 OK", "B1", TYPE, sdp("sendrecv"))
    s.b.reply(i, "200 OK", "B1")
    s.confirm(d)
    s.bye(d)
    s.gone()


@case(keys=BEFORE)
def an_offer_before_the_tunnel(s):
    """Of the far end's own, while we have not told it: later."""
    s.relay.set("answer=late")
    s.relay.set("late_ms=400")
    d, i = s.invite()
    pracked(s, i)
    e = called(i, "B1")
    s.b.request("UPDATE", i.contact(), e, body=sdp("recv"))
    s.b.expect("SIP/2.0 491")
    u = s.b.expect("UPDATE")
    s.b.reply(u, "200 OK", "B1", TYPE, sdp("sendrecv"))
    s.b.reply(i, "200 OK", "B1")
    s.confirm(d)
    s.bye(d)
    s.gone()


@case(keys=BEFORE)
def the_200_does_not_overtake(s):
    d, i = s.invite()
    pracked(s, i)
    u = s.b.expect("UPDATE")
    s.b.reply(i, "200 OK", "B1")
    s.a.quiet(0.2)
    s.b.reply(u, "200 OK", "B1", TYPE, sdp("sendrecv", "a=second\r\n"))
    ok, _ = s.confirm(d)
    assert b"a=second" in ok.body, ok.data
    s.bye(d)
    s.gone()


@case(keys=BEFORE)
def cancelled_while_the_tunnel_comes(s):
    s.relay.set("answer=never")
    d, i = s.invite()
    pracked(s, i)
    s.a.expect("SIP/2.0 100", skip="")
    s.a.request("CANCEL", BOB, d, branch=d["branch"])
    s.a.expect("SIP/2.0 200")
    ended(s, i, 487)


@case(keys=BEFORE)
def two_phones_at_the_far_end(s):
    d, i = s.invite()
    for n, (tag, rseq) in enumerate((("B0", 90), ("B1", 5))):
        u = confirmed(s, i, tag, rseq=rseq)
        assert b"a=for:%d\r\n" % n in u.body, u.data
        s.b.reply(i, "180 Ringing", tag)
        s.a.expect("SIP/2.0 180")
    s.b.reply(i, "200 OK", "B1")
    ok, ack = s.confirm(d)
    same(ack.tag("To"), "B1", "ACK")
    assert ok.body.endswith(b"a=branch:1\r\n"), ok.data
    s.bye(d)
    s.gone()


@case(keys=BEFORE)
def a_silent_phone_at_the_far_end(s):
    """What it owes is in no other one's way, nor in that of the call."""
    d, i = s.invite()
    s.b.reply(i, "183 Progress", "B0", PROGRESS % 90, sdp("recv"))
    s.b.expect("PRACK")
    s.b.reply(i, "183 Progress", "B1", PROGRESS % 5, sdp("recv"))
    s.b.reply(s.b.expect("PRACK"), "200 OK", "B1", contact=False)
    s.b.reply(s.b.expect("UPDATE", skip="PRACK"), "200 OK", "B1", TYPE, sdp("sendrecv"))
    e = called(i, "B1")
    s.b.request("UPDATE", i.contact(), e, body=sdp("sendrecv", "a=third\r\n"))
    s.b.expect("SIP/2.0 200", skip="PRACK")
    s.b.reply(i, "200 OK", "B1")
    ok = s.a.expect("SIP/2.0 200")
    assert b"a=third" in ok.body, ok.data
    d.update(ttag=ok.tag("To"), uri=ok.contact())
    s.a.request("ACK", d["uri"], d)
    s.b.expect("ACK", skip="PRACK")
    s.a.request("INVITE", d["uri"], d, body=SDP)
    s.b.reply(s.b.expect("INVITE", skip="PRACK"), "200 OK", "B1", body=SDP)
    s.a.request("ACK", s.a.expect("SIP/2.0 200").contact(), d)
    s.b.expect("ACK", skip="PRACK")
    s.a.request("BYE", d["uri"], d)
    s.b.reply(s.b.expect("BYE", skip="PRACK"), "200 OK", contact=False)
    s.a.expect("SIP/2.0 200")
    s.gone()


def left_behind(s, method):
    """Two branches: one does not take our PRACK, or UPDATE, the other one has the tunnel."""
    d, i = s.invite()
    s.b.reply(i, "183 Progress", "B0", PROGRESS % 90, sdp("recv"))
    first = s.b.expect("PRACK")
    if method == "UPDATE":
        s.b.reply(first, "200 OK", "B0", contact=False)
        first = s.b.expect("UPDATE")
    confirmed(s, i, "B1", rseq=5)
    s.b.reply(first, "481 Gone", "B0")
    s.b.reply(i, "180 Ringing", "B1")
    s.a.expect("SIP/2.0 180")
    s.b.quiet(0.1)
    return d, i


@case(keys=BEFORE)
def a_branch_is_left_behind(s):
    for method in ("PRACK", "UPDATE"):
        d, i = left_behind(s, method)
        s.b.reply(i, "200 OK", "B1")
        s.confirm(d)
        s.bye(d)
    s.gone(2)


@case(keys=BEFORE)
def what_was_left_must_not_ring(s):
    for n, method in enumerate(("PRACK", "UPDATE")):
        _, i = left_behind(s, method)
        s.b.reply(i, "180 Ringing", "B0")
        s.a.expect("SIP/2.0 580")
        s.b.reply(s.b.expect("CANCEL"), "200 OK", contact=False)
        s.b.reply(i, "487 Request Terminated", "B1")
        s.b.expect("ACK")
        s.gone(n + 1)


@case(keys=BEFORE)
def what_was_left_must_not_answer(s):
    for n, method in enumerate(("PRACK", "UPDATE")):
        _, i = left_behind(s, method)
        s.b.reply(i, "200 OK", "B0")
        s.a.expect("SIP/2.0 580")
        s.b.expect("ACK")
        s.b.reply(s.b.expect("BYE"), "200 OK", contact=False)
        s.gone(n + 1)


@case(keys=BEFORE)
def a_branch_that_answered_is_not_left(s):
    """Its 200 waits for what will not come."""
    d, i = s.invite()
    pracked(s, i, "B0", 90)
    first = s.b.expect("UPDATE")
    confirmed(s, i, "B1", rseq=5)
    s.b.reply(i, "200 OK", "B0")
    s.a.quiet(0.1)
    s.b.reply(first, "481 Gone", "B0")
    s.a.expect("SIP/2.0 580")
    s.b.expect("ACK")
    s.b.reply(s.b.expect("BYE"), "200 OK", contact=False)
    s.gone()


@case(keys=BEFORE)
def a_phone_that_requires_preconditions(s):
    d = dialog()
    s.a.request("INVITE", BOB, d, extra="Require: precondition\r\n", body=SDP)
    same(s.a.expect("SIP/2.0 420").get("Unsupported"), "precondition", "Unsupported")
    d = dialog()
    s.a.request("INVITE", BOB, d)
    s.a.expect("SIP/2.0 488")
    s.b.quiet(0.1)
    s.gone(2)


@case(keys=BEFORE)
def a_phone_that_knows_100rel(s):
    """The far end's 183 is ours, its reliable 180 is not."""
    d, i = s.invite(extra="Supported: 100rel\r\n")
    same(i.all("Supported"), ["100rel", "timer"], "Supported")
    confirmed(s, i)
    s.b.reply(i, "180 Ringing", "B1", "Require: 100rel\r\nRSeq: 8\r\n")
    p = s.a.expect("SIP/2.0 180")
    same((p.get("Require"), p.body), ("100rel", b""), "the 180")
    d["ttag"], d["uri"] = p.tag("To"), p.contact()
    s.a.request("PRACK", d["uri"], d, extra="RAck: %s 1 INVITE\r\n" % p.get("RSeq"))
    r = s.b.expect("PRACK")
    same(r.get("RAck").split()[0], "8", "RAck")
    s.b.reply(r, "200 OK", "B1", contact=False)
    s.a.expect("SIP/2.0 200")
    s.b.reply(i, "200 OK", "B1")
    ok = s.a.expect("SIP/2.0 200")
    s.a.request("ACK", ok.contact(), d, cseq=1)
    s.b.expect("ACK")
    s.bye(d)
    s.gone()


# -- our phone is called -------------------------------------------------------

def offered(s, extra=ASKS, body=None, uri="sip:alice@gateway.example"):
    """An INVITE from outside; the dialog."""
    d = dialog()
    d["to"] = "<%s>" % uri
    d["branch"] = s.b.request("INVITE", uri, d, extra=extra,
                              body=sdp("none") if body is None else body)
    d["invite"] = d["cseq"]
    return d


def progress(s, d):
    """Our answer, reliably; the phone knows of nothing."""
    p = s.b.expect("SIP/2.0 183", 2 * SLOW)
    same((p.get("Require"), p.get("Content-Type")), ("100rel", "application/sdp"), "the 183")
    assert b"s=accepted" in p.body and "UPDATE" in p.get("Allow"), p.data
    d["ttag"], d["uri"] = p.tag("To"), p.contact()
    s.a.quiet(0.1)
    return p


def prack(s, d, p, body=b""):
    s.b.request("PRACK", d["uri"], d, body=body,
                extra="RAck: %s %d INVITE\r\n" % (p.get("RSeq"), d["invite"]))
    return s.b.expect("SIP/2.0 200", skip=r"SIP/2\.0 1")


def update(s, d, current="sendrecv", more=""):
    s.b.request("UPDATE", d["uri"], d, extra="Require: precondition\r\n",
                body=sdp(current, more))
    return s.b.expect("SIP/2.0 ")


def rings(s, d):
    """The tunnel is confirmed; what the phone got."""
    prack(s, d, progress(s, d))
    ok = update(s, d)
    same((ok.status, ok.get("Content-Type")), (200, "application/sdp"), "the UPDATE's answer")
    assert b"a=met:1" in ok.body, ok.data
    i = s.a.expect("INVITE")
    same((i.all("Require"), [x for x in i.all("Supported") if x != "timer"]), ([], []),
         "what the phone hears")
    assert i.body.endswith(b"a=branch:0\r\n") and b"a=curr:sec e2e sendrecv" in i.body, i.data
    return i


def picked_up(s, d, i, tag="A1"):
    """The phone answers; the far end hears what it takes, and then that."""
    s.a.reply(i, "200 OK", tag, body=SDP + "a=taken\r\n")
    u = s.b.expect("UPDATE")
    assert b"a=taken" in u.body and u.get("Require") == "precondition", u.data
    s.b.quiet(0.1)
    s.b.reply(u, "200 OK", d["ftag"], TYPE, sdp("sendrecv"))
    ok = s.b.expect("SIP/2.0 200")
    same((ok.get("CSeq").split()[1], ok.body), ("INVITE", b""), "the 200")
    s.b.request("ACK", d["uri"], d, cseq=d["invite"])
    s.a.expect("ACK")


@case(keys=BEFORE)
def our_phone_rings_after_the_tunnel(s):
    d = offered(s)
    i = rings(s, d)
    s.a.reply(i, "180 Ringing", "A1", TYPE, SDP)
    r = s.b.expect("SIP/2.0 180")
    same((r.body, r.get("RSeq")), (b"", ""), "the 180")
    picked_up(s, d, i)
    s.bye(d, s.b, s.a)
    phone_saw_nothing(s.a)
    s.gone()


@case(keys=BEFORE)
def the_prack_may_confirm(s):
    """RFC 5027 4.1."""
    d = offered(s)
    ok = prack(s, d, progress(s, d), sdp("sendrecv"))
    assert b"a=met:1" in ok.body, ok.data
    i = s.a.expect("INVITE")
    picked_up(s, d, i)
    s.bye(d, s.b, s.a)
    s.gone()


@case(keys=BEFORE)
def who_knew_when_he_called_need_not_confirm(s):
    """The tunnel was up before: the INVITE says so, and the PRACK is all that follows."""
    for body in (b"", sdp("sendrecv")):
        d = offered(s, body=sdp("sendrecv"))
        p = progress(s, d)
        assert b"a=met:1" in p.body, p.data
        prack(s, d, p, body)
        picked_up(s, d, s.a.expect("INVITE"))
        s.bye(d, s.b, s.a)
    s.gone(2)


@case(keys=BEFORE)
def what_does_not_confirm_makes_nobody_ring(s):
    d = offered(s)
    prack(s, d, progress(s, d))
    same(update(s, d, "recv").status, 200, "the UPDATE")
    s.b.request("UPDATE", d["uri"], d)  # without SDP
    s.b.expect("SIP/2.0 200")
    s.b.request("INFO", d["uri"], d)
    s.b.expect("SIP/2.0 481")
    s.a.quiet(0.2)
    same(update(s, d).status, 200, "the UPDATE")
    i = s.a.expect("INVITE")
    same(update(s, d).status, 500, "another, once the phone rings")
    picked_up(s, d, i)
    s.bye(d, s.b, s.a)
    s.gone()


@case(keys=BEFORE)
def an_offer_before_the_prack(s):
    d = offered(s)
    p = progress(s, d)
    same(update(s, d).status, 500, "the UPDATE")
    s.a.quiet(0.1)
    prack(s, d, p)
    same(update(s, d).status, 200, "the UPDATE")
    picked_up(s, d, s.a.expect("INVITE"))
    s.bye(d, s.b, s.a)
    s.gone()


@case(keys=BEFORE)
def far_ends_that_cannot(s):
    for extra in ("", "Supported: 100rel\r\n", "Supported: precondition\r\n"):
        d = offered(s, extra)
        same(s.b.expect("SIP/2.0 421", skip="SIP/2.0 100").get("Require"),
             "precondition, 100rel", "Require")
    offered(s, body=b"")
    s.b.expect("SIP/2.0 488")
    s.a.quiet(0.1)
    s.gone(4)


@case(keys=BEFORE)
def it_is_enough_to_support_it(s):
    d = offered(s, "Supported: precondition, 100rel\r\n")
    i = rings(s, d)
    picked_up(s, d, i)
    s.bye(d, s.b, s.a)
    s.gone()


@case(keys=BEFORE)
def who_requires_100rel_gets_it(s):
    d = offered(s, "Require: precondition, 100rel\r\n")
    i = rings(s, d)
    s.a.reply(i, "180 Ringing", "A1")
    r = s.b.expect("SIP/2.0 180")
    same(r.get("Require"), "100rel", "Require of the 180")
    prack(s, d, r)
    picked_up(s, d, i)
    s.bye(d, s.b, s.a)
    s.gone()


@case(keys=BEFORE + ("offer=refuse",))
def no_tunnel_no_ringing(s):
    offered(s)
    s.b.expect("SIP/2.0 488")  # whatever the core says
    s.a.quiet(0.1)
    s.gone()


@case(keys=BEFORE + ("t1=%d" % T1,))
def never_acknowledged(s):
    offered(s)
    s.b.expect("SIP/2.0 504", 6 * SLOW, skip=r"SIP/2\.0 (100|183) ")
    s.a.quiet(0.1)
    s.gone()


@case(keys=BEFORE + ("t1=%d" % T1,))
def never_confirmed(s):
    d = offered(s)
    prack(s, d, progress(s, d))
    no = s.b.expect("SIP/2.0 580", 6 * SLOW)
    assert "did not confirm" in no.get("Warning"), no.data
    same((no.get("Content-Type"), b"s=unmet\r\na=of:1" in no.body), ("application/sdp", True),
         "what it says of the offer")
    s.a.quiet(0.1)
    s.gone()


@case(keys=BEFORE)
def cancelled_before_it_rings(s):
    d = offered(s)
    prack(s, d, progress(s, d))
    s.b.request("CANCEL", "sip:alice@gateway.example", d, branch=d["branch"], cseq=1,
                To="<sip:alice@gateway.example>")
    s.b.expect("SIP/2.0 200")
    s.b.expect("SIP/2.0 487")
    s.a.quiet(0.1)
    s.gone()


@case(keys=BEFORE)
def hung_up_before_it_rings(s):
    d = offered(s)
    prack(s, d, progress(s, d))
    s.b.request("BYE", d["uri"], d)
    s.b.expect("SIP/2.0 200")
    s.b.expect("SIP/2.0 487")
    s.a.quiet(0.1)
    s.gone()


@case(**dict(OPTIONS, keys=OPTIONS["keys"] + BEFORE))
def all_phones_of_an_account_ring_then(s):
    other = s.end(PORT + 12, INSIDE)
    for end in (s.a, other):
        phone = Phone(end)
        phone.register(contact="<%s>" % phone.contact)
    d = offered(s, uri="sip:alice@a.example")
    p = progress(s, d)
    other.quiet(0.1)
    prack(s, d, p)
    same(update(s, d).status, 200, "the UPDATE")
    first, second = s.a.expect("INVITE"), other.expect("INVITE")
    for i in (first, second):
        assert not i.get("Require") and "100rel" not in i.get("Supported"), i.data
    for end, i in ((s.a, first), (other, second)):
        end.reply(i, "180 Ringing", "A%d" % end.port, TYPE, SDP)
        same(s.b.expect("SIP/2.0 180").body, b"", "the 180's body")
    other.reply(second, "200 OK", "A%d" % other.port, body=SDP + "a=taken\r\n")
    u = s.b.expect("UPDATE")
    assert b"a=taken" in u.body, u.data
    s.a.reply(s.a.expect("CANCEL"), "200 OK", contact=False)
    s.a.reply(first, "487 Request Terminated", "A%d" % s.a.port)
    s.a.expect("ACK")
    s.b.reply(u, "200 OK", d["ftag"], TYPE, sdp("sendrecv"))
    s.b.expect("SIP/2.0 200")
    s.b.request("ACK", d["uri"], d, cseq=d["invite"])
    other.expect("ACK", skip="nothing")
    s.bye(d, s.b, other)
    s.gone()


@case(**dict(OPTIONS, keys=OPTIONS["keys"] + BEFORE + ("best=1",)))
def the_next_group_hears_the_last_offer(s):
    other = s.end(PORT + 12, INSIDE)
    for end, q in ((s.a, "0.9"), (other, "0.1")):
        phone = Phone(end)
        phone.register(contact="<%s>;q=%s" % (phone.contact, q))
    d = offered(s, uri="sip:alice@a.example")
    prack(s, d, progress(s, d))
    same(update(s, d, more="a=moved:1\r\n").status, 200, "the UPDATE")
    filtered = s.relay.stats()["filtered"]
    first = s.a.expect("INVITE")
    s.a.reply(first, "486 Busy Here", "A1")
    s.a.expect("ACK")
    second = other.expect("INVITE")
    for i in (first, second):
        assert b"a=moved:1" in i.body, i.data
    same((second.body, second.get("Content-Type"), s.relay.stats()["filtered"]),
         (first.body, first.get("Content-Type"), filtered), "what the next one hears")
    other.reply(second, "200 OK", "A2", body=SDP + "a=taken\r\n")
    s.b.reply(s.b.expect("UPDATE"), "200 OK", d["ftag"], TYPE, sdp("sendrecv"))
    s.b.expect("SIP/2.0 200")
    s.b.request("ACK", d["uri"], d, cseq=d["invite"])
    other.expect("ACK")
    s.bye(d, s.b, other)
    s.gone()


@case(keys=BEFORE)
def a_busy_phone(s):
    d = offered(s)
    i = rings(s, d)
    s.a.reply(i, "486 Busy Here", "A1")
    s.a.expect("ACK")
    s.b.expect("SIP/2.0 486")
    s.gone()


def given_up(s, status, say):
    """The far end does not agree to what the phone takes."""
    d = offered(s)
    i = rings(s, d)
    s.a.reply(i, "200 OK", "A1", body=SDP)
    say(s.b.expect("UPDATE"), d["ftag"])
    s.a.expect("ACK", skip="nothing")
    s.a.reply(s.a.expect("BYE"), "200 OK", contact=False)
    s.b.expect("SIP/2.0 %d" % status)
    s.b.request("ACK", "sip:alice@gateway.example", d, branch=d["branch"], cseq=d["invite"])


@case(keys=BEFORE)
def a_far_end_that_does_not_take_it(s):
    given_up(s, 488, lambda u, tag: s.b.reply(u, "488 Not Acceptable Here", tag))
    given_up(s, 488, lambda u, tag: s.b.reply(u, "500 Oops", tag))
    given_up(s, 488, lambda u, tag: s.b.reply(u, "500 Later", tag, "Retry-After: 11\r\n"))
    given_up(s, 488, lambda u, tag: s.b.reply(u, "200 OK", tag))
    given_up(s, 488, lambda u, tag: s.b.reply(u, "200 OK", tag, TYPE, SDP + "a=moved\r\n"))
    s.gone(5)


@case(keys=BEFORE)
def our_last_offer_crosses(s):
    d = offered(s)
    i = rings(s, d)
    s.a.reply(i, "200 OK", "A1", body=SDP)
    s.b.reply(s.b.expect("UPDATE"), "491 Request Pending", d["ftag"])
    s.b.reply(s.b.expect("UPDATE", 5 * SLOW), "200 OK", d["ftag"], TYPE, sdp("sendrecv"))
    s.b.expect("SIP/2.0 200")
    s.b.request("ACK", d["uri"], d, cseq=d["invite"])
    s.a.expect("ACK", skip="nothing")
    s.bye(d, s.b, s.a)
    s.gone()


@case(keys=BEFORE)
def our_last_offer_comes_too_early(s):
    """RFC 3311 5.2: a 500 says when to try again."""
    d = offered(s)
    i = rings(s, d)
    s.a.reply(i, "200 OK", "A1", body=SDP)
    s.b.reply(s.b.expect("UPDATE"), "500 Later", d["ftag"], "Retry-After: 1\r\n")
    s.b.quiet(0.8)
    s.b.reply(s.b.expect("UPDATE", 5 * SLOW), "200 OK", d["ftag"], TYPE, sdp("sendrecv"))
    s.b.expect("SIP/2.0 200")
    s.b.request("ACK", d["uri"], d, cseq=d["invite"])
    s.a.expect("ACK", skip="nothing")
    s.bye(d, s.b, s.a)
    s.gone()


@case(keys=BEFORE)
def cancelled_while_that_is_agreed(s):
    d = offered(s)
    i = rings(s, d)
    s.a.reply(i, "200 OK", "A1", body=SDP)
    u = s.b.expect("UPDATE")
    s.b.request("CANCEL", "sip:alice@gateway.example", d, branch=d["branch"], cseq=1,
                To="<sip:alice@gateway.example>")
    s.b.expect("SIP/2.0 200")
    s.b.expect("SIP/2.0 487")
    s.a.expect("ACK")
    s.a.reply(s.a.expect("BYE"), "200 OK", contact=False)
    s.b.reply(u, "481 Gone", d["ftag"])
    s.gone()


@case(keys=BEFORE)
def a_phone_without_an_answer(s):
    d = offered(s)
    i = rings(s, d)
    s.a.reply(i, "200 OK", "A1")
    s.a.expect("ACK")
    s.a.reply(s.a.expect("BYE"), "200 OK", contact=False)
    s.b.expect("SIP/2.0 500")
    s.gone()


@case(keys=BEFORE + ("session=100",))
def a_session_is_refreshed_by_the_core(s):
    """Which says nothing of preconditions in a call that is up."""
    d, i = s.invite()
    confirmed(s, i)
    s.b.reply(i, "200 OK", "B1", "Allow: INVITE, ACK, BYE\r\n"
              "Session-Expires: 100;refresher=uac\r\n")
    s.confirm(d)
    n = s.relay.stats()["refreshed"]
    s.relay.set("skip=52")
    r = s.b.expect("INVITE", 3 * SLOW)
    assert b"a=refresh" in r.body and not r.get("Require"), r.data
    s.b.reply(r, "200 OK", body=SDP, extra="Session-Expires: 100;refresher=uac\r\n")
    s.b.expect("ACK")
    same(s.relay.stats()["refreshed"], n + 1, "refreshes")
    s.bye(d)
    s.gone()


# -- without memory ------------------------------------------------------------

SCARCE = BEFORE + ("oom=0", "t1=%d" % T1)


def played(s, caller, acts):
    """Each end does what acts have for (end, method or status), and says its last word once
    more where nothing comes, as a SIP stack does. The final response to the INVITE."""
    until = time.monotonic() + 8 * SLOW
    while time.monotonic() < until:
        for end, other in ((s.a, s.b), (s.b, s.a)):
            m = end.recv(0.15)
            if not m and end.last:
                end.send(end.last.decode("latin-1"))
            if m and end is caller and m.status >= 200 and "INVITE" in m.get("CSeq"):
                return m
            acts.get((end, m and (m.method or m.status)), lambda m: None)(m)
    raise AssertionError("no final response")


def ended_somehow(s, caller, uri, d, final):
    """Whatever it was: both ends let go of it, and nothing is left."""
    d.update(ttag=final.tag("To"))
    caller.request("ACK", final.contact() if final.status == 200 else uri, d, cseq=d["invite"],
                   branch=None if final.status == 200 else d["branch"])
    s.relay.set("oom=0")
    until, hung_up = time.monotonic() + 8 * SLOW, False
    while time.monotonic() < until:
        for end in (s.a, s.b):
            m = end.recv(0.02)
            if m and m.method in ("BYE", "CANCEL"):
                end.reply(m, "200 OK", contact=False)
        if not hung_up:
            s.relay.say("hangup 480 enough")
        hung_up, stats = True, s.relay.stats()
        if stats["pairs"] == 0 and stats["started"] == stats["ended"]:
            break
    else:
        raise AssertionError("left behind: %s" % stats)
    for end in (s.a, s.b):
        end.last = b""
        while end.recv(0.02):
            pass


def our_call(s):
    d, said = dialog(), {}
    d["invite"] = 1

    def invited(i):
        said.setdefault("invite", i)
        s.b.reply(i, "183 Progress", "B1", PROGRESS % 7, sdp("recv"))

    def updated(u):
        s.b.reply(u, "200 OK", "B1", TYPE, sdp("sendrecv"))
        s.b.reply(said["invite"], "200 OK", "B1")

    def cancelled(c):
        s.b.reply(c, "200 OK", contact=False)
        s.b.reply(said["invite"], "487 Request Terminated", "B1")

    d["branch"] = s.a.request("INVITE", BOB, d, body=SDP)
    final = played(s, s.a, {
        (s.b, "INVITE"): invited, (s.b, "UPDATE"): updated, (s.b, "CANCEL"): cancelled,
        (s.b, "PRACK"): lambda m: s.b.reply(m, "200 OK", "B1", contact=False)})
    ended_somehow(s, s.a, BOB, d, final)
    return final.status


def call_of_ours(s):
    uri = "sip:alice@gateway.example"
    d = offered(s)

    def told(p):
        if not d.get("uri"):
            d["ttag"], d["uri"] = p.tag("To"), p.contact()
            s.b.request("PRACK", d["uri"], d, extra="RAck: %s %d INVITE\r\n"
                        % (p.get("RSeq"), d["invite"]))

    def answered(m):
        if "PRACK" in m.get("CSeq") and not d.get("updated"):
            d["updated"] = True
            s.b.request("UPDATE", d["uri"], d, extra="Require: precondition\r\n",
                        body=sdp("sendrecv"))

    def failed(_):
        s.b.request("CANCEL", uri, dict(d, ttag=""), branch=d["branch"], cseq=d["invite"],
                    To="<%s>" % uri)

    final = played(s, s.b, {
        (s.b, 183): told, (s.b, 200): answered, (s.b, 500): failed, (s.b, 481): failed,
        (s.b, "UPDATE"): lambda m: s.b.reply(m, "200 OK", d["ftag"], TYPE, sdp("sendrecv")),
        (s.a, "INVITE"): lambda m: s.a.reply(m, "200 OK", "A1", body=SDP)})
    ended_somehow(s, s.b, uri, d, final)
    return final.status


def without_memory(s, call):
    """Wherever it runs out: the caller has a final response, and nothing is left."""
    ends = []
    while ends[-3:] != [200] * 3:  # by then nothing of a call is left that needs any
        s.relay.set("oom=%d" % (len(ends) + 1))
        ends.append(call(s))
    assert len(ends) > 10 and {500, 200} <= set(ends), ends


@case(keys=SCARCE)
def memory_runs_out_for_our_call(s):
    without_memory(s, our_call)


@case(keys=SCARCE)
def memory_runs_out(s):
    without_memory(s, call_of_ours)


if __name__ == "__main__":
    sys.exit(main())
