#!/usr/bin/env python3
"""Keys before the phone is picked up: the reliable response that carries them,
asked for and given, lost, repeated, forked; and one INVITE for two phones."""
import sys

from sipscene import BOB, T1, SLOW, Fork, case, main, same
from sipsock import SDP, called, dialog

KEYS = "Content-Type: application/mikey\r\nRequire: 100rel\r\nRSeq: %d\r\n"
ASKS = "Supported: 100rel\r\nAccept: application/sdp, application/mikey\r\n"
EARLY = ("early=1",)


def inwards(s, extra=ASKS, **kw):
    """An INVITE from outside; what the phone got."""
    return s.invite(frm=s.b, to=s.a, uri="sip:alice@gateway.example", extra=extra, **kw)


def prack(s, d, p, **kw):
    d["ttag"], d["uri"] = p.tag("To"), p.contact()
    d.setdefault("invite", d["cseq"])
    s.b.request("PRACK", d["uri"], d,
                extra="RAck: %s %d INVITE\r\n" % (p.get("RSeq"), d["invite"]), **kw)


def keys_came(s, d):
    """The far end got the keys and says so."""
    p = s.b.expect("SIP/2.0 183")
    same((p.get("Content-Type"), p.body, p.get("Require")),
         ("application/mikey", b"KEYS", "100rel"), "the 183")
    same(p.get("Content-Disposition"), "session;handling=optional", "disposition")
    assert p.contact() and p.tag("To"), p.data
    prack(s, d, p)
    s.b.expect("SIP/2.0 200")
    return p


def picked_up(s, d, i):
    s.a.reply(i, "200 OK", "A1", body=SDP)
    ok = s.b.expect("SIP/2.0 200")
    d["ttag"], d["uri"] = ok.tag("To"), ok.contact()
    s.b.request("ACK", d["uri"], d, cseq=d.get("invite", d["cseq"]))
    s.a.expect("ACK")
    s.bye(d, s.b, s.a)
    return ok


# -- asked for -----------------------------------------------------------------

@case(keys=EARLY)
def the_phone_sees_nothing_of_it(s):
    d, i = s.invite()
    same((i.get("Supported"), i.get("Accept")),
         ("100rel", "application/sdp, application/mikey"), "what the INVITE says")
    s.b.reply(i, "183 Progress", "B1", KEYS % 7, "keys")
    r = s.b.expect("PRACK")
    same(r.get("RAck"), "7 %s INVITE" % i.get("CSeq").split()[0], "RAck")
    s.b.reply(r, "200 OK", "B1")
    s.b.reply(i, "183 Progress", "B1", KEYS % 7, "keys")  # repeated: taken once
    s.a.quiet(0.2)
    s.b.reply(i, "180 Ringing", "B1")
    s.a.expect("SIP/2.0 180")
    s.b.reply(i, "200 OK", "B1", body=SDP)
    s.confirm(d)
    s.bye(d)
    same(s.gone()["taken"], 1, "taken")


@case(keys=EARLY)
def what_the_phone_says_stays(s):
    _, i = s.invite(extra="Supported: 100rel\r\nAccept: application/sdp\r\n")
    same(i.all("Supported"), ["100rel", "timer"], "Supported")
    same(i.all("Accept"), ["application/sdp", "application/mikey"], "Accept")
    s.b.reply(i, "486 Busy Here", "B1")
    s.b.expect("ACK")
    s.a.expect("SIP/2.0 486")


@case()
def not_asked_for(s):
    d, i = s.invite()
    same((i.all("Supported"), i.get("Accept")), (["timer"], ""), "what the INVITE says")
    s.b.reply(i, "183 Progress", "B1", KEYS % 7, "keys")
    s.b.reply(s.b.expect("PRACK"), "200 OK", "B1")
    s.a.expect("SIP/2.0 183")
    s.b.reply(i, "200 OK", "B1", body=SDP)
    s.confirm(d)
    s.bye(d)
    same(s.gone()["taken"], 0, "taken")


@case(keys=EARLY)
def no_offer_asks_for_none(s):
    _, i = s.invite(body=b"")
    same(i.get("Accept"), "", "Accept")
    s.b.reply(i, "486 Busy Here", "B1")
    s.b.expect("ACK")
    s.a.expect("SIP/2.0 486")


@case(keys=EARLY + ("t1=%d" % T1,))
def a_lost_prack_is_repeated(s):
    d, i = s.invite()
    s.b.reply(i, "183 Progress", "B1", KEYS % 1, "keys")
    first = s.b.expect("PRACK")
    second = s.b.expect("PRACK")
    same(first.data, second.data, "the PRACK")
    s.b.reply(second, "200 OK", "B1")
    s.b.reply(i, "200 OK", "B1", body=SDP)
    ok = s.a.expect("SIP/2.0 200")
    d["ttag"], d["uri"] = ok.tag("To"), ok.contact()
    s.a.request("ACK", d["uri"], d)
    s.b.expect("ACK", skip="PRACK")
    s.bye(d)
    s.gone()


@case(keys=EARLY)
def forks_have_keys_each(s):
    d, i = s.invite()
    for tag, rseq in (("B0", 900), ("B1", 5)):
        s.b.reply(i, "183 Progress", tag, KEYS % rseq, "keys " + tag)
        r = s.b.expect("PRACK")
        same((r.tag("To"), r.get("RAck").split()[0]), (tag, str(rseq)), "PRACK")
        s.b.reply(r, "200 OK", tag)
    s.b.reply(i, "200 OK", "B1", body=SDP)
    ok, ack = s.confirm(d)
    assert ok.body.endswith(b"a=branch:1\r\n")
    same(ack.tag("To"), "B1", "ACK")
    s.bye(d)
    same(s.gone()["taken"], 2, "taken")


@case(keys=EARLY + ("keys_once=1",))
def of_forks_one_may_have_keys(s):
    d, i = s.invite()
    s.b.reply(i, "183 Progress", "B0", KEYS % 900, "keys B0")
    s.b.reply(s.b.expect("PRACK"), "200 OK", "B0")
    left_at_once(s, i)
    s.b.reply(i, "180 Ringing", "B0")
    s.a.expect("SIP/2.0 180")
    s.b.reply(i, "200 OK", "B0", body=SDP)
    _, ack = s.confirm(d)
    same(ack.tag("To"), "B0", "ACK")
    s.bye(d)
    same(s.gone()["taken"], 1, "taken")


def left_at_once(s, i):
    """The second branch hears once that nothing will come of it, and no PRACK."""
    s.b.reply(i, "183 Progress", "B1", KEYS % 5, "keys B1")
    r = s.b.expect("BYE")
    same((r.tag("To"), r.get("Reason")), ("B1", "SIP;cause=488"), "the BYE")
    s.b.reply(r, "200 OK", contact=False)
    s.b.reply(i, "183 Progress", "B1", KEYS % 5, "keys B1")
    s.b.quiet(0.2)


@case(keys=EARLY + ("keys_once=1",))
def the_branch_that_has_the_keys_fails(s):
    """The other one has ended by then, so that the call does at once."""
    _, i = s.invite()
    s.b.reply(i, "183 Progress", "B0", KEYS % 900, "keys B0")
    s.b.reply(s.b.expect("PRACK"), "200 OK", "B0")
    left_at_once(s, i)
    s.b.reply(i, "486 Busy Here", "B0")
    s.b.expect("ACK")
    s.a.expect("SIP/2.0 486")
    s.gone()


@case(keys=EARLY + ("keys=refuse",))
def bad_keys_end_the_call(s):
    d, i = s.invite()
    s.b.reply(i, "183 Progress", "B1", KEYS % 1, "keys")
    assert "mock refuses" in s.a.expect("SIP/2.0 488").get("Warning")
    s.b.reply(s.b.expect("CANCEL"), "200 OK", contact=False)
    s.b.reply(i, "487 Request Terminated", "B1")
    s.b.expect("ACK")
    s.gone()


@case(keys=EARLY + ("keys=late", "late_ms=300"))
def the_200_does_not_overtake(s):
    d, i = s.invite()
    s.b.reply(i, "183 Progress", "B1", KEYS % 1, "keys")
    s.b.reply(i, "200 OK", "B1", body=SDP)
    s.a.quiet(0.2)
    s.b.reply(s.b.expect("PRACK"), "200 OK", "B1")
    s.confirm(d)
    s.bye(d)
    s.gone()


@case(keys=EARLY + ("keys=late", "late_ms=300"))
def cancelled_while_keys_wait(s):
    d, i = s.invite()
    s.b.reply(i, "183 Progress", "B1", KEYS % 1, "keys")
    s.a.expect("SIP/2.0 100", skip="")
    s.a.request("CANCEL", BOB, d, branch=d["branch"])
    s.a.expect("SIP/2.0 200")
    s.a.expect("SIP/2.0 487")
    s.b.reply(s.b.expect("CANCEL"), "200 OK", contact=False)
    s.b.reply(i, "487 Request Terminated", "B1")
    s.b.expect("ACK")
    s.gone()
    s.b.quiet(0.4)


# -- given ---------------------------------------------------------------------

@case(keys=EARLY)
def keys_come_before_the_phone_rings_back(s):
    d, i = inwards(s)
    s.a.reply(i, "180 Ringing", "A1")
    p = s.b.expect("SIP/2.0 183")
    s.b.quiet(0.2)  # the 180 waits
    prack(s, d, p)
    s.b.expect("SIP/2.0 200")
    r = s.b.expect("SIP/2.0 180")
    same((r.get("Require"), r.get("RSeq"), r.tag("To")), ("", "", p.tag("To")), "the 180")
    picked_up(s, d, i)
    assert all(b"PRACK" not in x and b"RSeq" not in x for x in s.a.seen), "the phone saw it"
    s.gone()


@case(keys=EARLY + ("t1=%d" % T1,))
def an_early_200_waits_for_the_prack(s):
    d, i = inwards(s)
    s.a.reply(i, "200 OK", "A1", body=SDP)
    p = s.b.expect("SIP/2.0 183")
    again = s.b.expect("SIP/2.0 183")  # the PRACK was lost
    same(p.data, again.data, "the 183")
    s.b.quiet(0.1, skip=r"SIP/2\.0 (100|183) ")
    prack(s, d, p)
    s.b.expect("SIP/2.0 200 OK", skip=r"SIP/2\.0 183 ")
    ok = s.b.expect("SIP/2.0 200")
    same(ok.get("CSeq").split()[1], "INVITE", "the 200")
    s.b.request("ACK", ok.contact(), d, cseq=d["invite"])
    s.a.expect("ACK", skip="nothing")
    s.bye(d, s.b, s.a)
    s.gone()


@case(keys=EARLY + ("t1=%d" % T1,))
def never_acknowledged(s):
    _, i = inwards(s)
    s.a.reply(i, "180 Ringing", "A1")
    s.b.expect("SIP/2.0 504", 6, skip=r"SIP/2\.0 (100|18[03]) ")
    s.a.reply(s.a.expect("CANCEL"), "200 OK", contact=False)
    s.a.reply(i, "487 Request Terminated", "A1")
    s.a.expect("ACK")
    s.gone()


@case(keys=EARLY + ("t1=%d" % T1,))
def picked_up_but_never_acknowledged(s):
    _, i = inwards(s)
    s.a.reply(i, "200 OK", "A1", body=SDP)
    s.b.expect("SIP/2.0 504", 6, skip=r"SIP/2\.0 (100|183) ")
    s.a.expect("ACK")
    s.a.reply(s.a.expect("BYE"), "200 OK")
    s.gone()


@case(keys=EARLY)
def a_failure_does_not_wait(s):
    _, i = inwards(s)
    s.b.expect("SIP/2.0 183")
    s.a.reply(i, "180 Ringing", "A1")
    s.a.reply(i, "486 Busy Here", "A1")
    s.a.expect("ACK")
    s.b.expect("SIP/2.0 486", skip="SIP/2.0 180")
    s.gone()


@case(keys=EARLY)
def cancelled_before_the_prack(s):
    d, i = inwards(s)
    s.b.expect("SIP/2.0 183")
    s.a.reply(i, "180 Ringing", "A1")
    s.b.request("CANCEL", "sip:alice@gateway.example", d, branch=d["branch"])
    s.b.expect("SIP/2.0 200")
    s.b.expect("SIP/2.0 487")
    s.a.reply(s.a.expect("CANCEL"), "200 OK", contact=False)
    s.a.reply(i, "487 Request Terminated", "A1")
    s.a.expect("ACK")
    s.gone()


@case(keys=EARLY)
def far_ends_that_did_not_ask(s):
    for extra in ("Supported: 100rel\r\n", "Accept: application/mikey\r\n",
                  "Supported: 100rel\r\nAccept: application/mikeys\r\n"):
        d, i = inwards(s, extra=extra)
        s.a.reply(i, "180 Ringing", "A1")
        same(s.b.expect("SIP/2.0 180").get("RSeq"), "", "RSeq")
        picked_up(s, d, i)


@case(keys=EARLY + ("no_keys=1",))
def no_keys_before_pickup(s):
    d, i = inwards(s)
    s.a.reply(i, "180 Ringing", "A1")
    s.b.expect("SIP/2.0 180")
    picked_up(s, d, i)


LATE = EARLY + ("rings_late=1",)
HERE = "sip:alice@gateway.example"


def begin(s, extra=ASKS):
    """An INVITE from outside that reaches no phone yet."""
    d = dialog()
    d["branch"] = s.b.request("INVITE", HERE, d, extra=extra, body=SDP)
    return d


@case(keys=LATE)
def the_phone_rings_when_the_keys_are_there(s):
    d = begin(s)
    p = s.b.expect("SIP/2.0 183")
    same((p.get("Content-Type"), p.body), ("application/mikey", b"KEYS"), "the 183")
    s.a.quiet(0.4)
    prack(s, d, p)
    s.b.expect("SIP/2.0 200")
    i = s.a.expect("INVITE")
    assert i.body.endswith(b"a=branch:0\r\n"), i.data  # as the core gave it
    s.a.reply(i, "180 Ringing", "A1")
    s.b.expect("SIP/2.0 180")
    picked_up(s, d, i)


@case(keys=LATE)
def who_cannot_be_answered_early_rings_nobody(s):
    for extra in ("", "Supported: 100rel\r\n", "Accept: application/mikey\r\n"):
        d = begin(s, extra)
        assert "100rel" in s.b.expect("SIP/2.0 488").get("Warning")
        s.b.request("ACK", HERE, d, branch=d["branch"])
        s.a.quiet(0.2)


@case(keys=LATE)
def a_cancel_comes_before_it_rings(s):
    d = begin(s)
    s.b.expect("SIP/2.0 183")
    s.b.request("CANCEL", HERE, d, branch=d["branch"])
    s.b.expect("SIP/2.0 200", skip="SIP/2.0 183")
    s.b.expect("SIP/2.0 487", skip="SIP/2.0 183")
    s.a.quiet(0.3)


@case(keys=LATE)
def a_bye_comes_before_it_rings(s):
    """In place of the PRACK: another branch has the tunnel."""
    d = begin(s)
    p = s.b.expect("SIP/2.0 183")
    e = dict(d, ttag=p.tag("To"))
    s.b.request("BYE", p.contact(), e)
    same({s.b.expect("SIP/2.0 (200|487)", skip="SIP/2.0 183").status for _ in "12"}, {200, 487},
         "what it hears")
    s.b.request("ACK", HERE, e, branch=d["branch"], cseq=1)
    s.a.quiet(0.3)
    s.gone()


@case(keys=LATE + ("t1=%d" % T1,))
def without_a_prack_it_never_rings(s):
    begin(s)
    s.b.expect("SIP/2.0 183")
    s.b.expect("SIP/2.0 50[04]", 64 * T1 / 1000 + 3, skip="SIP/2.0 183")
    s.a.quiet(0.3)


@case()
def the_profile_does_not_want_it(s):
    d, i = inwards(s)
    s.a.reply(i, "183 Progress", "A1", body=SDP)
    same(s.b.expect("SIP/2.0 183").get("RSeq"), "", "RSeq")
    picked_up(s, d, i)


@case(keys=EARLY)
def sdp_of_the_phone_goes_reliably(s):
    d, i = inwards(s, extra="Supported: 100rel\r\n")
    s.a.reply(i, "180 Ringing", "A1")
    same(s.b.expect("SIP/2.0 180").get("RSeq"), "", "RSeq of a 180 without SDP")
    s.a.reply(i, "183 Progress", "A1", body=SDP)
    p = s.b.expect("SIP/2.0 183")
    same((p.get("Require"), p.get("Content-Type")), ("100rel", "application/sdp"), "the 183")
    assert p.get("RSeq") and p.body.endswith(b"a=branch:0\r\n"), p.data
    prack(s, d, p)
    s.b.expect("SIP/2.0 200")
    s.a.reply(i, "183 Progress", "A1", body=SDP)  # the answer is there already
    same(s.b.expect("SIP/2.0 183").get("RSeq"), "", "RSeq of the second")
    picked_up(s, d, i)
    assert all(b"PRACK" not in x for x in s.a.seen), "the phone saw a PRACK"


REQUIRES = "Require: 100rel\r\n"


def acknowledge(frm, d, p):
    frm.request("PRACK", d["uri"], d, extra="RAck: %s 1 INVITE\r\n" % p.get("RSeq"))
    frm.expect("SIP/2.0 200", 2 * SLOW, skip="SIP/2.0 1")


def required(s, frm, to, extra="", **kw):
    """Who requires 100rel has it of us, though the other end knows nothing of it."""
    d, i = s.invite(extra=REQUIRES + extra, frm=frm, to=to, **kw)
    same(i.get("Require"), "", "Require")
    assert "100rel" in ",".join(i.all("Supported")), i.data
    to.reply(i, "180 Ringing", "B1")
    ring = frm.expect("SIP/2.0 180", 2 * SLOW)
    same(ring.get("Require"), "100rel", "Require of the 180")
    to.reply(i, "183 Progress", "B1", body=SDP)
    frm.quiet(0.1, skip="SIP/2.0 1(80|00)")  # that waits for the PRACK
    d["ttag"], d["uri"] = ring.tag("To"), ring.contact()
    acknowledge(frm, d, ring)
    early = frm.expect("SIP/2.0 183", 2 * SLOW, skip="SIP/2.0 180")
    assert int(early.get("RSeq")) > int(ring.get("RSeq")) and early.body, early.data
    to.reply(i, "200 OK", "B1", body=SDP)
    frm.quiet(0.1, skip="SIP/2.0 183")
    acknowledge(frm, d, early)
    frm.expect("SIP/2.0 200", 2 * SLOW, skip="SIP/2.0 183")
    frm.request("ACK", d["uri"], d, cseq=1)
    to.expect("ACK", 2 * SLOW)
    s.bye(d, frm, to)
    to.quiet(0.1)


@case()
def required_from_outside(s):
    required(s, s.b, s.a, uri="sip:alice@a.example")
    s.gone()


@case()
def required_from_inside(s):
    required(s, s.a, s.b)
    d, i = s.invite(extra=REQUIRES)  # and of one who knows it, its own pass
    s.b.reply(i, "183 Progress", "B1", "Require: 100rel\r\nRSeq: 9\r\n", SDP)
    p = s.a.expect("SIP/2.0 183")
    d["ttag"], d["uri"] = p.tag("To"), p.contact()
    s.a.request("PRACK", d["uri"], d, extra="RAck: %s 1 INVITE\r\n" % p.get("RSeq"))
    r = s.b.expect("PRACK")
    same(r.get("RAck").split()[0], "9", "RAck")
    s.b.reply(r, "200 OK", "B1", contact=False)
    s.a.expect("SIP/2.0 200")
    s.b.reply(i, "486 Busy Here", "B1")
    s.b.expect("ACK")
    s.a.expect("SIP/2.0 486")
    s.gone(2)


@case(keys=EARLY)
def no_offer_in_a_prack(s):
    d, i = inwards(s)
    prack(s, d, s.b.expect("SIP/2.0 183"), body=SDP)
    s.b.expect("SIP/2.0 488")
    picked_up(s, d, i)
    s.gone()


@case()
def the_phone_need_not_know_100rel(s):
    d, i = inwards(s, extra="Require: 100rel, x-this\r\nRequire: x-that\r\n")
    same(i.all("Require"), ["x-this", "x-that"], "Require")
    s.a.reply(i, "180 Ringing", "A1")
    p = s.b.expect("SIP/2.0 180")
    same(p.get("Require"), "100rel", "Require of the 180")
    prack(s, d, p)
    s.b.expect("SIP/2.0 200")
    picked_up(s, d, i)
    s.gone()


@case(keys=("early=1", "oom=0"))
def memory_runs_out(s):
    for n in range(1, 12):
        s.relay.set("oom=%d" % n)
        d = dialog()
        d["branch"] = s.b.request("INVITE", "sip:alice@gateway.example", d, body=SDP, extra=ASKS)
        while True:  # whatever comes of it: an end within the time
            m = s.b.recv(0.3)
            if m is None or m.status >= 300:
                break
        s.relay.set("oom=0")
        s.relay.say("hangup 480 enough")
        while s.a.recv(0.05):
            pass
        while s.b.recv(0.05):
            pass


# -- one INVITE for two phones -------------------------------------------------

@case(inside=",")
def forked_to_two_phones_of_ours(s):
    fork = Fork(s)
    invites, phones, uris, d = fork.ring(), fork.phones, fork.uris, fork.d
    same([i.uri for i in invites], uris, "Request-URIs")
    assert invites[0].get("Call-ID") != invites[1].get("Call-ID")
    s.b.request("INVITE", uris[0], d, body=SDP, cseq=1)
    s.b.expect("SIP/2.0 482")  # the same phone by another way
    tags = []
    for n, p in enumerate(phones):
        p.reply(invites[n], "180 Ringing", "A%d" % n)
        tags.append(s.b.expect("SIP/2.0 180").tag("To"))
    assert tags[0] != tags[1], "two early dialogs"
    phones[1].reply(invites[1], "200 OK", "A1", body=SDP)
    ok = s.b.expect("SIP/2.0 200")
    same(ok.tag("To"), tags[1], "who answered")
    fork.picked_up(ok)


def branch_prack(s, d, response, cseq=2):
    e = dict(d, ttag=response.tag("To"))
    s.b.request("PRACK", response.contact(), e, cseq=cseq,
                extra="RAck: %s 1 INVITE\r\n" % response.get("RSeq"))


@case(inside=",", keys=EARLY)
def each_branch_has_its_keys_early(s):
    fork = Fork(s)
    phones, uris, d = fork.phones, fork.uris, fork.d
    told = []
    for uri in uris:
        s.b.request("INVITE", uri, d, body=SDP, cseq=1, extra=ASKS)
        told.append(s.b.expect("SIP/2.0 183"))
        same(told[-1].get("Content-Type"), "application/mikey", "its body")
    for r, p in zip(told, phones):
        i = p.expect("INVITE")
        p.reply(i, "200 OK", "A", body=SDP)
        s.b.quiet(0.1)  # the 2xx waits
        branch_prack(s, d, r)
        same([s.b.expect("SIP/2.0 200").get("CSeq") for _ in "12"], ["2 PRACK", "1 INVITE"],
             "what it gets")
        e = dict(d, ttag=r.tag("To"), uri=r.contact(), cseq=2)
        s.b.request("ACK", e["uri"], e, cseq=1)
        p.expect("ACK")
        s.bye(e, s.b, p)
    s.gone(2)


@case(inside=",")
def both_phones_answer(s):
    fork = Fork(s)
    phones, uris, d = fork.phones, fork.uris, fork.d
    ends = []
    for uri, p in zip(uris, phones):
        s.b.request("INVITE", uri, d, body=SDP, cseq=1)
        i = p.expect("INVITE")
        p.reply(i, "200 OK", "A", body=SDP)
        ok = s.b.expect("SIP/2.0 200")
        e = dict(d, ttag=ok.tag("To"), uri=ok.contact(), cseq=1)
        s.b.request("ACK", e["uri"], e, cseq=1)
        p.expect("ACK")
        ends.append((e, p, called(i, "A"), i))
    for e, p, back, i in ends:
        s.b.request("INFO", e["uri"], e)
        p.reply(p.expect("INFO"), "200 OK")
        s.b.expect("SIP/2.0 200")
        p.request("INFO", i.contact(), back)
        r = s.b.expect("INFO")
        same(r.tag("From"), e["ttag"], "whose INFO")
        s.b.reply(r, "200 OK")
        p.expect("SIP/2.0 200")
        s.bye(e, s.b, p)
    s.gone(2)


@case(inside=",", keys=("t1=%d" % T1,))
def forked_prack_finds_its_phone(s):
    """Two phones of ours, both reliable, both acknowledged, in either order."""
    fork = Fork(s)
    phones, uris, d = fork.phones, fork.uris, fork.d
    early = []
    for n, (uri, p) in enumerate(zip(uris, phones)):
        s.b.request("INVITE", uri, d, body=SDP, cseq=1, extra="Supported: 100rel\r\n")
        i = p.expect("INVITE")
        p.reply(i, "183 Session Progress", "A%d" % n, body=SDP,
                extra="Require: 100rel\r\nRSeq: 7\r\n")
        early.append((i, s.b.expect("SIP/2.0 183"), p, "A%d" % n))
        p.reply(i, "180 Ringing", "A%d" % n, extra="Require: 100rel\r\nRSeq: 8\r\n")
    s.b.quiet(3 * T1 / 1000, skip="SIP/2.0 (100|183)")  # the 180s wait, the 183s come again
    for i, r, p, tag in reversed(early):
        branch_prack(s, d, r)
        k = p.expect("PRACK")
        same(k.get("RAck"), "7 %s" % i.get("CSeq"), "RAck")
        p.reply(k, "200 OK", tag, contact=False)
        done = s.b.expect("SIP/2.0 (200|180)", skip="SIP/2.0 (100|183)"), s.b.expect(
            "SIP/2.0 (200|180)", skip="SIP/2.0 (100|183)")
        same({m.tag("To") for m in done}, {r.tag("To")}, "whose")
        same({m.get("CSeq") for m in done}, {"2 PRACK", "1 INVITE"}, "of what")
        ringing = [m for m in done if m.status == 180][0]
        same(int(ringing.get("RSeq")), int(r.get("RSeq")) + 1, "RSeq")
        branch_prack(s, d, ringing, cseq=3)
        k = p.expect("PRACK")
        p.reply(k, "200 OK", tag, contact=False)
        s.b.expect("SIP/2.0 200", skip="SIP/2.0 (100|183)")
    s.b.quiet(8 * T1 / 1000)  # and nothing is repeated
    for i, r, p, tag in early:
        p.reply(i, "200 OK", tag)
        ok = s.b.expect("SIP/2.0 200")
        e = dict(d, ttag=ok.tag("To"), uri=ok.contact(), cseq=3)
        s.b.request("ACK", e["uri"], e, cseq=1)
        p.expect("ACK")
        s.bye(e, s.b, p)
    s.gone(2)


if __name__ == "__main__":
    sys.exit(main())
