#!/usr/bin/env python3
"""Descriptions with their keys beside them (multipart/mixed), where tunnels are keyed:
each leg sees the type that its body has. The mock core puts SDP between two lines."""
import sys

from sipscene import SDP, Fork, case, main, same
from sipsock import dialog

TYPE = "multipart/mixed;boundary=b"
PACKAGE = "--b\r\n" + SDP + "--b--\r\n"
HEAD = "Content-Type: %s\r\n" % TYPE


def check_package(m, what):
    same(m.get("Content-Type").replace(" ", ""), TYPE, "type of " + what)
    same(int(m.get("Content-Length")), len(m.body), "length of " + what)
    assert m.body.startswith(b"--b\r\nv=0"), m.body


def check_sdp(m, what):
    same(m.get("Content-Type"), "application/sdp", "type of " + what)
    assert m.body.startswith(b"v=0"), m.body


def packed_up(s):
    d, i = s.invite()
    check_package(i, "the INVITE")
    s.b.reply(i, "183 Session Progress", "B1", body=PACKAGE, extra=HEAD)
    check_sdp(s.a.expect("SIP/2.0 183"), "a 183")
    s.b.reply(i, "200 OK", "B1", body=PACKAGE, extra=HEAD)
    ok, e = s.confirm(d)
    check_sdp(ok, "the 200")
    return d, i


@case(keys=("packages=1",))
def outward(s):
    d, _ = packed_up(s)
    s.bye(d)
    s.gone()


@case(keys=("packages=1",))
def inward(s):
    d = dialog(ftag="f1")
    d["branch"] = s.b.request("INVITE", "sip:bob@b.example", d, body=PACKAGE, extra=HEAD)
    i = s.a.expect("INVITE")
    check_sdp(i, "the INVITE")
    s.a.reply(i, "200 OK", "A1", body=SDP)
    check_package(s.b.expect("SIP/2.0 200"), "the 200")


@case(keys=("packages=1",))
def inward_as_in_2005(s):
    """The boundary lacks its quotes (unquoted.h)"""
    head, body = HEAD.replace("=b", "=boun=_dry"), PACKAGE.replace("--b", "--boun=_dry")
    d = dialog(ftag="f1")
    s.b.request("INVITE", "sip:bob@b.example", d, body=body, extra=head)
    i = s.a.expect("INVITE")
    check_sdp(i, "the INVITE")
    s.a.reply(i, "200 OK", "A1", body=SDP)
    check_package(s.b.expect("SIP/2.0 200"), "the 200")
    s.b.request("INVITE", "sip:bob@b.example", dialog(ftag="f2"), extra=head,
                body=body.replace("boun=_dry", "boun"))
    s.b.expect("SIP/2.0 400")


@case(inside=",", keys=("packages=1",))
def a_fork_has_one_tunnel(s):
    """Of two phones of ours the first has early media; the second is picked up"""
    fork = Fork(s)
    invites, phones = fork.ring(PACKAGE, HEAD), fork.phones
    phones[0].reply(invites[0], "183 Session Progress", "A0", body=SDP)
    early = s.b.expect("SIP/2.0 183")
    assert not early.body and not early.get("Content-Type"), early.data
    phones[1].reply(invites[1], "200 OK", "A1", body=SDP)
    ok = s.b.expect("SIP/2.0 200")
    check_package(ok, "the 200")
    fork.picked_up(ok)


@case(keys=("packages=1",))
def an_answer_without_a_package(s):
    d, i = s.invite()
    s.b.reply(i, "200 OK", "B1", body=SDP)
    s.b.expect("ACK")
    s.b.reply(s.b.expect("BYE"), "200 OK", contact=False)
    s.a.expect("SIP/2.0 488")
    s.a.request("ACK", "sip:bob@b.example", d, branch=d["branch"])
    s.gone()


@case(keys=("packages=1",))
def a_phone_sends_none(s):
    s.a.request("INVITE", "sip:bob@b.example", dialog(), body=PACKAGE, extra=HEAD)
    s.a.expect("SIP/2.0 400")  # the mock's is no MIME


@case(keys=("packages=1", "sealed=1"))
def reoffers(s):
    d, i = packed_up(s)
    s.a.request("INVITE", d["uri"], d, body=SDP)
    again = s.b.expect("INVITE")
    check_package(again, "the re-INVITE")
    s.b.reply(again, "200 OK", body=PACKAGE, extra=HEAD)
    check_sdp(s.a.expect("SIP/2.0 200"), "its answer")
    s.a.request("ACK", d["uri"], d)
    s.b.expect("ACK")
    s.bye(d)
    s.gone()


if __name__ == "__main__":
    sys.exit(main())
