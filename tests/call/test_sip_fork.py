#!/usr/bin/env python3
"""A call for several phones of one account: all ring, one has it; who refuses,
is silent, is late, or crosses."""
import sys

from sipphone import HOP, OPTIONS, Phone
from sipscene import INSIDE, PORT, SLOW, T1, case, main, same
from sipsock import SDP, called, dialog

KEYS = OPTIONS["keys"]
FAST = {"keys": KEYS + ("t1=%d" % T1,), "target": HOP}
ALICE = "sip:alice@a.example"
RELIABLE = "Require: 100rel\r\nRSeq: 7\r\n"


def phones(s, n, q=()):
    """Registered; the last one first, as the gateway has them."""
    found = []
    for k in range(n):
        end = s.a if k == 0 else s.end(PORT + 11 + k, INSIDE)
        phone = Phone(end)
        phone.register(contact="<%s>%s" % (phone.contact, ";q=%s" % q[k] if q else ""))
        found.append(end)
    return found


def call(s, ends, body=SDP, extra=""):
    """From outside: the caller's dialog and the INVITE of each phone."""
    d = dialog()
    d["branch"] = s.b.request("INVITE", ALICE, d, body=body, extra=extra)
    invites = [end.expect("INVITE", 2 * SLOW) for end in ends]
    same(len({i.get("Call-ID") for i in invites}), len(ends), "dialogs")
    for end, i in zip(ends, invites):
        same(i.uri, "sip:alice@127.0.0.1:%d" % end.port, "Request-URI")
    return d, invites


def ring(s, end, invite, tag="R", said="180 Ringing", **kw):
    end.reply(invite, said, tag, **kw)
    r = s.b.expect("SIP/2.0 " + said[:3])
    assert not r.body and not r.get("Content-Type"), r.data
    return r


ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'


def cancelled(end, invite, tag="R", reason=ELSEWHERE):
    c = end.expect("CANCEL")
    same(c.get("Reason"), reason, "why")
    end.reply(c, "200 OK", contact=False)
    end.reply(invite, "487 Request Terminated", tag)
    end.expect("ACK")


def confirm(s, d, end):
    """200 and ACK pass; the 200."""
    ok = s.b.expect("SIP/2.0 200", 2 * SLOW)
    d.update(ttag=ok.tag("To"), uri=ok.contact())
    s.b.request("ACK", d["uri"], d)
    end.expect("ACK", 2 * SLOW)
    return ok


def over(s, d, end):
    s.bye(d, s.b, end)
    s.gone()


def refuse(end, invite, status, tag="R"):
    end.reply(invite, status, tag)
    end.expect("ACK")


def wakes(end, invite, reason=""):
    """One that was silent rings too late; only then can it be cancelled."""
    while end.recv(0.05):
        pass  # its INVITE was repeated
    end.reply(invite, "180 Ringing", "R")
    cancelled(end, invite, reason=reason)


def final(s, d, status, wait=2.0, late=()):
    r = s.b.expect("SIP/2.0 %d" % status, wait * SLOW)
    s.b.request("ACK", ALICE, dict(d, ttag=r.tag("To")), branch=d["branch"])
    for end, invite in late:
        wakes(end, invite)
    s.gone()
    return r


def one_answers(s, which):
    ends = phones(s, 3)
    d, invites = call(s, ends)
    tags = {ring(s, e, i, "R%d" % n).tag("To") for n, (e, i) in enumerate(zip(ends, invites))}
    ends[which].reply(invites[which], "200 OK", "R%d" % which, body=SDP)
    for n, end in enumerate(ends):
        if n != which:
            cancelled(end, invites[n], "R%d" % n)
    ok = confirm(s, d, ends[which])
    same(tags, {ok.tag("To")}, "one dialog to the caller")
    assert ok.body.startswith(SDP.encode()), ok.data
    back = called(invites[which], "R%d" % which)
    ends[which].request("INFO", invites[which].contact(), back)
    s.b.reply(s.b.expect("INFO"), "200 OK")
    ends[which].expect("SIP/2.0 200")
    s.b.request("INVITE", d["uri"], d, body=SDP)
    ends[which].reply(ends[which].expect("INVITE"), "200 OK", body=SDP)
    confirm(s, d, ends[which])
    over(s, d, ends[which])
    for end in ends:
        end.quiet(0.05)


@case(**OPTIONS)
def the_first_answers(s):
    one_answers(s, 0)


@case(**OPTIONS)
def the_last_answers(s):
    one_answers(s, 2)


@case(keys=KEYS + ("answer=late", "late_ms=100"), target=HOP)
def keys_take_their_time(s):
    """The others are cancelled while the answer waits for its keys."""
    one_answers(s, 1)


@case(**OPTIONS)
def all_answer(s):
    """The first 200 has the call; the others get ACK and BYE."""
    ends = phones(s, 3)
    d, invites = call(s, ends)
    for end, i in zip(ends, invites):  # all with the same tag: they know no better
        end.reply(i, "200 OK", "R", body=SDP)
    confirm(s, d, ends[0])
    for end, i in zip(ends[1:], invites[1:]):
        a = end.expect("ACK", skip="CANCEL")
        same((a.get("Call-ID"), a.get("CSeq")), (i.get("Call-ID"), i.get("CSeq").replace(
            "INVITE", "ACK")), "whose ACK")
        bye = end.expect("BYE", skip="CANCEL")
        same((bye.get("Call-ID"), bye.tag("To")), (i.get("Call-ID"), "R"), "whose BYE")
        end.reply(bye, "200 OK", contact=False)
        end.request("INFO", i.contact(), called(i, "R"))
        end.expect("SIP/2.0 481", skip="CANCEL")
    s.b.quiet(0.1)
    over(s, d, ends[0])


@case(**OPTIONS)
def the_caller_hangs_up(s):
    ends = phones(s, 3)
    d, invites = call(s, ends)
    ring(s, ends[0], invites[0])
    s.b.request("CANCEL", ALICE, d, branch=d["branch"])
    s.b.expect("SIP/2.0 200")
    cancelled(ends[0], invites[0], reason="")
    for end, i in zip(ends[1:], invites[1:]):
        end.reply(i, "180 Ringing", "R")  # only now: a CANCEL has to wait for it
        cancelled(end, i, reason="")
    final(s, d, 487)


@case(**OPTIONS)
def the_caller_hangs_up_and_calls_again(s):
    ends = phones(s, 2)
    d, invites = call(s, ends)
    for end, i in zip(ends, invites):
        ring(s, end, i)
    s.b.request("CANCEL", ALICE, d, branch=d["branch"])
    s.b.expect("SIP/2.0 200")
    for end, i in zip(ends, invites):
        cancelled(end, i, reason="")
    final(s, d, 487)
    d, invites = call(s, ends)
    for end, i in zip(ends, invites):
        ring(s, end, i)
    ends[0].reply(invites[0], "200 OK", "R", body=SDP)
    cancelled(ends[1], invites[1])
    confirm(s, d, ends[0])
    s.bye(d, s.b, ends[0])
    s.gone(2)


@case(**OPTIONS)
def the_operator_ends_it(s):
    ends = phones(s, 2)
    d, invites = call(s, ends)
    for end, i in zip(ends, invites):
        ring(s, end, i)
    s.relay.say("hangup 480 enough")
    for end, i in zip(ends, invites):
        cancelled(end, i, reason="SIP;cause=480;text=\"enough\"")
    final(s, d, 480)


@case(**OPTIONS)
def one_is_busy(s):
    ends = phones(s, 2)
    d, invites = call(s, ends)
    refuse(ends[1], invites[1], "486 Busy Here")
    ring(s, ends[0], invites[0])
    s.b.quiet(0.1)
    ends[0].reply(invites[0], "200 OK", "R", body=SDP)
    confirm(s, d, ends[0])
    over(s, d, ends[0])


def the_best_of(s, *said):
    """What the caller hears when the phones say so, in either order."""
    heard = []
    ends = phones(s, len(said))
    for order in (1, -1):
        d, invites = call(s, ends)
        for end, i, status in list(zip(ends, invites, said))[::order]:
            refuse(end, i, status)
        r = s.b.expect("SIP/2.0 [3-6]")
        s.b.request("ACK", ALICE, dict(d, ttag=r.tag("To")), branch=d["branch"])
        heard.append(r.status)
    same(heard[0], heard[1], "in either order")
    s.gone(2)
    return heard[0]


@case(**OPTIONS)
def all_are_busy(s):
    same(the_best_of(s, "486 Busy Here", "486 Busy Here", "486 Busy Here"), 486, "heard")


@case(**OPTIONS)
def busy_before_unavailable(s):
    same(the_best_of(s, "404 Not Found", "486 Busy Here", "480 Unavailable"), 486, "heard")


@case(**OPTIONS)
def the_lowest_class(s):
    same(the_best_of(s, "500 Oops", "408 Timeout"), 408, "heard")


@case(**OPTIONS)
def a_timeout_is_the_last_of_its_class(s):
    same(the_best_of(s, "408 Timeout", "404 Not Found"), 404, "heard")


@case(**OPTIONS)
def one_declines_for_all(s):
    ends = phones(s, 3)
    d, invites = call(s, ends)
    for end, i in zip(ends[:2], invites[:2]):
        ring(s, end, i)
    refuse(ends[0], invites[0], "486 Busy Here")
    refuse(ends[2], invites[2], "603 Decline")
    cancelled(ends[1], invites[1], reason="")
    final(s, d, 603)


@case(**OPTIONS)
def one_is_silent(s):
    """It is not there; it is waited for some seconds, then no more."""
    ends = phones(s, 2)
    d, invites = call(s, ends)
    refuse(ends[0], invites[0], "486 Busy Here")
    s.b.quiet(2)
    final(s, d, 486, 4, late=[(ends[1], invites[1])])


@case(**OPTIONS)
def one_is_silent_and_one_answers(s):
    ends = phones(s, 2)
    d, invites = call(s, ends)
    ring(s, ends[0], invites[0])
    s.b.quiet(4.5)  # who rings is waited for
    ends[0].reply(invites[0], "200 OK", "R", body=SDP)
    confirm(s, d, ends[0])
    wakes(ends[1], invites[1], ELSEWHERE)
    over(s, d, ends[0])


@case(**FAST)
def nobody_is_there(s):
    ends = phones(s, 2)
    d, _ = call(s, ends)
    final(s, d, 408, 6)


@case(keys=KEYS + ("best=1",), target=HOP)
def the_preferred_is_silent(s):
    """The next one rings then; the first may still be picked up."""
    ends = phones(s, 2, ("0.9", "0.1"))
    d = dialog()
    s.b.request("INVITE", ALICE, d, body=SDP)
    first = ends[0].expect("INVITE", 2 * SLOW)
    ends[1].quiet(3)
    second = ends[1].expect("INVITE", 2 * SLOW)
    ring(s, ends[1], second)
    ends[0].reply(first, "200 OK", "R", body=SDP)
    cancelled(ends[1], second)
    ok = s.b.expect("SIP/2.0 200", 2 * SLOW)
    d.update(ttag=ok.tag("To"), uri=ok.contact())
    s.b.request("ACK", d["uri"], d)
    ends[0].expect("ACK", skip="INVITE")
    over(s, d, ends[0])


@case(**OPTIONS)
def early_media_stay_here(s):
    """No SDP before the 200, nor anything reliable of a phone's."""
    ends = phones(s, 2)
    d, invites = call(s, ends, extra="Supported: 100rel, path\r\n")
    for i in invites:
        assert "100rel" not in i.get("Supported") and "path" in i.data.decode(), i.data
    ring(s, ends[1], invites[1], said="183 Progress", body=SDP)
    r = ring(s, ends[0], invites[0], said="183 Progress", body=SDP, extra=RELIABLE)
    assert not r.get("RSeq"), r.data
    ends[0].reply(ends[0].expect("PRACK"), "200 OK", "R", contact=False)
    ends[1].reply(invites[1], "200 OK", "R", body=SDP)
    cancelled(ends[0], invites[0])
    assert confirm(s, d, ends[1]).body, "no answer in the 200"
    same(s.relay.stats()["filtered"], 2, "one offer, one answer")
    over(s, d, ends[1])


@case(**OPTIONS)
def reliable_where_it_is_required(s):
    ends = phones(s, 2)
    d, invites = call(s, ends, extra="Require: 100rel\r\n")
    for i in invites:
        assert "100rel" not in i.data.decode(), i.data
    r = ring(s, ends[1], invites[1])
    ends[1].reply(invites[1], "200 OK", "R", body=SDP)
    s.b.quiet(0.1, skip="SIP/2.0 (100|180)")
    e = dict(d, ttag=r.tag("To"))
    s.b.request("PRACK", r.contact(), e, extra="RAck: %s 1 INVITE\r\n" % r.get("RSeq"))
    same([s.b.expect("SIP/2.0 200").get("CSeq") for _ in "12"], ["2 PRACK", "1 INVITE"], "then")
    d.update(ttag=r.tag("To"), uri=r.contact())
    s.b.request("ACK", d["uri"], d)
    ends[1].expect("ACK")
    d["cseq"] = 2
    wakes(ends[0], invites[0], ELSEWHERE)
    over(s, d, ends[1])


@case(keys=KEYS + ("early=1",), target=HOP)
def keys_go_once_and_early(s):
    ends = phones(s, 2)
    d, invites = call(s, ends, extra="Supported: 100rel\r\nAccept: application/sdp, "
                      "application/mikey\r\n")
    r = s.b.expect("SIP/2.0 183")
    same((r.get("Content-Type"), r.body), ("application/mikey", b"KEYS"), "the 183")
    e = dict(d, ttag=r.tag("To"))
    s.b.request("PRACK", r.contact(), e, extra="RAck: %s 1 INVITE\r\n" % r.get("RSeq"))
    s.b.expect("SIP/2.0 200")
    for end, i in zip(ends, invites):
        ring(s, end, i)
    ends[0].reply(invites[0], "200 OK", "R", body=SDP)
    cancelled(ends[1], invites[1])
    confirm(s, d, ends[0])
    d["cseq"] = 2
    over(s, d, ends[0])


LATE = KEYS + ("early=1", "rings_late=1")


def kept(s):
    """A call whose phones are not called before the PRACK: its dialog, and our 183."""
    d = dialog()
    d["branch"] = s.b.request("INVITE", ALICE, d, body=SDP, extra="Supported: 100rel\r\n"
                              "Accept: application/sdp, application/mikey\r\n")
    return d, s.b.expect("SIP/2.0 183")


def let_go(s, d, r):
    """The PRACK comes."""
    e = dict(d, ttag=r.tag("To"))
    s.b.request("PRACK", r.contact(), e, extra="RAck: %s 1 INVITE\r\n" % r.get("RSeq"))
    s.b.expect("SIP/2.0 200")


def has_it(s, d, end, invite):
    """This phone is picked up, and the call ends."""
    end.reply(invite, "200 OK", "R", body=SDP)
    confirm(s, d, end)
    d["cseq"] = 2
    over(s, d, end)


@case(keys=LATE, target=HOP)
def all_ring_when_the_keys_are_there(s):
    ends = phones(s, 2)
    d, r = kept(s)
    for end in ends:
        end.quiet(0.2)
    let_go(s, d, r)
    invites = [end.expect("INVITE", 2 * SLOW) for end in ends]
    for end, i in zip(ends, invites):
        ring(s, end, i)
    ends[0].reply(invites[0], "200 OK", "R", body=SDP)
    cancelled(ends[1], invites[1])
    confirm(s, d, ends[0])
    d["cseq"] = 2
    over(s, d, ends[0])


@case(keys=LATE, target=HOP)
def patience_begins_when_they_are_called(s):
    """The PRACK took longer than a phone is waited for, and one of them longer still."""
    ends = phones(s, 2)
    d, r = kept(s)
    s.b.quiet(4.5, skip="SIP/2.0 183")
    let_go(s, d, r)
    first, second = [end.expect("INVITE", 2 * SLOW) for end in ends]
    refuse(ends[0], first, "486 Busy Here")
    s.b.quiet(0.3)
    ring(s, ends[1], second)
    has_it(s, d, ends[1], second)


@case(keys=LATE + ("best=1",), target=HOP)
def the_next_group_needs_no_other_prack(s):
    ends = phones(s, 2, ("0.9", "0.1"))
    d, r = kept(s)
    let_go(s, d, r)
    refuse(ends[0], ends[0].expect("INVITE", 2 * SLOW), "486 Busy Here")
    i = ends[1].expect("INVITE", 2 * SLOW)
    ring(s, ends[1], i)
    has_it(s, d, ends[1], i)


@case(**OPTIONS)
def late_offer(s):
    ends = phones(s, 2)
    d, invites = call(s, ends, body="")
    ring(s, ends[0], invites[0])
    ends[1].reply(invites[1], "200 OK", "R", body=SDP)
    cancelled(ends[0], invites[0])
    ok = s.b.expect("SIP/2.0 200")
    assert ok.body, "no offer"
    d.update(ttag=ok.tag("To"), uri=ok.contact())
    s.b.request("ACK", d["uri"], d, body=SDP)
    assert ends[1].expect("ACK").body, "no answer"
    over(s, d, ends[1])


@case(keys=KEYS + ("session=1800",), target=HOP)
def one_wants_a_longer_session(s):
    ends = phones(s, 2)
    d, invites = call(s, ends)
    same(invites[0].get("Session-Expires"), "1800", "what it is asked")
    ends[0].reply(invites[0], "422 Too Small", "R", extra="Min-SE: 3600\r\n")
    ends[0].expect("ACK")
    again = ends[0].expect("INVITE")
    same((again.get("Session-Expires"), again.get("Min-SE")), ("3600", "3600"), "then")
    ends[0].reply(again, "422 Too Small", "R", extra="Min-SE: 7200\r\n")
    ends[0].expect("ACK")
    ends[1].reply(invites[1], "200 OK", "R", body=SDP)
    confirm(s, d, ends[1])
    over(s, d, ends[1])


@case(**OPTIONS)
def a_phone_cannot_end_it_for_all(s):
    ends = phones(s, 2)
    d, invites = call(s, ends)
    ring(s, ends[0], invites[0])
    ends[0].request("BYE", invites[0].contact(), called(invites[0], "R"))
    ends[0].expect("SIP/2.0 481")
    ends[1].reply(invites[1], "200 OK", "R", body=SDP)
    cancelled(ends[0], invites[0])
    confirm(s, d, ends[1])
    over(s, d, ends[1])


@case(keys=KEYS + ("answer=refuse",), target=HOP)
def the_answer_cannot_be_used(s):
    """As with one phone: the call ends; it was this one's."""
    ends = phones(s, 2)
    d, invites = call(s, ends)
    ends[0].reply(invites[0], "200 OK", "R", body=SDP)
    ends[0].expect("ACK")
    ends[0].reply(ends[0].expect("BYE"), "200 OK", contact=False)
    ends[1].reply(invites[1], "180 Ringing", "R")
    cancelled(ends[1], invites[1])
    final(s, d, 488)


@case(keys=KEYS + ("t1=%d" % T1,), target=HOP)
def memory_runs_out(s):
    """Wherever it does, nothing is left behind."""
    ends = phones(s, 2)
    calls = 0
    for n in range(1, 24):
        d = dialog()
        s.relay.set("oom=%d" % n)
        d["branch"] = s.b.request("INVITE", ALICE, d, body=SDP)
        for end in ends:
            i = end.recv(0.3)
            if i and i.method == "INVITE":
                end.reply(i, "486 Busy Here", "R")
                end.recv(0.3)
        r = s.b.expect("SIP/2.0 [45]", 8 * SLOW)
        s.b.request("ACK", ALICE, dict(d, ttag=r.tag("To")), branch=d["branch"])
        s.relay.set("oom=0")
        for end in ends + [s.b]:
            while end.recv(0.05):
                pass
    stats = s.relay.stats()
    same((stats["pairs"], stats["ended"]), (0, stats["started"]), "left behind")


if __name__ == "__main__":
    sys.exit(main())
