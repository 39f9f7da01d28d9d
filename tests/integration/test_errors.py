"""The split between call errors and job errors, and the numbers of Hyper-V."""

import pytest
from gi.repository import GLib

from rig.caller import ACCESS_DENIED, ERROR, MANAGER, STORE, UNKNOWN_OBJECT, refused
from rig.jobs import failure, job_failure
from rig.machines import Disk, bare_directory

pytestmark = pytest.mark.modes('system', 'session')

# interface.md, "Errors": what is knowable without reading the directory fails the call.
NEVER = '/org/vmport/VirtualMachine/store/00000000_0000_4000_8000_000000000000'


@pytest.mark.parametrize('directory', ['', 'relative/path', '/a/./b', '/a/../b', '//a'])
def test_malformed_paths_fail_every_call(daemon, alice, make_vm, directory):
    machine = make_vm('web')
    calls = {
        'Export': ('(osa{sv})', (machine, directory, {})),
        'Import': ('(sa{sv})', (directory, {})),
        'GetImportSettings': ('(sa{sv})', (directory, {})),
    }
    before = alice.jobs()
    for method, (signature, arguments) in calls.items():
        error = refused(alice.call, STORE, MANAGER, method, signature, arguments)
        assert error.name == f'{ERROR}InvalidParameter', f'{method}({directory!r}): {error}'
    assert alice.jobs() == before


def test_unknown_machine_fails_every_call(daemon, root):
    for method, signature, arguments in (
            ('Export', '(osa{sv})', (NEVER, '/tmp/x', {})),
            ('GetExportSettings', '(oa{sv})', (NEVER, {})),
            ('Export', '(osa{sv})', ('/org/vmport/Job/1', '/tmp/x', {})),
            ('FindVirtualMachine', '(sa{sv})', ('no such', {}))):
        error = refused(root.call, STORE, MANAGER, method, signature, arguments)
        assert error.name == f'{ERROR}NotFound', f'{method}: {error}'


def test_ambiguous_name(daemon, alice, area, users):
    """FindVirtualMachine: Ambiguous where two VMs bear the name; the store lets no two."""
    bare = bare_directory(area / 'alice/bare', 'web', owner=users['alice'])
    alice.wait(alice.import_(bare))
    assert job_failure(alice, alice.import_, bare).name == f'{ERROR}Exists'
    assert alice.find('web')


# (what is done, error name, Hyper-V code) for jobs that fail
CASES = {
    'missing path': (lambda rig: rig.alice.import_(rig.area / 'alice/none'), 'NotFound', 32768),
    'forbidden path': (lambda rig: rig.alice.import_(rig.area / 'bob/none'), None, 32769),
    'full target': (lambda rig: rig.alice.export(rig.machine, rig.area / 'alice'), 'Exists', 32768),
    'file as source': (lambda rig: rig.alice.import_(rig.area / 'alice/full/file'),
                       'NotFound', 32768),
}


class Rig:
    def __init__(self, **names):
        self.__dict__.update(names)


@pytest.mark.parametrize('case', CASES)
def test_numbers(daemon, alice, make_vm, area, users, case):
    (area / 'alice/full').mkdir()
    (area / 'alice/full/file').write_text('x')
    for path in (area / 'alice/full', area / 'alice/full/file'):
        users['alice'].own(path)
    start, name, code = CASES[case]
    job = start(Rig(alice=alice, area=area, machine=make_vm('web')))
    error = refused(alice.wait, job)
    wanted = f'{ERROR}{name}' if name else ACCESS_DENIED
    if case == 'file as source':
        assert error.name in (wanted, f'{ERROR}InvalidParameter'), error
        return
    assert error.name == wanted, error
    assert alice.job(job)['ErrorName'] == wanted
    assert alice.job(job)['ErrorCode'] == code


def test_messages_are_for_people(daemon, alice, make_vm, area):
    """A message names the thing that is wrong."""
    machine = make_vm('web', [Disk(name='web.qcow2')])
    error = job_failure(alice, alice.export, machine, area / 'alice/no/such/place')
    assert str(area / 'alice/no/such') in error.message, error.message
    assert 'GDBus' not in error.message and 'g-io' not in error.message


def test_types_of_arguments(daemon, alice, make_vm):
    machine = make_vm('web')
    error = refused(alice.call, STORE, MANAGER, 'Export', '(ossb)', (machine, '/x', '', True))
    assert error.name == 'org.freedesktop.DBus.Error.InvalidArgs'


def test_big_requests(daemon, alice, make_vm, area):
    """A dictionary of thousands of keys, or a path of a megabyte, is refused, and no more."""
    machine = make_vm('web')
    many = {f'Key{number}': GLib.Variant('b', True) for number in range(20000)}
    assert refused(alice.export, machine, area / 'alice/x', many).name == f'{ERROR}InvalidParameter'
    long = '/' + 'a' * (1 << 20)
    error = failure(alice, alice.export, machine, long)
    assert error.name in (f'{ERROR}InvalidParameter', f'{ERROR}NotFound'), error.name
    assert machine in alice.machines()


def test_unknown_objects(daemon, alice, root):
    """A path below the known ones that names nothing is an unknown object, whatever is called."""
    empty = ({},)
    for caller in (alice, root):
        for path, interface in (('/org/vmport/Manager/nowhere', 'org.vmport.Manager'),
                                ('/org/vmport/VirtualMachine/store/nothing',
                                 'org.vmport.VirtualMachine'),
                                ('/org/vmport/Snapshot/store/nothing', 'org.vmport.Snapshot'),
                                ('/org/vmport/Job/0', 'org.vmport.Job'),
                                ('/org/vmport/Job/01', 'org.vmport.Job')):
            error = refused(caller.call, path, 'org.freedesktop.DBus.Properties', 'GetAll', '(s)',
                            (interface,))
            assert error.name == UNKNOWN_OBJECT, f'{path}: {error}'
        nowhere = '/org/vmport/Manager/nowhere'
        for method, signature, arguments in (
                ('ListVirtualMachines', '(a{sv})', empty),
                ('FindVirtualMachine', '(sa{sv})', ('x', {})),
                ('GetImportSettings', '(sa{sv})', ('/x', {})),
                ('Export', '(osa{sv})', ('/org/vmport/VirtualMachine/store/x', '/x', {})),
                ('Import', '(sa{sv})', ('/x', {})),
                ('Verify', '(sa{sv})', ('/x', {}))):
            error = refused(caller.call, nowhere, 'org.vmport.Manager', method, signature,
                            arguments)
            assert error.name == UNKNOWN_OBJECT, f'{method}: {error}'
    assert daemon.process.poll() is None
