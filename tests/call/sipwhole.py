"""What the tests of whole messages have in common: the mock core "seals" by writing the
message as the body, and opens only what has the Call-ID, CSeq and Date of the one around
it."""
from sipscene import SDP, same
from sipsealed import TYPE
from sipsock import Message

WHOLE = ("bodies=1", "signs=1", "whole=1")
DATE = "Sat, 13 Nov 2027 23:29:00 GMT"
TYPED = "Date: %s\r\nContent-Type: %s\r\n" % (DATE, TYPE)


def within(m, what, sdp=None):
    """What is in a message of the gateway's, whose own header shows little."""
    same(m.get("Content-Type"), TYPE, "type of " + what)
    for name in ("User-Agent", "Server", "Subject", "Allow", "X-Own"):
        assert not m.get(name), "%s shows %s" % (what, name)
    inner = Message(m.body)
    same(inner.line, m.line, "first line within " + what)
    for name in ("From", "To", "Call-ID", "CSeq", "Contact", "Date"):
        same(inner.get(name), m.get(name), "%s within %s" % (name, what))
    for name in ("Via", "Max-Forwards", "Content-Length", "Record-Route"):
        assert not inner.get(name), "%s is within %s" % (name, what)
    if sdp is not None:
        same(inner.body[:3], b"v=0" if sdp else b"", "description of " + what)
    return inner


def put(first, lines, content, more=""):
    """A whole message of the far end's as a body."""
    head = "".join("%s: %s\r\n" % (k, v) for k, v in lines.items() if v)
    return first + "\r\n" + head + "Date: " + DATE + "\r\n" + more + "\r\n" + content


def answer(s, req, tag, status="200 OK", content=SDP, more="", outer="", **over):
    to = req.get("To") + ("" if "tag=" in req.get("To") else ";tag=" + tag)
    lines = {"From": req.get("From"), "To": to, "Call-ID": req.get("Call-ID"),
             "CSeq": req.get("CSeq"), "Contact": "<%s>" % s.b.own_uri()}
    lines.update(over)
    s.b.reply(req, status, tag, body=put("SIP/2.0 " + status, lines, content, more),
              extra=TYPED + outer)


def ask(s, method, d, uri, content="", more="", outer="", ends=None, cseq=None, **over):
    """A request of the far end's, whole; its branch."""
    n = d["cseq"] + (method != "ACK") if cseq is None else cseq
    ttag = ";tag=" + d["ttag"] if d.get("ttag") else ""
    ends = ends or {"From": "<sip:alice@inside.example>;tag=" + d["ftag"],
                    "To": "<sip:bob@b.example>" + ttag}
    lines = dict(ends, **{"Call-ID": d["call_id"], "CSeq": "%d %s" % (n, method),
                          "Contact": "<%s>" % s.b.own_uri()})
    lines.update(over)
    body = put("%s %s SIP/2.0" % (method, uri), lines, content, more)
    return s.b.request(method, uri, d, body=body, extra=TYPED + outer, cseq=cseq, **ends)


def far(i, tag="B1", cseq=7):
    """The dialog of a call to the far end as it sees it, and From and To there."""
    return ({"call_id": i.get("Call-ID"), "ftag": tag, "ttag": i.tag("From"), "cseq": cseq},
            {"From": i.get("To").split(";tag")[0] + ";tag=" + tag, "To": i.get("From")})
