"""Keys before the phone is picked up (answer = "early"), and at pick-up

Diffie-Hellman, then a pre-shared key, between two gateways; responses take 100 ms
longer than the media. Early: the keying answer crosses in a reliable 183 while the
phone rings, the phones see neither it nor its PRACK, and not one packet of the called
phone's first words is lost. At pick-up: it comes with the 200, and what was said
meanwhile is lost. Both verdicts are sealed.
"""
import heapq
import select
import socket
import threading
import time

from lib import claims, rtp, sip, stage
from lib.phone import Phone

DELAY_MS = 100
PORT = 5070


class Detour(threading.Thread):
    """A next hop that sends everything on to gate-b, and what comes back late:
    responses, that is, for requests within the dialog go straight."""

    def __init__(self, net):
        super().__init__(daemon=True)
        self.there = (net.address('gate-b'), 5060)
        with net.inside('net'):
            self.front, self.back = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                                     for _ in range(2))
            self.front.bind((net.address('net-a'), PORT))
            self.back.bind((net.address('net-b'), 5060))  # the port of gate-a's Via
        self.uri = f'sip:{net.address("net-a")}:{PORT}'
        self.running, self.late = True, []

    def run(self):
        here = None
        while self.running:
            for ready in select.select([self.front, self.back], [], [], 0.002)[0]:
                data, source = ready.recvfrom(65536)
                if ready is self.front:
                    here = source
                    self.back.sendto(data, self.there)
                else:
                    heapq.heappush(self.late, (time.monotonic() + DELAY_MS / 1000, data))
            while here and self.late and self.late[0][0] < time.monotonic():
                self.front.sendto(heapq.heappop(self.late)[1], here)

    def stop(self):
        self.running = False
        self.join()
        self.front.close()
        self.back.close()


def setup(t):
    lab = t.open()
    detour = Detour(lab.net)
    detour.start()
    lab.on_close(detour.stop)
    t.stage = stage.Stage(lab, phones='a', keying=['mikey-dhhmac', 'mikey-psk'],
                          answer='early', route_a=detour.uri)
    t.bob = Phone(lab, 'b', stage.BOB, t.stage.speech, auto=False)


def one_call(t, ring=0.6):
    """Rings, is picked up, talks, ends: (paths of the captures, calls seen)."""
    s = t.stage
    s.record()
    s.alice.forget()
    t.bob.forget()
    s.alice.dial(stage.BOB)
    t.bob.wait_event('CALL_INCOMING')
    time.sleep(ring)
    t.bob.accept()
    t.bob.wait_event('CALL_ESTABLISHED')
    s.alice.wait_event('CALL_ESTABLISHED')
    time.sleep(2)
    seen = s.a.calls() + s.b.calls()
    s.alice.hangup()
    t.bob.wait_event('CALL_CLOSED')
    return s.recorded(), seen


def lost_at_start(t, paths):
    """Of the called phone's packets, how many did not reach the caller's."""
    entered = rtp.in_sequence(rtp.sent(paths['phone-b'], dest=t.stage.b.inside))
    arrived = rtp.in_sequence(rtp.sent(paths['phone-a'], source=t.stage.a.inside))
    return rtp.aligned(entered, arrived)[0]


def first(messages, wanted):
    return next((m for m in messages if wanted(m)), None)


def keys_of(message):
    """The body of an early answer, as bytes."""
    return message.raw.partition(b'\r\n\r\n')[2]


def sealed(t, method, paths, seen):
    t.claim(f'{method}, sealed at both', [(c['verdict'], c['method']) for c in seen] == [
        ('sealed', method)] * 2, str(seen))
    t.claim('nothing in clear', claims.media_sealed(paths['wire'], paths['phone-b']))
    t.claim('no index twice', claims.index_unique(paths['wire'], t.stage.gate_b))


def early(t, method):
    paths, seen = one_call(t)
    sealed(t, method, paths, seen)
    wire = sip.messages(paths['wire'])
    invite = first(wire, lambda m: m.start.startswith('INVITE'))
    keys = first(wire, lambda m: m.status == 183)
    prack = first(wire, lambda m: m.start.startswith('PRACK'))
    ok = first(wire, lambda m: m.status == 200 and m.method == 'INVITE')
    t.claim('the INVITE asks for it', 'application/mikey' in ', '.join(invite.all('Accept'))
            and '100rel' in ', '.join(invite.all('Supported')), str(invite.headers))
    t.claim('a reliable 183 has the keying answer', keys and keys.header(
        'Content-Type') == 'application/mikey' and keys.header('Require') == '100rel',
        str(keys and keys.headers))
    t.claim('the PRACK came before the 200', prack and keys.time < prack.time < ok.time - 0.2)
    t.claim('the 200 repeats it', keys_of(keys) == ok.mikey()[0][1])
    for link in ('phone-a', 'phone-b'):
        t.claim('the phone knows nothing of it', not [
            m for m in sip.messages(paths[link]) if m.method == 'PRACK' or m.header('RSeq')
            or m.header('Content-Type') == 'application/mikey'])
    t.claim('media intact', claims.media_intact(paths['phone-b'], paths['phone-a'],
                                                t.stage.b.inside, t.stage.a.inside))
    lost = lost_at_start(t, paths)
    t.claim('the first words are heard', lost == 0, f'{lost} packets lost at the start')


def pickup(t, method):
    paths, seen = one_call(t)
    sealed(t, method, paths, seen)
    wire = sip.messages(paths['wire'])
    t.claim('no early answer', not [m for m in wire if m.status == 183 or m.method == 'PRACK'])
    ok = first(wire, lambda m: m.status == 200 and m.method == 'INVITE')
    t.claim('the keys come with the 200', len(ok.mikey()) == 1)
    lost = lost_at_start(t, paths)
    t.claim('the first words are lost', 2 <= lost <= 3 * DELAY_MS // 20,
            f'{lost} packets lost at the start')


def use(t, **what):
    for gate in (t.stage.a, t.stage.b):
        for name, value in what.items():
            setattr(gate, name, value)
        gate.reload()
    time.sleep(1)


def check(t):
    early(t, 'mikey-dhhmac')
    use(t, answer='pickup')
    pickup(t, 'mikey-dhhmac')
    use(t, answer='early', keying=['mikey-psk', 'mikey-dhhmac'])
    early(t, 'mikey-psk')
    t.stage.record()
    t.bob.forget()
    t.stage.alice.dial(stage.BOB)
    t.bob.wait_event('CALL_INCOMING')
    time.sleep(0.4)
    t.stage.alice.hangup()
    t.bob.wait_event('CALL_CLOSED')
    for gate in (t.stage.a, t.stage.b):
        t.claim('no call is left', gate.gone())
