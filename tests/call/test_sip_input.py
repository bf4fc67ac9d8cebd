#!/usr/bin/env python3
"""Bad input, failing memory, a load."""
import shutil
import subprocess
import sys
import tempfile

from sipscene import BOB, INSIDE, OUTSIDE, PORT, SLOW, T1, case, main, same
from sipsock import SDP, dialog


# -- bad input -----------------------------------------------------------------

@case()
def max_forwards(s):
    s.a.request("INVITE", BOB, dialog(), body=SDP, **{"Max-Forwards": "0"})
    s.a.expect("SIP/2.0 483")
    d, i = s.invite(**{"Max-Forwards": "1"})
    same(i.get("Max-Forwards"), "0", "Max-Forwards")
    s.b.reply(i, "486 Busy Here", "B1")
    s.b.expect("ACK")
    s.a.expect("SIP/2.0 486")
    s.gone()


@case(target="sip:bob@b.example,sip:127.0.0.1:%d" % (PORT + 11))
def loop(s):
    d, i = s.invite()
    same(i.uri, BOB, "Request-URI")
    far = dialog()
    s.b.request("INVITE", i.uri, far, body=SDP,
                Via="SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bKl1" % (PORT + 11),
                extra="Via: %s\r\n" % i.get("Via"))
    s.b.expect("SIP/2.0 482")
    s.b.request("INVITE", "sip:alice@other.example", dialog(), body=SDP,
                Via="SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bKl2" % (PORT + 11),
                extra="Via: %s\r\n" % i.get("Via"))
    s.a.expect("INVITE")  # a spiral: another URI
    s.relay.say("hangup 480 enough")


@case()
def merged_request(s):
    d, i = s.invite()
    s.a.request("INVITE", BOB, d, body=SDP, cseq=1)  # the same request by another way
    s.a.expect("SIP/2.0 482")
    s.b.quiet(0.1)
    s.b.reply(i, "486 Busy Here", "B1")
    s.b.expect("ACK")
    s.a.expect("SIP/2.0 486")
    s.gone()


@case()
def malformed_requests(s):
    good = "INVITE sip:bob@b.example SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK1\r\n" \
           "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n" \
           "Contact: <sip:a@127.0.0.1:%d>\r\n" % (PORT + 10, PORT + 10)
    for bad in (good.replace("CSeq: 1 INVITE", "CSeq: x INVITE"),
                good.replace("From: <sip:a@b>;tag=1\r\n", ""),
                good.replace("To: <sip:c@d>", "To: <sip:c@d"),
                good.replace("Call-ID: x\r\n", ""),
                good + "Content-Length: x\r\n"):
        s.a.send(bad + "\r\n")
        s.a.expect("SIP/2.0 400")
    s.a.send(good.replace("sip:bob@b.example", "sips:bob@b.example") + "\r\n")
    s.a.expect("SIP/2.0 480")
    s.a.send(good.replace("sip:bob@b.example", "http://b.example")
             .replace("Call-ID: x", "Call-ID: y") + "\r\n")
    s.a.expect("SIP/2.0 4")
    s.a.send(good.replace("Contact: <sip:a@127.0.0.1:%d>\r\n" % (PORT + 10), "")
             .replace("Call-ID: x", "Call-ID: z") + "\r\n")
    s.a.expect("SIP/2.0 400")
    for junk in ("", "\r\n\r\n", "\0" * 40, "GET / HTTP/1.0\r\n\r\n", "INVITE\r\n\r\n",
                 "SIP/2.0 200 OK\r\n\r\n", good.replace("SIP/2.0\r\n", "SIP/9.0\r\n", 1) + "\r\n",
                 "INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP a\r\n"
                 "Content-Type: multipart/mixed\r\n\r\n"):
        s.a.send(junk)
    while s.a.recv(0.3):
        pass
    d, _ = s.up()
    s.bye(d)


@case()
def too_large(s):
    a = s.end(PORT + 13, INSIDE, tcp=True).connect()
    a.request("INVITE", BOB, dialog(), extra="Content-Type: text/plain\r\n", body=b"x" * 280000)
    a.expect("SIP/2.0 413")
    b = s.end(PORT + 11, OUTSIDE, tcp=True).listen()
    a = s.end(PORT + 13, INSIDE, tcp=True).connect()
    body = SDP.encode() + b"a=x-filler:" + b"y" * 100000 + b"\r\n"
    d = dialog()
    a.request("INVITE", BOB, d, body=body)
    i = b.expect("INVITE", 3 * SLOW)
    same(i.body, body + b"a=branch:0\r\n", "a large offer")
    b.reply(i, "200 OK", "B1", body=body)
    s.confirm(d, a, b)
    s.bye(d, a, b)
    s.gone()


@case(keys=("t1=%d" % T1,))
def phone_closes_its_connection(s):
    a = s.end(PORT + 13, INSIDE, tcp=True).connect()
    d = dialog()
    a.request("INVITE", BOB, d, body=SDP)
    i = s.b.expect("INVITE")
    a.close()
    s.b.reply(i, "180 Ringing", "B1")
    s.b.reply(i, "200 OK", "B1", body=SDP)
    s.b.expect("ACK", 6 * SLOW)  # as with a lost ACK
    s.b.reply(s.b.expect("BYE"), "200 OK")
    s.gone()


@case()
def not_for_us(s):
    for method, status in (("REGISTER", 405), ("SUBSCRIBE", 405), ("MESSAGE", 405),
                           ("PUBLISH", 405), ("REFER", 405), ("BYE", 481), ("INFO", 481),
                           ("FROBNICATE", 501)):
        s.a.request(method, "sip:127.0.0.1:%d" % PORT, dialog())
        no = s.a.expect("SIP/2.0 %d" % status)
        assert status != 405 or "INVITE" in no.get("Allow")
    d = dialog(ttag="nobody")
    s.a.request("INVITE", "sip:127.0.0.1:%d" % PORT, d, body=SDP)
    s.a.expect("SIP/2.0 481")
    s.a.request("CANCEL", BOB, dialog())
    s.a.expect("SIP/2.0 481")
    s.a.request("OPTIONS", "sip:127.0.0.1:%d" % PORT, dialog())
    ok = s.a.expect("SIP/2.0 200")
    assert "INVITE" in ok.get("Allow") and ok.get("Accept") == "application/sdp"
    s.b.request("OPTIONS", "sip:someone@elsewhere.example", dialog())
    s.b.expect("SIP/2.0 404")
    s.a.request("ACK", BOB, dialog(ttag="nobody"))
    s.a.quiet(0.1)


@case()
def responses_that_fit_nothing(s):
    d, i = s.invite()
    strange = i.data.decode().replace("INVITE", "OPTIONS")
    s.b.reply(i, "200 OK", "B1", body=SDP, contact=False)  # no Contact
    s.confirm(d)
    s.b.reply(type(i)(strange.encode()), "200 OK", "B9")
    s.b.reply(i, "486 Busy Here", "B7")
    s.b.reply(i, "180 Ringing", "B8")
    s.a.quiet(0.2)
    s.relay.say("hangup 480 enough")


def settle(s, i):
    """Says yes to whatever the relay asks of both ends, until it is quiet."""
    for end in (s.a, s.b):
        while True:
            got = end.recv(0.1)
            if not got:
                break
            if got.method in ("BYE", "CANCEL", "PRACK"):
                end.reply(got, "200 OK", contact=False)
            if got.method == "CANCEL" and i:
                end.reply(i, "487 Request Terminated", "B1")


def acknowledged(s, d):
    """The final answer to the INVITE; a reliable response before it gets its PRACK, once
    more if that one fails."""
    cseq, reliable = d["cseq"], None
    for _ in range(12):
        got = s.a.recv(2 * SLOW)
        if not got or "INVITE" in got.get("CSeq") and got.status >= 200:
            d["ttag"], d["cseq"] = "", cseq  # of the ACK
            return got
        reliable = got if got.status == 183 else reliable
        if got.status == 183 or "PRACK" in got.get("CSeq") and got.status >= 500:
            d["ttag"] = reliable.tag("To")
            s.a.request("PRACK", reliable.contact(), d, extra="RAck: %s %s\r\n" % (
                reliable.get("RSeq"), reliable.get("CSeq")))
            prack = s.b.recv(0.5)
            if prack and prack.method == "PRACK":
                s.b.reply(prack, "200 OK", contact=False)
    return None


@case()
def memory_runs_out(s):
    """The n-th allocation fails: the call ends with 5xx or goes on, and nothing is left."""
    seen = set()
    for n in range(1, 14):
        s.relay.set("oom=%d" % n)
        d = dialog()
        branch = s.a.request("INVITE", BOB, d, body=SDP, extra="Supported: 100rel\r\n")
        got = s.a.expect("SIP/2.0", skip="nothing")
        if got.status == 100:
            got = s.a.recv(0.1)
        i = s.b.recv(0.1)
        if got is None and i:  # it went through
            s.b.reply(i, "183 Progress", "B1", "Require: 100rel\r\nRSeq: 7\r\n")
            s.b.reply(i, "200 OK", "B1", body=SDP)
            got = acknowledged(s, d)
        assert got, "no answer at %d" % n
        seen.add(got.status)
        d["ttag"] = got.tag("To")
        if got.status == 200:
            s.a.request("ACK", got.contact(), d)
            s.relay.stats()
            s.relay.say("hangup 480 enough")
        else:
            s.a.request("ACK", BOB, d, branch=branch)
        settle(s, i)
    s.relay.set("oom=0")
    same(seen, {200, 500}, "results")
    s.gone(s.relay.stats()["started"])


@case(target="sip:bob@127.0.0.1:%d" % (PORT + 14))
def load_by_sipp(s):
    if not shutil.which("sipp"):
        return
    quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tempfile.gettempdir())
    both = ["-i", "127.0.0.1", "-nostdin"]
    uas = subprocess.Popen(["sipp", "-sn", "uas", "-p", str(PORT + 14)] + both, **quiet)
    try:
        uac = subprocess.run(["sipp", "-sn", "uac", "-p", str(PORT + 13), "-m", "200", "-r", "50",
                              "127.0.0.1:%d" % PORT] + both, timeout=60, check=False, **quiet)
    finally:
        uas.kill()
        uas.wait()
    same(uac.returncode, 0, "sipp's verdict")
    same(s.gone(200)["up"], 200, "calls that were up")


if __name__ == "__main__":
    sys.exit(main())
