"""The life of a job: who waits, who leaves, what the daemon remembers and what it rolls back."""

import pytest
from gi.repository import GLib

from rig.caller import DAEMON, ERROR, JOB, MACHINE, MANAGER, STORE, UNKNOWN_OBJECT, refused
from rig.jobs import HELD, Gate, Hold, failure
from rig.loop import wait_asking, wait_for, wait_on_disk
from rig.machines import names, random_disk
from rig.recorder import COMPLETED, EXCEPTION, TERMINAL, Recorder

pytestmark = pytest.mark.modes('system', 'session')

JOB_PROPERTIES = {'Manager', 'Operation', 'OwnerUid', 'JobState', 'PercentComplete', 'Phase',
                  'BytesDone', 'BytesTotal', 'BandwidthLimit', 'StartTime', 'EndTime',
                  'Cancellable', 'ErrorCode', 'ErrorName'}


def test_readable_before_the_method_replies(daemon, alice, recorder, make_vm, area, users):
    machine = make_vm('web')
    job = alice.export(machine, area / 'alice/package')
    properties = alice.job(job)
    assert set(properties) == JOB_PROPERTIES
    assert properties['Manager'] == STORE and properties['Operation'] == 'Export'
    assert properties['OwnerUid'] == users['alice'].uid
    assert recorder.wait(STORE, 'JobAdded', lambda arguments: arguments == (job,))
    alice.wait(job)
    description = alice.describe(job)
    assert description['VirtualMachine'] == 'web'
    assert description['Directory'] == str(area / 'alice/package')
    assert set(description) >= {'VirtualMachine', 'Directory', 'CurrentFile', 'Message',
                                'Findings', 'Leftovers'}
    assert description['Leftovers'] == []


def test_wait_looks_and_returns(daemon, alice, recorder, make_vm, area):
    machine = make_vm('big', [random_disk(2)])
    hold = Hold(daemon, recorder, 'Copying')
    job = alice.export(machine, area / 'alice/package', HELD)
    hold.wait()
    for usec in (0, 1000):
        assert refused(alice.wait, job, usec).name == f'{ERROR}Timeout', \
            'TimeoutUSec: 0 = look and return, Timeout'
    assert alice.job(job)['JobState'] not in TERMINAL, 'no job itself ends with Timeout'
    waiting = [alice.start_wait(job) for _ in range(3)]
    hold.release()
    results = [pending.result() for pending in waiting]
    assert results[0] == results[1] == results[2] == alice.wait(job, 0)
    assert results[0]['ExportPath'] == str(area / 'alice/package')


def test_wait_after_the_end_by_another_client(daemon, connect, recorder, make_vm, area):
    machine = make_vm('web')
    first = connect('alice')
    job = first.export(machine, area / 'alice/package')
    first.close()
    assert recorder.wait_finished(job) == (COMPLETED, ''), 'a job goes on when its client leaves'
    second = connect('alice')
    assert second.wait(job)['ExportPath'] == str(area / 'alice/package'), \
        'a second client that comes after the end: Wait gives the result'


def test_client_leaves_in_the_middle(daemon, connect, recorder, make_vm, area):
    machine = make_vm('big', [random_disk(2)])
    alice = connect('alice')
    hold = Hold(daemon, recorder, 'Copying')
    job = alice.export(machine, area / 'alice/package', HELD)
    hold.wait()
    alice.close()
    hold.release()
    assert recorder.wait_finished(job)[0] == COMPLETED
    assert (area / 'alice/package/vmport.xml').exists()


@pytest.mark.modes('system')
def test_client_leaves_before_its_job_is_made(daemon, connect, root, area, make_vm):
    """One that has left gets no job, or one that runs to its end; never half of one."""
    machine = make_vm('web')
    # libpolkit warns where polkitd has noticed first that the caller is gone.
    daemon.fatal = 'fatal-criticals'
    daemon.restart()
    for number in range(5):
        alice = connect('alice')
        alice.start(STORE, MANAGER, 'Export', '(osa{sv})',
                    (machine, f'{area}/alice/package{number}', {}))
        alice.connection.flush_sync(None)
        alice.close()
        wait_on_disk(lambda: daemon.bus.owner(alice.unique_name) is None, 'the bus to notice')
    # The daemon has heard of that before the next call, so no job is made any more.
    for job in root.jobs():
        root.wait(job)
    for name in (area / 'alice').iterdir():
        assert (name / 'vmport.xml').exists()


def test_results_outlive_a_restart(daemon, alice, make_vm, area):
    machine = make_vm('web')
    good = alice.export(machine, area / 'alice/package')
    result = alice.wait(good)
    bad = alice.export(machine, area / 'bob/package')
    error = refused(alice.wait, bad)
    before = alice.job(good), alice.job(bad)
    daemon.restart()
    assert (alice.job(good), alice.job(bad)) == before, \
        'it stays for five minutes after its end, over a restart of the daemon too'
    assert alice.wait(good) == result
    again = refused(alice.wait, bad)
    assert (again.name, again.message) == (error.name, error.message)
    assert set(alice.jobs()) >= {good, bad}
    assert list(alice.machines()) == [machine]
    new = alice.export(machine, area / 'alice/other')
    assert int(new.rsplit('/', 1)[1]) > int(bad.rsplit('/', 1)[1]), \
        'n is never used twice, not even after a restart'


def test_forgotten_after_its_time(make_daemon, alice, root, make_vm, area):
    make_daemon(JobRetentionSec=1)
    machine = make_vm('web')
    assert alice.get(STORE, MANAGER, 'JobRetentionUSec') == 1000000
    recorder = Recorder(root)
    job = alice.export(machine, area / 'alice/package')
    alice.wait(job)
    recorder.wait(STORE, 'JobRemoved', lambda arguments: arguments == (job,))
    assert refused(alice.wait, job).name == UNKNOWN_OBJECT
    assert refused(alice.get_all, job, JOB).name in \
        (UNKNOWN_OBJECT, 'org.freedesktop.DBus.Error.UnknownMethod')
    assert alice.jobs() == []


def test_default_retention(daemon, alice):
    assert alice.get(STORE, MANAGER, 'JobRetentionUSec') == 300 * 1000000


def test_release(daemon, alice, recorder, make_vm, area):
    machine = make_vm('web')
    job = alice.export(machine, area / 'alice/package')
    alice.wait(job)
    alice.release(job)
    recorder.wait(STORE, 'JobRemoved', lambda arguments: arguments == (job,))
    assert refused(alice.wait, job).name == UNKNOWN_OBJECT
    daemon.restart()
    assert refused(alice.wait, job).name == UNKNOWN_OBJECT
    assert alice.export(machine, area / 'alice/other') != job


def test_release_of_a_running_job(daemon, alice, recorder, make_vm, area):
    """The owner forgets an *ended* job early."""
    machine = make_vm('big', [random_disk(2)])
    hold = Hold(daemon, recorder, 'Copying')
    job = alice.export(machine, area / 'alice/package', HELD)
    hold.wait()
    assert refused(alice.release, job).name == f'{ERROR}InvalidState'
    hold.release()
    alice.wait(job)


def interrupted(daemon, caller, job):
    """Kills vmportd, starts it again, and looks at what it says of the job."""
    daemon.kill()
    daemon.start()
    error = refused(caller.wait, job)
    assert error.name == f'{ERROR}Interrupted', error
    properties = caller.job(job)
    assert properties['JobState'] == EXCEPTION, \
        'a job that was running when the daemon died comes back as 10 with Interrupted'
    assert properties['ErrorName'] == f'{ERROR}Interrupted' and properties['ErrorCode'] == 32768
    assert caller.describe(job)['Leftovers'] == []


def test_export_interrupted(daemon, alice, root, make_vm, area):
    machine = make_vm('big', [random_disk(2)])
    hold = Hold(daemon, Recorder(root), 'Copying')
    job = alice.export(machine, area / 'alice/package', HELD)
    hold.wait()
    assert list((area / 'alice').rglob('.vmport-*')), \
        'everything is written under .vmport-<token>/'
    interrupted(daemon, alice, job)
    wait_on_disk(lambda: names(area / 'alice') == [], 'the rollback')
    alice.wait(alice.export(machine, area / 'alice/package'))


def test_import_interrupted(daemon, alice, root, make_vm, area):
    machine = make_vm('big', [random_disk(2)])
    alice.wait(alice.export(machine, area / 'alice/package'))
    before = names(daemon.store)
    hold = Hold(daemon, Recorder(root), 'Copying')
    job = alice.import_(area / 'alice/package', {'Name': 'copy', **HELD})
    hold.wait()
    interrupted(daemon, alice, job)
    assert names(daemon.store) == before
    assert list(alice.machines()) == [machine]
    alice.wait(alice.import_(area / 'alice/package', {'Name': 'copy'}))


@pytest.mark.parametrize('phase', ['Reading', 'Copying', 'Syncing', 'Defining'])
@pytest.mark.parametrize('operation', ['Export', 'Import'])
def test_killed_as_the_phase_is_told(daemon, alice, root, make_vm, area, operation, phase):
    """After any crash there is either the whole VM or no trace of it; so with packages."""
    machine = make_vm('web', [random_disk(24)])
    package = area / 'alice/package'
    if operation == 'Import':
        alice.wait(alice.export(machine, package))
    files, stored = names(area / 'alice'), names(daemon.store)
    recorder, seen = Recorder(root), []

    def heard(signal):
        if signal.name == 'Progress' and signal.arguments[3] in (phase, 'Done') and not seen:
            seen.append(signal.path)
            daemon.kill()

    recorder.on(heard)
    pending = alice.start(STORE, MANAGER, operation, *(
        ('(osa{sv})', (machine, str(package), {})) if operation == 'Export' else
        ('(sa{sv})', (str(package), {'Name': GLib.Variant('s', 'copy')}))))
    wait_for(lambda: seen, 'the phase to be told')
    daemon.start()
    del pending
    job = seen[0]
    wait_asking(lambda: alice.job(job)['JobState'] in TERMINAL, 'the rollback')
    whole = alice.job(job)['JobState'] == COMPLETED
    if not whole:
        assert alice.job(job)['ErrorName'] == f'{ERROR}Interrupted'
    if operation == 'Export':
        assert (package / 'vmport.xml').exists() if whole else names(area / 'alice') == files
    else:
        assert len(alice.machines()) == (2 if whole else 1)
        if not whole:
            assert names(daemon.store) == stored


def test_rolled_back_when_the_place_is_back(daemon, alice, root, make_vm, area, users):
    """Where the place is out of reach after a restart, Describe tells what is left, and it is
    tried again whenever a job names the place."""
    machine = make_vm('big', [random_disk(2)])
    hold = Hold(daemon, Recorder(root), 'Copying')
    job = alice.export(machine, area / 'alice/package', HELD)
    hold.wait()
    daemon.fatal = 'fatal-criticals'   # it warns of what is left
    daemon.kill()
    (area / 'alice').rename(area / 'away')
    daemon.start()
    assert refused(alice.wait, job).name == f'{ERROR}Interrupted'
    assert alice.describe(job)['Leftovers'], 'until then Describe tells what is left'
    (area / 'away').rename(area / 'alice')
    alice.wait(alice.export(machine, area / 'alice/package'))
    assert not list((area / 'alice').rglob('.vmport-*'))


def test_one_machine_one_job(daemon, alice, recorder, make_vm, area):
    """Two jobs that need one VM exclusively: the second gets InUse."""
    machine = make_vm('big', [random_disk(2)])
    hold = Hold(daemon, recorder, 'Copying')
    job = alice.export(machine, area / 'alice/package', HELD)
    hold.wait()
    assert alice.get(machine, MACHINE, 'ActiveJob') == job
    assert refused(alice.delete, machine).name == f'{ERROR}InUse'
    error = failure(alice, alice.export, machine, area / 'alice/second')
    assert error.name == f'{ERROR}InUse', error
    hold.release()
    alice.wait(job)
    assert alice.get(machine, MACHINE, 'ActiveJob') == '/'
    alice.wait(alice.export(machine, area / 'alice/second'))


def test_side_by_side(make_daemon, alice, root, make_vm, area, prefix):
    """Jobs run side by side up to MaxJobs, the rest are Queued."""
    daemon = make_daemon(MaxJobs=2)
    machines = [make_vm(f'vm{number}') for number in range(4)]
    gate = Gate(area, prefix)
    daemon.worker = gate.program
    daemon.restart()
    jobs = [alice.export(machine, area / f'alice/{number}')
            for number, machine in enumerate(machines)]
    gate.wait(2)
    assert [alice.job(job)['Phase'] == 'Queued' for job in jobs] == [False, False, True, True]
    assert len(gate.waiting()) == 2
    pending = [alice.start_wait(job) for job in jobs]

    def done():
        gate.open()
        return all(call.done for call in pending)

    tick = GLib.timeout_add(20, lambda: GLib.SOURCE_CONTINUE)
    try:
        wait_for(done, 'all four jobs')
    finally:
        GLib.source_remove(tick)
    for call in pending:
        assert call.result()['ExportPath']


@pytest.mark.modes('system')
def test_limit_for_one_user(make_daemon, alice, carol, root, make_vm, area):
    """Limits fail the call; other people are not concerned."""
    daemon = make_daemon(MaxJobs=1, MaxJobsPerUser=2)
    machines = [make_vm('big', [random_disk(2)])] + [make_vm(f'vm{n}') for n in range(3)]
    hold = Hold(daemon, Recorder(root), 'Copying')
    jobs = [alice.export(machine, area / f'alice/{number}', settings)
            for number, (machine, settings) in enumerate(zip(machines, (HELD, {})))]
    hold.wait()
    error = refused(alice.export, machines[2], area / 'alice/2')
    assert error.name in (f'{ERROR}InUse', f'{ERROR}NotAvailable', f'{ERROR}Failed',
                          'org.freedesktop.DBus.Error.LimitsExceeded'), error
    jobs.append(carol.export(machines[3], area / 'carol/3'))
    hold.release()
    for job in jobs[:2]:
        alice.wait(job)
    carol.wait(jobs[2])
    alice.wait(alice.export(machines[2], area / 'alice/2'))


@pytest.mark.modes('system')
def test_users_take_turns(make_daemon, alice, carol, root, make_vm, area, prefix):
    """Who comes later with one job does not wait for all of somebody else's."""
    daemon = make_daemon(MaxJobs=1)
    machines = [make_vm(f'vm{number}') for number in range(4)]
    gate = Gate(area, prefix)
    daemon.worker = gate.program
    daemon.restart()
    recorder = Recorder(root)
    jobs = [alice.export(machine, area / f'alice/{number}')
            for number, machine in enumerate(machines[:3])]
    gate.wait()
    late = carol.export(machines[3], area / 'carol/package')

    def done():
        gate.open()
        return len(recorder.of(name='Finished')) == 4

    tick = GLib.timeout_add(20, lambda: GLib.SOURCE_CONTINUE)
    try:
        wait_for(done, 'all four jobs')
    finally:
        GLib.source_remove(tick)
    assert [signal.path for signal in recorder.of(name='Finished')] == [jobs[0], late, *jobs[1:]]
    recorder.close()


def test_daemon_ends_while_a_job_runs(daemon, alice, root, make_vm, area):
    """SIGTERM is no crash: the job is rolled back, and reads Interrupted afterwards."""
    machine = make_vm('big', [random_disk(2)])
    hold = Hold(daemon, Recorder(root), 'Copying')
    job = alice.export(machine, area / 'alice/package', HELD)
    hold.wait()
    daemon.restart()
    assert refused(alice.wait, job).name == f'{ERROR}Interrupted'
    assert names(area / 'alice') == []


def test_unknown_options(daemon, alice, make_vm, area):
    """An unknown option is InvalidParameter, in every method."""
    machine = make_vm('web')
    job = alice.export(machine, area / 'alice/package')
    alice.wait(job)
    options = ({'NoSuchOption': GLib.Variant('b', True)},)
    for path, interface, method in ((job, JOB, 'Wait'), (job, JOB, 'Describe'),
                                    (job, JOB, 'Cancel'), (job, JOB, 'Release'),
                                    ('/org/vmport', DAEMON, 'ListJobs'),
                                    (STORE, MANAGER, 'ListVirtualMachines'),
                                    (machine, MACHINE, 'GetConfiguration'),
                                    (machine, MACHINE, 'Delete')):
        error = refused(alice.call, path, interface, method, '(a{sv})', options)
        assert error.name == f'{ERROR}InvalidParameter', f'{method}: {error}'
        assert 'NoSuchOption' in error.message
    assert machine in alice.machines() and alice.job(job)
