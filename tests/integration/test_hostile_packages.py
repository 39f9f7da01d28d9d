"""Packages and bare directories as an attacker would make them. Each gives the right error name in
seconds, leaves nothing in the store, changes nothing in the directory, and the daemon goes on."""

import os
import shutil
import struct
import subprocess
import time
import uuid

import pytest

from rig.caller import ACCESS_DENIED, ERROR, Refused, refused
from rig.evil import (SECRET, UUID, Evil, another_name, assert_clean, device, edit, fifo,
                      folder_instead, link, local_socket, patched)
from rig.machines import MIB, Disk, bare_directory, names, tree
from rig.recorder import EXCEPTION

SECONDS = 10

CORRUPT = (f'{ERROR}Corrupt',)
UNSAFE = (f'{ERROR}Unsafe',)
DENIED = (ACCESS_DENIED,)
NOT_FOUND = (f'{ERROR}NotFound',)
AMBIGUOUS = (f'{ERROR}Ambiguous',)
# A member that is a link could be broken, or an attack: both names say so.
LINK = (f'{ERROR}Unsafe', f'{ERROR}Corrupt')


def case(expected, package=True, **options):
    """A case of the table: a function that spoils what it is given."""
    def register(function):
        CASES[function.__name__] = (function, expected, package, options)
        return function
    return register


CASES = {}


def descriptor_case(name, old, new, expected=CORRUPT, **options):
    CASES[name] = (lambda evil: edit(evil.descriptor, old, new), expected, True, options)


# The descriptor

FILE = 'name="Virtual Hard Disks/a.qcow2"'
IMAGE = 'file="Virtual Hard Disks/a.qcow2"'


def rename_member(to):
    def spoil(evil):
        edit(evil.descriptor, FILE, f'name="{to}"')
        edit(evil.descriptor, IMAGE, f'file="{to}"')
    return spoil


for _name, _to in {
        'traversal': '../../root/secret',
        'traversal within': 'Virtual Hard Disks/../../../root/secret',
        'absolute': '/etc/shadow',
        'dot': 'Virtual Hard Disks/./a.qcow2',
        'empty component': 'Virtual Hard Disks//a.qcow2',
        'no folder of a package': 'elsewhere/a.qcow2',
        'the top': 'a.qcow2',
        'folder of another machine': 'Virtual Machines/00000000-0000-4000-8000-000000000000/a',
        'folder as name': 'Virtual Hard Disks/',
        'line feed': 'Virtual Hard Disks/a&#10;b',
        'escape': 'Virtual Hard Disks/a&#27;[2Jb',
        'delete': 'Virtual Hard Disks/a&#127;b',
        'long': 'Virtual Hard Disks/' + 'a' * 300,
        'descriptor': 'vmport.xml',
        'backslashes': '..\\..\\root\\secret',
}.items():
    CASES[f'member: {_name}'] = (rename_member(_to), CORRUPT, True, {})

_CONFIGURATION = f'<file name="Virtual Machines/{UUID}.xml" role="configuration"'
for _name, _old, _new in (
        ('listed twice', '<files>', '<files><file name="Virtual Hard Disks/a.qcow2" role="disk" '
         'size="1" allocated="0"/>'),
        ('listed twice but for case', '<files>', '<files><file name="Virtual Hard Disks/A.QCOW2" '
         'role="disk" size="1" allocated="0"/>'),
        ('file as folder', '<files>', '<files><file name="Virtual Hard Disks/a.qcow2/b" '
         'role="disk" size="1" allocated="0"/>'),
        ('no configuration', 'role="configuration"', 'role="nvram"'),
        ('unknown role', 'role="disk"', 'role="firmware-of-the-host"'),
        ('unknown element', '<generator>', '<script>x</script><generator>'),
        ('unknown attribute', '<machine ', '<machine run="/bin/sh" '),
        ('version to come', 'version="1"', 'version="2"'),
        ('another namespace', 'urn:vmport:package:1', 'urn:other'),
        ('id of another', f'machine uuid="{UUID}"',
         'machine uuid="00000000-0000-4000-8000-000000000000"'),
        ('id in capitals', f'machine uuid="{UUID}"', f'machine uuid="{UUID.upper()}"'),
        ('id that is a path', f'machine uuid="{UUID}"', 'machine uuid="../../../../../../tmp/x"'),
        ('name of another', 'name="old"', 'name="other"'),
        ('name that is a path', 'name="old"', 'name="../old"'),
        ('name with a line feed', 'name="old"', 'name="old&#10;x"'),
        ('saved without a state', 'state="off"', 'state="saved"'),
        ('size wrong', 'role="disk" size="', 'role="disk" size="1'),
        ('size huge', 'role="disk" size="', 'role="disk" size="9223372036854775808'),
        ('size negative', 'role="disk" size="', 'role="disk" size="-'),
        ('size in hexadecimal', 'role="disk" size="', 'role="disk" size="0x'),
        ('allocated more than size', 'allocated="0"', 'allocated="9999999999"'),
        ('digest too short', 'role="disk" ', 'role="disk" verity="abcd" '),
        ('wrong digest', 'role="disk" ', f'role="disk" verity="{"0" * 64}" '),
        ('wrong linear digest', 'role="disk" ', f'role="disk" sha256="{"0" * 64}" '),
        ('wrong digest of the configuration', 'role="configuration"',
         f'role="configuration" verity="{"0" * 64}"'),
        ('no disk', '<disks><disk', '<disks/><nodisks><disk'),
        ('disk of another name', 'target="vda"', 'target="vdz"'),
        ('disk with a path as target', 'target="vda"', 'target="../vda"'),
        ('disk twice', '<disks>',
         '<disks><disk target="vda"><image path="/x" format="raw"/></disk>'),
        ('image of two disks', '<disks>', '<disks><disk target="vdb"><image path="/x" '
         f'format="qcow2" {IMAGE}/></disk>'),
        ('image that is the configuration', IMAGE, f'file="Virtual Machines/{UUID}.xml"'),
        ('format that is a path', 'format="qcow2"', 'format="../x"'),
        ('a thousand images', '<image ', '<image path="/x" format="qcow2"/>' * 1000 + '<image '),
        ('a hundred thousand files', '<files>', '<files>' + ''.join(
            f'<file name="Virtual Hard Disks/{i}" role="disk" size="0" allocated="0"/>'
            for i in range(100000))),
        ('a hundred thousand attributes', '<machine ', '<machine '
         + ' '.join(f'a{i}=""' for i in range(100000)) + ' '),
        ('depth', '<generator>evil</generator>', '<generator>' * 100000 + '</generator>' * 100000),
):
    descriptor_case(f'descriptor: {_name}', _old, _new)


def in_front(text):
    def spoil(evil):
        for path in evil.descriptor, evil.configuration:
            if path.exists():
                path.write_text(text + path.read_text())
                break
    return spoil


LAUGHS = '<!DOCTYPE package [<!ENTITY a0 "ha">' + ''.join(
    f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 12)) + ']>'


def bytes_instead(data):
    return lambda evil: evil.descriptor.write_bytes(data)


def sparse(evil):
    os.truncate(evil.descriptor, 1 << 40)


for _name, _spoil in {
        'entity of a file': lambda evil: (
            edit(evil.descriptor, '>evil<', '>&e;<'),
            in_front(f'<!DOCTYPE package [<!ENTITY e SYSTEM "{evil.secret}">]>')(evil)),
        'a billion laughs': lambda evil: (edit(evil.descriptor, '>evil<', '>&a11;<'),
                                          in_front(LAUGHS)(evil)),
        'DTD': in_front('<!DOCTYPE package SYSTEM "http://127.0.0.1:1/x.dtd">'),
        'stylesheet': lambda evil: edit(
            evil.descriptor, '<generator>', '<xi:include xmlns:xi='
            f'"http://www.w3.org/2001/XInclude" href="{evil.secret}" parse="text"/><generator>'),
        'empty': bytes_instead(b''),
        'noise': bytes_instead(os.urandom(5000)),
        'zeros': bytes_instead(bytes(5000)),
        'UTF-16': lambda evil: evil.descriptor.write_bytes(
            evil.descriptor.read_text().encode('utf-16')),
        'a terabyte': sparse,
        'two roots': lambda evil: evil.descriptor.write_text(evil.descriptor.read_text() * 2),
}.items():
    CASES[f'descriptor: {_name}'] = (_spoil, CORRUPT, True, {})


# What lies in the directory

MEMBERS = {'descriptor': lambda evil: evil.descriptor,
           'configuration': lambda evil: evil.configuration,
           'disk': lambda evil: evil.member()}
for _what, _which in MEMBERS.items():
    for _name, _spoil, _expected in (
            ('missing', lambda path, evil: path.unlink(), None),
            ('link to a secret', lambda path, evil: link(path, evil.secret), LINK),
            ('link within', lambda path, evil: (path.rename(path.with_name('b')),
                                                path.symlink_to('b')), LINK),
            ('link to itself', lambda path, evil: link(path, path.name), LINK),
            ('link to a device', lambda path, evil: link(path, '/dev/zero'), LINK),
            ('link to a descriptor', lambda path, evil: link(path, '/proc/self/fd/0'), LINK),
            ('FIFO', lambda path, evil: fifo(path), LINK),
            ('device', lambda path, evil: device(path), LINK + DENIED),
            ('socket', lambda path, evil: local_socket(path), LINK),
            ('folder', lambda path, evil: folder_instead(path), LINK),
            ('secret by another name', lambda path, evil: another_name(path, evil.secret), DENIED),
            ('not readable', lambda path, evil: (path.chmod(0), os.link(path, evil.area / 'x')),
             DENIED)):
        if _expected is None:
            _expected = {'descriptor': NOT_FOUND, 'configuration': CORRUPT,
                         'disk': NOT_FOUND + CORRUPT}[_what]
        CASES[f'{_what}: {_name}'] = (
            lambda evil, which=_which, spoil=_spoil: spoil(which(evil), evil), _expected, True, {})


@case(LINK)
def folder_that_is_a_link(evil):
    folder = evil.path / 'Virtual Hard Disks'
    folder.rename(evil.area / 'alice/elsewhere')
    folder.symlink_to(evil.area / 'alice/elsewhere')


@case(CORRUPT, disks=('a.qcow2', 'b.qcow2'), digests=True)
def swapped_disks(evil):
    evil.member('a.qcow2').rename(evil.member('c'))
    evil.member('b.qcow2').rename(evil.member('a.qcow2'))
    evil.member('c').rename(evil.member('b.qcow2'))


@case(CORRUPT, disks=('a.qcow2', 'b.qcow2'))
def disks_in_another_order(evil):
    edit(evil.descriptor, 'target="vda"', 'target="x"')
    edit(evil.descriptor, 'target="vdb"', 'target="vda"')
    edit(evil.descriptor, 'target="x"', 'target="vdb"')


@case(CORRUPT)
def configuration_of_another_machine(evil):
    edit(evil.configuration, UUID, str(uuid.uuid4()))
    evil.describe()


@case(CORRUPT, disks=('a.qcow2', 'b.qcow2'))
def configuration_with_a_disk_more(evil):
    evil.disks.pop()
    evil.describe()


# Images. (make(path), expected): what a hypervisor would follow.

def rebased(backing, backing_format='raw'):
    return lambda path: subprocess.run(
        ('qemu-img', 'rebase', '-u', '-f', 'qcow2', '-F', backing_format, '-b', backing, path),
        check=True)


def data_file(path):
    subprocess.run(('qemu-img', 'create', '-q', '-f', 'qcow2', '-o',
                    f'data_file={path}.data,data_file_raw=on', path, '1M'), check=True)


QCOW2 = {
    'backing file of the host': (rebased('/etc/shadow'), UNSAFE + CORRUPT),
    'backing file above': (rebased('../../../../etc/shadow'), UNSAFE + CORRUPT),
    'json': (rebased('json:{"driver":"raw","file":{"driver":"file","filename":"/etc/shadow"}}'),
             UNSAFE),
    'nbd': (rebased('nbd://127.0.0.1:1/x'), UNSAFE),
    'protocol': (rebased('file:/etc/shadow'), UNSAFE),
    'fd set': (rebased('/dev/fdset/0'), UNSAFE + CORRUPT),
    'itself': (lambda path: rebased(path.name, 'qcow2')(path), CORRUPT + UNSAFE),
    'missing backing file': (rebased('nothing.qcow2'), CORRUPT + NOT_FOUND),
    'data file': (data_file, UNSAFE),
    'size of 2^63': (patched(24, struct.pack('>Q', 1 << 63)), CORRUPT),
    'size of 2^64-1': (patched(24, struct.pack('>Q', (1 << 64) - 1)), CORRUPT),
    'size of an exabyte': (patched(24, struct.pack('>Q', 1 << 60)), CORRUPT),
    'L1 table without end': (patched(36, struct.pack('>I', 0xffffffff)), CORRUPT),
    'L1 table beyond the end': (patched(40, struct.pack('>Q', 1 << 62)), CORRUPT),
    'clusters of 2^63': (patched(20, struct.pack('>I', 63)), CORRUPT),
    'snapshots without end': (patched(60, struct.pack('>I', 0xffffffff)), CORRUPT),
    'backing name beyond the end': (patched(8, struct.pack('>QI', 1 << 62, 10)), CORRUPT),
    'backing name without end': (patched(8, struct.pack('>QI', 200, 0xffffffff)), CORRUPT),
    'unknown feature': (patched(72, struct.pack('>Q', 1 << 63)), UNSAFE),
    'version 9': (patched(4, struct.pack('>I', 9)), UNSAFE + CORRUPT),
    'header of 4 GiB': (patched(100, struct.pack('>I', 0xffffffff)), CORRUPT),
    'empty': (lambda path: os.truncate(path, 0), CORRUPT + UNSAFE),
    'a raw disk': (lambda path: path.write_bytes(b'raw' * 100000), CORRUPT + UNSAFE),
}
for _name, (_make, _expected) in QCOW2.items():
    CASES[f'image: {_name}'] = (
        lambda evil, make=_make: (make(evil.member()), evil.describe()), _expected, True, {})
    CASES[f'bare image: {_name}'] = (lambda evil, make=_make: make(evil.image),
                                     _expected + NOT_FOUND, False, {})

VMDK = ('# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\n'
        'createType="monolithicFlat"\nRW 2048 FLAT "/etc/shadow" 0\n')


def other_image(kind, content):
    def spoil(evil):
        name = f'old.{kind}'
        bare_directory(evil.path, 'old', [Disk(name=name, size=MIB, format='raw')])
        edit(evil.xml, "type='raw'", f"type='{kind}'")
        content(evil.path / name)
    return spoil


def convert(kind, *options):
    def make(path):
        path.unlink()
        subprocess.run(('qemu-img', 'create', '-q', '-f', kind, *options, path, '1M'), check=True)
    return make


def vhd_with_a_parent(path):
    """Differencing disks name their parent by path."""
    convert('vpc')(path)
    for offset in (0, path.stat().st_size - 512):
        patched(offset + 60, struct.pack('>I', 4))(path)


OTHERS = {
    'raw that begins as qcow2': ('raw', convert('qcow2'), UNSAFE),
    'raw that begins as qcow2 with a backing file': (
        'raw', lambda path: (convert('qcow2')(path), rebased('/etc/shadow')(path)), UNSAFE),
    'raw that begins as vmdk': ('raw', lambda path: path.write_text(VMDK), UNSAFE),
    'raw that begins as vhdx': ('raw', convert('vhdx'), UNSAFE),
    'vmdk with an extent of the host': ('vmdk', lambda path: path.write_text(VMDK), UNSAFE),
    'vmdk of many files': ('vmdk', convert('vmdk', '-o', 'subformat=monolithicFlat'), UNSAFE),
    'vmdk of noise': ('vmdk', lambda path: path.write_bytes(os.urandom(MIB)), UNSAFE + CORRUPT),
    'vhdx of noise': ('vhdx', lambda path: path.write_bytes(b'vhdxfile' + os.urandom(MIB)),
                      UNSAFE + CORRUPT),
    'vhd with a parent': ('vpc', vhd_with_a_parent, UNSAFE + CORRUPT),
    'format that is not known': ('luks', lambda path: None,
                                 UNSAFE + CORRUPT + (f'{ERROR}NotSupported',)),
    'format that is a network': ('nbd', lambda path: None,
                                 UNSAFE + CORRUPT + (f'{ERROR}NotSupported',)),
}
for _name, (_kind, _content, _expected) in OTHERS.items():
    CASES[f'bare image: {_name}'] = (other_image(_kind, _content), _expected, None, {})


# Configurations of a bare directory

def configuration_case(name, old, new, expected):
    CASES[f'domain: {name}'] = (lambda evil: edit(evil.xml, old, new), expected, False, {})


for _name, _old, _new, _expected in (
        ('kernel of the host', '</os>', '<kernel>/etc/shadow</kernel></os>', UNSAFE),
        ('initrd above', '</os>', '<initrd>../../etc/shadow</initrd></os>', UNSAFE + CORRUPT),
        ('loader of the host', '</os>', "<loader type='pflash'>/etc/shadow</loader></os>", UNSAFE),
        ('command line of QEMU', "<domain type='kvm'>",
         "<domain type='kvm' xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'>"
         "<q:commandline><q:arg value='-chardev'/></q:commandline>", UNSAFE),
        ('disk of the host', "<disk type='file'", "<disk type='block'", UNSAFE + CORRUPT
         + (f'{ERROR}NotSupported',)),
        ('disk of the network', '<devices>',
         "<devices><disk type='network' device='disk'><driver name='qemu' type='raw'/>"
         "<source protocol='nbd' name='x'><host name='127.0.0.1' port='1'/></source>"
         "<target dev='vdz' bus='virtio'/></disk>", UNSAFE + (f'{ERROR}NotSupported',)),
        ('serial port that is a file', '</devices>', "<serial type='file'><source path="
         "'/etc/cron.d/x'/></serial></devices>", UNSAFE),
        ('serial port that is a socket', '</devices>', "<serial type='unix'><source mode='bind' "
         "path='/run/dbus/system_bus_socket'/></serial></devices>", UNSAFE),
        ('device of the host', '</devices>', "<hostdev mode='subsystem' type='usb'><source>"
         "<vendor id='0x1234'/><product id='0x1'/></source></hostdev></devices>", UNSAFE),
        ('random numbers from a file', '</devices>', "<rng model='virtio'><backend "
         "model='random'>/etc/shadow</backend></rng></devices>", UNSAFE),
        ('script', '</devices>', "<interface type='ethernet'><script path='/bin/sh'/></interface>"
         "</devices>", UNSAFE),
        ('label', '</devices>', "</devices><seclabel type='none'/>", UNSAFE),
        ('emulator', '<devices>', '<devices><emulator>/tmp/x</emulator>', UNSAFE),
        ('secret as a disk', '/var/lib/libvirt/images/old.qcow2', '/etc/shadow', NOT_FOUND),
        ('disk above', '/var/lib/libvirt/images/old.qcow2', '../../root/secret',
         NOT_FOUND + CORRUPT + UNSAFE),
        ('name with a slash', '<name>old<', '<name>a/../../b<', CORRUPT),
        ('name with a line feed', '<name>old<', '<name>a&#10;b<', CORRUPT),
        ('name of dots', '<name>old<', '<name>..<', CORRUPT),
        ('long name', '<name>old<', f'<name>{"a" * 300}<', CORRUPT),
        ('no name', '<name>old</name>', '', CORRUPT),
        ('empty name', '<name>old<', '<name><', CORRUPT),
        ('no id but a path', '<uuid>', '<uuid>../../x', CORRUPT + UNSAFE),
        ('two names', '<name>old</name>', '<name>old</name><name>other</name>', CORRUPT + UNSAFE),
        ('two disks of one name', '<devices>', "<devices><disk type='file' device='disk'><driver "
         "name='qemu' type='qcow2'/><source file='/x/old.qcow2'/><target dev='vda' bus='virtio'/>"
         "</disk>", CORRUPT + UNSAFE),
        ('memory without end', '>65536<', '>99999999999999999999<', CORRUPT + UNSAFE),
        ('depth', '<devices>', '<devices>' + '<a>' * 100000 + '</a>' * 100000, CORRUPT),
        ('disks without end', '<devices>', '<devices>' + "<disk type='file' device='disk'><driver "
         "name='qemu' type='raw'/><source file='/x'/><target dev='vdz' bus='virtio'/></disk>"
         * 20000, CORRUPT),
):
    configuration_case(_name, _old, _new, _expected)


@case(CORRUPT, package=False)
def domain_entity_of_a_file(evil):
    edit(evil.xml, '<name>old<', '<name>&e;<')
    evil.xml.write_text(f'<!DOCTYPE domain [<!ENTITY e SYSTEM "{evil.secret}">]>'
                        + evil.xml.read_text())


@case(CORRUPT, package=False)
def domain_a_billion_laughs(evil):
    edit(evil.xml, '<name>old<', '<name>&a11;<')
    evil.xml.write_text(LAUGHS.replace('DOCTYPE package', 'DOCTYPE domain') + evil.xml.read_text())


@case(CORRUPT, package=False)
def domain_empty(evil):
    evil.xml.write_text('')


@case(CORRUPT + NOT_FOUND, package=False)
def domain_a_terabyte(evil):
    os.truncate(evil.xml, 1 << 40)


@case(AMBIGUOUS, package=False)
def two_domains(evil):
    shutil.copy(evil.xml, evil.path / 'other.xml')


@case(AMBIGUOUS, package=False)
def a_domain_and_a_broken_one(evil):
    (evil.path / 'broken.xml').write_text('<domain')


@case(NOT_FOUND, package=False)
def no_domain(evil):
    evil.xml.unlink()


@case(NOT_FOUND, package=False)
def no_domain_among_others(evil):
    evil.xml.write_text('<network><name>x</name></network>')


@case(NOT_FOUND, package=False)
def domain_in_a_loop_of_links(evil):
    evil.xml.unlink()
    evil.xml.symlink_to('other.xml')
    (evil.path / 'other.xml').symlink_to('old.xml')


@case(NOT_FOUND, package=False)
def domain_that_is_a_link(evil):
    evil.xml.rename(evil.path / 'hidden')
    evil.xml.symlink_to('hidden')


@case(NOT_FOUND + UNSAFE, package=False)
def domain_that_is_a_pipe(evil):
    fifo(evil.xml)


@case(UNSAFE + DENIED + NOT_FOUND, package=False)
def disk_that_is_a_link_to_a_secret(evil):
    link(evil.image, evil.secret)


@case(UNSAFE, package=False)
def disk_that_is_a_pipe(evil):
    fifo(evil.image)


@case(DENIED, package=False)
def disk_that_is_a_secret_by_another_name(evil):
    another_name(evil.image, evil.secret)


@case(CORRUPT, package=False)
def seventy_thousand_files(evil):
    for number in range(70000):
        os.close(os.open(evil.path / f'{number}', os.O_CREAT | os.O_WRONLY))


# Directories

@case(DENIED, package=False)
def link_to_another_ones_directory(evil):
    evil.path.rename(evil.area / 'root/evil')
    evil.path.symlink_to(evil.area / 'root/evil')


@case(DENIED + NOT_FOUND, package=False)
def directory_of_another_user(evil):
    evil.path.rename(evil.area / 'root/evil')
    evil.directory = evil.area / 'root/evil'


@case(NOT_FOUND + UNSAFE + DENIED, package=False)
def magic_link(evil):
    evil.directory = '/proc/self/cwd'


@case(NOT_FOUND + UNSAFE + DENIED, package=False)
def descriptor_of_the_worker(evil):
    evil.directory = '/dev/fd/3'


@case(NOT_FOUND + (f'{ERROR}InvalidParameter',), package=False)
def file_as_directory(evil):
    evil.directory = evil.xml


@case(NOT_FOUND, package=False)
def devices_as_directory(evil):
    evil.directory = '/dev'


@case(NOT_FOUND + UNSAFE, package=False)
def loop_of_links(evil):
    evil.directory = evil.path / 'loop'
    evil.directory.symlink_to('loop')


@pytest.mark.parametrize('name', CASES)
def test_hostile(daemon, alice, area, users, name):
    spoil, expected, package, options = CASES[name]
    evil = Evil(area, users['alice'])
    if package:
        evil.package(**options)
    elif package is not None:
        evil.bare(**options)
    spoil(evil)
    evil.own()
    before = tree(area / 'alice')
    start = time.monotonic()
    job = alice.import_(evil.directory, evil.settings)
    error = refused(alice.wait, job)
    took = time.monotonic() - start
    assert error.name in expected, error
    assert alice.job(job)['JobState'] == EXCEPTION
    assert_clean(error.message)
    for finding in alice.describe(job)['Findings']:
        assert_clean(finding['Message'])
    settings = None
    try:
        settings = alice.import_settings(evil.directory)
    except Refused as refusal:
        assert_clean(refusal.message)
        assert refusal.name in expected, f'GetImportSettings has another name for it: {refusal}'
    if settings:
        assert SECRET not in str(settings)
    assert took < SECONDS, f'it took {took:.1f} s'
    assert names(daemon.store) == [] and alice.machines() == {}
    assert tree(area / 'alice') == before
    assert daemon.process.poll() is None


def test_the_cases_are_spoiled_well(daemon, alice, area, users):
    """What the table begins with is imported, so each case is refused for its spoiling."""
    evil = Evil(area, users['alice']).package(disks=('a.qcow2', 'b.raw'), digests=True)
    evil.own()
    assert alice.wait(alice.import_(evil.path))['ImportedVirtualMachine']
    shutil.rmtree(evil.path)
    evil.package()
    evil.own()
    assert alice.wait(alice.import_(evil.path, {'Name': 'second'}))['ImportedVirtualMachine']
    shutil.rmtree(evil.path)
    evil.bare()
    evil.own()
    assert alice.wait(alice.import_(evil.path, {'Name': 'third'}))['ImportedVirtualMachine']


def test_ids_that_are_taken(daemon, alice, area, users):
    """A package that bears the id of a machine that is there does not become that machine."""
    evil = Evil(area, users['alice']).package()
    evil.own()
    alice.wait(alice.import_(evil.path, {'GenerateNewId': False}))
    before = names(daemon.store)
    error = refused(alice.wait, alice.import_(evil.path, {'GenerateNewId': False, 'Name': 'new'}))
    assert error.name == f'{ERROR}Exists', error
    # And not while the first one lasts either.
    jobs = [alice.import_(evil.path, {'Name': 'twin'}) for _ in range(3)]
    outcomes = []
    for job in jobs:
        try:
            outcomes.append(alice.wait(job) and 'made')
        except Refused as refusal:
            outcomes.append(refusal.name)
    assert sorted(outcomes) == sorted(['made', f'{ERROR}Exists', f'{ERROR}Exists']), outcomes
    assert [entry['Name'] for entry in alice.machines().values()].count('twin') == 1
    assert set(before) < set(names(daemon.store))


def test_names_that_turn_a_line_around(daemon, alice, area, users):
    """A name may hold any letters; whether it may hold bidi controls or not, messages have none."""
    evil = Evil(area, users['alice']).bare()
    edit(evil.xml, '<name>old<', '<name>a\u202egnp.exe<')
    evil.own()
    try:
        alice.wait(alice.import_(evil.path))
    except Refused as error:
        assert error.name in CORRUPT + (f'{ERROR}InvalidParameter',), error
        assert_clean(error.message)
        return
    error = refused(alice.wait, alice.import_(evil.path))
    assert error.name == f'{ERROR}Exists'
    assert_clean(error.message)
