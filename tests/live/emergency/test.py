"""Emergency calls go out, whatever is required and however many calls there are

Every peer's profile requires sealing. A phone (sipp) calls urn:service:sos.fire, which
goes to the configured route, a sipp that knows no keys; then no call but another
emergency is let in. Verdicts and log say so. That who can seal does, is for
tests/unit/test_emergency.c.
"""
import json

from lib import sip, stage
from lib.lab import wait_for
from lib.sipp import Sipp, scenario

PSAP = '10.99.1.254'  # net-a: next to the gateway, with no gateway of its own


def setup(t):
    lab = t.open()
    t.stage = stage.Stage(lab, phones='', extra_a=f'''
emergency = {{ route = "sip:{PSAP}:5060"; }};
limits = {{ calls = 1; }};''')
    lab.start('psap', 'net', ['sipp', '-sf', scenario('uas'), '-i', PSAP, '-p', '5060',
                              '-rtp_echo', '-mi', PSAP, '-mp', '7000', '-nostdin'],
              cwd=lab.folder('psap'), env={'TERM': 'dumb'})
    t.lab = lab


def call(t, name, talk=4000, file=None, port=5060, media=10000):
    return Sipp(t.lab, 'a', file or scenario('uac'), '-s', name, '-m', '1', '-d', str(talk),
                '-mp', str(media), port=port)


def up(gate, verdict, n=1):
    return [c for c in gate.calls() if c.get('verdict') == verdict][n - 1:]


def check(t):
    s, sos = t.stage, t.file('sos.xml')
    one = call(t, '-', file=sos)
    found = wait_for('the call for help', lambda: up(s.a, 'plain'))[0]
    t.claim('it is plain, and says why', 'emergency' in found['reason'], found['reason'])
    t.claim('the INVITE keeps its service', found['callee'] == 'urn:service:sos.fire')
    traced = json.loads(s.a.tell('trace', found['id'], '--json'))
    t.claim('it can be traced', traced['origin']['source'] == f'{one.address}:5060' and
            'From: <sip:alice@a.example>' in '\n'.join(traced['origin']['headers']),
            str(traced['origin']))
    two = call(t, '-', file=sos, port=5070, media=11000)
    wait_for('another one beyond limits.calls', lambda: up(s.a, 'plain', 2))
    other = call(t, 'bob', port=5080, media=12000)
    t.claim('which holds for others', other.process.wait(20) != 0 and
            ' 503 ' in other.messages())
    refused = s.a.ended()[0]
    traced = json.loads(s.a.tell('trace', refused['id'], '--json'))
    t.claim('who can be traced, too', (traced['state'], traced['status']) == ('refused', 503) and
            traced['origin']['source'] == f'{other.address}:5080' and
            'To: <sip:bob@b.example>' in '\n'.join(traced['origin']['headers']), str(traced))
    one.finish()
    two.finish()
    t.claim('all is over', s.a.gone())
    said = s.a.tell('trace', found['id'])
    t.claim('traced when it is over', f'{one.address}:5060' in said and
            '  INVITE urn:service:sos.fire SIP/2.0' in said.splitlines(), said)
    t.claim('the log has it', s.a.log().count('audit: traced by the operator') == 3)
    for line in ('engine: call', 'relay: call'):
        t.claim(f'the {line.split(":")[0]} told the log',
                any('audit: ' in x and 'emergency call' in x for x in s.a.log().splitlines()))
    paths = s.recorded()
    sent = [m for m in sip.messages(paths['wire']) if m.method == 'INVITE' and not m.status and
            'urn:service:sos.fire' in m.start]
    t.claim('on the wire as it was called', len(sent) >= 2, str(len(sent)))
    t.claim('counted', s.a.status()['guard']['emergency'] == 2, str(s.a.status()['guard']))
