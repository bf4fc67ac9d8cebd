#!/usr/bin/env python3
"""Who says what of the caller across the boundary (RFC 3323, 3325, 5806, 7044):
from strangers, from a network that is trusted, and what Privacy takes out."""
import sys

from sipscene import BOB, case, main, same
from sipsock import SDP, called, dialog

SAID = [
    "P-Asserted-Identity: \"Boss\" <sip:boss@a.example>", "P-Preferred-Identity: <sip:b@a.example>",
    "Remote-Party-ID: <sip:boss@a.example>;party=calling", "P-Charging-Vector: icid-value=1",
    "P-Access-Network-Info: IEEE-802.11", "Diversion: <sip:x@a.example>;reason=no-answer",
    "History-Info: <sip:x@a.example>;index=1", "Priority: normal", "Answer-Mode: Auto",
    "Priv-Answer-Mode: Auto", "Call-Info: <sip:x>;answer-after=0",
    "Alert-Info: <http://x.example>;info=alert-autoanswer",
]
HARMLESS = ["Call-Info: <http://x.example/icon>;purpose=icon",
            "Alert-Info: <urn:alert:source:external>", "Subject: tea", "Privacy: none",
            "User-Agent: X/1", "Organization: Ex"]
PERSONAL = ["Subject: tea", "Organization: Ex", "User-Agent: X/1", "Reply-To: <sip:me@a.example>",
            "Call-Info: <http://x.example/icon>;purpose=icon", "Referred-By: <sip:me@a.example>"]
OURS = ("via", "from", "to", "call-id", "cseq", "contact", "max-forwards", "content-length",
        "content-type", "record-route", "supported")


def text(lines):
    return "".join(x + "\r\n" for x in lines)


def lines_of(m):
    return [x for x in m.data.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
            if x.split(":")[0].strip().lower() not in OURS]


def inward(s, lines):
    """What the phone is told; the call is refused again."""
    _, i = s.invite(frm=s.b, to=s.a, uri="sip:alice@a.example", extra=text(lines))
    s.a.reply(i, "486 Busy Here", "A1")
    s.a.expect("ACK")
    s.b.expect("SIP/2.0 486")
    return i


def outward(s, lines):
    _, i = s.invite(extra=text(lines))
    s.b.reply(i, "486 Busy Here", "B1")
    s.b.expect("ACK")
    s.a.expect("SIP/2.0 486")
    return i


@case()
def a_stranger_is_not_believed(s):
    same(lines_of(inward(s, SAID + HARMLESS)), HARMLESS, "the INVITE")
    same(lines_of(inward(s, [x.upper().replace(":", " :", 1) for x in SAID[:7]] + ["A: 1"])),
         ["A: 1"], "the INVITE")
    # in all that follows, too
    d, i = s.invite(frm=s.b, to=s.a, uri="sip:alice@a.example")
    s.a.reply(i, "200 OK", "A1", body=SDP)
    ok = s.b.expect("SIP/2.0 200")
    d["ttag"], d["uri"] = ok.tag("To"), ok.contact()
    s.b.request("ACK", d["uri"], d, extra=text(SAID[:3]))
    same(lines_of(s.a.expect("ACK")), [], "the ACK")
    s.b.request("INFO", d["uri"], d, extra=text(SAID[:3] + ["A: 1"]))
    r = s.a.expect("INFO")
    same(lines_of(r), ["A: 1"], "the INFO")
    s.a.reply(r, "200 OK", contact=False)
    s.b.expect("SIP/2.0 200")
    s.b.request("BYE", d["uri"], d)
    s.a.reply(s.a.expect("BYE"), "200 OK")


@case()
def nor_in_what_it_answers(s):
    d, i = s.invite()
    s.b.reply(i, "180 Ringing", "B1", extra=text(SAID))
    same(lines_of(s.a.expect("SIP/2.0 180")), [], "the 180")
    s.b.reply(i, "200 OK", "B1", extra=text(SAID + HARMLESS), body=SDP)
    ok, _ = s.confirm(d)
    same(lines_of(ok), HARMLESS, "the 200")
    s.bye(d)


@case(keys=("trusted=1",))
def a_trusted_network_is(s):
    same(lines_of(inward(s, SAID + HARMLESS)), SAID + HARMLESS, "the INVITE")
    # but what its caller wants hidden is hidden from the phone (RFC 3325 section 7)
    lines = SAID[:3] + ["Privacy: id", "Diversion: <sip:x@a.example>"]
    same(lines_of(inward(s, lines)), lines[3:], "the INVITE")


@case(keys=("trusted=1",))
def and_does_privacy_by_itself(s):
    lines = SAID[:3] + PERSONAL + ["Privacy: user;id;critical", "Proxy-Require: privacy"]
    i = outward(s, lines)
    same((lines_of(i), "alice" in i.get("From")), (lines, True), "the INVITE")


@case()
def without_privacy_all_passes(s):
    i = outward(s, SAID + PERSONAL)
    same(lines_of(i), SAID + PERSONAL, "the INVITE")
    i = outward(s, SAID[:3] + ["Privacy: none"])
    same(lines_of(i), SAID[:3] + ["Privacy: none"], "the INVITE")


@case()
def privacy_is_done_here(s):
    for asked, left in (("id", SAID[3:4] + SAID[5:7] + PERSONAL),
                        ("header", SAID[3:4] + ["Subject: tea", "Reply-To: <sip:me@a.example>",
                                                "Referred-By: <sip:me@a.example>"]),
                        ("History", SAID[:6] + PERSONAL),
                        ("session", SAID[:7] + PERSONAL),
                        ("user", SAID[3:4])):
        i = outward(s, SAID[:7] + PERSONAL + ["Privacy: " + asked + "; critical",
                                              "Proxy-Require: privacy", "A: 1"])
        same(lines_of(i), left + ["A: 1"], asked)
        anonymous = "<sip:anonymous@anonymous.invalid>" in i.get("From")
        same(anonymous, asked == "user", asked)
        same("alice" in i.get("From"), asked != "user", asked)
        assert "alice" not in i.contact() and "inside" not in i.data.decode() or asked != "user"


@case()
def what_is_not_known_passes_on(s):
    i = outward(s, ["Privacy: id;x-more"] + SAID[:1])
    same(lines_of(i), ["Privacy: x-more"], "the INVITE")
    s.a.request("INVITE", BOB, {"call_id": "c1", "ftag": "t1", "cseq": 0}, body=SDP,
                extra="Privacy: id;x-more;critical\r\n")
    no = s.a.expect("SIP/2.0 500")
    assert "privacy" in no.get("Warning"), no.data
    s.b.quiet(0.2)


@case(keys=("sealed=1",))
def a_name_that_keys_vouch_for_stays(s):
    i = outward(s, SAID[:3] + PERSONAL + ["Privacy: user;id"])
    same((lines_of(i), "alice" in i.get("From")), (["Privacy: user"], True), "the INVITE")
    s.a.request("INVITE", BOB, {"call_id": "c1", "ftag": "t1", "cseq": 0}, body=SDP,
                extra="Privacy: user;critical\r\n")
    s.a.expect("SIP/2.0 500")
    s.b.quiet(0.2)


@case()
def diversions_with_a_wish_of_their_own(s):
    keep = ["Diversion: <sip:y@a.example>;reason=user-busy;privacy=off",
            "History-Info: <sip:y@a.example>;index=1"]
    hide = ["Diversion: <sip:x@a.example>;privacy=full",
            "Diversion: <sip:x@a.example>;PRIVACY=\"full\"",
            "History-Info: <sip:x@a.example?Privacy=history>;index=1"]
    same(lines_of(outward(s, keep + hide)), keep, "the INVITE")


@case()
def the_wish_holds_for_the_dialog(s):
    d, i = s.invite(extra="Privacy: user\r\n")
    s.b.reply(i, "200 OK", "B1", body=SDP)
    s.confirm(d)
    s.a.request("INFO", d["uri"], d, extra=text(SAID[:3] + PERSONAL))
    r = s.b.expect("INFO")
    same((lines_of(r), "anonymous" in r.get("From")), ([], True), "the INFO")
    s.b.reply(r, "200 OK", contact=False)
    s.a.expect("SIP/2.0 200")
    e = called(i, "B1")
    s.b.request("BYE", i.contact(), e)
    y = s.a.expect("BYE")
    assert "alice" in y.get("To"), y.data  # on its own leg it is who it was
    s.a.reply(y, "200 OK", extra=text(SAID[:1]))
    same(lines_of(s.b.expect("SIP/2.0 200")), [], "its answer")
    s.gone()


@case()
def outside_a_call(s):
    s.a.request("MESSAGE", BOB, {"call_id": "m1", "ftag": "t1", "cseq": 0}, body="hi",
                extra="Content-Type: text/plain\r\n" + text(SAID[:3] + PERSONAL +
                                                            ["Privacy: user;id"]))
    r = s.b.expect("MESSAGE")
    same((lines_of(r), "anonymous.invalid" in r.get("From")), ([], True), "the MESSAGE")
    s.b.reply(r, "200 OK", "B1", contact=False)
    s.a.expect("SIP/2.0 200")
    s.b.request("MESSAGE", "sip:alice@a.example", {"call_id": "m2", "ftag": "t1", "cseq": 0},
                body="hi", extra="Content-Type: text/plain\r\n" + text(SAID))
    r = s.a.expect("MESSAGE")
    same(lines_of(r), [], "the MESSAGE")
    s.a.reply(r, "200 OK", "A1", contact=False)
    s.b.expect("SIP/2.0 200")


REQUIRED = ["Require: resource-priority", "Resource-Priority: x.1, wps.9"]


@case(keys=("preempt=24",))
def an_unknown_priority(s):
    """That a phone requires to be understood; strangers are not heard."""
    s.a.request("INVITE", BOB, dialog(), extra=text(REQUIRED), body=SDP)
    no = s.a.expect("SIP/2.0 417")
    same(no.data.split(b"\r\n")[0], b"SIP/2.0 417 Unknown Resource-Priority", "phrase")
    same(no.get("Accept-Resource-Priority"), ", ".join(
        "%s.%d" % (n, v) for n in ("ets", "wps") for v in (4, 3, 2, 1, 0)), "what is known")
    s.b.quiet(0.1)
    for lines in (REQUIRED[:1] + ["Resource-Priority: x.1, wps.0"], REQUIRED[1:], REQUIRED[:1]):
        same(lines_of(outward(s, lines)), lines, "the INVITE")
    same(lines_of(inward(s, REQUIRED)), REQUIRED[:1], "the INVITE")


@case()
def priorities_are_not_ours(s):
    same(lines_of(outward(s, REQUIRED)), REQUIRED, "the INVITE")


if __name__ == "__main__":
    sys.exit(main())
