"""Phones that register over UDP, each with its digest (RFC 7616, MD5, qop=auth).
Each host has many, on one socket; they differ by account, Contact and Call-ID."""
import hashlib
import re
import secrets
import select
import socket
import time

REALM, PASSWORD = "bench.example", "secret"
T1 = 0.5


def md5(text):
    return hashlib.md5(text.encode()).hexdigest()


class Phone:
    def __init__(self, number):
        self.number, self.user = number, f"phone{number}"
        self.ha1 = md5(f"{self.user}:{REALM}:{PASSWORD}")
        self.call, self.tag = secrets.token_hex(8), secrets.token_hex(4)
        self.cseq, self.nc, self.nonce, self.opaque = 0, 0, None, ""

    def proof(self, uri):
        self.nc += 1
        nc = f"{self.nc:08x}"
        response = md5(f"{self.ha1}:{self.nonce}:{nc}:c0ffee:auth:" + md5(f"REGISTER:{uri}"))
        opaque = f', opaque="{self.opaque}"' if self.opaque else ""
        return (f'Authorization: Digest username="{self.user}", realm="{REALM}", '
                f'nonce="{self.nonce}", uri="{uri}", response="{response}", algorithm=MD5, '
                f'qop=auth, nc={nc}, cnonce="c0ffee"{opaque}\r\n')

    def request(self, me):
        """The next REGISTER."""
        self.cseq += 1
        uri = f"sip:{REALM}"
        return (f"REGISTER {uri} SIP/2.0\r\n"
                f"Via: SIP/2.0/UDP {me};branch=z9hG4bK{self.user}.{self.cseq}.{self.tag};rport\r\n"
                f"Max-Forwards: 70\r\nFrom: <sip:{self.user}@{REALM}>;tag={self.tag}\r\n"
                f"To: <sip:{self.user}@{REALM}>\r\nCall-ID: {self.call}\r\n"
                f"CSeq: {self.cseq} REGISTER\r\nContact: <sip:{self.user}@{me}>\r\n"
                f"Expires: 3600\r\n{self.proof(uri) if self.nonce else ''}"
                "Content-Length: 0\r\n\r\n").encode()

    def challenged(self, text):
        self.nonce = re.search(r'nonce="([^"]*)"', text).group(1)
        opaque = re.search(r'opaque="([^"]*)"', text)
        self.opaque, self.nc = opaque.group(1) if opaque else "", 0


class Load:
    """Registers phones at a registrar; what happened is in the counters."""

    def __init__(self, registrar, hosts):
        self.sockets, self.names, self.poll = [], [], select.epoll()
        for at in hosts:
            one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            one.bind((at, 0))
            one.connect(registrar)
            self.poll.register(one, select.EPOLLIN)
            self.sockets.append(one)
            self.names.append("%s:%d" % one.getsockname())
        self.by_number = {one.fileno(): one for one in self.sockets}
        self.repeated = self.failed = self.challenges = 0
        self.delays = []

    def run(self, phones, window=64, rate=0):
        """Each registers once, at most so many at a time, or so many a second;
        how long all took."""
        waiting = {}  # Call-ID -> [phone, bytes, first sent, next repetition, interval]
        todo = iter(phones)
        start, sent, more = time.monotonic(), 0, True
        while more or waiting:
            now = time.monotonic()
            while more and len(waiting) < window and (not rate or sent < (now - start) * rate):
                phone = next(todo, None)
                more = phone is not None
                if more:
                    sent += 1
                    self._send(waiting, phone, now)
            self._repeat(waiting, now)
            for number, _ in self.poll.poll(0.001 if rate and more else 0.05):
                self._read(waiting, self.by_number[number])
        return time.monotonic() - start

    def _send(self, waiting, phone, first):
        host = phone.number % len(self.sockets)
        data = phone.request(self.names[host])
        waiting[phone.call] = [phone, data, first, time.monotonic() + T1, T1]
        self.sockets[host].send(data)

    def _repeat(self, waiting, now):
        for call, w in list(waiting.items()):
            if now < w[3]:
                break  # those that were sent later are due later, nearly
            self.repeated += 1
            w[4] = min(2 * w[4], 4)
            w[3] = now + w[4]
            self.sockets[w[0].number % len(self.sockets)].send(w[1])
            waiting[call] = waiting.pop(call)

    def close(self):
        for one in self.sockets:
            one.close()

    def _read(self, waiting, at):
        for _ in range(64):
            try:
                text = at.recv(4096, socket.MSG_DONTWAIT).decode()
            except BlockingIOError:
                return
            call = re.search(r"(?mi)^Call-ID: *(\S+)", text).group(1)
            cseq = int(re.search(r"(?mi)^CSeq: *(\d+)", text).group(1))
            status = int(text[8:11])
            w = waiting.get(call)
            if not w or cseq != w[0].cseq or status < 200:
                continue
            del waiting[call]
            if status == 401:
                self.challenges += 1
                w[0].challenged(text)
                self._send(waiting, w[0], w[2])
                continue
            self.failed += status != 200
            self.delays.append(time.monotonic() - w[2])
