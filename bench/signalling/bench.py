#!/usr/bin/env python3
"""Signalling bench: sipp caller -> target -> sipp callee on loopback UDP.

  bench.py cpu    CPU microseconds per call at several rates, interleaved
  bench.py hold   memory (PSS over all processes) per held call (needs root)
  bench.py delay  call set-up delays d1..d7, plain against sealed (needs root:
                  it reads the time of each packet from a raw socket)
  bench.py beside what sealed calls do to the plain calls beside them (root)

The whole method and the meaning of each figure: bench/RESULTS.md. CALLSEALD
names the daemon under test; BENCH_NET (127.21.7) and BENCH_PORT (21700) move
everything elsewhere. Only processes that it started are ended, by pid."""
import argparse
import csv
import json
import os
import resource
import shutil
import signal
import statistics
import sys
import tempfile
import time

import beside
import delays
from procs import Process, cpu_ns, name_of, pss_kb, udp_drops
from targets import CALLEE, CALLER, CALLSEALD, HERE, TARGETS, hostport

USUAL = ["kamailio", "kamailio+rtpengine", "callseal plain",
         "callseal MIKEY-PSK"]


def callee(tmp, pickup_ms=0, rtp="26000", at=CALLEE):
    """Starts the answering sipp. pickup_ms: how long it rings."""
    with open(os.path.join(HERE, "uas.xml")) as f:
        text = f.read()
    pause = f'<pause milliseconds="{pickup_ms}"/>' if pickup_ms else ""
    path = os.path.join(tmp, f"uas-{at[1]}.xml")
    with open(path, "w") as f:
        f.write(text.replace("@PICKUP@", pause))
    p = Process(["sipp", "-sf", path, "-i", at[0], "-p", str(at[1]),
                 "-nostdin", "-l", "60000", "-mp", rtp, "-buff_size",
                 "4000000"], os.path.join(tmp, f"uas-{at[1]}.log"))
    time.sleep(0.4)
    return p


def caller(tmp, entry, calls, rate, hold_ms, at=CALLER, to=None):
    """Starts the calling sipp; its statistics go to uac.csv, of another one
    than the usual to uac-PORT.csv. to: whom it calls, USER@HOST."""
    name = "uac" if at == CALLER else f"uac-{at[1]}"
    stat = os.path.join(tmp, f"{name}.csv")
    path = os.path.join(tmp, f"{name}.xml")
    if os.path.exists(stat):
        os.unlink(stat)
    with open(os.path.join(HERE, "uac.xml")) as f, open(path, "w") as out:
        text = f.read()
        out.write(text.replace("service@b.example", to) if to else text)
    limit = int(calls / rate + hold_ms / 1000 + 60)
    return Process(["sipp", hostport(entry), "-sf", path, "-i", at[0], "-p",
                    str(at[1]), "-nostdin", "-m", str(calls), "-r",
                    str(rate), "-l", "60000", "-d", str(hold_ms),
                    "-trace_stat", "-stf", stat, "-fd", "1", "-mp", "26000",
                    "-buff_size", "4000000", "-timeout", str(limit),
                    "-timeout_error"], os.path.join(tmp, f"{name}.log"))


def outcome(tmp):
    """How the caller's calls went."""
    with open(os.path.join(tmp, "uac.csv")) as f:
        row = list(csv.DictReader(f, delimiter=";"))[-1]
    return {"ok": int(row["SuccessfulCall(C)"]),
            "failed": int(row["FailedCall(C)"]),
            "retrans": int(row["Retransmissions(C)"])}


def by_process(pid, before, after, scale):
    """How the difference splits over the tree, by process name."""
    out = {}
    for p, value in after.items():
        label = "parent" if p == pid else name_of(p)
        out[label] = round(out.get(label, 0)
                           + (value - before.get(p, 0)) / scale, 1)
    return out


def load_once(name, rate, calls, tmp):
    """One run of one target; a dict of figures per part."""
    target = TARGETS[name]()
    try:
        target.start(tmp)
        uas = callee(tmp)
        before = {k: cpu_ns(p.pid) for k, p in target.parts.items()}
        drops = udp_drops()
        began = time.monotonic()
        uac = caller(tmp, target.entry, calls, rate, 20)
        uac_ns = 0
        while uac.alive():
            uac_ns = sum(cpu_ns(uac.pid).values()) or uac_ns
            time.sleep(0.1)
        seconds = time.monotonic() - began
        after = {k: cpu_ns(p.pid) for k, p in target.parts.items()}
        run = {"target": name, "rate": rate, "calls": calls, **outcome(tmp),
               "drops": udp_drops() - drops, "seconds": round(seconds, 2),
               "uac_pct": round(uac_ns / 1e7 / seconds, 1),
               "load": float(open("/proc/loadavg").read().split()[0]),
               "died": [k for k, p in target.parts.items() if not p.alive()]}
        n = max(1, run["ok"])
        run["us"] = {k: round((sum(after[k].values())
                               - sum(before[k].values())) / 1000 / n, 1)
                     for k in target.parts}
        run["split"] = {k: by_process(p.pid, before[k], after[k], 1000 * n)
                        for k, p in target.parts.items()}
        return run
    finally:
        for p in (locals().get("uac"), locals().get("uas")):
            if p:
                p.stop(signal.SIGKILL)
        target.stop()


def figure(run):
    """The figure of one run: the whole target, but for a pair of gateways
    each on its own."""
    if "A seals" in run["us"]:
        tail = run["target"].split("callseal ")[1]
        return {f"callseal {tail}, A seals": run["us"]["A seals"],
                f"callseal {tail}, B opens": run["us"]["B opens"]}
    return {run["target"]: round(sum(run["us"].values()), 1)}


def usable(run):
    """A run counts when the calls were made and the machine kept up."""
    return (not run["died"] and run["ok"] >= 0.995 * run["calls"]
            and run["retrans"] <= 0.02 * run["calls"])


def cpu_table(runs, rates):
    """Medians with their range, and the ratio to Kamailio + rtpengine, taken
    round by round and then its median."""
    lines = []
    for rate in rates:
        rows, rounds = {}, {}
        for run in (r for r in runs if r["rate"] == rate and usable(r)):
            for name, us in figure(run).items():
                rows.setdefault(name, []).append(us)
                rounds.setdefault(run["round"], {})[name] = us
        lines += [f"| at {rate} calls/s | µs CPU per call | range | rounds "
                  "| against Kamailio + rtpengine |", "|---|---|---|---|---|"]
        for name, v in rows.items():
            ratio = [r[name] / r["kamailio+rtpengine"] for r in rounds.values()
                     if name in r and "kamailio+rtpengine" in r]
            lines.append("| %s | %.0f | %.0f .. %.0f | %d | %s |" % (
                name, statistics.median(v), min(v), max(v), len(v),
                "%.2f" % statistics.median(ratio) if ratio else "-"))
        lines.append("")
    return "\n".join(lines)


def mode_cpu(o, tmp, emit):
    runs = []
    for i in range(o.rounds):
        order = o.targets if i % 2 == 0 else o.targets[::-1]
        for rate in o.rates:
            for name in order:
                run = load_once(name, rate, int(rate * o.seconds), tmp)
                runs.append(emit({"mode": "cpu", "round": i, **run}))
    print(cpu_table(runs, o.rates))


def hold_once(name, calls, rate, tmp):
    """PSS per held call: idle before, all calls up; then again when the
    transactions have lingered out (SIP timers run 32 s)."""
    target = TARGETS[name]()
    hold_s = calls / rate + 45
    try:
        target.start(tmp)
        uas = callee(tmp)
        time.sleep(1)
        before = {k: pss_kb(p.pid) for k, p in target.parts.items()}
        uac = caller(tmp, target.entry, calls, rate, int(hold_s * 1000))
        time.sleep(calls / rate + 3)
        fresh = {k: pss_kb(p.pid) for k, p in target.parts.items()}
        time.sleep(36)
        settled = {k: pss_kb(p.pid) for k, p in target.parts.items()}
        while uac.alive():
            time.sleep(0.2)
        run = {"target": name, "calls": calls, **outcome(tmp)}
        for label, when in (("fresh", fresh), ("settled", settled)):
            run[label] = {k: round((sum(when[k].values())
                                    - sum(before[k].values())) / calls, 1)
                          for k in target.parts}
        run["split"] = {k: by_process(p.pid, before[k], fresh[k], calls)
                        for k, p in target.parts.items()}
        run["idle_kb"] = {k: sum(v.values()) for k, v in before.items()}
        return run
    finally:
        for p in (locals().get("uac"), locals().get("uas")):
            if p:
                p.stop(signal.SIGKILL)
        target.stop()


def mode_hold(o, tmp, emit):
    print("| target | part | KiB per held call | after 36 s | idle KiB |")
    print("|---|---|---|---|---|")
    for name in o.targets:
        run = emit({"mode": "hold",
                    **hold_once(name, o.calls, o.rates[0], tmp)})
        for part in run["fresh"]:
            print("| %s | %s | %.1f | %.1f | %d |" % (
                name, part, run["fresh"][part], run["settled"][part],
                run["idle_kb"][part]), flush=True)
        if run["failed"]:
            print("  (%d calls failed)" % run["failed"])


def mode_delay(o, tmp, emit):
    runs = []
    for i in range(o.rounds):
        for name in o.targets[::1 if i % 2 == 0 else -1]:
            for d in delays.sample(name, o.samples, tmp, callee, caller):
                runs.append(emit({"mode": "delay", "round": i,
                                  "target": name, **d}))
    print(delays.table(runs, o.base))


def mode_beside(o, tmp, emit):
    runs = []
    for i in range(o.rounds):
        for load in o.targets[::1 if i % 2 == 0 else -1]:
            runs.append(emit({"mode": "beside", "round": i, **beside.sample(
                load, o.rates[0], int(o.seconds), tmp, sys.modules[__name__])}))
    print(beside.table(runs, o.rates[0]))


def options():
    p = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("mode", choices=["cpu", "hold", "delay",
                                    "beside"])
    p.add_argument("--targets", help="comma-separated: " + ", ".join(TARGETS)
                   + "; beside: " + ", ".join(beside.LOADS)
                   + "; delay: plain, sealed, METHOD ANSWER or METHOD ANSWER "
                   "BODY: mikey-dh early, mikey-psk pickup sign-encrypt")
    p.add_argument("--base", default="plain",
                   help="of delay: the target that the others add to")
    p.add_argument("--rates", help="calls per second, comma-separated "
                   "(cpu: 400,1000; else 200)")
    p.add_argument("--seconds", type=float, default=4, help="of each run")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--calls", type=int, default=2000, help="held calls")
    p.add_argument("--samples", type=int, default=12,
                   help="calls a round, for delay")
    p.add_argument("--nice", type=int, default=0, help="of all programs "
                   "alike; negative: less disturbed by others (root)")
    p.add_argument("--jsonl", help="append each run to this file")
    o = p.parse_args()
    o.targets = o.targets.split(",") if o.targets else (
        {"beside": beside.LOADS, "delay": ["plain", "sealed"]}.get(o.mode, USUAL))
    o.rates = [int(r) for r in (o.rates or (
        "400,1000" if o.mode == "cpu" else "200")).split(",")]
    return o


def main():
    o = options()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE,
                       (min(hard, 262144), hard))
    os.nice(o.nice)
    if not shutil.which(CALLSEALD) and any(
            "callseal" in t for t in o.targets + [f"callseal {o.mode}"]):
        sys.exit(f"there is no {CALLSEALD}: set CALLSEALD to the daemon")
    tmp = tempfile.mkdtemp(prefix="callseal-bench.")
    os.chmod(tmp, 0o755)

    def emit(run):
        text = json.dumps(run)
        print(text, file=sys.stderr, flush=True)
        if o.jsonl:
            with open(o.jsonl, "a") as f:
                f.write(text + "\n")
        return run

    {"cpu": mode_cpu, "hold": mode_hold, "delay": mode_delay,
     "beside": mode_beside}[o.mode](
        o, tmp, emit)
    print("logs:", tmp, file=sys.stderr)


if __name__ == "__main__":
    main()
