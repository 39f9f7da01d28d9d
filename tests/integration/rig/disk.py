"""A small file system of its own, that somebody else can fill."""

import os
import subprocess


class SmallDisk:
    """Mounted on folder, which is user's then."""

    def __init__(self, folder, user, mib=32):
        self.folder, image = folder, folder.with_suffix('.img')
        folder.mkdir()
        with open(image, 'wb') as file:
            file.truncate(mib << 20)
        subprocess.run(('mkfs.ext4', '-q', '-m', '0', image), check=True)
        subprocess.run(('mount', '-o', 'loop', image, folder), check=True)
        (folder / 'lost+found').rmdir()
        user.own(folder)

    def fill(self):
        """Takes all that is left."""
        with open(self.folder / 'fill', 'wb', 0) as file:
            piece = 1 << 20
            while piece >= 1024:
                try:
                    os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), piece)
                except OSError:
                    piece //= 2

    def empty(self):
        (self.folder / 'fill').unlink()
