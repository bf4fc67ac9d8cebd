"""A reload in the middle of a call: the call goes on; a wrong file changes nothing"""
import time

from lib import claims, stage
from lib.gateway import Peer
from lib.lab import wait_for
from lib.ua import Agent


def setup(t):
    t.stage = s = stage.Stage(t.open())
    agent = Agent(t.lab, 'phone-a', s.alice.address, stage.ALICE, (s.a.inside, 5060))
    uri = 'sip:bob@c.example'
    t.ask = lambda: agent.final(agent.request('INVITE', uri, agent.offer())).status


def twice(t):
    s = t.stage
    time.sleep(1)
    t.claim('c.example is nobody yet: 403', t.ask() == 403)
    s.a.peers.append(Peer('c', '*@c.example', 'plain', route=f'sip:{s.b.outside}:5060'))
    s.a.reload()
    wait_for('the new peer to be known', lambda: t.ask() != 403, step=0.3)
    s.a.extra = 'no_such_key = 1;'
    s.a.reload()
    wait_for('the complaint', lambda: 'no_such_key' in s.a.log())
    t.claim('a wrong key is named', True)
    t.claim('and the gateway lives', s.a.process.running())
    t.claim('with the call', s.verdicts() == ['sealed', 'sealed'])


def check(t):
    s = t.stage
    s.talk(s.alice, s.bob, stage.BOB, seconds=4, during=lambda: twice(t))
    paths = s.recorded()
    t.claim('media intact and sealed', '; '.join(s.check_media(paths)))
    s.record()
    s.talk(s.alice, s.bob, stage.BOB, seconds=2)
    t.claim('the next call, too', '; '.join(s.check_media(s.recorded())))
