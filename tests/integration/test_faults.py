"""What fails around a job: disks, descriptors, a place or a source that is changed under it. The job
ends with a name of the contract, nothing is left, and the next one works.

tests/check takes some of the places where a disk can fail; tests/reliability all.
"""

import os
import resource
import shutil

import pytest

from rig.caller import ERROR, Refused, refused
from rig.jobs import HELD, Hold
from rig.machines import bare_directory, names, random_disk
from rig.steps import FULL, StepFault
from test_units import Starter

# What a disk that is full or broken lets fail; and not what a rollback needs.
WRITES = 'copy_file_range,ftruncate,fsync,mkdirat,pwrite64,renameat2'
READS = 'pread64,copy_file_range,getdents64,newfstatat,statx'
FAULTS = {'full disk': (WRITES, 'ENOSPC', 'NoSpace'), 'quota': (WRITES, 'EDQUOT', 'NoSpace'),
          'broken disk': (WRITES, 'EIO', 'Failed'), 'broken source': (READS, 'EIO', 'Failed')}
SOME = 4


class Bench:
    """A daemon whose workers come by a socket, so that strace can follow those alone."""

    def __init__(self, daemon, starter, carol, machine, area):
        self.daemon, self.starter, self.carol, self.machine = daemon, starter, carol, machine
        self.home, self.log = area / 'carol', area / 'steps'
        self.bare = bare_directory(self.home / 'bare', 'web', [random_disk(8, 'web.raw')],
                                   owner=carol.user)
        self.before = self.look()

    def look(self):
        return names(self.home), names(self.daemon.store), sorted(self.carol.machines())

    def start(self, operation):
        if operation == 'export':
            return self.carol.export(self.machine, self.home / 'package')
        return self.carol.import_(self.bare, {'Name': 'copy'})

    def clean(self):
        shutil.rmtree(self.home / 'package', ignore_errors=True)
        for made in set(self.carol.machines()) - set(self.before[2]):
            self.carol.delete(made)
        assert self.look() == self.before

    def run(self, operation, calls, error=None, number=0):
        """The error, None for none; how many such calls there were; how many failed."""
        fault = StepFault(self.starter.process.pid, calls, self.log, error, number)
        failure = None
        try:
            self.carol.wait(self.start(operation))
        except Refused as refusal:
            failure = refusal
        return (failure, *fault.stop())


@pytest.fixture
def bench(make_daemon, make_vm, connect, area, prefix):
    starter = Starter(area, prefix)
    daemon = make_daemon()
    daemon.options = (f'--worker-socket={starter.path}',)
    daemon.restart()
    yield Bench(daemon, starter, connect('carol'), make_vm('web', [random_disk(8)]), area)
    starter.stop()


@pytest.mark.parametrize('fault', FAULTS)
@pytest.mark.parametrize('operation', ['export', 'import'])
def test_a_disk_fails(bench, record_property, operation, fault):
    calls, error, expected = FAULTS[fault]
    _, steps, _ = bench.run(operation, calls)
    bench.clean()
    chosen = range(1, steps + 1) if FULL else sorted({1 + (steps - 1) * i // (SOME - 1)
                                                     for i in range(SOME)})
    failed = hit = 0
    for number in chosen:
        failure, _, injected = bench.run(operation, calls, error, number)
        where = f'{operation}, {fault}: {error} at {number} of {steps}'
        if failure is not None:
            failed += 1
            # What a directory cannot be told of may read as missing, or as damaged.
            assert failure.name in (f'{ERROR}{expected}', f'{ERROR}Failed', f'{ERROR}NotFound',
                                    f'{ERROR}Corrupt'), f'{where}: {failure}'
            assert failure.name != f'{ERROR}Failed' or expected == 'Failed' or not injected, \
                f'{where}: {failure}'
            assert bench.look() == bench.before, where
        bench.clean()
        hit += injected > 0
    assert failed, 'nothing failed, so this showed nothing'
    record_property('reliability', (f'{operation}, {fault}', hit, hit - failed, failed))


def test_the_target_becomes_a_link(daemon, alice, recorder, make_vm, area, users):
    """While it is written into: what the worker holds open is where the package goes."""
    machine = make_vm('big', [random_disk(2)])
    target = area / 'alice/target'
    target.mkdir()
    users['alice'].own(target)
    hold = Hold(daemon, recorder, 'Copying')
    job = alice.export(machine, target / 'package', HELD)
    hold.wait()
    target.rename(area / 'alice/moved')
    target.symlink_to(area / 'bob')
    hold.release()
    alice.wait(job)
    assert (area / 'alice/moved/package/vmport.xml').exists()
    assert names(area / 'bob') == []


def test_the_source_is_changed(daemon, alice, recorder, make_vm, area):
    """While it is copied: it is seen to be in use, or what was copied is held against the digests."""
    machine = make_vm('big', [random_disk(2)])
    package = area / 'alice/package'
    alice.wait(alice.export(machine, package))
    before = names(daemon.store)
    hold = Hold(daemon, recorder, 'Copying')
    job = alice.import_(package, {'Name': 'copy', **HELD})
    hold.wait()
    disk, = (package / 'Virtual Hard Disks').iterdir()
    with open(disk, 'r+b') as file:
        file.seek(-4096, os.SEEK_END)
        file.write(b'changed')
    hold.release()
    assert refused(alice.wait, job).name in (f'{ERROR}Corrupt', f'{ERROR}FileInUse')
    assert names(daemon.store) == before and list(alice.machines()) == [machine]


def test_no_descriptors(daemon, alice, make_vm, area):
    """The daemon has none left: the job fails, the daemon goes on."""
    machine = make_vm('web')
    daemon.fatal = 'fatal-criticals'   # it warns of a record that it cannot write
    daemon.restart()
    before = resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE)
    used = len(os.listdir(f'/proc/{daemon.process.pid}/fd'))
    for spare in (0, 1, 2, 3, 4, 6, 8, 10):
        resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, (used + spare, before[1]))
        try:
            alice.wait(alice.export(machine, area / f'alice/package{spare}'))
        except Refused as error:
            assert error.name in (f'{ERROR}Failed', f'{ERROR}NotAvailable'), (spare, error)
        resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, before)
        left = [name for name in names(area / 'alice') if name.startswith('.vmport')]
        assert not left, left
    alice.wait(alice.export(machine, area / 'alice/package'))
