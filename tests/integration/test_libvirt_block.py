"""Disks on logical volumes: a package has them as files, and so has whoever imports it.

Where the kernel has no device mapper there is no LVM. So libvirtd's pool is told of a group by a
stand-in for LVM's programs, whose one volume is a loop device; all else is as real as ever."""

import pathlib
import shutil
import subprocess

import pytest

from rig import packages
from rig.caller import ERROR, QEMU, refused
from rig.libvirt import IMAGES
from rig.machines import MIB, make_image, random_disk, same_content
from rig.shapes import make_images, shape

GROUP = pathlib.Path('/dev/vmport-group')
LVM = pathlib.Path('/usr/sbin/lvm')
# What libvirt asks for, in its own order: see virStorageBackendLogicalFindLVs().
STAND_IN = f'''#!/bin/sh
case "$(basename "$0")" in
lvs) echo "disk##u-1#/dev/null(0)#linear#1#8388608#4194304#8388608#-wi-a-----" ;;
vgs) echo "  16777216:8388608" ;;
pvs) echo "  /dev/null {GROUP.name}" ;;
esac
'''
PLAIN = 'q35, BIOS, virtio, user network'


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


@pytest.fixture
def volume(libvirt, area):
    """The volume "disk" of the pool "lab"; the device and a file with its content."""
    disk = random_disk(8, 'disk.raw', 'raw')
    content = area / 'content.raw'
    make_image(content, disk)
    backing = shutil.copy(content, area / 'backing.raw')
    device = run('losetup', '--find', '--show', backing)
    stand_in = area / 'lvm'
    stand_in.write_text(STAND_IN)
    stand_in.chmod(0o755)
    run('mount', '--bind', stand_in, LVM)
    try:
        GROUP.mkdir(mode=0o755)
        (GROUP / 'disk').symlink_to(device)
        pool = libvirt.connection.storagePoolDefineXML(
            f"<pool type='logical'><name>lab</name><source><name>{GROUP.name}</name></source>"
            f"<target><path>{GROUP}</path></target></pool>")
        pool.create()
        yield GROUP / 'disk', content
        if pool.isActive():
            pool.destroy()
    finally:
        shutil.rmtree(GROUP, ignore_errors=True)
        run('umount', LVM)
        run('losetup', '--detach', device)


@pytest.mark.parametrize('source', ["type='volume'><source pool='lab' volume='disk'/>",
                                    "type='block'><source dev='@device@'/>"])
def test_a_logical_volume(libvirt, qemu, alice, area, volume, source):
    device, content = volume
    text = shape(PLAIN, 'web').replace("type='qcow2'", "type='raw'").replace(
        f"<source file='{IMAGES}/web-0.qcow2'/>", '')
    kind, _, line = source.partition('>')
    text = text.replace("<disk type='file'", f'<disk {kind}', 1).replace(
        "<target dev='vda'", f"{line.replace('@device@', str(device))}<target dev='vda'", 1)
    libvirt.define(text)
    machine = qemu.find(alice, 'web')
    assert alice.machines(QEMU)[machine]['ResourcePaths'] == [str(device)]
    result = alice.wait(alice.export(machine, area / 'alice/package', manager=QEMU))
    assert result['Warnings'] == [] and result['BytesCopied'] >= 8 * MIB
    packages.assert_package(area / 'alice/package')
    result = alice.wait(alice.import_(area / 'alice/package', {'Name': 'new'}, QEMU))
    path = alice.machines(QEMU)[result['ImportedVirtualMachine']]['ResourcePaths'][0]
    assert pathlib.Path(path).parent == IMAGES and pathlib.Path(path).is_file()
    assert same_content(path, 'raw', content, 'raw')
    assert "<disk type='file'" in libvirt.xml('new')


def test_nothing_is_imported_into_a_group(libvirt, qemu, alice, carol, area, volume):
    machine_text = shape(PLAIN, 'web')
    make_images(machine_text)
    libvirt.define(machine_text)
    alice.wait(alice.export(qemu.find(alice, 'web'), area / 'alice/package', manager=QEMU))
    shutil.move(area / 'alice/package', area / 'package')
    subprocess.run(('chmod', '-R', 'a+rX', area / 'package'), check=True)
    error = refused(lambda: carol.wait(carol.import_(
        area / 'package', {'Name': 'new', 'TargetVhdDataRoot': str(GROUP)}, QEMU)))
    assert error.name == f'{ERROR}NotSupported' and 'lab' in error.message, error
    assert libvirt.names() == ['web'] and [path.name for path in GROUP.iterdir()] == ['disk']


def test_a_device_of_no_pool_stays_behind(libvirt, qemu, alice, area, volume):
    """Nobody exports another device of the host by naming it."""
    device, _ = volume
    libvirt.connection.storagePoolLookupByName('lab').destroy()
    text = shape(PLAIN, 'web').replace("type='qcow2'", "type='raw'").replace(
        f"<source file='{IMAGES}/web-0.qcow2'/>", f"<source dev='{device}'/>").replace(
            "<disk type='file'", "<disk type='block'", 1)
    libvirt.define(text)
    result = alice.wait(alice.export(qemu.find(alice, 'web'), area / 'alice/package', manager=QEMU))
    assert [warning['Code'] for warning in result['Warnings']] == ['DiskLeftBehind']
    libvirt.define(text.replace("type='block'", "type='file'").replace('source dev=', 'source file='))
    error = refused(lambda: alice.wait(alice.export(qemu.find(alice, 'web'), area / 'alice/other',
                                                    manager=QEMU)))
    assert error.name != f'{ERROR}Failed' and not (area / 'alice/other').exists(), error
