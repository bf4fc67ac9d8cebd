#!/usr/bin/env python3
"""Descriptions that are sealed from edge to edge: built, bound to their
message's headers, opened (sipsealed.py)."""
import sys
import time
from email.utils import parsedate_to_datetime

from sipscene import SDP, case, main, same
from sipsealed import TYPE, answer, frag
from sipsock import dialog


def check_sealed(m, what, bare=False):
    """A message of the gateway's has its own headers bound to its body."""
    same(m.get("Content-Type").replace(" ", ""), TYPE, what)
    same(int(m.get("Content-Length")), len(m.body), "length of " + what)
    off = parsedate_to_datetime(m.get("Date")).timestamp() - time.time()
    assert abs(off) < 60, "%s: Date is off by %d s" % (what, off)
    bound, sdp = m.body.decode().split("\r\n\r\n", 1)
    same(bound + "\r\n", frag(m.get, m.line[8:] if m.status else None),
         "bound headers of " + what)
    if bare:
        same(sdp, "", "content of " + what)
        return
    assert sdp.startswith("v=0"), sdp
    assert "a=branch" in sdp or "a=own" in sdp, "not by the core: " + sdp


def sealed_up(s):
    d, i = s.invite(extra="Date: Mon, 01 Jan 2001 00:00:00 GMT\r\nSubject: tea\r\n")
    check_sealed(i, "the INVITE")
    same(i.get("Subject"), "tea", "another header")
    assert "2001" not in i.get("Date"), "the phone's clock counts"
    answer(s, i, "B1")
    ok, _ = s.confirm(d)
    same(ok.get("Content-Type"), "application/sdp", "type for the phone")
    assert ok.body.startswith(b"v=0"), ok.body
    return d, i


@case(keys=("bodies=1",))
def outward(s):
    d, _ = sealed_up(s)
    s.bye(d)
    s.gone()


@case(keys=("bodies=1",))
def answers_that_are_not_of_this_call(s):
    for n, body in enumerate((SDP, "From: <sip:x@y>\r\n\r\n" + SDP, "")):
        d, i = s.invite()
        answer(s, i, "B1", body=body)
        if not body:
            s.confirm(d)  # a 2xx without a description: nothing to open
            s.bye(d)
            continue
        s.b.expect("ACK")
        s.b.reply(s.b.expect("BYE"), "200 OK", contact=False)
        s.a.expect("SIP/2.0 488")
        s.a.request("ACK", "sip:bob@b.example", d, branch=d["branch"])
        s.gone(n + 1)


def sealed_invite(s, body=None):
    """An INVITE from outside; its dialog."""
    d = dialog(ftag="f1")
    own = {"From": "<sip:alice@inside.example>;tag=f1", "To": "<sip:bob@b.example>",
           "Call-ID": d["call_id"], "CSeq": "1 INVITE", "Contact": "<%s>" % s.b.own_uri(),
           "Date": "Sat, 13 Nov 2027 23:29:00 GMT"}
    if body is None:
        body = frag(lambda n: own.get(n, "")) + "\r\n" + SDP
    d["branch"] = s.b.request("INVITE", "sip:bob@b.example", d, body=body,
                              extra="Date: %s\r\nContent-Type: %s\r\n" % (own["Date"], TYPE))
    return d


@case(keys=("bodies=1",))
def inward(s):
    d = sealed_invite(s)
    i = s.a.expect("INVITE")
    same(i.get("Content-Type"), "application/sdp", "type for the phone")
    assert i.body.startswith(b"v=0"), i.body
    s.a.reply(i, "200 OK", "A1", body=SDP)
    ok = s.b.expect("SIP/2.0 200")
    check_sealed(ok, "the 200")
    d["ttag"], d["uri"] = ok.tag("To"), ok.contact()
    s.b.request("ACK", d["uri"], d)
    s.a.expect("ACK")
    s.bye(d, s.b, s.a)
    s.gone()


@case(keys=("bodies=1",))
def what_is_not_sealed_for_it_rings_no_phone(s):
    for body in (SDP, "v=0\r\n", "Call-ID: other\r\n\r\n" + SDP):
        d = sealed_invite(s, body=body)
        s.b.expect("SIP/2.0 488")
        s.b.request("ACK", "sip:bob@b.example", d, branch=d["branch"])
    s.a.quiet()
    s.gone(3)


@case()
def where_nobody_opens_it_is_refused(s):
    d = sealed_invite(s)
    s.b.expect("SIP/2.0 415")
    s.b.request("ACK", "sip:bob@b.example", d, branch=d["branch"])
    s.a.quiet()


@case(keys=("bodies=1",))
def new_keys_are_sealed_too(s):
    d, i = sealed_up(s)
    s.relay.say("reoffer")
    s.relay.process.stdout.readline()
    again = s.b.expect("INVITE|UPDATE")
    check_sealed(again, "our offer")
    answer(s, again, "B1")
    s.b.expect("ACK")
    s.bye(d)
    s.gone()


def their_offer(s, i):
    """A re-INVITE of the far end's; its dialog, its From and To."""
    e = {"call_id": i.get("Call-ID"), "ftag": "B1", "ttag": i.tag("From"), "cseq": 7}
    own = {"From": i.get("To") + ";tag=B1", "To": i.get("From"), "Call-ID": e["call_id"],
           "CSeq": "8 INVITE", "Contact": "<%s>" % s.b.own_uri()}
    ends = {"From": own["From"], "To": own["To"]}
    e["branch"] = s.b.request("INVITE", i.contact(), e,
                              body=frag(lambda n: own.get(n, "")) + "\r\n" + SDP,
                              extra="Content-Type: %s\r\nSupported: timer\r\n"
                                    "Session-Expires: 1800\r\n" % TYPE, **ends)
    return e, ends


@case(keys=("bodies=1", "keys_only=1"))
def their_new_keys_get_a_sealed_answer(s):
    d, i = sealed_up(s)
    e, ends = their_offer(s, i)
    ok = s.b.expect("SIP/2.0 200")
    check_sealed(ok, "the answer")
    assert "1800" in (ok.get("Session-Expires") or ""), "the session has no timer any more"
    s.b.request("ACK", i.contact(), e, **ends)
    s.bye(d)
    s.gone()


@case(keys=("bodies=1", "keys_only=1", "seal_ms=300"))
def cancelled_while_it_is_sealed(s):
    d, i = sealed_up(s)
    e, ends = their_offer(s, i)
    s.b.expect("SIP/2.0 100")
    s.b.request("CANCEL", i.contact(), e, branch=e["branch"], **ends)
    s.b.expect("SIP/2.0 200")  # of the CANCEL
    s.b.expect("SIP/2.0 487")
    s.b.request("ACK", i.contact(), e, branch=e["branch"], **ends)
    time.sleep(0.6)  # the keeper's answer finds nobody
    s.bye(d)
    s.gone()


@case(keys=("bodies=1", "seal_ms=300"))
def ended_while_it_is_sealed(s):
    d = dialog()
    branch = s.a.request("INVITE", "sip:bob@b.example", d, body=SDP)
    s.a.expect("SIP/2.0 100")
    s.a.request("CANCEL", "sip:bob@b.example", d, branch=branch)
    s.a.expect("SIP/2.0 200")
    s.a.expect("SIP/2.0 487")
    s.a.request("ACK", "sip:bob@b.example", d, branch=branch)
    time.sleep(0.6)
    s.b.quiet()
    s.gone()


@case(keys=("bodies=1", "secret=1"))
def a_signature_hides_no_keys(s):
    d = dialog()
    branch = s.a.request("INVITE", "sip:bob@b.example", d, body=SDP)
    s.a.expect("SIP/2.0 488")
    s.a.request("ACK", "sip:bob@b.example", d, branch=branch)
    d = sealed_invite(s)
    s.a.reply(s.a.expect("INVITE"), "183 Session Progress", "A1", body=SDP)
    s.b.expect("SIP/2.0 488")
    s.b.request("ACK", "sip:bob@b.example", d, branch=d["branch"])
    s.a.expect("CANCEL")


CERTS = "Content-Type: application/pkcs7-mime;smime-type=certs-only\r\n"


@case(keys=("bodies=1",))
def sealed_for_another_certificate(s):
    d, i = s.invite()
    s.b.reply(i, "493 Undecipherable", "B0", extra=CERTS, body="good")
    s.b.expect("ACK")
    again = s.b.expect("INVITE")
    check_sealed(again, "the INVITE")
    answer(s, again, "B1")
    s.confirm(d)
    s.bye(d)
    s.gone()
    d, i = s.invite()
    s.b.reply(i, "493 Undecipherable", "B0", extra=CERTS, body="bad")
    s.b.expect("ACK")
    same(s.a.expect("SIP/2.0 493").body, b"", "certificates for the phone")
    s.a.request("ACK", "sip:bob@b.example", d, branch=d["branch"])
    s.gone(2)


@case(keys=("bodies=1",))
def who_cannot_open_shows_his(s):
    d = sealed_invite(s, body="locked")
    no = s.b.expect("SIP/2.0 493")
    same(no.body, b"good certificates \x01\x02", "our certificates")
    s.b.request("ACK", "sip:bob@b.example", d, branch=d["branch"])
    s.a.quiet(0.1)
    s.gone()


SIGNS = ("bodies=1", "signs=1")


def signed(s, method, i, cseq=7, content="", ctype=TYPE, tag="B1", **over):
    """A request of the far end of a call to it, whose headers are signed."""
    e = {"call_id": i.get("Call-ID"), "ftag": tag, "ttag": i.tag("From"), "cseq": cseq}
    ends = {"From": i.get("To").split(";tag")[0] + ";tag=" + tag, "To": i.get("From")}
    own = dict(ends, **{"Call-ID": e["call_id"], "CSeq": "%d %s" % (cseq + 1, method),
                        "Contact": "<%s>" % s.b.own_uri()})
    own.update(over)
    body = frag(lambda n: own.get(n, "")) + "\r\n" + content
    s.b.request(method, i.contact(), e, body=body, extra="Content-Type: %s\r\n" % ctype, **ends)


def unsigned(s, method, i, cseq=7, body=b"", extra="", **over):
    e = {"call_id": i.get("Call-ID"), "ftag": "B1", "ttag": i.tag("From"), "cseq": cseq}
    ends = {"From": i.get("To").split(";tag")[0] + ";tag=B1", "To": i.get("From")}
    s.b.request(method, i.contact(), e, body=body, extra=extra, **ends, **over)


def signed_up(s):
    d, i = s.invite()
    answer(s, i, "B1", "180 Ringing", content="")
    s.a.expect("SIP/2.0 180")
    answer(s, i, "B1")
    ok, ack = s.confirm(d)
    check_sealed(ack, "the ACK", bare=True)
    return d, i


@case(keys=SIGNS)
def every_message_is_signed(s):
    d, i = signed_up(s)
    s.a.request("BYE", d["uri"], d)
    bye = s.b.expect("BYE")
    check_sealed(bye, "the BYE", bare=True)
    answer(s, bye, "B1", content="")
    s.a.expect("SIP/2.0 200")
    s.gone()


@case(keys=SIGNS)
def every_answer_is_signed(s):
    d = sealed_invite(s)
    i = s.a.expect("INVITE")
    s.a.reply(i, "180 Ringing", "A1")
    check_sealed(s.b.expect("SIP/2.0 180"), "the 180", bare=True)
    s.a.reply(i, "200 OK", "A1", body=SDP)
    ok = s.b.expect("SIP/2.0 200")
    check_sealed(ok, "the 200")
    d["ttag"], d["uri"] = ok.tag("To"), ok.contact()
    own = {"From": "<sip:alice@inside.example>;tag=f1",
           "To": "<sip:bob@b.example>;tag=" + d["ttag"],
           "Call-ID": d["call_id"], "CSeq": "1 ACK"}
    s.b.request("ACK", d["uri"], d, body=frag(lambda n: own.get(n, "")) + "\r\n",
                extra="Content-Type: %s\r\n" % TYPE)
    s.a.expect("ACK")
    s.relay.say("hangup 200 bye")
    bye = s.b.expect("BYE")
    check_sealed(bye, "our own BYE", bare=True)
    s.b.reply(bye, "200 OK", contact=False)
    s.a.reply(s.a.expect("BYE"), "200 OK", contact=False)
    s.gone()


# -- offers that come late -------------------------------------------------------

def acked(s, d, content=SDP, signer=True):
    """The ACK of the far end's first INVITE, with the answer."""
    own = {"From": "<sip:alice@inside.example>;tag=f1",
           "To": "<sip:bob@b.example>;tag=" + d["ttag"],
           "Call-ID": d["call_id"], "CSeq": "1 ACK"}
    body = frag(lambda n: own.get(n, "")) + "\r\n" + content if signer else content
    s.b.request("ACK", d["uri"], d, body=body, extra="Content-Type: %s\r\n" % (
        TYPE if signer else "application/sdp"))


@case(keys=SIGNS)
def our_phone_answers_late(s):
    d, i = s.invite(body=b"")
    check_sealed(i, "the INVITE", bare=True)
    answer(s, i, "B1", "180 Ringing", content="")
    s.a.expect("SIP/2.0 180")
    answer(s, i, "B1")
    ok = s.a.expect("SIP/2.0 200")
    assert ok.body.endswith(b"a=branch:0\r\n"), ok.body
    d["ttag"], d["uri"] = ok.tag("To"), ok.contact()
    s.b.quiet(0.1)
    s.a.request("ACK", d["uri"], d, body=SDP)
    check_sealed(s.b.expect("ACK"), "the ACK")
    # and once more, in the dialog
    s.a.request("INVITE", d["uri"], d)
    again = s.b.expect("INVITE")
    check_sealed(again, "the second INVITE", bare=True)
    answer(s, again, "B1")
    s.a.expect("SIP/2.0 200")
    s.a.request("ACK", d["uri"], d, body=SDP)
    check_sealed(s.b.expect("ACK"), "the second ACK")
    s.a.request("BYE", d["uri"], d)
    answer(s, s.b.expect("BYE"), "B1", content="")
    s.a.expect("SIP/2.0 200")
    s.gone()


@case(keys=SIGNS)
def a_late_offer_that_nobody_sealed(s):
    d, i = s.invite(body=b"")
    s.b.reply(i, "200 OK", "B1", body=SDP)
    s.b.expect("ACK")
    check_sealed(s.b.expect("BYE"), "the BYE", bare=True)
    s.a.expect("SIP/2.0 4..|SIP/2.0 5..")


@case(keys=SIGNS)
def the_far_end_answers_late(s):
    for content, signer in ((SDP, True), (SDP, False), ("", True)):
        d = late_invite(s)
        i = s.a.expect("INVITE")
        same(i.body, b"", "body for the phone")
        s.a.reply(i, "200 OK", "A1", body=SDP)
        ok = s.b.expect("SIP/2.0 200")
        check_sealed(ok, "the 200")
        d["ttag"], d["uri"] = ok.tag("To"), ok.contact()
        acked(s, d, content, signer)
        s.a.expect("ACK")
        if content and signer:
            s.relay.say("hangup 200 bye")
        bye = s.b.expect("BYE")
        s.b.reply(bye, "200 OK", contact=False)
        s.a.reply(s.a.expect("BYE"), "200 OK", contact=False)


def late_invite(s, signer=True):
    d = dialog(ftag="f1")
    own = {"From": "<sip:alice@inside.example>;tag=f1", "To": "<sip:bob@b.example>",
           "Call-ID": d["call_id"], "CSeq": "1 INVITE", "Contact": "<%s>" % s.b.own_uri()}
    body = frag(lambda n: own.get(n, "")) + "\r\n" if signer else ""
    d["branch"] = s.b.request("INVITE", "sip:bob@b.example", d, body=body,
                              extra="Content-Type: %s\r\n" % TYPE if signer else "")
    return d


@case(keys=SIGNS)
def an_unsigned_invite_rings_nothing(s):
    d = late_invite(s, signer=False)
    s.b.expect("SIP/2.0 403")
    s.b.request("ACK", "sip:bob@b.example", d, branch=d["branch"])
    s.a.quiet(0.1)


@case(keys=SIGNS + ("no_late=1",))
def the_profile_wants_an_offer(s):
    d = late_invite(s)
    s.b.expect("SIP/2.0 488")
    s.b.request("ACK", "sip:bob@b.example", d, branch=d["branch"])
    s.a.quiet(0.1)


@case(keys=SIGNS)
def reliably_and_in_a_prack(s):
    d, i = s.invite(body=b"", extra="Require: 100rel\r\n")
    answer(s, i, "B1", "183 Progress", extra="Require: 100rel\r\nRSeq: 1\r\n")
    p = s.a.expect("SIP/2.0 183")
    d["ttag"], d["uri"] = p.tag("To"), p.contact()
    s.a.request("PRACK", d["uri"], d, extra="RAck: %s 1 INVITE\r\n" % p.get("RSeq"), body=SDP)
    r = s.b.expect("PRACK")
    check_sealed(r, "the PRACK")
    s.b.reply(r, "200 OK", "B1", contact=False)
    s.a.expect("SIP/2.0 200")
    answer(s, i, "B1", content="")
    ok = s.a.expect("SIP/2.0 200")
    s.a.request("ACK", ok.contact(), d, cseq=1)
    check_sealed(s.b.expect("ACK"), "the ACK", bare=True)


# -- 493 in a call -----------------------------------------------------------------

def undecipherable(s, m, **kw):
    """A sealed request of a call that cannot be opened comes again, as sealed as before."""
    method = m.get("CSeq").split()[1]
    s.b.reply(m, "493 Undecipherable", "B1", contact=False, **kw)
    if method == "INVITE":
        s.b.expect("ACK")
    again = s.b.expect(method)
    assert int(again.get("CSeq").split()[0]) > int(m.get("CSeq").split()[0])
    check_sealed(again, "the second " + method, bare=b"v=0" not in m.body)
    return again


@case(keys=SIGNS)
def a_far_end_that_forgot_us_in_the_call(s):
    d, i = signed_up(s)
    for n, (method, body, kw) in enumerate((
            ("UPDATE", SDP, {}), ("INFO", b"", {}), ("INVITE", SDP, {}),
            ("UPDATE", SDP, {"extra": CERTS, "body": "good"}), ("BYE", b"", {}))):
        s.relay.set("forgot=%d" % (not kw))
        s.a.request(method, d["uri"], d, body=body)
        m = undecipherable(s, s.b.expect(method), **kw)
        answer(s, m, "B1", content=SDP if body else "")
        s.a.expect("SIP/2.0 200")
        if method == "INVITE":
            s.a.request("ACK", d["uri"], d, cseq=d["cseq"])
            s.b.expect("ACK")
    s.gone()


@case(keys=SIGNS)
def once_is_enough(s):
    d, i = signed_up(s)
    s.relay.set("forgot=1")
    s.a.request("UPDATE", d["uri"], d, body=SDP)
    m = undecipherable(s, s.b.expect("UPDATE"))
    s.b.reply(m, "493 Undecipherable", "B1", contact=False, extra=CERTS, body="bad")
    same(s.a.expect("SIP/2.0 493").body, b"", "certificates for the phone")
    s.b.quiet(0.1)
    s.relay.say("hangup 200 bye")
    m = undecipherable(s, s.b.expect("BYE"))
    s.b.reply(m, "493 Undecipherable", "B1", contact=False)
    s.a.reply(s.a.expect("BYE"), "200 OK", contact=False)
    s.b.quiet(0.1)
    s.gone()


@case(keys=SIGNS + ("forgot=1",))
def our_own_offer_in_the_call(s):
    d, i = signed_up(s)
    s.relay.say("reoffer")
    s.relay.process.stdout.readline()
    answer(s, undecipherable(s, s.b.expect("INVITE|UPDATE")), "B1")
    s.b.expect("ACK")
    s.relay.say("hangup 200 bye")
    answer(s, s.b.expect("BYE"), "B1", content="")
    s.a.reply(s.a.expect("BYE"), "200 OK", contact=False)
    s.gone()


@case(keys=SIGNS)
def an_unsigned_bye_ends_nothing(s):
    d, i = signed_up(s)
    unsigned(s, "BYE", i)
    s.b.expect("SIP/2.0 403")
    unsigned(s, "BYE", i, cseq=8, body="bye", extra="Content-Type: text/plain\r\n")
    s.b.expect("SIP/2.0 488")
    signed(s, "BYE", i, cseq=9, **{"CSeq": "9 BYE"})  # of another message
    s.b.expect("SIP/2.0 488")
    s.a.quiet()
    signed(s, "BYE", i, cseq=10)
    s.a.reply(s.a.expect("BYE"), "200 OK", contact=False)
    check_sealed(s.b.expect("SIP/2.0 200"), "the 200 of the BYE", bare=True)
    s.gone()


@case(keys=SIGNS)
def an_unsigned_bye_before_the_ack_ends_nothing(s):
    d, i = s.invite()
    answer(s, i, "B1")
    ok = s.a.expect("SIP/2.0 200")
    unsigned(s, "BYE", i)
    s.b.expect("SIP/2.0 403")
    d["ttag"], d["uri"] = ok.tag("To"), ok.contact()
    signed(s, "BYE", i, cseq=8)
    s.b.expect("SIP/2.0 200")
    s.b.expect("ACK")
    s.a.request("ACK", d["uri"], d)
    s.a.reply(s.a.expect("BYE"), "200 OK", contact=False)
    s.gone()


@case(keys=SIGNS)
def a_bye_too_long_to_be_read_ends_nothing(s):
    """More than the bound headers may have: refused, and its transaction is done with."""
    d, i = s.invite()
    answer(s, i, "B1")
    ok = s.a.expect("SIP/2.0 200")
    unsigned(s, "BYE", i, Contact="<sip:%s@127.0.0.1>" % ("x" * 5000))
    s.b.expect("SIP/2.0 500")
    d["ttag"], d["uri"] = ok.tag("To"), ok.contact()
    s.a.request("ACK", d["uri"], d)
    s.b.expect("ACK")
    s.a.request("BYE", d["uri"], d)
    answer(s, s.b.expect("BYE"), "B1", content="")
    s.a.expect("SIP/2.0 200")
    s.gone()


@case(keys=SIGNS + ("sealed=1",))
def an_unsigned_refusal_ends_no_call(s):
    """Of an offer of ours: anybody on the way could have made it. Nor does what came
    with it, or with a 2xx that is not signed, say where the far end is."""
    d, i = signed_up(s)
    same(s.relay.reoffer(), 0, "order")
    s.b.reply(s.b.expect("UPDATE|INVITE"), "481 Gone")
    while True:
        got = s.b.recv(0.3)
        if not got:
            break
        assert got.method == "ACK", got.line
    same(s.relay.stats()["pairs"], 1, "calls")
    s.a.request("BYE", d["uri"], d)
    answer(s, s.b.expect("BYE"), "B1", content="")
    s.a.expect("SIP/2.0 200")
    s.gone()


@case(keys=SIGNS)
def unsigned_ringing_is_left_out(s):
    d, i = s.invite()
    s.b.reply(i, "180 Ringing", "B1")
    s.a.quiet()
    answer(s, i, "B1", "180 Ringing", content="", body="SIP/2.0 183 No\r\n\r\n")
    s.a.quiet()
    answer(s, i, "B1", "180 Ringing", content="")
    s.a.expect("SIP/2.0 180")
    s.b.reply(i, "486 Busy Here", "B1")  # a hint ends the attempt, and no more
    s.a.expect("SIP/2.0 486")
    s.a.request("ACK", "sip:bob@b.example", d, branch=d["branch"])
    s.gone()


@case(keys=SIGNS)
def an_unsigned_answer_ends_the_call(s):
    d, i = s.invite()
    s.b.reply(i, "200 OK", "B1")
    s.b.expect("ACK")
    bye = s.b.expect("BYE")
    check_sealed(bye, "our BYE", bare=True)
    s.b.reply(bye, "200 OK", contact=False)
    s.a.expect("SIP/2.0 (403|488)")
    s.a.request("ACK", "sip:bob@b.example", d, branch=d["branch"])
    s.gone()


@case(keys=SIGNS)
def an_unsigned_ack_ends_the_call(s):
    d = sealed_invite(s)
    i = s.a.expect("INVITE")
    s.a.reply(i, "200 OK", "A1", body=SDP)
    ok = s.b.expect("SIP/2.0 200")
    d["ttag"], d["uri"] = ok.tag("To"), ok.contact()
    s.b.request("ACK", d["uri"], d)
    check_sealed(s.b.expect("BYE"), "our BYE", bare=True)
    s.a.expect("ACK")
    s.a.reply(s.a.expect("BYE"), "200 OK", contact=False)


@case(keys=SIGNS)
def other_requests_are_signed_with_their_words(s):
    d, i = signed_up(s)
    s.a.request("INFO", d["uri"], d, body="Signal=5\r\n",
                extra="Content-Type: application/dtmf-relay\r\n")
    info = s.b.expect("INFO")
    assert info.body.endswith(b"Signal=5\r\n") and b"dtmf-relay" in info.body, info.body
    same(info.get("Content-Type").replace(" ", ""), TYPE, "type of the INFO")
    s.b.reply(info, "200 OK", contact=False)
    s.a.expect("SIP/2.0 502")  # not signed
    s.a.request("INFO", d["uri"], d, body="Signal=6\r\n",
                extra="Content-Type: application/dtmf-relay\r\n")
    answer(s, s.b.expect("INFO"), "B1", content="")
    s.a.expect("SIP/2.0 200")
    unsigned(s, "INFO", i, body="Signal=1\r\n",
             extra="Content-Type: application/dtmf-relay\r\n")
    s.b.expect("SIP/2.0 488")
    signed(s, "INFO", i, cseq=8,
           content="Content-Type: application/dtmf-relay\r\n\r\nSignal=2\r\n")
    info = s.a.expect("INFO")
    same(info.get("Content-Type"), "application/dtmf-relay", "type of the words")
    same(info.body, b"Signal=2\r\n", "the words")
    s.a.reply(info, "200 OK", contact=False)
    check_sealed(s.b.expect("SIP/2.0 200"), "the 200 of the INFO", bare=True)
    unsigned(s, "REFER", i, cseq=9, extra="Refer-To: <sip:eve@e.example>\r\n")
    s.b.expect("SIP/2.0 403")
    s.a.quiet()
    s.relay.say("hangup 200 bye")
    s.b.expect("BYE")
    s.a.expect("BYE")


@case(keys=SIGNS, log=True)
def without_the_keeper_a_call_ends_here(s):
    for ours in (False, True):
        s.relay.set("no_seal=0")
        d, i = signed_up(s)
        s.relay.set("no_seal=1")
        if ours:
            s.relay.say("hangup 200 bye")
            s.a.reply(s.a.expect("BYE"), "200 OK", contact=False)
        else:
            s.a.request("BYE", d["uri"], d)
            s.a.expect("SIP/2.0 200")
        s.b.quiet()
    s.gone(2)
    assert "BYE not sent: it cannot be signed now" in s.logged(), s.logged()


@case(keys=SIGNS + ("seal_ms=300",))
def our_bye_waits_for_its_seal(s):
    d, i = s.invite()
    answer(s, i, "B1")
    s.confirm(d)
    s.relay.say("hangup 200 bye")
    s.a.reply(s.a.expect("BYE"), "200 OK", contact=False)
    s.b.quiet(wait=0.1)
    bye = s.b.expect("BYE")
    check_sealed(bye, "our BYE", bare=True)
    s.b.reply(bye, "200 OK", contact=False)
    s.gone()


@case(keys=SIGNS + ("session=90",))
def refreshes_are_signed(s):
    d, i = s.invite()
    own = "Allow: INVITE, ACK, BYE, UPDATE\r\nSupported: timer\r\nRequire: timer\r\n" \
          "Session-Expires: 90;refresher=uac\r\n"
    to = i.get("To") + ";tag=B1"
    head = {"From": i.get("From"), "To": to, "Call-ID": i.get("Call-ID"), "CSeq": i.get("CSeq"),
            "Contact": "<%s>" % s.b.own_uri()}
    s.b.reply(i, "200 OK", "B1", body=frag(lambda n: head.get(n, ""), "200 OK") + "\r\n" + SDP,
              extra=own + "Content-Type: %s\r\n" % TYPE)
    s.confirm(d)
    for good, later in ((False, 46), (True, 11)):
        s.relay.set("skip=%d" % later)
        update = s.b.expect("UPDATE", 4)
        check_sealed(update, "our UPDATE", bare=True)
        if good:
            head = {"From": update.get("From"), "To": update.get("To"),
                    "Call-ID": update.get("Call-ID"), "CSeq": update.get("CSeq"),
                    "Contact": "<%s>" % s.b.own_uri()}
            s.b.reply(update, "200 OK", body=frag(lambda n: head.get(n, ""), "200 OK") + "\r\n",
                      extra=own + "Content-Type: %s\r\n" % TYPE)
        else:
            s.b.reply(update, "200 OK", extra=own)
            time.sleep(0.3)  # it is refused, and asked again 10 s later
    signed(s, "UPDATE", i, cseq=20)
    s.a.reply(s.a.expect("UPDATE"), "200 OK", "A1")
    s.b.expect("SIP/2.0 200")
    s.relay.say("hangup 200 bye")
    s.b.expect("BYE")


if __name__ == "__main__":
    sys.exit(main())
