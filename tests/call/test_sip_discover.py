#!/usr/bin/env python3
"""IPsec found out by OPTIONS: who hears of it when he asks us, and what we take from
the answers to our own questions."""
import os
import re
import sys
import tempfile
import time

from sipscene import OUTSIDE, PORT, SLOW, branch, case, main, same
from sipsock import SDP, dialog

CONF = '''
profiles = { p = { need = "forbid"; }; };
peers = ( { match = "*"; profile = "p"; name = "far"; keepalive = %d;
	route = "sip:127.0.0.1:%d"; } );
'''
US = "sip:127.0.0.1:%d" % OUTSIDE[1]
SDP_TYPE = "Content-Type: application/sdp\r\n"
HEAD = "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n"
IKE = "m=application 0 udp ike-esp-udpencap\r\nc=IN IP4 %s\r\n"
ESP = "a=x-callseal-esp:241 IN IP4 192.0.2.8\r\n"
PRINT = "a=fingerprint:SHA-1 A9:99:3E:36:47:06:81:6A:BA:3E:25:71:78:50:C2:6C:9C:D0:D8:9D\r\n"


def lead(s, keepalive=0):
    with tempfile.NamedTemporaryFile("w", suffix=".conf", delete=False) as f:
        f.write(CONF % (keepalive, PORT + 11))
    s.relay.set("conf=%s" % f.name)
    os.unlink(f.name)


# -- asked ---------------------------------------------------------------------

def ask(end, extra="Accept: application/sdp\r\n", uri=US, **over):
    end.request("OPTIONS", uri, dialog(), extra=extra, **over)
    return end.expect("SIP/2.0 ")


def told(ok):
    same((ok.status, ok.get("Content-Type"), ok.get("Supported")),
         (200, "application/sdp", "100rel, timer, precondition"), "the answer")
    assert b"m=application 0 udp ike-esp-udpencap ike-esp\r\nc=IN IP4 192.0.2.1\r\n" in ok.body
    assert b"a=x-callseal-esp:241 IN IP4 192.0.2.1\r\n" in ok.body, ok.body


def not_told(ok, status=200):
    same((ok.status, ok.get("Content-Type"), ok.body), (status, "", b""), "the answer")
    if status == 200:
        same((ok.get("Supported"), ok.get("Accept")), ("100rel, timer", "application/sdp"),
             "as ever")


@case(keys=("tells=1",))
def a_next_hop_is_told(s):
    lead(s)
    told(ask(s.b))
    told(ask(s.b, ""))  # RFC 3261 20.1
    told(ask(s.b, "Accept: text/plain, application/*;q=0.3\r\n"))
    told(ask(s.b, "Accept: */*\r\n", uri=US + ";transport=udp"))
    told(ask(s.end(PORT + 13, OUTSIDE)))  # whatever its port
    same((s.relay.stats()["started"], s.relay.stats()["requests"]), (0, 0), "what it left")


@case(keys=("tells=1",))
def who_does_not_take_sdp(s):
    lead(s)
    for accept in ("text/plain", "", "application/sdp;q=0", "application/sdpx"):
        not_told(ask(s.b, "Accept: %s\r\n" % accept))


@case(keys=("tells=1",))
def a_stranger_is_not(s):
    """Not in our routes: by its address, whatever it says of itself."""
    lead(s)
    stranger = s.end(PORT + 13, OUTSIDE, host="127.0.0.9")
    not_told(ask(stranger))
    not_told(ask(stranger, From="<sip:bob@127.0.0.1:%d>;tag=x" % (PORT + 11),
                 Contact="<sip:bob@127.0.0.1:%d>" % (PORT + 11)))
    not_told(ask(stranger, Via="SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bKy;rport" % (PORT + 11)))
    s.relay.set("tells=0")
    not_told(ask(s.b))


@case(keys=("tells=1",))
def nor_who_has_it_sent_elsewhere(s):
    """A Via with maddr: the question's source may be forged (RFC 3261 18.2.2)."""
    lead(s)
    thief = s.end(PORT + 13, OUTSIDE, host="127.0.0.9")
    s.b.request("OPTIONS", US, dialog(), extra="Accept: application/sdp\r\n",
                Via="SIP/2.0/UDP 127.0.0.1:%d;maddr=127.0.0.9;branch=z9hG4bKx" % (PORT + 13))
    got = thief.recv(0.5) or s.b.recv(0.5)
    assert got, "no answer at all"
    not_told(got)


@case(keys=("tells=1",))
def nobody_inside_is(s):
    lead(s)
    not_told(ask(s.a, uri="sip:127.0.0.1:%d" % PORT))


@case(keys=("tells=1",))
def nor_of_somebody_else(s):
    lead(s)
    same(ask(s.b, uri="sip:carol@c.example").status, 404, "another's OPTIONS")


@case(keys=("tells_late=1",))
def before_it_is_known(s):
    lead(s)
    no = ask(s.b)
    not_told(no, 480)
    same(no.get("Retry-After"), "5", "Retry-After")
    s.relay.set("tells_late=0")
    s.relay.set("tells=1")
    told(ask(s.b))


# -- asking --------------------------------------------------------------------

SAID = r"at=(\d+) ike=(\d):(\S*) esp=(\d):(\S*) certs=(\d+) why=(.*)"


def said(s):
    """When the server said something last, and what."""
    s.relay.say("heard sip:127.0.0.1:%d" % (PORT + 11))
    got = re.match(SAID, s.relay.process.stdout.readline())
    return int(got.group(1)), got.groups()[1:]


def heard(s, before):
    """What it has said since then."""
    end = time.monotonic() + 3 * SLOW
    while True:
        at, what = said(s)
        if at > before:
            return what
        assert time.monotonic() < end, "its answer was not heard"
        time.sleep(0.02)


NOTHING = ("0", "none", "0", "none", "0", "")


def question(s):
    """The next one, and not the last one again because our answer was late."""
    while True:
        q = s.b.expect("OPTIONS", 3 * SLOW)
        if branch(q) != getattr(s, "asked", ""):
            s.asked = branch(q)
            return q


def answers(s, *rows):
    """Each question is answered so: (status, headers, body), and what came of it."""
    for n, (status, extra, body, want) in enumerate(rows):
        q = question(s)
        same(q.get("Accept"), "application/sdp", "Accept")
        before = said(s)[0]
        s.b.reply(q, status, "O%d" % n, extra, body)
        got = heard(s, before)
        if want == "?":
            assert got[:5] == NOTHING[:5] and got[5], (n, got)
        else:
            same(got, want, "answer %d" % n)


@case(target="")
def what_servers_say(s):
    """Another answer takes the place of the one before, whatever it says."""
    lead(s, 1)
    both = ("1", "192.0.2.9", "1", "192.0.2.8", "1", "")
    answers(s,
            ("200 OK", SDP_TYPE, HEAD + ESP + IKE % "192.0.2.9" + PRINT, both),
            ("200 OK", "", "", NOTHING),
            ("200 OK", SDP_TYPE, HEAD + IKE % "192.0.2.10",
             ("1", "192.0.2.10", "0", "none", "0", "")),
            ("200 OK", SDP_TYPE, SDP, NOTHING),
            ("200 OK", SDP_TYPE, HEAD + IKE % "192.0.2.11" + IKE % "192.0.2.12",
             ("1", "192.0.2.11", "0", "none", "0", "")))
    same(s.relay.stats()["discovered"], 5, "answers of which the core was told")


@case(target="")
def what_cannot_be_read(s):
    lead(s, 1)
    big = HEAD + "".join("a=x:%d\r\n" % i for i in range(4000)) + IKE % "192.0.2.9"
    many = HEAD + 17 * (IKE % "192.0.2.9")
    answers(s,
            ("200 OK", SDP_TYPE, "garbage", "?"),
            ("200 OK", SDP_TYPE, b"\0\xff" * 300, "?"),
            ("200 OK", SDP_TYPE, many, "?"),
            ("200 OK", SDP_TYPE, HEAD + IKE % "192.0.2.9" + "a=fingerprint:SHA-1 00\r\n", "?"),
            ("200 OK", SDP_TYPE, HEAD + "a=x-callseal-esp:241 IN IP4 all\r\n", "?"),
            ("200 OK", "Content-Type: text/plain\r\n", "hello", NOTHING),
            ("200 OK", SDP_TYPE, big, ("1", "192.0.2.9", "0", "none", "0", "")))


@case(target="")
def among_other_parts(s):
    lead(s, 1)
    body = "--x\r\nContent-Type: text/plain\r\nContent-Disposition: render;handling=optional" \
        "\r\n\r\nhello\r\n--x\r\n%s\r\n%s--x--\r\n" % (SDP_TYPE, HEAD + IKE % "192.0.2.9")
    mixed = "Content-Type: multipart/mixed;boundary=x\r\n"
    answers(s, ("200 OK", mixed, body, ("1", "192.0.2.9", "0", "none", "0", "")),
            ("200 OK", mixed, "--x\r\n\r\n", "?"))


@case(target="")
def only_a_200_says_it(s):
    """404 and such are answers, but not to this question."""
    lead(s, 1)
    answers(s, ("200 OK", SDP_TYPE, HEAD + ESP, ("0", "none", "1", "192.0.2.8", "0", "")))
    before = said(s)
    for status in ("404 Not Found", "480 Away", "202 Accepted", "405 Method Not Allowed"):
        q = question(s)
        s.b.reply(q, status, "N", SDP_TYPE, HEAD + IKE % "192.0.2.9")
    time.sleep(0.2)
    same(said(s), before, "what holds")
    same([p["state"] for p in s.peers().values()], ["up"], "state")


if __name__ == "__main__":
    sys.exit(main())
