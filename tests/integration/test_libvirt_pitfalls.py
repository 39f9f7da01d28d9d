"""The pitfalls of copying machines by hand that libvirt has, each with what vmport does about it;
packages between managers, and machines that stay where they lie."""

import os
import pathlib
import subprocess

import libvirt as binding
import pytest

from rig import packages
from rig.caller import ERROR, MANAGER, QEMU, STORE, Refused, refused
from rig.jobs import HELD, Hold, findings, job_failure
from rig.libvirt import IMAGES, NVRAM, TPM, USER
from rig.loop import wait_on_disk
from rig.machines import MIB, Disk, bare_directory, make_image, names, random_disk, same_content
from rig.qemu import Qemu
from rig.shapes import make_images, shape

PLAIN = 'q35, BIOS, virtio, user network'
UEFI = 'q35, UEFI with secure boot, TPM, two disks'


@pytest.fixture
def make(libvirt, qemu, alice):
    """make('web', shape): a domain with its images; its object path."""
    def make(name='web', what=PLAIN, **options):
        text = shape(what, name, **options)
        make_images(text)
        libvirt.define(text)
        return qemu.find(alice, name)
    return make


@pytest.fixture
def package(make, alice, area):
    """Of a machine "web" that is there as well."""
    machine = make()
    alice.wait(alice.export(machine, area / 'alice/package', manager=QEMU))
    return area / 'alice/package'


def test_running_machines_are_not_copied(libvirt, make, qemu, alice, area):
    """Pitfall 1: a plain copy of a running disk."""
    machine = make()
    before = os.stat(IMAGES / 'web-0.qcow2')
    libvirt.domain('web').create()
    qemu.wait_state(alice, machine, 'running')
    error = refused(lambda: alice.wait(alice.export(machine, area / 'alice/package',
                                                    manager=QEMU)))
    assert error.name == f'{ERROR}NotSupported', error
    assert names(area / 'alice') == []
    libvirt.destroy('web')
    qemu.wait_state(alice, machine, 'off')
    alice.wait(alice.export(machine, area / 'alice/package', manager=QEMU))
    after = os.stat(IMAGES / 'web-0.qcow2')
    assert (after.st_uid, after.st_mode) == (before.st_uid, before.st_mode), \
        'owners and modes are as libvirt left them'


def test_starting_a_machine_that_is_being_exported(libvirt, daemon, make, alice, area, recorder):
    """Libvirt cannot start it meanwhile, or the export fails; it can be started afterwards. (An
    attempt gives the image to QEMU's user and takes it back, which an export may take for more.)"""
    machine = make()
    disk = random_disk(2, 'web-0.qcow2', 'qcow2')
    make_image(IMAGES / disk.name, disk)
    hold = Hold(daemon, recorder, 'Copying')
    job = alice.export(machine, area / 'alice/package', HELD, QEMU)
    hold.wait()
    started = True
    try:
        libvirt.domain('web').create()
    except binding.libvirtError as error:
        assert 'lock' in str(error), error
        started = False
    hold.release()
    try:
        alice.wait(job)
        assert not started, 'the machine ran while it was copied, and nobody said so'
    except Refused as error:
        assert error.name in (f'{ERROR}InUse', f'{ERROR}FileInUse'), error
        assert names(area / 'alice') == []
    if not started:
        libvirt.domain('web').create()


def test_starting_a_machine_whose_disk_is_in_no_pool(libvirt, daemon, qemu, carol, area, users,
                                                     recorder):
    """A worker reads it as its caller, and QEMU is kept from it all the same."""
    folder = area / 'place'
    folder.mkdir()
    folder.chmod(0o755)
    make_image(folder / 'web-0.qcow2', random_disk(2, 'web-0.qcow2', 'qcow2'))
    (folder / 'web-0.qcow2').chmod(0o666)
    libvirt.define(shape(PLAIN, 'web').replace(str(IMAGES), str(folder)))
    machine = qemu.find(carol, 'web')
    hold = Hold(daemon, recorder, 'Copying')
    job = carol.export(machine, area / 'carol/package', HELD, QEMU)
    hold.wait()
    with pytest.raises(binding.libvirtError) as error:
        libvirt.domain('web').create()
    assert 'lock' in str(error.value)
    hold.release()
    refusal = None
    try:
        carol.wait(job)
    except Refused as error:
        refusal = error
    # The attempt gave the image to QEMU's user and took it back.
    assert refusal is None or refusal.name in (f'{ERROR}InUse', f'{ERROR}FileInUse'), refusal
    libvirt.domain('web').create()


def test_uefi_variables_of_a_machine_that_never_ran(libvirt, make, alice, area):
    """Pitfall 5: their absence is no error."""
    machine = make(what=UEFI)
    alice.wait(alice.export(machine, area / 'alice/package', manager=QEMU))
    assert 'nvram' not in packages.members(area / 'alice/package').values()
    alice.wait(alice.import_(area / 'alice/package', {'Name': 'new'}, QEMU))
    # The first start makes them.
    libvirt.domain('new').createWithFlags(binding.VIR_DOMAIN_START_PAUSED)
    assert (NVRAM / 'new_VARS.fd').exists()


def test_imported_machines_start(libvirt, package, alice):
    """Pitfall 17: files are root's until libvirt gives them to QEMU, and it takes them back."""
    result = alice.wait(alice.import_(package, {'Name': 'new'}, QEMU))
    path = pathlib.Path(alice.machines(QEMU)[result['ImportedVirtualMachine']]['ResourcePaths'][0])
    assert (path.stat().st_uid, path.stat().st_mode & 0o777) == (0, 0o600)
    libvirt.domain('new').create()
    assert path.owner() == USER
    libvirt.destroy('new')
    assert path.stat().st_uid == 0
    volume = libvirt.connection.storagePoolLookupByName('default').storageVolLookupByName(path.name)
    assert volume.path() == str(path), 'the pool was refreshed'


def test_the_first_is_never_overwritten(libvirt, package, alice):
    """Pitfall 11: libvirt overwrites a definition of the same name and UUID without a word."""
    before, traces = libvirt.xml('web'), libvirt.traces()
    for settings, codes in (({'GenerateNewId': False}, {'NameInUse', 'IdInUse'}),
                            ({'GenerateNewId': False, 'Name': 'new'}, {'IdInUse'}),
                            ({}, {'NameInUse'})):
        job = alice.import_(package, settings, QEMU)
        assert refused(alice.wait, job).name == f'{ERROR}Exists'
        assert codes <= set(findings(alice, job)), settings
    assert libvirt.names() == ['web'] and libvirt.xml('web') == before
    assert libvirt.traces() == traces


def test_a_name_and_an_id_that_are_taken_meanwhile(libvirt, daemon, make, alice, area, recorder):
    """Pitfall 11: looked at once more when all is copied."""
    machine = make()
    disk = random_disk(2, 'web-0.qcow2', 'qcow2')
    make_image(IMAGES / disk.name, disk)
    alice.wait(alice.export(machine, area / 'alice/package', manager=QEMU))
    text = libvirt.xml('web')
    libvirt.undefine('web')
    before = libvirt.traces()
    hold = Hold(daemon, recorder, 'Copying')
    job = alice.import_(area / 'alice/package', {'GenerateNewId': False, **HELD}, QEMU)
    hold.wait()
    libvirt.define(text)
    theirs = libvirt.xml('web')
    hold.release()
    assert refused(alice.wait, job).name == f'{ERROR}Exists'
    assert libvirt.xml('web') == theirs and 'urn:vmport' not in theirs
    libvirt.undefine('web')
    assert libvirt.traces() == before


def test_a_definition_is_made_under_a_name_of_its_own(libvirt, package, alice, area):
    """Pitfall 11: what somebody defines after the last look cannot be overwritten either. libvirt
    replaces where id and name are the same, so nothing new is defined under a name that another
    could have."""
    heard = area / 'events'
    with open(heard, 'w') as log:
        events = subprocess.Popen(('stdbuf', '-oL', 'virsh', '-c', 'qemu:///system', 'event',
                                   '--event', 'lifecycle', '--loop', '--timeout', '120'),
                                  stdout=log)
    try:
        probe = shape('least', 'probe', '7b3f3c0a-52a5-4a3c-8d0c-5a8b6f0b7d11')
        wait_on_disk(lambda: libvirt.define(probe) and 'probe' in heard.read_text(),
                     'events to be heard')
        alice.wait(alice.import_(package, {'Name': 'new'}, QEMU))
        libvirt.undefine('new')
        wait_on_disk(lambda: 'Undefined Removed' in heard.read_text(), 'the last event')
    finally:
        events.terminate()
        events.wait()
    lines = [line for line in heard.read_text().splitlines() if "'probe'" not in line]
    added = [line for line in lines if 'Defined Added' in line]
    assert len(added) == 1 and "domain 'vmport-" in added[0], lines
    assert any('Defined Renamed' in line and "domain 'new'" in line for line in lines), lines


def test_what_no_package_has_is_named(libvirt, make, qemu, alice, area):
    """Options for QEMU itself, and other programs' metadata."""
    machine = make()
    text = libvirt.xml('web').replace("<domain type='qemu'>", '''<domain type='qemu'
        xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'><metadata>
        <their:note xmlns:their='urn:theirs'>1</their:note></metadata>''').replace(
            '</domain>', "<qemu:commandline><qemu:arg value='-S'/></qemu:commandline></domain>")
    libvirt.define(text)
    found = [finding for finding in alice.call(
                 QEMU, MANAGER, 'CheckExport', '(osa{sv})', (machine, str(area / 'alice/p'), {}))
             if finding['Severity'] != 'info']
    assert [finding['Code'] for finding in found] == ['ConfigurationLeftBehind'] * 2, found
    said = ' '.join(finding['Message'] for finding in found)
    assert 'qemu:commandline' in said and 'metadata' in said
    job = alice.export(machine, area / 'alice/p', manager=QEMU)
    assert [warning['Code'] for warning in alice.wait(job)['Warnings']] \
        == ['ConfigurationLeftBehind'] * 2
    assert alice.job(job)['JobState'] == 32768
    text = packages.configuration(area / 'alice/p').read_text()
    assert 'commandline' not in text and 'theirs' not in text


def test_mac_addresses_that_are_taken(libvirt, package, alice):
    """Pitfall 12: of any domain that libvirt has."""
    job = alice.import_(package, {'Name': 'new', 'MacAddresses': 'keep'}, QEMU)
    assert refused(alice.wait, job).name == f'{ERROR}Exists'
    assert 'MacInUse' in findings(alice, job)
    alice.wait(alice.import_(package, {'Name': 'new', 'MacAddresses': 'keep-if-free'}, QEMU))
    assert '52:54:00:aa:00:01' not in libvirt.xml('new')
    libvirt.undefine('web')
    alice.wait(alice.import_(package, {'Name': 'third', 'MacAddresses': 'keep-if-free'}, QEMU))
    assert '52:54:00:aa:00:01' in libvirt.xml('third')


def test_a_roll_back_keeps_the_state_of_others(libvirt, make, alice, root, area):
    """Pitfall 6: undefining without KEEP_TPM removes a TPM's state. An import that fails because the
    UUID's TPM is there already leaves it alone."""
    machine = make(what=UEFI)
    alice.wait(alice.export(machine, area / 'alice/package', manager=QEMU))
    machine_uuid = libvirt.domain('web').UUIDString()
    root.delete(machine)
    kept = TPM / machine_uuid / 'tpm2/tpm2-00.permall'
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b'of another')
    variables = NVRAM / 'web_VARS.fd'
    variables.write_bytes(b'of another')
    try:
        alice.wait(alice.import_(area / 'alice/package', {'GenerateNewId': False}, QEMU))
    except Refused as error:
        assert error.name == f'{ERROR}Exists', error
        assert libvirt.names() == []
    assert kept.read_bytes() == b'of another'
    assert variables.read_bytes() == b'of another'


def test_no_space(libvirt, daemon, qemu, package, alice):
    """Pitfall 13: named as such, and nothing is left."""
    before = libvirt.traces()
    subprocess.run(('mount', '-t', 'tmpfs', '-o', 'size=64k,mode=711', 'tmpfs', IMAGES), check=True)
    try:
        libvirt.connection.storagePoolLookupByName('default').refresh()
        daemon.restart()
        qemu.wait()
        error = job_failure(alice, alice.import_, package, {'Name': 'new'}, QEMU)
        assert error.name == f'{ERROR}NoSpace', error
        assert list(IMAGES.iterdir()) == [] and libvirt.names() == ['web']
    finally:
        subprocess.run(('umount', '--lazy', IMAGES), check=True)
        libvirt.connection.storagePoolLookupByName('default').refresh()
    assert libvirt.traces() == before


def test_other_pools_are_named(libvirt, make, qemu, alice, area):
    """A volume of a pool that vmport does not read: NotSupported, with the pool's name."""
    libvirt.connection.storagePoolDefineXML(
        "<pool type='iscsi'><name>cloud</name><source><host name='localhost'/>"
        "<device path='iqn.2026-01.org.vmport:x'/></source><target><path>/dev/disk/by-path</path>"
        "</target></pool>")
    libvirt.define(shape('volumes of a pool', 'web').replace("pool='default'", "pool='cloud'"))
    machine = qemu.find(alice, 'web')
    error = refused(lambda: alice.wait(alice.export(machine, area / 'alice/package',
                                                    manager=QEMU)))
    assert error.name == f'{ERROR}NotSupported' and 'cloud' in error.message, error


def test_checks_change_nothing(libvirt, package, alice, make):
    before = libvirt.traces()
    found = alice.check_import(package, {'Name': 'new'}, QEMU)
    assert [finding['Code'] for finding in found if finding['Severity'] != 'info'] == []
    assert libvirt.traces() == before and libvirt.names() == ['web']


@pytest.mark.parametrize('old, new, code', [
    ("pc-q35-7.2", "pc-q35-99.0", 'MachineTypeUnsupported'),
    ("<clock ", "<cpu mode='custom' match='exact'><model fallback='forbid'>Z80</model></cpu><clock ",
     'CpuUnsupported'),
])
def test_what_this_host_cannot_run(libvirt, package, alice, old, new, code):
    """Findings with what would mend it, before anything is made."""
    text = packages.configuration(package).read_text()
    if '<cpu ' in text and code == 'CpuUnsupported':
        start = text.index('<cpu ')
        end = text.index('</cpu>') + len('</cpu>')
        old, new = text[start:end], new.replace('<clock ', '')
    packages.edit_configuration(package, old, new)
    before = libvirt.traces()
    found = {finding['Code']: finding for finding in alice.check_import(package, {'Name': 'new'},
                                                                        QEMU)}
    assert found[code]['Severity'] == 'error', found
    assert job_failure(alice, alice.import_, package, {'Name': 'new'}, QEMU).name \
        == f'{ERROR}NotCompatible'
    assert libvirt.traces() == before


# Between managers

def test_from_the_store_and_back(libvirt, qemu, alice, make_vm, area):
    """Packages go both ways between store and qemu."""
    disk = Disk(name='web.qcow2', size=16 * MIB)
    machine = make_vm('web', [disk], networks=['user'])
    # There is no KVM here, and the store does not mind.
    package = area / 'alice/one'
    alice.wait(alice.export(machine, package))
    packages.edit_configuration(package, 'type="kvm"', 'type="qemu"')
    result = alice.wait(alice.import_(package, {'Name': 'in-libvirt'}, QEMU))
    there = result['ImportedVirtualMachine']
    assert there.startswith('/org/vmport/VirtualMachine/qemu/')
    path = alice.machines(QEMU)[there]['ResourcePaths'][0]
    assert same_content(path, 'qcow2', alice.machines(STORE)[machine]['ResourcePaths'][0], 'qcow2')
    libvirt.domain('in-libvirt').create()
    libvirt.destroy('in-libvirt')
    qemu.wait_state(alice, there, 'off')
    alice.wait(alice.export(there, area / 'alice/two', manager=QEMU))
    packages.assert_package(area / 'alice/two')
    result = alice.wait(alice.import_(area / 'alice/two', {'Name': 'back'}))
    entry = alice.machines(STORE)[result['ImportedVirtualMachine']]
    assert entry['NetworkConnections'] == ['user']
    assert same_content(path, 'qcow2', entry['ResourcePaths'][0], 'qcow2')


# In place

def test_in_place(libvirt, qemu, carol, area, users):
    """The machine is defined on the package's own files, runs from them, and leaves them behind."""
    folder = area / 'place'
    bare_directory(folder, 'web', [Disk(name='web.qcow2')])
    text = (folder / 'web.xml').read_text().replace("type='kvm'", "type='qemu'")
    (folder / 'web.xml').write_text(text)
    folder.chmod(0o711)
    for path in (folder, *folder.iterdir()):
        users['carol'].own(path)
    settings = {'CreateCopy': False}
    result = carol.wait(carol.import_(folder, settings, QEMU))
    machine = result['ImportedVirtualMachine']
    assert result['BytesCopied'] == 0
    assert carol.machines(QEMU)[machine]['ResourcePaths'] == [str(folder / 'web.qcow2')]
    assert job_failure(carol, carol.import_, folder, {**settings, 'Name': 'second'}, QEMU).name \
        == f'{ERROR}InUse'
    libvirt.domain('web').create()
    libvirt.destroy('web')
    qemu.wait_state(carol, machine, 'off')
    assert (folder / 'web.qcow2').stat().st_uid == users['carol'].uid
    carol.delete(machine, storage=False)
    assert libvirt.names() == [] and (folder / 'web.qcow2').exists()
    carol.wait(carol.import_(folder, settings, QEMU))


def test_in_place_needs_a_right_of_its_own(libvirt, qemu, alice, area, users):
    bare_directory(area / 'alice/bare', 'web', owner=users['alice'])
    error = refused(alice.import_, area / 'alice/bare', {'CreateCopy': False}, QEMU)
    assert error.name.startswith('org.freedesktop.DBus.Error.'), error
    assert libvirt.names() == []


# What is the machine's besides

def test_delete(libvirt, make, root, alice):
    """Without its storage the disks stay, and with it they go; UEFI variables and TPM go with the
    machine."""
    machine = make(what=UEFI)
    root.delete(machine, storage=False)
    assert libvirt.names() == [] and (IMAGES / 'web-0.qcow2').exists()


def test_scope_is_in_the_metadata(libvirt, make_daemon, root, carol, area):
    """architecture.md: the daemon's record holds, and <metadata> has a copy for people."""
    make_daemon(Scopes='lab')
    manager = Qemu(root)
    manager.wait()
    text = shape(PLAIN, 'web')
    make_images(text)
    libvirt.define(text)
    carol.wait(carol.export(manager.find(carol, 'web'), area / 'carol/package', manager=QEMU))
    result = root.wait(root.import_(area / 'carol/package',
                                    {'Name': 'new', 'SecurityScope': 'lab'}, QEMU))
    machine = result['ImportedVirtualMachine']
    assert root.machines(QEMU)[machine]['SecurityScope'] == 'lab'
    assert 'lab' in libvirt.domain('new').metadata(binding.VIR_DOMAIN_METADATA_ELEMENT,
                                                   'urn:vmport:metadata:1')
