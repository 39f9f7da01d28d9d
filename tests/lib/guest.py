#!/usr/bin/python3
"""Makes a tiny bootable machine: Debian's cloud kernel, a busybox initramfs, a disk with a marker.

The kernel and busybox are fetched with apt-get once and kept in a cache folder; everything else is
made anew each time. Run as a program it fetches them, makes a bare directory, or boots a machine:

    guest.py fetch
    guest.py make DIRECTORY [--name NAME] [--marker TEXT] [--payload MIB] [--disk-path PATH]
    guest.py boot DOMAIN.xml
"""

import argparse
import gzip
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import uuid
import xml.etree.ElementTree as ElementTree

KERNEL_METAPACKAGE = 'linux-image-cloud-amd64'
# In this order: each needs those before it.
MODULES = ('virtio_ring', 'virtio', 'virtio_pci_modern_dev', 'virtio_pci_legacy_dev', 'virtio_pci',
           'virtio_blk', 'efivarfs')
APPLETS = ('sh', 'mount', 'umount', 'insmod', 'cat', 'poweroff', 'sleep', 'stty', 'sync', 'dd',
           'grep', 'hexdump')

# With vmport.shell on the kernel's command line, whoever holds the serial console is in charge;
# else the machine tells its marker and ends. exec'ing poweroff -f ends the machine even where nothing was found, so a boot never hangs.
INIT = '''#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
for module in {modules}; do insmod /modules/$module.ko; done
echo "GUEST-UUID $(cat /sys/class/dmi/id/product_uuid)"
if grep -q vmport.shell /proc/cmdline; then
  stty -echo
  echo GUEST-READY
  PS1= exec sh
fi
if mount -t ext4 -o ro /dev/vda /disk; then
  echo "GUEST-MARKER $(cat /disk/marker)"
else
  echo "GUEST-FAILED no file system on /dev/vda"
fi
poweroff -f
'''

BOOT_TIMEOUT = 180


class GuestError(Exception):
    pass


def run(*command, **options):
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            check=False, **options)
    if result.returncode != 0:
        raise GuestError(f'{" ".join(map(str, command))}: exit status {result.returncode}: '
                         f'{result.stderr.strip()}')
    return result.stdout


def kernel_package():
    def resolve():
        output = run('apt-cache', 'depends', '--important', KERNEL_METAPACKAGE)
        return re.search(r'Depends: (linux-image-\S+-cloud-amd64)', output)
    try:
        found = resolve()
    except GuestError:
        found = None
    if not found:
        run('apt-get', '-qq', 'update')
        found = resolve()
    if not found:
        raise GuestError(f'{KERNEL_METAPACKAGE} names no kernel; is Debian main among the sources?')
    return found.group(1)


def fetch(package, folder):
    """Unpacks a Debian package below folder without installing it."""
    with tempfile.TemporaryDirectory(prefix='vmport-guest-') as scratch:
        # apt's own unprivileged downloader cannot write into a folder of root's.
        command = ('apt-get', '-qq', '-o', 'APT::Sandbox::User=root', 'download', package)
        try:
            run(*command, cwd=scratch)
        except GuestError:
            run('apt-get', '-qq', 'update')
            run(*command, cwd=scratch)
        archive, = pathlib.Path(scratch).glob('*.deb')
        run('dpkg', '-x', archive, folder)


def parts():
    """The kernel and the initramfs, from the cache or new: (kernel, initrd)."""
    cache = pathlib.Path(os.environ.get('VMPORT_CACHE', '/var/tmp/vmport-guest'))
    kernel, initrd = cache / 'vmlinuz', cache / 'initramfs-2.cpio.gz'
    if kernel.exists() and initrd.exists():
        return kernel, initrd
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix='vmport-guest-') as scratch:
        scratch = pathlib.Path(scratch)
        unpacked, root = scratch / 'unpacked', scratch / 'root'
        fetch(kernel_package(), unpacked)
        fetch('busybox-static', unpacked)
        busybox = next(path for path in unpacked.rglob('busybox') if path.is_file()
                       and path.parent.name == 'bin')
        for folder in ('bin', 'modules', 'proc', 'sys', 'dev', 'disk'):
            (root / folder).mkdir(parents=True)
        shutil.copy(busybox, root / 'bin/busybox')
        # Without the execute bit the kernel says "error -13" and panics.
        (root / 'bin/busybox').chmod(0o755)
        for applet in APPLETS:
            (root / 'bin' / applet).symlink_to('busybox')
        for module in MODULES:
            source = next(unpacked.rglob(f'{module}.ko'), None)
            if source is None:
                raise GuestError(f'the kernel package has no module {module}.ko')
            shutil.copy(source, root / 'modules')
        (root / 'init').write_text(INIT.format(modules=' '.join(MODULES)))
        (root / 'init').chmod(0o755)
        names = '\n'.join(sorted(str(path.relative_to(root)) for path in root.rglob('*')))
        archive = subprocess.run((root / 'bin/busybox', 'cpio', '-o', '-H', 'newc'), cwd=root,
                                 input=names.encode(), stdout=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL, check=True).stdout
        image, = unpacked.glob('boot/vmlinuz-*')
        # Each appears whole or not at all: another run may share the cache.
        for target, data in ((kernel, image.read_bytes()),
                             (initrd, gzip.compress(archive, mtime=0))):
            partial = target.with_name(f'{target.name}.{os.getpid()}')
            partial.write_bytes(data)
            partial.rename(target)
    return kernel, initrd


def make_disk(path, marker, payload):
    """A qcow2 disk whose file system holds the marker and payload MiB of random bytes."""
    with tempfile.TemporaryDirectory(prefix='vmport-guest-', dir=path.parent) as scratch:
        scratch = pathlib.Path(scratch)
        content = scratch / 'content'
        content.mkdir()
        (content / 'marker').write_text(f'{marker}\n')
        with open(content / 'payload', 'wb') as file:
            for _ in range(payload):
                file.write(os.urandom(1 << 20))
        raw = scratch / 'disk.raw'
        with open(raw, 'wb') as file:
            file.truncate((payload * 5 // 4 + 32) << 20)
        run('mkfs.ext4', '-q', '-F', '-d', content, raw,
            env={**os.environ, 'PATH': '/usr/sbin:/sbin:/usr/bin:/bin'})
        run('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', raw, path)


def make(directory, name='tiny', marker='hello', payload=4, disk_path=None):
    """Makes a bare directory: one domain XML, its kernel, initramfs and disk."""
    directory = pathlib.Path(directory).absolute()
    kernel, initrd = parts()
    directory.mkdir(parents=True, exist_ok=True)
    shutil.copy(kernel, directory / 'vmlinuz')
    shutil.copy(initrd, directory / 'initramfs.cpio.gz')
    make_disk(directory / f'{name}.qcow2', marker, payload)
    (directory / f'{name}.xml').write_text(f'''<domain type='qemu'>
  <name>{name}</name>
  <uuid>{uuid.uuid4()}</uuid>
  <memory unit='MiB'>160</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
    <kernel>{directory}/vmlinuz</kernel>
    <initrd>{directory}/initramfs.cpio.gz</initrd>
    <cmdline>console=ttyS0 quiet panic=-1</cmdline>
  </os>
  <features>
    <acpi/>
  </features>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/>
      <source file='{disk_path or f"{directory}/{name}.qcow2"}'/>
      <target dev='vda' bus='virtio'/>
    </disk>
    <interface type='user'>
      <mac address='52:54:00:6b:3c:58'/>
      <model type='virtio'/>
    </interface>
    <serial type='pty'>
      <target port='0'/>
    </serial>
    <console type='pty'>
      <target type='serial' port='0'/>
    </console>
  </devices>
</domain>
''')
    return directory


def qemu_command(xml):
    """The QEMU command line that boots the machine of a domain XML, without KVM or network."""
    domain = ElementTree.fromstring(xml)
    # What a host calls pc-q35-7.2, another may not have.
    machine = re.sub(r'^(pc-)?q35.*', 'q35', domain.find('os/type').get('machine', 'q35'))
    command = ['qemu-system-x86_64', '-accel', 'tcg', '-nodefaults', '-display', 'none',
               '-no-reboot', '-serial', 'stdio', '-m', '160',
               '-machine', machine, '-uuid', domain.findtext('uuid')]
    for option, element in (('-kernel', 'kernel'), ('-initrd', 'initrd'), ('-append', 'cmdline')):
        value = domain.findtext(f'os/{element}')
        if value:
            command += [option, value]
    for disk in domain.iterfind("devices/disk[@device='disk']"):
        path = disk.find('source').get('file').replace(',', ',,')
        command += ['-drive', f'if=virtio,format={disk.find("driver").get("type")},file={path}']
    return command


def boot(xml, echo=None):
    """Boots it and returns what its serial console said; echo gets each line as it comes."""
    process = subprocess.Popen(['timeout', '--kill-after=5', str(BOOT_TIMEOUT), *qemu_command(xml)],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, errors='replace')
    lines = []
    with process.stdout:
        for line in process.stdout:
            lines.append(line.rstrip())
            if echo:
                echo(lines[-1])
    status = process.wait()
    if status != 0:
        raise GuestError(f'QEMU ended with status {status}' +
                         (' (the guest did not power off in time)' if status == 124 else '') +
                         ':\n' + '\n'.join(lines[-20:]))
    return '\n'.join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    verbs = parser.add_subparsers(dest='verb', required=True)
    verbs.add_parser('fetch', help='so that the rest needs no network')
    verb = verbs.add_parser('make')
    verb.add_argument('directory')
    verb.add_argument('--name', default='tiny')
    verb.add_argument('--marker', default='hello')
    verb.add_argument('--payload', type=int, default=4, metavar='MIB')
    verb.add_argument('--disk-path', help='the path of the disk that the configuration names')
    verb = verbs.add_parser('boot')
    verb.add_argument('xml', type=argparse.FileType('r'))
    verb.add_argument('--print', action='store_true', help='print the command, boot nothing')
    options = parser.parse_args()
    try:
        if options.verb == 'fetch':
            parts()
        elif options.verb == 'make':
            make(options.directory, options.name, options.marker, options.payload,
                 options.disk_path)
        elif options.print:
            print(' '.join(qemu_command(options.xml.read())))
        else:
            boot(options.xml.read(), echo=print)
    except GuestError as error:
        print(f'guest.py: {error}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
