"""RTP out of a capture: what was sent by whom, in which order, how often."""
import collections
import struct

from . import pcap

Rtp = collections.namedtuple('Rtp', 'time ssrc seq timestamp type marker payload raw')


def parse(packet):
    """An Rtp, or None: no RTP (RFC 3550 5.1), RTCP (RFC 5761 4), or SIP."""
    data = packet.data
    if len(data) < 12 or data[0] >> 6 != 2 or 192 <= data[1] <= 223:
        return None
    seq, timestamp, ssrc = struct.unpack_from('!HII', data, 2)
    at = 12 + 4 * (data[0] & 15)
    if data[0] & 16:
        if len(data) < at + 4:
            return None
        at += 4 + 4 * struct.unpack_from('!H', data, at + 2)[0]
    if len(data) < at:
        return None
    return Rtp(packet.time, ssrc, seq, timestamp, data[1] & 127, data[1] >> 7, data[at:], data)


def sent(path, source=None, dest=None):
    """The RTP packets of the capture between these addresses, as captured."""
    found = []
    for p in pcap.datagrams(path):
        if (source is None or p.source == source) and (dest is None or p.dest == dest):
            rtp = parse(p)
            if rtp:
                found.append(rtp)
    return found


def extended(packets):
    """(ssrc, index) of each: the sequence number with its roll-over counter, as
    the receiver of RFC 3711 3.3.1 guesses it."""
    highest, out = {}, []
    for p in packets:
        before = highest.get(p.ssrc)
        if before is None:
            index = p.seq
        else:
            index = min(((before >> 16) + k << 16 | p.seq for k in (-1, 0, 1)),
                        key=lambda i: abs(i - before))
        if before is None or index > before:
            highest[p.ssrc] = index
        out.append((p.ssrc, index))
    return out


def ordered(packets):
    """One SSRC's packets in order of their index, repeats dropped."""
    by_index = {}
    for (_, index), p in zip(extended(packets), packets):
        by_index.setdefault(index, p)
    return [by_index[i] for i in sorted(by_index)]


def in_sequence(packets):
    """Their payloads."""
    return [p.payload for p in ordered(packets)]


def aligned(entered, arrived):
    """How arrived lies in entered, as (missing at the start, missing at the end),
    or None when it is not a run of it, byte for byte."""
    if not arrived:
        return None
    for start in range(len(entered) - len(arrived) + 1):
        if entered[start:start + len(arrived)] == arrived:
            return start, len(entered) - start - len(arrived)
    return None


def in_clear(payloads, path):
    """How many of the payloads occur anywhere in a UDP datagram of the capture."""
    blob = b'\0\0'.join(p.data for p in pcap.datagrams(path))
    return sum(payload in blob for payload in set(payloads))
