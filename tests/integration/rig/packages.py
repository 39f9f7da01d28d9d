"""Packages as a test wants them: an exported one is given a saved state, a TPM's files, UEFI
variables or a medium, and stays a valid package, with sizes and digests that are right.

Every function takes the package's folder; what it writes belongs to the folder's owner.
"""

import hashlib
import os
import pathlib
import struct
import subprocess
import xml.etree.ElementTree as ElementTree

from .caller import MANAGER, STORE
from .machines import names

URI = 'urn:vmport:package:1'
NAMESPACE = {'p': URI}
SCHEMA = pathlib.Path(__file__).parents[3] / 'data/vmport-package.rng'

ElementTree.register_namespace('', URI)


def verity(path):
    """The digest that a package states, by the program that defines it."""
    return subprocess.run(('fsverity', 'digest', '--compact', '--hash-alg=sha256',
                           '--block-size=4096', path), check=True, text=True,
                          stdout=subprocess.PIPE).stdout.strip()


def descriptor(package):
    """The root element of vmport.xml, after the schema has been asked."""
    result = subprocess.run(('xmllint', '--nonet', '--noout', '--relaxng', SCHEMA,
                             package / 'vmport.xml'), stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, check=False)
    assert result.returncode == 0, result.stdout
    return ElementTree.parse(package / 'vmport.xml').getroot()


def assert_package(package):
    """What holds for every package with digests; its root element, and its file elements by name."""
    root = descriptor(package)
    files = {file.get('name'): file for file in root.iterfind('p:files/p:file', NAMESPACE)}
    present = {name for name in names(package) if (package / name).is_file()}
    assert set(files) == present - {'vmport.xml', 'SHA256SUMS'}, \
        'the descriptor lists every file, and nothing else is there'
    for name, file in files.items():
        path = package / name
        assert int(file.get('size')) == path.stat().st_size, name
        assert file.get('verity') == verity(path), \
            f'{name}: the native digest is what fsverity digest --compact prints'
    return root, files


def verify(caller, package):
    """Has the daemon read all of it; the result."""
    return caller.wait(caller.call(STORE, MANAGER, 'Verify', '(sa{sv})', (str(package), {})))


def members(package):
    """{name: role} of all that the descriptor lists."""
    return {file.get('name'): file.get('role')
            for file in descriptor(package).iterfind('p:files/p:file', NAMESPACE)}


def state(package):
    """Is the machine in it "off" or "saved"?"""
    return descriptor(package).find('p:machine', NAMESPACE).get('state')


def drives(package):
    """{target: [(path, format, member or None), …]} of the disks that the descriptor lists, in its
    order."""
    return {disk.get('target'): [(image.get('path'), image.get('format'), image.get('file'))
                                 for image in disk.iterfind('p:image', NAMESPACE)]
            for disk in descriptor(package).iterfind('p:disks/p:disk', NAMESPACE)}


def machine_uuid(package):
    return descriptor(package).find('p:machine', NAMESPACE).get('uuid')


def configuration(package):
    """The path of the domain XML."""
    return package / f'Virtual Machines/{machine_uuid(package)}.xml'


def _own(package, path):
    owner = package.stat()
    while path != package:
        os.chown(path, owner.st_uid, owner.st_gid)
        path = path.parent


def _write(package, root):
    ElementTree.ElementTree(root).write(package / 'vmport.xml', encoding='UTF-8',
                                        xml_declaration=True)
    _own(package, package / 'vmport.xml')
    sums = package / 'SHA256SUMS'
    if sums.exists():
        sums.write_text(''.join(f'{file.get("sha256")}  {file.get("name")}\n'
                                for file in root.iterfind('p:files/p:file', NAMESPACE)))
        _own(package, sums)


def _describe(package, root, file):
    """Size and digests of a member as it is now; those that the package's other files have."""
    path = package / file.get('name')
    data = path.read_bytes()
    file.set('size', str(len(data)))
    file.set('allocated', str(len(data)))
    listed = root.find('p:files/p:file[@role="configuration"]', NAMESPACE)
    if listed.get('verity') is not None:
        file.set('verity', verity(path))
    if listed.get('sha256') is not None:
        file.set('sha256', hashlib.sha256(data).hexdigest())


def add_member(package, role, name, data):
    """Puts a file into the package; its path. The name is relative to the package."""
    root = descriptor(package)
    path = package / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(0o600)
    _own(package, path)
    file = ElementTree.SubElement(root.find('p:files', NAMESPACE), f'{{{URI}}}file', name=name,
                                  role=role)
    _describe(package, root, file)
    if role == 'state':
        root.find('p:machine', NAMESPACE).set('state', 'saved')
    _write(package, root)
    return path


def remove_member(package, name):
    """Takes a file out of the package, and off the descriptor; without its state a machine is
    off."""
    root = descriptor(package)
    files = root.find('p:files', NAMESPACE)
    file, = (file for file in files if file.get('name') == name)
    files.remove(file)
    if file.get('role') == 'state':
        root.find('p:machine', NAMESPACE).set('state', 'off')
    (package / name).unlink()
    _write(package, root)


def replace_member(package, name, data):
    """Another content for a member that is there, well described."""
    root = descriptor(package)
    (package / name).write_bytes(data)
    file, = (file for file in root.find('p:files', NAMESPACE) if file.get('name') == name)
    _describe(package, root, file)
    _write(package, root)


def edit_configuration(package, old, new):
    """Replaces text in the domain XML, and states its new size and digest."""
    path = configuration(package)
    text = path.read_text()
    assert old in text, f'{old!r} is not in {path}, so this would test nothing'
    replace_member(package, str(path.relative_to(package)), text.replace(old, new, 1).encode())


def edit_state(package, old, new):
    """Replaces text in the configuration that a state of libvirt's begins with."""
    name, = (name for name, role in members(package).items() if role == 'state')
    data = (package / name).read_bytes()
    size, cookie = struct.unpack('<I', data[20:24])[0], struct.unpack('<I', data[32:36])[0]
    text, memory = data[92:92 + size], data[92 + size:]
    xml = text.split(b'\0')[0].decode()
    rest = text[cookie:].split(b'\0')[0] + b'\0' if cookie else b''
    assert old in xml, f'{old!r} is not in {name}, so this would test nothing'
    xml = xml.replace(old, new, 1).encode() + b'\0'
    head = data[:20] + struct.pack('<I', len(xml) + len(rest)) + data[24:32] \
        + struct.pack('<I', len(xml) if cookie else 0) + data[36:92]
    replace_member(package, name, head + xml + rest + memory)


def add_to_machine(package, role, name, data):
    """A member beneath the machine's own folder, such as "tpm/tpm2-00.permall"."""
    return add_member(package, role, f'Virtual Machines/{machine_uuid(package)}/{name}', data)


def add_saved_state(package, data=b'LibvirtQemudSave' + b'memory' * 10000):
    """The machine in the package is saved now."""
    return add_to_machine(package, 'state', 'state.save', data)


def add_tpm(package, files=None):
    """A TPM of libvirt's emulator and its state; {name beneath tpm/: content}."""
    files = files or {'tpm2/tpm2-00.permall': b'permanent' * 700}
    edit_configuration(package, '</devices>', '<tpm model="tpm-crb"><backend type="emulator" '
                                              'version="2.0"/></tpm></devices>')
    for name, data in files.items():
        add_to_machine(package, 'tpm', f'tpm/{name}', data)
    return files


def add_nvram(package, data=b'variables' * 6000):
    """UEFI firmware with variables that were written."""
    edit_configuration(package, '<os>', '<os firmware="efi">')
    edit_configuration(package, '</os>', '<nvram>/var/lib/libvirt/qemu/nvram/old_VARS.fd</nvram>'
                                         '</os>')
    return add_to_machine(package, 'nvram', 'nvram.fd', data)


def add_medium(package, target, name, data, image_format='raw', path=None):
    """The image of a drive that the configuration has with a source; after the disks and drives
    that the descriptor lists already, which is its place where the drive comes last."""
    member = f'Virtual Hard Disks/{name}'
    add_member(package, 'media', member, data)
    root = descriptor(package)
    disk = ElementTree.SubElement(root.find('p:disks', NAMESPACE), f'{{{URI}}}disk', target=target)
    ElementTree.SubElement(disk, f'{{{URI}}}image', path=path or f'/media/{name}',
                           format=image_format, file=member)
    _write(package, root)
