"""What the tests of sealed bodies have in common: the mock core "seals" by
putting the bound headers before what it seals, and opens only what has those of
the message it came in."""
import re

from sipsock import SDP

TYPE = "multipart/signed;boundary=b"


def uri(value):
    found = re.search(r"<([^>]*)>", value)
    return found.group(1) if found else value.split(";")[0].strip()


def frag(headers, status=None):
    """The bound headers of a message, from a function that gives its headers."""
    lines = ["SIP/2.0 " + status] if status else []
    for name in ("From", "To"):
        tag = re.search(r"tag=([^;>\s]+)", headers(name))
        lines.append("%s: <%s>%s" % (name, uri(headers(name)),
                                     ";tag=" + tag.group(1) if tag else ""))
    lines += ["Call-ID: " + headers("Call-ID"), "CSeq: " + headers("CSeq")]
    if headers("Contact"):
        lines.append("Contact: <%s>" % uri(headers("Contact")))
    if headers("Date"):
        lines.append("Date: " + headers("Date"))
    return "".join(line + "\r\n" for line in lines)


def answer(s, req, tag, status="200 OK", body=None, date="Sat, 13 Nov 2027 23:29:00 GMT",
           content=SDP, extra=""):
    """Answers as a gateway that seals would."""
    to = req.get("To") + ("" if "tag=" in req.get("To") else ";tag=" + tag)
    own = {"From": req.get("From"), "To": to, "Call-ID": req.get("Call-ID"),
           "CSeq": req.get("CSeq"), "Contact": "<%s>" % s.b.own_uri(), "Date": date}
    s.b.reply(req, status, tag, body=body if body is not None
              else frag(lambda n: own.get(n, ""), status) + "\r\n" + content,
              extra="Date: %s\r\nContent-Type: %s\r\n%s" % (date, TYPE, extra))
