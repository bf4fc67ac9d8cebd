"""IPv4 phones, IPv6 between the gateways; one of them is seen with another address"""
from lib import claims, sip, stage

PUBLIC = '2001:db8::1'


def setup(t):
    lab = t.open()
    lab.net.nat_gate('a', PUBLIC)
    t.stage = stage.Stage(lab, seconds=20, outside_six=True, public_a=PUBLIC)


def check(t):
    s = t.stage
    s.talk(s.alice, s.bob, stage.BOB)
    paths = s.recorded()
    t.claim('media intact and sealed', '; '.join(s.check_media(paths)))
    t.claim('SDP on the wire is sealed', claims.sdp_sealed(paths['wire']))
    ours = [m for m in sip.messages(paths['wire']) if m.source == s.a.outside]
    invite = next(m for m in ours if m.start.startswith('INVITE'))
    t.claim('Contact and SDP are public', f'sip:[{PUBLIC}]' in invite.header('Contact') and
            f'c=IN IP6 {PUBLIC}' in invite.body, invite.header('Contact'))
    leaks = [m for m in ours if s.a.outside in f'{m.start}{m.headers}{m.body}']
    t.claim('our own address stays at home', not leaks, str(leaks[:2]))
