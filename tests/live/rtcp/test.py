"""RTCP crosses sealed: reports arrive whole, and speak of the SSRC that media have

The gateway's own SSRC stands in for the phone's on the sealed leg, so reports are
rewritten on their way; on the wire they are SRTCP.
"""
import struct

from lib import claims, pcap, rtp, stage


def setup(t):
    t.stage = stage.Stage(t.open())


def reports(path, source=None, dest=None):
    """RTCP that begins with a sender or receiver report, between these addresses."""
    return [p for p in pcap.datagrams(path)
            if (source is None or p.source == source) and (dest is None or p.dest == dest) and
            len(p.data) >= 8 and p.data[0] >> 6 == 2 and p.data[1] in (200, 201)]


def sender(report):
    return struct.unpack_from('!I', report.data, 4)[0]


def about(report):
    """The SSRCs that the first report's blocks speak of."""
    kind, count = report.data[1], report.data[0] & 31
    first = 28 if kind == 200 else 8
    return {struct.unpack_from('!I', report.data, first + 24 * i)[0] for i in range(count)}


def check(t):
    s = t.stage
    s.talk(s.alice, s.bob, stage.BOB, seconds=13)
    paths = s.recorded()
    for here, there, to, away in (('phone-a', 'phone-b', s.a.inside, s.b.inside),
                                  ('phone-b', 'phone-a', s.b.inside, s.a.inside)):
        sent, got = reports(paths[here], dest=to), reports(paths[there], source=away)
        t.claim(f'reports of {here} arrive', len(sent) >= 2 and len(got) == len(sent),
                f'{len(got)} of {len(sent)}')
        media = {p.ssrc for p in rtp.sent(paths[there], source=away)}
        t.claim('from the SSRC of the media', {sender(r) for r in got} == media)
        own = {p.ssrc for p in rtp.sent(paths[there], dest=away)}
        spoken_of = set().union(*map(about, got))
        t.claim('about the SSRC of the phone that gets them', spoken_of == own,
                f'{spoken_of} {own}')
    wire = reports(paths['wire'])
    t.claim('SRTCP on the wire', wire, str(len(wire)))
    plain = {r.data[8:] for name in ('phone-a', 'phone-b') for r in reports(paths[name])}
    t.claim('encrypted', not any(body in r.data for r in wire for body in plain))
    for gate in (s.gate_a, s.gate_b):
        indexes = [struct.unpack_from('!I', r.data, len(r.data) - 4)[0] & 0x7fffffff
                   for r in wire if r.source == gate]
        t.claim('each SRTCP index once', len(set(indexes)) == len(indexes) > 0, str(indexes))
    for gate in (s.gate_a, s.gate_b):
        t.claim('no RTP index twice', claims.index_unique(paths['wire'], gate))
