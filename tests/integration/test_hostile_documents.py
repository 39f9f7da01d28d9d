"""Documents of a package that are no configuration: those of its snapshots, what libvirt's saved state
begins with, and names of security scopes. One daemon tries all of each kind."""

import struct

import pytest

from rig import packages, trees
from rig.caller import ACCESS_DENIED, ERROR, MACHINE, QEMU, Refused
from rig.evil import Evil, assert_clean, edit
from rig.machines import Disk, names, tree
from rig.shapes import make_images, shape
from test_hostile_images import try_all
from test_hostile_members import GROWTH, memory_of

ASK = 'org.freedesktop.DBus.Error.InteractiveAuthorizationRequired'
CORRUPT, UNSAFE = {f'{ERROR}Corrupt'}, {f'{ERROR}Unsafe'}
EITHER = CORRUPT | UNSAFE
DOCTYPE = '<!DOCTYPE domainsnapshot [<!ENTITY e SYSTEM "/etc/shadow">]>'

DOCUMENTS = {
    'emulator': ('<devices>', '<devices><emulator>/tmp/x</emulator>', UNSAFE),
    'device of the host': ('<devices>', "<devices><hostdev mode='subsystem' type='usb'><source>"
                           "<vendor id='0x1'/><product id='0x1'/></source></hostdev>", UNSAFE),
    'command line of QEMU': ('</domain>', "<q:commandline xmlns:q='http://libvirt.org/schemas/domain/"
                             "qemu/1.0'><q:arg value='-x'/></q:commandline></domain>", UNSAFE),
    'kernel of the host': ('</os>', '<kernel>/etc/shadow</kernel></os>', EITHER),
    'disk of the network': ('<devices>', "<devices><disk type='network' device='disk'><driver "
                            "name='qemu' type='raw'/><source protocol='nbd' name='x'><host "
                            "name='127.0.0.1' port='1'/></source><target dev='vdz' bus='virtio'/>"
                            "</disk>", EITHER),
    'cookie': ('</domainsnapshot>', '<cookie><evil/></cookie></domainsnapshot>', EITHER),
    'unknown element': ('<creationTime>', '<script>x</script><creationTime>', EITHER),
    'another name': ('<name>s1</name>', '<name>other</name>', CORRUPT),
    'name that is a path': ('<name>s1</name>', '<name>../s1</name>', CORRUPT),
    'two names': ('<name>s1</name>', '<name>s1</name><name>s1</name>', EITHER),
    'its own parent': ('<creationTime>', '<parent><name>s1</name></parent><creationTime>',
                       CORRUPT),
    'parent that is missing': ('<creationTime>', '<parent><name>gone</name></parent><creationTime>',
                               CORRUPT | {f'{ERROR}NotFound'}),
    'made in another age': ('<creationTime>', '<creationTime>99999999999999999999', CORRUPT),
    'state that is none': ('<state>running<', '<state>evil<', EITHER),
    'entity of a file': ('<name>s1</name>', '<name>&e;</name>', CORRUPT),
    'depth': ('<devices>', '<devices>' + '<a>' * 100000 + '</a>' * 100000, CORRUPT),
    'no document': ('<domainsnapshot>', '<domain>', CORRUPT),
}


@pytest.fixture
def package(daemon, carol, make_vm, area):
    machine = make_vm('web', [Disk(name='disk.qcow2', size=trees.MIB)])
    trees.plant_memory(daemon, machine)
    path = area / 'carol/package'
    carol.wait(carol.export(machine, path))
    packages.verify(carol, path)
    carol.delete(machine)
    return path


def test_snapshots(daemon, carol, package):
    memory, wrong = memory_of(daemon.process), []
    faultless = (package / 'Snapshots/s1.xml').read_text()
    for what, (old, new, expected) in DOCUMENTS.items():
        assert old in faultless, f'{old!r} is not in {faultless}'
        text = (DOCTYPE if '&e;' in new else '') + faultless.replace(old, new, 1)
        packages.replace_member(package, 'Snapshots/s1.xml', text.encode())
        # What is merely unsafe, or of no tree, is whole.
        whole = UNSAFE & expected or 'parent' in what
        operations = ('Import', 'CheckImport' if whole else 'Verify')
        wrong += try_all(daemon, carol, package, expected, what, operations)
    assert not wrong, '\n'.join(wrong)
    assert memory_of(daemon.process) - memory < GROWTH
    packages.replace_member(package, 'Snapshots/s1.xml', faultless.encode())
    carol.wait(carol.import_(package))


SCOPES = ('../x', 'a/b', 'a\nb', ' lab', 'lab ', 'x' * 300, 'lab\u202e', '\x1b[2J', '*', '__proto__',
          'constructor', "');polkit.Result.YES//", '{}', 'Lab')


def test_scopes(daemon, carol, root, area, users):
    """No name gets a machine in where no such scope is, and none is more than a name."""
    evil = Evil(area, users['carol']).bare()
    evil.own()
    for scope in SCOPES:
        for caller in carol, root:
            try:
                caller.wait(caller.import_(evil.path, {'SecurityScope': scope}))
            except Refused as error:
                assert_clean(error.message)
                assert error.name in {f'{ERROR}InvalidParameter', ACCESS_DENIED, ASK}, \
                    f'{scope}: {error}'
                continue
            raise AssertionError(f'{scope!r} is a scope')
    assert names(daemon.store) == []


def test_a_scope_that_the_package_names(daemon, carol, area, users):
    """Where a machine is, its importer says, not the author of its package."""
    evil = Evil(area, users['carol']).bare()
    edit(evil.xml, '<memory', '<metadata><vmport:vm xmlns:vmport="urn:vmport:metadata:1">'
         '<vmport:scope>lab</vmport:scope></vmport:vm></metadata><memory')
    evil.own()
    machine = carol.wait(carol.import_(evil.path))['ImportedVirtualMachine']
    assert carol.get(machine, MACHINE, 'SecurityScope') == ''


def state(xml, version=2, length=None, compressed=0, cookie=0, magic=b'LibvirtQemudSave'):
    text = xml.encode() + b'\0'
    return magic + struct.pack('<IIIII', version, len(text) if length is None else length, 1,
                               compressed, cookie) + bytes(56) + text + b'QEVM' + bytes(5000)


STATES = {
    'no state': lambda xml: b'evil' * 1000,
    'nothing': lambda xml: b'',
    'text without end': lambda xml: state(xml, length=0xffffffff),
    'text of nothing': lambda xml: state(xml, length=0),
    'text without a NUL': lambda xml: state(xml, length=100),
    'version to come': lambda xml: state(xml, version=99),
    'compression to come': lambda xml: state(xml, compressed=77),
    'cookie beyond the end': lambda xml: state(xml, cookie=0xfffffff0),
    'cookie within the text': lambda xml: state(xml, cookie=50),
    'cut off': lambda xml: state(xml)[:60],
    'no domain': lambda xml: state('<network/>'),
    'entity of a file': lambda xml: state('<!DOCTYPE domain [<!ENTITY e SYSTEM "/etc/shadow">]>' + xml),
    'depth': lambda xml: state('<domain>' + '<a>' * 100000),
    'another machine': lambda xml: state(xml.replace('<name>old<', '<name>other<')
                                         .replace('virtio', 'sata')),
    'emulator': lambda xml: state(xml.replace('<devices>', '<devices><emulator>/tmp/x</emulator>')),
    'command line of QEMU': lambda xml: state(xml.replace(
        '</domain>', "<q:commandline xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'><q:arg "
        "value='-x'/></q:commandline></domain>")),
}


def test_saved_states(libvirt, qemu, carol, area):
    """libvirt reads a state's text when it is merely asked about the file."""
    text = shape('q35, BIOS, virtio, network, SPICE', 'old')
    make_images(text)
    libvirt.define(text)
    package = area / 'carol/package'
    carol.wait(carol.export(qemu.find(carol, 'old'), package, manager=QEMU))
    packages.add_saved_state(package)
    name, = (name for name, role in packages.members(package).items() if role == 'state')
    xml = packages.configuration(package).read_text()
    xml = xml[xml.index('<domain'):]
    traces, wrong = libvirt.traces(), []
    for what, make in STATES.items():
        packages.replace_member(package, name, make(xml))
        before = tree(package)
        try:
            carol.wait(carol.import_(package, {'Name': 'new'}, QEMU))
            wrong.append(f'{what}: taken')
        except Refused as error:
            assert_clean(error.message)
            if error.name not in EITHER | {f'{ERROR}NotCompatible'}:
                wrong.append(f'{what}: {error}')
        if libvirt.traces() != traces or libvirt.names() != ['old'] or tree(package) != before:
            wrong.append(f'{what}: something is left')
    assert not wrong, '\n'.join(wrong)
