"""Domains that virt-install and virt-clone make survive an export and an import; what differs is
printed (pytest -s)."""

import subprocess

import pytest

from rig import packages, shapes
from rig.caller import QEMU
from rig.libvirt import NVRAM, TPM, URI
from rig.machines import same_content

# Disks are volumes that virt-install makes; the machine is started, and finds nothing to boot.
COMMON = ('--connect', URI, '--virt-type', 'qemu', '--memory', '64', '--noautoconsole', '--import',
          '--check', 'all=off')
INSTALLED = {
    'for Linux': ('--osinfo', 'debian11', '--disk', 'size=0.01', '--network', 'user'),
    'UEFI, TPM, two disks, VNC': (
        '--osinfo', 'generic', '--machine', 'q35', '--boot', 'uefi', '--tpm',
        'emulator,model=tpm-crb', '--disk', 'size=0.01,format=qcow2', '--disk',
        'size=0.01,format=raw,bus=sata', '--network', 'user', '--graphics', 'vnc'),
    'pc, IDE, no network': (
        '--osinfo', 'generic', '--machine', 'pc', '--disk', 'size=0.01,bus=ide', '--network', 'none',
        '--graphics', 'none'),
    'SCSI, sound, watchdog': (
        '--osinfo', 'generic', '--controller', 'scsi,model=virtio-scsi', '--disk',
        'size=0.01,bus=scsi', '--network', 'user,model=virtio', '--graphics', 'vnc', '--sound',
        'ich9', '--rng', '/dev/urandom', '--watchdog', 'i6300esb'),
}


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, f'{command}: {done.stdout}'


def install(libvirt, name, options, home):
    run('env', f'HOME={home}', 'virt-install', *COMMON, '--name', name, *options)
    libvirt.destroy(name)


def files_of(domain):
    """UEFI variables and the TPM's permanent state."""
    variables = NVRAM / f'{domain.name()}_VARS.fd'
    return (variables.read_bytes() if variables.exists() else None,
            [path.read_bytes() for path in sorted((TPM / domain.UUIDString()).rglob('*.permall'))])


def round_trip(libvirt, qemu, alice, area, name):
    machine = qemu.find(alice, name)
    qemu.wait_state(alice, machine, 'off')
    before = libvirt.xml(name)
    exported = alice.wait(alice.export(machine, area / 'alice/package', manager=QEMU))
    assert exported['Warnings'] == []
    packages.assert_package(area / 'alice/package')
    imported = alice.wait(alice.import_(area / 'alice/package', {'Name': 'new'}, QEMU))
    assert imported['Warnings'] == []
    after = libvirt.xml('new')
    expected, unexpected = shapes.differences(
        before, after, [*shapes.IDENTITY, *shapes.PLACES, *shapes.CHAIN_END, *shapes.TOKEN])
    print(f'\n{name}: {len(shapes.flatten(before))} values, of which differ', *expected, sep='\n  ')
    assert not unexpected, '\n'.join(unexpected)
    for old, copy in zip(shapes.image_paths(before), shapes.image_paths(after), strict=True):
        assert same_content(*old[0], *copy[0])
    assert files_of(libvirt.domain('new')) == files_of(libvirt.domain(name))
    libvirt.domain('new').create()
    libvirt.destroy('new')


@pytest.mark.parametrize('what', INSTALLED)
def test_virt_install(libvirt, qemu, alice, area, what):
    install(libvirt, 'old', INSTALLED[what], area)
    round_trip(libvirt, qemu, alice, area, 'old')


def test_virt_clone(libvirt, qemu, alice, area):
    install(libvirt, 'first', INSTALLED['UEFI, TPM, two disks, VNC'], area)
    run('env', f'HOME={area}', 'virt-clone', '--connect', URI, '--original', 'first', '--name', 'old',
        '--auto-clone')
    round_trip(libvirt, qemu, alice, area, 'old')
