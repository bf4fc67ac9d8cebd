"""SIP messages out of a capture, and the few things tests ask of them."""
import base64
import re

from . import pcap


class Message:
    def __init__(self, raw, time=0.0, packet=None, transport='udp'):
        self.raw, self.time, self.transport = raw, time, transport
        self.source, self.dest = (packet.source, packet.dest) if packet else ('', '')
        self.ports = (packet.port_from, packet.port_to) if packet else (0, 0)
        head, _, body = raw.partition(b'\r\n\r\n')
        lines = head.decode('utf-8', 'replace').split('\r\n')
        self.start = lines[0]
        self.headers = [tuple(part.strip() for part in line.split(':', 1))
                        for line in lines[1:] if ':' in line]
        self.body = body.decode('utf-8', 'replace')

    @property
    def method(self):
        """Of a request; of a response the method it answers."""
        if self.status:
            return (self.header('CSeq') or ' ?').split()[1]
        return self.start.split()[0]

    @property
    def status(self):
        """0 for a request."""
        return int(self.start.split()[1]) if self.start.startswith('SIP/2.0 ') else 0

    def all(self, name):
        short = {'via': 'v', 'from': 'f', 'to': 't', 'call-id': 'i', 'contact': 'm',
                 'content-type': 'c', 'content-length': 'l'}.get(name.lower())
        return [v for n, v in self.headers if n.lower() in (name.lower(), short)]

    def header(self, name):
        found = self.all(name)
        return found[0] if found else None

    def sdp(self, kind):
        """The values of all lines of that type ("m", "a", "c", ...)."""
        return [line[2:] for line in self.body.split('\r\n') if line.startswith(kind + '=')]

    def mikey(self):
        """Every MIKEY message in the SDP, as (level, bytes)."""
        found, level = [], 'session'
        for line in self.body.split('\r\n'):
            if line.startswith('m='):
                level = 'media'
            match = re.match(r'a=key-mgmt:mikey +(\S+)', line)
            if match:
                found.append((level, base64.b64decode(match[1], validate=True)))
        return found

    def __repr__(self):
        return f'<{self.source} > {self.dest} {self.transport} {self.start}>'


FIRST = re.compile(rb'(?:[A-Z]+ \S+ SIP/2\.0|SIP/2\.0 \d{3} [^\r\n]*)\r\n')


def messages(path):
    """All SIP messages of the capture, by time."""
    found = [Message(p.data, p.time, p) for p in pcap.datagrams(path) if FIRST.match(p.data)]
    for first, data, marks in pcap.streams(path):
        found += split(first, data, marks)
    return sorted(found, key=lambda m: m.time)


def split(first, data, marks):
    """The messages of one TCP direction."""
    at = 0
    while True:
        while data[at:at + 2] == b'\r\n':  # keep-alive
            at += 2
        if not FIRST.match(data[at:]):
            return
        end = data.find(b'\r\n\r\n', at)
        if end < 0:
            return
        length = re.search(rb'\r\n(?:Content-Length|l)\s*:\s*(\d+)', data[at:end], re.I)
        stop = end + 4 + (int(length[1]) if length else 0)
        time = max((t for offset, t in marks if offset <= at), default=0.0)
        yield Message(data[at:stop], time, first, 'tcp')
        at = stop
