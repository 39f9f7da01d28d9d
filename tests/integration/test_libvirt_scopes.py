"""Which scope libvirt's machines are in: the daemon's record holds, whatever somebody does to the copy
in <metadata>, which is written anew then."""

import libvirt as binding
import pytest

from rig.caller import MACHINE, QEMU, UNKNOWN_OBJECT, refused
from rig.libvirt import CONFIGURATION
from rig.loop import wait_on_disk
from rig.machines import bare_directory
from rig.qemu import Qemu, wait_asking
# pylint: disable=unused-import
from rig.scopes import daemon, import_, recorded, rights, scope_of, uuid_of
from rig.shapes import make_images, shape

PLAIN = 'q35, BIOS, virtio, user network'
NOTE = "<metadata><vmport:machine xmlns:vmport='urn:vmport:metadata:1' scope='{}'/></metadata>"
PUT_RIGHT = 'the configuration says so again'


def note_of(libvirt, machine):
    """The copy in the configuration, or ''."""
    try:
        text = libvirt.domain(machine).metadata(binding.VIR_DOMAIN_METADATA_ELEMENT,
                                                'urn:vmport:metadata:1',
                                                binding.VIR_DOMAIN_AFFECT_CONFIG)
    except binding.libvirtError as error:
        assert error.get_error_code() == binding.VIR_ERR_NO_DOMAIN_METADATA
        return ''
    return text.partition("scope=\"")[2].partition('"')[0] \
        or text.partition("scope='")[2].partition("'")[0]


@pytest.fixture
def define(libvirt, qemu, root):
    def define(name='web', scope=None, what=PLAIN):
        text = shape(what, name)
        make_images(text)
        if scope:
            text = text.replace('<os', f'{NOTE.format(scope)}<os', 1)
        libvirt.define(text)
        return qemu.find(root, name)
    return define


def keys(machine):
    return 'qemu', uuid_of(machine)


def test_an_old_document_over_a_moved_machine(libvirt, daemon, define, root, bob, alice):
    machine = define()
    assert scope_of(bob, machine) == '' and recorded(daemon) == {}
    before = libvirt.xml('web')
    root.set_scope(machine, 'lab')
    assert note_of(libvirt, machine) == 'lab' == scope_of(alice, machine)
    libvirt.define(before)   # virsh define
    assert bob.machines(QEMU) == {}
    wait_asking(lambda: PUT_RIGHT in daemon.log() and note_of(libvirt, machine) == 'lab',
                'the copy to be written anew')
    assert 'had it in the security scope “”' in daemon.log() and 'recorded in “lab”' in daemon.log()
    assert refused(scope_of, bob, machine).name == UNKNOWN_OBJECT
    assert scope_of(alice, machine) == 'lab' and recorded(daemon) == {keys(machine): 'lab'}


def test_a_document_that_names_another_scope(libvirt, daemon, define, root, alice, carol):
    machine = define()
    root.set_scope(machine, 'lab')
    in_lab = libvirt.xml('web')
    root.set_scope(machine, 'prod')
    libvirt.define(in_lab)
    wait_asking(lambda: note_of(libvirt, machine) == 'prod', 'the copy to be written anew')
    assert alice.machines(QEMU) == {} and scope_of(carol, machine) == 'prod'
    # The default scope is one that a machine was put into, too.
    root.set_scope(machine, '')
    libvirt.define(in_lab)
    wait_asking(lambda: note_of(libvirt, machine) == '', 'the copy to go')
    assert scope_of(carol, machine) == '' and recorded(daemon) == {keys(machine): ''}


@pytest.mark.parametrize('running', [False, True], ids=['off', 'running'])
def test_a_snapshot_that_is_reverted_to(libvirt, daemon, define, root, bob, alice, qemu, running):
    machine = define()
    domain = libvirt.domain('web')
    if running:
        domain.createWithFlags(binding.VIR_DOMAIN_START_PAUSED)
    snapshot = domain.snapshotCreateXML('<domainsnapshot><name>one</name></domainsnapshot>')
    if running:
        libvirt.destroy('web')
        qemu.wait_state(root, machine, 'off')
    root.set_scope(machine, 'lab')
    domain.revertToSnapshot(snapshot)
    assert bob.machines(QEMU) == {} and scope_of(alice, machine) == 'lab'
    wait_asking(lambda: note_of(libvirt, machine) == 'lab', 'the copy to be written anew')
    assert bob.machines(QEMU) == {} and scope_of(alice, machine) == 'lab'


def test_a_machine_that_was_never_seen(libvirt, daemon, define, root, alice, bob):
    """Its own word is taken once, and then it is recorded."""
    machine = define(scope='lab')
    assert scope_of(alice, machine) == 'lab' and bob.machines(QEMU) == {}
    wait_on_disk(lambda: recorded(daemon) == {keys(machine): 'lab'}, 'the record')
    text = libvirt.xml('web')
    libvirt.define(text[:text.index('<metadata>')] + text[text.index('</metadata>') + 11:])
    assert bob.machines(QEMU) == {}
    wait_asking(lambda: note_of(libvirt, machine) == 'lab', 'the copy to be written anew')
    assert scope_of(alice, machine) == 'lab' and refused(scope_of, bob, machine)


def test_machines_that_are_there_at_first(libvirt, daemon, qemu, define, root, alice, bob):
    """Many at once; and what could be in no record is left as it is."""
    daemon.stop()
    for name, scope in (('one', 'lab'), ('two', 'prod'), ('three', None), ('four', 'x' * 300)):
        text = shape('least', name)
        libvirt.define(text.replace('<os', f'{NOTE.format(scope)}<os', 1) if scope else text)
    daemon.start()
    qemu.wait()
    machines = {entry['Name']: path for path, entry in root.machines(QEMU).items()}
    wait_on_disk(lambda: recorded(daemon) == {keys(machines['one']): 'lab',
                                              keys(machines['two']): 'prod'}, 'the record')
    assert {entry['Name'] for entry in bob.machines(QEMU).values()} == {'three'}
    assert {entry['Name'] for entry in alice.machines(QEMU).values()} == {'one', 'three'}
    daemon.restart()
    qemu.wait()
    assert scope_of(alice, machines['one']) == 'lab'


def test_a_configuration_that_cannot_be_taken_in(libvirt, daemon, qemu, root, alice, bob):
    """It is in its scope all the same."""
    # Volumes of a pool that is not there.
    text = shape('volumes of a pool', 'odd').replace("pool='default'", "pool='cloud'")
    libvirt.define(text.replace('<os', f"{NOTE.format('lab')}<os", 1))
    machine = qemu.find(root, 'odd')
    assert refused(alice.export, machine, '/x', manager=QEMU).name != UNKNOWN_OBJECT
    assert scope_of(alice, machine) == 'lab' and machine not in bob.machines(QEMU)
    wait_on_disk(lambda: recorded(daemon) == {keys(machine): 'lab'}, 'the record')


def test_an_import_and_a_delete(libvirt, daemon, qemu, root, area):
    """What jobs and calls change themselves is nobody's roll-back."""
    folder = bare_directory(area / 'root/bare', 'old')
    path = folder / 'old.xml'
    path.write_text(path.read_text().replace("type='kvm'", "type='qemu'"))
    machine = import_(root, folder, QEMU, SecurityScope='lab')
    for scope in ('prod', 'lab', '', 'lab'):
        root.set_scope(machine, scope)
        assert note_of(libvirt, machine) == scope
    root.delete(machine)
    assert recorded(daemon) == {} and libvirt.names() == []
    assert PUT_RIGHT not in daemon.log()
