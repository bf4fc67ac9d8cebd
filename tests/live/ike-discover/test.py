"""two gateways find each other's end of IKE by OPTIONS, and call through the tunnel

Neither has the other's address of IKE in its configuration. One of them moves; a proxy that
cannot do IPsec is not called; who lies about the address gets no call, either.
"""
import json
import os
import time

from lib import charon, pcap, rtp, stage
from lib.capture import tshark
from lib.charon import restart
from lib.lab import wait_for
from lib.proxy import Proxy
from lib.ua import Agent

KEY = '00112233445566778899aabbccddeeff'
MOVED = '10.99.2.3'
ANSWERS = '''
request_route {
	if (is_method("OPTIONS")) { sl_send_reply("200", "Here"); exit; }
	if (is_method("ACK")) exit;
	sl_send_reply("404", "Nobody should have called");
}
'''
LIE = 'v=0\r\no=- 1 1 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\n' \
    'm=application 0 udp ike-esp-udpencap\r\nc=IN IP4 {0}\r\n'


def setup(t):
    lab = t.open()
    t.charon, settings = charon.pair(lab)
    for site in 'ab':
        settings[f'peer_{site}'] |= {'ike': 'discover', 'keepalive': 1}
    t.proxy = Proxy(lab, ANSWERS)
    t.stage = stage.Stage(lab, ike_more='discover = "require";', psk_a=KEY, **settings)


def server(gate):
    return json.loads(gate.tell('peers', '--json'))[0]['servers'][0]


def up(gate, times=1):
    wait_for(f'the tunnel at {gate.host}',
             lambda: gate.log().count('the tunnel is up') >= times, 30)


def said(gate, word, address=None):
    """Until its next hop has said so."""
    def holds():
        now = server(gate)
        return now['ipsec'] == word and (
            not address or now['said'].get('ike_address') == address)
    wait_for(f'{gate.host}: {word} {address or ""}', holds, 10)


def found(t):
    s, net = t.stage, t.lab.net
    for gate, far in ((s.a, 'gate-b'), (s.b, 'gate-a')):
        said(gate, 'yes', net.address(far))
        up(gate)
        seen = server(gate)['said']
        t.claim(f'{gate.host} was told, and just now', not seen['esp'] and
                abs(seen['at'] - time.time()) < 5, str(seen))
        t.claim('the operator sees it', f'yes ike {net.address(far)}' in gate.tell('peers'),
                gate.tell('peers'))


def call(t):
    s = t.stage
    s.record()
    s.talk(s.alice, s.bob, stage.BOB, during=lambda: t.claim(
        'a call is sealed, by the tunnel', s.verdicts() == ['sealed', 'sealed']))
    for gate in (s.a, s.b):
        gate.gone()
    paths = s.recorded()
    t.claim('no RTP is on the wire', not any(rtp.parse(p) for p in pcap.datagrams(
        paths['wire']) if p.port_from not in (500, 4500, 5060)))
    return paths['wire']


def dissected(t, path):
    """As tshark reads the answers on the wire."""
    rows = tshark(path, 'sip.Status-Code == 200 && sip.CSeq.method == "OPTIONS"',
                  'ip.src', 'sdp.media', 'sdp.connection_info.address')
    for site in 'ab':
        at = t.lab.net.address(f'gate-{site}')
        t.claim(f'what {site} says on the wire', any(
            row[0] == at and 'application 0 udp ike-esp-udpencap ike-esp' in row[1] and
            at in row[2] for row in rows), str(rows))


def moved(t):
    """Site b has another address of IKE; a follows when the old tunnel is gone."""
    s, net = t.stage, t.lab.net
    before = s.a.log().count('the tunnel is up')
    old, where = net.address('gate-b'), f'address = "{MOVED}"'
    net.run('gate-b', 'ip', 'addr', 'add', f'{MOVED}/24', 'dev', 'wan')
    s.b.extra = s.b.extra.replace(f'address = "{old}"', where)
    restart(s.b)
    said(s.a, 'yes', MOVED)
    up(s.a, before + 1)
    t.claim('and says where', f'its end of IKE is {MOVED}, as it says' in s.a.log())
    call(t)


def asked(t):
    """Who asks from elsewhere hears what he heard before."""
    s, net = t.stage, t.lab.net
    accept = ('Accept: application/sdp',)
    for host, at, tells in (('net', net.address('net-a'), False),
                            ('gate-b', net.address('gate-b'), True)):
        asker = Agent(t.lab, host, at, stage.BOB, (s.a.outside, 5060), 5090)
        dialog = asker.request('OPTIONS', f'sip:{s.a.outside}:5060', headers=accept)
        final = asker.final(dialog, 'OPTIONS')
        t.claim(f'{host} hears {"it" if tells else "nothing of it"}', final.status == 200 and
                ('ike-esp' in final.body) == tells and bool(final.body) == tells, str(final.body))


def refused(t, gate, status, why):
    alice = t.stage.alice
    before, begun = len(gate.log()), time.monotonic()
    alice.forget()
    alice.dial(stage.BOB)
    alice.wait_event('CALL_CLOSED')
    took = time.monotonic() - begun
    said_why = gate.log()[before:]
    t.claim(f'a call ends at once, with {status}', took < 3 and why in said_why and
            gate.ended()[0]['status'] == status, f'{took} {gate.ended()[0]} {said_why}')


def cannot(t):
    """A proxy in the peer's place, which answers without SDP."""
    gate = t.stage.a
    route = gate.peers[0].route
    gate.peers[0].route = f'sip:{t.proxy.addresses["a"]}:5060'
    gate.reload()
    said(gate, 'no')
    refused(t, gate, 488, 'it cannot do the IPsec of its profile')
    gate.peers[0].route = route
    gate.reload()
    said(gate, 'yes', MOVED)
    call(t)


def lies(t):
    """Somebody at b's SIP address says that IKE is where nobody of the kind is."""
    s, net = t.stage, t.lab.net
    before = s.a.log().count('the tunnel is up')
    s.b.stop()
    t.charon['b'].process.stop()
    liar = Agent(t.lab, 'gate-b', s.b.outside, stage.BOB, (s.a.outside, 5060), 5060)
    where = net.address('net-b')
    wait_for('a to believe it', lambda: answered(liar, LIE.format(where)) and
             f'its end of IKE is {where}, as it says' in s.a.log(), 40)
    refused(t, s.a, 503, 'no tunnel to the peer')
    wait_for('our own', lambda: answered(liar, LIE.format(s.a.outside)) and
             'it is our own address' in s.a.log(), 10)
    t.claim('that is told once', s.a.log().count('it is our own address') == 1)
    liar.socket.close()
    liar.media.close()
    if os.path.exists(t.charon['b'].path):
        os.unlink(t.charon['b'].path)
    t.charon['b'].start()
    os.chmod(t.charon['b'].path, 0o666)
    s.b.start()
    up(s.a, before + 1)
    call(t)


def answered(liar, sdp):
    """Answers what comes of OPTIONS with it."""
    q = liar.wait(lambda m: m.start.startswith('OPTIONS'), 2)
    if q:
        liar.answer(q, 200, 'OK', 'liar', sdp)
    return True


def check(t):
    found(t)
    dissected(t, call(t))
    moved(t)
    asked(t)
    cannot(t)
    lies(t)
