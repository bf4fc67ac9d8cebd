"""A net that brings packets late, and so out of order, and twice: what passes
between the sites goes through a thread here, by a TUN device on the host "net".
(The kernel's netem would do, where it is.)"""
import fcntl
import heapq
import os
import random
import select
import struct
import threading
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454ca, 1, 0x1000


class Shuffle:
    """late and twice: how probable for a packet; longest: how late in seconds."""

    def __init__(self, lab, late=0.3, twice=0.2, longest=0.2):
        self.late, self.twice, self.longest = late, twice, longest
        self.passed = self.delayed = self.copied = 0
        with lab.net.inside('net'):
            self.fd = os.open('/dev/net/tun', os.O_RDWR | os.O_CLOEXEC)
            fcntl.ioctl(self.fd, TUNSETIFF, struct.pack('16sH14x', b'mix', IFF_TUN | IFF_NO_PI))
        lab.net.run('net', 'ip', 'link', 'set', 'mix', 'up')
        for name in ('all', 'mix'):
            lab.net.run('net', 'sysctl', '-qw', f'net.ipv4.conf.{name}.rp_filter=0')
        lab.net.run('net', 'ip', 'route', 'add', 'default', 'dev', 'mix', 'table', '100')
        for site in lab.net.sites:
            lab.net.run('net', 'ip', 'rule', 'add', 'iif', f'to-{site}', 'lookup', '100')
        self.ended = False
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        lab.on_close(self.stop)

    def stop(self):
        self.ended = True
        self.thread.join()
        os.close(self.fd)

    def _take(self, queue):
        data = os.read(self.fd, 65536)
        self.passed += 1
        copies = 1 + (random.random() < self.twice)
        self.copied += copies - 1
        for _ in range(copies):
            late = random.random() < self.late
            self.delayed += late
            at = time.monotonic() + (random.uniform(0, self.longest) if late else 0)
            heapq.heappush(queue, (at, random.random(), data))

    def _run(self):
        queue = []
        while not self.ended:
            while queue and queue[0][0] <= time.monotonic():
                os.write(self.fd, heapq.heappop(queue)[2])
            wait = max(0, queue[0][0] - time.monotonic()) if queue else 0.2
            if select.select([self.fd], [], [], wait)[0]:
                self._take(queue)
