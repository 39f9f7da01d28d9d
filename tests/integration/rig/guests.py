"""Domains for libvirt whose guest boots, and what tests have them do over their console."""

import pathlib
import re
import shutil
import struct
import sys

from .libvirt import IMAGES

sys.path.append(str(pathlib.Path(__file__).parents[2] / 'lib'))

import guest as image   # noqa: E402 pylint: disable=wrong-import-position

VENDOR = '6a5c1d5e-0d2c-4f5c-9b8f-2f0f6a1b7c11'
NV_INDEX = 0x01500020


def kernel():
    """Kernel and initramfs among libvirt's images: (kernel, initrd)."""
    result = []
    for source in image.parts():
        path = IMAGES / source.name
        if not path.exists():
            shutil.copy(source, path)
        result.append(path)
    return result


def guest(name, disks, uefi=False, tpm=False, extra='', memory=160):
    """The XML of a domain that boots into a shell on its serial console; disks are (file, format),
    files relative to libvirt's images."""
    linux, initrd = kernel()
    drives = ''.join(f'''
    <disk type='file' device='disk'>
      <driver name='qemu' type='{kind}'/>
      <source file='{IMAGES / file}'/>
      <target dev='vd{chr(ord("a") + number)}' bus='virtio'/>
    </disk>''' for number, (file, kind) in enumerate(disks))
    # The firmware without keys: with Microsoft's, an unsigned kernel does not start.
    firmware = ''' firmware='efi'>
    <firmware><feature enabled='no' name='enrolled-keys'/>
      <feature enabled='no' name='secure-boot'/></firmware''' if uefi else ''
    chip = '''
    <tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>''' if tpm else ''
    return f'''<domain type='qemu'>
  <name>{name}</name>
  <memory unit='MiB'>{memory}</memory>
  <vcpu>1</vcpu>
  <os{firmware}>
    <type arch='x86_64' machine='q35'>hvm</type>
    <kernel>{linux}</kernel>
    <initrd>{initrd}</initrd>
    <cmdline>console=ttyS0 quiet panic=-1 vmport.shell</cmdline>
  </os>
  <features>
    <acpi/>
  </features>
  <devices>{drives}
    <serial type='pty'>
      <target port='0'/>
    </serial>
    <console type='pty'>
      <target type='serial' port='0'/>
    </console>{chip}{extra}
  </devices>
</domain>
'''


def count(console):
    """The guest counts on its console from now on: COUNT 1, COUNT 2, and so on."""
    console.send('i=0; while :; do i=$((i+1)); echo COU""NT $i; sleep 0.2; done')


def counted(console, number=1):
    """Waits until it has counted so far; how far it is then, by what it said in whole lines."""
    console.wait(f'COUNT {number}')
    return last_count(console)


def last_count(console):
    """The last number that was read of it."""
    return int(re.findall(r'COUNT (\d+)\n', console.text)[-1])


# UEFI variables, as the guest's kernel shows them

def write_variable(console, name, value):
    """A variable that is not volatile, and readable while the system runs."""
    console.run('grep -q efivarfs /proc/mounts || '
                'mount -t efivarfs efivarfs /sys/firmware/efi/efivars')
    console.run(f'printf "{escaped(struct.pack("<I", 7) + value)}" '
                f'> /sys/firmware/efi/efivars/{name}-{VENDOR}')


def read_variable(console, name):
    console.run('grep -q efivarfs /proc/mounts || '
                'mount -t efivarfs efivarfs /sys/firmware/efi/efivars')
    said = console.run(f'hexdump -v -e \'1/1 "%02x"\' /sys/firmware/efi/efivars/{name}-{VENDOR}')
    return bytes.fromhex(said)[4:]


# The TPM, spoken to in its own language (TPM 2.0, part 3): there is no tool for it in the guest.

def escaped(data):
    return ''.join(f'\\{byte:03o}' for byte in data)


def command(code, handles, parameters=b'', owner=True):
    """A command that is authorised with an empty password."""
    body = b''.join(struct.pack('>I', handle) for handle in handles) \
        + struct.pack('>IIHBH', 9, 0x40000009, 0, 0, 0) + parameters
    return struct.pack('>HII', 0x8002, 10 + len(body), code) + body


def ask_tpm(console, data):
    # One command and its answer belong to one open file.
    said = console.run(f'exec 3<>/dev/tpm0; printf "{escaped(data)}" >&3; '
                       'dd bs=4096 count=1 <&3 2>/dev/null | hexdump -v -e \'1/1 "%02x"\'')
    answer = bytes.fromhex(said)
    status, = struct.unpack('>I', answer[6:10])
    assert status == 0, f'the TPM said {status:#x}'
    return answer[10:]


def write_nv_index(console, data):
    """Defines an index in the TPM's own memory and writes it."""
    public = struct.pack('>IHIHH', NV_INDEX, 0x000b, 0x00020002, 0, len(data))
    ask_tpm(console, command(0x12a, (0x40000001,), struct.pack('>HH', 0, len(public)) + public))
    ask_tpm(console, command(0x137, (0x40000001, NV_INDEX),
                             struct.pack('>H', len(data)) + data + struct.pack('>H', 0)))


def read_nv_index(console, size=4):
    answer = ask_tpm(console, command(0x14e, (0x40000001, NV_INDEX), struct.pack('>HH', size, 0)))
    return answer[6:6 + size]
