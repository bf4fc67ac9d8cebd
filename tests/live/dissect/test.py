"""tshark dissects our MIKEY offer and answer and finds what RFC 3830 says"""
from lib import claims, stage
from lib.capture import tshark


def setup(t):
    t.stage = stage.Stage(t.open(), suites=['AES_CM_128_HMAC_SHA1_80'])


def check(t):
    s = t.stage
    s.talk(s.alice, s.bob, stage.BOB, seconds=1)
    wire = s.recorded()['wire']
    t.claim('nothing malformed', claims.mikey_dissects(wire))
    rows = tshark(wire, 'sip && sdp.key_mgmt', 'sip.Method', 'mikey.type', 'mikey.v.set',
                  'mikey.cs_count', 'mikey.csb_id', 'mikey.kemac.mac_alg',
                  'mikey.kemac.encr_alg', 'mikey.srtp_id.ssrc', 'mikey.v.auth_alg')
    offer = [r for r in rows if r[0] == 'INVITE'][0]
    answer = [r for r in rows if r[0] != 'INVITE'][0]
    t.claim('the offer is a pre-shared key message (type 0)', offer[1] == '0', str(offer))
    t.claim('the answer is its verification message (type 1)', answer[1] == '1', str(answer))
    t.claim('the offer asks for the verification message', offer[2] in ('1', 'True'), offer[2])
    t.claim('two crypto sessions for one line', offer[3] == '2', offer[3])
    t.claim('one CSB ID in both', offer[4] == answer[4] != '', f'{offer[4]} {answer[4]}')
    t.claim('the KEMAC is authenticated by HMAC-SHA-1-160', offer[5] == '1', offer[5])
    t.claim('and encrypted by AES-CM-128', offer[6] == '1', offer[6])
    ssrcs = [int(x, 0) for x in offer[7].split(',')]
    t.claim('the offerer names the SSRC it sends and leaves the other 0',
            ssrcs[0] != 0 and ssrcs[1] == 0, offer[7])
    t.claim('the answer carries V with a MAC', answer[8] == '1', answer[8])
