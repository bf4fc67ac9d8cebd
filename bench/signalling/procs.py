"""Starting processes and reading what they cost: CPU from schedstat, memory
from smaps_rollup, each summed over a whole process tree."""
import glob
import os
import signal
import subprocess

TICK = os.sysconf("SC_CLK_TCK")


def tree(pid):
    """The process and all its descendants."""
    kids = {}
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path) as f:
                fields = f.read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        kids.setdefault(int(fields[1]), []).append(int(path.split("/")[2]))
    out, todo = [], [pid]
    while todo:
        p = todo.pop()
        out.append(p)
        todo += kids.get(p, [])
    return out


def name_of(pid):
    """What the process calls itself: its command line's tail tells children
    of one program apart."""
    try:
        with open(f"/proc/{pid}/comm") as f:
            return f.read().strip()
    except OSError:
        return "?"


def cpu_ns(pid):
    """{pid: nanoseconds on the CPU} of the tree: user, system and the soft
    interrupts that its own sends caused on loopback. Not tick-quantised."""
    out = {}
    for p in tree(pid):
        for path in glob.glob(f"/proc/{p}/task/*/schedstat"):
            try:
                with open(path) as f:
                    out[p] = out.get(p, 0) + int(f.read().split()[0])
            except OSError:
                pass
    return out


def step_aside(pid):
    """Lets the tree have only the CPU time that nobody else wants: it stands
    for programs that run on other machines."""
    for p in tree(pid):
        for path in glob.glob(f"/proc/{p}/task/*"):
            os.sched_setscheduler(int(path.split("/")[4]), os.SCHED_IDLE, os.sched_param(0))


def pss_kb(pid):
    """{pid: proportional set size in KiB} of the tree: shared pages are
    counted once over all processes. Needs root: the daemon's processes do
    not let their own user look at their memory."""
    out = {}
    for p in tree(pid):
        try:
            with open(f"/proc/{p}/smaps_rollup") as f:
                for line in f:
                    if line.startswith("Pss:"):
                        out[p] = int(line.split()[1])
        except (FileNotFoundError, ProcessLookupError):
            pass
    return out


def udp_drops():
    """Datagrams dropped on this machine because a receive buffer was full."""
    with open("/proc/net/snmp") as f:
        head, row = [ln.split() for ln in f if ln.startswith("Udp:")][:2]
    return int(row[head.index("RcvbufErrors")])


class Process:
    """One program with its output in a file; stopped by its own pid."""

    def __init__(self, cmd, log, env=None):
        self.cmd, self.log = cmd, log
        with open(log, "ab") as out:
            self.popen = subprocess.Popen(cmd, stdin=subprocess.DEVNULL,
                                          stdout=out, stderr=out, env=env)
        self.pid = self.popen.pid

    def alive(self):
        return self.popen.poll() is None

    def stop(self, sig=signal.SIGTERM, wait=8):
        if self.alive():
            self.popen.send_signal(sig)
            try:
                self.popen.wait(wait)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
