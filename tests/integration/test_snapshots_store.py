"""Snapshots that the store has: trees put there by hand, as the bus shows them and to whom."""

import subprocess

import pytest

from rig.caller import (ERROR, MACHINE, MANAGER, SNAPSHOT, STORE, UNKNOWN_OBJECT, refused)
from rig.jobs import job_failure
from rig.machines import Disk, bare_directory
from rig.snapshots import Snapshot, add, folder, path_of

NEVER = '/org/vmport/VirtualMachine/store/00000000_0000_4000_8000_000000000000'
PROPERTIES = {'Name', 'Parent', 'CreationTime', 'State', 'Current', 'Storage'}


def show(caller, machine):
    """{name: properties}, in the order of the machine's property."""
    paths = caller.get(machine, MACHINE, 'Snapshots')
    found = [caller.get_all(path, SNAPSHOT) for path in paths]
    assert paths == [path_of(machine, snapshot['Name']) for snapshot in found]
    return {snapshot['Name']: snapshot for snapshot in found}


def make_overlay(path, base):
    path.parent.mkdir(parents=True, mode=0o700)
    subprocess.run(('qemu-img', 'create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', base, path),
                   check=True)
    return path


@pytest.fixture
def tree(daemon, alice, make_vm):
    """Three levels and two branches: internal ones in the disk's image, and an external one whose
    overlay is what the machine runs on."""
    machine = make_vm('web', [Disk(name='a.qcow2')])
    base, = alice.get(machine, MACHINE, 'ResourcePaths')
    for name in ('first', 'child', 'other & <branch>'):
        subprocess.run(('qemu-img', 'snapshot', '-c', name, base), check=True)
    overlay = make_overlay(folder(daemon, machine) / 'ext ü/a.qcow2', base)
    memory = overlay.with_name('memory.save')
    memory.write_bytes(b'LibvirtQemudSave' + bytes(100))
    add(daemon, machine, [
        Snapshot('child', parent='first', time=20),
        Snapshot('first', time=10, description='an & <old> one'),
        Snapshot('other & <branch>', parent='first', time=15, state='running', memory='internal'),
        Snapshot('ext ü', parent='child', time=30, state='paused', memory=memory,
                 overlays={'vda': overlay}, current=True),
    ], {'vda': [overlay, base]})
    return machine


def test_tree(tree, alice):
    snapshots = show(alice, tree)
    assert list(snapshots) == ['first', 'other & <branch>', 'child', 'ext ü'], \
        'parents before their children'
    assert all(set(snapshot) == PROPERTIES for snapshot in snapshots.values())
    assert {name: snapshot['Parent'] for name, snapshot in snapshots.items()} == {
        'first': '/', 'other & <branch>': path_of(tree, 'first'),
        'child': path_of(tree, 'first'), 'ext ü': path_of(tree, 'child')}
    assert [snapshot['State'] for snapshot in snapshots.values()] \
        == ['off', 'running', 'off', 'paused']
    assert [snapshot['Storage'] for snapshot in snapshots.values()] \
        == ['internal', 'internal', 'internal', 'external']
    assert [name for name, snapshot in snapshots.items() if snapshot['Current']] == ['ext ü']
    assert snapshots['ext ü']['CreationTime'] == 30_000_000
    assert alice.machines()[tree]['Snapshots'] == [path_of(tree, name) for name in snapshots]
    for name, value in snapshots['ext ü'].items():
        assert alice.get(path_of(tree, 'ext ü'), SNAPSHOT, name) == value
    assert 'snapshots' in alice.get(STORE, MANAGER, 'Features')


def test_what_is_no_snapshot(tree, alice, make_vm):
    """All the same answer, by whatever the path fails."""
    good = path_of(tree, 'first')
    other = make_vm('other')
    wrong = (path_of(tree, 'never'), path_of(other, 'first'), path_of(NEVER, 'first'),
             good.upper().replace('/ORG/VMPORT/SNAPSHOT/STORE', '/org/vmport/Snapshot/store'),
             good[:-1], f'{good}_', f'{good}_7a', good.replace('first', '_66irst'),
             good.replace('_first', 'first'), good.replace('_first', ''),
             '/org/vmport/Snapshot/store/first', path_of(tree, 'ext ü').replace('_c3', '_C3'))
    said = set()
    for path in wrong:
        for call in (lambda: alice.get(path, SNAPSHOT, 'Name'),
                     lambda: alice.get_all(path, SNAPSHOT)):
            error = refused(call)
            said.add((error.name, error.message.replace(path, 'PATH')))
    assert len(said) == 1 and said.pop()[0] == UNKNOWN_OBJECT
    assert alice.get(good, SNAPSHOT, 'Name') == 'first'


def test_snapshots_are_seen_with_their_machine(tree, alice, dave, polkit):
    """The right to view is asked for at each read; without it nothing tells the two apart."""
    path = path_of(tree, 'first')
    answers = set()
    for asked in (path, path_of(tree, 'never'), path_of(NEVER, 'first')):
        for call in (lambda: dave.get(asked, SNAPSHOT, 'Name'),
                     lambda: dave.get_all(asked, SNAPSHOT)):
            error = refused(call)
            answers.add((error.name, error.message.replace(asked, 'PATH')))
    assert len(answers) == 1 and answers.pop()[0] == UNKNOWN_OBJECT
    assert alice.get(path, SNAPSHOT, 'Name') == 'first'
    polkit.rules('return action.id == "org.vmport.view" && action.lookup("vm_name") == "web"'
                 ' ? polkit.Result.NO : null;')
    assert refused(alice.get, path, SNAPSHOT, 'Name').name == UNKNOWN_OBJECT
    polkit.rules()
    assert alice.get(path, SNAPSHOT, 'Name') == 'first'


@pytest.mark.parametrize('text', [b'', b'<domainsnapshot', b'<domainsnapshot/>', b'\0', None],
                         ids=['empty', 'cut off', 'without anything', 'noise', 'a folder of links'])
def test_a_snapshot_that_cannot_be_read(tree, daemon, alice, area, text):
    """The machine is there and says so; an export that left out what it cannot read would lose it."""
    document = folder(daemon, tree) / '9.xml'
    if text is None:
        document.symlink_to('0.xml')
    else:
        document.write_bytes(text)
    daemon.fatal = 'fatal-criticals'
    daemon.restart()
    assert alice.machines()[tree]['Snapshots'] == []
    assert refused(alice.get, path_of(tree, 'first'), SNAPSHOT, 'Name').name == UNKNOWN_OBJECT
    error = refused(alice.export, tree, area / 'alice/package')
    assert '9.xml' in error.message and error.name.startswith(ERROR)
    assert '9.xml' in daemon.log(), 'the administrator is told which file is wrong'
    document.unlink()
    daemon.restart()
    assert set(show(alice, tree)) == {'first', 'child', 'other & <branch>', 'ext ü'}


@pytest.mark.parametrize('storage', [True, False])
def test_delete(tree, daemon, root, recorder, storage):
    place = folder(daemon, tree)
    kept = sorted(place.rglob('*'))
    root.delete(tree, storage)
    assert refused(root.get, path_of(tree, 'first'), SNAPSHOT, 'Name').name == UNKNOWN_OBJECT
    assert sorted(place.rglob('*')) == ([] if storage else kept)
    assert place.parent.exists() != storage


def test_delete_spares_what_another_machine_uses(tree, daemon, root, alice, make_vm):
    """A base that another machine goes on with, by a chain or by a snapshot of its own."""
    place = folder(daemon, tree)
    overlay, base = place / 'ext ü/a.qcow2', alice.get(tree, MACHINE, 'ResourcePaths')[0]
    second = make_vm('second', [Disk(name='b.qcow2')])
    disk, = alice.get(second, MACHINE, 'ResourcePaths')
    add(daemon, second, [Snapshot('s', chains={'vda': [overlay]})])
    assert base == str(overlay) and disk != base
    root.delete(tree, True)
    assert [path.name for path in place.rglob('*') if path.is_file()] == ['a.qcow2']
    assert sorted(path.name for path in place.parent.iterdir()) == ['Snapshots']
    root.delete(second, True)
    assert overlay.exists(), 'it lies among what is not its own'


@pytest.mark.parametrize('kind', ['overlay', 'lower image'])
def test_in_place_import_of_a_snapshots_file(daemon, make_vm, carol, area, users, kind):
    """A file of a snapshot belongs to its machine as much as the disks do, wherever it lies."""
    bare = bare_directory(area / 'carol/bare', 'other', [Disk(name='o.qcow2')], owner=users['carol'])
    image = bare / 'o.qcow2'
    images = {'overlays': {'vda': image}} if kind == 'overlay' else {'chains': {'vda': [image]}}
    add(daemon, make_vm('web', [Disk(name='a.qcow2')]), [Snapshot('s', **images)])
    error = job_failure(carol, carol.import_, bare, {'CreateCopy': False, 'Name': 'other'})
    assert error.name == f'{ERROR}InUse'
    assert image.exists()
