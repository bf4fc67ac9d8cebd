"""A phone that registers at the gateway itself, by a password (RFC 7616), and
the file of accounts that the gateway knows it by."""
import atexit
import hashlib
import itertools
import os
import re
import tempfile

from sipscene import PORT, SLOW
from sipsock import dialog

DOMAIN = "a.example"
REGISTRAR = "sip:a.example"
HOP = ",sip:127.0.0.1:%d" % (PORT + 11)
PASSWORDS = {"alice": "wonderland", "carol": "christmas"}


def h(algorithm, *parts):
    name = algorithm.lower().replace("-", "")
    return hashlib.new(name, ":".join(parts).encode()).hexdigest()


def accounts():
    """The file of accounts, as htdigest would write it."""
    fd, path = tempfile.mkstemp()
    atexit.register(os.unlink, path)
    with os.fdopen(fd, "w") as f:
        for user, password in PASSWORDS.items():
            for algorithm in ("MD5", "SHA-256"):
                f.write("%s:%s:%s\n" % (user, DOMAIN, h(algorithm, user, DOMAIN, password)))
    return path


USERS = accounts()
OPTIONS = {"keys": ("users=" + USERS, "register=2"), "target": HOP}


def fields(value):
    return dict(re.findall(r'(\w+)="?([^",]*)"?', value))


class Phone:
    """A phone that does digest authentication by itself (RFC 7616)."""
    calls = itertools.count(1)

    def __init__(self, end, user="alice", password=None, algorithm="SHA-256"):
        self.end, self.user, self.algorithm = end, user, algorithm
        self.password = password or PASSWORDS.get(user, "?")
        self.account = "<sip:%s@%s>" % (user, DOMAIN)
        self.contact = "sip:%s@127.0.0.1:%d" % (user, end.port)
        self.dialog = dialog(**{"from": self.account, "to": self.account})
        self.challenge, self.nc = None, 0

    def learn(self, response):
        """Takes the challenge of its algorithm."""
        name = "WWW-Authenticate" if response.status == 401 else "Proxy-Authenticate"
        self.challenges = [fields(v) for v in response.all(name)]
        for c in self.challenges:
            if c["algorithm"] == self.algorithm:
                self.challenge, self.nc = c, 0
        return self.challenges

    def answer(self, method, uri, nc=None, qop="auth", **over):
        c = dict(self.challenge, **over)
        self.nc = nc if nc is not None else self.nc + 1
        count = "%08x" % self.nc
        ha1 = h(self.algorithm, self.user, c["realm"], self.password)
        ha2 = h(self.algorithm, method, uri)
        middle = (c["nonce"], count, "c0ffee", qop) if qop else (c["nonce"],)
        self.proof = h(self.algorithm, ha1, *middle, h(self.algorithm, "", uri))
        text = ('Digest username="%s", realm="%s", nonce="%s", uri="%s", response="%s", '
                'algorithm=%s, opaque="%s"'
                % (self.user, c["realm"], c["nonce"], uri,
                   h(self.algorithm, ha1, *middle, ha2), self.algorithm, c["opaque"]))
        return text + (', qop=auth, nc=%s, cnonce="c0ffee"' % count if qop else "")

    def ask(self, expires=600, extra="", contact=None, uri=REGISTRAR, **over):
        contact = contact if contact else "<%s>" % self.contact
        if expires is not None:
            contact += ";expires=%d" % expires
        over.setdefault("Contact", contact)
        self.end.request("REGISTER", uri, self.dialog, extra=extra, **over)

    def register(self, expires=600, status="200", uri=REGISTRAR, extra="", answer=None, **over):
        """Asks, is challenged if it has no nonce yet, and answers; the response."""
        if not self.challenge:
            self.ask(expires, extra, uri=uri, **over)
            self.learn(self.end.expect("SIP/2.0 401", 2 * SLOW))
        text = self.answer("REGISTER", uri, **(answer or {}))
        self.ask(expires, extra + "Authorization: %s\r\n" % text, uri=uri, **over)
        return self.end.expect("SIP/2.0 " + status, 2 * SLOW)

    def send(self, method, uri, d=None, extra="", answer=None, **kw):
        """A request with credentials, after its challenge."""
        d = d or dialog(**{"from": self.account})
        if not self.challenge:
            self.end.request(method, uri, d, extra=extra, **kw)
            self.learn(self.end.expect("SIP/2.0 407", 2 * SLOW))
            if method == "INVITE":
                self.end.request("ACK", uri, d)
        text = self.answer(method, uri, **(answer or {}))
        d["branch"] = self.end.request(method, uri, d, extra=extra +
                                       "Proxy-Authorization: %s\r\n" % text, **kw)
        return d
