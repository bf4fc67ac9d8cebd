"""What a sealed call promises, checked on captures. Each function returns the
facts as a line of text and raises Failure when the promise is broken."""
import os

from . import pcap, rtp, sip
from .capture import tshark
from .lab import Failure

LOST_AT_ENDS = 3  # packets in flight when the call begins or ends
UNDER_WAY_S = 0.5  # that a packet may take from phone to phone on a busy machine


def need(condition, otherwise):
    if not condition:
        raise Failure(otherwise)


def in_time(packets):
    """How many may pass while a program does what it was told: more where others have the
    processors (a load above their number), for it waits for its turn."""
    return packets * (4 if os.getloadavg()[0] > os.cpu_count() else 1)


def media_intact(path_from, path_to, gate_from, gate_to, least=50, ends=None,
                 begins=None):
    """The payloads that a phone sent to its gateway are those that the other phone
    got from its own: byte for byte, in order, none missing but at the very ends.
    ends: so many there, if not the usual; begins: at the start, if that is not the same."""
    entered = rtp.sent(path_from, dest=gate_from)
    arrived = rtp.sent(path_to, source=gate_to)
    need(entered, f'no RTP entered {gate_from}')
    need(arrived, f'no RTP left {gate_to}')
    for name, packets in (('sent', entered), ('received', arrived)):
        ssrcs = {p.ssrc for p in packets}
        need(len(ssrcs) == 1, f'{len(ssrcs)} SSRCs {name}, not one')
    entered, arrived = rtp.in_sequence(entered), rtp.in_sequence(arrived)
    lost = rtp.aligned(entered, arrived)
    ends = in_time(LOST_AT_ENDS) if ends is None else ends
    need(lost, f'of {len(entered)} payloads that entered, {len(arrived)} arrived, and not as a '
         f'run of the same bytes: {first_difference(entered, arrived)}')
    need(lost[0] <= (ends if begins is None else begins) and lost[1] <= ends,
         f'{lost[0]} payloads lost at the start and {lost[1]} at the end')
    need(len(arrived) >= least, f'only {len(arrived)} payloads arrived')
    few = f', {sum(lost)} in flight when the call began or ended' if sum(lost) else ''
    return f'{len(arrived)} of {len(entered)} payloads, {len(set(arrived))} different ones{few}'


def first_difference(entered, arrived):
    missing = set(arrived) - set(entered)
    return f'{len(missing)} payloads arrived that never entered' if missing else 'gaps'


def media_sealed(path_wire, path_phone, least=50):
    """None of the payloads on a phone's link occurs on the wire. (A payload of one
    repeated byte is silence; other packets than ours may hold a run of that.)"""
    payloads = {p.payload for p in rtp.sent(path_phone) if len(set(p.payload)) > 1}
    wire = [p for p in pcap.datagrams(path_wire) if rtp.parse(p)]
    need(len(payloads) >= least, f'only {len(payloads)} different payloads to look for')
    need(wire, 'no media on the wire')
    found = rtp.in_clear(payloads, path_wire)
    need(found == 0, f'{found} of {len(payloads)} payloads are on the wire in clear')
    return f'{len(payloads)} payloads looked for in {len(wire)} packets on the wire'


def esp_only(path_wire, path_phone, ports, door=0):
    """Between the gateways the phone's payloads go in ESP, or in ESP in UDP from door
    to door, and nothing passes the ports of tunnels as it is."""
    seen = pcap.datagrams(path_wire)
    esp = pcap.protocols(path_wire)[pcap.ESP]
    if door:
        need(not esp, f'{esp} packets of ESP that are not in UDP')
        esp = len([p for p in seen if p.port_from == p.port_to == door and p.data[:4] != bytes(4)])
    clear = [p for p in seen if p.port_from in ports or p.port_to in ports]
    need(esp > 100, f'only {esp} packets of ESP on the wire')
    need(not clear, f'{len(clear)} packets in clear from or to ports of tunnels')
    payloads = {p.payload for p in rtp.sent(path_phone) if len(set(p.payload)) > 1}
    found = rtp.in_clear(payloads, path_wire)
    need(payloads and found == 0, f'{found} of {len(payloads)} payloads in clear')
    return f'{esp} packets of ESP on the wire, none of a tunnel\'s ports in clear'


def in_esp(path_wire, keys):
    """What ESP has in it: the UDP of each packet, as pcap.datagrams() has it. keys: by SPI,
    AES-GCM's with its salt, as "ip xfrm state" shows them; each packet must open by one."""
    options = ['esp.enable_encryption_decode:TRUE']
    options += [f'uat:esp_sa:"IPv4","*","*","{spi}","AES-GCM with 16 octet ICV [RFC4106]",'
                f'"{key}","NULL",""' for spi, key in keys.items()]
    rows = tshark(path_wire, 'esp', 'frame.time_epoch', 'ip.src', 'udp.srcport', 'ip.dst',
                  'udp.dstport', 'udp.payload', options=options)
    need(rows, 'no ESP on the wire')
    shut = [row for row in rows if len(row) < 6 or not row[5]]
    need(not shut, f'{len(shut)} of {len(rows)} packets of ESP do not open')
    return [pcap.Packet(float(at), source, int(port_from), dest, int(port_to),
                        bytes.fromhex(data), None)
            for at, source, port_from, dest, port_to, data in rows]


def srtp_in_esp(within, path_phone, gate_phone, gate, tag):
    """What a phone sent to its gateway left that in ESP as SRTP, with a tag of so many bytes:
    each payload is there, behind it nothing of what the phone said."""
    entered = rtp.sent(path_phone, dest=gate_phone)
    sealed = [p for p in map(rtp.parse, (p for p in within if p.source == gate)) if p]
    said = {p.payload for p in entered if len(set(p.payload)) > 1}
    clear = [p for p in sealed if any(p.raw.find(words) >= 0 for words in said)]
    need(len(said) >= 50, f'only {len(said)} different payloads to look for')
    need(len(sealed) >= 50, f'only {len(sealed)} packets in ESP from {gate}')
    need(not clear, f'{len(clear)} of {len(sealed)} packets in ESP are RTP as it was')
    sizes = {len(p.payload) + tag for p in entered}
    other = {len(p.payload) for p in sealed} - sizes
    need(not other, f'payloads of {other} bytes in ESP, SRTP has {sizes}')
    need(not {p.ssrc for p in sealed} & {p.ssrc for p in entered}, "the phone's SSRC is in ESP")
    return f'{len(sealed)} packets of SRTP in ESP, none with a payload of the phone\'s'


def none_lost(path_from, path_to, gate_from, gate_to):
    """Every packet of a phone reached the other one, from the very first on; but
    what was under way when a phone hung up ends where the BYE overtakes it."""
    entered = rtp.ordered(rtp.sent(path_from, dest=gate_from))
    arrived = rtp.in_sequence(rtp.sent(path_to, source=gate_to))
    lost = rtp.aligned([p.payload for p in entered], arrived)
    need(lost is not None, f'{len(arrived)} of {len(entered)} payloads, and not in one run')
    need(lost[0] == 0, f'{lost[0]} payloads lost at the start')
    late = [p for p in entered[len(arrived):] if p.time < ended(path_from, path_to) - UNDER_WAY_S]
    need(not late, f'{lost[1]} payloads lost at the end, {len(late)} of them well before the BYE')
    return f'{len(arrived)} of {len(entered)} payloads, the first one among them'


def ended(*paths):
    """When the first BYE was seen."""
    return min(m.time for path in paths for m in sip.messages(path) if m.start.startswith('BYE '))


def media_absent(*paths):
    """No RTP at all crossed these links."""
    for path in paths:
        packets = rtp.sent(path)
        need(not packets, f'{len(packets)} RTP packets in {path}')
    return f'{len(paths)} captures without an RTP packet'


def sdp_sealed(path_wire):
    """Every SDP with media on the wire demands SRTP, and says how it is keyed."""
    bodies = [m for m in sip.messages(path_wire) if m.sdp('m')]
    need(bodies, 'no SDP on the wire')
    for message in bodies:
        for line in message.sdp('m'):
            need(' RTP/AVP ' not in line and ' RTP/AVPF ' not in line,
                 f'plain media offered on the wire: {line}')
        need(message.mikey(), f'no MIKEY in {message.start}')
    return f'{len(bodies)} bodies, all RTP/SAVP with MIKEY'


def mikey_dissects(path_wire, least=2):
    """tshark understands every MIKEY message on the wire."""
    rows = tshark(path_wire, 'sip && sdp.key_mgmt', 'frame.number', 'mikey.type', '_ws.malformed',
                  'mikey.next_payload')
    need(len(rows) >= least, f'tshark saw {len(rows)} MIKEY messages, not {least}')
    for frame, kind, malformed, _ in rows:
        need(kind != '', f'tshark found no MIKEY in frame {frame}')
        need(malformed == '', f'tshark: frame {frame} is malformed')
    return f'{len(rows)} messages, types {", ".join(sorted({r[1] for r in rows}))}'


def index_unique(path_wire, source):
    """No SRTP index was used twice under one SSRC from that address."""
    packets = rtp.sent(path_wire, source=source)
    need(packets, f'no SRTP from {source}')
    seen = set()
    for key in rtp.extended(packets):
        need(key not in seen, f'SSRC {key[0]:08x} sent index {key[1]} twice')
        seen.add(key)
    return f'{len(seen)} packets, {len({s for s, _ in seen})} SSRC, each index once'


def hidden(path_wire, words):
    """None of these texts is in any SIP message on the wire."""
    messages = sip.messages(path_wire)
    need(messages, 'no SIP on the wire')
    for message in messages:
        for word in words:
            need(word.encode() not in message.raw, f'"{word}" is on the wire in {message.start}')
    return f'{len(messages)} messages'
