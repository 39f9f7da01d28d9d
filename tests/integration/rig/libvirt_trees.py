"""Trees of snapshots as libvirt makes them: internal ones, external ones, and both in one machine,
with a marker on the disks at each."""

import subprocess
import xml.etree.ElementTree as ElementTree
from xml.sax.saxutils import escape

import libvirt as api

from .libvirt import IMAGES

MIB = 1 << 20
SIZE = 2 * MIB

DOMAIN = '''<domain type='qemu'><name>{name}</name><memory unit='MiB'>32</memory><vcpu>1</vcpu>
<os{firmware}><type arch='x86_64' machine='q35'>hvm</type></os><features><acpi/></features>
<devices>{disks}</devices></domain>'''
DISK = '''<disk type='file' device='disk'><driver name='qemu' type='{kind}'/>
<source file='{path}'/><target dev='{target}' bus='virtio'/></disk>'''


def run(*command):
    return subprocess.run([str(word) for word in command], check=True, text=True,
                          stdout=subprocess.PIPE).stdout


def content(path, kind='qcow2', snapshot=None):
    """What a guest reads from an image, through its chain, or from an internal snapshot of it."""
    raw = IMAGES / 'content.raw'
    run('qemu-img', 'convert', '-f', kind, *(('-l', f'snapshot.name={snapshot}') if snapshot else ()),
        '-O', 'raw', path, raw)
    try:
        return raw.read_bytes()
    finally:
        raw.unlink()


def mark(path, kind, number):
    """A marker of its own at a place of its own, and one where all others were."""
    run('qemu-io', '-f', kind, '-c', f'write -q -P {number} {number * 65536} 65536',
        '-c', f'write -q -P {number} 0 65536', path)


def sources(xml):
    """{target: (path, format)} of the disks that a configuration has."""
    return {disk.find('target').get('dev'): (disk.find('source').get('file'),
                                             disk.find('driver').get('type'))
            for disk in ElementTree.fromstring(xml).iterfind("devices/disk[@device='disk']")}


class Tree:
    """A domain with disks, and its snapshots as they are made. contents has what was on the disks
    at each of them, where they were of its business: {snapshot: {target: bytes}}."""

    def __init__(self, libvirt, name='web', disks=(('a.qcow2', 'qcow2'), ('b.qcow2', 'qcow2')),
                 uefi=False):
        self.libvirt, self.name = libvirt, name
        self.contents = {}
        self.number = 0
        drives = ''
        for number, (file, kind) in enumerate(disks):
            run('qemu-img', 'create', '-q', '-f', kind, IMAGES / file, SIZE)
            drives += DISK.format(kind=kind, path=IMAGES / file,
                                  target=f'vd{chr(ord("a") + number)}')
        self.domain = libvirt.define(DOMAIN.format(
            name=name, disks=drives, firmware=" firmware='efi'" if uefi else ''))

    def sources(self):
        return sources(self.libvirt.xml(self.name))

    def now(self):
        """What is on the disks."""
        return {target: content(*source) for target, source in self.sources().items()}

    def mark(self):
        """The guest, as it were, writes on all disks."""
        self.number += 1
        for path, kind in self.sources().values():
            mark(path, kind, self.number)

    def take(self, name, external=False, skip=(), description=None):
        """Marks the disks, then takes a snapshot of the machine, which is off. Disks in skip are
        none of its business."""
        self.mark()
        self.contents[name] = {target: data for target, data in self.now().items()
                               if target not in skip}
        disks = ''
        for target in self.sources():
            kind = 'no' if target in skip else 'external' if external else 'internal'
            source = f"<source file='{IMAGES}/{self.name}-{target}.{name}.qcow2'/>" \
                if kind == 'external' else ''
            disks += f"<disk name='{target}' snapshot='{kind}'>{source}</disk>"
        text = f'<description>{escape(description)}</description>' if description else ''
        self.domain.snapshotCreateXML(
            f'<domainsnapshot><name>{escape(name)}</name>{text}<disks>{disks}</disks>'
            '</domainsnapshot>', api.VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY if external else 0)
        self.mark()

    def revert(self, name):
        self.domain.revertToSnapshot(self.domain.snapshotLookupByName(name))

    def branch(self, name, suffix):
        """Goes back to an external snapshot, which libvirt 9.0 does not, as its users do then: new
        overlays on the images that it left, and the snapshot made the current one."""
        snapshot = self.domain.snapshotLookupByName(name)
        text = snapshot.getXMLDesc()
        xml = self.libvirt.xml(self.name)
        for target, (path, kind) in sources(inner(snapshot)).items():
            overlay = IMAGES / f'{self.name}-{target}.{suffix}.qcow2'
            run('qemu-img', 'create', '-q', '-f', 'qcow2', '-b', path, '-F', kind, overlay)
            xml = xml.replace(self.sources()[target][0], str(overlay))
        root = ElementTree.fromstring(xml)
        for disk in root.iterfind('devices/disk'):
            for below in disk.findall('backingStore'):
                disk.remove(below)
        self.domain = self.libvirt.define(ElementTree.tostring(root, encoding='unicode'))
        self.domain.snapshotCreateXML(text, api.VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE
                                      | api.VIR_DOMAIN_SNAPSHOT_CREATE_CURRENT)
        self.mark()


def internal(libvirt, name='web'):
    """Three levels and two branches inside the images: s1 (s2 (s3), s4 (s5)); at s5."""
    tree = Tree(libvirt, name)
    tree.take('s1', description='The first,\n<as it was>')
    tree.take('s2')
    tree.take('s3')
    tree.revert('s1')
    tree.take('s4')
    tree.take('s5')
    return tree


def external(libvirt, name='web', uefi=False):
    """Three levels and two branches of overlays: e1 (e2 (e3), e4); at e4. The second disk is a raw
    image at first, and none of e2's business."""
    tree = Tree(libvirt, name, (('a.qcow2', 'qcow2'), ('b.raw', 'raw')), uefi)
    tree.take('e1', external=True)
    tree.take('e2', external=True, skip=('vdb',))
    tree.take('e3', external=True)
    tree.branch('e1', 'side')
    tree.take('e4', external=True)
    return tree


def mixed(libvirt, name='web'):
    """i1 (e2 (i3 (i4), i5)): internal snapshots in a base image, an overlay above it, and two
    branches of internal snapshots inside of that; at i5."""
    tree = Tree(libvirt, name, (('a.qcow2', 'qcow2'),))
    tree.take('i1')
    tree.take('e2', external=True)
    tree.take('i3')
    tree.take('i4')
    tree.revert('i3')
    tree.take('i5')
    return tree


def wide(libvirt, name='web', count=20):
    """An internal snapshot with many children, which are made faster than libvirt does it."""
    tree = Tree(libvirt, name, (('a.qcow2', 'qcow2'),))
    tree.take('root')
    text = tree.domain.snapshotLookupByName('root').getXMLDesc()
    for number in range(count):
        leaf = f'leaf-{number:02}'
        run('qemu-img', 'snapshot', '-c', leaf, IMAGES / 'a.qcow2')
        tree.domain.snapshotCreateXML(
            text.replace('<name>root</name>',
                         f'<name>{leaf}</name><parent><name>root</name></parent>', 1),
            api.VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE)
    return tree


# What there is to see of a tree

def read(xml, contents):
    """What the disks of a configuration have that contents has something of."""
    return {target: content(*source) for target, source in sources(xml).items()
            if target in contents}


def inner(snapshot):
    """The configuration in one of libvirt's snapshots."""
    root = ElementTree.fromstring(snapshot.getXMLDesc())
    return ElementTree.tostring(root.find('domain'), encoding='unicode')


def listing(name):
    """As `virsh snapshot-list --tree` draws it."""
    return run('virsh', '-q', 'snapshot-list', '--tree', name)


def facts(domain):
    """{name: what libvirt tells of a snapshot, apart from its domain and its files}."""
    result = {}
    for snapshot in domain.listAllSnapshots():
        root = ElementTree.fromstring(snapshot.getXMLDesc())
        memory = root.find('memory')
        result[snapshot.getName()] = {
            'parent': root.findtext('parent/name'),
            'time': root.findtext('creationTime'),
            'state': root.findtext('state'),
            'description': root.findtext('description'),
            'current': bool(snapshot.isCurrent()),
            'memory': memory.get('snapshot') if memory is not None else None,
            'disks': {disk.get('name'): disk.get('snapshot')
                      for disk in root.iterfind('disks/disk')}}
    return result
