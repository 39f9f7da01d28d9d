"""DirectoryFd where a machine goes on using what lies beneath it: targets, and import in place.

A machine has its files by path, so there the directory must have one that its caller can go.
"""

import subprocess

import pytest

from rig.caller import ERROR, refused
from rig.folder import ask, errors, import_
from rig.jobs import HELD, Hold, job_failure
from rig.machines import Disk, bare_directory, domain_xml, names, random_disk, same_content, tree
from rig.recorder import Recorder


pytestmark = pytest.mark.modes('system', 'session')


@pytest.fixture
def home(area, operator):
    return area / operator.user.name


@pytest.fixture
def bare(daemon, home, operator):
    """The operator, who may import in place, has a bare directory with folders for targets."""
    folder = bare_directory(home / 'bare', 'old', owner=operator.user)
    for name in ('disks', 'data'):
        (folder / name).mkdir()
        operator.user.own(folder / name)
    return folder


def paths(caller, result):
    return caller.machines()[result['ImportedVirtualMachine']]['ResourcePaths']


@pytest.mark.parametrize('settings, where', [
    ({'TargetVhdDataRoot': 'disks'}, 'disks/old.qcow2'),
    ({'TargetResourcePaths': ['disks/mine.qcow2']}, 'disks/mine.qcow2'),
    ({'TargetResourcePaths': ['mine.qcow2']}, 'mine.qcow2')],
    ids=['root', 'path', 'top'])
def test_targets_beneath_it(bare, operator, home, opened, settings, where):
    held = opened(bare)
    bare.rename(home / 'moved')
    assert errors(ask(operator, 'CheckImport', held, **settings)) == []
    path, = paths(operator, operator.wait(import_(operator, held, **settings)))
    assert path == f'{home}/moved/{where}', 'where the directory is now'
    assert same_content(path, 'qcow2', home / 'moved/old.qcow2', 'qcow2')


@pytest.mark.parametrize('target', ['disks/old.qcow2', 'taken.qcow2'])
def test_taken_target(bare, operator, opened, target):
    """The resolution is a setting that can be handed back, beneath the directory too."""
    operator.user.own(bare_directory(bare / 'x', 'x').parent / 'x/x.qcow2')
    (bare / 'x/x.qcow2').rename(bare / target)
    held = opened(bare)
    settings = {'TargetResourcePaths': [target]}
    found = ask(operator, 'CheckImport', held, **settings)
    assert errors(found) == ['TargetExists']
    for finding in found:
        settings.update(finding['Resolution'])
    assert errors(ask(operator, 'CheckImport', held, **settings)) == []
    path, = paths(operator, operator.wait(import_(operator, held, **settings)))
    assert path.startswith(f'{bare}/') and path != f'{bare}/{target}'


def test_missing_target_folder(bare, operator, opened):
    held = opened(bare)
    assert errors(ask(operator, 'CheckImport', held, TargetVhdDataRoot='none')) == ['TargetMissing']
    before = tree(bare)
    assert job_failure(operator, import_, operator, held, TargetVhdDataRoot='none').name \
        == f'{ERROR}InvalidParameter'
    assert tree(bare) == before


def test_target_behind_a_link(bare, operator, home, opened):
    """The operator may write where it leads; it is not beneath what was passed."""
    (home / 'outside').mkdir()
    (bare / 'link').symlink_to(home / 'outside')
    subprocess.run(('chown', '-hR', f'{operator.user}:', home), check=True)
    held = opened(bare)
    for settings in ({'TargetVhdDataRoot': 'link'}, {'TargetResourcePaths': ['link/x.qcow2']}):
        assert refused(ask, operator, 'CheckImport', held, **settings).name == f'{ERROR}Unsafe'
        assert job_failure(operator, import_, operator, held, **settings).name == f'{ERROR}Unsafe'
    assert names(home / 'outside') == []


@pytest.fixture
def hidden(area, operator, daemon):
    """A folder of the operator's that they have no way to."""
    folder = bare_directory(area / 'bob/bare', 'old', owner=operator.user)
    (folder / 'disks').mkdir()
    operator.user.own(folder / 'disks')
    return folder


@pytest.mark.parametrize('settings', [{'TargetVhdDataRoot': 'disks'},
                                      {'TargetResourcePaths': ['disks/x.qcow2']},
                                      {'CreateCopy': False}], ids=['root', 'path', 'in place'])
def test_no_path_for_the_machine(hidden, operator, opened, settings):
    """The check says the same."""
    held = opened(hidden)
    before = tree(hidden)
    error = job_failure(operator, import_, operator, held, **settings)
    assert error.name == f'{ERROR}NotSupported', error
    check = refused(ask, operator, 'CheckImport', held, **settings)
    assert (check.name, check.message) == (error.name, error.message)
    assert tree(hidden) == before and operator.machines() == {}
    operator.wait(import_(operator, held))


def test_in_place(bare, operator, home, opened):
    held = opened(bare)
    bare.rename(home / 'moved')
    before = tree(home / 'moved')
    assert errors(ask(operator, 'CheckImport', held, CreateCopy=False)) == []
    path, = paths(operator, operator.wait(import_(operator, held, CreateCopy=False)))
    assert path == f'{home}/moved/old.qcow2'
    assert tree(home / 'moved') == before
    assert job_failure(operator, import_, operator, held, CreateCopy=False, Name='again').name \
        == f'{ERROR}InUse'


def test_in_place_with_a_chain(daemon, operator, home, opened):
    """The lower image is found beside a top image that lies at the top of the directory."""
    folder = home / 'chain'
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
    subprocess.run(('chown', '-R', f'{operator.user}:', folder), check=True)
    (folder / 'top.qcow2').rename(folder / 'renamed.qcow2')
    held = opened(folder)
    settings = {'CreateCopy': False, 'SourceResourcePaths': ['renamed.qcow2']}
    assert errors(ask(operator, 'CheckImport', held, **settings)) == []
    result = operator.wait(import_(operator, held, **settings))
    assert paths(operator, result) == [f'{folder}/renamed.qcow2']
    configuration = operator.configuration(result['ImportedVirtualMachine'])
    assert f'{folder}/base.raw' in configuration and '/./' not in configuration


@pytest.fixture
def big(daemon, home, operator):
    folder = bare_directory(home / 'big', 'old', [random_disk(2)], owner=operator.user)
    (folder / 'disks').mkdir()
    operator.user.own(folder / 'disks')
    return folder


@pytest.mark.parametrize('end', ['cancelled', 'killed'])
def test_nothing_of_a_target_is_left(big, daemon, operator, root, opened, area, end):
    held = opened(big)
    before = names(big)
    hold = Hold(daemon, Recorder(root), 'Copying')
    job = import_(operator, held, TargetVhdDataRoot='disks', **HELD)
    hold.wait()
    assert list((big / 'disks').glob('.vmport-*'))
    if end == 'cancelled':
        # Taken back by the descriptor, wherever it is now.
        big.rename(area / 'bob/away')
        operator.cancel(job)
        hold.release()
        assert refused(operator.wait, job).name == f'{ERROR}Cancelled'
        (area / 'bob/away').rename(big)
    else:
        daemon.kill()
        daemon.start()
        assert refused(operator.wait, job).name == f'{ERROR}Interrupted'
    assert names(big) == before and operator.describe(job)['Leftovers'] == []


def test_a_target_of_a_killed_daemon_that_was_moved(big, daemon, operator, root, opened, area):
    """Until a job is about the same directory."""
    held = opened(big)
    before = names(big)
    hold = Hold(daemon, Recorder(root), 'Copying')
    job = import_(operator, held, TargetVhdDataRoot='disks', **HELD)
    hold.wait()
    daemon.fatal = 'fatal-criticals'   # it warns of what is left
    daemon.kill()
    away = big.rename(area / 'bob/away')
    daemon.start()
    left, = (away / 'disks').glob('.vmport-*')
    assert any(path.endswith(left.name) for path in operator.describe(job)['Leftovers'])
    operator.wait(import_(operator, held))
    assert names(away) == before and operator.describe(job)['Leftovers'] == []
