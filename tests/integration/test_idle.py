"""--exit-on-idle: a daemon that the bus has started leaves when it has nothing to do, and not before."""

import subprocess

import pytest

from rig.loop import DEADLINE

pytestmark = pytest.mark.modes('system', 'session')


@pytest.fixture
def leaving(make_daemon):
    """A daemon that leaves after a second without work, and forgets a job after four."""
    daemon = make_daemon(JobRetentionSec=4)
    daemon.stop()
    daemon.options += ('--exit-on-idle=1',)
    return daemon


def assert_stays(daemon, seconds):
    with pytest.raises(subprocess.TimeoutExpired):
        daemon.process.wait(seconds)


def assert_leaves(daemon):
    assert daemon.process.wait(DEADLINE) == 0, daemon.log()


def test_nobody_calls(leaving):
    leaving.start()
    assert_leaves(leaving)


def test_caller_is_on_the_bus(leaving, connect, anyone):
    leaving.start()
    anyone.jobs()
    other = connect(anyone.user.name)
    other.jobs()
    other.close()
    assert_stays(leaving, 2.5)
    anyone.jobs()
    anyone.close()
    assert_leaves(leaving)


def test_job_is_remembered(leaving, make_vm, root, area):
    leaving.start()
    root.wait(root.export(make_vm('web'), area / 'alice/package'))
    root.close()
    assert_stays(leaving, 2.5)
    assert_leaves(leaving)


def test_comes_back_for_the_next_call(leaving, connect, anyone):
    """As the bus would start it again: the state is what it was."""
    leaving.start()
    assert_leaves(leaving)
    leaving.start()
    assert anyone.jobs() == []
    anyone.close()
    assert_leaves(leaving)
