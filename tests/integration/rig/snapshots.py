"""Snapshots of the store's machines as root puts them there by hand, in libvirt's own words."""

import pathlib
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field

from . import stored


@dataclass
class Snapshot:
    name: str
    parent: str = None
    time: int = 1
    state: str = 'shutoff'
    memory: object = 'no'      # or 'internal', or the path of a save file
    overlays: dict = field(default_factory=dict)  # {target: overlay that it made}
    current: bool = False
    description: str = None
    chains: dict = field(default_factory=dict)    # {target: its images then, topmost first}


def path_of(machine, name):
    """A snapshot's object path: interface.md's escaping, byte by byte."""
    escaped = ''.join(chr(byte) if byte < 128 and chr(byte).isalnum() else f'_{byte:02x}'
                      for byte in name.encode())
    return f"{machine.replace('/VirtualMachine/', '/Snapshot/')}_{escaped}"


def set_chain(domain, target, images):
    """Writes a disk's images, qcow2 on top of each other, into a <domain>."""
    disk, = (disk for disk in domain.iter('disk') if disk.find('target').get('dev') == target)
    disk.remove(disk.find('backingStore'))
    disk.find('driver').set('type', 'qcow2')
    disk.find('source').set('file', str(images[0]))
    for image in images[1:]:
        disk = ElementTree.SubElement(disk, 'backingStore', type='file')
        ElementTree.SubElement(disk, 'format', type='qcow2')
        ElementTree.SubElement(disk, 'source', file=str(image))
    ElementTree.SubElement(disk, 'backingStore')


def document(snapshot, domain):
    """The <domainsnapshot> around a machine's configuration."""
    root = ElementTree.Element('domainsnapshot')

    def add(parent, name, text=None, /, **attributes):
        element = ElementTree.SubElement(parent, name, attributes)
        element.text = text
        return element

    add(root, 'name', snapshot.name)
    if snapshot.description:
        add(root, 'description', snapshot.description)
    add(root, 'state', snapshot.state)
    if snapshot.parent:
        add(add(root, 'parent'), 'name', snapshot.parent)
    add(root, 'creationTime', str(snapshot.time))
    if snapshot.memory in ('no', 'internal'):
        add(root, 'memory', snapshot=snapshot.memory)
    else:
        add(root, 'memory', snapshot='external', file=str(snapshot.memory))
    disks = add(root, 'disks')
    for disk in domain.iter('disk'):
        target = disk.find('target').get('dev')
        if target in snapshot.overlays:
            element = add(disks, 'disk', name=target, snapshot='external', type='file')
            add(element, 'driver', type='qcow2')
            add(element, 'source', file=str(snapshot.overlays[target]))
        else:
            add(disks, 'disk', name=target, snapshot='no' if snapshot.overlays else 'internal')
    copy = ElementTree.fromstring(ElementTree.tostring(domain))
    for target, images in snapshot.chains.items():
        set_chain(copy, target, images)
    root.append(copy)
    if snapshot.current:
        add(root, 'active', '1')
    return ElementTree.tostring(root)


def folder(daemon, machine):
    return stored.folder(daemon, machine).parents[1] / 'Snapshots'


def add(daemon, machine, snapshots, chains=None):
    """Gives a machine snapshots, whose configuration is the machine's own; then chains, {target:
    images}, are what its disks are now."""
    configuration = stored.configuration(daemon, machine)
    domain = ElementTree.parse(configuration).getroot()
    place = folder(daemon, machine)
    place.mkdir(mode=0o700, exist_ok=True)
    for number, snapshot in enumerate(snapshots):
        pathlib.Path(place / f'{number}.xml').write_bytes(document(snapshot, domain))
    for target, images in (chains or {}).items():
        set_chain(domain, target, images)
    configuration.write_bytes(ElementTree.tostring(domain))
    daemon.restart()
