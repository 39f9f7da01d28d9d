"""No foreign XML reaches libvirt: every way into the host that its schema knows is refused, and with
UnsafeDevices=strip it is gone and libvirt takes the rest.

Pitfall 19: libvirt runs <emulator> when a domain is merely defined; that one would leave a trace."""

import os
import shutil

import pytest

from rig import hostile, packages
from rig.caller import ERROR, QEMU, Refused, refused
from rig.jobs import findings
from rig.shapes import make_images, shape

GROUPS = 8
NAMES = list(hostile.WAYS)


@pytest.fixture
def trap(area):
    """A program that leaves a trace when it is run, by anybody, and a file of root's."""
    folder = area / 'trap'
    folder.mkdir()
    folder.chmod(0o777)
    program = folder / 'emulator'
    program.write_text(f'#!/bin/sh\n: > {folder}/sprung-$$\nexec /usr/bin/qemu-system-x86_64 "$@"\n')
    program.chmod(0o755)
    decoy = folder / 'decoy'
    decoy.write_text('nobody may read this\n')
    decoy.chmod(0o600)
    before = decoy.stat()
    yield program, decoy
    assert not list(folder.glob('sprung-*')), 'somebody ran the program of a foreign configuration'
    after = decoy.stat()
    assert (before.st_uid, before.st_mode, before.st_mtime, before.st_ino) \
        == (after.st_uid, after.st_mode, after.st_mtime, after.st_ino)


def write(folder, user, text):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / 'evil.xml').write_text(text)
    (folder / 'disk.raw').write_bytes(bytes(1 << 20))
    for path in (folder, *folder.iterdir()):
        user.own(path)


@pytest.mark.parametrize('group', range(GROUPS))
def test_ways_into_the_host(libvirt, qemu, alice, root, area, users, trap, group):
    assert len(NAMES) >= 40
    before = libvirt.traces()
    wrong = []
    for what in NAMES[group::GROUPS]:
        folder = area / 'alice/evil'
        write(folder, users['alice'], hostile.configuration(what, *trap))
        job = alice.import_(folder, manager=QEMU)
        try:
            wrong.append(f'{what}: imported, {alice.wait(job)}')
            continue
        except Refused as refusal:
            error = refusal
        if error.name != f'{ERROR}Unsafe' or 'UnsafeDevice' not in findings(alice, job):
            wrong.append(f'{what}: refused with {error}')
        if libvirt.names() or libvirt.traces() != before:
            wrong.append(f'{what}: something is left after it was refused')
        found = [finding for finding in alice.check_import(folder, manager=QEMU)
                 if finding['Severity'] == 'error']
        if not found or any(finding['Code'] != 'UnsafeDevice' for finding in found):
            wrong.append(f'{what}: the check says {found}')
        elif found[0]['Resolution'] != {'UnsafeDevices': 'strip'}:
            wrong.append(f'{what}: the resolution is {found[0]["Resolution"]}')
        try:
            result = alice.wait(alice.import_(folder, {'UnsafeDevices': 'strip'}, QEMU))
        except Refused as error:
            wrong.append(f'{what}: not stripped: {error}')
            continue
        domain = libvirt.domain(result['ImportedVirtualMachine'])
        text = domain.XMLDesc()
        for word in ('EVIL', *map(str, trap), '/dev/EVIL', '0xbeef', 'sev', 'passthrough',
                     'seclabel', 'locked', "mode='host'", '127.0.0.1', 'c2177883'):
            if word in text:
                wrong.append(f'{what}: {word!r} came through:\n{text}')
        if "<memballoon model='none'/>" not in text:
            wrong.append(f'{what}: the rest did not come through:\n{text}')
        root.delete(result['ImportedVirtualMachine'])
    assert not wrong, '\n'.join(wrong)


@pytest.mark.parametrize('what', ['emulator', 'qemu command line', 'root as label', 'USB device'])
def test_in_a_package(libvirt, qemu, alice, area, users, trap, what):
    """A package with right digests is no more to be believed than a bare directory."""
    text = shape('q35, BIOS, virtio, network, SPICE', 'old')
    make_images(text)
    libvirt.define(text)
    package = area / 'alice/package'
    alice.wait(alice.export(qemu.find(alice, 'old'), package, manager=QEMU))
    place, xml = hostile.WAYS[what]
    xml = xml.replace('@evil@', str(trap[0])).replace('@decoy@', str(trap[1]))
    packages.edit_configuration(package, *(('</devices>', f'{xml}</devices>')
                                           if place == hostile.IN_DEVICES
                                           else ('</domain>', f'{xml}</domain>')))
    before = libvirt.traces()
    job = alice.import_(package, {'Name': 'new'}, QEMU)
    assert refused(alice.wait, job).name == f'{ERROR}Unsafe'
    assert libvirt.traces() == before and libvirt.names() == ['old']
    result = alice.wait(alice.import_(package, {'Name': 'new', 'UnsafeDevices': 'strip'}, QEMU))
    text = libvirt.domain(result['ImportedVirtualMachine']).XMLDesc()
    for word in (str(trap[0]), str(trap[1]), 'qemu:commandline', 'seclabel', '0xbeef'):
        assert word not in text
    assert os.path.exists('/var/lib/libvirt/images/old-0.qcow2')


def test_what_can_be_kept_needs_a_right_of_its_own(libvirt, qemu, alice, carol, area, users, trap):
    """And what nobody may hand to libvirt is stripped even then."""
    folder = area / 'carol/evil'
    place, emulator = hostile.WAYS['emulator']
    _, log = hostile.WAYS['serial to a pipe']
    write(folder, users['carol'], hostile.BASE.replace(
        place, emulator.replace('@evil@', str(trap[0])) + log))
    result = carol.wait(carol.import_(folder, {'UnsafeDevices': 'keep'}, QEMU))
    text = libvirt.domain(result['ImportedVirtualMachine']).XMLDesc()
    assert "<serial type='pipe'>" in text and "path='/EVIL'" in text
    assert '<emulator>/usr/bin/qemu-system-x86_64</emulator>' in text
    write(area / 'alice/evil', users['alice'], hostile.BASE.replace(place, log))
    error = refused(alice.import_, area / 'alice/evil', {'UnsafeDevices': 'keep'}, QEMU)
    assert error.name.startswith('org.freedesktop.DBus.Error.'), error
