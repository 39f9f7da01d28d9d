"""DirectoryFd: a directory that the caller holds open, in the place of a path.

What an open directory is good for: its owner may have moved it, and it may lie where the caller has
no way to. What is beneath it is the caller's by the caller's own rights, as ever.
"""

import os
import shutil
import subprocess

import pytest
from gi.repository import Gio, GLib

from rig.caller import ACCESS_DENIED, ERROR, JOB, MANAGER, STORE, refused, variants
from rig.folder import DIRECTORY, ask, errors, export, import_, verify
from rig.jobs import HELD, Hold, findings, job_failure, owned_by
from rig.loop import wait_on_disk
from rig.machines import (MIB, Disk, bare_directory, block_disk, names, random_disk, same_content,
                          tree)
from rig.recorder import Recorder

pytestmark = pytest.mark.modes('system', 'session')


@pytest.fixture
def machine(daemon, make_vm):
    return make_vm('web', [Disk(name='web.qcow2')])


@pytest.fixture
def package(machine, alice, area):
    alice.wait(alice.export(machine, area / 'alice/package'))
    return area / 'alice/package'


# The way that works

def test_export_into_it(machine, alice, area, users, opened):
    folder = area / 'alice/folder'
    folder.mkdir()
    users['alice'].own(folder)
    held = opened(folder)
    job = export(alice, machine, held)
    result = alice.wait(job)
    assert result['ExportPath'] == '.', 'relative with DirectoryFd'
    assert alice.describe(job)['Directory'] == ''
    assert (folder / 'vmport.xml').is_file()
    assert owned_by(folder, users['alice']) == []


def test_export_into_a_subdirectory(machine, alice, area, opened):
    held = opened(area / 'alice')
    result = alice.wait(export(alice, machine, held, CreateVmExportSubdirectory=True))
    assert result['ExportPath'] == 'web'
    assert (area / 'alice/web/vmport.xml').is_file()


def test_everything_where_no_path_leads(machine, alice, lent, opened):
    """The descriptor is the authority: no path to the folder is open to alice."""
    held = opened(lent)
    assert job_failure(alice, alice.export, machine, lent / 'package').name == ACCESS_DENIED
    assert [finding['Code'] for finding in ask(alice, 'CheckExport', held, machine)] \
        == ['PackageSize']
    alice.wait(export(alice, machine, held))
    assert alice.wait(verify(alice, held))['Files'] == 2
    settings = ask(alice, 'GetImportSettings', held)
    assert settings['SourceResourcePaths'] == ['Virtual Hard Disks/web.qcow2']
    assert errors(ask(alice, 'CheckImport', held, Name='copy')) == []
    copy = alice.wait(import_(alice, held, Name='copy'))['ImportedVirtualMachine']
    machines = alice.machines()
    (first,), (second,) = machines[machine]['ResourcePaths'], machines[copy]['ResourcePaths']
    assert same_content(first, 'qcow2', second, 'qcow2')


def test_everything_after_it_was_moved(machine, alice, area, opened, users):
    folder, moved = area / 'alice/folder', area / 'alice/moved'
    folder.mkdir()
    users['alice'].own(folder)
    held = opened(folder)
    folder.rename(moved)
    folder.mkdir()   # and somebody else has its name
    alice.wait(export(alice, machine, held))
    assert (moved / 'vmport.xml').is_file() and names(folder) == []
    moved.rename(area / 'alice/again')
    assert alice.wait(verify(alice, held))['Files'] == 2
    assert ask(alice, 'GetImportSettings', held)['Name'] == 'web'
    assert errors(ask(alice, 'CheckImport', held, Name='copy')) == []
    alice.wait(import_(alice, held, Name='copy'))
    assert names(folder) == []


@pytest.mark.parametrize('subdirectory', [False, True])
def test_moved_while_it_is_written(daemon, alice, root, make_vm, area, opened, subdirectory):
    machine = make_vm('big', [random_disk(2)])
    held = opened(area / 'alice')
    hold_copy = Hold(daemon, Recorder(root), 'Copying')
    job = export(alice, machine, held, CreateVmExportSubdirectory=subdirectory, **HELD)
    hold_copy.wait()
    (area / 'alice').rename(area / 'bob/moved')
    hold_copy.release()
    alice.wait(job)
    assert (area / 'bob/moved' / ('big' if subdirectory else '') / 'vmport.xml').is_file()


def test_bare_directory(daemon, alice, lent, opened, users):
    bare_directory(lent / 'bare', 'old', owner=users['alice'])
    held = opened(lent / 'bare')
    assert ask(alice, 'GetImportSettings', held)['SourceResourcePaths'] == ['old.qcow2']
    alice.wait(import_(alice, held))
    assert [entry['Name'] for entry in alice.machines().values()] == ['old']


def test_the_settings_handed_back(package, alice, opened):
    """Handing back the whole dictionary that Get…Settings returned is always valid, beside the
    directory that it was about; and so on for what alice may still name by a path."""
    held = opened(package)
    settings = ask(alice, 'GetImportSettings', held)
    settings['BandwidthLimit'] = GLib.Variant('t', settings['BandwidthLimit'])
    settings['Name'] = 'copy'
    assert errors(ask(alice, 'CheckImport', held, **settings)) == []
    alice.wait(import_(alice, held, **settings))
    by_path = alice.import_settings(package)
    assert [os.path.relpath(path, package) for path in by_path['SourceResourcePaths']] \
        == settings['SourceResourcePaths']
    for key in ('SourceVmDataRoot', 'SourceVhdDataRoot'):
        assert os.path.relpath(by_path[key], package) == settings[key]


def test_relative_sources(package, alice, lent, opened):
    """Disks elsewhere beneath the directory, by path and by root."""
    shutil.copytree(package, lent / 'config')
    (lent / 'config/disks').mkdir()
    (lent / 'config/Virtual Hard Disks/web.qcow2').rename(lent / 'config/disks/moved.qcow2')
    subprocess.run(('chown', '-R', 'alice:', lent), check=True)
    held = opened(lent / 'config')
    assert errors(ask(alice, 'CheckImport', held, Name='copy')) == ['SourceMissing']
    settings = {'SourceResourcePaths': ['disks/moved.qcow2']}
    assert errors(ask(alice, 'CheckImport', held, Name='copy', **settings)) == []
    alice.wait(import_(alice, held, Name='copy', **settings))
    (lent / 'config/disks/moved.qcow2').rename(lent / 'config/disks/web.qcow2')
    alice.wait(import_(alice, held, Name='copy2', SourceVhdDataRoot='disks'))


def test_absolute_sources_are_paths(package, alice, lent, opened):
    """An absolute path in the settings is what it always is: resolved with alice's own rights."""
    shutil.copytree(package, lent / 'config')
    (lent / 'config/Virtual Hard Disks/web.qcow2').unlink()
    subprocess.run(('chown', '-R', 'alice:', lent), check=True)
    held = opened(lent / 'config')
    disk = package / 'Virtual Hard Disks/web.qcow2'
    alice.wait(import_(alice, held, Name='copy', SourceResourcePaths=[str(disk)]))
    disk.rename(lent / 'web.qcow2')
    error = job_failure(alice, import_, alice, held, Name='copy2',
                        SourceResourcePaths=[str(lent / 'web.qcow2')])
    assert error.name == ACCESS_DENIED


def test_a_descriptor_gives_no_more_than_the_kernel_does(machine, alice, area, opened, users):
    """A folder of bob's that alice was handed is still bob's."""
    folder = area / 'bob/folder'
    bare_directory(folder, 'old', owner=users['bob'])
    folder.chmod(0o700)
    held = opened(folder)
    before = tree(folder)
    for start in (lambda: export(alice, machine, held), lambda: import_(alice, held),
                  lambda: verify(alice, held)):
        assert job_failure(alice, start).name == ACCESS_DENIED
    for method in ('GetImportSettings', 'CheckImport'):
        assert refused(ask, alice, method, held).name == ACCESS_DENIED
    assert refused(ask, alice, 'CheckExport', held, machine).name == ACCESS_DENIED
    assert tree(folder) == before


# No way out of it

@pytest.mark.parametrize('key, value', [
    ('SourceResourcePaths', ['../secret.qcow2']), ('SourceResourcePaths', ['a/../../secret.qcow2']),
    ('SourceVhdDataRoot', '..'), ('SourceVmDataRoot', './x'), ('SourceSnapshotDataRoot', 'a//b'),
    ('TargetVhdDataRoot', '../out'), ('TargetResourcePaths', ['../out.qcow2'])])
def test_paths_that_lead_up_fail_the_call(package, alice, opened, key, value):
    held = opened(package)
    before = alice.jobs()
    error = refused(import_, alice, held, **{key: value})
    assert error.name == f'{ERROR}InvalidParameter' and key in error.message, error
    assert refused(ask, alice, 'CheckImport', held, **{key: value}).name \
        == f'{ERROR}InvalidParameter'
    assert alice.jobs() == before


@pytest.mark.parametrize('where', ['path', 'root', 'member', 'descriptor'])
def test_links_that_lead_out(package, alice, area, opened, where):
    """alice could read what they lead to; it is not what she passed."""
    disk = package / 'Virtual Hard Disks/web.qcow2'
    outside = area / 'alice/outside'
    outside.mkdir()
    disk.rename(outside / 'web.qcow2')
    settings = {}
    if where == 'path':
        (package / 'disk.qcow2').symlink_to(outside / 'web.qcow2')
        settings = {'SourceResourcePaths': ['disk.qcow2']}
    elif where == 'root':
        (package / 'disks').symlink_to(outside)
        settings = {'SourceVhdDataRoot': 'disks'}
    elif where == 'member':
        disk.symlink_to(outside / 'web.qcow2')
    else:
        (package / 'vmport.xml').rename(outside / 'vmport.xml')
        (package / 'vmport.xml').symlink_to(outside / 'vmport.xml')
    subprocess.run(('chown', '-hR', 'alice:', area / 'alice'), check=True)
    held = opened(package)
    before = list(alice.machines())
    job = import_(alice, held, Name='copy', **settings)
    assert refused(alice.wait, job).name == f'{ERROR}Unsafe'
    assert list(alice.machines()) == before
    if where in ('path', 'root'):
        assert errors(ask(alice, 'CheckImport', held, Name='copy', **settings)) == ['UnsafeImage']
        assert set(findings(alice, job)) >= {'UnsafeImage'}


def test_link_in_the_place_of_the_subdirectory(machine, alice, area, opened):
    """By a path alice may have her folder elsewhere; beneath a descriptor there is no elsewhere."""
    (area / 'alice/elsewhere').mkdir()
    (area / 'alice/web').symlink_to(area / 'alice/elsewhere')
    subprocess.run(('chown', '-hR', 'alice:', area / 'alice'), check=True)
    held = opened(area / 'alice')
    before = tree(area / 'alice')
    error = job_failure(alice, export, alice, machine, held, CreateVmExportSubdirectory=True)
    assert error.name == f'{ERROR}Exists' and 'DirectoryFd/web' in error.message, error
    assert tree(area / 'alice') == before
    alice.wait(alice.export(machine, area / 'alice', {'CreateVmExportSubdirectory': True}))
    assert (area / 'alice/elsewhere/vmport.xml').is_file()


# What is no open directory

METHODS = ('Export', 'CheckExport', 'Import', 'CheckImport', 'GetImportSettings', 'Verify')


@pytest.mark.parametrize('method', METHODS)
def test_what_is_no_open_directory_fails_the_call(machine, alice, area, opened, method):
    first = (machine,) if 'Export' in method else ()
    signature = '(osa{sv})' if first else '(sa{sv})'
    before = alice.jobs()

    def answer(settings, fds, directory=''):
        return refused(alice.call, STORE, MANAGER, method, signature,
                       (*first, directory, variants(settings)), fds=fds)

    (area / 'alice/file').write_text('x')
    directory = opened(area / 'alice').list
    cases = {
        'a file': answer(DIRECTORY, opened(area / 'alice/file', os.O_RDONLY).list),
        'a device': answer(DIRECTORY, opened('/dev/null', os.O_RDONLY).list),
        'O_PATH': answer(DIRECTORY, opened(area / 'alice', os.O_PATH | os.O_DIRECTORY).list),
        'out of range': answer({'DirectoryFd': GLib.Variant('h', 1)}, directory),
        'far out of range': answer({'DirectoryFd': GLib.Variant('h', 2147483647)}, directory),
        'below zero': answer({'DirectoryFd': GLib.Variant('h', -1)}, directory),
        'not in the message': answer(DIRECTORY, None),
        'beside a path': answer(DIRECTORY, directory, f'{area}/alice'),
        'beside a malformed path': answer(DIRECTORY, directory, 'alice'),
    }
    for case, error in cases.items():
        assert error.name == f'{ERROR}InvalidParameter', f'{case}: {error}'
        assert 'DirectoryFd' in error.message, f'{case}: {error}'
    for value in (GLib.Variant('u', 0), GLib.Variant('s', '0')):
        error = answer({'DirectoryFd': value}, directory)
        assert error.name == f'{ERROR}IncorrectDataType' and 'DirectoryFd' in error.message, error
    # A descriptor that no setting speaks of is no directory.
    assert answer({}, directory).name == f'{ERROR}InvalidParameter'
    assert alice.jobs() == before
    assert names(area / 'alice') == ['file']


def test_the_number_counts(package, alice, opened):
    """The second descriptor of a message, after one of something else."""
    both = Gio.UnixFDList.new()
    for held in (opened('/dev/null', os.O_RDONLY), opened(package)):
        both.append(held.fd)
    settings = alice.call(STORE, MANAGER, 'GetImportSettings', '(sa{sv})',
                          ('', {'DirectoryFd': GLib.Variant('h', 1)}), fds=both)
    assert settings['Name'] == 'web'


def test_errors_of_the_directory_itself(machine, alice, area, opened, users):
    """What a path fails with, in words that name the setting."""
    empty, full = area / 'alice/empty', area / 'alice/full'
    for folder in (empty, full):
        folder.mkdir()
        users['alice'].own(folder)
    (full / 'mine').write_text('precious')
    before = tree(area / 'alice')
    error = job_failure(alice, export, alice, machine, opened(full))
    assert error.name == f'{ERROR}Exists' and 'DirectoryFd' in error.message, error
    check = refused(ask, alice, 'CheckExport', opened(full), machine)
    assert (check.name, check.message) == (error.name, error.message)
    for start in (import_, verify):
        error = job_failure(alice, start, alice, opened(empty))
        assert error.name == f'{ERROR}NotFound' and 'DirectoryFd' in error.message, error
    assert tree(area / 'alice') == before


# Rights

@pytest.mark.modes('system')
def test_the_right_is_asked_for_all_the_same(machine, bob, area, opened):
    held = opened(area / 'bob')
    assert refused(export, bob, machine, held).name \
        == 'org.freedesktop.DBus.Error.InteractiveAuthorizationRequired'
    assert names(area / 'bob') == []


@pytest.mark.modes('system')
def test_what_a_prompt_says(machine, polkit, bob, area, opened):
    """No path is claimed, so none is shown."""
    polkit.rules('''
        if (subject.user != "bob" || action.id != "org.vmport.export")
            return polkit.Result.NOT_HANDLED;
        return action.lookup("directory") == "a folder that the program has opened"
               ? polkit.Result.YES : polkit.Result.NO;''')
    bob.wait(export(bob, machine, opened(area / 'bob')))
    assert (area / 'bob/vmport.xml').is_file()


# What is left

def open_in(daemon, *paths):
    """How many descriptors of the daemon's lead to or below one of the paths."""
    count = 0
    for fd in os.listdir(f'/proc/{daemon.process.pid}/fd'):
        try:
            target = os.readlink(f'/proc/{daemon.process.pid}/fd/{fd}')
        except FileNotFoundError:
            continue
        count += any(target == str(path) or target.startswith(f'{path}/') for path in paths)
    return count


def test_the_daemon_keeps_no_descriptor(machine, daemon, alice, lent, opened):
    held = opened(lent)
    refused(export, alice, machine, held, NoSuchKey=True)
    refused(ask, alice, 'CheckImport', held)
    alice.wait(export(alice, machine, held))
    alice.wait(verify(alice, held))
    refused(alice.wait, export(alice, machine, held))
    wait_on_disk(lambda: open_in(daemon, lent) == 0, 'the daemon to let go of the folder')


def test_a_call_that_waits_keeps_no_descriptor(daemon, alice, root, make_vm, area, opened):
    """A message may bring sixteen, and there are a thousand calls that wait."""
    machine = make_vm('big', [random_disk(2)])
    hold_copy = Hold(daemon, Recorder(root), 'Copying')
    job = alice.export(machine, area / 'alice/package', HELD)
    hold_copy.wait()
    other = area / 'alice/other'
    other.mkdir()
    held = opened(other)
    waiting = [alice.start(job, JOB, 'Wait', '(a{sv})', ({},), fds=held.list) for _ in range(4)]
    alice.job(job)   # the daemon has had the calls before this one
    wait_on_disk(lambda: open_in(daemon, other) == 0, 'the daemon to let go of what came with Wait')
    hold_copy.release()
    for pending in waiting:
        assert pending.result()['ExportPath']


@pytest.mark.parametrize('subdirectory', [False, True])
@pytest.mark.parametrize('phase', ['Copying', 'Syncing'])
def test_cancelled(daemon, alice, root, make_vm, lent, opened, phase, subdirectory):
    machine = make_vm('big', [block_disk() if phase == 'Syncing' else random_disk(2)])
    held = opened(lent)
    hold_copy = Hold(daemon, Recorder(root), phase)
    job = export(alice, machine, held, CreateVmExportSubdirectory=subdirectory, **HELD)
    hold_copy.wait()
    alice.cancel(job)
    hold_copy.release()
    assert refused(alice.wait, job).name == f'{ERROR}Cancelled'
    assert names(lent) == [] and alice.describe(job)['Leftovers'] == []
    alice.wait(export(alice, machine, held, CreateVmExportSubdirectory=subdirectory))


def test_cancelled_after_it_was_moved(daemon, alice, root, make_vm, area, users, opened):
    machine = make_vm('big', [random_disk(2)])
    folder = area / 'alice/folder'
    folder.mkdir()
    users['alice'].own(folder)
    held = opened(folder)
    hold_copy = Hold(daemon, Recorder(root), 'Copying')
    job = export(alice, machine, held, **HELD)
    hold_copy.wait()
    folder.rename(area / 'bob/folder')
    alice.cancel(job)
    hold_copy.release()
    assert refused(alice.wait, job).name == f'{ERROR}Cancelled'
    assert names(area / 'bob/folder') == []


@pytest.mark.parametrize('subdirectory', [False, True])
def test_full_disk(daemon, alice, make_vm, area, users, opened, subdirectory):
    """A small real file system that fills up in the middle: what was announced as holes is more."""
    image, mount = area / 'small.img', area / 'bob/small'
    with open(image, 'wb') as file:
        file.truncate(16 * MIB)
    subprocess.run(('mkfs.ext4', '-q', '-m', '0', image), check=True)
    mount.mkdir()
    subprocess.run(('mount', '-o', 'loop', image, mount), check=True)
    shutil.rmtree(mount / 'lost+found')
    users['alice'].own(mount)
    # Another has the rest by the time that it is needed: the check beforehand sees enough.
    machine = make_vm('web', [random_disk(8)])
    held = opened(mount)
    recorder = Recorder(alice)
    filled = []

    def fill(signal):
        if signal.name == 'Progress' and signal.arguments[3] == 'Copying' and not filled:
            filled.append(True)
            with open(area / 'bob/small/fill', 'wb') as file:
                try:
                    while True:
                        file.write(b'x' * 65536)
                        file.flush()
                except OSError:
                    pass
            alice.start(signal.path, JOB, 'SetBandwidthLimit', '(ta{sv})', (0, {}))

    recorder.on(fill)
    job = export(alice, machine, held, CreateVmExportSubdirectory=subdirectory, **HELD)
    error = refused(alice.wait, job)
    assert error.name == f'{ERROR}NoSpace', error
    assert names(mount) == ['fill'], 'a failed export leaves nothing'
    assert alice.describe(job)['Leftovers'] == []
    recorder.close()


@pytest.mark.parametrize('by', ['descriptor', 'path'])
def test_something_in_the_way_at_the_end(daemon, alice, root, make_vm, area, opened, by):
    """A file of the package's name that came while it was written stays, and nothing else."""
    machine = make_vm('big', [random_disk(2)])
    hold_copy = Hold(daemon, Recorder(root), 'Copying')
    if by == 'path':
        job = alice.export(machine, area / 'alice', {'CreateVmExportSubdirectory': True, **HELD})
    else:
        job = export(alice, machine, opened(area / 'alice'), CreateVmExportSubdirectory=True,
                     **HELD)
    hold_copy.wait()
    (area / 'alice/big').write_text('mine')
    hold_copy.release()
    assert refused(alice.wait, job).name == f'{ERROR}Exists'
    assert names(area / 'alice') == ['big'] and (area / 'alice/big').read_text() == 'mine'
    assert alice.describe(job)['Leftovers'] == []


def killed_in_the_middle(daemon, alice, root, machine, held, **settings):
    """An export whose daemon is killed while it copies, and a new daemon; its job."""
    hold_copy = Hold(daemon, Recorder(root), 'Copying')
    job = export(alice, machine, held, **settings, **HELD)
    hold_copy.wait()
    daemon.fatal = 'fatal-criticals'   # it warns of what is left
    daemon.kill()
    return job


@pytest.mark.parametrize('subdirectory', [False, True])
def test_killed_where_the_path_is_known(daemon, alice, root, make_vm, area, opened, subdirectory):
    """The descriptor is gone with the daemon, but alice has a way to the folder."""
    held = opened(area / 'alice')
    job = killed_in_the_middle(daemon, alice, root, make_vm('big', [random_disk(2)]), held,
                               CreateVmExportSubdirectory=subdirectory)
    assert list((area / 'alice').rglob('.vmport-*'))
    daemon.start()
    assert refused(alice.wait, job).name == f'{ERROR}Interrupted'
    assert names(area / 'alice') == [] and alice.describe(job)['Leftovers'] == []


@pytest.mark.parametrize('subdirectory', [False, True])
def test_killed_where_no_path_leads(daemon, alice, root, make_vm, area, lent, opened, subdirectory):
    """Until a job is about the same folder, Describe tells what is left."""
    machine = make_vm('big', [random_disk(2)])
    held = opened(lent)
    job = killed_in_the_middle(daemon, alice, root, machine, held,
                               CreateVmExportSubdirectory=subdirectory)
    staging, = lent.rglob('.vmport-*')
    for _ in range(2):
        daemon.start()
        assert refused(alice.wait, job).name == f'{ERROR}Interrupted'
        assert alice.describe(job)['Leftovers'] == ['big' if subdirectory else staging.name]
        assert not daemon.workers(), 'it is not tried again and again'
        daemon.kill()
    daemon.start()
    # Another folder does not touch it; another descriptor of the same one does.
    (area / 'alice/other').mkdir()
    job_failure(alice, verify, alice, opened(area / 'alice/other'))
    assert staging.exists()
    other = opened(lent)
    alice.wait(export(alice, machine, other, CreateVmExportSubdirectory=subdirectory))
    assert not staging.exists()
    assert alice.describe(job)['Leftovers'] == []
    refused(alice.wait, job)
    wait_on_disk(lambda: open_in(daemon, lent) == 0, 'the daemon to let go of the folder')


def test_killed_and_moved(daemon, alice, root, make_vm, area, users, opened):
    """The path leads to another folder now, whose content is none of ours."""
    folder, moved = area / 'alice/folder', area / 'alice/moved'
    folder.mkdir()
    users['alice'].own(folder)
    job = killed_in_the_middle(daemon, alice, root, make_vm('big', [random_disk(2)]),
                               opened(folder))
    staging, = folder.rglob('.vmport-*')
    folder.rename(moved)
    (folder / staging.name).mkdir(parents=True)
    subprocess.run(('chown', '-R', 'alice:', folder), check=True)
    daemon.start()
    assert alice.describe(job)['Leftovers'] == [str(folder)]
    assert (moved / staging.name).exists() and (folder / staging.name).exists()
    shutil.rmtree(folder)
    moved.rename(folder)
    # A job that names the folder by its path does as well.
    assert job_failure(alice, alice.import_, folder).name == f'{ERROR}NotFound'
    assert names(folder) == [] and alice.describe(job)['Leftovers'] == []


def test_rolled_back_when_the_folder_can_be_written_again(daemon, alice, root, make_vm, lent,
                                                          opened):
    """While the daemon lives: the folder was made unwritable in the middle."""
    daemon.fatal = 'fatal-criticals'
    daemon.restart()
    machine = make_vm('big', [random_disk(2)])
    held = opened(lent)
    hold_copy = Hold(daemon, Recorder(root), 'Copying')
    job = export(alice, machine, held, **HELD)
    hold_copy.wait()
    lent.chmod(0o500)
    alice.cancel(job)
    hold_copy.release()
    assert refused(alice.wait, job).name == f'{ERROR}Cancelled'
    staging, = lent.rglob('.vmport-*')
    assert alice.describe(job)['Leftovers'] == [staging.name]
    wait_on_disk(lambda: open_in(daemon, lent) == 0, 'the daemon to let go of the folder')
    lent.chmod(0o700)
    alice.wait(export(alice, machine, held))
    assert not staging.exists() and alice.describe(job)['Leftovers'] == []
