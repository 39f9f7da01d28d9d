"""The fence around workers, as the kernel shows it on those of a real job. What is behind it, system
call by system call, is tried in tests/unit/test-confine.c."""

import os
import pathlib
import shutil

import pytest

from rig.caller import ACCESS_DENIED, ERROR, refused
from rig.jobs import HELD, Hold
from rig.machines import bare_directory, random_disk


@pytest.fixture
def machine(make_vm):
    return make_vm('big', [random_disk(8)])


def test_status(daemon, alice, recorder, machine, area):
    """In an export and in an import: new privileges given up, a filter in each thread, lower limits."""
    for start, arguments in ((alice.export, (machine, area / 'alice/package', HELD)),
                             (alice.import_, (area / 'alice/package', {'Name': 'copy', **HELD}))):
        hold = Hold(daemon, recorder, 'Copying')
        job = start(*arguments)
        hold.wait()
        assert hold.stopped
        for worker in hold.stopped:
            for thread in pathlib.Path(f'/proc/{worker.pid}/task').iterdir():
                status = dict(line.split(':', 1)
                              for line in (thread / 'status').read_text().splitlines())
                assert int(status['Seccomp']) == 2, f'thread {thread.name} has no filter'
                assert int(status['NoNewPrivs']) == 1
            limits = pathlib.Path(f'/proc/{worker.pid}/limits').read_text()
            values = {line[:26].strip(): line[26:].split()[:2] for line in limits.splitlines()[1:]}
            assert values['Max core file size'] == ['0', '0']
            assert values['Max msgqueue size'] == ['0', '0']
            assert values['Max realtime priority'] == ['0', '0']
            assert int(values['Max open files'][1]) <= 16384
        hold.release()
        alice.wait(job)


def test_files_elsewhere(daemon, carol, area, users):
    """What the settings name outside the directory is read all the same, a link included; and what
    the caller cannot read is no more readable than it was."""
    bare = bare_directory(area / 'carol/bare', 'web', owner=users['carol'])
    elsewhere = area / 'carol/elsewhere'
    elsewhere.mkdir()
    (bare / 'web.qcow2').rename(elsewhere / 'disk.qcow2')
    (area / 'carol/link.qcow2').symlink_to(elsewhere / 'disk.qcow2')
    users['carol'].own(elsewhere)
    for number, path in enumerate((elsewhere / 'disk.qcow2', area / 'carol/link.qcow2')):
        carol.wait(carol.import_(bare, {'Name': f'web{number}',
                                        'SourceResourcePaths': [str(path)]}))
    secret = area / 'root/secret.qcow2'
    shutil.copy(elsewhere / 'disk.qcow2', secret)
    secret.chmod(0o600)
    job = carol.import_(bare, {'Name': 'none', 'SourceResourcePaths': [str(secret)]})
    assert refused(carol.wait, job).name == ACCESS_DENIED


def test_in_place_elsewhere(daemon, carol, area, users):
    """The worker that hands a file over could write it, and the machine will."""
    bare = bare_directory(area / 'carol/bare', 'web', owner=users['carol'])
    disk = area / 'carol/disk.qcow2'
    (bare / 'web.qcow2').rename(disk)
    os.chown(bare / 'web.xml', users['carol'].uid, users['carol'].gid)
    settings = {'CreateCopy': False, 'SourceResourcePaths': [str(disk)]}
    disk.chmod(0o400)
    assert refused(carol.wait, carol.import_(bare, settings)).name in (ACCESS_DENIED,
                                                                       f'{ERROR}Unsafe')
    disk.chmod(0o600)
    result = carol.wait(carol.import_(bare, settings))
    assert carol.machines()[result['ImportedVirtualMachine']]['ResourcePaths'] == [str(disk)]


def test_without_landlock(daemon, alice, area, machine, prefix):
    """Said once in the log, and everything works."""
    helper = area / 'no-landlock'
    shutil.copy(pathlib.Path(os.environ['VMPORT_BUILD_DIR']) / 'tests/integration/no-landlock', helper)
    program = area / 'vmportd'
    program.write_text(f'#!/bin/sh\nexec {helper} {prefix}/libexec/vmportd "$@"\n')
    program.chmod(0o755)
    assert 'Landlock' not in daemon.log(), 'this kernel has none, so the tests show little'
    daemon.program = str(program)
    daemon.restart()
    said = [line for line in daemon.log().splitlines() if 'Landlock' in line]
    assert len(said) == 1 and 'has no Landlock: workers, and the QEMU' in said[0], said
    alice.wait(alice.export(machine, area / 'alice/package'))
    alice.wait(alice.export(machine, area / 'alice/converted', {'DiskFormat': 'qcow2'}))
    alice.wait(alice.import_(area / 'alice/package', {'Name': 'copy'}))
