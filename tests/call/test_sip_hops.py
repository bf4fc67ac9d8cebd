#!/usr/bin/env python3
"""Several next hops: which one a call takes, when it goes to another, and what
the gateway finds out by OPTIONS."""
import os
import sys
import tempfile
import time

from sipscene import OUTSIDE, PORT, SLOW, branch, case, left, main, same
from sipsock import SDP, dialog

ANY = {"target": ""}
CONF = '''
profiles = { p = { need = "forbid"; }; };
peers = ( { match = "*"; profile = "p"; name = "far"; keepalive = %d;
	route = ( %s ); } );
'''


def uri(port):
    return "sip:127.0.0.1:%d" % (PORT + port)


def lead(s, *ports, keepalive=0):
    """Calls go by these ports, in this order; two of them have an end."""
    if not hasattr(s, "c"):
        s.c = s.end(PORT + 12, OUTSIDE)
    with tempfile.NamedTemporaryFile("w", suffix=".conf", delete=False) as f:
        f.write(CONF % (keepalive, ", ".join('"%s"' % uri(p) for p in ports)))
    s.relay.set("conf=%s" % f.name)
    os.unlink(f.name)


def until(s, what, port, state, seconds=8):
    """Waits until the server has that state, answering nothing."""
    end = time.monotonic() + seconds * SLOW
    while s.peers()[uri(port)]["state"] != state:
        assert time.monotonic() < end, "%s: %s" % (what, s.peers())
        time.sleep(0.05)


@case(**ANY)
def nobody_there(s):
    """A port that refuses: the call goes on at once, and the next one past it."""
    lead(s, 15, 11)
    for _ in range(2):
        d, i = s.invite()
        s.finish(d, i, s.b)
    s.gone(2)
    assert s.peers()[uri(15)]["rests_s"] > 20, s.peers()
    same(s.peers()[uri(15)]["trouble"], "it cannot be reached", "why")
    assert "rests_s" not in s.peers()[uri(11)]


@case(**ANY)
def silence(s):
    """Four seconds without a word; who answers later is not left ringing."""
    lead(s, 12, 11)
    begun = time.monotonic()
    d, i = s.invite(to=s.c)
    second = s.b.expect("INVITE", 6 * SLOW)
    assert 3.5 < time.monotonic() - begun < 5 * SLOW
    assert branch(second) != branch(i), "the branch is the same"
    assert second.get("Call-ID") != i.get("Call-ID")
    same(second.uri, i.uri, "Request-URI")
    s.c.reply(i, "180 Ringing", "C1")
    s.c.expect("CANCEL", skip="INVITE")
    s.b.reply(second, "180 Ringing", "B1")
    s.a.expect("SIP/2.0 180")
    s.finish(d, second, s.b)
    s.c.reply(i, "200 OK", "C1", body=SDP)
    s.c.expect("ACK", skip="INVITE|CANCEL")
    s.c.reply(s.c.expect("BYE", skip="CANCEL"), "200 OK")
    s.gone()


@case(**ANY)
def cancel_follows(s):
    """The caller gives up at the second one: the first hears nothing more."""
    lead(s, 12, 11)
    d, i = s.invite(to=s.c)
    second = s.b.expect("INVITE", 6 * SLOW)
    s.b.reply(second, "180 Ringing", "B1")
    s.a.expect("SIP/2.0 180")
    s.a.request("CANCEL", "sip:bob@b.example", d, branch=d["branch"], cseq=1, Contact=None)
    s.a.expect("SIP/2.0 200")
    s.a.expect("SIP/2.0 487")
    cancel = s.b.expect("CANCEL")
    same(branch(cancel), branch(second), "branch of the CANCEL")
    s.b.reply(cancel, "200 OK")
    s.b.reply(second, "487 Request Terminated", "B1")
    s.b.expect("ACK")
    s.c.reply(i, "486 Busy Here", "C1")
    s.c.expect("ACK", skip="INVITE")
    s.gone()


@case(**ANY)
def unavailable(s):
    """A 503 leads on; with Retry-After it is remembered so long."""
    lead(s, 12, 11)
    d, i = s.invite(to=s.c)
    s.c.reply(i, "503 Service Unavailable", "C1", extra="Retry-After: 2\r\n")
    s.c.expect("ACK")
    s.finish(d, s.b.expect("INVITE"), s.b)
    d, i = s.invite()
    s.finish(d, i, s.b)
    time.sleep(2.1)
    d, i = s.invite(to=s.c)
    s.c.reply(i, "503 Service Unavailable", "C2")
    s.c.expect("ACK")
    s.finish(d, s.b.expect("INVITE"), s.b)
    d, i = s.invite(to=s.c)  # without Retry-After it was about that call
    s.finish(d, i, s.c)
    s.gone(4)


@case(**ANY)
def other_refusals_are_answers(s):
    lead(s, 12, 11)
    for status in ("404 Not Found", "500 Server Internal Error", "480 Away", "600 Busy"):
        d, i = s.invite(to=s.c)
        s.c.reply(i, status, "C1")
        s.c.expect("ACK")
        no = s.a.expect("SIP/2.0 " + status[:3])
        s.a.request("ACK", "sip:bob@b.example", dict(d, ttag=no.tag("To")), cseq=1,
                    branch=d["branch"])
    s.b.quiet()
    s.gone(4)


@case(**ANY)
def all_fail(s):
    """The last one's answer is the caller's."""
    lead(s, 15, 12, 11)
    d, i = s.invite(to=s.c)
    s.c.reply(i, "503 Service Unavailable", "C1")
    s.c.expect("ACK")
    i = s.b.expect("INVITE")
    s.b.reply(i, "503 Service Unavailable", "B1", extra="Retry-After: 1\r\n")
    s.b.expect("ACK")
    no = s.a.expect("SIP/2.0 503")
    s.a.request("ACK", "sip:bob@b.example", dict(d, ttag=no.tag("To")), cseq=1,
                branch=d["branch"])
    s.gone()
    d, i = s.invite(to=s.c)  # those that rest are tried, too, at the end
    s.finish(d, i, s.c)
    s.gone(2)


@case(**ANY)
def asked_by_options(s):
    """Up, down after two questions, up again; a down one costs no time."""
    lead(s, 12, 11, keepalive=1)
    for end in (s.b, s.c):
        q = end.expect("OPTIONS")
        same(q.get("Max-Forwards"), "70", "Max-Forwards")
        end.reply(q, "200 OK", "O1")
    until(s, "answered", 11, "up")
    until(s, "answered", 12, "up")
    begun = time.monotonic()
    while s.peers()[uri(12)]["state"] != "down":
        assert time.monotonic() - begun < 8 * SLOW, s.peers()
        q = s.b.recv(0.05)
        if q:
            s.b.reply(q, "483 Too Many Hops", "O2")  # anything but silence
    d = {}
    while not d:
        begun = time.monotonic()
        d, i = s.invite(to=Patient(s.b))
    assert time.monotonic() - begun < 1 * SLOW
    s.b.reply(i, "486 Busy Here", "B1")
    no = s.a.expect("SIP/2.0 486")
    s.a.request("ACK", "sip:bob@b.example", dict(d, ttag=no.tag("To")), cseq=1,
                branch=d["branch"])
    until(s, "b is silent, too", 11, "down")
    begun = time.monotonic()
    d["branch"] = s.a.request("INVITE", "sip:bob@b.example", dict(d, ttag="", call_id="x@y"),
                              body=SDP)
    no = s.a.expect("SIP/2.0 503")
    assert time.monotonic() - begun < 0.5 * SLOW
    assert "every next hop is down" in no.get("Warning"), no.get("Warning")
    same(s.peers()[uri(11)]["trouble"], "no answer to OPTIONS", "why")
    q = s.c.recv(3 * SLOW)
    while s.peers()[uri(12)]["state"] != "up":
        s.c.reply(q, "404 Not Found", "O3")
        q = s.c.recv(0.2) or q


class Patient:
    """An end that answers questions until something else comes."""

    def __init__(self, end):
        self.end = end

    def expect(self, pattern, wait):
        got = self.end.expect("OPTIONS|" + pattern, wait)
        while got.method == "OPTIONS":
            self.end.reply(got, "200 OK", "O")
            got = self.end.expect("OPTIONS|" + pattern, wait)
        return got


@case(**ANY)
def refused_questions(s):
    """503 to OPTIONS is no service; nobody at the port is found out at once."""
    lead(s, 15, 11, keepalive=60)
    begun = time.monotonic()
    until(s, "refused", 15, "down")
    assert time.monotonic() - begun < 1 * SLOW
    for _ in range(2):
        s.b.reply(s.b.expect("OPTIONS"), "503 Service Unavailable", "O1")
    until(s, "503", 11, "down")
    same(s.peers()[uri(11)]["trouble"], "Service Unavailable", "why")
    s.b.quiet()


@case(**ANY)
def reload_keeps_what_is_known(s):
    lead(s, 15, 11, keepalive=60)
    until(s, "refused", 15, "down")
    s.b.reply(s.b.expect("OPTIONS"), "200 OK", "O1")
    until(s, "answered", 11, "up")
    lead(s, 11, 15, keepalive=60)
    same([p["state"] for p in s.peers().values()], ["up", "down"], "states")
    lead(s, 15, 11)  # nobody asks any more: nobody knows
    same([p["state"] for p in s.peers().values()], ["unknown", "unknown"], "states")
    lead(s, 12)
    same(list(s.peers()), [uri(12)], "servers")


@case(target=",sip:127.0.0.1:%d;lr" % (PORT + 11), keys=("register=1",))
def outbound_proxy(s):
    """A next hop with ;lr is named in a Route, before those of a registration."""
    hop = "<sip:127.0.0.1:%d;lr>" % (PORT + 11)
    me = dialog(to="<sip:alice@a.example>", **{"from": "<sip:alice@a.example>"})
    s.a.request("REGISTER", "sip:a.example", me)
    r = s.b.expect("REGISTER")
    same(r.all("Route"), [hop], "Route of the REGISTER")
    s.b.reply(r, "200 OK", "R1", contact=False, extra="Contact: %s;expires=60\r\n"
              "Service-Route: <sip:orig.a.example;lr>\r\n" % r.get("Contact"))
    s.a.expect("SIP/2.0 200")
    d = dialog(**{"from": "<sip:alice@a.example>"})
    d["branch"] = s.a.request("INVITE", "sip:bob@b.example", d, body=SDP)
    i = s.b.expect("INVITE")
    same(", ".join(i.all("Route")), hop + ", <sip:orig.a.example;lr>", "Route of the INVITE")
    same(i.uri, "sip:bob@b.example", "Request-URI")
    s.finish(d, i, s.b)
    s.gone()


# -- requests outside calls ---------------------------------------------------

TEXT = "Content-Type: text/plain\r\n"


def message(s, **kw):
    s.a.request("MESSAGE", "sip:bob@b.example", dialog(), body=b"hello", extra=TEXT, **kw)


def done(s, end, m):
    end.reply(m, "200 OK", "M", contact=False)
    s.a.expect("SIP/2.0 200")
    left(s, 0)


@case(**ANY)
def a_message_goes_on(s):
    """Past a port that refuses and a 503 that is remembered, for calls, too."""
    lead(s, 15, 12, 11)
    message(s)
    first = s.c.expect("MESSAGE")
    s.c.reply(first, "503 Service Unavailable", "C1", contact=False, extra="Retry-After: 30\r\n")
    m = s.b.expect("MESSAGE")
    same(m.body, first.body, "body")
    same(m.uri, first.uri, "Request-URI")
    assert branch(m) != branch(first), "the branch is the same"
    done(s, s.b, m)
    assert s.peers()[uri(15)]["rests_s"] > 20, s.peers()
    assert s.peers()[uri(12)]["rests_s"] > 20, s.peers()
    d, i = s.invite()
    s.finish(d, i, s.b)
    message(s)
    done(s, s.b, s.b.expect("MESSAGE"))
    s.c.quiet()


@case(**ANY)
def a_message_into_silence(s):
    """Five seconds; a server that says 100 has it."""
    lead(s, 12, 11)
    begun = time.monotonic()
    message(s)
    first = s.c.expect("MESSAGE")
    m = s.b.expect("MESSAGE", 7 * SLOW)
    assert 4.5 < time.monotonic() - begun < 6 * SLOW
    s.c.reply(first, "200 OK", "C1", contact=False)
    s.a.quiet(0.1)  # too late
    done(s, s.b, m)
    same(s.peers()[uri(12)]["trouble"], "no answer", "why")
    while s.c.recv(0.05):
        pass  # repetitions
    lead(s, 11, 12)
    message(s)
    m = s.b.expect("MESSAGE")
    time.sleep(3.6)
    s.b.reply(m, "100 Trying", contact=False)
    s.c.quiet(2)
    done(s, s.b, m)


@case(**ANY)
def all_messages_fail(s):
    """The last one's answer is the phone's; other refusals are answers."""
    lead(s, 12, 11)
    message(s)
    s.c.reply(s.c.expect("MESSAGE"), "503 Service Unavailable", "C1", contact=False)
    s.b.reply(s.b.expect("MESSAGE"), "503 Service Unavailable", "B1", contact=False,
              extra="Retry-After: 9\r\n")
    same(s.a.expect("SIP/2.0 503").get("Retry-After"), "9", "Retry-After")
    message(s)
    s.c.reply(s.c.expect("MESSAGE"), "404 Not Found", "C1", contact=False)
    s.a.expect("SIP/2.0 404")
    s.b.quiet(0.1)
    left(s, 0)


@case(**ANY)
def a_subscription_goes_on(s):
    """It lives where it was taken; a refresh goes nowhere else."""
    lead(s, 12, 11)
    d = dialog()
    mwi = "Event: message-summary\r\nExpires: 600\r\n"
    s.a.request("SUBSCRIBE", "sip:bob@b.example", d, extra=mwi)
    s.c.reply(s.c.expect("SUBSCRIBE"), "503 Service Unavailable", "C1", contact=False)
    m = s.b.expect("SUBSCRIBE")
    s.b.reply(m, "200 OK", "N1", extra="Expires: 300\r\n")
    ok = s.a.expect("SIP/2.0 200")
    d["ttag"], d["uri"] = ok.tag("To"), ok.contact()
    s.a.request("SUBSCRIBE", d["uri"], d, extra=mwi)
    m = s.b.expect("SUBSCRIBE")
    s.b.reply(m, "503 Service Unavailable", contact=False)
    s.a.expect("SIP/2.0 503")
    s.c.quiet(0.1)
    left(s, 1)


if __name__ == "__main__":
    sys.exit(main())
