"""What interface.md promises, looked at from outside: types, words, and who is told what and when."""

import pathlib
import xml.etree.ElementTree as ElementTree

import pytest
from gi.repository import Gio, GLib

from rig.caller import DAEMON, ERROR, JOB, MACHINE, MANAGER, SNAPSHOT, STORE, refused
from rig.jobs import HELD, Hold, failure
from rig.loop import run_for
from rig.machines import random_disk
from rig.recorder import EXCEPTION, TERMINAL, TERMINATED, Recorder

NEW, SUSPENDED, SHUTTING_DOWN = 2, 5, 6
PROPERTIES = 'org.freedesktop.DBus.Properties'
NEVER = '/org/vmport/VirtualMachine/store/00000000_0000_4000_8000_000000000000'

# interface.md, "Settings": the keys of each table in its order, but for DirectoryFd, which is absent.
EXPORT = [('Caption', 's'), ('Description', 's'), ('ElementName', 's'), ('InstanceID', 's'),
          ('CopyVmStorage', 'b'), ('CopyVmRuntimeInformation', 'b'),
          ('CreateVmExportSubdirectory', 'b'), ('CopySnapshotConfiguration', 'y'),
          ('SnapshotVirtualSystem', 's'), ('CaptureLiveState', 'y'),
          ('ExcludedVirtualHardDisks', 'as'), ('Checksum', 's'), ('BandwidthLimit', 't'),
          ('DiskFormat', 's'), ('IncludeRemovableMedia', 'b')]
IMPORT = [('Caption', 's'), ('Description', 's'), ('ElementName', 's'), ('InstanceID', 's'),
          ('CreateCopy', 'b'), ('GenerateNewId', 'b'), ('Name', 's'), ('SecurityScope', 's'),
          ('CurrentResourcePaths', 'as'), ('SourceResourcePaths', 'as'),
          ('TargetResourcePaths', 'as'), ('SourceNetworkConnections', 'as'),
          ('TargetNetworkConnections', 'as'), ('SourceVmDataRoot', 's'),
          ('SourceSnapshotDataRoot', 's'), ('SourceVhdDataRoot', 's'), ('TargetVmDataRoot', 's'),
          ('TargetSnapshotDataRoot', 's'), ('TargetVhdDataRoot', 's'), ('VerifyChecksums', 'b'),
          ('BandwidthLimit', 't'), ('MacAddresses', 's'), ('DropSavedState', 'b'),
          ('UnsafeDevices', 's')]


def reply(caller, path, interface, method, signature, *arguments):
    """The first value of a reply as it came, with its types."""
    return caller.connection.call_sync(
        'org.vmport', path, interface, method, GLib.Variant(signature, arguments), None,
        Gio.DBusCallFlags.NO_AUTO_START, -1, None).get_child_value(0)


def typed(dictionary):
    """[(key, type), …] of an a{sv}, in its order."""
    entries = [dictionary.get_child_value(index) for index in range(dictionary.n_children())]
    return [(entry.get_child_value(0).get_string(),
             entry.get_child_value(1).get_variant().get_type_string()) for entry in entries]


def members(interface):
    """What an interface says of itself, without the documentation."""
    described = {('annotation', note.get('name')): note.get('value')
                 for note in interface.findall('annotation')}
    for member in interface:
        if member.tag in ('method', 'signal', 'property'):
            arguments = [(arg.get('name'), arg.get('type'),
                          arg.get('direction', 'in' if member.tag == 'method' else 'out'))
                         for arg in member.iterfind('arg')]
            # gdbus-codegen keeps those that are for it alone.
            notes = sorted((note.get('name'), note.get('value'))
                           for note in member.iterfind('annotation')
                           if not note.get('name').startswith('org.gtk.GDBus.C.'))
            described[member.tag, member.get('name')] = (
                member.get('type'), member.get('access'), arguments, notes)
    return described


def test_introspection_is_what_is_installed(daemon, alice, make_vm, area, prefix):
    machine = make_vm('web')
    job = alice.export(machine, area / 'alice/package')
    alice.wait(job)
    for path, name in (('/org/vmport', DAEMON), (STORE, MANAGER), (machine, MACHINE), (job, JOB),
                       (machine.replace('VirtualMachine', 'Snapshot') + '_x', SNAPSHOT)):
        said = ElementTree.fromstring(
            alice.call(path, 'org.freedesktop.DBus.Introspectable', 'Introspect'))
        installed = ElementTree.parse(
            pathlib.Path(prefix) / f'share/dbus-1/interfaces/{name}.xml').getroot()
        assert members(said.find(f'interface[@name="{name}"]')) == \
            members(installed.find(f'interface[@name="{name}"]')), name


def test_properties_have_their_types(daemon, alice, make_vm, area, prefix):
    machine = make_vm('web', networks=['user'])
    job = alice.export(machine, area / 'alice/package')
    alice.wait(job)
    for path, name in (('/org/vmport', DAEMON), (STORE, MANAGER), (machine, MACHINE), (job, JOB)):
        installed = ElementTree.parse(
            pathlib.Path(prefix) / f'share/dbus-1/interfaces/{name}.xml').getroot()
        wanted = {(entry.get('name'), entry.get('type')) for entry in installed.iter('property')}
        assert set(typed(reply(alice, path, PROPERTIES, 'GetAll', '(s)', name))) == wanted, name
        for key, kind in wanted:
            value = reply(alice, path, PROPERTIES, 'Get', '(ss)', name, key)
            assert value.get_variant().get_type_string() == kind, f'{name}.{key}'
    listed = reply(alice, STORE, MANAGER, 'ListVirtualMachines', '(a{sv})', {})
    assert listed.get_type_string() == 'a{oa{sv}}'
    assert typed(listed.get_child_value(0).get_child_value(1)) == typed(
        reply(alice, machine, PROPERTIES, 'GetAll', '(s)', MACHINE))


def test_settings_come_typed_and_in_order(daemon, alice, make_vm, area):
    """People read them as busctl and gdbus print them."""
    machine = make_vm('web', networks=['user'])
    package = area / 'alice/package'
    result = reply(alice, alice.export(machine, package), JOB, 'Wait', '(a{sv})', {})
    assert set(typed(result)) == {('ExportPath', 's'), ('BytesCopied', 't'), ('BytesCloned', 't'),
                                  ('Files', 'u'), ('Warnings', 'aa{sv}')}
    settings = reply(alice, STORE, MANAGER, 'GetExportSettings', '(oa{sv})', machine, {})
    assert typed(settings) == EXPORT
    settings = reply(alice, STORE, MANAGER, 'GetImportSettings', '(sa{sv})', str(package), {})
    assert typed(settings) == IMPORT
    finding = reply(alice, STORE, MANAGER, 'CheckImport', '(sa{sv})', str(package),
                    {}).get_child_value(0)
    assert set(typed(finding)) == {('Code', 's'), ('Severity', 's'), ('Message', 's'),
                                   ('Setting', 's'), ('Index', 'i'), ('Resolution', 'a{sv}')}


def test_live_state_is_about_machines_that_run(daemon, alice, make_vm, area):
    """A script may name it for all machines: those that do not run have no use for it."""
    settings = {'CaptureLiveState': GLib.Variant('y', 1)}
    result = alice.wait(alice.export(make_vm('web'), area / 'alice/package', settings))
    assert [(warning['Code'], warning['Setting']) for warning in result['Warnings']] == \
        [('SettingUnused', 'CaptureLiveState')]


def test_an_instance_that_is_none_fails_the_call(daemon, alice, make_vm, area):
    """Read-only identity keys are knowable without the directory, as far as they are."""
    alice.wait(alice.export(make_vm('web'), area / 'alice/package'))
    before = alice.jobs()
    for value in ('web', 'vmport:', 'vmport:web'):
        error = refused(alice.import_, area / 'alice/package', {'InstanceID': value})
        assert error.name == f'{ERROR}InvalidParameter' and 'InstanceID' in error.message
    assert alice.jobs() == before
    other = {'InstanceID': 'vmport:00000000-0000-4000-8000-000000000000', 'Name': 'other'}
    assert failure(alice, alice.import_, area / 'alice/package', other).name == \
        f'{ERROR}InvalidParameter'


def test_describe_names_the_machine(daemon, alice, make_vm, area):
    """Its name, which is for those who may see the job; of an import also where it fails."""
    job = alice.export(make_vm('web'), area / 'alice/package')
    alice.wait(job)
    assert alice.describe(job)['VirtualMachine'] == 'web'
    for name, ends in (('copy', True), ('web', False)):
        job = alice.import_(area / 'alice/package', {'Name': name})
        if ends:
            alice.wait(job)
        else:
            assert refused(alice.wait, job).name == f'{ERROR}Exists'
        assert alice.describe(job)['VirtualMachine'] == name


def test_messages_name_what_is_wrong(daemon, alice, dave, make_vm, area):
    machine = make_vm('web')
    assert '“nowhere”' in refused(alice.find, 'nowhere').message
    assert NEVER in refused(alice.export_settings, NEVER).message
    assert NEVER in refused(alice.configuration, NEVER).message
    assert '/org/vmport/Job/4711' in refused(alice.wait, '/org/vmport/Job/4711').message
    # The same words for what is hidden and for what never was.
    for ask, hidden, never in ((dave.find, 'web', 'nowhere'), (dave.export_settings, machine, NEVER),
                               (dave.configuration, machine, NEVER)):
        assert refused(ask, hidden).message.replace(hidden, 'IT') == \
            refused(ask, never).message.replace(never, 'IT')
    error = refused(alice.export, machine, area / 'alice/package', {'Checksum': 'md5'})
    assert 'fs-verity, sha256, none' in error.message
    assert 'control characters' in refused(alice.export, machine, '/a\nb').message


def test_changes_are_those_that_were(daemon, root, recorder, make_vm, area):
    """Only what has another value now is invalidated, and once."""
    machine = make_vm('web')
    told = lambda: [signal.arguments[1:] for signal in recorder.of(machine, 'PropertiesChanged')]
    job = root.export(machine, area / 'package')
    root.wait(job)
    recorder.wait_finished(job)
    # From the import that made it, one ends before the machine is announced.
    assert told()[-2:] == [({}, ['ActiveJob'])] * 2
    before = len(told())
    root.delete(machine)
    recorder.wait(STORE, 'VirtualMachineRemoved')
    run_for(0.1)
    assert len(told()) == before, 'a call that has the machine is no job'


def test_a_change_of_scope_is_told_once(make_daemon, root, make_vm):
    make_daemon(Scopes='lab')
    machine = make_vm('web')
    recorder = Recorder(root)
    root.set_scope(machine, 'lab')
    recorder.wait(machine, 'PropertiesChanged')
    run_for(0.1)
    assert [(signal.name, signal.arguments) for signal in recorder.signals] == [
        ('VirtualMachineRemoved', (machine,)), ('VirtualMachineAdded', (machine,)),
        ('PropertiesChanged', (MACHINE, {}, ['SecurityScope']))]


def test_suspended_in_the_queue(make_daemon, alice, root, make_vm, area):
    """A suspended job says so, and moves no bytes when its turn has come."""
    daemon = make_daemon(MaxJobs=1)
    first, second = (make_vm(name, [random_disk(8)]) for name in ('first', 'second'))
    recorder = Recorder(root)
    hold = Hold(daemon, recorder, 'Copying')
    running = alice.export(first, area / 'alice/first', HELD)
    hold.wait()
    queued = alice.export(second, area / 'alice/second')
    state = lambda: alice.job(queued)['JobState']
    assert (state(), alice.job(queued)['Phase']) == (NEW, 'Queued')
    ask = lambda method: alice.call(queued, JOB, method, '(a{sv})', ({},))
    for method, wanted in (('Suspend', SUSPENDED), ('Suspend', SUSPENDED), ('Resume', NEW),
                           ('Suspend', SUSPENDED)):
        ask(method)
        assert state() == wanted, method
    hold.release()
    alice.wait(running)
    recorder.wait(queued, 'PropertiesChanged', lambda arguments: 'StartTime' in arguments[1])
    assert state() == SUSPENDED and alice.job(queued)['BytesDone'] == 0
    ask('Resume')
    alice.wait(queued)
    assert recorder.values(queued, 'JobState')[:3] == [SUSPENDED, NEW, SUSPENDED]


def test_cancelling_cannot_be_suspended(daemon, alice, recorder, make_vm, area):
    machine = make_vm('web', [random_disk(8)])
    hold = Hold(daemon, recorder, 'Copying')
    job = alice.export(machine, area / 'alice/package', HELD)
    hold.wait()
    for method in ('Suspend', 'Cancel', 'Suspend', 'Resume', 'Cancel'):
        alice.call(job, JOB, method, '(a{sv})', ({},))
    assert alice.job(job)['JobState'] == SHUTTING_DOWN
    hold.release()
    assert recorder.wait_finished(job) == (TERMINATED, f'{ERROR}Cancelled')
    assert recorder.values(job, 'JobState')[-3:] == [SUSPENDED, SHUTTING_DOWN, TERMINATED]


@pytest.mark.modes('system', 'session')
def test_an_interruption_is_told(daemon, alice, recorder, make_vm, area):
    """Finished comes exactly once of every job: of one whose daemon died, from the next."""
    machine = make_vm('big', [random_disk(8)])
    hold = Hold(daemon, recorder, 'Copying')
    job = alice.export(machine, area / 'alice/package', HELD)
    hold.wait()
    daemon.kill()
    daemon.start()
    assert recorder.wait_finished(job) == (EXCEPTION, f'{ERROR}Interrupted')
    told = recorder.of(job)
    assert told[-1].name == 'Finished'
    last = [signal for signal in told if signal.name == 'PropertiesChanged'][-1].arguments[1]
    assert {key: alice.job(job)[key] for key in last} == last
    assert (last['JobState'], last['ErrorName']) == (EXCEPTION, f'{ERROR}Interrupted')
    daemon.restart()
    run_for(0.2)
    assert len(recorder.of(job, 'Finished')) == 1


def test_whoever_polls_may_go_on(daemon, alice, make_vm, area):
    """A final JobState is an end: Wait answers at once then, and Release forgets the job."""
    package = area / 'alice/package'
    alice.wait(alice.export(make_vm('web'), package))
    for _ in range(5):
        job = alice.call(STORE, MANAGER, 'Verify', '(sa{sv})', (str(package), {}))
        while alice.get(job, JOB, 'JobState') not in TERMINAL:
            pass
        assert alice.job(job)['EndTime'] > 0 and alice.job(job)['PercentComplete'] == 100
        assert alice.wait(job, 0)['Files'] == 2
        alice.release(job)
