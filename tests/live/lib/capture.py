"""What crosses a link: dumpcap writes it, tshark and our own reader read it."""
import os
import re
import signal
import subprocess
import time

from .lab import Failure, wait_for


class Capture:
    def __init__(self, lab, name, link):
        """link: "phone-a", "phone-b", "wire" or "wire-b" (see Net.capture_options)."""
        self.path = os.path.join(lab.dir, f'{name}.pcap')
        host, options = lab.net.capture_options(link)
        self.process = lab.start(f'dumpcap-{name}', host, [
            'dumpcap', '-q', '-P', '-B', '32', *options, '-w', self.path])
        wait_for(f'capture {name}', self._ready)

    def _ready(self):
        if not self.process.running():
            raise Failure(f'dumpcap ended: {self.process.output()}')
        return 'File:' in self.process.output()

    def stop(self):
        """The capture's path; all that crossed before is in it."""
        if self.process.running():
            time.sleep(0.5)  # until the kernel hands over the last block
            self.process.stop(number=signal.SIGINT)
            self._dropped()
        return self.path

    def _dropped(self):
        """A capture with holes proves nothing."""
        for line in self.process.output().splitlines():
            match = re.match(r'Packets received/dropped on interface .*: (\d+)/(\d+) ', line)
            if match and match[2] != '0':
                raise Failure(f'capture {self.path}: {line}')


def tshark(path, display_filter, *fields, options=()):
    """One list of field values a matching packet. options: more preferences."""
    argv = ['tshark', '-r', path, '-n', '-Y', display_filter, '-T', 'fields',
            '-o', 'rtp.heuristic_rtp:FALSE']
    for option in options:
        argv += ['-o', option]
    for field in fields:
        argv += ['-e', field]
    done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          env={**os.environ, 'HOME': '/nonexistent'})
    if done.returncode:
        raise Failure(f'tshark: {done.stderr.strip()}')
    return [line.split('\t') for line in done.stdout.splitlines()]
