"""What random combinations of settings play on: packages, machines and folders that are made once."""

import hashlib
import pathlib
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree

from rig import packages
from rig.caller import MANAGER, STORE
from rig.machines import MIB, Disk, bare_directory, make_image

from . import exports
from .contract import Host, Image, Machine, Package, digest

NETWORKS = ['network:lab', 'network:twin', 'bridge:br0', 'bridge:twin']
SCOPES = ['lab', 'production']
FILES = {'state.save': b'LibvirtQemudSave' + b'memory' * 1000, 'nvram.fd': b'variables' * 500,
         'tpm/tpm2/tpm2-00.permall': b'permanent' * 70}
HOSTDEV = '<hostdev mode="subsystem" type="usb"><source><vendor id="0x1234"/><product ' \
          'id="0xbeef"/></source></hostdev>'


def disk(name, **options):
    return Disk(name=name, size=MIB, extents=[(4096, name.encode()), (MIB // 2, b'more')],
                format=name.rpartition('.')[2], **options)


def macs(domain):
    return [mac.get('address') for mac in domain.iterfind('devices/interface/mac')]


def networks(domain):
    found = []
    for interface in domain.iterfind('devices/interface'):
        kind, source = interface.get('type'), interface.find('source')
        found.append(f'{kind}:{source.get(kind)}' if source is not None else kind)
    return found


class Stage:
    def __init__(self, world):
        self.world = world
        self.folders = {name: self.make_folder(name)
                        for name in ('sources', 'tops', 'lowers', 'states', 'flat', 'empty', 'free',
                                     'clash', 'images')}
        self.machines, self.packages = {}, {}
        self.make_machines()
        self.make_packages()
        self.fill_folders()
        world.keep()
        listed = world.root.machines()
        domains = [ElementTree.fromstring(world.root.configuration(path)) for path in listed]
        self.host = Host(names={entry['Name'] for entry in listed.values()},
                         uuids={entry['Uuid'] for entry in listed.values()},
                         macs={mac for domain in domains for mac in macs(domain)},
                         networks=world.root.get(STORE, MANAGER, 'NetworkConnections'),
                         scopes=SCOPES)

    def make_folder(self, name):
        folder = self.world.home / name
        folder.mkdir()
        return self.world.own(folder)

    def stack(self, name):
        """A bare directory with an overlay, top.qcow2, upon base.qcow2."""
        folder = bare_directory(self.world.area / f'made-{name}', name, [disk('top.qcow2')],
                                ['user'])
        (folder / 'top.qcow2').unlink()
        make_image(folder / 'base.qcow2', disk('base.qcow2'))
        subprocess.run(('qemu-img', 'create', '-q', '-f', 'qcow2', '-b', 'base.qcow2', '-F',
                        'qcow2', 'top.qcow2'), cwd=folder, check=True)
        return folder

    # Machines to export

    def make_machines(self):
        world = self.world
        for path, state, medium in (
                (world.once('web', lambda: world.machine(
                    'web', [disk('web.qcow2'), disk('data.raw')], ['user', 'network:lab'])),
                 None, None),
                (world.machine('tower', package=self.stack('tower')), None, None),
                (exports.sleeper(world), exports.STATE, None),
                (exports.player(world), None, exports.MEDIUM)):
            entry = world.root.machines()[path]
            domain = ElementTree.fromstring(world.root.configuration(path))
            self.machines[entry['Name']] = Machine(
                path, entry['Name'], entry['Uuid'],
                [[Image(file.name, digest(file), file) for file in self.chain(element)]
                 for element in domain.iterfind('devices/disk[@device="disk"]')], state, medium)

    @staticmethod
    def chain(element):
        """The images of a disk in the configuration, the topmost first."""
        files = []
        while element is not None and element.find('source') is not None:
            files.append(pathlib.Path(element.find('source').get('file')))
            element = element.find('backingStore')
        return files

    # Packages to import

    def add_package(self, path, **facts):
        domain = ElementTree.parse(packages.configuration(path)).getroot()
        disks = [[Image(pathlib.Path(member or stated).name,
                        member and digest(path / member), member and path / member)
                  for stated, _, member in images]
                 for target, images in packages.drives(path).items() if target.startswith('vd')]
        self.note(Package(path, domain.findtext('name'), domain.findtext('uuid'), disks,
                          networks(domain), macs(domain), **facts))

    def note(self, package):
        package.filled = self.world.operator.import_settings(package.path)
        self.packages[package.path.name] = package

    def made(self, name, delete=True, edit=None, disks=None, **settings):
        """A package of a machine of this name, which goes away."""
        world = self.world
        machine = world.machine(name, disks or [disk(f'{name}.qcow2'), disk('data.raw')],
                                ['user', 'network:lab'])
        package = world.package(machine, name, delete and 'CopyVmStorage' not in settings)
        if 'CopyVmStorage' in settings:
            package = world.package(machine, f'{name}-configuration', **settings)
        if edit:
            edit(package)
        return package

    def make_packages(self):
        world = self.world
        self.add_package(world.package(self.machines['web'].path, 'web', delete=False))
        self.add_package(self.made('bones', CopyVmStorage=False))
        self.add_package(self.made('quiet', edit=self.add_files), files=FILES)
        self.add_medium(self.made('plays'))
        self.add_package(self.made('reach', edit=lambda package: packages.edit_configuration(
            package, '</devices>', f'{HOSTDEV}</devices>')), unsafe=True)
        folder = self.stack('stack')
        self.add_package(world.package(world.machine('stack', package=folder), 'stack'))
        for name, images in (('bare', None), ('images-elsewhere', self.folders['images'])):
            self.add_bare(name, images)

    @staticmethod
    def add_files(package):
        packages.add_saved_state(package, FILES['state.save'])
        packages.add_nvram(package, FILES['nvram.fd'])
        packages.add_tpm(package, {name.removeprefix('tpm/'): data for name, data in FILES.items()
                                   if name.startswith('tpm/')})

    def add_medium(self, package):
        """A medium in a drive, which has no position."""
        exports.insert_medium(package)
        medium = Image('tools.iso', hashlib.sha256(exports.MEDIUM).hexdigest(),
                       package / 'Virtual Hard Disks/tools.iso')
        self.add_package(package, medium=medium)

    def add_bare(self, name, images):
        """A bare directory; its images beside it, or where its configuration says."""
        disks = [disk(f'{name}.qcow2', folder=str(images or '/var/lib/libvirt/images'))]
        folder = bare_directory(self.world.home / 'packages' / name, name, disks,
                                ['network:gone', 'user'])
        if images:
            shutil.move(folder / disks[0].name, images)
        self.world.own(folder), self.world.own(self.folders['images'])
        domain = ElementTree.parse(folder / f'{name}.xml').getroot()
        file = (images or folder) / disks[0].name
        self.note(Package(folder, name, domain.findtext('uuid'),
                          [[Image(file.name, digest(file), None if images else file)]],
                          networks(domain), macs(domain), bare=True))

    # Folders

    def fill_folders(self):
        folders = self.folders
        for name, package in self.packages.items():
            for folder in (folders['sources'] / name, folders['tops'] / name):
                folder.mkdir()
            for images in package.disks:
                for number, image in enumerate(images):
                    file = image.file or self.file_of(name, image)
                    image.digest = digest(file)
                    shutil.copy(file, folders['sources'] / name)
                    shutil.copy(file, folders['tops' if number == 0 else 'lowers'] /
                                (name if number == 0 else ''))
                    (folders['clash'] / image.base).write_bytes(b'precious')
            for file, data in package.files.items():
                for path in (folders['states'] / package.uuid / file, folders['flat'] / file):
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(data)
        (folders['clash'] / 'there.raw').write_bytes(b'precious')
        for folder in folders.values():
            self.world.own(folder)

    def file_of(self, name, image):
        """The content of an image that its package does not hold."""
        if name == 'images-elsewhere':
            return self.folders['images'] / image.base
        return self.world.home / 'packages/bones/Virtual Hard Disks' / image.base
