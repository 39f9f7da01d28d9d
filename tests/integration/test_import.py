"""Import: packages and bare directories, what is copied, and what is turned away."""

import os
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest
from gi.repository import GLib

from rig.caller import ACCESS_DENIED, ERROR, Refused, refused
from rig.jobs import findings, job_failure
from rig.machines import (MIB, Disk, bare_directory, domain_xml, make_image, names, same_content,
                          tree)
from rig.recorder import COMPLETED, WITH_WARNINGS

pytestmark = pytest.mark.modes('system', 'session')

# interface.md, "Import": the table, for a package of one disk and no adapter.
IMPORT_SETTINGS = {
    'Caption': 'Virtual System Import Setting Data',
    'Description': 'VMPort Virtual System Import Setting Data',
    'ElementName': 'VMPort Virtual System Import Setting Data',
    'CreateCopy': True,
    'GenerateNewId': True,
    'SecurityScope': '',
    'TargetResourcePaths': [''],
    'SourceNetworkConnections': [],
    'TargetNetworkConnections': [],
    'TargetVmDataRoot': '',
    'TargetSnapshotDataRoot': '',
    'TargetVhdDataRoot': '',
    'VerifyChecksums': True,
    'BandwidthLimit': 0,
    'MacAddresses': 'auto',
    'DropSavedState': False,
    'UnsafeDevices': 'refuse',
}


@pytest.fixture
def package(daemon, alice, make_vm, area):
    """alice's package of the machine "web", which is in the store as well."""
    machine = make_vm('web', [Disk(name='web.qcow2', size=16 * MIB)])
    alice.wait(alice.export(machine, area / 'alice/package'))
    return area / 'alice/package'


def import_(caller, directory, **settings):
    result = caller.wait(caller.import_(directory, settings))
    return result['ImportedVirtualMachine'], result


def test_settings_are_complete(package, alice):
    machine, = alice.machines().values()
    settings = alice.import_settings(package)
    assert settings == {
        **IMPORT_SETTINGS,
        'InstanceID': f'vmport:{machine["Uuid"]}',
        'Name': 'web',
        'CurrentResourcePaths': machine['ResourcePaths'],
        'SourceResourcePaths': [str(package / 'Virtual Hard Disks/web.qcow2')],
        'SourceVmDataRoot': str(package / 'Virtual Machines'),
        'SourceVhdDataRoot': str(package / 'Virtual Hard Disks'),
        'SourceSnapshotDataRoot': '',
    }, 'GetImportSettings gives every key of the table, pre-filled from that directory'


def test_import_under_a_new_name(package, daemon, alice, bus):
    before = tree(package)
    machine, result = import_(alice, package, Name='web2')
    assert set(result) == {'ImportedVirtualMachine', 'BytesCopied', 'BytesCloned', 'Files',
                           'Warnings'}
    assert result['Warnings'] == []
    machines = {entry['Name']: (path, entry) for path, entry in alice.machines().items()}
    assert set(machines) == {'web', 'web2'} and machines['web2'][0] == machine
    old, new = machines['web'][1], machines['web2'][1]
    assert old['Uuid'] != new['Uuid'], 'GenerateNewId: a new UUID'
    assert machine == f'/org/vmport/VirtualMachine/store/{new["Uuid"].replace("-", "_")}'
    assert same_content(old['ResourcePaths'][0], 'qcow2', new['ResourcePaths'][0], 'qcow2')
    assert tree(package) == before, 'CreateCopy: the import directory stays untouched'
    for path in new['ResourcePaths']:
        assert path.startswith(f'{daemon.store}/{new["Uuid"]}/'), \
            "the directory store keeps each VM in <root>/<uuid>/"
        assert os.stat(path).st_uid == bus.user.uid and os.stat(path).st_mode & 0o077 == 0


def test_read_only_package_many_times(package, alice, users):
    subprocess.run(('mount', '--bind', package, package), check=True)
    subprocess.run(('mount', '-o', 'remount,bind,ro', package), check=True)
    for number in range(3):
        import_(alice, package, Name=f'copy{number}')
    assert sorted(entry['Name'] for entry in alice.machines().values()) \
        == ['copy0', 'copy1', 'copy2', 'web']


def test_same_name_is_refused(package, alice):
    job = alice.import_(package)
    error = refused(alice.wait, job)
    assert error.name == f'{ERROR}Exists'
    assert findings(alice, job)['NameInUse']['Severity'] == 'error', \
        'a job that findings stop has all of them in Describe'
    assert len(alice.machines()) == 1


def test_same_id_is_refused(package, alice):
    job = alice.import_(package, {'Name': 'web2', 'GenerateNewId': False})
    assert refused(alice.wait, job).name == f'{ERROR}Exists'
    assert 'IdInUse' in findings(alice, job)


def test_keeping_the_id(package, alice, root):
    (path, machine), = alice.machines().items()
    root.delete(path)
    new, _ = import_(alice, package, GenerateNewId=False)
    assert new == path and alice.machines()[new]['Uuid'] == machine['Uuid'], \
        'GenerateNewId=false keeps the UUID'


def test_new_ids_mean_new_macs(daemon, alice, make_vm, area):
    machine = make_vm('web', networks=['user'])
    alice.wait(alice.export(machine, area / 'alice/package'))
    copy, _ = import_(alice, area / 'alice/package', Name='web2')
    first, second = (ElementTree.fromstring(alice.configuration(path))
                     .find('devices/interface/mac').get('address') for path in (machine, copy))
    assert first != second and second.startswith('52:54:00:')


def test_target_folder(package, operator, area):
    """TargetVhdDataRoot=/x puts disk.qcow2 at /x/disk.qcow2."""
    user = operator.user
    package = package.rename(area / user.name / 'to-import')
    folder = area / user.name / 'disks'
    folder.mkdir()
    for path in (package, *package.rglob('*'), folder):
        user.own(path)
    machine, _ = import_(operator, package, Name='web2', TargetVhdDataRoot=str(folder))
    assert operator.machines()[machine]['ResourcePaths'] == [str(folder / 'web.qcow2')]
    assert names(folder) == ['web.qcow2']
    assert (folder / 'web.qcow2').stat().st_uid == user.uid
    error = job_failure(operator, operator.import_, package,
                        {'Name': 'web3', 'TargetVhdDataRoot': str(folder)})
    assert error.name == f'{ERROR}Exists', 'TargetExists'
    error = job_failure(operator, operator.import_, package,
                        {'Name': 'web3', 'TargetVhdDataRoot': str(folder / 'none')})
    assert error.name == f'{ERROR}InvalidParameter', 'TargetMissing: folders must exist'


def test_bare_directory(daemon, alice, area, users):
    folder = bare_directory(area / 'alice/bare', 'old', networks=['network:nowhere'],
                            owner=users['alice'])
    settings = alice.import_settings(folder)
    assert settings['CurrentResourcePaths'] == ['/var/lib/libvirt/images/old.qcow2']
    assert settings['SourceResourcePaths'] == [str(folder / 'old.qcow2')]
    assert settings['SourceNetworkConnections'] == ['network:nowhere']
    assert settings['TargetNetworkConnections'] == ['']
    before = tree(folder)
    job = alice.import_(folder)
    result = alice.wait(job)
    assert {warning['Code'] for warning in result['Warnings']} \
        == {'ChecksumMissing', 'NetworkMissing'}
    assert alice.job(job)['JobState'] == WITH_WARNINGS
    machine = alice.machines()[result['ImportedVirtualMachine']]
    assert machine['Name'] == 'old' and machine['NetworkConnections'] == ['']
    assert same_content(folder / 'old.qcow2', 'qcow2', machine['ResourcePaths'][0], 'qcow2')
    assert tree(folder) == before


def test_kernel_and_initrd_come_along(daemon, alice, area, users):
    folder = bare_directory(area / 'alice/bare', 'old')
    for name in ('vmlinuz', 'initramfs.img'):
        (folder / name).write_bytes(name.encode() * 1000)
    xml = folder / 'old.xml'
    xml.write_text(xml.read_text().replace('</os>', f'''
        <kernel>{folder}/vmlinuz</kernel><initrd>{folder}/initramfs.img</initrd>
        <cmdline>console=ttyS0</cmdline></os>'''))
    for path in (folder, *folder.rglob('*')):
        users['alice'].own(path)
    machine, _ = import_(alice, folder)
    alice.wait(alice.export(machine, area / 'alice/package'))
    copy, _ = import_(alice, area / 'alice/package', Name='new')
    shutil.rmtree(folder)
    shutil.rmtree(area / 'alice/package')
    for path in (machine, copy):
        system = ElementTree.fromstring(alice.configuration(path)).find('os')
        for element, name in (('kernel', 'vmlinuz'), ('initrd', 'initramfs.img')):
            with open(system.findtext(element), 'rb') as file:
                assert file.read() == name.encode() * 1000
        assert system.findtext('cmdline') == 'console=ttyS0'


def test_nothing_to_import(daemon, alice, area, users):
    folder = area / 'alice/empty'
    folder.mkdir()
    users['alice'].own(folder)
    assert job_failure(alice, alice.import_, folder).name == f'{ERROR}NotFound'
    assert refused(alice.import_settings, folder).name == f'{ERROR}NotFound', \
        'Get…Settings return it as their own error'
    assert job_failure(alice, alice.import_, area / 'alice/none').name == f'{ERROR}NotFound'


def test_two_configurations(daemon, alice, area, users):
    folder = bare_directory(area / 'alice/bare', 'old')
    shutil.copy(folder / 'old.xml', folder / 'other.xml')
    for path in (folder, *folder.rglob('*')):
        users['alice'].own(path)
    assert job_failure(alice, alice.import_, folder).name == f'{ERROR}Ambiguous'


def test_missing_disk(daemon, alice, area, users):
    folder = bare_directory(area / 'alice/bare', 'old', owner=users['alice'])
    (folder / 'old.qcow2').unlink()
    job = alice.import_(folder)
    error = refused(alice.wait, job)
    assert error.name == f'{ERROR}NotFound'
    finding = findings(alice, job)['SourceMissing']
    assert finding['Setting'] == 'SourceResourcePaths' and finding['Index'] == 0
    assert alice.machines() == {}


@pytest.mark.parametrize('key, value, error', [
    ('NoSuchKey', True, 'InvalidParameter'),
    ('Caption', 'mine', 'InvalidParameter'),
    ('SecurityScope', 'nowhere', 'InvalidParameter'),
    ('UnsafeDevices', 'whatever', 'InvalidParameter'),
    ('MacAddresses', 'random', 'InvalidParameter'),
    ('CreateCopy', 'yes', 'IncorrectDataType'),
    ('Name', True, 'IncorrectDataType'),
    ('TargetResourcePaths', 'one', 'IncorrectDataType'),
])
def test_wrong_settings_fail_the_call(package, root, key, value, error):
    before = root.jobs()
    answer = refused(root.import_, package, {key: value})
    assert answer.name == ERROR + error, answer
    assert key in answer.message, f'the message names the key: {answer.message}'
    assert root.jobs() == before, 'a call that fails makes no job'


@pytest.mark.parametrize('value', [[], ['', '', '']], ids=['empty', 'longer'])
@pytest.mark.parametrize('key', ['TargetResourcePaths', 'SourceResourcePaths'])
def test_arrays_of_another_length_fail_the_job(package, root, key, value):
    assert job_failure(root, root.import_, package,
                       {'Name': 'web2', key: value}).name == f'{ERROR}InvalidParameter'


# What has happened to a package on its way

def disk_of(package):
    return package / 'Virtual Hard Disks/web.qcow2'


def flip(path, offset):
    with open(path, 'r+b') as file:
        file.seek(offset)
        byte = file.read(1)
        file.seek(offset)
        file.write(bytes([byte[0] ^ 1]))


def replace_with_link(path):
    path.rename(path.with_name('elsewhere'))
    path.symlink_to('elsewhere')


DAMAGE = {
    'flipped': lambda package: flip(disk_of(package), disk_of(package).stat().st_size - 100),
    'truncated': lambda package: os.truncate(disk_of(package), 4096),
    'grown': lambda package: os.truncate(disk_of(package), disk_of(package).stat().st_size + 4096),
    'missing': lambda package: disk_of(package).unlink(),
    'configuration': lambda package: flip(next((package / 'Virtual Machines').glob('*.xml')), 60),
    'descriptor': lambda package: os.truncate(package / 'vmport.xml', 200),
    'link': lambda package: replace_with_link(disk_of(package)),
    'pipe': lambda package: (disk_of(package).unlink(), os.mkfifo(disk_of(package))),
    'folder': lambda package: (disk_of(package).unlink(), disk_of(package).mkdir()),
}


@pytest.mark.parametrize('damage', DAMAGE)
def test_damaged_package(package, alice, daemon, damage):
    DAMAGE[damage](package)
    before = names(daemon.store)
    error = job_failure(alice, alice.import_, package, {'Name': 'web2'})
    wanted = {'missing': ('NotFound', 'Corrupt'), 'link': ('Unsafe', 'Corrupt'),
              'pipe': ('Unsafe', 'Corrupt'), 'folder': ('Unsafe', 'Corrupt')}
    assert error.name in [ERROR + name for name in wanted.get(damage, ('Corrupt',))], error
    if damage not in ('configuration', 'descriptor'):
        assert 'web.qcow2' in error.message, f'the message names the file: {error.message}'
    assert len(alice.machines()) == 1
    assert names(daemon.store) == before, 'a failed import leaves nothing in the store'


def test_unchecked_import_takes_what_is_there(package, alice):
    """VerifyChecksums=false: then the caller answers for the bytes."""
    flip(disk_of(package), disk_of(package).stat().st_size - 100)
    import_(alice, package, Name='web2', VerifyChecksums=False)


# Configurations and images that reach for the host

UNSAFE_DEVICES = {
    'hostdev': "<hostdev mode='subsystem' type='pci'><source><address domain='0' bus='0' slot='1' "
               "function='0'/></source></hostdev>",
    'filesystem': "<filesystem type='mount'><source dir='/etc'/><target dir='etc'/></filesystem>",
    'block disk': "<disk type='block' device='disk'><driver name='qemu' type='raw'/>"
                  "<source dev='/dev/vda'/><target dev='vdz' bus='virtio'/></disk>",
    'serial file': "<serial type='file'><source path='/etc/cron.d/owned'/></serial>",
    'emulator': '<emulator>/tmp/evil</emulator>',
    'shmem': "<shmem name='x'><model type='ivshmem-plain'/></shmem>",
}


@pytest.mark.parametrize('device', UNSAFE_DEVICES)
def test_unsafe_devices_are_refused(daemon, alice, area, users, device):
    folder = bare_directory(area / 'alice/bare', 'old', owner=users['alice'],
                            extra_devices=UNSAFE_DEVICES[device])
    job = alice.import_(folder)
    error = refused(alice.wait, job)
    assert error.name == f'{ERROR}Unsafe', error
    assert 'UnsafeDevice' in findings(alice, job)
    assert alice.machines() == {}


def test_document_with_a_dtd(daemon, alice, area, users):
    folder = bare_directory(area / 'alice/bare', 'old', owner=users['alice'])
    xml = (folder / 'old.xml').read_text()
    (folder / 'old.xml').write_text(
        '<!DOCTYPE domain [<!ENTITY secret SYSTEM "file:///etc/shadow">]>\n'
        + xml.replace('<name>old</name>', '<name>&secret;</name>'))
    assert job_failure(alice, alice.import_, folder).name == f'{ERROR}Corrupt'


@pytest.mark.parametrize('backing', ['/etc/passwd', '../../bob/secret', 'json:{"driver":"file"}',
                                     'nbd://127.0.0.1/x'])
def test_image_that_names_another_file(daemon, alice, area, users, backing):
    folder = bare_directory(area / 'alice/bare', 'old', [Disk(name='old.qcow2', size=MIB)])
    subprocess.run(('qemu-img', 'rebase', '-u', '-f', 'qcow2', '-F', 'raw', '-b', backing,
                    folder / 'old.qcow2'), check=True)
    for path in (folder, *folder.rglob('*')):
        users['alice'].own(path)
    error = job_failure(alice, alice.import_, folder)
    assert error.name in (f'{ERROR}Unsafe', f'{ERROR}NotFound', f'{ERROR}Corrupt'), error
    assert alice.machines() == {}


def test_raw_that_begins_as_qcow2(daemon, alice, area, users):
    """A header that lies: the guest's bytes must not become an image's header."""
    folder = bare_directory(area / 'alice/bare', 'old', [Disk(name='old.qcow2', size=MIB)])
    xml = folder / 'old.xml'
    xml.write_text(xml.read_text().replace("type='qcow2'", "type='raw'"))
    for path in (folder, *folder.rglob('*')):
        users['alice'].own(path)
    assert job_failure(alice, alice.import_, folder).name == f'{ERROR}Unsafe'


def test_disk_without_a_format(daemon, alice, area, users):
    folder = bare_directory(area / 'alice/bare', 'old')
    xml = folder / 'old.xml'
    xml.write_text(xml.read_text().replace(" type='qcow2'/>", '/>'))
    for path in (folder, *folder.rglob('*')):
        users['alice'].own(path)
    job = alice.import_(folder)
    assert refused(alice.wait, job).name == f'{ERROR}Unsafe', \
        'a disk without a stated format is UnsafeImage'
    assert 'UnsafeImage' in findings(alice, job)


def test_links_out_of_a_bare_directory(daemon, alice, area, users):
    secret = area / 'root/secret.qcow2'
    make_image(secret, Disk(name='secret.qcow2'))
    folder = area / 'alice/bare'
    folder.mkdir()
    (folder / 'old.xml').write_text(domain_xml('old', [Disk(name='old.qcow2')]))
    (folder / 'old.qcow2').symlink_to(secret)
    for path in (folder, folder / 'old.xml'):
        users['alice'].own(path)
    error = job_failure(alice, alice.import_, folder)
    assert error.name in (ACCESS_DENIED, f'{ERROR}Unsafe', f'{ERROR}NotFound'), error
    assert alice.machines() == {}


@pytest.mark.parametrize('settings', [
    {'CreateCopy': False}, {'MacAddresses': 'keep'},
    {'DropSavedState': True}, {'BandwidthLimit': GLib.Variant('t', 1 << 30)},
], ids=lambda settings: next(iter(settings)))
def test_known_settings_are_honoured_or_refused_by_name(package, root, settings):
    key, = settings
    try:
        job = root.import_(package, {'Name': 'web2', **settings})
        root.wait(job)
        assert root.job(job)['JobState'] in (COMPLETED, WITH_WARNINGS)
    except Refused as error:
        assert error.name in (f'{ERROR}NotSupported', f'{ERROR}InvalidParameter'), error
        assert key in error.message, error
