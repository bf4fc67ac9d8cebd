"""What sealed calls do to the plain ones beside them: the time that gateway A
has a plain INVITE, from the phone's datagram to its own, alone and while it
sets up sealed calls with gateway B.

Plain calls have a caller, a callee and a peer of their own; each INVITE is
known on both sides by the user in its Request-URI."""
import ctypes
import os
import re
import signal
import socket
import statistics
import struct
import subprocess
import threading
import time

from procs import cpu_ns, step_aside
from targets import CALLEE, NET, PEER, PSK, BASE, Gateway, hostport

PLAIN_CALLER = (f"{NET}.21", BASE + 21)
PLAIN_CALLEE = (f"{NET}.22", BASE + 22)
PLAIN_RATE = 100  # calls a second
A_IN, A_OUT = (f"{NET}.5", BASE + 4), (f"{NET}.6", BASE + 5)
B_IN, B_OUT = (f"{NET}.7", BASE + 6), (f"{NET}.8", BASE + 7)
ALONE, PLAIN_LOAD = "alone", "plain calls"
LOADS = [ALONE, PLAIN_LOAD, "mikey-psk", "mikey-dhhmac", "mikey-dh", "mikey-ecdh"]
CERTIFIED = ("mikey-dh", "mikey-ecdh", "mikey-rsa", "mikey-rsa-r")
IDENTITY = '''identity = {{ cert = "file:{0}/{1}.pem"; key = "file:{0}/{1}.key"; }};
trust = {{ ca = ( "file:{0}/ca.pem" ); }};
'''


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, capture_output=True)


def certify(folder, method):
    """A CA and a certificate for each gateway: RSA-2048, P-256 for mikey-ecdh."""
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"] if method == "mikey-ecdh" \
        else ["-newkey", "rsa:2048"]
    os.makedirs(folder, exist_ok=True)
    openssl("req", "-x509", *kind, "-nodes", "-subj", "/CN=bench", "-days", "30",
            "-keyout", f"{folder}/ca.key", "-out", f"{folder}/ca.pem")
    for site in "ab":
        openssl("req", "-x509", *kind, "-nodes", "-subj", f"/CN={site}", "-days", "30",
                "-CA", f"{folder}/ca.pem", "-CAkey", f"{folder}/ca.key",
                "-addext", "basicConstraints=critical,CA:FALSE",
                "-addext", f"subjectAltName=URI:sip:{site}.example",
                "-keyout", f"{folder}/{site}.key", "-out", f"{folder}/{site}.pem")


class Beside(Gateway):
    """Gateway A with a sealed and a plain peer; B opens the sealed calls."""
    name = "callseal beside"
    profile = "sealed"

    def __init__(self, method):
        super().__init__()
        self.method, self.entry = method, A_IN

    def site(self, tmp, label, spec, site):
        peers = [PEER.format(match=spec.pop("match"), profile="sealed", name="far",
                             psk="" if self.method in CERTIFIED else PSK,
                             route=hostport(spec.pop("route")))]
        if "plain" in spec:
            peers.append(PEER.format(match="*", profile="plain", psk="", name="plain",
                                     route=hostport(spec.pop("plain"))))
        extra = IDENTITY.format(f"{tmp}/{self.method}", site) \
            if self.method in CERTIFIED else ""
        self.gateway(label, tmp, {**spec, "peers": ", ".join(peers), "extra": extra,
                                  "keying": self.method})

    def start(self, tmp):
        if self.method in CERTIFIED and not os.path.exists(f"{tmp}/{self.method}"):
            certify(f"{tmp}/{self.method}", self.method)
        self.site(tmp, "B opens", {"inside": B_IN, "outside": B_OUT, "match": "*@a.example",
                                   "route": A_OUT, "proxy": f"sip:{hostport(CALLEE)}"}, "b")
        self.site(tmp, "A seals", {"inside": A_IN, "outside": A_OUT, "match": "*@b.example",
                                   "route": B_OUT, "plain": PLAIN_CALLEE}, "a")


class Invites(threading.Thread):
    """When each INVITE from one address, and to another, passed; by its user."""
    USER = re.compile(rb"INVITE sip:(\w+)@")

    def __init__(self, source, dest):
        super().__init__(daemon=True)
        self.times = ({}, {})
        self.ends = tuple((socket.inet_aton(a[0]), a[1]) for a in (source, dest))
        self.running = True
        # AF_PACKET gives each loopback frame twice; keep the incoming copy.
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
        self.sock.bind(("lo", 0x0800))
        self.sock.setsockopt(socket.SOL_SOCKET, 35, 1)  # SO_TIMESTAMPNS
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 20)
        self.filter()
        self.sock.settimeout(0.3)

    def filter(self):
        """Only UDP of the two ports, in the kernel: the rest costs nothing here.
        Classic BPF: load half word, jump if equal, return."""
        load, equal, give = 0x28, 0x15, 0x06
        ports = [p for _, p in self.ends]
        program = [(load, 0, 0, 20), (equal, 3, 0, ports[0]), (load, 0, 0, 22),
                   (equal, 1, 0, ports[1]), (give, 0, 0, 0), (give, 0, 0, 65535)]
        code = b"".join(struct.pack("HBBI", *line) for line in program)
        self.code = ctypes.create_string_buffer(code)
        address = ctypes.addressof(self.code)
        self.sock.setsockopt(socket.SOL_SOCKET, 26, struct.pack("HL", len(program), address))

    def run(self):
        while self.running:
            try:
                data, anc, _, addr = self.sock.recvmsg(65535, 64)
            except socket.timeout:
                continue
            if addr[2] != socket.PACKET_OUTGOING and anc:
                self.note(data, anc)

    def note(self, data, anc):
        sport, dport = struct.unpack_from("!HH", data, 20)
        user = self.USER.match(data[28:60])
        passed = (data[12:16], sport), (data[16:20], dport)
        for times, end, mine in zip(self.times, passed, self.ends):
            if user and end == mine:
                sec, nsec = struct.unpack("qq", anc[0][2][:16])
                times.setdefault(user[1], sec * 1000 + nsec / 1e6)

    def stop(self):
        """Milliseconds between the two, one a call."""
        self.running = False
        self.join()
        self.sock.close()
        return [self.times[1][u] - t for u, t in self.times[0].items() if u in self.times[1]]


def quantile(values, q):
    return sorted(values)[min(len(values) - 1, int(q * len(values)))]


def sample(load, rate, seconds, tmp, programs):
    """One run: plain calls at PLAIN_RATE, and rate of the load. programs: the
    sipp starters of bench.py."""
    method = "mikey-psk" if load in (ALONE, PLAIN_LOAD) else load
    target = Beside(method)
    started = []
    try:
        target.start(tmp)
        step_aside(target.parts["B opens"].pid)
        started += [programs.callee(tmp), programs.callee(tmp, at=PLAIN_CALLEE)]
        step_aside(started[0].pid)
        seen = Invites(PLAIN_CALLER, PLAIN_CALLEE)
        seen.start()
        before = cpu_ns(target.parts["A seals"].pid)
        plain = programs.caller(tmp, A_IN, PLAIN_RATE * seconds, PLAIN_RATE, 20,
                                at=PLAIN_CALLER, to="p[call_number]@c.example")
        started.append(plain)
        if load != ALONE:
            to = "q[call_number]@d.example" if load == PLAIN_LOAD else "service@b.example"
            started.append(programs.caller(tmp, A_IN, rate * (seconds - 1), rate, 20, to=to))
            step_aside(started[-1].pid)
        while plain.alive():
            time.sleep(0.1)
        cpu = sum(cpu_ns(target.parts["A seals"].pid).values()) - sum(before.values())
        times = seen.stop()[PLAIN_RATE:]  # the first second warms caches
        other = programs.outcome(tmp) if load != ALONE else {"ok": 0, "failed": 0, "retrans": 0}
        if load != ALONE and other["ok"] + other["failed"] < rate * (seconds - 1):
            raise RuntimeError(f"{load}: the load did not run, see {tmp}/uac.log")
        return {"load": load, "n": len(times), "p50": round(statistics.median(times), 3),
                "p99": round(quantile(times, 0.99), 3), "max": round(max(times), 3),
                "a_cpu_pct": round(cpu / 1e7 / seconds, 1), **other}
    finally:
        for p in reversed(started):
            p.stop(signal.SIGKILL)
        target.stop()


def table(runs, rate):
    """Medians over the rounds; ratios are taken round by round."""
    lines = [f"| beside {rate} calls/s | p50 ms | p99 ms | p99 against alone | A's CPU | "
             "calls set up |", "|---|---|---|---|---|---|"]
    alone = {r["round"]: r for r in runs if r["load"] == ALONE}
    for load in dict.fromkeys(r["load"] for r in runs):
        mine = [r for r in runs if r["load"] == load]
        ratio = [r["p99"] / alone[r["round"]]["p99"] for r in mine if r["round"] in alone]
        lines.append("| %s | %.2f | %.2f | %.2f (%.2f .. %.2f) | %.0f %% | %d, %d failed |" % (
            load, *(statistics.median(r[k] for r in mine) for k in ("p50", "p99")),
            statistics.median(ratio), min(ratio), max(ratio),
            statistics.median(r["a_cpu_pct"] for r in mine),
            sum(r["ok"] for r in mine), sum(r["failed"] for r in mine)))
    return "\n".join(lines)
