"""Who may do what: polkit decides about the machine, the caller's own rights about files."""

import grp
import os

import pytest
from gi.repository import GLib

from rig.caller import (ACCESS_DENIED, ERROR, INTERACTIVE, JOB, MACHINE, MANAGER, STORE,
                        UNKNOWN_OBJECT, Refused, refused)
from rig.jobs import HELD, Hold, job_failure, owned_by
from rig.machines import bare_directory, names, random_disk, tree
from rig.users import SHARED_GROUP


def test_export_needs_the_right(daemon, bob, make_vm, area):
    """interface.md, "Errors": a refused caller gets AccessDenied, or InteractiveAuthorization-
    Required where interaction would have helped and the flag did not allow it."""
    machine = make_vm('web')
    assert refused(bob.export, machine, area / 'bob/package').name == INTERACTIVE
    assert refused(bob.export, machine, area / 'bob/package', interactive=True).name \
        == ACCESS_DENIED, 'also where interaction was allowed and nobody could be asked'
    assert bob.jobs() == [] and names(area / 'bob') == []


def test_import_needs_the_right(daemon, bob, area, users):
    folder = bare_directory(area / 'bob/bare', 'old', owner=users['bob'])
    assert refused(bob.import_, folder).name == INTERACTIVE
    assert refused(bob.import_, folder, interactive=True).name == ACCESS_DENIED
    assert bob.import_settings(folder)['Name'] == 'old', \
        "GetImportSettings needs no action: the caller's own rights on the files"


def test_delete_needs_the_right(daemon, bob, alice, make_vm):
    machine = make_vm('web')
    assert refused(bob.delete, machine).name == INTERACTIVE
    assert machine in alice.machines()
    alice.delete(machine)
    assert alice.machines() == {}


def test_a_rule_that_says_no(daemon, polkit, bob, make_vm, area):
    machine = make_vm('web')
    polkit.rules('return subject.user == "bob" && action.id == "org.vmport.export"'
                 ' ? polkit.Result.NO : polkit.Result.NOT_HANDLED;')
    for interactive in (False, True):
        assert refused(bob.export, machine, area / 'bob/package',
                       interactive=interactive).name == ACCESS_DENIED, \
            'interaction would not have helped'


def test_details_reach_the_rules(daemon, polkit, bob, make_vm, area):
    """architecture.md: every check carries manager, vm_name, vm_uuid, scope, directory."""
    machine = make_vm('web')
    other = make_vm('db')
    uuid = bob.machines()[machine]['Uuid']
    polkit.rules(f'''
        if (subject.user != "bob" || action.id != "org.vmport.export")
            return polkit.Result.NOT_HANDLED;
        return action.lookup("manager") == "store" && action.lookup("vm_name") == "web" &&
               action.lookup("vm_uuid") == "{uuid}" && action.lookup("scope") == "" &&
               action.lookup("directory") == "{area}/bob/package"
               ? polkit.Result.YES : polkit.Result.NO;''')
    bob.wait(bob.export(machine, area / 'bob/package'))
    assert refused(bob.export, other, area / 'bob/package').name == ACCESS_DENIED
    assert refused(bob.export, machine, area / 'bob/other').name == ACCESS_DENIED


def test_denied_when_polkit_is_away(daemon, polkitd, alice, root, make_vm, area):
    """Deny when polkit fails; uid 0 goes on working without polkit."""
    machine = make_vm('web')
    polkitd.stop()
    try:
        error = refused(alice.export, machine, area / 'alice/package')
        assert error.name in (ACCESS_DENIED, f'{ERROR}NotFound'), \
            f'denied, or not even visible: {error}'
        root.wait(root.export(machine, area / 'root/package'))
        assert list(root.machines()) == [machine]
    finally:
        polkitd.start()
    alice.wait(alice.export(machine, area / 'alice/package'))


# Files: never with the daemon's rights

def test_no_export_where_the_caller_cannot_write(daemon, alice, make_vm, area):
    machine = make_vm('web')
    for target in (area / 'root/package', area / 'bob/package', area / 'package'):
        error = job_failure(alice, alice.export, machine, target)
        assert error.name == ACCESS_DENIED, f'{target}: {error}'
    assert names(area / 'root') == [] and names(area / 'bob') == []
    assert not (area / 'package').exists()


def test_existing_and_missing_look_alike(daemon, alice, make_vm, area):
    """Messages never reveal whether a file that the caller could not see exists."""
    machine = make_vm('web')
    (area / 'bob/there').mkdir()
    (area / 'bob/full').mkdir()
    (area / 'bob/full/file').write_text('x')
    (area / 'bob/file').write_text('x')

    def said(call, name):
        error = job_failure(alice, call, area / 'bob' / name)
        return error.name, error.message.replace(f'/{name}', '/NAME')

    def export(target):
        return alice.export(machine, target)

    for call in (export, alice.import_):
        answers = {said(call, name) for name in ('there', 'full', 'file', 'missing')}
        assert len(answers) == 1, f'a caller can tell them apart: {answers}'
        assert answers.pop()[0] == ACCESS_DENIED
    answers = set()
    for name in ('there', 'full', 'file', 'missing'):
        error = refused(alice.import_settings, area / 'bob' / name)
        answers.add((error.name, error.message.replace(f'/{name}', '/NAME')))
    assert len(answers) == 1, answers


def test_no_import_of_what_the_caller_cannot_read(daemon, alice, area, users):
    folder = bare_directory(area / 'bob/bare', 'old', owner=users['bob'])
    assert job_failure(alice, alice.import_, folder).name == ACCESS_DENIED
    folder = bare_directory(area / 'alice/bare', 'old', owner=users['alice'])
    users['root'].own(folder / 'old.qcow2')
    (folder / 'old.qcow2').chmod(0o600)
    assert job_failure(alice, alice.import_, folder).name == ACCESS_DENIED
    assert alice.machines() == {}


def test_link_to_a_file_of_roots(daemon, alice, area, users):
    """A symbolic link is followed as the caller, if at all."""
    folder = bare_directory(area / 'alice/bare', 'old', owner=users['alice'])
    (area / 'root/secret.qcow2').write_bytes((folder / 'old.qcow2').read_bytes())
    (folder / 'old.qcow2').unlink()
    (folder / 'old.qcow2').symlink_to(area / 'root/secret.qcow2')
    error = job_failure(alice, alice.import_, folder)
    assert error.name in (ACCESS_DENIED, f'{ERROR}Unsafe', f'{ERROR}NotFound'), error
    assert alice.machines() == {}


def test_rights_by_group_count(daemon, alice, carol, make_vm, area, users):
    """The worker has the caller's uid, gid and groups: a folder that a group may write works."""
    folder = area / 'shared'
    folder.mkdir()
    os.chown(folder, 0, grp.getgrnam(SHARED_GROUP).gr_gid)
    folder.chmod(0o770)
    machine = make_vm('web')
    alice.wait(alice.export(machine, folder / 'package'))
    assert owned_by(folder / 'package', users['alice']) == []
    assert job_failure(carol, carol.export, machine, folder / 'other').name == ACCESS_DENIED


def test_directories_are_resolved_as_the_caller(daemon, alice, make_vm, area, users):
    """A link in alice's home that points into root's is no way in."""
    link = area / 'alice/link'
    link.symlink_to(area / 'root')
    before = tree(area / 'root')
    error = job_failure(alice, alice.export, make_vm('web'), link / 'package')
    assert error.name in (ACCESS_DENIED, f'{ERROR}Unsafe', f'{ERROR}NotFound',
                          f'{ERROR}InvalidParameter'), error
    assert tree(area / 'root') == before


# Machines that a caller may not see

def test_what_may_not_be_viewed_does_not_exist(daemon, alice, dave, make_vm, area):
    machine = make_vm('web')
    never = '/org/vmport/VirtualMachine/store/00000000_0000_4000_8000_000000000000'
    uuid = alice.machines()[machine]['Uuid']
    assert dave.machines() == {}, 'what may not be viewed is left out'
    for name in ('web', uuid):
        hidden, unknown = refused(dave.find, name), refused(dave.find, 'nothing')
        assert hidden.name == unknown.name == f'{ERROR}NotFound'
        assert hidden.message.replace(name, 'NAME') == unknown.message.replace('nothing', 'NAME')

    def masked(error):
        return error.name, error.message.replace(machine, 'PATH').replace(never, 'PATH') \
            .replace(uuid, 'UUID').replace(never[-36:].replace('_', '-'), 'UUID')

    for call, wanted in (
            (lambda path: dave.get(path, MACHINE, 'Name'), UNKNOWN_OBJECT),
            (lambda path: dave.get_all(path, MACHINE), UNKNOWN_OBJECT),
            (dave.configuration, UNKNOWN_OBJECT),
            (dave.delete, UNKNOWN_OBJECT),
            (dave.export_settings, f'{ERROR}NotFound'),
            (lambda path: dave.export(path, area / 'dave/package'), f'{ERROR}NotFound')):
        hidden, unknown = refused(call, machine), refused(call, never)
        assert hidden.name == wanted, hidden
        assert masked(hidden) == masked(unknown), \
            'a VM that the sender may not view answers exactly as one that never existed'


# Jobs of other people

@pytest.fixture
def held_job(daemon, alice, recorder, make_vm, area):
    machine = make_vm('big', [random_disk(2)])
    hold = Hold(daemon, recorder, 'Copying')
    job = alice.export(machine, area / 'alice/package', HELD)
    hold.wait()
    yield job
    hold.release()
    try:
        alice.wait(job)
    except Refused:
        pass


def test_jobs_of_other_people(held_job, alice, bob, carol, root):
    empty = ({},)
    for method in ('Wait', 'Describe', 'Cancel', 'Suspend', 'Resume', 'Release'):
        error = refused(bob.call, held_job, JOB, method, '(a{sv})', empty)
        assert error.name in (ACCESS_DENIED, INTERACTIVE), f'{method}: {error}'
    error = refused(bob.call, held_job, JOB, 'SetBandwidthLimit', '(ta{sv})', (1, {}))
    assert error.name in (ACCESS_DENIED, INTERACTIVE)
    error = refused(bob.call, held_job, JOB, 'Cancel', '(a{sv})', empty, interactive=True)
    assert error.name == ACCESS_DENIED
    assert bob.jobs() == [], "ListJobs: the caller's own"
    assert alice.jobs() == [held_job]
    assert held_job in carol.jobs() and carol.jobs() == root.jobs(), \
        "everyone's for those who may manage jobs"
    assert carol.describe(held_job)['Directory'].endswith('/alice/package')
    carol.cancel(held_job)
    assert refused(alice.wait, held_job).name == f'{ERROR}Cancelled'


def test_unknown_job(daemon, alice, root):
    for caller in (alice, root):
        assert refused(caller.wait, '/org/vmport/Job/4000000000').name == UNKNOWN_OBJECT


def test_nobody_sets_properties(daemon, alice, make_vm):
    machine = make_vm('web')
    for path, interface, name in ((machine, MACHINE, 'Name'), (STORE, MANAGER, 'Id')):
        refused(alice.call, path, 'org.freedesktop.DBus.Properties', 'Set', '(ssv)',
                (interface, name, GLib.Variant('s', 'mine')))
    assert alice.machines()[machine]['Name'] == 'web'
