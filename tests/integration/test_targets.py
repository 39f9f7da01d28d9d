"""Where an import puts its files: paths, roots, names that are taken, and what a failure leaves."""

import os
import subprocess

import pytest
from gi.repository import GLib

from rig import packages
from rig.caller import ACCESS_DENIED, ERROR, MANAGER, STORE, refused, variants
from rig.jobs import job_failure
from rig.machines import Disk, bare_directory, names

OTHER = {'Name': 'copy'}


@pytest.fixture
def package(daemon, carol, make_vm, area):
    """carol's package of "web" with two disks, a saved state, a TPM and UEFI variables."""
    machine = make_vm('web', [Disk(name='web.qcow2'), Disk(name='data.qcow2')])
    carol.wait(carol.export(machine, area / 'carol/package'))
    packages.add_saved_state(area / 'carol/package')
    packages.add_tpm(area / 'carol/package', {'tpm2/tpm2-00.permall': b'sealed'})
    packages.add_nvram(area / 'carol/package')
    return area / 'carol/package'


@pytest.fixture
def folder(area, users):
    """Makes folders of carol's."""
    def make(name):
        path = area / 'carol' / name
        path.mkdir()
        return users['carol'].own(path)
    return make


def check(caller, directory, settings):
    return caller.call(STORE, MANAGER, 'CheckImport', '(sa{sv})',
                       (str(directory), variants({**OTHER, **settings})))


def errors(findings):
    return [finding for finding in findings if finding['Severity'] == 'error']


def mended(findings):
    """What a client does with a report: all resolutions over each other."""
    result = {}
    for finding in findings:
        result.update(finding['Resolution'])
    return {key: value if not isinstance(value, list) or value else GLib.Variant('as', value)
            for key, value in result.items()}


def import_(caller, directory, **settings):
    result = caller.wait(caller.import_(directory, {**OTHER, **settings}))
    path = result['ImportedVirtualMachine']
    return caller.machines()[path], path


def test_data_root(package, daemon, carol, folder):
    """What belongs to the machine and is no disk goes into a folder of its own beneath the root."""
    root = folder('data')
    entry, path = import_(carol, package, TargetVmDataRoot=str(root))
    mine = root / entry['Uuid']
    assert names(mine) == ['nvram.fd', 'state.save']
    own = daemon.store / entry['Uuid'] / 'Virtual Machines' / entry['Uuid']
    assert (own / 'tpm/tpm2/tpm2-00.permall').read_bytes() == b'sealed', \
        "a TPM's state has no path in the configuration, so it stays with the manager"
    assert entry['State'] == 'saved'
    assert f'{mine}/nvram.fd' in carol.configuration(path)
    assert all(disk.startswith(str(daemon.store)) for disk in entry['ResourcePaths'])
    carol.delete(path, storage=True)
    assert names(root) == [], 'DeleteStorage takes them along, and the folder'


def test_two_machines_beneath_one_root(package, carol, folder):
    root = folder('data')
    first, _ = import_(carol, package, TargetVmDataRoot=str(root))
    second, _ = import_(carol, package, TargetVmDataRoot=str(root), Name='another')
    assert sorted(os.listdir(root)) == sorted([first['Uuid'], second['Uuid']])


def test_paths_win_over_roots(package, carol, folder):
    one, two = folder('one'), folder('two')
    entry, _ = import_(carol, package, TargetVhdDataRoot=str(one),
                       TargetResourcePaths=[str(two / 'mine.img'), ''])
    assert entry['ResourcePaths'] == [str(two / 'mine.img'), str(one / 'data.qcow2')]


def test_one_name_in_two_folders(package, carol, folder):
    """Names are told apart in a folder, not over all: each disk keeps its own."""
    one, two = folder('one'), folder('two')
    entry, _ = import_(carol, package, TargetVhdDataRoot=str(one),
                       TargetResourcePaths=[str(two / 'data.qcow2'), ''])
    assert entry['ResourcePaths'] == [str(two / 'data.qcow2'), str(one / 'data.qcow2')]


def test_two_disks_of_one_name(package, carol, folder):
    one = str(folder('one') / 'same.qcow2')
    settings = {'TargetResourcePaths': [one, one]}
    finding, = errors(check(carol, package, settings))
    assert (finding['Code'], finding['Index']) == ('TargetExists', 1)
    assert job_failure(carol, carol.import_, package, {**OTHER, **settings}).name \
        == f'{ERROR}Exists'
    import_(carol, package, **mended([finding]))


@pytest.mark.parametrize('key', ['TargetVhdDataRoot', 'TargetResourcePaths'])
def test_taken_names(package, carol, folder, key):
    """Nothing is overwritten; the report names a free name for each, in one array."""
    root = folder('disks')
    for name in ('web.qcow2', 'data.qcow2', 'data-2.qcow2'):
        (root / name).write_text('precious')
    settings = {key: str(root)} if key == 'TargetVhdDataRoot' else \
        {key: [str(root / 'web.qcow2'), str(root / 'data.qcow2')]}
    found = errors(check(carol, package, settings))
    assert [(finding['Code'], finding['Index']) for finding in found] \
        == [('TargetExists', 0), ('TargetExists', 1)]
    assert found[0]['Resolution'] == found[1]['Resolution'], \
        'every finding on an array carries the same complete array'
    error = job_failure(carol, carol.import_, package, {**OTHER, **settings})
    assert error.name == f'{ERROR}Exists' and error.message == found[0]['Message']
    again = {**settings, **mended(found)}
    assert errors(check(carol, package, again)) == []
    entry, _ = import_(carol, package, **again)
    assert entry['ResourcePaths'] == [str(root / 'web-2.qcow2'), str(root / 'data-3.qcow2')]
    for name in ('web.qcow2', 'data.qcow2', 'data-2.qcow2'):
        assert (root / name).read_text() == 'precious'


@pytest.mark.parametrize('key', ['TargetVhdDataRoot', 'TargetVmDataRoot', 'TargetSnapshotDataRoot'])
def test_missing_roots(package, carol, area, key):
    settings = {key: str(area / 'carol/none')}
    finding, = errors(check(carol, package, settings))
    assert (finding['Code'], finding['Setting']) == ('TargetMissing', key)
    error = job_failure(carol, carol.import_, package, {**OTHER, **settings})
    assert error.name == f'{ERROR}InvalidParameter' and error.message == finding['Message']
    import_(carol, package, **{**settings, **mended([finding])})


def test_missing_folder_of_a_path_and_root(package, carol, area, folder):
    """One missing folder that a path and a root name: mending must mend both."""
    settings = {'TargetVhdDataRoot': str(area / 'carol/none'),
                'TargetResourcePaths': [str(area / 'carol/none/x.qcow2'), '']}
    found = errors(check(carol, package, settings))
    assert {(finding['Code'], finding['Setting']) for finding in found} \
        == {('TargetMissing', 'TargetVhdDataRoot'), ('TargetMissing', 'TargetResourcePaths')}
    assert errors(check(carol, package, {**settings, **mended(found)})) == []


def test_folder_that_may_not_be_written(package, carol, area, users):
    secret = area / 'alice/secret'
    secret.mkdir()
    area.joinpath('alice').chmod(0o755)
    settings = {'TargetVhdDataRoot': str(secret)}
    first = refused(check, carol, package, settings)
    second = job_failure(carol, carol.import_, package, {**OTHER, **settings})
    assert first.name == second.name == ACCESS_DENIED and first.message == second.message
    assert 'TargetVhdDataRoot' in first.message


def test_space_is_counted_for_each_file_system(package, carol, area, users):
    """A small disk for the targets, although the store has room enough."""
    image, small = area / 'small.img', area / 'carol/small'
    with open(image, 'wb') as file:
        file.truncate(8 << 20)
    subprocess.run(('mkfs.ext4', '-q', image), check=True)
    small.mkdir()
    subprocess.run(('mount', '-o', 'loop', image, small), check=True)
    users['carol'].own(small)
    free = os.statvfs(small).f_bavail * os.statvfs(small).f_bsize
    with open(small / 'filler', 'wb') as file:
        file.write(b'x' * (free - 32768))
    settings = {'TargetVhdDataRoot': str(small)}
    finding, = errors(check(carol, package, settings))
    assert finding['Code'] == 'NotEnoughSpace' and finding['Bytes'] > 32768
    error = job_failure(carol, carol.import_, package, {**OTHER, **settings})
    assert error.name == f'{ERROR}NoSpace' and error.message == finding['Message']
    assert names(small) == ['filler', 'lost+found']


def test_lower_images_make_way(daemon, carol, area, users, folder):
    """They have no name that anybody counts on."""
    bare = bare_directory(area / 'carol/bare', 'chained', [Disk(name='top.qcow2')])
    (bare / 'top.qcow2').unlink()
    subprocess.run(('qemu-img', 'create', '-q', '-f', 'qcow2', bare / 'base.qcow2', '8M'),
                   check=True)
    subprocess.run(('qemu-img', 'create', '-q', '-f', 'qcow2', '-b', 'base.qcow2', '-F', 'qcow2',
                    bare / 'top.qcow2'), check=True)
    for path in (bare, *bare.rglob('*')):
        users['carol'].own(path)
    root = folder('disks')
    (root / 'base.qcow2').write_text('precious')
    assert errors(check(carol, bare, {'TargetVhdDataRoot': str(root)})) == []
    entry, _ = import_(carol, bare, TargetVhdDataRoot=str(root))
    assert entry['ResourcePaths'] == [str(root / 'top.qcow2')]
    chain = subprocess.run(('qemu-img', 'info', '--backing-chain', root / 'top.qcow2'), check=True,
                           text=True, stdout=subprocess.PIPE).stdout
    assert f'image: {root}/base-2.qcow2' in chain
    assert (root / 'base.qcow2').read_text() == 'precious'


def test_a_failure_takes_everything_back(package, carol, folder):
    """The folder for the data, too, which is made beneath the caller's own."""
    data, disks = folder('data'), folder('disks')
    with open(package / 'Virtual Hard Disks/data.qcow2', 'r+b') as file:
        file.seek(-100, os.SEEK_END)
        byte = file.read(1)
        file.seek(-100, os.SEEK_END)
        file.write(bytes([byte[0] ^ 1]))
    error = job_failure(carol, carol.import_, package,
                        {**OTHER, 'TargetVmDataRoot': str(data), 'TargetVhdDataRoot': str(disks)})
    assert error.name == f'{ERROR}Corrupt'
    assert names(data) == names(disks) == []


def test_a_crash_takes_everything_back(package, daemon, carol, folder, recorder):
    data, disks = folder('data'), folder('disks')
    job = carol.import_(package, {**OTHER, 'TargetVmDataRoot': str(data),
                                  'TargetVhdDataRoot': str(disks),
                                  'BandwidthLimit': GLib.Variant('t', 1)})
    recorder.wait_phase(job, 'Copying')
    assert names(data) != []
    daemon.kill()
    (disks / 'other').write_text("somebody else's")
    daemon.start()
    assert carol.job(job)['ErrorName'] == f'{ERROR}Interrupted'
    assert names(data) == [] and names(disks) == ['other']


def test_data_from_elsewhere(package, carol, folder, area):
    """SourceVmDataRoot: the folder that holds them directly, or as a package does."""
    uuid = packages.machine_uuid(package)
    mine = package / f'Virtual Machines/{uuid}'
    for root, place in ((folder('direct'), '.'), (folder('nested'), uuid)):
        (root / place).mkdir(exist_ok=True)
        for name in ('nvram.fd', 'state.save', 'tpm'):
            subprocess.run(('cp', '-a', mine / name, root / place), check=True)
        subprocess.run(('chown', '-R', '--reference', package, root), check=True)
    os.rename(mine, area / 'carol/away')
    settings = {'SourceVmDataRoot': str(area / 'carol')}
    assert {finding['Setting'] for finding in errors(check(carol, package, settings))} \
        == {'SourceVmDataRoot'}
    for root in ('direct', 'nested'):
        entry, _ = import_(carol, package, SourceVmDataRoot=str(area / 'carol' / root), Name=root)
        assert entry['State'] == 'saved'
