"""Cancelling, at a moment in each phase: state 8, and nothing is left."""

import pytest

from rig.caller import ERROR, refused
from rig.jobs import HELD, Gate, Hold
from rig.loop import wait_on_disk
from rig.machines import block_disk, names, random_disk
from rig.recorder import COMPLETED, TERMINAL, TERMINATED, WITH_WARNINGS, Recorder

pytestmark = pytest.mark.modes('system', 'session')


def assert_cancelled(caller, job, recorder):
    """interface.md: a cancelled job answers with Cancelled; 8 only after everything is cleaned
    up; Finished exactly once, after the last property change."""
    assert refused(caller.wait, job).name == f'{ERROR}Cancelled'
    properties = caller.job(job)
    assert properties['JobState'] == TERMINATED
    assert properties['ErrorName'] == f'{ERROR}Cancelled' and properties['ErrorCode'] == 32768
    assert properties['PercentComplete'] < 100 and not properties['Cancellable']
    assert recorder.wait_finished(job) == (TERMINATED, f'{ERROR}Cancelled')
    caller.cancel(job)   # safe to repeat; no error when the job has just ended
    assert caller.job(job)['JobState'] == TERMINATED


def assert_export_clean(caller, machine, area):
    assert names(area / 'alice') == [], 'nothing is left in the target'
    assert caller.get(machine, 'org.vmport.VirtualMachine', 'ActiveJob') == '/'
    caller.wait(caller.export(machine, area / 'alice/package'))
    assert (area / 'alice/package/vmport.xml').exists(), 'the next export works'


@pytest.fixture
def machine(make_vm):
    return make_vm('web', [random_disk(2)])


@pytest.mark.parametrize('phase', ['Copying', 'Syncing'])
def test_export_held(daemon, alice, recorder, make_vm, area, phase):
    machine = make_vm('web', [block_disk() if phase == 'Syncing' else random_disk(2)])
    hold = Hold(daemon, recorder, phase)
    job = alice.export(machine, area / 'alice/package', HELD)
    hold.wait()
    assert alice.job(job)['Phase'] == phase and alice.job(job)['Cancellable']
    alice.cancel(job)   # a stopped worker must not keep it
    assert_cancelled(alice, job, recorder)
    assert_export_clean(alice, machine, area)


def test_import_held(daemon, alice, recorder, machine, area):
    alice.wait(alice.export(machine, area / 'alice/package'))
    before = names(daemon.store)
    hold = Hold(daemon, recorder, 'Copying')
    job = alice.import_(area / 'alice/package', {'Name': 'copy', **HELD})
    hold.wait()
    alice.cancel(job)
    assert_cancelled(alice, job, recorder)
    assert names(daemon.store) == before, 'nothing is left in the store'
    assert list(alice.machines()) == [machine]
    alice.wait(alice.import_(area / 'alice/package', {'Name': 'copy'}))


def test_before_the_worker_has_begun(make_daemon, area, prefix, connect, alice, root, make_vm):
    """Reading: the worker stands before its first instruction."""
    daemon = make_daemon()
    machine = make_vm('web')
    gate = Gate(area, prefix)
    daemon.worker = gate.program
    daemon.restart()
    recorder = Recorder(root)
    job = alice.export(machine, area / 'alice/package')
    gate.wait()
    assert alice.job(job)['JobState'] not in TERMINAL
    alice.cancel(job)
    assert_cancelled(alice, job, recorder)
    daemon.worker = None
    daemon.restart()
    assert_export_clean(alice, machine, area)


def test_queued(make_daemon, alice, root, make_vm, area):
    """With MaxJobs=1 the second job waits, and is cancelled without having started."""
    daemon = make_daemon(MaxJobs=1)
    first, second = make_vm('first', [random_disk(2)]), make_vm('second')
    recorder = Recorder(root)
    hold = Hold(daemon, recorder, 'Copying')
    running = alice.export(first, area / 'alice/first', HELD)
    hold.wait()
    queued = alice.export(second, area / 'alice/second')
    properties = alice.job(queued)
    assert properties['Phase'] == 'Queued' and properties['StartTime'] == 0, properties
    alice.cancel(queued)
    assert_cancelled(alice, queued, recorder)
    assert not (area / 'alice/second').exists()
    hold.release()
    alice.wait(running)
    alice.wait(alice.export(second, area / 'alice/second'))


@pytest.mark.parametrize('operation, phase', [
    ('Export', 'Reading'), ('Export', 'Copying'), ('Export', 'Syncing'), ('Export', 'Defining'),
    ('Import', 'Reading'), ('Import', 'Copying'), ('Import', 'Verifying'), ('Import', 'Syncing'),
    ('Import', 'Defining')])
def test_as_the_phase_is_told(daemon, alice, recorder, make_vm, area, operation, phase):
    """The moment is not held here, so the job may have been done; it is never half."""
    machine = make_vm('web', [random_disk(24)])
    package = area / 'alice/package'
    if operation == 'Import':
        alice.wait(alice.export(machine, package))
    machines, files = set(alice.machines()), names(area / 'alice')
    stored = names(daemon.store)
    pending = []

    def heard(signal):
        if signal.name == 'Progress' and signal.arguments[3] == phase and not pending:
            pending.append(alice.start(signal.path, 'org.vmport.Job', 'Cancel', '(a{sv})', ({},)))

    recorder.on(heard)
    job = alice.export(machine, package) if operation == 'Export' else \
        alice.import_(package, {'Name': 'copy'})
    state, name = recorder.wait_finished(job)
    for reply in pending:
        reply.result()
    if state in (COMPLETED, WITH_WARNINGS):
        assert name == '' and alice.wait(job)
        assert not pending or 'Cancellable' in alice.job(job)
    else:
        assert state == TERMINATED and name == f'{ERROR}Cancelled', (state, name)
        assert names(area / 'alice') == files
        assert set(alice.machines()) == machines and names(daemon.store) == stored
    assert pending or phase not in recorder.phases(job)


def test_an_ended_job(daemon, alice, make_vm, area):
    job = alice.export(make_vm('web'), area / 'alice/package')
    alice.wait(job)
    alice.cancel(job)
    assert alice.job(job)['JobState'] == COMPLETED, 'no error when the job has just ended'
    wait_on_disk(lambda: (area / 'alice/package/vmport.xml').exists(), 'the package')
