"""The rig's libvirtd: guests boot in it, keep what they wrote, and go on after a managed save."""

import subprocess

from rig.guests import count, guest, write_nv_index, read_nv_index, write_variable, read_variable
from rig.libvirt import IMAGES


def test_uefi_tpm_and_two_disks(libvirt):
    for name, kind in (('a.raw', 'raw'), ('b.qcow2', 'qcow2')):
        subprocess.run(('qemu-img', 'create', '-q', '-f', kind, IMAGES / name, '4M'), check=True)
    libvirt.define(guest('web', [('a.raw', 'raw'), ('b.qcow2', 'qcow2')], uefi=True, tpm=True))
    console = libvirt.boot('web')
    console.wait('GUEST-READY')
    console.run('printf hello | dd of=/dev/vda; printf there | dd of=/dev/vdb; sync')
    write_variable(console, 'Rig', b'kept')
    write_nv_index(console, b'abcd')
    console.send('poweroff -f')
    libvirt.wait_off('web')
    assert (IMAGES / 'a.raw').read_bytes()[:5] == b'hello'
    console = libvirt.boot('web')
    console.wait('GUEST-READY')
    assert console.run('dd if=/dev/vdb bs=5 count=1') == 'there'
    assert read_variable(console, 'Rig') == b'kept'
    assert read_nv_index(console) == b'abcd'


def test_counting_over_a_managed_save(libvirt):
    libvirt.define(guest('web', []))
    console = libvirt.boot('web')
    console.wait('GUEST-READY')
    count(console)
    first = int(console.wait('COUNT'))
    libvirt.domain('web').managedSave(0)
    libvirt.kill()
    libvirt.start()
    console = libvirt.boot('web')
    assert int(console.wait('COUNT')) > first
