"""Folders of a user's that can be out of reach: away, locked, unmounted with something else there, on a
file system that may not be written, is broken, gone, or does not answer."""

import fcntl
import os
import shutil
import signal
import subprocess

from .loop import DEADLINE, wait_on_disk

EXT4_IOC_SHUTDOWN = 0x8004587D   # as of a disk that was pulled out


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


class Place:
    """A folder of user's; lose() puts it out of reach, and restore() back."""

    def __init__(self, parent, user):
        self.user = user
        self.folder = parent / type(self).__name__.lower()
        self.folder.mkdir(mode=0o700)
        user.own(self.folder)
        self.make()

    def make(self):
        pass

    def close(self):
        """What is mounted goes with the test's folder."""

    def content(self):
        """What the file system itself has, whether or not it is reached."""
        return self.folder


class Moved(Place):
    """A home that is under another name for a while."""

    def lose(self):
        self.folder.rename(self.folder.with_name('away'))

    def restore(self):
        self.folder.with_name('away').rename(self.folder)


class Locked(Place):
    def lose(self):
        self.folder.chmod(0)

    def restore(self):
        self.folder.chmod(0o700)


class NoSearch(Place):
    """It can be listed, and nothing in it be looked at."""

    def lose(self):
        self.folder.chmod(0o600)

    def restore(self):
        self.folder.chmod(0o700)


class Replaced(Place):
    """As an encrypted home while it is locked: another folder, here with the very same names in it."""

    def lose(self):
        away = self.folder.with_name('encrypted')
        self.folder.rename(away)
        for path in (away, *away.rglob('*')):
            twin = self.folder / path.relative_to(away)
            if path.is_dir():
                twin.mkdir()
            else:
                twin.write_text("somebody else's")
            self.user.own(twin)
        self.twins = sorted(self.folder.rglob('*'))

    def restore(self):
        assert sorted(self.folder.rglob('*')) == self.twins, 'what is not ours was removed'
        shutil.rmtree(self.folder)
        self.folder.with_name('encrypted').rename(self.folder)


class Unmounted(Place):
    """A home that is not mounted; its mount point is an empty folder of the same user's."""

    def make(self):
        self.real = self.folder.with_name('unmounted-real')
        self.real.mkdir(mode=0o700)
        self.user.own(self.real)
        self.restore()

    def lose(self):
        run('umount', '--lazy', self.folder)

    def restore(self):
        run('mount', '--bind', self.real, self.folder)

    def content(self):
        return self.real


class ReadOnly(Place):
    def lose(self):
        # Over it, as who writes keeps a mount from becoming read-only.
        run('mount', '--bind', self.folder, self.folder)
        run('mount', '-o', 'remount,bind,ro', self.folder)

    def restore(self):
        run('umount', '--lazy', self.folder)


class Pulled(Place):
    """A disk that was pulled out: whatever is asked of its file system fails with EIO."""

    def make(self):
        self.image = self.folder.with_name('pulled.img')
        with open(self.image, 'wb') as file:
            file.truncate(64 << 20)
        run('mkfs.ext4', '-q', '-m', '0', self.image)
        self._mount()
        (self.folder / 'lost+found').rmdir()
        self.user.own(self.folder)

    def _mount(self):
        run('mount', '-o', 'loop', self.image, self.folder)

    def lose(self):
        fd = os.open(self.folder, os.O_RDONLY)
        fcntl.ioctl(fd, EXT4_IOC_SHUTDOWN, (0).to_bytes(4, 'little'))   # its journal is written
        os.close(fd)

    def restore(self):
        run('umount', self.folder)
        self._mount()


class Share(Place):
    """A file system in user space, as sshfs is one, whose server ends."""

    def make(self):
        self.real = self.folder.with_name(f'{self.folder.name}-real')
        self.real.mkdir(mode=0o700)
        self.user.own(self.real)
        self._mount()

    def _mount(self):
        self.server = subprocess.Popen(('bindfs', '-f', '-o', 'allow_other', self.real, self.folder),
                                       stdin=subprocess.DEVNULL)
        wait_on_disk(lambda: os.path.ismount(self.folder), 'the share')

    def lose(self):
        self.server.kill()
        self.server.wait(DEADLINE)

    def restore(self):
        run('umount', '--lazy', self.folder)
        self._mount()

    def content(self):
        return self.real

    def close(self):
        self.server.kill()
        self.server.wait(DEADLINE)
        subprocess.run(('umount', '--lazy', self.folder), check=True)


class Silent(Share):
    """Its server does not answer, and has taken in a write already: the kernel lets nobody go who waits
    for that one."""

    def lose(self):
        log = self.folder.with_name('writes')
        self.tracer = subprocess.Popen(
            ('strace', '-qq', '-f', '-p', str(self.server.pid), '-o', log, '-e', 'trace=pwrite64',
             '-e', 'inject=pwrite64:delay_enter=1000000000'), stdin=subprocess.DEVNULL)
        wait_on_disk(lambda: log.exists() and 'pwrite64(' in log.read_text(), 'a write')
        self.server.send_signal(signal.SIGSTOP)

    def restore(self):
        self.tracer.send_signal(signal.SIGINT)
        self.tracer.wait(DEADLINE)
        self.server.send_signal(signal.SIGCONT)


WAYS = (Moved, Locked, NoSearch, Replaced, Unmounted, ReadOnly, Pulled, Share)
