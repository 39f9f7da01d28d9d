"""The worker: what becomes of a job whose worker dies, hangs or is attacked."""

import os
import pathlib
import re
import shutil
import signal
import subprocess

import pytest

from rig.caller import ERROR, MACHINE, Refused, refused
from rig.jobs import HELD, Hold, slow_sync
from rig.machines import MIB, Disk, names, random_disk
from rig.recorder import EXCEPTION, Recorder


@pytest.fixture
def machine(make_vm):
    return make_vm('big', [random_disk(8)])


def assert_failed_well(daemon, alice, job, machine, area):
    error = refused(alice.wait, job)
    assert error.name == f'{ERROR}Failed', f'no job itself ends with Timeout: {error}'
    properties = alice.job(job)
    assert properties['JobState'] == EXCEPTION and properties['ErrorCode'] == 32768
    assert names(area / 'alice') == [], 'nothing is left in the target'
    assert daemon.process.poll() is None, 'never the daemon’s error'
    assert alice.get(machine, MACHINE, 'ActiveJob') == '/'
    alice.wait(alice.export(machine, area / 'alice/package'))


@pytest.mark.parametrize('number', [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_worker_dies(daemon, alice, recorder, machine, area, number):
    hold = Hold(daemon, recorder, 'Copying')
    job = alice.export(machine, area / 'alice/package', HELD)
    hold.wait()
    for worker in hold.stopped:
        worker.kill(number)
        worker.resume()
    assert_failed_well(daemon, alice, job, machine, area)


def test_worker_dies_in_an_import(daemon, alice, recorder, machine, area):
    alice.wait(alice.export(machine, area / 'alice/package'))
    before = names(daemon.store)
    hold = Hold(daemon, recorder, 'Copying')
    job = alice.import_(area / 'alice/package', {'Name': 'copy', **HELD})
    hold.wait()
    for worker in hold.stopped:
        worker.kill(signal.SIGKILL)
    assert refused(alice.wait, job).name == f'{ERROR}Failed'
    assert names(daemon.store) == before and list(alice.machines()) == [machine]


def test_worker_hangs(make_daemon, alice, root, make_vm, area):
    daemon = make_daemon(WorkerTimeoutSec=2)
    machine = make_vm('big', [random_disk(8)])
    hold = Hold(daemon, Recorder(root), 'Copying')
    job = alice.export(machine, area / 'alice/package', HELD)
    hold.wait()
    assert list(alice.machines()) == [machine], 'the daemon answers while a worker hangs'
    assert_failed_well(daemon, alice, job, machine, area)


@pytest.mark.parametrize('program', ['exit 0', 'exit 3', 'exec cat /dev/urandom',
                                     'exec head -c 100000 /dev/zero >&3', 'exec sleep 1000'])
def test_worker_of_another_kind(make_daemon, alice, root, make_vm, area, program):
    """Its nonsense is a job error, and so is its silence."""
    daemon = make_daemon(WorkerTimeoutSec=2)
    machine = make_vm('web')
    daemon.worker = area / 'other-worker'
    daemon.worker.write_text(f'#!/bin/sh\n{program}\n')
    daemon.worker.chmod(0o755)
    daemon.restart()
    job = alice.export(machine, area / 'alice/package')
    assert refused(alice.wait, job).name == f'{ERROR}Failed'
    assert names(area / 'alice') == []
    assert list(alice.machines()) == [machine]
    daemon.worker = None
    daemon.restart()


def test_missing_worker(make_daemon, alice, make_vm, area):
    daemon = make_daemon()
    machine = make_vm('web')
    daemon.worker = area / 'none'
    daemon.restart()
    try:
        job = alice.export(machine, area / 'alice/package')
        error = refused(alice.wait, job)
    except Refused as caught:
        error = caught
    assert error.name in (f'{ERROR}Failed', f'{ERROR}NotAvailable'), error


def test_worker_is_the_caller(daemon, alice, recorder, machine, area, users):
    """Its own uid, gid and groups, no way back, no capability, non-dumpable."""
    hold = Hold(daemon, recorder, 'Copying')
    job = alice.export(machine, area / 'alice/package', HELD)
    hold.wait()
    mine = [worker for worker in hold.stopped if worker.uids[1] == users['alice'].uid]
    assert mine, f'no worker runs as alice: {[worker.uids for worker in hold.stopped]}'
    for worker in mine:
        status = dict(line.split(':', 1) for line in worker.status.splitlines())
        assert set(status['Uid'].split()) == {str(users['alice'].uid)}
        assert set(status['Gid'].split()) == {str(users['alice'].gid)}
        assert sorted(map(int, status['Groups'].split())) == sorted(users['alice'].groups)
        for name in ('CapEff', 'CapPrm', 'CapInh', 'CapAmb'):
            assert int(status[name], 16) == 0, f'{name}: {status[name]}'
        assert status['NoNewPrivs'].strip() == '1'
        assert os.stat(f'/proc/{worker.pid}/mem').st_uid == 0, \
            'the files in /proc of a non-dumpable process are root’s'
    hold.release()
    alice.wait(job)


# Another process of the caller's

class Thief:
    def __init__(self, user, folder, name):
        # The build directory may be out of a user's reach.
        program = folder / 'fd-thief'
        if not program.exists():
            built = pathlib.Path(os.environ['VMPORT_BUILD_DIR']) / 'tests/integration/fd-thief'
            shutil.copy(built, program)
            program.chmod(0o755)
        self.process = user.popen((program, name), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  text=True)
        assert self.process.stdout.readline() == 'ready\n'

    def stop(self):
        output, _ = self.process.communicate(timeout=60)
        assert self.process.returncode == 0
        output = output[output.index('seen '):]
        seen, tried = map(int, output.split()[1:4:2])
        return seen, tried, output.split('stolen', 1)[1].split()


def test_the_thief_can_steal(area, users):
    """What the next test shows is worth something only if the thief is able at all."""
    thief = Thief(users['alice'], area, 'sleep')
    victim = users['alice'].popen(('sleep', '1000'))
    try:
        assert thief.process.stdout.readline() == 'met one\n'
    finally:
        victim.kill()
        victim.wait()
    seen, _, stolen = thief.stop()
    assert seen > 0
    assert set(stolen) == {'pidfd_getfd', '/proc/PID/fd/N', '/proc/PID/fd', 'ptrace', 'memory'}


def test_memory(make_daemon, alice, root, make_vm, area):
    """What a worker needs depends on no size: as many files at once as there are ever, of which each
    has all its buffers full, and one of them of a tebibyte."""
    daemon = make_daemon()
    machine = make_vm('big', [random_disk(40, f'disk-{number}.raw') for number in range(3)]
                      + [Disk(name='huge.raw', size=1 << 40, format='raw',
                              extents=[(1 << 39, os.urandom(MIB))])])
    slow_sync(daemon, 1000)
    recorder = Recorder(root)
    hold = Hold(daemon, recorder, 'Syncing')
    job = alice.export(machine, area / 'alice/package')
    hold.wait()
    peaks = [int(re.search(r'^VmHWM:\s+(\d+) kB', worker.status, re.M).group(1)) >> 10
             for worker in hold.stopped]
    hold.release()
    alice.wait(job)
    assert 8 < max(peaks) < 64, f'the workers had {peaks} MiB at their peaks'


def test_nobody_takes_the_workers_files(daemon, alice, machine, area, users):
    """Another process of the caller's uid cannot take the worker's fds at any moment."""
    thieves = [Thief(users['alice'], area, 'vmport-worker') for _ in range(2)]
    for number in range(6):
        job = alice.export(machine, area / f'alice/package{number}')
        alice.wait(job)
    alice.wait(alice.import_(area / 'alice/package0', {'Name': 'copy'}))
    # Those came and went; one more stays until each thief has tried all it can.
    job = alice.export(machine, area / 'alice/held', HELD)
    for thief in thieves:
        assert thief.process.stdout.readline() == 'met one\n'
    alice.cancel(job)
    refused(alice.wait, job)
    for thief in thieves:
        seen, tried, stolen = thief.stop()
        assert seen > 0 and tried > 100, f'the thief saw too little: {seen} seen, {tried} tried'
        assert stolen == [], f'a process of the caller’s took from the worker: {stolen}'


def test_a_writer_that_stayed(daemon, alice, machine, area, users):
    """No process of the caller's can keep a finished file of the store open for writing."""
    alice.wait(alice.export(machine, area / 'alice/package'))
    copy = alice.wait(alice.import_(area / 'alice/package', {'Name': 'copy'}))
    path, = alice.machines()[copy['ImportedVirtualMachine']]['ResourcePaths']
    result = users['alice'].run(('cat', path))
    assert result.returncode != 0, 'the store’s disks are not for callers to read'
    inode = os.stat(path).st_ino
    holders = [entry for entry in pathlib.Path('/proc').glob('[0-9]*/fd/*')
               if _inode(entry) == inode]
    assert holders == []


def _inode(entry):
    try:
        return entry.stat().st_ino
    except OSError:
        return None
