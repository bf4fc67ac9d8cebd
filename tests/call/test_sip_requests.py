#!/usr/bin/env python3
"""Requests outside a call: MESSAGE, OPTIONS, PUBLISH, and subscriptions with
their NOTIFYs, in both directions."""
import re
import sys
import time

from sipscene import BOB, INSIDE, OUTSIDE, PORT, SLOW, T1, case, left, main, same
from sipsock import SDP, called, dialog

MWI = "Event: message-summary\r\nAccept: application/simple-message-summary\r\nExpires: 600\r\n"
BODY = "Messages-Waiting: yes\r\nVoice-Message: 4/8 (1/2)\r\n"
SUMMARY = "Content-Type: application/simple-message-summary\r\nEvent: message-summary\r\n"


def hidden(message, what="10.66.0.7"):
    """The other side's Call-ID (its host) shows nowhere."""
    assert what.encode() not in message.data, "%s in %r" % (what, message.data)


def subscribe(s, frm=None, to=None, extra=MWI, method="SUBSCRIBE", status="200 OK",
              answer="Expires: 300\r\n"):
    """A subscription: the watcher's dialog and the notifier's."""
    frm, to = frm or s.a, to or s.b
    d = dialog()
    frm.request(method, BOB, d, extra=extra)
    r = to.expect(method, 2 * SLOW)
    hidden(r)
    to.reply(r, status, "N1", extra=answer)
    ok = frm.expect("SIP/2.0 2", 2 * SLOW)
    d["ttag"], d["uri"] = ok.tag("To"), ok.contact()
    e = called(r, "N1")
    e["uri"] = r.contact()
    return d, e, r, ok


def notify(s, e, state, frm=None, to=None, status="200 OK"):
    frm, to = frm or s.b, to or s.a
    frm.request("NOTIFY", e["uri"], e, body=BODY,
                extra=SUMMARY + "Subscription-State: %s\r\n" % state)
    n = to.expect("NOTIFY", 2 * SLOW)
    to.reply(n, status, contact=False)
    return n, frm.expect("SIP/2.0 " + status[:3], 2 * SLOW)


@case()
def message_passes(s):
    for frm, to in ((s.a, s.b), (s.b, s.a)):
        d = dialog()
        frm.request("MESSAGE", BOB, d, body="hello", extra="Content-Type: text/plain\r\n"
                    "X-Mine: 1\r\nP-Asserted-Identity: <sip:x@y>\r\n")
        m = to.expect("MESSAGE")
        same(m.body, b"hello", "body")
        same(m.get("X-Mine"), "1", "X-Mine")
        same(m.get("Max-Forwards"), "69", "Max-Forwards")
        same(bool(m.get("P-Asserted-Identity")), frm is s.a, "asserted identity")
        hidden(m)
        to.reply(m, "202 Accepted", "M1", contact=False)
        ok = frm.expect("SIP/2.0 202")
        same(ok.get("Call-ID"), d["call_id"], "Call-ID")
        left(s, 0)


@case()
def challenge_passes(s):
    d = dialog()
    s.a.request("PUBLISH", BOB, d, body="x", extra="Content-Type: application/pidf+xml\r\n"
                "Event: presence\r\n")
    first = s.b.expect("PUBLISH")
    s.b.reply(first, "401 Unauthorized", "P1", contact=False,
              extra='WWW-Authenticate: Digest realm="b", nonce="n"\r\n')
    same("nonce" in s.a.expect("SIP/2.0 401").get("WWW-Authenticate"), True, "challenge")
    s.a.request("PUBLISH", BOB, d, body="x", extra="Content-Type: application/pidf+xml\r\n"
                'Event: presence\r\nAuthorization: Digest username="a", response="r"\r\n')
    again = s.b.expect("PUBLISH")
    same(again.get("Authorization"), 'Digest username="a", response="r"', "Authorization")
    s.b.reply(again, "200 OK", "P2", contact=False, extra="SIP-ETag: abc\r\nExpires: 60\r\n")
    same(s.a.expect("SIP/2.0 200").get("SIP-ETag"), "abc", "SIP-ETag")
    left(s, 0)


@case()
def options_outward(s):
    s.a.request("OPTIONS", BOB, dialog())
    o = s.b.expect("OPTIONS")
    s.b.reply(o, "200 OK", "O1", extra="Allow: INVITE\r\n")
    same(s.a.expect("SIP/2.0 200").get("Allow"), "INVITE", "Allow")
    s.b.request("OPTIONS", BOB, dialog())
    s.b.expect("SIP/2.0 404")
    s.a.request("OPTIONS", "sip:127.0.0.1:%d" % PORT, dialog())
    same("SUBSCRIBE" in s.a.expect("SIP/2.0 200").get("Allow"), True, "our own Allow")
    left(s, 0)


@case()
def subscription_lives(s):
    d, e, r, ok = subscribe(s)
    same(r.get("Event"), "message-summary", "Event")
    same(r.get("Expires"), "600", "Expires asked")
    same(ok.get("Expires"), "300", "Expires granted")
    assert ok.contact() and ok.contact() != s.b.own_uri(), "Contact is not ours"
    n, _ = notify(s, e, "active;expires=300")
    same(n.body, BODY.encode(), "body")
    same(n.get("Subscription-State"), "active;expires=300", "state")
    same(n.get("Call-ID"), d["call_id"], "the watcher's Call-ID")
    same(n.tag("To"), d["ftag"], "the watcher's tag")
    s.a.request("SUBSCRIBE", d["uri"], d, extra=MWI)  # a refresh, in the dialog
    again = s.b.expect("SUBSCRIBE")
    same(again.get("Call-ID"), r.get("Call-ID"), "one Call-ID outside")
    same(again.tag("To"), "N1", "the notifier's tag")
    same(int(again.get("CSeq").split()[0]) > int(r.get("CSeq").split()[0]), True, "CSeq grows")
    s.b.reply(again, "200 OK", extra="Expires: 300\r\n")
    s.a.expect("SIP/2.0 200")
    left(s, 1)
    s.a.request("SUBSCRIBE", d["uri"], d, extra=MWI.replace("600", "0"))
    s.b.reply(s.b.expect("SUBSCRIBE"), "200 OK", extra="Expires: 0\r\n")
    s.a.expect("SIP/2.0 200")
    notify(s, e, "terminated;reason=timeout")
    left(s, 0)


@case()
def from_outside(s):
    d, e, _, _ = subscribe(s, s.b, s.a)
    notify(s, e, "active", s.a, s.b)
    notify(s, e, "terminated", s.a, s.b)
    left(s, 0)


@case()
def notify_comes_first(s):
    d = dialog()
    s.a.request("SUBSCRIBE", BOB, d, extra=MWI)
    r = s.b.expect("SUBSCRIBE")
    e = called(r, "N1")
    e["uri"] = r.contact()
    n, _ = notify(s, e, "active")
    same(n.tag("To"), d["ftag"], "tag")
    s.b.reply(r, "200 OK", "N1", extra="Expires: 300\r\n")
    ok = s.a.expect("SIP/2.0 200")
    same(ok.tag("To"), n.tag("From"), "one dialog")
    other = dict(e, ftag="N2")  # a second fork of the SUBSCRIBE: RFC 6665 4.4.1
    s.b.request("NOTIFY", e["uri"], other, extra=SUMMARY + "Subscription-State: active\r\n")
    s.b.expect("SIP/2.0 481")
    left(s, 1)


@case()
def refused_and_unknown(s):
    d = dialog()
    s.a.request("SUBSCRIBE", BOB, d, extra=MWI)
    s.b.reply(s.b.expect("SUBSCRIBE"), "489 Bad Event", "N1", contact=False)
    s.a.expect("SIP/2.0 489")
    left(s, 0)
    d, e, _, _ = subscribe(s)
    notify(s, e, "active", status="481 Gone")
    left(s, 0)
    s.a.request("SUBSCRIBE", d["uri"], d, extra=MWI)
    s.a.expect("SIP/2.0 481")
    d, e, _, _ = subscribe(s)
    s.a.request("INFO", d["uri"], d)
    s.a.expect("SIP/2.0 405")
    left(s, 1)


@case()
def refer_subscribes(s):
    d, e, r, _ = subscribe(s, method="REFER", status="202 Accepted", answer="",
                           extra="Refer-To: <sip:carol@c.example>\r\n")
    same(r.get("Refer-To"), "<sip:carol@c.example>", "Refer-To")
    n, _ = notify(s, e, "terminated;reason=noresource")
    left(s, 0)
    s.b.request("REFER", BOB, dialog(), extra="Refer-To: <sip:premium@c.example>\r\n")
    s.b.expect("SIP/2.0 405")
    s.a.quiet(0.1)


@case()
def unsolicited_notify(s):
    s.b.request("NOTIFY", "sip:alice@a.example", dialog(), body=BODY,
                extra=SUMMARY + "Subscription-State: active\r\n")
    n = s.a.expect("NOTIFY")
    same(n.body, BODY.encode(), "body")
    s.a.reply(n, "200 OK", "A1", contact=False)
    s.b.expect("SIP/2.0 200")
    left(s, 0)


@case(keys=("subscriptions=2",))
def bounded(s):
    subscribe(s)
    subscribe(s)
    s.a.request("SUBSCRIBE", BOB, dialog(), extra=MWI)
    same(bool(s.a.expect("SIP/2.0 503").get("Retry-After")), True, "Retry-After")
    left(s, 2)


@case(keys=("t1=%d" % T1,))
def nobody_answers(s):
    s.a.request("MESSAGE", BOB, dialog(), body="x", extra="Content-Type: text/plain\r\n")
    s.b.expect("MESSAGE")
    s.a.expect("SIP/2.0 504", 8 * SLOW)  # never 408: RFC 4320
    while s.b.recv(0.3):
        pass
    d, e, _, _ = subscribe(s)
    s.b.request("NOTIFY", e["uri"], e, extra=SUMMARY + "Subscription-State: active\r\n")
    s.a.expect("NOTIFY")
    s.b.expect("SIP/2.0 481", 8 * SLOW)  # the phone is gone
    left(s, 0)


@case(keys=("t1=%d" % T1,))
def who_waits_is_told(s):
    """RFC 4320 4.1: a 100, not before Timer E is T2, outside a call and in one."""
    def patient(method, uri, d):
        branch = s.a.request(method, uri, d)
        r = s.b.expect(method)
        sent = s.a.last
        s.a.send("", sent)
        s.a.quiet(0.1)  # that was at once
        time.sleep(4 * T1 / 1000)
        s.a.send("", sent)
        same(s.a.expect("SIP/2.0 100").get("CSeq").split()[1], method, "CSeq")
        s.b.reply(r, "200 OK", None if d.get("ttag") else "B", contact=False)
        s.a.expect("SIP/2.0 200", skip="SIP/2.0 100")
        while s.b.recv(0.1):
            pass  # repetitions
        return branch
    patient("MESSAGE", BOB, dialog())
    d, _ = s.up()
    patient("INFO", d["uri"], d)
    s.bye(d)


@case()
def bad_requests(s):
    for extra, body, status in (("", SDP, 415), ("Max-Forwards: 0\r\n", "", 483)):
        over = {"Max-Forwards": None} if extra else {}
        s.a.request("MESSAGE", BOB, dialog(), body=body, extra=extra, **over)
        s.a.expect("SIP/2.0 %d" % status)
    s.a.request("MESSAGE", "sips:bob@b.example", dialog(), body="x",
                extra="Content-Type: text/plain\r\n")
    s.a.expect("SIP/2.0 480")  # not by TLS: RFC 5630
    for method in ("NOTIFY", "SUBSCRIBE", "MESSAGE", "REFER", "PUBLISH"):
        s.b.request(method, BOB, dialog(ttag="nobody"))
        s.b.expect("SIP/2.0 481")
    s.relay.say("drain")
    s.a.request("SUBSCRIBE", BOB, dialog(), extra=MWI)
    s.a.expect("SIP/2.0 503")
    left(s, 0)


@case()
def out_of_memory(s):
    for n in range(1, 12):
        s.relay.set("oom=%d" % n)
        d = dialog()
        s.a.request("SUBSCRIBE", BOB, d, extra=MWI)
        got = s.b.recv(0.3 * SLOW)
        if got is None or got.method != "SUBSCRIBE":
            s.a.recv(0.3 * SLOW)
            continue
        s.b.reply(got, "603 Decline", "N1", contact=False)
        s.a.recv(SLOW)
    s.relay.set("oom=0")
    left(s, 0)


if __name__ == "__main__":
    sys.exit(main())
