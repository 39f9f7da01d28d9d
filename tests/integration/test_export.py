"""Export: what it leaves on disk, what it refuses, and what it does not touch."""

import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest
from gi.repository import GLib

from rig.caller import ACCESS_DENIED, ERROR, Refused, refused
from rig.jobs import failure, job_failure, owned_by
from rig.machines import MIB, Disk, names, same_content, tree
from rig.recorder import COMPLETED

pytestmark = pytest.mark.modes('system', 'session')

# interface.md, "Export": the table.
EXPORT_SETTINGS = {
    'Caption': 'Virtual System Export Setting Data',
    'Description': 'VMPort Virtual System Export Setting Data',
    'ElementName': 'VMPort Virtual System Export Setting Data',
    'CopyVmStorage': True,
    'CopyVmRuntimeInformation': True,
    'CreateVmExportSubdirectory': False,
    'CopySnapshotConfiguration': 0,
    'SnapshotVirtualSystem': '',
    'CaptureLiveState': 0,
    'ExcludedVirtualHardDisks': [],
    'Checksum': 'fs-verity',
    'BandwidthLimit': 0,
    'DiskFormat': 'keep',
    'IncludeRemovableMedia': False,
}
BYTES = {'CopySnapshotConfiguration': 'y', 'CaptureLiveState': 'y', 'BandwidthLimit': 't'}


def export(caller, machine, directory, **settings):
    return caller.wait(caller.export(machine, directory, settings))


def test_settings_are_complete(daemon, alice, make_vm):
    machine = make_vm('web')
    uuid = alice.machines()[machine]['Uuid']
    settings = alice.export_settings(machine)
    assert settings == {**EXPORT_SETTINGS, 'InstanceID': f'vmport:{uuid}'}, \
        'GetExportSettings gives every key of the table with its default, DirectoryFd left out'


def test_default_export(daemon, alice, make_vm, area, users):
    """architecture.md, "The package"."""
    disk = Disk(name='web.qcow2', size=64 * MIB)
    machine = make_vm('web', [disk])
    properties = alice.machines()[machine]
    target = area / 'alice/package'
    before = tree(daemon.store)
    result = export(alice, machine, target)
    assert set(result) == {'ExportPath', 'BytesCopied', 'BytesCloned', 'Files', 'Warnings'}
    assert result['ExportPath'] == str(target)
    assert result['Warnings'] == []
    assert (target / 'vmport.xml').is_file()
    assert [path.name for path in (target / 'Virtual Machines').iterdir()] \
        == [f'{properties["Uuid"]}.xml']
    assert [path.name for path in (target / 'Virtual Hard Disks').iterdir()] == ['web.qcow2']
    payload = sum(path.stat().st_size for path in target.rglob('*') if path.is_file())
    assert 0 < result['BytesCopied'] + result['BytesCloned'] <= payload
    assert owned_by(target, users['alice']) == [], 'exported files belong to the caller'
    original, = properties['ResourcePaths']
    with open(original, 'rb') as first, \
            open(target / 'Virtual Hard Disks/web.qcow2', 'rb') as second:
        assert first.read() == second.read(), 'DiskFormat=keep copies images byte for byte'
    assert tree(daemon.store) == before, 'an export changes nothing in the store'
    assert alice.machines()[machine] == properties


def test_configuration_in_the_package(daemon, alice, make_vm, area):
    machine = make_vm('web')
    export(alice, machine, area / 'alice/package')
    file, = (area / 'alice/package/Virtual Machines').iterdir()
    domain = ElementTree.parse(file).getroot()
    assert domain.findtext('name') == 'web'
    assert domain.find('devices/emulator') is None


def test_existing_empty_folder_is_used(daemon, alice, make_vm, area, users):
    target = area / 'alice/package'
    target.mkdir()
    users['alice'].own(target)
    export(alice, make_vm('web'), target)
    assert (target / 'vmport.xml').is_file()


def test_folder_with_content_is_refused(daemon, alice, make_vm, area, users):
    target = area / 'alice/package'
    target.mkdir()
    (target / 'mine').write_text('precious')
    users['alice'].own(target)
    before = tree(target)
    error = job_failure(alice, alice.export, make_vm('web'), target)
    assert error.name == f'{ERROR}Exists', 'one that exists must be empty, else Exists'
    assert str(target) in error.message
    assert tree(target) == before, 'nothing is ever overwritten'


def test_second_export_to_the_same_place_is_refused(daemon, alice, make_vm, area):
    machine = make_vm('web')
    export(alice, machine, area / 'alice/package')
    before = tree(area / 'alice')
    assert job_failure(alice, alice.export, machine, area / 'alice/package').name \
        == f'{ERROR}Exists'
    assert tree(area / 'alice') == before


def test_missing_parent(daemon, alice, make_vm, area):
    error = job_failure(alice, alice.export, make_vm('web'), area / 'alice/no/package')
    assert error.name == f'{ERROR}NotFound', 'its parent must be there'
    assert names(area / 'alice') == []


def test_file_in_the_way(daemon, alice, make_vm, area, users):
    (area / 'alice/package').write_text('a file')
    users['alice'].own(area / 'alice/package')
    error = job_failure(alice, alice.export, make_vm('web'), area / 'alice/package')
    assert error.name in (f'{ERROR}Exists', f'{ERROR}InvalidParameter')
    assert (area / 'alice/package').read_text() == 'a file'


@pytest.mark.parametrize('name, folder', [('web', 'web'), ('.web', '%2Eweb'), ('a b', 'a b'),
                                          ('wéb', 'wéb')])
def test_subdirectory(daemon, alice, make_vm, area, name, folder):
    machine = make_vm(name)
    result = export(alice, machine, area / 'alice', CreateVmExportSubdirectory=True)
    assert result['ExportPath'] == str(area / 'alice' / folder), \
        'true: the package is <directory>/<VM name>, a leading . as %2E'
    assert (area / 'alice' / folder / 'vmport.xml').is_file()


def test_pre_filled_settings_can_be_handed_back(daemon, alice, make_vm, area):
    machine = make_vm('web')
    settings = {key: GLib.Variant(BYTES[key], value) if key in BYTES else value
                for key, value in alice.export_settings(machine).items()}
    export(alice, machine, area / 'alice/package', **settings)
    assert (area / 'alice/package/vmport.xml').is_file(), \
        'handing back the whole dictionary that Get…Settings returned is always valid'


@pytest.mark.parametrize('key, value, error', [
    ('NoSuchKey', True, 'InvalidParameter'),
    ('ElementName', 'mine', 'InvalidParameter'),
    ('InstanceID', 'vmport:other', 'InvalidParameter'),
    ('Checksum', 'md5', 'InvalidParameter'),
    ('DiskFormat', 'floppy', 'InvalidParameter'),
    ('CopySnapshotConfiguration', GLib.Variant('y', 9), 'InvalidParameter'),
    ('CopyVmStorage', 'yes', 'IncorrectDataType'),
    ('CopySnapshotConfiguration', GLib.Variant('i', 1), 'IncorrectDataType'),
    ('Checksum', True, 'IncorrectDataType'),
    ('ExcludedVirtualHardDisks', 'vda', 'IncorrectDataType'),
    ('BandwidthLimit', GLib.Variant('u', 1), 'IncorrectDataType'),
])
def test_wrong_settings_fail_the_call(daemon, alice, make_vm, area, key, value, error):
    machine = make_vm('web')
    before = alice.jobs()
    answer = refused(alice.export, machine, area / 'alice/package', {key: value})
    assert answer.name == ERROR + error, answer
    assert key in answer.message, f'the message names the key: {answer.message}'
    assert alice.jobs() == before, 'a call that fails makes no job'
    assert names(area / 'alice') == []


def test_type_error_names_both_types(daemon, alice, make_vm, area):
    answer = refused(alice.export, make_vm('web'), area / 'alice/package',
                     {'CopyVmStorage': GLib.Variant('u', 1)})
    assert answer.name == f'{ERROR}IncorrectDataType'
    assert re.search(r'\bu\b', answer.message) and re.search(r'\bb\b', answer.message), \
        f'a wrong type is IncorrectDataType naming key, type given and type wanted: {answer}'


@pytest.mark.parametrize('directory', ['', 'relative', '/a/../b', '/a/./b', '/a//b'])
def test_malformed_directories_fail_the_call(daemon, alice, make_vm, directory):
    machine = make_vm('web')
    answer = refused(alice.export, machine, directory)
    assert answer.name == f'{ERROR}InvalidParameter', \
        'directory is an absolute path without ., .. or empty components'


def test_root_is_not_empty(daemon, root, make_vm):
    assert job_failure(root, root.export, make_vm('web'), '/').name == f'{ERROR}Exists'


@pytest.mark.parametrize('settings', [
    {'CopyVmStorage': False}, {'CopySnapshotConfiguration': GLib.Variant('y', 2)},
    {'ExcludedVirtualHardDisks': ['vda']}, {'DiskFormat': 'raw'},
    {'BandwidthLimit': GLib.Variant('t', 1 << 20)}, {'IncludeRemovableMedia': True},
], ids=lambda settings: next(iter(settings)))
def test_known_settings_are_honoured_or_refused_by_name(daemon, alice, make_vm, area, settings):
    """What is not built yet answers NotSupported naming the key: nothing is ignored."""
    machine = make_vm('web')
    key, = settings
    try:
        result = export(alice, machine, area / 'alice/package', **settings)
    except Refused as error:
        assert error.name in (f'{ERROR}NotSupported', f'{ERROR}NotFound',
                              f'{ERROR}InvalidParameter'), error
        assert key in error.message, error
        assert names(area / 'alice') == []
    else:
        assert result['ExportPath']


def test_checksum_none_and_sha256(daemon, alice, make_vm, area, users):
    machine = make_vm('web')
    export(alice, machine, area / 'alice/none', Checksum='none')
    assert not (area / 'alice/none/SHA256SUMS').exists()
    export(alice, machine, area / 'alice/sha256', Checksum='sha256')
    result = users['alice'].run(('sha256sum', '--strict', '-c', 'SHA256SUMS'),
                                cwd=area / 'alice/sha256')
    assert result.returncode == 0, result.stdout + result.stderr
    listed = {line.split('  ', 1)[1] for line in
              (area / 'alice/sha256/SHA256SUMS').read_text().splitlines()}
    assert listed == {name for name in names(area / 'alice/sha256')
                      if (area / 'alice/sha256' / name).is_file()} - {'SHA256SUMS', 'vmport.xml'}


def test_unknown_machine(daemon, alice, area):
    answer = refused(alice.export,
                     '/org/vmport/VirtualMachine/store/00000000_0000_4000_8000_000000000000',
                     area / 'alice/package')
    assert answer.name == f'{ERROR}NotFound', 'NotFound where it is an argument'


def test_full_disk(daemon, alice, make_vm, area, users):
    mount = area / 'alice/small'
    mount.mkdir()
    subprocess.run(('mount', '-t', 'tmpfs', '-o', f'size=2m,uid={users["alice"].uid}', 'tmpfs',
                    mount), check=True)
    machine = make_vm('web', [Disk(name='web.raw', format='raw', size=8 * MIB,
                                   extents=[(0, b'x' * 8 * MIB)])])
    error = job_failure(alice, alice.export, machine, mount / 'package')
    assert error.name == f'{ERROR}NoSpace', error
    assert names(mount) == [], 'a failed export leaves nothing'


def test_round_trip(daemon, alice, make_vm, area):
    """Export, import, and every disk reads the same."""
    disks = [Disk(name='system.qcow2', size=32 * MIB), Disk(name='data.raw', format='raw')]
    machine = make_vm('web', disks)
    export(alice, machine, area / 'alice/package')
    copy = alice.wait(alice.import_(area / 'alice/package', {'Name': 'web2'}))[
        'ImportedVirtualMachine']
    shutil.rmtree(area / 'alice/package')
    machines = alice.machines()
    for disk, first, second in zip(disks, machines[machine]['ResourcePaths'],
                                   machines[copy]['ResourcePaths']):
        assert first != second
        assert same_content(first, disk.format, second, disk.format)
    assert machines[copy]['Name'] == 'web2' and machines[copy]['State'] == 'off'


def test_state_of_a_good_job(daemon, alice, make_vm, area):
    job = alice.export(make_vm('web'), area / 'alice/package')
    alice.wait(job)
    properties = alice.job(job)
    assert properties['JobState'] == COMPLETED
    assert properties['ErrorCode'] == 0 and properties['ErrorName'] == ''
    assert properties['BytesDone'] == properties['BytesTotal'] > 0, 'equal at success'
    assert properties['PercentComplete'] == 100 and properties['Phase'] == 'Done'
    assert 0 < properties['StartTime'] <= properties['EndTime']


def test_directory_of_someone_else(daemon, alice, make_vm, area):
    error = job_failure(alice, alice.export, make_vm('web'), area / 'bob/package')
    assert error.name == ACCESS_DENIED, \
        "what the caller's rights forbid on disk is AccessDenied in a job too"
    assert names(area / 'bob') == []


def test_removed_while_asked(daemon, alice, root, make_vm, area):
    machine = make_vm('web')
    root.delete(machine)
    assert failure(alice, alice.export, machine, area / 'alice/package').name \
        == f'{ERROR}NotFound'
