#!/usr/bin/env python3
"""Session timers (RFC 4028): what each leg agrees for itself, refreshes of our
own, those of the ends, and what ends a call. Time is made: the clock jumps."""
import re
import sys
import time

from sipscene import BOB, SLOW, case, main, same
from sipsock import SDP, called, dialog

TIMER = "Supported: timer\r\n"
UPDATES = "Allow: INVITE, ACK, BYE, CANCEL, UPDATE\r\n"


def skip(s, seconds):
    s.relay.set("skip=%d" % seconds)
    time.sleep(0.05 * SLOW)  # nothing may be under way: its time would be up


def asks(m):
    """(Session-Expires, Min-SE, whether timers are said to be known)."""
    known = "timer" in re.split(r"[ ,]+", ",".join(m.all("Supported") + m.all("k")))
    return m.get("Session-Expires"), m.get("Min-SE"), known


def up(s, extra="", answer="", frm=None, to=None):
    """A call: the 200 as the caller saw it, both dialogs, and the INVITE that came out."""
    frm, to = frm or s.a, to or s.b
    d, i = s.invite(extra=extra, frm=frm, to=to)
    to.reply(i, "200 OK", "B1", body=SDP, extra=answer)
    ok, _ = s.confirm(d, frm, to)
    e = called(i, "B1")
    e["uri"] = i.contact()
    return ok, d, e, i


def over(s, *ends):
    """Both ends get a BYE that says why."""
    for end in ends:
        bye = end.expect("BYE", 3 * SLOW)
        assert "cause=408" in bye.get("Reason"), bye.get("Reason")
        end.reply(bye, "200 OK", contact=False)
    s.gone()


@case()
def nobody_asks(s):
    ok, d, e, i = up(s)
    same((asks(i), asks(ok)[:2]), (("", "", True), ("", "")), "headers")
    skip(s, 500000)
    s.a.quiet(1.3)
    s.b.quiet(0.1)
    s.bye(d)
    s.gone()


@case(keys=("session=1800",))
def ends_without_timers(s):
    """They are asked; they do not answer; nothing comes of it."""
    ok, d, e, i = up(s)
    same((asks(i), asks(ok)[:2]), (("1800", "", True), ("", "")), "headers")
    skip(s, 500000)
    s.a.quiet(1.3)
    s.b.quiet(0.1)
    s.bye(d)
    s.gone()


@case(keys=("session=1800",))
def each_leg_for_itself(s):
    """The phone wants 600 and refreshes; the far end gives 900 and does, too."""
    ok, d, e, i = up(s, TIMER + "Session-Expires: 600;refresher=uac\r\n",
                     "Require: timer\r\nSession-Expires: 900;refresher=uas\r\n")
    same((asks(i)[0], asks(i)[2], i.get("Require")), ("1800", True, ""), "asked of the far end")
    same((asks(ok)[0], ok.all("Require")), ("600;refresher=uac", ["timer"]), "told the phone")
    skip(s, 400)  # the phone refreshes its leg; the far end has not to
    s.a.request("UPDATE", d["uri"], d, extra=TIMER + "Session-Expires: 600;refresher=uac\r\n")
    ok = s.a.expect("SIP/2.0 200")
    same(asks(ok)[0], "600;refresher=uac", "the refresh")
    s.b.quiet(1.3)
    skip(s, 400)
    s.b.request("UPDATE", e["uri"], e, extra=TIMER + "x: 900;refresher=uac\r\n")
    same(asks(s.b.expect("SIP/2.0 200"))[0], "900;refresher=uac", "the far end's refresh")
    s.a.request("UPDATE", d["uri"], d, extra=TIMER + "Session-Expires: 600;refresher=uac\r\n")
    s.a.expect("SIP/2.0 200")
    s.b.quiet(1.3)
    skip(s, 580)  # the phone's is over at 568
    over(s, s.a, s.b)


@case(keys=("session=1800",))
def what_is_granted(s):
    """Section 9, table 2."""
    for ask, told in ((TIMER, "1800;refresher=uac"),
                      (TIMER + "Min-SE: 2000\r\n", "2000;refresher=uac"),
                      (TIMER + "Session-Expires: 3600\r\n", "1800;refresher=uac"),
                      (TIMER + "Session-Expires: 3600;refresher=uas\r\nMin-SE: 2400\r\n",
                       "2400;refresher=uas"),
                      (TIMER + "Session-Expires: 90\r\n", "90;refresher=uac"),
                      ("Session-Expires: 300\r\n", "300;refresher=uas"),  # a proxy's
                      ("Session-Expires: 30\r\n", "90;refresher=uas"),
                      ("", "")):
        ok, d, e, i = up(s, ask)
        same(asks(ok)[0], told, ask)
        same("timer" in ok.get("Require"), bool(told) and ask.startswith(TIMER), ask)
        s.bye(d)
    s.gone(8)


@case(keys=("session=0",))
def none_of_our_own(s):
    ok, d, e, i = up(s, TIMER + "Session-Expires: 3600\r\n")
    same((asks(i)[0], asks(ok)[0]), ("", "3600;refresher=uac"), "intervals")
    s.bye(d)
    ok, d, e, i = up(s, TIMER)
    same(asks(ok)[0], "", "interval")
    s.bye(d)
    s.gone(2)


@case()
def too_small(s):
    s.a.request("INVITE", BOB, dialog(), body=SDP, extra=TIMER + "Session-Expires: 60\r\n")
    no = s.a.expect("SIP/2.0 422")
    same(no.get("Min-SE"), "90", "Min-SE")
    ok, d, e, i = up(s)
    s.b.request("UPDATE", e["uri"], e, extra=TIMER + "Session-Expires: 89\r\n")
    same(s.b.expect("SIP/2.0 422").get("Min-SE"), "90", "Min-SE")
    s.a.quiet(0.1)
    s.bye(d)
    s.gone()


@case(keys=("session=1800",))
def the_far_end_wants_longer(s):
    """422 is answered by a new INVITE, of which the phone sees nothing."""
    d, i = s.invite(extra=TIMER)
    s.b.reply(i, "422 Session Interval Too Small", "B1", extra="Min-SE: 7200\r\n", contact=False)
    s.b.expect("ACK")
    i = s.b.expect("INVITE")
    same(asks(i), ("7200", "7200", True), "asked again")
    s.b.reply(i, "422 Session Interval Too Small", "B2", extra="Min-SE: 7200\r\n", contact=False)
    s.b.expect("ACK")  # it has it already
    no = s.a.expect("SIP/2.0 500")
    same(no.get("Min-SE"), "", "Min-SE")
    s.gone()


@case(keys=("session=1800",))
def in_a_dialog_422_is_ours_to_mend(s):
    ok, d, e, i = up(s, "", "Require: timer\r\nSession-Expires: 1800;refresher=uas\r\n")
    s.a.request("INVITE", d["uri"], d, body=SDP)
    i = s.b.expect("INVITE")
    same(asks(i)[0], "1800;refresher=uas", "roles stay")
    s.b.reply(i, "422 Session Interval Too Small", extra="Min-SE: 4000\r\n", contact=False)
    s.b.expect("ACK")
    assert s.a.expect("SIP/2.0 500").get("Retry-After")
    s.a.request("ACK", d["uri"], d)
    s.a.request("INVITE", d["uri"], d, body=SDP)
    i = s.b.expect("INVITE")
    same(asks(i)[:2], ("4000;refresher=uas", "4000"), "the next")
    s.b.reply(i, "200 OK", body=SDP, extra="Session-Expires: 4000;refresher=uas\r\n")
    s.confirm(d)
    s.bye(d)
    s.gone()


@case(keys=("session=100",))
def we_refresh_by_update(s):
    ok, d, e, i = up(s, "", UPDATES + "Session-Expires: 100;refresher=uac\r\n")
    for _ in range(3):
        skip(s, 52)
        u = s.b.expect("UPDATE", 3 * SLOW)
        same((u.body, asks(u)), (b"", ("100;refresher=uac", "", True)), "the refresh")
        assert u.contact(), "no Contact"
        s.b.reply(u, "200 OK", extra="Session-Expires: 100;refresher=uac\r\n")
    s.a.quiet(0.2)
    skip(s, 52)
    u = s.b.expect("UPDATE", 3 * SLOW)
    s.b.reply(u, "481 Call Does Not Exist", contact=False)
    bye = s.b.expect("BYE")
    s.b.reply(bye, "200 OK", contact=False)
    bye = s.a.expect("BYE")
    assert "cause=481" in bye.get("Reason")
    s.a.reply(bye, "200 OK", contact=False)
    s.gone()


@case(keys=("session=100",))
def we_refresh_by_invite(s):
    """The SDP is what was said last, byte for byte."""
    ok, d, e, i = up(s, "", "Session-Expires: 100;refresher=uac\r\n")
    skip(s, 52)
    r = s.b.expect("INVITE", 3 * SLOW)
    same((r.body, asks(r)[0]), (i.body, "100;refresher=uac"), "the refresh")
    branch = s.a.request("INVITE", d["uri"], d, body=SDP)  # meanwhile
    s.a.expect("SIP/2.0 491")
    s.a.request("ACK", d["uri"], d, branch=branch)
    s.b.reply(r, "200 OK", body=SDP, extra="Session-Expires: 100;refresher=uac\r\n")
    s.b.expect("ACK")
    branch = s.a.request("INVITE", d["uri"], d, body=SDP + "a=other\r\n")
    i = s.b.expect("INVITE")
    s.b.reply(i, "488 Not Acceptable Here")  # it does not count
    s.b.expect("ACK")
    s.a.expect("SIP/2.0 488")
    s.a.request("ACK", d["uri"], d, branch=branch)
    skip(s, 52)
    r2 = s.b.expect("INVITE", 3 * SLOW)
    same(r2.body, r.body, "what was said last")
    s.b.reply(r2, "200 OK", body=SDP, extra="Session-Expires: 100;refresher=uac\r\n")
    s.b.expect("ACK")
    s.bye(d)
    s.gone()


@case(keys=("session=100",))
def the_phone_wants_us_to_refresh(s):
    ok, d, e, i = up(s, TIMER + "Session-Expires: 100;refresher=uas\r\n")
    skip(s, 52)
    r = s.a.expect("INVITE", 3 * SLOW)
    same(r.body, ok.body, "what it was told last")
    s.a.reply(r, "200 OK", body=SDP, extra="Session-Expires: 100;refresher=uac\r\n")
    s.a.expect("ACK")
    s.b.quiet(0.2)
    skip(s, 52)
    r = s.a.expect("INVITE", 3 * SLOW)
    s.a.reply(r, "200 OK", body=SDP)  # without: the timer is off (7.2)
    s.a.expect("ACK")
    skip(s, 500)
    s.a.quiet(1.3)
    s.bye(d)
    s.gone()


@case(keys=("session=100", "sealed=1"))
def a_sealed_call_is_refreshed_by_the_core(s):
    ok, d, e, i = up(s, "", "Session-Expires: 100;refresher=uac\r\n")
    skip(s, 52)
    r = s.b.expect("INVITE", 3 * SLOW)
    assert b"a=refresh" in r.body, r.body
    s.b.reply(r, "200 OK", body=SDP, extra="Session-Expires: 100;refresher=uac\r\n")
    s.b.expect("ACK")
    same(s.relay.stats()["refreshed"], 1, "refreshes")
    s.bye(d)
    s.gone()


@case(keys=("session=100",))
def refusals_of_a_refresh(s):
    ok, d, e, i = up(s, "", UPDATES + "Session-Expires: 100;refresher=uac\r\n")
    skip(s, 52)
    s.b.reply(s.b.expect("UPDATE", 3 * SLOW), "405 Method Not Allowed", contact=False)
    r = s.b.expect("INVITE", 3 * SLOW)
    s.b.reply(r, "422 Session Interval Too Small", extra="Min-SE: 200\r\n", contact=False)
    s.b.expect("ACK")
    r = s.b.expect("INVITE", 3 * SLOW)
    same(asks(r)[:2], ("200;refresher=uac", "200"), "longer")
    s.b.reply(r, "491 Request Pending", contact=False)
    s.b.expect("ACK")
    skip(s, 5)
    r = s.b.expect("INVITE", 3 * SLOW)
    s.b.reply(r, "500 Server Internal Error", contact=False)
    s.b.expect("ACK")
    skip(s, 9)
    r = s.b.expect("INVITE", 4 * SLOW)
    s.b.reply(r, "407 Proxy Authentication Required", contact=False,
              extra='Proxy-Authenticate: Digest realm="x", nonce="y"\r\n')
    s.b.expect("ACK")
    skip(s, 1000)  # we cannot refresh it; the far end shall say when it is over
    s.a.quiet(1.3)
    s.b.quiet(0.1)
    s.bye(d)
    s.gone()


@case(keys=("session=100", "t1=40"))
def a_refresh_that_nobody_answers(s):
    up(s, "", UPDATES + "Session-Expires: 100;refresher=uac\r\n")
    skip(s, 52)
    s.b.expect("UPDATE", 3 * SLOW)
    bye = s.a.expect("BYE", 5 * SLOW)
    assert "cause=408" in bye.get("Reason"), bye.data
    s.a.reply(bye, "200 OK", contact=False)
    s.b.reply(s.b.expect("BYE", skip="UPDATE"), "200 OK", contact=False)
    s.gone()


@case(keys=("session=90",))
def nobody_refreshes(s):
    """From inside and from outside; slightly before the end."""
    up(s, TIMER)
    skip(s, 58)
    s.a.quiet(1.3)
    skip(s, 3)
    over(s, s.a, s.b)


@case(keys=("session=90",))
def a_call_from_outside(s):
    ok, d, e, i = up(s, TIMER + "Session-Expires: 1000;refresher=uac\r\n", frm=s.b, to=s.a)
    same((asks(i)[0], asks(ok)[0]), ("90", "90;refresher=uac"), "intervals")
    skip(s, 50)
    s.b.request("INVITE", d["uri"], d, body=SDP,
                extra=TIMER + "Session-Expires: 90;refresher=uac\r\n")
    r = s.a.expect("INVITE")
    same(asks(r)[0], "90", "the phone is asked once more")
    s.a.reply(r, "200 OK", body=SDP)
    same(asks(s.confirm(d, s.b, s.a)[0])[0], "90;refresher=uac", "granted")
    skip(s, 62)
    over(s, s.a, s.b)


@case()
def an_update_that_says_more_passes(s):
    ok, d, e, i = up(s, TIMER + UPDATES + "Session-Expires: 600\r\n", UPDATES)
    s.a.request("UPDATE", d["uri"], d, extra=TIMER + "Session-Expires: 600\r\n"
                "P-Asserted-Identity: <sip:new@inside.example>\r\n")
    u = s.b.expect("UPDATE")
    s.b.reply(u, "200 OK")
    same(asks(s.a.expect("SIP/2.0 200"))[0], "600;refresher=uac", "granted")
    s.bye(d)
    s.gone()


@case()
def required_timers_are_not_the_others_business(s):
    ok, d, e, i = up(s, "Require: timer, x-more\r\nSession-Expires: 600\r\nSupported: timer\r\n",
                     "Require: timer\r\nRequire: x-back\r\nSession-Expires: 100;refresher=uas\r\n")
    same(i.all("Require"), ["x-more"], "to the far end")
    same(sorted(ok.all("Require")), ["timer", "x-back"], "to the phone")
    s.bye(d)
    s.gone()


if __name__ == "__main__":
    sys.exit(main())
