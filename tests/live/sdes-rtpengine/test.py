"""SDES with rtpengine, offering and answering: its SRTP is opened, ours is opened by it

The trunk's signalling is ours; its media and a=crypto lines are rtpengine's, which turns
the sealed side into plain RTP for an echo, and back.
"""
import select
import threading
import time

from lib import claims, rtp, trunk
from lib.rtpengine import Rtpengine
from lib.stage import ALICE, BOB
from lib.ua import Agent, media_of
from lib.sip import Message

SUITES = ['AEAD_AES_128_GCM', 'AES_CM_128_HMAC_SHA1_80']


def setup(t):
    t.scene = s = trunk.Scene(t.open(), tls=False, trunk=False, sdes='any', suites=SUITES)
    t.engine = Rtpengine(t.lab, 'gate-b')
    t.trunk = Agent(t.lab, 'gate-b', t.lab.net.address('gate-b'), BOB, (s.gate.outside, 5060),
                    port=5060)
    t.stop = threading.Event()
    threading.Thread(target=echo, args=(t.trunk.media, t.stop), daemon=True).start()


def echo(media, stop):
    """Sends back what comes."""
    while not stop.is_set():
        if select.select([media], [], [], 0.2)[0]:
            data, sender = media.recvfrom(2048)
            media.sendto(data, sender)


def body_of(text):
    return Message(b'SIP/2.0 200 OK\r\n\r\n' + text.encode())


def called(t):
    """alice calls: the gateway offers, rtpengine answers."""
    t.scene.alice.dial(BOB)
    invite = t.trunk.wait(lambda m: m.start.startswith('INVITE'))
    t.engine.offer('one', invite.body, 'RTP/AVP')
    answer = t.engine.answer('one', t.trunk.offer())
    t.trunk.answer(invite, 200, 'OK', 'b1', answer)
    t.claim('ACK', t.trunk.wait(lambda m: m.start.startswith('ACK')))
    return body_of(answer)


def calling(t):
    """The trunk calls: rtpengine offers, the gateway answers."""
    offer = t.engine.offer('two', t.trunk.offer(), 'RTP/SAVP')
    _, answer = t.trunk.call(ALICE, offer)
    plain = t.engine.answer('two', answer.body)
    t.trunk.rtp_run(media_of(body_of(plain)), range(3), 7)  # where the echo is
    return answer


def call(t, what, begin):
    s = t.scene
    s.alice.forget()
    s.record()
    answer = begin(t)
    crypto = [a for a in answer.sdp('a') if a.startswith('crypto:')]
    t.claim(f'{what}: one a=crypto in the answer', len(crypto) == 1, str(crypto))
    s.alice.wait_event('CALL_ESTABLISHED')
    time.sleep(3)
    one = s.gate.calls()[0]
    t.claim('a suite of both', one['suite'] in SUITES and one['suite'] in crypto[0], one['suite'])
    t.claim('the verdict is plain: the SIP was', one['verdict'] == 'plain', one['reason'])
    s.alice.hangup()
    bye = t.trunk.wait(lambda m: m.start.startswith('BYE'))
    t.trunk.answer(bye, 200, 'OK')
    t.claim('the gateway is done', s.gate.gone())
    paths = s.recorded()
    sent = [p.payload for p in rtp.sent(paths['phone-a'], source=s.alice.address)]
    back = [p.payload for p in rtp.sent(paths['phone-a'], dest=s.alice.address)]
    heard = [p for p in back if p in set(sent)]
    t.claim('what alice said came back, byte for byte', len(heard) > 100,
            f'{len(heard)} of {len(sent)}')
    t.claim('sealed on the wire', claims.media_sealed(paths['wire'], paths['phone-a']))


def check(t):
    call(t, 'called', called)
    call(t, 'calling', calling)
    t.stop.set()
