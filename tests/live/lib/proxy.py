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

TLS_HEAD = '''\
enable_tls=yes
loadmodule "tls.so"
loadmodule "xlog.so"
modparam("tls", "config", "DIR/tls.cfg")
'''

TLS = '''\
[server:default]
method = TLSv1.2+
certificate = NAME.pem
private_key = NAME.key
ca_list = CA
verify_certificate = yes
require_certificate = yes
'''


# What each script needs for requests within dialogs; %s leads those that begin one.
ROUTES = '''
request_route {
	if (has_totag()) {
		if (loose_route()) { t_relay(); exit; }
		if (is_method("ACK") && t_check_trans()) t_relay();
		exit;
	}
	if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
	record_route();
%s
	t_relay();
}
'''


def leading(way):
    """A routing script: what begins a dialog goes where these statements say."""
    return ROUTES % way


class Proxy:
    def __init__(self, lab, routes, sites='ab', six=False, issuer=None):
        """routes: the routing script, text of Kamailio's own language. With an
        issuer nothing but TLS is spoken, by a certificate of that issuer."""
        self.dir = lab.folder('kamailio')
        self.addresses = {s: lab.net.address(f'net-{s}', six) for s in sites}
        path = f'{self.dir}/kamailio.cfg'
        self.listeners = (('tls', 5061),) if issuer else (('udp', 5060), ('tcp', 5060))
        listen = ''.join(f'listen={t}:{f"[{a}]" if six else a}:{port}\n'
                         for a in self.addresses.values() for t, port in self.listeners)
        head = HEAD + (self._tls(issuer) if issuer else '')
        with open(path, 'w') as f:
            f.write(head + listen + routes)
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
            sockets.count(f'{a}:{port}') + sockets.count(f'[{a}]:{port}') >= len(self.listeners)
            for a in self.addresses.values() for _, port in self.listeners)

    def _tls(self, issuer):
        """Writes the TLS configuration; the head lines that load it."""
        issuer.issue('proxy', ','.join(f'IP:{a}' for a in self.addresses.values()))
        text = TLS.replace('NAME', f'{issuer.dir}/proxy').replace('CA', issuer.ca)
        with open(f'{self.dir}/tls.cfg', 'w') as f:
            f.write(text + text.replace('server:', 'client:'))
        return TLS_HEAD.replace('DIR', self.dir)
