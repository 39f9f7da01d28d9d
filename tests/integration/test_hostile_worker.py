"""A worker that lies. It has the caller's own rights and no more, so what it says can only be about
the caller's own files; but the daemon listens to it. Each lie of tests/unit/fake-worker.c ends the
job with a name of the contract, leaves nothing, and the next job of a real worker works."""

import os
import pathlib
import shutil
import signal
import subprocess
import unicodedata

import pytest

from rig.caller import ERROR, refused
from rig.jobs import findings, job_failure
from rig.loop import wait_asking, wait_gone
from rig.machines import MIB, Disk, bare_directory, names, tree
from rig.recorder import COMPLETED, EXCEPTION, TERMINATED, WITH_WARNINGS


class Liar:
    """vmportd with a worker that lies in one way, and a bare directory of alice's to import."""

    def __init__(self, daemon, area, prefix, user):
        self.daemon, self.user = daemon, user
        self.folder = area / 'liar'
        self.folder.mkdir()
        self.folder.chmod(0o777)
        (self.folder / 'vmport-worker').symlink_to(f'{prefix}/libexec/vmport-worker')
        self.bare = bare_directory(area / user.name / 'bare', 'old', owner=user)
        self.before = tree(self.bare)

    def lie(self, how):
        # The build directory may be out of a user's reach.
        built = pathlib.Path(os.environ['VMPORT_BUILD_DIR']) / 'tests/unit/fake-worker'
        self.daemon.worker = self.folder / how
        shutil.copy(built, self.daemon.worker)
        self.daemon.worker.chmod(0o755)
        self.daemon.restart()

    def assert_harmless(self, caller, machines=()):
        """Nothing is left, the daemon goes on, and a real worker does the next job."""
        assert self.daemon.process.poll() is None, f'vmportd ended:\n{self.daemon.log()}'
        assert sorted(entry['Name'] for entry in caller.machines().values()) == sorted(machines)
        assert len(list(self.daemon.store.iterdir())) == len(machines), names(self.daemon.store)
        assert tree(self.bare) == self.before
        self.daemon.worker = None
        self.daemon.restart()
        result = caller.wait(caller.import_(self.bare, {'Name': 'honest'}))
        assert caller.machines()[result['ImportedVirtualMachine']]['Name'] == 'honest'


@pytest.fixture
def liar(make_daemon, area, prefix, users):
    return Liar(make_daemon(WorkerTimeoutSec=3), area, prefix, users['alice'])


def assert_clean(text, limit):
    bad = [c for c in text if unicodedata.category(c) in ('Cc', 'Cf', 'Zl', 'Zp')]
    assert not bad, f'control or bidi characters reach a terminal: {text[:80]!r}'
    assert len(text) <= limit, f'{len(text)} characters'


IMPORT_LIES = {
    'dies-when-called': 'Failed',
    'dies-at-the-end': 'Failed',
    'silent': 'Failed',
    'wrong-types': 'Failed',
    'empty-report': 'Failed',
    'odd-report': 'Failed',
    'no-domain': 'Corrupt',
    'confused-readings': 'Unsafe',
    'other-ids': 'Failed',
    'no-ids': 'Failed',
    'foreign-error': 'Failed',
    'writes-nothing': 'Unsafe',
    'inspector-dies': 'Failed',
}


@pytest.mark.parametrize('lie', IMPORT_LIES)
def test_import(liar, alice, lie):
    liar.lie(lie)
    if lie == 'confused-readings':
        # What has the wrong type is as if it were not there.
        alice.wait(alice.import_(liar.bare, {'Name': 'copy'}))
        liar.assert_harmless(alice, ['copy'])
        return
    job = alice.import_(liar.bare)
    error = refused(alice.wait, job)
    assert error.name == ERROR + IMPORT_LIES[lie], error
    assert alice.job(job)['JobState'] == EXCEPTION
    assert_clean(error.message, 1200)
    liar.assert_harmless(alice)


@pytest.mark.parametrize('name', ['Timeout', 'Cancelled', 'Interrupted'])
def test_errors_that_are_not_a_workers_to_say(liar, alice, name):
    """No job itself ends with Timeout; and one that nobody cancelled was not cancelled."""
    liar.lie(f'error-{name}')
    job = alice.import_(liar.bare)
    assert refused(alice.wait, job).name == f'{ERROR}Failed'
    assert alice.job(job)['JobState'] == EXCEPTION
    liar.assert_harmless(alice)


def test_huge_error(liar, alice):
    liar.lie('huge-error')
    error = job_failure(alice, alice.import_, liar.bare)
    assert error.name == f'{ERROR}Corrupt'
    assert 'evil' in error.message
    assert_clean(error.message, 1200)
    liar.assert_harmless(alice)


def test_errors_in_readings(liar, alice):
    liar.lie('poisoned-readings')
    job = alice.import_(liar.bare)
    error = refused(alice.wait, job)
    assert error.name == f'{ERROR}Failed', error
    assert_clean(error.message, 1400)
    for finding in findings(alice, job).values():
        assert_clean(finding['Message'], 1400)
    liar.assert_harmless(alice)


def test_absurd_numbers(liar, alice):
    """More payload than bytes: what cannot be is no number to count with."""
    liar.lie('absurd-numbers')
    assert job_failure(alice, alice.import_, liar.bare).name == f'{ERROR}Failed'
    liar.assert_harmless(alice)


def test_flood(liar, alice, recorder):
    """Thousands of signals with long names and ever other phases are ten a second to the bus, save
    for the first changes of phase."""
    liar.lie('floods')
    job = alice.import_(liar.bare)
    alice.wait(job)
    recorder.wait_finished(job)
    progress = recorder.of(job, 'Progress')
    described = alice.job(job)
    seconds = (described['EndTime'] - described['StartTime']) / 1e6   # by the daemon's clock
    assert len(progress) <= 10 * (seconds + 1) + 70
    liar.assert_harmless(alice, ['old'])


def test_signs_of_life_alone(liar, alice):
    """It says that it works and never does: that lasts until somebody cancels."""
    liar.lie('dawdles')
    job = alice.import_(liar.bare)
    assert refused(alice.wait, job, timeout_usec=4000000).name == f'{ERROR}Timeout', \
        'longer than WorkerTimeoutSec'
    described = alice.describe(job)['CurrentFile']
    assert 'evil' in described
    assert_clean(described, 5000)
    alice.cancel(job)
    assert refused(alice.wait, job).name == f'{ERROR}Cancelled'
    assert alice.job(job)['JobState'] == TERMINATED
    liar.assert_harmless(alice)


def test_a_format_that_is_a_path(liar, alice, area, users):
    """A format becomes the ending of a file's name in the store."""
    shutil.copy(liar.bare / 'old.qcow2', liar.bare / 'base.qcow2')
    users['alice'].own(liar.bare / 'base.qcow2')
    liar.before = tree(liar.bare)
    liar.lie('evil-format')
    error = job_failure(alice, alice.import_, liar.bare)
    assert error.name in (f'{ERROR}NotSupported', f'{ERROR}Unsafe', f'{ERROR}Failed'), error
    liar.assert_harmless(alice)


def test_a_writer_that_stayed(liar, alice):
    """A process of the caller's that outlives the worker and holds a disk of the store open for
    writing: the guest's disk would be the caller's to change for ever."""
    liar.lie('stays')
    try:
        job = alice.import_(liar.bare)
        error = refused(alice.wait, job)
        child = int((liar.folder / 'child').read_text())
        held = [os.readlink(entry) for entry in pathlib.Path(f'/proc/{child}/fd').iterdir()]
        assert any(str(liar.daemon.store) in path for path in held), \
            f'the child held nothing, so this showed nothing: {held}'
    finally:
        if (liar.folder / 'child').exists():
            child = int((liar.folder / 'child').read_text())
            os.kill(child, signal.SIGKILL)
            wait_gone(child, 'the writer that stayed')
    assert error.name == f'{ERROR}Unsafe', error
    assert 'old.qcow2' in error.message and 'writing' in error.message
    liar.assert_harmless(alice)


def rebase(backing, backing_format='raw'):
    def change(path):
        subprocess.run(('qemu-img', 'rebase', '-u', '-f', 'qcow2', '-F', backing_format, '-b',
                        backing, path), check=True)
    return change


def with_data_file(path):
    path.unlink()
    subprocess.run(('qemu-img', 'create', '-q', '-f', 'qcow2', '-o',
                    f'data_file={path.with_name("data")},data_file_raw=on', path, '1M'), check=True)


def with_absolute_extent(path):
    """A VMDK descriptor in a file that is stated to be a qcow2."""
    path.write_text('# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\n'
                    'createType="monolithicFlat"\nRW 2048 FLAT "/etc/shadow" 0\n')


# A header that lies: what is in the target when the worker has gone.
IMAGES = {
    'backing file': rebase('/etc/shadow'),
    'backing file beside it': rebase('other.qcow2', 'qcow2'),
    'json': rebase('json:{"driver":"raw","file":{"driver":"file","filename":"/etc/shadow"}}'),
    'network': rebase('nbd://127.0.0.1:10809/x'),
    'data file': with_data_file,
    'vmdk': with_absolute_extent,
    'nothing': lambda path: os.truncate(path, 0),
    'noise': lambda path: path.write_bytes(os.urandom(MIB)),
}


@pytest.mark.parametrize('image', IMAGES)
def test_a_header_that_lies(liar, alice, image):
    """The source was harmless, what the worker wrote is not: the inspector's report counts."""
    path = liar.folder / 'image'
    shutil.copy(liar.bare / 'old.qcow2', path)
    IMAGES[image](path)
    path.chmod(0o644)
    liar.lie('swaps-image')
    error = job_failure(alice, alice.import_, liar.bare)
    assert error.name == f'{ERROR}Unsafe', error
    assert 'old.qcow2' in error.message
    liar.assert_harmless(alice)


def test_a_raw_disk_that_became_an_image(liar, alice, area, users):
    """A raw disk whose first bytes are an image's header is one that a prober would follow."""
    shutil.rmtree(liar.bare)
    bare_directory(liar.bare, 'old', [Disk(name='old.raw', format='raw')], owner=users['alice'])
    liar.before = tree(liar.bare)
    subprocess.run(('qemu-img', 'create', '-q', '-f', 'qcow2', '-F', 'raw', '-u', '-b',
                    '/etc/shadow', liar.folder / 'image', '1M'), check=True)
    (liar.folder / 'image').chmod(0o644)
    liar.lie('swaps-image')
    assert job_failure(alice, alice.import_, liar.bare).name == f'{ERROR}Unsafe'
    liar.assert_harmless(alice)


HANDLES = {'negative-handle': 'Failed', 'far-handle': 'Failed', 'no-fds': 'Failed',
           'anothers-file': 'Failed', 'a-folder': 'Unsafe', 'a-path': 'InvalidParameter'}


@pytest.mark.parametrize('lie', HANDLES)
def test_targets_of_ones_own(make_daemon, carol, area, prefix, users, lie):
    """TargetVhdDataRoot: then it is the worker that makes the files and hands them over."""
    liar = Liar(make_daemon(WorkerTimeoutSec=3), area, prefix, users['carol'])
    folder = users['carol'].own(_made(area / 'carol/disks'))
    liar.lie(lie)
    error = job_failure(carol, carol.import_, liar.bare, {'TargetVhdDataRoot': str(folder)})
    assert error.name == ERROR + HANDLES[lie], error
    assert names(folder) == []
    liar.assert_harmless(carol)


def _made(folder):
    folder.mkdir()
    return folder


EXPORT_LIES = ['no-place', 'many-entries', 'absurd-numbers', 'other-ids', 'no-ids', 'silent',
               'error-Cancelled']


@pytest.mark.parametrize('lie', EXPORT_LIES)
def test_export(liar, alice, make_vm, area, lie):
    machine = make_vm('web')
    target = area / 'alice/package'
    liar.lie(lie)
    job = alice.export(machine, target)
    if lie == 'error-Cancelled':
        # Nothing in an export hangs on it.
        alice.wait(job)
        assert alice.job(job)['PercentComplete'] == 100
        shutil.rmtree(target)
    else:
        error = refused(alice.wait, job)
        assert error.name == f'{ERROR}Failed', error
        wait_asking(lambda: alice.describe(job)['Leftovers'] == [], 'the clean-up')
    assert names(area / 'alice') == ['bare', 'bare/old.qcow2', 'bare/old.xml']
    liar.assert_harmless(alice, ['web'])
    alice.wait(alice.export(machine, target))


def test_an_inspector_that_hangs(liar, alice):
    """A worker has a bounded time to come up in; then the job fails, and is cleaned up."""
    liar.lie('inspector-says-nothing')
    assert job_failure(alice, alice.import_, liar.bare).name == f'{ERROR}Failed'
    liar.assert_harmless(alice)
