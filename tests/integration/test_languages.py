"""German as it is installed: the command line, the daemon, its workers, and what polkit asks."""

import pathlib
import xml.etree.ElementTree as ElementTree

import pytest

from rig.caller import ERROR, refused
from rig.jobs import findings, job_failure
from rig.machines import bare_directory

GERMAN = {'LANGUAGE': 'de', 'LC_ALL': 'C.UTF-8'}


@pytest.fixture
def ctl(bus, prefix):
    def run(user, *arguments, status=0):
        done = user.run(('vmportctl', *map(str, arguments)), env={
            **bus.environment, **GERMAN, 'PATH': f'{prefix}/bin:/usr/bin:/bin',
            'LD_LIBRARY_PATH': f'{prefix}/lib'})
        assert done.returncode == status, f'{arguments}: {done.stdout}{done.stderr}'
        return done.stdout + done.stderr
    return run


@pytest.fixture
def german(daemon):
    """The daemon, as it says things on a German host."""
    daemon.environment = GERMAN
    daemon.restart()
    return daemon


def test_the_command_line(daemon, make_vm, area, users, ctl):
    """Help, tables, plural forms, and errors of vmportctl's own, whatever the daemon speaks."""
    alice, package = users['alice'], area / 'alice/package'
    make_vm('web')
    assert 'Exportiert und importiert virtuelle Maschinen.' in ctl(alice, '--help')
    assert 'Den gespeicherten Zustand kopieren (yes)' in ctl(alice, 'export', '--help')
    assert 'ZUSTAND' in ctl(alice, 'list')
    ctl(alice, 'export', 'web', package)
    assert '2 Dateien sind, wie sie sein sollen' in ctl(alice, 'verify', package)
    assert 'Es gibt kein Verb „dance“' in ctl(alice, 'dance', status=2)
    assert 'Diese Befehlszeile behebt es:' in ctl(alice, 'check', package, status=1)


def test_the_daemon(german, alice, area, make_vm):
    """Errors of the call, of the job, of a worker, and findings; numbers of every kind in them."""
    machine = make_vm('web')
    assert 'Es gibt keine Einstellung „Nonsense“' in \
        refused(alice.export, machine, area / 'alice/package', {'Nonsense': True}).message
    error = job_failure(alice, alice.export, machine, area / 'bob/package')
    assert 'kann nicht' in error.message and str(area / 'bob') in error.message, error
    package = area / 'alice/package'
    alice.wait(alice.export(machine, package))
    job = alice.import_(package)
    assert refused(alice.wait, job).message == 'Der Name „web“ ist vergeben'
    assert findings(alice, job)['NameInUse']['Message'] == 'Der Name „web“ ist vergeben'
    error = job_failure(alice, alice.import_, package, {'TargetResourcePaths': ['', '', '']})
    assert 'hat 3 Elemente; diese Maschine hat 1 Positionen' in error.message
    disk = package / 'Virtual Hard Disks/web.qcow2'
    size = disk.stat().st_size
    with open(disk, 'r+b') as file:
        file.truncate(size - 512)
    error = job_failure(alice, alice.import_, package, {'Name': 'copy'})
    assert error.name == f'{ERROR}Corrupt'
    assert f'hat {size - 512} Bytes; das Paket nennt {size}' in error.message


def test_what_a_worker_finds(german, alice, area, users):
    """What is said of an image is put together of two parts, one from the worker."""
    folder = bare_directory(area / 'alice/bare', 'old', owner=users['alice'])
    (folder / 'old.qcow2').write_bytes(b'x' * 4096)
    error = job_failure(alice, alice.import_, folder)
    assert '„old.qcow2“: ist kein qcow2-Abbild' in error.message, error


def test_what_polkit_asks(prefix):
    """Every text of every action, in the file that polkit reads."""
    for file in pathlib.Path(prefix, 'share/polkit-1/actions').glob('*.policy'):
        for action in ElementTree.parse(file).getroot().iterfind('action'):
            for kind in ('description', 'message'):
                languages = {text.get('{http://www.w3.org/XML/1998/namespace}lang')
                             for text in action.iterfind(kind)}
                assert {None, 'de'} <= languages, f'{action.get("id")}: {kind}'
