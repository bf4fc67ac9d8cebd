"""TLS on every hop between the gateways, with Kamailio in the middle; each side hangs up

Gateways and proxy show each other certificates of one issuer, and check them.
Nothing but TLS is listened to outside, and nothing but TLS and SRTP is on the wire.
"""
import importlib.util
import os
import re
import time

from lib import certs, claims, pcap, rtp, stage
from lib.capture import Capture
from lib.proxy import Proxy

spec = importlib.util.spec_from_file_location('proxy_udp', os.path.join(
    os.path.dirname(__file__), '..', 'proxy-udp', 'test.py'))
same = importlib.util.module_from_spec(spec)
spec.loader.exec_module(same)

LOGGED = 'request_route {\n\txlog("L_ALERT", "seen $rm $proto $si\\n");'
CLEAR = re.compile(rb'(INVITE|ACK|BYE|OPTIONS|CANCEL) sips?:|SIP/2\.0|m=audio|key-mgmt', re.I)


def setup(t):
    lab = t.open()
    issuer = certs.Issuer(lab)
    for site in 'ab':
        issuer.issue(site, f'IP:{lab.net.address(f"gate-{site}")}', 60)  # no warning in the log
    routes = same.ROUTES.replace(':5060;transport=TRANSPORT', ':5061;transport=tls')
    t.proxy = Proxy(lab, routes.replace('request_route {', LOGGED), issuer=issuer)
    hop = {s: f'sip:{a}:5061;transport=tls' for s, a in t.proxy.addresses.items()}
    t.stage = stage.Stage(lab, route='', proxy_a=hop['a'], proxy_b=hop['b'],
                          tls_a=issuer.tls('a'), tls_b=issuer.tls('b'))


def in_clear(path):
    """How many packets of a capture hold SIP or SDP that anyone can read."""
    return sum(bool(CLEAR.search(p.data)) for p in pcap.packets(path))


def only_tls_and_media(path):
    """Every packet with data is TLS of port 5061, or RTP or RTCP by its looks; in
    none is there SIP or SDP to read. (Connections last from call to call.)"""
    loud = [p for p in pcap.packets(path) if p.data]
    for p in loud:
        known = 5061 in (p.port_from, p.port_to) if p.tcp else p.data[0] >> 6 == 2
        claims.need(known, f'neither TLS nor media: {p}')
    claims.need(not in_clear(path), f'{in_clear(path)} packets with SIP in clear in {path}')
    tls = sum(bool(p.tcp) for p in loud)
    claims.need(tls, f'no TLS in {path}')
    return f'{tls} segments, {len(rtp.sent(path))} packets of media'


def hellos(path):
    """Who sent a ClientHello."""
    return sorted({p.source for p in pcap.packets(path) if p.tcp and p.data[:1] == b'\x16' and
                   p.data[5:6] == b'\x01'})


def call(t, caller, callee, uri, ends):
    s, seen = t.stage, []
    s.record()
    far = Capture(s.lab, f'wire-b-{s.lab.captures}', 'wire-b')
    before = len(t.proxy.process.output())

    def during():
        seen.extend(s.verdicts())
        time.sleep(3)
        if ends is callee:
            callee.hangup()
            caller.wait_event('CALL_CLOSED')
    s.talk(caller, callee, uri, during=during)
    t.claim('sealed at both', seen == ['sealed', 'sealed'], str(seen))
    t.claim('both gateways are done', s.a.gone() and s.b.gone())
    paths = s.recorded()
    t.claim('media intact and sealed', '; '.join(s.check_media(paths)))
    for path in (paths['wire'], far.stop()):
        t.claim('only TLS and media are on the wire', only_tls_and_media(path))
    for phone in ('phone-a', 'phone-b'):  # or the search above proves nothing
        t.claim('the same search finds SIP at the phones', in_clear(paths[phone]) > 0)
    requests = re.findall(r'seen (\w+) (\w+) (\S+)', t.proxy.process.output()[before:])
    starts, stops = (s.gate_a if p is s.alice else s.gate_b for p in (caller, ends))
    t.claim('INVITE, ACK and BYE came by TLS from who sent them', requests == [
        ('INVITE', 'tls', starts), ('ACK', 'tls', starts), ('BYE', 'tls', stops)], str(requests))
    return paths['wire']


def check(t):
    s = t.stage
    first = call(t, s.alice, s.bob, stage.BOB, s.alice)
    t.claim('gateway a asked the proxy for TLS', s.gate_a in hellos(first), str(hellos(first)))
    call(t, s.alice, s.bob, stage.BOB, s.bob)
    call(t, s.bob, s.alice, stage.ALICE, s.bob)
