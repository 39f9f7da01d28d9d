"""What export and import are for, each from beginning to end as a program would do it: it asks for
the settings, changes some, and hands all of them back."""

import pathlib
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest
from gi.repository import GLib

from rig import packages
from rig.caller import ERROR
from rig.jobs import job_failure
from rig.machines import MIB, Disk, names, same_content, tree

pytestmark = pytest.mark.modes('system', 'session')

TYPES = {'BandwidthLimit': 't', 'CopySnapshotConfiguration': 'y', 'CaptureLiveState': 'y'}
DISKS = [Disk(name='system.qcow2', size=16 * MIB),
         Disk(name='data.raw', format='raw', extents=[(MIB, b'the data')])]


def changed(settings, **changes):
    """The whole dictionary with some values changed, with the types that it had."""
    return {key: GLib.Variant(TYPES[key], value) if key in TYPES else value
            for key, value in {**settings, **changes}.items()}


@pytest.fixture
def export(operator):
    def run(machine, directory, **changes):
        settings = changed(operator.export_settings(machine), **changes)
        return operator.wait(operator.export(machine, directory, settings))
    return run


@pytest.fixture
def import_(operator):
    def run(directory, **changes):
        settings = changed(operator.import_settings(directory), **changes)
        result = operator.wait(operator.import_(directory, settings))
        return operator.machines()[result['ImportedVirtualMachine']], result
    return run


@pytest.fixture
def home(area, operator):
    return area / operator.user.name


@pytest.fixture
def folder(home, operator):
    """folder('disks'): a new folder of the operator's."""
    def make(name):
        (home / name).mkdir()
        return operator.user.own(home / name)
    return make


@pytest.fixture
def machine(daemon, make_vm):
    return make_vm('web', DISKS, networks=['user'])


@pytest.fixture
def elsewhere(machine, root, folder, operator):
    """Copies of the machine's disks in a folder of the operator's: [path, path]."""
    made = []
    place = folder('elsewhere')
    for path in map(pathlib.Path, root.machines()[machine]['ResourcePaths']):
        made.append(place / path.name)
        made[-1].write_bytes(path.read_bytes())
        operator.user.own(made[-1])
    return made


def reads_the_same(first, second):
    """Do two machines' disks hold the same for a guest?"""
    return len(first) == len(second) == len(DISKS) and all(
        same_content(one, disk.format, other, disk.format)
        for disk, one, other in zip(DISKS, first, second))


def macs(operator, entry):
    path = f'/org/vmport/VirtualMachine/store/{entry["Uuid"].replace("-", "_")}'
    domain = ElementTree.fromstring(operator.configuration(path))
    return [mac.get('address') for mac in domain.iterfind('devices/interface/mac')]


def test_default_export(machine, operator, export, home):
    """Nothing chosen: configuration, state, disks and all snapshots, in the directory itself."""
    original = operator.machines()[machine]
    result = export(machine, home / 'package')
    assert result['ExportPath'] == str(home / 'package') and result['Warnings'] == []
    assert sorted(packages.members(home / 'package').items()) == [
        ('Virtual Hard Disks/data.raw', 'disk'), ('Virtual Hard Disks/system.qcow2', 'disk'),
        (f'Virtual Machines/{original["Uuid"]}.xml', 'configuration')]
    exported = [home / 'package/Virtual Hard Disks' / disk.name for disk in DISKS]
    assert reads_the_same(original['ResourcePaths'], exported)
    assert operator.machines()[machine] == original


def test_default_export_of_a_saved_machine(machine, operator, export, import_, home):
    export(machine, home / 'first')
    packages.add_saved_state(home / 'first', b'LibvirtQemudSave' + b'memory' * 1000)
    saved, _ = import_(home / 'first', Name='saved')
    assert saved['State'] == 'saved'
    result = export(operator.find('saved'), home / 'second')
    assert result['Warnings'] == [] and packages.state(home / 'second') == 'saved'
    state, = (home / 'second').glob('Virtual Machines/*/state.save')
    assert state.read_bytes() == b'LibvirtQemudSave' + b'memory' * 1000


def test_config_only_export(machine, operator, export, import_, home, elsewhere):
    """CopyVmStorage=false, one directory for many machines; whoever imports says where the disks
    are, and they are used there."""
    result = export(machine, home, CopyVmStorage=False, CreateVmExportSubdirectory=True)
    package = home / 'web'
    assert result['ExportPath'] == str(package)
    assert result['BytesCopied'] == result['BytesCloned'] == 0
    assert list(packages.members(package).values()) == ['configuration']
    settings = operator.import_settings(package)
    assert settings['CurrentResourcePaths'] == operator.machines()[machine]['ResourcePaths']
    assert settings['SourceResourcePaths'] == ['', '']
    assert job_failure(operator, operator.import_, package, {'Name': 'blog'}).name == \
        f'{ERROR}NotFound'
    before = tree(package)
    entry, result = import_(package, Name='blog', CreateCopy=False,
                            SourceResourcePaths=list(map(str, elsewhere)))
    assert entry['ResourcePaths'] == list(map(str, elsewhere)), 'aligned with the current ones'
    assert entry['Name'] == 'blog' and result['BytesCopied'] == result['BytesCloned'] == 0
    assert tree(package) == before


def test_one_machine_exported_with_every_snapshot_left_out(machine, operator, make_vm, export,
                                                          home):
    """CopySnapshotConfiguration=1: one machine of several, and its present alone."""
    make_vm('another')
    export(machine, home / 'package', CopySnapshotConfiguration=1)
    assert not (home / 'package/Snapshots').exists()
    assert set(packages.members(home / 'package').values()) == {'configuration', 'disk'}
    assert operator.import_settings(home / 'package')['Name'] == 'web'
    assert operator.import_settings(home / 'package')['SourceSnapshotDataRoot'] == ''


def test_import_with_create_copy_and_generate_new_id(machine, operator, export, import_, home):
    """The directory is reusable, beside the original and beside other copies of it."""
    original = operator.machines()[machine]
    export(machine, home / 'package')
    before = tree(home / 'package')
    copies = [import_(home / 'package', Name=f'copy-{number}', CreateCopy=True,
                      GenerateNewId=True)[0] for number in range(2)]
    every = [original, *copies]
    assert len({entry['Uuid'] for entry in every}) == 3
    assert len({mac for entry in every for mac in macs(operator, entry)}) == 3
    assert len({path for entry in every for path in entry['ResourcePaths']}) == 3 * len(DISKS)
    for entry in copies:
        assert reads_the_same(original['ResourcePaths'], entry['ResourcePaths'])
    assert tree(home / 'package') == before


def test_gold_image_on_read_only_media_imported_many_times(machine, root, operator, export, home,
                                                           folder, area):
    """A file system that nobody can write to, and imports that run side by side."""
    original = operator.machines()[machine]
    export(machine, folder('media') / 'gold')
    root.delete(machine)
    image, mount = area / 'gold.img', area / 'gold'
    subprocess.run(('mkfs.ext4', '-q', '-d', home / 'media', image, '64M'), check=True)
    mount.mkdir()
    subprocess.run(('mount', '-o', 'loop,ro', image, mount), check=True)
    package = mount / 'gold'
    with pytest.raises(OSError):
        (package / 'probe').touch()
    jobs = [operator.import_(package, changed(operator.import_settings(package), Name=f'gold-{n}'))
            for n in range(6)]
    for job in jobs:
        operator.wait(job)
    made = operator.machines()
    assert sorted(entry['Name'] for entry in made.values()) == [f'gold-{n}' for n in range(6)]
    assert len({entry['Uuid'] for entry in made.values()} | {original['Uuid']}) == 7
    gold = [package / 'Virtual Hard Disks' / disk.name for disk in DISKS]
    for entry in made.values():
        assert reads_the_same(gold, entry['ResourcePaths'])
    # And once more as the machine itself, whose id is free.
    operator.wait(operator.import_(package, {'GenerateNewId': False}))
    assert operator.find(original['Uuid']) == machine


def test_disks_from_elsewhere_by_source_resource_paths(machine, operator, export, import_, home,
                                                       elsewhere, folder):
    """Each disk from a place of its own, and copied."""
    export(machine, home / 'package', CopyVmStorage=False)
    moved = elsewhere[1].rename(folder('another') / 'renamed.raw')
    before = tree(home)
    entry, result = import_(home / 'package', Name='copy',
                            SourceResourcePaths=[str(elsewhere[0]), str(moved)])
    assert reads_the_same([elsewhere[0], moved], entry['ResourcePaths'])
    assert not {str(elsewhere[0]), str(moved)} & set(entry['ResourcePaths'])
    assert result['BytesCopied'] + result['BytesCloned'] > 0
    assert tree(home) == before, 'where they come from stays untouched'


def test_all_disks_into_one_folder_by_target_vhd_data_root_alone(machine, operator, export, import_,
                                                                 home, folder):
    export(machine, home / 'package')
    disks = folder('disks')
    entry, _ = import_(home / 'package', Name='copy', TargetVhdDataRoot=str(disks))
    assert entry['ResourcePaths'] == [str(disks / disk.name) for disk in DISKS]
    assert names(disks) == sorted(disk.name for disk in DISKS)
    assert reads_the_same(operator.machines()[machine]['ResourcePaths'], entry['ResourcePaths'])
    for path in disks.iterdir():
        assert path.stat().st_uid == operator.user.uid


@pytest.mark.parametrize('by', ['SourceVhdDataRoot', 'SourceResourcePaths'])
def test_in_place_by_source_alone(machine, operator, export, import_, home, elsewhere, by):
    """Nothing is copied, and the directory is the machine's."""
    export(machine, home / 'package', CopyVmStorage=False)
    before = tree(home)
    value = str(elsewhere[0].parent) if by == 'SourceVhdDataRoot' else list(map(str, elsewhere))
    entry, result = import_(home / 'package', Name='live', CreateCopy=False, **{by: value})
    assert entry['ResourcePaths'] == list(map(str, elsewhere))
    assert result['BytesCopied'] == result['BytesCloned'] == 0
    assert tree(home) == before
    live = operator.find('live')
    settings = {'Name': 'second', 'CreateCopy': False, by: value}
    assert job_failure(operator, operator.import_, home / 'package', settings).name == \
        f'{ERROR}InUse', 'a second in-place import'
    operator.delete(live, storage=False)
    assert tree(home) == before, 'Delete without DeleteStorage leaves it importable'
    operator.wait(operator.import_(home / 'package', settings))


def test_in_place_of_a_whole_package(machine, root, operator, export, import_, home):
    """The machine itself comes back, with its id, where its package lies."""
    original = operator.machines()[machine]
    export(machine, home / 'package')
    root.delete(machine)
    before = tree(home)
    entry, result = import_(home / 'package', CreateCopy=False, GenerateNewId=False)
    assert (entry['Uuid'], entry['Name']) == (original['Uuid'], 'web')
    assert entry['ResourcePaths'] == [str(home / 'package/Virtual Hard Disks' / disk.name)
                                      for disk in DISKS]
    assert result['BytesCopied'] == result['BytesCloned'] == 0 and tree(home) == before
