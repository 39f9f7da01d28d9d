"""Fixtures of the integration tests; rig/ has what they are made of."""

import os
import pathlib
import shutil
import tempfile
from collections import Counter
from contextlib import ExitStack

import gi
import pytest

gi.require_version('Gio', '2.0')

# pylint: disable=wrong-import-position
from rig import figures
from rig.bus import Bus, Polkit, SessionBus
from rig.caller import Caller, STORE
from rig.daemon import Daemon
from rig.folder import Held
from rig.loop import drain
from rig.machines import bare_directory
from rig.qemu import Qemu
from rig.recorder import Recorder
from rig.users import make_users
from rig.world import open_area, open_world


# Of the daemon that a test has.
LOG = pytest.StashKey()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A test that was skipped has not shown anything: it counts as failed."""
    outcome = yield
    report = outcome.get_result()
    if report.skipped:
        report.outcome = 'failed'
        report.longrepr = f'{item.nodeid} was skipped, which counts as a failure: {call.excinfo}'
    log = item.stash.get(LOG, None)
    if report.failed and log and log.exists():
        report.sections.append(('vmportd', log.read_text(errors='replace')[-8000:]))


def note_failed(terminalreporter):
    """For tests/check, in a file of its own: the ids without xdist's groups."""
    failed = {report.nodeid.rpartition('@')[0] or report.nodeid
              for outcome in ('failed', 'error') for report in terminalreporter.getreports(outcome)}
    if 'VMPORT_WORK' in os.environ:
        pathlib.Path(os.environ['VMPORT_WORK'], 'failed').write_text(
            ''.join(f'{name}\n' for name in sorted(failed)))


def pytest_terminal_summary(terminalreporter):
    """The table of settings with what was seen of each value, and how their combinations ended."""
    note_failed(terminalreporter)
    properties = [(report, name, value) for outcome in ('passed', 'failed')
                  for report in terminalreporter.getreports(outcome) if report.when == 'call'
                  for name, value in report.user_properties]
    lines = sorted(((line['kind'], line['key'], line['value'], line['seen'],
                     'ok' if report.outcome == 'passed' else 'WRONG')
                    for report, name, line in properties if name == 'settings-table'),
                   key=lambda line: line[0])
    if lines:
        terminalreporter.section('settings')
        widths = [max(len(line[column]) for line in lines) for column in range(4)]
        for line in lines:
            terminalreporter.write_line('  '.join(cell.ljust(width) for cell, width
                                                  in zip(line, (*widths, 0))).rstrip())
    figures.print_table(terminalreporter, [report for outcome in ('passed', 'failed')
                                           for report in terminalreporter.getreports(outcome)
                                           if report.when == 'call'])
    tallies = [value for _, name, value in properties if name == 'settings-tally']
    if tallies:
        ends = sum((Counter(tally) for _, tally in tallies), Counter())
        terminalreporter.section(f'{sum(ends.values())} combinations of settings, '
                                 f'VMPORT_SEED={tallies[0][0]}')
        for (kind, end), count in sorted(ends.items()):
            terminalreporter.write_line(f'{kind:6}  {end:20}  {count:4}')


def pytest_generate_tests(metafunc):
    """A test that needs a daemon and has the mark runs once in each mode."""
    marker = metafunc.definition.get_closest_marker('modes')
    if marker and marker.args != ('system',):
        assert 'bus_kind' in metafunc.fixturenames, f'{metafunc.definition.nodeid} needs no daemon'
        metafunc.parametrize('bus_kind', marker.args, indirect=True)


# Before xdist's own, which reads the groups.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """A file's tests run in one process, as they may share what was made for them. The unit tests
    first: where they fail, the rest need not be read."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(item.path.stem))
    items.sort(key=lambda item: item.path.stem != 'test_unit')


@pytest.fixture(scope='session')
def prefix():
    value = os.environ.get('VMPORT_PREFIX')
    assert value and os.path.isdir(value), 'run these tests through tests/check'
    return value


@pytest.fixture(autouse=True)
def no_reports():
    """Of a sanitizer: where any process has made one, the test has failed that was running."""
    folder = os.environ.get('VMPORT_REPORTS')
    before = set(os.listdir(folder)) if folder else set()
    yield
    texts = [pathlib.Path(folder, name).read_text(errors='replace')
             for name in sorted(set(os.listdir(folder)) - before)] if folder else []
    assert not any(texts), '\n'.join(texts)


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


@pytest.fixture
def bus_kind(request):
    """`system`: a daemon of root's, polkit, many users. `session`: a daemon of alice's, and she is
    everybody who calls."""
    return getattr(request, 'param', 'system')


@pytest.fixture(scope='session')
def system_bus(session_folder, prefix, users):
    folder = session_folder / 'bus'
    folder.mkdir()
    bus = Bus(folder, prefix, users['root'])
    yield bus
    bus.stop()


@pytest.fixture(scope='session')
def session_bus(session_folder, prefix, users):
    folder = session_folder / 'session-bus'
    folder.mkdir()
    users['alice'].own(folder)
    bus = SessionBus(folder, prefix, users['alice'])
    yield bus
    bus.stop()


@pytest.fixture
def bus(request, bus_kind):
    return request.getfixturevalue(f'{bus_kind}_bus')


@pytest.fixture(scope='session')
def polkitd(system_bus, session_folder):
    polkit = Polkit(system_bus, session_folder)
    yield polkit
    polkit.stop()


@pytest.fixture
def polkit(polkitd, bus_kind):
    """polkitd, for a test that changes the rules: the standard ones come back afterwards."""
    assert bus_kind == 'system', 'nobody asks polkit on a session bus'
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
    """A folder for this test, see open_area()."""
    with open_area(session_folder, users) as folder:
        yield folder


@pytest.fixture
def make_daemon(request, bus, prefix, area):
    """Makes the daemon with keys for its vmport.conf."""
    made = []
    if not bus.session:
        request.getfixturevalue('polkitd')

    def make(**keys):
        folder = area / 'daemon'
        folder.mkdir()
        bus.user.own(folder)
        request.node.stash[LOG] = folder / 'vmportd.log'
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
    return manager


@pytest.fixture
def connect(bus, users):
    """connect('alice'): another connection of alice's."""
    made = []

    def make(name):
        assert not bus.session or name == bus.user.name, f"a session bus of {bus.user}'s"
        caller = Caller(bus, users[name])
        made.append(caller)
        return caller

    yield make
    drain()
    for caller in made:
        caller.close()


@pytest.fixture
def root(connect, bus):
    """Who may do everything: root, or whose the session is."""
    return connect(bus.user.name)


@pytest.fixture
def alice(connect):
    return connect('alice')


@pytest.fixture
def bob(connect):
    return connect('bob')


@pytest.fixture
def anyone(connect, bus):
    """Somebody who was given no rights, where there is such a person."""
    return connect('alice' if bus.session else 'bob')


@pytest.fixture
def operator(connect, bus):
    """Somebody who was given all rights, and is not root."""
    return connect('alice' if bus.session else 'carol')


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
        folder = bare_directory(area / f'made-{name}', name, disks, networks, root.user, **options)
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


@pytest.fixture(scope='module')
def make_world(session_folder, system_bus, polkitd, prefix, users):
    """Makes what many small checks of a module share, with keys for the daemon's vmport.conf."""
    with ExitStack() as stack:
        yield lambda **keys: stack.enter_context(
            open_world(session_folder, system_bus, prefix, users, **keys))
