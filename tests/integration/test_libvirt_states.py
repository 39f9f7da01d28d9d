"""Saved states of libvirt's: every way in which libvirt writes them travels, and what a state's own
configuration would have the host do is refused as any other's."""

import struct

import pytest

from rig import hostile, packages
from rig.caller import ERROR, QEMU, refused
from rig.jobs import findings
from rig.libvirt import CONFIGURATION, QEMU_CONF, SAVED
from rig.shapes import make_images, shape

# libvirt's numbers for what qemu.conf calls save_image_format.
FORMATS = {'gzip': 1, 'bzip2': 2, 'xz': 3, 'lzop': 4}


@pytest.fixture
def save(libvirt, qemu, alice):
    """save('web'): a machine that libvirt has saved; its object path."""
    def save(name='web'):
        text = shape('q35, BIOS, virtio, user network', name)
        make_images(text)
        libvirt.define(text).create()
        libvirt.domain(name).managedSave(0)
        machine = qemu.find(alice, name)
        qemu.wait_state(alice, machine, 'saved')
        return machine
    return save


@pytest.fixture
def save_format(libvirt, qemu):
    """save_format('xz'): libvirtd saves in that format from now on."""
    def save_format(name):
        (CONFIGURATION / 'qemu.conf').write_text(f'{QEMU_CONF}save_image_format = "{name}"\n')
        libvirt.stop()
        libvirt.start()
        qemu.wait()
    yield save_format
    libvirt.reset()
    save_format('raw')


@pytest.mark.parametrize('kind', FORMATS)
def test_formats(libvirt, qemu, alice, area, save, save_format, kind):
    save_format(kind)
    machine = save()
    with open(SAVED / 'web.save', 'rb') as file:
        assert struct.unpack('<I', file.read(32)[28:])[0] == FORMATS[kind]
    alice.wait(alice.export(machine, area / 'alice/package', manager=QEMU))
    result = alice.wait(alice.import_(area / 'alice/package', {'Name': 'new'}, QEMU))
    assert alice.machines(QEMU)[result['ImportedVirtualMachine']]['State'] == 'saved'
    new = libvirt.domain('new')
    new.create()
    assert new.state()[1] == 3, 'it goes on from its state (VIR_DOMAIN_RUNNING_RESTORED)'


@pytest.mark.parametrize('what', ['emulator', 'qemu command line', 'USB device',
                                  'serial to a pipe'])
def test_hostile_configuration_of_a_state(libvirt, qemu, alice, area, save, what):
    """It comes through the same door as any other: libvirt is handed nothing of it."""
    package = area / 'alice/package'
    alice.wait(alice.export(save(), package, manager=QEMU))
    place, xml = hostile.WAYS[what]
    xml = xml.replace('@evil@', '/EVIL').replace('@decoy@', '/EVIL')
    end = '</devices>' if place == hostile.IN_DEVICES else '</domain>'
    packages.edit_state(package, end, f'{xml}{end}')
    before = libvirt.traces()
    job = alice.import_(package, {'Name': 'new'}, QEMU)
    error = refused(alice.wait, job)
    assert error.name in (f'{ERROR}Unsafe', f'{ERROR}NotCompatible'), error
    assert findings(alice, job).keys() & {'UnsafeDevice', 'SavedStateUnusable'}
    assert libvirt.traces() == before and libvirt.names() == ['web']
