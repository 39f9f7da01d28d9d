"""--exit-on-idle: a daemon that the bus has started leaves when it has nothing to do, and not before."""

import pathlib
import subprocess
import time

import pytest

from rig.caller import Refused
from rig.loop import DEADLINE

pytestmark = pytest.mark.modes('system', 'session')


@pytest.fixture
def leaving(make_daemon):
    """A daemon that leaves after a second without work, and forgets a job after four."""
    daemon = make_daemon(JobRetentionSec=4)
    daemon.stop()
    daemon.options += ('--exit-on-idle=1',)
    return daemon


def start_for(daemon, caller):
    """Starts it and calls: it stays for a caller, but may have left before the call."""
    while True:
        daemon.start()
        try:
            return caller.jobs()
        except Refused as error:
            assert error.name == 'org.freedesktop.DBus.Error.ServiceUnknown', error
            assert_leaves(daemon)


def assert_leaves(daemon):
    assert daemon.process.wait(DEADLINE) == 0, daemon.log()


def test_nobody_calls(leaving):
    leaving.start()
    assert_leaves(leaving)


def test_the_enabled_unit_stays(daemon):
    """What it is started with has no --exit-on-idle."""
    with pytest.raises(subprocess.TimeoutExpired):
        daemon.process.wait(1.5)


@pytest.fixture
def no_libvirt():
    """Other tests' libvirtd, if there is one, is out of sight: who is connected to it stays so."""
    place = pathlib.Path('/run/libvirt')
    place.mkdir(exist_ok=True)
    subprocess.run(('mount', '-t', 'tmpfs', 'tmpfs', place), check=True)
    yield
    subprocess.run(('umount', place), check=True)


def test_what_it_takes(no_libvirt, make_daemon, anyone):
    """The store alone. A user's libvirtd is started by who calls it, so its driver is there at once;
    for the host's: test_libvirt_manager.py."""
    daemon = make_daemon()
    anyone.machines()
    assert daemon.resident <= (30 if daemon.bus.session else 15) or daemon.is_sanitized


def test_caller_is_on_the_bus(leaving, connect, anyone):
    start_for(leaving, anyone)
    other = connect(anyone.user.name)
    other.jobs()
    other.close()
    with pytest.raises(subprocess.TimeoutExpired):
        leaving.process.wait(2.5)
    anyone.jobs()
    anyone.close()
    assert_leaves(leaving)


def test_job_is_remembered(leaving, make_vm, root, area):
    start_for(leaving, root)
    job = root.export(make_vm('web'), area / 'alice/package')
    root.wait(job)
    ended = root.job(job)['EndTime'] / 1e6
    root.close()
    assert_leaves(leaving)
    assert time.time() > ended + 4, 'it left before the job was forgotten'


def test_comes_back_for_the_next_call(leaving, connect, anyone):
    """As the bus would start it again: the state is what it was."""
    leaving.start()
    assert_leaves(leaving)
    assert start_for(leaving, anyone) == []
    anyone.close()
    assert_leaves(leaving)
