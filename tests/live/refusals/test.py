"""What is refused with which status: no peer, no phone, no hops left, garbage; OPTIONS is not"""
import time

from lib import stage
from lib.ua import Agent


def setup(t):
    t.stage = stage.Stage(t.open(), phones='')


def check(t):
    s, net = t.stage, t.lab.net
    phone = Agent(t.lab, 'phone-a', net.address('phone-a'), stage.ALICE, (s.a.inside, 5060))
    far = Agent(t.lab, 'net', net.address('net-b'), stage.ALICE, (s.b.outside, 5060))

    def invite(agent, uri, **more):
        return agent.final(agent.request('INVITE', uri, agent.offer(), **more))
    final = invite(phone, 'sip:nobody@elsewhere.example')
    t.claim('to nobody\'s peer: 403', final.status == 403, final.start)
    far.uri = 'sip:mallory@elsewhere.example'
    final = invite(far, stage.BOB)
    t.claim('from nobody\'s peer: 403', final.status == 403, final.start)
    far.uri = stage.ALICE
    final = far.final(far.request('INVITE', 'sip:carol@b.example'))
    t.claim('for an unknown phone, without a proof: as for a known one', final.status == 488,
            final.start)
    final = invite(phone, stage.BOB, headers=['Max-Forwards: 0'])
    t.claim('no hops left: 483', final.status == 483, final.start)
    sent = phone.request('OPTIONS', f'sip:{s.a.inside}')
    t.claim('OPTIONS to the gateway: 200', phone.final(sent, 'OPTIONS').status == 200)
    sent = phone.request('BYE', stage.BOB, dialog={
        'call': 'no-such', 'tag': 'x', 'to': f'<{stage.BOB}>;tag=y', 'uri': stage.BOB})
    final = phone.final(sent, 'BYE')
    t.claim('BYE of no call: 481', final.status == 481, final.start)
    sent = phone.request('INVITE', stage.BOB, 'v=0\r\nm=audio x RTP/AVP 0\r\n')
    final = phone.final(sent)
    t.claim('an offer that is no SDP: 400 or 488', final.status in (400, 488), final.start)
    for raw in (b'\0' * 600, b'INVITE\r\n\r\n', b'INVITE sip:x SIP/2.0\r\nVia: ;;\r\n\r\n',
                b'SIP/2.0 200 OK\r\n\r\n', b'\xff' * 1400,
                b'INVITE sip:b@b.example SIP/2.0\r\n' * 40):
        phone.send(raw)
        far.send(raw)
    time.sleep(0.5)
    for gate in (s.a, s.b):
        t.claim(f'{gate.host} lives on', gate.ask('status')[0] == 0 and gate.process.running())
        t.claim('without a call', gate.calls() == [])
