#!/usr/bin/env python3
"""Next hops by name: what RFC 3263 finds, in which order it is tried, and what
stays when DNS is gone. A DNS server of our own, in a namespace of our own; skipped
without root."""
import os
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
INNER = "SIP_DNS_NAMESPACE"


def into_namespace():
    """The same again with an empty network and a resolv.conf that names us."""
    if os.geteuid():
        print("skip: a namespace takes root")
        sys.exit(77)
    with tempfile.NamedTemporaryFile("w", suffix=".resolv") as f:
        f.write("nameserver 127.0.0.1\n")
        f.flush()
        os.chmod(f.name, 0o644)
        script = 'ip link set lo up && mount --bind "$0" /etc/resolv.conf && exec "$@"'
        done = subprocess.run(
            ["unshare", "--net", "--mount", "sh", "-c", script, f.name, sys.executable,
             os.path.abspath(__file__)] + sys.argv[1:],
            env=dict(os.environ, **{INNER: "1"}), check=False)
    sys.exit(done.returncode)


if __name__ == "__main__" and INNER not in os.environ:
    into_namespace()

sys.path.insert(0, os.path.join(HERE, "..", "live", "lib"))
from dns import A, AAAA, NAPTR, SRV, Dns  # noqa: E402
from sipscene import OUTSIDE, PORT, PROGRAM, SLOW, branch, case, main, same  # noqa: E402
from sipsock import SDP, Relay, dialog  # noqa: E402

ANY = {"target": ""}
CONF = '''
profiles = { p = { need = "forbid"; }; };
peers = ( { match = "*"; profile = "p"; name = "far"; route = ( %s ); } );
'''
RECORDS = {}
DNS = []


def lead(s, records, *routes, extra="", seconds=3):
    """Calls go to these names; waits until they are found."""
    RECORDS.clear()
    RECORDS.update(records)
    if not DNS:
        DNS.append(Dns(RECORDS))
        DNS[0].start()
    DNS[0].asked.clear()
    s.c = s.end(PORT + 12, OUTSIDE)
    with tempfile.NamedTemporaryFile("w", suffix=".conf", delete=False) as f:
        f.write(CONF % ", ".join('"sip:%s"' % r for r in routes) + extra)
    s.relay.set("conf=%s" % f.name)
    end = time.monotonic() + seconds * SLOW
    while not all("maddr" in p for p in s.peers()) and time.monotonic() < end:
        time.sleep(0.05)
    os.unlink(f.name)
    return sorted(s.peers())


def at(name, port, address="127.0.0.1", transport="udp"):
    return "sip:%s:%d;transport=%s;maddr=%s" % (name, PORT + port, transport, address)


@case(keys=("tells=1",), **ANY)
def who_asks_is_known_by_what_dns_said(s):
    """An OPTIONS from the address of a route's server hears what we can do."""
    lead(s, {("a.test", A): ["127.0.0.1"]}, "a.test:%d" % (PORT + 11))
    for end, hears in ((s.b, True), (s.end(PORT + 13, OUTSIDE, host="127.0.0.9"), False)):
        end.request("OPTIONS", "sip:127.0.0.1:%d" % OUTSIDE[1], dialog(),
                    extra="Accept: application/sdp\r\n")
        same(b"ike-esp" in end.expect("SIP/2.0 200").body, hears, end.host)


@case(**ANY)
def srv_with_failover(s):
    """The first priority, then the second at once, by another branch."""
    found = lead(s, {("_sip._udp.a.test", SRV): [(20, 0, PORT + 11, "two.a.test"),
                                                 (10, 0, PORT + 12, "one.a.test")],
                     ("one.a.test", A): ["127.0.0.1"], ("two.a.test", A): ["127.0.0.1"]}, "a.test")
    same(found, [at("a.test", 11), at("a.test", 12)], "servers")
    d, i = s.invite(to=s.c)
    s.c.reply(i, "503 Service Unavailable", "C1", extra="Retry-After: 60\r\n")
    s.c.expect("ACK")
    second = s.b.expect("INVITE")
    assert branch(second) != branch(i)
    same(second.uri, i.uri, "Request-URI")
    s.finish(d, second, s.b)
    d, i = s.invite()  # the first one rests
    s.finish(d, i, s.b)
    s.gone(2)


@case(**ANY)
def nobody_at_the_first(s):
    """Several addresses of one name, with a port: no SRV is asked for."""
    found = lead(s, {("b.test", A): ["127.0.0.9", "127.0.0.1"]}, "b.test:%d" % (PORT + 11))
    same(found, [at("b.test", 11), at("b.test", 11, "127.0.0.9")], "servers")
    assert not [q for q in DNS[0].asked if q[1] in (SRV, NAPTR)], DNS[0].asked
    for _ in range(2):
        d, i = s.invite()
        s.finish(d, i, s.b)
    s.gone(2)


@case(**ANY)
def naptr_chooses_the_transport(s):
    """TCP by NAPTR, though SRV has UDP, too; TLS is not for a way without TLS."""
    found = lead(s, {
        ("c.test", NAPTR): [(10, 1, "s", "SIPS+D2T", "_sips._tcp.c.test"),
                            (10, 5, "s", "SIP+D2T", "_sip._tcp.c.test"),
                            (20, 1, "s", "SIP+D2U", "_sip._udp.c.test")],
        ("_sip._tcp.c.test", SRV): [(1, 0, PORT + 13, "s.c.test")],
        ("_sip._udp.c.test", SRV): [(1, 0, PORT + 11, "s.c.test")],
        ("s.c.test", A): ["127.0.0.1"]}, "c.test")
    same(found, sorted([at("c.test", 13, transport="tcp"), at("c.test", 11)]), "servers")
    t = s.end(PORT + 13, OUTSIDE, tcp=True).listen()
    d, i = s.invite(to=t)
    s.finish(d, i, t)
    s.gone()


@case(**ANY)
def six_and_four(s):
    found = lead(s, {("_sip._udp.d.test", SRV): [(1, 0, PORT + 11, "s.d.test")],
                     ("s.d.test", AAAA): ["::1"], ("s.d.test", A): ["127.0.0.9"]},
                 "d.test;transport=udp")
    same(found, sorted([at("d.test", 11, "[::1]"), at("d.test", 11, "127.0.0.9")]), "servers")
    six = s.end(PORT + 11, ("::1", PORT + 1), host="::1")
    d, i = s.invite(to=six)
    assert "[::1]" in i.all("Via")[0] and "[::1]" in i.get("Contact"), i.data
    s.finish(d, i, six)
    s.gone()


@case(**ANY)
def weights(s):
    """Nine of ten calls go where the weight is."""
    lead(s, {("_sip._udp.e.test", SRV): [(1, 1, PORT + 12, "s.e.test"),
                                         (1, 99, PORT + 11, "t.e.test")],
             ("s.e.test", A): ["127.0.0.1"], ("t.e.test", A): ["127.0.0.1"]}, "e.test")
    heavy = 0
    for n in range(20):
        d = {"call_id": "w%d" % n, "ftag": "f", "ttag": "", "cseq": 0}
        s.a.request("INVITE", "sip:bob@b.example", d, body=SDP)
        i, end = None, None
        while not i:
            for end in (s.b, s.c):
                i = i or end.recv(0.02)
                if i:
                    break
        heavy += end is s.b
        end.reply(i, "486 Busy Here", "B1")
        end.expect("ACK")
        s.a.expect("SIP/2.0 486")
    assert heavy >= 14, heavy
    s.gone(20)


@case(**ANY)
def no_answer_from_dns(s):
    """A name that nobody knows fails the call, or leads to the next route."""
    lead(s, {}, "nowhere.test", "127.0.0.1:%d" % (PORT + 11))
    d, i = s.invite()
    s.finish(d, i, s.b)
    lead(s, {}, "nowhere.test")
    s.a.request("INVITE", "sip:bob@b.example", dict(d, call_id="n1", ttag="", cseq=0), body=SDP)
    s.a.expect("SIP/2.0 [45]0", 6 * SLOW)


LOST = "10.9.9.9"


def way(there):
    """A way to that address, or none: then the kernel lets nobody connect to it."""
    subprocess.run(["ip", "address", "add" if there else "del", LOST + "/32", "dev", "lo"],
                   check=True)


def lose_dns(s, log=None):
    """The relay anew, where the kernel has no way to the only name server."""
    with open("/etc/resolv.conf", "w") as f:
        f.write("nameserver %s\n" % LOST)
    s.relay.stop()
    s.relay = Relay(PROGRAM, PORT, "sip:phone@127.0.0.1:%d" % (PORT + 10),
                    "sip:bob@127.0.0.1:%d" % (PORT + 11), "target=", log=log)


def has_own_send():
    """clang's sanitizers come with a send() of theirs in the program, before ours."""
    return b"__asan_init" in subprocess.run(["nm", PROGRAM], check=True, capture_output=True).stdout


@case(**ANY)
def no_way_to_dns(s):
    """Sofia's resolver would ask for ever, in one call: here a name is not found,
    until there is a way."""
    with tempfile.TemporaryFile("w+") as log:
        lose_dns(s, log)
        lead(s, {}, "far.test", "127.0.0.1:%d" % (PORT + 11))
        d, i = s.invite()  # the second route needs no name
        s.finish(d, i, s.b)
        log.seek(0)
        assert "no way to the name server " + LOST in log.read()
    if has_own_send():
        print("a sanitizer's send() knows no way that comes later: that is not looked at")
        return
    way(True)
    try:
        dns = Dns({("near.test", A): ["127.0.0.1"]}, LOST)
        dns.start()
        found = lead(s, {}, "near.test:%d" % (PORT + 11), seconds=20)
        same(found, [at("near.test", 11)], "servers")
        dns.close()
    finally:
        way(False)


@case(**ANY)
def no_way_to_dns_in_a_dialog(s):
    """The far end's Contact has a name: nta itself asks, and goes on."""
    lose_dns(s)
    d, i = s.invite()
    s.b.reply(i, "200 OK", "B1", body=SDP, contact=False,
              extra="Contact: <sip:bob@far.test>\r\n")
    ok = s.a.expect("SIP/2.0 200")
    d["ttag"], d["uri"] = ok.tag("To"), ok.contact()
    s.a.request("ACK", d["uri"], d)
    s.a.request("OPTIONS", "sip:127.0.0.1:%d" % PORT, dict(d, call_id="o", ttag="", cseq=0))
    s.a.expect("SIP/2.0 200", 2 * SLOW)  # it does not stand still


if __name__ == "__main__":
    sys.exit(main())
