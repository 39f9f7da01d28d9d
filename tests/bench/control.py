"""The daemon itself: its memory, and how soon it answers with many machines in its store."""

import re
import shutil
import statistics
import time
import uuid
from contextlib import ExitStack

from gi.repository import GLib

from measure import cold
from rig.caller import MANAGER, QEMU, STORE, Caller, Refused
from rig.loop import run_for, wait_for
from rig.machines import Disk
from rig.recorder import Recorder
from rig.world import open_world


def timed(function, rounds):
    """The median, in milliseconds."""
    times = []
    for _ in range(rounds):
        start = time.monotonic()
        function()
        times.append(time.monotonic() - start)
    return statistics.median(times) * 1000


def multiply(store, count):
    """Makes that many machines of the one in the store, as an import would have left them."""
    first, = (path for path in store.iterdir() if not path.name.startswith('.'))
    files = {path.relative_to(first): path.read_bytes()
             for path in first.rglob('*') if path.is_file()}
    modes = [(path.relative_to(first), path.stat()) for path in (first, *first.rglob('*'))]
    known = re.search(rb'<name>(.*?)</name>', next(content for path, content in files.items()
                                                   if path.suffix == '.xml')).group(1)
    for number in range(count):
        new = str(uuid.uuid4())
        place = store / new
        for relative, stat in modes:
            path = place / str(relative).replace(first.name, new)
            if relative in files:
                path.write_bytes(files[relative].replace(first.name.encode(), new.encode())
                                 .replace(b'<name>' + known, b'<name>' + known + b'-%d' % number))
            else:
                path.mkdir()
            path.chmod(stat.st_mode & 0o7777)


LIMITED = 24   # seconds


def measure_limit(bench, world, machine, package, size):
    """How far from the limit a job is, in any ten seconds of it."""
    root, recorder = world.root, Recorder(world.root)
    limit = size // LIMITED
    job = root.export(machine, package, {'BandwidthLimit': GLib.Variant('t', limit)})
    root.wait(job, timeout=10 * LIMITED)
    told = [(signal.when, signal.arguments[1]) for signal in recorder.of(job, 'Progress')
            if signal.arguments[3] == 'Copying']
    recorder.close()
    shutil.rmtree(package)
    worst = 0
    for start, before in told:
        then = next(((when, done) for when, done in told if when >= start + 10), None)
        if then:
            rate = (then[1] - before) / (then[0] - start)
            worst = max(worst, abs(rate / limit - 1) * 100)
    assert worst, 'the job was over too soon'
    bench.row('BandwidthLimit: off by, in any ten seconds', worst, 5, ' %')


def measure_cancel(bench, world, machine, package):
    """From the call to its answer, and to the end of the job, at moments all over it."""
    root, answers, ends = world.root, [], []
    start = time.monotonic()
    root.wait(root.export(machine, package), timeout=3600)
    whole = time.monotonic() - start
    shutil.rmtree(package)
    for part in range(1, 8):
        cold()
        job = root.export(machine, package)
        run_for(whole * part / 8)
        start = time.monotonic()
        root.cancel(job)
        answers.append(time.monotonic() - start)
        try:
            root.wait(job)
        except Refused:
            ends.append(time.monotonic() - start)
        shutil.rmtree(package, ignore_errors=True)
    bench.row('Cancel: its answer, the slowest of seven', max(answers) * 1000, 200, ' ms')
    bench.row('Cancel: the job has ended, all taken back', max(ends) * 1000, 200, ' ms')


def measure_start(bench, daemon, root):
    """What somebody waits longer whose call has the bus start the daemon."""
    times = []
    for _ in range(bench.options.rounds):
        daemon.stop()
        start = time.monotonic()
        daemon.start()
        root.machines()
        times.append(time.monotonic() - start)
    bench.row('daemon: start to first reply', statistics.median(times) * 1000, 250, ' ms')


def in_store(bench, stack):
    world = stack.enter_context(open_world(bench.folder, bench.bus, bench.prefix, bench.users))
    daemon, root = world.daemon, world.root
    measure_start(bench, daemon, root)
    bench.row('daemon: resident, the store alone', daemon.resident, 15, ' MiB')

    machine = world.machine('one', [Disk(extents=[])], networks=['user'])
    out = world.area / 'root/out'

    def export():
        root.wait(root.export(machine, out, {'CopyVmStorage': False}))
        shutil.rmtree(out)

    bench.row('daemon: configuration exported and flushed', timed(export, 5 * bench.options.rounds),
              100, ' ms')
    count = bench.options.machines
    daemon.stop()
    multiply(daemon.store, count)
    start = time.monotonic()
    daemon.start()
    known = root.machines()
    print(f'    {len(known)} machines, ready and listed {time.monotonic() - start:.2f} s after the '
          f'start, {daemon.resident:.1f} MiB resident', flush=True)
    assert len(known) == count + 1

    def call(method, signature, *arguments):
        # Without unpacking: what Python makes of an answer is no matter of the daemon's.
        return root.connection.call_sync('org.vmport', STORE, MANAGER, method,
                                         GLib.Variant(signature, arguments), None, 0, 600000, None)

    bench.row(f'daemon: ListVirtualMachines of {count}',
              timed(lambda: call('ListVirtualMachines', '(a{sv})', {}), bench.options.rounds) / 1000,
              1, ' s')
    bench.row(f'daemon: FindVirtualMachine in {count}',
              timed(lambda: call('FindVirtualMachine', '(sa{sv})', f'one-{count // 2}', {}),
                    20 * bench.options.rounds), 5, ' ms')


CONNECTIONS = 20
WAITERS = 50   # on each


def many_jobs(bench, stack):
    queue = bench.options.jobs
    world = stack.enter_context(open_world(bench.folder, bench.bus, bench.prefix, bench.users,
                                           MaxJobsPerUser=queue))
    root = world.root
    # A machine has one job at a time; any number imports from one package.
    root.wait(root.export(world.machine('one', [Disk(extents=[])]), world.area / 'root/package'))
    start = time.monotonic()
    jobs = [root.import_(world.area / 'root/package', {'Name': f'one-{number}'})
            for number in range(queue)]
    queued = time.monotonic() - start
    callers = [Caller(bench.bus, root.user) for _ in range(CONNECTIONS)]
    waits = [caller.start_wait(jobs[number % queue]) for caller in callers
             for number in range(WAITERS)]
    for wait in waits:
        wait.result(600)
    for job in jobs:
        root.wait(job)
    print(f'    {queue} jobs were queued in {queued:.2f} s and done after '
          f'{time.monotonic() - start:.2f} s, with {len(waits)} waiting over {CONNECTIONS} '
          f'connections; {world.daemon.resident:.1f} MiB resident', flush=True)
    for caller in callers:
        caller.close()


def with_libvirt(bench, stack):
    from rig.libvirt import Libvirt   # only here: the rest does without libvirt
    folder = bench.folder / 'libvirt-idle'
    folder.mkdir()
    host = Libvirt(folder)
    stack.callback(shutil.rmtree, folder)
    stack.callback(host.end)
    world = stack.enter_context(open_world(bench.folder, bench.bus, bench.prefix, bench.users))
    wait_for(lambda: world.root.get(QEMU, MANAGER, 'Available'), 'libvirt to be found')
    world.root.machines(QEMU)
    bench.row('daemon: resident, connected to libvirt', world.daemon.resident, 30, ' MiB')


def measure(bench, *parts):
    for part in parts:
        with ExitStack() as stack:
            part(bench, stack)
