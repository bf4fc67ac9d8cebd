#!/usr/bin/env python3
"""Ends behind a NAT: they say an address that cannot be reached, and are where their
packets come from. Requests in the dialog go there."""
import sys

from sipscene import BOB, CASES, INSIDE, PORT, SLOW, case, main, same
from sipsock import SDP, called, dialog
from test_sip_register import OPTIONS, Phone, Registrar, listed, uris

CASES.clear()  # those of the import are not ours
HOME = "10.1.1.1:5060"  # what a phone says


def via(n, host=HOME, rport=";rport", transport="UDP"):
    return "SIP/2.0/%s %s;branch=z9hG4bKnat%d%s" % (transport, host, n, rport)


def from_home(s, end, n, d, **over):
    """INVITE of a phone that knows its own address only; the one that came out."""
    over = {"Via": via(n), "Contact": "<sip:alice@%s>" % HOME, **over}
    end.request("INVITE", BOB, d, body=SDP, **over)
    return s.b.expect("INVITE", 2 * SLOW)


def answered(s, end, i, d, n):
    s.b.reply(i, "200 OK", "B1", body=SDP)
    ok = end.expect("SIP/2.0 200", 2 * SLOW)
    d["ttag"], d["uri"] = ok.tag("To"), ok.contact()
    end.request("ACK", d["uri"], d, Via=via(n + 1))
    s.b.expect("ACK", 2 * SLOW)
    return dict(called(i, "B1"), uri=i.contact())


@case()
def a_caller_is_found(s):
    d = dialog()
    e = answered(s, s.a, from_home(s, s.a, 1, d), d, 1)
    s.b.request("INFO", e["uri"], e)
    info = s.a.expect("INFO", 2 * SLOW)
    same(info.uri, "sip:alice@" + HOME, "the Request-URI is its Contact")
    s.a.reply(info, "200 OK", contact=False)
    s.b.expect("SIP/2.0 200")
    s.b.request("BYE", e["uri"], e)
    s.a.reply(s.a.expect("BYE", 2 * SLOW), "200 OK", contact=False)
    s.b.expect("SIP/2.0 200")
    s.gone()


@case()
def it_moves_with_what_was_accepted(s):
    d = dialog()
    e = answered(s, s.a, from_home(s, s.a, 10, d), d, 10)
    moved = s.end(PORT + 12, INSIDE)
    moved.request("INVITE", d["uri"], d, body=SDP, Via=via(20), Contact="<sip:alice@%s>" % HOME)
    i = s.b.expect("INVITE", 2 * SLOW)
    s.b.reply(i, "488 Not Acceptable Here")
    s.b.expect("ACK")
    moved.expect("SIP/2.0 488")
    s.b.request("INFO", e["uri"], e)  # what was refused moves nobody
    s.a.reply(s.a.expect("INFO", 2 * SLOW), "200 OK", contact=False)
    s.b.expect("SIP/2.0 200")
    moved.request("INVITE", d["uri"], d, body=SDP, Via=via(30), Contact="<sip:alice@%s>" % HOME)
    s.b.reply(s.b.expect("INVITE", 2 * SLOW), "200 OK", body=SDP)
    moved.expect("SIP/2.0 200", 2 * SLOW)
    moved.request("ACK", d["uri"], d, Via=via(31))
    s.b.expect("ACK", 2 * SLOW)
    s.b.request("BYE", e["uri"], e)
    moved.reply(moved.expect("BYE", 2 * SLOW), "200 OK", contact=False)
    s.b.expect("SIP/2.0 200")
    s.gone()


@case()
def a_proxy_knows_the_way(s):
    """With a Record-Route the next request goes by it."""
    proxy = s.end(PORT + 12, INSIDE)
    d = dialog()
    i = from_home(s, s.a, 40, d, **{"Record-Route": "<sip:127.0.0.1:%d;lr>" % (PORT + 12)})
    e = answered(s, s.a, i, d, 40)
    s.b.request("BYE", e["uri"], e)
    bye = proxy.expect("BYE", 2 * SLOW)
    same(bye.uri, "sip:alice@" + HOME, "Request-URI")
    proxy.reply(bye, "200 OK", contact=False)
    s.b.expect("SIP/2.0 200")
    s.gone()


@case()
def who_is_where_he_says_is_asked_there(s):
    other = s.end(PORT + 12, INSIDE)
    d, i = s.invite(Contact="<sip:alice@127.0.0.1:%d>" % (PORT + 12))
    s.b.reply(i, "200 OK", "B1", body=SDP)
    s.confirm(d)
    e = dict(called(i, "B1"), uri=i.contact())
    s.b.request("BYE", e["uri"], e)
    other.reply(other.expect("BYE", 2 * SLOW), "200 OK", contact=False)
    s.b.expect("SIP/2.0 200")
    s.gone()


@case()
def who_subscribes_is_notified(s):
    d = dialog()
    s.a.request("SUBSCRIBE", BOB, d, extra="Event: presence\r\nExpires: 60\r\n", Via=via(50),
                Contact="<sip:alice@%s>" % HOME)
    sub = s.b.expect("SUBSCRIBE", 2 * SLOW)
    s.b.reply(sub, "200 OK", "B1", extra="Expires: 60\r\n")
    s.a.expect("SIP/2.0 200")
    e = dict(called(sub, "B1"), uri=sub.contact())
    s.b.request("NOTIFY", e["uri"], e,
                extra="Event: presence\r\nSubscription-State: terminated\r\n")
    s.a.reply(s.a.expect("NOTIFY", 2 * SLOW), "200 OK", contact=False)
    s.b.expect("SIP/2.0 200")


@case(**OPTIONS)
def a_registered_phone_is_found(s):
    registrar, phone = Registrar(s.b), Phone(s.a)
    phone.register(registrar)
    d = dialog()
    s.b.request("INVITE", uris(registrar)[0], d, body=SDP)
    i = phone.end.expect("INVITE", 2 * SLOW)
    home = "<%s>" % phone.contact
    phone.end.reply(i, "200 OK", "A1", body=SDP, contact=False,
                    extra="Contact: %s\r\nContent-Type: application/sdp\r\n" % home)
    ok = s.b.expect("SIP/2.0 200", 2 * SLOW)
    d["ttag"], d["uri"] = ok.tag("To"), ok.contact()
    s.b.request("ACK", d["uri"], d)
    ack = phone.end.expect("ACK", 2 * SLOW)
    same(ack.uri, phone.contact, "the Request-URI of the ACK")
    s.b.request("BYE", d["uri"], d)
    phone.end.reply(phone.end.expect("BYE", 2 * SLOW), "200 OK", contact=False)
    s.b.expect("SIP/2.0 200")
    s.gone()


@case(**OPTIONS)
def its_nat_is_kept_open(s):
    registrar, phone, here = Registrar(s.b), Phone(s.a), Phone(s.end(PORT + 12, INSIDE), "carol")
    phone.register(registrar)
    here.contact = "sip:carol@127.0.0.1:%d" % (PORT + 12)  # no NAT
    here.register(registrar)
    s.relay.set("keepalive=1")
    ask = phone.end.expect("OPTIONS", 4 * SLOW)
    same(ask.uri, phone.contact, "Request-URI")
    phone.end.reply(ask, "405 Method Not Allowed", "x", contact=False)
    phone.end.expect("OPTIONS", 4 * SLOW)
    here.end.quiet(1.5)
    s.relay.set("keepalive=0")
    same(len(listed(s)), 2, "bindings")


@case()
def empty_lines_keep_it_open(s):
    """RFC 5626 4.4.1, and what phones send over UDP."""
    for empty in ("\r\n\r\n", "\r\n", "\0", ""):
        s.a.send(empty)
    s.a.quiet(0.2, skip="")
    a = s.end(PORT + 13, INSIDE, tcp=True).connect()
    a.sock.sendall(b"\r\n\r\n")
    a.sock.settimeout(2 * SLOW)
    same(a.sock.recv(10), b"\r\n", "the pong")
    d, _ = s.up()
    s.bye(d)


if __name__ == "__main__":
    sys.exit(main())
