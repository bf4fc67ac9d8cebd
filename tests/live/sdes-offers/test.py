"""Odd SDES offers: a known slide deck's, dual AVP and SAVP lines, several suites

Answered by what is good in them: one a=crypto with the tag that was chosen, port
0 for the line that has none. A dual offer reaches the phone as one line.
"""
import re

from lib import sip, trunk
from lib.stage import ALICE, BOB
from lib.ua import Agent

SAVP = 'RTP/SAVP'
CM = 'AES_CM_128_HMAC_SHA1_'
KEYS = ('PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR', 'd0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj')
DECK = [f'a=crypto:1 {CM}80 inline:{KEYS[0]}|2^20|1:4',
        f'a=crypto:2 {CM}32 inline:{KEYS[1]}AAECAwQ|2^20|1:4',  # 47 characters
        'm=audio 30000 RTP/SAVP 8', 'a=rtpmap:8 PCMA/8000']  # and no a=crypto
DUAL = [f'a=crypto:1 {CM}80 inline:{KEYS[0]}', 'm=audio 30000 RTP/AVP 0', 'a=rtpmap:0 PCMU/8000']
BAD = [f'a=crypto:1 {CM}80 inline:{KEYS[0][:-1]}', f'a=crypto:2 {CM}80', 'a=crypto:3 X inline:AAAA',
       f'a=crypto:4 {CM}80 inline:{KEYS[0]} UNENCRYPTED_SRTP', 'a=crypto:5 x']
GOOD = f'a=crypto:6 {CM}80 inline:{KEYS[1]} KDR=4 WSH=128 -new=1 FEC_ORDER=FEC_SRTP'


def setup(t):
    t.scene = trunk.Scene(t.open(), tls=False, trunk=False, sdes='any',
                          suites=['AEAD_AES_128_GCM', CM + '32', CM + '80'])
    t.trunk = Agent(t.lab, 'gate-b', t.lab.net.address('gate-b'), BOB, (t.scene.gate.outside, 5060))


def check(t):
    s = t.scene
    for what, lines, tag, ports in (('a slide deck', DECK, 1, 2), ('a dual offer', DUAL, 1, 2),
                                    ('the sixth is good', [*BAD, GOOD], 6, 1)):
        s.alice.forget()
        dialog, answer = t.trunk.call(ALICE, t.trunk.offer(SAVP, lines))
        media = answer.sdp('m')
        crypto = [a for a in answer.sdp('a') if a.startswith('crypto:')]
        t.claim(f'{what}: one a=crypto, tag {tag}', len(crypto) == 1 and re.match(
            rf'crypto:{tag} {CM}80 inline:[A-Za-z0-9+/]{{40}}(\|1:4)?$', crypto[0]), crypto[0])
        t.claim('and our key is another', not any(k in crypto[0] for k in KEYS))
        t.claim('the first line lives', media[0].split()[2] == SAVP and media[0].split()[1] != '0')
        t.claim('the others are rejected', len(media) == ports and
                all(m.split()[1] == '0' for m in media[1:]), str(media))
        s.alice.wait_event('CALL_ESTABLISHED')
        t.trunk.bye(dialog)
        t.claim('the gateway is done', s.gate.gone())
    final = t.trunk.final(t.trunk.request('INVITE', ALICE, t.trunk.offer(SAVP, BAD)))
    t.claim('no good one: refused', final.status in (400, 488), final.start)
    seen = [m.sdp('m') for m in sip.messages(s.recorded()['phone-a'])
            if m.method == 'INVITE' and not m.status]
    t.claim('the phone got three calls', len(seen) == 3, str(seen))
    t.claim('of the dual offer one line', len(seen[1]) == 1 and 'RTP/AVP 0' in seen[1][0])
