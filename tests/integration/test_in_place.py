"""Import in place: CreateCopy=false uses disks, media and the saved state where they lie."""

import os
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

from gi.repository import GLib

from rig import packages
from rig.caller import ACCESS_DENIED, ERROR, refused, variants, MANAGER, STORE
from rig.jobs import failure, job_failure
from rig.machines import MIB, Disk, bare_directory, names, same_content, tree

IN_PLACE = {'CreateCopy': False}


@pytest.fixture
def package(daemon, carol, make_vm, area, users):
    """carol's package of "web"; the store is empty again."""
    machine = make_vm('web', [Disk(name='web.qcow2', size=16 * MIB)], networks=['user'])
    carol.wait(carol.export(machine, area / 'carol/package'))
    carol.delete(machine)
    return area / 'carol/package'


def disk_of(package):
    return package / 'Virtual Hard Disks/web.qcow2'


def check(caller, directory, settings, manager=STORE):
    return caller.call(manager, MANAGER, 'CheckImport', '(sa{sv})',
                       (str(directory), variants(settings)))


def errors(findings):
    return [finding['Code'] for finding in findings if finding['Severity'] == 'error']


def import_(caller, directory, **settings):
    result = caller.wait(caller.import_(directory, {**IN_PLACE, **settings}))
    return result['ImportedVirtualMachine'], result


def test_the_disks_stay(package, daemon, carol):
    before = tree(package)
    assert errors(check(carol, package, IN_PLACE)) == []
    machine, result = import_(carol, package)
    assert carol.machines()[machine]['ResourcePaths'] == [str(disk_of(package))]
    assert (result['BytesCopied'], result['BytesCloned']) == (0, 0)
    assert tree(package) == before
    assert not [name for name in names(daemon.store) if name.endswith('.qcow2')]


def test_what_is_the_configurations_own_applies(package, carol):
    old = carol.import_settings(package)
    machine, result = import_(carol, package, Name='other', TargetNetworkConnections=[''],
                              MacAddresses='generate')
    entry = carol.machines()[machine]
    assert entry['Name'] == 'other' and entry['NetworkConnections'] == ['']
    assert old['InstanceID'] != f'vmport:{entry["Uuid"]}', 'GenerateNewId in place, too'
    assert [w['Code'] for w in result['Warnings']] == ['NetworkMissing']
    assert mac_in(carol.configuration(machine)) \
        != mac_in(packages.configuration(package).read_text())


def mac_in(text):
    return ElementTree.fromstring(text).find('.//mac').get('address')


def test_keeping_id_and_macs(package, carol):
    machine, _ = import_(carol, package, GenerateNewId=False)
    entry = carol.machines()[machine]
    assert carol.import_settings(package)['InstanceID'] == f'vmport:{entry["Uuid"]}'
    assert mac_in(carol.configuration(machine)) \
        == mac_in(packages.configuration(package).read_text()), \
        'auto: keep, with GenerateNewId=false'


def test_disks_from_elsewhere(package, carol, area, users):
    """In place by Source… alone."""
    elsewhere = area / 'carol/disks'
    shutil.move(package / 'Virtual Hard Disks', elsewhere)
    assert errors(check(carol, package, IN_PLACE)) == ['SourceMissing']
    machine, _ = import_(carol, package, SourceVhdDataRoot=str(elsewhere))
    assert carol.machines()[machine]['ResourcePaths'] == [str(elsewhere / 'web.qcow2')]
    carol.delete(machine, storage=False)
    machine, _ = import_(carol, package, SourceResourcePaths=[str(elsewhere / 'web.qcow2')])
    assert carol.machines()[machine]['ResourcePaths'] == [str(elsewhere / 'web.qcow2')]


def test_deleting_leaves_it_importable(package, carol, daemon):
    before = tree(package)
    machine, _ = import_(carol, package, GenerateNewId=False)
    carol.delete(machine, storage=False)
    assert tree(package) == before and names(daemon.store) == []
    again, _ = import_(carol, package, GenerateNewId=False)
    assert again == machine
    carol.delete(again, storage=True)
    assert not disk_of(package).exists(), 'DeleteStorage takes the disks'
    assert (package / 'vmport.xml').exists(), 'and nothing else'


def without_disk(package, area, user):
    """The same package once more, its disk excepted."""
    copy = area / 'carol/copy'
    shutil.copytree(package, copy)
    disk_of(copy).unlink()
    for path in (copy, *copy.rglob('*')):
        user.own(path)
    return copy


@pytest.mark.parametrize('how', ['itself', 'hard link', 'symbolic link'])
def test_a_second_time_it_is_in_use(package, carol, area, users, how):
    import_(carol, package)
    settings = {**IN_PLACE, 'Name': 'second'}
    directory = package
    if how != 'itself':
        directory = without_disk(package, area, users['carol'])
        path = area / 'carol/other.qcow2'
        os.link(disk_of(package), path) if how == 'hard link' else path.symlink_to(disk_of(package))
        settings['SourceResourcePaths'] = [str(path)]
    assert refused(check, carol, directory, settings).name == f'{ERROR}InUse'
    assert job_failure(carol, carol.import_, directory, settings).name == f'{ERROR}InUse'
    machine, _ = import_(carol, directory, CreateCopy=True, Name='copy',
                         **({'SourceResourcePaths': settings['SourceResourcePaths']}
                            if how != 'itself' else {}))
    assert machine in carol.machines(), 'a copy is not forbidden'


def test_files_of_another_manager(make_daemon, carol, make_vm, area):
    """A known VM is one of any manager."""
    make_daemon(managers={'second': area / 'second'})
    machine = make_vm('web', [Disk(name='web.qcow2', size=16 * MIB)])
    package = area / 'carol/package'
    carol.wait(carol.export(machine, package))
    import_(carol, package, Name='first')
    error = job_failure(carol, carol.import_, package, {**IN_PLACE, 'Name': 'again'},
                        '/org/vmport/Manager/second')
    assert error.name == f'{ERROR}InUse'


def test_two_at_once(package, carol):
    """One of them has the files; whichever it is, the other is told."""
    jobs = [carol.import_(package, {**IN_PLACE, 'Name': name}) for name in ('one', 'two')]
    outcomes = []
    for job in jobs:
        try:
            carol.wait(job)
            outcomes.append('')
        except Exception as error:  # pylint: disable=broad-except
            outcomes.append(error.name)
    assert sorted(outcomes) == ['', f'{ERROR}InUse']
    assert len(carol.machines()) == 1


def test_a_disk_of_the_store_itself(daemon, root, make_vm, area):
    """A disk of a machine in the store, which root can write, belongs to that machine."""
    machine = make_vm('web', [Disk(name='web.qcow2')])
    disk = root.machines()[machine]['ResourcePaths'][0]
    folder = bare_directory(area / 'root/bare', 'thief', [Disk(name='thief.qcow2')])
    error = job_failure(root, root.import_, folder, {**IN_PLACE, 'SourceResourcePaths': [disk]})
    assert error.name == f'{ERROR}InUse'


def test_read_only_media(package, carol):
    """One that the VM could not write fails, beforehand and in the job, with the same words."""
    subprocess.run(('mount', '--bind', package, package), check=True)
    subprocess.run(('mount', '-o', 'remount,bind,ro', package), check=True)
    first = refused(check, carol, package, IN_PLACE)
    second = job_failure(carol, carol.import_, package, IN_PLACE)
    assert first.name == second.name == ACCESS_DENIED and first.message == second.message
    assert 'web.qcow2' in first.message


def test_a_file_that_the_caller_may_only_read(package, carol, users):
    os.chown(disk_of(package), 0, users['carol'].gid)
    disk_of(package).chmod(0o640)
    assert job_failure(carol, carol.import_, package, IN_PLACE).name == ACCESS_DENIED
    import_(carol, package, CreateCopy=True, Name='copy')


def test_a_disk_that_is_being_written(package, carol):
    with open(disk_of(package), 'r+b'):
        assert refused(check, carol, package, IN_PLACE).name == f'{ERROR}FileInUse'
        assert job_failure(carol, carol.import_, package, IN_PLACE).name == f'{ERROR}FileInUse'
    import_(carol, package)


def test_it_needs_a_right_of_its_own(package, carol, alice, root, area, users):
    shutil.move(package, area / 'alice/package')
    for path in (area / 'alice/package', *(area / 'alice/package').rglob('*')):
        users['alice'].own(path)
    error = refused(alice.import_, area / 'alice/package', IN_PLACE)
    assert error.name.startswith('org.freedesktop.DBus.Error.')
    alice.wait(alice.import_(area / 'alice/package', {'Name': 'a copy needs no such right'}))


def test_damage_is_found_by_one_read(package, carol, daemon):
    with open(disk_of(package), 'r+b') as file:
        file.seek(-100, os.SEEK_END)
        byte = file.read(1)
        file.seek(-100, os.SEEK_END)
        file.write(bytes([byte[0] ^ 1]))
    error = job_failure(carol, carol.import_, package, IN_PLACE)
    assert error.name == f'{ERROR}Corrupt' and 'web.qcow2' in error.message
    assert names(daemon.store) == []
    import_(carol, package, VerifyChecksums=False)


def test_progress_counts_what_is_verified(package, carol):
    job = carol.import_(package, IN_PLACE)
    carol.wait(job)
    properties = carol.job(job)
    assert properties['BytesDone'] == properties['BytesTotal'] > 0
    machine, = carol.machines()
    carol.delete(machine, storage=False)
    job = carol.import_(package, {**IN_PLACE, 'VerifyChecksums': False})
    carol.wait(job)
    properties = carol.job(job)
    assert properties['BytesDone'] == properties['BytesTotal'] == 0
    assert properties['PercentComplete'] == 100


def test_target_settings_have_no_use(package, carol, area, users):
    settings = {**IN_PLACE, 'TargetVhdDataRoot': str(area / 'carol'),
                'TargetResourcePaths': [str(area / 'carol/x.qcow2')], 'TargetVmDataRoot': '',
                'TargetSnapshotDataRoot': '/nowhere/at/all'}
    result = carol.wait(carol.import_(package, settings))
    unused = {w['Setting'] for w in result['Warnings'] if w['Code'] == 'SettingUnused'}
    assert unused == {'TargetVhdDataRoot', 'TargetResourcePaths', 'TargetSnapshotDataRoot'}
    assert not (area / 'carol/x.qcow2').exists()


def test_saved_state_tpm_and_variables(package, carol, daemon, area):
    """The state is used where it lies; what belongs to the configuration is the manager's copy."""
    state = packages.add_saved_state(package)
    packages.add_tpm(package, {'tpm2/tpm2-00.permall': b'sealed' * 100})
    packages.add_nvram(package, b'variables' * 100)
    before = tree(package)
    machine, result = import_(carol, package)
    entry = carol.machines()[machine]
    assert entry['State'] == 'saved'
    folder = daemon.store / entry['Uuid'] / 'Virtual Machines' / entry['Uuid']
    assert (folder / 'tpm/tpm2/tpm2-00.permall').read_bytes() == b'sealed' * 100
    assert (folder / 'nvram.fd').read_bytes() == b'variables' * 100
    assert not (folder / 'state.save').exists()
    assert tree(package) == before
    assert result['BytesCopied'] > 0
    daemon.restart()
    assert carol.machines()[machine]['State'] == 'saved'
    carol.wait(carol.export(machine, area / 'carol/again'))
    again, = (path for path, role in packages.members(area / 'carol/again').items()
              if role == 'state')
    assert (area / 'carol/again' / again).read_bytes() == state.read_bytes()
    carol.delete(machine, storage=True)
    assert not state.exists() and not disk_of(package).exists()


def test_a_chain(daemon, carol, area, users):
    """An overlay is used with what it lies upon; the whole chain belongs to the machine."""
    folder = bare_directory(area / 'carol/bare', 'chained', [Disk(name='top.qcow2')])
    (folder / 'top.qcow2').unlink()
    subprocess.run(('qemu-img', 'create', '-q', '-f', 'qcow2', folder / 'base.qcow2', '8M'),
                   check=True)
    subprocess.run(('qemu-img', 'create', '-q', '-f', 'qcow2', '-b', 'base.qcow2', '-F', 'qcow2',
                    folder / 'top.qcow2'), check=True)
    for path in (folder, *folder.rglob('*')):
        users['carol'].own(path)
    machine, _ = import_(carol, folder)
    assert carol.machines()[machine]['ResourcePaths'] == [str(folder / 'top.qcow2')]
    domain = ElementTree.fromstring(carol.configuration(machine))
    assert domain.find('.//backingStore/source').get('file') == str(folder / 'base.qcow2')
    other = bare_directory(area / 'carol/other', 'other', owner=users['carol'])
    error = failure(carol, carol.import_, other,
                    {**IN_PLACE, 'SourceResourcePaths': [str(folder / 'base.qcow2')]})
    assert error.name == f'{ERROR}InUse', 'a lower image is the machine\'s, too'


def test_killed_in_the_middle(package, daemon, carol, recorder):
    """The directory is as it was, and there is no machine."""
    before = tree(package)
    job = carol.import_(package, {**IN_PLACE, 'BandwidthLimit': GLib.Variant('t', 1)})
    recorder.wait_phase(job, 'Verifying')
    daemon.kill()
    daemon.start()
    assert carol.job(job)['ErrorName'] == f'{ERROR}Interrupted'
    assert carol.machines() == {} and tree(package) == before
    import_(carol, package)
    assert same_content(disk_of(package), 'qcow2', disk_of(package), 'qcow2')
