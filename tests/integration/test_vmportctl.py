"""The program vmportctl, as a user runs it, against the real daemon and the real polkitd."""

import json
import os
import pty
import select
import signal
import termios
import time

import pytest

from rig import snapshots
from rig.loop import DEADLINE
from rig.machines import bare_directory, names


class Terminal:
    """A command of a user's on a terminal of its own."""

    def __init__(self, user, command, environment):
        master, slave = pty.openpty()
        # The agent asks on the controlling terminal, which setsid takes.
        self.process = user.popen(('setsid', '--ctty', '--wait', *command), stdin=slave,
                                  stdout=slave, stderr=slave, env=environment)
        os.close(slave)
        self.master, self.text = master, ''

    def read_until(self, wanted):
        deadline = time.monotonic() + DEADLINE
        while wanted not in self.text:
            left = deadline - time.monotonic()
            assert left > 0 and select.select((self.master,), (), (), left)[0], \
                f'no “{wanted}” in:\n{self.text}'
            try:
                self.text += os.read(self.master, 4096).decode()
            except OSError:
                raise AssertionError(f'it ended without “{wanted}”:\n{self.text}') from None

    def type_secret(self, text):
        """Types once the echo is off: what came before that is thrown away by whoever asks."""
        deadline = time.monotonic() + DEADLINE
        while termios.tcgetattr(self.master)[3] & termios.ECHO:
            assert time.monotonic() < deadline, f'the echo stays on:\n{self.text}'
            select.select((), (), (), 0.01)   # a terminal's mode has no event to wait for
        os.write(self.master, f'{text}\n'.encode())

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(DEADLINE)
        os.close(self.master)


@pytest.fixture
def environment(bus, prefix):
    return {**bus.environment, 'LC_ALL': 'C.UTF-8', 'TERM': 'dumb', 'PATH':
            f'{prefix}/bin:/usr/bin:/bin', 'LD_LIBRARY_PATH': f'{prefix}/lib'}


@pytest.fixture
def ctl(environment, bus):
    options = ('--session',) if bus.session else ()

    def run(user, *arguments, status=0):
        done = user.run(('vmportctl', *options, *map(str, arguments)), env=environment)
        assert done.returncode == status, f'{arguments}: {done.stdout}{done.stderr}'
        return done.stdout
    return run


def test_an_agent_asks_on_the_terminal(daemon, make_vm, area, users, environment):
    make_vm('web')
    terminal = Terminal(users['bob'], ('vmportctl', 'export', 'web', str(area / 'bob/package')),
                        environment)
    try:
        terminal.read_until('AUTHENTICATING FOR org.vmport.export')
        terminal.read_until('Password')
        terminal.type_secret('not it')
        terminal.read_until('AUTHENTICATION FAILED')
        terminal.read_until('vmportctl: ')
        assert terminal.process.wait(DEADLINE) == 4
    finally:
        terminal.close()
    assert names(area / 'bob') == []


def test_nobody_is_asked_where_that_is_not_wanted(daemon, make_vm, area, users, environment):
    make_vm('web')
    terminal = Terminal(users['bob'], ('vmportctl', '--no-ask-password', 'export', 'web',
                                       str(area / 'bob/package')), environment)
    try:
        terminal.read_until('the user would have to authenticate')
        assert terminal.process.wait(DEADLINE) == 4
        assert 'AUTHENTICATING' not in terminal.text
    finally:
        terminal.close()


@pytest.mark.modes('system', 'session')
def test_options_reach_the_job(daemon, alice, make_vm, area, users, ctl):
    make_vm('web')
    package = area / 'alice/package'
    ctl(users['alice'], 'export', 'web', package, '--checksum=sha256', '--bandwidth-limit=900M')
    assert 'SHA256SUMS' in names(package)
    ctl(users['alice'], 'import', package, '--name=web two')
    machine = json.loads(ctl(users['alice'], '--json', 'show', 'web two'))
    assert machine['Name'] == 'web two'
    assert ctl(users['alice'], 'scope', 'web two') == '\n'


def test_snapshots(daemon, make_vm, users, ctl):
    machine, bob = make_vm('web'), users['bob']
    assert ctl(bob, 'snapshots', 'web').split() == ['NAME', 'CREATED', 'STATE', 'STORAGE', 'CURRENT']
    assert json.loads(ctl(bob, 'snapshots', 'web', '--json')) == []
    snapshots.add(daemon, machine, [
        snapshots.Snapshot('first', time=10), snapshots.Snapshot('branch', parent='first', time=30),
        snapshots.Snapshot('leaf\u202e', parent='old ü', time=40, current=True),
        snapshots.Snapshot('old ü', parent='first', time=20, state='running', memory='internal')])
    lines = ctl(bob, 'snapshots', 'web').splitlines()[1:]
    assert [line.split('1970')[0].rstrip() for line in lines] \
        == ['first', '  old ü', '    leaf', '  branch'], 'the tree, without what turns text around'
    assert 'running' in lines[1] and [line[-1] for line in lines].index('*') == 2
    first, second, *_ = json.loads(ctl(bob, 'snapshots', 'web', '--json'))
    assert (second['Name'], second['Parent']) == ('old ü', first['ObjectPath'])
    assert second['CreationTime'] == 20_000_000
    ctl(bob, 'snapshots', 'nothing', status=3)


def test_a_refused_setting_names_itself(daemon, users, area, ctl):
    folder = bare_directory(area / 'alice/bare', 'old', owner=users['alice'])
    ctl(users['alice'], 'import', folder, '--source-resource-path=9=/x', status=2)
    ctl(users['alice'], 'import', folder, '--mac-addresses=odd', status=1)


@pytest.mark.modes('system', 'session')
def test_the_printed_command_line_mends_it(daemon, make_vm, area, users, ctl, environment):
    make_vm('web')
    package = area / 'alice/package'
    ctl(users['alice'], 'export', 'web', package)
    report = ctl(users['alice'], 'check', package, '--keep-id', status=1)
    assert 'NameInUse' in report and 'IdInUse' in report, report
    line = report.splitlines()[-1].strip()
    mended = users['alice'].run(('sh', '-c', line), env=environment)
    assert mended.returncode == 0, f'{line}: {mended.stderr}'
    assert len(json.loads(ctl(users['alice'], 'list', '--json'))) == 2


def test_scopes(make_daemon, polkit, make_vm, area, users, ctl):
    polkit.rules('return subject.user == "alice" && ["", "lab", "R&D"].indexOf(action.lookup("scope"))'
                 ' >= 0 ? polkit.Result.YES : polkit.Result.NOT_HANDLED;')
    make_daemon(Scopes='lab;R&D;prod')
    make_vm('web')
    alice, bob = users['alice'], users['bob']
    assert ctl(alice, 'scope') == '\nlab\nR&D\n', 'an empty line is the default scope'
    assert json.loads(ctl(alice, 'scope', '--json')) == ['', 'lab', 'R&D']
    assert ctl(bob, 'scope') == '\n'
    assert ctl(alice, 'scope', 'web', 'R&D') == ''
    assert ctl(alice, 'scope', 'web') == 'R&D\n'
    assert json.loads(ctl(alice, 'scope', 'web', '--json')) == {'SecurityScope': 'R&D'}
    assert 'R&D' in ctl(alice, 'show', 'web')
    ctl(bob, 'scope', 'web', status=3)
    ctl(alice, 'scope', 'web', 'prod', status=4)
    ctl(alice, 'scope', 'web', '')
    assert ctl(bob, 'scope', 'web') == '\n'
    ctl(bob, 'scope', 'web', 'lab', status=4)
    ctl(users['root'], 'scope', 'web', 'nowhere', status=1)

    folder = bare_directory(area / 'alice/bare', 'old', owner=alice)
    ctl(alice, 'import', folder, '--security-scope=lab')
    assert ctl(alice, 'scope', 'old') == 'lab\n'
    ctl(alice, 'import', folder, '--name=other', '--security-scope=prod', status=4)
    report = ctl(users['root'], 'check', folder, '--name=other', '--security-scope=nowhere',
                 status=1)
    assert 'ScopeUnknown' in report and '--security-scope=' in report, report


@pytest.mark.modes('system', 'session')
def test_verify(daemon, make_vm, area, users, ctl):
    make_vm('web')
    package = area / 'alice/package'
    ctl(users['alice'], 'export', 'web', package)
    assert 'as they should be' in ctl(users['alice'], 'verify', package)
    disk = next((package / 'Virtual Hard Disks').iterdir())
    with open(disk, 'r+b') as file:
        byte = file.read(1)
        file.seek(0)
        file.write(bytes((byte[0] ^ 1,)))
    ctl(users['alice'], 'verify', package, status=1)
