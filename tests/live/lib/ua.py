"""A small SIP user agent and RTP sender in our own hands: for what no well-behaved
phone does. UDP only."""
import random
import select
import socket
import struct
import time

from .lab import Failure
from .sip import FIRST, Message

PCMU, SAMPLES = 0, 160


def token():
    return f'{random.getrandbits(48):012x}'


def sdp(address, port, profile='RTP/AVP', lines=()):
    kind = 'IP6' if ':' in address else 'IP4'
    return '\r\n'.join((
        'v=0', f'o=- 1 1 IN {kind} {address}', 's=-', f'c=IN {kind} {address}', 't=0 0',
        f'm=audio {port} {profile} 0', 'a=rtpmap:0 PCMU/8000', *lines, ''))


class Agent:
    """uri at an address of a host; requests go to target (address, port)."""

    def __init__(self, lab, host, address, uri, target, port=5080):
        self.address, self.port, self.uri, self.target = address, port, uri, target
        with lab.net.inside(host):
            self.socket = udp(address, port)
            self.media = udp(address, port + 2)
        lab.on_close(self.socket.close)
        lab.on_close(self.media.close)
        self.received = []

    @property
    def at(self):
        return f'[{self.address}]:{self.port}' if ':' in self.address else \
            f'{self.address}:{self.port}'

    def offer(self, profile='RTP/AVP', lines=()):
        return sdp(self.address, self.port + 2, profile, lines)

    def request(self, method, uri, body='', dialog=None, cseq=1, branch=None, headers=()):
        """Sends it; returns its dialog: {call, tag, to, uri, cseq, branch}."""
        d = dict(dialog or {'call': token(), 'tag': token(), 'to': f'<{uri}>', 'uri': uri})
        d['cseq'], d['branch'] = cseq, branch or f'z9hG4bK{token()}'
        lines = [f'{method} {d["uri"]} SIP/2.0', f'Via: SIP/2.0/UDP {self.at};branch={d["branch"]}',
                 f'From: <{self.uri}>;tag={d["tag"]}', f'To: {d["to"]}', f'Call-ID: {d["call"]}',
                 f'CSeq: {cseq} {method}', f'Contact: <sip:test@{self.at}>']
        if not any(h.lower().startswith('max-forwards') for h in headers):
            lines.append('Max-Forwards: 70')
        lines += headers
        if body and not any(h.lower().startswith('content-type') for h in headers):
            lines.append('Content-Type: application/sdp')
        lines += [f'Content-Length: {len(body)}', '', body]
        self.send('\r\n'.join(lines).encode())
        return d

    def send(self, raw, target=None):
        self.socket.sendto(raw, target or self.target)

    def answer(self, request, status, phrase, to_tag='', body='', headers=()):
        """Answers a request that came from a gateway."""
        to = request.header('To') + (f';tag={to_tag}' if to_tag and 'tag=' not in
                                     request.header('To') else '')
        lines = [f'SIP/2.0 {status} {phrase}', *(f'Via: {v}' for v in request.all('Via')),
                 *(f'Record-Route: {v}' for v in request.all('Record-Route')),
                 f'From: {request.header("From")}', f'To: {to}',
                 f'Call-ID: {request.header("Call-ID")}', f'CSeq: {request.header("CSeq")}',
                 f'Contact: <sip:test@{self.at}>', *headers]
        if body:
            lines.append('Content-Type: application/sdp')
        lines += [f'Content-Length: {len(body)}', '', body]
        self.send('\r\n'.join(lines).encode())

    def wait(self, wanted, seconds=5.0):
        """The first message for which wanted(message) is true, or None."""
        end = time.monotonic() + seconds
        while True:
            for i, message in enumerate(self.received):
                if wanted(message):
                    return self.received.pop(i)
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                return None
            raw, _ = self.socket.recvfrom(65536)
            if FIRST.match(raw):
                self.received.append(Message(raw, time.time()))

    def final(self, dialog, method='INVITE', seconds=10.0):
        """The final response to that dialog's request; Failure when none comes.
        That to an INVITE is acknowledged when it refuses."""
        response = self.wait(lambda m: m.status >= 200 and m.method == method and
                             m.header('Call-ID') == dialog['call'] and
                             m.header('CSeq') == f'{dialog["cseq"]} {method}', seconds)
        if not response:
            raise Failure(f'no final response to {method} within {seconds} s')
        if method == 'INVITE' and response.status >= 300:
            self.request('ACK', dialog['uri'], dialog={**dialog, 'to': response.header('To')},
                         cseq=dialog['cseq'], branch=dialog['branch'])
        return response

    def call(self, uri, body=None, **more):
        """(dialog, 200) of a call that is answered and acknowledged."""
        dialog = self.request('INVITE', uri, body if body is not None else self.offer(), **more)
        response = self.final(dialog)
        if response.status != 200:
            raise Failure(f'{uri}: {response.start}')
        dialog['to'] = response.header('To')
        dialog['uri'] = response.header('Contact').split('<')[1].split('>')[0]
        self.request('ACK', uri, dialog=dialog, cseq=dialog['cseq'])
        return dialog, response

    def bye(self, dialog):
        sent = self.request('BYE', dialog['uri'], dialog=dialog, cseq=dialog['cseq'] + 1)
        return self.final(sent, 'BYE')

    def rtp(self, target, seq, timestamp, ssrc, payload, marker=0):
        head = struct.pack('!BBHII', 0x80, marker << 7 | PCMU, seq & 0xffff,
                           timestamp & 0xffffffff, ssrc)
        self.media.sendto(head + payload, target)

    def rtp_run(self, target, seqs, ssrc, pace=0.002, seed=0):
        """One packet for each sequence number; the payload names seed and place."""
        for n, seq in enumerate(seqs):
            noise = random.Random(seed << 32 | n).randbytes(SAMPLES)
            self.rtp(target, seq, seq * SAMPLES, ssrc, noise)
            time.sleep(pace)


def uri_in(value):
    return value.split('<')[1].split('>')[0]


def connect(caller, callee, uri, offer, answer):
    """A call between two agents: the dialog as each has it, the INVITE that arrived
    and the 200 that came back."""
    dialog = caller.request('INVITE', uri, offer)
    invite = callee.wait(lambda m: m.start.startswith('INVITE'))
    if not invite:
        raise Failure(f'{uri}: no INVITE arrived')
    callee.answer(invite, 200, 'OK', 'callee', answer)
    final = caller.final(dialog)
    dialog |= {'to': final.header('To'), 'uri': uri_in(final.header('Contact'))}
    caller.request('ACK', uri, dialog=dialog)
    if final.status != 200 or not callee.wait(lambda m: m.start.startswith('ACK')):
        raise Failure(f'{uri}: {final.start}, or no ACK')
    callee.uri = uri_in(invite.header('To'))
    back = {'call': invite.header('Call-ID'), 'tag': 'callee', 'to': invite.header('From'),
            'uri': uri_in(invite.header('Contact'))}
    return dialog, back, invite, final


def exchange(sender, dialog, cseq, receiver, method, bodies=('', ''), headers=()):
    """A request in a dialog that the other agent answers with 200: (what arrived,
    the response)."""
    sent = sender.request(method, dialog['uri'], bodies[0], dialog, cseq, headers=headers)
    got = receiver.wait(lambda m: m.start.startswith(method))
    if not got:
        raise Failure(f'{method} did not arrive')
    receiver.answer(got, 200, 'OK', body=bodies[1])
    final = sender.final(sent, method)
    if method == 'INVITE':
        sender.request('ACK', dialog['uri'], dialog=dialog, cseq=cseq)
    return got, final


def udp(address, port):
    s = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((address, port))
    return s


def media_of(message):
    """(address, port) of the first m= line's RTP."""
    where = message.sdp('c')[0].split()[2]
    return where, int(message.sdp('m')[0].split()[1])
