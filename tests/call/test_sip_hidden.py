#!/usr/bin/env python3
"""Calls whose header outside names nobody (hide): what is around, what within, what the
phone hears, and whoever stops half way."""
import hashlib
import re
import sys

import sipphone
from sipscene import OUTSIDE, PORT, SDP, SLOW, T1, case, main, same
from sipsock import Message, dialog
from sipwhole import TYPED, WHOLE, answer, ask, put

HIDE = WHOLE + ("hide=1",)
BOTH = WHOLE + ("hide=2",)
ANONYMOUS = '"Anonymous" <sip:anonymous@anonymous.invalid>'


def unnamed(m, what, shows=""):
    """What is in a message whose header names nobody but, maybe, who is called."""
    for word in ("alice", "bob", "sip:us@", "them@"):
        if word != shows:
            head = m.data.split(b"\r\n\r\n")[0]
            assert word.encode() not in head, "%s shows %s: %s" % (what, word, head)
    inner = Message(m.body)
    same((inner.get("Call-ID"), inner.tag("From")), (m.get("Call-ID"), m.tag("From")), what)
    return inner


def far(i, tag="B1", cseq=7):
    """The dialog of a call to the far end as it sees it, From and To there, and within."""
    d = {"call_id": i.get("Call-ID"), "ftag": tag, "ttag": i.tag("From"), "cseq": cseq}
    to = i.get("To").split(";tag")[0] + ";tag=" + tag
    return (d, {"From": to, "To": i.get("From")},
            {"From": "<sip:bob@b.example>;tag=" + tag,
             "To": "<sip:us@inside.example>;tag=" + d["ttag"]})


def in_the_call(s, d, i, shows):
    """Requests of both sides, one a new offer each, and words."""
    s.a.request("INVITE", d["uri"], d, body=SDP)
    again = s.b.expect("INVITE")
    same(unnamed(again, "the re-INVITE", shows).body[:3], b"v=0", "what it offers")
    answer(s, again, "B1")
    unnamed(s.confirm(d)[1], "its ACK", shows)
    s.a.request("MESSAGE", d["uri"], d, body="hi", extra="Content-Type: text/plain\r\n")
    words = s.b.expect("MESSAGE")
    assert unnamed(words, "the MESSAGE", shows).body.endswith(b"hi"), words.body
    answer(s, words, "B1", content="")
    s.a.expect("SIP/2.0 200")
    e, ends, inner = far(i)
    ask(s, "INVITE", e, i.contact(), content=SDP, ends=ends, **inner)
    s.a.reply(s.a.expect("INVITE"), "200 OK", body=SDP)
    unnamed(s.b.expect("SIP/2.0 200"), "the answer to theirs", shows)
    ask(s, "ACK", e, i.contact(), ends=ends, cseq=8, **inner)
    s.a.expect("ACK")
    ask(s, "REFER", e, i.contact(), ends=ends, outer="Refer-To: <sip:carol@b.example>\r\n",
        more="Refer-To: <sip:carol@b.example>\r\n", **inner)
    s.b.expect("SIP/2.0 403")
    ask(s, "INFO", e, i.contact(), content="5", ends=ends, **inner)
    info = s.a.expect("INFO")
    s.a.reply(info, "182 Queued", contact=False)  # goes no further
    s.a.reply(info, "200 OK", contact=False)
    unnamed(s.b.expect("SIP/2.0 200"), "the 200 of the INFO", shows)


# What a phone may say of itself, and of others.
TOLD = "".join("%s: %s\r\n" % (name, value % "alice") for name, value in (
    ("P-Asserted-Identity", "<sip:%s@inside.example>"),
    ("P-Preferred-Identity", "<sip:%s@inside.example>"),
    ("Remote-Party-ID", "<sip:%s@inside.example>"), ("Diversion", "<sip:%s@inside.example>"),
    ("History-Info", "<sip:%s@inside.example>;index=1"), ("Referred-By", "<sip:%s@b.example>"),
    ("Reply-To", "<sip:%s@inside.example>"), ("Call-Info", "<http://inside.example/%s>"),
    ("Alert-Info", "<http://inside.example/%s>"), ("Identity", "%s"), ("User-Agent", "%s 1.0"),
    ("Subject", "%s"), ("Organization", "%s"), ("In-Reply-To", "%s@inside.example"),
    ("Session-ID", "%s"), ("User-to-User", "%s"), ("Warning", '399 %s "none"'),
    ("Reason", 'SIP;text="%s"'), ("X-Own", "%s")))
# Of a failure, what else of the few kept headers could name somebody.
TOLD_IN_FAILURE = "Refer-To: <sip:alice@inside.example>\r\nReplaces: alice;to-tag=1;from-tag=2\r\n"


def hidden_out(s, shows):
    d, i = s.invite(extra=TOLD)
    same(i.get("From").split(";")[0], ANONYMOUS, "From of the INVITE")
    inner = unnamed(i, "the INVITE", shows)
    assert "alice@" in inner.get("From") and "bob@" in inner.get("To"), inner.data
    assert "bob@" in inner.line, inner.line
    answer(s, i, "B1", "180 Ringing", content="")
    s.a.expect("SIP/2.0 180")
    answer(s, i, "B1")
    _, ack = s.confirm(d)
    same(unnamed(ack, "the ACK", shows).get("From").split(";")[0], "<sip:us@inside.example>",
         "From within the ACK")
    in_the_call(s, d, i, shows)
    s.a.request("REFER", d["uri"], d, extra="Refer-To: <sip:carol@b.example>\r\n")
    s.a.expect("SIP/2.0 403")
    s.a.request("BYE", d["uri"], d)
    bye = s.b.expect("BYE")
    unnamed(bye, "the BYE", shows)
    answer(s, bye, "B1", content="")
    s.a.expect("SIP/2.0 200")
    s.gone()
    return i


@case(keys=HIDE)
def who_calls_is_hidden(s):
    assert "bob@" in hidden_out(s, "bob").line, "who is called is hidden, too"


@case(keys=BOTH)
def who_is_called_is_hidden(s):
    i = hidden_out(s, "")
    token = re.match(r"INVITE sip:([0-9a-f]{32})@", i.line)
    assert token and token[1] in i.get("To"), i.line


def hidden_in(s, uri="sip:bob@b.example", caller="<sip:alice@inside.example>;tag=f1", **over):
    """An INVITE of a hidden caller's."""
    d = dialog(ftag="f1")
    ends = {"From": ANONYMOUS + ";tag=f1", "To": "<%s>" % uri}
    d["branch"] = ask(s, "INVITE", d, uri, content=SDP, ends=ends, **dict(over, From=caller))
    return d


@case(keys=HIDE)
def the_phone_hears_who_calls(s):
    d = hidden_in(s)
    i = s.a.expect("INVITE")
    assert "alice@inside.example" in i.get("From"), i.get("From")
    s.a.reply(i, "486 Bob is out", "A1", body="alice may ring later",
              extra=TOLD + TOLD_IN_FAILURE + "Server: phone\r\nContent-Type: text/plain\r\n")
    no = s.b.expect("SIP/2.0 486")
    same((no.line, no.get("Server"), no.get("Contact")), ("SIP/2.0 486 Busy Here", "", ""),
         "a failure outside")
    assert "alice" not in no.data.decode(), no.data
    s.b.request("ACK", "sip:bob@b.example", d, branch=d["branch"],
                From=ANONYMOUS + ";tag=f1", To=no.get("To"))
    s.gone()


@case(keys=HIDE)
def what_is_hidden_and_of_another_message_rings_no_phone(s):
    hidden_in(s, **{"Call-ID": "other"})
    s.b.expect("SIP/2.0 488")
    s.a.quiet()
    s.gone(0)


@case(keys=HIDE + ("seal_ms=1",))
def who_hangs_up_before_he_is_known(s):
    d = hidden_in(s)
    s.b.expect("SIP/2.0 100")
    s.b.request("CANCEL", "sip:bob@b.example", d, branch=d["branch"], cseq=1,
                From=ANONYMOUS + ";tag=f1", To="<sip:bob@b.example>")
    same({s.b.expect("SIP/2.0 [24]").status for _ in range(2)}, {200, 487}, "what it gets")
    s.a.quiet()
    s.gone(0)

@case(keys=HIDE)
def both_sides_speak_in_his_call(s):
    d = hidden_in(s)
    i = s.a.expect("INVITE")
    s.a.reply(i, "200 OK", "A1", body=SDP)
    ok = s.b.expect("SIP/2.0 200")
    unnamed(ok, "the 200", "bob")
    d["ttag"], d["uri"] = ok.tag("To"), ok.contact()
    ends = {"From": ANONYMOUS + ";tag=f1", "To": ok.get("To")}
    inner = {"From": "<sip:alice@inside.example>;tag=f1"}
    ask(s, "ACK", d, d["uri"], cseq=1, ends=ends, **inner)
    s.a.expect("ACK")
    ask(s, "UPDATE", d, d["uri"], content=SDP, ends=ends, **inner)
    update = s.a.expect("UPDATE")
    same(update.tag("From"), i.tag("From"), "the caller's tag")
    s.a.reply(update, "200 OK", body=SDP)
    unnamed(s.b.expect("SIP/2.0 200"), "the 200 of the UPDATE", "bob")
    s.relay.say("hangup 486 enough")
    bye = s.b.expect("BYE")
    inner = unnamed(bye, "our own BYE", "bob")
    same(bye.get("To"), ANONYMOUS + ";tag=f1", "To of our own BYE")
    same(inner.get("To"), "<sip:them@b.example>;tag=f1", "To within our own BYE")
    s.b.reply(bye, "200 OK", contact=False)
    s.a.reply(s.a.expect("BYE"), "200 OK", contact=False)
    s.gone()


@case(keys=BOTH, target="tel:+15551234,sip:127.0.0.1:%d" % (PORT + 11))
def a_number_is_at_no_place_to_hide_it(s):
    d = dialog()
    branch = s.a.request("INVITE", "tel:+15551234", d, body=SDP)
    no = s.a.expect("SIP/2.0 500")
    s.a.request("ACK", "tel:+15551234", dict(d, ttag=no.tag("To")), branch=branch)
    s.b.quiet()
    s.gone()


def led(s, d, user, to):
    """An INVITE for bob that came to another user's name; whom the phone's is for."""
    ends = {"From": ANONYMOUS + ";tag=f1", "To": "<sip:%s@b.example>" % to}
    inner = {"From": "<sip:alice@inside.example>;tag=f1", "To": "<sip:bob@b.example>",
             "Call-ID": d["call_id"], "CSeq": "1 INVITE", "Contact": "<%s>" % s.b.own_uri()}
    d["branch"] = s.b.request("INVITE", "sip:%s@b.example" % user, d, extra=TYPED, **ends,
                              body=put("INVITE sip:bob@b.example SIP/2.0", inner, SDP))
    i = s.a.expect("INVITE")
    same(i.get("To"), "<sip:bob@b.example>", "To for the phone")
    s.a.reply(i, "486 Busy Here", "A1")
    no = s.b.expect("SIP/2.0 486")
    s.b.request("ACK", "sip:x@b.example", d, branch=d["branch"], From=ends["From"],
                To=no.get("To"))
    s.gone()
    return i.uri


PHONE = ",sip:127.0.0.1:%d" % (PORT + 10)  # whoever is called


@case(keys=HIDE, inside=PHONE)
def proxies_lead_to_who_is_named(s):
    same(led(s, dialog(ftag="f1"), "desk7", "bob"), "sip:desk7@b.example",
         "where a proxy led the call")


@case(keys=BOTH, inside=PHONE)
def a_token_leads_to_who_is_within(s):
    d = dialog(ftag="f1")
    text = "callseal hidden callee\n" + d["call_id"]
    token = hashlib.sha256(text.encode()).hexdigest()[:32]
    same(led(s, d, token, token), "sip:bob@b.example", "where the message within led the call")


@case(keys=HIDE + sipphone.OPTIONS["keys"], target=sipphone.HOP)
def several_phones_hear_who_calls(s):
    ends = [s.a, s.end(PORT + 12, ("127.0.0.1", PORT))]
    for end in ends:
        sipphone.Phone(end).register()
    d = hidden_in(s, "sip:alice@a.example", "<sip:carol@b.example>;tag=f1")
    invites = [end.expect("INVITE", 2 * SLOW) for end in ends]
    for i in invites:
        assert "carol@b.example" in i.get("From"), i.get("From")
    ends[1].reply(invites[1], "180 Ringing", "R1")
    unnamed(s.b.expect("SIP/2.0 180"), "the 180", "alice")
    for end, i in zip(ends, invites):
        end.reply(i, "486 Alice is out", "R")
        end.expect("ACK")
    no = s.b.expect("SIP/2.0 486")
    same((no.line, no.get("Contact"), no.body), ("SIP/2.0 486 Busy Here", "", b""), "a failure")
    s.b.request("ACK", "sip:alice@a.example", d, branch=d["branch"], From=ANONYMOUS + ";tag=f1",
                To=no.get("To"))
    s.gone()


@case(keys=HIDE)
def a_phone_that_sends_him_elsewhere(s):
    hidden_in(s)
    i = s.a.expect("INVITE")
    s.a.reply(i, "302 Bob is at home", "A1", extra="Contact: <sip:bob@home.example>\r\n",
              contact=False)
    s.a.expect("ACK")
    no = s.b.expect("SIP/2.0 480")
    assert b"home" not in no.data and not no.get("Contact"), no.data


@case(keys=BOTH + ("follow=1",))
def sent_elsewhere(s):
    """The new place is named, and its user is not."""
    c = s.end(PORT + 12, OUTSIDE, host="127.0.0.2")
    d, i = s.invite()
    s.b.reply(i, "302 Moved", "B1", contact=False,
              extra="Contact: <sip:carol@127.0.0.2:%d>\r\n" % (PORT + 12))
    s.b.expect("ACK")
    again = c.expect("INVITE")
    inner = unnamed(again, "the INVITE that follows")
    assert "carol" not in again.data.decode().split("\r\n\r\n")[0], again.data
    same(inner.line.split("@")[0], "INVITE sip:carol", "whom it is for, within")
    assert again.uri.split("@")[0] != i.uri.split("@")[0], "one token for two places"
    assert again.uri.endswith("@127.0.0.2:%d" % (PORT + 12)), again.uri
    c.reply(again, "486 Busy Here", "C1")
    c.expect("ACK")
    s.a.expect("SIP/2.0 486")
    s.gone()


@case(keys=HIDE + ("seal_ms=1",))
def only_so_many_wait_to_be_known(s):
    for n in range(65):
        d = dialog(ftag="f%d" % n)
        ends = {"From": ANONYMOUS + ";tag=" + d["ftag"], "To": "<sip:bob@b.example>"}
        s.b.request("INVITE", "sip:bob@b.example", d, extra=TYPED, **ends,
                    body=put("INVITE sip:bob@b.example SIP/2.0", ends, SDP))
        s.b.expect("SIP/2.0 100" if n < 64 else "SIP/2.0 503", skip="nothing" if n < 64
                   else "SIP/2.0 100")
    s.a.quiet(skip="INVITE")
    s.gone(0)  # and the module stops with all of them


def no_memory(s, what, n):
    """The n-th allocation fails: a final response, or nothing is wrong."""
    s.relay.set("oom=%d" % n)
    got = what(s)
    s.relay.set("oom=0")
    return got


def drain(s):
    """Whatever else is under way is over."""
    for end in (s.a, s.b):
        while True:
            m = end.recv(0.15 * SLOW)
            if not m:
                break
            if m.method in ("BYE", "CANCEL"):
                end.reply(m, "200 OK", contact=False)


def one_in(s):
    d = hidden_in(s)
    i = s.a.recv(0.3 * SLOW)
    if i and i.method == "INVITE":
        s.a.reply(i, "486 Busy Here", "A1")
    got = s.b.expect("SIP/2.0 [45]", 8 * SLOW)
    s.b.request("ACK", "sip:bob@b.example", d, branch=d["branch"], From=ANONYMOUS + ";tag=f1",
                To=got.get("To"))
    return got.status


def one_out(s):
    d = dialog()
    d["branch"] = s.a.request("INVITE", "sip:bob@b.example", d, body=SDP)
    i = s.b.recv(0.3 * SLOW)
    if i and i.method == "INVITE":
        unnamed(i, "the INVITE", "")
        s.b.reply(i, "486 Busy Here", "B1")
    got = s.a.expect("SIP/2.0 [45]", 8 * SLOW)
    s.a.request("ACK", "sip:bob@b.example", dict(d, ttag=got.tag("To")), branch=d["branch"])
    return got.status


@case(keys=BOTH + ("t1=%d" % T1,))
def memory_runs_out(s):
    """Wherever it does, nothing is left behind, and nobody is named."""
    for what in (one_in, one_out):
        seen = set()
        for n in range(1, 16):
            seen.add(no_memory(s, what, n))
            drain(s)
        assert 486 in seen and seen <= {486, 500, 503, 480}, seen
        assert 500 in seen or 503 in seen, seen
    s.gone(s.relay.stats()["started"])


if __name__ == "__main__":
    sys.exit(main())
