"""The units of systemd: what they leave open, that each capability is needed, and workers that are
started by a socket rather than by the daemon."""

import os
import pathlib
import pwd
import re
import signal
import subprocess

import pytest

from rig import stored
from rig.caller import ERROR, MANAGER, QEMU, Refused, refused
from rig.daemon import WORKER, processes
from rig.jobs import HELD, Hold
from rig.loop import DEADLINE, wait_gone, wait_on_disk
from rig.machines import bare_directory, names, random_disk

LIMITS = {'vmportd.service': 2.0, 'vmport-worker@.service': 3.5}


@pytest.fixture(scope='module')
def units(prefix):
    return pathlib.Path(prefix, 'lib/systemd/system')


@pytest.mark.parametrize('unit', LIMITS)
def test_exposure(units, unit):
    """What systemd thinks of each: 0 is closed, 10 is open."""
    result = subprocess.run(('systemd-analyze', 'security', '--offline=true', '--no-pager',
                             f'--threshold={int(LIMITS[unit] * 10)}', units / unit), text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    level = re.search(r'Overall exposure level for .*: ([0-9.]+)', result.stdout)
    assert level and float(level.group(1)) <= LIMITS[unit], result.stdout
    assert result.returncode == 0 and 'gnoring' not in result.stdout, result.stdout


def test_units_are_understood(units):
    for unit in ('vmport-worker.socket', 'vmport-worker@.service'):
        result = subprocess.run(('systemd-analyze', 'verify', '--man=no', units / unit), text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        assert result.returncode == 0 and 'vmport' not in result.stdout, result.stdout


def test_the_socket_is_roots(units):
    lines = (units / 'vmport-worker.socket').read_text().splitlines()
    assert {'SocketUser=root', 'SocketMode=0600', 'DirectoryMode=0700', 'Accept=yes',
            'ListenStream=/run/vmport/worker'} <= set(lines)


class Starter:
    """What systemd does for vmport-worker.socket."""

    def __init__(self, folder, prefix, program=None):
        self.path = folder / 'worker'
        self.log = folder / 'starter.log'
        with open(self.log, 'w') as log:
            self.process = subprocess.Popen(
                ('systemd-socket-activate', '--accept', '-l', self.path, '-E', 'LANG=C.UTF-8',
                 program or f'{prefix}/libexec/vmport-worker'),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_on_disk(self.path.exists, 'the socket')
        self.path.chmod(0o600)

    def stop(self):
        self.process.terminate()
        self.process.wait()


@pytest.fixture
def started(area, prefix, make_daemon):
    """A daemon that starts no worker by itself, and may fork no process that would be one."""
    starter = Starter(area, prefix)
    daemon = make_daemon()
    daemon.options = (f'--worker-socket={starter.path}',)
    daemon.worker = area / 'there-is-no-such-program'
    daemon.restart()
    yield daemon
    starter.stop()


def test_by_a_socket(started, alice, recorder, make_vm, area, users):
    machine = make_vm('web', [random_disk(2)])
    hold = Hold(started, recorder, 'Copying')
    job = alice.export(machine, area / 'alice/package', HELD)
    hold.wait()
    worker, = [one for one in started.workers() if one.uids[1] == users['alice'].uid]
    status = dict(line.split(':', 1) for line in worker.status.splitlines())
    assert int(status['PPid']) != started.process.pid, 'it is no child of the daemon’s'
    assert int(status['Seccomp']) == 2 and int(status['NoNewPrivs']) == 1
    hold.release()
    alice.wait(job)
    assert alice.wait(alice.import_(area / 'alice/package', {'Name': 'copy'}))
    wait_on_disk(lambda: not processes(WORKER), 'the workers to end')


@pytest.mark.parametrize('number', [signal.SIGKILL, signal.SIGSTOP])
def test_a_worker_that_is_no_child_dies_or_hangs(started, alice, recorder, make_vm, area, number):
    """The daemon notices, and where it has to ends it, by a descriptor of the process."""
    started.configure(WorkerTimeoutSec=2)
    started.restart()
    machine = make_vm('web', [random_disk(2)])
    hold = Hold(started, recorder, 'Copying')
    job = alice.export(machine, area / 'alice/package', HELD)
    hold.wait()
    for worker in hold.stopped:
        worker.kill(number)
    assert refused(alice.wait, job).name == f'{ERROR}Failed'
    for worker in hold.stopped:
        wait_gone(worker.pid, 'the worker')
    assert names(area / 'alice') == []


def test_workers_go_with_a_killed_daemon(started, alice, recorder, make_vm, area):
    machine = make_vm('web', [random_disk(2)])
    hold = Hold(started, recorder, 'Copying')
    job = alice.export(machine, area / 'alice/package', HELD)
    hold.wait()
    started.kill()
    for worker in hold.stopped:
        worker.resume()
        wait_gone(worker.pid, 'a worker of the killed daemon')
    started.start()
    assert refused(alice.wait, job).name == f'{ERROR}Interrupted'
    assert names(area / 'alice') == []


def test_the_socket_is_away(started, alice, make_vm, area):
    machine = make_vm('web')
    started.options = (f'--worker-socket={area}/none',)
    started.restart()
    error = refused(lambda: alice.wait(alice.export(machine, area / 'alice/package')))
    assert 'none' in error.message and error.name != f'{ERROR}Interrupted', error


def test_somebody_elses_socket(started, alice, make_vm, area, users):
    """Whoever listens hears who the worker is to be: it has to be root."""
    machine = make_vm('web')
    place = area / 'alice/s'
    listener = users['alice'].popen(('systemd-socket-activate', '--accept', '-l', place,
                                     '/usr/bin/cat'), stderr=subprocess.DEVNULL)
    try:
        wait_on_disk(place.exists, 'the socket')
        started.options = (f'--worker-socket={place}',)
        started.restart()
        error = refused(lambda: alice.wait(alice.export(machine, area / 'alice/package')))
        assert error.name == f'{ERROR}Failed' and 'may not start workers' in error.message
    finally:
        listener.terminate()
        listener.wait()


def test_nobody_else_speaks_to_a_worker(started, area, users):
    """Even where the socket's mode lets somebody through."""
    path = area / 'worker'
    path.chmod(0o666)
    said = users['alice'].popen(('/usr/bin/python3', '-c', f'''
import socket
end = socket.socket(socket.AF_UNIX)
end.connect({str(path)!r})
end.sendall(b"\\x04\\0\\0\\0abcd")
try:
    print("answer", end.recv(1))
except ConnectionResetError:
    print("answer b\'\'")'''), stdout=subprocess.PIPE, text=True)
    assert said.communicate(timeout=DEADLINE)[0] == "answer b''\n"


# Capabilities

CAPABILITIES = ('chown', 'dac_override', 'kill', 'lease')


def with_capabilities(daemon, prefix, folder, wanted):
    """The daemon, with no other capability than these."""
    program = folder / 'vmportd'
    given = ''.join(f',+{one}' for one in wanted)
    program.write_text(f'#!/bin/sh\nexec setpriv --bounding-set=-all{given} '
                       f'{prefix}/libexec/vmportd "$@"\n')
    program.chmod(0o755)
    daemon.program = str(program)
    daemon.restart()
    status = (daemon.proc / 'status').read_text()
    effective = int(re.search(r'^CapEff:\s*(\w+)', status, re.M).group(1), 16)
    assert bin(effective).count('1') == len(wanted), status


def test_the_unit_has_these_capabilities(units):
    text = (units / 'vmportd.service').read_text()
    line, = re.findall(r'^CapabilityBoundingSet=(.*)$', text, re.M)
    assert sorted(line.split()) == [f'CAP_{one.upper()}' for one in CAPABILITIES]


def ends_well(caller, start, *arguments, **options):
    try:
        return bool(caller.wait(start(*arguments, **options)))
    except Refused:
        return False


def export_a_disk_of_the_hypervisors(started, carol, machine, area, number):
    path, = carol.machines()[machine]['ResourcePaths']
    os.chown(path, pwd.getpwnam('nobody').pw_uid, -1)
    os.chmod(path, 0o600)
    return ends_well(carol, carol.export, machine, area / f'carol/package{number}')


def import_beside(started, carol, machine, area, number):
    folder = area / f'carol/disks{number}'
    folder.mkdir()
    os.chown(folder, carol.user.uid, carol.user.gid)
    return ends_well(carol, carol.import_, area / 'carol/bare',
                     {'Name': f'beside{number}', 'TargetVhdDataRoot': str(folder)})


def make_tpm_package(started, carol, area):
    """swtpm has a user of its own, to whom its files are given."""
    bare = bare_directory(area / 'carol/tpm', 'tpm', owner=carol.user,
                          extra_devices="<tpm model='tpm-crb'><backend type='emulator' "
                          "version='2.0'/></tpm>")
    # As this host can run it.
    text = (bare / 'tpm.xml').read_text().replace("type='kvm'", "type='qemu'")
    (bare / 'tpm.xml').write_text(text)
    made = carol.wait(carol.import_(bare))['ImportedVirtualMachine']
    stored.put(started, made, {'tpm/tpm2/tpm2-00.permall': b'permanent' * 700, 'tpm/.lock': b''})
    carol.wait(carol.export(made, area / 'carol/virt'))
    carol.delete(made)


def import_for_libvirt(started, carol, machine, area, number):
    return ends_well(carol, carol.import_, area / 'carol/virt', {'Name': f'virt{number}'},
                     manager=QEMU)


PROOFS = {'dac_override': export_a_disk_of_the_hypervisors, 'lease': import_beside,
          'chown': import_for_libvirt}


@pytest.mark.parametrize('capability', PROOFS)
def test_each_capability_is_needed(request, started, carol, make_vm, area, prefix, users,
                                   capability):
    if capability == 'chown':
        request.getfixturevalue('libvirt')
        started.fatal = 'fatal-criticals'
        make_tpm_package(started, carol, area)
    machine = make_vm('web')
    bare_directory(area / 'carol/bare', 'bare', owner=users['carol'])
    for number, wanted in enumerate((CAPABILITIES,
                                     [one for one in CAPABILITIES if one != capability])):
        with_capabilities(started, prefix, area, wanted)
        if capability == 'chown':
            wait_on_disk(lambda: carol.get(QEMU, MANAGER, 'Available'), 'libvirt')
        worked = PROOFS[capability](started, carol, machine, area, number)
        assert worked == (capability in wanted), f'with {wanted}'


def test_kill_is_needed(started, alice, recorder, make_vm, area, prefix):
    machine = make_vm('web', [random_disk(2)])
    started.configure(WorkerTimeoutSec=2)
    for number, wanted in enumerate((CAPABILITIES, ('chown', 'dac_override', 'lease'))):
        with_capabilities(started, prefix, area, wanted)
        hold = Hold(started, recorder, 'Copying')
        job = alice.export(machine, area / f'alice/package{number}', HELD)
        hold.wait()
        try:
            can = 'kill' in wanted
            error = refused(alice.wait, job, timeout_usec=None if can else 4000000)
            assert error.name == f'{ERROR}{"Failed" if can else "Timeout"}', error
        finally:
            for worker in hold.stopped:
                worker.kill(signal.SIGKILL)
    refused(alice.wait, job)
