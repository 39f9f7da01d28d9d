"""Random combinations of settings: most of them sensible, some with one thing that is wrong."""

from dataclasses import dataclass

from gi.repository import GLib

BIG = GLib.Variant('t', 1 << 40)


def byte(number):
    return GLib.Variant('y', number)


@dataclass
class Combination:
    kind: str            # 'import' or 'export'
    subject: str         # the package's or machine's name
    settings: dict
    place: str = ''      # of an export: 'new', 'empty', 'full', 'nowhere'; 'held' for DirectoryFd

    def without(self, key):
        return Combination(self.kind, self.subject,
                           {name: value for name, value in self.settings.items() if name != key},
                           'new' if key == 'DirectoryFd' and self.place == 'held' else self.place)

    def __str__(self):
        settings = ', '.join(f'{key}: {value.print_(True) if isinstance(value, GLib.Variant) else value!r}'
                             for key, value in self.settings.items())
        return f'{self.kind} of {self.subject} {self.place}: {{{settings}}}'


class Draw:
    """One combination in the making."""

    def __init__(self, rng):
        self.rng, self.settings = rng, {}

    def maybe(self, probability, key, *values):
        if self.rng.random() < probability:
            self.settings[key] = self.rng.choice(values)

    def fault(self, probability, faults):
        if self.rng.random() < probability:
            self.settings.update(self.rng.choice(faults))


def typed(filled):
    """A dictionary from Get…Settings as it can be handed back."""
    numbers = {'BandwidthLimit': 't', 'CopySnapshotConfiguration': 'y', 'CaptureLiveState': 'y'}
    return {key: GLib.Variant(numbers[key], value) if key in numbers else value
            for key, value in filled.items()}


def draw_import(rng, stage):
    name = rng.choice(list(stage.packages))
    package, filled = stage.packages[name], stage.packages[name].filled
    folders, free, none = stage.folders, stage.folders['free'], stage.folders['free'] / 'none'
    draw = Draw(rng)
    maybe = draw.maybe
    sources, tops = folders['sources'] / name, folders['tops'] / name
    here = name not in ('bones-configuration', 'images-elsewhere')
    if rng.random() < 0.1:
        draw.settings.update(typed(filled))
    maybe(0.95 if name == 'web' else 0.6, 'Name', *['fresh'] * 6, 'Über 1', package.name, 'web')
    maybe(0.4, 'GenerateNewId', True, False)
    maybe(0.4, 'MacAddresses', 'auto', 'generate', 'keep', 'keep-if-free')
    maybe(0.3, 'CreateCopy', False, True)
    maybe(0.15, 'SecurityScope', 'lab', 'production', '')
    maybe(0.3, 'VerifyChecksums', False, True)
    maybe(0.2, 'BandwidthLimit', BIG, GLib.Variant('t', 0))
    maybe(0.5 if package.files else 0.1, 'DropSavedState', True, False)
    maybe(0.8 if package.unsafe else 0.1, 'UnsafeDevices', 'strip', 'keep', 'strip',
          'keep', 'refuse')
    maybe(0.3 if here else 0.9, 'SourceVhdDataRoot', *[str(sources)] * 9, str(tops),
          str(folders['empty']), filled['SourceVhdDataRoot'])
    maybe(0.25, 'SourceSnapshotDataRoot', str(folders['lowers']), str(folders['empty']), '')
    maybe(0.25, 'SourceVmDataRoot', str(folders['states']), str(folders['flat']),
          str(folders['states']), str(folders['flat']), str(folders['empty']), filled['SourceVmDataRoot'])
    maybe(0.2, 'TargetVmDataRoot', *[str(free)] * 4, str(none), '')
    maybe(0.15, 'TargetSnapshotDataRoot', *[str(free)] * 4, str(none), '')
    maybe(0.3, 'TargetVhdDataRoot', *[str(free)] * 8, str(folders['clash']), str(none), '')
    if rng.random() < 0.3:
        draw.settings['SourceResourcePaths'] = [rng.choice(
            [path] * 4 + [str(sources / images[0].base)] * 4 +
            [str(tops / images[0].base), str(none / 'x')])
            for path, images in zip(filled['SourceResourcePaths'], package.disks)]
    if rng.random() < 0.3:
        draw.settings['TargetResourcePaths'] = [rng.choice(
            [''] * 4 + [str(free / f'disk-{index}.{images[0].base[-5:]}')] * 4 +
            [str(folders['clash'] / 'there.raw'), str(none / 'x.raw')])
            for index, images in enumerate(package.disks)]
    if rng.random() < 0.35:
        draw.settings['TargetNetworkConnections'] = [rng.choice(
            [network, '', 'user', 'network:lab', 'lab', 'bridge:br0', 'br0'])
            for network in filled['TargetNetworkConnections']]
    for key in ('Caption', 'InstanceID', 'CurrentResourcePaths', 'SourceNetworkConnections'):
        maybe(0.05, key, filled[key])
    if rng.random() < 0.1 and 'ElementName' not in draw.settings:
        draw.settings['DirectoryFd'] = GLib.Variant('h', 0)
        for key in ('SourceResourcePaths', 'SourceVhdDataRoot', 'SourceVmDataRoot'):
            draw.settings.pop(key, None)
    adapters = len(filled['TargetNetworkConnections'])
    draw.fault(0.12, [
        {'NoSuchKey': True}, {'MacAddresses': 'random'}, {'TargetVhdDataRoot': 'relative'},
        {'TargetVmDataRoot': '/a/../b'}, {'Name': 'a/b'}, {'SecurityScope': 'nowhere'},
        {'CreateCopy': 'yes'}, {'SourceVmDataRoot': True}, {'TargetResourcePaths': '/x'},
        {'UnsafeDevices': 'all'}, {'BandwidthLimit': GLib.Variant('u', 1)}])
    draw.fault(0.1, [
        {'Caption': 'mine'}, {'InstanceID': 'vmport:mine'},
        {'InstanceID': 'vmport:00000000-0000-4000-8000-000000000000'}, {'CurrentResourcePaths': ['/mine']},
        {'SourceResourcePaths': ['/x'] * 5}, {'TargetResourcePaths': [''] * 5},
        {'TargetNetworkConnections': ['nowhere', 'user'][:adapters]},
        {'TargetNetworkConnections': ['twin', 'user'][:adapters]}])
    return Combination('import', name, draw.settings)


def draw_export(rng, stage):
    name = rng.choice(list(stage.machines))
    machine = stage.machines[name]
    draw = Draw(rng)
    maybe = draw.maybe
    if rng.random() < 0.1:
        draw.settings.update(typed(stage.world.operator.export_settings(machine.path)))
    maybe(0.3, 'CopyVmStorage', True, False)
    maybe(0.4, 'CopyVmRuntimeInformation', True, False)
    maybe(0.3, 'CreateVmExportSubdirectory', True, False)
    maybe(0.3, 'CopySnapshotConfiguration', byte(0), byte(1))
    maybe(0.15, 'SnapshotVirtualSystem', 'before', '')
    maybe(0.15, 'CaptureLiveState', byte(0), byte(1), byte(2))
    maybe(0.3, 'ExcludedVirtualHardDisks', [], ['vda'], [str(machine.disks[0][0].file)],
          ['vda', str(machine.disks[-1][0].file)])
    maybe(0.5, 'Checksum', 'fs-verity', 'sha256', 'none')
    maybe(0.2, 'BandwidthLimit', BIG, GLib.Variant('t', 0))
    maybe(0.2, 'DiskFormat', 'keep')
    maybe(0.4, 'IncludeRemovableMedia', True, False)
    place = rng.choice(['new'] * 6 + ['empty'] * 3 + ['full', 'nowhere'])
    if rng.random() < 0.12:
        draw.settings['DirectoryFd'] = GLib.Variant('h', 0)
        place = 'held'
    draw.fault(0.2, [
        {'NoSuchKey': True}, {'Checksum': 'md5'}, {'Caption': 'mine'}, {'InstanceID': 'mine'},
        {'CopyVmStorage': 'no'}, {'DiskFormat': 'floppy'},
        {'CopySnapshotConfiguration': byte(2)}, {'CopySnapshotConfiguration': byte(3)},
        {'CopySnapshotConfiguration': byte(9)}, {'CaptureLiveState': byte(3)},
        {'ExcludedVirtualHardDisks': ['vdz']},
        {'ExcludedVirtualHardDisks': 'vda'}])
    return Combination('export', name, draw.settings, place)

