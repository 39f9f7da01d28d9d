"""Guests that boot, before and after: what they wrote, their UEFI variables, their TPM, and their
memory are where they were. Slow: QEMU without KVM."""

import subprocess

import pytest

from rig import packages
from rig.caller import QEMU
from rig.guests import (count, guest, last_count, read_nv_index, read_variable, write_nv_index,
                        write_variable)
from rig.libvirt import IMAGES, NVRAM, TPM
from rig.loop import DEADLINE

pytestmark = pytest.mark.slow


def make_disks():
    """One raw disk, and the top of a chain of three."""
    run = lambda *command: subprocess.run(('qemu-img', 'create', '-q', *command), check=True,
                                          cwd=IMAGES)
    run('-f', 'raw', 'a.raw', '4M')
    run('-f', 'qcow2', 'base.qcow2', '4M')
    subprocess.run(('qemu-io', '-f', 'qcow2', '-c', 'write -q -P 0x62 0 4096', 'base.qcow2'),
                   check=True, cwd=IMAGES)
    run('-f', 'qcow2', '-b', f'{IMAGES}/base.qcow2', '-F', 'qcow2', 'middle.qcow2')
    subprocess.run(('qemu-io', '-f', 'qcow2', '-c', 'write -q -P 0x6d 4096 4096', 'middle.qcow2'),
                   check=True, cwd=IMAGES)
    run('-f', 'qcow2', '-b', f'{IMAGES}/middle.qcow2', '-F', 'qcow2', 'top.qcow2')
    return [('a.raw', 'raw'), ('top.qcow2', 'qcow2')]


def sector(console, disk, number):
    return console.run(f'dd if=/dev/{disk} bs=4096 skip={number} count=1 2>/dev/null '
                       '| dd bs=6 count=1 2>/dev/null')


def test_uefi_tpm_two_disks_and_a_chain(libvirt, qemu, alice, root, area):
    """Pitfalls 5, 6 and 8: UEFI variables, TPM state and backing chains are not forgotten; and the
    first TPM of this host is one that the daemon has to hear of."""
    libvirt.define(guest('web', make_disks(), uefi=True, tpm=True))
    machine = qemu.find(alice, 'web')
    console = libvirt.boot('web')
    console.wait('GUEST-READY')
    console.run('for d in vda vdb; do printf mark-$d | dd of=/dev/$d bs=4096 seek=3; done; sync')
    write_variable(console, 'Vmport', b'variable')
    write_nv_index(console, b'abcd')
    console.send('poweroff -f')
    libvirt.wait_off('web')
    qemu.wait_state(alice, machine, 'off')
    uuid = libvirt.domain('web').UUIDString()
    permanent = (TPM / uuid / 'tpm2/tpm2-00.permall').read_bytes()
    variables = (NVRAM / 'web_VARS.fd').read_bytes()

    package = area / 'alice/package'
    alice.wait(alice.export(machine, package, manager=QEMU))
    _, files = packages.assert_package(package)
    assert sorted(role for role in packages.members(package).values()) \
        == ['configuration', *4 * ['disk'], 'initrd', 'kernel', 'nvram', 'tpm']
    root.delete(machine)
    assert libvirt.names() == [] and not (TPM / uuid).exists()
    for path in IMAGES.iterdir():
        path.unlink()
    for path in NVRAM.iterdir():
        path.unlink()

    result = alice.wait(alice.import_(package, {'Name': 'again'}, QEMU))
    new = libvirt.domain(result['ImportedVirtualMachine'])
    assert new.UUIDString() != uuid
    assert (TPM / new.UUIDString() / 'tpm2/tpm2-00.permall').read_bytes() == permanent
    assert (NVRAM / 'again_VARS.fd').read_bytes() == variables
    console = libvirt.boot('again')
    console.wait('GUEST-READY')
    assert [sector(console, disk, 3) for disk in ('vda', 'vdb')] == ['mark-v'] * 2
    assert sector(console, 'vdb', 0) == 'bbbbbb' and sector(console, 'vdb', 1) == 'mmmmmm'
    assert read_variable(console, 'Vmport') == b'variable'
    assert read_nv_index(console) == b'abcd'
    assert new.UUIDString() in console.text, 'the guest sees its new UUID'


def test_a_guest_that_counts_goes_on_counting(libvirt, qemu, alice, area):
    """Saved while it counts on its console; under a new name and a new UUID, beside the first.

    Pitfall 10, and peers 5.2 (5): libvirt's own calls refuse another name or UUID."""
    subprocess.run(('qemu-img', 'create', '-q', '-f', 'qcow2', IMAGES / 'a.qcow2', '4M'),
                   check=True)
    libvirt.define(guest('web', [('a.qcow2', 'qcow2')]))
    machine = qemu.find(alice, 'web')
    console = libvirt.boot('web')
    console.wait('GUEST-READY')
    count(console)
    console.wait('COUNT 5')
    libvirt.domain('web').managedSave(0)
    console.read(0.1)
    last = last_count(console)
    qemu.wait_state(alice, machine, 'saved')
    uuid = libvirt.domain('web').UUIDString()

    package = area / 'alice/package'
    alice.wait(alice.export(machine, package, manager=QEMU))
    assert packages.state(package) == 'saved'
    result = alice.wait(alice.import_(package, {'Name': 'again'}, QEMU))
    assert alice.machines(QEMU)[result['ImportedVirtualMachine']]['State'] == 'saved'
    assert [w['Code'] for w in result['Warnings']], \
        'somebody must tell that the guest sees its old SMBIOS UUID until it restarts'
    for name in ('again', 'web'):
        console = libvirt.boot(name)
        first = int(console.wait('COUNT', DEADLINE))
        assert last < first < last + 100, f'{name}: {last} when it was saved, {first} afterwards'
        assert 'GUEST-READY' not in console.text, 'it did not start anew'
    assert libvirt.domain('again').UUIDString() != uuid, 'both run at once'
