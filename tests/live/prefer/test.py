"""need = "prefer": three offers to a peer that refuses, and never again once it was sealed

The far gateway first forbids sealing: the call comes to be by its third offer, in clear.
Then it allows it: the first offer is taken. Then it forbids again, as a forged refusal
would look: the call ends, until the operator says that the peer may be plain.
"""
import os

from lib import rtp, sip, stage
from lib.lab import wait_for


def setup(t):
    t.stage = stage.Stage(t.open(), profile_a='prefer', profile_b='plain')


def invites(path):
    """Of each INVITE on the wire: its m= line's profile, and whether it has keys."""
    seen = {}
    for m in sip.messages(path):
        if m.start.startswith('INVITE'):
            seen.setdefault(m.header('Call-ID'),
                            (m.sdp('m')[0].split()[2], bool(m.mikey())))
    return list(seen.values())


def call(t, what, words):
    s = t.stage
    seen = []
    s.talk(s.alice, s.bob, stage.BOB, during=lambda: seen.extend(s.verdicts()))
    t.claim(f'{what}: {words}', seen == words, str(seen))
    paths = s.recorded()
    s.record()
    return paths


def change(t, profile):
    """The far gateway's profile for the caller."""
    peer = t.stage.b.peers[0]
    peer.profile, peer.psk = profile, None if profile == 'plain' else t.stage.a.peers[0].psk
    before = t.stage.b.log().count('configuration')
    t.stage.b.reload()
    wait_for('the reload', lambda: t.stage.b.log().count('configuration') > before)


def check(t):
    s = t.stage
    paths = call(t, 'a peer that forbids', ['plain', 'plain'])
    t.claim('three offers', invites(paths['wire']) ==
            [('RTP/SAVP', True), ('RTP/AVP', True), ('RTP/AVP', False)],
            str(invites(paths['wire'])))
    t.claim('the phone saw one call', len([m for m in sip.messages(paths['phone-a'])
                                           if m.start.startswith('INVITE')]) == 1)
    payloads = {p.payload for p in rtp.sent(paths['phone-a'])}
    t.claim('in clear', rtp.in_clear(payloads, paths['wire']) > 0.9 * len(payloads))
    change(t, 'allow')
    paths = call(t, 'a peer that allows', ['sealed', 'sealed'])
    t.claim('one offer', invites(paths['wire']) == [('RTP/SAVP', True)])
    t.claim('media intact and sealed', '; '.join(s.check_media(paths)))
    change(t, 'plain')
    s.alice.forget()
    s.alice.dial(stage.BOB)
    s.alice.wait_event('CALL_CLOSED')
    paths = s.recorded()
    t.claim('never in clear', ('RTP/AVP', False) not in invites(paths['wire']),
            str(invites(paths['wire'])))
    t.claim('the reason says why', 'was sealed before' in s.a.log())
    t.claim('and what helps', 'trust --forget' in s.a.log())
    t.claim('it is in the state directory', os.path.exists(f'{s.a.dir}/state/memory'))
    t.claim('no media left', not rtp.sent(paths['phone-a']))
