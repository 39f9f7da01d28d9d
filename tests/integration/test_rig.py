"""The rig itself: what the other tests take for granted about bus, users and polkitd."""

import os
import pwd

import pytest
from gi.repository import GLib

from rig import packages
from rig.caller import Caller
from rig.users import SHARED_GROUP


def test_callers_are_who_they_say(bus, connect, users):
    caller = connect('alice')
    reply = bus.root.call_sync('org.freedesktop.DBus', '/org/freedesktop/DBus',
                               'org.freedesktop.DBus', 'GetConnectionCredentials',
                               GLib.Variant('(s)', (caller.unique_name,)), None, 0, -1, None)
    credentials = reply.unpack()[0]
    assert credentials['UnixUserID'] == users['alice'].uid
    assert sorted(credentials['UnixGroupIDs']) == sorted(users['alice'].groups), \
        f'the bus must see alice with her groups, {SHARED_GROUP} among them'
    assert os.geteuid() == 0


def test_service_user_comes_from_sysusers(users):
    entry = pwd.getpwnam('vmport')
    assert entry.pw_shell.endswith('nologin') and entry.pw_uid < 1000


def check(bus, caller, action, details=None):
    reply = bus.root.call_sync(
        'org.freedesktop.PolicyKit1', '/org/freedesktop/PolicyKit1/Authority',
        'org.freedesktop.PolicyKit1.Authority', 'CheckAuthorization',
        GLib.Variant('((sa{sv})sa{ss}us)',
                     (('system-bus-name', {'name': GLib.Variant('s', caller.unique_name)}),
                      f'org.vmport.{action}', details or {}, 0, '')), None, 0, -1, None)
    authorized, challenge, _ = reply.unpack()[0]
    return 'yes' if authorized else 'auth' if challenge else 'no'


def test_polkit_answers_by_the_projects_actions(bus, polkitd, alice, bob, carol, dave):
    """architecture.md, "Authorisation": the table of actions and defaults."""
    rest = ('export', 'import', 'import-in-place', 'import-unsafe', 'set-scope', 'delete')
    assert check(bus, bob, 'view') == 'yes'
    assert check(bus, bob, 'scoped.view') == 'no'
    for action in (*rest, 'manage-jobs', *(f'scoped.{action}' for action in rest)):
        assert check(bus, bob, action) == 'auth', f'{action} is auth_admin by default'
    assert check(bus, alice, 'export') == 'yes'
    assert check(bus, alice, 'manage-jobs') == 'auth'
    assert check(bus, carol, 'manage-jobs') == 'yes'
    assert check(bus, dave, 'view') == 'no'


def test_rules_change_and_come_back(bus, polkitd, polkit, bob):
    polkit.rules('return action.lookup("vm_name") == "web" ? polkit.Result.YES : polkit.Result.NO;')
    assert check(bus, bob, 'export', {'vm_name': 'web'}) == 'yes'
    assert check(bus, bob, 'export', {'vm_name': 'db'}) == 'no'
    polkit.rules()
    assert check(bus, bob, 'export', {'vm_name': 'web'}) == 'auth'


def test_several_connections_of_one_user(bus, users):
    first, second = Caller(bus, users['bob']), Caller(bus, users['bob'])
    assert first.unique_name != second.unique_name
    first.close()
    second.close()


@pytest.mark.parametrize('checksum', ['fs-verity', 'sha256', 'none'])
def test_changed_packages_stay_valid(daemon, alice, make_vm, area, checksum):
    """What rig/packages.py adds to a package is what vmport would have written."""
    machine = make_vm('web', networks=['user'])
    package = area / 'alice/package'
    alice.wait(alice.export(machine, package, {'Checksum': checksum}))
    packages.add_saved_state(package)
    packages.add_tpm(package, {'tpm2/tpm2-00.permall': b'first', 'second': b''})
    packages.add_nvram(package)
    packages.add_member(package, 'kernel', 'Virtual Machines/kernel', b'to be removed')
    packages.remove_member(package, 'Virtual Machines/kernel')
    assert sorted(packages.members(package).values()) \
        == ['configuration', 'disk', 'nvram', 'state', 'tpm', 'tpm']
    assert packages.state(package) == 'saved' and list(packages.drives(package)) == ['vda']
    result = packages.verify(alice, package)
    assert result['Files'] == 6
    assert [warning['Code'] for warning in result['Warnings']] \
        == (['ChecksumMissing'] if checksum == 'none' else [])
    if checksum == 'sha256':
        sums = alice.user.run(('sha256sum', '--strict', '-c', 'SHA256SUMS'), cwd=package)
        assert sums.returncode == 0, sums.stdout + sums.stderr
    packages.remove_member(package, next(name for name, role in packages.members(package).items()
                                         if role == 'state'))
    assert packages.state(package) == 'off'
