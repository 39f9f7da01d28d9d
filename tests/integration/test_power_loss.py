"""The power goes while a machine is exported or imported: whatever the disk kept of that
which was not flushed (rig/power.py says what it may), after the next start the source is whole, the
target holds all or nothing, nothing temporary is left, and the job says so. What the caller was told to
be done is there.

tests/check takes some of the moments of each case; tests/reliability, by VMPORT_MATRIX=full, all.
"""

import shutil
import subprocess

import pytest

from rig.caller import ERROR
from rig.libvirt import CONFIGURATION, IMAGES, PLACE
from rig.loop import wait_for, wait_on_disk
from rig.machines import MIB, Disk as Image, names, random_disk
from rig.power import EVERYTHING, NOTHING, Disk
from rig.qemu import Qemu
from rig.recorder import COMPLETED, TERMINAL, WITH_WARNINGS
from rig.steps import chosen
from test_crash_matrix import (TREES, ExportIntoFolder, ExportNew, ExportSaved, ExportSnapshot,
                               ExportTree, Import, ImportBeside, ImportInPlace, ImportSavedBeside,
                               ImportTree, ImportTreeBeside)
import test_crash_libvirt as of_libvirt

# Of each case, in the short version, and the end of it.
SOME = 3
CASES = (ExportNew, ExportIntoFolder, ExportSaved, ExportTree, ExportSnapshot, Import, ImportBeside,
         ImportInPlace, ImportSavedBeside, ImportTree, ImportTreeBeside)
OF_LIBVIRT = (of_libvirt.ImportOff,)


@pytest.fixture
def disk(area):
    folder = area / 'disk'
    folder.mkdir()
    disk = Disk(folder)
    yield disk
    disk.close()


class PowerLoss:
    """What became of one operation, at every moment that matters, and for everything that the disk may
    have lost there."""

    def __init__(self, disk, daemon, root, case):
        self.disk, self.daemon, self.caller, self.case = disk, daemon, case.caller, case
        self.whole = self.nothing = 0
        for job in root.jobs():
            root.release(job)
        wait_on_disk(lambda: names(daemon.state / 'jobs') == ['next-job'], 'the records to go')
        case.before = case.look()
        self.log = disk.begin()
        self.caller.wait(case.start())
        self.told = len(self.log.entries)
        case.check_whole()
        self.fall()
        del self.log.entries[self.told:]

    def fall(self):
        self.daemon.kill()
        if self.case.libvirt:
            self.case.libvirt.kill()

    def rise(self):
        if self.case.libvirt:
            self.case.libvirt.start()
        self.daemon.start()
        if self.case.libvirt:
            Qemu(self.caller).wait()

    def states(self):
        """[(what it is, a cut, whether the caller had been told that all is done)], each state once."""
        result, seen = [], set()
        for count, loss in self.log.cuts():
            done = count == self.told
            key = self.log.fingerprint(self.log.after(count, loss)), done
            if key not in seen:
                seen.add(key)
                where = f'{type(self.case).__name__}, cut after {count} of {self.told}, kept: {loss}'
                result.append((where, count, loss, done))
        return result

    def judge(self, where, done):
        jobs = self.caller.jobs()
        assert len(jobs) <= 1, where
        for job in jobs:
            wait_for(lambda: self.caller.job(job)['JobState'] in TERMINAL, 'the job to end')
        told = self.caller.job(jobs[0]) if jobs else {'JobState': None}
        if told['JobState'] in (COMPLETED, WITH_WARNINGS):
            self.case.check_whole()
            now = self.case.look()
            for path, content in self.case.before['content'].items():
                assert now['content'].get(path) == content, f'{where}: {path} has changed'
            assert not [name for name in [*now['names'], *now['store'], *now.get('traces', ()),
                                          *now.get('domains', ())] if 'vmport-' in name], where
            return True
        assert not done, f'{where}: the caller had been told that it is done'
        if jobs:
            assert told['ErrorName'] == f'{ERROR}Interrupted', f'{where}: {told}'
            wait_on_disk(lambda: self.caller.describe(jobs[0])['Leftovers'] == [],
                         f'{where}: the rollback')
        self.case.wait_settled(where)
        return False

    def look(self, where, nodes, done):
        """Whether it is whole after the next start; and the Log since."""
        self.disk.show(nodes)
        log = self.disk.begin()
        self.rise()
        try:
            whole = self.judge(where, done)
        except AssertionError as error:
            raise AssertionError(f'{where}: {error}') from error
        self.fall()
        return whole, log

    def cut(self, where, count, loss, done):
        whole, log = self.look(where, self.log.after(count, loss), done)
        self.whole += whole
        self.nothing += not whole
        # What was taken back is gone for good.
        end = len(log.entries)
        if not whole and log.fingerprint(log.after(end, NOTHING)) \
                != log.fingerprint(log.after(end, EVERYTHING)):
            self.look(f'{where}, and after the next start', log.after(end, NOTHING), False)

    def run(self, record_property):
        states = self.states()
        assert len(states) > 20, 'the writes are not seen'
        numbers = sorted({*chosen(len(states), SOME),
                          *(number for number, (*_, done) in enumerate(states, 1) if done)})
        for number in numbers:
            self.cut(*states[number - 1])
        manager = 'qemu' if self.case.libvirt else 'store'
        record_property('reliability', (f'{manager}: {type(self.case).__name__}, power lost',
                                        len(numbers), self.whole, self.nothing))
        self.rise()


@pytest.fixture
def daemon_on_disk(disk, make_daemon):
    """Its books and its store are on it."""
    daemon = make_daemon()
    daemon.stop()
    daemon.state = disk.folder / 'state'
    daemon.store = daemon.state / 'store'
    daemon.start()
    return daemon


@pytest.fixture
def home(disk, carol):
    """carol's, on it."""
    folder = disk.folder / 'carol'
    folder.mkdir(mode=0o700)
    return carol.user.own(folder)


@pytest.fixture
def libvirt_on_disk(libvirt, disk):
    """What libvirt keeps of machines is on it; they cannot be started, as it has no sockets."""
    libvirt.stop()
    places = (IMAGES, CONFIGURATION / 'qemu', PLACE / 'qemu')
    for number, place in enumerate(places):
        shutil.copytree(place, disk.folder / str(number))
        shutil.copystat(place, disk.folder / str(number))
        subprocess.run(('mount', '--bind', disk.folder / str(number), place), check=True)
    libvirt.start()
    yield libvirt
    libvirt.reset()
    libvirt.stop()
    for place in places:
        subprocess.run(('umount', place), check=True)
    libvirt.start()


@pytest.mark.parametrize('case', CASES)
def test_store(daemon_on_disk, disk, make_vm, root, carol, home, record_property, case):
    machine = make_vm('web', [Image(name='disk.qcow2', size=MIB) if case in TREES
                              else random_disk(1)])
    PowerLoss(disk, daemon_on_disk, root, case(daemon_on_disk, carol, home, machine)
              ).run(record_property)


@pytest.mark.parametrize('case', OF_LIBVIRT)
def test_libvirt(libvirt_on_disk, daemon_on_disk, disk, root, carol, home, record_property, case):
    qemu = Qemu(carol)
    qemu.wait()
    machine = case.make(libvirt_on_disk, qemu, carol)
    PowerLoss(disk, daemon_on_disk, root,
              case(libvirt_on_disk, daemon_on_disk, carol, home, machine)).run(record_property)
