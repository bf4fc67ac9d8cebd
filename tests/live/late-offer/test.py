"""An INVITE without SDP: the called side offers in its 200, the caller answers in ACK

Once with SDP as it is, once with SDP and headers sealed by S/MIME.
"""
from lib import certs, claims, rtp, sip, stage
from lib.lab import wait_for
from lib.sipp import Sipp, scenario


def setup(t):
    lab = t.open()
    issuer = certs.Issuer(lab)
    for site in 'ab':
        issuer.issue(site, f'URI:sip:{site}.example')
    t.stage = stage.Stage(lab, phones='', late='allow', extra_a=issuer.config('a'),
                          extra_b=issuer.config('b'))


def call(t):
    """One late call; what passed the wire: INVITE, 200, ACK."""
    s = t.stage
    s.record()
    callee = Sipp(t.lab, 'b', scenario('uas'), '-rtp_echo', '-m', '1', '-mp', '6000')
    caller = Sipp(t.lab, 'a', t.file('uac.xml'), '-s', 'bob', '-m', '1', '-d', '4000')
    wait_for('the call', lambda: s.a.calls() and s.b.calls() and all(
        c['state'] == 'up' for c in s.a.calls() + s.b.calls()))
    t.claim('sealed at both', s.verdicts() == ['sealed', 'sealed'])
    t.reasons = [c['reason'] for c in s.a.calls() + s.b.calls()]
    caller.finish(20)
    callee.finish(10)
    paths = s.recorded()
    wire = sip.messages(paths['wire'])
    t.claim('media intact', claims.media_intact(paths['phone-a'], paths['phone-b'], s.a.inside,
                                                s.b.inside))
    back = rtp.sent(paths['phone-a'], source=s.a.inside)
    t.claim('and back', len(back) > 100, str(len(back)))
    t.claim('nothing in clear', claims.media_sealed(paths['wire'], paths['phone-a']))
    return (next(m for m in wire if m.start.startswith('INVITE')),
            next(m for m in wire if m.status == 200 and m.method == 'INVITE'),
            next(m for m in wire if m.start.startswith('ACK')))


def check(t):
    invite, ok, ack = call(t)
    t.claim('the INVITE has no body', invite.body == '')
    t.claim('the 200 offers with MIKEY', ok.mikey() and 'RTP/SAVP' in ok.sdp('m')[0], ok.body)
    t.claim('the ACK answers with MIKEY', ack.mikey() and 'RTP/SAVP' in ack.sdp('m')[0], ack.body)
    for gate in (t.stage.a, t.stage.b):
        gate.body = 'sign-encrypt'
        before = gate.log().count('is in force')
        gate.reload()
        wait_for('the reload', lambda: gate.log().count('is in force') > before, 5)
    for m in call(t):
        t.claim(f'{m.start}: sealed', 'pkcs7-mime' in m.header('Content-Type') and
                b'm=audio' not in m.raw)
    t.claim('both signed SDP', all('both sides signed SDP' in r for r in t.reasons),
            str(t.reasons))
