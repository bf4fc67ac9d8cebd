"""A small DNS server (RFC 1035, 2782, 3403) on UDP, with the records that a test
gives it; and the questions it was asked."""
import socket
import struct
import threading

A, AAAA, SRV, NAPTR = 1, 28, 33, 35
NXDOMAIN = 3


def name(text):
    return b''.join(bytes((len(x),)) + x.encode() for x in text.rstrip('.').split('.') if x) + b'\0'


def text(value):
    return bytes((len(value),)) + value.encode()


def data(kind, value):
    """The RDATA of a record: an address, (priority, weight, port, target), or (order,
    preference, flags, service, replacement)."""
    if kind == A:
        return socket.inet_aton(value)
    if kind == AAAA:
        return socket.inet_pton(socket.AF_INET6, value)
    if kind == SRV:
        return struct.pack('!HHH', *value[:3]) + name(value[3])
    order, preference, flags, service, replacement = value
    return struct.pack('!HH', order, preference) + text(flags) + text(service) + text('') + \
        name(replacement)


class Dns(threading.Thread):
    """records: {(name, type): [value, ...]}, may change while it runs."""

    def __init__(self, records, address='127.0.0.1', port=53, ttl=60):
        super().__init__(daemon=True)
        self.records, self.ttl, self.asked = records, ttl, []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, port))

    def run(self):
        while True:
            try:
                query, source = self.socket.recvfrom(4096)
                self.socket.sendto(self.answer(query), source)
            except OSError:
                return

    def close(self):
        self.socket.close()

    def answer(self, query):
        at, labels = 12, []
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode('latin-1'))
            at += 1 + query[at]
        kind = struct.unpack('!H', query[at + 1:at + 3])[0]
        asked = '.'.join(labels).lower()
        self.asked.append((asked, kind))
        found = self.records.get((asked, kind), [])
        known = found or any(n == asked for n, _ in self.records)
        head = query[:2] + struct.pack('!HHHHH', 0x8580 | (0 if known else NXDOMAIN), 1,
                                       len(found), 0, 0)
        out = head + query[12:at + 5]
        for value in found:
            body = data(kind, value)
            out += b'\xc0\x0c' + struct.pack('!HHIH', kind, 1, self.ttl, len(body)) + body
        return out
