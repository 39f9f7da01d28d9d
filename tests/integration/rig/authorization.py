"""The authorization store in tests: put into force by vmportctl, decided by the real polkitd.

The fixtures are for modules that import them.
"""

import os
import pathlib
import subprocess

import pytest
from gi.repository import Gio, GLib

from .azman import ADMIN_GROUP

RULES = pathlib.Path('/etc/polkit-1/rules.d/60-vmport.rules')
FAKE_LIBRARIES = pathlib.Path(os.environ.get('VMPORT_BUILD_DIR', '/nowhere')) / 'tests/integration'
NO, ASK, YES = (False, False), (False, True), (True, False)


@pytest.fixture
def judge(bus):
    """judge(user, operation, scope): (authorized, challenge) of the real polkitd. Without a scope
    there is no such detail."""
    def ask(user, operation, scope, action=None, **details):
        action = action or f'org.vmport.{"scoped." if scope else ""}{operation}'
        subject = ('unix-process', {'pid': GLib.Variant('u', 1), 'start-time': GLib.Variant('t', 0),
                                    'uid': GLib.Variant('i', user.uid)})
        if scope is not None:
            details['scope'] = scope
        reply = bus.root.call_sync(
            'org.freedesktop.PolicyKit1', '/org/freedesktop/PolicyKit1/Authority',
            'org.freedesktop.PolicyKit1.Authority', 'CheckAuthorization',
            GLib.Variant('((sa{sv})sa{ss}us)', (subject, action, details, 0, '')), None,
            Gio.DBusCallFlags.NONE, -1, None)
        return reply.unpack()[0][:2]
    return ask


@pytest.fixture
def people(users):
    """Those whom polkit is asked about; dave is an administrator of the host."""
    subprocess.run(('gpasswd', '--add', 'dave', ADMIN_GROUP), check=True,
                   stdout=subprocess.DEVNULL)
    result = {}
    for name in ('alice', 'bob', 'carol', 'dave'):
        user = users[name]
        user.group_names = subprocess.run(('id', '-nG', name), check=True, text=True,
                                          stdout=subprocess.PIPE).stdout.split()
        result[name] = user
    yield result
    subprocess.run(('gpasswd', '--delete', 'dave', ADMIN_GROUP), check=True,
                   stdout=subprocess.DEVNULL)


@pytest.fixture
def store_file(area, polkit):
    """Where a test keeps its store; polkit has no rules but the compiled ones."""
    polkit.rules('return polkit.Result.NOT_HANDLED;')
    yield area / 'authorization.xml'
    RULES.unlink(missing_ok=True)


@pytest.fixture
def ctl(bus, prefix, users, store_file):
    def run(*arguments, status=0, user='root', winbind=None):
        # winbind: what a fake of its library says, see fake-wbclient.c.
        fake = {} if winbind is None else {'FAKE_WINBIND': winbind}
        done = users[user].run(
            ('vmportctl', 'scope', *map(str, arguments), f'--store={store_file}'),
            env={'DBUS_SYSTEM_BUS_ADDRESS': bus.address, 'LC_ALL': 'C.UTF-8',
                 'PATH': f'{prefix}/bin:/usr/bin:/bin', **fake,
                 'LD_LIBRARY_PATH': f'{prefix}/lib:{FAKE_LIBRARIES if fake else ""}'})
        assert done.returncode == status, f'{arguments}: {done.stdout}{done.stderr}'
        run.stderr = done.stderr
        return done.stdout
    return run


@pytest.fixture
def put(ctl, store_file):
    """Writes a store and puts it into force."""
    def write(store, rng=None):
        store_file.write_text(store if isinstance(store, str) else store.xml(rng))
        ctl('compile')
    return write
