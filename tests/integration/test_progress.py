"""Progress: monotonic, at most ten signals a second, 100 only at the end, Finished once."""

import pytest
from gi.repository import GLib

from rig.caller import JOB, refused
from rig.jobs import HELD, Hold
from rig.loop import run_for
from rig.machines import MIB, Disk, random_disk
from rig.recorder import COMPLETED, TERMINATED, WITH_WARNINGS

pytestmark = pytest.mark.modes('system', 'session')

PHASES = ['Queued', 'Reading', 'Copying', 'Verifying', 'Syncing', 'Defining', 'Done']


@pytest.fixture(params=['Export', 'Import'])
def finished(request, daemon, alice, recorder, make_vm, area):
    """A job that has run to its end, so slowly that it has progress to tell of."""
    machine = make_vm('big', [random_disk(24), Disk(name='small.qcow2')])
    package = area / 'alice/package'
    slowly = {'BandwidthLimit': GLib.Variant('t', 32 * MIB)}
    job = alice.export(machine, package, slowly)
    alice.wait(job)
    if request.param == 'Import':
        job = alice.import_(package, {'Name': 'copy', **slowly})
        alice.wait(job)
    recorder.wait_finished(job)
    return job


def test_progress(finished, alice, recorder):
    job = finished
    heard = recorder.of(job, 'Progress')
    assert heard, 'Progress is signalled'
    percents = [signal.arguments[0] for signal in heard]
    done = [signal.arguments[1] for signal in heard]
    assert percents == sorted(percents) and done == sorted(done), 'never goes back'
    assert max(percents) <= 100
    for signal in heard:
        percent, bytes_done, total, phase = signal.arguments
        assert bytes_done <= total or total == 0
        assert phase in PHASES, phase
        assert percent < 100 or phase == 'Done', \
            f'100 only when all is done and safe on disk, not in the phase {phase}'
    assert heard[-1].arguments[0] == 100 and heard[-1].arguments[3] == 'Done'
    # Files are copied and flushed one by one, so these phases may come again.
    phases = [phase for phase in recorder.phases(job)
              if phase not in ('Copying', 'Verifying', 'Syncing')]
    assert phases == [phase for phase in PHASES if phase in phases], \
        f'phases go forward: {recorder.phases(job)}'
    assert len(set(done)) > 2, 'it tells of bytes between the first and the last'


@pytest.mark.modes('system')
def test_rate(finished, alice, recorder):
    """At most ten a second, and one for each change of phase. By the daemon's clock: signals that
    were delayed on their way arrive here at once."""
    job = finished
    progress = recorder.of(job, 'Progress')
    changes = sum(one.arguments[3] != other.arguments[3] for one, other in zip(progress, progress[1:]))
    properties = [signal for signal in recorder.of(job, 'PropertiesChanged')
                  if 'BytesDone' in signal.arguments[1]]
    described = alice.job(job)
    seconds = (described['EndTime'] - described['StartTime']) / 1e6
    for what in (progress, properties):
        assert 3 < len(what) <= 10 * seconds + changes + 2, (len(what), seconds, changes)


@pytest.mark.modes('system')
def test_finished_once_and_last(finished, alice, recorder):
    job = finished
    run_for(0.3)
    heard = recorder.of(job)
    assert [signal.name for signal in heard].count('Finished') == 1
    assert heard[-1].name == 'Finished', \
        f'after the last property change; after it came {[s.name for s in heard[-3:]]}'
    state, error = heard[-1].arguments
    assert state in (COMPLETED, WITH_WARNINGS) and error == ''
    assert alice.job(job)['JobState'] == state
    told = {}
    for signal in heard:
        if signal.name == 'PropertiesChanged' and signal.arguments[0] == JOB:
            told.update(signal.arguments[1])
    now = alice.job(job)
    assert {name: now[name] for name in told} == told, \
        'who listened knows what who asks now is told'
    assert {'JobState', 'Phase', 'PercentComplete', 'EndTime'} <= set(told)


def test_properties_follow_the_signals(daemon, alice, recorder, make_vm, area):
    job = alice.export(make_vm('web'), area / 'alice/package')
    alice.wait(job)
    recorder.wait_finished(job)
    percents = recorder.values(job, 'PercentComplete')
    assert percents == sorted(percents) and percents[-1] == 100
    states = recorder.values(job, 'JobState')
    assert states == sorted(states) and states[-1] == COMPLETED


def test_failure_keeps_its_percentage(daemon, alice, recorder, make_vm, area):
    machine = make_vm('big', [random_disk(2)])
    hold = Hold(daemon, recorder, 'Copying')
    job = alice.export(machine, area / 'alice/package', HELD)
    hold.wait()
    alice.cancel(job)
    refused(alice.wait, job)
    state, _ = recorder.wait_finished(job)
    assert state == TERMINATED
    last = recorder.of(job, 'Progress')[-1].arguments[0]
    assert alice.job(job)['PercentComplete'] >= last and last < 100
    assert [signal.name for signal in recorder.of(job)].count('Finished') == 1


def test_holes_are_not_counted(daemon, alice, make_vm, area):
    """BytesTotal is allocated payload: a terabyte with a megabyte in it is a megabyte."""
    machine = make_vm('sparse', [Disk(name='sparse.raw', format='raw', size=1 << 40,
                                      extents=[(1 << 39, b'x' * MIB)])])
    job = alice.export(machine, area / 'alice/package')
    alice.wait(job)
    assert MIB <= alice.job(job)['BytesTotal'] < 3 * MIB
    disk = area / 'alice/package/Virtual Hard Disks/sparse.raw'
    assert disk.stat().st_size == 1 << 40 and disk.stat().st_blocks * 512 < 3 * MIB
