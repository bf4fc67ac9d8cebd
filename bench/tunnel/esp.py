#!/usr/bin/env python3
"""How long two SAs and two policies take: through ipc, the tunnel process, its ledger
and the kernel's XFRM, on a kernel with ESP. From the build folder:

    ../tests/kernel/vm 300 python3 ../bench/tunnel/esp.py tests/mock/tunneltool \\
        daemon/callseald [COUNT...]

or with ../bench/tunnel/emulated instead of ../tests/kernel/vm. tests/mock/tunneltool is
the engine and the keeper; a figure is the time from TUNNEL_RAISE to TUNNEL_RAISED, the
key being there. The ledger is a mapped file and not synced (modules/xfrm/ledger.h says
why). For each COUNT (50 and 1000):
so many tunnels are raised one behind the other and stay up, then all are dropped; a
last run leaves them for the memory they take and for what the end of the process
takes."""
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '../../tests/kernel'))
import guest  # noqa: E402

TOOL, DAEMON = (os.path.abspath(p) for p in sys.argv[1:3])
CONF = f'''
inside = {{ listen = ( "udp:127.0.0.1:5060" ); }};
outside = {{ listen = ( "udp:{guest.A}:5060" ); media = [ "{guest.A}" ]; }};
tunnel = {{ ports = "40000-49999"; }};
profiles = {{ t = {{ need = "require"; media = "esp"; keying = [ "mikey-psk" ]; }}; }};
peers = ( {{ name = "b"; match = "*"; profile = "t"; psk = "file:x"; }} );
'''


def least_call(count=20000):
    """Microseconds of a getppid(), with Python around it."""
    begun = time.perf_counter()
    for _ in range(count):
        os.getppid()
    return (time.perf_counter() - begun) / count * 1e6


def memory_kib(pid):
    with open(f'/proc/{pid}/status', encoding='ascii') as f:
        return int(re.search(r'VmRSS:\s+(\d+)', f.read())[1])


def start():
    path = guest.ledger('bench.conf')
    with open(path, 'w', encoding='ascii') as f:
        f.write(CONF)
    tool = guest.Tool('a', [TOOL, DAEMON, path, guest.ledger('bench.ledger')],
                      log=subprocess.DEVNULL)
    if not tool.first.startswith('ready'):
        sys.exit(f'the tunnel process does not start: {tool.first}')
    return tool, int(tool.first.split()[1])


def measure(tool, count, keep=0):
    said = tool.do(f'bench local={guest.A}:40000 far={guest.B}:40000 count={count} keep={keep}')
    return {k: int(v) for k, v in (w.split('=') for w in said.split()[1:])}


def main():
    counts = [int(n) for n in sys.argv[3:]] or [50, 1000]
    guest.build()
    tool, pid = start()
    print(f'kernel {os.uname().release}; a getppid() takes {least_call():.2f} us; SAs and '
          f'policies before: {guest.kernel("a").count("src ")}')
    for count in counts:
        m = measure(tool, count)
        print(f'{count} tunnels: p50 {m["p50_us"]} us, p99 {m["p99_us"]} us, most '
              f'{m["most_us"]} us; {count * 1000000 // m["all_us"]} set-ups a second with '
              f'RESERVE; {count * 1000000 // m["drop_us"]} removals a second', flush=True)
    before = memory_kib(pid)
    measure(tool, counts[-1], keep=1)
    print(f'{counts[-1]} held: {memory_kib(pid) - before} KiB more in the process')
    began = time.monotonic()
    tool.do('stop')
    print(f'all removed at the end of the process in {time.monotonic() - began:.2f} s')
    tool.end()
    if guest.kernel('a'):
        sys.exit('something is left in the kernel')


main()
