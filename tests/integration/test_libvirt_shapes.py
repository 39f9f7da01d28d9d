"""Domains of many shapes survive an export and an import: what differs in the configuration is what
the settings said, and it is printed (pytest -s)."""

import os
import xml.etree.ElementTree as ElementTree

import pytest

from rig import packages, shapes
from rig.caller import QEMU
from rig.libvirt import IMAGES, NVRAM, TPM
from rig.machines import same_content

VARIABLES = b'variables' * 60000
PERMANENT = b'permanent' * 700
UUID = 'c1f9b4f6-1a0e-4a92-9a3d-0d7ad1b6b001'


def own(path, data, like):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(0o600)
    os.chown(path, like.st_uid, like.st_gid)


def give_state(text):
    """UEFI variables and a TPM's files, for a domain that has such things and is to be defined."""
    root = ElementTree.fromstring(text)
    made = {}
    if root.find('os').get('firmware') == 'efi':
        own(NVRAM / f'{root.findtext("name")}_VARS.fd', VARIABLES, NVRAM.stat())
        made['nvram'] = VARIABLES
    if root.find('devices/tpm') is not None:
        own(TPM / root.findtext('uuid') / 'tpm2/tpm2-00.permall', PERMANENT, os.stat('/'))
        made['tpm'] = PERMANENT
    return made


def state_of(domain):
    made = {}
    if (NVRAM / f'{domain.name()}_VARS.fd').exists():
        made['nvram'] = (NVRAM / f'{domain.name()}_VARS.fd').read_bytes()
    if (TPM / domain.UUIDString()).exists():
        made['tpm'] = (TPM / domain.UUIDString() / 'tpm2/tpm2-00.permall').read_bytes()
    return made


@pytest.mark.parametrize('what', [*shapes.WRITTEN, *shapes.PRINTED])
def test_round_trip(libvirt, qemu, alice, area, what):
    text = shapes.shape(what, 'old')
    shapes.make_images(text)
    made = give_state(text)
    domain = libvirt.define(text)
    domain.setAutostart(True)
    before, images = libvirt.xml('old'), shapes.image_paths(text)
    owners = [os.stat(path).st_uid for chain in images for path, _ in chain]

    machine = qemu.find(alice, 'old')
    exported = alice.wait(alice.export(machine, area / 'alice/package', manager=QEMU))
    packages.assert_package(area / 'alice/package')
    assert not [w for w in exported['Warnings'] if w['Code'] == 'ConfigurationLeftBehind'], \
        'the model knows all of it'
    assert libvirt.xml('old') == before
    assert [os.stat(path).st_uid for chain in images for path, _ in chain] == owners, \
        'libvirt\'s owners stay as they were'
    result = alice.wait(alice.import_(area / 'alice/package', {'Name': 'new'}, QEMU))

    new = libvirt.domain(result['ImportedVirtualMachine'])
    after = libvirt.xml('new')
    allowed = [*shapes.IDENTITY, *shapes.PLACES, *shapes.CHAIN_END, *shapes.TOKEN]
    if 'volume=' in text:
        allowed += shapes.VOLUME
    if 'bridge=' in before:
        # There is no such bridge here: the adapter is there, connected to nothing.
        assert [w['Code'] for w in result['Warnings']] == ['NetworkMissing']
        allowed += [r'/devices\[0\]/interface\[0\]/(@type|source\[0\].*|link\[0\].*)']
    expected, unexpected = shapes.differences(before, after, allowed)
    print(f'\n{what}: {len(shapes.flatten(before))} values, of which differ', *expected, sep='\n  ')
    assert not unexpected, '\n'.join(unexpected)
    assert new.UUIDString() != domain.UUIDString()
    assert new.autostart() == 1, 'autostart is carried'
    assert state_of(new) == made and state_of(domain) == made
    copies = shapes.image_paths(after)
    assert len(copies) == len(images)
    for old, copy in zip(images, copies):
        assert len(old) == len(copy)
        assert same_content(*old[0], *copy[0])
        assert {path for path, _ in old}.isdisjoint(path for path, _ in copy)
        for path, _ in copy:
            assert path.startswith(f'{IMAGES}/')
            assert os.stat(path).st_mode & 0o077 == 0
    assert libvirt.xml('old') == before, 'the first one is as it was'


@pytest.mark.parametrize('what', ['q35, UEFI with secure boot, TPM, two disks',
                                  'three adapters', 'title, metadata, CPU, clock, tuning'])
def test_as_it_was(libvirt, qemu, alice, root, area, what):
    """Exported, deleted and imported with its id: nothing differs but where its images are.

    Pitfalls 5, 6 and 12: UEFI variables, TPM state, MAC addresses."""
    text = shapes.shape(what, 'old')
    shapes.make_images(text)
    made = give_state(text)
    domain = libvirt.define(text)
    before, uuid = libvirt.xml('old'), domain.UUIDString()
    machine = qemu.find(alice, 'old')
    alice.wait(alice.export(machine, area / 'alice/package', manager=QEMU))
    root.delete(machine)
    assert libvirt.names() == []
    assert not list(NVRAM.iterdir()) and not (TPM / uuid).exists() \
        and not [path for path in IMAGES.iterdir() if path.name.startswith('old')]
    alice.wait(alice.import_(area / 'alice/package', {'GenerateNewId': False}, QEMU))
    assert qemu.find(alice, 'old') == machine
    expected, unexpected = shapes.differences(
        before, libvirt.xml('old'), [*shapes.PLACES, *shapes.CHAIN_END, *shapes.TOKEN])
    print(f'\n{what}:', *expected, sep='\n  ')
    assert not unexpected, '\n'.join(unexpected)
    assert state_of(libvirt.domain('old')) == made


def test_the_comparison_sees():
    """It can fail: every kind of change is seen, and only what is allowed is."""
    before = shapes.shape('three adapters', 'old', UUID)
    for old, new in (("model type='e1000'", "model type='virtio'"), ('<acpi/>', ''),
                     ("network='lab'", "network='default'"), ('</devices>', '<panic/></devices>')):
        assert old in before
        expected, unexpected = shapes.differences(before, before.replace(old, new),
                                                  shapes.IDENTITY)
        assert unexpected and not expected, (old, new)
    expected, unexpected = shapes.differences(before, shapes.shape('three adapters', 'new', UUID),
                                              [*shapes.IDENTITY, *shapes.PLACES])
    assert len(expected) == 2 and not unexpected
