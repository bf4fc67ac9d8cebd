#!/usr/bin/env python3
"""Transfers that the gateway does itself (calls.refer = "handle"): a phone sends
its call to another phone, the far end hears of a re-INVITE alone."""
import sys

from sipscene import INSIDE, PORT, SLOW, case, main, same
from sipsealed import TYPE, answer
from sipsock import SDP, called

CAROL = "sip:carol@inside.example"
HERE = "refer=" + " ".join("sip:carol@127.0.0.1:%d" % (PORT + n) for n in (12, 13))
KEYS = (HERE.rsplit(" ", 1)[0],)
OFFER = SDP.replace("4000", "4100")
ANSWER = SDP.replace("4000", "4200")


def carol(s, n=0):
    return s.end(PORT + 12 + n, INSIDE)


def notified(s, status, end=None):
    end = end or s.a
    n = end.expect("NOTIFY", 2 * SLOW)
    end.reply(n, "200 OK", contact=False)
    same(n.body.decode().split()[1], str(status), "sipfrag")
    same(n.get("Content-Type"), "message/sipfrag;version=2.0", "type")
    same(n.get("Subscription-State").split(";")[0],
         "active" if status < 200 else "terminated", "state")
    return n


def refer(s, d, target="<%s>" % CAROL, extra=""):
    s.a.request("REFER", d["uri"], d, extra="Refer-To: %s\r\n%s" % (target, extra))
    s.a.expect("SIP/2.0 202")
    same(notified(s, 100).get("Event"), "refer;id=%d" % d["cseq"], "Event")


def ringing(s):
    """Alice, who called Bob, sends him on: carol, both dialogs, carol's INVITE."""
    c = carol(s)
    d, e = s.up()
    refer(s, d)
    return c, d, e, c.expect("INVITE", 2 * SLOW)


def answers(s, c, i, tag="C1"):
    """Carol picks up: (her dialog, the re-INVITE that her offer became)."""
    c.reply(i, "200 OK", tag, body=OFFER)
    dc = called(i, tag)
    dc["uri"] = i.contact()
    return dc, s.b.expect("INVITE", 2 * SLOW)


def joins(s, c, r):
    """The far end takes it."""
    same(b"4100" in r.body, True, "carol's offer at the far end")
    s.b.reply(r, "200 OK", body=ANSWER)
    ack = c.expect("ACK", 2 * SLOW)
    same(b"4200" in ack.body, True, "the answer at carol's")
    s.b.expect("ACK", 2 * SLOW)


def over(s, end=None):
    """The phone that sent the call on hears so."""
    end = end or s.a
    notified(s, 200, end)
    b = end.expect("BYE", 2 * SLOW)
    end.reply(b, "200 OK", contact=False)


def ends(s, e, c):
    s.b.request("BYE", e["uri"], e)
    c.reply(c.expect("BYE", 2 * SLOW), "200 OK", contact=False)
    s.b.expect("SIP/2.0 200", 2 * SLOW)
    same(s.gone()["referred"], 1, "transfers")


@case(keys=KEYS)
def blind_by_the_caller(s):
    c, d, e, i = ringing(s)
    same(i.body, b"", "no offer")
    same(i.get("From").split(";")[0], "<sip:bob@b.example>", "as alice knows him")
    same(i.get("To").strip("<>"), CAROL, "To")
    same(i.get("Referred-By"), "<sip:alice@inside.example>", "Referred-By")
    c.reply(i, "180 Ringing", "C1")
    notified(s, 180)
    c.reply(i, "180 Ringing", "C1")
    s.a.quiet(0.1)  # once is enough
    _, r = answers(s, c, i)
    joins(s, c, r)
    over(s)
    # carol's call now: both ways
    s.b.request("INFO", e["uri"], e)
    c.reply(c.expect("INFO", 2 * SLOW), "200 OK", contact=False)
    s.b.expect("SIP/2.0 200", 2 * SLOW)
    ends(s, e, c)


@case(keys=KEYS)
def blind_by_the_called(s):
    c = carol(s)
    d, e = s.up(frm=s.b, to=s.a, tag="A1")
    refer(s, e)
    i = c.expect("INVITE", 2 * SLOW)
    dc, r = answers(s, c, i)
    joins(s, c, r)
    over(s)
    # she holds it, and hangs up
    c.request("INVITE", dc["uri"], dc, body=OFFER)
    s.b.reply(s.b.expect("INVITE", 2 * SLOW), "200 OK", body=ANSWER)
    c.expect("SIP/2.0 200", 2 * SLOW)
    c.request("ACK", dc["uri"], dc)
    s.b.expect("ACK", 2 * SLOW)
    s.bye(dc, c, s.b)
    same(s.gone()["referred"], 1, "transfers")


@case(keys=KEYS)
def nobody_takes_it(s):
    c = carol(s)
    d, e = s.up()
    for status in ("486 Busy Here", "603 Decline"):
        refer(s, d)
        i = c.expect("INVITE", 2 * SLOW)
        c.reply(i, status, "C1")
        c.expect("ACK", 2 * SLOW)
        notified(s, int(status[:3]))
    s.b.quiet(0.1)
    s.bye(d)
    same(s.gone()["referred"], 0, "transfers")


@case(keys=KEYS)
def hangs_up_at_once(s):
    c, d, e, i = ringing(s)
    s.a.request("BYE", d["uri"], d)
    s.a.expect("SIP/2.0 200")
    c.reply(i, "180 Ringing", "C1")
    s.b.quiet(0.2)
    s.b.request("INVITE", e["uri"], e, body=SDP)  # who should answer it?
    s.b.expect("SIP/2.0 491")
    s.b.request("ACK", e["uri"], e)
    _, r = answers(s, c, i)
    joins(s, c, r)
    s.a.quiet(0.2)
    ends(s, e, c)


@case(keys=KEYS)
def hangs_up_and_nobody_takes_it(s):
    c, d, e, i = ringing(s)
    s.a.request("BYE", d["uri"], d)
    s.a.expect("SIP/2.0 200")
    c.reply(i, "480 Temporarily Unavailable", "C1")
    c.expect("ACK", 2 * SLOW)
    s.b.reply(s.b.expect("BYE", 2 * SLOW), "200 OK", contact=False)
    s.a.quiet(0.2)
    s.gone()


@case(keys=KEYS)
def far_end_refuses(s):
    c, d, e, i = ringing(s)
    _, r = answers(s, c, i)
    s.b.reply(r, "488 Not Acceptable Here")
    s.b.expect("ACK", 2 * SLOW)
    same(c.expect("ACK", 2 * SLOW).body, b"", "no answer")
    c.reply(c.expect("BYE", 2 * SLOW), "200 OK", contact=False)
    notified(s, 488)
    s.bye(d)
    s.gone()


@case(keys=KEYS)
def far_end_is_busy(s):
    """It says 491, and takes it the second time."""
    c, d, e, i = ringing(s)
    _, r = answers(s, c, i)
    s.b.reply(r, "491 Request Pending")
    s.b.expect("ACK", 2 * SLOW)
    joins(s, c, s.b.expect("INVITE", 5 * SLOW))
    over(s)
    ends(s, e, c)


@case(keys=KEYS)
def waits_for_an_open_offer(s):
    c, d, e, i = ringing(s)
    s.b.request("INVITE", e["uri"], e, body=SDP)
    held = s.a.expect("INVITE", 2 * SLOW)
    c.reply(i, "200 OK", "C1", body=OFFER)
    s.b.quiet(0.3)
    s.a.reply(held, "200 OK", body=SDP)
    s.b.expect("SIP/2.0 200", 2 * SLOW)
    s.b.request("ACK", e["uri"], e)
    s.a.expect("ACK", 2 * SLOW, skip="INVITE")  # it had to wait
    joins(s, c, s.b.expect("INVITE", 3 * SLOW))
    over(s)
    ends(s, e, c)


@case(keys=(HERE,))
def all_phones_ring(s):
    c, other = carol(s), carol(s, 1)
    d, e = s.up()
    refer(s, d)
    i, k = c.expect("INVITE", 2 * SLOW), other.expect("INVITE", 2 * SLOW)
    other.reply(k, "180 Ringing", "O1")
    notified(s, 180)
    _, r = answers(s, c, i)
    same("elsewhere" in other.expect("CANCEL", 2 * SLOW).get("Reason"), True, "Reason")
    other.reply(k, "200 OK", "O1", body=OFFER)  # it crosses
    other.expect("ACK", 2 * SLOW)
    other.reply(other.expect("BYE", 2 * SLOW), "200 OK", contact=False)
    joins(s, c, r)
    over(s)
    ends(s, e, c)


@case(keys=KEYS)
def far_end_hangs_up(s):
    c, d, e, i = ringing(s)
    c.reply(i, "180 Ringing", "C1")
    notified(s, 180)
    s.b.request("BYE", e["uri"], e)
    s.a.reply(s.a.expect("BYE", 2 * SLOW), "200 OK", contact=False)
    s.b.expect("SIP/2.0 200", 2 * SLOW)
    cancel = c.expect("CANCEL", 2 * SLOW)
    c.reply(cancel, "200 OK", contact=False)
    c.reply(i, "487 Request Terminated", "C1")
    c.expect("ACK", 2 * SLOW)
    s.gone()


@case(keys=KEYS)
def carol_changes_her_mind(s):
    c, d, e, i = ringing(s)
    s.b.request("INVITE", e["uri"], e, body=SDP)  # so that she has to wait
    held = s.a.expect("INVITE", 2 * SLOW)
    c.reply(i, "200 OK", "C1", body=OFFER)
    dc = called(i, "C1")
    c.request("INFO", i.contact(), dc)
    c.expect("SIP/2.0 491", 2 * SLOW)
    c.request("BYE", i.contact(), dc)
    got = {c.recv(2 * SLOW).line.split()[0 if n else 0] for n in range(2)}
    same(got >= {"SIP/2.0"} or got >= {"ACK"}, True, got)
    notified(s, 487)
    s.a.reply(held, "200 OK", body=SDP)
    s.b.expect("SIP/2.0 200", 2 * SLOW)
    s.b.request("ACK", e["uri"], e)
    s.a.expect("ACK", 2 * SLOW, skip="INVITE")
    s.bye(d)
    s.gone()


@case(keys=KEYS)
def others_pass(s):
    """Who is elsewhere, and what no call is."""
    d, e = s.up()
    for target in ("<sip:dan@c.example>", "<%s;method=SUBSCRIBE>" % CAROL,
                   "<tel:+15551234>"):
        s.a.request("REFER", d["uri"], d, extra="Refer-To: %s\r\n" % target)
        s.b.reply(s.b.expect("REFER"), "202 Accepted")
        s.a.expect("SIP/2.0 202")
    s.b.request("REFER", e["uri"], e, extra="Refer-To: <%s>\r\n" % CAROL)
    s.a.reply(s.a.expect("REFER"), "202 Accepted")  # the phone's own to do
    s.b.expect("SIP/2.0 202")
    s.bye(d)
    s.gone()


@case(keys=KEYS)
def one_at_a_time(s):
    c, d, e, i = ringing(s)
    s.a.request("REFER", d["uri"], d, extra="Refer-To: <%s>\r\n" % CAROL)
    s.a.expect("SIP/2.0 491")
    c.reply(i, "486 Busy Here", "C1")
    c.expect("ACK", 2 * SLOW)
    notified(s, 486)
    s.bye(d)
    s.gone()


@case(keys=KEYS + ("bodies=1",))
def sealed_far_end(s):
    """Nothing of it leaves in clear, and its answer is opened."""
    c = carol(s)
    d, i = s.invite()
    answer(s, i, "B1")
    s.confirm(d)
    e = called(i, "B1")
    refer(s, d)
    _, r = answers(s, c, c.expect("INVITE", 2 * SLOW))
    same(r.get("Content-Type").replace(" ", ""), TYPE, "type")
    same(b"4100" in r.body, True, "carol's offer, sealed")
    answer(s, r, "B1", content=ANSWER)
    ack = c.expect("ACK", 2 * SLOW)
    same(ack.get("Content-Type"), "application/sdp", "type for the phone")
    same(b"4200" in ack.body, True, "the answer at carol's")
    s.b.expect("ACK", 2 * SLOW)
    over(s)
    e["uri"] = r.contact()
    ends(s, e, c)


@case(keys=KEYS + ("bodies=1",))
def forged_answer(s):
    """Nobody knows what the far end has agreed to: the call ends."""
    c = carol(s)
    d, i = s.invite()
    answer(s, i, "B1")
    s.confirm(d)
    refer(s, d)
    _, r = answers(s, c, c.expect("INVITE", 2 * SLOW))
    answer(s, r, "B1", body="From: <sip:x@y>\r\n\r\n" + ANSWER)
    same(c.expect("ACK", 2 * SLOW).body, b"", "the answer at carol's")
    c.reply(c.expect("BYE", 2 * SLOW), "200 OK", contact=False)
    s.a.reply(s.a.expect("BYE", 2 * SLOW), "200 OK", contact=False)
    s.b.expect("ACK", 2 * SLOW)
    s.b.reply(s.b.expect("BYE", 2 * SLOW), "200 OK", contact=False)
    same(s.gone()["referred"], 0, "transfers")


@case(keys=KEYS)
def attended_among_phones(s):
    """The phones know their call from each other, not from here."""
    c = carol(s)
    d, e = s.up()
    refer(s, d, "<%s?Replaces=x%%40far%%3Bto-tag%%3D1%%3Bfrom-tag%%3D2&X-Other=1>" % CAROL)
    i = c.expect("INVITE", 2 * SLOW)
    same({x.strip() for x in i.get("Replaces").split(";")},
         {"x@far", "to-tag=1", "from-tag=2"}, "Replaces")
    same(i.get("Require"), "replaces", "Require")
    same(i.get("X-Other"), "", "headers of the URI")
    _, r = answers(s, c, i)
    joins(s, c, r)
    over(s)
    ends(s, e, c)


@case(keys=KEYS)
def attended_through_here(s):
    """Both far ends are outside: they can join, we cannot."""
    d, e = s.up()
    d2, e2 = s.up(tag="B2")
    named = "%s;to-tag=%s;from-tag=%s" % (d2["call_id"], d2["ttag"], d2["ftag"])
    s.a.request("REFER", d["uri"], d, extra="Refer-To: <%s?Replaces=%s>\r\n" % (
        CAROL, named.replace(";", "%3B").replace("=", "%3D").replace("@", "%40")))
    s.b.reply(s.b.expect("REFER"), "202 Accepted")
    s.a.expect("SIP/2.0 202")
    for x in (d, d2):
        s.bye(x)


@case(keys=(HERE,))
def carol_sends_it_on(s):
    c, other = carol(s), carol(s, 1)
    d, e = s.up()
    refer(s, d)
    i, k = c.expect("INVITE", 2 * SLOW), other.expect("INVITE", 2 * SLOW)
    other.reply(k, "486 Busy Here", "O1")
    other.expect("ACK", 2 * SLOW)
    dc, r = answers(s, c, i)
    joins(s, c, r)
    over(s)
    c.request("REFER", dc["uri"], dc, extra="Refer-To: <%s>\r\n" % CAROL)
    k = other.expect("INVITE", 2 * SLOW)
    i = c.expect("INVITE", 2 * SLOW)
    c.reply(i, "486 Busy Here", "C9")
    c.expect("SIP/2.0 202", 2 * SLOW)
    notified(s, 100, c)
    c.expect("ACK", 2 * SLOW)
    _, r = answers(s, other, k)
    joins(s, other, r)
    over(s, c)
    s.b.request("BYE", e["uri"], e)
    other.reply(other.expect("BYE", 2 * SLOW), "200 OK", contact=False)
    s.b.expect("SIP/2.0 200", 2 * SLOW)
    same(s.gone()["referred"], 2, "transfers")


@case(keys=KEYS)
def memory_runs_out(s):
    c = carol(s)
    calls = 0
    for n in range(1, 9):
        d, e = s.up(tag="B%d" % n)
        calls += 1
        s.relay.set("oom=%d" % n)
        s.a.request("REFER", d["uri"], d, extra="Refer-To: <%s>\r\n" % CAROL)
        i = c.recv(0.3 * SLOW)
        if i is not None and i.method == "INVITE":
            c.reply(i, "486 Busy Here", "C%d" % n)
            c.expect("ACK", 2 * SLOW)
        s.relay.set("oom=0")
        got = s.a.recv(0.3 * SLOW)
        while got is not None:
            if got.method == "NOTIFY":
                s.a.reply(got, "200 OK", contact=False)
            got = s.a.recv(0.3 * SLOW)
        for end in (s.b, c):
            while end.recv(0.05) is not None:
                pass
        s.relay.say("hangup 480 enough")
        for end in (s.a, s.b):
            bye = end.expect("BYE", 2 * SLOW, skip="SIP/2.0 481|REFER ")  # passed, repeated
            end.reply(bye, "200 OK", contact=False)
    s.gone(calls)


if __name__ == "__main__":
    sys.exit(main())
