"""Whatever stands in the place of a package's member: every kind of file, for every role that a member
can have, through every operation that reads a package. One daemon tries them all."""

import os
import shutil
import time

import pytest

from rig import packages, stored, trees
from rig.caller import ACCESS_DENIED, ERROR, MANAGER, STORE, Refused
from rig.evil import (SECRET, another_name, assert_clean, device, fifo, folder_instead, link,
                      local_socket)
from rig.machines import Disk, names, tree

SECONDS = 10
GROWTH = 64 << 20

UNSAFE = {f'{ERROR}Unsafe', f'{ERROR}Corrupt', f'{ERROR}NotFound'}
KINDS = {
    'link to a secret': (lambda path, secret: link(path, secret), UNSAFE),
    'link to itself': (lambda path, secret: link(path, path.name), UNSAFE),
    'link to a process': (lambda path, secret: link(path, '/proc/self/mem'), UNSAFE),
    'folder above that is a link': (lambda path, secret: (
        path.parent.rename(path.parent.with_name('moved')),
        path.parent.symlink_to(path.parent.with_name('moved'))), UNSAFE),
    'FIFO': (lambda path, secret: fifo(path), UNSAFE),
    'device': (lambda path, secret: device(path), UNSAFE | {ACCESS_DENIED}),
    'socket': (lambda path, secret: local_socket(path), UNSAFE),
    'folder': (lambda path, secret: folder_instead(path), UNSAFE),
    'secret by another name': (lambda path, secret: another_name(path, secret), {ACCESS_DENIED}),
    'a terabyte of nothing': (lambda path, secret: os.truncate(path, 1 << 40),
                              {f'{ERROR}Corrupt', f'{ERROR}Unsafe'}),
    'nothing': (lambda path, secret: os.truncate(path, 0), {f'{ERROR}Corrupt', f'{ERROR}Unsafe'}),
    'missing': (lambda path, secret: path.unlink(), {f'{ERROR}Corrupt', f'{ERROR}NotFound'}),
}


def memory_of(process):
    with open(f'/proc/{process.pid}/statm', encoding='ascii') as file:
        return int(file.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')


def one_of_each(package):
    """{role: a member of that role}; the last one, so that others come before it."""
    return {role: name for name, role in packages.members(package).items()}


@pytest.fixture
def package(daemon, carol, make_vm, area):
    """A whole package with a member of nearly every role."""
    machine = make_vm('web', [Disk(name='disk.qcow2', size=trees.MIB)])
    memory = stored.configuration(daemon, machine).parent.parent / 'Snapshots/s1/memory'
    memory.parent.mkdir(parents=True)
    memory.write_bytes(b'LibvirtQemudSave' + bytes(5000))
    trees.plant_memory(daemon, machine, memory)
    path = area / 'carol/package'
    carol.wait(carol.export(machine, path))
    packages.add_saved_state(path)
    packages.add_tpm(path)
    packages.add_nvram(path)
    packages.verify(carol, path)
    carol.wait(carol.import_(path, {'Name': 'whole'}))
    return path


def check(caller, path):
    """CheckImport as an operation that fails with its first error."""
    for finding in caller.check_import(path):
        assert_clean(finding['Message'])
        if finding['Severity'] == 'error':
            raise Refused({'SourceMissing': f'{ERROR}NotFound', 'SnapshotMissing': f'{ERROR}NotFound',
                           'UnsafeImage': f'{ERROR}Unsafe', 'UnsafeDevice': f'{ERROR}Unsafe',
                           'NotEnoughSpace': f'{ERROR}NoSpace'}
                          .get(finding['Code'], finding['Code']), finding['Message'])


OPERATIONS = {
    'GetImportSettings': lambda caller, path: caller.import_settings(path),
    'CheckImport': check,
    'Import': lambda caller, path: caller.wait(caller.import_(path, {'Name': 'evil'})),
    'Import in place': lambda caller, path: caller.wait(
        caller.import_(path, {'Name': 'evil', 'CreateCopy': False})),
    'Verify': lambda caller, path: caller.wait(
        caller.call(STORE, MANAGER, 'Verify', '(sa{sv})', (str(path), {}))),
}
# What does not look at a file's bytes, or finds what stays behind later, may find nothing wrong.
LOOKS = ('GetImportSettings', 'CheckImport')


# Each kind goes through all operations, and each member of it through two.
TURNS = (('GetImportSettings', 'Import'), ('CheckImport', 'Verify'), ('Import in place', 'Verify'),
         ('Import', 'Verify'))
GROUPS = 4


def spoil_and_try(daemon, caller, package, evil, role, name, kind, secret, operations):
    """What is wrong, as lines."""
    spoil, expected = KINDS[kind]
    store, wrong = names(daemon.store), []
    shutil.copytree(package, evil, symlinks=True)
    spoil(evil / name, secret)
    for path in (evil, *evil.rglob('*')):
        if path.is_dir() or path.lstat().st_nlink == 1:
            os.lchown(path, caller.user.uid, caller.user.gid)
    before = tree(evil)
    for operation in operations:
        start = time.monotonic()
        what = f'{kind} as {role}: {operation}'
        try:
            OPERATIONS[operation](caller, evil)
            if operation not in LOOKS:
                wrong.append(f'{what} took it')
        except Refused as error:
            assert_clean(error.message)
            if error.name not in expected:
                wrong.append(f'{what}: {error}')
        if time.monotonic() - start > SECONDS:
            wrong.append(f'{what} took {time.monotonic() - start:.1f} s')
        if names(daemon.store) != store or tree(evil) != before:
            wrong.append(f'{what} has left something')
    shutil.rmtree(evil)
    return wrong


@pytest.mark.parametrize('group', range(GROUPS))
def test_members(daemon, carol, area, package, group):
    secret = area / 'root/secret'
    secret.write_text(SECRET)
    secret.chmod(0o600)
    memory, wrong = memory_of(daemon.process), []
    roles = {**one_of_each(package), 'descriptor': 'vmport.xml'}
    assert len(roles) >= 8, roles
    for first, kind in enumerate(list(KINDS)[group::GROUPS]):
        for number, (role, name) in enumerate(roles.items(), first):
            if role != 'descriptor' or kind != 'folder above that is a link':
                wrong += spoil_and_try(daemon, carol, package, area / 'carol/evil', role, name,
                                       kind, secret, TURNS[number % len(TURNS)])
    assert not wrong, '\n'.join(wrong)
    assert daemon.process.poll() is None
    assert memory_of(daemon.process) - memory < GROWTH
