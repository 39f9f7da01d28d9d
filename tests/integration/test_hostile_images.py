"""Images that lie about their tables, sizes and neighbours: refused where a header shows it, and bounded
in time and in what they make where only reading them would. One daemon tries them all."""

import os
import shutil
import struct
import subprocess
import time

import pytest

from rig.caller import ERROR, Refused
from rig.evil import Evil, assert_clean, edit, patched
from rig.machines import MIB, Disk, bare_directory, names, tree
from test_hostile_members import GROWTH, LOOKS, OPERATIONS, SECONDS, memory_of

CORRUPT = {f'{ERROR}Corrupt'}
UNSAFE = {f'{ERROR}Unsafe'}
EITHER = CORRUPT | UNSAFE
CLUSTER = 65536


def be(size, *numbers):
    return struct.pack(f'>{size}', *numbers)


def named(name, backing_format=b'raw'):
    """The header of an overlay, which names @name; no program would write some of them."""
    def make(path):
        extension = be('II', 0xe2792aca, len(backing_format)) + backing_format.ljust(
            (len(backing_format) + 7) // 8 * 8, b'\0') + bytes(8)
        patched(104 if path.read_bytes()[103] == 104 else 112, extension)(path)
        patched(1024, name)(path)
        patched(8, be('QI', 1024, len(name)))(path)
    return make


def both(*changes):
    def make(path):
        for change in changes:
            change(path)
    return make


def extension(kind, data):
    """Instead of those that qemu-img has written."""
    return patched(112, be('II', kind, len(data)) + data.ljust((len(data) + 7) // 8 * 8, b'\0')
                   + bytes(8))


QCOW2 = {
    'refcount table beyond the end': (patched(48, be('Q', 1 << 62)), CORRUPT),
    'refcount table without end': (patched(56, be('I', 0xffffffff)), CORRUPT),
    'refcount table of nothing': (patched(56, be('I', 0)), CORRUPT),
    'refcount table amid a cluster': (patched(48, be('Q', 65537)), CORRUPT),
    'refcounts of 2^63 bits': (patched(96, be('I', 63)), CORRUPT),
    'L1 table that is the header': (patched(40, be('Q', 0)), CORRUPT),
    'L1 table amid a cluster': (patched(40, be('Q', 3 * CLUSTER + 8)), CORRUPT),
    'L1 table too small': (patched(24, be('Q', 1 << 50)), CORRUPT),
    'clusters of one byte': (patched(20, be('I', 0)), CORRUPT),
    'snapshots of the header': (patched(60, be('IQ', 1, 0)), CORRUPT),
    'snapshots beyond the end': (patched(60, be('IQ', 1, 1 << 60)), CORRUPT),
    'snapshot whose L1 table is elsewhere': (both(
        lambda path: subprocess.run(('qemu-img', 'snapshot', '-c', 's', path), check=True),
        lambda path: patched(struct.unpack('>Q', path.read_bytes()[64:72])[0],
                             be('QI', 1 << 61, 0x00ffffff))(path)), CORRUPT),
    'snapshot with extra data without end': (both(
        lambda path: subprocess.run(('qemu-img', 'snapshot', '-c', 's', path), check=True),
        lambda path: patched(struct.unpack('>Q', path.read_bytes()[64:72])[0] + 36,
                             be('I', 0xffffffff))(path)), CORRUPT),
    'data file by its bit': (patched(72, be('Q', 4)), UNSAFE),
    'data file by its name': (extension(0x44415441, b'/etc/shadow'), UNSAFE),
    'encryption to come': (patched(32, be('I', 3)), UNSAFE),
    'LUKS without a header': (patched(32, be('I', 2)), CORRUPT),
    'LUKS with a header beyond the end': (both(patched(32, be('I', 2)), extension(
        0x0537be77, be('QQ', 1 << 60, 1 << 20))), CORRUPT),
    'LUKS with two headers': (both(patched(32, be('I', 2)), extension(
        0x0537be77, be('QQ', CLUSTER, 8) + be('II', 0x0537be77, 16) + be('QQ', CLUSTER, 8))),
        CORRUPT),
    'extension without end': (extension(0x12345678, b'')
                              and patched(112, be('II', 0x12345678, 0xffffffff)), CORRUPT),
    'bitmaps beyond the end': (both(patched(88, be('Q', 1)), extension(
        0x23852875, be('IIQQ', 1, 0, 64, 1 << 60))), CORRUPT),
    'compression to come': (both(patched(72, be('Q', 8)), patched(104, b'\x09')), UNSAFE),
    'name over ssh': (named(b'ssh://127.0.0.1/x'), UNSAFE),
    'name over the web': (named(b'https://127.0.0.1/x'), UNSAFE),
    'name of a folder as FAT': (named(b'fat:rw:/etc'), UNSAFE),
    'name of a socket': (named(b'nbd:unix:/run/x'), UNSAFE),
    'name of a driver': (named(b'blkdebug::/etc/shadow'), UNSAFE),
    'name in JSON': (named(b'json:{"driver":"file","filename":"/etc/shadow"}'), UNSAFE),
    'name with a NUL': (named(b'a\0/etc/shadow'), UNSAFE),
    'name that is not UTF-8': (named(b'a\xff\xfe'), UNSAFE),
    'name with an escape': (named(b'a\x1b[2J'), UNSAFE),
    'format that is a path': (named(b'b.raw', b'../raw'), UNSAFE),
    'format with options': (named(b'b.raw', b'raw,file.x=y'), UNSAFE),
}


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def vhdx_header(offset, data):
    """Both headers changed, with checksums that are right."""
    def make(path):
        image = bytearray(path.read_bytes()[:0x21000])
        for start in 0x10000, 0x20000:
            header = image[start:start + 4096]
            header[offset:offset + len(data)] = data
            header[4:8] = bytes(4)
            header[4:8] = struct.pack('<I', crc32c(header))
            patched(start, bytes(header))(path)
    return make


def vhd(offset, data, header=512, size=1024, checksum=36):
    """The dynamic disk's header, or its footer, changed, with a checksum that is right."""
    def make(path):
        content = path.read_bytes()
        for start in ((header,) if header else (0, len(content) - 512)):
            part = bytearray(content[start:start + size])
            part[offset:offset + len(data)] = data
            part[checksum:checksum + 4] = bytes(4)
            part[checksum:checksum + 4] = be('I', ~sum(part) & 0xffffffff)
            patched(start, bytes(part))(path)
    return make


def footer(offset, data):
    return vhd(offset, data, 0, 512, 64)


def vmdk_text(old, new):
    """The descriptor that lies within a sparse image."""
    def make(path):
        content = path.read_bytes()
        start = struct.unpack('<Q', content[28:36])[0] * 512
        end = content.index(b'\0', start)
        text = content[start:end]
        assert old in text, text
        patched(start, text.replace(old, new) + bytes(200))(path)
    return make


OTHERS = {
    'vmdk': {
        'capacity of 2^63': patched(12, struct.pack('<Q', 1 << 63)),
        'grains of no size': patched(20, struct.pack('<Q', 0)),
        'grains of 2^40': patched(20, struct.pack('<Q', 1 << 40)),
        'descriptor beyond the end': patched(28, struct.pack('<QQ', 1 << 50, 20)),
        'descriptor without end': patched(36, struct.pack('<Q', 1 << 50)),
        'tables of 2^32 entries': patched(44, struct.pack('<I', 0xffffffff)),
        'directory beyond the end': patched(56, struct.pack('<Q', 1 << 50)),
        'version to come': patched(4, struct.pack('<I', 99)),
        'extent of the host': vmdk_text(b'old.vmdk"', b'/etc/shadow"\nRW 8 FLAT "/etc/shadow" 0'),
        'extent that is a device': vmdk_text(b'SPARSE', b'VMFSRDM'),
        'parent': vmdk_text(b'parentCID=ffffffff',
                            b'parentCID=12345678\nparentFileNameHint="/etc/shadow"'),
    },
    'vhdx': {
        'log to be replayed': vhdx_header(48, b'\x01' * 16),
        'log beyond the end': both(vhdx_header(48, b'\x01' * 16),
                                   vhdx_header(68, struct.pack('<IQ', 1 << 31, 1 << 60))),
        'checksums wrong': both(patched(0x10004, b'abcd'), patched(0x20004, b'abcd')),
        'regions of another': patched(0x30000, b'evil') and both(patched(0x30000, b'evil'),
                                                                patched(0x40000, b'evil')),
        'no headers': both(patched(0x10000, bytes(4096)), patched(0x20000, bytes(4096))),
    },
    'vpc': {
        'parent': both(footer(60, be('I', 4)), vhd(64, '/etc/shadow'.encode('utf-16-be'))),
        'blocks of no size': vhd(32, be('I', 0)),
        'blocks of 3 bytes': vhd(32, be('I', 3)),
        'table without end': vhd(28, be('I', 0xffffffff)),
        'table beyond the end': vhd(16, be('Q', 1 << 62)),
        'size of 2^63': footer(48, be('Q', 1 << 63)),
        'header beyond the end': footer(16, be('Q', 1 << 62)),
    },
}


def try_all(daemon, caller, path, expected, what, operations=tuple(OPERATIONS)):
    """Through these operations; what is wrong, as lines."""
    before, wrong = tree(path), []
    for operation in operations:
        run = OPERATIONS[operation]
        start = time.monotonic()
        try:
            run(caller, path)
            if operation != 'GetImportSettings':
                wrong.append(f'{what}: {operation} took it')
        except Refused as error:
            assert_clean(error.message)
            if error.name not in expected and not (
                    operation in LOOKS and error.name == f'{ERROR}NotFound'):
                wrong.append(f'{what}: {operation}: {error}')
        if time.monotonic() - start > SECONDS:
            wrong.append(f'{what}: {operation} took {time.monotonic() - start:.1f} s')
    if names(daemon.store) or tree(path) != before:
        wrong.append(f'{what}: something is left or changed')
    return wrong


# One parser reads them all, so that not each image has to go through each operation.
TURNS = (('GetImportSettings', 'Import'), ('CheckImport', 'Verify'), ('Import in place', 'Verify'))


def test_qcow2(daemon, carol, area, users):
    memory, wrong = memory_of(daemon.process), []
    for number, (what, (make, expected)) in enumerate(QCOW2.items()):
        evil = Evil(area, users['carol']).package()
        make(evil.member())
        evil.describe()
        evil.own()
        wrong += try_all(daemon, carol, evil.path, expected, what, TURNS[number % len(TURNS)])
        shutil.rmtree(evil.path)
    assert not wrong, '\n'.join(wrong)
    assert memory_of(daemon.process) - memory < GROWTH


@pytest.mark.parametrize('kind', OTHERS)
def test_other_formats(daemon, carol, area, users, kind):
    memory, wrong = memory_of(daemon.process), []
    for what, make in OTHERS[kind].items():
        evil = Evil(area, users['carol'])
        bare_directory(evil.path, 'old', [Disk(name=f'old.{kind}', size=MIB, format='raw')])
        edit(evil.xml, "type='raw'", f"type='{kind}'")
        image = evil.path / f'old.{kind}'
        image.unlink()
        subprocess.run(('qemu-img', 'create', '-q', '-f', kind, image, '1M'), check=True)
        make(image)
        evil.own()
        wrong += try_all(daemon, carol, evil.path, EITHER, what, ('CheckImport', 'Import'))
        shutil.rmtree(evil.path)
    assert not wrong, '\n'.join(wrong)
    assert memory_of(daemon.process) - memory < GROWTH


# What no header shows

def qcow2(path, virtual_size, l1, tables, size=8 * CLUSTER):
    """Header, refcount table and block, L1 table at cluster 3, then whatever @tables say: {cluster:
    bytes}."""
    with open(path, 'wb') as file:
        file.truncate(size)
        file.write(be('4sIQIIQIIQQIIQQQQII', b'QFI\xfb', 3, 0, 0, 16, virtual_size, 0,
                      len(l1), 3 * CLUSTER, CLUSTER, 1, 0, 0, 0, 0, 0, 4, 104))
        file.seek(CLUSTER)
        file.write(be('Q', 2 * CLUSTER))
        file.seek(3 * CLUSTER)
        file.write(be(f'{len(l1)}Q', *l1))
        for cluster, data in tables.items():
            file.seek(cluster * CLUSTER)
            file.write(data)


COPIED = 1 << 63
PER_TABLE = CLUSTER // 8
ALL_THE_SAME = be(f'{PER_TABLE}Q', *[5 * CLUSTER | COPIED] * PER_TABLE)
LOOPS = {
    # Eight million clusters that are one, through L2 tables that are one.
    'one cluster for all': ([4 * CLUSTER | COPIED] * 1024,
                            {4: ALL_THE_SAME, 5: b'x' * CLUSTER}),
    'one cluster of zeros for all': ([4 * CLUSTER | COPIED] * 1024,
                                     {4: ALL_THE_SAME, 5: bytes(CLUSTER)}),
    'L2 tables that are the L1 table': ([3 * CLUSTER | COPIED] * 8, {}),
    'L2 tables that are the header': ([0 | COPIED] * 2, {}),
    'data that is the tables': ([4 * CLUSTER | COPIED] * 2, {
        4: be('4Q', 0 | COPIED, 3 * CLUSTER | COPIED, 4 * CLUSTER | COPIED, CLUSTER | COPIED)}),
    'data beyond the end': ([4 * CLUSTER | COPIED] * 2, {
        4: be('2Q', 1 << 55 | COPIED, (1 << 56) - CLUSTER | COPIED)}),
    'L2 tables beyond the end': ([1 << 55 | COPIED] * 2, {}),
    'refcounts that are themselves': ([4 * CLUSTER | COPIED], {
        1: be(f'{PER_TABLE}Q', *[CLUSTER] * PER_TABLE), 4: ALL_THE_SAME}),
}
ENDLESS = ('one cluster for all', 'one cluster of zeros for all')


@pytest.mark.parametrize('what', LOOPS)
def test_loops(daemon, carol, area, users, what):
    """An import copies the bytes of an image, whatever they mean. Who then has it converted gets an
    error, or an end, and no more than such a file can hold."""
    l1, tables = LOOPS[what]
    evil = Evil(area, users['carol']).bare()
    qcow2(evil.image, len(l1) * PER_TABLE * CLUSTER, l1, tables)
    evil.own()
    memory, start = memory_of(daemon.process), time.monotonic()
    machine = carol.wait(carol.import_(evil.path))['ImportedVirtualMachine']
    assert time.monotonic() - start < SECONDS
    for image_format in ('raw',) if what in ENDLESS else ('raw', 'vmdk'):
        target = area / f'carol/{image_format}'
        start = time.monotonic()
        job = carol.export(machine, target, {'DiskFormat': image_format})
        try:
            carol.wait(job)
        except Refused as error:
            assert_clean(error.message)
            assert error.name in {f'{ERROR}Corrupt', f'{ERROR}Failed', f'{ERROR}NoSpace'}, error
            assert not target.exists()
            assert what not in ENDLESS or 'again and again' in error.message, error
        else:
            assert what not in ENDLESS
        assert time.monotonic() - start < 6 * SECONDS, 'no end of it'
        written = sum(path.stat().st_blocks * 512 for path in target.rglob('*')) \
            if target.exists() else 0
        assert written < 1 << 30
    assert daemon.process.poll() is None
    assert memory_of(daemon.process) - memory < GROWTH


# Files that are larger than any disk

@pytest.fixture
def endless(area, users):
    """A folder of carol's in which a file may have any size."""
    folder = area / 'carol/endless'
    folder.mkdir()
    subprocess.run(('mount', '-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', folder), check=True)
    users['carol'].own(folder)
    yield folder
    subprocess.run(('umount', folder), check=True)


@pytest.mark.parametrize('size', [(1 << 63) - 4096, (1 << 63) - 1, 16 << 40])
@pytest.mark.parametrize('image_format', ['raw', 'qcow2'])
def test_sparse_bombs(daemon, carol, area, users, endless, size, image_format):
    """8 EiB and 16 TiB that are next to nothing: through in seconds, or refused for their size."""
    evil = Evil(area, users['carol'])
    evil.path = endless / 'evil'
    evil.package([f'a.{image_format}'])
    os.truncate(evil.member(f'a.{image_format}'), size)
    evil.describe()
    evil.own()
    before = tree(evil.path)
    for operation, run in OPERATIONS.items():
        start = time.monotonic()
        try:
            run(carol, evil.path)
        except Refused as error:
            assert_clean(error.message)
            assert error.name in {f'{ERROR}NoSpace', f'{ERROR}Corrupt', f'{ERROR}Failed',
                                  f'{ERROR}NotSupported'}, f'{operation}: {error}'
        assert time.monotonic() - start < SECONDS, f'{operation} took {time.monotonic() - start} s'
        for machine in carol.machines():
            carol.delete(machine, storage=operation == 'Import')
        assert tree(evil.path) == before
    assert names(daemon.store) == []
