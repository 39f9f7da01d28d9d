"""vmportd, its workers and libvirtd, killed at every step of an export and an import of libvirt's:
afterwards the source is as it was and starts, the target holds all or nothing, no definition and
nothing temporary is left, and the job says so.

tests/check takes some of the steps of each case; tests/reliability, by VMPORT_MATRIX=full, all.
"""

import itertools
import shutil

import libvirt as api
import pytest

from rig import libvirt_trees as trees
from rig.caller import QEMU
from rig.crash import ANSWERING, ASKED, DAEMON, WORKER, Case, Export, Matrix
from rig.libvirt import IMAGES, NVRAM, SAVED
from rig.libvirt_trees import content
from rig.qemu import Qemu
from rig.shapes import USER, disk, domain, make_images
from rig.steps import MATRIX, chosen
from test_libvirt_snapshots import find
from test_units import Starter

# Of each case, in the short version.
SOME = 2
WEB = domain('q35', disk(0) + disk(1, 'raw', 'sata') + USER, root=" firmware='efi'").format(name='web')


class LibvirtCase(Case):
    """The machine is called web, and is off unless a case says otherwise."""

    manager = QEMU

    def __init__(self, libvirt, *arguments):
        self.libvirt = libvirt
        super().__init__(*arguments)

    def places(self):
        return [IMAGES, NVRAM]

    def look(self):
        return {**super().look(), 'traces': self.libvirt.traces(),
                'domains': {name: self.libvirt.xml(name) for name in self.libvirt.names()}}

    @staticmethod
    def make(libvirt, qemu, caller):
        """The machine's path."""
        make_images(WEB)
        libvirt.define(WEB)
        return qemu.find(caller, 'web')

    def check_source(self):
        """It starts, and its images are whole."""
        for path in IMAGES.glob('*.qcow2'):
            trees.run('qemu-img', 'check', '-q', '-f', 'qcow2', path)
        web = self.libvirt.domain('web')
        web.create()
        web.destroy()


class Saved:
    """The machine is saved by libvirt."""

    @staticmethod
    def make(libvirt, qemu, caller):
        machine = LibvirtCase.make(libvirt, qemu, caller)
        libvirt.domain('web').create()
        libvirt.domain('web').managedSave(0)
        qemu.wait_state(caller, machine, 'saved')
        return machine

    def check_source(self):
        self.libvirt.domain('web').create()
        assert self.libvirt.domain('web').state()[1] == api.VIR_DOMAIN_RUNNING_RESTORED
        self.libvirt.destroy('web')


class Tree:
    """The machine has snapshots, in overlays that lie on images which hold some."""

    @staticmethod
    def make(libvirt, qemu, caller):
        return find(qemu, caller, trees.mixed(libvirt))

    def check_source(self):
        super().check_source()
        assert len(self.libvirt.domain('web').listAllSnapshots()) == 5


class ExportOff(LibvirtCase, Export):
    def clean(self):
        shutil.rmtree(self.package)


class ExportSaved(Saved, ExportOff):
    pass


class ExportTree(Tree, ExportOff):
    pass


class ExportConverted(ExportOff):
    settings = {'DiskFormat': 'vhdx'}


class ImportOff(LibvirtCase):
    """Of a package that was made of the machine."""

    settings = {}

    def prepare(self):
        self.caller.wait(self.caller.export(self.machine, self.home / 'package', manager=QEMU))

    def start(self):
        return self.caller.import_(self.home / 'package', {'Name': 'copy', **self.settings}, QEMU)

    def check_whole(self):
        copy, web = (trees.sources(self.libvirt.xml(name)) for name in ('copy', 'web'))
        assert {target: content(*source) for target, source in copy.items()} \
            == {target: content(*source) for target, source in web.items()}
        copy, web = (self.libvirt.domain(name) for name in ('copy', 'web'))
        assert len(copy.listAllSnapshots()) == len(web.listAllSnapshots())
        assert (SAVED / 'copy.save').exists() == (SAVED / 'web.save').exists()

    def clean(self):
        self.caller.delete(self.made())


class ImportSaved(Saved, ImportOff):
    pass


class ImportTree(Tree, ImportOff):
    pass


class ImportInPlace(ImportOff):
    settings = {'CreateCopy': False}

    def clean(self):
        self.caller.delete(self.made(), storage=False)


class ImportTreeInPlace(Tree, ImportInPlace):
    pass


CASES = (ExportOff, ExportSaved, ExportTree, ExportConverted, ImportOff, ImportSaved, ImportTree,
         ImportInPlace, ImportTreeInPlace)
VICTIMS = (DAEMON, WORKER, ASKED, ANSWERING)
# In the short version most cases have one victim, and each victim an export and an import.
PAIRS = list(itertools.product(CASES, VICTIMS)) if MATRIX else [
    (ExportOff, DAEMON), (ExportSaved, ASKED), (ExportTree, ANSWERING), (ExportConverted, WORKER),
    (ImportOff, ANSWERING), (ImportOff, WORKER), (ImportTree, DAEMON), (ImportInPlace, ASKED),
    (ImportTreeInPlace, DAEMON)]


@pytest.mark.parametrize('case, victim', PAIRS)
def test_killed_at_a_step(libvirt, make_daemon, connect, area, prefix, record_property, case, victim):
    starter = Starter(area, prefix)
    try:
        daemon = make_daemon()
        daemon.options = (f'--worker-socket={starter.path}',)
        # An administrator is warned of what cannot be taken back while libvirt is away.
        daemon.fatal = 'fatal-criticals'
        daemon.restart()
        carol = connect('carol')
        qemu = Qemu(carol)
        qemu.wait()
        machine = case.make(libvirt, qemu, carol)
        matrix = Matrix(case(libvirt, daemon, carol, area / 'carol', machine), victim, starter, libvirt)
        steps = matrix.count()
        assert steps > (3 if victim in (ASKED, ANSWERING) else 20), 'the steps are not seen'
        matrix.run(chosen(steps, SOME), record_property)
    finally:
        starter.stop()
