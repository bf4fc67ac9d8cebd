"""Reads pcap files of Ethernet frames: UDP datagrams (fragments joined) and TCP
streams, over IPv4 and IPv6."""
import collections
import ipaddress
import struct

MAGIC = {b'\xd4\xc3\xb2\xa1': ('<', 1e-6), b'\x4d\x3c\xb2\xa1': ('<', 1e-9)}
UDP, TCP, FRAGMENT6, ESP = 17, 6, 44, 50

# One datagram or TCP segment. tcp: (sequence number, flags), or None for UDP.
Packet = collections.namedtuple('Packet', 'time source port_from dest port_to data tcp')


def frames(path):
    """(time, bytes) of each Ethernet frame."""
    with open(path, 'rb') as f:
        head = f.read(24)
        if head[:4] not in MAGIC:
            raise ValueError(f'{path}: no pcap file')
        order, unit = MAGIC[head[:4]]
        if struct.unpack(order + 'I', head[20:])[0] & 0xffff != 1:
            raise ValueError(f'{path}: not Ethernet')
        while len(record := f.read(16)) == 16:
            seconds, parts, size, _ = struct.unpack(order + 'IIII', record)
            frame = f.read(size)
            if len(frame) < size:  # still being written
                return
            yield seconds + parts * unit, frame


def protocols(path):
    """How many IP packets of each protocol (50: ESP), fragments counted."""
    count = collections.Counter()
    for _, frame in frames(path):
        kind = struct.unpack_from('!H', frame, 12)[0]
        if kind in (0x0800, 0x86dd):
            count[frame[23] if kind == 0x0800 else frame[20]] += 1
    return count


def packets(path):
    """Every UDP datagram and TCP segment, in the order captured."""
    parts = {}
    for time, frame in frames(path):
        kind = struct.unpack_from('!H', frame, 12)[0]
        if kind == 0x0800:
            whole = ip4(frame[14:], parts)
        elif kind == 0x86dd:
            whole = ip6(frame[14:], parts)
        else:
            continue
        if whole:
            packet = transport(time, *whole)
            if packet:
                yield packet


def datagrams(path):
    return [p for p in packets(path) if p.tcp is None]


def ip4(data, parts):
    """(protocol, source, dest, payload), or None while fragments are missing."""
    head = (data[0] & 15) * 4
    size, ident, offset = struct.unpack_from('!HHH', data, 2)
    source, dest = data[12:16], data[16:20]
    payload = data[head:size]
    more, offset = offset & 0x2000, (offset & 0x1fff) * 8
    if more or offset:
        payload = join(parts, (source, dest, ident, data[9]), offset, payload, more)
        if payload is None:
            return None
    return data[9], address(source), address(dest), payload


def ip6(data, parts):
    size, protocol = struct.unpack_from('!HB', data, 4)
    source, dest = data[8:24], data[24:40]
    payload = data[40:40 + size]
    if protocol == FRAGMENT6:
        protocol, _, offset, ident = struct.unpack_from('!BBHI', payload)
        payload = join(parts, (source, dest, ident), offset & 0xfff8, payload[8:], offset & 1)
        if payload is None:
            return None
    return protocol, address(source), address(dest), payload


def join(parts, key, offset, payload, more):
    """The whole payload once its last missing fragment came."""
    have = parts.setdefault(key, {})
    have[offset] = payload, more
    at, whole = 0, b''
    while at in have:
        piece, more = have[at]
        whole += piece
        at += len(piece)
        if not more:
            del parts[key]
            return whole
    return None


def address(raw):
    return str(ipaddress.ip_address(raw))


def transport(time, protocol, source, dest, data):
    if protocol == UDP and len(data) >= 8:
        port_from, port_to, size = struct.unpack_from('!HHH', data)
        return Packet(time, source, port_from, dest, port_to, data[8:size], None)
    if protocol == TCP and len(data) >= 20:
        port_from, port_to, seq = struct.unpack_from('!HHI', data)
        head = (data[12] >> 4) * 4
        return Packet(time, source, port_from, dest, port_to, data[head:], (seq, data[13]))
    return None


def streams(path):
    """TCP: (Packet of the first bytes, joined bytes, [(offset, time)]) of each direction."""
    seen = {}
    for p in packets(path):
        if p.tcp is None:
            continue
        key = p.source, p.port_from, p.dest, p.port_to
        seq, flags = p.tcp
        if flags & 2:  # SYN: a new connection, maybe on old ports
            seen[key] = seen.get(key, []) + [(seq + 1, p, {})]
        elif p.data:
            runs = seen.setdefault(key, [])
            if not runs:
                runs.append((seq, p, {}))
            start, _, pieces = runs[-1]
            pieces.setdefault((seq - start) & 0xffffffff, p)
    for runs in seen.values():
        for _, first, pieces in runs:
            yield first, *in_order(pieces)


def in_order(pieces):
    whole, marks = b'', []
    for offset in sorted(pieces):
        data = pieces[offset].data
        if offset > len(whole):  # a hole: what follows cannot be placed
            break
        if offset + len(data) > len(whole):
            marks.append((len(whole), pieces[offset].time))
            whole += data[len(whole) - offset:]
    return whole, marks
