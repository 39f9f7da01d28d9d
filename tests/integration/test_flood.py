"""One user calls ten thousand times a second: the others are served."""

import os
import pathlib
import statistics
import subprocess
import sys
import time

import pytest

from test_faults import FULL

PROGRAM = pathlib.Path(__file__).parent / 'rig/flood.py'


class Flood:
    def __init__(self, bus, user, kind, rate=10000, connections=1):
        # The user has no way to the source.
        self.process = user.popen(
            (sys.executable, '-c', PROGRAM.read_text(), bus.address, kind, str(rate),
             str(connections)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == 'ready\n'

    def stop(self):
        """How many calls there were, and in how many seconds."""
        said, _ = self.process.communicate('\n', timeout=60)
        sent, seconds = said.split()
        return int(sent), float(seconds)


def measure(caller, seconds):
    times, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        before = time.monotonic()
        caller.machines()
        times.append(time.monotonic() - before)
    return times


def rss(daemon):
    return next(int(line.split()[1]) for line in (daemon.proc / 'status').read_text().splitlines()
                if line.startswith('VmRSS'))


@pytest.mark.parametrize('kind, connections', [
    ('list', 8), ('quiet list', 8),
    *([('list', 1), ('quiet list', 1), ('quiet jobs', 8), ('none', 8), ('quiet none', 8)]
      if FULL else [])])
def test_flood(daemon, bus, users, bob, make_vm, kind, connections):
    """“quiet” wants no answers, of which the bus lets one connection wait for 128. How fast the others
    are served depends on the machine; that they are, and that the daemon keeps no more than it can
    serve soon, does not."""
    make_vm('web')
    bob.machines()
    before = rss(daemon)
    flood = Flood(bus, users['alice'], kind, connections=connections)
    times = measure(bob, 3 if FULL else 1.5)
    sent, seconds = flood.stop()
    assert sent > 1000 * seconds, f'{sent} calls in {seconds} s are no flood'
    figures = (f'{kind} from {connections}: {sent / seconds:.0f} calls a second; another user had '
               f'{len(times)} answers, median {statistics.median(times) * 1000:.0f} ms, worst '
               f'{max(times) * 1000:.0f} ms')
    print(figures)
    # It grew by 100 MiB a second.
    assert rss(daemon) - before < 96 << 10, figures
    bob.machines()


def test_too_many_at_once(daemon, alice, bob, make_vm):
    """What is too much is refused, by the name that the contract has for it, and all else answered."""
    make_vm('web')
    calls = [alice.start('/org/vmport', 'org.vmport.Daemon', 'ListJobs', '(a{sv})', ({},))
             for _ in range(120)]
    assert bob.machines()
    assert all(call.result() == [] for call in calls), 'as many as the bus allows are none too many'
