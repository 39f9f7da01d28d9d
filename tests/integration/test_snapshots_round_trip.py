"""Machines with snapshots through export, verification and import, on the store."""

import pathlib
import xml.etree.ElementTree as ElementTree

import pytest
from gi.repository import GLib

from rig import packages, trees
from rig.caller import ERROR, MANAGER, STORE, Refused, refused, variants
from rig.jobs import failure, job_failure
from rig.machines import Disk, names

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
        assert root.findtext('creationTime') == str(1700000000 + list(trees.PARENTS).index(name))
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
        path = machine.replace('/VirtualMachine/', '/Snapshot/') + '_' + name
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
