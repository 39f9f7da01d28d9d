"""Operations that are killed at one of their steps, and the judgement afterwards: the source is whole,
the target holds all or nothing, nothing temporary is left, and the job says so."""

import hashlib
import pathlib
import re
from contextlib import suppress

from .caller import ERROR, MANAGER, QEMU, STORE, Refused
from .daemon import processes
from .loop import DEADLINE, wait_for, wait_on_disk
from .machines import names, tree
from .qemu import wait_asking
from .recorder import COMPLETED, TERMINAL, WITH_WARNINGS
from .steps import StepKiller

LIBVIRT_SOCKET = '/run/libvirt/libvirt-sock'
# What is killed, and which steps are counted: those of the daemon; those of whatever the starter of
# workers started, QEMU included; of the daemon what it asks libvirtd; of libvirtd what it answers.
DAEMON, WORKER, ASKED, ANSWERING = 'daemon', 'worker', 'libvirtd asked', 'libvirtd answering'


def digests(*folders):
    """{path: what is in it} of every file there."""
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest()
            for folder in folders for path in sorted(folder.rglob('*')) if path.is_file()}


def locked(*folders):
    """The files there that anybody holds a lock or a lease on."""
    held = {int(line) for line in re.findall(r' [0-9a-f]+:[0-9a-f]+:(\d+) ',
                                             pathlib.Path('/proc/locks').read_text())}
    return sorted(str(path) for folder in folders for path in folder.rglob('*')
                  if path.stat().st_ino in held)


class Case:
    """One operation of carol's, which can be tried again and again; machine is what there is."""

    manager = STORE
    libvirt = None

    def __init__(self, daemon, caller, home, machine):
        self.daemon, self.caller, self.home, self.machine = daemon, caller, home, machine
        self.prepare()
        self.before = self.look()

    def prepare(self):
        pass

    def places(self):
        """Where images are that an operation reads."""
        return [self.daemon.store]

    def look(self):
        """All that must be as it was, where nothing came of it."""
        files = {name: what for name, what in tree(self.home).items()
                 if not (self.home / name).is_dir()}
        return {'names': names(self.home), 'files': files, 'store': names(self.daemon.store),
                'content': digests(*self.places()), 'locks': locked(self.home, *self.places()),
                'machines': sorted(self.caller.machines(self.manager))}

    def settled(self):
        """Whether all is as it was; for what is told of only after a while."""
        with suppress(FileNotFoundError):   # it is tidied up right now
            return self.look() == self.before
        return False

    def wait_settled(self, where):
        def differences():
            now = self.look()
            return f'{where}: ' + '; '.join(
                f'{key} was {self.before[key]}, and is {now[key]}'
                for key in now if now[key] != self.before[key])
        wait_on_disk(self.settled, differences, DEADLINE / 4)

    def start(self):
        """The path of a new job."""
        raise NotImplementedError

    def clean(self):
        """Takes away what came of it."""

    def check_whole(self):
        """That it is all there."""

    def check_source(self):
        """That what was there can still be used."""

    def made(self):
        """The new machine's path."""
        path, = set(self.caller.machines(self.manager)) - set(self.before['machines'])
        return path


class Export(Case):
    settings = {}

    @property
    def package(self):
        return self.home / 'package'

    def start(self):
        return self.caller.export(self.machine, self.package, self.settings, self.manager)

    def check_whole(self):
        job = self.caller.call(STORE, MANAGER, 'Verify', '(sa{sv})', (str(self.package), {}))
        self.caller.wait(job)
        self.caller.release(job)


def outcome(caller, job):
    """The error name that the job ended with, '' for none."""
    try:
        caller.wait(job)
        return ''
    except Refused as error:
        return error.name


class Matrix:
    """One case and one victim."""

    def __init__(self, case, victim, starter, libvirt=None):
        self.case, self.victim, self.starter, self.libvirt = case, victim, starter, libvirt
        self.daemon, self.caller = case.daemon, case.caller
        self.records = set()
        self.took_effect = self.whole = self.nothing = 0

    def follow(self, number=0):
        pid = self.daemon.process.pid
        if self.victim == WORKER:
            return StepKiller(self.starter.process.pid, 'children', number)
        if self.victim == ASKED:
            return StepKiller(pid, LIBVIRT_SOCKET, number, self.libvirt.process.pid)
        if self.victim == ANSWERING:
            return StepKiller(self.libvirt.process.pid, LIBVIRT_SOCKET, number)
        return StepKiller(pid, 'process', number)

    def count(self):
        killer = self.follow()
        assert outcome(self.caller, self.case.start()) == ''
        steps, _ = killer.stop()
        self.case.check_whole()
        self.case.clean()
        self.case.wait_settled('the case does not tidy up after itself')
        return steps

    def start(self):
        """The job's path; None where the daemon ended before it said, or there is no libvirt."""
        try:
            return self.case.start()
        except Refused:
            return None

    def find(self, known, job):
        """The job that the daemon was not there to tell of."""
        jobs = [path for path in self.caller.jobs() if path not in known]
        return job or (jobs[0] if jobs else None)

    def revive(self):
        if self.victim == DAEMON:
            self.daemon.process.wait(DEADLINE)
            self.daemon.killed = True
            wait_for(lambda: self.daemon.bus.owner('org.vmport') is None, 'the name to be free again')
            self.daemon.start()
        elif self.victim in (ASKED, ANSWERING):
            self.libvirt.kill()   # it is dead already, and now known to be
            self.libvirt.start()
        self.wait_manager()

    def wait_manager(self):
        wait_asking(lambda: self.caller.get(self.case.manager, MANAGER, 'Available'),
                    'the manager to be there again')

    def strike(self, number):
        known = self.caller.jobs()
        self.records = {'next-job', *names(self.daemon.state / 'jobs')}
        killer = self.follow(number)
        job = self.start()
        if job:
            with suppress(Refused):
                self.caller.wait(job)
        _, killed = killer.stop()
        self.took_effect += killed
        if killed and self.victim != WORKER:
            self.revive()
        self.judge(number, self.find(known, job), killed)

    def expected(self):
        if self.victim == DAEMON:
            return {'Interrupted'}
        return {'Failed'} if self.victim == WORKER else {'NotAvailable'}

    def judge(self, number, job, killed):
        where = f'{type(self.case).__name__}, {self.victim} killed at step {number}'
        if job:
            wait_for(lambda: self.caller.job(job)['JobState'] in TERMINAL, 'the job to end')
        told = self.caller.job(job) if job else {'JobState': None, 'ErrorName': None}
        if told['JobState'] in (COMPLETED, WITH_WARNINGS):
            self.whole += 1
            self.case.check_whole()
            self.case.clean()
        else:
            assert killed, f'{where}: nobody was killed, and it ended with {told["ErrorName"]}'
            self.nothing += 1
            error = told['ErrorName']
            assert error is None or error.removeprefix(ERROR) in self.expected(), f'{where}: {error}'
            wait_on_disk(lambda: not job or self.caller.describe(job)['Leftovers'] == [],
                         f'{where}: the rollback')
        self.case.wait_settled(where)
        wait_on_disk(lambda: not self.daemon.workers() and not processes('qemu-system-x86'),
                     f'{where}: the processes to end')
        if job:
            self.caller.release(job)
        wait_on_disk(lambda: set(names(self.daemon.state / 'jobs')) <= self.records,
                     f'{where}: the record to go')

    def run(self, numbers, record_property):
        for number in numbers:
            self.strike(number)
        self.case.check_source()
        # The last of them need not be reached: how often progress is told is a matter of time.
        assert self.took_effect >= len(numbers) * 3 // 4, 'the signal was not sent'
        manager = 'qemu' if self.case.manager == QEMU else 'store'
        record_property('reliability', (f'{manager}: {type(self.case).__name__}, {self.victim} killed',
                                        len(numbers), self.whole, self.nothing))
