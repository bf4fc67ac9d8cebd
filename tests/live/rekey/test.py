"""New keys in running calls, by command and by interval, from both sides: nothing is lost

By pre-shared key (where the offer fixes the keys) and by Diffie-Hellman under it (where
the answer does), while both phones speak. Every packet that a phone sends is looked for
at the other; none may miss but at the very ends of the call. The phones hear of nothing.
On the wire the keys are told apart by their MKI, and no index comes twice. Offers of
both sides that cross are tried again.
"""
import json
import threading
import time

from lib import claims, rtp, sip, stage

TAG = 16   # AEAD_AES_128_GCM
MKI = 2
PLAIN = 12 + 160  # PCMU, 20 ms


def setup(t):
    t.stage = stage.Stage(t.open(), seconds=60, suites=['AEAD_AES_128_GCM'])


def configured(t, keying, rekey):
    """Both gateways are told so, by a reload."""
    s = t.stage
    for gate in (s.a, s.b):
        gate.keying, gate.rekey = keying, rekey
        gate.reload()
    time.sleep(1.5)


def rekey_by_hand(t, rounds):
    s = t.stage
    for n in range(rounds):
        for gate in (s.a, s.b):
            time.sleep(0.7)
            call = gate.calls()[0]['id']
            told = gate.tell('rekey', call)
            t.claim('callsealctl rekey says what came of it', 'has new keys' in told, told.strip())
    time.sleep(0.7)
    seen = [gate.call(gate.calls()[0]['id']) for gate in (s.a, s.b)]
    t.claim('both count the changes', [c['rekeys'] for c in seen] == [2 * rounds] * 2)
    t.claim('both are sealed', [c['verdict'] for c in seen] == ['sealed', 'sealed'])
    for c in seen:
        dropped = {k: v for f in ('inside', 'outside') for k, v in c['streams'][0][f].items()
                   if k in ('dropped_auth', 'dropped_replay', 'dropped_index') and v}
        t.claim('no packet came under a key that the relay has not', not dropped, str(dropped))
    return seen


def requests(path, *methods):
    """The different requests of those methods (one that is repeated counts once)."""
    return {f"{m.source} {m.header('CSeq')}" for m in sip.messages(path)
            if m.start.split()[0] in methods}


def check_media(t, paths):
    s = t.stage
    t.claim('every packet arrived, in order, byte for byte', '; '.join(s.check_media(paths)))
    t.claim('SDP on the wire is sealed', claims.sdp_sealed(paths['wire']))


def check_keys(t, paths, changes):
    """Each direction has its packets under the first key, without MKI, then under
    each of the others in turn."""
    s = t.stage
    for gate in (s.gate_a, s.gate_b):
        sealed = [p.raw for p in rtp.sent(paths['wire'], source=gate)]
        lengths = {len(raw) for raw in sealed}
        t.claim('an MKI of 2 bytes, but for the first key',
                lengths == {PLAIN + TAG, PLAIN + TAG + MKI}, str(lengths))
        order = [int.from_bytes(raw[-MKI:], 'big') if len(raw) == PLAIN + TAG + MKI else 1
                 for raw in sealed]
        t.claim('the keys came one after the other', order == sorted(order) and
                set(order) == set(range(1, changes + 2)), str(sorted(set(order))))


def check_signalling(t, paths, changes):
    for link in ('phone-a', 'phone-b'):
        seen = requests(paths[link], 'INVITE', 'UPDATE')
        t.claim(f'{link} saw one INVITE and no UPDATE', len(seen) == 1, str(seen))
    seen = requests(paths['wire'], 'INVITE', 'UPDATE')
    t.claim('the wire saw an offer for each change', len(seen) == changes + 1, str(len(seen)))
    messages = []
    for m in sip.messages(paths['wire']):
        messages += [raw for _, raw in m.mikey() if raw not in messages]
    bundles = {raw[4:8] for raw in messages}
    t.claim('all are of one bundle', len(bundles) == 1, f'{len(messages)} messages')


def by_hand(t, caller, callee, uri, method):
    s = t.stage
    s.record()
    seen = []
    s.talk(caller, callee, uri, seconds=8, during=lambda: seen.extend(rekey_by_hand(t, 3)))
    t.claim(f'by {method}', [c['method'] for c in seen] == [method] * 2)
    paths = s.recorded()
    check_media(t, paths)
    t.claim('tshark reads it', claims.mikey_dissects(paths['wire']))
    check_keys(t, paths, 6)
    check_signalling(t, paths, 6)


def crossing(t):
    """Both sides at the same moment: one or both hear 491, wait, and try again."""
    s = t.stage
    s.record()
    told = []

    def ask(gate):
        told.append(gate.ask('rekey', gate.calls()[0]['id']))

    def during():
        for _ in range(3):
            asks = [threading.Thread(target=ask, args=(gate,)) for gate in (s.a, s.b)]
            for one in asks:
                one.start()
            for one in asks:
                one.join()
    s.talk(s.alice, s.bob, stage.BOB, seconds=2, during=during)
    t.claim('both sides have new keys each time', [status for status, _ in told] == [0] * 6,
            str(told))
    paths = s.recorded()
    pending = {f"{m.source} {m.header('CSeq')}" for m in sip.messages(paths['wire'])
               if m.status == 491}
    print(len(pending), 'offers crossed')
    check_media(t, paths)


def by_interval(t):
    s = t.stage
    s.record()
    seen = []

    def during():
        time.sleep(9)
        seen.extend(gate.call(gate.calls()[0]['id']) for gate in (s.a, s.b))
    s.talk(s.bob, s.alice, stage.ALICE, seconds=9.5, during=during)
    changes = seen[0]['rekeys']
    t.claim('keys changed by themselves', changes >= 3 and changes == seen[1]['rekeys'],
            f'{changes} times in 9 s')
    t.claim('and it is told when', all(c['last_rekey'] > c['up'] for c in seen))
    check_media(t, s.recorded())


def check(t):
    s = t.stage
    by_hand(t, s.alice, s.bob, stage.BOB, 'mikey-psk')
    crossing(t)
    configured(t, ['mikey-dhhmac'], 0)
    by_hand(t, s.bob, s.alice, stage.ALICE, 'mikey-dhhmac')
    for gate in (s.a, s.b):
        gate.level = 'media'
    configured(t, ['mikey-psk'], 2)
    by_interval(t)
    status, text = s.a.ask('rekey', '1')
    t.claim('no call, no keys', status == 1 and 'no such call' in text, text.strip())
    counts = [gate.status()['count'] for gate in (s.a, s.b)]
    t.claim('nothing failed', all(c['rekeyed'] >= 15 and not c['rekey_failed'] for c in counts),
            json.dumps([c['rekeyed'] for c in counts]))
    for gate in (s.a, s.b):
        t.claim('no call is left', gate.calls() == [])
