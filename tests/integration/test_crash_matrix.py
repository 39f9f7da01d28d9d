"""vmportd, and its workers, killed at every step of an export and an import: afterwards the source is
whole, the target holds all or nothing, nothing temporary is left, and the job says so.

tests/check takes some of the steps of each case; tests/reliability, by VMPORT_MATRIX=full, all.
"""

import filecmp
import os
import shutil

import pytest

from rig import stored
from rig.caller import ERROR, MANAGER, STORE, Refused
from rig.loop import wait_for, wait_on_disk
from rig.machines import bare_directory, names, random_disk, tree
from rig.recorder import COMPLETED, TERMINAL, WITH_WARNINGS
from rig.steps import StepKiller
from test_units import Starter

FULL = os.environ.get('VMPORT_MATRIX') == 'full'
# Of each case, in the short version.
SOME = 3


class Case:
    """One operation of carol's, which can be tried again and again."""

    def __init__(self, daemon, carol, area, machine):
        self.daemon, self.carol, self.area, self.machine = daemon, carol, area, machine
        self.home = area / 'carol'
        self.prepare()
        self.before = self.look()

    def prepare(self):
        pass

    def look(self):
        """All that must be as it was, where nothing came of it."""
        files = {name: what for name, what in tree(self.home).items()
                 if not (self.home / name).is_dir()}
        return names(self.home), files, names(self.daemon.store), sorted(self.carol.machines())

    def clean(self):
        """Takes away what came of it."""

    def check_whole(self):
        """That it is all there."""


class Export(Case):
    settings = {}

    @property
    def package(self):
        return self.home / 'package'

    def start(self):
        return self.carol.export(self.machine, self.package, self.settings)

    def check_whole(self):
        job = self.carol.call(STORE, MANAGER, 'Verify', '(sa{sv})', (str(self.package), {}))
        self.carol.wait(job)
        self.carol.release(job)

    def clean(self):
        shutil.rmtree(self.package)


class ExportIntoFolder(Export):
    """One that is there already, and empty: it stays."""

    def prepare(self):
        self.package.mkdir()
        self.carol.user.own(self.package)

    def clean(self):
        super().clean()
        self.prepare()


class ExportSaved(Export):
    def prepare(self):
        stored.put(self.daemon, self.machine, {'state.save': os.urandom(70000)})


class Import(Case):
    settings = {}

    def prepare(self):
        self.bare = bare_directory(self.home / 'bare', 'web', [random_disk(2, 'web.raw')],
                                   owner=self.carol.user)

    def start(self):
        return self.carol.import_(self.bare, {'Name': 'copy', **self.settings})

    def made(self):
        path, = set(self.carol.machines()) - set(self.before[3])
        return path

    def check_whole(self):
        disk, = self.carol.machines()[self.made()]['ResourcePaths']
        assert filecmp.cmp(disk, self.bare / 'web.raw', shallow=False)

    def clean(self):
        self.carol.delete(self.made())


class ImportBeside(Import):
    """The worker makes the disk, in a folder of the caller's."""

    def prepare(self):
        super().prepare()
        folder = self.home / 'disks'
        folder.mkdir()
        self.carol.user.own(folder)
        self.settings = {'TargetVhdDataRoot': str(folder)}


class ImportInPlace(Import):
    settings = {'CreateCopy': False}

    def clean(self):
        self.carol.delete(self.made(), storage=False)


class ImportSaved(Import):
    """A package with a saved state."""

    def prepare(self):
        super().prepare()
        made = self.carol.wait(self.carol.import_(self.bare, {'Name': 'saved'}))
        made = made['ImportedVirtualMachine']
        stored.put(self.daemon, made, {'state.save': os.urandom(70000)})
        self.carol.wait(self.carol.export(made, self.home / 'package'))
        self.carol.delete(made)

    def start(self):
        return self.carol.import_(self.home / 'package', {'Name': 'copy'})


CASES = (Export, ExportIntoFolder, ExportSaved, Import, ImportBeside, ImportInPlace, ImportSaved)


def outcome(caller, job):
    """The error name that the job ended with, '' for none."""
    try:
        caller.wait(job)
        return ''
    except Refused as error:
        return error.name


class Matrix:
    def __init__(self, daemon, starter, carol, victim, case):
        self.daemon, self.starter, self.carol, self.case = daemon, starter, carol, case
        self.victim, self.records = victim, set()
        self.took_effect = self.whole = self.nothing = 0

    def follow(self, number=0):
        if self.victim == 'daemon':
            return StepKiller(self.daemon.process.pid, False, number)
        return StepKiller(self.starter.process.pid, True, number)

    def count(self):
        killer = self.follow()
        assert outcome(self.carol, self.case.start()) == ''
        steps, _ = killer.stop()
        self.case.check_whole()
        self.case.clean()
        assert self.case.look() == self.case.before, 'the case does not tidy up after itself'
        return steps

    def start(self):
        """The job's path; None where the daemon ended before it said."""
        try:
            return self.case.start()
        except Refused:
            return None

    def find(self, known, job):
        """The job that the daemon was not there to tell of."""
        jobs = [path for path in self.carol.jobs() if path not in known]
        return job or (jobs[0] if jobs else None)

    def revive(self):
        self.daemon.process.wait()
        self.daemon.killed = True
        wait_for(lambda: self.daemon.bus.owner('org.vmport') is None, 'the name to be free again')
        self.daemon.start()

    def strike(self, number):
        known = self.carol.jobs()
        self.records = {'next-job', *names(self.daemon.state / 'jobs')}
        killer = self.follow(number)
        job = self.start()
        if job:
            try:
                self.carol.wait(job)
            except Refused:
                pass
        _, killed = killer.stop()
        self.took_effect += killed
        if killed and self.victim == 'daemon':
            self.revive()
        self.judge(number, self.find(known, job))

    def judge(self, number, job):
        where = f'{type(self.case).__name__}, {self.victim} killed at step {number}'
        if job:
            wait_for(lambda: self.carol.job(job)['JobState'] in TERMINAL, 'the job to end')
        state = self.carol.job(job)['JobState'] if job else None
        if state in (COMPLETED, WITH_WARNINGS):
            self.whole += 1
            self.case.check_whole()
            self.case.clean()
        else:
            self.nothing += 1
            error = self.carol.job(job)['ErrorName'] if job else None
            expected = 'Interrupted' if self.victim == 'daemon' else 'Failed'
            assert error in (None, f'{ERROR}{expected}'), f'{where}: {error}'
            wait_on_disk(lambda: not job or self.carol.describe(job)['Leftovers'] == [],
                         f'{where}: the rollback')
        assert self.case.look() == self.case.before, where
        if job:
            self.carol.release(job)
        wait_on_disk(lambda: set(names(self.daemon.state / 'jobs')) <= self.records,
                     f'{where}: the record to go')


@pytest.mark.parametrize('victim', ['daemon', 'worker'])
@pytest.mark.parametrize('case', CASES)
def test_killed_at_a_step(make_daemon, connect, make_vm, area, prefix, record_property, case,
                          victim):
    starter = Starter(area, prefix)
    try:
        daemon = make_daemon()
        daemon.options = (f'--worker-socket={starter.path}',)
        daemon.restart()
        machine = make_vm('web', [random_disk(2)])
        carol = connect('carol')
        matrix = Matrix(daemon, starter, carol, victim, case(daemon, carol, area, machine))
        steps = matrix.count()
        assert steps > 20, 'the steps are not seen'
        chosen = range(1, steps + 1) if FULL else [steps * (2 * i + 1) // (2 * SOME)
                                                   for i in range(SOME)]
        for number in chosen:
            matrix.strike(number)
        # The last of them need not be reached: how often progress is told is a matter of time.
        assert matrix.took_effect >= len(chosen) * 3 // 4, 'the signal was not sent'
        record_property('reliability', (f'{case.__name__}, {victim} killed', len(chosen),
                                        matrix.whole, matrix.nothing))
    finally:
        starter.stop()
