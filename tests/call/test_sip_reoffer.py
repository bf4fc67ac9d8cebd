#!/usr/bin/env python3
"""Offers between the gateway and the outside alone: UPDATE or re-INVITE, what
the far end may say to them, offers that cross, and offers of the far end that
stay here. The phone, a, must never see any of it."""
import sys
import time

from sipscene import BOB, PORT, SLOW, T1, branch, case, main, same
from sipsock import SDP, called

UPDATES = "Allow: INVITE, ACK, BYE, CANCEL, UPDATE\r\n"
NEVER = "Allow: INVITE, ACK, BYE, CANCEL\r\n"
AGAIN = -13
NOT_UP = -19


def up(s, allow="", inward=False):
    """A call; returns the dialog of a (the phone) and of b (the far end)."""
    frm, to = (s.b, s.a) if inward else (s.a, s.b)
    d, i = s.invite(frm=frm, to=to, extra=allow if inward else "")
    to.reply(i, "200 OK", "B1", body=SDP, extra="" if inward else allow)
    s.confirm(d, frm, to)
    e = called(i, "B1")
    e["uri"] = i.contact()
    return (e, d) if inward else (d, e)


def wait(s, **want):
    """The core was told so."""
    end = time.monotonic() + 3 * SLOW
    while True:
        got = s.relay.stats()
        if all(got[k] == v for k, v in want.items()):
            return got
        assert time.monotonic() < end, "%s, not %s" % (got, want)
        time.sleep(0.02)


def own(s, method="INVITE"):
    """The gateway's own offer, as it came out."""
    same(s.relay.reoffer(), 0, "order")
    got = s.b.expect(method, 2 * SLOW)
    assert b"a=own-offer" in got.body and "Content-Type" in dict(got.headers), got.data
    assert got.contact(), got.data
    assert "UPDATE" in got.get("Allow"), got.data
    return got


def answer(s, req):
    s.b.reply(req, "200 OK", body=SDP)
    if req.method == "INVITE":
        ack = s.b.expect("ACK")
        same(ack.get("CSeq").split()[0], req.get("CSeq").split()[0], "CSeq of the ACK")
        assert not ack.body, ack.data


@case()
def a_reinvite_of_our_own(s):
    d, e = up(s)
    for n in (1, 2, 3):
        req = own(s)
        same(req.tag("To"), "B1", "dialog")
        answer(s, req)
        wait(s, done=n)
    s.a.quiet()
    s.bye(d)
    s.gone()


@case()
def what_we_are_called_outside_now(s):
    d, e = up(s)
    s.relay.set("public=192.0.2.9")
    for host in ("192.0.2.9", "127.0.0.1"):
        req = own(s)
        same(req.contact(), "sip:%s:%d" % (host, PORT + 1), "Contact")
        same(sent_by(req), "%s:%d" % (host, PORT + 1), "Via")
        answer(s, req)
        s.relay.set("public=none")
    s.bye(d)
    s.gone()


def sent_by(m):
    return m.all("Via")[0].split()[1].split(";")[0]


@case()
def what_was_under_way_when_we_moved(s):
    """Its CANCEL and ACK say what it said (RFC 3261 17.2.3); what begins then does not."""
    here, there = ("%s:%d" % (host, PORT + 1) for host in ("127.0.0.1", "192.0.2.9"))
    d, i = s.invite()
    same(sent_by(i), here, "INVITE")
    s.b.reply(i, "180 Ringing", "B1")
    s.a.expect("SIP/2.0 180")
    s.relay.set("public=192.0.2.9")
    s.a.request("CANCEL", BOB, d, branch=d["branch"])
    c = s.b.expect("CANCEL")
    same((sent_by(c), branch(c)), (here, branch(i)), "CANCEL")
    s.b.reply(c, "200 OK", contact=False)
    s.b.reply(i, "487 Request Terminated", "B1")
    k = s.b.expect("ACK")
    same((sent_by(k), branch(k)), (here, branch(i)), "ACK")
    s.a.expect("SIP/2.0 487", skip="SIP/2.0 200")
    d, i = s.invite()
    same(sent_by(i), there, "the next INVITE")
    s.b.reply(i, "200 OK", "B1", body=SDP)
    _, k = s.confirm(d)
    same(sent_by(k), there, "its ACK")
    s.relay.set("public=none")
    s.bye(d)
    s.gone(2)


@case()
def an_update_where_it_is_allowed(s):
    d, e = up(s, UPDATES)
    for n in (1, 2):
        answer(s, own(s, "UPDATE"))
        wait(s, done=n)
    s.a.quiet()
    s.b.quiet(0.1)
    s.bye(d)
    s.gone()


@case()
def in_a_call_from_outside(s):
    """The Allow of the INVITE counts, and the dialog's other direction."""
    for allow, method in ((UPDATES, "UPDATE"), (NEVER, "INVITE")):
        d, e = up(s, allow, inward=True)
        answer(s, own(s, method))
        s.a.quiet()
        s.bye(d, s.a, s.b)
    s.gone(2)


@case()
def update_is_refused_then_reinvite(s):
    d, e = up(s, UPDATES)
    s.b.reply(own(s, "UPDATE"), "405 Method Not Allowed")
    same(wait(s, busy=1)["again"], 0, "pause")
    answer(s, own(s, "INVITE"))
    wait(s, done=1)
    s.bye(d)
    s.gone()


@case()
def glare_491_waits_by_the_owner_of_the_call_id(s):
    d, e = up(s)  # the leg's Call-ID is ours
    for n in range(1, 6):
        s.b.reply(own(s), "491 Request Pending")
        s.b.expect("ACK")
        got = wait(s, busy=n)
        assert 2100 <= got["again"] <= 4000 and not got["again"] % 10, got
    s.bye(d)
    d, e = up(s, inward=True)  # it is theirs
    for n in range(6, 11):
        s.b.reply(own(s), "491 Request Pending")
        s.b.expect("ACK")
        got = wait(s, busy=n)
        assert 0 <= got["again"] <= 2000 and not got["again"] % 10, got
    s.bye(d, s.a, s.b)
    s.gone(2)


@case()
def while_ours_is_open_others_hear_491(s):
    d, e = up(s, UPDATES)
    req = own(s, "UPDATE")
    s.a.request("INVITE", d["uri"], d, body=SDP)
    s.a.expect("SIP/2.0 491")
    s.a.request("ACK", d["uri"], d)
    s.b.request("UPDATE", e["uri"], e, body=SDP)
    s.b.expect("SIP/2.0 491")
    s.b.request("INVITE", e["uri"], e, body=SDP)
    s.b.expect("SIP/2.0 491")
    s.b.request("ACK", e["uri"], e)
    same(s.relay.reoffer(), AGAIN, "a second order")
    # what offers nothing passes
    s.a.request("INFO", d["uri"], d)
    s.b.reply(s.b.expect("INFO"), "200 OK", contact=False)
    s.a.expect("SIP/2.0 200")
    answer(s, req)
    wait(s, done=1)
    # and afterwards everything does
    s.a.request("INVITE", d["uri"], d, body=SDP)
    s.b.reply(s.b.expect("INVITE"), "200 OK", body=SDP)
    s.confirm(d)
    s.bye(d)
    s.gone()


@case()
def while_others_are_open_ours_waits(s):
    d, e = up(s)
    s.a.request("INVITE", d["uri"], d, body=SDP)
    i = s.b.expect("INVITE")
    same(s.relay.reoffer(), AGAIN, "order")
    s.b.reply(i, "200 OK", body=SDP)
    s.a.expect("SIP/2.0 200")
    same(s.relay.reoffer(), AGAIN, "order before the ACK")
    s.a.request("ACK", d["uri"], d)
    s.b.expect("ACK")
    s.b.request("UPDATE", e["uri"], e, body=SDP)
    u = s.a.expect("UPDATE")
    same(s.relay.reoffer(), AGAIN, "order during an UPDATE")
    s.a.reply(u, "200 OK", body=SDP)
    s.b.expect("SIP/2.0 200")
    answer(s, own(s))
    s.bye(d)
    s.gone()


@case()
def only_in_a_call_that_is_up(s):
    d, i = s.invite()
    same(s.relay.reoffer(), NOT_UP, "order while it rings")
    s.b.reply(i, "200 OK", "B1", body=SDP)
    s.a.expect("SIP/2.0 200")
    same(s.relay.reoffer(), NOT_UP, "order before the ACK")
    s.a.request("CANCEL", "sip:bob@b.example", d, branch=d["branch"], cseq=1)
    s.a.recv()


@case()
def refusals_leave_the_call(s):
    """A codec's 488 is no word against the keys."""
    d, e = up(s)
    n = 0
    for status, extra in (("488 Not Acceptable Here", ""),
                          ("488 Not Acceptable Here", 'Warning: 305 x "format"\r\n'),
                          ("500 Server Internal Error", ""),
                          ("503 Service Unavailable", "Retry-After: 3600\r\n"),
                          ("302 Moved", ""), ("603 Decline", "")):
        s.b.reply(own(s), status, extra=extra)
        s.b.expect("ACK")
        n += 1
        wait(s, failed=n)
    s.b.reply(own(s), "500 Busy", extra="Retry-After: 7\r\n")
    s.b.expect("ACK")
    same(wait(s, busy=1)["again"], 7000, "pause")
    s.a.quiet()
    s.bye(d)
    s.gone()


@case()
def a_challenge_is_not_answered(s):
    d, e = up(s, UPDATES)
    for n, status in ((1, "401 Unauthorized"), (2, "407 Proxy Authentication Required")):
        s.b.reply(own(s, "UPDATE"), status,
                  extra='WWW-Authenticate: Digest realm="x", nonce="y"\r\n')
        wait(s, challenged=n)
    s.b.quiet(0.2)
    s.a.quiet(0.1)
    s.bye(d)
    s.gone()


def ends(s, status, extra="", body=b"", want=None):
    d, e = up(s)
    s.b.reply(own(s), status, extra=extra, body=body)
    s.b.expect("ACK")
    s.b.expect("BYE")
    s.a.expect("BYE")
    s.gone()


@case()
def refused_keys_end_the_call_by_warning(s):
    ends(s, "488 Not Acceptable Here", 'Warning: 306 x "key management"\r\n')


@case()
def refused_keys_end_the_call_among_warnings(s):
    ends(s, "488 Not Acceptable Here", 'Warning: 301 x "a", 306 x "key management"\r\n')


@case()
def refused_keys_end_the_call_by_mikey(s):
    ends(s, "488 Not Acceptable Here", "Content-Type: application/mikey\r\n", b"\1\6\0\5")


@case()
def a_dialog_that_is_gone_ends_the_call(s):
    ends(s, "481 Call/Transaction Does Not Exist")


@case()
def a_request_that_timed_out_ends_the_call(s):
    ends(s, "408 Request Timeout")


@case(keys=("t1=%d" % T1,))
def no_answer_at_all_ends_the_call(s):
    up(s, UPDATES)
    req = own(s, "UPDATE")
    got = s.b.expect("BYE", (64 * T1 / 1000 + 3) * SLOW, skip="UPDATE")
    assert got and req
    s.a.expect("BYE", 2 * SLOW)
    s.gone()


@case()
def bad_keys_in_the_answer_end_the_call(s):
    up(s)
    req = own(s)
    s.relay.set("answer=refuse")
    s.b.reply(req, "200 OK", body=SDP)
    s.b.expect("ACK")
    s.b.expect("BYE")
    s.a.expect("BYE")
    s.gone()


@case()
def an_answer_without_sdp(s):
    d, e = up(s)
    s.b.reply(own(s), "200 OK")
    s.b.expect("ACK")
    wait(s, failed=1)
    s.bye(d)
    s.gone()


@case(keys=("own_no=1",))
def no_offer_can_be_made(s):
    d, e = up(s)
    same(s.relay.reoffer(), 0, "order")
    wait(s, failed=1)
    s.b.quiet(0.2)
    s.bye(d)
    s.gone()


@case()
def the_call_ends_while_ours_is_open(s):
    for who in "ab":
        d, e = up(s)
        req = own(s)
        if who == "a":
            s.a.request("BYE", d["uri"], d)
            s.b.reply(s.b.expect("BYE", skip="CANCEL|INVITE"), "200 OK", contact=False)
            s.a.expect("SIP/2.0 200")
        else:
            s.b.request("BYE", e["uri"], e)
            s.a.reply(s.a.expect("BYE"), "200 OK", contact=False)
            s.b.expect("SIP/2.0 200", skip="CANCEL|INVITE")
        s.b.reply(req, "487 Request Terminated")
        s.b.expect("ACK", skip="CANCEL|SIP/2.0|INVITE")
    s.gone(2)


@case()
def a_2xx_that_crosses_the_end(s):
    d, e = up(s)
    req = own(s)
    s.a.request("BYE", d["uri"], d)
    s.b.reply(s.b.expect("BYE", skip="CANCEL|INVITE"), "200 OK", contact=False)
    s.a.expect("SIP/2.0 200")
    s.b.reply(req, "200 OK", body=SDP)
    s.b.expect("ACK", skip="CANCEL|INVITE")
    s.gone()


# -- the far end's offers ---------------------------------------------------

@case(keys=("keys_only=1",))
def a_far_reinvite_is_answered_here(s):
    for inward in (False, True):
        d, e = up(s, inward=inward)
        for _ in range(3):
            s.b.request("INVITE", e["uri"], e, body=SDP)
            ok = s.b.expect("SIP/2.0 200")
            assert b"a=own-answer" in ok.body, ok.data
            assert ok.contact() and ok.get("Content-Type") == "application/sdp", ok.data
            s.b.request("ACK", e["uri"], e)
        s.a.quiet(0.2)
        # the other side's offers go on as ever
        s.a.request("INVITE", d["uri"], d, body=SDP)
        s.b.reply(s.b.expect("INVITE"), "200 OK", body=SDP)
        s.a.expect("SIP/2.0 200")
        s.a.request("ACK", d["uri"], d)
        s.b.expect("ACK")
        s.bye(d, s.a, s.b)
    s.gone(2)


@case(keys=("keys_only=1",))
def a_far_update_is_answered_here(s):
    d, e = up(s)
    for _ in range(3):
        s.b.request("UPDATE", e["uri"], e, body=SDP)
        ok = s.b.expect("SIP/2.0 200")
        assert b"a=own-answer" in ok.body, ok.data
    s.a.quiet(0.2)
    s.bye(d)
    s.gone()


@case(keys=("keys_only=1", "own_no=1"))
def a_far_offer_that_cannot_be_answered(s):
    d, e = up(s)
    s.b.request("INVITE", e["uri"], e, body=SDP)
    s.b.expect("SIP/2.0 503")
    s.b.request("ACK", e["uri"], e)
    s.a.quiet(0.2)
    s.bye(d)
    s.gone()


@case(keys=("keys_only=1", "t1=%d" % T1))
def a_far_reinvite_without_its_ack(s):
    _, e = up(s)
    s.b.request("INVITE", e["uri"], e, body=SDP)
    s.b.expect("BYE", (64 * T1 / 1000 + 3) * SLOW, skip="SIP/2.0 [12]00")
    s.a.expect("BYE", 2 * SLOW)
    s.gone()


if __name__ == "__main__":
    sys.exit(main())
