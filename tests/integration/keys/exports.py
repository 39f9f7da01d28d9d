"""What each key of an export does, seen on the package that it leaves."""

import hashlib
import os
import pathlib
import xml.etree.ElementTree as ElementTree

from gi.repository import GLib

from rig import packages, trees
from rig.machines import MIB, Disk, names, random_disk, same_content
from rig.snapshots import path_of
from rig.world import open_folder

from . import LEFT_OUT, Row, failed, given, key, warnings

STRING, NUMBER = GLib.Variant('s', 'text'), GLib.Variant('u', 1)


# The machines that are exported, made when they are first wanted

def web(world):
    """Two disks, two adapters."""
    return world.once('web', lambda: world.machine(
        'web', [random_disk(3, 'web.qcow2', 'qcow2'), random_disk(1, 'data.raw')],
        ['user', 'network:lab']))


def tree(world):
    """With snapshots, inside its images and outside."""
    def make():
        machine = world.machine('tree', [Disk(name='disk.qcow2', size=MIB)])
        trees.plant(world.daemon, machine, 'mixed')
        world.keep()
        return machine
    return world.once('tree', make)


STATE = b'LibvirtQemudSave' + b'memory' * 10000
MEDIUM = b'CD001' * 1000


def sleeper(world):
    """With a saved state. The bytes are not a hypervisor's, which has no part in this."""
    def make():
        package = world.package(web(world), 'saved', delete=False)
        packages.add_saved_state(package, STATE)
        return world.machine('sleeper', package=package)
    return world.once('sleeper', make)


def insert_medium(package):
    packages.edit_configuration(
        package, '</devices>', '<disk type="file" device="cdrom"><driver name="qemu" type="raw"/>'
        '<source file="/media/tools.iso"/><target dev="sda" bus="sata"/><readonly/></disk>'
        '</devices>')
    packages.add_medium(package, 'sda', 'tools.iso', MEDIUM)


def player(world):
    """With a medium in its CD-ROM drive."""
    def make():
        package = world.package(web(world), 'with-medium', delete=False)
        insert_medium(package)
        return world.machine('player', package=package)
    return world.once('player', make)


def byte(number):
    return GLib.Variant('y', number)


def images(folder):
    found = folder / 'Virtual Hard Disks'
    return ' '.join(names(found)) if found.exists() else 'no images'


def export(world, settings, machine=None, **options):
    """Exports `web`, or another machine, to a folder of its own: (folder, outcome)."""
    folder = world.folder('export') / 'package'
    return folder, world.export(machine or web(world), folder, settings, **options)


def read_only(name):
    constant = {'Caption': 'Virtual System Export Setting Data'}.get(
        name, 'VMPort Virtual System Export Setting Data')

    @key('export', name, NUMBER, [Row(LEFT_OUT, 'exported'), Row(constant, 'exported', same=True),
                                  Row('mine', 'InvalidParameter')])
    def observe(world, value):
        _, outcome = export(world, given(name, value))
        return failed(outcome, name) if outcome.error else 'exported'


for _name in ('Caption', 'Description', 'ElementName'):
    read_only(_name)


@key('export', 'InstanceID', NUMBER, [
    Row(LEFT_OUT, 'exported'),
    Row('vmport:<its UUID>', 'exported', same=True),
    Row('vmport:<another UUID>', 'InvalidParameter')])
def instance_id(world, value):
    machine = web(world)
    uuid = world.root.machines()[machine]['Uuid']
    if value is not LEFT_OUT:
        value = f'vmport:{uuid if "its" in value else uuid[::-1]}'
    _, outcome = export(world, given('InstanceID', value))
    return failed(outcome, 'InstanceID') if outcome.error else 'exported'


@key('export', 'CopyVmStorage', STRING, [
    Row(LEFT_OUT, 'data.raw web.qcow2; every source is known'),
    Row(True, 'data.raw web.qcow2; every source is known', same=True),
    Row(False, 'no images; no source is known')])
def copy_vm_storage(world, value):
    folder, outcome = export(world, given('CopyVmStorage', value))
    sources = world.operator.import_settings(folder)['SourceResourcePaths']
    assert len(sources) == 2, 'every disk keeps its position'
    assert (outcome.result['BytesCopied'] + outcome.result['BytesCloned'] > 0) == any(sources)
    return f'{images(folder)}; {"every" if all(sources) else "no"} source is known'


@key('export', 'CopyVmRuntimeInformation', STRING, [
    Row(LEFT_OUT, 'saved, with its state; no warning'),
    Row(True, 'saved, with its state; no warning', same=True),
    Row(False, 'off, without; StateLeftBehind')])
def copy_vm_runtime_information(world, value):
    folder, outcome = export(world, given('CopyVmRuntimeInformation', value),
                             sleeper(world))
    there = list(folder.glob('Virtual Machines/*/state.save'))
    for path in there:
        assert path.read_bytes() == STATE
    assert ('state' in packages.members(folder).values()) == bool(there)
    codes = ', '.join(warning['Code'] for warning in outcome.result['Warnings']) or 'no warning'
    return f'{packages.state(folder)}, with{" its state" if there else "out"}; {codes}'


@key('export', 'CreateVmExportSubdirectory', STRING, [
    Row(LEFT_OUT, '<directory>'), Row(False, '<directory>', same=True),
    Row(True, '<directory>/web')])
def create_vm_export_subdirectory(world, value):
    folder = world.folder('export')
    outcome = world.export(web(world), folder, given('CreateVmExportSubdirectory', value))
    descriptor, = folder.rglob('vmport.xml')
    assert outcome.result['ExportPath'] == str(descriptor.parent)
    return outcome.result['ExportPath'].replace(str(folder), '<directory>')


def moment(folder):
    """Which moment of the tree a package's machine is of, and which others came along."""
    (image, *_), = packages.drives(folder).values()
    byte_now = trees.marker(folder / image[2])
    now, = (name for name, value in trees.MARKERS.items() if value == byte_now)
    others = [name for name in names(folder) if packages.members(folder).get(name) == 'snapshot']
    return f'{now}; {len(others)} snapshots'


@key('export', 'CopySnapshotConfiguration', STRING, [
    Row(LEFT_OUT, 'now; 5 snapshots'), Row(byte(0), 'now; 5 snapshots', same=True),
    Row(byte(1), 'now; 0 snapshots'), Row(byte(2), 's2; 0 snapshots of a new machine'),
    Row(byte(3), 's2; 0 snapshots of the same machine'), Row(byte(4), 'InvalidParameter')])
def copy_snapshot_configuration(world, value):
    machine = tree(world)
    settings = given('CopySnapshotConfiguration', value)
    one = value in (byte(2), byte(3))
    if one:
        settings['SnapshotVirtualSystem'] = 's2'
    folder, outcome = export(world, settings, machine)
    if outcome.error:
        return failed(outcome, 'CopySnapshotConfiguration')
    uuid = machine.rpartition('/')[2].replace('_', '-')
    which = 'the same' if packages.machine_uuid(folder) == uuid else 'a new'
    return moment(folder) + (f' of {which} machine' if one else '')


@key('export', 'SnapshotVirtualSystem', NUMBER, [
    Row(LEFT_OUT, 'no warning'), Row('', 'no warning', same=True),
    Row('before', 'SettingUnused of SnapshotVirtualSystem'),
    Row('with 2, s3', 's3; 0 snapshots'), Row('with 2, the path of t2', 't2; 0 snapshots'),
    Row('with 2, nothing', 'InvalidParameter'), Row('with 2, before', 'NotFound'),
    Row('with 2, the path of the machine', 'NotFound')])
def snapshot_virtual_system(world, value):
    if value is LEFT_OUT or not value.startswith('with 2'):
        _, outcome = export(world, given('SnapshotVirtualSystem', value))
        return warnings(outcome)
    machine = tree(world)
    wanted = {'nothing': '', 'the path of t2': path_of(machine, 't2'),
              'the path of the machine': machine}.get(value[8:], value[8:])
    folder, outcome = export(world, {'CopySnapshotConfiguration': byte(2),
                                     'SnapshotVirtualSystem': wanted}, machine)
    return failed(outcome, 'SnapshotVirtualSystem') if outcome.error else moment(folder)


@key('export', 'CaptureLiveState', STRING, [
    Row(LEFT_OUT, 'no warning'), Row(byte(0), 'no warning', same=True),
    Row(byte(1), 'SettingUnused of CaptureLiveState'),
    Row(byte(2), 'SettingUnused of CaptureLiveState'), Row(byte(3), 'InvalidParameter')])
def capture_live_state(world, value):
    _, outcome = export(world, given('CaptureLiveState', value))
    return failed(outcome, 'CaptureLiveState') if outcome.error else warnings(outcome)


@key('export', 'ExcludedVirtualHardDisks', STRING, [
    Row(LEFT_OUT, 'data.raw web.qcow2; no warning'),
    Row([], 'data.raw web.qcow2; no warning', same=True),
    Row(['vdb'], 'web.qcow2; DiskLeftBehind'),
    Row(['<path of vda>'], 'data.raw; DiskLeftBehind'),
    Row(['vda', 'vdb'], 'no images; DiskLeftBehind'),
    Row(['vdz'], 'InvalidParameter')])
def excluded_virtual_hard_disks(world, value):
    if value == ['<path of vda>']:
        value = world.root.machines()[web(world)]['ResourcePaths'][:1]
    folder, outcome = export(world, given('ExcludedVirtualHardDisks', value))
    if outcome.error:
        assert 'vdz' in outcome.error.message
        return failed(outcome, 'ExcludedVirtualHardDisks')
    sources = world.operator.import_settings(folder)['SourceResourcePaths']
    assert [bool(source) for source in sources] == \
        [name in images(folder) for name in ('web.qcow2', 'data.raw')], 'positions stay'
    codes = sorted({warning['Code'] for warning in outcome.result['Warnings']})
    return f'{images(folder)}; {", ".join(codes) or "no warning"}'


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@key('export', 'Checksum', NUMBER, [
    Row(LEFT_OUT, 'verity'), Row('fs-verity', 'verity', same=True),
    Row('sha256', 'verity, sha256, SHA256SUMS'), Row('none', 'no digest'),
    Row('md5', 'InvalidParameter')])
def checksum(world, value):
    folder, outcome = export(world, given('Checksum', value))
    if outcome.error:
        return failed(outcome, 'Checksum')
    files = packages.descriptor(folder).findall('p:files/p:file', packages.NAMESPACE)
    assert len(files) == 3
    seen = []
    for name, digest in (('verity', packages.verity), ('sha256', sha256)):
        stated = [file.get(name) for file in files]
        assert any(stated) == all(stated), f'{name} of some files alone'
        if all(stated):
            assert stated == [digest(folder / file.get('name')) for file in files]
            seen.append(name)
    if (folder / 'SHA256SUMS').exists():
        checked = world.user.run(('sha256sum', '--strict', '-c', 'SHA256SUMS'), cwd=folder)
        assert checked.returncode == 0, checked.stdout + checked.stderr
        seen.append('SHA256SUMS')
    return ', '.join(seen) or 'no digest'


SLOW = 6 * MIB


def pace(outcome):
    """'N bytes a second, kept'; how quick it is without a limit is nothing to rely on."""
    limit, job = outcome.job['BandwidthLimit'], outcome.job
    seconds = (job['EndTime'] - job['StartTime']) / 1e6
    if limit:
        assert seconds > 0.7 * job['BytesTotal'] / limit, f'{job["BytesTotal"]} bytes in {seconds} s'
    return f'{limit} bytes a second, kept' if limit else 'no limit'


@key('export', 'BandwidthLimit', NUMBER, [
    Row(LEFT_OUT, 'no limit'), Row(GLib.Variant('t', 0), 'no limit', same=True),
    Row(GLib.Variant('t', SLOW), f'{SLOW} bytes a second, kept'),
    Row(GLib.Variant('t', 2**64 - 1), f'{2**64 - 1} bytes a second, kept')])
def bandwidth_limit(world, value):
    _, outcome = export(world, given('BandwidthLimit', value))
    return pace(outcome)


@key('export', 'DiskFormat', NUMBER, [
    Row(LEFT_OUT, 'byte for byte'), Row('keep', 'byte for byte', same=True),
    Row('qcow2', 'qcow2, the same to a guest'), Row('raw', 'raw, the same to a guest'),
    Row('vhdx', 'vhdx, the same to a guest'), Row('vmdk', 'vmdk, the same to a guest'),
    Row('floppy', 'InvalidParameter')])
def disk_format(world, value):
    folder, outcome = export(world, given('DiskFormat', value))
    if outcome.error:
        return failed(outcome, 'DiskFormat')
    if value not in (LEFT_OUT, 'keep'):
        for path in map(pathlib.Path, world.root.machines()[web(world)]['ResourcePaths']):
            assert same_content(path, path.suffix[1:],
                                folder / f'Virtual Hard Disks/{path.stem}.{value}', value)
        return f'{value}, the same to a guest'
    for path in world.root.machines()[web(world)]['ResourcePaths']:
        with open(path, 'rb') as first, \
                open(folder / 'Virtual Hard Disks' / os.path.basename(path), 'rb') as second:
            assert first.read() == second.read()
    return 'byte for byte'


@key('export', 'IncludeRemovableMedia', STRING, [
    Row(LEFT_OUT, 'no medium, an empty drive; MediaLeftBehind'),
    Row(False, 'no medium, an empty drive; MediaLeftBehind', same=True),
    Row(True, 'tools.iso, a full drive; no warning')])
def include_removable_media(world, value):
    folder, outcome = export(world, given('IncludeRemovableMedia', value), player(world))
    media = [name for name, role in packages.members(folder).items() if role == 'media']
    for name in media:
        assert (folder / name).read_bytes() == MEDIUM
    domain = ElementTree.parse(packages.configuration(folder)).getroot()
    drive = domain.find('devices/disk[@device="cdrom"]')
    codes = ', '.join(warning['Code'] for warning in outcome.result['Warnings']) or 'no warning'
    return f'{" ".join(map(os.path.basename, media)) or "no medium"}, ' \
           f'{"an empty" if drive.find("source") is None else "a full"} drive; {codes}'


@key('export', 'DirectoryFd', STRING, [
    Row(LEFT_OUT, 'in the directory, as an absolute path'),
    Row('a folder', 'in the folder, as a relative path'),
    Row('a folder that was renamed since', 'in the renamed folder, as a relative path'),
    Row('a folder, and a path', 'InvalidParameter'),
    Row('a folder with O_PATH', 'InvalidParameter'),
    Row('no descriptor', 'InvalidParameter')])
def directory_fd(world, value):
    """In the place of the directory, which is empty then; ExportPath is relative to it."""
    if value is LEFT_OUT:
        folder, outcome = export(world, {})
        assert outcome.result['ExportPath'] == str(folder) and (folder / 'vmport.xml').exists()
        return 'in the directory, as an absolute path'
    folder, other = world.folder('held'), world.folder('path')
    settings = {'DirectoryFd': GLib.Variant('h', 0)}
    machine = web(world)
    with open_folder(folder, os.O_PATH if 'O_PATH' in value else 0) as fds:
        if 'renamed' in value:
            folder = folder.rename(other / 'renamed')
        directory = str(other / 'package') if 'path' in value else ''
        outcome = world.export(machine, directory, settings,
                               fds=None if value == 'no descriptor' else fds)
    if outcome.error:
        assert names(folder) == names(other) == []
        return failed(outcome, 'DirectoryFd')
    path = outcome.result['ExportPath']
    assert not path.startswith('/') and (folder / path / 'vmport.xml').exists(), path
    return f'in the {"renamed " if "renamed" in value else ""}folder, as a relative path'
