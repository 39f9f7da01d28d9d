"""A disk whose power can be cut: a FUSE file system in memory, which keeps a log of all that was done
to it, and afterwards shows what a real one may have kept of that.

The model is POSIX's, not that of one file system. What it knows:

- What was written to a file, its size, owner and mode are safe once an fsync() or fdatasync() of that
  file has returned. Until then each loss below may take them.
- Names (made, renamed, removed) are safe once the folder that they are in has been flushed. Changes of
  one folder reach the disk in their order. A rename from one folder to another is safe as a whole once
  the one that it leads to has been flushed; where only the other has been, the name is gone from that,
  and nowhere else.
- An inode keeps its number, so what a journal knows files by is as true as before.

What a cut leaves of the rest is one of LOSSES, or all but what one file or folder has waiting, or that
alone. What it does not know: sectors of one write that reach the disk alone, several unsafe writes of
which some do, disks that lie about flushes, and file systems that keep less than they say. Clones
(FICLONE) and copy_file_range() are not offered, so both fall back to plain writes; O_DIRECT is, and is
as little safe as any write. syncfs() reaches no FUSE file system; nothing here calls it.
"""

import errno
import hashlib
import os
import stat
import struct
import subprocess
import threading
from dataclasses import dataclass, field

from .fuse import IN_HEADER, INIT_OUT, NO_REPLY, OPEN_OUT, OUT_HEADER

(LOOKUP, GETATTR, SETATTR, MKDIR, UNLINK, RMDIR, OPEN, READ, WRITE, STATFS, RELEASE, FSYNC, FLUSH, INIT,
 OPENDIR, READDIR, RELEASEDIR, FSYNCDIR, ACCESS, CREATE, DESTROY, FALLOCATE, RENAME, RENAME2, MKNOD) = (
     1, 3, 4, 9, 10, 11, 14, 15, 16, 17, 18, 20, 25, 26, 27, 28, 29, 30, 34, 35, 38, 43, 12, 45, 8)
ROOT = 1
SET_MODE, SET_UID, SET_GID, SET_SIZE = 1, 2, 4, 8
NOREPLACE = 1
ATTR = struct.Struct('=6Q10I')
BIG_WRITES = 1 << 5
MAX_WRITE = 1 << 17

# What the disk has of that which was never flushed.
NOTHING, EVERYTHING, NAMES, SIZES, DATA = ('nothing', 'everything', 'names alone',
                                           'names and sizes, and zeros for data', 'data alone')
LOSSES = (NOTHING, EVERYTHING, NAMES, SIZES, DATA)


@dataclass
class Node:
    mode: int
    uid: int
    gid: int
    data: bytearray = field(default_factory=bytearray)
    names: dict = None   # of a folder: {name: number}

    def copy(self):
        return Node(self.mode, self.uid, self.gid, bytearray(self.data),
                    None if self.names is None else dict(self.names))


@dataclass
class Entry:
    """One thing that was done: `write`, `size`, `owner` to a file or folder; `name` to folders, as
    changes of [(folder, name, number or None)]; `flush` of a file or folder."""

    what: str
    number: int
    value: object = None


def apply(nodes, entry):
    node = nodes[entry.number]
    if entry.what == 'write':
        offset, data = entry.value
        if len(node.data) < offset:
            node.data.extend(bytes(offset - len(node.data)))
        node.data[offset:offset + len(data)] = data
    elif entry.what == 'size':
        size = entry.value
        if size < len(node.data):
            del node.data[size:]
        node.data.extend(bytes(size - len(node.data)))
    elif entry.what == 'owner':
        node.mode, node.uid, node.gid = entry.value
    elif entry.what == 'name':
        for folder, name, number in entry.value:
            if number is None:
                nodes[folder].names.pop(name, None)
            else:
                nodes[folder].names[name] = number


def _whose(entry):
    """What has to be flushed for it. Of changes of names the last is the one that something comes by,
    or the only one."""
    return entry.value[-1][0] if entry.what == 'name' else entry.number


def _is_kept(entry, whose, loss):
    """Whether the disk has what nobody had it flush."""
    if isinstance(loss, int):
        return whose == loss if loss > 0 else whose != -loss
    if entry.what == 'name':
        return loss in (EVERYTHING, NAMES, SIZES)
    return loss in (EVERYTHING, DATA) or loss == SIZES and entry.what != 'write'


class Log:
    """What was done from one moment on; what was there then is safe."""

    def __init__(self, nodes):
        self.start = {number: node.copy() for number, node in nodes.items()}
        self.born = {}      # number: the node as it was made
        self.entries = []
        self.digests = {}

    def cuts(self):
        """[(how many entries of the log, loss)]: where the power may go. A loss may also be the number
        of a file or folder, of which alone the disk has what waits, or minus that, for all but it."""
        result, waiting = [], set()
        for count in range(len(self.entries) + 1):
            # In the middle of plain writes there is nothing that is not there at their end.
            done = self.entries[count - 1] if count else None
            coming = self.entries[count] if count < len(self.entries) else None
            if done and done.what == 'flush':
                waiting.discard(done.number)
            elif done:
                waiting.add(_whose(done))
            if coming and coming.what not in ('name', 'flush') and done and done.what not in (
                    'name', 'flush'):
                continue
            result += [(count, loss) for loss in LOSSES]
            if len(waiting) > 1:
                result += [(count, sign * number) for number in sorted(waiting) for sign in (1, -1)]
        return result

    def after(self, count, loss):
        """The nodes as the disk has them."""
        entries = self.entries[:count]
        flushed = {}
        for place, entry in enumerate(entries):
            if entry.what == 'flush':
                flushed[entry.number] = place
        nodes, own = {**self.start, **self.born}, set()

        def keep(entry):
            for number in {entry.number, *(folder for folder, _, _ in entry.value)} \
                    if entry.what == 'name' else (entry.number,):
                if number not in own:
                    own.add(number)
                    nodes[number] = nodes[number].copy()
            apply(nodes, entry)
        for place, entry in enumerate(entries):
            if entry.what == 'flush':
                continue
            whose = _whose(entry)
            if place < flushed.get(whose, -1) or _is_kept(entry, whose, loss):
                keep(entry)
            elif entry.what == 'name':
                for folder, name, number in entry.value:
                    if number is None and place < flushed.get(folder, -1):
                        keep(Entry('name', folder, [(folder, name, None)]))
            elif loss == SIZES and entry.what == 'write':
                offset, data = entry.value
                end = len(nodes[whose].data)
                keep(Entry('write', whose, (end, bytes(max(0, offset + len(data) - end)))))
        return nodes

    def fingerprint(self, nodes):
        """The same for nodes that nobody can tell apart."""
        result = hashlib.sha256()

        def walk(number, path):
            node = nodes[number]
            result.update(f'{path}\0{number} {node.mode} {node.uid} {node.gid} '.encode())
            result.update(self._digest(number, node))
            for name, child in sorted((node.names or {}).items()):
                walk(child, f'{path}/{name}')
        walk(ROOT, '')
        return result.digest()

    def _digest(self, number, node):
        """Of what a file has; most are as they were."""
        if node is not self.start.get(number):
            return hashlib.sha256(node.data).digest()
        if number not in self.digests:
            self.digests[number] = hashlib.sha256(node.data).digest()
        return self.digests[number]


class Disk:
    """Mounted on folder, for all users."""

    def __init__(self, folder):
        self.folder = folder
        self.nodes = {ROOT: Node(stat.S_IFDIR | 0o755, 0, 0, names={})}
        self.log = Log(self.nodes)
        self.next = ROOT + 1
        self.lock = threading.Lock()
        self.device = os.open('/dev/fuse', os.O_RDWR)
        subprocess.run(('mount', '-i', '-t', 'fuse', '-o',
                        f'fd={self.device},rootmode=40000,user_id=0,group_id=0,allow_other,'
                        'default_permissions,max_read=131072', 'vmport-disk', folder),
                       check=True, pass_fds=(self.device,))
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    # What a test does with it

    def begin(self):
        """The Log of what is done from here on."""
        with self.lock:
            self.log = Log(self.nodes)
            return self.log

    def show(self, nodes):
        """From now on this is what is there; nobody may have anything of it open."""
        with self.lock:
            self.nodes = {number: node.copy() for number, node in nodes.items()}

    def close(self):
        subprocess.run(('umount', '--lazy', self.folder), check=True)
        self.thread.join()
        os.close(self.device)

    # The file system

    def _serve(self):
        while True:
            try:
                request = os.read(self.device, MAX_WRITE + 4096)
            except OSError as error:
                if error.errno == errno.ENODEV:   # unmounted
                    return
                continue   # the request was taken back
            _, opcode, unique, number, uid, gid, *_ = IN_HEADER.unpack_from(request)
            if opcode in NO_REPLY:
                continue
            handler = HANDLERS.get(opcode)
            try:
                if handler is None:
                    raise OSError(errno.ENOSYS, '')
                with self.lock:
                    code, data = 0, handler(self, number, request[IN_HEADER.size:], uid, gid)
            except OSError as error:
                code, data = error.errno, b''
            try:
                os.write(self.device, OUT_HEADER.pack(OUT_HEADER.size + len(data), -code, unique) + data)
            except OSError:   # whoever asked was killed
                pass

    def _do(self, what, number, value=None):
        entry = Entry(what, number, value)
        apply(self.nodes, entry)
        self.log.entries.append(entry)

    def _attr(self, number):
        node = self.nodes[number]
        size = len(node.data)
        return ATTR.pack(number, size, (size + 511) // 512, 0, 0, 0, 0, 0, 0, node.mode,
                         1 if node.names is None else 2, node.uid, node.gid, 0, 4096, 0)

    def _entry(self, number):
        return struct.pack('=QQQQII', number, 0, 0, 0, 0, 0) + self._attr(number)

    def _child(self, folder, name):
        if (names := self.nodes[folder].names) is None:
            raise OSError(errno.ENOTDIR, '')
        if name not in names:
            raise OSError(errno.ENOENT, '')
        return names[name]

    def _lookup(self, number, data, *_):
        return self._entry(self._child(number, _name(data)))

    def _getattr(self, number, *_):
        return struct.pack('=QII', 0, 0, 0) + self._attr(number)

    def _setattr(self, number, data, *_):
        valid, _, _, size = struct.unpack_from('=IIQQ', data)
        mode, = struct.unpack_from('=I', data, 68)
        uid, gid = struct.unpack_from('=II', data, 76)
        node = self.nodes[number]
        if valid & SET_SIZE:
            self._do('size', number, size)
        owner = (stat.S_IFMT(node.mode) | mode & 0o7777 if valid & SET_MODE else node.mode,
                 uid if valid & SET_UID else node.uid, gid if valid & SET_GID else node.gid)
        if owner != (node.mode, node.uid, node.gid):
            self._do('owner', number, owner)
        return self._getattr(number)

    def _make(self, folder, name, node):
        if name in self.nodes[folder].names:
            raise OSError(errno.EEXIST, '')
        number, self.next = self.next, self.next + 1
        self.nodes[number] = node
        self.log.born[number] = node.copy()
        self._do('name', folder, [(folder, name, number)])
        return self._entry(number)

    def _mkdir(self, number, data, uid, gid):
        mode, umask = struct.unpack_from('=II', data)
        return self._make(number, _name(data[8:]),
                          Node(stat.S_IFDIR | mode & ~umask & 0o7777, uid, gid, names={}))

    def _mknod(self, number, data, uid, gid):
        mode, _, umask, _ = struct.unpack_from('=IIII', data)
        return self._make(number, _name(data[16:]), Node(mode & ~umask, uid, gid))

    def _create(self, number, data, uid, gid):
        _, mode, umask, _ = struct.unpack_from('=IIII', data)
        name = _name(data[16:])
        if name in self.nodes[number].names:
            entry = self._entry(self.nodes[number].names[name])
        else:
            entry = self._make(number, name, Node(stat.S_IFREG | mode & ~umask & 0o7777, uid, gid))
        return entry + OPEN_OUT.pack(0, 0, 0)

    def _remove(self, number, data, *_):
        name = _name(data)
        child = self.nodes[self._child(number, name)]
        if child.names:
            raise OSError(errno.ENOTEMPTY, '')
        self._do('name', number, [(number, name, None)])
        return b''

    def _rename(self, number, target, flags, names):
        old, new = names.split(b'\0')[:2]
        old, new = os.fsdecode(old), os.fsdecode(new)
        moved, there = self._child(number, old), self.nodes[target].names.get(new)
        if there is not None and flags & NOREPLACE:
            raise OSError(errno.EEXIST, '')
        if flags & ~NOREPLACE:
            raise OSError(errno.EINVAL, '')
        if there is not None and self.nodes[there].names:
            raise OSError(errno.ENOTEMPTY, '')
        self._do('name', number, [(number, old, None), (target, new, moved)])
        return b''

    def _rename1(self, number, data, *_):
        return self._rename(number, struct.unpack_from('=Q', data)[0], 0, data[8:])

    def _rename2(self, number, data, *_):
        return self._rename(number, *struct.unpack_from('=QI', data), data[16:])

    def _open(self, *_):
        return OPEN_OUT.pack(0, 0, 0)

    def _read(self, number, data, *_):
        _, offset, size = struct.unpack_from('=QQI', data)
        return bytes(self.nodes[number].data[offset:offset + size])

    def _write(self, number, data, *_):
        _, offset, size = struct.unpack_from('=QQI', data)
        self._do('write', number, (offset, bytes(data[40:40 + size])))
        return struct.pack('=II', size, 0)

    def _flush(self, number, *_):
        self.log.entries.append(Entry('flush', number))
        return b''

    def _readdir(self, number, data, *_):
        _, offset, size = struct.unpack_from('=QQI', data)
        result = b''
        entries = [('.', number), ('..', number), *self.nodes[number].names.items()]
        for place, (name, child) in enumerate(entries[offset:], offset + 1):
            text = os.fsencode(name)
            line = struct.pack('=QQII', child, place, len(text), self.nodes[child].mode >> 12) + text
            line += bytes(-len(line) % 8)
            if len(result) + len(line) > size:
                break
            result += line
        return result

    def _statfs(self, *_):
        return struct.pack('=5QIIII24x', 1 << 20, 1 << 20, 1 << 20, 1 << 20, 1 << 20, 4096, 255, 4096, 0)

    def _init(self, *_):
        return INIT_OUT.pack(7, 31, 1 << 17, BIG_WRITES, 12, 9, MAX_WRITE, 1, 0, 0, 0)

    def _nothing(self, *_):
        return b''

    def _unsupported(self, *_):
        raise OSError(errno.EOPNOTSUPP, '')


def _name(data):
    return os.fsdecode(data[:data.index(b'\0')])


# pylint: disable=protected-access
HANDLERS = {
    LOOKUP: Disk._lookup, GETATTR: Disk._getattr, SETATTR: Disk._setattr, MKDIR: Disk._mkdir,
    UNLINK: Disk._remove, RMDIR: Disk._remove, OPEN: Disk._open, READ: Disk._read,
    WRITE: Disk._write, STATFS: Disk._statfs, RELEASE: Disk._nothing, FSYNC: Disk._flush,
    FLUSH: Disk._nothing, INIT: Disk._init, OPENDIR: Disk._open, READDIR: Disk._readdir,
    RELEASEDIR: Disk._nothing, FSYNCDIR: Disk._flush, CREATE: Disk._create, DESTROY: Disk._nothing,
    RENAME: Disk._rename1, RENAME2: Disk._rename2, MKNOD: Disk._mknod,
    FALLOCATE: Disk._unsupported,
}
