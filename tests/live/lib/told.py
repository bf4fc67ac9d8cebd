"""Two gateways with media = "ike" that tell of IKE in SDP (ike_sdp, RFC 6193), by
certificates of their own, and an agent of ours at each one's phones."""
import hashlib
import json
import ssl

from . import certs, charon, stage
from .charon import Shell
from .ua import Agent

SEND, REQUIRE, NONE = (f'ike_sdp = "{word}";' for word in ('send', 'require', 'none'))
KEY = 'sixteen octets..'  # as Ike() has it


def setup(t, ike, **more):
    """c is another certificate that names b. Calls are by pre-shared key before both()."""
    lab = t.open()
    t.charon, settings = charon.pair(lab)
    t.made = f'{lab.dir}/certs-own'
    for site, host in (('a', 'a'), ('b', 'b'), ('c', 'b')):
        certs.own(lab, site, f'DNS:{host}.example', 'P-256')
    for site in 'ab':
        shell = Shell(lab, t.build, t.charon[site].path)
        shell.wait('up ')
        shell.good(f'key {t.made}/{site}.key')
    t.stage = stage.Stage(lab, ike=ike, phones='', psk_a=KEY.encode().hex(), **settings, **more)
    for site, gate, user in (('a', t.stage.a, 'alice'), ('b', t.stage.b, 'bob')):
        at = lab.net.address(f'phone-{site}')
        setattr(t, user, Agent(lab, f'phone-{site}', at, f'sip:{user}@{site}.example',
                               (gate.inside, 5060), 5060))


def print_of(t, site, name='sha256'):
    """By Python's reading of the certificate."""
    with open(f'{t.made}/{site}.pem', encoding='ascii') as f:
        der = ssl.PEM_cert_to_DER_cert(f.read())
    digest = hashlib.new(name, der).hexdigest().upper()
    return ':'.join(digest[i:i + 2] for i in range(0, len(digest), 2))


def both(t, pin_a='b', word_a=REQUIRE, word_b=REQUIRE):
    s = t.stage
    charon.prove(s.a, t.made, 'a', pin_a, ike_more=word_a)
    charon.prove(s.b, t.made, 'b', 'a', ike_more=word_b)


def refused(t, caller, callee, uri, gate, why, rings, status=0):
    """Who finds out says why; nothing is raised."""
    before = len(gate.log())
    dialog = caller.request('INVITE', uri, caller.offer())
    invite = callee.wait(lambda m: m.start.startswith('INVITE'), 5 if rings else 0.5)
    t.claim('it rings' if rings else 'nobody\'s phone rings', bool(invite) == rings)
    if invite:
        callee.answer(invite, 200, 'OK', 'callee', callee.offer())
    final = caller.final(dialog)
    if invite:
        bye = callee.wait(lambda m: m.start.startswith('BYE'))
        t.claim('who answered hears of the end', bye)
        callee.answer(bye, 200, 'OK')
    t.claim('the call is refused', final.status == status if status else final.status >= 400,
            final.start)
    gate.gone()
    ended = gate.ended()[0]
    t.claim('and why', why in json.dumps(ended) and why in gate.log()[before:],
            json.dumps(ended))
