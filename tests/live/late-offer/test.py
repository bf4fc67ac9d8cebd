"""An INVITE without SDP: the called side offers in its 200, the caller answers in ACK"""
from lib import claims, rtp, sip, stage
from lib.lab import wait_for
from lib.sipp import Sipp, scenario


def setup(t):
    t.stage = stage.Stage(t.open(), phones='', late='allow')
    t.callee = Sipp(t.lab, 'b', scenario('uas'), '-rtp_echo', '-m', '1', '-mp', '6000')
    t.caller = Sipp(t.lab, 'a', t.file('uac.xml'), '-s', 'bob', '-m', '1', '-d', '4000')


def check(t):
    s = t.stage
    wait_for('the call', lambda: s.a.calls() and s.b.calls() and all(
        c['state'] == 'up' for c in s.a.calls() + s.b.calls()))
    t.claim('sealed at both', s.verdicts() == ['sealed', 'sealed'])
    t.caller.finish(20)
    t.callee.finish(10)
    paths = s.recorded()
    wire = sip.messages(paths['wire'])
    invite = next(m for m in wire if m.start.startswith('INVITE'))
    ok = next(m for m in wire if m.status == 200 and m.method == 'INVITE')
    ack = next(m for m in wire if m.start.startswith('ACK'))
    t.claim('the INVITE has no body', invite.body == '')
    t.claim('the 200 offers with MIKEY', ok.mikey() and 'RTP/SAVP' in ok.sdp('m')[0], ok.body)
    t.claim('the ACK answers with MIKEY', ack.mikey() and 'RTP/SAVP' in ack.sdp('m')[0], ack.body)
    t.claim('media intact', claims.media_intact(paths['phone-a'], paths['phone-b'], s.a.inside,
                                                s.b.inside))
    back = rtp.sent(paths['phone-a'], source=s.a.inside)
    t.claim('and back', len(back) > 100, str(len(back)))
    t.claim('nothing in clear', claims.media_sealed(paths['wire'], paths['phone-a']))
