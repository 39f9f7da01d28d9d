"""What interface.md says an import or export must come to, worked out from the settings and from what
lies on disk, without looking at how vmport does it.

expect_import() and expect_export() return an Expectation: one of three kinds of failure, or what a
success leaves.
"""

import hashlib
import pathlib
import re
from dataclasses import dataclass, field

from gi.repository import GLib

INVALID, WRONG_TYPE = 'InvalidParameter', 'IncorrectDataType'

ERROR_OF = {'NameInUse': 'Exists', 'IdInUse': 'Exists', 'MacInUse': 'Exists',
            'TargetExists': 'Exists', 'SourceMissing': 'NotFound', 'UnsafeDevice': 'Unsafe',
            'TargetMissing': INVALID}

CHOICES = {'MacAddresses': ('auto', 'generate', 'keep', 'keep-if-free'),
           'UnsafeDevices': ('refuse', 'strip', 'keep'),
           'Checksum': ('fs-verity', 'sha256', 'none'),
           'DiskFormat': ('keep', 'qcow2', 'raw', 'vhdx', 'vmdk'),
           'CopySnapshotConfiguration': (0, 1, 2, 3), 'CaptureLiveState': (0, 1, 2)}
PATHS = ('SourceResourcePaths', 'TargetResourcePaths', 'SourceVmDataRoot',
         'SourceSnapshotDataRoot', 'SourceVhdDataRoot', 'TargetVmDataRoot',
         'TargetSnapshotDataRoot', 'TargetVhdDataRoot')
READ_ONLY = ('Caption', 'Description', 'ElementName', 'InstanceID', 'CurrentResourcePaths',
             'SourceNetworkConnections')
INSTANCE = re.compile('(vmport:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?')
POSITIONS = ('SourceResourcePaths', 'TargetResourcePaths', 'TargetNetworkConnections')
TARGETS = ('TargetResourcePaths', 'TargetVmDataRoot', 'TargetSnapshotDataRoot',
           'TargetVhdDataRoot')


@dataclass
class Image:
    base: str
    digest: str
    file: pathlib.Path = None      # in the package, if it is


@dataclass
class Package:
    """What is to be imported, and what was seen of it when it was made."""

    path: pathlib.Path
    name: str
    uuid: str
    disks: list                    # for each position its images, the topmost first
    networks: list
    macs: list
    filled: dict = None            # from GetImportSettings
    bare: bool = False
    unsafe: bool = False
    files: dict = field(default_factory=dict)    # state.save and others: {name: content}
    medium: Image = None

    @property
    def images(self):
        return [image for disk in self.disks for image in disk]


@dataclass
class Machine:
    """What is to be exported."""

    path: str
    name: str
    uuid: str
    disks: list                    # as of a package; `file` is where it lies in the store
    state: bytes = None
    medium: bytes = None


@dataclass
class Host:
    """What is there before the operation."""

    names: set
    uuids: set
    macs: set
    networks: list
    scopes: list


@dataclass
class Expectation:
    kind: str = 'import'
    call: set = field(default_factory=set)       # names of errors that the call may fail with
    own: set = field(default_factory=set)        # of those that no finding says
    errors: set = field(default_factory=set)     # (code, setting, index) of findings that stop it
    warnings: set = field(default_factory=set)   # (code, setting, index)
    may_warn: set = field(default_factory=set)   # codes of which interface.md does not speak here
    left: dict = field(default_factory=dict)     # what a success leaves

    @property
    def failures(self):
        """The names that a failure may have."""
        return self.call or self.own or {ERROR_OF[code] for code, _, _ in self.errors}


def digest(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def plain(settings):
    return {key: value.unpack() if isinstance(value, GLib.Variant) else value
            for key, value in settings.items()}


def is_path(text, relative):
    """Relative ones are beneath DirectoryFd, if there is one."""
    return text == '' or ((relative or text.startswith('/')) and
                          not {'', '.', '..'} & set(text.removeprefix('/').split('/')))


def faults_of_the_call(settings, types, scopes=()):
    """What can be known without reading the directory."""
    faults = set()
    for key, value in settings.items():
        if key not in types:
            faults.add(INVALID)
            continue
        given_type = value.get_type_string() if isinstance(value, GLib.Variant) else \
            {bool: 'b', str: 's', list: 'as'}[type(value)]
        if given_type != types[key]:
            faults.add(WRONG_TYPE)
            continue
        value = value.unpack() if isinstance(value, GLib.Variant) else value
        if key in CHOICES and value not in CHOICES[key]:
            faults.add(INVALID)
        if key in PATHS and not all(is_path(path, 'DirectoryFd' in settings) for path in
                                    (value if isinstance(value, list) else [value])):
            faults.add(INVALID)
        if key == 'Name' and '/' in value:
            faults.add(INVALID)
        if key == 'InstanceID' and not INSTANCE.fullmatch(value):
            faults.add(INVALID)
        if key == 'SecurityScope' and value and value not in scopes:
            faults.add(INVALID)
    return faults


def find_network(name, networks):
    """The network that is meant, or the error."""
    if name in networks:
        return name, None
    found = [network for network in networks if network.partition(':')[2] == name]
    if len(found) == 1:
        return found[0], None
    return None, 'Ambiguous' if found else INVALID


class Import:
    """One expectation in the making."""

    def __init__(self, package, settings, host):
        self.package, self.host, self.settings = package, host, plain(settings)
        self.result = Expectation()

    def given(self, key):
        """The value, unless it is left out or what it was filled with."""
        value = self.settings.get(key)
        return None if value == self.package.filled.get(key) else value

    def value(self, key):
        return self.settings.get(key, self.package.filled[key])

    def element(self, key, index):
        value = self.given(key)
        return None if not value or value[index] in ('', self.package.filled[key][index]) \
            else value[index]

    def error(self, code, setting, index=-1):
        self.result.errors.add((code, setting, index))

    def warn(self, code, setting, index=-1):
        self.result.warnings.add((code, setting, index))

    def check_form(self):
        filled = self.package.filled
        for key in READ_ONLY:
            if self.given(key) is not None:
                self.result.own.add(INVALID)
        for key in POSITIONS:
            if key in self.settings and len(self.settings[key]) != len(filled[key]):
                self.result.own.add(INVALID)

    def settle_networks(self):
        for index, target in enumerate(self.value('TargetNetworkConnections')):
            if not target:
                if self.package.networks[index]:
                    self.warn('NetworkMissing', 'TargetNetworkConnections', index)
                self.result.left.setdefault('networks', []).append('')
                continue
            found, error = find_network(target, self.host.networks)
            if error:
                self.result.own.add(error)
            self.result.left.setdefault('networks', []).append(found)

    def settle_identity(self):
        left, new = self.result.left, self.value('GenerateNewId')
        left['name'] = self.value('Name') or self.package.name
        left['uuid'] = None if new else self.package.uuid
        if left['name'] in self.host.names:
            self.error('NameInUse', 'Name')
        if left['uuid'] in self.host.uuids:
            self.error('IdInUse', 'GenerateNewId')
        policy = self.value('MacAddresses')
        if policy == 'auto':
            policy = 'generate' if new else 'keep'
        if policy == 'keep' and set(self.package.macs) & self.host.macs:
            self.error('MacInUse', 'MacAddresses')
        left['macs'] = [mac if policy == 'keep' or
                        (policy == 'keep-if-free' and mac not in self.host.macs) else None
                        for mac in self.package.macs]

    def source(self, index, number):
        """Where an image is read; None where it is nowhere."""
        image = self.package.disks[index][number]
        path, root = self.element('SourceResourcePaths', index), self.given('SourceVhdDataRoot')
        top = pathlib.Path(path) if path else \
            pathlib.Path(root) / self.package.disks[index][0].base if root else \
            self.package.disks[index][0].file
        if number == 0:
            return top if top and top.is_file() else None
        roots = [top.parent if top else None, self.value('SourceVhdDataRoot'),
                 self.value('SourceSnapshotDataRoot')]
        places = [pathlib.Path(folder) / image.base for folder in roots if folder]
        return next((place for place in (*places, image.file) if place and place.is_file()), None)

    def target(self, index, number):
        """Where an image goes; None for the manager's own place."""
        path, root = self.element('TargetResourcePaths', index), self.value('TargetVhdDataRoot')
        if path and number == 0:
            return pathlib.Path(path)
        folder = pathlib.Path(path).parent if path else root
        return pathlib.Path(folder) / self.package.disks[index][number].base if folder else None

    def settle_disks(self):
        in_place, taken = not self.value('CreateCopy'), set()
        self.result.left['disks'] = []
        for index, images in enumerate(self.package.disks):
            chain = []
            for number, image in enumerate(images):
                source = self.source(index, number)
                if source is None:
                    self.error('SourceMissing', 'SourceResourcePaths', index)
                target = source if in_place else self.target(index, number)
                chain.append((image, target))
                if in_place or target is None:
                    continue
                if target.exists() or target in taken:
                    self.error('TargetExists', 'TargetResourcePaths', index)
                if not target.parent.is_dir() and self.element('TargetResourcePaths', index):
                    self.error('TargetMissing', 'TargetResourcePaths', index)
                taken.add(target)
            self.result.left['disks'].append(chain)

    def settle_roots(self):
        for key in TARGETS:
            value = self.given(key)
            if self.value('CreateCopy'):
                if isinstance(value, str) and value and not (self.package.path / value).is_dir():
                    self.error('TargetMissing', key)
            elif value and (isinstance(value, str) or any(value)):
                self.warn('SettingUnused', key)

    def settle_files(self):
        """In place, a state is used where it lies; what belongs to the configuration is copied. A TPM
        has no path in it, so it is always in the manager's own place."""
        left, package = self.result.left, self.package
        names, in_place = set(package.files), not self.value('CreateCopy')
        if 'state.save' in names and self.value('DropSavedState'):
            names.remove('state.save')
            self.result.may_warn.add('StateLeftBehind')
        left['state'], left['files'] = 'saved' if 'state.save' in names else 'off', {}
        root = self.given('SourceVmDataRoot')
        places = [pathlib.Path(root) / package.uuid, pathlib.Path(root)] if root else \
            [package.path / 'Virtual Machines' / package.uuid]
        for name in names:
            found = [place / name for place in places if (place / name).is_file()]
            target = self.value('TargetVmDataRoot')
            if not found:
                self.error('SourceMissing', 'SourceVmDataRoot')
            elif in_place:
                left['files'][name] = found[0] if name == 'state.save' else None
            else:
                left['files'][name] = pathlib.Path(target) / '<uuid>' / name \
                    if target and not name.startswith('tpm/') else None

    def settle_devices(self):
        policy = self.value('UnsafeDevices')
        self.result.left['unsafe'] = self.package.unsafe and policy == 'keep'
        if self.package.unsafe and policy == 'refuse':
            self.error('UnsafeDevice', 'UnsafeDevices')
        if self.package.unsafe and policy == 'strip':
            self.result.may_warn.add('UnsafeDevice')

    def settle_digests(self):
        if self.value('VerifyChecksums') and (
                self.package.bare or any(image.file is None for image in self.package.images)):
            self.warn('ChecksumMissing', 'VerifyChecksums')

    def expect(self):
        self.check_form()
        if self.result.own:
            return self.result
        self.settle_networks()
        self.settle_identity()
        self.settle_disks()
        self.settle_roots()
        self.settle_files()
        self.settle_devices()
        self.settle_digests()
        self.result.left['scope'] = self.value('SecurityScope')
        self.result.left['in place'] = not self.value('CreateCopy')
        self.result.left['medium root'] = self.value('TargetVhdDataRoot')
        return self.result


def expect_import(package, settings, host, types):
    call = faults_of_the_call(settings, types, host.scopes)
    return Expectation(call=call) if call else Import(package, settings, host).expect()


def expect_export(machine, directory, settings, types):
    """@directory as it is before the export."""
    result, value = Expectation('export'), {**DEFAULTS, **plain(settings)}
    result.call = faults_of_the_call(settings, types)
    if result.call:
        return result
    for key in READ_ONLY:
        wanted = f'vmport:{machine.uuid}' if key == 'InstanceID' else DEFAULTS.get(key)
        if key in settings and value[key] != wanted:
            result.call.add(INVALID)
    if value['CopySnapshotConfiguration'] > 1:
        # The machines have no snapshots.
        result.call.add('NotFound' if value['SnapshotVirtualSystem'] else INVALID)
    excluded = set()
    for name in value['ExcludedVirtualHardDisks']:
        found = [index for index, disk in enumerate(machine.disks)
                 if name in (f'vd{chr(ord("a") + index)}', str(disk[0].file))]
        excluded |= set(found)
        if not found:
            result.own.add(INVALID)
    package = directory / machine.name if value['CreateVmExportSubdirectory'] else directory
    if package.exists() and (not package.is_dir() or any(package.iterdir())):
        result.own.add('Exists')
    if not package.parent.is_dir():
        result.own.add('NotFound')
    if result.call or result.own:
        return result
    members = {f'Virtual Machines/{machine.uuid}.xml': None, 'vmport.xml': None}
    for index, disk in enumerate(machine.disks):
        if index in excluded or not value['CopyVmStorage']:
            continue
        for image in disk:
            members[f'Virtual Hard Disks/{image.base}'] = image.digest
    if excluded and value['CopyVmStorage']:
        result.warnings.add('DiskLeftBehind')
    elif excluded:
        result.may_warn.add('DiskLeftBehind')
    if machine.state is not None and value['CopyVmRuntimeInformation']:
        members[f'Virtual Machines/{machine.uuid}/state.save'] = \
            hashlib.sha256(machine.state).hexdigest()
    elif machine.state is not None:
        result.warnings.add('StateLeftBehind')
    if machine.medium is not None and not value['IncludeRemovableMedia']:
        result.warnings.add('MediaLeftBehind')
    elif machine.medium is not None and value['CopyVmStorage']:
        members['Virtual Hard Disks/tools.iso'] = hashlib.sha256(machine.medium).hexdigest()
    elif machine.medium is not None:
        result.left['may hold'] = 'Virtual Hard Disks/tools.iso'
        result.may_warn.add('MediaLeftBehind')
    if value['SnapshotVirtualSystem'] or value['CaptureLiveState']:
        result.warnings.add('SettingUnused')
    if value['Checksum'] == 'sha256':
        members['SHA256SUMS'] = None
    result.left.update(package=package, members=members, checksum=value['Checksum'], state=(
        'saved' if machine.state is not None and value['CopyVmRuntimeInformation'] else 'off'))
    return result


DEFAULTS = {
    'Caption': 'Virtual System Export Setting Data',
    'Description': 'VMPort Virtual System Export Setting Data',
    'ElementName': 'VMPort Virtual System Export Setting Data',
    'CopyVmStorage': True, 'CopyVmRuntimeInformation': True, 'CreateVmExportSubdirectory': False,
    'CopySnapshotConfiguration': 0, 'SnapshotVirtualSystem': '', 'CaptureLiveState': 0,
    'ExcludedVirtualHardDisks': [], 'Checksum': 'fs-verity', 'BandwidthLimit': 0,
    'DiskFormat': 'keep', 'IncludeRemovableMedia': False,
}
