#!/usr/bin/env python3
"""Whole calls through the signalling module: raw sockets on both sides, the
program siprelay (the module with a mock core) between them.

    test_sip.py [NAME ...]     runs all cases, or those whose name matches

SIPRELAY names the program, SIP_PORT the first of 20 ports on loopback,
SIP_WRAP a command to run it under (valgrind). Each case has the ends it needs:
a (inside, the phone), b (outside, the far end)."""
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from sipsock import End, Relay, SDP, called, dialog

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.environ.get("SIPRELAY", "tests/mock/siprelay")
WRAP = os.environ.get("SIP_WRAP", "").split()
T1 = 40  # ms: Sofia's timers in the cases that wait for them
SLOW = 5 if WRAP else 1


def free_ports():
    """The first of 20 ports that nobody uses, as far as one look can tell."""
    for first in range(21400, 21500, 20):
        probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            probe.bind(("127.0.0.1", first))
            return first
        except OSError:
            continue
        finally:
            probe.close()
    raise SystemExit("no free ports from 21400")


PORT = int(os.environ.get("SIP_PORT") or free_ports())
INSIDE, OUTSIDE = ("127.0.0.1", PORT), ("127.0.0.1", PORT + 1)
BOB = "sip:bob@b.example"
CASES = []


def case(**options):
    def add(fn):
        CASES.append((fn.__name__, fn, options))
        return fn
    return add


class Scene:
    """The relay, both ends, and the usual first steps."""

    def __init__(self, keys=(), target=None, inside=None, tcp=False):
        self.a = End(PORT + 10, INSIDE)
        self.b = End(PORT + 11, OUTSIDE)
        self.relay = Relay(PROGRAM, PORT, inside or "sip:phone@127.0.0.1:%d" % (PORT + 10),
                           target or "sip:bob@127.0.0.1:%d" % (PORT + 11), *keys, wrap=WRAP)
        self.more = []

    def end(self, *args, **kw):
        e = End(*args, **kw)
        self.more.append(e)
        return e

    def close(self):
        code = self.relay.stop()
        for e in [self.a, self.b] + self.more:
            e.close()
        assert code == 0, "the relay ended with %d" % code

    def gone(self, calls=1):
        """Every call was released and no pair is left."""
        end = time.monotonic() + 4 * SLOW
        while True:
            s = self.relay.stats()
            if s["pairs"] == 0 and s["ended"] == s["started"] == calls:
                return s
            assert time.monotonic() < end, "left behind: %s" % s
            time.sleep(0.05)

    def invite(self, body=SDP, extra="", frm=None, to=None, uri=BOB, **kw):
        """INVITE from frm; returns the dialog, its branch, the INVITE that came out."""
        frm, to = frm or self.a, to or self.b
        d = dialog()
        d["branch"] = frm.request("INVITE", uri, d, extra=extra, body=body, **kw)
        return d, to.expect("INVITE", 2 * SLOW)

    def up(self, frm=None, to=None, tag="B1", body=SDP, answer=SDP, extra=""):
        """A call that is up: (dialog of the caller, dialog of the called)."""
        frm, to = frm or self.a, to or self.b
        d, i = self.invite(body=body, frm=frm, to=to, extra=extra)
        to.reply(i, "200 OK", tag, body=answer)
        self.confirm(d, frm, to)
        e = called(i, tag)
        e["uri"] = i.contact()
        return d, e

    def confirm(self, d, frm=None, to=None, cseq=None):
        """200 and ACK pass."""
        frm, to = frm or self.a, to or self.b
        ok = frm.expect("SIP/2.0 200", 2 * SLOW)
        d["ttag"], d["uri"] = ok.tag("To"), ok.contact()
        frm.request("ACK", d["uri"], d, cseq=cseq)
        ack = to.expect("ACK", 2 * SLOW)
        return ok, ack

    def bye(self, d, frm=None, to=None):
        frm, to = frm or self.a, to or self.b
        frm.request("BYE", d["uri"], d)
        to.reply(to.expect("BYE"), "200 OK", contact=False)
        frm.expect("SIP/2.0 200")


def same(got, want, what):
    assert got == want, "%s: %r, not %r" % (what, got, want)


# -- the plain way ----------------------------------------------------------

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
    assert all(x in no.data.decode() for x in ("<sip:x@192.0.2.1>;q=0.5", "<sip:y@c.example>")), no.data
    _, i = s.invite(frm=s.b, to=s.a)
    s.a.reply(i, "302 Moved", "A1", contact=False,
              extra="Contact: <sip:x@192.0.2.1>, <sip:y@c.example>\r\n")
    s.a.expect("ACK")
    no = s.b.expect("SIP/2.0 302")
    same(no.all("Contact"), ["<sip:y@c.example>"], "Contacts to the outside")


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
    for method, status in (("PUBLISH", 405), ("REGISTER", 405), ("FROBNICATE", 501), ("PRACK", 481)):
        s.a.request(method, d["uri"], d)
        no = s.a.expect("SIP/2.0 %d" % status)
        assert status != 405 or "INVITE" in no.get("Allow")
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


# -- CANCEL -----------------------------------------------------------------

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


# -- order, loss and time ---------------------------------------------------

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
    s.a.expect("BYE", 6 * SLOW, skip="SIP/2.0 183|SIP/2.0 500|SIP/2.0 503")
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
    same(s.a.expect("SIP/2.0 407").get("Proxy-Authenticate"), 'Digest realm="x", nonce="y"', "challenge")
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


# -- the filter says no -----------------------------------------------------

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
    s.relay.say("set offer=refuse")
    s.relay.stats()
    branch = s.b.request("INVITE", e["uri"], e, body=SDP)
    s.b.expect("SIP/2.0 488")
    s.b.request("ACK", e["uri"], e, branch=branch)
    s.bye(d)
    s.gone()


@case()
def refused_answer_of_a_reinvite_ends_it(s):
    d, e = s.up()
    s.relay.say("set answer=refuse")
    s.relay.stats()
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
    same((no.get("Warning"), no.get("Retry-After")), ("399 callseal \"mock 'says' no\"", "7"), "headers")
    same(s.relay.stats()["pairs"], 0, "pairs")


@case()
def bodies_that_hide(s):
    for n, (kind, extra) in enumerate((
            ("multipart/mixed;boundary=x", ""), ("application/sdp", "Content-Encoding: gzip\r\n"),
            ("message/sipfrag", ""), ("application/pkcs7-mime", ""))):
        s.a.request("INVITE", BOB, dialog(), extra="Content-Type: %s\r\n%s" % (kind, extra), body="--x")
        s.a.expect("SIP/2.0 415")
    d, e = s.up()
    s.a.request("INFO", d["uri"], d, body=SDP)
    s.a.expect("SIP/2.0 415")
    s.b.request("OPTIONS", e["uri"], e)
    s.a.reply(s.a.expect("OPTIONS"), "200 OK", body=SDP)
    same(s.b.expect("SIP/2.0 200").body, b"", "SDP outside offer and answer")
    s.bye(d)
    s.gone()


@case()
def hangup_by_the_operator(s):
    _, i = s.invite()
    s.relay.say("hangup 603 enough")
    s.a.expect("SIP/2.0 603")
    s.b.reply(i, "100 Trying")
    c = s.b.expect("CANCEL")
    assert "enough" in c.get("Reason")
    s.b.reply(c, "200 OK", contact=False)
    s.b.reply(i, "487 Request Terminated", "B1")
    s.b.expect("ACK")
    s.gone()
    d, e = s.up()
    s.relay.say("hangup 480 enough")
    for end in (s.a, s.b):
        y = end.expect("BYE")
        assert "enough" in y.get("Reason")
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
        s.b.reply(got, "200 OK", contact=False)
    s.b.reply(i, "487 Request Terminated", "B1")


@case()
def draining(s):
    d, _ = s.up()
    s.relay.say("drain")
    s.relay.stats()
    s.a.request("INVITE", BOB, dialog(), body=SDP)
    s.a.expect("SIP/2.0 503")
    s.bye(d)
    s.gone()


# -- transports -------------------------------------------------------------

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


# -- bad input --------------------------------------------------------------

@case()
def max_forwards(s):
    s.a.request("INVITE", BOB, dialog(), body=SDP, **{"Max-Forwards": "0"})
    s.a.expect("SIP/2.0 483")
    d, i = s.invite(**{"Max-Forwards": "1"})
    same(i.get("Max-Forwards"), "0", "Max-Forwards")
    s.b.reply(i, "486 Busy Here", "B1")
    s.b.expect("ACK")
    s.a.expect("SIP/2.0 486")
    s.gone()


@case(target="sip:bob@b.example,sip:127.0.0.1:%d" % (PORT + 11))
def loop(s):
    d, i = s.invite()
    same(i.uri, BOB, "Request-URI")
    far = dialog()
    s.b.request("INVITE", i.uri, far, body=SDP, Via="SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bKl1" % (PORT + 11),
                extra="Via: %s\r\n" % i.get("Via"))
    s.b.expect("SIP/2.0 482")
    s.b.request("INVITE", "sip:alice@other.example", dialog(), body=SDP,
                Via="SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bKl2" % (PORT + 11),
                extra="Via: %s\r\n" % i.get("Via"))
    s.a.expect("INVITE")  # a spiral: another URI
    s.relay.say("hangup 480 enough")


@case()
def merged_request(s):
    d, i = s.invite()
    s.a.request("INVITE", BOB, d, body=SDP, cseq=1)  # the same request by another way
    s.a.expect("SIP/2.0 482")
    s.b.quiet(0.1)
    s.b.reply(i, "486 Busy Here", "B1")
    s.b.expect("ACK")
    s.a.expect("SIP/2.0 486")
    s.gone()


@case()
def malformed_requests(s):
    good = "INVITE sip:bob@b.example SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK1\r\n" \
           "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n" \
           "Contact: <sip:a@127.0.0.1:%d>\r\n" % (PORT + 10, PORT + 10)
    for bad in (good.replace("CSeq: 1 INVITE", "CSeq: x INVITE"),
                good.replace("From: <sip:a@b>;tag=1\r\n", ""),
                good.replace("To: <sip:c@d>", "To: <sip:c@d"),
                good.replace("Call-ID: x\r\n", ""),
                good + "Content-Length: x\r\n"):
        s.a.send(bad + "\r\n")
        s.a.expect("SIP/2.0 400")
    s.a.send(good.replace("sip:bob@b.example", "sips:bob@b.example") + "\r\n")
    s.a.expect("SIP/2.0 480")
    s.a.send(good.replace("sip:bob@b.example", "http://b.example").replace("Call-ID: x", "Call-ID: y") + "\r\n")
    s.a.expect("SIP/2.0 4")
    s.a.send(good.replace("Contact: <sip:a@127.0.0.1:%d>\r\n" % (PORT + 10), "")
             .replace("Call-ID: x", "Call-ID: z") + "\r\n")
    s.a.expect("SIP/2.0 400")
    for junk in ("", "\r\n\r\n", "\0" * 40, "GET / HTTP/1.0\r\n\r\n", "INVITE\r\n\r\n",
                 "SIP/2.0 200 OK\r\n\r\n", good.replace("SIP/2.0\r\n", "SIP/9.0\r\n", 1) + "\r\n",
                 "INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP a\r\nContent-Type: multipart/mixed\r\n\r\n"):
        s.a.send(junk)
    while s.a.recv(0.3):
        pass
    d, _ = s.up()
    s.bye(d)


@case()
def too_large(s):
    a = s.end(PORT + 13, INSIDE, tcp=True).connect()
    a.request("INVITE", BOB, dialog(), extra="Content-Type: text/plain\r\n", body=b"x" * 280000)
    a.expect("SIP/2.0 413")
    b = s.end(PORT + 11, OUTSIDE, tcp=True).listen()
    a = s.end(PORT + 13, INSIDE, tcp=True).connect()
    body = SDP.encode() + b"a=x-filler:" + b"y" * 100000 + b"\r\n"
    d = dialog()
    a.request("INVITE", BOB, d, body=body)
    i = b.expect("INVITE", 3 * SLOW)
    same(i.body, body + b"a=branch:0\r\n", "a large offer")
    b.reply(i, "200 OK", "B1", body=body)
    s.confirm(d, a, b)
    s.bye(d, a, b)
    s.gone()


@case(keys=("t1=%d" % T1,))
def phone_closes_its_connection(s):
    a = s.end(PORT + 13, INSIDE, tcp=True).connect()
    d = dialog()
    a.request("INVITE", BOB, d, body=SDP)
    i = s.b.expect("INVITE")
    a.close()
    s.b.reply(i, "180 Ringing", "B1")
    s.b.reply(i, "200 OK", "B1", body=SDP)
    s.b.expect("ACK", 6 * SLOW)  # as with a lost ACK
    s.b.reply(s.b.expect("BYE"), "200 OK")
    s.gone()


@case()
def not_for_us(s):
    for method, status in (("REGISTER", 405), ("SUBSCRIBE", 405), ("MESSAGE", 405), ("PUBLISH", 405),
                           ("REFER", 405), ("BYE", 481), ("INFO", 481), ("FROBNICATE", 501)):
        s.a.request(method, "sip:127.0.0.1:%d" % PORT, dialog())
        no = s.a.expect("SIP/2.0 %d" % status)
        assert status != 405 or "INVITE" in no.get("Allow")
    d = dialog(ttag="nobody")
    s.a.request("INVITE", "sip:127.0.0.1:%d" % PORT, d, body=SDP)
    s.a.expect("SIP/2.0 481")
    s.a.request("CANCEL", BOB, dialog())
    s.a.expect("SIP/2.0 481")
    s.a.request("OPTIONS", "sip:127.0.0.1:%d" % PORT, dialog())
    ok = s.a.expect("SIP/2.0 200")
    assert "INVITE" in ok.get("Allow") and ok.get("Accept") == "application/sdp"
    s.a.request("OPTIONS", "sip:someone@elsewhere.example", dialog())
    s.a.expect("SIP/2.0 404")
    s.a.request("ACK", BOB, dialog(ttag="nobody"))
    s.a.quiet(0.1)


@case()
def responses_that_fit_nothing(s):
    d, i = s.invite()
    strange = i.data.decode().replace("INVITE", "OPTIONS")
    s.b.reply(i, "200 OK", "B1", body=SDP, contact=False)  # no Contact
    s.confirm(d)
    s.b.reply(type(i)(strange.encode()), "200 OK", "B9")
    s.b.reply(i, "486 Busy Here", "B7")
    s.b.reply(i, "180 Ringing", "B8")
    s.a.quiet(0.2)
    s.relay.say("hangup 480 enough")


def settle(s, i):
    """Says yes to whatever the relay asks of both ends, until it is quiet."""
    for end in (s.a, s.b):
        while True:
            got = end.recv(0.1)
            if not got:
                break
            if got.method in ("BYE", "CANCEL", "PRACK"):
                end.reply(got, "200 OK", contact=False)
            if got.method == "CANCEL" and i:
                end.reply(i, "487 Request Terminated", "B1")


@case()
def memory_runs_out(s):
    """The n-th allocation fails: the call ends with 5xx or goes on, and nothing is left."""
    seen = set()
    for n in range(1, 14):
        s.relay.say("set oom=%d" % n)
        s.relay.stats()
        d = dialog()
        branch = s.a.request("INVITE", BOB, d, body=SDP, extra="Supported: 100rel\r\n")
        got = s.a.expect("SIP/2.0", skip="nothing")
        if got.status == 100:
            got = s.a.recv(0.1)
        i = s.b.recv(0.1)
        if got is None and i:  # it went through
            s.b.reply(i, "183 Progress", "B1", "Require: 100rel\r\nRSeq: 7\r\n")
            s.b.reply(i, "200 OK", "B1", body=SDP)
            got = s.a.expect("SIP/2.0 (200|5)", skip="SIP/2.0 1")
        assert got, "no answer at %d" % n
        seen.add(got.status)
        d["ttag"] = got.tag("To")
        if got.status == 200:
            s.a.request("ACK", got.contact(), d)
            s.relay.stats()
            s.relay.say("hangup 480 enough")
        else:
            s.a.request("ACK", BOB, d, branch=branch)
        settle(s, i)
    s.relay.say("set oom=0")
    same(seen, {200, 500}, "results")
    s.gone(s.relay.stats()["started"])


@case(target="sip:bob@127.0.0.1:%d" % (PORT + 14))
def load_by_sipp(s):
    if not shutil.which("sipp"):
        return
    quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tempfile.gettempdir())
    uas = subprocess.Popen(["sipp", "-sn", "uas", "-i", "127.0.0.1", "-p", str(PORT + 14), "-nostdin"], **quiet)
    try:
        uac = subprocess.run(["sipp", "-sn", "uac", "-i", "127.0.0.1", "-p", str(PORT + 13), "-m", "200",
                              "-r", "50", "-nostdin", "127.0.0.1:%d" % PORT], timeout=60, check=False, **quiet)
    finally:
        uas.kill()
        uas.wait()
    same(uac.returncode, 0, "sipp's verdict")
    same(s.gone(200)["up"], 200, "calls that were up")


# -- transparency -----------------------------------------------------------

TRANSPARENT = [
    "X-Before:one", "Subject :  odd   spacing ", "s: short form", "Allow: INVITE,ACK , BYE",
    "Supported: timer,replaces", "k: 100rel", "Require: x-nothing", "User-Agent: Phone/1.0 (a; b)",
    "P-Asserted-Identity: \"Alice\" <sip:alice@inside.example>", "Privacy: none",
    "History-Info: <sip:x@y.example>;index=1", "Diversion: <sip:z@y.example>;reason=unconditional",
    "Session-Expires: 1800;refresher=uac", "Min-SE: 90", "Date: Sat, 21 Nov 2026 03:00:00 GMT",
    "Accept: application/sdp, text/plain;q=0.5", "Accept-Language: en", "Alert-Info: <urn:alert:x>",
    "Call-Info: <http://x.example/a>;purpose=icon", "Organization: Ex & Ample", "Priority: urgent",
    "Reply-To: <sip:r@inside.example>", "X-Fold: a\r\n b", "X-Empty:", "X-Same: 1", "X-Same: 2",
    "Authorization: Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"sip:b\", response=\"0\"",
    "Proxy-Authorization: Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"sip:b\", response=\"0\"",
    "Warning: 399 x \"y\"", "Retry-After: 5", "Geolocation: <cid:x>", "X-Utf8: gr\u00fcn",
    "Expires: 120", "Event: talk", "Content-Disposition: session", "X-After: last",
]
HIDDEN = [
    "Record-Route: <sip:10.66.0.1;lr>", "Route: <sip:127.0.0.1:%d;lr>" % PORT, "Timestamp: 5",
    "In-Reply-To: x@10.66.0.7", "Target-Dialog: x@10.66.0.7;local-tag=a;remote-tag=b",
]
OURS = ("via", "from", "to", "call-id", "cseq", "contact", "max-forwards", "content-length",
        "content-type", "record-route")


def lines_of(m):
    head = m.data.partition(b"\r\n\r\n")[0].decode("latin-1").replace("\r\n ", "\0")
    return [x.replace("\0", "\r\n ") for x in head.split("\r\n")[1:]
            if x.split(":")[0].strip().lower() not in OURS]


@case()
def headers_pass_byte_for_byte(s):
    wanted = [x.encode().decode("latin-1") for x in TRANSPARENT]
    extra = "".join(x + "\r\n" for x in wanted)
    hidden = "".join(x + "\r\n" for x in HIDDEN)
    d, i = s.invite(extra=extra + hidden)
    same(lines_of(i), wanted, "the INVITE")
    s.b.reply(i, "200 OK", "B1", extra=extra.replace("Require: x-nothing\r\n", "") + HIDDEN[2] + "\r\n", body=SDP)
    ok, _ = s.confirm(d)
    wanted.remove("Require: x-nothing")
    same(lines_of(ok), wanted, "the 200")
    s.bye(d)


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


def run(name, fn, options):
    scene = Scene(**options)
    try:
        fn(scene)
    except AssertionError as e:
        scene.relay.process.kill()
        scene.relay.process.wait()
        scene.relay.close()
        for end in [scene.a, scene.b] + scene.more:
            end.close()
        print("FAIL %s: %s" % (name, e), flush=True)
        return False
    try:
        scene.close()
    except AssertionError as e:
        print("FAIL %s: %s" % (name, e), flush=True)
        return False
    print("ok %s" % name, flush=True)
    return True


def main():
    chosen = [c for c in CASES if len(sys.argv) < 2 or any(re.search(x, c[0]) for x in sys.argv[1:])]
    failed = [c[0] for c in chosen if not run(*c)]
    print("%d cases, %d failed" % (len(chosen), len(failed)))
    return 1 if failed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
