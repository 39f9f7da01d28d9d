"""A machine that boots: exported, imported, and started from its own copy of everything."""

import pathlib
import shutil
import sys

from rig.machines import names

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / 'lib'))

import guest   # pylint: disable=wrong-import-position


def test_the_copy_boots(daemon, alice, area, users):
    folder = guest.make(area / 'alice/tiny', marker='it is me',
                        disk_path='/var/lib/libvirt/images/tiny.qcow2')
    for path in (folder, *folder.rglob('*')):
        users['alice'].own(path)
    first = alice.wait(alice.import_(folder))['ImportedVirtualMachine']
    shutil.rmtree(folder)
    alice.wait(alice.export(first, area / 'alice/package'))
    copy = alice.wait(alice.import_(area / 'alice/package', {'Name': 'copy'}))[
        'ImportedVirtualMachine']
    assert {'vmport.xml', 'Virtual Machines', 'Virtual Hard Disks'} <= set(
        names(area / 'alice/package'))
    shutil.rmtree(area / 'alice/package')
    console = guest.boot(alice.configuration(copy))
    assert 'GUEST-MARKER it is me' in console, console
    assert f'GUEST-UUID {alice.machines()[copy]["Uuid"]}' in console, console
