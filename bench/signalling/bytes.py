#!/usr/bin/env python3
"""Bytes that keying adds to an INVITE: the gateway under test gets a phone's
INVITE and sends its own; both are read, none is made up.

    CALLSEALD=/path/to/callseald ./bytes.py        a table for bench/RESULTS.md

For each row a gateway starts with that profile; the same INVITE is also sent
through one whose profile forbids sealing, and the difference is what the row
says. The far end takes UDP and TCP (what is longer than 1300 bytes goes by
TCP). Certificates are RSA-2048 with one issuer above, or P-256 for mikey-ecdh."""
import os
import re
import shutil
import socket
import sys
import tempfile
import threading

from beside import IDENTITY, PSK, certify
from targets import BASE, CALLSEALD, NET, PEER, Gateway, hostport

PHONE, FAR = (f"{NET}.31", BASE + 31), (f"{NET}.32", BASE + 32)
INSIDE, OUTSIDE = (f"{NET}.33", BASE + 33), (f"{NET}.34", BASE + 34)
SUITE, FIVE = ["AEAD_AES_128_GCM"], [
    "AEAD_AES_128_GCM", "AEAD_AES_256_GCM", "AES_CM_128_HMAC_SHA1_80",
    "AES_CM_128_HMAC_SHA1_32", "AES_256_CM_HMAC_SHA1_80"]
# methods, suites
ROWS = [
    (["mikey-psk"], SUITE), (["mikey-psk"], FIVE), (["mikey-dhhmac"], SUITE),
    (["mikey-rsa"], SUITE), (["mikey-rsa-r"], SUITE), (["mikey-dh"], SUITE),
    (["mikey-ecdh"], SUITE), (["mikey-psk", "mikey-dhhmac"], FIVE[:2]),
    (["mikey-psk", "mikey-dhhmac", "mikey-dh"], FIVE[:2]),
    (["sdes"], SUITE), (["sdes"], FIVE[:2]), (["sdes"], FIVE),
]
MEDIA = ["m=audio 4000 RTP/AVP 0", "m=video 4002 RTP/AVP 96\r\na=rtpmap:96 H264/90000"]
CERTIFIED = {"mikey-rsa": "mikey-dh", "mikey-rsa-r": "mikey-dh", "mikey-dh": "mikey-dh",
             "mikey-ecdh": "mikey-ecdh"}


class One(Gateway):
    """One gateway by a row, or a plain one."""
    name = "bytes"

    def __init__(self, row, level):
        super().__init__()
        self.row, self.level = row, level
        self.profile = "sealed" if row else "plain"

    def start(self, tmp):
        methods, suites = self.row or (["mikey-psk"], SUITE)
        folder = next((f"{tmp}/{CERTIFIED[m]}" for m in methods if m in CERTIFIED), None)
        keys = PSK if self.row and set(methods) & {"mikey-psk", "mikey-dhhmac"} else ""
        if "mikey-rsa" in methods:
            keys += f' cert = "file:{folder}/b.pem";'
        extra = f'mikey = {{ level = "{self.level}"; }};\n'
        if folder:
            extra += IDENTITY.format(folder, "a")
        self.gateway("gateway", tmp, {
            "inside": INSIDE, "outside": OUTSIDE, "extra": extra,
            "keying": '", "'.join(methods), "suites": '", "'.join(suites),
            "peers": PEER.format(match="*", profile=self.profile, psk=keys, name="far",
                                 route=hostport(FAR)),
            "more": 'sdes = "any";' if "sdes" in methods else ""})


class FarEnd:
    """Takes INVITEs, by whatever transport they come; by the user they are for."""

    def __init__(self):
        self.got, self.came = {}, threading.Condition()
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.tcp = socket.socket()
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for s in (self.udp, self.tcp):
            s.bind(FAR)
        self.tcp.listen(8)
        for work in (self.read_udp, self.read_tcp):
            threading.Thread(target=work, daemon=True).start()

    def take(self, text):
        user = re.match(rb"INVITE sip:(\w+)@", text)
        with self.came:
            if user:
                self.got.setdefault(user[1].decode(), text)
                self.came.notify()

    def read_udp(self):
        while True:
            self.take(self.udp.recv(65536))

    def read_tcp(self):
        while True:
            conn, data = self.tcp.accept()[0], b""
            while not whole(data):
                more = conn.recv(65536)
                if not more:
                    break
                data += more
            self.take(data)

    def invite(self, user):
        with self.came:
            if not self.came.wait_for(lambda: user in self.got, 5):
                sys.exit("no INVITE left the gateway")
            return self.got[user]


def whole(data):
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\n(?:content-length|l) *: *(\d+)", head)
    return length and len(body) >= int(length[1])


def send_invite(user, lines):
    """From a phone with that many m= lines."""
    body = "\r\n".join(["v=0", f"o=p 1 1 IN IP4 {PHONE[0]}", "s=-", f"c=IN IP4 {PHONE[0]}",
                        "t=0 0", *MEDIA[:lines], ""])
    text = (f"INVITE sip:{user}@b.example SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {hostport(PHONE)};branch=z9hG4bK{user}\r\n"
            f"From: <sip:alice@a.example>;tag={user}\r\nTo: <sip:{user}@b.example>\r\n"
            f"Call-ID: bytes-{user}\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n"
            f"Contact: <sip:alice@{hostport(PHONE)}>\r\nContent-Type: application/sdp\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(PHONE)
        s.sendto(text.encode(), INSIDE)
        return text


class Count:
    def __init__(self, tmp):
        self.tmp, self.far, self.n = tmp, FarEnd(), 0

    def body(self, row, lines, level):
        """The body of the INVITE that leaves a gateway of this row, and all of it."""
        gate = One(row, level)
        self.n += 1
        try:
            gate.start(self.tmp)
            user = f"bob{self.n:03}x{os.getpid()}"
            send_invite(user, lines)
            text = self.far.invite(user)
            return text.partition(b"\r\n\r\n")[2], text
        finally:
            gate.stop()

    def added(self, row, lines, level):
        plain, sealed = self.body(None, lines, level)[0], self.body(row, lines, level)
        self.whole = len(sealed[1])
        return len(sealed[0]) - len(plain)


def main():
    tmp = tempfile.mkdtemp(prefix="callseal-bytes.")
    os.chmod(tmp, 0o755)
    for method in ("mikey-dh", "mikey-ecdh"):
        certify(f"{tmp}/{method}", method)
    count = Count(tmp)
    print("| keying | suites | one line | two lines, for the session | two lines, for each | "
          "INVITE with one line |\n|---|---|---|---|---|---|")
    for row in ROWS:
        one = count.added(row, 1, "session")
        whole_invite = count.whole
        session = "-" if row[0] == ["sdes"] else count.added(row, 2, "session")
        print("| %s | %d | %d | %s | %d | %d |" % (
            ", ".join(row[0]), len(row[1]), one, session, count.added(row, 2, "media"),
            whole_invite), flush=True)
    shutil.rmtree(tmp, ignore_errors=True)


if __name__ == "__main__":
    main()
