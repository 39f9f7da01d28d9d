"""DiskFormat: what a disk is converted into, and what stays as it was."""

import os
import pathlib
import pwd
import re
import signal
import subprocess

import pytest
from gi.repository import GLib

from rig.caller import ERROR, refused, variants
from rig.daemon import processes
from rig.jobs import job_failure
from rig.loop import wait_gone, wait_on_disk
from rig.machines import MIB, Disk, bare_directory, names, random_disk, same_content
from rig.packages import assert_package, descriptor

pytestmark = pytest.mark.modes('system', 'session')

FORMATS = ('qcow2', 'raw', 'vhdx', 'vmdk')
DISKS = [Disk(name='web.qcow2', size=24 * MIB, extents=[(MIB, b'one' * 300000), (20 * MIB, b'x')]),
         Disk(name='data.raw', size=16 * MIB, format='raw', extents=[(9 * MIB, b'two' * 90000)])]


def chain(folder, name, owner):
    """A bare directory whose disk is the third image of a chain."""
    bare_directory(folder, name, DISKS)
    (folder / 'web.qcow2').rename(folder / 'base.qcow2')
    below = 'base.qcow2'
    for number, image in enumerate(('middle.qcow2', 'web.qcow2')):
        subprocess.run(('qemu-img', 'create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', below,
                        image), cwd=folder, check=True)
        subprocess.run(('qemu-io', '-f', 'qcow2', '-c', f'write -P {7 + number} {number}M 1500k',
                        image), cwd=folder, check=True, stdout=subprocess.DEVNULL)
        below = image
    for path in (folder, *folder.iterdir()):
        owner.own(path)
    return folder


def paths(caller, machine):
    return [pathlib.Path(path) for path in caller.machines()[machine]['ResourcePaths']]


@pytest.mark.parametrize('wanted', FORMATS)
def test_chains_become_one_image(daemon, alice, users, area, wanted):
    source = chain(area / 'alice/source', 'web', users['alice'])
    machine = alice.wait(alice.import_(source, {'UnsafeDevices': 'strip'}))['ImportedVirtualMachine']
    top, data = paths(alice, machine)
    package = area / 'alice/package'
    result = alice.wait(alice.export(machine, package, {'DiskFormat': wanted}))
    assert result['BytesCopied'] > MIB
    assert names(package / 'Virtual Hard Disks') == [f'data.{wanted}', f'web.{wanted}'], \
        'names end as the format does, and a converted disk has no chain'
    assert_package(package)
    for path, kind in ((top, 'qcow2'), (data, 'raw')):
        made = package / 'Virtual Hard Disks' / f'{path.stem}.{wanted}'
        assert same_content(path, kind, made, wanted)
        if wanted != 'raw':
            subprocess.run(('qemu-img', 'check', '-q', '-f', wanted, made), check=True)
    disks = descriptor(package).findall('.//{*}disks/{*}disk')
    assert [[image.get('format') for image in disk.iterfind('{*}image')] for disk in disks] \
        == [[wanted], [wanted]]
    copy = alice.wait(alice.import_(package, {'Name': 'copy'}))['ImportedVirtualMachine']
    for path, original, kind in zip(paths(alice, copy), (top, data), ('qcow2', 'raw')):
        assert same_content(original, kind, path, wanted)


def test_space_is_not_filled(daemon, alice, make_vm, area):
    """Merging reads what is allocated and writes sparse files."""
    machine = make_vm('web', [Disk(name='web.qcow2', size=1 << 40, extents=[(1 << 39, b'x' * MIB)])])
    result = alice.wait(alice.export(machine, area / 'alice/package', {'DiskFormat': 'raw'}))
    assert result['BytesCopied'] <= 2 * MIB
    made = area / 'alice/package/Virtual Hard Disks/web.raw'
    assert made.stat().st_size == 1 << 40
    assert made.stat().st_blocks * 512 <= 2 * MIB


def test_what_has_the_format_is_copied(daemon, alice, make_vm, area):
    machine = make_vm('web', DISKS)
    top, data = paths(alice, machine)
    alice.wait(alice.export(machine, area / 'alice/package', {'DiskFormat': 'qcow2'}))
    made = area / 'alice/package/Virtual Hard Disks'
    assert (made / 'web.qcow2').read_bytes() == top.read_bytes()
    assert same_content(data, 'raw', made / 'data.qcow2', 'qcow2')


def test_snapshots_in_an_image_are_not_lost(daemon, alice, make_vm, area):
    """Of a machine that is not said to have any."""
    machine = make_vm('web', [Disk(name='web.qcow2')])
    top, = paths(alice, machine)
    subprocess.run(('qemu-img', 'snapshot', '-c', 'before', top), check=True)
    error = job_failure(alice, alice.export, machine, area / 'alice/package', {'DiskFormat': 'raw'})
    assert error.name == f'{ERROR}InvalidParameter' and 'DiskFormat' in error.message
    assert str(top) in error.message


def test_managers_can_convert(daemon, alice):
    assert 'convert' in alice.get('/org/vmport/Manager/store', 'org.vmport.Manager', 'Features')


def emulators(daemon):
    """The QEMU processes of its workers."""
    return [process for worker in daemon.workers() for process in processes(parent=worker.pid)]


@pytest.fixture
def converting(daemon, alice, make_vm, area):
    """An export in the middle of a disk, and the QEMU that reads it: (job, process, the image)."""
    machine = make_vm('web', [random_disk(12, 'web.qcow2', 'qcow2')])
    job = alice.export(machine, area / 'alice/package',
                       {'DiskFormat': 'vmdk', 'BandwidthLimit': GLib.Variant('t', MIB)})
    wait_on_disk(lambda: alice.job(job)['BytesDone'] > 0, 'the first bytes')
    emulator, = emulators(daemon)
    return job, emulator, paths(alice, machine)[0]


def test_qemu_is_nobody(daemon, alice, converting, users, bus_kind):
    """It runs as a user of its own, with nothing of the machine's but what it reads."""
    job, emulator, image = converting
    wanted = users['alice'].uid if bus_kind == 'session' else pwd.getpwnam('vmport').pw_uid
    assert set(emulator.uids) == {wanted}
    assert re.search(r'^NoNewPrivs:\s1$', emulator.status, re.M)
    assert re.search(r'^Seccomp:\s2$', emulator.status, re.M)
    for fd in pathlib.Path(f'/proc/{emulator.pid}/fd').iterdir():
        if os.readlink(fd) == str(image):
            assert int(re.search(r'^flags:\s(\d+)$',
                                 fd.parent.with_name('fdinfo').joinpath(fd.name).read_text(),
                                 re.M).group(1), 8) & os.O_ACCMODE == os.O_RDONLY
    alice.cancel(job)
    refused(alice.wait, job)


def test_qemu_dies(daemon, alice, converting, area):
    job, emulator, _ = converting
    emulator.kill(signal.SIGKILL)
    error = refused(alice.wait, job)
    assert error.name == f'{ERROR}Failed' and 'QEMU' in error.message
    assert names(area / 'alice') == [], 'nothing is left'
    assert not emulators(daemon)


def test_cancelled_while_qemu_hangs(daemon, alice, converting, area):
    job, emulator, _ = converting
    emulator.stop()
    alice.cancel(job)
    assert refused(alice.wait, job).name == f'{ERROR}Cancelled'
    wait_gone(emulator.pid, 'QEMU')
    assert names(area / 'alice') == []
    # Somebody else's are there for a moment.
    wait_on_disk(lambda: not list(pathlib.Path('/tmp').glob('vmport-*/nbd')), 'no socket to be left')


def test_qemu_goes_with_the_daemon(daemon, converting, area):
    _, emulator, _ = converting
    daemon.kill()
    wait_gone(emulator.pid, 'QEMU')
    daemon.start()
    assert names(area / 'alice') == []


def test_image_that_changes(daemon, alice, converting, area):
    job, _, image = converting
    os.utime(image)
    alice.call(job, 'org.vmport.Job', 'SetBandwidthLimit', '(ta{sv})', (0, {}))
    error = refused(alice.wait, job)
    assert error.name == f'{ERROR}FileInUse' and str(image) in error.message
    assert names(area / 'alice') == []


def test_without_qemu(daemon, alice, make_vm, area):
    machine = make_vm('web')
    daemon.environment['PATH'] = '/nowhere'
    daemon.restart()
    assert 'convert' not in alice.get('/org/vmport/Manager/store', 'org.vmport.Manager', 'Features')
    settings = {'DiskFormat': 'raw'}
    error = refused(alice.call, '/org/vmport/Manager/store', 'org.vmport.Manager', 'CheckExport',
                    '(osa{sv})', (machine, str(area / 'alice/package'), variants(settings)))
    assert error.name == f'{ERROR}NotSupported' and 'qemu-system' in error.message
    error = job_failure(alice, alice.export, machine, area / 'alice/package', settings)
    assert error.name == f'{ERROR}NotSupported' and 'qemu-system' in error.message
    alice.wait(alice.export(machine, area / 'alice/package'))
