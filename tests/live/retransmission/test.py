"""Lost and repeated SIP over UDP: one call for one INVITE, 2xx repeated until ACK

The caller sends its INVITE three times and its ACK late; the callee's 200 must come
again meanwhile, and only one call must exist.
"""
import time

from lib import sip, stage
from lib.ua import Agent


def setup(t):
    t.stage = stage.Stage(t.open(), phones='b')
    s = t.stage
    t.agent = Agent(t.lab, 'phone-a', t.lab.net.address('phone-a'), stage.ALICE,
                    (s.a.inside, 5060))


def check(t):
    s, agent = t.stage, t.agent
    dialog = agent.request('INVITE', stage.BOB, agent.offer())
    for _ in range(2):  # the very same again: Via branch and all
        agent.request('INVITE', stage.BOB, agent.offer(), dialog=dialog, branch=dialog['branch'])
    final = agent.final(dialog)
    t.claim('200', final.status == 200, final.start)
    again = agent.wait(lambda m: m.status == 200 and m.method == 'INVITE', 3)
    t.claim('the 200 comes again while no ACK does', again and again.body == final.body)
    t.claim('there is one call', len(s.a.calls()) == 1 and len(s.b.calls()) == 1)
    dialog['to'] = final.header('To')
    dialog['uri'] = final.header('Contact').split('<')[1].split('>')[0]
    for _ in range(2):
        agent.request('ACK', stage.BOB, dialog=dialog)
    time.sleep(1)
    t.claim('after ACK it is up', [c['state'] for c in s.a.calls() + s.b.calls()] == ['up', 'up'])
    agent.wait(lambda m: False, 0.1)  # what came before the ACK was there
    agent.received.clear()
    t.claim('no more 200', agent.wait(lambda m: m.status == 200, 5) is None)
    t.claim('BYE', agent.bye(dialog).status == 200)
    invites = [m for m in sip.messages(s.recorded()['phone-b']) if m.start.startswith('INVITE')]
    t.claim('the phone got one INVITE', len({m.header('Call-ID') for m in invites}) == 1)
