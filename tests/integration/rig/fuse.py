"""A FUSE file system with an empty folder, whose server can fall silent."""

import errno
import os
import select
import stat
import struct
import subprocess
import threading

LOOKUP, FORGET, GETATTR, INIT, OPENDIR, READDIR, RELEASEDIR = 1, 2, 3, 26, 27, 28, 29
INTERRUPT, DESTROY, BATCH_FORGET = 36, 38, 42
NO_REPLY = (FORGET, INTERRUPT, BATCH_FORGET)

IN_HEADER = struct.Struct('=IIQQIIIHH')
OUT_HEADER = struct.Struct('=IiQ')
INIT_OUT = struct.Struct('=IIIIHHIIHHI28x')
ATTR_OUT = struct.Struct('=QII6Q10I')
OPEN_OUT = struct.Struct('=QII')


class Fuse:
    """Mounted on folder for user alone, or for all; what is known of it is stale at once, so
    whoever asks anew waits for the server."""

    def __init__(self, folder, user, everybody=False):
        self.folder, self.user = folder, user
        self.device = os.open('/dev/fuse', os.O_RDWR)
        options = f'fd={self.device},rootmode=40000,user_id={user.uid},group_id={user.gid}'
        subprocess.run(('mount', '-i', '-t', 'fuse', '-o',
                        options + (',allow_other' if everybody else ''), 'vmport-test', folder),
                       check=True, pass_fds=(self.device,))
        self.wake, self.waker = os.pipe()
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _answer(self, opcode):
        if opcode == INIT:
            return 0, INIT_OUT.pack(7, 31, 0, 0, 1, 1, 4096, 1, 0, 0, 0)
        if opcode == GETATTR:
            return 0, ATTR_OUT.pack(0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, stat.S_IFDIR | 0o700, 2,
                                    self.user.uid, self.user.gid, 0, 4096, 0)
        if opcode == OPENDIR:
            return 0, OPEN_OUT.pack(0, 0, 0)
        if opcode in (READDIR, RELEASEDIR, DESTROY):
            return 0, b''
        return (errno.ENOENT if opcode == LOOKUP else errno.ENOSYS), b''

    def _serve(self):
        while True:
            ready, _, _ = select.select((self.device, self.wake), (), ())
            if self.wake in ready:
                return
            try:
                request = os.read(self.device, 1 << 17)
            except OSError:   # the mount is gone, or the request was taken back
                if not os.path.ismount(self.folder):
                    return
                continue
            _, opcode, unique, *_ = IN_HEADER.unpack_from(request)
            if opcode in NO_REPLY:
                continue
            error, data = self._answer(opcode)
            os.write(self.device, OUT_HEADER.pack(OUT_HEADER.size + len(data), -error, unique)
                     + data)

    def fall_silent(self):
        """From now on requests stay where they are."""
        os.write(self.waker, b'x')
        self.thread.join()

    def close(self):
        if self.thread.is_alive():
            self.fall_silent()
        os.close(self.device)   # whoever waits gets an error
        subprocess.run(('umount', '--lazy', self.folder), check=True)
        os.close(self.wake)
        os.close(self.waker)
