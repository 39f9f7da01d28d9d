"""What each key of an import does, seen on the machine that it makes."""

import os
import pathlib
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree

from gi.repository import GLib

from rig import packages, trees
from rig.machines import MIB, Disk, bare_directory, make_image, names, random_disk
from rig.world import open_folder

from . import LEFT_OUT, Row, failed, given, key, warnings
from .exports import SLOW, pace

STRING, NUMBER = GLib.Variant('s', 'text'), GLib.Variant('u', 1)
STATE, OTHER_STATE = b'LibvirtQemudSave' + b'mine' * 999, b'LibvirtQemudSave' + b'else' * 999
OTHER = os.urandom(MIB)


# The packages that are imported, made when they are first wanted. Their machines are gone.

def plain(world):
    """Two disks, two adapters."""
    def make():
        machine = world.machine('plain', [random_disk(1, 'plain.qcow2', 'qcow2'),
                                          random_disk(1, 'data.raw')], ['user', 'network:lab'])
        return world.package(machine, 'plain')
    return world.once('plain', make)


def with_snapshots(world):
    def make():
        machine = world.machine('grown', [Disk(name='disk.qcow2', size=MIB)])
        trees.plant(world.daemon, machine, 'external')
        return world.package(machine, 'grown')
    return world.once('grown', make)


def saved(world):
    def make():
        package = world.keep_copy(plain(world), 'saved-plain')
        packages.add_saved_state(package, STATE)
        return package
    return world.once('saved-plain', make)


def unsafe(world):
    """With a device of the host's that can be kept."""
    def make():
        package = world.keep_copy(plain(world), 'unsafe')
        packages.edit_configuration(
            package, '</devices>', '<hostdev mode="subsystem" type="usb"><source><vendor '
            'id="0x1234"/><product id="0xbeef"/></source></hostdev></devices>')
        return package
    return world.once('unsafe', make)


def chain(world):
    """The configuration alone of a machine whose disk is an overlay, and the folder of its images,
    top.qcow2 upon base.qcow2."""
    def make():
        top = Disk(name='top.qcow2', size=MIB)
        folder = bare_directory(world.area / 'made-chain', 'chain', [top])
        (folder / 'top.qcow2').unlink()
        make_image(folder / 'base.qcow2', Disk(size=MIB))
        subprocess.run(('qemu-img', 'create', '-q', '-f', 'qcow2', '-b', 'base.qcow2', '-F',
                        'qcow2', 'top.qcow2'), cwd=folder, check=True)
        machine = world.machine('chain', package=folder)
        shutil.rmtree(folder)
        whole = world.package(machine, 'chain', delete=False)
        return world.package(machine, 'chain-configuration', CopyVmStorage=False), \
            whole / 'Virtual Hard Disks'
    return world.once('chain', make)


# What is looked at

def uuid_of(package):
    return packages.machine_uuid(package)


def machine(world, outcome):
    return world.root.machines()[outcome.result['ImportedVirtualMachine']]


def domain(world, outcome):
    return ElementTree.fromstring(
        world.root.configuration(outcome.result['ImportedVirtualMachine']))


def macs(world, outcome):
    return [mac.get('address') for mac in domain(world, outcome).iterfind('.//interface/mac')]


def macs_of(package):
    root = ElementTree.parse(packages.configuration(package)).getroot()
    return [mac.get('address') for mac in root.iterfind('.//interface/mac')]


def places(world, outcome, **folders):
    """Where the disks are, with the names of the folders for their paths."""
    found = machine(world, outcome)
    folders = {**folders, 'store': world.daemon.store / found['Uuid']}
    seen = []
    for path in map(pathlib.Path, found['ResourcePaths']):
        assert path.is_file(), path
        name, = (name for name, folder in folders.items() if folder in path.parents)
        seen.append(f'{name}/{path.name}')
    return ' '.join(seen)


def content(path, **known):
    """Which of the known contents a file has; `its own` for none."""
    data = pathlib.Path(path).read_bytes()
    return next((name.replace('_', ' ') for name, known_data in known.items()
                 if data == known_data), 'its own')


# The rows

def read_only(name):
    constant = {'Caption': 'Virtual System Import Setting Data'}.get(
        name, 'VMPort Virtual System Import Setting Data')

    @key('import', name, NUMBER, [Row(LEFT_OUT, 'imported'), Row(constant, 'imported', same=True),
                                  Row('mine', 'InvalidParameter')])
    def observe(world, value):
        outcome = world.import_(plain(world), given(name, value))
        return failed(outcome, name) if outcome.error else 'imported'


for _name in ('Caption', 'Description', 'ElementName'):
    read_only(_name)


def pre_filled(name, wrong, another):
    """A key that is read-only, and filled from the directory."""
    @key('import', name, wrong, [
        Row(LEFT_OUT, 'imported'), Row('as it was filled', 'imported', same=True),
        Row(another, 'InvalidParameter')])
    def observe(world, value):
        if value == 'as it was filled':
            value = world.operator.import_settings(plain(world))[name]
        outcome = world.import_(plain(world), given(name, value))
        return failed(outcome, name) if outcome.error else 'imported'


pre_filled('InstanceID', NUMBER, 'vmport:another')
pre_filled('CurrentResourcePaths', STRING, ['/another', '/path'])
pre_filled('SourceNetworkConnections', STRING, ['user', 'user'])


@key('import', 'CreateCopy', STRING, [
    Row(LEFT_OUT, 'store/plain.qcow2 store/data.raw; again: imported'),
    Row(True, 'store/plain.qcow2 store/data.raw; again: imported', same=True),
    Row(False, 'package/plain.qcow2 package/data.raw; again: InUse')])
def create_copy(world, value):
    package = world.copy(plain(world))
    before = names(package)
    outcome = world.import_(package, given('CreateCopy', value))
    seen = places(world, outcome, package=package)
    assert (outcome.result['BytesCopied'] + outcome.result['BytesCloned'] > 0) == \
        ('store' in seen)
    again = world.import_(package, {**given('CreateCopy', value), 'Name': 'again'})
    world.root.delete(outcome.result['ImportedVirtualMachine'], storage=value is not False)
    assert names(package) == before, 'Delete without DeleteStorage leaves it importable'
    assert not world.import_(package, {**given('CreateCopy', value), 'Name': 'once more'}).error
    return f'{seen}; again: {failed(again) if again.error else "imported"}'


@key('import', 'GenerateNewId', STRING, [
    Row(LEFT_OUT, 'a new id, new MAC addresses'),
    Row(True, 'a new id, new MAC addresses', same=True),
    Row(False, 'the same id, the same MAC addresses'),
    Row('false, twice', 'Exists')])
def generate_new_id(world, value):
    settings = given('GenerateNewId', False if value == 'false, twice' else value)
    outcome = world.import_(plain(world), settings)
    if value == 'false, twice':
        outcome = world.import_(plain(world), {**settings, 'Name': 'twice'})
        assert 'IdInUse' in {finding['Code'] for finding in outcome.findings}
        return failed(outcome)
    same_id = machine(world, outcome)['Uuid'] == uuid_of(plain(world))
    same_macs = [mac in macs_of(plain(world)) for mac in macs(world, outcome)]
    assert same_macs in ([True, True], [False, False])
    return f'{"the same" if same_id else "a new"} id, {"the same" if all(same_macs) else "new"} ' \
           'MAC addresses'


@key('import', 'Name', NUMBER, [
    Row(LEFT_OUT, 'plain'), Row('plain', 'plain', same=True), Row('a ü b', 'a ü b'),
    Row('taken', 'Exists'), Row('a/b', 'InvalidParameter'), Row('a\nb', 'InvalidParameter')])
def name(world, value):
    if value == 'taken':
        world.import_(plain(world), {'Name': 'taken'})
    outcome = world.import_(plain(world), given('Name', value))
    if outcome.error:
        return failed(outcome, 'taken' if value == 'taken' else 'Name')
    found = machine(world, outcome)['Name']
    assert domain(world, outcome).findtext('name') == found
    return found


@key('import', 'SecurityScope', NUMBER, [
    Row(LEFT_OUT, 'the default scope'), Row('', 'the default scope', same=True),
    Row('lab', 'the scope lab'), Row('nowhere', 'InvalidParameter')])
def security_scope(world, value):
    outcome = world.import_(plain(world), given('SecurityScope', value), caller=world.root)
    if outcome.error:
        assert 'nowhere' in outcome.error.message
        return failed(outcome)
    found = machine(world, outcome)['SecurityScope']
    return f'the scope {found}' if found else 'the default scope'


def data_disk(world, outcome, **known):
    """Whose content the second disk has."""
    return failed(outcome) if outcome.error \
        else content(machine(world, outcome)['ResourcePaths'][1], **known)


@key('import', 'SourceResourcePaths', STRING, [
    Row(LEFT_OUT, 'its own'), Row('as it was filled', 'its own', same=True),
    Row('vdb elsewhere', 'of elsewhere'), Row('vdb where nothing is', 'NotFound'),
    Row(['relative', ''], 'InvalidParameter'), Row(['', '', ''], 'InvalidParameter')])
def source_resource_paths(world, value):
    folder = world.folder('elsewhere')
    (folder / 'other.raw').write_bytes(OTHER)
    world.own(folder)
    first, second = world.operator.import_settings(plain(world))['SourceResourcePaths']
    value = {'as it was filled': [first, second],
             'vdb elsewhere': [first, str(folder / 'other.raw')],
             'vdb where nothing is': [first, str(folder / 'none.raw')]}.get(
                 value if isinstance(value, str) else None, value)
    outcome = world.import_(plain(world), {**given('SourceResourcePaths', value),
                                           'VerifyChecksums': False})
    return data_disk(world, outcome, of_elsewhere=OTHER)


@key('import', 'TargetResourcePaths', STRING, [
    Row(LEFT_OUT, 'store/plain.qcow2 store/data.raw; no warning'),
    Row(['', ''], 'store/plain.qcow2 store/data.raw; no warning', same=True),
    Row(['', '<folder>/mine.raw'], 'store/plain.qcow2 folder/mine.raw; no warning'),
    Row(['<folder>/there.qcow2', ''], 'Exists'),
    Row(['<folder>/none/mine.qcow2', ''], 'InvalidParameter'),
    Row([''], 'InvalidParameter'),
    Row(['relative', ''], 'InvalidParameter'),
    Row('in place, a path', 'package/plain.qcow2 package/data.raw; '
                            'SettingUnused of TargetResourcePaths')])
def target_resource_paths(world, value):
    folder, package = world.folder('target'), world.copy(plain(world))
    (folder / 'there.qcow2').write_bytes(b'precious')
    in_place = value == 'in place, a path'
    if in_place:
        value = ['', '<folder>/mine.raw']
    if isinstance(value, list):
        value = [path.replace('<folder>', str(folder)) for path in value]
    outcome = world.import_(package, {**given('TargetResourcePaths', value),
                                      'CreateCopy': not in_place})
    assert (folder / 'there.qcow2').read_bytes() == b'precious'
    return failed(outcome) if outcome.error \
        else f'{places(world, outcome, folder=folder, package=package)}; {warnings(outcome)}'


@key('import', 'TargetNetworkConnections', STRING, [
    Row(LEFT_OUT, "'user' 'network:lab'; no warning"),
    Row(['user', 'network:lab'], "'user' 'network:lab'; no warning", same=True),
    Row(['bridge:br0', 'user'], "'bridge:br0' 'user'; no warning"),
    Row(['lab', 'br0'], "'network:lab' 'bridge:br0'; no warning"),
    Row(['', 'user'], "'' 'user'; NetworkMissing of TargetNetworkConnections"),
    Row(['twin', 'user'], 'Ambiguous'), Row(['nowhere', 'user'], 'InvalidParameter'),
    Row(['user'], 'InvalidParameter')])
def target_network_connections(world, value):
    outcome = world.import_(plain(world), given('TargetNetworkConnections', value))
    if outcome.error:
        return failed(outcome, 'TargetNetworkConnections')
    found = machine(world, outcome)['NetworkConnections']
    interfaces = domain(world, outcome).findall('devices/interface')
    assert ['user' if interface.get('type') == 'user' else
            next((f'{kind}:{value}' for kind, value in interface.find('source').items()), '')
            for interface, target in zip(interfaces, found) if target] == list(filter(None, found))
    return f'{" ".join(map(repr, found))}; {warnings(outcome)}'


def state_of(world, outcome, **folders):
    """'STATE content in FOLDER' of the machine's saved state."""
    uuid = machine(world, outcome)['Uuid']
    folders = {**folders, 'store': world.daemon.store / uuid}
    for name, folder in folders.items():
        for path in folder.rglob('state.save'):
            where = path.relative_to(folder) if name != 'store' else ''
            return f'{content(path, of_the_folder=OTHER_STATE)} in {name}/{where}'.replace(
                uuid, '<uuid>').rstrip('/')
    return 'none'


@key('import', 'SourceVmDataRoot', NUMBER, [
    Row(LEFT_OUT, 'its own in store'), Row('as it was filled', 'its own in store', same=True),
    Row("a folder with the package's <uuid>/state.save", 'of the folder in store'),
    Row('a folder with state.save', 'of the folder in store'),
    Row('an empty folder', 'NotFound'), Row('relative', 'InvalidParameter')])
def source_vm_data_root(world, value):
    package, folder = saved(world), world.folder('source')
    settings = {'VerifyChecksums': False, **given('SourceVmDataRoot', value)}
    if value == 'as it was filled':
        settings['SourceVmDataRoot'] = world.operator.import_settings(package)['SourceVmDataRoot']
    elif 'folder' in str(value):
        settings['SourceVmDataRoot'] = str(folder)
        if 'with' in value:
            path = folder / (uuid_of(package) if '<uuid>' in value else '') / 'state.save'
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(OTHER_STATE)
            world.own(folder)
    outcome = world.import_(package, settings)
    return failed(outcome) if outcome.error else state_of(world, outcome)


@key('import', 'SourceSnapshotDataRoot', NUMBER, [
    Row(LEFT_OUT, 'NotFound'), Row('', 'NotFound', same=True),
    Row('the folder of the lower image', 'store/top.qcow2 upon base.qcow2'),
    Row('an empty folder', 'NotFound', same=True), Row('relative', 'InvalidParameter')])
def source_snapshot_data_root(world, value):
    """The top image by its path, and what is beneath it neither beside it nor in a disks' root."""
    package, images = chain(world)
    above, below, empty = world.folder('above'), world.folder('below'), world.folder('empty')
    shutil.copy(images / 'top.qcow2', above)
    shutil.copy(images / 'base.qcow2', below)
    world.own(above), world.own(below)
    value = {'the folder of the lower image': str(below),
             'an empty folder': str(empty)}.get(value, value)
    outcome = world.import_(package, {**given('SourceSnapshotDataRoot', value),
                                      'SourceResourcePaths': [str(above / 'top.qcow2')]})
    if outcome.error:
        return failed(outcome)
    lower = domain(world, outcome).find('devices/disk/backingStore/source').get('file')
    assert os.path.isfile(lower) and lower.startswith(str(world.daemon.store))
    return f'{places(world, outcome)} upon {os.path.basename(lower)}'


@key('import', 'SourceVhdDataRoot', NUMBER, [
    Row(LEFT_OUT, 'its own'), Row('as it was filled', 'its own', same=True),
    Row('a folder with the disks', 'of the folder'), Row('an empty folder', 'NotFound'),
    Row('a folder with the disks, and a path for vdb', 'of the path'),
    Row('relative', 'InvalidParameter')])
def source_vhd_data_root(world, value):
    package, folder = plain(world), world.folder('source')
    told = world.operator.import_settings(package)
    path, at_path = folder / 'by-path.raw', bytes(reversed(OTHER))
    settings = {'VerifyChecksums': False, **given('SourceVhdDataRoot', value)}
    if 'with the disks' in str(value):
        shutil.copy(told['SourceResourcePaths'][0], folder)
        (folder / 'data.raw').write_bytes(OTHER)
        path.write_bytes(at_path)
        world.own(folder)
    if 'folder' in str(value):
        settings['SourceVhdDataRoot'] = str(folder)
    if 'filled' in str(value):
        settings['SourceVhdDataRoot'] = told['SourceVhdDataRoot']
    if 'path' in str(value):
        settings['SourceResourcePaths'] = [told['SourceResourcePaths'][0], str(path)]
    outcome = world.import_(package, settings)
    return data_disk(world, outcome, of_the_folder=OTHER, of_the_path=at_path)


def targeted(world, package, name, value):
    """An import with a target root: (folder, outcome)."""
    folder = world.folder('target')
    settings = given(name, value)
    if 'folder' in str(value):
        settings[name] = str(folder / 'none' if 'missing' in value else folder)
    if 'in place' in str(value):
        settings['CreateCopy'] = False
    if 'a file is there' in str(value):
        (folder / 'data.raw').write_bytes(b'precious')
    if 'path' in str(value):
        settings['TargetResourcePaths'] = ['', str(folder / 'by-path.raw')]
    before = names(folder)
    outcome = world.import_(package, settings)
    if outcome.error:
        assert names(folder) == before
        assert 'file is there' not in str(value) or \
            (folder / 'data.raw').read_bytes() == b'precious'
    return folder, outcome


@key('import', 'TargetVmDataRoot', NUMBER, [
    Row(LEFT_OUT, 'its own in store; no warning'),
    Row('', 'its own in store; no warning', same=True),
    Row('a folder', 'its own in folder/<uuid>/state.save; no warning'),
    Row('a missing folder', 'InvalidParameter'), Row('relative', 'InvalidParameter'),
    Row('in place, a folder', 'none; SettingUnused of TargetVmDataRoot')])
def target_vm_data_root(world, value):
    folder, outcome = targeted(world, world.copy(saved(world)), 'TargetVmDataRoot', value)
    return failed(outcome) if outcome.error \
        else f'{state_of(world, outcome, folder=folder)}; {warnings(outcome)}'


@key('import', 'TargetSnapshotDataRoot', NUMBER, [
    Row(LEFT_OUT, 'store; no warning'), Row('', 'store; no warning', same=True),
    Row('a folder', 'folder; no warning'),
    Row('a missing folder', 'InvalidParameter'), Row('relative', 'InvalidParameter'),
    Row('in place, a folder', 'package; SettingUnused of TargetSnapshotDataRoot')])
def target_snapshot_data_root(world, value):
    """Where the overlay is that the machine itself does not use."""
    package = world.copy(with_snapshots(world))
    folder, outcome = targeted(world, package, 'TargetSnapshotDataRoot', value)
    if outcome.error:
        return failed(outcome)
    documents = trees.read_documents(world.daemon, outcome.result['ImportedVirtualMachine'])
    overlay = pathlib.Path(trees.chain_of(documents['s2'].find('domain'))[0])
    place, = (name for name, root in (('store', world.daemon.store), ('folder', folder),
                                      ('package', package)) if root in overlay.parents)
    assert overlay.is_file()
    return f'{place}; {warnings(outcome)}'


@key('import', 'TargetVhdDataRoot', NUMBER, [
    Row(LEFT_OUT, 'store/plain.qcow2 store/data.raw; no warning'),
    Row('', 'store/plain.qcow2 store/data.raw; no warning', same=True),
    Row('a folder', 'folder/plain.qcow2 folder/data.raw; no warning'),
    Row('a folder, and a path for vdb', 'folder/plain.qcow2 folder/by-path.raw; no warning'),
    Row('a folder, and a file is there', 'Exists'),
    Row('a missing folder', 'InvalidParameter'), Row('relative', 'InvalidParameter'),
    Row('in place, a folder', 'package/plain.qcow2 package/data.raw; '
                              'SettingUnused of TargetVhdDataRoot')])
def target_vhd_data_root(world, value):
    package = world.copy(plain(world))
    folder, outcome = targeted(world, package, 'TargetVhdDataRoot', value)
    return failed(outcome) if outcome.error \
        else f'{places(world, outcome, folder=folder, package=package)}; {warnings(outcome)}'


@key('import', 'VerifyChecksums', STRING, [
    Row(LEFT_OUT, 'Corrupt'), Row(True, 'Corrupt', same=True),
    Row(False, 'with the flipped bit')])
def verify_checksums(world, value):
    package = world.copy(plain(world))
    disk = package / 'Virtual Hard Disks/data.raw'
    flipped = bytearray(disk.read_bytes())
    flipped[len(flipped) // 2] ^= 1
    disk.write_bytes(flipped)
    outcome = world.import_(package, given('VerifyChecksums', value))
    if outcome.error:
        assert 'data.raw' in outcome.error.message
    return data_disk(world, outcome, with_the_flipped_bit=bytes(flipped))


@key('import', 'BandwidthLimit', NUMBER, [
    Row(LEFT_OUT, 'no limit'), Row(GLib.Variant('t', 0), 'no limit', same=True),
    Row(GLib.Variant('t', SLOW), f'{SLOW} bytes a second, kept'),
    Row(GLib.Variant('t', 2**64 - 1), f'{2**64 - 1} bytes a second, kept')])
def bandwidth_limit(world, value):
    return pace(world.import_(plain(world), given('BandwidthLimit', value)))


@key('import', 'MacAddresses', NUMBER, [
    Row(LEFT_OUT, 'new; with the old id the same; taken: new'),
    Row('auto', 'new; with the old id the same; taken: new', same=True),
    Row('generate', 'new; with the old id new; taken: new'),
    Row('keep', 'the same; with the old id the same; taken: Exists'),
    Row('keep-if-free', 'the same; with the old id the same; taken: new'),
    Row('random', 'InvalidParameter')])
def mac_addresses(world, value):
    def after(**settings):
        outcome = world.import_(plain(world), {**given('MacAddresses', value), **settings})
        if outcome.error:
            return failed(outcome)
        same = [mac in macs_of(plain(world)) for mac in macs(world, outcome)]
        assert same in ([True, True], [False, False])
        return 'the same' if all(same) else 'new'

    first = after(Name='first')
    if first == 'InvalidParameter':
        return first
    world.tidy_machines()
    second = after(Name='second', GenerateNewId=False)
    world.tidy_machines()
    world.import_(plain(world), {'Name': 'holds them', 'MacAddresses': 'keep'})
    return f'{first}; with the old id {second}; taken: {after(Name="third")}'


@key('import', 'DropSavedState', STRING, [
    Row(LEFT_OUT, 'saved, its own in store'), Row(False, 'saved, its own in store', same=True),
    Row(True, 'off, none')])
def drop_saved_state(world, value):
    outcome = world.import_(saved(world), given('DropSavedState', value))
    return f'{machine(world, outcome)["State"]}, {state_of(world, outcome)}'


@key('import', 'UnsafeDevices', NUMBER, [
    Row(LEFT_OUT, 'Unsafe'), Row('refuse', 'Unsafe', same=True),
    Row('strip', 'imported without the device'), Row('keep', 'imported with the device'),
    Row('all', 'InvalidParameter')])
def unsafe_devices(world, value):
    outcome = world.import_(unsafe(world), given('UnsafeDevices', value))
    if outcome.error:
        return failed(outcome)
    kept = domain(world, outcome).find('devices/hostdev/source/vendor[@id="0x1234"]')
    return f'imported with{"out" if kept is None else ""} the device'


@key('import', 'DirectoryFd', STRING, [
    Row(LEFT_OUT, 'store/plain.qcow2 store/data.raw from the directory'),
    Row('a package', 'store/plain.qcow2 store/data.raw from the descriptor'),
    Row('a package that was renamed since',
        'store/plain.qcow2 store/data.raw from the descriptor'),
    Row('a package, and a relative target',
        'beneath/plain.qcow2 beneath/data.raw from the descriptor'),
    Row('a package, and a path', 'InvalidParameter'),
    Row('a package with O_PATH', 'InvalidParameter'), Row('no descriptor', 'InvalidParameter')])
def directory_fd(world, value):
    """In the place of the directory, which is empty then."""
    package = world.copy(plain(world))
    if value is LEFT_OUT:
        return f'{places(world, world.import_(package, {}))} from the directory'
    settings = {'DirectoryFd': GLib.Variant('h', 0)}
    if 'target' in value:
        (package / 'disks').mkdir()
        world.own(package)
        settings['TargetVhdDataRoot'] = 'disks'
    with open_folder(package, os.O_PATH if 'O_PATH' in value else 0) as fds:
        if 'renamed' in value:
            package = package.rename(package.with_name('renamed'))
        outcome = world.import_(package if value.endswith('path') else '', settings,
                                fds=None if value == 'no descriptor' else fds)
    return failed(outcome, 'DirectoryFd') if outcome.error else \
        f'{places(world, outcome, beneath=package / "disks")} from the descriptor'
