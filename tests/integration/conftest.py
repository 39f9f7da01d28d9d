"""Fixtures of the integration tests; rig/ has what they are made of."""

import os
import pathlib
import shutil
import subprocess
import tempfile

import gi
import pytest

gi.require_version('Gio', '2.0')

# pylint: disable=wrong-import-position
from rig.bus import Bus, Polkit
from rig.caller import Caller, STORE
from rig.daemon import Daemon
from rig.folder import Held
from rig.loop import drain
from rig.machines import bare_directory
from rig.qemu import Qemu
from rig.recorder import Recorder
from rig.users import make_users


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A test that was skipped has not shown anything: it counts as failed."""
    outcome = yield
    report = outcome.get_result()
    if report.skipped:
        report.outcome = 'failed'
        report.longrepr = f'{item.nodeid} was skipped, which counts as a failure: {call.excinfo}'
    folder = getattr(item, 'funcargs', {}).get('area')
    log = folder / 'daemon/vmportd.log' if folder else None
    if report.failed and log and log.exists():
        report.sections.append(('vmportd', log.read_text(errors='replace')[-8000:]))


def pytest_collection_modifyitems(items):
    """Unit tests first: where they fail, the rest need not be read."""
    items.sort(key=lambda item: 'test_unit' not in item.nodeid)


@pytest.fixture(scope='session')
def prefix():
    value = os.environ.get('VMPORT_PREFIX')
    assert value and os.path.isdir(value), 'run these tests through tests/check'
    return value


@pytest.fixture(scope='session')
def users(prefix):
    return make_users(prefix)


@pytest.fixture(scope='session')
def session_folder():
    """A place on a real disk that every user can pass through."""
    folder = pathlib.Path(tempfile.mkdtemp(dir=os.environ.get('VMPORT_WORK', '/var/tmp')))
    folder.chmod(0o711)
    mounts = pathlib.Path('/proc/self/mountinfo').read_text()
    yield folder
    left = set(pathlib.Path('/proc/self/mountinfo').read_text().splitlines()) \
        - set(mounts.splitlines())
    shutil.rmtree(folder)
    assert not left, f'mounts were left: {left}'


@pytest.fixture(scope='session')
def bus(session_folder, prefix, users):
    folder = session_folder / 'bus'
    folder.mkdir()
    bus = Bus(folder, prefix)
    yield bus
    bus.stop()


@pytest.fixture(scope='session')
def polkitd(bus, session_folder):
    polkit = Polkit(bus, session_folder)
    yield polkit
    polkit.stop()


@pytest.fixture
def polkit(polkitd):
    """polkitd, for a test that changes the rules: the standard ones come back afterwards."""
    yield polkitd
    polkitd.rules()


@pytest.fixture(scope='session')
def libvirtd(session_folder, prefix):
    """Started for the first test that wants it."""
    # Only here: the rest of the tests do without libvirt.
    from rig.libvirt import Libvirt
    folder = session_folder / 'libvirt'
    folder.mkdir()
    host = Libvirt(folder)
    yield host
    host.end()


@pytest.fixture
def libvirt(libvirtd):
    """A running libvirtd without domains, a pool and two networks."""
    yield libvirtd
    libvirtd.reset()


@pytest.fixture
def area(session_folder, users):
    """A folder for this test: area/alice is alice's home, mode 0700, and so on; area itself is
    root's. At the end nothing of the daemon's own temporary names may be left in it."""
    folder = pathlib.Path(tempfile.mkdtemp(dir=session_folder))
    folder.chmod(0o711)
    for user in users.values():
        home = folder / user.name
        home.mkdir(mode=0o700)
        user.own(home)
    yield folder
    left = [path for path in folder.rglob('.vmport-*')]
    for mount in reversed([line.split()[4] for line in
                           pathlib.Path('/proc/self/mountinfo').read_text().splitlines()]):
        if mount.startswith(f'{folder}/'):
            subprocess.run(('umount', mount), check=True)
    shutil.rmtree(folder)
    assert not left, f'the daemon left {left}'


@pytest.fixture
def make_daemon(bus, polkitd, prefix, area):
    """Makes the daemon with keys for its vmport.conf."""
    made = []

    def make(**keys):
        folder = area / 'daemon'
        folder.mkdir()
        daemon = Daemon(bus, prefix, folder, **keys)
        made.append(daemon)
        return daemon

    yield make
    for daemon in made:
        daemon.stop()
        daemon.check()


@pytest.fixture
def daemon(make_daemon):
    return make_daemon()


@pytest.fixture
def qemu(libvirt, daemon, root):
    """With a libvirtd that runs, and a daemon that has found it."""
    manager = Qemu(root)
    manager.wait()
    yield manager
    manager.close()


@pytest.fixture
def connect(bus, users):
    """connect('alice'): another connection of alice's."""
    made = []

    def make(name):
        caller = Caller(bus, users[name])
        made.append(caller)
        return caller

    yield make
    drain()
    for caller in made:
        caller.close()


@pytest.fixture
def root(connect):
    return connect('root')


@pytest.fixture
def alice(connect):
    return connect('alice')


@pytest.fixture
def bob(connect):
    return connect('bob')


@pytest.fixture
def carol(connect):
    return connect('carol')


@pytest.fixture
def dave(connect):
    return connect('dave')


@pytest.fixture
def recorder(root):
    """Hears everything from now on."""
    recorder = Recorder(root)
    yield recorder
    recorder.close()


@pytest.fixture
def make_vm(root, area):
    """make_vm('web', [Disk(...)], networks=['user']): a machine in the store; its object path."""
    def make(name='web', disks=None, networks=(), manager=STORE, **options):
        folder = bare_directory(area / f'made-{name}', name, disks, networks, **options)
        result = root.wait(root.import_(folder, {'Name': name}, manager))
        shutil.rmtree(folder)
        return result['ImportedVirtualMachine']
    return make


@pytest.fixture
def opened():
    """opened(path): a directory that is held open until the end."""
    made = []

    def make(path, *flags):
        made.append(Held(path, *flags))
        return made[-1]

    yield make
    for held in made:
        held.close()


@pytest.fixture
def lent(area, users):
    """A folder of alice's that she has no way to: it lies in a home of bob's."""
    folder = area / 'bob/lent'
    folder.mkdir(mode=0o700)
    users['alice'].own(folder)
    return folder
