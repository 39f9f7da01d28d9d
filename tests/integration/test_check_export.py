"""CheckExport: what an export would do, told beforehand; and the settings for what stays behind."""

import pathlib
import shutil
import struct
import subprocess

import pytest
from gi.repository import GLib

from rig import stored
from rig.caller import ACCESS_DENIED, ERROR, INTERACTIVE, MANAGER, STORE, refused, variants
from rig.jobs import HELD, Hold, job_failure
from rig.machines import Disk, names, random_disk
from rig.recorder import WITH_WARNINGS

pytestmark = pytest.mark.modes('system', 'session')


def check(caller, machine, folder, settings=None):
    return caller.call(STORE, MANAGER, 'CheckExport', '(osa{sv})',
                       (machine, str(folder), variants(settings)))


@pytest.fixture
def machine(daemon, make_vm):
    return make_vm('web', [random_disk(4), Disk(name='second.qcow2')])


def test_clean(machine, alice, area):
    found = check(alice, machine, area / 'alice/package')
    assert [finding['Code'] for finding in found] == ['PackageSize']
    assert found[0]['Severity'] == 'info' and found[0]['Bytes'] >= 4 << 20
    assert names(area / 'alice') == [], 'a check changes nothing'
    result = alice.wait(alice.export(machine, area / 'alice/package'))
    assert result['BytesCopied'] + result['BytesCloned'] == found[0]['Bytes']


def test_its_own_errors(machine, alice, area):
    """Check… returns as its own error what fails the job of the operation, in the same words."""
    (area / 'alice/full').mkdir()
    (area / 'alice/full/file').write_text('x')
    for folder, name in (('full', f'{ERROR}Exists'), ('none/deeper', f'{ERROR}NotFound')):
        error = refused(check, alice, machine, area / 'alice' / folder)
        assert error.name == name
        failure = job_failure(alice, alice.export, machine, area / 'alice' / folder)
        assert (failure.name, failure.message) == (error.name, error.message)
    assert refused(check, alice, machine, '/root/package').name == ACCESS_DENIED


def test_config_only(machine, alice, area):
    settings = {'CopyVmStorage': False, 'CopySnapshotConfiguration': GLib.Variant('y', 1)}
    assert check(alice, machine, area / 'alice/package', settings)[0]['Bytes'] == 0
    result = alice.wait(alice.export(machine, area / 'alice/package', settings))
    assert result['Files'] == 1 and result['BytesCopied'] == 0
    assert not (area / 'alice/package/Virtual Hard Disks').exists()
    # Importing it: every disk keeps its position, and waits for a path or a root.
    prefilled = alice.import_settings(area / 'alice/package')
    assert prefilled['SourceResourcePaths'] == ['', '']
    paths = alice.machines()[machine]['ResourcePaths']
    assert prefilled['CurrentResourcePaths'] == paths
    error = job_failure(alice, alice.import_, area / 'alice/package', {'Name': 'copy'})
    assert error.name == f'{ERROR}NotFound', 'SourceMissing'


def test_disks_from_elsewhere(machine, alice, area, users):
    """Disks by SourceResourcePaths, and by SourceVhdDataRoot alone."""
    whole, bare = area / 'alice/whole', area / 'alice/config'
    alice.wait(alice.export(machine, whole))
    alice.wait(alice.export(machine, bare, {'CopyVmStorage': False}))
    root = whole / 'Virtual Hard Disks'
    files = alice.import_settings(whole)['SourceResourcePaths']
    for number, settings in enumerate(({'SourceResourcePaths': files},
                                       {'SourceVhdDataRoot': str(root)})):
        result = alice.wait(alice.import_(bare, {'Name': f'copy{number}', **settings}))
        assert result['BytesCopied'] + result['BytesCloned'] >= 4 << 20


@pytest.mark.parametrize('by', ['target', 'path'])
def test_excluded_disk(machine, alice, area, by):
    paths = alice.machines()[machine]['ResourcePaths']
    excluded = 'vdb' if by == 'target' else paths[1]
    result = alice.wait(alice.export(machine, area / 'alice/package',
                                     {'ExcludedVirtualHardDisks': [excluded]}))
    assert [warning['Code'] for warning in result['Warnings']] == ['DiskLeftBehind']
    assert len(names(area / 'alice/package/Virtual Hard Disks')) == 1
    assert alice.import_settings(area / 'alice/package')['SourceResourcePaths'][1] == ''


@pytest.mark.modes('system')   # bob is another user
@pytest.mark.parametrize('unknown', ['vdz', '', '/no/such/disk', 'sda'])
def test_unknown_excluded_disk(daemon, make_vm, alice, bob, dave, area, unknown):
    """Known without reading the directory, so the call fails; a drive is no disk. Only those who
    may export learn which disks there are."""
    machine = make_vm('web', [Disk(name='one.qcow2')])
    stored.add_devices(daemon, machine,
                       '<disk type="file" device="cdrom"><target dev="sda" bus="sata"/></disk>')
    settings = {'ExcludedVirtualHardDisks': ['vda', unknown]}
    error = refused(alice.export, machine, area / 'alice/package', settings)
    assert error.name == f'{ERROR}InvalidParameter' and f'“{unknown}”' in error.message
    assert 'ExcludedVirtualHardDisks' in error.message
    checked = refused(check, alice, machine, area / 'alice/package', settings)
    assert (checked.name, checked.message) == (error.name, error.message)
    assert alice.jobs() == [] and names(area / 'alice') == []
    assert refused(bob.export, machine, area / 'bob/package', settings).name == INTERACTIVE
    assert refused(dave.export, machine, area / 'dave/package', settings).name \
        == f'{ERROR}NotFound'


@pytest.mark.parametrize('mode', [0, 1])
def test_unused_setting(machine, alice, area, mode):
    settings = {'SnapshotVirtualSystem': 'before the update',
                'CopySnapshotConfiguration': GLib.Variant('y', mode)}
    job = alice.export(machine, area / 'alice/package', settings)
    warning, = alice.wait(job)['Warnings']
    assert (warning['Code'], warning['Severity'], warning['Setting'], warning['Index']) \
        == ('SettingUnused', 'warning', 'SnapshotVirtualSystem', -1)
    assert alice.job(job)['JobState'] == WITH_WARNINGS
    assert warning in alice.describe(job)['Findings']
    assert warning in check(alice, machine, area / 'alice/second', settings)
    error = refused(check, alice, machine, area / 'alice/second',
                    {'SnapshotVirtualSystem': True})
    assert error.name == f'{ERROR}IncorrectDataType'
    found = check(alice, machine, area / 'alice/second', {'SnapshotVirtualSystem': ''})
    assert [finding['Code'] for finding in found] == ['PackageSize'], 'its default is no setting'


def assert_refused_alike(alice, machine, folder, settings=None):
    """What the check has of severity error is what the job fails with; these findings, and the
    error."""
    found = [finding for finding in check(alice, machine, folder, settings)
             if finding['Severity'] == 'error']
    assert found
    job = alice.export(machine, folder, settings)
    error = refused(alice.wait, job)
    assert error.message == found[0]['Message']
    assert [finding for finding in alice.describe(job)['Findings']
            if finding['Severity'] == 'error'] == found
    return found, error


def test_missing_disks(machine, alice, area):
    """All are told at once, each with the same array, which mends them all."""
    for path in alice.machines()[machine]['ResourcePaths']:
        pathlib.Path(path).unlink()
    found, error = assert_refused_alike(alice, machine, area / 'alice/package')
    assert error.name == f'{ERROR}NotFound' and names(area / 'alice') == []
    assert [(finding['Code'], finding['Setting']) for finding in found] \
        == [('SourceMissing', 'ExcludedVirtualHardDisks')] * 2
    for finding, target in zip(found, ('vda', 'vdb')):
        assert target in finding['Message']
        assert finding['Resolution'] == {'ExcludedVirtualHardDisks': ['vda', 'vdb']}
    result = alice.wait(alice.export(machine, area / 'alice/package', found[0]['Resolution']))
    assert [warning['Code'] for warning in result['Warnings']] == ['DiskLeftBehind'] * 2


def test_one_missing_and_one_excluded(machine, alice, area):
    pathlib.Path(alice.machines()[machine]['ResourcePaths'][1]).unlink()
    settings = {'ExcludedVirtualHardDisks': ['vda']}
    (finding,), _ = assert_refused_alike(alice, machine, area / 'alice/package', settings)
    assert finding['Resolution'] == {'ExcludedVirtualHardDisks': ['vda', 'vdb']}
    alice.wait(alice.export(machine, area / 'alice/package', finding['Resolution']))


def test_disk_of_another_format(machine, alice, area):
    """Its bytes are not what the configuration says, and could name a file of the host."""
    overlay('/etc/passwd', alice.machines()[machine]['ResourcePaths'][0])
    (finding,), error = assert_refused_alike(alice, machine, area / 'alice/package')
    assert finding['Code'] == 'UnsafeImage' and error.name == f'{ERROR}Unsafe'
    assert finding['Resolution'] == {'ExcludedVirtualHardDisks': ['vda']}


@pytest.mark.parametrize('settings', [{}, {'CopyVmStorage': False},
                                      {'ExcludedVirtualHardDisks': ['vda']}],
                         ids=['all', 'config-only', 'excluded'])
def test_disk_without_a_format(daemon, machine, alice, area, settings):
    """A package states the format of every image, of those that it does not hold too."""
    stored.edit(daemon, machine, (' type="raw"/>', '/>'))
    (finding,), error = assert_refused_alike(alice, machine, area / 'alice/package', settings)
    assert (finding['Code'], finding['Resolution']) == ('UnsafeImage', {})
    assert error.name == f'{ERROR}Unsafe' and 'vda' in error.message
    assert names(area / 'alice') == []


def assert_same_error(alice, machine, folder):
    """An error that is no finding: the check's own, and the job's, in the same words."""
    error = refused(check, alice, machine, folder)
    failure = job_failure(alice, alice.export, machine, folder)
    assert (failure.name, failure.message) == (error.name, error.message)
    return error


def overlay(base, top, *options):
    subprocess.run(('qemu-img', 'create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', base, *options,
                    top), check=True)


def test_chain_that_is_not_spelled_out(daemon, make_vm, alice, area):
    """The overlay names a file that the configuration does not: it would not go along."""
    machine = make_vm('web', [Disk(name='web.qcow2')])
    top, = alice.machines()[machine]['ResourcePaths']
    base = pathlib.Path(top).with_name('base.raw')
    base.write_bytes(b'x' * 65536)
    overlay(base, top)
    error = assert_same_error(alice, machine, area / 'alice/package')
    assert error.name == f'{ERROR}Corrupt' and 'vda' in error.message


def chain(lower):
    """The change that puts a lower image beneath the first disk of a configuration."""
    return ('<backingStore/>', f'<backingStore type="file"><format type="raw"/>'
                               f'<source file="{lower}"/><backingStore/></backingStore>')


def test_chain_that_the_header_does_not_name(daemon, machine, alice, area):
    stored.edit(daemon, machine, chain('/etc/os-release'))
    error = assert_same_error(alice, machine, area / 'alice/package')
    assert error.name == f'{ERROR}Corrupt' and 'vda' in error.message


def fill_header(image, name):
    """Leaves no room in a qcow2 header: an extension that nobody knows fills its cluster up to the
    backing file's name."""
    with open(image, 'r+b') as file:
        header = bytearray(file.read(65536))
        length, = struct.unpack_from('>I', header, 100)
        room = 65536 - len(name) - length - 8 - 8
        room -= room % 8
        header[length:] = struct.pack('>II', 0x12345678, room) + bytes(room + 8) + name
        struct.pack_into('>QI', header, 8, len(header) - len(name), len(name))
        file.seek(0)
        file.write(header)


def test_header_without_room(daemon, make_vm, alice, area):
    """An overlay that cannot name its backing file in a package: the check tries it."""
    machine = make_vm('web', [Disk(name='web.qcow2')])
    top, = alice.machines()[machine]['ResourcePaths']
    lower = pathlib.Path(top).with_name('a longer name.raw')
    lower.write_bytes(b'x' * 65536)
    overlay(lower, top)
    fill_header(top, b's')
    stored.edit(daemon, machine, chain(lower))
    error = assert_same_error(alice, machine, area / 'alice/package')
    assert 'no room' in error.message and names(area / 'alice') == []


@pytest.fixture
def small(area, users):
    """Mounts a file system of alice's with little room."""
    mount = area / 'alice/small'
    mount.mkdir()

    def make(size):
        subprocess.run(('mount', '-t', 'tmpfs', '-o', f'size={size},uid={users["alice"].uid}',
                        'tmpfs', mount), check=True)
        return mount
    return make


@pytest.mark.parametrize('existing', [True, False])
def test_not_enough_space(machine, alice, area, small, existing):
    """Of the file system that will hold the package: an empty folder may be one of its own."""
    mount = small('2m')
    folder = mount if existing else mount / 'package'
    (finding,), error = assert_refused_alike(alice, machine, folder)
    assert finding['Code'] == 'NotEnoughSpace' and error.name == f'{ERROR}NoSpace'
    assert finding['Bytes'] >= 4 << 20 and finding['Resolution'] == {}
    assert names(mount) == []
    found = check(alice, machine, folder, {'CopyVmStorage': False})
    assert [finding['Code'] for finding in found] == ['PackageSize']


@pytest.mark.parametrize('checksum', ['fs-verity', 'sha256'])
def test_just_enough_space(daemon, make_vm, alice, area, small, checksum):
    """Whatever is free, the check and the export agree on whether it is enough."""
    machine = make_vm('web', [random_disk(1)])
    mount = small('2m')
    outcomes = set()
    for number, kib in enumerate(range(960, 1024, 4)):
        (mount / 'filler').write_bytes(b'x' * (kib << 10))
        folder = mount / f'package{number}'
        settings = {'Checksum': checksum}
        good = all(finding['Severity'] != 'error'
                   for finding in check(alice, machine, folder, settings))
        job = alice.export(machine, folder, settings)
        if good:
            alice.wait(job)
            shutil.rmtree(folder)
        else:
            assert refused(alice.wait, job).name == f'{ERROR}NoSpace'
        alice.release(job)
        outcomes.add(good)
    assert outcomes == {True, False}, 'this range has the edge in it'


def test_places_without_right(machine, alice, area, users, small):
    mount = small('64m')
    subprocess.run(('mount', '-o', 'remount,ro', mount), check=True)
    closed = area / 'alice/closed'
    closed.mkdir(mode=0o555)
    users['alice'].own(closed)
    for folder in (mount, mount / 'package', closed, closed / 'package', area / 'bob/package'):
        assert assert_same_error(alice, machine, folder).name == ACCESS_DENIED, folder


def test_sources_without_right(daemon, make_vm, alice, area):
    """A disk outside the store is read with the caller's rights, and both say that they lack."""
    machine = make_vm('web', [Disk(name='web.raw', format='raw')])
    secret = area / 'bob/disk.raw'
    secret.write_bytes(b'x' * 65536)
    stored.edit(daemon, machine, (alice.machines()[machine]['ResourcePaths'][0], str(secret)))
    assert assert_same_error(alice, machine, area / 'alice/package').name == ACCESS_DENIED


def test_machine_that_a_job_has(daemon, recorder, machine, alice, area):
    """While an export has the machine another would be refused, so the check says that."""
    hold = Hold(daemon, recorder, 'Copying')
    job = alice.export(machine, area / 'alice/package', HELD)
    hold.wait()
    error = refused(check, alice, machine, area / 'alice/second')
    again = refused(alice.export, machine, area / 'alice/second')
    assert (error.name, error.message) == (again.name, again.message)
    assert error.name == f'{ERROR}InUse'
    hold.release()
    alice.cancel(job)
    refused(alice.wait, job)
    assert check(alice, machine, area / 'alice/second')
