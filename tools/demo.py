#!/usr/bin/env python3
"""tools/demo.py - what tools/demo shows once all is built; see there.

Two sites and a net between them, in network namespaces: a call with the right
keys, one with a wrong key, and each claim about them checked on captures.
"""
import argparse
import base64
import contextlib
import os
import signal
import sys
import textwrap
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(HERE, '..', 'tests', 'live'))
from lib import claims, lab, net, rtp, sip, speech, stage  # noqa: E402
from lib.lab import Failure  # noqa: E402

TALK = 8  # seconds of the first call
KEY_A = '8f1d2c3b4a5968778695a4b3c2d1e0f0a1b2c3d4e5f60718293a4b5c6d7e8f90'
WRONG = '00000000000000000000000000000000000000000000000000000000000000ff'
BOB = stage.BOB


class Screen:
    """What is shown. Colour only on a terminal."""

    def __init__(self, colour):
        self.colour = colour
        self.checked, self.false = 0, 0

    def paint(self, code, text):
        return f'\033[{code}m{text}\033[0m' if self.colour else text

    def title(self, text):
        print('\n' + self.paint('1;36', f'== {text} '.ljust(78, '=')), flush=True)

    def say(self, text):
        print(textwrap.fill(text, 78), flush=True)

    def block(self, text, mark=None):
        """Indented; mark(line) says which lines to stress."""
        for line in text.rstrip().splitlines():
            shown = self.paint('33', line) if mark and mark(line) else line
            print(f'    {shown}')
        sys.stdout.flush()

    def claim(self, what, check):
        """check() returns facts, or raises Failure."""
        self.checked += 1
        try:
            facts, word = check(), self.paint('32', 'true ')
        except Failure as e:
            self.false += 1
            facts, word = str(e), self.paint('1;31', 'FALSE')
        print(textwrap.fill(f'{what}.', 70, initial_indent=f'  {word} ',
                            subsequent_indent=' ' * 8))
        if facts:
            print(textwrap.fill(f'({facts})', 78, initial_indent=' ' * 8,
                                subsequent_indent=' ' * 8))
        sys.stdout.flush()


def invite(path, gate, sealed):
    """The first INVITE to (a phone's) or from (the sealed) gate."""
    for message in sip.messages(path):
        if message.method == 'INVITE' and not message.status and (
                (message.source if sealed else message.dest) == gate):
            return message
    raise Failure(f'no INVITE in {path}')


def shortened(message):
    """The message as text, its long key line folded."""
    lines = message.raw.decode('utf-8', 'replace').replace('\r\n', '\n').splitlines()
    out = []
    for line in lines:
        out += textwrap.wrap(line, 74, subsequent_indent='        ', break_on_hyphens=False) or ['']
    return '\n'.join(out)


def dump(data, start=0):
    """Lines of 16 bytes in hex."""
    return [f'{start + i:04x}  {data[i:i + 16].hex(" ")}' for i in range(0, len(data), 16)]


class Demo:
    def __init__(self, screen, build):
        self.screen, self.build = screen, build
        self.lab = self.stage = None

    def open(self):
        why = net.possible()
        kind = net.Loopback if why else net.Net
        if why:
            self.screen.say(f'({why}; so everything runs on loopback addresses.)')
        self.lab = lab.Lab('ab', lab.programs(self.build), net=kind)
        self.screen.title('The stage')
        where = ('Each has an address of its own on loopback.' if why else
                 'Each is a host of its own (a network namespace); only the net forwards packets.')
        self.show_stage()
        self.screen.say(f'{where} The phones are baresip; they know nothing of any of this. The '
                        f'gateways run as the user "{lab.USER}", each with its own '
                        'configuration and state. They share one secret key.')
        self.stage = self.make_stage()
        for gate in (self.stage.a, self.stage.b):
            print(f'    {gate.host}: {gate.path}')

    def show_stage(self):
        self.screen.block('''\
 alice                                                        bob
phone-a ---- gate-a ======== an untrusted net ======== gate-b ---- phone-b
      plain SIP, RTP        sealed SIP, SRTP        plain SIP, RTP''')

    def make_stage(self):
        return stage.Stage(self.lab, psk_a=KEY_A)

    def first_call(self):
        s = self.stage
        self.screen.title('Alice calls Bob')
        self.screen.say(f'Alice dials {BOB}. Her phone speaks a text for {TALK} seconds; '
                        'three captures run: at her phone, on the net, at his phone.')
        shown = {}

        def look():
            time.sleep(1)
            for gate in (s.a, s.b):
                shown[gate.host] = gate.tell('calls')
        s.talk(s.alice, s.bob, BOB, seconds=TALK, during=lambda: (look(), self._verdicts()))
        paths = s.recorded()
        self._show_invites(paths)
        self._show_media(paths)
        self.screen.title('What the gateways say of the call')
        for host, text in shown.items():
            print(f'  {host}$ callsealctl calls')
            self.screen.block(text)
        self._claims(paths)

    def _verdicts(self):
        self.words = self.stage.verdicts()

    def _show_invites(self, paths):
        s, screen = self.stage, self.screen
        plain = invite(paths['phone-a'], s.a.inside, False)
        sealed = invite(paths['wire'], s.a.outside, True)
        screen.title('The INVITE as Alice\'s phone sent it')
        screen.block(shortened(plain))
        screen.title('The same INVITE on the net')
        screen.say('The key exchange is in a=key-mgmt, and m= demands SRTP. Of Alice\'s '
                   'phone no address is left.')
        screen.block(shortened(sealed), lambda line: line.startswith(('a=key-mgmt', 'm=', '    ')))
        screen.title('Its MIKEY message in words')
        _, mikey = sealed.mikey()[0]
        screen.block(s.a.tell('mikey', 'decode', base64.b64encode(mikey).decode()))

    def _show_media(self, paths):
        s, screen = self.stage, self.screen
        plain = rtp.sent(paths['phone-a'], dest=s.a.inside)
        sealed = rtp.sent(paths['wire'], source=s.a.outside)
        n = next((i for i, p in enumerate(plain) if len(set(p.payload)) > 60), 0)
        if n >= len(sealed):
            raise Failure('too few sealed packets on the net')
        screen.title('One packet of Alice\'s voice, inside and outside')
        screen.say('Left: 12 bytes of RTP header and the voice. Right: the gateway\'s own '
                   'header, the voice encrypted, and the tag that proves it at the end.')
        left, right = dump(plain[n].raw), dump(sealed[n].raw)
        left += [''] * (len(right) - len(left))
        for one, other in zip(left[:5] + left[-1:], right[:5] + right[-1:]):
            print(f'{one[:53]:53} | {other[6:]}')
        print(f'{f"{len(plain[n].raw)} bytes":53} | {len(sealed[n].raw)} bytes')

    def _claims(self, paths):
        s, claim = self.stage, self.screen.claim
        a, b, wire = paths['phone-a'], paths['phone-b'], paths['wire']
        lan_a, lan_b = s.a.inside, s.b.inside
        self.screen.title('What is claimed, and checked on the captures')
        claim('Both gateways call the call sealed', lambda: self._sealed_words())
        claim('What Alice said reached Bob byte for byte: the RTP payloads that entered '
              'gate-a are, in order, those that left gate-b',
              lambda: claims.media_intact(a, b, lan_a, lan_b))
        claim('What Bob said reached Alice byte for byte',
              lambda: claims.media_intact(b, a, lan_b, lan_a))
        claim('None of Alice\'s or Bob\'s payloads is on the net in clear',
              lambda: claims.media_sealed(wire, a) + '; ' + claims.media_sealed(wire, b))
        claim('No SRTP index was used twice', lambda: claims.index_unique(wire, s.a.outside))
        claim('Every media description on the net demands SRTP and has a MIKEY message',
              lambda: claims.sdp_sealed(wire))
        claim('tshark dissects the MIKEY messages, nothing malformed',
              lambda: claims.mikey_dissects(wire))
        claim('No address of a phone\'s net is in a SIP message on the net',
              lambda: claims.hidden(wire, [s.alice.address, s.bob.address, lan_a, lan_b]))
        claim('Bob\'s phone recorded Alice\'s speech', lambda: self._heard(s.bob))
        claim('Alice\'s phone recorded Bob\'s speech', lambda: self._heard(s.alice))

    def _sealed_words(self):
        if self.words != ['sealed', 'sealed']:
            raise Failure(f'gate-a: {self.words[0]}, gate-b: {self.words[1]}')
        return 'callsealctl calls --json at both'

    def _heard(self, phone):
        _, heard = speech.read(phone.heard())
        _, said = speech.read(self.stage.speech)
        alike = speech.likeness(heard, said)
        claims.need(alike > 0.9, f'the recording correlates with the speech by {alike:.2f} only')
        return f'{len(heard) / speech.RATE:.1f} s, correlation with what was said {alike:.4f}'

    def wrong_key(self):
        s, screen = self.stage, self.screen
        screen.title('The same call, but gate-b has a wrong key')
        s.b.stop()
        s.b.peers[0].psk = WRONG
        s.b.start()
        s.record()
        s.alice.forget()
        s.bob.forget()
        began = time.monotonic()
        s.alice.dial(BOB)
        closed = s.alice.wait_event('CALL_CLOSED', 30)
        seconds = time.monotonic() - began
        time.sleep(1)  # time enough for media that must not come
        paths = s.recorded()
        screen.say(f'Alice\'s phone shows: {closed["param"]}')
        for gate in (s.a, s.b):
            print(f'  {gate.host}$ callsealctl calls --ended')
            screen.block('\n'.join(gate.tell('calls', '--ended').splitlines()[:4]))
        screen.title('What is claimed of it, and checked')
        self._claims_refused(paths, seconds)

    def _claims_refused(self, paths, seconds):
        s, claim = self.stage, self.screen.claim
        claim('Alice\'s phone got an error at once', lambda: self._status(paths, seconds))
        claim('No media crossed any link', lambda: claims.media_absent(*paths.values()))
        claim('Bob\'s phone did not even ring', lambda: self._not_rung())
        claim('The reason is readable at gate-b', lambda: self._reason(s.b))
        claim('The reason is readable at gate-a', lambda: self._reason(s.a))

    def _status(self, paths, seconds):
        finals = [m for m in sip.messages(paths['phone-a'])
                  if m.status >= 200 and m.method == 'INVITE']
        claims.need(finals and finals[0].status >= 400, f'no error in {finals}')
        claims.need(seconds < 3, f'it took {seconds:.1f} s')
        warning = finals[0].header('Warning')
        return f'{finals[0].start[8:]}, after {seconds:.2f} s' + (
            f', Warning: {warning}' if warning else '')

    def _not_rung(self):
        claims.need(not self.stage.bob.rang(), 'it did')
        return ''

    def _reason(self, gate):
        ended = gate.ended()
        claims.need(ended, 'callsealctl shows no ended call')
        claims.need(ended[0].get('trouble'), f'no reason in {ended[0]}')
        return ended[0]['trouble']

    def right_key(self):
        """After the wrong key: so that calls can be placed again."""
        self.stage.b.stop()
        self.stage.b.peers[0].psk = KEY_A
        self.stage.b.start()


def keep_running(demo):
    """Says how to go on, and waits for Ctrl-C."""
    s, lab_ = demo.stage, demo.lab
    demo.right_key()

    def inside(host, *argv):
        return ' '.join(lab_.net.command(host, *argv))
    phone = ("python3 -c \"import socket,sys; t=sys.argv[1]; socket.create_connection"
             f"(('{s.alice.address}', 4444)).sendall(f'{{len(t)}}:{{t}},'.encode())\"")
    demo.screen.title('All is left running')
    print(f'''
Call and hang up as Alice (as root):
  {inside('phone-a')} {phone} '{{"command":"dial","params":"{BOB}"}}'
  {inside('phone-a')} {phone} '{{"command":"hangup"}}'
Look into a gateway:
  {lab_.bin}/callsealctl --run-dir {s.a.run_dir} calls
  {lab_.bin}/callsealctl --run-dir {s.b.run_dir} status
Listen on the net:
  {inside('net', 'tshark', *lab_.net.capture_options('wire')[1])}
Configurations, logs and the captures so far: {lab_.dir}
Stop: Ctrl-C here, or kill {os.getpid()}
''', flush=True)
    while True:
        signal.pause()


def finish(screen):
    screen.title('In short')
    if screen.false:
        print(screen.paint('1;31', f'{screen.checked} claims checked, {screen.false} FALSE'))
        return 1
    print(screen.paint('1;32', f'{screen.checked} claims checked, all true'))
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--build', required=True)
    parser.add_argument('--batch', action='store_true')
    parser.add_argument('--keep', action='store_true')
    parser.add_argument('--tunnel', action='store_true')
    arguments = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    screen = Screen(sys.stdout.isatty() and not arguments.batch)
    kind = Demo
    if arguments.tunnel:
        from demo_tunnel import TunnelDemo as kind  # it builds on this file
    demo, status = kind(screen, arguments.build), 1
    try:
        demo.open()
        demo.first_call()
        demo.wrong_key()
        status = finish(screen)
        if arguments.keep:
            keep_running(demo)
    except Failure as e:
        print(f'\ndemo: {e}', file=sys.stderr)
    except KeyboardInterrupt:
        print()
        status = status if arguments.keep else 130
    finally:
        if demo.lab:
            demo.lab.keep = status == 1
            with contextlib.suppress(KeyboardInterrupt):
                demo.lab.close()
            if demo.lab.keep:
                print(f'demo: its logs and captures: {demo.lab.dir}', file=sys.stderr)
    return status


if __name__ == '__main__':
    sys.modules['demo'] = sys.modules['__main__']  # for demo_tunnel
    sys.exit(main())
