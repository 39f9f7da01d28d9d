"""Who may call what in which scope, by an authorization store that vmportctl compiled and the real
polkitd: every method of both managers, every kind of person, every kind of scope, each answer written
out."""

import pathlib
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

# pylint: disable=unused-import
from rig.authorization import RULES, ctl, judge, people, put, store_file
from rig.azman import Role, Scope, Store, Task
from rig.caller import ACCESS_DENIED, DAEMON, ERROR, INTERACTIVE, JOB, MACHINE, MANAGER, QEMU, \
    SNAPSHOT, STORE, UNKNOWN_OBJECT, Refused, refused, variants
from rig.fuse import Fuse
from rig.machines import Disk, bare_directory
from rig.qemu import Qemu, wait_asking
from rig.shapes import make_images, shape
from rig.snapshots import Snapshot, add, path_of

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
    (SNAPSHOT, PROPERTIES): 'yyyy ynyy nnyn',
    (DAEMON, 'ListJobs'): 'yyyy yyyy yyyy',
    (DAEMON, PROPERTIES): 'yyyy yyyy yyyy',
    (JOB, PROPERTIES): 'yyyy yyyy yyyy',
    # A job of root's: jobs are in no scope.
    **{(JOB, method): 'aaya aaya aaya' for method in
       ('Wait', 'Describe', 'Cancel', 'Suspend', 'Resume', 'SetBandwidthLimit', 'Release')},
}


def test_no_method_is_missing(prefix):
    """Those of the interfaces, which are those of the policy's table (test-policy.c)."""
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


@pytest.fixture(params=['store', 'qemu'])
def place(request, served, root, make_vm):
    """A manager's path, and what makes a machine with a snapshot there."""
    def make(name):
        machine = make_vm(name, [Disk(name=f'{name}.qcow2')])
        for image in root.get(machine, MACHINE, 'ResourcePaths'):
            subprocess.run(('qemu-img', 'snapshot', '-c', 'first', image), check=True)
        add(served, machine, [Snapshot('first')])
        return machine

    if request.param == 'store':
        return STORE, make
    libvirt, qemu = request.getfixturevalue('libvirt'), Qemu(root)
    qemu.wait()

    def define(name):
        text = shape('q35, BIOS, virtio, user network', name)
        make_images(text)
        libvirt.define(text).snapshotCreateXML(
            '<domainsnapshot><name>first</name></domainsnapshot>')
        machine = qemu.find(root, name)
        wait_asking(lambda: root.get(machine, MACHINE, 'Snapshots'), 'its snapshot to be known')
        return machine
    return QEMU, define


@pytest.fixture
def try_call(place, root, area, users, connect):
    """try_call(user, interface, method, scope): y, a or n, of a call that would change something only
    where the answer is y."""
    manager, make = place
    callers, machines = {name: connect(name) for name in PEOPLE}, {}

    def bare(name, folder, owner=users['root']):
        bare_directory(folder, name, owner=owner)
        # There is no KVM here, and the store does not mind.
        document = folder / f'{name}.xml'
        document.write_text(document.read_text().replace("type='kvm'", "type='qemu'"))
        return folder

    folders = {name: bare(f'new-{name}', area / name / 'bare', users[name]) for name in PEOPLE}
    job = root.import_(bare('roots', area / 'roots'), {'Name': 'roots'}, manager)
    root.wait(job)
    number = iter(range(1000))

    def machine_in(scope):
        if scope not in machines or machines[scope] not in root.machines(manager):
            machines[scope] = make(f'vm{next(number)}')
            if scope:
                root.set_scope(machines[scope], scope)
        return machines[scope]

    def call(name, interface, method, scope):
        caller, machine = callers[name], machine_in(scope)
        folder, options = folders[name], variants({})
        target = area / name / f'out{next(number)}'
        if interface == SNAPSHOT:
            return caller.get_all(path_of(machine, 'first'), SNAPSHOT)
        if method == PROPERTIES:
            return caller.get_all({MANAGER: manager, MACHINE: machine, DAEMON: '/org/vmport',
                                   JOB: job}[interface], interface)
        if interface == JOB and method == 'Release':
            # What is released is gone for the next one.
            own = root.import_(area / 'roots', {'Name': f'r{next(number)}'}, manager)
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
        path = {MANAGER: manager, MACHINE: machine, DAEMON: '/org/vmport', JOB: job}[interface]
        return caller.call(path, interface, method, signature, values)

    def run(name, interface, method, scope):
        try:
            value = call(name, interface, method, scope)
        except Refused as error:
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


def test_matrix(try_call):
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


def test_store_that_takes_a_while(make_daemon, area, root, alice, bare, users):
    """Calls that ask which scopes there are wait for it, and nobody else does."""
    (area / 'far').mkdir()
    fuse = Fuse(area / 'far', users['root'], everybody=True)
    try:
        make_daemon(AuthorizationStore=area / 'far/authorization.xml')
        assert root.scopes() == ['']
        fuse.fall_silent()
        waiting = [root.start(STORE, MANAGER, 'ListSecurityScopes', '(a{sv})', ({},)),
                   root.start(STORE, MANAGER, 'Import', '(sa{sv})', (str(bare), {})),
                   root.start(STORE, MANAGER, 'CheckImport', '(sa{sv})', (str(bare), {}))]
        for _ in range(5):
            assert alice.machines() == {} and root.jobs() == []
        assert not any(call.done for call in waiting)
    finally:
        fuse.close()
    assert waiting[0].result() == ['']
    root.wait(waiting[1].result())
    waiting[2].result()


def test_rules_that_go(served, carol, store_file, bare, polkit):
    polkit.stop()
    RULES.unlink()
    polkit.start()
    assert refused(carol.check_import, bare).name in (INTERACTIVE, ACCESS_DENIED)
    assert 'not the one that polkit goes by' not in served.log()
    served.restart()
    assert 'is not compiled' in served.log()


def test_never_compiled(make_daemon, store_file, root, ctl, bare, prefix):
    """The store as it is delivered, too."""
    store_file.write_text(pathlib.Path(prefix, 'share/vmport/authorization.xml').read_text())
    served = make_daemon(AuthorizationStore=store_file)
    assert outdated(root, bare) is True and 'is not compiled' in served.log()
    ctl('compile')
    assert not outdated(root, bare) and served.log().count('is not compiled') == 1
    store_file.unlink()
    assert outdated(root, bare) is True and 'is gone: what was compiled' in served.log()


@pytest.mark.parametrize('rename', [1, 2], ids=['before the store', 'between store and rules'])
def test_killed_in_the_middle_of_a_change(served, ctl, root, alice, carol, bare, make_vm, store_file,
                                          polkit, prefix, rename):
    """Store and rules are the ones before, or the store is new and that is told; the next compilation
    puts it into force and leaves nothing of the one that was cut short."""
    machine = make_vm('web')
    root.set_scope(machine, 'lab')
    before, rules = store_file.read_text(), RULES.read_text()
    done = subprocess.run(
        ('strace', '-qq', '-o', '/dev/null', '-e', 'trace=renameat', '-e',
         f'inject=renameat:signal=KILL:when={rename}', f'{prefix}/bin/vmportctl', 'scope', 'unassign',
         'lab', 'Worker', 'user:alice', f'--store={store_file}'), check=False,
        env={'DBUS_SYSTEM_BUS_ADDRESS': polkit.bus.address, 'LD_LIBRARY_PATH': f'{prefix}/lib',
             'PATH': '/usr/bin:/bin'})
    assert done.returncode == -9 and RULES.read_text() == rules
    assert (store_file.read_text() == before) == (rename == 1)
    assert outdated(carol, bare) == (rename == 2) \
        == ('not the one that polkit goes by' in served.log())
    assert machine in alice.machines(), 'by the rules that were compiled'
    ctl('compile')
    assert not outdated(carol, bare) and (machine in alice.machines()) == (rename == 1)
    for folder in (store_file.parent, RULES.parent):
        assert [path.name for path in folder.iterdir() if path.name.startswith('.')] == []


def test_no_store(make_daemon, store_file, root, bare):
    served = make_daemon(AuthorizationStore=store_file)
    assert not outdated(root, bare) and 'authorization store' not in served.log()


def test_both_sources_of_scopes(make_daemon, put, store, store_file, root):
    put(store)
    make_daemon(AuthorizationStore=store_file, Scopes='own;lab')
    assert root.scopes() == ['', 'own', 'lab', 'prod']
