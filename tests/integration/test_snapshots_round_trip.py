"""Machines with snapshots through export, verification and import, on the store."""

import pathlib
import shutil
import xml.etree.ElementTree as ElementTree

import pytest
from gi.repository import GLib

from rig import packages, trees
from rig.caller import ERROR, MACHINE, MANAGER, STORE, Refused, refused, variants
from rig.jobs import HELD, Hold, failure, job_failure
from rig.machines import Disk, names
from rig.snapshots import path_of

DEVICES = f'''<interface type="user"><mac address="{trees.MAC}"/><model type="virtio"/></interface>'''


def mode(number, snapshot=None, **more):
    settings = {'CopySnapshotConfiguration': GLib.Variant('y', number), **more}
    return {**settings, 'SnapshotVirtualSystem': snapshot} if snapshot else settings


def check_export(caller, machine, folder, settings=None):
    return caller.call(STORE, MANAGER, 'CheckExport', '(osa{sv})',
                       (machine, str(folder), variants(settings)))


@pytest.fixture
def grow(daemon, make_vm):
    """grow('mixed'): a machine with the snapshots of that shape, and its Tree."""
    def make(shape, **options):
        machine = make_vm('web', [Disk(name='disk.qcow2', size=trees.MIB)], extra_devices=DEVICES)
        return machine, trees.plant(daemon, machine, shape, **options)
    return make


def assert_markers(daemon, machine):
    """The machine of the store, and each of its snapshots, has what it had."""
    found = trees.read_documents(daemon, machine)
    assert set(found) == set(trees.PARENTS)
    for name, root in found.items():
        held = root.find('disks/disk[@name="vda"]').get('snapshot') == 'internal'
        chain = [pathlib.Path(path) for path in trees.chain_of(root.find('domain'))]
        assert trees.marker(chain[0], name if held else None) == trees.MARKERS[name], name
        for image in chain:
            trees.check(image)
    configuration = ElementTree.parse(trees.stored.configuration(daemon, machine)).getroot()
    chain = trees.chain_of(configuration)
    assert trees.marker(pathlib.Path(chain[0])) == trees.MARKERS['now']


def assert_same_tree(daemon, machine):
    """Parents, times, descriptions and who is current, as they were; ids and adapters as the new
    machine has them."""
    configuration = ElementTree.parse(trees.stored.configuration(daemon, machine)).getroot()
    mac = configuration.find('devices/interface/mac').get('address')
    for name, root in trees.read_documents(daemon, machine).items():
        assert root.findtext('parent/name') == trees.PARENTS[name]
        assert root.findtext('creationTime') == str(trees.FIRST + list(trees.PARENTS).index(name))
        assert root.findtext('description') == f'as of {name}'
        assert (root.findtext('active') == '1') == (name == trees.CURRENT)
        domain = root.find('domain')
        assert domain.findtext('uuid') == configuration.findtext('uuid')
        assert domain.findtext('name') == configuration.findtext('name')
        assert domain.find('devices/interface/mac').get('address') == mac != trees.MAC


@pytest.mark.parametrize('shape', trees.SHAPES)
def test_all_snapshots(daemon, root, alice, area, grow, shape):
    """Mode 0: the whole tree, into a package that is whole, and out of it under a new name."""
    machine, _ = grow(shape)
    package = area / 'alice/package'
    assert not [finding for finding in check_export(alice, machine, package)
                if finding['Severity'] == 'error']
    alice.wait(alice.export(machine, package))
    packages.assert_package(package)
    packages.verify(alice, package)
    for name in names(package):
        if trees.is_qcow2(package / name):
            backing = trees.backing_name(package / name)
            assert backing is None or not backing.startswith('/'), 'names are relative'
            assert trees.marker(package / name) is not None, 'and lead to what they mean'
    root.delete(machine)
    result = alice.wait(alice.import_(package, {'Name': 'copy'}))
    copy = result['ImportedVirtualMachine']
    assert_markers(daemon, copy)
    assert_same_tree(daemon, copy)
    folder = trees.stored.configuration(daemon, copy).parent.parent
    for root_element in trees.read_documents(daemon, copy).values():
        for path in trees.chain_of(root_element.find('domain')):
            assert path.startswith(f'{folder}/')


def test_two_ways(daemon, root, alice, area, grow):
    """A package that came of an import is the same as the first one, ids apart."""
    machine, _ = grow('mixed')
    alice.wait(alice.export(machine, area / 'alice/first'))
    root.delete(machine)
    copy = alice.wait(alice.import_(area / 'alice/first'))['ImportedVirtualMachine']
    alice.wait(alice.export(copy, area / 'alice/second'))
    assert sorted(packages.members(area / 'alice/first').values()) \
        == sorted(packages.members(area / 'alice/second').values())
    packages.verify(alice, area / 'alice/second')


@pytest.mark.parametrize('shape', trees.SHAPES)
def test_none(daemon, root, alice, area, grow, shape):
    """Mode 1: the machine as it is now, in one image without a past; the source is as it was."""
    machine, tree = grow(shape)
    before = {path: path.read_bytes() for path in tree.folder.rglob('*') if path.is_file()}
    package = area / 'alice/package'
    alice.wait(alice.export(machine, package, mode(1)))
    packages.assert_package(package)
    (image,), = packages.drives(package).values()
    assert trees.marker(package / image[2]) == trees.MARKERS['now']
    assert trees.backing_name(package / image[2]) is None
    assert not trees.held_by(package / image[2])
    assert set(packages.members(package).values()) == {'configuration', 'disk'}
    assert before == {path: path.read_bytes() for path in tree.folder.rglob('*')
                      if path.is_file()}
    copy = alice.wait(alice.import_(package, {'Name': 'copy'}))['ImportedVirtualMachine']
    chain = trees.chain_of(ElementTree.fromstring(root.configuration(copy)))
    assert len(chain) == 1 and trees.marker(pathlib.Path(chain[0])) == trees.MARKERS['now']


@pytest.mark.parametrize('shape', trees.SHAPES)
def test_one(alice, area, grow, shape):
    """Modes 2 and 3: a machine of its own, as of then, under a new id or the old one."""
    machine, _ = grow(shape)
    uuid = machine.rpartition('/')[2].replace('_', '-')
    for number, name in enumerate(trees.PARENTS):
        keeps = number % 2
        path = path_of(machine, name)
        package = area / f'alice/package-{name}'
        alice.wait(alice.export(machine, package, mode(2 + keeps, path if keeps else name,
                                                       CopyVmStorage=False)))
        packages.assert_package(package)
        (image,), = packages.drives(package).values()
        assert trees.marker(package / image[2]) == trees.MARKERS[name]
        assert trees.backing_name(package / image[2]) is None
        trees.check(package / image[2])
        assert (packages.machine_uuid(package) == uuid) == bool(keeps)
        assert set(packages.members(package).values()) == {'configuration', 'disk'}


def test_memory(daemon, root, alice, area, make_vm):
    """It is the saved state of a machine that is made of the snapshot, and goes along with all of
    them, in the image or in its file."""
    machine = make_vm('web', [Disk(name='disk.qcow2', size=trees.MIB)])
    trees.plant_memory(daemon, machine)
    for number in (2, 3):
        package = area / f'alice/package-{number}'
        alice.wait(alice.export(machine, package, mode(number, 's1')))
        packages.verify(alice, package)
        assert packages.state(package) == 'saved'
        state, = package.glob('Virtual Machines/*/state.save')
        assert state.read_bytes()[:16] == b'LibvirtQemudSave'
        assert packages.machine_uuid(package).encode() in state.read_bytes()[:65536]
        (image,), = packages.drives(package).values()
        assert trees.marker(package / image[2]) == trees.MARKERS['s1']
        assert not trees.held_by(package / image[2])
        copy = alice.wait(alice.import_(package, {'Name': f'copy-{number}'}))
        assert root.get(copy['ImportedVirtualMachine'], MACHINE, 'State') == 'saved'
    other = make_vm('other', [Disk(name='disk.qcow2', size=trees.MIB)])
    memory = trees.stored.configuration(daemon, other).parent.parent / 'Snapshots/s1/memory'
    memory.parent.mkdir(parents=True)
    memory.write_bytes(state.read_bytes())
    trees.plant_memory(daemon, other, memory)
    package = area / 'alice/other'
    alice.wait(alice.export(other, package))
    assert packages.members(package)['Snapshots/s1/memory.save'] == 'snapshot-memory'
    packages.verify(alice, package)
    copy = alice.wait(alice.import_(package, {'Name': 'third'}))['ImportedVirtualMachine']
    found = pathlib.Path(trees.read_documents(daemon, copy)['s1'].find('memory').get('file'))
    assert found.read_bytes() == memory.read_bytes() and daemon.store in found.parents
    alice.wait(alice.export(other, area / 'alice/one', mode(2, 's1')))
    assert packages.state(area / 'alice/one') == 'saved'
    (package / 'Snapshots/s1/memory.save').unlink()
    found, = (finding for finding in alice.check_import(package, {'Name': 'fourth'})
              if finding['Severity'] == 'error')
    assert found['Code'] == 'SnapshotMissing'


def test_which_one(alice, area, grow):
    machine, _ = grow('internal')
    for settings, error in ((mode(2), 'InvalidParameter'), (mode(3), 'InvalidParameter'),
                            (mode(2, 's9'), 'NotFound'), (mode(3, '/org/vmport'), 'NotFound'),
                            (mode(2, machine), 'NotFound'),
                            (mode(0, ExcludedVirtualHardDisks=['vda']), 'InvalidParameter')):
        for method in (alice.export, lambda *given: check_export(alice, *given)):
            assert failure(alice, method, machine, area / 'alice/package', settings).name \
                == f'{ERROR}{error}', settings
    found = check_export(alice, machine, area / 'alice/package',
                         mode(2, 's1', CopyVmStorage=False, CopyVmRuntimeInformation=False))
    assert sorted(finding['Setting'] for finding in found if finding['Code'] == 'SettingUnused') \
        == ['CopyVmRuntimeInformation', 'CopyVmStorage']
    found = check_export(alice, machine, area / 'alice/package', mode(1, 's1'))
    assert [finding['Setting'] for finding in found if finding['Code'] == 'SettingUnused'] \
        == ['SnapshotVirtualSystem']


@pytest.mark.parametrize('shape', trees.SHAPES)
def test_in_place(daemon, root, area, grow, shape):
    """What the package holds is used where it lies, by one machine."""
    machine, _ = grow(shape)
    package = area / 'package'
    root.wait(root.export(machine, package))
    root.delete(machine)
    settings = {'CreateCopy': False}
    copy = root.wait(root.import_(package, settings))['ImportedVirtualMachine']
    assert_markers(daemon, copy)
    assert_same_tree(daemon, copy)
    for root_element in trees.read_documents(daemon, copy).values():
        for path in trees.chain_of(root_element.find('domain')):
            assert path.startswith(f'{package}/')
    assert job_failure(root, root.import_, package, settings).name == f'{ERROR}InUse'
    root.delete(copy, storage=False)
    root.wait(root.import_(package, settings))


def edit_document(package, name, *changes):
    """Replaces each (old, new) in a snapshot's document, and describes it well."""
    member = f'Snapshots/{name}.xml'
    text = (package / member).read_text()
    for old, new in changes:
        assert old in text, f'{old!r} is not in {member}, so this would test nothing'
        text = text.replace(old, new, 1)
    packages.replace_member(package, member, text.encode())


def edit_image(package, member, *command):
    trees.run('qemu-img', *command, package / member)
    packages.replace_member(package, member, (package / member).read_bytes())


def edit_descriptor(package, old, new):
    text = (package / 'vmport.xml').read_text()
    assert old in text
    (package / 'vmport.xml').write_text(text.replace(old, new, 1))


S1, S2 = 'Snapshots/s1/disk.s1.qcow2', 'Snapshots/s2/disk.s2.qcow2'
BASE = 'Virtual Hard Disks/disk.qcow2'
HOST = '<hostdev mode="subsystem" type="usb"><source><vendor id="0x1"/><product id="0x2"/></source>' \
       '</hostdev></devices>'
REBASE = ('rebase', '-u', '-f', 'qcow2', '-F', 'qcow2', '-b')
# What somebody may have done to a package: (change, error, does a verification see it?)
HOSTILE = {
    'a device of the host': (lambda p, tree: edit_document(p, 's2', ('</devices>', HOST)),
                             'Unsafe', False),
    'a kernel of the host': (lambda p, tree: edit_document(
        p, 's2', ('</os>', '<kernel>/etc/shadow</kernel></os>')), 'Unsafe', False),
    'another snapshot': (lambda p, tree: edit_document(p, 's2', ('<name>s2</name>', '<name>x</name>')),
                         'Corrupt', True),
    'no such parent': (lambda p, tree: edit_document(
        p, 's2', ('<parent>\n    <name>s1', '<parent>\n    <name>x')), 'Corrupt', False),
    'a circle of parents': (lambda p, tree: edit_document(
        p, 's1', ('<creationTime>', '<parent><name>s3</name></parent><creationTime>')),
        'Corrupt', False),
    'no document': (lambda p, tree: (p / 'Snapshots/s2.xml').unlink(), 'Corrupt', True),
    'another document': (lambda p, tree: (p / 'Snapshots/s2.xml').write_text(
        (p / 'Snapshots/s2.xml').read_text().replace('as of', 'before')), 'Corrupt', True),
    'no overlay': (lambda p, tree: (p / S2).unlink(), 'NotFound', True),
    'an overlay of a file of the host': (
        lambda p, tree: edit_image(p, S2, *REBASE, '/etc/shadow'), 'Corrupt', True),
    'an overlay of a file above': (
        lambda p, tree: edit_image(p, S2, *REBASE, f'../../../../{BASE}'), 'Corrupt', True),
    'an overlay of another image': (
        lambda p, tree: edit_image(p, S2, *REBASE, f'../../{BASE}'), 'Corrupt', True),
    'an overlay of itself': (
        lambda p, tree: edit_image(p, S1, *REBASE, '../s1/disk.s1.qcow2'), 'Corrupt', True),
    'a circle of images': (
        lambda p, tree: edit_image(p, BASE, *REBASE, f'../{S1}'), 'Corrupt', True),
    'no base': (lambda p, tree: edit_image(p, S1, *REBASE, ''), 'Corrupt', True),
    'two chains': (lambda p, tree: edit_descriptor(
        p, f'<image path="{tree.chains["s3"][1]}" format="qcow2" file="{S1}"/>', ''),
        'Corrupt', False),
}


def test_excluded_from_one(alice, area, grow):
    """By target, and by the path that the disk has now."""
    machine, tree = grow('external')
    for number, name in enumerate(('vda', str(tree.chains['now'][0]), str(tree.chains['s2'][0]))):
        package = area / f'alice/package-{number}'
        result = alice.wait(alice.export(machine, package,
                                         mode(2, 's2', ExcludedVirtualHardDisks=[name])))
        assert [warning['Code'] for warning in result['Warnings']] == ['DiskLeftBehind']
        assert set(packages.members(package).values()) == {'configuration'}


def test_hostile_packages(daemon, alice, area, grow):
    machine, tree = grow('external')
    whole = area / 'alice/whole'
    alice.wait(alice.export(machine, whole))
    before = names(daemon.store)
    for number, (case, (change, error, seen)) in enumerate(HOSTILE.items()):
        package = area / f'alice/package-{number}'
        shutil.copytree(whole, package)
        for path in (package, *package.rglob('*')):
            alice.user.own(path)
        change(package, tree)
        assert job_failure(alice, alice.import_, package, {'Name': 'copy'}).name \
            == f'{ERROR}{error}', case
        assert names(daemon.store) == before, f'{case}: something is left'
        try:
            packages.verify(alice, package)
            assert not seen, f'{case}: Verify had to see it'
        except Refused as refusal:
            assert seen and refusal.name == f'{ERROR}Corrupt', case


def test_what_is_stripped(daemon, alice, area, grow):
    """UnsafeDevices speaks for the snapshots as well; and a path of the host is nobody's."""
    machine, tree = grow('external')
    package = area / 'alice/package'
    alice.wait(alice.export(machine, package))
    edit_document(package, 's2', ('</devices>', HOST),
                  ('</os>', '<kernel>/etc/shadow</kernel></os>'))
    edit_document(package, 's3', (str(tree.made['s3']), '/etc/shadow'))
    found = [finding for finding in alice.check_import(package, {'Name': 'copy'})
             if finding['Severity'] == 'error']
    assert {finding['Code'] for finding in found} == {'UnsafeDevice'} and len(found) == 2
    settings = {'Name': 'copy', **found[0]['Resolution']}
    assert settings['UnsafeDevices'] == 'strip'
    copy = alice.wait(alice.import_(package, settings))['ImportedVirtualMachine']
    assert_markers(daemon, copy)
    for root_element in trees.read_documents(daemon, copy).values():
        text = ElementTree.tostring(root_element, encoding='unicode')
        assert 'hostdev' not in text and '/etc/shadow' not in text
        assert str(tree.folder) not in text, 'nothing leads to the machine that was exported'


def test_ghosts(daemon, alice, root, area, grow):
    """A snapshot that its image does not hold is one that nobody can go back to."""
    machine, tree = grow('internal')
    package = area / 'alice/package'
    alice.wait(alice.export(machine, package))
    edit_image(package, BASE, 'snapshot', '-d', 's2')
    found, = (finding for finding in alice.check_import(package, {'Name': 'copy'})
              if finding['Severity'] == 'error')
    assert found['Code'] == 'SnapshotMissing' and '“s2”' in found['Message']
    assert job_failure(alice, alice.import_, package, {'Name': 'copy'}).name == f'{ERROR}NotFound'
    trees.hold(tree.chains['now'][0], 's3', '-d')
    found, = (finding for finding in check_export(alice, machine, area / 'alice/second')
              if finding['Severity'] == 'error')
    assert found['Code'] == 'SnapshotMissing' and '“s3”' in found['Message']
    assert job_failure(alice, alice.export, machine, area / 'alice/second',
                       mode(2, 's3')).name == f'{ERROR}NotFound'
    alice.wait(alice.export(machine, area / 'alice/third',
                            {'CopySnapshotConfiguration':
                             GLib.Variant('y', found['Resolution']['CopySnapshotConfiguration'])}))


def resolved(findings):
    """What all resolutions together say."""
    settings = {}
    for finding in findings:
        settings.update(finding['Resolution'])
    return settings


@pytest.mark.parametrize('flat', [False, True])
def test_configuration_alone(daemon, root, area, grow, flat):
    """A config-only package has the snapshots' metadata; their files are found where they lay, or in
    the roots."""
    machine, tree = grow('external')
    package = area / 'package'
    root.wait(root.export(machine, package, {'CopyVmStorage': False}))
    assert sorted(packages.members(package).values()) == ['configuration'] + 5 * ['snapshot']
    packages.verify(root, package)
    kept = area / 'kept'
    kept.mkdir()
    for image in {image for chain in tree.chains.values() for image in chain}:
        if flat:
            image.rename(kept / image.name)
        else:
            (kept / image.parent.relative_to(tree.folder)).mkdir(parents=True, exist_ok=True)
    settings = {'Name': 'copy'}
    codes = {finding['Code']: finding for finding in root.check_import(package, settings)
             if finding['Severity'] == 'error'}
    assert set(codes) == {'SourceMissing', 'SnapshotMissing'}
    assert codes['SnapshotMissing']['Setting'] == 'SourceSnapshotDataRoot'
    if flat:
        assert codes['SnapshotMissing']['Resolution'] == {}
        settings['SourceVhdDataRoot'] = str(kept)
    else:
        settings.update(resolved(codes.values()))
        assert settings['SourceSnapshotDataRoot'] == str(tree.folder / 'Snapshots')
    copy = root.wait(root.import_(package, settings))['ImportedVirtualMachine']
    assert_markers(daemon, copy)


def test_target_root(daemon, alice, operator, area, users, grow):
    """TargetSnapshotDataRoot takes what only snapshots need, and no other file."""
    machine, _ = grow('external')
    package, target = area / 'carol/package', area / 'carol/snapshots'
    operator.wait(operator.export(machine, package))
    target.mkdir()
    users['carol'].own(target)
    result = operator.wait(operator.import_(package, {'Name': 'copy',
                                                      'TargetSnapshotDataRoot': str(target)}))
    copy = result['ImportedVirtualMachine']
    uuid = copy.rpartition('/')[2].replace('_', '-')
    assert [path for path in names(target) if (target / path).is_file()] \
        == [f'{uuid}/s1/disk.s1.qcow2', f'{uuid}/s2/disk.s2.qcow2']
    assert_markers(daemon, copy)


def test_chain_of_200(daemon, alice, area, make_vm):
    """Beneath the machine and its one snapshot."""
    machine = make_vm('web', [Disk(name='disk.qcow2', size=trees.MIB)])
    tree = trees.plant_chain(daemon, machine, 200)
    package = area / 'alice/package'
    alice.wait(alice.export(machine, package))
    assert len(packages.drives(package)['vda']) == 200
    packages.verify(alice, package)
    copy = alice.wait(alice.import_(package, {'Name': 'copy'}))['ImportedVirtualMachine']
    chain = trees.chain_of(ElementTree.parse(trees.stored.configuration(daemon, copy)).getroot())
    assert len(chain) == 200 and trees.marker(pathlib.Path(chain[0])) == trees.MARKERS['now']
    snapshot, = trees.read_documents(daemon, copy).values()
    assert trees.chain_of(snapshot.find('domain')) == chain[1:]
    alice.wait(alice.export(machine, area / 'alice/one', mode(2, 's1')), timeout=180)
    (image,), = packages.drives(area / 'alice/one').values()
    assert trees.backing_name(area / 'alice/one' / image[2]) is None
    assert len(tree.chains['now']) == 200


@pytest.mark.parametrize('operation', ['export', 'import'])
@pytest.mark.parametrize('number', [0, 1])
def test_cancelled(daemon, alice, area, recorder, grow, operation, number):
    """Half way through, nothing is left."""
    machine, _ = grow('external')
    before = names(daemon.store)
    package = area / 'alice/package'
    if operation == 'import':
        alice.wait(alice.export(machine, package))
    left = names(area / 'alice')
    hold = Hold(daemon, recorder, 'Copying')
    job = alice.export(machine, package, mode(number, **HELD)) if operation == 'export' \
        else alice.import_(package, {'Name': 'copy', **HELD})
    hold.wait()
    alice.cancel(job)
    hold.release()
    assert refused(alice.wait, job).name == f'{ERROR}Cancelled'
    assert names(daemon.store) == before and names(area / 'alice') == left
