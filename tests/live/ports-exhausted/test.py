"""No media ports left: 503 with Retry-After; the calls that are up go on"""
import time

from lib import stage
from lib.ua import Agent


def setup(t):
    # four ports: two streams' worth inside or outside
    t.stage = stage.Stage(t.open(), phones='b', ports_a='17000-17003')
    s = t.stage
    t.agent = Agent(t.lab, 'phone-a', t.lab.net.address('phone-a'), stage.ALICE,
                    (s.a.inside, 5060))


def check(t):
    s, agent = t.stage, t.agent
    up, refused = [], None
    for _ in range(6):
        dialog = agent.request('INVITE', stage.BOB, agent.offer())
        final = agent.final(dialog)
        if final.status != 200:
            refused = final
            break
        dialog['to'] = final.header('To')
        dialog['uri'] = final.header('Contact').split('<')[1].split('>')[0]
        agent.request('ACK', stage.BOB, dialog=dialog)
        up.append(dialog)
    t.claim('some calls are up', up, str(len(up)))
    t.claim('one too many gets 503', refused and refused.status == 503, str(refused))
    t.claim('with Retry-After', refused.header('Retry-After'), str(refused.headers))
    t.claim('the others live', len(s.a.calls()) == len(up), str(s.a.calls()))
    for dialog in up:
        t.claim('and end by BYE', agent.bye(dialog).status == 200)
    time.sleep(int(refused.header('Retry-After')) + 2)  # freed ports rest for a while
    dialog, _ = agent.call(stage.BOB)
    t.claim('then there is room again', agent.bye(dialog).status == 200)
