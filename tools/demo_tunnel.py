"""tools/demo_tunnel.py - the part of tools/demo --tunnel that differs: the same two
sites, and the call's media in ESP tunnels that MIKEY keys, on a kernel that has it.
"""
import subprocess

from demo import BOB, KEY_A, TALK, Demo, invite, shortened
from lib import claims, stage

PORTS = range(40000, 41000)  # tunnel.ports


class TunnelDemo(Demo):
    def show_stage(self):
        self.screen.block('''\
 alice                                                        bob
phone-a ---- gate-a ======== an untrusted net ======== gate-b ---- phone-b
      plain SIP, RTP      SIP, and ESP per call       plain SIP, RTP''')
        self.screen.say('It all runs on a kernel with IPsec (user-mode-linux). The profile of '
                        'both gateways says media = "esp": each call raises tunnels of its '
                        'own, and its end removes them.')

    def make_stage(self):
        return stage.Stage(self.lab, psk_a=KEY_A, sealed='media = "esp";',
                           capability='net_admin')

    def ip(self, gate, *words):
        return subprocess.run(self.lab.net.command(gate.host, 'ip', *words),
                              capture_output=True, text=True, check=True).stdout

    def look(self):
        """While the call is up."""
        s = self.stage
        self.words = s.verdicts()
        self.shown = {gate.host: gate.tell('calls') for gate in (s.a, s.b)}
        self.sas = s.a.tell('sas')
        self.kernel = self.ip(s.a, 'xfrm', 'state')

    def first_call(self):
        s = self.stage
        self.screen.title('Alice calls Bob')
        self.screen.say(f'Alice dials {BOB}. Her phone speaks a text for {TALK} seconds; '
                        'three captures run: at her phone, on the net, at his phone.')
        s.talk(s.alice, s.bob, BOB, seconds=TALK, during=self.look)
        paths = s.recorded()
        self.screen.title('The INVITE on the net')
        self.screen.say('The key exchange stands beside the description, which is an ordinary '
                        'one: the tunnel is below it.')
        self.screen.block(shortened(invite(paths['wire'], s.a.outside, True)),
                          lambda line: line.startswith(('Content-Type', 'm=')))
        self.screen.title('What the kernel of gate-a had during the call')
        self.screen.block(self.kernel)
        print('  gate-a$ callsealctl sas')
        self.screen.block(self.sas)
        for host, text in self.shown.items():
            print(f'  {host}$ callsealctl calls')
            self.screen.block(text)
        self.tunnel_claims(paths)

    def tunnel_claims(self, paths):
        s, claim = self.stage, self.screen.claim
        a, b, wire = paths['phone-a'], paths['phone-b'], paths['wire']
        lan_a, lan_b = s.a.inside, s.b.inside
        self.screen.title('What is claimed, and checked on the captures')
        claim('Both gateways call the call sealed', lambda: self._sealed_words())
        claim('On the net are ESP and SIP, and nothing of Alice in clear',
              lambda: claims.esp_only(wire, a, PORTS))
        claim('Nor of Bob', lambda: claims.esp_only(wire, b, PORTS))
        claim('Not one packet of Alice\'s was lost on the way to Bob',
              lambda: claims.none_lost(a, b, lan_a, lan_b))
        claim('Nor of Bob\'s on the way to Alice', lambda: claims.none_lost(b, a, lan_b, lan_a))
        claim('Bob\'s phone recorded Alice\'s speech', lambda: self._heard(s.bob))
        claim('Alice\'s phone recorded Bob\'s speech', lambda: self._heard(s.alice))
        claim('No SA of the call is left in a kernel', self.none_left)

    def none_left(self):
        for gate in (self.stage.a, self.stage.b):
            gate.gone()
            claims.need('proto esp' not in self.ip(gate, 'xfrm', 'state'),
                        f'{gate.host} still has some')
        return 'ip xfrm state at both'
