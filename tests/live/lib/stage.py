"""The usual scene: two gateways, a phone behind each, and captures of the three
links that matter. A test takes it as it is or builds its own from the parts."""
import os
import time

from . import claims, gateway, speech
from .capture import Capture
from .lab import Failure
from .net import host_address
from .phone import Phone

ALICE, BOB = 'sip:alice@a.example', 'sip:bob@b.example'


class Stage:
    def __init__(self, lab, seconds=30, six=False, phones=True, **settings):
        """settings go to gateway.pair()."""
        self.lab = lab
        if six:
            settings['six'] = (True, True)
        self.a, self.b = gateway.pair(lab, **settings)
        self.alice_at = host_address('phone-a', six)
        self.bob_at = host_address('phone-b', six)
        self.gate_a, self.gate_b = self.a.outside, self.b.outside
        if phones:
            self.speech = os.path.join(lab.dir, 'speech.wav')
            speech.make(self.speech, seconds=seconds)
            self.alice = Phone(lab, 'a', ALICE, self.speech, six=six)
            self.bob = Phone(lab, 'b', BOB, self.speech, six=six)
        self.captures = {}
        self.record()

    def record(self):
        """Begins new captures; those before stay under their own numbers."""
        n = self.lab.captures = getattr(self.lab, 'captures', 0) + 1
        self.captures = {
            'phone-a': Capture(self.lab, f'phone-a-{n}', 'phone-a', 'eth0'),
            'wire': Capture(self.lab, f'wire-{n}', 'net', 'to-a'),
            'phone-b': Capture(self.lab, f'phone-b-{n}', 'phone-b', 'eth0'),
        }

    def recorded(self):
        """Ends the captures: their paths by name."""
        return {name: capture.stop() for name, capture in self.captures.items()}

    def talk(self, caller, callee, uri, seconds=3.0, during=None):
        """One call; during() runs while both can speak."""
        caller.forget()
        callee.forget()
        caller.dial(uri)
        callee.wait_event('CALL_ESTABLISHED')
        caller.wait_event('CALL_ESTABLISHED')
        end = time.monotonic() + seconds
        if during:
            during()
        time.sleep(max(0, end - time.monotonic()))
        caller.hangup()
        callee.wait_event('CALL_CLOSED')

    def verdicts(self, count=1):
        """The verdict words both gateways show now, count calls each."""
        words = []
        for gate in (self.a, self.b):
            calls = gate.calls()
            if len(calls) != count:
                raise Failure(f'{gate.host} shows {len(calls)} calls, not {count}: {calls}')
            words += [call['verdict'] for call in calls]
        return words

    def check_media(self, paths, both=True):
        """Intact from phone to phone, and sealed between the gateways."""
        facts = [claims.media_intact(paths['phone-a'], paths['phone-b'], self.alice_at, self.bob_at)]
        if both:
            facts.append(claims.media_intact(paths['phone-b'], paths['phone-a'], self.bob_at,
                                             self.alice_at))
        facts.append(claims.media_sealed(paths['wire'], paths['phone-a'], self.alice_at))
        facts.append(claims.media_sealed(paths['wire'], paths['phone-b'], self.bob_at))
        facts.append(claims.index_unique(paths['wire'], self.gate_a))
        facts.append(claims.index_unique(paths['wire'], self.gate_b))
        return facts
