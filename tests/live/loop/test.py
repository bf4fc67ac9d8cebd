"""A route that leads back to the gateway ends as a loop, not as a storm"""
import time

from lib import stage
from lib.ua import Agent


def setup(t):
    lab = t.open()
    t.stage = stage.Stage(lab, phones='', route_a=f'sip:{lab.net.address("lan-a")}:5060')
    t.agent = Agent(lab, 'phone-a', lab.net.address('phone-a'), stage.ALICE,
                    (t.stage.a.inside, 5060))


def check(t):
    began = time.monotonic()
    final = t.agent.final(t.agent.request('INVITE', stage.BOB, t.agent.offer()), seconds=15)
    t.claim('it is refused', final.status >= 400, final.start)
    t.claim('at once', time.monotonic() - began < 3)
    t.claim('no call is left', t.stage.a.gone())
    print(final.start, final.headers)
