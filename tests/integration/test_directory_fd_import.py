"""DirectoryFd where a machine goes on using what lies beneath it: targets, and import in place.

A machine has its files by path, so there the directory must have one that its caller can go.
"""

import subprocess

import pytest
from gi.repository import GLib

from rig.caller import ERROR, refused
from rig.folder import ask, errors, import_
from rig.jobs import Hold, job_failure
from rig.machines import Disk, bare_directory, domain_xml, names, random_disk, same_content, tree
from rig.recorder import Recorder


@pytest.fixture
def carols(daemon, area, users):
    """A bare directory of carol's, who may import in place, with folders for targets."""
    folder = bare_directory(area / 'carol/bare', 'old', owner=users['carol'])
    for name in ('disks', 'data'):
        (folder / name).mkdir()
        users['carol'].own(folder / name)
    return folder


def paths(caller, result):
    return caller.machines()[result['ImportedVirtualMachine']]['ResourcePaths']


@pytest.mark.parametrize('settings, where', [
    ({'TargetVhdDataRoot': 'disks'}, 'disks/old.qcow2'),
    ({'TargetResourcePaths': ['disks/mine.qcow2']}, 'disks/mine.qcow2'),
    ({'TargetResourcePaths': ['mine.qcow2']}, 'mine.qcow2')],
    ids=['root', 'path', 'top'])
def test_targets_beneath_it(carols, carol, area, opened, settings, where):
    held = opened(carols)
    carols.rename(area / 'carol/moved')
    assert errors(ask(carol, 'CheckImport', held, **settings)) == []
    path, = paths(carol, carol.wait(import_(carol, held, **settings)))
    assert path == f'{area}/carol/moved/{where}', 'where the directory is now'
    assert same_content(path, 'qcow2', area / 'carol/moved/old.qcow2', 'qcow2')


@pytest.mark.parametrize('target', ['disks/old.qcow2', 'taken.qcow2'])
def test_taken_target(carols, carol, opened, users, target):
    """The resolution is a setting that can be handed back, beneath the directory too."""
    users['carol'].own(bare_directory(carols / 'x', 'x').parent / 'x/x.qcow2')
    (carols / 'x/x.qcow2').rename(carols / target)
    held = opened(carols)
    settings = {'TargetResourcePaths': [target]}
    found = ask(carol, 'CheckImport', held, **settings)
    assert errors(found) == ['TargetExists']
    for finding in found:
        settings.update(finding['Resolution'])
    assert errors(ask(carol, 'CheckImport', held, **settings)) == []
    path, = paths(carol, carol.wait(import_(carol, held, **settings)))
    assert path.startswith(f'{carols}/') and path != f'{carols}/{target}'


def test_missing_target_folder(carols, carol, opened):
    held = opened(carols)
    assert errors(ask(carol, 'CheckImport', held, TargetVhdDataRoot='none')) == ['TargetMissing']
    before = tree(carols)
    assert job_failure(carol, import_, carol, held, TargetVhdDataRoot='none').name \
        == f'{ERROR}InvalidParameter'
    assert tree(carols) == before


def test_target_behind_a_link(carols, carol, area, opened):
    """carol may write where it leads; it is not beneath what she passed."""
    (area / 'carol/outside').mkdir()
    (carols / 'link').symlink_to(area / 'carol/outside')
    subprocess.run(('chown', '-hR', 'carol:', area / 'carol'), check=True)
    held = opened(carols)
    for settings in ({'TargetVhdDataRoot': 'link'}, {'TargetResourcePaths': ['link/x.qcow2']}):
        assert refused(ask, carol, 'CheckImport', held, **settings).name == f'{ERROR}Unsafe'
        assert job_failure(carol, import_, carol, held, **settings).name == f'{ERROR}Unsafe'
    assert names(area / 'carol/outside') == []


@pytest.fixture
def hidden(area, users, daemon):
    """A folder of carol's that she has no way to."""
    folder = bare_directory(area / 'bob/bare', 'old', owner=users['carol'])
    (folder / 'disks').mkdir()
    users['carol'].own(folder / 'disks')
    return folder


@pytest.mark.parametrize('settings', [{'TargetVhdDataRoot': 'disks'},
                                      {'TargetResourcePaths': ['disks/x.qcow2']},
                                      {'CreateCopy': False}], ids=['root', 'path', 'in place'])
def test_no_path_for_the_machine(hidden, carol, opened, settings):
    """The check says the same."""
    held = opened(hidden)
    before = tree(hidden)
    error = job_failure(carol, import_, carol, held, **settings)
    assert error.name == f'{ERROR}NotSupported', error
    check = refused(ask, carol, 'CheckImport', held, **settings)
    assert (check.name, check.message) == (error.name, error.message)
    assert tree(hidden) == before and carol.machines() == {}
    carol.wait(import_(carol, held))


def test_in_place(carols, carol, area, opened):
    held = opened(carols)
    carols.rename(area / 'carol/moved')
    before = tree(area / 'carol/moved')
    assert errors(ask(carol, 'CheckImport', held, CreateCopy=False)) == []
    path, = paths(carol, carol.wait(import_(carol, held, CreateCopy=False)))
    assert path == f'{area}/carol/moved/old.qcow2'
    assert tree(area / 'carol/moved') == before
    assert job_failure(carol, import_, carol, held, CreateCopy=False, Name='again').name \
        == f'{ERROR}InUse'


def test_in_place_with_a_chain(daemon, carol, area, opened):
    """The lower image is found beside a top image that lies at the top of the directory."""
    folder = area / 'carol/chain'
    folder.mkdir()
    subprocess.run(('qemu-img', 'create', '-q', '-f', 'raw', folder / 'base.raw', '8M'), check=True)
    subprocess.run(('qemu-img', 'create', '-q', '-f', 'qcow2', '-b', 'base.raw', '-F', 'raw',
                    folder / 'top.qcow2'), check=True)
    top = Disk(name='top.qcow2')
    (folder / 'old.xml').write_text(domain_xml('old', [top]).replace('<target dev=', f'''
      <backingStore type='file'>
        <format type='raw'/>
        <source file='{top.folder}/base.raw'/>
        <backingStore/>
      </backingStore>
      <target dev='''))
    subprocess.run(('chown', '-R', 'carol:', folder), check=True)
    (folder / 'top.qcow2').rename(folder / 'renamed.qcow2')
    held = opened(folder)
    settings = {'CreateCopy': False, 'SourceResourcePaths': ['renamed.qcow2']}
    assert errors(ask(carol, 'CheckImport', held, **settings)) == []
    result = carol.wait(import_(carol, held, **settings))
    assert paths(carol, result) == [f'{folder}/renamed.qcow2']
    configuration = carol.configuration(result['ImportedVirtualMachine'])
    assert f'{folder}/base.raw' in configuration and '/./' not in configuration


@pytest.fixture
def big(daemon, area, users):
    folder = bare_directory(area / 'carol/big', 'old', [random_disk(96)], owner=users['carol'])
    (folder / 'disks').mkdir()
    users['carol'].own(folder / 'disks')
    return folder


@pytest.mark.parametrize('end', ['cancelled', 'killed'])
def test_nothing_of_a_target_is_left(big, daemon, carol, root, opened, area, end):
    held = opened(big)
    before = names(big)
    hold = Hold(daemon, Recorder(root), 'Copying')
    job = import_(carol, held, TargetVhdDataRoot='disks')
    hold.wait()
    assert list((big / 'disks').glob('.vmport-*'))
    if end == 'cancelled':
        # Taken back by the descriptor, wherever it is now.
        big.rename(area / 'bob/away')
        carol.cancel(job)
        hold.release()
        assert refused(carol.wait, job).name == f'{ERROR}Cancelled'
        (area / 'bob/away').rename(big)
    else:
        daemon.kill()
        daemon.start()
        assert refused(carol.wait, job).name == f'{ERROR}Interrupted'
    assert names(big) == before and carol.describe(job)['Leftovers'] == []


def test_a_target_of_a_killed_daemon_that_was_moved(big, daemon, carol, root, opened, area):
    """Until a job is about the same directory."""
    held = opened(big)
    before = names(big)
    hold = Hold(daemon, Recorder(root), 'Copying')
    job = import_(carol, held, TargetVhdDataRoot='disks')
    hold.wait()
    daemon.fatal = 'fatal-criticals'   # it warns of what is left
    daemon.kill()
    away = big.rename(area / 'bob/away')
    daemon.start()
    left, = (away / 'disks').glob('.vmport-*')
    assert any(path.endswith(left.name) for path in carol.describe(job)['Leftovers'])
    carol.wait(import_(carol, held, BandwidthLimit=GLib.Variant('t', 0)))
    assert names(away) == before and carol.describe(job)['Leftovers'] == []
