"""Verify: a whole package is read and held against its descriptor; nothing is imported."""

import os
import re
import shutil

import pytest
from gi.repository import GLib

from rig.caller import ERROR, refused
from rig.jobs import job_failure
from rig.machines import Disk, bare_directory, random_disk, tree
from rig.recorder import COMPLETED

pytestmark = pytest.mark.modes('system', 'session')

MANAGER = 'org.vmport.Manager'
STORE = '/org/vmport/Manager/store'


def verify(caller, folder, options=None):
    return caller.call(STORE, MANAGER, 'Verify', '(sa{sv})', (str(folder), options or {}))


@pytest.fixture(params=['fs-verity', 'sha256'])
def package(request, daemon, alice, area, make_vm):
    machine = make_vm('web', [random_disk(4), Disk(name='second.qcow2')])
    alice.wait(alice.export(machine, area / 'alice/package', {'Checksum': request.param}))
    return area / 'alice/package'


def test_whole_package(package, alice):
    before = tree(package)
    job = verify(alice, package)
    result = alice.wait(job)
    assert alice.job(job)['Operation'] == 'Verify' and alice.job(job)['JobState'] == COMPLETED
    assert result['Files'] == 3 and result['Warnings'] == []
    assert result['BytesRead'] >= 4 << 20
    assert tree(package) == before


def disks(package):
    return sorted((package / 'Virtual Hard Disks').iterdir(), key=lambda path: path.stat().st_size)


def flip(package):
    path = disks(package)[-1]
    with open(path, 'r+b') as file:
        file.seek(path.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes((byte[0] ^ 1,)))
    return path.name


def truncate(package):
    path = disks(package)[-1]
    os.truncate(path, path.stat().st_size - 1)
    return path.name


def remove(package):
    path = disks(package)[0]
    path.unlink()
    return path.name


def add(package):
    (package / 'Virtual Machines/extra.bin').write_bytes(b'x')
    return 'extra.bin'


def swap(package):
    first, second = disks(package)
    shutil.move(first, package / 'x')
    shutil.move(second, first)
    shutil.move(package / 'x', second)
    return first.name


def edit(package):
    path = next((package / 'Virtual Machines').glob('*.xml'))
    path.write_text(path.read_text().replace('<vcpu>1', '<vcpu>2'))
    return path.name


@pytest.mark.parametrize('damage', [flip, truncate, remove, add, swap, edit])
def test_each_damage_is_named(package, alice, daemon, damage):
    name = damage(package)
    error = job_failure(alice, lambda: verify(alice, package))
    assert error.name == f'{ERROR}Corrupt', error
    assert name in error.message or damage is swap, f'{name}: {error.message}'


def test_place_of_damage_is_named(package, alice):
    """One block of 4096 bytes: its offset is in the message, of Verify and of Import alike."""
    name = flip(package)
    block = (package / 'Virtual Hard Disks' / name).stat().st_size // 2 // 4096 * 4096
    for start in (lambda: verify(alice, package), lambda: alice.import_(package, {'Name': 'copy'})):
        error = job_failure(alice, start)
        assert error.name == f'{ERROR}Corrupt', error
        assert name in error.message and str(block) in error.message, error.message


def test_package_without_locators(package, alice):
    """The descriptor need not say how to find the place: then the file is named."""
    descriptor = package / 'vmport.xml'
    text, count = re.subn(r' locator="[^"]*"', '', descriptor.read_text())
    descriptor.write_text(text)
    assert count == 2
    assert alice.wait(verify(alice, package))['Files'] == 3
    name = flip(package)
    error = job_failure(alice, lambda: verify(alice, package))
    assert error.name == f'{ERROR}Corrupt' and name in error.message, error


def test_nothing_to_verify(daemon, alice, area, users):
    bare = bare_directory(area / 'alice/bare', 'old', owner=users['alice'])
    for folder in (bare, area / 'alice/none'):
        assert job_failure(alice, lambda: verify(alice, folder)).name == f'{ERROR}NotFound'
    assert refused(verify, alice, 'relative').name == f'{ERROR}InvalidParameter'
    assert refused(verify, alice, area, {'Nonsense': GLib.Variant('b', True)}).name == f'{ERROR}InvalidParameter'
