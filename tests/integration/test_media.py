"""CD-ROM and floppy images in an export, and disks and drives that are devices of the host."""

import os
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

from rig import packages, stored
from rig.caller import ACCESS_DENIED, ERROR, MANAGER, STORE, variants
from rig.jobs import job_failure
from rig.machines import Disk, names
from rig.recorder import WITH_WARNINGS

MEDIA = {'IncludeRemovableMedia': True}
ISO = b'CD001' * 20_000


def check(caller, machine, folder, settings=None):
    return caller.call(STORE, MANAGER, 'CheckExport', '(osa{sv})',
                       (machine, str(folder), variants(settings)))


def drive(path, target='sda', device='cdrom', image_format='raw', below=''):
    driver = f'<driver name="qemu" type="{image_format}"/>' if image_format else ''
    return f'''<disk type="file" device="{device}">{driver}<source file="{path}"/>{below}
<target dev="{target}" bus="{"fdc" if device == "floppy" else "sata"}"/><readonly/></disk>'''


@pytest.fixture
def make_medium(area, users):
    """An image of alice's, outside the store."""
    def make(name='install.iso', data=ISO):
        path = area / 'alice' / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        users['alice'].own(path)
        return path
    return make


@pytest.fixture
def make_machine(daemon, make_vm):
    def make(*devices, disks=None):
        machine = make_vm('web', disks)
        stored.add_devices(daemon, machine, ''.join(devices))
        return machine
    return make


def devices(package):
    """{target: source element or None} of the configuration in a package."""
    root = ElementTree.parse(packages.configuration(package)).getroot()
    return {disk.find('target').get('dev'): disk.find('source')
            for disk in root.iterfind('devices/disk')}


def test_medium_left_behind(make_machine, make_medium, alice, area):
    machine = make_machine(drive(make_medium()))
    package = area / 'alice/package'
    job = alice.export(machine, package)
    warning, = alice.wait(job)['Warnings']
    assert (warning['Code'], warning['Setting']) == ('MediaLeftBehind', 'IncludeRemovableMedia')
    assert 'sda' in warning['Message'] and alice.job(job)['JobState'] == WITH_WARNINGS
    assert warning in check(alice, machine, area / 'alice/second')
    assert devices(package)['sda'] is None, 'the drive is exported empty'
    assert list(packages.drives(package)) == ['vda']
    assert 'media' not in packages.members(package).values()


@pytest.mark.parametrize('storage', [True, False])
def test_medium_goes_along(make_machine, make_medium, alice, area, storage):
    """Also in a config-only export: it was asked for by a key of its own."""
    medium = make_medium()
    machine = make_machine(drive(medium))
    package = area / 'alice/package'
    found = check(alice, machine, package, {**MEDIA, 'CopyVmStorage': storage})
    assert [finding['Code'] for finding in found] == ['PackageSize']
    result = alice.wait(alice.export(machine, package, {**MEDIA, 'CopyVmStorage': storage}))
    assert result['Warnings'] == [] and result['BytesCopied'] == found[0]['Bytes'] >= len(ISO)
    name = 'Virtual Hard Disks/install.iso'
    assert packages.members(package)[name] == 'media'
    assert (package / name).read_bytes() == ISO
    assert packages.drives(package)['sda'] == [(str(medium), 'raw', name)]
    assert list(packages.drives(package)) == ['vda', 'sda'], "the configuration's order"
    packages.assert_package(package)
    packages.verify(alice, package)


def test_order_and_names(daemon, make_vm, make_medium, alice, area):
    """Drives between disks keep their place, and images of one name are told apart."""
    machine = make_vm('web', [Disk(name='one.raw', format='raw'), Disk(name='two.raw',
                                                                       format='raw')])
    first, second = make_medium('a/one.raw', b'first'), make_medium('b/ONE.raw', b'second')
    stored.edit(daemon, machine, ('<devices>', f'<devices>{drive(first, "sda")}'
                                               f'{drive(second, "fda", "floppy")}'),
                ('</devices>', f'{drive(first, "sdb")}</devices>'))
    package = area / 'alice/package'
    alice.wait(alice.export(machine, package, MEDIA))
    drives = packages.drives(package)
    assert list(drives) == ['sda', 'fda', 'vda', 'vdb', 'sdb']
    contents = {target: (package / images[0][2]).read_bytes() for target, images in drives.items()}
    assert contents['sda'] == contents['sdb'] == b'first' and contents['fda'] == b'second'
    assert len({images[0][2].casefold() for images in drives.values()}) == 5
    roles = packages.members(package)
    assert [roles[images[0][2]] for images in drives.values()] \
        == ['media', 'media', 'disk', 'disk', 'media']
    packages.verify(alice, package)


def test_chain_of_a_medium(make_machine, make_medium, users, alice, area):
    base = make_medium('base.qcow2', b'')
    top = make_medium('top.qcow2', b'')
    for command in (('create', '-q', '-f', 'qcow2', base, '1M'),
                    ('create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', base, top)):
        subprocess.run(('qemu-img', *command), check=True)
    below = f'''<backingStore type="file"><format type="qcow2"/><source file="{base}"/>
<backingStore/></backingStore>'''
    machine = make_machine(drive(top, image_format='qcow2', below=below))
    package = area / 'alice/package'
    alice.wait(alice.export(machine, package, MEDIA))
    assert packages.drives(package)['sda'] == [
        (str(top), 'qcow2', 'Virtual Hard Disks/top.qcow2'),
        (str(base), 'qcow2', 'Virtual Hard Disks/base.qcow2')]
    info = subprocess.run(('qemu-img', 'info', package / 'Virtual Hard Disks/top.qcow2'),
                          check=True, text=True, stdout=subprocess.PIPE).stdout
    assert 'backing file: base.qcow2' in info and str(area / 'alice/base') not in info


def assert_mended(alice, machine, package, code, name):
    """An error on the medium, in check and job alike, which leaving it behind mends."""
    found = check(alice, machine, package, MEDIA)
    finding, = (finding for finding in found if finding['Severity'] == 'error')
    assert (finding['Code'], finding['Setting']) == (code, 'IncludeRemovableMedia')
    assert 'sda' in finding['Message']
    assert finding['Resolution'] == {'IncludeRemovableMedia': False}
    error = job_failure(alice, alice.export, machine, package, MEDIA)
    assert (error.name, error.message) == (ERROR + name, finding['Message'])
    assert not package.exists()
    alice.wait(alice.export(machine, package, finding['Resolution']))


def test_format_is_not_guessed(make_machine, make_medium, alice, area):
    machine = make_machine(drive(make_medium(), image_format=None))
    assert_mended(alice, machine, area / 'alice/package', 'UnsafeImage', 'Unsafe')


def test_medium_that_is_another_format(make_machine, make_medium, alice, area):
    """A medium stated as raw that begins as qcow2 would have its reader open what it names."""
    image = make_medium()
    subprocess.run(('qemu-img', 'create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', '/etc/passwd',
                    image), check=True)
    assert_mended(alice, make_machine(drive(image)), area / 'alice/package', 'UnsafeImage',
                  'Unsafe')


def test_medium_that_is_gone(make_machine, make_medium, alice, area):
    medium = make_medium()
    machine = make_machine(drive(medium))
    medium.unlink()
    assert_mended(alice, machine, area / 'alice/package', 'SourceMissing', 'NotFound')


def test_medium_of_somebody_else(make_machine, alice, area):
    """Outside the store only the caller's own rights count."""
    secret = area / 'root/secret.iso'
    secret.write_bytes(ISO)
    machine = make_machine(drive(secret))
    error = job_failure(alice, alice.export, machine, area / 'alice/package', MEDIA)
    assert error.name == ACCESS_DENIED and names(area / 'alice') == []


def test_empty_drive(make_machine, alice, area):
    machine = make_machine('<disk type="file" device="cdrom"><target dev="sda" bus="sata"/></disk>')
    for number, settings in enumerate(({}, MEDIA)):
        package = area / f'alice/package{number}'
        assert alice.wait(alice.export(machine, package, settings))['Warnings'] == []
        assert 'sda' in devices(package) and list(packages.drives(package)) == ['vda']


# Devices of the host: an administrator put them there, or an import with UnsafeDevices=keep.

BLOCK = '''<disk type="block" device="disk"><driver name="qemu" type="raw"/><source dev="/dev/sdz"/>
<target dev="vdb" bus="virtio"/></disk>'''
HOST_DRIVE = '''<disk type="block" device="cdrom"><driver name="qemu" type="raw"/>
<source dev="/dev/sr0"/><target dev="sda" bus="sata"/></disk>'''


@pytest.mark.parametrize('settings', [{}, {'CopyVmStorage': False},
                                      {'ExcludedVirtualHardDisks': ['vdb']}],
                         ids=['all', 'config-only', 'excluded'])
def test_disk_on_a_device_stays(make_machine, alice, area, settings):
    """Its content does not go along; the configuration keeps it, for whoever imports to judge."""
    machine = make_machine(BLOCK, disks=[Disk(name='one.raw', format='raw')])
    package = area / 'alice/package'
    result = alice.wait(alice.export(machine, package, settings))
    warning, = result['Warnings']
    assert (warning['Code'], warning['Setting']) == ('DiskLeftBehind', '')
    assert 'vdb' in warning['Message']
    assert warning in check(alice, machine, area / 'alice/second', settings)
    assert devices(package)['vdb'].get('dev') == '/dev/sdz'
    assert list(packages.drives(package)) == ['vda']
    packages.verify(alice, package)


def test_importing_it(make_machine, alice, area):
    machine = make_machine(BLOCK, disks=[Disk(name='one.raw', format='raw')])
    package = area / 'alice/package'
    alice.wait(alice.export(machine, package))
    assert len(alice.import_settings(package)['SourceResourcePaths']) == 1, 'it has no position'
    error = job_failure(alice, alice.import_, package, {'Name': 'copy'})
    assert error.name == f'{ERROR}Unsafe'
    alice.wait(alice.import_(package, {'Name': 'copy', 'UnsafeDevices': 'strip'}))


def test_importing_and_keeping_it(make_machine, carol, area):
    """A machine that was imported with it exports as the first did."""
    machine = make_machine(BLOCK, HOST_DRIVE, disks=[Disk(name='one.raw', format='raw')])
    first, second = area / 'carol/first', area / 'carol/second'
    warnings = carol.wait(carol.export(machine, first))['Warnings']
    assert [warning['Code'] for warning in warnings] == ['DiskLeftBehind', 'MediaLeftBehind']
    copy = carol.wait(carol.import_(first, {'Name': 'copy', 'UnsafeDevices': 'keep'}))[
        'ImportedVirtualMachine']
    assert carol.wait(carol.export(copy, second))['Warnings'] == warnings
    for package in (first, second):
        assert devices(package)['vdb'].get('dev') == '/dev/sdz'
        assert devices(package)['sda'].get('dev') == '/dev/sr0'


def test_descriptor_with_images_of_a_device(make_machine, alice, area):
    """A package has nothing of a device, so one that says otherwise contradicts itself."""
    machine = make_machine(BLOCK, disks=[Disk(name='one.raw', format='raw')])
    package = area / 'alice/package'
    alice.wait(alice.export(machine, package))
    text = (package / 'vmport.xml').read_text()
    packages.add_medium(package, 'vdb', 'device.raw', b'content')
    error = job_failure(alice, alice.import_, package, {'Name': 'copy', 'UnsafeDevices': 'strip'})
    assert error.name == f'{ERROR}Corrupt' and (package / 'vmport.xml').read_text() != text


@pytest.mark.parametrize('settings', [{}, MEDIA], ids=['no media', 'media'])
def test_host_drive_stays(make_machine, alice, area, settings):
    machine = make_machine(HOST_DRIVE)
    package = area / 'alice/package'
    warning, = alice.wait(alice.export(machine, package, settings))['Warnings']
    assert (warning['Code'], warning['Setting']) == ('MediaLeftBehind', '')
    assert devices(package)['sda'].get('dev') == '/dev/sr0'
    packages.verify(alice, package)


def test_state_and_medium_together(daemon, make_vm, make_medium, alice, area):
    machine = make_vm('web')
    stored.add_devices(daemon, machine, drive(make_medium()))
    stored.put(daemon, machine, {'state.save': os.urandom(50_000)})
    alice.wait(alice.export(machine, area / 'alice/package', MEDIA))
    assert sorted(packages.members(area / 'alice/package').values()) \
        == ['configuration', 'disk', 'media', 'state']


def test_round_trip(make_machine, make_medium, alice, area):
    machine = make_machine(drive(make_medium()), drive(make_medium('boot.img', b'floppy'), 'fda',
                                                       'floppy'))
    first, second = area / 'alice/first', area / 'alice/second'
    alice.wait(alice.export(machine, first, MEDIA))
    copy = alice.wait(alice.import_(first, {'Name': 'copy'}))['ImportedVirtualMachine']
    alice.wait(alice.export(copy, second, MEDIA))
    for target in ('sda', 'fda'):
        images = [packages.drives(package)[target] for package in (first, second)]
        assert images[0][0][1:] == images[1][0][1:], 'format and name'
        assert (first / images[0][0][2]).read_bytes() == (second / images[1][0][2]).read_bytes()
    assert (second / 'Virtual Hard Disks/install.iso').read_bytes() == ISO
