"""Whole calls through the signalling module: raw sockets on both sides, the
program siprelay (the module with a mock core) between them. What the
test_sip_*.py have in common:

    test_sip_X.py [NAME ...]     runs all cases, or those whose name matches

SIPRELAY names the program, SIP_PORT the first of 20 ports on loopback,
SIP_WRAP a command to run it under (valgrind), SIP_SLOW how many times longer than
usual things may take, for a busy machine. Each case has the ends it needs: a
(inside, the phone), b (outside, the far end)."""
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from sipsock import End, Relay, SDP, called, dialog

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.environ.get("SIPRELAY", "tests/mock/siprelay")
WRAP = os.environ.get("SIP_WRAP", "").split()
T1 = 40  # ms: Sofia's timers in the cases that wait for them
SLOW = int(os.environ.get("SIP_SLOW", "5" if WRAP else "1"))


def free_ports():
    """The first of 20 ports that nobody uses, as far as one look can tell."""
    for first in range(21400, 21500, 20):
        probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            probe.bind(("127.0.0.1", first))
            return first
        except OSError:
            continue
        finally:
            probe.close()
    raise SystemExit("no free ports from 21400")


PORT = int(os.environ.get("SIP_PORT") or free_ports())
INSIDE, OUTSIDE = ("127.0.0.1", PORT), ("127.0.0.1", PORT + 1)
BOB = "sip:bob@b.example"
CASES = []


def case(**options):
    def add(fn):
        CASES.append((fn.__name__, fn, options))
        return fn
    return add


def left(s, n):
    """So many talks are open, sooner or later."""
    end = time.monotonic() + 4 * SLOW
    while s.relay.stats()["requests"] != n:
        assert time.monotonic() < end, "open: %s, not %d" % (s.relay.stats(), n)
        time.sleep(0.05)


class Scene:
    """The relay, both ends, and the usual first steps."""

    def __init__(self, keys=(), target=None, inside=None, tcp=False, log=False):
        self.a = End(PORT + 10, INSIDE)
        self.b = End(PORT + 11, OUTSIDE)
        self.log = tempfile.TemporaryFile("w+") if log else None
        self.relay = Relay(PROGRAM, PORT, inside or "sip:phone@127.0.0.1:%d" % (PORT + 10),
                           target or "sip:bob@127.0.0.1:%d" % (PORT + 11), *keys, wrap=WRAP,
                           log=self.log)
        self.more = []

    def logged(self):
        """What the relay has logged so far."""
        self.log.seek(0)
        return self.log.read()

    def end(self, *args, **kw):
        e = End(*args, **kw)
        self.more.append(e)
        return e

    def close(self):
        code = self.relay.stop()
        for e in [self.a, self.b] + self.more:
            e.close()
        assert code == 0, "the relay ended with %d" % code

    def gone(self, calls=1):
        """Every call was released and no pair is left."""
        end = time.monotonic() + 4 * SLOW
        while True:
            s = self.relay.stats()
            if s["pairs"] == 0 and s["ended"] == s["started"] == calls:
                return s
            assert time.monotonic() < end, "left behind: %s" % s
            time.sleep(0.05)

    def invite(self, body=SDP, extra="", frm=None, to=None, uri=BOB, **kw):
        """INVITE from frm; returns the dialog, its branch, the INVITE that came out."""
        frm, to = frm or self.a, to or self.b
        d = dialog()
        d["branch"] = frm.request("INVITE", uri, d, extra=extra, body=body, **kw)
        return d, to.expect("INVITE", 2 * SLOW)

    def up(self, frm=None, to=None, tag="B1", body=SDP, answer=SDP, extra=""):
        """A call that is up: (dialog of the caller, dialog of the called)."""
        frm, to = frm or self.a, to or self.b
        d, i = self.invite(body=body, frm=frm, to=to, extra=extra)
        to.reply(i, "200 OK", tag, body=answer)
        self.confirm(d, frm, to)
        e = called(i, tag)
        e["uri"] = i.contact()
        return d, e

    def confirm(self, d, frm=None, to=None, cseq=None):
        """200 and ACK pass."""
        frm, to = frm or self.a, to or self.b
        ok = frm.expect("SIP/2.0 200", 2 * SLOW)
        d["ttag"], d["uri"] = ok.tag("To"), ok.contact()
        frm.request("ACK", d["uri"], d, cseq=cseq)
        ack = to.expect("ACK", 2 * SLOW)
        return ok, ack

    def finish(self, d, i, at):
        """The call that arrived at an end is answered, confirmed and ended."""
        at.reply(i, "200 OK", "B1", body=SDP)
        self.confirm(d, self.a, at)
        self.bye(d, self.a, at)

    def peers(self):
        """The servers of the configured next hops, by URI."""
        self.relay.say("peers")
        return {p["server"]: p for p in json.loads(self.relay.process.stdout.readline())}

    def bye(self, d, frm=None, to=None):
        frm, to = frm or self.a, to or self.b
        frm.request("BYE", d["uri"], d)
        to.reply(to.expect("BYE"), "200 OK", contact=False)
        frm.expect("SIP/2.0 200")


class Fork:
    """An INVITE of the far end for two phones of ours, a branch each."""

    def __init__(self, s):
        self.s, self.d = s, dialog()
        self.phones = [s.a, s.end(PORT + 12, ("127.0.0.1", PORT))]
        self.uris = ["sip:x%d@127.0.0.1:%d" % (n, p.port) for n, p in enumerate(self.phones)]

    def ring(self, body=SDP, extra=""):
        """Sends both branches; returns what the phones got."""
        self.branches = [self.s.b.request("INVITE", uri, self.d, body=body, extra=extra, cseq=1)
                         for uri in self.uris]
        self.invites = [p.expect("INVITE") for p in self.phones]
        return self.invites

    def picked_up(self, ok):
        """The second phone was, whose 200 is ok: the first one's branch is cancelled,
        and the call ends."""
        s, d, first = self.s, self.d, self.phones[0]
        s.b.request("CANCEL", self.uris[0], d, branch=self.branches[0], cseq=1)
        s.b.expect("SIP/2.0 200")
        no = s.b.expect("SIP/2.0 487")
        s.b.request("ACK", self.uris[0], dict(d, ttag=no.tag("To")), branch=self.branches[0],
                    cseq=1)
        first.reply(first.expect("CANCEL"), "200 OK", contact=False)
        first.reply(self.invites[0], "487 Request Terminated", "A0")
        first.expect("ACK")
        d.update(ttag=ok.tag("To"), uri=ok.contact(), cseq=1)
        s.b.request("ACK", d["uri"], d, cseq=1)
        self.phones[1].expect("ACK")
        s.bye(d, s.b, self.phones[1])
        s.gone(2)


def branch(m):
    return m.all("Via")[0].split("branch=")[1].split(";")[0]


def same(got, want, what):
    assert got == want, "%s: %r, not %r" % (what, got, want)


def run(name, fn, options):
    scene = Scene(**options)
    try:
        fn(scene)
    except AssertionError as e:
        scene.relay.process.kill()
        scene.relay.process.wait()
        scene.relay.close()
        for end in [scene.a, scene.b] + scene.more:
            end.close()
        print("FAIL %s: %s" % (name, e), flush=True)
        return False
    try:
        scene.close()
    except AssertionError as e:
        print("FAIL %s: %s" % (name, e), flush=True)
        return False
    print("ok %s" % name, flush=True)
    return True


def main():
    words = sys.argv[1:]
    chosen = [c for c in CASES if not words or any(re.search(x, c[0]) for x in words)]
    failed = [c[0] for c in chosen if not run(*c)]
    print("%d cases, %d failed" % (len(chosen), len(failed)))
    return 1 if failed or not chosen else 0
