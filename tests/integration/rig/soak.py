"""A life in little of a host: exports, imports, verifications and deletions of both managers at random,
which are cancelled, suspended and slowed down, while workers, libvirtd and vmportd are killed. What
must hold is checked whenever nothing is under way."""

import os
import random
import re
import shutil
import signal
import statistics
import time
from collections import Counter
from dataclasses import dataclass, field

from gi.repository import GLib

from . import packages, stored
from .caller import ERROR, MANAGER, QEMU, STORE, Caller, Refused
from .daemon import WORKER, processes
from .libvirt import IMAGES
from .libvirt_trees import Tree, run
from .loop import drain, wait_for, wait_on_disk
from .machines import MIB, bare_directory, make_image, names, random_disk, same_content
from .qemu import wait_asking
from .shapes import shape

AT_ONCE = 4
MOST_PACKAGES, MOST_MACHINES = 8, 5
# Jobs between two looks at what must hold.
BATCH = 24


@dataclass
class Machine:
    path: str
    manager: str
    line: str                 # which of the first machines it comes from
    kept: bool = False
    busy: bool = False


@dataclass
class Package:
    folder: object
    line: str
    managers: tuple           # which take it
    users: int = 0


@dataclass
class Running:
    path: str
    kind: str
    caller: Caller
    pending: object
    manager: str
    machine: Machine = None   # what is exported
    package: Package = None   # what is read or written
    name: str = None          # of what is imported
    allowed: set = field(default_factory=set)


@dataclass
class Sample:
    """What the daemon holds when it has nothing to do."""

    anonymous: int            # KiB
    files: Counter            # what its descriptors are of
    threads: int
    jobs: int                 # ended so far

    @property
    def fds(self):
        return sum(self.files.values())


class Soak:
    def __init__(self, daemon, libvirt, qemu, bus, users, area, seed):
        self.daemon, self.libvirt, self.qemu, self.bus, self.users = daemon, libvirt, qemu, bus, users
        self.area, self.random = area, random.Random(seed)
        self.carol = Caller(bus, users['carol'])
        self.home = area / 'carol'
        self.machines, self.packages, self.running = [], [], []
        self.references, self.formats, self.snapshots = {}, {}, {}
        self.samples = []
        self.number = self.ended = self.since = 0
        self.disturbed = self.whole = self.nothing = self.kills = 0
        self.down_until = None
        self.make_first()
        self.before = self.look()
        self.processes = len(processes())

    def look(self):
        """What must be there in the end again."""
        return names(self.home), names(self.daemon.store), self.libvirt.names(), names(IMAGES)

    # The machines that are there all the time

    def make_first(self):
        line = 'web'
        bare = bare_directory(self.area / 'made', line, [random_disk(3, 'web.raw')],
                              owner=self.users['carol'])
        # As this host can run it, in libvirt's manager, too.
        text = (bare / f'{line}.xml').read_text().replace("type='kvm'", "type='qemu'")
        (bare / f'{line}.xml').write_text(text)
        self.keep(self.finish_import(bare, line, STORE), STORE, line)
        line = 'saved'
        made = self.finish_import(bare, line, STORE)
        stored.put(self.daemon, made, {'state.save': os.urandom(70000)})
        self.keep(made, STORE, line)
        shutil.rmtree(bare)
        line = 'plain'
        for number in range(2):
            disk = random_disk(2, f'{line}-{number}.qcow2', 'qcow2')
            make_image(IMAGES / disk.name, disk)
        self.libvirt.define(shape('SCSI with a controller of its own, two disks, boot order', line)
                            .replace('-1.raw', '-1.qcow2').replace("type='raw'", "type='qcow2'"))
        tree = Tree(self.libvirt, 'tree', (('tree.qcow2', 'qcow2'),))
        tree.take('inside')
        tree.take('outside', external=True)
        self.qemu.wait()
        for line in ('plain', 'tree'):
            self.keep(self.qemu.find(self.carol, line), QEMU, line)

    def finish_import(self, folder, name, manager):
        job = self.carol.import_(folder, {'Name': name}, manager)
        made = self.carol.wait(job)['ImportedVirtualMachine']
        self.carol.release(job)
        return made

    def keep(self, path, manager, line):
        """A machine of the first ones, and what its disks have."""
        self.machines.append(Machine(path, manager, line, kept=True))
        entry = self.entries(manager)[path]
        self.references[line] = []
        for number, image in enumerate(entry['ResourcePaths']):
            reference = self.area / f'reference-{line}-{number}'
            kind = 'raw' if image.endswith('.raw') else 'qcow2'
            run('qemu-img', 'convert', '-f', kind, '-O', 'raw', image, reference)
            self.references[line].append(reference)
        self.snapshots[line] = len(entry['Snapshots'])

    def entries(self, manager):
        return self.carol.machines(manager)

    # What happens

    def run(self, seconds, kill_daemon=False):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            while len(self.running) < AT_ONCE and self.random.random() < 0.8:
                self.start_something()
            self.pause(self.random.expovariate(1 / 40))
            self.reap()
            if self.down_until is not None and time.monotonic() > self.down_until:
                self.raise_libvirt()
            if self.running and self.random.random() < 0.25:
                self.disturb(kill_daemon)
            if self.since >= BATCH:
                self.rest()
        self.rest()

    def pause(self, milliseconds):
        over = []
        GLib.timeout_add(int(milliseconds), lambda: over.append(True))
        wait_for(lambda: over or any(job.pending.done for job in self.running), 'the time to pass')
        wait_for(lambda: over, 'the time to pass')

    def start_something(self):
        kinds = ['export'] * 4 + ['import'] * 4 + ['verify', 'delete', 'remove']
        getattr(self, f'start_{self.random.choice(kinds)}')()

    def choose(self, things):
        things = list(things)
        return self.random.choice(things) if things else None

    def caller(self):
        """Now and then somebody who leaves at once; the job is carol's all the same."""
        return Caller(self.bus, self.users['carol']) if self.random.random() < 0.1 else self.carol

    def submit(self, kind, start, *arguments, manager=STORE, **fields):
        caller = self.caller()
        path = start(caller)(*arguments, manager)
        if caller is not self.carol:
            caller.close()
        self.running.append(Running(path, kind, self.carol, self.carol.start_wait(path), manager,
                                    **fields))

    def speed(self):
        """So slow, sometimes, that there is time to do something about it."""
        if self.random.random() < 0.5:
            return {}
        return {'BandwidthLimit': GLib.Variant('t', self.random.choice((4, 16, 64)) * MIB)}

    def start_export(self):
        machine = self.choose(one for one in self.machines if not one.busy
                              and (one.manager == STORE or self.down_until is None))
        if machine is None or len(self.packages) >= MOST_PACKAGES:
            return
        self.number += 1
        settings = {**self.speed(), 'Checksum': self.random.choice(('fs-verity', 'sha256'))}
        managers = (STORE, QEMU) if machine.line != 'saved' else (STORE,)
        if machine.line in ('web', 'plain') and self.random.random() < 0.1:
            settings['DiskFormat'] = 'qcow2'
        package = Package(self.home / f'package{self.number}', machine.line, managers, users=1)
        machine.busy = True
        self.submit('export', lambda caller: lambda *a: caller.export(*a), machine.path,
                    package.folder, settings, manager=machine.manager, machine=machine,
                    package=package)

    def start_import(self):
        package = self.choose(self.packages)
        if package is None:
            return
        manager = self.choose(manager for manager in package.managers
                              if manager == STORE or self.down_until is None)
        if manager is None or MOST_MACHINES <= sum(one.manager == manager and not one.kept
                                                   for one in self.machines):
            return
        self.number += 1
        name = f'made{self.number}'
        package.users += 1
        self.submit('import', lambda caller: lambda *a: caller.import_(*a), package.folder,
                    {**self.speed(), 'Name': name}, manager=manager, package=package, name=name)

    def start_verify(self):
        package = self.choose(self.packages)
        if package is None:
            return
        package.users += 1
        self.submit('verify', lambda caller: lambda folder, manager: caller.call(
            manager, MANAGER, 'Verify', '(sa{sv})', (str(folder), {})), package.folder,
            package=package)

    def start_delete(self):
        machine = self.choose(one for one in self.machines if not one.busy and not one.kept
                              and (one.manager == STORE or self.down_until is None))
        if machine is not None:
            self.carol.delete(machine.path)
            self.machines.remove(machine)

    def start_remove(self):
        package = self.choose(one for one in self.packages if not one.users)
        if package is not None:
            shutil.rmtree(package.folder)
            self.packages.remove(package)

    # What gets in the way

    def disturb(self, kill_daemon):
        ways = ['cancel'] * 3 + ['suspend'] * 3 + ['limit'] * 2 + ['worker'] * 3 + ['libvirtd']
        ways += ['daemon'] * 2 if kill_daemon else []
        getattr(self, f'disturb_{self.random.choice(ways)}')()

    def tell(self, job, method, *arguments):
        """A job may have ended meanwhile, which is an error for some."""
        try:
            self.carol.call(job.path, 'org.vmport.Job', method, *arguments)
        except Refused as error:
            assert error.name == f'{ERROR}InvalidState', f'{method} of a {job.kind}: {error}'

    def disturb_cancel(self):
        job = self.choose(self.running)
        job.allowed.add('Cancelled')
        self.carol.cancel(job.path)

    def disturb_suspend(self):
        job = self.choose(self.running)
        self.tell(job, 'Suspend', '(a{sv})', ({},))
        self.pause(20)
        self.tell(job, 'Resume', '(a{sv})', ({},))

    def disturb_limit(self):
        self.tell(self.choose(self.running), 'SetBandwidthLimit', '(ta{sv})',
                  (self.random.choice((0, 8 * MIB, 256 * MIB)), {}))

    def disturb_worker(self):
        worker = self.choose(self.daemon.workers())
        if worker is not None:
            # Nobody knows whose it is.
            for job in self.running:
                job.allowed.add('Failed')
            worker.kill(signal.SIGKILL)
            self.kills += 1

    def disturb_libvirtd(self):
        if self.down_until is None:
            for job in self.running:
                if job.manager == QEMU:
                    job.allowed.add('NotAvailable')
            self.libvirt.kill()
            self.kills += 1
            self.down_until = time.monotonic() + self.random.random()

    def raise_libvirt(self):
        self.libvirt.start()
        self.qemu.wait()
        self.down_until = None

    def disturb_daemon(self):
        if self.down_until is not None:
            return
        for job in self.running:
            job.allowed.add('Interrupted')
        self.daemon.kill()
        self.kills += 1
        wait_for(lambda: all(job.pending.done for job in self.running), 'the bus to tell of its end')
        self.daemon.start()
        self.qemu.wait()
        for job in self.running:
            job.pending = self.carol.start_wait(job.path)

    # How it ended

    def reap(self):
        for job in [job for job in self.running if job.pending.done]:
            self.running.remove(job)
            self.judge(job)

    def judge(self, job):
        error = job.pending.error
        assert error is None or isinstance(error, Refused), f'{job}: {error}'
        name = error.name.removeprefix(ERROR) if error else None
        assert name is None or name in job.allowed, f'{job} ended with {error}'
        self.ended += 1
        self.since += 1
        if job.allowed:
            self.disturbed += 1
            self.whole += error is None
            self.nothing += error is not None
        if job.machine:
            job.machine.busy = False
        if job.package:
            job.package.users -= 1
        if job.kind == 'export' and error is None:
            self.packages.append(job.package)
        if job.kind == 'import' and error is None:
            self.machines.append(Machine(job.pending.value['ImportedVirtualMachine'], job.manager,
                                         job.package.line))
        if error is None or self.down_until is None:
            self.forget(job)
        else:
            self.rest_of(job)

    def rest_of(self, job):
        """What libvirt's absence leaves is taken back when it is there again."""
        self.raise_libvirt()
        self.forget(job)

    def left(self, job):
        return self.carol.describe(job.path)['Leftovers']

    def forget(self, job):
        if 'Failed' in job.allowed and self.left(job):
            # The worker that was killed was the one that tidied up: the next that names the place does.
            again = self.carol.call(STORE, MANAGER, 'Verify', '(sa{sv})',
                                    (str(job.package.folder), {}))
            pending = self.carol.start_wait(again)
            wait_for(lambda: pending.done, 'the place to be named again')
            self.carol.release(again)
        wait_asking(lambda: self.left(job) == [],
                    f'nothing to be left of {job}')
        if job.kind == 'export' and job.pending.error:
            assert not job.package.folder.exists(), f'{job} left its folder'
        self.carol.release(job.path)

    # When nothing is under way

    def rest(self):
        if self.down_until is not None:
            self.raise_libvirt()
        wait_for(lambda: all(job.pending.done for job in self.running), 'all jobs to end')
        self.reap()
        self.since = 0
        self.check_places()
        self.check_machine(self.choose(self.machines))
        drain()
        self.take_sample()

    def check_places(self):
        for manager in (STORE, QEMU):
            there = set(self.entries(manager))
            known = {one.path for one in self.machines if one.manager == manager}
            assert there == known, f'machines that nobody knows of, or that are gone: {there ^ known}'
        folders = {one.path.rpartition('/')[2].replace('_', '-') for one in self.machines
                   if one.manager == STORE}
        assert set(os.listdir(self.daemon.store)) == folders, 'files in the store'
        assert set(os.listdir(self.home)) == {one.folder.name for one in self.packages}
        wait_on_disk(lambda: names(self.daemon.state / 'jobs') == ['next-job'],
                     lambda: f"records to go: {names(self.daemon.state / 'jobs')}")
        left = [*self.area.rglob('.vmport-*'), *IMAGES.rglob('.vmport-*')]
        assert not left, f'temporary files: {left}'
        wait_on_disk(lambda: not processes(WORKER), 'the workers to end')
        wait_on_disk(lambda: len(processes()) <= self.processes,
                     lambda: f'processes to end: {[p.status[:60] for p in processes()]}')

    def check_machine(self, machine):
        """Whole: each disk reads as the one that it comes from."""
        entry = self.entries(machine.manager)[machine.path]
        images = entry['ResourcePaths']
        assert len(images) == len(self.references[machine.line]), entry
        assert len(entry['Snapshots']) == self.snapshots[machine.line], entry
        for image, reference in zip(images, self.references[machine.line]):
            with open(image, 'rb') as file:
                kind = 'qcow2' if file.read(4) == b'QFI\xfb' else 'raw'
            assert same_content(image, kind, reference, 'raw'), f'{image} is not {reference}'

    def take_sample(self):
        status = (self.daemon.proc / 'status').read_text()
        value = lambda key: int(re.search(rf'^{key}:\s+(\d+)', status, re.M).group(1))
        links = Counter(re.sub(r'\d+', 'N', os.readlink(link))
                        for link in (self.daemon.proc / 'fd').iterdir())
        self.samples.append(Sample(value('RssAnon'), links, value('Threads'), self.ended))

    def check_growth(self):
        """Of the samples of one daemon's life, the first fifth is spent on caches and the like."""
        samples = self.samples[len(self.samples) // 5:]
        third = max(1, len(samples) // 3)
        first, last = samples[:third], samples[-third:]
        jobs = last[-1].jobs - first[0].jobs
        for what in ('fds', 'threads'):
            low = min(getattr(one, what) for one in last)
            high = max(getattr(one, what) for one in first)
            # GLib keeps a thread, or the end of a loop, for who asks next.
            assert low <= high + 3, f'{what} went from {high} to {low} in {jobs} jobs: ' \
                f'{[(one.jobs, one.fds, one.threads) for one in self.samples]}; ' \
                f'{last[-1].files - first[0].files}'
        grown = statistics.median(one.anonymous for one in last) \
            - statistics.median(one.anonymous for one in first)
        # What the allocator does not give back is noise of a few pages for each of its arenas.
        assert grown <= 1024 + jobs / 8, f'memory grew by {grown} KiB in {jobs} jobs'
        return grown

    def finish(self):
        """Every package verifies, every machine is whole; and without them all is as it was."""
        for package in self.packages:
            packages.assert_package(package.folder)
            packages.verify(self.carol, package.folder)
            shutil.rmtree(package.folder)
        for machine in self.machines:
            self.check_machine(machine)
            if not machine.kept:
                self.carol.delete(machine.path)
        assert self.look() == self.before
        self.carol.close()
