#!/usr/bin/env python3
"""Messages of calls that go whole within what is sealed (RFC 3261 23.4): what is left
around them, and what within them counts."""
import re
import sys

from sipscene import SDP, case, main, same
from sipsock import dialog
from sipwhole import WHOLE, answer, ask, far, within


def up(s):
    d, i = s.invite(extra="Subject: tea\r\nUser-Agent: phone\r\nX-Own: 7\r\n"
                          "Allow: INVITE, UPDATE, BYE\r\n")
    inner = within(i, "the INVITE", sdp=True)
    for name, value in (("Subject", "tea"), ("X-Own", "7"), ("Allow", "INVITE, UPDATE, BYE")):
        same(inner.get(name), value, name + " within the INVITE")
    answer(s, i, "B1", "180 Ringing", content="", more="X-Own: within\r\n",
           outer="X-Own: around\r\n")
    same(s.a.expect("SIP/2.0 180").all("X-Own"), ["within"], "what counts in a 180")
    answer(s, i, "B1", more="Server: within\r\n", outer="Server: around\r\nX-Own: y\r\n")
    ok, ack = s.confirm(d)
    same(ok.all("Server"), ["within"], "what counts in a 200")
    same(ok.all("X-Own"), [], "what nobody sealed")
    same((ok.get("Content-Type"), ok.body[:3]), ("application/sdp", b"v=0"), "for the phone")
    within(ack, "the ACK", sdp=False)
    return d, i


@case(keys=WHOLE)
def outward(s):
    d, _ = up(s)
    s.a.request("BYE", d["uri"], d, extra="X-Own: 1\r\n")
    bye = s.b.expect("BYE")
    same(within(bye, "the BYE", sdp=False).get("X-Own"), "1", "header within the BYE")
    answer(s, bye, "B1", content="")
    s.a.expect("SIP/2.0 200")
    s.gone()


def invited(s, **kw):
    """An INVITE from outside, whole; its dialog."""
    d = dialog(ftag="f1")
    d["branch"] = ask(s, "INVITE", d, "sip:bob@b.example", content=SDP, **kw)
    return d


def inward_up(s):
    d = invited(s, more="Subject: within\r\n", outer="Subject: around\r\nX-Own: 1\r\n")
    i = s.a.expect("INVITE")
    same(i.all("Subject"), ["within"], "what counts in an INVITE")
    same(i.get("X-Own"), "", "what nobody sealed")
    same(i.get("Max-Forwards"), "69", "the hops of the message around")
    same((i.get("Content-Type"), i.body[:3]), ("application/sdp", b"v=0"), "for the phone")
    s.a.reply(i, "180 Ringing", "A1", extra="Server: phone\r\n")
    same(within(s.b.expect("SIP/2.0 180"), "the 180", sdp=False).get("Server"), "phone",
         "a header within the 180")
    s.a.reply(i, "200 OK", "A1", body=SDP)
    ok = s.b.expect("SIP/2.0 200")
    within(ok, "the 200", sdp=True)
    d["ttag"], d["uri"] = ok.tag("To"), ok.contact()
    ask(s, "ACK", d, d["uri"], cseq=1)
    s.a.expect("ACK")
    return d


@case(keys=WHOLE)
def inward(s):
    inward_up(s)
    s.relay.say("hangup 486 enough")
    bye = s.b.expect("BYE")
    assert "486" in within(bye, "our own BYE", sdp=False).get("Reason"), bye.body
    assert not bye.get("Reason"), "our BYE shows why"
    s.b.reply(bye, "200 OK", contact=False)
    s.a.reply(s.a.expect("BYE"), "200 OK", contact=False)
    s.gone()


@case(keys=WHOLE + ("no_late=1",))
def what_is_of_another_message_rings_no_phone(s):
    for n, over in enumerate(({"Call-ID": "other"}, {"CSeq": "2 INVITE"},
                              {"CSeq": "1 UPDATE"}, {"From": ""})):
        d = invited(s, **over)
        no = s.b.expect("SIP/2.0 4")
        assert no.status in (400, 488), no.line
        s.b.request("ACK", "sip:bob@b.example", d, branch=d["branch"])
    d = dialog(ftag="f1")
    branch = s.b.request("INVITE", "sip:bob@b.example", d, body=SDP)
    s.b.expect("SIP/2.0 488")
    s.b.request("ACK", "sip:bob@b.example", d, branch=branch)
    d = dialog(ftag="f2")  # and one that offers nothing
    d["branch"] = ask(s, "INVITE", d, "sip:bob@b.example")
    s.b.expect("SIP/2.0 4")
    s.b.request("ACK", "sip:bob@b.example", d, branch=d["branch"])
    s.a.quiet()
    s.gone(n + 3)


@case(keys=WHOLE)
def nobody_else_ends_it(s):
    d, i = up(s)
    e, ends = far(i)
    s.b.request("BYE", i.contact(), e, **ends)
    s.b.expect("SIP/2.0 403")
    ask(s, "BYE", e, i.contact(), ends=ends, CSeq="8 BYE")
    s.b.expect("SIP/2.0 488")
    s.a.quiet()
    ask(s, "BYE", e, i.contact(), ends=ends)
    s.a.reply(s.a.expect("BYE"), "200 OK", contact=False)
    within(s.b.expect("SIP/2.0 200"), "the 200 of the BYE", sdp=False)
    s.gone()


@case(keys=WHOLE)
def reliable_ringing_out(s):
    d, i = s.invite(extra="Supported: 100rel\r\n")
    answer(s, i, "B1", "183 Session Progress", outer="Require: 100rel\r\nRSeq: 5\r\n")
    ringing = s.a.expect("SIP/2.0 183")
    assert ringing.body.startswith(b"v=0") and ringing.get("RSeq"), ringing.data
    d["ttag"], d["uri"] = ringing.tag("To"), ringing.contact()
    s.a.request("PRACK", d["uri"], d, extra="RAck: %s 1 INVITE\r\n" % ringing.get("RSeq"))
    prack = s.b.expect("PRACK")
    same(within(prack, "the PRACK", sdp=False).get("RAck"), prack.get("RAck"), "RAck")
    same(prack.get("RAck").split()[0], "5", "what it acknowledges")
    answer(s, prack, "B1", content="")
    s.a.expect("SIP/2.0 200")
    answer(s, i, "B1", content="")
    s.confirm(d, cseq=1)
    s.bye(d)
    s.gone()


@case(keys=WHOLE)
def a_prack_of_our_own(s):
    """For a phone that knows none."""
    d, i = s.invite()
    answer(s, i, "B1", "183 Session Progress", outer="Require: 100rel\r\nRSeq: 5\r\n")
    prack = s.b.expect("PRACK")
    same(within(prack, "our own PRACK", sdp=False).get("RAck"), prack.get("RAck"), "RAck")
    same(prack.get("RAck"), "5 " + i.get("CSeq"), "what it acknowledges")
    answer(s, prack, "B1", content="")
    ringing = s.a.expect("SIP/2.0 183")
    assert ringing.body.startswith(b"v=0") and not ringing.get("RSeq"), ringing.data
    answer(s, i, "B1", content="")
    s.confirm(d, cseq=1)
    s.bye(d)
    s.gone()


@case(keys=WHOLE)
def reliable_ringing_in(s):
    d = invited(s, more="Supported: 100rel\r\n", outer="Supported: 100rel\r\n")
    i = s.a.expect("INVITE")
    s.a.reply(i, "183 Session Progress", "A1", body=SDP,
              extra="Require: 100rel\r\nRSeq: 9\r\n")
    ringing = s.b.expect("SIP/2.0 183")
    within(ringing, "the 183", sdp=True)
    d["ttag"], d["uri"] = ringing.tag("To"), ringing.contact()
    rack = "RAck: %s 1 INVITE\r\n" % ringing.get("RSeq")
    ask(s, "PRACK", d, d["uri"], more=rack, outer=rack)
    prack = s.a.expect("PRACK")
    same(prack.get("RAck").split()[0], "9", "what it acknowledges")
    s.a.reply(prack, "200 OK", contact=False)
    within(s.b.expect("SIP/2.0 200"), "the 200 of the PRACK", sdp=False)
    s.a.reply(i, "200 OK", "A1")
    ok = s.b.expect("SIP/2.0 200")
    ask(s, "ACK", d, ok.contact(), cseq=1)
    s.a.expect("ACK")
    s.bye({"call_id": i.get("Call-ID"), "ftag": "A1", "ttag": i.tag("From"), "cseq": 1,
           "uri": i.contact(), "from": i.get("To"), "to": i.get("From").split(";")[0]})
    s.gone()


@case(keys=WHOLE)
def new_keys_go_whole(s):
    d, i = up(s)
    s.relay.say("reoffer")
    s.relay.process.stdout.readline()
    again = s.b.expect("INVITE|UPDATE")
    inner = within(again, "our offer", sdp=True)
    assert inner.get("Allow"), "what we allow is not within our offer"
    answer(s, again, "B1")
    if again.method == "INVITE":
        s.b.expect("ACK")
    s.bye(d)
    s.gone()


@case(keys=WHOLE + ("keys_only=1",))
def their_new_keys_get_an_answer(s):
    d, i = up(s)
    e, ends = far(i)
    ask(s, "UPDATE", e, i.contact(), content=SDP, ends=ends)
    within(s.b.expect("SIP/2.0 200"), "the answer", sdp=True)
    s.bye(d)
    s.gone()


@case(keys=WHOLE)
def offers_and_words_in_the_call(s):
    d, i = up(s)
    e, ends = far(i)
    ask(s, "INVITE", e, i.contact(), content=SDP, ends=ends, more="X-Own: 2\r\n")
    again = s.a.expect("INVITE")
    same(again.get("X-Own"), "2", "header within a re-INVITE")
    s.a.reply(again, "200 OK", body=SDP)
    within(s.b.expect("SIP/2.0 200"), "its 200", sdp=True)
    ask(s, "ACK", e, i.contact(), ends=ends, cseq=8)
    s.a.expect("ACK")
    ask(s, "INFO", e, i.contact(), content="5", ends=ends, more="X-Own: 3\r\n")
    info = s.a.expect("INFO")
    same((info.get("X-Own"), info.get("Content-Type"), info.body), ("3", "text/plain", b"5"),
         "INFO for the phone")
    s.a.reply(info, "200 OK", contact=False)
    within(s.b.expect("SIP/2.0 200"), "the 200 of the INFO", sdp=False)
    s.a.request("MESSAGE", d["uri"], d, body="hi", extra="Content-Type: text/plain\r\n")
    words = s.b.expect("MESSAGE")
    inner = within(words, "the MESSAGE")
    assert re.match(rb"Content-Type: text/plain\r\n\r\nhi$", inner.body) or (
        inner.body == b"hi"), words.body
    answer(s, words, "B1", content="")
    s.a.expect("SIP/2.0 200")
    s.bye(d)
    s.gone()


@case(keys=WHOLE)
def what_is_not_sealed_is_left_out(s):
    d, i = s.invite()
    s.b.reply(i, "180 Ringing", "B1")
    s.a.quiet()
    answer(s, i, "B1", "180 Ringing", content="", **{"CSeq": "9 INVITE"})
    s.a.quiet()
    s.b.reply(i, "200 OK", "B1", body=SDP)
    s.b.expect("ACK")
    within(s.b.expect("BYE"), "our BYE", sdp=False)


if __name__ == "__main__":
    sys.exit(main())
