"""Call set-up delays d1..d7: one call at a time, every SIP datagram's time on
loopback read from a raw socket (no clock but the kernel's is involved).

Way of a call:  phone A - gateway A - proxy 1 - proxy 2 - gateway B - phone B.
Each delay is the time between two datagrams, named by what they are and by
the hop they were seen on; POINTS and DELAYS below are the definition."""
import os
import signal
import socket
import statistics
import struct
import sys
import threading
import time

import beside
import targets
from targets import CALLEE, CALLER

# hop -> (from, to) as "who sends to whom"; gateways have two addresses.
A_IN, A_OUT = (f"{targets.NET}.5", targets.BASE + 4), \
              (f"{targets.NET}.6", targets.BASE + 5)
B_IN, B_OUT = (f"{targets.NET}.7", targets.BASE + 6), \
              (f"{targets.NET}.8", targets.BASE + 7)
NAMES = {CALLER: "phoneA", A_IN: "A", A_OUT: "A", B_IN: "B", B_OUT: "B",
         CALLEE: "phoneB", (f"{targets.NET}.9", targets.BASE + 8): "p1",
         (f"{targets.NET}.10", targets.BASE + 9): "p2"}

# what, from, to
POINTS = {
    "invite in": ("INVITE", "phoneA", "A"),
    "invite sealed": ("INVITE", "A", "p1"),
    "invite at B": ("INVITE", "p2", "B"),
    "invite out": ("INVITE", "B", "phoneB"),
    "ringing": ("180", "A", "phoneA"),
    "pickup": ("200 INVITE", "phoneB", "B"),
    "answer sealed": ("200 INVITE", "B", "p2"),
    "answer at A": ("200 INVITE", "p1", "A"),
    "answer out": ("200 INVITE", "A", "phoneA"),
    "ack sent": ("ACK", "A", "p1"),
    "ack out": ("ACK", "B", "phoneB"),
}

# name: (from point, to point, in words)
DELAYS = {
    "d1": ("invite in", "invite sealed",
           "caller's side before the INVITE leaves: gateway A has the "
           "phone's INVITE -> the INVITE leaves gateway A"),
    "d2": ("invite in", "ringing",
           "calling delay: phone A's INVITE -> 180 at phone A"),
    "d3": ("invite at B", "invite out",
           "callee's processing: the INVITE reaches gateway B -> it goes, "
           "opened, to phone B"),
    "d4": ("pickup", "answer sealed",
           "answer: phone B's 200 reaches gateway B -> the answer leaves "
           "gateway B"),
    "d5": ("answer at A", "ack sent",
           "ACK: the answer reaches gateway A -> it is checked, keys are in "
           "place, phone A has the 200, and its ACK leaves gateway A"),
    "d6": ("pickup", "ack out",
           "answering delay: phone B's 200 -> its ACK is back at phone B"),
    "d7": ("invite in", "ack out",
           "set-up: phone A's INVITE -> the ACK at phone B, less the time "
           "phone B rang"),
}


class Capture(threading.Thread):
    """SIP datagrams on lo between addresses that we know."""

    def __init__(self):
        super().__init__(daemon=True)
        self.events, self.running = [], True
        # AF_PACKET gives each loopback frame twice; keep the incoming copy.
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM,
                                  socket.htons(0x0800))
        self.sock.bind(("lo", 0x0800))
        self.sock.setsockopt(socket.SOL_SOCKET, 35, 1)  # SO_TIMESTAMPNS
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.sock.settimeout(0.3)

    def run(self):
        while self.running:
            try:
                data, anc, _, addr = self.sock.recvmsg(65535, 64)
            except socket.timeout:
                continue
            if addr[2] == socket.PACKET_OUTGOING or data[9] != 17:
                continue
            self.note(data, anc)

    def note(self, data, anc):
        head = (data[0] & 15) * 4
        sport, dport = struct.unpack_from("!HH", data, head)
        src = NAMES.get((socket.inet_ntoa(data[12:16]), sport))
        dst = NAMES.get((socket.inet_ntoa(data[16:20]), dport))
        if src and dst and anc:
            sec, nsec = struct.unpack("qq", anc[0][2][:16])
            self.events.append((sec * 1000000 + nsec / 1000, src, dst,
                                data[head + 8:]))

    def stop(self):
        self.running = False
        self.join()
        self.sock.close()


def kind(text):
    """"INVITE", "ACK", "180", "200 INVITE", ... of a SIP message."""
    lines = text.decode("latin-1").split("\r\n")
    if not lines[0].startswith("SIP/2.0 "):
        return lines[0].split(" ")[0]
    status = lines[0].split(" ")[1]
    if status != "200":
        return status
    cseq = next((ln for ln in lines if ln.lower().startswith("cseq:")), "")
    return f"200 {cseq.split()[-1]}" if cseq else status


def calls_of(events):
    """Splits a capture at each INVITE of phone A into {point: time}; calls
    with a point missing are left out."""
    calls = []
    for when, src, dst, text in sorted(events, key=lambda e: e[0]):
        what = kind(text)
        if (what, src, dst) == POINTS["invite in"]:
            calls.append({})
        for name, point in POINTS.items():
            if calls and point == (what, src, dst):
                calls[-1].setdefault(name, when)
    return [c for c in calls if len(c) == len(POINTS)]


def delays_of(c, ring_us):
    out = {n: round((c[b] - c[a]) / 1000, 3) for n, (a, b, _) in DELAYS.items()}
    rang = c["pickup"] - c["invite out"] if ring_us is None else ring_us
    out["d7"] = round(out["d7"] - rang / 1000, 3)
    return out


class MethodPair(targets.SealedPair):
    """Two gateways keyed by "METHOD ANSWER", as in "mikey-dh early", or with SDP or
    whole messages sealed, too, by P-256 certificates that both know:
    "mikey-psk pickup sign-encrypt", "mikey-psk pickup tunnel"."""

    def __init__(self, name):
        super().__init__()
        self.name = name
        self.method, self.answer, *body = name.split()
        self.body = body[0] if body else "none"
        self.certs = "mikey-ecdh" if body else self.method

    def sealing(self, tmp, site):
        spec = {"keying": self.method,
                "more": f'answer = "{self.answer}"; body = "{self.body}";',
                "match": "*@b.example" if site == "a" else "*@a.example"}
        if self.method in beside.CERTIFIED:
            spec["psk"] = ""
        if self.body != "none":
            far = "b" if site == "a" else "a"
            spec["psk"] = spec.get("psk", targets.PSK) + \
                f' cert = "file:{tmp}/{self.certs}/{far}.pem";'
        if self.certs in beside.CERTIFIED:
            spec["extra"] = beside.IDENTITY.format(f"{tmp}/{self.certs}", site)
        return spec

    def start(self, tmp):
        folder = f"{tmp}/{self.certs}"
        if self.certs in beside.CERTIFIED and not os.path.exists(folder):
            beside.certify(folder, self.certs)
        super().start(tmp)


def pair_of(name):
    usual = {"sealed": targets.SealedPair, "plain": targets.PlainPair}
    return usual[name]() if name in usual else MethodPair(name)


def sample(name, count, tmp, callee, caller):
    """Makes count calls one after the other; a list of {d1: ms, ...}."""
    pair = pair_of(name)
    pair.between = targets.proxies()
    cap = uas = uac = None
    try:
        pair.start(tmp)
        uas = callee(tmp, pickup_ms=100)
        cap = Capture()
        cap.start()
        uac = caller(tmp, pair.entry, count + 1, 2, 50)
        while uac.alive():
            time.sleep(0.1)
        time.sleep(0.3)
        cap.stop()
        calls = calls_of(cap.events)
        if len(calls) <= count:
            print(f"{name}: only {len(calls)} of {count + 1} calls were seen whole; the others "
                  "do not count", file=sys.stderr)
        # the first call warms caches, sockets and allocators
        return [delays_of(c, None) for c in calls[1:]]
    finally:
        for p in (uac, uas):
            if p:
                p.stop(signal.SIGKILL)
        pair.stop()


def adds(runs, name, target, base):
    """What a target adds to base: the difference of the medians of each round,
    whose parts the machine's other work hits alike, and then their median."""
    diffs = []
    for i in sorted({r["round"] for r in runs}):
        v = [[r[name] for r in runs
              if r["round"] == i and r["target"] == t]
             for t in (base, target)]
        if v[0] and v[1]:
            diffs.append(statistics.median(v[1]) - statistics.median(v[0]))
    return statistics.median(diffs) if diffs else float("nan")


def table(runs, base="plain"):
    """Medians in milliseconds, and what each adds to base."""
    kinds = list(dict.fromkeys(r["target"] for r in runs))
    lines = ["| delay | " + " | ".join(kinds) + " |", "|---" * (len(kinds) + 1) + "|"]
    for name in DELAYS:
        cells = []
        for kind in kinds:
            ms = statistics.median(r[name] for r in runs if r["target"] == kind)
            cells.append("%.2f" % ms if kind == base else
                         "%.2f (%+.2f)" % (ms, adds(runs, name, kind, base)))
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines.append("samples: " + ", ".join(
        f"{sum(r['target'] == k for r in runs)} {k}" for k in kinds))
    return "\n".join(lines)
