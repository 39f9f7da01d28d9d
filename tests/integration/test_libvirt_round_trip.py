"""Export and import of libvirt's machines: what goes along, what is made, and what is taken back."""

import os
import subprocess

import libvirt as libvirt_api
import pytest
from gi.repository import GLib

from rig.caller import ERROR, Refused, refused
from rig.libvirt import IMAGES, NVRAM, SAVED, TPM
from test_libvirt_manager import QEMU, define, path_of, wait_available, wait_until

SLOWLY = GLib.Variant('t', 1)

DISK = '''<disk type='file' device='disk'><driver name='qemu' type='{kind}'/>
<source file='{path}'/><target dev='{target}' bus='virtio'/></disk>'''


def image(name, kind='qcow2', base=None):
    path = IMAGES / name
    command = ['qemu-img', 'create', '-q', '-f', kind]
    if base:
        command += ['-b', str(IMAGES / base), '-F', 'qcow2']
    subprocess.run([*command, str(path), *(() if base else ('1M',))], check=True)
    subprocess.run(('qemu-io', '-f', kind, '-c', f'write -P {len(name)} 0 64k', str(path)),
                   check=True, stdout=subprocess.DEVNULL)
    return path


def disk(name, target, kind='qcow2'):
    return DISK.format(kind=kind, path=IMAGES / name, target=target)


@pytest.fixture
def machine(libvirt, daemon, root, recorder):
    """Two disks, one of them at the top of a chain that only the headers know; off."""
    wait_available(root, recorder)
    image('base.qcow2')
    image('top.qcow2', base='base.qcow2')
    image('data.raw', 'raw')
    libvirt.connection.storagePoolLookupByName('default').refresh()
    domain = define(libvirt, 'web', disk('top.qcow2', 'vda') + disk('data.raw', 'vdb', 'raw')
                    + "<interface type='user'/>")
    recorder.wait(QEMU, 'VirtualMachineAdded')
    return path_of(domain)


def test_export_and_import(machine, libvirt, root, area):
    assert root.wait(root.export(machine, area / 'p', manager=QEMU))['Files'] > 3
    result = root.wait(root.import_(area / 'p', {'Name': 'copy'}, QEMU))
    made = result['ImportedVirtualMachine']
    assert made in root.machines(QEMU)
    xml = libvirt.xml('copy')
    assert not libvirt.domain('copy').isActive()
    assert f"<source file='{IMAGES}/top-2.qcow2'/>" in xml
    assert f"<source file='{IMAGES}/base-2.qcow2'/>" in xml
    assert "<interface type='user'>" in xml
    for one, other in (('top.qcow2', 'top-2.qcow2'), ('data.raw', 'data-2.raw')):
        subprocess.run(('qemu-img', 'compare', '-q', IMAGES / one, IMAGES / other), check=True)
        assert os.stat(IMAGES / other).st_mode & 0o777 == 0o600
    volumes = libvirt.connection.storagePoolLookupByName('default').listVolumes()
    assert 'top-2.qcow2' in volumes
    libvirt.domain('copy').create()
    libvirt.domain('copy').destroy()


def test_disks_in_another_format(machine, libvirt, root, area):
    """DiskFormat: VMDK runs under libvirt; VHDX it does not know, which is said before a byte moves."""
    root.wait(root.export(machine, area / 'p', {'DiskFormat': 'vmdk'}, manager=QEMU))
    root.wait(root.import_(area / 'p', {'Name': 'copy'}, QEMU))
    assert libvirt.xml('copy').count("type='vmdk'") == 2
    libvirt.domain('copy').create()
    libvirt.domain('copy').destroy()
    root.wait(root.export(machine, area / 'q', {'DiskFormat': 'vhdx'}, manager=QEMU))
    error = refused(root.check_import, area / 'q', {'Name': 'other'}, QEMU)
    assert error.name == f'{ERROR}NotCompatible' and 'DiskFormat=qcow2' in error.message
    root.wait(root.import_(area / 'q', {'Name': 'other'}))


def test_from_the_store_and_back(machine, libvirt, root, area):
    root.wait(root.export(machine, area / 'p', manager=QEMU))
    stored = root.wait(root.import_(area / 'p', {'Name': 'stored'}))['ImportedVirtualMachine']
    root.wait(root.export(stored, area / 'q'))
    root.wait(root.import_(area / 'q', {'Name': 'back'}, QEMU))
    assert 'back' in libvirt.names()


def test_autostart_title_and_description_travel(machine, libvirt, root, recorder, area):
    domain = libvirt.domain('web')
    domain.setMetadata(0, 'It has\ntwo lines', None, None, 2)
    domain.setMetadata(1, 'The web', None, None, 2)
    domain.setAutostart(1)
    wait_until(recorder, lambda: 'The web' in root.configuration(machine), 'the title')
    root.wait(root.export(machine, area / 'p', manager=QEMU))
    domain.setAutostart(0)
    root.wait(root.import_(area / 'p', {'Name': 'copy'}, QEMU))
    copy = libvirt.domain('copy')
    assert copy.autostart() == 1
    assert '<title>The web</title>' in libvirt.xml('copy')
    assert 'two lines</description>' in libvirt.xml('copy')


def test_uefi_variables_and_tpm(libvirt, daemon, root, recorder, area):
    wait_available(root, recorder)
    domain = libvirt.define('''<domain type='qemu'><name>web</name><memory unit='MiB'>64</memory>
<os firmware='efi'><type arch='x86_64' machine='q35'>hvm</type></os>
<features><acpi/></features><devices>
<tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm></devices></domain>''')
    domain.create()
    domain.destroy()
    machine = path_of(domain)
    recorder.wait(QEMU, 'VirtualMachineAdded')
    wait_until(recorder, lambda: root.machines(QEMU)[machine]['State'] == 'off'
               and '_VARS.fd' in root.configuration(machine), 'the machine to be off')
    variables = (NVRAM / 'web_VARS.fd').read_bytes()
    state = {path.name: path.read_bytes() for path in (TPM / domain.UUIDString()).rglob('*.permall')}
    assert state
    root.wait(root.export(machine, area / 'p', manager=QEMU))
    root.wait(root.import_(area / 'p', {'Name': 'copy'}, QEMU))
    copy = libvirt.domain('copy')
    assert (NVRAM / 'copy_VARS.fd').read_bytes() == variables
    assert {path.name: path.read_bytes()
            for path in (TPM / copy.UUIDString()).rglob('*.permall')} == state
    copy.create()
    copy.destroy()
    assert (NVRAM / 'web_VARS.fd').read_bytes() == variables


def test_nobody_starts_it_meanwhile(machine, libvirt, root, recorder, area):
    job = root.export(machine, area / 'p', {'BandwidthLimit': SLOWLY}, QEMU)
    recorder.wait_phase(job, 'Copying')
    with pytest.raises(Exception) as refused:
        libvirt.domain('web').create()
    assert 'lock' in str(refused.value)
    root.call(job, 'org.vmport.Job', 'Cancel', '(a{sv})', ({},))
    recorder.wait_finished(job)
    libvirt.domain('web').create()


def test_one_that_runs_is_refused(machine, libvirt, root, recorder, area):
    libvirt.domain('web').create()
    wait_until(recorder, lambda: root.machines(QEMU)[machine]['State'] == 'running', 'it to run')
    with pytest.raises(Refused) as refused:
        root.export(machine, area / 'p', manager=QEMU)
    assert refused.value.name == ERROR + 'NotSupported'


def test_libvirtd_goes_during_an_export(machine, libvirt, root, recorder, area):
    job = root.export(machine, area / 'p', {'BandwidthLimit': SLOWLY}, QEMU)
    recorder.wait_phase(job, 'Copying')
    libvirt.kill()
    root.call(job, 'org.vmport.Job', 'SetBandwidthLimit', '(ta{sv})', (0, {}))
    assert recorder.wait_finished(job, 60)[1] == ERROR + 'NotAvailable'
    assert not (area / 'p').exists()
    libvirt.start()
    wait_available(root, recorder)
    root.wait(root.export(machine, area / 'p', manager=QEMU))


def test_libvirtd_goes_during_an_import(machine, libvirt, root, recorder, area):
    root.wait(root.export(machine, area / 'p', manager=QEMU))
    before = libvirt.traces()
    job = root.import_(area / 'p', {'Name': 'copy', 'BandwidthLimit': SLOWLY}, QEMU)
    recorder.wait_phase(job, 'Copying')
    libvirt.kill()
    root.call(job, 'org.vmport.Job', 'SetBandwidthLimit', '(ta{sv})', (0, {}))
    assert recorder.wait_finished(job, 60)[1] == ERROR + 'NotAvailable'
    libvirt.start()
    wait_available(root, recorder)
    assert libvirt.traces() == before
    root.wait(root.import_(area / 'p', {'Name': 'copy'}, QEMU))


def test_a_definition_is_never_replaced(machine, libvirt, root, recorder, area):
    root.wait(root.export(machine, area / 'p', manager=QEMU))
    xml = libvirt.xml('web')
    job = root.import_(area / 'p', {'GenerateNewId': False}, QEMU)
    assert recorder.wait_finished(job)[1] == ERROR + 'Exists'
    assert libvirt.xml('web') == xml


def test_delete_leaves_the_base_of_another(machine, libvirt, root, recorder):
    image('other.qcow2', base='base.qcow2')
    libvirt.connection.storagePoolLookupByName('default').refresh()
    domain = define(libvirt, 'other', disk('other.qcow2', 'vda'))
    wait_until(recorder, lambda: path_of(domain) in root.machines(QEMU), 'the other machine')
    root.delete(path_of(domain))
    assert libvirt.names() == ['web']
    assert not (IMAGES / 'other.qcow2').exists()
    assert (IMAGES / 'base.qcow2').exists() and (IMAGES / 'top.qcow2').exists()


def test_what_the_host_cannot_run(machine, libvirt, root, recorder, area):
    root.wait(root.export(machine, area / 'p', {'Checksum': 'none'}, QEMU))
    file, = (area / 'p/Virtual Machines').glob('*.xml')
    xml = file.read_text()
    for old, new, code in (
            ('machine="', 'machine="no-', 'MachineTypeUnsupported'),
            ('>qemu64<', '>Pentium9<', 'CpuUnsupported')):
        assert old in xml
        file.write_text(xml.replace(old, new, 1))
        findings = root.call(QEMU, 'org.vmport.Manager', 'CheckImport', '(sa{sv})',
                             (str(area / 'p'), {'Name': GLib.Variant('s', 'copy')}))
        assert code in [finding['Code'] for finding in findings], findings


def test_a_volume_of_a_pool(libvirt, daemon, root, recorder, area):
    wait_available(root, recorder)
    image('vol.qcow2')
    libvirt.connection.storagePoolLookupByName('default').refresh()
    domain = define(libvirt, 'web', "<disk type='volume' device='disk'><driver name='qemu' "
                    "type='qcow2'/><source pool='default' volume='vol.qcow2'/>"
                    "<target dev='vda' bus='virtio'/></disk>")
    recorder.wait(QEMU, 'VirtualMachineAdded')
    assert root.machines(QEMU)[path_of(domain)]['ResourcePaths'] == [str(IMAGES / 'vol.qcow2')]
    root.wait(root.export(path_of(domain), area / 'p', manager=QEMU))
    assert (area / 'p/Virtual Hard Disks/vol.qcow2').exists()


def test_a_saved_machine_goes_on(libvirt, daemon, root, recorder, area):
    wait_available(root, recorder)
    image('data.raw', 'raw')
    domain = define(libvirt, 'web', disk('data.raw', 'vda', 'raw'))
    machine = path_of(domain)
    domain.create()
    domain.managedSave(0)
    wait_until(recorder, lambda: root.machines(QEMU).get(machine, {}).get('State') == 'saved', 'the save')
    root.wait(root.export(machine, area / 'p', manager=QEMU))
    made = root.wait(root.import_(area / 'p', {'Name': 'copy'}, QEMU))['ImportedVirtualMachine']
    assert root.machines(QEMU)[made]['State'] == 'saved'
    copy = libvirt.domain('copy')
    copy.create()
    assert copy.state() == [libvirt_api.VIR_DOMAIN_RUNNING, libvirt_api.VIR_DOMAIN_RUNNING_RESTORED]
    assert not (SAVED / 'copy.save').exists() and (SAVED / 'web.save').exists()
    copy.destroy()
    root.wait(root.import_(area / 'p', {'Name': 'off', 'DropSavedState': True}, QEMU))
    assert not (SAVED / 'off.save').exists()


def test_the_scope_is_noted_and_a_note_counts_for_nothing(libvirt, make_daemon, root, recorder, area):
    make_daemon(Scopes='lab;')
    wait_available(root, recorder)
    image('data.raw', 'raw')
    machine = path_of(define(libvirt, 'web', disk('data.raw', 'vda', 'raw')))
    recorder.wait(QEMU, 'VirtualMachineAdded')
    root.call(machine, 'org.vmport.VirtualMachine', 'SetSecurityScope', '(sa{sv})', ('lab', {}))
    assert 'scope="lab"' in libvirt.xml('web').replace("'", '"')
    root.wait(root.export(machine, area / 'p', manager=QEMU))
    made = root.wait(root.import_(area / 'p', {'Name': 'copy'}, QEMU))['ImportedVirtualMachine']
    assert root.machines(QEMU)[made]['SecurityScope'] == ''
    assert 'scope="lab"' not in libvirt.xml('copy').replace("'", '"')
    made = root.wait(root.import_(area / 'p', {'Name': 'in', 'SecurityScope': 'lab'},
                                  QEMU))['ImportedVirtualMachine']
    assert root.machines(QEMU)[made]['SecurityScope'] == 'lab'
    assert 'scope="lab"' in libvirt.xml('in').replace("'", '"')


def test_in_place(machine, libvirt, root, area, recorder):
    root.wait(root.export(machine, area / 'p', manager=QEMU))
    made = root.wait(root.import_(area / 'p', {'Name': 'here', 'CreateCopy': False}, QEMU))
    disks = root.machines(QEMU)[made['ImportedVirtualMachine']]['ResourcePaths']
    assert disks == [str(area / 'p/Virtual Hard Disks/top.qcow2'),
                     str(area / 'p/Virtual Hard Disks/data.raw')]
    root.delete(made['ImportedVirtualMachine'], storage=False)
    assert libvirt.names() == ['web']
    root.wait(root.import_(area / 'p', {'Name': 'here', 'CreateCopy': False}, QEMU))


def test_a_daemon_that_is_killed_leaves_nothing(machine, daemon, libvirt, root, recorder, area):
    root.wait(root.export(machine, area / 'p', manager=QEMU))
    before = libvirt.traces()
    job = root.import_(area / 'p', {'Name': 'copy', 'BandwidthLimit': SLOWLY}, QEMU)
    recorder.wait_phase(job, 'Copying')
    daemon.kill()
    daemon.start()
    wait_available(root, recorder)
    assert libvirt.traces() == before
    assert libvirt.names() == ['web']


def test_a_disk_that_is_no_file_is_not_lost(libvirt, daemon, root, recorder, area):
    wait_available(root, recorder)
    machine = path_of(define(libvirt, 'web', "<disk type='network' device='disk'><source "
                             "protocol='nbd'><host name='localhost'/></source>"
                             "<target dev='vda' bus='virtio'/></disk>"))
    recorder.wait(QEMU, 'VirtualMachineAdded')
    with pytest.raises(Refused) as refused:
        root.export(machine, area / 'p', manager=QEMU)
    assert refused.value.name == ERROR + 'NotSupported'
    assert 'devices/disk' in refused.value.message
