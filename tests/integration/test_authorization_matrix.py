"""Who may call what in which scope, by an authorization store that vmportctl compiled and the real
polkitd: every method, every kind of person, every kind of scope, each answer written out."""

import pathlib
import xml.etree.ElementTree as ElementTree

import pytest

# pylint: disable=unused-import
from rig.authorization import RULES, ctl, judge, people, put, store_file
from rig.azman import Role, Scope, Store, Task
from rig.caller import ACCESS_DENIED, DAEMON, ERROR, INTERACTIVE, JOB, MACHINE, MANAGER, SNAPSHOT, \
    STORE, UNKNOWN_OBJECT, Refused, refused, variants
from rig.machines import bare_directory

PEOPLE = ('alice', 'bob', 'carol', 'dave')
SCOPES = ('', 'lab', 'prod')
PROPERTIES = '(properties)'

# alice works in lab; bob was given nothing; carol runs everything; dave looks on in lab.
WORK = ['view', 'export', 'import', 'delete']

# y: it is done. a: an administrator would have to authenticate. n: there is no such thing.
# alice, bob, carol, dave in the default scope; then in lab; then in prod.
MATRIX = {
    (MANAGER, 'ListVirtualMachines'): 'yyyy ynyy nnyn',
    (MANAGER, 'FindVirtualMachine'): 'yyyy ynyy nnyn',
    (MANAGER, 'ListSecurityScopes'): 'yyyy ynyy nnyn',
    (MANAGER, 'GetExportSettings'): 'yyyy ynyy nnyn',
    (MANAGER, 'CheckExport'): 'aaya ynya nnyn',
    (MANAGER, 'Export'): 'aaya ynya nnyn',
    (MANAGER, 'CheckImport'): 'aaya yaya aaya',
    (MANAGER, 'Import'): 'aaya aaya aaya',      # into a named scope takes set-scope there
    (MANAGER, 'GetImportSettings'): 'yyyy yyyy yyyy',
    (MANAGER, 'Verify'): 'yyyy yyyy yyyy',
    (MANAGER, PROPERTIES): 'yyyy yyyy yyyy',
    (MACHINE, PROPERTIES): 'yyyy ynyy nnyn',
    (MACHINE, 'GetConfiguration'): 'yyyy ynyy nnyn',
    (MACHINE, 'SetSecurityScope'): 'aaya anya nnyn',   # to where it is
    (MACHINE, 'Delete'): 'aaya ynya nnyn',
    (SNAPSHOT, PROPERTIES): 'nnnn nnnn nnnn',          # the store's machines have none
    (DAEMON, 'ListJobs'): 'yyyy yyyy yyyy',
    (DAEMON, PROPERTIES): 'yyyy yyyy yyyy',
    (JOB, PROPERTIES): 'yyyy yyyy yyyy',
    # A job of root's: jobs are in no scope.
    **{(JOB, method): 'aaya aaya aaya' for method in
       ('Wait', 'Describe', 'Cancel', 'Suspend', 'Resume', 'SetBandwidthLimit', 'Release')},
}


def test_no_method_is_missing(prefix):
    found = set()
    for path in pathlib.Path(prefix, 'share/dbus-1/interfaces').glob('org.vmport.*.xml'):
        for interface in ElementTree.parse(path).getroot().iterfind('interface'):
            name = interface.get('name')
            if name == 'org.vmport.Worker':
                continue
            found.add((name, PROPERTIES))
            found |= {(name, method.get('name')) for method in interface.iterfind('method')}
    assert found == set(MATRIX)


@pytest.fixture
def store():
    work, all_of_it, look = Task('Worker', WORK), Task('Operator', [
        *WORK, 'set-scope', 'manage-jobs']), Task('Viewer', ['view'])
    store = Store()
    store.root.tasks += [work, all_of_it, look]
    store.root.roles.append(Role('Operator', ['user:carol'], [all_of_it]))
    store.scopes.append(Scope('lab', roles=[Role('Worker', ['user:alice'], [work]),
                                            Role('Viewer', ['user:dave'], [look])]))
    store.scopes.append(Scope('prod'))
    return store


@pytest.fixture
def served(make_daemon, put, store, store_file):
    put(store)
    return make_daemon(AuthorizationStore=store_file)


@pytest.fixture
def try_call(root, area, users, make_vm, connect):
    """try_call(user, interface, method, scope): y, a or n, of a call that would change something only
    where the answer is y."""
    callers, machines = {name: connect(name) for name in PEOPLE}, {}
    folders = {name: bare_directory(area / name / 'bare', f'new-{name}', owner=users[name])
               for name in PEOPLE}
    job = root.import_(bare_directory(area / 'roots', 'roots'), {'Name': 'roots'})
    root.wait(job)
    number = iter(range(1000))

    def machine_in(scope):
        if scope not in machines or machines[scope] not in root.machines():
            machines[scope] = make_vm(f'vm{next(number)}')
            if scope:
                root.set_scope(machines[scope], scope)
        return machines[scope]

    def call(name, interface, method, scope):
        caller, machine = callers[name], machine_in(scope)
        folder, options = folders[name], variants({})
        target = area / name / f'out{next(number)}'
        if interface == SNAPSHOT:
            return caller.get_all(machine.replace('VirtualMachine', 'Snapshot') + '/none', SNAPSHOT)
        if method == PROPERTIES:
            return caller.get_all({MANAGER: STORE, MACHINE: machine, DAEMON: '/org/vmport',
                                   JOB: job}[interface], interface)
        if interface == JOB and method == 'Release':
            # What is released is gone for the next one.
            own = root.import_(area / 'roots', {'Name': f'r{next(number)}'})
            root.wait(own)
            return caller.call(own, JOB, method, '(a{sv})', (options,))
        arguments = {
            'ListVirtualMachines': ('(a{sv})', (options,)),
            'FindVirtualMachine': ('(sa{sv})', (machine.rpartition('/')[2].replace('_', '-'),
                                                options)),
            'ListSecurityScopes': ('(a{sv})', (options,)),
            'GetExportSettings': ('(oa{sv})', (machine, options)),
            'CheckExport': ('(osa{sv})', (machine, str(target), options)),
            'Export': ('(osa{sv})', (machine, str(target), options)),
            'CheckImport': ('(sa{sv})', (str(folder), variants({'SecurityScope': scope}))),
            'Import': ('(sa{sv})', (str(folder), variants({'SecurityScope': scope,
                                                           'Name': f'i{next(number)}'}))),
            'GetImportSettings': ('(sa{sv})', (str(folder), options)),
            'Verify': ('(sa{sv})', (str(folder), options)),
            'SetSecurityScope': ('(sa{sv})', (scope, options)),
            'SetBandwidthLimit': ('(ta{sv})', (0, options)),
        }
        signature, values = arguments.get(method, ('(a{sv})', (options,)))
        path = {MANAGER: STORE, MACHINE: machine, DAEMON: '/org/vmport', JOB: job}[interface]
        return caller.call(path, interface, method, signature, values)

    def run(name, interface, method, scope):
        try:
            value = call(name, interface, method, scope)
        except Refused as error:
            # What GDBus says of a path below which there is nothing.
            if 'Object does not exist' in error.message:
                return 'n'
            return {INTERACTIVE: 'a', f'{ERROR}NotFound': 'n', UNKNOWN_OBJECT: 'n',
                    # The job has ended: who may ask that of it is told so.
                    f'{ERROR}InvalidState': 'y'}.get(error.name, str(error))
        if method == 'ListVirtualMachines':
            return 'y' if machine_in(scope) in value else 'n'
        if method == 'ListSecurityScopes':
            return 'y' if scope in value else 'n'
        if method in ('Export', 'Import') and interface == MANAGER:
            callers[name].wait(value)
        return 'y'
    return run


def test_matrix(served, try_call):
    wrong = []
    for (interface, method), wanted in MATRIX.items():
        said = ' '.join(''.join(try_call(name, interface, method, scope) for name in PEOPLE)
                        for scope in SCOPES)
        if said != wanted:
            wrong.append(f'{interface}.{method}: {said}, not {wanted}')
    assert not wrong, '\n'.join(wrong)


# The daemon and the store

@pytest.fixture
def bare(area, users):
    return bare_directory(area / 'carol/bare', 'old', owner=users['carol'])


def outdated(caller, folder):
    size, = (f for f in caller.check_import(folder) if f['Code'] == 'PackageSize')
    return size.get('ScopesOutdated', False)


def test_scope_at_once(served, ctl, carol, root, make_vm):
    """A scope can be used as soon as vmportctl is done, and is unknown as soon as it is gone."""
    machine = make_vm('web')
    for name in ('one', 'two', 'three'):
        ctl('create', name)
        carol.set_scope(machine, name)
        assert name in carol.scopes()
    ctl('delete', 'three')
    assert 'three' not in carol.scopes()
    assert machine not in carol.machines() and machine in root.machines(), \
        'nobody has a right in a scope that is gone'
    assert refused(root.set_scope, machine, 'three').name == f'{ERROR}InvalidParameter'


def test_edited_and_not_compiled(served, ctl, carol, alice, make_vm, root, store_file, bare):
    """What was compiled stays in force; the log and CheckImport tell."""
    machine = make_vm('web')
    root.set_scope(machine, 'lab')
    assert not outdated(carol, bare) and 'not the one that polkit goes by' not in served.log()
    text = store_file.read_text()
    store_file.write_text(text.replace('user:alice', 'user:bob').replace('"prod"', '"new"'))
    assert outdated(carol, bare) is True
    assert 'not the one that polkit goes by' in served.log()
    assert alice.machines() != {}, 'by the rules that were compiled'
    assert carol.scopes() == ['', 'lab'], 'new is in the store, and not in the rules yet'
    assert root.scopes() == ['', 'lab', 'new']
    ctl('compile')
    assert not outdated(carol, bare)
    assert alice.machines() == {} and carol.scopes() == ['', 'lab', 'new']


def test_store_that_breaks(served, carol, root, store_file, bare):
    """The daemon goes on with the last good one."""
    store_file.write_text('<AzAdminManager>')
    assert root.scopes() == carol.scopes() == ['', 'lab', 'prod']
    assert outdated(carol, bare) and 'cannot be used' in served.log()
    served.restart()
    assert root.scopes() == [''], 'there never was a good one'


def test_rules_that_go(served, carol, store_file, bare, polkit):
    polkit.stop()
    RULES.unlink()
    polkit.start()
    assert refused(carol.check_import, bare).name in (INTERACTIVE, ACCESS_DENIED)
    assert 'not the one that polkit goes by' not in served.log()
    served.restart()
    assert 'not the one that polkit goes by' in served.log()


def test_both_sources_of_scopes(make_daemon, put, store, store_file, root):
    put(store)
    make_daemon(AuthorizationStore=store_file, Scopes='own;lab')
    assert root.scopes() == ['', 'own', 'lab', 'prod']
