"""vmportd --session and a libvirtd of the user's own, neither with any privilege."""

import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

from rig import packages
from rig.caller import MANAGER, QEMU
from rig.libvirt import QEMU_CONF
from rig.loop import wait_on_disk
from rig.machines import Disk, make_image
from rig.qemu import Qemu, wait_asking

pytestmark = pytest.mark.modes('session')

DOMAIN = '''<domain type='qemu'><name>web</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='q35'>hvm</type></os><devices><disk type='file' device='disk'>
<driver name='qemu' type='qcow2'/><source file='{}'/><target dev='vda' bus='virtio'/></disk>
<interface type='user'/></devices></domain>'''


class Session:
    """libvirtd as alice runs it for herself."""

    def __init__(self, user):
        self.user = user
        # The paths of its sockets must be short.
        home = self.home = pathlib.Path(tempfile.mkdtemp(dir='/run'))
        self.runtime, self.images = home / 'run', home / 'images'
        for path in (home, self.runtime, home / 'config', home / 'config/libvirt', self.images):
            path.mkdir(mode=0o700, exist_ok=True)
            user.own(path)
        (home / 'config/libvirt/qemu.conf').write_text(QEMU_CONF)
        self.environment = {'HOME': str(home), 'XDG_RUNTIME_DIR': str(self.runtime),
                            'XDG_CONFIG_HOME': str(home / 'config'),
                            'XDG_CACHE_HOME': str(home / 'cache'), 'LIBVIRT_AUTOSTART': '0'}
        environment = {**os.environ, **self.environment}
        environment.pop('DBUS_SYSTEM_BUS_ADDRESS', None)
        self.log = home / 'libvirtd.log'
        with open(self.log, 'w') as log:
            self.process = user.popen(('/usr/sbin/libvirtd',), stdin=subprocess.DEVNULL,
                                      stdout=log, stderr=log, env=environment)
        wait_on_disk(lambda: self.process.poll() is None
                     and (self.runtime / 'libvirt/libvirt-sock').exists(),
                     f'libvirtd: {self.log.read_text()}')

    def virsh(self, *arguments):
        done = self.user.run(('virsh', '-q', '-c', 'qemu:///session', *map(str, arguments)),
                             env={**os.environ, **self.environment})
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def define(self, name, text):
        path = self.home / name
        path.write_text(text)
        return path

    def stop(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.home)


@pytest.fixture
def session(users):
    made = Session(users['alice'])
    yield made
    made.stop()


def test_a_users_own(session, make_daemon, alice, area, users):
    """It comes and goes, machines are exported with their state, and imported into the user's own
    places: all of it belongs to the user."""
    session.virsh('pool-define-as', 'default', 'dir', '--target', session.images)
    session.virsh('pool-start', 'default')
    make_image(session.images / 'web.qcow2', Disk(name='web.qcow2'))
    users['alice'].own(session.images / 'web.qcow2')
    session.virsh('define', session.define('web.xml', DOMAIN.format(session.images / 'web.qcow2')))
    daemon = make_daemon()
    daemon.environment.update(session.environment)
    daemon.restart()
    manager = Qemu(alice)
    manager.wait()
    assert alice.get(QEMU, MANAGER, 'Uri') == 'qemu:///session'
    assert alice.get(QEMU, MANAGER, 'StorageRoots') == [str(session.images)]
    machine = manager.find(alice, 'web')

    session.virsh('start', 'web')
    session.virsh('managedsave', 'web')
    manager.wait_state(alice, machine, 'saved')
    session.virsh('autostart', 'web')
    wait_asking(lambda: 'autostart' in alice.configuration(machine), 'word of autostart')
    package = area / 'alice/package'
    alice.wait(alice.export(machine, package, manager=QEMU))
    packages.assert_package(package)
    result = alice.wait(alice.import_(package, {'Name': 'new'}, QEMU))
    entry = alice.machines(QEMU)[result['ImportedVirtualMachine']]
    assert entry['State'] == 'saved'
    path = pathlib.Path(entry['ResourcePaths'][0])
    assert path.parent == session.images and path.stat().st_uid == users['alice'].uid
    assert 'Autostart:      enable' in session.virsh('dominfo', 'new')
    session.virsh('start', 'new')
    manager.wait_state(alice, result['ImportedVirtualMachine'], 'running')
    session.virsh('destroy', 'new')
    session.virsh('managedsave-remove', 'web')
    manager.wait_state(alice, machine, 'off')
