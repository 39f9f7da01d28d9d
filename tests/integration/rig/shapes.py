"""Domains of many shapes, as people write them and as virt-install does, and the comparison of a
configuration before and after a round trip."""

import collections
import pathlib
import re
import subprocess
import uuid
import xml.etree.ElementTree as ElementTree

from .libvirt import IMAGES

INSTALLED = pathlib.Path(__file__).parents[2] / 'unit/domains'
MIB = 1 << 20


def disk(number, kind='qcow2', bus='virtio', extra='', device='disk', source=None):
    prefix = {'virtio': 'vd', 'ide': 'hd', 'fdc': 'fd'}.get(bus, 'sd')
    name = f"{prefix}{'abcdefgh'[number]}"
    line = source if source is not None else f"<source file='{IMAGES}/{{name}}-{number}.{kind}'/>"
    return f"""<disk type='{'volume' if 'volume=' in line else 'file'}' device='{device}'>
      <driver name='qemu' type='{kind}'/>{line}<target dev='{name}' bus='{bus}'/>{extra}</disk>"""


def domain(machine, devices, os='', rest='<features><acpi/><apic/></features>', root=''):
    return f"""<domain type='qemu'><name>{{name}}</name><memory unit='MiB'>64</memory>
    <vcpu>1</vcpu><os{root}><type arch='x86_64' machine='{machine}'>hvm</type>{os}</os>{rest}
    <devices>{devices}</devices></domain>"""


USER = "<interface type='user'><mac address='52:54:00:aa:00:01'/><model type='e1000'/></interface>"
NETWORK = """<interface type='network'><mac address='52:54:00:aa:00:02'/>
    <source network='default'/><model type='virtio'/></interface>"""
BRIDGE = """<interface type='bridge'><mac address='52:54:00:aa:00:03'/>
    <source bridge='vmportbr7'/><model type='virtio'/></interface>"""
SPICE = """<graphics type='spice' autoport='yes'/><video><model type='qxl'/></video>
    <channel type='spicevmc'><target type='virtio' name='com.redhat.spice.0'/></channel>"""
VNC = "<graphics type='vnc' port='-1' autoport='yes'/><video><model type='vga'/></video>"
TPM = "<tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>"

# Written by hand: {name} is the domain's. What tunes the host (cputune, numatune, blkiotune) is not
# the machine's, and no package has it.
WRITTEN = {
    'least': "<domain type='qemu'><name>{name}</name><memory>65536</memory>"
             "<os><type>hvm</type></os></domain>",
    'pc, BIOS, IDE, user network, VNC': domain('pc', disk(0, 'raw', 'ide') + USER + VNC),
    'q35, BIOS, virtio, user network': domain('q35', disk(0) + USER),
    'q35, BIOS, virtio, network, SPICE': domain('q35', disk(0) + NETWORK + SPICE),
    'q35, UEFI, SATA': domain('q35', disk(0, bus='sata') + NETWORK, root=" firmware='efi'"),
    'q35, UEFI with secure boot, TPM, two disks': domain(
        'q35', disk(0) + disk(1, 'raw') + TPM, root=" firmware='efi'",
        os="<firmware><feature enabled='yes' name='secure-boot'/>"
           "<feature enabled='yes' name='enrolled-keys'/></firmware>",
        rest="<features><acpi/><smm state='on'/></features>"),
    'SCSI with a controller of its own, two disks, boot order': domain(
        'pc', "<controller type='scsi' index='0' model='virtio-scsi'><driver queues='2'/>"
        "</controller>" + disk(0, bus='scsi', extra="<boot order='2'/><serial>A0</serial>")
        + disk(1, 'raw', 'scsi', extra="<boot order='1'/><wwn>5000c50015ea71aa</wwn>") + USER),
    'bridge': domain('q35', disk(0) + BRIDGE + VNC),
    'three adapters': domain('q35', disk(0) + USER + NETWORK + """<interface type='network'>
        <mac address='52:54:00:aa:00:04'/><source network='lab'/><model type='rtl8139'/>
        <link state='down'/></interface>"""),
    'drives without media, and disks of all buses': domain(
        'pc', disk(0, 'raw', 'ide') + disk(1) + disk(2, bus='scsi') + disk(3, 'raw', 'sata')
        + disk(4, 'raw', 'sata', device='cdrom', source='', extra='<readonly/>')
        + disk(0, 'raw', 'fdc', device='floppy', source='')),
    'volumes of a pool': domain(
        'q35', disk(0, source="<source pool='default' volume='{name}-0.qcow2'/>")
        + disk(1, 'raw', source="<source pool='default' volume='{name}-1.raw'/>")),
    'a chain, and options of a disk': domain(
        'q35', f"""<disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='none'
        io='native' discard='unmap' detect_zeroes='unmap'/><source file='{IMAGES}/{{name}}-0.qcow2'/>
        <backingStore type='file'><format type='qcow2'/><source file='{IMAGES}/{{name}}-1.qcow2'/>
        <backingStore type='file'><format type='raw'/><source file='{IMAGES}/{{name}}-2.raw'/>
        <backingStore/></backingStore></backingStore><target dev='vda' bus='virtio'/>
        <iotune><total_iops_sec>100</total_iops_sec></iotune></disk>"""),
    'title, metadata, CPU, clock, tuning': """<domain type='qemu'><name>{name}</name>
        <title>A title — with a dash</title><description>Two
lines</description>
        <metadata><l:libosinfo xmlns:l="http://libosinfo.org/xmlns/libvirt/domain/1.0">
        <l:os id="http://debian.org/debian/12"/></l:libosinfo></metadata>
        <maxMemory slots='4' unit='MiB'>512</maxMemory><memory unit='MiB'>128</memory>
        <currentMemory unit='MiB'>96</currentMemory><vcpu current='1'>2</vcpu>
        <os><type arch='x86_64' machine='q35'>hvm</type><boot dev='cdrom'/><boot dev='hd'/>
        <bootmenu enable='yes' timeout='3000'/><bios rebootTimeout='100'/></os>
        <features><acpi/><apic/><pae/><hyperv><relaxed state='on'/></hyperv></features>
        <cpu mode='custom' match='exact' check='none'><model fallback='forbid'>qemu64</model>
        <topology sockets='1' dies='1' cores='2' threads='1'/>
        <feature policy='disable' name='svm'/>
        <numa><cell id='0' cpus='0-1' memory='131072' unit='KiB'/></numa></cpu>
        <clock offset='localtime'><timer name='hpet' present='no'/></clock>
        <on_reboot>destroy</on_reboot><on_crash>restart</on_crash>
        <pm><suspend-to-disk enabled='no'/></pm>
        <devices>""" + disk(0) + """<memballoon model='none'/></devices></domain>""",
    'many devices': domain(
        'q35', disk(0, 'raw') + SPICE + """<watchdog model='i6300esb' action='reset'/>
        <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
        <input type='tablet' bus='usb'/><sound model='ich9'/><panic model='isa'/>
        <redirdev bus='usb' type='spicevmc'/>
        <serial type='pty'><target port='0'/></serial><parallel type='pty'/>
        <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
        <vsock model='virtio'><cid auto='yes'/></vsock>"""),
}
# What `virt-install --print-xml` wrote (tests/unit/domains).
PRINTED = ('pc-bios', 'q35-uefi', 'windows')


def shape(what, name, machine_uuid=None):
    """The XML of a shape under a name, with an id of its own."""
    text = _shape(what, name)
    return text.replace('</name>', f'</name><uuid>{machine_uuid or uuid.uuid4()}</uuid>', 1)


def _shape(what, name):
    if what in PRINTED:
        root = ElementTree.fromstring((INSTALLED / f'{what}.xml').read_text())
        root.set('type', 'qemu')   # there is no KVM here
        root.find('name').text = name
        root.remove(root.find('uuid'))
        cpu = root.find('cpu')
        if cpu is not None:
            root.remove(cpu)
        for number, source in enumerate(root.iterfind("devices/disk[@device='disk']/source")):
            kind = source.get('file').rpartition('.')[2]
            source.set('file', f'{IMAGES}/{name}-{number}.{kind}')
        for source in root.iterfind("devices/interface/source"):
            if source.get('network'):
                source.set('network', 'default')
        return ElementTree.tostring(root, encoding='unicode')
    return WRITTEN[what].replace('{name}', name)


def image_paths(xml):
    """[[(path, format), …]] of the disks that a configuration has, each chain from its top."""
    result = []
    for element in ElementTree.fromstring(xml).iterfind("devices/disk"):
        source = element.find('source')
        if element.get('device') != 'disk' or source is None:
            continue
        chain = [(source.get('file') or f"{IMAGES}/{source.get('volume')}",
                  element.find('driver').get('type'))]
        below = element.find('backingStore')
        while below is not None and below.find('source') is not None:
            chain.append((below.find('source').get('file'), below.find('format').get('type')))
            below = below.find('backingStore')
        result.append(chain)
    return result


def make_images(xml, size=2 * MIB):
    """Makes the images that a configuration names, each with something of its own in it."""
    for number, chain in enumerate(image_paths(xml)):
        below = None
        for depth, (path, kind) in enumerate(reversed(chain)):
            command = ['qemu-img', 'create', '-q', '-f', kind]
            if below:
                command += ['-b', below[0], '-F', below[1]]
            subprocess.run((*command, path, str(size)), check=True)
            subprocess.run(('qemu-io', '-f', kind, '-c',
                            f'write -q -P {16 * number + depth + 1} {depth * 65536} 65536', path),
                           check=True, stdout=subprocess.DEVNULL)
            below = (path, kind)


# Comparison



def flatten(xml):
    """{place: value} of every attribute and text in a configuration."""
    result, seen = {}, collections.Counter()

    def walk(element, place):
        tag = re.sub(r'^\{(.*)\}', r'\1:', element.tag)
        if tag == 'controller':
            # libvirt sorts these anew whenever it reads a configuration.
            tag += f"[{element.get('type')}]"
            place = f"{place}/{tag}[{element.get('index')}]"
        else:
            place = f'{place}/{tag}'
            seen[place] += 1
            place = f'{place}[{seen[place] - 1}]'
        result[place] = (element.text or '').strip()
        for name, value in element.attrib.items():
            result[f'{place}/@{name}'] = value
        for child in element:
            walk(child, place)

    for child in ElementTree.fromstring(xml):
        walk(child, '')
    return result


# Where an import that makes new ids differs, and nowhere else. UUID, names and addresses are told by
# the settings; where the images are follows from them.
IDENTITY = (r'/name\[0\]', r'/uuid\[0\]', r'/devices\[0\]/interface\[\d+\]/mac\[0\]/@address')
PLACES = (r'/devices\[0\]/disk\[\d+\](/backingStore\[0\])*/source\[0\]/@file',
          r'/os\[0\]/(nvram|kernel|initrd)\[0\]')
# The import's token, by which a roll-back tells it from another's; an empty <metadata> to hold it.
TOKEN = (r'/metadata\[0\](/urn:vmport:metadata:1:machine\[0\](/@job)?)?',)
# The chain is spelled out to its end, so that QEMU has nothing to guess.
CHAIN_END = (r'/devices\[0\]/disk\[\d+\](/backingStore\[0\])+'
             r'(/@type|/format\[0\](/@type)?|/source\[0\](/@file)?)?',)
# A volume is a file from now on: vmport has put it there itself.
VOLUME = (r'/devices\[0\]/disk\[\d+\]/@type',
          r'/devices\[0\]/disk\[\d+\]/source\[0\]/@(pool|volume|file)')


def differences(before, after, allowed):
    """(expected, unexpected): lines that say what differs."""
    old, new = flatten(before), flatten(after)
    expected, unexpected = [], []
    for place in sorted({*old, *new}):
        if old.get(place) == new.get(place):
            continue
        line = f'{place}: {old.get(place, "nothing")!r} became {new.get(place, "nothing")!r}'
        known = any(re.fullmatch(pattern, place) for pattern in allowed)
        (expected if known else unexpected).append(line)
    return expected, unexpected
