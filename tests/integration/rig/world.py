"""What many small checks of one module share: one daemon, its callers, and packages made once.

A function's own daemon and folder are the rule. Where hundreds of combinations are tried, they share
these, and tidy() after each of them finds whatever it left.
"""

import os
import pathlib
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field

from gi.repository import Gio

from .caller import Caller, Refused
from .daemon import Daemon
from .loop import drain
from .machines import bare_directory, names


@contextmanager
def open_area(parent, users):
    """A folder: area/alice is alice's home, mode 0700, and so on; area itself is root's. At the end
    nothing of the daemon's own temporary names may be left in it."""
    folder = pathlib.Path(tempfile.mkdtemp(dir=parent))
    folder.chmod(0o711)
    for user in users.values():
        home = folder / user.name
        home.mkdir(mode=0o700)
        user.own(home)
    yield folder
    left = list(folder.rglob('.vmport-*'))
    for mount in reversed([line.split()[4] for line in
                           pathlib.Path('/proc/self/mountinfo').read_text().splitlines()]):
        if mount.startswith(f'{folder}/'):
            subprocess.run(('umount', mount), check=True)
    shutil.rmtree(folder)
    assert not left, f'the daemon left {left}'


@dataclass
class Outcome:
    """How a job, or the call that should have made it, ended."""

    error: Refused = None
    call: bool = False          # it was the call that failed
    result: dict = None
    job: dict = None            # its properties
    findings: list = field(default_factory=list)

    def __str__(self):
        return str(self.error or self.result)


class World:
    """`operator` is carol, who may do everything; `home` is her folder."""

    def __init__(self, area, bus, daemon, users):
        self.area, self.bus, self.daemon = area, bus, daemon
        self.root, self.operator = Caller(bus, users['root']), Caller(bus, users['carol'])
        self.user = users['carol']
        self.home = area / 'carol'
        self.made = {}
        self.kept_machines, self.kept_files, self.scratch, self.told = set(), [], [], set()

    # Folders

    def own(self, folder):
        for path in (folder, *folder.rglob('*')):
            if not path.is_symlink():
                self.user.own(path)
        return folder

    def folder(self, name='folder'):
        """A new empty folder of the operator's, gone after tidy()."""
        path = pathlib.Path(tempfile.mkdtemp(prefix=f'{name}-', dir=self.home))
        self.user.own(path)
        self.scratch.append(path)
        return path

    def copy(self, package):
        """The operator's own copy of a package, gone after tidy()."""
        folder = self.folder('copy') / 'package'
        subprocess.run(('cp', '-a', '--reflink=auto', package, folder), check=True)
        return folder

    def keep_copy(self, package, name):
        """A copy of a package that stays."""
        folder = self.home / 'packages' / name
        subprocess.run(('cp', '-a', '--reflink=auto', package, folder), check=True)
        return folder

    # Machines and packages that stay

    def once(self, name, make):
        """What make() returned when it was first asked for."""
        if name not in self.made:
            self.made[name] = make()
        return self.made[name]

    def keep(self):
        """What is in the store now is no leftover."""
        self.kept_machines = set(self.root.machines())
        self.kept_files = names(self.daemon.store)

    def machine(self, name, disks=None, networks=(), package=None, **options):
        """A machine in the store: from a bare directory that is made for it, or from a package."""
        folder = package or bare_directory(self.area / f'made-{name}', name, disks, networks,
                                           **options)
        outcome = self.import_(folder, {'Name': name}, caller=self.root)
        if not package:
            shutil.rmtree(folder)
        self.keep()
        assert outcome.result, outcome
        return outcome.result['ImportedVirtualMachine']

    def package(self, machine, name, delete=True, **settings):
        """A machine's package in packages/<name>; the machine itself goes, so that its name, id and
        MAC addresses are free."""
        folder = self.home / 'packages' / name
        if not folder.parent.exists():
            folder.parent.mkdir()
            self.user.own(folder.parent)
        outcome = self.export(machine, folder, settings)
        assert outcome.result, outcome
        if delete:
            self.root.delete(machine)
            self.keep()
        return folder

    # What is tried

    def finish(self, start, *arguments, caller=None, **options):
        """Starts a job and waits for its end."""
        caller = caller or self.operator
        try:
            path = start(*arguments, **options)
        except Refused as error:
            return Outcome(error=error, call=True)
        outcome = Outcome()
        try:
            outcome.result = caller.wait(path)
        except Refused as error:
            outcome.error = error
        outcome.job = caller.job(path)
        outcome.findings = caller.describe(path)['Findings']
        caller.release(path)
        return outcome

    def import_(self, package, settings, caller=None, **options):
        caller = caller or self.operator
        return self.finish(caller.import_, package, settings, caller=caller, **options)

    def export(self, machine, directory, settings, caller=None, **options):
        caller = caller or self.operator
        return self.finish(caller.export, machine, directory, settings, caller=caller, **options)

    def tidy_machines(self):
        """Deletes the machines that are not kept; what lies in a package that was imported in place
        stays."""
        for path, entry in self.root.machines().items():
            if path not in self.kept_machines:
                own = any(file.startswith(f'{self.daemon.store}/')
                          for file in entry['ResourcePaths'])
                self.root.delete(path, storage=own)

    def tidy(self):
        """Deletes the machines that are not kept and every scratch folder, and tells what is left
        then: of files in the store, of records, and of the daemon's temporary names anywhere."""
        self.tidy_machines()
        left = {str(path) for path in self.area.rglob('.vmport-*')}
        left |= {f'record {name}' for name in names(self.daemon.state / 'jobs')
                 if name != 'next-job'}
        left |= set(names(self.daemon.store)) ^ set(self.kept_files)
        for folder in self.scratch:
            shutil.rmtree(folder, ignore_errors=not folder.exists())   # a test may have moved it
        self.scratch.clear()
        # What is told once is not told of what is tried next as well.
        new, self.told = sorted(left - self.told), self.told | left
        return new

    def close(self):
        drain()
        self.root.close()
        self.operator.close()


@contextmanager
def open_world(parent, bus, prefix, users, **keys):
    """A world whose daemon has @keys in its vmport.conf."""
    with open_area(parent, users) as area:
        folder = area / 'daemon'
        folder.mkdir()
        daemon = Daemon(bus, prefix, folder, **keys)
        world = World(area, bus, daemon, users)
        try:
            yield world
        finally:
            world.close()
            daemon.stop()
            daemon.check()


@contextmanager
def open_folder(path, flags=0):
    """The option fds of a call that hands over an open directory, as DirectoryFd."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | flags)
    fds = Gio.UnixFDList()
    fds.append(fd)
    os.close(fd)
    yield fds
