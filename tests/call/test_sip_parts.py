#!/usr/bin/env python3
"""Bodies of several parts in calls: the other side gets the one description in
them, bare; what cannot be passed over is refused."""
import base64
import sys

from sipscene import SDP, case, main, same
from sipsock import dialog

ISUP = "Content-Type: application/isup;version=nxv3\r\n", "\x01\x00"
SDP_PART = "Content-Type: application/sdp\r\n", SDP


def parts(kind, *all, more="", boundary="xyz"):
    """Headers and body of a multipart of (headers, body)."""
    body = "".join("--%s\r\n%s\r\n%s\r\n" % (boundary, h, b) for h, b in all)
    return ("Content-Type: multipart/%s;boundary=%s%s\r\nMIME-Version: 1.0\r\n"
            % (kind, boundary, more), body + "--%s--\r\n" % boundary)


def optional(part, more=""):
    return part[0] + "Content-Disposition: signal;handling=optional\r\n" + more, part[1]


def inner(*args, **kw):
    return parts(*args, boundary="inner", **kw)


ENCODED = ("Content-Type: application/sdp\r\nContent-Transfer-Encoding: base64\r\n",
           base64.encodebytes(SDP.encode()).decode().replace("\n", "\r\n"))
TEXT = "Content-Type: text/plain\r\n", "v=0"
GOOD = [
    parts("mixed", SDP_PART, optional(ISUP)),
    parts("mixed", optional(ISUP), SDP_PART),
    parts("mixed", ENCODED),
    parts("parallel", optional(ISUP), SDP_PART),
    parts("unheard-of", SDP_PART),
    parts("alternative", TEXT, SDP_PART),
    parts("alternative", SDP_PART, TEXT),
    parts("related", SDP_PART, ISUP),
    parts("related", (ISUP[0] + "Content-ID: <a@b>\r\n", ISUP[1]),
          (SDP_PART[0] + "Content-ID: <c@d>\r\n", SDP), more=';start="<c@d>"'),
    parts("mixed", optional(ISUP), inner("alternative", TEXT, SDP_PART)),
    parts("digest", SDP_PART, optional(("Content-Type: message/rfc822\r\n", "From: x\r\n"))),
]
BAD = [
    (415, parts("mixed", SDP_PART, ISUP)),
    (415, parts("mixed", SDP_PART, (ISUP[0] + "Content-Disposition: signal;handling=required\r\n",
                                    ISUP[1]))),
    (415, parts("mixed", optional(ISUP))),
    (415, parts("alternative", TEXT, ISUP)),
    (415, parts("digest", SDP_PART, ("", "From: x\r\n"))),
    (400, parts("mixed", SDP_PART, SDP_PART)),
    (400, parts("related", SDP_PART, more=';start="<nobody>"')),
    (400, ("Content-Type: multipart/mixed;boundary=xyz\r\n", "--xyz\r\n\r\ncut")),
    (400, ("Content-Type: multipart/mixed\r\n", "--xyz--\r\n")),
    (415, ("Content-Type: multipart/encrypted;boundary=x\r\n", "--x--\r\n")),
]


def check(m):
    same(m.get("Content-Type"), "application/sdp", "type")
    same(m.all("MIME-Version"), [], "MIME-Version")
    assert m.body.startswith(b"v=0") and b"a=branch" in m.body, m.body


@case()
def both_ways(s):
    for extra, body in GOOD:
        for frm, to in ((s.a, s.b), (s.b, s.a)):
            d, i = s.invite(body=body, extra=extra, frm=frm, to=to)
            check(i)
            to.reply(i, "200 OK", "B1", extra=extra, body=body)
            ok, _ = s.confirm(d, frm, to)
            check(ok)
            s.bye(d, frm, to)
    s.gone(2 * len(GOOD))


@case()
def refused(s):
    for status, (extra, body) in BAD:
        for frm, to in ((s.a, s.b), (s.b, s.a)):
            d = dialog()
            branch = frm.request("INVITE", "sip:bob@b.example", d, body=body, extra=extra)
            frm.expect("SIP/2.0 %d" % status)
            frm.request("ACK", "sip:bob@b.example", d, branch=branch)
            to.quiet(0.05)


@case()
def an_answer_that_is_refused_ends_the_call(s):
    extra, body = BAD[0][1]
    d, i = s.invite()
    s.b.reply(i, "200 OK", "B1", extra=extra, body=body)
    s.b.expect("ACK")
    s.b.reply(s.b.expect("BYE"), "200 OK", contact=False)
    s.a.expect("SIP/2.0 502")
    s.a.request("ACK", "sip:bob@b.example", d, branch=d["branch"])
    s.gone()


@case()
def an_answer_to_our_own_offer(s):
    for extra, body in GOOD:
        d, _ = s.up()
        same(s.relay.reoffer(), 0, "order")
        r = s.b.expect("UPDATE|INVITE")
        s.b.reply(r, "200 OK", extra=extra, body=body)
        if r.method == "INVITE":
            s.b.expect("ACK")
        s.bye(d)
    s.gone(len(GOOD))


@case(keys=("bodies=1",))
def what_has_to_be_sealed_is_not_looked_at(s):
    extra, body = GOOD[0]
    d, i = s.invite(body=body, extra=extra)
    assert i.get("Content-Type").startswith("multipart/signed"), i.headers
    s.a.request("CANCEL", "sip:bob@b.example", d, branch=d["branch"])
    d = dialog()
    branch = s.b.request("INVITE", "sip:alice@a.example", d, body=body, extra=extra)
    s.b.expect("SIP/2.0 488", skip="SIP/2.0 100|CANCEL")
    s.b.request("ACK", "sip:alice@a.example", d, branch=branch)


if __name__ == "__main__":
    sys.exit(main())
