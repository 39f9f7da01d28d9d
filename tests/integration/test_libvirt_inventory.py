"""The manager "qemu" tells what libvirt has, as it happens, and goes and comes with libvirtd."""

import uuid

import libvirt as binding

from rig import packages
from rig.caller import ERROR, MACHINE, MANAGER, QEMU, UNKNOWN_OBJECT, refused
from rig.libvirt import CONFIGURATION, IMAGES
from rig.loop import wait_for
from rig.qemu import wait_asking
from rig.shapes import make_images, shape

LEAST = shape('least', '@name@', '@uuid@')


def define(libvirt, name, machine_uuid=None, more=''):
    text = LEAST.replace('@name@', name).replace('@uuid@', machine_uuid or str(uuid.uuid4()))
    return libvirt.define(text.replace('</domain>', f'{more}</domain>'))


def path_of(domain):
    return f'/org/vmport/VirtualMachine/qemu/{domain.UUIDString().replace("-", "_")}'


def test_properties(libvirt, qemu, alice):
    everything = alice.get_all(QEMU, MANAGER)
    assert everything['Id'] == 'qemu' and everything['Driver'] == 'libvirt'
    assert everything['Uri'] == 'qemu:///system' and everything['Available'] is True
    assert everything['Version'] and str(IMAGES) in everything['StorageRoots']
    assert {'network:default', 'network:lab', 'user'} <= set(everything['NetworkConnections'])
    assert {'in-place', 'scopes'} <= set(everything['Features'])
    assert QEMU in alice.get('/org/vmport', 'org.vmport.Daemon', 'Managers')


def test_a_life(libvirt, qemu, alice, recorder):
    """Every step is announced, and with no more than paths and names of properties."""
    domain = define(libvirt, 'web')
    path = path_of(domain)
    recorder.wait(QEMU, 'VirtualMachineAdded', lambda arguments: arguments == (path,))
    entry = alice.machines(QEMU)[path]
    assert (entry['Name'], entry['Uuid'], entry['State'], entry['Manager']) \
        == ('web', domain.UUIDString(), 'off', QEMU)
    assert alice.find('web', QEMU) == alice.find(domain.UUIDString(), QEMU) == path
    for step, state in ((domain.create, 'running'), (domain.suspend, 'paused'),
                        (domain.resume, 'running'), (lambda: domain.managedSave(0), 'saved'),
                        (domain.create, 'running'), (domain.destroy, 'off')):
        step()
        qemu.wait_state(alice, path, state)
        assert alice.get(path, MACHINE, 'State') == state
    for signal in recorder.of(path, 'PropertiesChanged'):
        interface, values, invalidated = signal.arguments
        assert interface == MACHINE and values == {} and invalidated, signal
    assert any('State' in signal.arguments[2]
               for signal in recorder.of(path, 'PropertiesChanged'))
    domain.rename('www')
    qemu.find(alice, 'www')
    assert alice.machines(QEMU)[path]['Name'] == 'www', 'the same machine under another name'
    domain.undefine()
    recorder.wait(QEMU, 'VirtualMachineRemoved', lambda arguments: arguments == (path,))
    assert alice.machines(QEMU) == {}
    assert refused(alice.get, path, MACHINE, 'Name').name == UNKNOWN_OBJECT
    assert refused(alice.find, 'www', QEMU).name == f'{ERROR}NotFound'


def test_paths_networks_and_volumes(libvirt, qemu, alice):
    text = shape('volumes of a pool', 'web')
    make_images(text)
    libvirt.define(text)
    libvirt.define(shape('three adapters', 'net'))
    path = qemu.find(alice, 'web')
    assert alice.get(path, MACHINE, 'ResourcePaths') == \
        [f'{IMAGES}/web-0.qcow2', f'{IMAGES}/web-1.raw'], 'volumes are files'
    path = qemu.find(alice, 'net')
    assert alice.get(path, MACHINE, 'NetworkConnections') == \
        ['user', 'network:default', 'network:lab']


def test_secrets_stay_with_libvirt(libvirt, qemu, alice, area):
    """Pitfall 20: a configuration is told, and exported, without its secrets."""
    define(libvirt, 'web', more="<devices><graphics type='vnc' port='-1' passwd='geheim'/>"
                                "</devices>")
    path = qemu.find(alice, 'web')
    assert 'geheim' in libvirt.domain('web').XMLDesc(binding.VIR_DOMAIN_XML_SECURE)
    text = alice.configuration(path)
    assert 'geheim' not in text and '<graphics' in text
    alice.wait(alice.export(path, area / 'alice/package', manager=QEMU))
    for file in (area / 'alice/package').rglob('*'):
        assert not file.is_file() or b'geheim' not in file.read_bytes(), file


def test_libvirtd_goes_and_comes(libvirt, qemu, alice, recorder):
    domain = define(libvirt, 'web')
    path, machine_uuid = path_of(domain), domain.UUIDString()
    qemu.find(alice, 'web')
    libvirt.kill()
    qemu.wait(False)
    recorder.wait(QEMU, 'PropertiesChanged', lambda arguments: 'Available' in
                  (*arguments[1], *arguments[2]))
    for call in (lambda: alice.machines(QEMU), lambda: alice.find('web', QEMU),
                 lambda: alice.export(path, '/tmp/x', manager=QEMU),
                 lambda: alice.import_('/tmp/x', manager=QEMU)):
        error = refused(call)
        assert error.name == f'{ERROR}NotAvailable' and 'qemu' in error.message, error
    libvirt.start()
    qemu.wait(True)
    assert alice.machines(QEMU)[path]['Uuid'] == machine_uuid
    # And it hears events again.
    define(libvirt, 'second')
    qemu.find(alice, 'second')
    libvirt.domain('web').undefine()
    recorder.wait(QEMU, 'VirtualMachineRemoved', lambda arguments: arguments == (path,))


def test_what_changed_while_libvirtd_was_away(libvirt, qemu, alice, recorder):
    """Machines that went while the daemon could not listen are removed, and that is announced."""
    first = define(libvirt, 'first')
    gone = path_of(first)
    qemu.find(alice, 'first')
    libvirt.stop()
    qemu.wait(False)
    (CONFIGURATION / 'qemu/first.xml').unlink()
    libvirt.start()
    qemu.wait(True)
    recorder.wait(QEMU, 'VirtualMachineRemoved', lambda arguments: arguments == (gone,))
    assert alice.machines(QEMU) == {}


def test_libvirtd_that_hangs_holds_up_nobody(libvirt, qemu, alice, make_vm):
    """No call of libvirt's blocks the main loop."""
    define(libvirt, 'web')
    path = qemu.find(alice, 'web')
    libvirt.hold()
    try:
        pending = alice.start(QEMU, MANAGER, 'GetExportSettings', '(oa{sv})', (path, {}))
        for _ in range(5):
            assert alice.machines() == {}, 'the store answers'
    finally:
        libvirt.release()
    assert pending.result()['CopyVmStorage'] is True


def test_further_managers(make_daemon, root, alice):
    """Any URI of libvirt's, by vmport.conf; test:///default has one machine, which runs."""
    make_daemon(managers={'play': {'Driver': 'libvirt', 'Uri': 'test:///default'}})
    manager = '/org/vmport/Manager/play'
    wait_asking(lambda: alice.get(manager, MANAGER, 'Available'), 'test:/// to be there')
    (path, entry), = alice.machines(manager).items()
    assert (entry['Name'], entry['State']) == ('test', 'running')
    assert path.startswith('/org/vmport/VirtualMachine/play/')
    assert alice.get(manager, MANAGER, 'Uri') == 'test:///default'
    assert alice.export_settings(path, manager)['CopyVmStorage'] is True


def changes(recorder, path):
    return len(recorder.of(path, 'PropertiesChanged'))


def test_what_libvirt_tells_no_event_of(libvirt, qemu, alice, recorder, area):
    """Autostart, and a managed save that is removed."""
    domain = define(libvirt, 'web')
    path = qemu.find(alice, 'web')
    domain.create()
    domain.managedSave(0)
    qemu.wait_state(alice, path, 'saved')
    heard = changes(recorder, path)
    domain.managedSaveRemove()
    qemu.wait_state(alice, path, 'off')
    wait_for(lambda: changes(recorder, path) > heard, 'word of the state that was removed')
    for autostart in (True, False, True):
        heard = changes(recorder, path)
        domain.setAutostart(autostart)
        wait_asking(lambda: ('autostart' in alice.configuration(path)) is autostart,
                    f'autostart={autostart} to be known')
        wait_for(lambda: changes(recorder, path) > heard, f'word of autostart={autostart}')


def test_a_snapshot_is_told(libvirt, qemu, alice, recorder):
    """Snapshot objects emit nothing: their machine does."""
    text = shape('q35, BIOS, virtio, user network', 'web')
    make_images(text)
    domain = libvirt.define(text)
    path = qemu.find(alice, 'web')
    domain.snapshotCreateXML('<domainsnapshot><name>one</name></domainsnapshot>')
    recorder.wait(path, 'PropertiesChanged',
                  lambda arguments: arguments == (MACHINE, {}, ['Snapshots']))
    assert alice.get(path, MACHINE, 'Snapshots') == \
        [path.replace('VirtualMachine', 'Snapshot') + '_one']


def test_an_export_goes_by_what_is(libvirt, qemu, alice, area):
    """And not by what was heard of last: nothing has to arrive first."""
    domain = define(libvirt, 'web')
    path = qemu.find(alice, 'web')
    for number in range(5):
        domain.setAutostart(number % 2 == 0)
        alice.wait(alice.export(path, area / f'alice/{number}', manager=QEMU))
        text = packages.configuration(area / f'alice/{number}').read_text()
        assert ('autostart' in text) is (number % 2 == 0), number
