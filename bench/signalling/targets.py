"""What is measured: each target is started fresh for each round and takes
calls at `entry`; whatever it is, the callee answers at CALLEE.

Every element has a loopback address of its own, so that media ports never
collide; all of 127.0.0.0/8 is ours without configuration."""
import os
import re
import secrets
import socket
import sys
import time

from procs import Process

HERE = os.path.dirname(os.path.abspath(__file__))
NET = os.environ.get("BENCH_NET", "127.21.7")
BASE = int(os.environ.get("BENCH_PORT", "21700"))
CALLSEALD = os.environ.get("CALLSEALD", "callseald")

CALLER = (f"{NET}.1", BASE)
CALLEE = (f"{NET}.2", BASE + 1)
MEDIA_PORTS = "21800-65535"  # must leave out the ports of SIP


def hostport(addr):
    return f"{addr[0]}:{addr[1]}"


class Target:
    """parts: label -> Process. Subclasses start them in start(tmp)."""
    name = "?"
    entry = CALLEE

    def __init__(self):
        self.parts = {}

    def start(self, tmp):
        pass

    def run(self, label, cmd, tmp, ready):
        """Starts one part and waits until ready() holds."""
        log = os.path.join(tmp, f"{self.name}.{label}.log")
        if ready():
            raise RuntimeError(f"{self.name}: another program has the address of its {label}; "
                               f"end it, or set BENCH_NET to another net than {NET}")
        p = Process(cmd, log)
        self.parts[label] = p
        deadline = time.monotonic() + 10
        while not ready():
            if not p.alive() or time.monotonic() > deadline:
                with open(log, errors="replace") as f:
                    sys.stderr.write(f.read()[-2000:])
                raise RuntimeError(f"{self.name}: {label} does not start")
            time.sleep(0.05)

    def stop(self):
        for p in reversed(list(self.parts.values())):
            p.stop()
        self.parts = {}


class Direct(Target):
    """Caller to callee without anything between: the harness's own cost."""
    name = "direct"


def answers_options(addr):
    """True once a SIP element at addr answers anything."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind((f"{NET}.99", 0))
        s.settimeout(0.2)
        me = hostport(s.getsockname())
        text = (f"OPTIONS sip:ping@{hostport(addr)} SIP/2.0\r\n"
                f"Via: SIP/2.0/UDP {me};branch=z9hG4bK{secrets.token_hex(6)}\r\n"
                f"From: <sip:bench@{me}>;tag=1\r\nTo: <sip:ping@{hostport(addr)}>\r\n"
                f"Call-ID: {secrets.token_hex(8)}\r\nCSeq: 1 OPTIONS\r\n"
                "Max-Forwards: 0\r\nContent-Length: 0\r\n\r\n")
        s.sendto(text.encode(), addr)
        try:
            return s.recv(4096).startswith(b"SIP/2.0")
        except OSError:
            return False


def udp_bound(addr):
    """True once somebody is bound to the UDP address."""
    want = "%08X:%04X" % (int.from_bytes(socket.inet_aton(addr[0]), "little"),
                          addr[1])
    with open("/proc/net/udp") as f:
        return any(line.split()[1] == want for line in f.readlines()[1:])


class Kamailio(Target):
    """A stateful, record-routing proxy; no media."""
    name = "kamailio"
    relay = False

    def __init__(self, name=None, listen=(f"{NET}.3", BASE + 2),
                 nexthop=CALLEE, children=2):
        super().__init__()
        self.name = name or self.name
        self.entry, self.nexthop, self.children = listen, nexthop, children

    def start(self, tmp):
        with open(os.path.join(HERE, "kamailio.cfg")) as f:
            text = f.read()
        for key, value in (("LISTEN", hostport(self.entry)),
                           ("NEXTHOP", hostport(self.nexthop)),
                           ("CHILDREN", str(self.children)),
                           ("NG", hostport(Rtpengine.ng)),
                           ("DEFINE", "#!define RELAY" if self.relay else "")):
            text = text.replace(f"@{key}@", value)
        path = os.path.join(tmp, f"{self.name}.cfg")
        with open(path, "w") as f:
            f.write(text)
        self.run("kamailio", ["kamailio", "-DD", "-f", path, "-Y", tmp, "-P",
                              os.path.join(tmp, f"{self.name}.pid"),
                              "-m", "512", "-M", "16"],
                 tmp, lambda: answers_options(self.entry))


class Rtpengine(Kamailio):
    """Kamailio with rtpengine in user space: it relays media, too."""
    name = "kamailio+rtpengine"
    relay = True
    ng = (f"{NET}.4", BASE + 3)

    def start(self, tmp):
        low, high = MEDIA_PORTS.split("-")
        # delete-delay=0: ports come back when the call ends, as ours do
        self.run("rtpengine", ["rtpengine", "--config-file=none", "-f",
                               "--table=-1", f"--interface={NET}.4",
                               f"--listen-ng={hostport(self.ng)}",
                               "--num-threads=2", "--delete-delay=0",
                               f"--port-min={low}", f"--port-max={high}",
                               "--log-stderr", "--log-level=3"],
                 tmp, lambda: udp_bound(self.ng))
        super().start(tmp)


GATEWAY = """
user = "nobody";
inside = {{ listen = ( "udp:{inside}" ); nets = ( "127.0.0.0/8" );
  media = ( "{inside_host}" ); proxy = "{proxy}"; }};
outside = {{ listen = ( "udp:{outside}" ); media = ( "{outside_host}" );
  trusted = ( "127.0.0.0/8" ); }};
media = {{ ports = "{ports}"; workers = 1; }};
limits = {{ calls = 50000; rate = 0; }};
profiles = {{
  sealed = {{ need = "require"; keying = [ "{keying}" ];
    suites = [ "{suites}" ]; {more} }};
  plain = {{ need = "forbid"; }};
}};
peers = ( {peers} );
{extra}
"""

SUITES = 'AEAD_AES_128_GCM", "AES_CM_128_HMAC_SHA1_80'
# One line of peers.
PEER = ('{{ match = "{match}"; profile = "{profile}"; {psk} name = "{name}"; '
        'route = "sip:{route}"; }}')
PSK = 'psk = "file:far.psk";'


class Gateway(Target):
    """callseald with the plain profile: a B2BUA that relays media."""
    name = "callseal plain"
    profile = "plain"

    def gateway(self, label, tmp, spec):
        """Starts one gateway. spec: inside, outside, proxy; route, or peers;
        keying and suites (names joined by '", "'), more of the profile, extra."""
        folder = os.path.join(tmp, re.sub(r"\W", "-", f"{self.name}-{label}"))
        for sub in ("", "state", "run"):
            os.makedirs(os.path.join(folder, sub), exist_ok=True)
        conf = os.path.join(folder, "callseal.conf")
        peers = spec.get("peers") or PEER.format(
            match=spec.get("match", "*"), profile=self.profile, name="far",
            route=hostport(spec["route"]),
            psk=spec.get("psk", PSK if self.profile == "sealed" else ""))
        with open(conf, "w") as f:
            f.write(GATEWAY.format(
                inside=hostport(spec["inside"]), inside_host=spec["inside"][0],
                outside=hostport(spec["outside"]),
                outside_host=spec["outside"][0], peers=peers,
                proxy=spec.get("proxy", ""), ports=MEDIA_PORTS,
                keying=spec.get("keying", "mikey-psk"),
                suites=spec.get("suites", SUITES), more=spec.get("more", ""),
                extra=spec.get("extra", "")))
        key = os.path.join(folder, "far.psk")
        with open(os.open(key, os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
            f.write("b5" * 32 + "\n")
        self.run(label, [CALLSEALD, "-f", conf, "--state-dir",
                         os.path.join(folder, "state"), "--run-dir",
                         os.path.join(folder, "run"), "--foreground"],
                 tmp, lambda: udp_bound(spec["inside"]))
        time.sleep(0.5)

    def start(self, tmp):
        self.entry = (f"{NET}.5", BASE + 4)
        self.gateway("gateway", tmp, {
            "inside": self.entry, "outside": (f"{NET}.6", BASE + 5),
            "route": CALLEE})


class SealedPair(Gateway):
    """Two gateways, MIKEY with a pre-shared key between them. A seals what
    the caller sends, B opens it. between: proxies on the way, in order."""
    name = "callseal MIKEY-PSK"
    profile = "sealed"
    between = ()

    def sealing(self, tmp, site):
        """What gateway a or b has beyond the usual, as gateway() takes it."""
        return {}

    def start(self, tmp):
        a_in, a_out = (f"{NET}.5", BASE + 4), (f"{NET}.6", BASE + 5)
        b_in, b_out = (f"{NET}.7", BASE + 6), (f"{NET}.8", BASE + 7)
        hop = b_out
        for i, proxy in enumerate(reversed(self.between)):
            proxy.nexthop = hop
            proxy.start(tmp)
            self.parts[f"proxy {len(self.between) - i}"] = \
                proxy.parts["kamailio"]
            hop = proxy.entry
        # B's own calls outward would go back to A; none are made here.
        self.gateway("B opens", tmp, {"inside": b_in, "outside": b_out,
                                      "route": a_out,
                                      "proxy": f"sip:{hostport(CALLEE)}",
                                      **self.sealing(tmp, "b")})
        self.gateway("A seals", tmp, {"inside": a_in, "outside": a_out,
                                      "route": hop, **self.sealing(tmp, "a")})
        self.entry = a_in


class PlainPair(SealedPair):
    """The same way with the plain profile: what sealing is compared with."""
    name = "callseal plain pair"
    profile = "plain"


def proxies():
    """The two proxies between the gateways of the delay measurement."""
    return (Kamailio("proxy1", (f"{NET}.9", BASE + 8), children=1),
            Kamailio("proxy2", (f"{NET}.10", BASE + 9), children=1))


TARGETS = {t.name: t for t in (Direct, Kamailio, Rtpengine, Gateway,
                               SealedPair, PlainPair)}
