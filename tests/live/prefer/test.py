"""need = "prefer": plain to who knows nothing else, and never again once it was sealed

The far end is first a phone without any keying: the call comes to be by a later offer,
in clear. Then a gateway stands there: the first offer is taken, sealed. Then somebody
refuses every offer of ours with 488: the call ends, until the operator says that the
far end may be plain; then the phone is reached again.
"""
import os
import threading

from lib import rtp, sip, stage
from lib.phone import Phone
from lib.ua import Agent


class Forger(threading.Thread):
    """In the far gateway's place: 488 to whatever is asked."""

    def __init__(self, t):
        super().__init__(daemon=True)
        self.agent = Agent(t.lab, 'gate-b', t.stage.b.outside, stage.BOB,
                           (t.stage.a.outside, 5060), port=5060)
        self.refused, self.running = 0, True

    def run(self):
        while self.running:
            invite = self.agent.wait(lambda m: m.start.startswith('INVITE'), 0.3)
            if invite:
                self.agent.answer(invite, 488, 'Not Acceptable Here', 'forged')
                self.refused += 1

    def stop(self):
        self.running = False
        self.join()
        self.agent.socket.close()
        self.agent.media.close()


def setup(t):
    t.stage = stage.Stage(t.open(), profile_a='prefer', profile_b='allow', phones='ab')
    t.stage.b.stop()


def plain_phone(t):
    return Phone(t.lab, 'b', stage.BOB, t.stage.speech, host='gate-b')


def invites(path):
    """Of each INVITE on the wire: its m= line's profile, and whether it has keys."""
    seen = {}
    for m in sip.messages(path):
        if m.start.startswith('INVITE'):
            seen.setdefault(m.header('Call-ID'),
                            (m.sdp('m')[0].split()[2], bool(m.mikey())))
    return list(seen.values())


def call(t, callee, what, words):
    """A call to who stands there now; words: the verdicts of our gateways."""
    s = t.stage
    seen, gates = [], [s.a, s.b][:len(words)]
    s.record()
    s.talk(s.alice, callee, stage.BOB, during=lambda: seen.extend(
        c['verdict'] for gate in gates for c in gate.calls()))
    t.claim(f'{what}: {words}', seen == words, str(seen))
    return s.recorded()


def plain_call(t, what):
    phone = plain_phone(t)
    paths = call(t, phone, what, ['plain'])
    phone.stop()
    t.claim('sealed was offered first, plain last', invites(paths['wire'])[0] == (
        'RTP/SAVP', True) and invites(paths['wire'])[-1][0] == 'RTP/AVP',
            str(invites(paths['wire'])))
    t.claim('the phone saw one call', len([m for m in sip.messages(paths['phone-a'])
                                           if m.start.startswith('INVITE')]) == 1)
    payloads = {p.payload for p in rtp.sent(paths['phone-a'])}
    t.claim('in clear', rtp.in_clear(payloads, paths['wire']) > 0.9 * len(payloads))


def check(t):
    s = t.stage
    plain_call(t, 'a plain phone')
    s.b.start()
    paths = call(t, s.bob, 'a gateway', ['sealed', 'sealed'])
    t.claim('one offer', invites(paths['wire']) == [('RTP/SAVP', True)])
    t.claim('media intact and sealed', '; '.join(s.check_media(paths)))

    s.b.stop()
    forger = Forger(t)
    forger.start()
    s.record()
    s.alice.forget()
    s.alice.dial(stage.BOB)
    s.alice.wait_event('CALL_CLOSED')
    forger.stop()
    paths = s.recorded()
    t.claim('the forged refusals came', forger.refused > 0)
    t.claim('never without keys', all(keys for _, keys in invites(paths['wire'])),
            str(invites(paths['wire'])))
    t.claim('the reason says why', 'was sealed before' in s.a.log())
    t.claim('and what helps', 'trust --forget' in s.a.log())
    t.claim('it is in the state directory', os.path.exists(f'{s.a.dir}/state/memory'))
    t.claim('no media left', not rtp.sent(paths['phone-a']))

    s.a.tell('trust', '--forget', 'b.example')
    plain_call(t, 'forgotten by order')
