"""sipp on a phone's host, with a scenario of the test's folder or one of ours."""
import os
import shutil

from .lab import Failure, wait_for


SPEECH = '/usr/share/sip-tester/g711a.pcap'


def scenario(name):
    """The path of one of ours, "uac" or "uas"."""
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), f'{name}.xml')


class Sipp:
    def __init__(self, lab, site, scenario, *options, six=False, transport='u1', port=5060):
        """scenario: a path; a caller sends to the site's gateway."""
        self.host = f'phone-{site}'
        self.address = lab.net.address(self.host, six)
        self.dir = lab.folder(f'sipp-{site}')
        gate = lab.net.address(f'lan-{site}', six)
        at = f'[{self.address}]' if six else self.address
        target = f'[{gate}]:5060' if six else f'{gate}:5060'
        shutil.copy(scenario, self.dir)
        shutil.copy(SPEECH, self.dir)  # where play_pcap_audio looks for it
        argv = ['sipp', '-sf', os.path.basename(scenario), '-i', at, '-p', str(port),
                '-mi', self.address, '-t', transport, '-nostdin',
                '-trace_err', '-error_file', f'{self.dir}/errors', '-trace_msg',
                '-message_file', f'{self.dir}/messages', *options, target]
        self.process = lab.start(f'sipp-{site}', self.host, argv, cwd=self.dir,
                                 env={'TERM': 'dumb'})
        if transport == 'u1':
            wait_for(f'sipp at {self.host} to listen', lambda: not self.process.running() or
                     f':{port} ' in lab.net.run(self.host, 'ss', '-Hlnu'))

    def finish(self, seconds=60):
        """Waits until all its calls are over; Failure if one failed."""
        status = self.process.wait(seconds)
        if status:
            raise Failure(f'sipp at {self.host} ended with {status}: {self.errors()[-1500:]}')

    def errors(self):
        return self._read('errors') or self.process.output()

    def messages(self):
        return self._read('messages')

    def _read(self, name):
        try:
            with open(f'{self.dir}/{name}', encoding='utf-8', errors='replace') as f:
                return f.read()
        except FileNotFoundError:
            return ''
