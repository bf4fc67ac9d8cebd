"""Kamailio in the middle net, as the proxies between the gateways."""
import os

from .lab import Failure, wait_for

HEAD = '''\
debug=1
log_stderror=yes
log_name="kamailio"
children=2
tcp_children=2
auto_aliases=no
mhomed=1
mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/"
loadmodule "corex.so"
loadmodule "tm.so"
loadmodule "tmx.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
'''


class Proxy:
    def __init__(self, lab, routes, sites='ab', six=False):
        """routes: the routing script, text of Kamailio's own language."""
        self.dir = lab.folder('kamailio')
        self.addresses = {s: lab.net.address(f'net-{s}', six) for s in sites}
        path = f'{self.dir}/kamailio.cfg'
        listen = ''.join(f'listen={t}:{f"[{a}]" if six else a}:5060\n'
                         for a in self.addresses.values() for t in ('udp', 'tcp'))
        with open(path, 'w') as f:
            f.write(HEAD + listen + routes)
        self.process = lab.start('kamailio', 'net', [
            'kamailio', '-f', path, '-m', '32', '-M', '8', '-w', self.dir, '-Y', self.dir,
            '-P', f'{self.dir}/pid', '-DD', '-E'])
        self.lab = lab
        wait_for('kamailio', self._ready)

    def _ready(self):
        if not self.process.running():
            raise Failure(f'kamailio ended: {self.process.output()[-1500:]}')
        sockets = self.lab.net.run('net', 'ss', '-Hlntu')
        return os.path.exists(f'{self.dir}/pid') and all(
            sockets.count(f'{a}:5060') + sockets.count(f'[{a}]:5060') >= 2
            for a in self.addresses.values())
