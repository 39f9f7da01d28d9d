"""libvirtd dies while it is needed: a clear error, nothing is left, and all works again when it is
back."""

import pytest
from gi.repository import GLib

from rig import packages
from rig.caller import ERROR, QEMU, Refused
from rig.jobs import HELD, Hold
from rig.libvirt import IMAGES
from rig.loop import wait_on_disk
from rig.machines import make_image, names, random_disk
from rig.qemu import wait_asking
from rig.shapes import shape

WHAT = 'q35, BIOS, virtio, network, SPICE'
# What a job says of it.
GONE = f'{ERROR}NotAvailable'


@pytest.fixture
def web(libvirt, daemon, qemu, alice):
    """A machine with 2 MiB that have to be copied; its path."""
    # An administrator is warned of what cannot be taken back while libvirt is away.
    daemon.fatal = 'fatal-criticals'
    daemon.restart()
    qemu.wait()
    disk = random_disk(2, 'web-0.qcow2', 'qcow2')
    make_image(IMAGES / disk.name, disk)
    libvirt.define(shape(WHAT, 'web'))
    return qemu.find(alice, 'web')


class Killer:
    """Kills libvirtd when a job tells a phase; its worker does not move until that is done. settings
    are those that the job needs for that."""

    def __init__(self, libvirt, daemon, recorder, phase):
        self.libvirt, self.phase, self.killed = libvirt, phase, False
        # What comes after the copying would not be reached.
        self.settings = HELD if phase in ('Reading', 'Copying') else {}
        self.hold = Hold(daemon, recorder, phase)
        recorder.on(self._heard)

    def _heard(self, signal):
        if signal.name == 'Progress' and signal.arguments[3] == self.phase and not self.killed:
            self.killed = True
            self.libvirt.kill()
            self.hold.recorder.handlers.remove(self.hold._heard)
            self.hold.job = signal.path
            self.hold.release()


def outcome(caller, job):
    """The error that the job ended with, or None."""
    try:
        caller.wait(job)
    except Refused as error:
        return error
    return None


@pytest.mark.parametrize('phase', ['Reading', 'Copying', 'Syncing'])
def test_export(libvirt, qemu, daemon, web, alice, area, recorder, phase):
    before = libvirt.traces()
    killer = Killer(libvirt, daemon, recorder, phase)
    job = alice.export(web, area / 'alice/package', killer.settings, QEMU)
    error = outcome(alice, job)
    if not killer.killed and phase == 'Syncing':
        assert error is None, 'all was on the disk already'
        return
    assert killer.killed, recorder.phases(job)
    # Nobody can say any more whether the machine was started while it was read.
    assert error is not None and error.name == GONE, error
    assert 'libvirt' in error.message, error.message
    assert names(area / 'alice') == []
    libvirt.start()
    qemu.wait()
    assert libvirt.traces() == before
    alice.wait(alice.export(web, area / 'alice/package', manager=QEMU))
    packages.assert_package(area / 'alice/package')


@pytest.mark.parametrize('phase', ['Reading', 'Copying', 'Syncing', 'Defining'])
def test_import(libvirt, qemu, daemon, web, alice, area, recorder, phase):
    package = area / 'alice/package'
    alice.wait(alice.export(web, package, manager=QEMU))
    before = libvirt.traces()
    killer = Killer(libvirt, daemon, recorder, phase)
    job = alice.import_(package, {'Name': 'new', **killer.settings}, QEMU)
    error = outcome(alice, job)
    if not killer.killed and phase == 'Syncing':
        assert error is None, 'all was on the disk already'
        return
    assert killer.killed, recorder.phases(job)
    libvirt.start()
    qemu.wait()
    if error is None:
        # It was defined already, and all that was left to do needed no libvirt.
        assert phase == 'Defining' and libvirt.names() == ['new', 'web']
        return
    assert error.name == GONE and 'libvirt' in error.message, error
    wait_on_disk(lambda: libvirt.names() == ['web'] and libvirt.traces() == before,
                 lambda: f'the roll-back; there are {libvirt.names()} and '
                 f'{set(libvirt.traces().items()) ^ set(before.items())}')
    # What could not be taken back without libvirt was taken back when that was there again, without
    # any further job or start.
    wait_asking(lambda: alice.describe(job).get('Leftovers', []) == [], 'Leftovers to be none')
    alice.wait(alice.import_(package, {'Name': 'new'}, QEMU))
    assert libvirt.names() == ['new', 'web']


def test_daemon_dies_while_it_imports(libvirt, qemu, daemon, web, alice, area, recorder):
    """After any crash there is either the whole machine or no trace of it."""
    package = area / 'alice/package'
    alice.wait(alice.export(web, package, manager=QEMU))
    before = libvirt.traces()
    hold = Hold(daemon, recorder, 'Copying')
    alice.import_(package, {'Name': 'new', **HELD}, QEMU)
    hold.wait()
    assert libvirt.traces() != before, 'files were made already'
    daemon.kill()
    daemon.start()
    qemu.wait()
    wait_on_disk(lambda: libvirt.traces() == before,
                 lambda: f'the roll-back: {set(libvirt.traces().items()) ^ set(before.items())}')
    alice.wait(alice.import_(package, {'Name': 'new'}, QEMU))


def test_cancelled(libvirt, qemu, daemon, web, alice, area, recorder):
    """Pitfall 14: cancel leaves nothing."""
    package = area / 'alice/package'
    alice.wait(alice.export(web, package, manager=QEMU))
    before = libvirt.traces()
    hold = Hold(daemon, recorder, 'Copying')
    job = alice.import_(package, {'Name': 'new', **HELD}, QEMU)
    hold.wait()
    alice.cancel(job)
    hold.release()
    assert outcome(alice, job).name == f'{ERROR}Cancelled'
    assert libvirt.traces() == before and libvirt.names() == ['web']


def test_one_package_twice_at_a_time(libvirt, qemu, web, alice, area):
    """Neither waits for the name that the other's disk gets."""
    package = area / 'alice/package'
    alice.wait(alice.export(web, package, manager=QEMU))
    slowly = {'BandwidthLimit': GLib.Variant('t', 32 << 20)}
    jobs = [alice.import_(package, {'Name': name, **slowly}, QEMU) for name in ('one', 'two')]
    for job in jobs:
        alice.wait(job)
    assert libvirt.names() == ['one', 'two', 'web']
