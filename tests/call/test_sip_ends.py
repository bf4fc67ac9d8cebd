#!/usr/bin/env python3
"""How calls end: lost and late messages, branches that lose, a filter that
refuses, an operator that hangs up."""
import re
import sys
import time
from urllib.parse import unquote

from sipscene import BOB, PORT, SLOW, T1, case, main, same
from sipsock import SDP, dialog


# -- order, loss and time ------------------------------------------------------

@case(keys=("answer=late", "late_ms=200"))
def order_is_kept(s):
    d, i = s.invite()
    s.b.reply(i, "183 Progress", "B1", body=SDP)
    s.b.reply(i, "180 Ringing", "B1")
    s.b.reply(i, "200 OK", "B1", body=SDP)
    s.a.expect("SIP/2.0 183")
    s.a.expect("SIP/2.0 180")
    s.confirm(d)
    s.bye(d)
    s.gone()


@case()
def forking(s):
    d, i = s.invite()
    tags = []
    for n in range(3):
        s.b.reply(i, "183 Progress", "B%d" % n, body=SDP)
        p = s.a.expect("SIP/2.0 183")
        assert p.body.endswith(b"a=branch:%d\r\n" % n), "branch %d" % n
        tags.append(p.tag("To"))
    s.b.reply(i, "183 Progress", "B0", body=SDP)  # the first again
    assert s.a.expect("SIP/2.0 183").body.endswith(b"a=branch:0\r\n")
    same(len(set(tags)), 1, "the phone sees one early dialog")
    s.b.reply(i, "200 OK", "B1", body=SDP)
    ok, ack = s.confirm(d)
    assert ok.body.endswith(b"a=branch:1\r\n")
    same((ack.tag("To"), ok.tag("To")), ("B1", tags[0]), "tags")
    s.b.reply(i, "200 OK", "B0", body=SDP)  # late, of a branch that lost
    same(s.b.expect("ACK").tag("To"), "B0", "ACK of the loser")
    y = s.b.expect("BYE")
    same(y.tag("To"), "B0", "BYE of the loser")
    s.b.reply(y, "200 OK")
    s.a.quiet(0.1)
    s.a.request("BYE", d["uri"], d)
    y = s.b.expect("BYE")
    same(y.tag("To"), "B1", "BYE of the winner")
    s.b.reply(y, "200 OK")
    s.a.expect("SIP/2.0 200")
    s.gone()


@case()
def forked_reliable_branches_count_apart(s):
    d, i = s.invite(extra="Supported: 100rel\r\n")
    d["uri"] = None
    for tag, rseq in (("B0", 900), ("B1", 5)):
        s.b.reply(i, "183 Progress", tag, "Require: 100rel\r\nRSeq: %d\r\n" % rseq, SDP)
        p = s.a.expect("SIP/2.0 183")
        d["ttag"], d["uri"] = p.tag("To"), p.contact()
        s.a.request("PRACK", d["uri"], d, extra="RAck: %s 1 INVITE\r\n" % p.get("RSeq"))
        r = s.b.expect("PRACK")
        same((r.tag("To"), r.get("RAck").split()[0]), (tag, str(rseq)), "PRACK")
        s.b.reply(r, "200 OK", tag)
        s.a.expect("SIP/2.0 200")
    s.b.reply(i, "200 OK", "B1")
    ok = s.a.expect("SIP/2.0 200")
    s.a.request("ACK", ok.contact(), d, cseq=1)
    same(s.b.expect("ACK").tag("To"), "B1", "ACK")
    s.bye(d)
    s.gone()


@case()
def ringing_that_the_answer_overtook(s):
    d, i = s.invite()
    s.b.reply(i, "200 OK", "B1", body=SDP)
    s.b.reply(i, "180 Ringing", "B1")
    s.a.expect("SIP/2.0 200")
    s.b.quiet(0.1)  # no ACK and BYE, as for a branch that lost
    s.confirm(d)
    s.b.reply(i, "180 Ringing", "B1")
    s.b.quiet(0.1)
    s.bye(d)
    s.gone()


@case()
def repeated_200_to_the_phone(s):
    d, i = s.invite()
    s.b.reply(i, "200 OK", "B1", body=SDP)
    s.a.expect("SIP/2.0 200")
    s.a.expect("SIP/2.0 200", 3)  # repeated after T1
    s.confirm(d)
    s.bye(d)
    s.gone()


@case()
def repeated_200_from_far(s):
    d, i = s.invite()
    s.b.reply(i, "200 OK", "B1", body=SDP)
    s.confirm(d)
    for _ in range(3):
        s.b.reply(i, "200 OK", "B1", body=SDP)
        same(s.b.expect("ACK").tag("To"), "B1", "ACK again")
    s.a.quiet(0.1)
    s.bye(d)
    s.gone()


@case(keys=("t1=%d" % T1,))
def lost_ack_ends_the_call(s):
    _, i = s.invite()
    s.b.reply(i, "200 OK", "B1", body=SDP)
    end = time.monotonic() + 6 * SLOW
    while True:  # nobody acknowledges: 200 after 200, then BYE
        got = s.a.expect("SIP/2.0 200|BYE", end - time.monotonic())
        if got.method == "BYE":
            break
    s.a.reply(got, "200 OK", contact=False)
    s.b.expect("ACK")
    s.b.reply(s.b.expect("BYE"), "200 OK")
    same(s.gone()["last"], 408, "status")


@case(keys=("t1=%d" % T1,))
def no_prack_ends_the_call(s):
    _, i = s.invite(extra="Supported: 100rel\r\n")
    s.b.reply(i, "183 Progress", "B1", "Require: 100rel\r\nRSeq: 7\r\n", SDP)
    s.a.expect("SIP/2.0 183")
    s.a.expect("SIP/2.0 504", 6 * SLOW, skip="SIP/2.0 183")
    s.b.reply(s.b.expect("CANCEL"), "200 OK", contact=False)
    s.b.reply(i, "487 Request Terminated", "B1")
    s.b.expect("ACK")
    s.gone()


@case(keys=("t1=%d" % T1,))
def answer_overtakes_its_prack(s):
    d, i = s.invite(extra="Supported: 100rel\r\n")
    s.b.reply(i, "183 Progress", "B1", "Require: 100rel\r\nRSeq: 7\r\n", SDP)
    p = s.a.expect("SIP/2.0 183")
    s.b.reply(i, "200 OK", "B1")
    s.a.quiet(0.1, skip="SIP/2.0 183")  # the 200 waits for the PRACK
    d["ttag"], d["uri"] = p.tag("To"), p.contact()
    s.a.request("PRACK", d["uri"], d, extra="RAck: %s 1 INVITE\r\n" % p.get("RSeq"))
    s.b.reply(s.b.expect("PRACK"), "200 OK", "B1", contact=False)
    got = [s.a.expect("SIP/2.0 200", skip="SIP/2.0 183").get("CSeq") for _ in range(2)]
    same(sorted(got), ["1 INVITE", "2 PRACK"], "responses")
    s.a.request("ACK", d["uri"], d, cseq=1)
    s.b.expect("ACK")
    s.bye(d)
    s.gone()


@case(keys=("t1=%d" % T1,))
def caller_vanishes_between_200_and_prack(s):
    _, i = s.invite(extra="Supported: 100rel\r\n")
    s.b.reply(i, "183 Progress", "B1", "Require: 100rel\r\nRSeq: 7\r\n", SDP)
    s.a.expect("SIP/2.0 183")
    s.b.reply(i, "200 OK", "B1")
    s.relay.say("hangup 480 enough")
    s.b.expect("ACK")
    s.b.reply(s.b.expect("BYE"), "200 OK")
    s.a.expect("SIP/2.0 480", skip="SIP/2.0 183")  # the 200 waited for the PRACK
    s.gone()


@case(keys=("t1=%d" % T1,))
def far_end_is_silent(s):
    d, i = s.invite()
    s.b.expect("INVITE", 2 * SLOW)  # repeated
    s.a.expect("SIP/2.0 408", 6 * SLOW)
    s.gone()


@case(target="sip:bob@127.0.0.1:%d;transport=tcp" % (PORT + 12))
def far_end_refuses_tcp(s):
    d = dialog()
    s.a.request("INVITE", BOB, d, body=SDP)
    no = s.a.expect("SIP/2.0 503", 3 * SLOW)
    assert "callseal" in no.get("Warning")
    s.gone()


@case(keys=("t1=%d" % T1,))
def bye_to_a_dead_end(s):
    d, _ = s.up()
    s.a.request("BYE", d["uri"], d)
    s.b.expect("BYE")
    s.a.expect("SIP/2.0 200", 6 * SLOW)
    s.gone()


@case(keys=("t1=100",))
def the_wall_clock_steps(s):
    """An hour on or back: nobody's time is up by it, nor does it stand still."""
    for step in (3600, -7200, 3600):
        d, i = s.invite()
        s.relay.set("step=%d" % step)
        s.a.quiet(0.3 * SLOW, skip="SIP/2.0 100 ")
        s.b.reply(i, "180 Ringing", "B1")
        s.a.expect("SIP/2.0 180")
        s.b.reply(i, "200 OK", "B1", body=SDP)
        ok = s.a.expect("SIP/2.0 200")
        s.a.expect("SIP/2.0 200", 1 * SLOW)  # it comes again
        d["ttag"], d["uri"] = ok.tag("To"), ok.contact()
        s.a.request("ACK", d["uri"], d)
        s.b.expect("ACK", skip="INVITE")
        s.relay.set("step=%d" % -step)
        s.a.quiet(0.3 * SLOW, skip="SIP/2.0 200 ")
        s.b.quiet(0.1, skip="INVITE")
        s.a.request("BYE", d["uri"], d)
        y = s.b.expect("BYE")
        again = s.b.expect("BYE", 1 * SLOW)  # so does this
        same(again.data, y.data, "the BYE")
        s.b.reply(y, "200 OK", contact=False)
        s.a.expect("SIP/2.0 200")
    s.gone(3)


@case()
def bye_glare(s):
    d, e = s.up()
    s.a.request("BYE", d["uri"], d)
    s.b.request("BYE", e["uri"], e)
    s.a.expect("BYE")
    y = s.b.expect("BYE")
    s.b.reply(y, "200 OK")
    s.a.expect("SIP/2.0 200")
    s.b.expect("SIP/2.0 200")
    s.gone()


@case()
def bye_challenged(s):
    d, _ = s.up()
    s.a.request("BYE", d["uri"], d)
    s.b.reply(s.b.expect("BYE"), "407 Proxy Authentication Required",
              extra='Proxy-Authenticate: Digest realm="x", nonce="y"\r\n')
    no = s.a.expect("SIP/2.0 407")
    same(no.get("Proxy-Authenticate"), 'Digest realm="x", nonce="y"', "challenge")
    s.bye(d)
    s.gone()


@case()
def bye_before_the_answer(s):
    d, i = s.invite()
    s.b.reply(i, "180 Ringing", "B1")
    p = s.a.expect("SIP/2.0 180")
    d["ttag"] = p.tag("To")
    s.a.request("BYE", p.contact(), d)
    s.a.expect("SIP/2.0 200")
    s.a.expect("SIP/2.0 487")
    s.b.reply(s.b.expect("CANCEL"), "200 OK", contact=False)
    s.b.reply(i, "487 Request Terminated", "B1")
    s.b.expect("ACK")
    s.gone()


@case()
def bye_before_the_ack(s):
    d, i = s.invite()
    s.b.reply(i, "200 OK", "B1", body=SDP)
    ok = s.a.expect("SIP/2.0 200")
    d["ttag"] = ok.tag("To")
    s.a.request("BYE", ok.contact(), d)
    s.a.expect("SIP/2.0 200")
    s.b.expect("ACK")
    s.b.reply(s.b.expect("BYE"), "200 OK")
    s.a.request("ACK", ok.contact(), d, cseq=1)
    s.gone()


@case(keys=("answer=late", "late_ms=200"))
def a_flood_is_bounded(s):
    d, i = s.invite()
    for n in range(100):
        s.b.reply(i, "183 Progress", "B%d" % n, body=SDP)
    s.b.reply(i, "200 OK", "B5", body=SDP)
    s.relay.set("answer=mark")
    s.a.expect("SIP/2.0 200", 20, skip="SIP/2.0 1[08]")
    tags = [x for x in s.a.seen if x.startswith(b"SIP/2.0 183")]
    assert len(tags) <= 17, "%d branches were passed" % len(tags)
    d["ttag"] = "?"
    s.relay.say("hangup 480 enough")


@case()
def open_requests_are_bounded(s):
    d, _ = s.up()
    for _ in range(40):
        s.a.request("INFO", d["uri"], d)
    got = [s.a.expect("SIP/2.0 500").get("Retry-After") for _ in range(8)]
    assert all(got)
    s.relay.say("hangup 480 enough")


# -- the filter says no --------------------------------------------------------

@case(keys=("offer=refuse",))
def refused_offer(s):
    d = dialog()
    s.a.request("INVITE", BOB, d, body=SDP)
    no = s.a.expect("SIP/2.0 488")
    same(no.get("Warning"), '399 callseal "mock refuses"', "Warning")
    s.gone()
    s.b.quiet(0.1)


@case(keys=("answer=refuse",))
def refused_answer_in_200(s):
    d, i = s.invite()
    s.b.reply(i, "200 OK", "B1", body=SDP)
    s.b.expect("ACK")
    y = s.b.expect("BYE")
    assert "488" in y.get("Reason")
    s.b.reply(y, "200 OK")
    same(s.a.expect("SIP/2.0 488").get("Warning"), '399 callseal "mock refuses"', "Warning")
    s.gone()


@case(keys=("answer=refuse",))
def refused_answer_in_183(s):
    d, i = s.invite()
    s.b.reply(i, "183 Progress", "B1", body=SDP)
    s.b.reply(s.b.expect("CANCEL"), "200 OK", contact=False)
    s.a.expect("SIP/2.0 488")
    s.b.reply(i, "487 Request Terminated", "B1")
    s.b.expect("ACK")
    s.gone()


@case(keys=("ack=refuse",))
def refused_answer_in_ack(s):
    d, i = s.invite(body=b"")
    s.b.reply(i, "200 OK", "B1", body=SDP)
    ok = s.a.expect("SIP/2.0 200")
    d["ttag"] = ok.tag("To")
    s.a.request("ACK", ok.contact(), d, body=SDP)
    s.b.expect("ACK")
    s.b.reply(s.b.expect("BYE"), "200 OK")
    s.a.reply(s.a.expect("BYE"), "200 OK")
    s.gone()


@case()
def refused_reinvite_keeps_the_call(s):
    d, e = s.up()
    s.relay.set("offer=refuse")
    branch = s.b.request("INVITE", e["uri"], e, body=SDP)
    s.b.expect("SIP/2.0 488")
    s.b.request("ACK", e["uri"], e, branch=branch)
    s.bye(d)
    s.gone()


@case()
def refused_answer_of_a_reinvite_ends_it(s):
    d, e = s.up()
    s.relay.set("answer=refuse")
    s.b.request("INVITE", e["uri"], e, body=SDP)
    s.a.reply(s.a.expect("INVITE"), "200 OK", body=SDP)
    s.a.expect("ACK")
    s.a.reply(s.a.expect("BYE"), "200 OK")
    s.b.expect("SIP/2.0 488")
    s.b.reply(s.b.expect("BYE"), "200 OK")
    s.gone()


@case(keys=("refuse=603",))
def refused_call(s):
    s.a.request("INVITE", BOB, dialog(), body=SDP)
    no = s.a.expect("SIP/2.0 603 Not Today")
    same(no.get("Warning"), "399 callseal \"mock 'says' no\"", "Warning")
    same(no.get("Retry-After"), "7", "Retry-After")
    same(s.relay.stats()["pairs"], 0, "pairs")


@case()
def bodies_that_hide(s):
    for n, (kind, extra) in enumerate((
            ("multipart/encrypted;boundary=x", ""),
            ("application/sdp", "Content-Encoding: gzip\r\n"),
            ("message/sipfrag", ""), ("application/pkcs7-mime", ""))):
        extra = "Content-Type: %s\r\n%s" % (kind, extra)
        s.a.request("INVITE", BOB, dialog(), extra=extra, body="--x")
        s.a.expect("SIP/2.0 415")
    d, e = s.up()
    s.a.request("INFO", d["uri"], d, body=SDP)
    s.a.expect("SIP/2.0 415")
    s.b.request("OPTIONS", e["uri"], e)
    s.a.reply(s.a.expect("OPTIONS"), "200 OK", body=SDP)
    same(s.b.expect("SIP/2.0 200").body, b"", "SDP outside offer and answer")
    s.bye(d)
    s.gone(2)  # that of S/MIME was a call until its peer was known


@case()
def an_answer_that_hides(s):
    _, i = s.invite()
    s.b.reply(i, "200 OK", "B1", extra="Content-Type: multipart/mixed;boundary=x\r\n", body="--x")
    s.a.expect("SIP/2.0 502")
    s.b.expect("ACK")
    s.b.reply(s.b.expect("BYE"), "200 OK")
    s.gone()


@case()
def hangup_by_the_operator(s):
    _, i = s.invite()
    s.relay.say("hangup 603 enough")
    s.a.expect("SIP/2.0 603")
    s.b.reply(i, "100 Trying")
    c = s.b.expect("CANCEL")
    same(c.get("Reason"), "SIP;cause=603", "Reason")  # the cause is ours alone
    s.b.reply(c, "200 OK", contact=False)
    s.b.reply(i, "487 Request Terminated", "B1")
    s.b.expect("ACK")
    s.gone()
    d, e = s.up()
    s.relay.say("hangup 480 enough")
    for end in (s.a, s.b):
        y = end.expect("BYE")
        assert ("enough" in y.get("Reason")) == (end is s.a), y.data
        end.reply(y, "200 OK")
    s.gone(2)
    d, i = s.invite()
    s.b.reply(i, "200 OK", "B1", body=SDP)
    ok = s.a.expect("SIP/2.0 200")
    s.relay.say("hangup 480 enough")
    s.b.expect("ACK")
    s.b.reply(s.b.expect("BYE"), "200 OK")
    s.a.quiet(0.2, skip="SIP/2.0 200")  # no BYE before the ACK
    d["ttag"] = ok.tag("To")
    s.a.request("ACK", ok.contact(), d)
    s.a.reply(s.a.expect("BYE", skip="SIP/2.0 200"), "200 OK")
    s.gone(3)


@case()
def stopping_tells_everybody(s):
    d, _ = s.up()
    _, i = s.invite()
    s.b.reply(i, "180 Ringing", "B1")
    s.a.expect("SIP/2.0 180")
    s.relay.say("quit")
    for pattern in ("SIP/2.0 503|BYE", "SIP/2.0 503|BYE"):
        got = s.a.expect(pattern)
        if got.method:
            s.a.reply(got, "200 OK")
    for _ in range(2):
        got = s.b.expect("CANCEL|BYE")
        if got.method == "CANCEL":
            s.b.reply(got, "200 OK", contact=False)
    s.b.reply(i, "487 Request Terminated", "B1")
    s.b.expect("ACK")
    s.b.reply(s.b.expect("BYE"), "200 OK")  # the first was lost


@case()
def draining(s):
    d, _ = s.up()
    s.relay.say("drain")
    s.relay.stats()
    s.a.request("INVITE", BOB, dialog(), body=SDP)
    s.a.expect("SIP/2.0 503")
    s.bye(d)
    s.gone()


# -- what a refusal says of keys -----------------------------------------------------

@case(keys=("offer=refuse",))
def keys_in_a_refusal(s):
    far = dialog()
    s.b.request("INVITE", "sip:alice@a.example", far, body=SDP)
    no = s.b.expect("SIP/2.0 488")  # for the outside, whose keys failed
    same(no.get("Content-Type"), "application/sdp", "Content-Type")
    same(b"a=key-mgmt:mikey RVJST1I=\r\n" in no.body and b"m=" not in no.body, True, no.body)
    s.a.request("INVITE", BOB, dialog(), body=SDP)
    same(s.a.expect("SIP/2.0 488").body, b"", "the phone's 488")
    s.gone(2)


@case()
def a_hint_in_a_refusal(s):
    hint = "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=key-mgmt:mikey RVJST1I=\r\n"
    d, i = s.invite()
    s.b.reply(i, "488 Not Acceptable Here", "B1", body=hint, contact=False)
    s.b.expect("ACK")
    no = s.a.expect("SIP/2.0 488")
    same(no.body, b"", "the phone's 488")
    same(s.gone()["hints"], 1, "hints")


# -- the same call again, less protected: RFC 8643 ---------------------------------

@case(keys=("retries=2",))
def refused_and_offered_again(s):
    d, i = s.invite()
    s.b.reply(i, "180 Ringing", "B1")
    s.a.expect("SIP/2.0 180")
    s.b.reply(i, "488 Not Acceptable Here", "B1")
    s.b.expect("ACK")
    again = s.b.expect("INVITE")
    same(again.get("Call-ID") != i.get("Call-ID") and again.tag("From") != i.tag("From"), True,
         "a new dialog")
    same(again.uri, i.uri, "Request-URI")
    same(again.get("To"), i.get("To"), "To without a tag")
    s.b.reply(again, "488 Not Acceptable Here", "B2")
    s.b.expect("ACK")
    third = s.b.expect("INVITE")
    s.b.reply(third, "180 Ringing", "B3")
    s.a.expect("SIP/2.0 180")
    s.b.reply(third, "200 OK", "B3", body=SDP)
    s.confirm(d)
    s.b.quiet(0.1)
    s.bye(d)
    s.gone()


@case(keys=("retries=1",))
def the_last_refusal_passes(s):
    d, i = s.invite()
    s.b.reply(i, "488 Not Acceptable Here", "B1")
    s.b.expect("ACK")
    s.b.reply(s.b.expect("INVITE"), "488 Not Acceptable Here", "B2")
    s.b.expect("ACK")
    s.a.expect("SIP/2.0 488")
    s.gone()


@case(keys=("retries=1", "offer=late", "late_ms=300"))
def cancelled_between_two(s):
    d, i = s.invite()
    s.b.reply(i, "488 Not Acceptable Here", "B1")
    s.b.expect("ACK")
    s.a.request("CANCEL", BOB, d, branch=d["branch"], cseq=1)
    s.a.expect("SIP/2.0 200")
    s.a.expect("SIP/2.0 487")
    s.a.request("ACK", BOB, d, branch=d["branch"], cseq=1)
    s.b.quiet(0.5)
    s.gone()


@case(keys=("retries=1",))
def a_branch_that_answers_late(s):
    d, i = s.invite()
    s.b.reply(i, "488 Not Acceptable Here", "B1")
    s.b.expect("ACK")
    again = s.b.expect("INVITE")
    s.b.reply(i, "200 OK", "B9", body=SDP)  # of the old INVITE: nobody's any more
    s.b.reply(again, "200 OK", "B2", body=SDP)
    ok = s.a.expect("SIP/2.0 200")
    d["ttag"], d["uri"] = ok.tag("To"), ok.contact()
    s.a.request("ACK", d["uri"], d)
    s.b.expect("ACK", 2, skip="BYE|ACK|SIP/2.0 100")
    s.relay.say("hangup 480 enough")
    s.a.expect("BYE")


@case(keys=("retries=1", "t1=%d" % T1))
def memory_between_two(s):
    for n in range(1, 8):
        s.relay.set("retries=1")
        d, i = s.invite()
        s.relay.set("oom=%d" % n)
        s.b.reply(i, "488 Not Acceptable Here", "B1")
        s.b.expect("ACK")
        got = s.b.recv(0.4 * SLOW)
        if got is not None and got.method == "INVITE":
            s.b.reply(got, "486 Busy Here", "B2")
            s.b.expect("ACK")
        s.a.expect("SIP/2.0 [45]", 2 * SLOW)
        s.a.request("ACK", BOB, d, branch=d["branch"], cseq=1)
        s.relay.set("oom=0")
    s.gone(7)


# -- attended transfer: RFC 3891, RFC 5589 ----------------------------------------

def parts(value):
    return {x.strip() for x in value.split(";")}


def replaces(d):
    """As the owner of a dialog names it to the other end of it."""
    return "%s;to-tag=%s;from-tag=%s" % (d["call_id"], d["ttag"], d["ftag"])


@case(keys=("lead=example",))
def attended_transfer(s):
    d, e = s.up()             # the phone and bob
    d2, e2 = s.up(tag="B2")   # the phone and carol
    escaped = replaces(d2).replace(";", "%3B").replace("=", "%3D").replace("@", "%40")
    s.a.request("REFER", d["uri"], d, extra="Refer-To: <sip:carol@c.example?Replaces=%s"
                "&X-Other=1>\r\nReferred-By: <sip:alice@a.example>\r\n" % escaped)
    r = s.b.expect("REFER")
    uri = unquote(re.search(r"<([^>]*)>", r.get("Refer-To")).group(1))
    got = re.search(r"Replaces=([^&]*)", uri).group(1)
    # for carol: to-tag is hers, from-tag ours
    same(parts(got), {e2["call_id"], "to-tag=" + e2["ftag"], "from-tag=" + e2["ttag"]},
         "as carol knows the call")
    same("X-Other=1" in uri and uri.startswith("sip:carol@c.example?"), True, uri)
    same(r.get("Referred-By"), "<sip:alice@a.example>", "Referred-By")
    same(d2["call_id"].encode() in r.data, False, "the inside Call-ID shows")
    s.b.reply(r, "202 Accepted")
    s.a.expect("SIP/2.0 202")
    # bob's INVITE names a call of this gateway's phone, as the outside knows it
    s.b.request("INVITE", "sip:alice@a.example", dialog(**{"from": "<sip:bob@b.example>"}),
                body=SDP, extra="Replaces: %s;early-only\r\nRequire: replaces\r\n"
                % replaces(e2))
    i = s.a.expect("INVITE")
    same(parts(i.get("Replaces")), {d2["call_id"], "to-tag=" + d2["ftag"],
                                    "from-tag=" + d2["ttag"], "early-only"},
         "as the phone knows the call")
    same(i.get("Require"), "replaces", "Require")
    s.a.reply(i, "486 Busy Here", "A9")
    s.a.expect("ACK")
    s.b.expect("SIP/2.0 486")
    s.b.request("INVITE", "sip:alice@a.example", dialog(**{"from": "<sip:eve@evil.org>"}),
                body=SDP, extra="Replaces: %s\r\n" % replaces(e2))
    s.b.expect("SIP/2.0 403")  # out of a sealed call into a plain one
    s.a.quiet(0.1)
    for x in (d, d2):
        s.bye(x)


@case()
def foreign_dialogs_pass(s):
    for value in ("x@far.example;to-tag=1;from-tag=2", "x@far.example;to-tag=1",
                  "odd"):
        d, i = s.invite(extra="Replaces: %s\r\n" % value)
        s.b.reply(i, "486 Busy Here", "B1")
        s.b.expect("ACK")
        s.a.expect("SIP/2.0 486")
        if "from-tag" in value:
            same(parts(i.get("Replaces")), parts(value), "Replaces")
    d, e = s.up()
    target = "<sip:c@c.example?Replaces=x%40far%3Bto-tag%3D1%3Bfrom-tag%3D2>"
    s.a.request("REFER", d["uri"], d, extra="Refer-To: %s\r\n" % target)
    r = s.b.expect("REFER")
    same(r.get("Refer-To"), target, "Refer-To, byte for byte")
    s.b.reply(r, "202 Accepted")
    s.a.expect("SIP/2.0 202")
    s.bye(d)



@case(keys=("t1=%d" % T1,))
def rings_and_then_is_silent(s):
    """It answers neither CANCEL nor INVITE: nothing of the call stays (RFC 3261 9.1)."""
    d, i = s.invite()
    s.b.reply(i, "180 Ringing", "B1")
    s.a.expect("SIP/2.0 180")
    s.relay.say("hangup 480 enough")
    s.a.expect("SIP/2.0 480")
    s.a.request("ACK", BOB, d, branch=d["branch"], cseq=1)
    s.b.expect("CANCEL")
    end = time.monotonic() + 8 * SLOW
    while s.relay.stats()["pairs"]:
        assert time.monotonic() < end, "the pair is still there"
        time.sleep(0.1)
    s.gone()


if __name__ == "__main__":
    sys.exit(main())
