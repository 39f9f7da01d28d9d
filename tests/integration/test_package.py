"""The package: valid by its schema, every digest as `fsverity digest` computes it, holes kept."""

import shutil
import subprocess

import pytest

from rig.jobs import owned_by
from rig.machines import MIB, Disk, bare_directory, same_content
from rig.packages import NAMESPACE, assert_package, descriptor


@pytest.fixture
def exported(daemon, alice, make_vm, area):
    def export(disks, **settings):
        machine = make_vm('web', disks)
        alice.wait(alice.export(machine, area / 'alice/package', settings))
        return area / 'alice/package'
    return export


@pytest.mark.parametrize('size', [0, 1, 4095, 4096, 4097, 128 * 4096, 128 * 4096 + 1, 3 * MIB + 7])
def test_digests_of_odd_sizes(exported, size):
    """Block and tree edges: 128 hashes fill a block of the tree."""
    extents = [(0, b'x' * size)] if size else []
    # QEMU's raw images are whole sectors; what vmport copies may be anything.
    package = exported([Disk(name='odd.raw', format='raw', size=size, extents=extents)])
    assert_package(package)


@pytest.mark.parametrize('extents', [
    [], [(0, b'a' * MIB)], [(63 * MIB, b'a' * MIB)],
    [(offset * 3 * MIB + 5000, b'b' * 3000) for offset in range(20)],
    [(17 * MIB, b'\0' * MIB), (40 * MIB, b'c')],
], ids=['all hole', 'hole after', 'hole before', 'scattered', 'zeros'])
def test_holes_are_kept_and_digested(exported, extents):
    package = exported([Disk(name='holes.raw', format='raw', size=64 * MIB, extents=extents)])
    _, files = assert_package(package)
    file = package / 'Virtual Hard Disks/holes.raw'
    data = sum(len(content) for _, content in extents)
    blocks = (len(extents) + 1) * 2 * 4096
    assert file.stat().st_blocks * 512 <= data + blocks, 'copying keeps holes'
    assert int(files['Virtual Hard Disks/holes.raw'].get('allocated')) <= data + blocks


def test_sha256sums(exported, users):
    package = exported([Disk(name='web.qcow2'), Disk(name='b b.raw', format='raw')],
                       Checksum='sha256')
    result = users['alice'].run(('sha256sum', '--strict', '-c', 'SHA256SUMS'), cwd=package)
    assert result.returncode == 0, result.stdout + result.stderr
    _, files = assert_package(package)
    sums = dict(reversed(line.split('  ', 1)) for line in
                (package / 'SHA256SUMS').read_text().splitlines())
    assert {name: file.get('sha256') for name, file in files.items()} == sums


def test_no_checksums(exported):
    package = exported([Disk(name='web.qcow2')], Checksum='none')
    files = descriptor(package).findall('p:files/p:file', NAMESPACE)
    assert files and all(file.get('verity') is None and file.get('sha256') is None
                         for file in files)


def test_two_disks_of_one_base_name(daemon, alice, area, users):
    """Both survive: in the store, in the package, and in the store again."""
    disks = [Disk(name='disk.qcow2', folder=folder) for folder in ('/first', '/second')]
    folder = bare_directory(area / 'alice/bare', 'twins', disks, owner=users['alice'])
    result = alice.wait(alice.import_(folder))
    machine = result['ImportedVirtualMachine']
    paths = alice.machines()[machine]['ResourcePaths']
    assert len(set(paths)) == 2, paths
    for number, path in enumerate(paths):
        subprocess.run(('qemu-io', '-f', 'qcow2', '-c', f'write -P {number + 1} 0 64k', path),
                       check=True, stdout=subprocess.DEVNULL)
    assert not same_content(paths[0], 'qcow2', paths[1], 'qcow2')
    alice.wait(alice.export(machine, area / 'alice/package'))
    assert_package(area / 'alice/package')
    images = list((area / 'alice/package/Virtual Hard Disks').iterdir())
    assert len(images) == 2 and 'disk.qcow2' in {image.name for image in images}, images
    copy = alice.wait(alice.import_(area / 'alice/package', {'Name': 'copy'}))
    copies = alice.machines()[copy['ImportedVirtualMachine']]['ResourcePaths']
    for path, copied in zip(paths, copies):
        assert same_content(path, 'qcow2', copied, 'qcow2'), 'positions keep their disks'


def test_ownership_and_modes(exported, users):
    package = exported([Disk(name='web.qcow2')])
    assert owned_by(package, users['alice']) == []
    for path in package.rglob('*'):
        assert not path.is_symlink()
        assert path.stat().st_gid == users['alice'].gid


def test_members_of_the_schema(exported):
    package = exported([Disk(name='web.qcow2')])
    root, files = assert_package(package)
    machine = root.find('p:machine', NAMESPACE)
    assert machine.get('name') == 'web' and machine.get('state') == 'off'
    roles = {name: file.get('role') for name, file in files.items()}
    assert roles == {f'Virtual Machines/{machine.get("uuid")}.xml': 'configuration',
                     'Virtual Hard Disks/web.qcow2': 'disk'}


def test_moved_package(exported, alice, area, users):
    """Paths in a descriptor are relative: a package works wherever it is carried."""
    package = exported([Disk(name='web.qcow2')])
    shutil.move(package, area / 'alice/elsewhere')
    alice.wait(alice.import_(area / 'alice/elsewhere', {'Name': 'copy'}))


@pytest.fixture
def reflink_folder(area, users):
    """A folder of alice's on an XFS that can share blocks, with the store on it as well."""
    image = area / 'xfs.img'
    with open(image, 'wb') as file:
        file.truncate(512 * MIB)
    subprocess.run(('mkfs.xfs', '-q', '-m', 'reflink=1', image), check=True)
    mount = area / 'xfs'
    mount.mkdir()
    subprocess.run(('mount', '-o', 'loop', image, mount), check=True)
    mount.chmod(0o711)
    for name in ('store', 'alice'):
        (mount / name).mkdir()
    (mount / 'store').chmod(0o711)
    users['alice'].own(mount / 'alice')
    return mount


def test_reflinks(make_daemon, alice, make_vm, reflink_folder):
    """Copying uses reflinks where the file system has them."""
    make_daemon(StoreRoot=reflink_folder / 'store')
    machine = make_vm('web', [Disk(name='web.raw', format='raw', size=64 * MIB,
                                   extents=[(0, b'shared' * 8 * MIB)])])
    package = reflink_folder / 'alice/package'
    result = alice.wait(alice.export(machine, package))
    assert result['BytesCloned'] >= 48 * MIB, \
        f'the disk is cloned, not copied: {result}'
    assert_package(package)
    extents = subprocess.run(('filefrag', '-v', package / 'Virtual Hard Disks/web.raw'),
                             check=True, text=True, stdout=subprocess.PIPE).stdout
    assert 'shared' in extents, extents
    result = alice.wait(alice.import_(package, {'Name': 'copy'}))
    assert result['BytesCloned'] >= 48 * MIB
    # Writing to the package afterwards must not reach the copy.
    with open(package / 'Virtual Hard Disks/web.raw', 'r+b') as file:
        file.write(b'changed')
    path, = alice.machines()[result['ImportedVirtualMachine']]['ResourcePaths']
    with open(path, 'rb') as file:
        assert file.read(7) == b'shareds'
