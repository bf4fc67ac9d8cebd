#!/usr/bin/env python3
"""Certificates are asked for and shown: an OPTIONS with signed headers, and its
answer. The mock core "signs" by putting the bound headers into the body."""
import sys
import time

from sipscene import case, main, same
from sipsealed import TYPE, frag
from sipsock import dialog

DATE = "Sat, 13 Nov 2027 23:29:00 GMT"
ALICE, BOB = "sip:alice@inside.example", "sip:bob@b.example"


def ask(s):
    s.relay.say("fetch")
    return s.b.expect("OPTIONS")


def shown(s, expected, seconds=2.0):
    begin = time.monotonic()
    same(s.relay.process.stdout.readline().strip(), "shown=%d" % expected, "outcome")
    assert time.monotonic() - begin < seconds, "it took too long"


def check_signed(m):
    same(m.get("Content-Type").replace(" ", ""), TYPE, "type")
    same(int(m.get("Content-Length")), len(m.body), "length")
    same(m.body.decode(), frag(m.get, m.status and m.line[8:]) + "\r\n", "signed headers")


def answer(s, o, status="200 OK", body=None):
    own = {"From": o.get("From"), "To": o.get("To") + ";tag=B1", "Call-ID": o.get("Call-ID"),
           "CSeq": o.get("CSeq"), "Date": DATE}
    if body is None:
        body = frag(lambda n: own.get(n, ""), status) + "\r\n"
    s.b.reply(o, status, "B1", contact=False, body=body,
              extra="Date: %s\r\nContent-Type: %s\r\n" % (DATE, TYPE))


@case(keys=("bodies=1",))
def asked(s):
    o = ask(s)
    check_signed(o)
    same(o.uri, BOB, "whom")
    assert ALICE in o.get("From") and BOB in o.get("To"), o.headers
    assert "10.66" not in o.get("Call-ID"), o.get("Call-ID")
    answer(s, o)
    shown(s, True)


@case(keys=("bodies=1",))
def not_shown(s):
    for status, body in (("404 Not Found", None), ("200 OK", ""), ("200 OK", "Call-ID: x\r\n")):
        answer(s, ask(s), status, body)
        shown(s, False)


@case(keys=("bodies=1",))
def nobody_answers(s):
    ask(s)
    shown(s, False, 8)  # not as long as the call would wait


def question(s, caller=ALICE, body=None, uri=BOB):
    d = dialog(**{"from": "<%s>" % caller})
    own = {"From": "<%s>;tag=%s" % (caller, d["ftag"]), "To": "<%s>" % BOB,
           "Call-ID": d["call_id"], "CSeq": "1 OPTIONS", "Contact": "<%s>" % s.b.own_uri(),
           "Date": DATE}
    if body is None:
        body = frag(lambda n: own.get(n, "")) + "\r\n"
    s.b.request("OPTIONS", uri, d, body=body,
                extra="Date: %s\r\nContent-Type: %s\r\n" % (DATE, TYPE))
    return s.b.expect("SIP/2.0 ")


@case(keys=("bodies=1", "probes=1"))
def answered(s):
    ok = question(s)
    same(ok.status, 200, "status")
    check_signed(ok)
    s.a.quiet(0.1)


@case(keys=("bodies=1", "probes=1"))
def strangers_learn_nothing(s):
    for more in ({"caller": "sip:stranger@x.example"}, {"body": "Call-ID: other\r\n\r\n"}):
        no = question(s, **more)
        same(no.status, 404, "status")
        same(no.body, b"", "body")
    s.a.quiet(0.1)


@case(keys=("bodies=1",))
def where_none_are_shown(s):
    same(question(s).status, 404, "status")
    same(question(s, uri="sip:127.0.0.1:%d" % s.b.peer[1]).status, 200, "a ping")


if __name__ == "__main__":
    sys.exit(main())
