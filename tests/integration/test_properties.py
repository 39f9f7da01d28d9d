"""Objects and their properties, as interface.md's tables have them."""

import xml.etree.ElementTree as ElementTree

import pytest
from gi.repository import GLib

from rig.caller import DAEMON, MACHINE, MANAGER, STORE, UNKNOWN_OBJECT, refused
from rig.machines import Disk
from rig.recorder import Recorder

pytestmark = pytest.mark.modes('system', 'session')

MACHINE_PROPERTIES = {'Manager', 'Uuid', 'Name', 'State', 'SecurityScope', 'ResourcePaths',
                      'NetworkConnections', 'Snapshots', 'ActiveJob'}


def test_daemon_object(daemon, anyone):
    properties = anyone.get_all('/org/vmport', DAEMON)
    assert STORE in properties['Managers']
    assert properties['Version']


def test_store_manager(daemon, anyone):
    properties = anyone.get_all(STORE, MANAGER)
    assert set(properties) == {'Id', 'Driver', 'Uri', 'Version', 'Available', 'Features',
                               'NetworkConnections', 'StorageRoots', 'JobRetentionUSec'}
    assert properties['Id'] == 'store' and properties['Driver'] == 'directory'
    assert properties['Available'] is True
    assert properties['StorageRoots'] == [str(daemon.store)]
    assert 'user' in properties['NetworkConnections']
    assert 'live' not in properties['Features']


def test_networks_of_the_configuration(make_daemon, anyone):
    make_daemon(Networks='bridge:br0;network:lab')
    assert {'user', 'bridge:br0', 'network:lab'} <= set(
        anyone.get(STORE, MANAGER, 'NetworkConnections'))


def test_machine_properties(daemon, anyone, make_vm):
    machine = make_vm('web', [Disk(name='a.qcow2'), Disk(name='b.raw', format='raw')],
                      networks=['user'])
    listed = anyone.machines()[machine]
    assert set(listed) == MACHINE_PROPERTIES
    assert listed['Manager'] == STORE and listed['Name'] == 'web' and listed['State'] == 'off'
    assert listed['SecurityScope'] == '' and listed['Snapshots'] == []
    assert listed['ActiveJob'] == '/' and listed['NetworkConnections'] == ['user']
    assert [path.rsplit('/', 1)[1] for path in listed['ResourcePaths']] == ['a.qcow2', 'b.raw']
    assert anyone.get_all(machine, MACHINE) == listed
    for name, value in listed.items():
        assert anyone.get(machine, MACHINE, name) == value
    assert anyone.find('web') == anyone.find(listed['Uuid']) == machine


def test_configuration(daemon, anyone, make_vm):
    machine = make_vm('web', [Disk(name='a.qcow2')])
    domain = ElementTree.fromstring(anyone.configuration(machine))
    assert domain.tag == 'domain' and domain.findtext('name') == 'web'
    listed = anyone.machines()[machine]
    assert domain.findtext('uuid') == listed['Uuid']
    disk = domain.find('devices/disk')
    assert [disk.find('source').get('file')] == listed['ResourcePaths']
    assert disk.find('driver').get('type') == 'qcow2'
    assert len(disk.find('backingStore')) == 0, 'a chain is spelled out and ended'


def test_list_of_a_few(daemon, anyone, make_vm):
    first, _ = make_vm('first'), make_vm('second')
    never = '/org/vmport/VirtualMachine/store/00000000_0000_4000_8000_000000000000'
    chosen = anyone.call(STORE, MANAGER, 'ListVirtualMachines', '(a{sv})',
                      ({'Paths': GLib.Variant('ao', [first, never])},))
    assert list(chosen) == [first], 'option Paths for a few of them'


@pytest.mark.parametrize('path', [
    '/org/vmport/VirtualMachine/store/00000000_0000_4000_8000_000000000000',
    '/org/vmport/VirtualMachine/store/nonsense',
    '/org/vmport/VirtualMachine/nowhere/00000000_0000_4000_8000_000000000000',
])
def test_objects_that_never_were(daemon, root, path):
    for call in (lambda: root.get(path, MACHINE, 'Name'), lambda: root.get_all(path, MACHINE),
                 lambda: root.configuration(path)):
        error = refused(call)
        assert error.name in (UNKNOWN_OBJECT, 'org.freedesktop.DBus.Error.UnknownMethod') \
            if 'store/' not in path else error.name == UNKNOWN_OBJECT, error


@pytest.mark.modes('system')
def test_property_reads_are_authorised(daemon, dave, alice, polkit, make_vm):
    """A user without view gets UnknownObject, with the words for a VM that never was."""
    machine = make_vm('web')
    never = '/org/vmport/VirtualMachine/store/00000000_0000_4000_8000_000000000000'
    answers = set()
    for path in (machine, never):
        for call in (lambda: dave.get(path, MACHINE, 'Name'),
                     lambda: dave.get_all(path, MACHINE)):
            error = refused(call)
            answers.add((error.name, error.message.replace(path, 'PATH')))
    assert len({name for name, _ in answers}) == 1 and len(answers) <= 2, answers
    assert answers.pop()[0] == UNKNOWN_OBJECT
    # The right is asked for at each read, not once.
    assert alice.get(machine, MACHINE, 'Name') == 'web'
    polkit.rules('return action.id == "org.vmport.view" ? polkit.Result.NO : null;')
    assert refused(alice.get, machine, MACHINE, 'Name').name == UNKNOWN_OBJECT
    polkit.rules()
    assert alice.get(machine, MACHINE, 'Name') == 'web'


@pytest.mark.modes('system')
def test_view_by_name(daemon, polkit, bob, make_vm):
    """A rule may look at a name: each machine that is called is asked about for itself. A listing
    asks once for each scope, whose rules hold for all machines in it."""
    web, db = make_vm('web'), make_vm('db')
    polkit.rules('return action.id == "org.vmport.view" && action.lookup("vm_name") == "db"'
                 ' ? polkit.Result.NO : null;')
    assert bob.get(web, MACHINE, 'Name') == 'web'
    assert refused(bob.get, db, MACHINE, 'Uuid').name == UNKNOWN_OBJECT


@pytest.mark.modes('system')
def test_signals_carry_no_secrets(daemon, dave, alice, root, area, make_vm):
    """Signals are broadcast and carry numbers and UUID paths alone."""
    recorder = Recorder(dave)
    machine = make_vm('secretname')
    alice.wait(alice.export(machine, area / 'alice/package'))
    root.delete(machine)
    recorder.wait(STORE, 'VirtualMachineAdded', lambda arguments: arguments == (machine,))
    recorder.wait(STORE, 'VirtualMachineRemoved', lambda arguments: arguments == (machine,))
    dave.jobs()   # what was said before this reply has been heard
    for signal in recorder.signals:
        text = repr(signal.arguments)
        assert 'secretname' not in text and str(area) not in text, signal
        if signal.name == 'PropertiesChanged' and signal.arguments[0] == MACHINE:
            assert signal.arguments[1] == {}, 'changes are announced as invalidated properties'


def test_active_job_is_announced(daemon, alice, recorder, make_vm, area):
    machine = make_vm('web')
    alice.wait(alice.export(machine, area / 'alice/package'))
    recorder.wait(machine, 'PropertiesChanged',
                  lambda arguments: arguments[0] == MACHINE and 'ActiveJob' in arguments[2])


def test_enumeration_is_empty(daemon, alice, make_vm):
    """There is no way to list machines but ListVirtualMachines, which asks about each."""
    machine = make_vm('web')
    for path in ('/org/vmport/VirtualMachine', '/org/vmport/VirtualMachine/store'):
        xml = alice.call(path, 'org.freedesktop.DBus.Introspectable', 'Introspect')
        names = {node.get('name') for node in ElementTree.fromstring(xml).iterfind('node')}
        assert machine.rsplit('/', 1)[1] not in names


def test_machines_outlive_a_restart(daemon, alice, make_vm):
    machine = make_vm('web')
    before = alice.machines()
    daemon.restart()
    assert alice.machines() == before and machine in before
