"""What the units of systemd leave open: each such line has a case here, which works as the unit has it
and fails where the line were the tight one. There is no systemd in the tests' view: what it would do is
done by mounts and namespaces around the daemon, or around whoever starts its workers."""

import pathlib
import subprocess

import pytest

from rig.caller import ERROR, MANAGER, STORE, Refused
from rig.machines import bare_directory
from test_units import Starter, ends_well, export_a_disk_of_the_hypervisors, units   # noqa: F401

DAEMON, WORKER = 'vmportd.service', 'vmport-worker@.service'



def mounts(*commands):
    """A prefix of a command, which then sees the host with these changes."""
    return 'unshare --mount --propagation private sh -c \'' + ' && '.join(commands) \
        + ' && exec "$@"\' sh'


class Stage:
    """A daemon and the starter of its workers, either of which a line of the unit closes in."""

    def __init__(self, make_daemon, make_vm, carol, area, prefix, users):
        self.carol, self.area, self.prefix, self.users = carol, area, prefix, users
        self.daemon = make_daemon(managers={'other': area / 'other'})
        self.machine = make_vm('web')
        # It warns of what it cannot do.
        self.daemon.fatal = 'fatal-criticals'
        self.starter = None
        self.number = 0

    def begin(self, unit=None, line=None):
        self.end()
        self.number += 1
        self.folder = self.area / f'stage{self.number}'
        self.folder.mkdir(mode=0o711)
        worker, daemon = (f'{self.prefix}/libexec/{name}' for name in ('vmport-worker', 'vmportd'))
        self.starter = Starter(self.folder, self.prefix,
                               self.around(worker, line) if unit == WORKER else None)
        self.daemon.options = (f'--worker-socket={self.starter.path}',)
        self.daemon.program = self.around(daemon, line) if unit == DAEMON else daemon
        self.daemon.restart()

    def around(self, program, line):
        script = self.folder / pathlib.Path(program).name
        script.write_text(f'#!/bin/sh\nexec {line} {program} "$@"\n')
        script.chmod(0o755)
        return str(script)

    def end(self):
        if self.starter:
            self.starter.stop()

    def bare(self, folder):
        return bare_directory(folder / f'bare{self.number}', 'web', owner=self.users['carol'])


@pytest.fixture
def stage(make_daemon, make_vm, connect, area, prefix, users):
    """With a /home and a /tmp of the test's own, which everybody may write."""
    for folder in ('/home', '/tmp'):
        subprocess.run(('mount', '-t', 'tmpfs', '-o', 'mode=1777', 'tmpfs', folder), check=True)
    stage = Stage(make_daemon, make_vm, connect('carol'), area, prefix, users)
    yield stage
    stage.daemon.stop()
    stage.end()
    for folder in ('/tmp', '/home'):
        subprocess.run(('umount', folder), check=True)


# Each tells whether it worked.

def export_to(folder):
    def export(stage):
        package = folder / f'package{stage.number}'
        # In the folder that everybody else sees.
        return ends_well(stage.carol, stage.carol.export, stage.machine, package) \
            and package.exists()
    return export


def export_home(stage):
    return export_to(stage.area / 'carol')(stage)


def convert(stage):
    """QEMU, behind all fences."""
    return ends_well(stage.carol, stage.carol.export, stage.machine,
                     stage.area / f'carol/converted{stage.number}', {'DiskFormat': 'raw'})


def import_into_other(stage):
    """A store that lies elsewhere, as pools do."""
    return ends_well(stage.carol, stage.carol.import_, stage.bare(stage.area / 'carol'),
                     {'Name': f'made{stage.number}'}, manager='/org/vmport/Manager/other')


def tell_in_use(folder):
    def tell(stage):
        """That a disk, which is used in place, is another machine's."""
        bare = stage.bare(folder)
        settings = {'CreateCopy': False, 'Name': f'first{stage.number}'}
        stage.carol.wait(stage.carol.import_(bare, settings))
        try:
            stage.carol.wait(stage.carol.import_(bare, {**settings, 'Name': f'two{stage.number}'}))
        except Refused as error:
            assert error.name == f'{ERROR}InUse', error
            return True
        return False
    return tell


def list_a_bridge(stage):
    return 'bridge:vmportrelax0' in stage.carol.get(STORE, MANAGER, 'NetworkConnections')


def export_of_another_user(stage):
    return export_a_disk_of_the_hypervisors(stage.daemon, stage.carol, stage.machine, stage.area,
                                            f'-users{stage.number}')


HIDE = 'mount -t tmpfs tmpfs {}'
# (unit, its line): (what the tight line would do, what does not work then).
CASES = {
    (WORKER, 'ProtectSystem=full'): (
        mounts('mount --bind {area} {area}', 'mount -o remount,bind,ro {area}'), export_home),
    (WORKER, 'ProtectHome=no'): (mounts(HIDE.format('/home')), export_to(pathlib.Path('/home'))),
    (WORKER, 'PrivateTmp=no'): (mounts(HIDE.format('/tmp')), export_to(pathlib.Path('/tmp'))),
    (WORKER, 'PrivateUsers=no'): ('unshare --user --map-root-user', export_home),
    (DAEMON, 'ProtectSystem=full'): (
        mounts('mount --bind {area}/other {area}/other', 'mount -o remount,bind,ro {area}/other'),
        import_into_other),
    (DAEMON, 'ProtectHome=read-only'): (mounts(HIDE.format('/home')),
                                        tell_in_use(pathlib.Path('/home'))),
    (DAEMON, 'PrivateTmp=no'): (mounts(HIDE.format('/tmp')), tell_in_use(pathlib.Path('/tmp'))),
    (DAEMON, 'PrivateNetwork=no'): (
        'unshare --net ' + mounts('mount -t sysfs sysfs /sys'), list_a_bridge),
    (DAEMON, 'PrivateUsers=no'): ('unshare --user --map-root-user', export_of_another_user),
}


def relaxed(units, unit):
    """The lines below the comment that says what stays open, capabilities aside."""
    _, below = (units / unit).read_text().split('# What has to stay open, and why.\n')
    return {(unit, line) for line in below.partition('\n[')[0].splitlines()
            if line and not line.startswith(('#', 'CapabilityBoundingSet='))}


def test_each_line_has_a_case(units):
    assert relaxed(units, WORKER) | relaxed(units, DAEMON) == set(CASES)


@pytest.mark.parametrize('unit, line', CASES)
def test_each_line_is_needed(stage, unit, line):
    tight, works = CASES[unit, line]
    subprocess.run(('ip', 'link', 'add', 'vmportrelax0', 'type', 'bridge'), check=True)
    try:
        stage.begin()
        assert works(stage), 'it does not work as the unit has it'
        stage.begin(unit, tight.format(area=stage.area))
        assert not works(stage), 'it works without the line, too'
    finally:
        subprocess.run(('ip', 'link', 'delete', 'vmportrelax0'), check=True)


def test_no_more_of_proc_is_needed(stage, units):
    """QEMU, which reads images for a worker, starts behind ProcSubset=pid and ProtectProc=invisible."""
    assert {'ProcSubset=pid', 'ProtectProc=invisible'} <= set(
        (units / WORKER).read_text().splitlines())
    stage.begin(WORKER, mounts('mount -t proc -o subset=pid,hidepid=invisible proc /proc'))
    assert convert(stage)
