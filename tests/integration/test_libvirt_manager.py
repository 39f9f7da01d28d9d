"""The manager of libvirt's machines: it comes and goes with libvirtd, and knows what libvirtd knows."""

import pathlib
import shutil

import pytest

from rig.caller import ERROR, MANAGER, Refused
from rig.loop import wait_for
from rig.qemu import Qemu
from rig.recorder import Recorder

QEMU = '/org/vmport/Manager/qemu'
TEST = '/org/vmport/Manager/test'

# Small, off, and with nothing that would have to be there.
DOMAIN = '''<domain type='qemu'><name>{name}</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='pc'>hvm</type></os><devices>{devices}</devices></domain>'''


def define(libvirt, name='web', devices=''):
    return libvirt.define(DOMAIN.format(name=name, devices=devices))


def path_of(domain):
    return f'/org/vmport/VirtualMachine/qemu/{domain.UUIDString().replace("-", "_")}'


def wait_until(recorder, check, what):
    """Asks again after each signal. What arrives while check() asks is not missed."""
    while True:
        heard = len(recorder.signals)
        if check():
            return
        wait_for(lambda: len(recorder.signals) > heard, what)


def wait_available(root, recorder, wanted=True, manager=QEMU):
    heard = len(recorder.signals)
    if root.get(manager, MANAGER, 'Available') is not wanted:
        wait_for(lambda: any(signal.path == manager and signal.name == 'PropertiesChanged'
                             and signal.arguments[1].get('Available') is wanted
                             for signal in recorder.signals[heard:]),
                 f'Available={wanted}', 40)


def test_without_libvirtd_it_is_shown_and_not_available(libvirt, make_daemon, alice):
    libvirt.stop()
    daemon = make_daemon()
    assert QEMU in alice.get('/org/vmport', 'org.vmport.Daemon', 'Managers')
    assert alice.get(QEMU, MANAGER, 'Available') is False
    assert alice.get(QEMU, MANAGER, 'Driver') == 'libvirt'
    assert alice.get(QEMU, MANAGER, 'Uri') == 'qemu:///system'
    for call in (lambda: alice.machines(QEMU), lambda: alice.find('web', QEMU),
                 lambda: alice.export_settings('/org/vmport/VirtualMachine/qemu/x', QEMU),
                 lambda: alice.import_settings(daemon.folder, QEMU)):
        with pytest.raises(Refused) as refused:
            call()
        assert refused.value.name == ERROR + 'NotAvailable'


def test_it_comes_and_goes_with_libvirtd(libvirt, daemon, root, recorder):
    domain = define(libvirt)
    wait_available(root, recorder)
    assert Qemu(root).find(root, 'web') == path_of(domain)
    libvirt.kill()
    wait_available(root, recorder, False)
    recorder.wait(QEMU, 'PropertiesChanged', lambda arguments: arguments[1].get('Available') is False)
    with pytest.raises(Refused) as refused:
        root.machines(QEMU)
    assert refused.value.name == ERROR + 'NotAvailable'
    libvirt.start()
    later = define(libvirt, 'later')
    wait_available(root, recorder)
    recorder.wait(QEMU, 'VirtualMachineAdded', lambda arguments: arguments == (path_of(later),))
    assert set(root.machines(QEMU)) == {path_of(domain), path_of(later)}


def test_its_driver_is_loaded_with_the_first_sign_of_libvirt(libvirt, make_daemon, root):
    """And no library of libvirt's before that: they are most of what a daemon would have in memory."""
    libvirt.stop()
    daemon = make_daemon()
    loaded = lambda: 'libvirt' in (daemon.proc / 'maps').read_text()
    with pytest.raises(Refused):
        root.machines(QEMU)
    assert not loaded()
    assert daemon.resident <= 15 or daemon.is_sanitized
    recorder = Recorder(root)
    libvirt.start()
    wait_available(root, recorder)
    recorder.close()
    assert root.machines(QEMU) == {} and loaded()
    assert daemon.resident <= 30 or daemon.is_sanitized


@pytest.fixture
def module(prefix):
    """The driver's module, which is put back after the test."""
    path = pathlib.Path(prefix, 'lib/vmport/libvmport-libvirt.so')
    kept = path.with_suffix('.kept')
    path.rename(kept)
    shutil.copy(kept, path)
    yield path
    kept.rename(path)


def test_without_its_driver(libvirt, module, make_daemon, anyone):
    """A distribution may have that in a package of its own."""
    module.unlink()
    daemon = make_daemon()
    assert anyone.get('/org/vmport', 'org.vmport.Daemon', 'Managers') == ['/org/vmport/Manager/store']
    daemon.stop()
    daemon.managers = {'test': {'Driver': 'libvirt', 'Uri': 'test:///default'}}
    with pytest.raises(AssertionError) as failed:
        daemon.start()
    assert f'not installed; there is no “{module}”' in str(failed.value)
    daemon.killed = True   # that it failed is told already


@pytest.mark.parametrize('change, said', [
    (lambda content: b'', 'cannot be loaded'),
    (lambda content: content.replace(b'vmp_driver', b'vmp_tiller'), 'cannot be loaded'),
    (lambda content: content.replace(b'\x000.1.0\x00', b'\x000.0.9\x00'), 'is of vmport 0.0.9')])
def test_another_driver(change, said, libvirt, module, make_daemon, anyone):
    """Half a module, none of ours, and what is left of another version."""
    content = module.read_bytes()
    assert change(content) != content
    module.write_bytes(change(content))
    daemon = make_daemon()
    assert said in daemon.log()
    assert anyone.get(QEMU, MANAGER, 'Available') is False
    assert anyone.machines() == {}


def test_a_hung_libvirtd_is_noticed(libvirt, daemon, root, recorder):
    wait_available(root, recorder)
    libvirt.hold()
    try:
        wait_available(root, recorder, False)
    finally:
        libvirt.release()
    wait_available(root, recorder)


def test_the_inventory_follows_events(libvirt, daemon, root, recorder):
    wait_available(root, recorder)
    domain = define(libvirt)
    machine = path_of(domain)
    assert recorder.wait(QEMU, 'VirtualMachineAdded').arguments == (machine,)
    state = lambda: root.machines(QEMU)[machine]['State']
    assert state() == 'off'
    domain.create()
    wait_until(recorder, lambda: state() == 'running', 'the machine to run')
    domain.suspend()
    wait_until(recorder, lambda: state() == 'paused', 'the machine to be paused')
    domain.resume()
    wait_until(recorder, lambda: state() == 'running', 'the machine to run')
    domain.managedSave(0)
    wait_until(recorder, lambda: state() == 'saved', 'the machine to be saved')
    domain.create()
    wait_until(recorder, lambda: state() == 'running', 'the machine to run')
    domain.destroy()
    wait_until(recorder, lambda: state() == 'off', 'the machine to be off')
    domain.rename('other')
    wait_until(recorder, lambda: root.machines(QEMU)[machine]['Name'] == 'other', 'the new name')
    domain.undefine()
    assert recorder.wait(QEMU, 'VirtualMachineRemoved').arguments == (machine,)
    assert root.machines(QEMU) == {}
    told = {tuple(signal.arguments[2]) for signal in recorder.of(machine, 'PropertiesChanged')}
    assert {('State',), ('Name',)} <= told
    assert not {'ActiveJob', 'Snapshots', 'SecurityScope'} & set(sum(told, ())), \
        'only what has another value now'


def test_what_it_offers(libvirt, daemon, root, recorder):
    wait_available(root, recorder)
    assert root.get(QEMU, MANAGER, 'StorageRoots') == ['/var/lib/libvirt/images']
    networks = root.get(QEMU, MANAGER, 'NetworkConnections')
    assert {'network:default', 'network:lab', 'user'} <= set(networks)
    assert root.get(QEMU, MANAGER, 'Version').startswith('9.')


def test_a_manager_of_the_configuration(make_daemon, root, recorder):
    """libvirt's test driver, whose machine vmport cannot take in: it is there, and says why."""
    make_daemon(managers={'test': {'Driver': 'libvirt', 'Uri': 'test:///default'}})
    wait_available(root, recorder, manager=TEST)
    (machine, properties), = root.machines(TEST).items()
    assert (properties['Name'], properties['State']) == ('test', 'running')
    with pytest.raises(Refused) as refused:
        root.configuration(machine)
    assert refused.value.name == ERROR + 'NotSupported'
    assert 'QEMU and KVM' in refused.value.message
