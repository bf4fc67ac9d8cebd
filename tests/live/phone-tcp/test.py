"""The phones speak TCP to their gateways, the gateways TCP to each other"""
from lib import claims, sip, stage


def setup(t):
    t.stage = stage.Stage(t.open(), transport='tcp', route_a='sip:10.99.2.1:5060;transport=tcp',
                          route_b='sip:10.99.1.1:5060;transport=tcp')


def check(t):
    s = t.stage
    seen = []
    s.talk(s.alice, s.bob, stage.BOB, during=lambda: seen.extend(s.verdicts()))
    t.claim('sealed at both', seen == ['sealed', 'sealed'], str(seen))
    paths = s.recorded()
    t.claim('media intact and sealed', '; '.join(s.check_media(paths)))
    for name in ('phone-a', 'wire'):
        transports = {m.transport for m in sip.messages(paths[name])}
        t.claim(f'all SIP at {name} went by TCP', transports == {'tcp'}, str(transports))
    t.claim('SDP on the wire is sealed', claims.sdp_sealed(paths['wire']))
