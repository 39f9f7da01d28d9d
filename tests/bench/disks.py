"""File systems and images to measure on."""

import os
import pathlib
import subprocess
from contextlib import contextmanager

MIB = 1 << 20
KIB = 1 << 10
# What a guest's disk is filled with: the largest that fits.
CONTENT = ('/usr', '/usr/lib', '/usr/share', '/usr/lib/x86_64-linux-gnu', '/usr/include',
           '/usr/share/zoneinfo', '/usr/lib/tmpfiles.d')
MAKE = {'ext4': ('mkfs.ext4', '-q', '-F'), 'xfs': ('mkfs.xfs', '-q', '-f', '-m', 'reflink=1'),
        'btrfs': ('mkfs.btrfs', '-q', '-f')}


@contextmanager
def file_system(folder, kind, size):
    """A new file system of that size, in a file, past whose pages in memory the loop device goes: what
    is measured is to be a disk, which has its data in memory but once."""
    image, place = folder / f'{kind}.fs', folder / kind
    with open(image, 'wb') as file:
        file.truncate(max(size, 400 * MIB))   # XFS wants 300
    subprocess.run((*MAKE[kind], image), check=True, stdout=subprocess.DEVNULL)
    place.mkdir()
    device = subprocess.run(('losetup', '--find', '--show', '--direct-io=on', image), check=True,
                            text=True, stdout=subprocess.PIPE).stdout.strip()
    try:
        subprocess.run(('mount', device, place), check=True)
    finally:
        # Now, or once it is unmounted.
        subprocess.run(('losetup', '--detach', device), check=True)
    try:
        yield place
    finally:
        subprocess.run(('umount', place), check=True)
        place.rmdir()
        image.unlink()


def fill(path, size, piece, every):
    """@piece bytes that no program can compress, at the start of @every many."""
    with open(path, 'wb') as file:
        file.truncate(size)
        for offset in range(0, size, every):
            file.seek(offset)
            left = min(piece, size - offset)
            while left:
                left -= file.write(os.urandom(min(left, MIB)))
    return path


def guest(path, size):
    """The disk of a guest as qcow2: an ext4 with files of this host's on it."""
    raw = path.with_suffix('.tmp')
    for content in CONTENT:
        if not os.path.isdir(content):
            continue
        used = int(subprocess.run(('du', '-skx', content), check=True, text=True,
                                  stdout=subprocess.PIPE).stdout.split()[0]) * KIB
        if used < size * 0.6:
            break
    with open(raw, 'wb') as file:
        file.truncate(size)
    subprocess.run(('mke2fs', '-q', '-F', '-t', 'ext4', '-d', content, raw), check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run(('qemu-img', 'convert', '-q', '-f', 'raw', '-O', 'qcow2', raw, path), check=True)
    raw.unlink()
    return path


IMAGES = {
    'full': ('raw', lambda path, size: fill(path, size, MIB, MIB)),
    'stripes': ('raw', lambda path, size: fill(path, size, MIB, 4 * MIB)),
    'scraps': ('raw', lambda path, size: fill(path, size, 64 * KIB, 20 * 64 * KIB)),
    'guest': ('qcow2', guest),
}


def allocated(path):
    return pathlib.Path(path).stat().st_blocks * 512
