"""A libvirtd of the tests' own, with QEMU, UEFI and TPMs, in the private view that tests/check
makes: libvirt's folders are empty there, and nothing of it reaches the host."""

import os
import pathlib
import pwd
import select
import shutil
import socket
import subprocess
import termios
import time
import tty

import libvirt

from .loop import DEADLINE, drain, wait_gone
from .machines import walk

URI = 'qemu:///system'
PLACE = pathlib.Path('/var/lib/libvirt')
IMAGES = PLACE / 'images'
NVRAM = PLACE / 'qemu/nvram'
SAVED = PLACE / 'qemu/save'
TPM = PLACE / 'swtpm'
CONFIGURATION = pathlib.Path('/etc/libvirt')
USER = 'libvirt-qemu'

# No systemd, AppArmor or cgroup of its own here, and a view of /dev that is one already; all else is
# Debian's default, the user that QEMU runs as and libvirt's change of owners among it.
QEMU_CONF = '''security_driver = "none"
cgroup_controllers = []
namespaces = []
stdio_handler = "file"
'''
LIBVIRTD_CONF = '''auth_unix_ro = "none"
auth_unix_rw = "none"
unix_sock_group = "root"
'''
POOL = f"<pool type='dir'><name>default</name><target><path>{IMAGES}</path></target></pool>"
# Both can be inactive: there is no dnsmasq, and domains are defined on them all the same.
NETWORKS = ('''<network><name>default</name><forward mode='nat'/><bridge name='vmportvirbr0'/>
<ip address='192.168.222.1' netmask='255.255.255.0'/></network>''',
            '''<network><name>lab</name><bridge name='vmportvirbr1'/></network>''')

# What libvirt says goes into its exception; without this it is printed as well.
libvirt.registerErrorHandler(lambda *_: None, None)


def make_user():
    """What Debian's libvirt-daemon-system makes: QEMU's user, with a group of the same name."""
    try:
        pwd.getpwnam(USER)
        return
    except KeyError:
        pass
    run = lambda *command: subprocess.run(command, check=True, stderr=subprocess.PIPE)
    run('groupadd', '--system', '--force', 'kvm')
    run('groupadd', '--system', '--force', USER)
    run('useradd', '--system', '--gid', 'kvm', '--groups', USER, '--no-log-init',
        '--no-create-home', '--home-dir', '/var/lib/libvirt', '--shell', '/usr/sbin/nologin', USER)


class Console:
    """A running domain's serial console, with the guest's shell on it (guest.py, vmport.shell)."""

    def __init__(self, path):
        self.fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self.fd, termios.TCSANOW)
        self.text = ''
        self.seen = 0
        self.number = 0

    def read(self, timeout):
        ready, _, _ = select.select((self.fd,), (), (), timeout)
        if not ready:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError:   # the other end is gone: EIO
            return False
        self.text += data.decode(errors='replace').replace('\r', '')
        return bool(data)

    def wait(self, marker, timeout=3 * DEADLINE):
        """Reads until a whole line has marker, after those that were waited for before; what
        follows the marker on that line."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            drain()
            start = self.seen
            while (stop := self.text.find('\n', start)) >= 0:
                line = self.text[start:stop].strip()
                start = self.seen = stop + 1
                if marker in line:
                    return line.partition(marker)[2].strip()
            self.read(0.2)
        raise AssertionError(f'the guest never said {marker!r}; it said:\n{self.text[-3000:]}')

    def send(self, text):
        os.write(self.fd, f'{text}\n'.encode())

    def run(self, command):
        """Has the guest's shell run a command; what it printed, on one line."""
        self.number += 1
        # So that an echo of the command is not taken for its answer.
        self.send(f'R=$({command}); echo "ANS""WER-{self.number} $? "$R')
        status, _, said = self.wait(f'ANSWER-{self.number} ').partition(' ')
        assert status == '0', f'in the guest, {command!r} failed with {status}: {said!r}\n' \
            f'{self.text[-2000:]}'
        return said.strip()

    def close(self):
        os.close(self.fd)


class Libvirt:
    """libvirtd, and what tests want of it. connection is open whenever libvirtd runs."""

    def __init__(self, folder):
        self.folder = folder
        self.log_file = folder / 'libvirtd.log'
        self.process = None
        self.connection = None
        self.consoles = []
        assert PLACE.stat().st_dev != CONFIGURATION.parent.stat().st_dev \
            and os.stat('/run').st_dev != os.stat('/usr').st_dev, 'run these through tests/check'
        make_user()
        # What packages and users of the host's libvirt configured is none of the tests' business.
        shutil.rmtree(CONFIGURATION, ignore_errors=True)
        CONFIGURATION.mkdir()
        (CONFIGURATION / 'qemu.conf').write_text(QEMU_CONF)
        (CONFIGURATION / 'libvirtd.conf').write_text(LIBVIRTD_CONF)
        IMAGES.mkdir(mode=0o711)
        self.start()
        pool = self.connection.storagePoolDefineXML(POOL)
        pool.setAutostart(True)
        pool.create()
        for network in NETWORKS:
            self.connection.networkDefineXML(network)

    # libvirtd itself

    def log(self):
        return self.log_file.read_text(errors='replace')

    def start(self):
        """Returns when libvirtd serves."""
        notify = self.folder / 'notify'
        notify.unlink(missing_ok=True)
        environment = {key: value for key, value in os.environ.items()
                       if key not in ('DBUS_SYSTEM_BUS_ADDRESS', 'LD_LIBRARY_PATH', 'G_DEBUG')}
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready, \
                open(self.log_file, 'a') as log:
            ready.bind(str(notify))
            ready.settimeout(0.5)
            self.process = subprocess.Popen(
                ('/usr/sbin/libvirtd', f'--config={CONFIGURATION}/libvirtd.conf'),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd='/',
                env={**environment, 'NOTIFY_SOCKET': str(notify)})
            end = time.monotonic() + DEADLINE
            while True:
                try:
                    assert ready.recv(4096)
                    break
                except TimeoutError:
                    assert self.process.poll() is None, f'libvirtd ended:\n{self.log()}'
                    assert time.monotonic() < end, f'libvirtd is not ready:\n{self.log()}'
        self.connection = libvirt.open(URI)

    def kill(self):
        """SIGKILL: its domains go on running, as they do on a real host."""
        self._forget_connection()
        self.process.kill()
        self.process.wait(DEADLINE)

    def stop(self):
        self._forget_connection()
        self.process.terminate()
        self.process.wait(DEADLINE)

    def _forget_connection(self):
        if self.connection:
            try:
                self.connection.close()
            except libvirt.libvirtError:
                pass
        self.connection = None

    def running(self):
        return self.process.poll() is None

    def hold(self):
        """libvirtd answers nobody until release()."""
        self.process.send_signal(19)

    def release(self):
        self.process.send_signal(18)

    # Domains

    def define(self, xml):
        return self.connection.defineXMLFlags(xml, libvirt.VIR_DOMAIN_DEFINE_VALIDATE)

    def domain(self, name):
        """By name, UUID, or vmport's object path."""
        name = str(name)
        if name.startswith('/org/vmport/'):
            return self.connection.lookupByUUIDString(name.rsplit('/', 1)[1].replace('_', '-'))
        try:
            return self.connection.lookupByUUIDString(name)
        except libvirt.libvirtError:
            return self.connection.lookupByName(name)

    def xml(self, name):
        """The inactive configuration."""
        return self.domain(name).XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)

    def names(self):
        return sorted(domain.name() for domain in self.connection.listAllDomains())

    def boot(self, name):
        """Starts a domain, from its managed save where it has one; its Console."""
        domain = self.domain(name)
        # Nothing that it says may be lost before somebody listens.
        domain.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)
        console = self.console(name)
        domain.resume()
        return console

    def console(self, name):
        """The Console of a domain that was started, and is paused."""
        live = self.domain(name).XMLDesc()
        console = Console(live.split("<serial type='pty'>")[1].split("<source path='")[1]
                          .split("'")[0])
        self.consoles.append(console)
        return console

    def destroy(self, name):
        """The power goes off; returns when QEMU has left everything to others."""
        self.domain(name).destroy()

    def wait_off(self, name, timeout=2 * DEADLINE):
        """Until the guest has powered itself off."""
        domain = self.domain(name)
        pid = self.pid(name)
        if pid:
            wait_gone(pid, f'QEMU of {name}', timeout)
        end = time.monotonic() + DEADLINE
        while domain.isActive():
            assert time.monotonic() < end, f'{name} never went off'

    @staticmethod
    def pid(name):
        """QEMU's, or None."""
        try:
            return int(pathlib.Path(f'/run/libvirt/qemu/{name}.pid').read_text())
        except FileNotFoundError:
            return None

    def undefine(self, name):
        """The domain goes with all that libvirt keeps of it; its disks stay."""
        domain = self.domain(name)
        if domain.isActive():
            domain.destroy()
        domain.undefineFlags(
            libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM |
            libvirt.VIR_DOMAIN_UNDEFINE_TPM | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA |
            libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA)

    # What is there

    def traces(self):
        """Everything that libvirt's places hold, for a comparison of before and after: {path: what
        would change if somebody touched it}."""
        result = {}
        for place in (PLACE, CONFIGURATION / 'qemu', pathlib.Path('/var/log/libvirt/qemu')):
            for path, stat in walk(place):
                # Not how long ago libvirt looked at something, nor its own runtime folders, nor what
                # it was writing when it was killed: it reads no such file, and replaces it.
                if '/channel/' in f'{path}/' or path.parent.name == 'qemu' and path.is_dir() \
                        or path.suffix in ('.log', '.new'):
                    continue
                result[str(path)] = (oct(stat.st_mode), stat.st_uid, stat.st_gid) \
                    + (() if path.is_dir() else (stat.st_size, stat.st_ino))
        return result

    def reset(self):
        """As it was at first, for the next test."""
        for console in self.consoles:
            console.close()
        self.consoles = []
        if not self.running():
            self.start()
        for domain in self.connection.listAllDomains():
            self.undefine(domain.UUIDString())
        for pool in self.connection.listAllStoragePools():
            if pool.name() != 'default':
                if pool.isActive():
                    pool.destroy()
                pool.undefine()
        for folder in (IMAGES, NVRAM, SAVED, TPM):
            for path in folder.iterdir() if folder.is_dir() else ():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        self.connection.storagePoolLookupByName('default').refresh()

    def end(self):
        self.reset()
        self.stop()
