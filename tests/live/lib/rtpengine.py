"""rtpengine in user space, told by its ng protocol (bencoded datagrams with a cookie)."""
import select
import socket

from .lab import Failure, wait_for

NG = 2223


def encode(value):
    if isinstance(value, dict):
        return b'd' + b''.join(encode(k) + encode(value[k]) for k in sorted(value)) + b'e'
    if isinstance(value, list):
        return b'l' + b''.join(encode(v) for v in value) + b'e'
    raw = value if isinstance(value, bytes) else str(value).encode()
    return b'%d:%s' % (len(raw), raw)


def decode(raw):
    """(value, what follows it)"""
    if raw[:1] in (b'd', b'l'):
        items, rest = [], raw[1:]
        while rest[:1] != b'e':
            item, rest = decode(rest)
            items.append(item)
        if raw[:1] == b'l':
            return items, rest[1:]
        return {k.decode(): v for k, v in zip(items[::2], items[1::2])}, rest[1:]
    if raw[:1] == b'i':
        number, _, rest = raw[1:].partition(b'e')
        return int(number), rest
    size, _, rest = raw.partition(b':')
    return rest[:int(size)], rest[int(size):]


class Rtpengine:
    """On a host of the lab, on one address; its SDP has that address."""

    def __init__(self, lab, host):
        self.address, self.count = lab.net.address(host), 0
        with lab.net.inside(host):
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        lab.on_close(self.socket.close)
        lab.start('rtpengine', host, [
            'rtpengine', '--table=-1', f'--interface={self.address}', '--foreground',
            f'--listen-ng={self.address}:{NG}', '--log-stderr', '--port-min=30000',
            '--port-max=31000', '--pidfile=' + lab.folder('rtpengine') + '/pid'])
        wait_for('rtpengine', lambda: self._ask({'command': 'ping'}, 0.5))

    def _ask(self, request, seconds):
        self.count += 1
        cookie = b'%d ' % self.count
        self.socket.sendto(cookie + encode(request), (self.address, NG))
        while select.select([self.socket], [], [], seconds)[0]:
            raw = self.socket.recv(65536)
            if raw.startswith(cookie):
                return decode(raw[len(cookie):])[0]
        return None

    def _sdp(self, **request):
        reply = self._ask({'ICE': 'remove', 'DTLS': 'off',
                           'replace': ['origin', 'session-connection'], **request}, 3)
        if not reply or reply.get('result') != b'ok':
            raise Failure(f'rtpengine: {reply}')
        return reply['sdp'].decode()

    def offer(self, call, sdp, profile):
        """The offer for the other side, with that profile (RTP/AVP, RTP/SAVP)."""
        return self._sdp(**{'command': 'offer', 'call-id': call, 'from-tag': 'a', 'sdp': sdp,
                            'transport-protocol': profile})

    def answer(self, call, sdp):
        return self._sdp(**{'command': 'answer', 'call-id': call, 'from-tag': 'a', 'to-tag': 'b',
                            'sdp': sdp})
