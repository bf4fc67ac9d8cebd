"""A SIP end made of a raw socket: what a phone or a far server says is written
out by the test, what arrives is looked at as text. No SIP stack, so that a test
can also say what no stack would."""
import random
import re
import select
import socket
import subprocess
import time

ALICE = "<sip:alice@inside.example>"


class Message:
    """One received message: first line, headers in order, body."""

    def __init__(self, data):
        self.data = data
        head, _, self.body = data.partition(b"\r\n\r\n")
        lines = re.sub(r"\r\n([ \t])", r"\1", head.decode("latin-1")).split("\r\n")
        self.line = lines[0]
        self.headers = [x.split(":", 1) for x in lines[1:] if ":" in x]

    def get(self, name):
        for key, value in self.headers:
            if key.strip().lower() == name.lower():
                return value.strip()
        return ""

    def all(self, name):
        return [v.strip() for k, v in self.headers if k.strip().lower() == name.lower()]

    def tag(self, name):
        found = re.search(r"tag=([^;>\s]+)", self.get(name))
        return found.group(1) if found else ""

    @property
    def status(self):
        return int(self.line.split()[1]) if self.line.startswith("SIP/2.0") else 0

    @property
    def method(self):
        return "" if self.status else self.line.split()[0]

    @property
    def uri(self):
        return self.line.split()[1]

    def contact(self):
        found = re.search(r"<([^>]*)>", self.get("Contact"))
        return found.group(1) if found else ""


class End:
    """A UDP or TCP end at host:port. peer is the gateway's (host, port)."""

    def __init__(self, port, peer, host="127.0.0.1", tcp=False):
        self.host, self.port, self.peer, self.tcp = host, port, peer, tcp
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.show = "[%s]" % host if ":" in host else host
        kind = socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM
        self.sock = socket.socket(family, kind)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener = None
        self.bytes = self.last = b""
        self.seen = []  # everything received, for checks at the end
        if not tcp:
            self.sock.bind((host, port))
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)

    def connect(self):
        self.sock.connect(self.peer)
        return self

    def listen(self):
        self.listener = self.sock
        self.listener.bind((self.host, self.port))
        self.listener.listen(8)
        self.sock = None
        return self

    def close(self):
        for s in (self.sock, self.listener):
            if s:
                s.close()

    def proto(self):
        return "TCP" if self.tcp else "UDP"

    def own_uri(self):
        return "sip:me@%s:%d%s" % (self.show, self.port, ";transport=tcp" if self.tcp else "")

    def send(self, text, body=b""):
        data = self.last = text.encode("latin-1") + body
        if self.tcp:
            self.sock.sendall(data)
        else:
            self.sock.sendto(data, self.peer)

    def _stream(self):
        head = self.bytes.find(b"\r\n\r\n")
        if head < 0:
            return None
        found = re.search(rb"(?im)^(?:content-length|l)\s*:\s*(\d+)", self.bytes[: head + 2])
        size = head + 4 + (int(found.group(1)) if found else 0)
        if len(self.bytes) < size:
            return None
        data, self.bytes = self.bytes[:size], self.bytes[size:]
        return data

    def _read(self, wait):
        if self.tcp and self.bytes:
            data = self._stream()
            if data:
                return data
        watched = self.sock or self.listener
        if not select.select([watched], [], [], max(wait, 0))[0]:
            return None
        if not self.sock:
            self.sock = self.listener.accept()[0]
            return b""
        data = self.sock.recv(300000)
        if not self.tcp:
            return data
        self.bytes += data
        return self._stream() or b""

    def recv(self, wait=2.0):
        """The next message, or None."""
        end = time.monotonic() + wait
        while True:
            data = self._read(end - time.monotonic())
            if data is None:
                return None
            if data.strip():
                self.seen.append(data)
                return Message(data)
            if time.monotonic() > end:
                return None

    def expect(self, pattern, wait=2.0, skip=r"SIP/2\.0 100 "):
        """The next message whose first line matches; others matching skip are
        passed over, anything else is an error. On a busy machine it may come late."""
        end = time.monotonic() + max(wait, 10)
        while True:
            got = self.recv(end - time.monotonic())
            if got is None:
                raise AssertionError("port %d: no %s" % (self.port, pattern))
            if re.match(pattern, got.line):
                return got
            if not re.match(skip, got.line):
                raise AssertionError("port %d: %s, not %s" % (self.port, got.line, pattern))

    def quiet(self, wait=0.3, skip=r"SIP/2\.0 100 "):
        """Nothing may arrive for so long, but for what matches skip."""
        end = time.monotonic() + wait
        while time.monotonic() < end:
            got = self.recv(end - time.monotonic())
            if got is not None and not re.match(skip, got.line):
                raise AssertionError("port %d: unexpected %s" % (self.port, got.line))

    # -- saying things ------------------------------------------------------

    def request(self, method, uri, dialog, extra="", body=b"", branch=None, cseq=None, **over):
        """Sends a request of a dialog (a dict: call_id, ftag, ttag, cseq); returns its branch."""
        branch = branch or "z9hG4bK%010x" % random.getrandbits(40)
        if isinstance(body, str):
            body = body.encode()
        if cseq is None:
            if method not in ("ACK", "CANCEL"):
                dialog["cseq"] += 1
            cseq = dialog["cseq"]
        ttag = ";tag=" + dialog["ttag"] if dialog.get("ttag") else ""
        lines = {
            "Via": "SIP/2.0/%s %s:%d;branch=%s;rport"
                   % (self.proto(), self.show, self.port, branch),
            "From": "%s;tag=%s" % (dialog.get("from", ALICE), dialog["ftag"]),
            "To": "%s%s" % (dialog.get("to", "<sip:bob@b.example>"), ttag),
            "Call-ID": dialog["call_id"],
            "CSeq": "%d %s" % (cseq, method),
            "Max-Forwards": "70",
            "Contact": "<%s>" % self.own_uri(),
        }
        lines.update(over)
        head = "".join("%s: %s\r\n" % (k, v) for k, v in lines.items() if v is not None)
        if body and "Content-Type" not in extra:
            extra += "Content-Type: application/sdp\r\n"
        self.send("%s %s SIP/2.0\r\n%s%sContent-Length: %d\r\n\r\n"
                  % (method, uri, head, extra, len(body)), body)
        return branch

    def reply(self, req, status, tag="", extra="", body=b"", contact=True):
        """Answers a request that was received."""
        if isinstance(body, str):
            body = body.encode()
        to = req.get("To")
        if tag and "tag=" not in to:
            to += ";tag=" + tag
        head = "".join("Via: %s\r\n" % v for v in req.all("Via"))
        head += "".join("Record-Route: %s\r\n" % v for v in req.all("Record-Route"))
        head += "From: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %s\r\n" % (
            req.get("From"), to, req.get("Call-ID"), req.get("CSeq"))
        if contact:
            head += "Contact: <%s>\r\n" % self.own_uri()
        if body and "Content-Type" not in extra:
            extra += "Content-Type: application/sdp\r\n"
        self.send("SIP/2.0 %s\r\n%s%sContent-Length: %d\r\n\r\n"
                  % (status, head, extra, len(body)), body)


def dialog(**over):
    """A fresh dialog of the caller's."""
    d = {"call_id": "%016x@10.66.0.7" % random.getrandbits(64),
         "ftag": "f%08x" % random.getrandbits(32), "ttag": "", "cseq": 0}
    d.update(over)
    return d


def called(req, tag):
    """The dialog as the called end sees it, from the INVITE it received."""
    return {"call_id": req.get("Call-ID"), "ftag": tag, "ttag": req.tag("From"), "cseq": 50,
            "from": re.sub(r";tag=.*", "", req.get("To")),
            "to": re.sub(r";tag=.*", "", req.get("From"))}


SDP = ("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
       "m=audio 4000 RTP/AVP 0\r\n")


class Relay:
    """A running siprelay; commands go to its standard input."""

    def __init__(self, program, port, inside, outside, *keys, wrap=(), log=None):
        self.port = port
        self.process = subprocess.Popen(
            list(wrap) + [program, str(port), inside, outside] + list(keys),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)
        if self.process.stdout.readline().strip() != "ready":
            raise RuntimeError("siprelay did not start")

    def say(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def stats(self):
        self.say("stats")
        return dict((k, int(v)) for k, v in
                    (x.split("=") for x in self.process.stdout.readline().split()))

    def set(self, text):
        """KEY=VALUE; what is sent from now on finds it set."""
        self.say("set " + text)
        self.stats()

    def reoffer(self):
        """Orders an offer of the gateway's own; what the order gave."""
        self.say("reoffer")
        return int(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()

    def stop(self):
        if self.process.poll() is None:
            self.say("quit")
        code = self.process.wait(20)
        self.close()
        return code
