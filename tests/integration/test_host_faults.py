"""What fails around the daemon itself: disks that fill up, memory, the clock, polkitd and the
bus. The job ends with a name of the contract, nothing is left, and the next one works."""

import os
import pathlib
import signal
import time

import pytest
from gi.repository import GLib

from rig.agent import Agent
from rig.bus import Bus
from rig.caller import ACCESS_DENIED, ERROR, JOB, Caller, refused
from rig.daemon import Daemon
from rig.jobs import Hold
from rig.loop import DEADLINE, wait_for, wait_gone, wait_on_disk
from rig.machines import bare_directory, names, random_disk
from rig.disk import SmallDisk
from rig.recorder import Recorder
from test_faults import FULL

MIB = 1 << 20
YEAR = 365 * 86400
TENTHS = {'export': range(10), 'import': range(10)} if FULL else {'export': (3, 9), 'import': (6,)}


@pytest.fixture
def jobs(carol, make_vm, area):
    """start(operation, folder): a job of carol's that puts 8 MiB there."""
    machine = make_vm('big', [random_disk(8)])
    package = area / 'carol/package'
    carol.wait(carol.export(machine, package))

    def start(operation, folder, **settings):
        if operation == 'export':
            return carol.export(machine, folder / 'made', settings)
        return carol.import_(package, {'Name': 'copy', 'TargetVhdDataRoot': str(folder), **settings})
    return start


@pytest.mark.parametrize('operation', ['export', 'import'])
def test_full_at_every_tenth(daemon, carol, users, area, jobs, record_property, operation):
    """Somebody else takes the disk when the job has begun to write, but for that part of what it needs."""
    disk = SmallDisk(area / 'carol/small', users['carol'])
    recorder, before = Recorder(carol), sorted(carol.machines())
    for tenth in TENTHS[operation]:
        hold = Hold(daemon, recorder, 'Copying')
        job = jobs(operation, disk.folder, BandwidthLimit=GLib.Variant('t', 128 << 10))
        hold.wait()
        disk.fill(tenth * 8 * MIB // 10)
        hold.release()
        carol.call(job, JOB, 'SetBandwidthLimit', '(ta{sv})', (0, {}))
        error = refused(carol.wait, job)
        assert error.name == f'{ERROR}NoSpace', f'{tenth}: {error}'
        assert names(disk.folder) == ['fill'] and sorted(carol.machines()) == before, tenth
        assert carol.describe(job)['Leftovers'] == []
        disk.empty()
    carol.wait(jobs(operation, disk.folder))
    record_property('reliability', (f'{operation}, disk full at a tenth', len(TENTHS[operation]), 0,
                                    len(TENTHS[operation])))
    recorder.close()


def test_the_worker_is_killed_for_its_memory(daemon, alice, recorder, make_vm, area):
    """As the kernel does it: the job says where to look, and the daemon goes on."""
    machine = make_vm('big', [random_disk(8)])
    hold = Hold(daemon, recorder, 'Copying')
    job = alice.export(machine, area / 'alice/package', {'BandwidthLimit': GLib.Variant('t', MIB)})
    hold.wait()
    for worker in hold.stopped:
        worker.kill(signal.SIGKILL)
    error = refused(alice.wait, job)
    assert error.name == f'{ERROR}Failed' and 'whether the memory ran out' in error.message, error
    assert names(area / 'alice') == []
    alice.wait(alice.export(machine, area / 'alice/next'))


def test_the_clock_is_stepped(make_daemon, alice, make_vm, area):
    """By a year, forwards and back, while jobs run: limits, waits and what is remembered go by another
    clock."""
    daemon = make_daemon()
    machine = make_vm('big', [random_disk(4)])
    clock = area / 'clock'
    clock.write_text('0')
    preload = pathlib.Path(os.environ['VMPORT_BUILD_DIR']) / 'tests/integration/libstep-clock.so'
    daemon.environment = {'LD_PRELOAD': str(preload), 'STEP_CLOCK': str(clock)}
    daemon.restart()
    now, jobs = 0, []
    for step in (YEAR, 0):
        job = alice.export(machine, area / f'alice/{step}',
                           {'BandwidthLimit': GLib.Variant('t', MIB // 4)})
        assert abs(alice.job(job)['StartTime'] / 1e6 - time.time() - now) < DEADLINE, 'its own clock'
        clock.write_text(str(step).ljust(20))
        now = step
        began = time.monotonic()
        assert refused(alice.wait, job, 200000).name == f'{ERROR}Timeout'
        assert time.monotonic() - began >= 0.2
        alice.call(job, JOB, 'SetBandwidthLimit', '(ta{sv})', (8 * MIB, {}))
        alice.wait(job)   # with a deadline that is far from a year
        assert alice.job(job)['StartTime'] <= alice.job(job)['EndTime']
        jobs.append(job)
        assert set(jobs) <= set(alice.jobs()), 'remembered as long as ever'


def test_polkitd_dies_while_somebody_is_asked(daemon, bus, polkit, alice, bob, make_vm, area):
    """The caller is refused and told why; nothing was opened; the next one is asked anew."""
    machine = make_vm('web')
    asked = []
    agent = Agent(bus, asked.append, silent=True)
    pending = bob.start('/org/vmport/Manager/store', 'org.vmport.Manager', 'Export', '(osa{sv})',
                        (machine, str(area / 'bob/package'), {}), interactive=True)
    wait_for(lambda: asked, 'the prompt')
    polkit.process.kill()
    polkit.process.wait(DEADLINE)
    polkit.log.close()
    try:
        error = refused(pending.result)
        assert error.name == ACCESS_DENIED and 'polkit does not answer' in error.message, error
        assert names(area / 'bob') == [] and bob.jobs() == []
    finally:
        polkit.start()
        agent.connection.unregister_object(agent.object)
    alice.wait(alice.export(machine, area / 'alice/package'))


def test_the_bus_dies(session_folder, users, prefix, area):
    """The daemon ends, in a way that has systemd start it again; what ran is taken back then."""
    folder, variable = area / 'bus', os.environ['DBUS_SYSTEM_BUS_ADDRESS']
    folder.mkdir()
    (area / 'daemon').mkdir()
    try:
        bus = Bus(folder, prefix, users['root'])
        daemon = Daemon(bus, prefix, area / 'daemon')
        root = Caller(bus, users['root'])
        bare = bare_directory(area / 'bare', 'big', [random_disk(8)])
        made = root.wait(root.import_(bare))['ImportedVirtualMachine']
        job = root.export(made, area / 'root/package', {'BandwidthLimit': GLib.Variant('t', 65536)})
        wait_on_disk(lambda: [name for name in names(area / 'root') if '.raw' in name], 'a copy')
        workers = daemon.workers()
        bus.process.kill()
        bus.process.wait(DEADLINE)
        assert daemon.process.wait(DEADLINE) == 1, daemon.log()
        assert 'message bus' in daemon.log()
        for worker in workers:
            wait_gone(worker.pid, 'a worker of the daemon that ended')
        bus.log.close()
        (folder / 'bus').unlink()
        bus = Bus(folder, prefix, users['root'])
        daemon.bus = bus
        daemon.start()
        root = Caller(bus, users['root'])
        assert refused(root.wait, job).name == f'{ERROR}Interrupted'
        assert names(area / 'root') == [] and list(root.machines()) == [made]
        root.wait(root.export(made, area / 'root/package'))
        daemon.stop()
        daemon.check()
        bus.stop()
    finally:
        os.environ['DBUS_SYSTEM_BUS_ADDRESS'] = variable
