#!/usr/bin/env python3
"""bench.py - phones that register: callseal's registrar beside Kamailio's.

    sudo CALLSEALD=/path/to/callseald ./bench.py [--phones 10000] [--rounds 3] [--rate 500]

Every phone registers (401, then the digest), as fast as both sides go with 64
phones at a time; then each refreshes at the rate, as its registrar lets it: with the
nonce that it has. CPU is that of all processes of the registrar; memory the growth of
their proportional set size: right after all registered, and 40 s later, when the
transactions are gone (with --settle 0 not). See ../RESULTS.md."""
import argparse
import os
import re
import statistics
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "signalling"))
import procs  # noqa: E402
import targets  # noqa: E402
from phones import PASSWORD, REALM, Load, Phone  # noqa: E402

NET, BASE = targets.NET, targets.BASE
LIMITS = "rate = 0; registrations = 100000; registrations_host = 100000; }};"
targets.GATEWAY = targets.GATEWAY.replace("rate = 0; }};", LIMITS)


class Callseal(targets.Gateway):
    """One gateway with register = "local"."""
    name = "callseal"

    def __init__(self, count):
        super().__init__()
        self.count = count

    def start(self, tmp):
        users = os.path.join(tmp, "users")
        with open(os.open(users, os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
            for n in range(self.count):
                f.write(f"phone{n}:{REALM}:{Phone(n).ha1}\n")
        self.entry = (f"{NET}.5", BASE + 4)
        self.gateway("gateway", tmp, {
            "inside": self.entry, "outside": (f"{NET}.6", BASE + 5), "route": targets.CALLEE,
            "extra": f'register = "local"; registrar = {{ domain = "{REALM}"; '
                     f'users = "file:{users}"; hash = [ "md5" ]; }};'})


class Registrar(targets.Kamailio):
    """usrloc in memory, auth with the hash, 2 processes."""
    name = "kamailio"

    def __init__(self, count):
        super().__init__()

    def start(self, tmp):
        with open(os.path.join(HERE, "kamailio.cfg")) as f:
            text = f.read()
        for key, value in (("LISTEN", targets.hostport(self.entry)), ("REALM", REALM),
                           ("PASSWORD", PASSWORD), ("CHILDREN", "2")):
            text = text.replace(f"@{key}@", value)
        path = os.path.join(tmp, "registrar.cfg")
        with open(path, "w") as f:
            f.write(text)
        self.run("kamailio", ["kamailio", "-DD", "-f", path, "-Y", tmp, "-P",
                              os.path.join(tmp, "kamailio.pid"), "-m", "512", "-M", "16"],
                 tmp, lambda: targets.answers_options(self.entry))


def total(counted):
    return sum(counted.values())


def measure(target, options, tmp):
    """One round: figures by name."""
    target.start(tmp)
    pid = next(iter(target.parts.values())).pid
    load = Load(target.entry, [f"{NET}.{n}" for n in range(100, 200)])
    phones = [Phone(n) for n in range(options.phones)]
    try:
        idle, cpu = total(procs.pss_kb(pid)), total(procs.cpu_ns(pid))
        seconds = load.run(phones)
        spent = total(procs.cpu_ns(pid)) - cpu
        busy = total(procs.pss_kb(pid)) - idle
        time.sleep(options.settle)
        settled = total(procs.pss_kb(pid)) - idle
        load.delays, asked, cpu = [], load.challenges, total(procs.cpu_ns(pid))
        load.run(phones, window=10 * options.rate, rate=options.rate)
        refreshed = total(procs.cpu_ns(pid)) - cpu
    finally:
        load.close()
        target.stop()
    n = options.phones
    load.delays.sort()
    return {"all, s": seconds, "µs CPU each": spent / n / 1000, "KiB each at once": busy / n,
            "KiB each later": settled / n, "µs CPU a refresh": refreshed / n / 1000,
            "refresh p50, ms": 1000 * load.delays[n // 2],
            "p99, ms": 1000 * load.delays[n * 99 // 100],
            "challenged again": load.challenges - asked, "repeated": load.repeated,
            "failed": load.failed}


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--phones", type=int, default=10000)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--rate", type=int, default=500)
    p.add_argument("--settle", type=float, default=40)
    p.add_argument("--targets", default="kamailio,callseal")
    options = p.parse_args()
    chosen = [t for t in (Registrar, Callseal) if t.name in re.split(",", options.targets)]
    got = {t.name: [] for t in chosen}
    for n in range(options.rounds):
        for t in chosen[::-1] if n % 2 else chosen:
            with tempfile.TemporaryDirectory() as tmp:
                os.chmod(tmp, 0o755)
                for sub in ("callseal-gateway",):
                    os.makedirs(os.path.join(tmp, sub), exist_ok=True)
                figures = measure(t(options.phones), options, tmp)
            got[t.name].append(figures)
            print(n, t.name, {k: round(v, 2) for k, v in figures.items()}, flush=True)
    print("\n| | " + " | ".join(got) + " |\n|---|" + "---|" * len(got))
    for key in next(iter(got.values()))[0]:
        print(f"| {key} | " + " | ".join(
            f"{statistics.median(f[key] for f in rounds):.2f}" for rounds in got.values()) + " |")


if __name__ == "__main__":
    main()
