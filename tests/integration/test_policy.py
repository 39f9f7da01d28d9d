"""What is installed around the daemon: bus policy, polkit actions, activation, unit, settings."""

import pathlib
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

from rig.caller import STORE, refused

ACTIONS = ('export', 'import', 'import-in-place', 'import-unsafe', 'set-scope', 'delete')
INTERFACES = {'org.vmport.Daemon', 'org.vmport.Manager', 'org.vmport.VirtualMachine',
              'org.vmport.Snapshot', 'org.vmport.Job'}


@pytest.fixture(scope='module')
def data(prefix):
    return pathlib.Path(prefix)


def test_bus_policy_has_no_holes(data):
    root = ElementTree.parse(data / 'share/dbus-1/system.d/org.vmport.conf').getroot()
    allowed = set()
    for policy in root.iterfind('policy'):
        for rule in policy:
            assert rule.tag == 'allow', 'nothing is taken away from other services'
            if 'own' in rule.attrib:
                assert policy.attrib == {'user': 'root'} and rule.attrib == {'own': 'org.vmport'}
                continue
            assert rule.get('send_destination') == 'org.vmport', \
                f'every allow names its destination: {rule.attrib}'
            assert set(rule.attrib) == {'send_destination', 'send_interface'}, rule.attrib
            allowed.add(rule.get('send_interface'))
    assert allowed == INTERFACES | {'org.freedesktop.DBus.Introspectable',
                                    'org.freedesktop.DBus.Peer',
                                    'org.freedesktop.DBus.Properties'}


def test_nobody_else_owns_the_name(bus, alice, bob):
    for caller in (alice, bob):
        error = refused(caller.call, '/org/freedesktop/DBus', 'org.freedesktop.DBus', 'RequestName',
                        '(su)', ('org.vmport', 3), destination='org.freedesktop.DBus')
        assert error.name == 'org.freedesktop.DBus.Error.AccessDenied'


def test_other_interfaces_do_not_get_through(daemon, bob):
    error = refused(bob.call, STORE, 'org.freedesktop.DBus.ObjectManager', 'GetManagedObjects')
    assert error.name == 'org.freedesktop.DBus.Error.AccessDenied'
    bob.call(STORE, 'org.freedesktop.DBus.Peer', 'Ping')


def test_actions_are_the_designs():
    """architecture.md, "Authorisation": the table, and nothing that is kept."""
    root = ElementTree.parse('/usr/share/polkit-1/actions/org.vmport.policy').getroot()
    found = {}
    for action in root.iterfind('action'):
        defaults = action.find('defaults')
        values = {defaults.findtext(f'allow_{who}') for who in ('any', 'inactive', 'active')}
        assert len(values) == 1, f'{action.get("id")}: any, inactive and active alike'
        found[action.get('id')], = values
        for element in ('description', 'message'):
            assert action.findtext(element)
            assert '$(' not in action.findtext(element)
    # The last is no right: it tells which store polkit goes by.
    expected = {'view': 'yes', 'manage-jobs': 'auth_admin', 'scoped.view': 'no', 'compiled': 'no'}
    for name in ACTIONS:
        expected[name] = expected[f'scoped.{name}'] = 'auth_admin'
    assert found == {f'org.vmport.{name}': value for name, value in expected.items()}


def test_activation_and_unit_agree(data):
    service = (data / 'share/dbus-1/system-services/org.vmport.service').read_text().splitlines()
    assert {'Name=org.vmport', f'Exec={data}/libexec/vmportd --exit-on-idle=60', 'User=root',
            'SystemdService=vmportd-on-demand.service'} <= set(service)
    units = {}
    for name, options in (('vmportd', ''), ('vmportd-on-demand', ' --exit-on-idle=60')):
        unit = data / f'lib/systemd/system/{name}.service'
        units[name] = set(unit.read_text().splitlines())
        start = f'{data}/libexec/vmportd --worker-socket=/run/vmport/worker{options}'
        assert {'Type=notify', f'ExecStart={start}'} <= units[name]
        result = subprocess.run(('systemd-analyze', 'verify', '--man=no', unit), text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        assert result.returncode == 0 and name not in result.stdout, result.stdout
    assert 'WantedBy=multi-user.target' in units['vmportd']
    assert '[Install]' not in units['vmportd-on-demand']


def test_tmpfiles_are_understood(data, area):
    subprocess.run(('systemd-tmpfiles', '--create', f'--root={area}/root',
                    data / 'lib/tmpfiles.d/vmport.conf'), check=True)
    state = area / 'root' / str(data / 'var/lib/vmport')[1:]
    assert state.stat().st_mode & 0o7777 == 0o711
    assert (state / 'store').stat().st_mode & 0o7777 == 0o711


def test_every_key_is_shown_with_its_default(data):
    text = (data / 'etc/vmport/vmport.conf').read_text()
    for line in (f'#StoreRoot={data}/var/lib/vmport/store', '#MaxJobs=4', '#MaxJobsPerUser=16',
                 '#JobRetentionSec=300', '#LeftoverRetrySec=300', '#WorkerTimeoutSec=30',
                 '#Networks=', '#Scopes='):
        assert f'\n{line}\n' in text


def test_the_shown_configuration_is_taken(make_daemon, data, bob):
    """With every comment sign removed, the daemon starts and behaves the same."""
    lines = [line[1:] for line in (data / 'etc/vmport/vmport.conf').read_text().splitlines()
             if line.startswith('#') and not line.startswith('# ')]
    keys = dict(line.split('=', 1) for line in lines if '=' in line)
    assert len(keys) == 9
    del keys['StoreRoot']
    make_daemon(**keys)
    assert bob.get(STORE, 'org.vmport.Manager', 'JobRetentionUSec') == 300000000
