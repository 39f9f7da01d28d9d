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

    def fill(self, leave):
        """Takes all but that many bytes."""
        free = os.statvfs(self.folder)
        with open(self.folder / 'fill', 'wb', 0) as file:
            os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_frsize - leave)

    def empty(self):
        (self.folder / 'fill').unlink()
