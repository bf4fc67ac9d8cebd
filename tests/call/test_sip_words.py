#!/usr/bin/env python3
"""The words of a MESSAGE that are sealed from edge to edge, outside a call and
in one: built, bound, opened, refused. The mock core "seals" as in
sipsealed.py, and puts the words' own headers before them."""
import sys
import time

from sipscene import BOB, case, left, main, same
from sipsealed import TYPE, answer, frag
from sipsock import SDP, called, dialog

DATE = "Sat, 13 Nov 2027 23:29:00 GMT"
TEXT = "Content-Type: text/plain;charset=UTF-8\r\nContent-Language: de\r\n"
TYPING = "Content-Type: application/im-iscomposing+xml\r\n"
CPIM = "Content-Type: message/cpim\r\n"


def check_sealed(m, words, kind):
    """Words as they leave: bound to their message, with their own headers inside."""
    same(m.get("Content-Type").replace(" ", ""), TYPE, "type")
    same(m.get("Content-Language"), "", "a header of what is inside")
    same(int(m.get("Content-Length")), len(m.body), "length")
    bound, fields, inside = m.body.split(b"\r\n\r\n", 2)
    same(bound.decode() + "\r\n", frag(m.get), "bound headers")
    same(inside, words, "words")
    assert kind.encode() in fields.replace(b" ", b""), fields


def sealed(end, method, d, words, kind=TEXT, **over):
    """Headers and body of a MESSAGE as a gateway outside would make it."""
    own = {"From": "%s;tag=%s" % (d.get("from", "<sip:alice@inside.example>"), d["ftag"]),
           "To": d.get("to", "<sip:bob@b.example>") +
                 (";tag=" + d["ttag"] if d.get("ttag") else ""),
           "Call-ID": d["call_id"], "CSeq": "%d %s" % (d["cseq"] + 1, method),
           "Contact": "<%s>" % end.own_uri(), "Date": DATE}
    own.update(over)
    return {"body": (frag(lambda n: own.get(n, "")) + "\r\n" + kind + "\r\n").encode() + words,
            "extra": "Date: %s\r\nContent-Type: %s\r\n" % (DATE, TYPE)}


@case(keys=("bodies=1",))
def outward(s):
    for words, kind in ((b"hello\r\n\r\nyou \xc3\xa4\x01\xff", TEXT), (b"<isComposing/>", TYPING),
                        (b"From: <im:x>\r\n\r\nhi", CPIM)):
        d = dialog()
        s.a.request("MESSAGE", BOB, d, body=words, extra=kind + "Subject: tea\r\n")
        m = s.b.expect("MESSAGE")
        check_sealed(m, words, kind.split("\r\n", 1)[0].replace(" ", ""))
        same(m.get("Subject"), "tea", "another header")
        s.b.reply(m, "200 OK", "M1", contact=False, body="not for a phone")
        ok = s.a.expect("SIP/2.0 200")
        same(ok.get("Call-ID"), d["call_id"], "Call-ID")
        same(ok.body, b"", "a response has no body")
        left(s, 0)


@case(keys=("bodies=1",))
def inward(s):
    for words, kind in ((b"hello\x00\xff", TEXT), (b"<isComposing/>", TYPING)):
        d = dialog()
        s.b.request("MESSAGE", "sip:alice@a.example", d, **sealed(s.b, "MESSAGE", d, words, kind))
        m = s.a.expect("MESSAGE")
        same(m.body, words, "words")
        same(m.get("Content-Type"), kind.split("\r\n")[0].split(": ")[1], "type")
        same(m.get("Content-Language"), "de" if kind is TEXT else "", "language")
        same(m.all("Content-Type"), [m.get("Content-Type")], "one type")
        s.a.reply(m, "200 OK", "M1", contact=False, body="in clear")
        same(s.b.expect("SIP/2.0 200").body, b"", "a response has no body")
        left(s, 0)


@case(keys=("bodies=1",))
def what_is_not_of_its_message(s):
    for how in ("bare", "pasted", "later"):
        d = dialog()
        more = sealed(s.b, "MESSAGE", d, b"hello", **(
            {"Call-ID": "another"} if how == "pasted" else
            {"CSeq": "9 MESSAGE"} if how == "later" else {}))
        if how == "bare":
            more = {"body": b"hello", "extra": TEXT}
        s.b.request("MESSAGE", "sip:alice@a.example", d, **more)
        s.b.expect("SIP/2.0 488")
    s.a.quiet()
    left(s, 0)


@case(keys=("bodies=1",))
def without_words(s):
    s.a.request("MESSAGE", BOB, dialog())
    m = s.b.expect("MESSAGE")
    same(m.body, b"", "body")
    s.b.reply(m, "200 OK", "M1", contact=False)
    s.a.expect("SIP/2.0 200")
    s.a.request("MESSAGE", BOB, dialog(), body=SDP)
    s.a.expect("SIP/2.0 415")
    s.b.quiet()


@case(keys=("bodies=1", "known=1"))
def who_does_not_know_us_hears_it(s):
    s.a.request("MESSAGE", BOB, dialog(), body=b"hello", extra=TEXT)
    m = s.b.expect("MESSAGE")
    s.b.reply(m, "493 Undecipherable", "M1", contact=False)
    again = s.b.expect("MESSAGE")
    check_sealed(again, b"hello", "text/plain")
    same(int(again.get("CSeq").split()[0]), int(m.get("CSeq").split()[0]) + 1, "CSeq")
    s.b.reply(again, "493 Undecipherable", "M1", contact=False)
    s.a.expect("SIP/2.0 493")  # once is enough
    s.b.quiet()
    left(s, 0)


CERTS = "Content-Type: application/pkcs7-mime;smime-type=certs-only\r\n"


@case(keys=("bodies=1",))
def sealed_for_another_certificate(s):
    for body, again in ((b"good", True), (b"bad", False)):
        s.a.request("MESSAGE", BOB, dialog(), body=b"hello", extra=TEXT)
        m = s.b.expect("MESSAGE")
        s.b.reply(m, "493 Undecipherable", "M1", contact=False, extra=CERTS, body=body)
        if again:
            m = s.b.expect("MESSAGE")
            check_sealed(m, b"hello", "text/plain")
            s.b.reply(m, "493 Undecipherable", "M1", contact=False, extra=CERTS, body=body)
        same(s.a.expect("SIP/2.0 493").body, b"", "certificates for the phone")
        s.b.quiet(0.1)
        left(s, 0)


@case(keys=("bodies=1",))
def who_cannot_open_shows_his(s):
    s.b.request("MESSAGE", "sip:alice@a.example", dialog(), body=b"locked\x01",
                extra="Content-Type: %s\r\n" % TYPE)
    no = s.b.expect("SIP/2.0 493")
    same(no.body, b"good certificates \x01\x02", "our certificates")
    same(no.get("Content-Type"), "application/pkcs7-mime;smime-type=certs-only", "type")
    assert "not for us" in no.get("Warning"), no.headers
    s.a.quiet(0.1)


@case(keys=("bodies=1", "seal_ms=300"))
def ended_while_it_is_sealed(s):
    s.a.request("MESSAGE", BOB, dialog(), body=b"hello", extra=TEXT)
    time.sleep(0.1)
    same(s.relay.stats()["requests"], 1, "open")
    # the end of the program finds it on its way


@case(keys=("bodies=1",))
def in_a_call(s):
    d, i = s.invite()
    answer(s, i, "B1")
    s.confirm(d)
    s.a.request("MESSAGE", d["uri"], d, body=b"hello", extra=TEXT)
    m = s.b.expect("MESSAGE")
    check_sealed(m, b"hello", "text/plain")
    same(m.get("Call-ID"), i.get("Call-ID"), "its dialog")
    s.b.reply(m, "200 OK", contact=False, body="in clear")
    same(s.a.expect("SIP/2.0 200").body, b"", "body of the response")
    e = called(i, "B1")
    s.b.request("MESSAGE", i.contact(), e, **sealed(s.b, "MESSAGE", e, b"you\x00", TYPING))
    m = s.a.expect("MESSAGE")
    same(m.body, b"you\x00", "words")
    same(m.all("Content-Type"), ["application/im-iscomposing+xml"], "type")
    s.a.reply(m, "200 OK", contact=False)
    s.b.expect("SIP/2.0 200")
    s.b.request("MESSAGE", i.contact(), e, body=b"you", extra=TEXT)
    s.b.expect("SIP/2.0 488")
    s.a.quiet()
    s.bye(d)
    s.gone()


if __name__ == "__main__":
    sys.exit(main())
