"""CheckExport: what an export would do, told beforehand; and the settings for what stays behind."""

import pytest
from gi.repository import GLib

from rig.caller import ACCESS_DENIED, ERROR, refused, variants
from rig.jobs import job_failure
from rig.machines import Disk, names, random_disk

pytestmark = pytest.mark.modes('system', 'session')

MANAGER = 'org.vmport.Manager'
STORE = '/org/vmport/Manager/store'


def check(caller, machine, folder, settings=None):
    return caller.call(STORE, MANAGER, 'CheckExport', '(osa{sv})',
                       (machine, str(folder), variants(settings)))


@pytest.fixture
def machine(daemon, make_vm):
    return make_vm('web', [random_disk(4), Disk(name='second.qcow2')])


def test_clean(machine, alice, area):
    found = check(alice, machine, area / 'alice/package')
    assert [finding['Code'] for finding in found] == ['PackageSize']
    assert found[0]['Severity'] == 'info' and found[0]['Bytes'] >= 4 << 20
    assert names(area / 'alice') == [], 'a check changes nothing'
    result = alice.wait(alice.export(machine, area / 'alice/package'))
    assert result['BytesCopied'] + result['BytesCloned'] == found[0]['Bytes']


def test_its_own_errors(machine, alice, area):
    """Check… returns as its own error what fails the job of the operation, in the same words."""
    (area / 'alice/full').mkdir()
    (area / 'alice/full/file').write_text('x')
    for folder, name in (('full', f'{ERROR}Exists'), ('none/deeper', f'{ERROR}NotFound')):
        error = refused(check, alice, machine, area / 'alice' / folder)
        assert error.name == name
        failure = job_failure(alice, alice.export, machine, area / 'alice' / folder)
        assert (failure.name, failure.message) == (error.name, error.message)
    assert refused(check, alice, machine, '/root/package').name == ACCESS_DENIED


def test_config_only(machine, alice, area):
    settings = {'CopyVmStorage': False, 'CopySnapshotConfiguration': GLib.Variant('y', 1)}
    assert check(alice, machine, area / 'alice/package', settings)[0]['Bytes'] == 0
    result = alice.wait(alice.export(machine, area / 'alice/package', settings))
    assert result['Files'] == 1 and result['BytesCopied'] == 0
    assert not (area / 'alice/package/Virtual Hard Disks').exists()
    # Importing it: every disk keeps its position, and waits for a path or a root.
    prefilled = alice.import_settings(area / 'alice/package')
    assert prefilled['SourceResourcePaths'] == ['', '']
    paths = alice.machines()[machine]['ResourcePaths']
    assert prefilled['CurrentResourcePaths'] == paths
    error = job_failure(alice, alice.import_, area / 'alice/package', {'Name': 'copy'})
    assert error.name == f'{ERROR}NotFound', 'SourceMissing'


def test_disks_from_elsewhere(machine, alice, area, users):
    """Disks by SourceResourcePaths, and by SourceVhdDataRoot alone."""
    whole, bare = area / 'alice/whole', area / 'alice/config'
    alice.wait(alice.export(machine, whole))
    alice.wait(alice.export(machine, bare, {'CopyVmStorage': False}))
    root = whole / 'Virtual Hard Disks'
    files = alice.import_settings(whole)['SourceResourcePaths']
    for number, settings in enumerate(({'SourceResourcePaths': files},
                                       {'SourceVhdDataRoot': str(root)})):
        result = alice.wait(alice.import_(bare, {'Name': f'copy{number}', **settings}))
        assert result['BytesCopied'] + result['BytesCloned'] >= 4 << 20


@pytest.mark.parametrize('by', ['target', 'path'])
def test_excluded_disk(machine, alice, area, by):
    paths = alice.machines()[machine]['ResourcePaths']
    excluded = 'vdb' if by == 'target' else paths[1]
    result = alice.wait(alice.export(machine, area / 'alice/package',
                                     {'ExcludedVirtualHardDisks': [excluded]}))
    assert [warning['Code'] for warning in result['Warnings']] == ['DiskLeftBehind']
    assert len(names(area / 'alice/package/Virtual Hard Disks')) == 1
    assert alice.import_settings(area / 'alice/package')['SourceResourcePaths'][1] == ''
    error = job_failure(alice, alice.export, machine, area / 'alice/second',
                        {'ExcludedVirtualHardDisks': ['vdz']})
    assert error.name == f'{ERROR}InvalidParameter' and 'vdz' in error.message
    assert not (area / 'alice/second').exists()
