"""Snapshots of libvirt's machines: trees of internal, external and mixed ones are listed, exported in
all four modes, and imported into libvirt and the store; and each has the marker that was on the disk
when it was taken."""

import json
import pathlib
import subprocess

import libvirt as api
import pytest
from gi.repository import GLib

from rig import hostile, libvirt_trees as trees, packages
from rig.caller import ERROR, MACHINE, MANAGER, QEMU, Refused, refused
from rig.guests import count, counted, guest
from rig.jobs import HELD, Hold, findings
from rig.libvirt import IMAGES, NVRAM, PLACE
from rig.loop import DEADLINE, wait_on_disk
from rig.qemu import wait_asking
from rig.libvirt_trees import content, facts, listing

SNAPSHOT = 'org.vmport.Snapshot'
KINDS = {'internal': trees.internal, 'external': trees.external, 'mixed': trees.mixed}


def mode(number, snapshot=''):
    return {'CopySnapshotConfiguration': GLib.Variant('y', number),
            **({'SnapshotVirtualSystem': snapshot} if snapshot else {})}


def listed(caller, machine):
    """{name: properties} of a machine's snapshots."""
    result = {}
    for path in caller.get(machine, MACHINE, 'Snapshots'):
        properties = caller.get_all(path, SNAPSHOT)
        result[properties['Name']] = {**properties, 'path': path}
    return result


def wait_told(caller, machine, check, what):
    """Until what the daemon tells of the snapshots is as it should be; what it tells."""
    def ask():
        try:
            told = listed(caller, machine)
        except Refused:   # it hears of a change right now
            return None
        return (told,) if check(told) else None
    return wait_asking(ask, what)[0]


def wait_listed(caller, machine, names):
    return wait_told(caller, machine, lambda told: sorted(told) == sorted(names),
                     f'the snapshots to be {sorted(names)}')


def find(qemu, caller, tree):
    machine = qemu.find(caller, tree.name)
    wait_told(caller, machine, lambda told: sorted(told) == sorted(tree.contents)
              and {name for name, one in told.items() if one['Current']}
              == set(list(tree.contents)[-1:]), f'{tree.name} to have all its snapshots')
    return machine


def check_images(*folders):
    """All images there are whole, and refer to nothing outside."""
    count = 0
    for folder in folders:
        for path in folder.rglob('*.qcow2'):
            trees.run('qemu-img', 'check', '-q', '-f', 'qcow2', path)
            info = json.loads(trees.run('qemu-img', 'info', '--output=json', '-f', 'qcow2', path))
            below = info.get('full-backing-filename')
            assert below is None or any(f'{below}'.startswith(f'{place}/') for place in folders), \
                f'{path} lies on {below}'
            count += 1
    assert count


def check_tree(libvirt, name, tree, before):
    """The imported machine has the same tree, and the markers of each snapshot. Reverts it."""
    domain = libvirt.domain(name)
    assert listing(name) == before[0]
    assert facts(domain) == before[1]
    for snapshot, contents in tree.contents.items():
        if 'external' not in before[1][snapshot]['disks'].values():
            continue
        assert trees.read(trees.inner(domain.snapshotLookupByName(snapshot)), contents) \
            == contents, snapshot
    # The oldest come last: going back to one below an overlay changes what is above.
    for snapshot, contents in reversed(tree.contents.items()):
        if 'external' in before[1][snapshot]['disks'].values():
            continue
        domain.revertToSnapshot(domain.snapshotLookupByName(snapshot))
        assert trees.read(libvirt.xml(name), contents) == contents, snapshot


@pytest.mark.parametrize('kind', KINDS)
def test_all_snapshots_there_and_back(libvirt, qemu, alice, area, kind):
    """Mode 0, into libvirt and into the store, and from there into libvirt again; what the machine
    was made of is gone meanwhile."""
    tree = KINDS[kind](libvirt)
    machine = find(qemu, alice, tree)
    before = listing('web'), facts(tree.domain)
    now, since = tree.now(), trees.overlays(tree.domain)
    told = listed(alice, machine)
    if kind == 'external':
        # What was written there belongs to no snapshot, and the machine went another way.
        since['e3'] = {'vda': None, 'vdb': None}
    package = area / 'alice/package'
    warnings = alice.wait(alice.export(machine, package, manager=QEMU))['Warnings']
    assert [warning['Code'] for warning in warnings] == 2 * (kind == 'external') * ['DiskLeftBehind']
    packages.assert_package(package)
    check_images(package)
    libvirt.undefine('web')
    for path in IMAGES.iterdir():
        path.unlink()
    stored = alice.wait(alice.import_(package, {'Name': 'stored'}))['ImportedVirtualMachine']
    same = ('Name', 'CreationTime', 'State', 'Current', 'Storage')
    assert {name: {key: one[key] for key in same} for name, one in listed(alice, stored).items()} \
        == {name: {key: one[key] for key in same} for name, one in told.items()}
    second = area / 'alice/second'
    alice.wait(alice.export(stored, second))
    for folder, name in ((package, 'again'), (second, 'back')):
        alice.wait(alice.import_(folder, {'Name': name}, QEMU))
        assert trees.read(libvirt.xml(name), now) == now
        assert trees.overlays(libvirt.domain(name)) == since
        check_images(IMAGES)
        check_tree(libvirt, name, tree, before)
        libvirt.undefine(name)
        for path in IMAGES.iterdir():
            path.unlink()


def images(package):
    """{target: (path, format)} of the disks in a package, each of which is one image."""
    result = {}
    for target, chain in packages.drives(package).items():
        (_, kind, member), = chain
        result[target] = (package / member, kind)
    return result


@pytest.mark.parametrize('kind', KINDS)
def test_one_snapshot_or_none(libvirt, qemu, alice, area, kind):
    """Modes 1, 2 and 3: the machine as it is now or was then, its chains merged, without snapshots;
    the same that libvirt itself goes back to, where it can."""
    tree = KINDS[kind](libvirt)
    machine = find(qemu, alice, tree)
    before, traces = facts(tree.domain), libvirt.traces()
    told = listed(alice, machine)
    wanted = {**tree.contents, None: tree.now()}
    for number, (name, contents) in enumerate(wanted.items()):
        package = area / f'alice/{number}'
        settings = mode(1) if name is None else mode(2, name) if number % 2 \
            else mode(3, told[name]['path'])
        alice.wait(alice.export(machine, package, {**settings, 'Checksum': 'none'}, QEMU))
        assert not (package / 'Snapshots').exists()
        same_id = packages.machine_uuid(package) == tree.domain.UUIDString()
        assert same_id is (name is None or number % 2 == 0)
        for target, image in images(package).items():
            # A disk that was none of a snapshot's business is as it is.
            assert target not in contents or content(*image) == contents[target], (name, target)
            info = json.loads(trees.run('qemu-img', 'info', '--output=json', '-f', image[1],
                                        image[0]))
            assert not info.get('snapshots') and 'backing-filename' not in info
        check_images(package)
    assert libvirt.traces() == traces, 'the machine that was exported is untouched'
    # The last of them that is one snapshot, as a machine of its own.
    package, name = area / f'alice/{number - 1}', list(wanted)[-2]
    alice.wait(alice.import_(package, {'Name': 'then'}, QEMU))
    assert libvirt.domain('then').snapshotNum() == 0
    assert trees.read(libvirt.xml('then'), tree.contents[name]) == tree.contents[name]
    libvirt.domain('then').create()
    libvirt.domain('then').destroy()
    for number, name in reversed(list(enumerate(tree.contents))):
        if 'external' in before[name]['disks'].values():
            continue
        tree.revert(name)
        for target, source in tree.sources().items():
            path, kind = images(area / f'alice/{number}')[target]
            trees.run('qemu-img', 'compare', '-q', '-f', source[1], '-F', kind, source[0], path)


def test_what_happens_to_them_is_noticed(libvirt, qemu, alice):
    """libvirt tells nobody that a snapshot was made, deleted, or gone back to."""
    tree = trees.Tree(libvirt)
    machine = find(qemu, alice, tree)
    tree.take('one', description='The first')
    wait_listed(alice, machine, ['one'])
    tree.take('two')
    told = wait_told(alice, machine, lambda told: sorted(told) == ['one', 'two']
                     and told['two']['Current'], 'both to be there, and two the current one')
    real = facts(tree.domain)
    for name in ('one', 'two'):
        assert told[name]['CreationTime'] == int(real[name]['time']) * 1000000
        assert told[name]['State'] == 'off' and told[name]['Storage'] == 'internal'
    assert told['one']['Parent'] == '/' and told['two']['Parent'] == told['one']['path']
    assert not told['one']['Current']
    tree.revert('one')
    told = wait_told(alice, machine, lambda told: told['one']['Current'], 'one to be the current one')
    assert not told['two']['Current']
    tree.domain.snapshotLookupByName('one').delete(0)
    told = wait_told(alice, machine, lambda told: sorted(told) == ['two']
                     and told['two']['Parent'] == '/', 'two to be the only one')


def test_an_export_knows_what_was_done_just_before(libvirt, qemu, alice, area):
    """It reads the machine anew before it starts, and need not have been told."""
    tree = trees.Tree(libvirt)
    machine = find(qemu, alice, tree)
    tree.take('one')
    alice.wait(alice.export(machine, area / 'alice/package', manager=QEMU))
    assert (area / 'alice/package/Snapshots/one.xml').exists()


def test_uefi_machines_have_external_ones(libvirt, qemu, alice, area):
    tree = trees.external(libvirt, uefi=True)
    (NVRAM / 'web_VARS.fd').write_bytes(b'variables' * 1000)
    machine = find(qemu, alice, tree)
    before = listing('web'), facts(tree.domain)
    wait_asking(lambda: '_VARS.fd' in alice.configuration(machine), 'the variables to be known')
    package = area / 'alice/package'
    alice.wait(alice.export(machine, package, manager=QEMU))
    result = alice.wait(alice.import_(package, {'Name': 'again'}, QEMU))
    check_tree(libvirt, 'again', tree, before)
    assert (NVRAM / 'again_VARS.fd').read_bytes() == b'variables' * 1000
    assert alice.get(result['ImportedVirtualMachine'], MACHINE, 'State') == 'off'
    for snapshot in libvirt.domain('again').listAllSnapshots():
        assert 'web_VARS.fd' not in snapshot.getXMLDesc()


def test_delete_takes_their_files_along(libvirt, qemu, alice, root, area):
    """All but those that another machine, or a snapshot of one, still uses."""
    tree = trees.external(libvirt)
    machine = find(qemu, alice, tree)
    # Another machine on one of the overlays, seen only in a snapshot of it.
    base = IMAGES / 'web-vda.e2.qcow2'
    trees.run('qemu-img', 'create', '-q', '-f', 'qcow2', '-b', base, '-F', 'qcow2',
              IMAGES / 'other.qcow2')
    other = libvirt.define(trees.DOMAIN.format(name='other', firmware='', disks=trees.DISK.format(
        kind='qcow2', path=IMAGES / 'other.qcow2', target='vda')))
    other.snapshotCreateXML('<domainsnapshot><name>x</name></domainsnapshot>')
    libvirt.connection.storagePoolLookupByName('default').refresh()
    wait_listed(alice, qemu.find(alice, 'other'), ['x'])
    root.delete(machine)
    assert libvirt.names() == ['other']
    assert sorted(path.name for path in IMAGES.iterdir()) \
        == ['a.qcow2', 'other.qcow2', 'web-vda.e1.qcow2', 'web-vda.e2.qcow2']
    assert not (PLACE / 'qemu/snapshot/web').exists()


class Snare:
    """Stops libvirtd as soon as it has kept a snapshot of a domain, and before it says so."""

    def __init__(self, libvirt, folder, name, snapshot):
        self.log, said = folder / 'snare', folder / 'snare.said'
        # What it renames, once that is written; strace looks at the first name alone.
        new = PLACE / 'qemu/snapshot' / name / f'{snapshot}.xml.new'
        with open(said, 'w') as out:
            self.process = subprocess.Popen(
                ('strace', '-f', '-p', str(libvirt.process.pid), '-o', self.log, '-P', new,
                 '-e', 'trace=/^rename', '-e', 'inject=/^rename:signal=SIGSTOP'),
                stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        wait_on_disk(lambda: 'attached' in said.read_text(),
                     lambda: f'strace, which said {said.read_text()}')

    def wait(self):
        wait_on_disk(lambda: 'stopped by SIGSTOP' in self.log.read_text(),
                     lambda: f'libvirtd to be stopped:\n{self.log.read_text()[-3000:]}')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(DEADLINE)


def test_libvirtd_dies_while_they_are_defined(libvirt, daemon, qemu, alice, area):
    """There is no machine with half of its snapshots."""
    daemon.fatal = 'fatal-criticals'
    daemon.restart()
    qemu.wait()
    trees.wide(libvirt)
    machine = qemu.find(alice, 'web')
    package = area / 'alice/package'
    alice.wait(alice.export(machine, package, manager=QEMU))
    before = libvirt.traces()
    with Snare(libvirt, area, 'new', 'leaf-10') as snare:
        job = alice.import_(package, {'Name': 'new'}, QEMU)
        snare.wait()
        libvirt.process.kill()
        error = refused(alice.wait, job)
    assert 'libvirt' in error.message, error
    libvirt.kill()
    libvirt.start()
    qemu.wait()
    # What could not be taken back without libvirt is taken back by the next start at the latest.
    daemon.restart()
    qemu.wait()
    wait_on_disk(lambda: libvirt.names() == ['web'] and libvirt.traces() == before,
                 lambda: f'the roll-back; there are {libvirt.names()} and '
                 f'{set(libvirt.traces().items()) ^ set(before.items())}')
    alice.wait(alice.import_(package, {'Name': 'new'}, QEMU))
    assert listing('new') == listing('web')


def test_a_snapshot_during_an_export(libvirt, daemon, qemu, alice, area, recorder):
    """QEMU's locks keep libvirt from one inside of the images; any other is noticed."""
    tree = trees.Tree(libvirt)
    tree.take('one')
    machine = find(qemu, alice, tree)
    hold = Hold(daemon, recorder, 'Copying')
    job = alice.export(machine, area / 'alice/package', HELD, QEMU)
    hold.wait()
    with pytest.raises(api.libvirtError, match='lock'):
        tree.domain.snapshotCreateXML('<domainsnapshot><name>two</name></domainsnapshot>')
    tree.domain.snapshotCreateXML('<domainsnapshot><name>two</name></domainsnapshot>',
                                  api.VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY)
    hold.release()
    assert refused(alice.wait, job).name == f'{ERROR}InUse'
    assert not (area / 'alice/package').exists()


@pytest.mark.parametrize('touched', [False, True])
def test_the_daemon_dies_while_they_are_defined(libvirt, daemon, qemu, alice, area, touched):
    """What it had defined goes, with the snapshots that it had defined; unless somebody has taken
    one more of the machine since, which nobody may lose."""
    trees.wide(libvirt)
    machine = qemu.find(alice, 'web')
    package = area / 'alice/package'
    alice.wait(alice.export(machine, package, manager=QEMU))
    before = libvirt.traces()
    with Snare(libvirt, area, 'new', 'leaf-10') as snare:
        alice.import_(package, {'Name': 'new'}, QEMU)
        snare.wait()
        daemon.kill()
    libvirt.release()
    new = libvirt.domain('new')
    assert 2 <= new.snapshotNum() < libvirt.domain('web').snapshotNum()
    if touched:
        new.snapshotCreateXML('<domainsnapshot><name>mine</name></domainsnapshot>',
                              api.VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY)
    names = libvirt.traces()
    daemon.start()
    qemu.wait()
    if touched:
        assert libvirt.names() == ['new', 'web'] and libvirt.traces() == names
        assert new.snapshotLookupByName('mine').isCurrent()
    else:
        wait_on_disk(lambda: libvirt.names() == ['web'] and libvirt.traces() == before,
                     'the roll-back')


# Ways into the host that a document may have within a snapshot, where the machine's own has none.
WAYS = ('emulator', 'qemu command line', 'PCI device', 'root as label', 'interface script',
        'kernel of the host', 'an unknown element')


def edit_snapshot(package, name, *changes):
    member = f'Snapshots/{name}.xml'
    text = (package / member).read_text()
    for old, new in changes:
        assert old in text, f'{old!r} is not in {text}'
        text = text.replace(old, new, 1)
    packages.replace_member(package, member, text.encode())


def test_no_foreign_snapshot_reaches_libvirt(libvirt, qemu, alice, root, area):
    """libvirt runs the <emulator> of a snapshot that is redefined, and goes back to whatever
    configuration it has: refused, and stripped."""
    program = area / 'emulator'
    program.write_text(f'#!/bin/sh\n: > {area}/sprung\n')
    program.chmod(0o755)
    tree = trees.Tree(libvirt)
    tree.take('one')
    machine = find(qemu, alice, tree)
    places = {hostile.IN_DOMAIN: '</domain>', hostile.IN_OS: '</os>',
              hostile.IN_DEVICES: '</devices>'}
    wrong = []
    for number, what in enumerate(WAYS):
        package = area / f'alice/{number}'
        alice.wait(alice.export(machine, package, manager=QEMU))
        place, xml = hostile.WAYS[what]
        xml = xml.replace('@evil@', str(program)).replace('@decoy@', '/etc/shadow')
        edit_snapshot(package, 'one', (places[place], xml + places[place]))
        before = libvirt.traces()
        job = alice.import_(package, {'Name': 'new'}, QEMU)
        error = refused(alice.wait, job)
        if error.name != f'{ERROR}Unsafe' or 'UnsafeDevice' not in findings(alice, job):
            wrong.append(f'{what}: {error}')
        if libvirt.traces() != before or libvirt.names() != ['web']:
            wrong.append(f'{what}: something is left')
        result = alice.wait(alice.import_(package, {'Name': 'new', 'UnsafeDevices': 'strip'}, QEMU))
        text = libvirt.domain('new').snapshotLookupByName('one').getXMLDesc()
        for word in ('EVIL', str(program), '/etc/shadow', 'hostdev', 'seclabel', 'commandline'):
            if word in text:
                wrong.append(f'{what}: {word!r} came through:\n{text}')
        root.delete(result['ImportedVirtualMachine'])
    assert not wrong, '\n'.join(wrong)
    assert not (area / 'sprung').exists(), 'somebody ran the program of a foreign configuration'


def test_broken_trees(libvirt, qemu, alice, area):
    """A parent that is not there, one's own ancestors, and ghosts: libvirt 9.0 takes a snapshot that
    no image has, and finds out when somebody reverts to it."""
    tree = trees.Tree(libvirt)
    tree.take('one')
    tree.take('two')
    machine = find(qemu, alice, tree)
    for number, changes in enumerate((
            (('two', ('<name>one</name>', '<name>none</name>')),),
            (('one', ('</name>', '</name><parent><name>two</name></parent>')),))):
        package = area / f'alice/{number}'
        alice.wait(alice.export(machine, package, manager=QEMU))
        for name, change in changes:
            edit_snapshot(package, name, change)
        before = libvirt.traces()
        error = refused(alice.wait, alice.import_(package, {'Name': 'new'}, QEMU))
        assert error.name == f'{ERROR}Corrupt', (changes, error)
        assert libvirt.traces() == before and libvirt.names() == ['web'], changes
    for name in ('two', 'one'):
        package = area / f'alice/no-{name}'
        alice.wait(alice.export(machine, package, manager=QEMU))
        image = package / 'Virtual Hard Disks/a.qcow2'
        trees.run('qemu-img', 'snapshot', '-d', name, image)
        packages.replace_member(package, 'Virtual Hard Disks/a.qcow2', image.read_bytes())
        job = alice.import_(package, {'Name': 'new'}, QEMU)
        assert refused(alice.wait, job).name == f'{ERROR}NotFound'
        assert 'SnapshotMissing' in findings(alice, job)
        assert libvirt.traces() == before and libvirt.names() == ['web']


@pytest.mark.slow
def test_a_guest_that_counts(libvirt, qemu, alice, area):
    """Snapshots with memory, one inside the image and one in files: all of them travel, and a
    machine that is made of one goes on counting where it was then."""
    trees.run('qemu-img', 'create', '-q', '-f', 'qcow2', IMAGES / 'a.qcow2', trees.SIZE)
    libvirt.define(guest('web', [('a.qcow2', 'qcow2')], memory=96))
    domain = libvirt.domain('web')
    machine = qemu.find(alice, 'web')
    console = libvirt.boot('web')
    console.wait('GUEST-READY')
    console.run('printf inside | dd of=/dev/vda bs=4096 seek=3; sync')
    count(console)
    last = {'inside': counted(console, 3)}
    domain.snapshotCreateXML('<domainsnapshot><name>inside</name></domainsnapshot>')
    last['outside'] = counted(console, last['inside'] + 3)
    domain.snapshotCreateXML(f"<domainsnapshot><name>outside</name><memory snapshot='external' "
                             f"file='{IMAGES}/web.memory'/></domainsnapshot>")
    counted(console, last['outside'] + 3)
    domain.destroy()
    before = listing('web'), facts(domain)
    wait_listed(alice, machine, last)
    qemu.wait_state(alice, machine, 'off')
    assert {name: one['State'] for name, one in listed(alice, machine).items()} \
        == {'inside': 'running', 'outside': 'running'}

    package = area / 'alice/package'
    alice.wait(alice.export(machine, package, manager=QEMU))
    packages.assert_package(package)
    alice.wait(alice.import_(package, {'Name': 'again'}, QEMU))
    again = libvirt.domain('again')
    assert (listing('again'), facts(again)) == before
    text = again.snapshotLookupByName('outside').getXMLDesc()
    memory = pathlib.Path(trees.ElementTree.fromstring(text).find('memory').get('file'))
    head = memory.read_bytes()[:1 << 16]
    assert again.UUIDString().encode() in head and domain.UUIDString().encode() not in head
    assert memory != IMAGES / 'web.memory' and memory.stat().st_mode & 0o777 == 0o600
    goes_on = {'again': 'inside'}
    for name in last:
        folder = area / f'alice/{name}'
        alice.wait(alice.export(machine, folder, mode(2, name), QEMU))
        assert packages.state(folder) == 'saved'
        result = alice.wait(alice.import_(folder, {'Name': f'then-{name}'}, QEMU))
        assert alice.get(result['ImportedVirtualMachine'], MACHINE, 'State') == 'saved'
        goes_on[f'then-{name}'] = name
    for name, snapshot in goes_on.items():
        if name == 'again':
            again.revertToSnapshot(again.snapshotLookupByName(snapshot),
                                   api.VIR_DOMAIN_SNAPSHOT_REVERT_PAUSED)
            console = libvirt.console(name)
            again.resume()
        else:
            console = libvirt.boot(name)
        first = int(console.wait('COUNT', DEADLINE))
        assert last[snapshot] < first < last[snapshot] + 100, (name, last, first)
        assert 'GUEST-READY' not in console.text, 'it did not start anew'
        libvirt.destroy(name)


def test_checkpoints_stay_and_somebody_tells(libvirt, qemu, alice, area):
    """libvirt 9.0 can verify them only while the machine runs (REDEFINE_VALIDATE)."""
    tree = trees.Tree(libvirt)
    machine = qemu.find(alice, 'web')
    tree.domain.create()
    tree.domain.checkpointCreateXML('<domaincheckpoint><name>one</name></domaincheckpoint>')
    tree.domain.destroy()
    qemu.wait_state(alice, machine, 'off')
    result = alice.wait(alice.export(machine, area / 'alice/package', manager=QEMU))
    assert [warning['Code'] for warning in result['Warnings']] == ['CheckpointsLeftBehind']
    alice.wait(alice.import_(area / 'alice/package', {'Name': 'new'}, QEMU))
    assert libvirt.domain('new').listAllCheckpoints() == []
    # Its bitmap came along in the image, and disturbs nobody.
    libvirt.domain('new').create()
    libvirt.domain('new').checkpointCreateXML('<domaincheckpoint><name>two</name>'
                                              '</domaincheckpoint>')
    libvirt.destroy('new')


def test_in_place(libvirt, qemu, alice, root, area):
    """Nothing is copied: libvirt has the same tree on the package's own files, and leaves them when
    the machine is deleted without its storage."""
    tree = trees.Tree(libvirt)
    tree.take('one', external=True)
    tree.take('two')
    machine = find(qemu, alice, tree)
    before = listing('web'), facts(tree.domain)
    package = area / 'alice/package'
    alice.wait(alice.export(machine, package, manager=QEMU))
    members = packages.members(package)
    result = root.wait(root.import_(package, {'Name': 'here', 'CreateCopy': False}, QEMU))
    named = {path for snapshot in libvirt.domain('here').listAllSnapshots()
             for path, _ in trees.sources(trees.inner(snapshot)).values()}
    assert len(named) == 4 and all(path.startswith(f'{package}/') for path in named), named
    root.delete(result['ImportedVirtualMachine'], storage=False)
    assert packages.members(package) == members
    root.wait(root.import_(package, {'Name': 'here', 'CreateCopy': False}, QEMU))
    check_tree(libvirt, 'here', tree, before)


CHAIN = 200


def make_chain(name):
    """Overlays on each other, as long a chain as QEMU and libvirt open; the topmost one's path."""
    names = [f'{name}-{number:03}.qcow2' for number in range(CHAIN)]
    trees.run('qemu-img', 'create', '-q', '-f', 'qcow2', IMAGES / names[0], trees.SIZE)
    trees.mark(IMAGES / names[0], 'qcow2', 7)
    trees.run('qemu-img', 'create', '-q', '-f', 'qcow2', '-b', IMAGES / names[0], '-F', 'qcow2',
              IMAGES / names[1])
    overlay = (IMAGES / names[1]).read_bytes()
    for below, above in zip(names[1:], names[2:]):
        (IMAGES / above).write_bytes(overlay.replace(names[0].encode(), below.encode()))
    trees.mark(IMAGES / names[-1], 'qcow2', 9)
    return IMAGES / names[-1]


def test_a_chain_of_200(libvirt, qemu, alice, area):
    top = make_chain('web')
    libvirt.define(trees.DOMAIN.format(name='web', firmware='', disks=trees.DISK.format(
        kind='qcow2', path=top, target='vda')))
    machine = qemu.find(alice, 'web')
    package = area / 'alice/package'
    alice.wait(alice.export(machine, package, manager=QEMU))
    assert len(packages.drives(package)['vda']) == CHAIN
    result = alice.wait(alice.import_(package, {'Name': 'again'}, QEMU))
    (path, _), = trees.sources(libvirt.xml('again')).values()
    # Nobody starts it here: libvirt takes most of a minute for that.
    read = content(path)
    assert path != str(top) and {read[number << 16] for number in (0, 9)} == {9} \
        and read[7 << 16] == 7
    # And what libvirt has then is a machine like any other.
    found = alice.call(QEMU, MANAGER, 'CheckExport', '(osa{sv})',
                       (result['ImportedVirtualMachine'], str(area / 'alice/second'), {}))
    assert [finding['Code'] for finding in found] == ['PackageSize']


def test_a_ghost_is_not_exported(libvirt, qemu, alice, area):
    """libvirt has it, and no image has: there is nothing that a package could keep of it."""
    tree = trees.Tree(libvirt)
    tree.take('one')
    tree.take('two')
    machine = find(qemu, alice, tree)
    trees.run('qemu-img', 'snapshot', '-d', 'one', IMAGES / 'a.qcow2')
    for number, settings in enumerate((mode(0), mode(2, 'one'))):
        error = refused(alice.wait, alice.export(machine, area / f'alice/{number}', settings, QEMU))
        assert error.name == f'{ERROR}NotFound' and 'one' in error.message, error
        assert not (area / f'alice/{number}').exists()
    alice.wait(alice.export(machine, area / 'alice/other', mode(2, 'two'), QEMU))
    assert content(*images(area / 'alice/other')['vda']) == tree.contents['two']['vda']
