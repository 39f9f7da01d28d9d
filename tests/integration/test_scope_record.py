"""Which machine is in which security scope outlives restarts, crashes and absences; what is broken
stops the daemon instead of opening every machine."""

import pathlib
import shutil
import subprocess
from contextlib import contextmanager

import pytest

from rig.caller import ERROR, INTERACTIVE, UNKNOWN_OBJECT, refused
from rig.loop import DEADLINE, deadline, wait_on_disk
from rig.machines import names
# pylint: disable=unused-import
from rig.scopes import bare, daemon, import_, make_scoped, recorded, rights, scope_of, uuid_of

ARCHIVE = '/org/vmport/Manager/archive'


def test_restart_keeps_it(daemon, alice, bob, carol, make_vm, make_scoped, bare):
    lab, prod, plain = make_scoped('one', 'lab'), make_scoped('two', 'prod'), make_vm('plain')
    new = import_(alice, bare[0], SecurityScope='lab')
    daemon.restart()
    assert scope_of(alice, lab) == scope_of(alice, new) == 'lab' and scope_of(carol, prod) == 'prod'
    assert set(alice.machines()) == {lab, new, plain} and list(bob.machines()) == [plain]


def test_scope_that_is_no_longer_defined(daemon, alice, bob, root, make_scoped):
    """It stays closed, and its machines can be moved out of it."""
    machine = make_scoped('web', 'lab')
    daemon.configure(Scopes='prod')
    daemon.restart()
    assert scope_of(root, machine) == 'lab' == scope_of(alice, machine)
    assert bob.machines() == {}
    assert root.scopes() == ['', 'prod']
    assert refused(root.set_scope, machine, 'lab').name == f'{ERROR}InvalidParameter'
    assert refused(alice.set_scope, machine, '').name == INTERACTIVE, \
        'it counts as in a named scope, and takes the right in the other one too'
    root.set_scope(machine, '')
    assert list(bob.machines()) == [machine]


@contextmanager
def taken_away(daemon, machine, area):
    """The daemon runs without the machine, as if somebody had moved it off; it comes back."""
    daemon.stop()
    (daemon.store / uuid_of(machine)).rename(area / 'away')
    daemon.start()
    yield
    daemon.stop()
    (area / 'away').rename(daemon.store / uuid_of(machine))
    daemon.start()


def test_machine_that_comes_back(daemon, alice, bob, make_scoped, area):
    machine = make_scoped('web', 'lab')
    with taken_away(daemon, machine, area):
        assert alice.machines() == {}
    assert scope_of(alice, machine) == 'lab' and bob.machines() == {}


def test_delete_forgets_it(daemon, alice, bob, make_scoped, bare):
    folder, machine_uuid = bare
    other = make_scoped('other', 'lab')
    for storage in (True, False):
        machine = import_(alice, folder, GenerateNewId=False, SecurityScope='lab')
        assert recorded(daemon)['store', machine_uuid] == 'lab'
        alice.delete(machine, storage)
        assert recorded(daemon) == {('store', uuid_of(other)): 'lab'}
    shutil.rmtree(daemon.store / machine_uuid)   # its disk, which Delete left
    machine = import_(alice, folder, GenerateNewId=False)
    assert scope_of(bob, machine) == ''


def test_import_over_an_old_record(daemon, alice, bob, bare):
    """What an earlier machine of the same id left does not count for a new one."""
    folder, machine_uuid = bare
    import_(alice, folder, GenerateNewId=False, SecurityScope='lab')
    daemon.stop()
    shutil.rmtree(daemon.store / machine_uuid)
    daemon.start()
    assert recorded(daemon) == {('store', machine_uuid): 'lab'}
    machine = import_(alice, folder, GenerateNewId=False)
    assert scope_of(bob, machine) == ''
    daemon.restart()
    assert scope_of(bob, machine) == ''


class Delay:
    """Each of the daemon's renameat2, which is how a machine comes to be, waits before it is done
    ("enter") or after ("exit") until the daemon is killed or end() is called."""

    def __init__(self, daemon, where):
        self.daemon = daemon
        self.tracer = subprocess.Popen(
            ('strace', '-f', '-q', '-p', str(daemon.process.pid), '-e', 'trace=renameat2', '-e',
             f'inject=renameat2:delay_{where}=600000000', '-o', '/dev/null'),
            stderr=subprocess.PIPE, text=True)
        in_time = deadline()
        while in_time():
            status = pathlib.Path(f'/proc/{daemon.process.pid}/status').read_text()
            if f'TracerPid:\t{self.tracer.pid}\n' in status:
                return
            assert self.tracer.poll() is None, self.tracer.stderr.read()
        raise AssertionError('strace does not attach')

    def kill_daemon(self):
        self.daemon.process.kill()
        self.end()   # who traces it has to let it go
        self.daemon.kill()

    def end(self):
        self.tracer.kill()
        self.tracer.wait(DEADLINE)
        self.tracer.stderr.close()


@pytest.fixture
def delay(daemon):
    made = []

    def make(where):
        made.append(Delay(daemon, where))
        return made[-1]

    yield make
    for one in made:
        one.end()


@pytest.mark.parametrize('before', [None, 'prod'])
@pytest.mark.parametrize('where', ['enter', 'exit'])
def test_killed_in_the_middle_of_an_import(daemon, alice, bob, root, bare, delay, where, before):
    """Recorded, and killed before or after the machine came to be: neither is left."""
    folder, machine_uuid = bare
    key = 'store', machine_uuid
    if before:
        root.delete(import_(root, folder, GenerateNewId=False))
        import_(root, folder, GenerateNewId=False, SecurityScope=before)
        daemon.stop()
        shutil.rmtree(daemon.store / machine_uuid)
        daemon.start()
    held = delay(where)
    job = alice.import_(folder, {'SecurityScope': 'lab', 'GenerateNewId': False})
    wait_on_disk(lambda: recorded(daemon).get(key) == 'lab', 'the record')
    assert list(daemon.store.glob('.vmport-*')) or where == 'exit', 'recorded before it is there'
    if where == 'exit':
        wait_on_disk((daemon.store / machine_uuid).exists, 'the machine')
    held.kill_daemon()
    assert recorded(daemon)[key] == 'lab' and (daemon.store / machine_uuid).exists() == \
        (where == 'exit')
    daemon.start()
    assert refused(alice.wait, job).name == f'{ERROR}Interrupted'
    assert names(daemon.store) == [] and root.machines() == {}
    assert recorded(daemon).get(key) == before
    machine = import_(alice, folder, GenerateNewId=False)
    assert scope_of(bob, machine) == ''


def test_machine_that_cannot_be_taken_back_keeps_its_scope(daemon, alice, bob, root, bare, delay):
    """It may be there then, whole; without its record everyone would see it."""
    folder, machine_uuid = bare
    place = daemon.store / machine_uuid
    held = delay('exit')
    job = alice.import_(folder, {'SecurityScope': 'lab', 'GenerateNewId': False})
    wait_on_disk(place.exists, 'the machine')
    held.kill_daemon()
    subprocess.run(('mount', '--bind', place, place), check=True)   # so it cannot be renamed
    daemon.fatal = 'fatal-criticals'   # it warns of what is left
    daemon.start()
    assert refused(alice.wait, job).name == f'{ERROR}Interrupted'
    assert alice.describe(job)['Leftovers']
    for machine in root.machines():
        assert scope_of(root, machine) == 'lab'
    assert place.exists() and bob.machines() == {}
    subprocess.run(('umount', place), check=True)
    daemon.restart()
    assert names(daemon.store) == [] and root.machines() == {} and recorded(daemon) == {}
    assert alice.describe(job)['Leftovers'] == []


def test_failed_at_the_last_step(daemon, alice, root, bare, delay):
    """Somebody made the folder meanwhile, so the machine cannot come to be."""
    folder, machine_uuid = bare
    held = delay('enter')
    job = alice.import_(folder, {'SecurityScope': 'lab', 'GenerateNewId': False})
    wait_on_disk(lambda: recorded(daemon), 'the record')
    (daemon.store / machine_uuid).mkdir()
    held.end()
    assert refused(alice.wait, job).name == f'{ERROR}Exists'
    assert recorded(daemon) == {} and names(daemon.store) == [machine_uuid]
    assert root.machines() == {} and alice.describe(job)['Leftovers'] == []


@pytest.mark.parametrize('text', ['', 'lab', "[('store', 'x', 'lab', 0)]", '[', '\0' * 100],
                         ids=['empty', 'word', 'no id', 'cut', 'zeros'])
def test_broken_record(daemon, bob, alice, make_scoped, text):
    """Without the record every machine would seem to be in the default scope."""
    machine = make_scoped('web', 'lab')
    daemon.stop()
    file = daemon.state / 'scopes'
    good = file.read_text()
    file.write_text(text)
    with pytest.raises(AssertionError, match='ended with status 1') as failure:
        daemon.start()
    assert str(file) in str(failure.value) and 'record of security scopes' in str(failure.value)
    assert file.read_text() == text, 'it is left for whoever mends it'
    file.write_text(good)
    daemon.start()
    assert bob.machines() == {} and scope_of(alice, machine) == 'lab'


@pytest.mark.parametrize('scopes', ['lab;;prod', 'lab; prod', 'lab;lab', 'x' * 256, 'la\\tb',
                                    'la\\qb'],
                         ids=['empty', 'space', 'twice', 'long', 'tab', 'escape'])
def test_scopes_of_the_configuration(daemon, scopes):
    daemon.stop()
    daemon.configure(Scopes=scopes)
    text = daemon.log()
    with pytest.raises(AssertionError, match='ended with status 1'):
        daemon.start()
    assert 'Scopes=' in daemon.log()[len(text):]
    daemon.configure(Scopes='lab;R&D lab;')
    daemon.start()


# More than one manager

def test_two_managers(make_daemon, rights, alice, bob, root, area, bare):
    """The same id in two managers is two machines, each in a scope of its own."""
    folder, machine_uuid = bare
    daemon = make_daemon(Scopes='lab;prod', managers={'archive': area / 'archive'})
    first = import_(root, folder, GenerateNewId=False, SecurityScope='lab')
    second = import_(root, folder, ARCHIVE, GenerateNewId=False)
    assert uuid_of(first) == uuid_of(second) == machine_uuid
    assert list(alice.machines()) == [first] and bob.machines() == {}
    assert list(bob.machines(ARCHIVE)) == [second] and scope_of(bob, second) == ''
    root.set_scope(second, 'prod')
    daemon.restart()
    assert (scope_of(root, first), scope_of(root, second)) == ('lab', 'prod')
    assert list(alice.machines()) == [first] and alice.machines(ARCHIVE) == {}
    assert recorded(daemon) == {('store', machine_uuid): 'lab', ('archive', machine_uuid): 'prod'}
    root.delete(second)
    assert recorded(daemon) == {('store', machine_uuid): 'lab'}
    assert root.scopes(ARCHIVE) == ['', 'lab', 'prod']


def test_rules_can_tell_managers_apart(make_daemon, polkit, bob, root, area, bare):
    make_daemon(Scopes='lab', managers={'archive': area / 'archive'})
    polkit.rules('return subject.user == "bob" && action.id == "org.vmport.scoped.view" &&'
                 ' action.lookup("manager") == "archive" ? polkit.Result.YES : null;')
    first = import_(root, bare[0], GenerateNewId=False, SecurityScope='lab')
    second = import_(root, bare[0], ARCHIVE, GenerateNewId=False, SecurityScope='lab')
    assert bob.machines() == {} and list(bob.machines(ARCHIVE)) == [second]
    assert refused(scope_of, bob, first).name == UNKNOWN_OBJECT and scope_of(bob, second) == 'lab'
    assert bob.scopes() == [''] and bob.scopes(ARCHIVE) == ['', 'lab']
