"""vmportd --session: one user, no polkit, no change of uid, and nothing of the host's."""

import subprocess

import pytest

from rig.caller import ACCESS_DENIED, DAEMON, MACHINE, STORE, Caller, refused
from rig.jobs import Gate
from rig.loop import DEADLINE
from rig.machines import bare_directory, names

pytestmark = pytest.mark.modes('session')


def test_everything_is_the_users(daemon, alice, make_vm, area, users, prefix):
    """Daemon, worker and inspector run as the user; so do the files belong to them."""
    machine = make_vm('web')
    gate = Gate(area, prefix)
    daemon.worker = gate.program
    daemon.restart()
    assert [process.uids for process in daemon.processes()] == [(users['alice'].uid,) * 4]
    job = alice.export(machine, area / 'alice/package')
    gate.wait()
    gate.open()
    alice.wait(job)
    job = alice.import_(area / 'alice/package', {'Name': 'copy'})
    for _ in ('the worker', 'the inspector'):
        gate.wait()
        assert {process.uids for process in daemon.processes()} == {(users['alice'].uid,) * 4}
        gate.open()
    alice.wait(job)
    for path in (daemon.state, *daemon.state.rglob('*'), *(area / 'alice').rglob('*')):
        assert path.stat().st_uid == users['alice'].uid, path


def test_nobody_else_is_served(daemon, alice, bus, users, make_vm):
    """Not even root: what there is to judge by on a session bus is the uid alone."""
    machine = make_vm('web')
    for name in ('bob', 'root'):
        other = Caller(bus, users[name])
        try:
            for call in (lambda: other.get('/org/vmport', DAEMON, 'Version'),
                         lambda: other.machines(), lambda: other.configuration(machine),
                         lambda: other.import_settings('/etc')):
                error = refused(call)
                assert error.name == ACCESS_DENIED, error
                assert 'own user' in error.message
        finally:
            other.close()
    assert alice.machines()


def test_all_rights_without_polkit(make_daemon, alice, make_vm, area):
    """Targets of the caller's choice, in place, unsafe devices, scopes: on the system bus each has
    an action of its own. Here nobody is asked, and there is nobody to ask."""
    daemon = make_daemon(Scopes='lab')
    assert 'DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nonexistent' in \
        (daemon.proc / 'environ').read_text()
    machine = make_vm('web')
    alice.wait(alice.export(machine, area / 'alice/package'))
    folder = area / 'alice/disks'
    folder.mkdir()
    alice.user.own(folder)
    alice.wait(alice.import_(area / 'alice/package',
                             {'Name': 'copy', 'TargetVhdDataRoot': str(folder)}))
    assert names(folder) == ['web.qcow2']
    alice.call(machine, MACHINE, 'SetSecurityScope', '(sa{sv})', ('lab', {}))
    bare = bare_directory(area / 'alice/bare', 'old', owner=alice.user, extra_devices=(
        '<hostdev mode="subsystem" type="usb"><source><vendor id="0x1234"/><product id="0xbeef"/>'
        '</source></hostdev>'))
    alice.wait(alice.import_(bare, {'CreateCopy': False, 'UnsafeDevices': 'keep',
                                    'SecurityScope': 'lab'}))
    assert [alice.get(alice.find(name), MACHINE, 'SecurityScope')
            for name in ('web', 'copy', 'old')] == ['lab', '', 'lab']
    assert 'hostdev' in alice.configuration(alice.find('old'))
    alice.delete(machine)


def start(user, bus, prefix, *options, **environment):
    return user.popen((f'{prefix}/libexec/vmportd', '--session', *options), text=True,
                      stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                      env={**bus.environment, 'G_DEBUG': 'fatal-warnings', 'LC_ALL': 'C.UTF-8',
                           'LIBVIRT_AUTOSTART': '0', **environment})


@pytest.mark.parametrize('variable, folder', [('XDG_STATE_HOME', 'states'),
                                              ('HOME', '.local/state')])
def test_the_state_is_in_the_home(bus, connect, area, prefix, users, variable, folder):
    """Without --state-directory: $XDG_STATE_HOME/vmport, and that is ~/.local/state/vmport."""
    home = area / 'alice'
    process = start(users['alice'], bus, prefix,
                    **{variable: str(home / folder if variable != 'HOME' else home)})
    try:
        bus.wait_owned('org.vmport', process, process.stderr.read)
        assert connect('alice').get(STORE, 'org.vmport.Manager', 'StorageRoots') == \
            [str(home / folder / 'vmport/store')]
        assert (home / folder / 'vmport/store').is_dir()
    finally:
        process.terminate()
        said = process.communicate(timeout=DEADLINE)[1]
    assert process.returncode == 0, said


def test_no_bus(bus, area, prefix, users):
    process = start(users['alice'], bus, prefix, f'--state-directory={area}/alice/state',
                    DBUS_SESSION_BUS_ADDRESS='unix:path=/nonexistent/session')
    said = process.communicate(timeout=DEADLINE)[1]
    assert process.returncode == 1
    assert 'There is no message bus' in said, said


def test_a_state_directory_that_others_can_change(bus, area, prefix, users):
    folder = area / 'alice/state'
    folder.mkdir()
    users['alice'].own(folder)
    folder.chmod(0o775)
    process = start(users['alice'], bus, prefix, f'--state-directory={folder}')
    said = process.communicate(timeout=DEADLINE)[1]
    assert process.returncode == 1
    assert str(folder) in said and 'can be changed by others' in said, said
