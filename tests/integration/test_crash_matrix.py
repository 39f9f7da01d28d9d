"""vmportd, and its workers, killed at every step of an export and an import of the store's: afterwards
the source is whole, the target holds all or nothing, nothing temporary is left, and the job says so.

tests/check takes some of the steps of each case; tests/reliability, by VMPORT_MATRIX=full, all.
"""

import filecmp
import os
import shutil

import pytest
from gi.repository import GLib

from rig import stored, trees
from rig.crash import DAEMON, WORKER, Case, Export, Matrix
from rig.machines import MIB, Disk, bare_directory, random_disk
from rig.snapshots import path_of
from rig.steps import chosen
from test_snapshots_round_trip import assert_markers
from test_units import Starter

# Of each case, in the short version.
SOME = 2


class ExportNew(Export):
    def clean(self):
        shutil.rmtree(self.package)


class ExportIntoFolder(Export):
    """One that is there already, and empty: it stays."""

    def prepare(self):
        self.package.mkdir()
        self.caller.user.own(self.package)

    def clean(self):
        shutil.rmtree(self.package)
        self.prepare()


class ExportSaved(ExportNew):
    def prepare(self):
        stored.put(self.daemon, self.machine, {'state.save': os.urandom(70000)})


class ExportTree(ExportNew):
    """With snapshots in images and in overlays."""

    def prepare(self):
        trees.plant(self.daemon, self.machine, 'mixed')


class ExportSnapshot(ExportTree):
    """One of them, merged: a worker without a caller and its QEMU are among the victims."""

    def prepare(self):
        super().prepare()
        self.settings = {'CopySnapshotConfiguration': GLib.Variant('y', 2),
                         'SnapshotVirtualSystem': path_of(self.machine, 's3')}


class ExportConverted(ExportNew):
    settings = {'DiskFormat': 'qcow2'}


class Import(Case):
    settings = {}

    def prepare(self):
        self.bare = bare_directory(self.home / 'bare', 'web', [random_disk(2, 'web.raw')],
                                   owner=self.caller.user)

    def start(self):
        return self.caller.import_(self.bare, {'Name': 'copy', **self.settings})

    def check_whole(self):
        disk, = self.caller.machines()[self.made()]['ResourcePaths']
        assert filecmp.cmp(disk, self.bare / 'web.raw', shallow=False)

    def clean(self):
        self.caller.delete(self.made())


class ImportBeside(Import):
    """The worker makes the disk, in a folder of the caller's."""

    def prepare(self):
        super().prepare()
        folder = self.home / 'disks'
        folder.mkdir()
        self.caller.user.own(folder)
        self.settings = {'TargetVhdDataRoot': str(folder)}


class ImportElsewhere(Import):
    """The disk is somewhere else: the opener hands it over."""

    def prepare(self):
        super().prepare()
        folder = self.home / 'elsewhere'
        folder.mkdir()
        self.caller.user.own(folder)
        shutil.copy(self.bare / 'web.raw', folder)
        self.caller.user.own(folder / 'web.raw')
        self.settings = {'SourceResourcePaths': [str(folder / 'web.raw')]}


class ImportInPlace(Import):
    settings = {'CreateCopy': False}

    def clean(self):
        self.caller.delete(self.made(), storage=False)


class ImportPackage(Import):
    """What an export of another machine made, of which `plant` has something."""

    def plant(self, machine):
        raise NotImplementedError

    def prepare(self):
        super().prepare()
        made = self.caller.wait(self.caller.import_(self.bare, {'Name': 'planted'}))
        made = made['ImportedVirtualMachine']
        self.plant(made)
        self.caller.wait(self.caller.export(made, self.home / 'package'))
        self.caller.delete(made)

    def start(self):
        return self.caller.import_(self.home / 'package', {'Name': 'copy', **self.settings})

    def check_whole(self):
        disk, = self.caller.machines()[self.made()]['ResourcePaths']
        assert filecmp.cmp(disk, self.home / 'package/Virtual Hard Disks' / os.path.basename(disk),
                           shallow=False)


class ImportSaved(ImportPackage):
    def plant(self, machine):
        stored.put(self.daemon, machine, {'state.save': os.urandom(70000)})


class ImportSavedBeside(ImportSaved):
    """The state goes into a folder that is made in one of the caller's."""

    def prepare(self):
        super().prepare()
        folder = self.home / 'data'
        folder.mkdir()
        self.caller.user.own(folder)
        self.settings = {'TargetVmDataRoot': str(folder)}


class ImportTree(ImportPackage):
    """Of overlays, whose backing names are written anew."""

    def prepare(self):
        # The machine that there is has the snapshots, and goes without them again.
        trees.plant(self.daemon, self.machine, 'external')
        self.caller.wait(self.caller.export(self.machine, self.home / 'package'))

    def check_whole(self):
        assert_markers(self.daemon, self.made())


class ImportTreeBeside(ImportTree):
    """Disks and overlays go into folders of the caller's."""

    def prepare(self):
        super().prepare()
        self.settings = {}
        for key, name in (('TargetVhdDataRoot', 'disks'), ('TargetSnapshotDataRoot', 'overlays')):
            (self.home / name).mkdir()
            self.caller.user.own(self.home / name)
            self.settings[key] = str(self.home / name)


class ImportTreeInPlace(ImportTree):
    settings = {'CreateCopy': False}

    def clean(self):
        self.caller.delete(self.made(), storage=False)


CASES = (ExportNew, ExportIntoFolder, ExportSaved, ExportTree, ExportSnapshot, ExportConverted, Import,
         ImportBeside, ImportElsewhere, ImportInPlace, ImportSaved, ImportTree, ImportTreeInPlace)
# Whose machine has a qcow2 disk, as those that plant() gives snapshots.
TREES = (ExportTree, ExportSnapshot, ImportTree, ImportTreeBeside, ImportTreeInPlace)


@pytest.mark.parametrize('victim', [DAEMON, WORKER])
@pytest.mark.parametrize('case', CASES)
def test_killed_at_a_step(make_daemon, connect, make_vm, area, prefix, record_property, case,
                          victim):
    starter = Starter(area, prefix)
    try:
        daemon = make_daemon()
        daemon.options = (f'--worker-socket={starter.path}',)
        daemon.restart()
        machine = make_vm('web', [Disk(name='disk.qcow2', size=MIB) if case in TREES else random_disk(2)])
        carol = connect('carol')
        matrix = Matrix(case(daemon, carol, area / 'carol', machine), victim, starter)
        steps = matrix.count()
        assert steps > 20, 'the steps are not seen'
        matrix.run(chosen(steps, SOME), record_property)
    finally:
        starter.stop()
