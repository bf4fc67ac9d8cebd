"""A next hop by name over TLS: DNS says where, the certificate must speak for the name"""
import importlib.util
import os
import shutil

from lib import certs, dns, stage
from lib.lab import wait_for
from lib.proxy import Proxy

spec = importlib.util.spec_from_file_location('proxy_udp', os.path.join(
    os.path.dirname(__file__), '..', 'proxy-udp', 'test.py'))
same = importlib.util.module_from_spec(spec)
spec.loader.exec_module(same)

NAMED, OTHER = 'named.test', 'other.test'


class Issuer(certs.Issuer):
    """The proxy's certificate has a name, too."""

    def issue(self, name, san, days=30, curve=''):
        return super().issue(name, san + (f',DNS:{NAMED}' if name == 'proxy' else ''), days, curve)


def setup(t):
    lab = t.open()
    issuer = Issuer(lab)
    for site in 'ab':
        issuer.issue(site, f'IP:{lab.net.address(f"gate-{site}")}', 60)
    routes = same.ROUTES.replace(':5060;transport=TRANSPORT', ':5061;transport=tls')
    t.proxy = Proxy(lab, routes, issuer=issuer)
    here = t.proxy.addresses
    folder = f'/etc/netns/{lab.net.namespace("gate-a")}'  # ip netns exec puts it into /etc
    os.makedirs(folder)
    lab.on_close(lambda: shutil.rmtree(folder))
    with open(f'{folder}/resolv.conf', 'w', encoding='ascii') as f:
        f.write(f'nameserver {here["a"]}\n')
    records = {}
    for name in (NAMED, OTHER):
        records[f'_sips._tcp.{name}', dns.SRV] = [(10, 0, 5061, f'host.{name}')]
        records[f'host.{name}', dns.A] = [here['a']]
    with lab.net.inside('net'):
        server = dns.Dns(records, here['a'])
    server.start()
    lab.on_close(server.close)
    t.stage = stage.Stage(
        lab, route='', proxy_b=f'sip:{here["b"]}:5061;transport=tls',
        route_a=f'sip:{NAMED};transport=tls', tls_a=issuer.tls('a'), tls_b=issuer.tls('b'))


def check(t):
    s = t.stage
    seen = []
    s.talk(s.alice, s.bob, stage.BOB, during=lambda: seen.extend(s.verdicts()))
    t.claim('sealed at both', seen == ['sealed', 'sealed'], str(seen))
    t.claim('by the address that DNS has', f'sip:{NAMED}:5061;transport=tls;maddr=' in
            s.a.tell('peers'), s.a.tell('peers'))
    s.a.peers[0].route = f'sip:{OTHER};transport=tls'
    s.a.reload()
    wait_for('the other name', lambda: f'sip:{OTHER}:5061' in s.a.tell('peers'))
    s.alice.forget()
    s.alice.dial(stage.BOB)
    s.alice.wait_event('CALL_CLOSED')
    last = s.a.ended()[0]
    t.claim('a certificate of another name is refused', last['status'] == 503 and
            'certificate' in str(last), str(last))
