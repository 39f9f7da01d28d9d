"""Machines of the store that have snapshots, three levels deep and on two branches.

    s1 ── s2 ── s3
     └─── t2 ── t3 ── the machine as it is now

Each moment is told by a byte that fills the first cluster of its disk. The images are made by qemu-img
and qemu-io, as QEMU makes them, and the documents are libvirt's.
"""

import json
import subprocess
import xml.etree.ElementTree as ElementTree

from . import stored
from .snapshots import Snapshot, add

MIB = 1 << 20
CLUSTER = 64 * 1024
# What fills the first cluster at each moment, and in which order they come.
MARKERS = {'s1': 0x11, 's2': 0x22, 's3': 0x33, 't2': 0x42, 't3': 0x43, 'now': 0x7f}
PARENTS = {'s1': None, 's2': 's1', 's3': 's2', 't2': 's1', 't3': 't2'}
CURRENT = 't3'
FIRST = 1700000000   # when the first was made
MAC = '52:54:00:aa:bb:01'
SHAPES = ('internal', 'external', 'mixed')


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def mark(image, byte):
    run('qemu-io', '-f', 'qcow2', '-c', f'write -P {byte} 0 {CLUSTER}', image)


def create(path, below=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    backing = ('-b', below, '-F', 'qcow2') if below else ()
    run('qemu-img', 'create', '-q', '-f', 'qcow2', *backing, path, '1M')
    return path


def hold(image, name, option='-c'):
    run('qemu-img', 'snapshot', option, name, image)


def marker(image, name=None):
    """The byte that fills the first cluster, as the chain or its internal snapshot has it."""
    raw = image.with_name(image.name + '.read')
    which = ('-l', f'snapshot.name={name}') if name else ()
    run('qemu-img', 'convert', '-f', 'qcow2', *which, '-O', 'raw', image, raw)
    with open(raw, 'rb') as file:
        data = file.read(CLUSTER)
    raw.unlink()
    assert data == data[:1] * CLUSTER, 'the cluster was written as a whole'
    return data[0]


def check(image):
    run('qemu-img', 'check', '-q', '-f', 'qcow2', image)


class Tree:
    """What was planted: `chains` of each snapshot and of the machine (`now`), topmost first; `held`,
    which of them an image holds inside; `made`, the overlay that each external one made."""

    def __init__(self, folder):
        self.folder, self.chains, self.held, self.made = folder, {}, set(), {}

    def overlay(self, name, disks='Snapshots/{}'):
        return self.folder / disks.format(name) / f'disk.{name}'

    def internal(self, name, chain):
        mark(chain[0], MARKERS[name])
        hold(chain[0], name)
        self.chains[name] = list(chain)
        self.held.add(name)

    def external(self, name, chain, disks='Snapshots/{}'):
        """The chain from then on."""
        mark(chain[0], MARKERS[name])
        self.chains[name] = list(chain)
        self.made[name] = create(self.overlay(name, disks), chain[0])
        return [self.made[name], *chain]


def _plant_internal(tree, base):
    for name in ('s1', 's2', 's3'):
        tree.internal(name, [base])
    hold(base, 's1', '-a')
    for name in ('t2', 't3'):
        tree.internal(name, [base])
    return [base]


def _plant_external(tree, base):
    """Nothing of the branch that was left is in use by the machine."""
    chain = tree.external('s1', [base])
    chain = tree.external('s2', chain)
    tree.external('s3', chain)
    chain = [create(tree.folder / 'Virtual Hard Disks/disk.again', base), base]
    chain = tree.external('t2', chain, 'Virtual Hard Disks')
    return tree.external('t3', chain, 'Virtual Hard Disks')


def _plant_mixed(tree, base):
    chain = tree.external('s1', [base])
    tree.internal('s2', chain)
    tree.internal('s3', chain)
    chain = [create(tree.folder / 'Virtual Hard Disks/disk.again', base), base]
    tree.internal('t2', chain)
    return tree.external('t3', chain, 'Virtual Hard Disks')


def _folder(daemon, machine):
    return stored.configuration(daemon, machine).parent.parent


def plant(daemon, machine, shape, memory=None):
    """Gives a machine of the store, with one qcow2 disk, the snapshots of a shape; {name: file} of
    memory that some have."""
    tree = Tree(_folder(daemon, machine))
    base = tree.folder / 'Virtual Hard Disks/disk.qcow2'
    base.unlink()
    create(base)
    now = {'internal': _plant_internal, 'external': _plant_external,
           'mixed': _plant_mixed}[shape](tree, base)
    mark(now[0], MARKERS['now'])
    tree.chains['now'] = now
    add(daemon, machine,
        [Snapshot(name, PARENTS[name], FIRST + time, current=name == CURRENT,
                  description=f'as of {name}', chains={'vda': tree.chains[name]},
                  overlays={'vda': tree.made[name]} if name in tree.made else {},
                  memory=(memory or {}).get(name, 'no')) for time, name in enumerate(PARENTS)],
        {'vda': now})
    return tree


def plant_chain(daemon, machine, length):
    """A chain of so many images, and one snapshot just beneath its top."""
    tree = Tree(_folder(daemon, machine))
    chain = [tree.folder / 'Virtual Hard Disks/disk.qcow2']
    chain[0].unlink()
    create(chain[0])
    while len(chain) < length:
        image = chain[-1].with_name(f'disk.{len(chain)}')
        # Without a look at the chain beneath, which would be one at all of it each time.
        run('qemu-img', 'create', '-q', '-u', '-f', 'qcow2', '-b', chain[0], '-F', 'qcow2', image,
            '1M')
        chain.insert(0, image)
    mark(chain[0], MARKERS['now'])
    tree.chains['now'] = chain
    add(daemon, machine, [Snapshot('s1', overlays={'vda': chain[0]}, chains={'vda': chain[1:]},
                                   current=True)], {'vda': chain})
    return tree


def read_documents(daemon, machine):
    """{name: the root of its document} of a machine of the store."""
    folder = stored.configuration(daemon, machine).parent.parent / 'Snapshots'
    roots = [ElementTree.parse(path).getroot() for path in folder.glob('*.xml')]
    return {root.findtext('name'): root for root in roots}


def chain_of(element):
    """The paths of vda's images in a <domain>, topmost first."""
    disk = next(disk for disk in element.iterfind('devices/disk')
                if disk.find('target').get('dev') == 'vda')
    chain = []
    while disk is not None and disk.find('source') is not None:
        chain.append(disk.find('source').get('file'))
        disk = disk.find('backingStore')
    return chain


def _info(image):
    return json.loads(subprocess.run(('qemu-img', 'info', '-f', 'qcow2', '--output=json', image),
                                     check=True, stdout=subprocess.PIPE).stdout)


def backing_name(image):
    return _info(image).get('backing-filename')


def held_by(image):
    """The names of an image's internal snapshots."""
    return [held['name'] for held in _info(image).get('snapshots', [])]


def is_qcow2(path):
    return path.is_file() and path.read_bytes()[:4] == b'QFI\xfb'
