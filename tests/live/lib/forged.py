"""Datagrams with a source that is not the sender's."""
import socket
import struct


def checksum(data):
    total = sum(struct.unpack(f'!{len(data) // 2}H', data))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff


def spoofed(source, sport, dest, dport, data):
    """An IPv4 datagram with a source that is not ours."""
    udp = struct.pack('!HHHH', sport, dport, 8 + len(data), 0) + data
    head = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + len(udp), 1, 0, 64, socket.IPPROTO_UDP, 0,
                       socket.inet_aton(source), socket.inet_aton(dest))
    return head[:10] + struct.pack('!H', checksum(head)) + head[12:] + udp


class Forger:
    """On a host of the lab, which claims to be whoever it likes."""

    def __init__(self, lab, host='net'):
        with lab.net.inside(host):
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        lab.on_close(self.socket.close)

    def send(self, source, sport, dest, dport, data):
        self.socket.sendto(spoofed(source, sport, dest, dport, data), (dest, 0))
