"""What a job left in a place that is out of reach: it is told, tried again, and cleaned up when the
place is back; what is in its stead is nobody's to touch; and nobody waits for it."""

import time

import pytest
from gi.repository import GLib

from rig.caller import ERROR, refused
from rig.loop import wait_gone, wait_on_disk
from rig.machines import names, random_disk
from rig.places import WAYS, Silent
from test_faults import FULL

# So slow that there is time enough for everything; somewhat less where a write has to come.
SLOWLY = {'BandwidthLimit': GLib.Variant('t', 16 << 10)}
LESS_SLOWLY = {'BandwidthLimit': GLib.Variant('t', 256 << 10)}
OPERATIONS = ('export', 'import')


@pytest.fixture
def make_place(area, users):
    made = []

    def make(way):
        # What is tried first in one folder of carol's is tried next in another.
        parent = area / 'carol' / str(len(made))
        parent.mkdir()
        users['carol'].own(parent)
        made.append(way(parent, users['carol']))
        return made[-1]

    yield make
    for place in made:
        place.close()


class Left:
    """A job of carol's that was writing into a place; made before that is lost."""

    def __init__(self, carol, machine, package, place, operation):
        self.carol, self.place, self.operation = carol, place, operation
        limit = LESS_SLOWLY if isinstance(place, Silent) else SLOWLY
        if operation == 'export':
            self.job = carol.export(machine, place.folder / 'package', limit)
        else:
            self.job = carol.import_(package, {
                'Name': f'copy-{place.folder.parent.name}', 'TargetVhdDataRoot': str(place.folder),
                **limit})
        wait_on_disk(lambda: self.found(), f'the {operation} to write into {place.folder}')

    def found(self):
        return [path for path in names(self.place.content()) if '.vmport-' in path]

    def leftovers(self):
        return self.carol.describe(self.job)['Leftovers']

    def __str__(self):
        return f'{self.operation}, {type(self.place).__name__}'


def wait_settled(left):
    """Taken back without any further call that would name the place."""
    for one in left:
        wait_on_disk(lambda one=one: one.leftovers() == [], f'nothing to be left of {one}')
        assert names(one.place.content()) == [], one


@pytest.fixture
def daemon(make_daemon):
    daemon = make_daemon(MaxJobs=32, MaxJobsPerUser=32, LeftoverRetrySec=1, WorkerTimeoutSec=2)
    daemon.fatal = 'fatal-criticals'   # it warns of what is left
    daemon.restart()
    return daemon


@pytest.fixture
def package(carol, make_vm, area):
    machine = make_vm('packed', [random_disk(4)])
    carol.wait(carol.export(machine, area / 'carol/package'))
    carol.delete(machine)
    return area / 'carol/package'


@pytest.fixture
def start(carol, make_vm, package, make_place):
    """start(way, operation): a job that writes into such a place."""
    def make(way, operation):
        place = make_place(way)
        machine = make_vm(f'vm{place.folder.parent.name}', [random_disk(4)]) \
            if operation == 'export' else None
        return Left(carol, machine, package, place, operation)
    return make


@pytest.mark.parametrize('end', ['cancelled', 'killed'])
def test_every_way(daemon, carol, bob, start, record_property, end):
    """Each way with an export and with an import to a target of the caller's choice; in tests/check with
    one of the two."""
    left = [start(way, operation) for number, way in enumerate(WAYS) for operation in
            (OPERATIONS if FULL else [OPERATIONS[(number + (end == 'killed')) % 2]])]
    if end == 'killed':
        daemon.kill()
    for one in left:
        one.place.lose()
        if end == 'cancelled':
            carol.cancel(one.job)
    if end == 'killed':
        daemon.start()
    for one in left:
        # What is written into a broken file system may have failed before the cancellation.
        assert refused(carol.wait, one.job).name in (
            (f'{ERROR}Interrupted',) if end == 'killed' else (f'{ERROR}Cancelled', f'{ERROR}Failed'))
        assert one.leftovers(), one
    # Still out of reach, and still known.
    daemon.restart()
    for one in left:
        assert one.leftovers(), one
    assert bob.machines()
    for one in left:
        one.place.restore()
        assert one.found(), f'{one}: this showed nothing'
    wait_settled(left)
    record_property('reliability', (f'places out of reach, {end}', len(left), 0, len(left)))


def test_file_system_that_does_not_answer(daemon, alice, root, make_vm, area, start):
    """Nobody can end a process that waits for it. The job ends all the same, is rolled back when the file
    system answers, and keeps nobody else from anything."""
    left, other = start(Silent, 'export'), make_vm('other')
    stuck = daemon.workers()
    left.place.lose()
    root.cancel(left.job)
    ended = left.carol.start_wait(left.job)
    slowest, number = 0, 0
    while not ended.done:
        before = time.monotonic()
        assert other in alice.machines()
        slowest = max(slowest, time.monotonic() - before)
        if number < 3:
            alice.wait(alice.export(other, area / f'alice/{number}'))
        number += 1
    assert number > 3 and slowest < 2, (number, slowest)
    assert refused(ended.result).name == f'{ERROR}Cancelled'
    assert left.leftovers() == [str(left.place.folder / 'package')]
    assert 'does not end, since a file system does not answer it' in daemon.log(), \
        'nobody was stuck, so this showed little'
    left.place.restore()
    wait_settled([left])
    for worker in stuck:
        wait_gone(worker.pid, 'a worker that nobody could end')
