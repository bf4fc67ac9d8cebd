"""The usual scene: two gateways, a phone behind each, and captures of the three
links that matter. A test takes it as it is or builds its own from the parts."""
import os
import time

from . import claims, gateway, speech
from .capture import Capture
from .lab import Failure
from .phone import Phone

ALICE, BOB = 'sip:alice@a.example', 'sip:bob@b.example'


class Stage:
    def __init__(self, lab, seconds=30, six=False, outside_six=False, phones='ab', more='',
                 **settings):
        """phones: at which sites one is, and more of their configuration; the other
        settings go to gateway.pair()."""
        self.lab = lab
        settings['six'] = (six, six or outside_six)
        transport = settings.setdefault('transport', 'udp')
        self.a, self.b = gateway.pair(lab, **settings)
        self.gate_a, self.gate_b = self.a.outside, self.b.outside
        self.speech = os.path.join(lab.dir, 'speech.wav')
        if phones:
            speech.make(self.speech, seconds=seconds)
        for site, name, uri in (('a', 'alice', ALICE), ('b', 'bob', BOB)):
            if site in phones:
                setattr(self, name, Phone(lab, site, uri, self.speech, six, transport,
                                          more=more))
        self.captures = {}
        self.record()

    def record(self):
        """Begins new captures; those before stay under their own numbers."""
        n = self.lab.captures = getattr(self.lab, 'captures', 0) + 1
        self.captures = {link: Capture(self.lab, f'{link}-{n}', link)
                         for link in ('phone-a', 'wire', 'phone-b')}

    def recorded(self):
        """Ends the captures: their paths by name."""
        return {name: capture.stop() for name, capture in self.captures.items()}

    def talk(self, caller, callee, uri, seconds=3.0, during=None, ends=None):
        """One call; during() runs while both can speak. ends: who hangs up, if not the caller."""
        caller.forget()
        callee.forget()
        caller.dial(uri)
        callee.wait_event('CALL_ESTABLISHED')
        caller.wait_event('CALL_ESTABLISHED')
        end = time.monotonic() + seconds
        if during:
            during()
        time.sleep(max(0, end - time.monotonic()))
        ends = ends or caller
        ends.hangup()
        (callee if ends is caller else caller).wait_event('CALL_CLOSED')

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
        lan_a, lan_b = self.a.inside, self.b.inside
        a, b, wire = paths['phone-a'], paths['phone-b'], paths['wire']
        facts = [claims.media_intact(a, b, lan_a, lan_b)]
        if both:
            facts.append(claims.media_intact(b, a, lan_b, lan_a))
        facts.append(claims.media_sealed(wire, a))
        facts.append(claims.media_sealed(wire, b))
        facts.append(claims.index_unique(wire, self.gate_a))
        facts.append(claims.index_unique(wire, self.gate_b))
        return facts
