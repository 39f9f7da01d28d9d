"""Virtual machines to work on: bare directories with real images, as one user or another owns."""

import os
import pathlib
import subprocess
import uuid
from dataclasses import dataclass, field

MIB = 1 << 20


@dataclass
class Disk:
    """An image: extents are (offset, bytes) of what is in it, the rest is a hole."""

    name: str = 'disk.qcow2'
    size: int = 8 * MIB
    extents: list = field(default_factory=lambda: [(0, b'first'), (5 * MIB, b'second' * 1000)])
    format: str = 'qcow2'
    folder: str = '/var/lib/libvirt/images'   # where the configuration says that it lies


def random_disk(mib, name='disk.raw', image_format='raw'):
    """A disk whose content no file system can compress or leave out."""
    return Disk(name=name, size=mib * MIB, format=image_format,
                extents=[(i * MIB, os.urandom(MIB)) for i in range(mib)])


def block_disk(name='disk.raw'):
    """The smallest disk: one block."""
    return Disk(name=name, size=4096, format='raw', extents=[(0, os.urandom(4096))])


def make_image(path, disk):
    raw = path if disk.format == 'raw' else path.with_name(path.name + '.tmp-raw')
    with open(raw, 'wb') as file:
        file.truncate(disk.size)
        for offset, data in disk.extents:
            file.seek(offset)
            file.write(data)
    if disk.format != 'raw':
        subprocess.run(('qemu-img', 'convert', '-f', 'raw', '-O', disk.format, raw, path),
                       check=True, stdout=subprocess.DEVNULL)
        raw.unlink()


def domain_xml(name, disks, networks=(), machine_uuid=None, extra_devices=''):
    drives = ''.join(f'''
    <disk type='file' device='disk'>
      <driver name='qemu' type='{disk.format}'/>
      <source file='{disk.folder}/{disk.name}'/>
      <target dev='vd{chr(ord("a") + number)}' bus='virtio'/>
    </disk>''' for number, disk in enumerate(disks))
    adapters = ''
    for number, network in enumerate(networks):
        kind, _, source = network.partition(':')
        line = f"\n      <source {kind}='{source}'/>" if source else ''
        adapters += f'''
    <interface type='{kind}'>
      <mac address='52:54:00:12:34:{number:02x}'/>{line}
      <model type='virtio'/>
    </interface>'''
    return f'''<domain type='kvm'>
  <name>{name}</name>
  <uuid>{machine_uuid or uuid.uuid4()}</uuid>
  <memory unit='KiB'>65536</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64' machine='pc-q35-7.2'>hvm</type>
  </os>
  <devices>{drives}{adapters}{extra_devices}
  </devices>
</domain>
'''


def bare_directory(folder, name, disks=None, networks=(), owner=None, **options):
    """A folder with one domain XML and the images it names: what a person copied off a host.

    Disks of one base name cannot lie beside each other; make_vm() gives those places of their own.
    """
    disks = [Disk(name=f'{name}.qcow2')] if disks is None else disks
    folder.mkdir(parents=True)
    for disk in disks:
        make_image(folder / disk.name, disk)
    (folder / f'{name}.xml').write_text(domain_xml(name, disks, networks, **options))
    if owner:
        for path in (folder, *folder.rglob('*')):
            owner.own(path)
    return folder


def same_content(first, first_format, second, second_format):
    """Would a guest read the same from both images?"""
    return subprocess.run(('qemu-img', 'compare', '-f', first_format, '-F', second_format, first,
                           second), stdout=subprocess.DEVNULL, check=False).returncode == 0


def walk(folder):
    """(path, lstat) of everything below a folder, in order. What goes while it looks is left out,
    where Path.rglob() fails; so it can be asked while somebody tidies up."""
    result = []
    for parent, folders, files in os.walk(folder):
        for name in folders + files:
            path = pathlib.Path(parent, name)
            try:
                result.append((path, path.lstat()))
            except FileNotFoundError:
                continue
    return sorted(result)


def tree(folder):
    """Every path below a folder, and what would change if somebody touched it."""
    return {str(path.relative_to(folder)): (stat.st_mode, stat.st_uid, stat.st_gid, stat.st_size,
                                            stat.st_ino, stat.st_mtime_ns)
            for path, stat in walk(folder)}


def names(folder):
    return sorted(str(path.relative_to(folder)) for path, _ in walk(folder))
