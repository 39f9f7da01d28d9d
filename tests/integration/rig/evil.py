"""A package or bare directory that somebody spoils: what attackers put in the place of its files, and
what has to hold for every answer about it."""

import os
import socket
import stat
import subprocess
import unicodedata

from .machines import MIB, Disk, bare_directory, domain_xml, make_image

SECRET = 'nobody-but-root-may-read-this'
UUID = '6f1c9a3e-5b0d-4c7e-8a52-00000000abcd'


class Evil:
    """A directory of alice's that begins as a faultless package or bare directory."""

    def __init__(self, area, user):
        self.area, self.user = area, user
        self.path = area / user.name / 'evil'
        self.secret = area / 'root/secret'
        self.secret.write_text(SECRET)
        self.secret.chmod(0o600)
        self.directory = self.path
        self.settings = {}

    def bare(self, disks=None, **options):
        bare_directory(self.path, 'old', disks, **options)
        return self

    @property
    def xml(self):
        return self.path / 'old.xml'

    @property
    def image(self):
        return self.path / 'old.qcow2'

    def package(self, disks=('a.qcow2',), digests=False):
        self.disks = [Disk(name=name, size=MIB, extents=[(0, name.encode())],
                           format=name.rpartition('.')[2]) for name in disks]
        for folder in ('Virtual Machines', 'Virtual Hard Disks'):
            (self.path / folder).mkdir(parents=True)
        for disk in self.disks:
            make_image(self.path / 'Virtual Hard Disks' / disk.name, disk)
        self.configuration.write_text(domain_xml('old', self.disks, machine_uuid=UUID))
        self.describe(digests)
        return self

    @property
    def descriptor(self):
        return self.path / 'vmport.xml'

    @property
    def configuration(self):
        return self.path / f'Virtual Machines/{UUID}.xml'

    def member(self, name='a.qcow2'):
        return self.path / 'Virtual Hard Disks' / name

    def describe(self, digests=False):
        def attributes(path):
            result = f'size="{path.stat().st_size}" allocated="0"'
            if digests:
                verity = subprocess.run(('fsverity', 'digest', '--compact', path), check=True,
                                        text=True, stdout=subprocess.PIPE).stdout.strip()
                result += f' verity="{verity}"'
            return result

        disks = ''.join(f'<disk target="vd{chr(ord("a") + i)}"><image path="/x/{disk.name}" '
                        f'format="{disk.format}" file="Virtual Hard Disks/{disk.name}"/></disk>'
                        for i, disk in enumerate(self.disks))
        files = ''.join(f'<file name="Virtual Hard Disks/{disk.name}" role="disk" '
                        f'{attributes(self.member(disk.name))}/>' for disk in self.disks)
        self.descriptor.write_text(f'''<package xmlns="urn:vmport:package:1" version="1">
<generator>evil</generator><machine uuid="{UUID}" name="old" state="off"/>
<disks>{disks}</disks>
<files><file name="Virtual Machines/{UUID}.xml" role="configuration"
 {attributes(self.configuration)}/>{files}</files></package>''')

    def own(self):
        """Everything is alice's, but not what is root's by another name."""
        if self.path.exists() and not self.path.is_symlink():
            for path in (self.path, *self.path.rglob('*')):
                if path.is_dir() or path.lstat().st_nlink == 1:
                    os.lchown(path, self.user.uid, self.user.gid)


def edit(path, old, new):
    text = path.read_text()
    assert old in text, f'{old!r} is not in {path}, so this would test nothing'
    path.write_text(text.replace(old, new))


def link(path, target):
    path.unlink()
    path.symlink_to(target)


def fifo(path):
    path.unlink()
    os.mkfifo(path)


def device(path):
    path.unlink()
    os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))


def local_socket(path):
    path.unlink()
    with socket.socket(socket.AF_UNIX) as end:
        # The path is too long for one.
        fd = os.open(path.parent, os.O_PATH)
        end.bind(f'/proc/self/fd/{fd}/{path.name}')
        os.close(fd)


def folder_instead(path):
    path.unlink()
    path.mkdir()


def another_name(path, secret):
    path.unlink()
    os.link(secret, path)


def patched(offset, data):
    def make(path):
        with open(path, 'r+b') as file:
            file.seek(offset)
            file.write(data)
    return make


def assert_clean(text):
    bad = [c for c in text if unicodedata.category(c) in ('Cc', 'Cf', 'Zl', 'Zp')]
    assert not bad, f'control or bidi characters reach a terminal: {text!r}'
    assert len(text) < 3000, f'a message of {len(text)} characters'
    assert SECRET not in text
