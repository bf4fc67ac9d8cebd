"""Phones that register at their gateway itself: its configuration, and a file of
accounts whose password is "right"."""
import hashlib
import os
import pwd

from .lab import USER

REGISTRAR = ('register = "local"; registrar = {{ domain = "{}"; users = "file:users"; '
             'hash = [ {} ]; }};')


def write_account(lab, site, user):
    """As callsealctl digest does."""
    text = f'{user}:{site}.example:right'.encode()
    path = f'{lab.folder(f"gate-{site}", user=USER)}/users'
    with open(path, 'w') as f:
        for name in ('md5', 'sha256'):
            f.write(f'{user}:{site}.example:{hashlib.new(name, text).hexdigest()}\n')
    who = pwd.getpwnam(USER)
    os.chown(path, who.pw_uid, who.pw_gid)
    os.chmod(path, 0o600)
