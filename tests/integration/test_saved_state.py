"""Saved states, TPMs and UEFI variables: what the store has of them, and what an export takes."""

import os

import pytest

from rig import packages, stored
from rig.caller import ACCESS_DENIED, ERROR, MANAGER, STORE, variants
from rig.jobs import job_failure
from rig.machines import names
from rig.recorder import WITH_WARNINGS

STATE = b'LibvirtQemudSave' + os.urandom(100_000)
TPM = {'tpm/tpm2/tpm2-00.permall': b'permanent' * 700, 'tpm/.lock': b''}


def check(caller, machine, folder, settings=None):
    return caller.call(STORE, MANAGER, 'CheckExport', '(osa{sv})',
                       (machine, str(folder), variants(settings)))


def codes(found):
    return [finding['Code'] for finding in found]


@pytest.fixture
def saved(daemon, make_vm):
    machine = make_vm('web')
    stored.put(daemon, machine, {'state.save': STATE})
    return machine


def member(package, role):
    """The content of the one member of a role."""
    name, = (name for name, has in packages.members(package).items() if has == role)
    return (package / name).read_bytes()


def test_store_knows_saved_machines(saved, alice):
    assert alice.machines()[saved]['State'] == 'saved'
    assert 'saved-state' in alice.get(STORE, MANAGER, 'Features')


@pytest.mark.parametrize('storage', [True, False])
def test_state_goes_along(saved, alice, area, storage):
    """By default, and with CopyVmStorage=false too: it is another key's to leave it."""
    package = area / 'alice/package'
    assert codes(check(alice, saved, package, {'CopyVmStorage': storage})) == ['PackageSize']
    result = alice.wait(alice.export(saved, package, {'CopyVmStorage': storage}))
    assert result['Warnings'] == [] and result['BytesCopied'] >= len(STATE)
    assert packages.state(package) == 'saved'
    assert member(package, 'state') == STATE
    uuid = packages.machine_uuid(package)
    assert packages.members(package)[f'Virtual Machines/{uuid}/state.save'] == 'state'
    assert (package / 'Virtual Hard Disks').exists() == storage
    packages.assert_package(package)
    assert alice.machines()[saved]['State'] == 'saved', 'an export leaves it as it is'


def test_state_left_behind(saved, alice, area):
    package = area / 'alice/package'
    settings = {'CopyVmRuntimeInformation': False}
    job = alice.export(saved, package, settings)
    warning, = alice.wait(job)['Warnings']
    assert (warning['Code'], warning['Setting']) \
        == ('StateLeftBehind', 'CopyVmRuntimeInformation')
    assert alice.job(job)['JobState'] == WITH_WARNINGS
    assert packages.state(package) == 'off' and 'state' not in packages.members(package).values()
    assert warning in check(alice, saved, area / 'alice/second', settings)
    copy = alice.wait(alice.import_(package, {'Name': 'copy'}))['ImportedVirtualMachine']
    assert alice.machines()[copy]['State'] == 'off'


def test_nothing_to_leave(daemon, alice, make_vm, area):
    result = alice.wait(alice.export(make_vm('web'), area / 'alice/package',
                                     {'CopyVmRuntimeInformation': False}))
    assert result['Warnings'] == []


@pytest.fixture
def elsewhere(daemon, make_vm, area, users):
    """A saved machine whose state lies in alice's home; its path."""
    state = area / 'alice/the state'
    state.write_bytes(STATE)
    users['alice'].own(state)
    machine = make_vm('web')
    stored.put(daemon, machine, {'state.path': f'{state}\n'.encode()})
    return machine, state


def test_state_elsewhere(elsewhere, alice, bob, polkit, area):
    machine, _ = elsewhere
    assert alice.machines()[machine]['State'] == 'saved'
    alice.wait(alice.export(machine, area / 'alice/package'))
    assert member(area / 'alice/package', 'state') == STATE
    # It is opened with the caller's rights: bob's do not reach into alice's home.
    polkit.rules('return polkit.Result.YES;')
    assert job_failure(bob, bob.export, machine, area / 'bob/package').name == ACCESS_DENIED
    assert names(area / 'bob') == []


def test_state_that_is_gone(elsewhere, alice, area):
    """The check says so, and what it offers mends it."""
    machine, state = elsewhere
    state.unlink()
    finding, _ = check(alice, machine, area / 'alice/package')
    assert (finding['Code'], finding['Severity']) == ('SourceMissing', 'error')
    assert finding['Setting'] == 'CopyVmRuntimeInformation'
    assert finding['Resolution'] == {'CopyVmRuntimeInformation': False}
    error = job_failure(alice, alice.export, machine, area / 'alice/package')
    assert (error.name, error.message) == (f'{ERROR}NotFound', finding['Message'])
    assert names(area / 'alice') == []
    alice.wait(alice.export(machine, area / 'alice/package', finding['Resolution']))
    assert packages.state(area / 'alice/package') == 'off'


def test_broken_record_of_a_state(daemon, alice, make_vm):
    machine = make_vm('web')
    daemon.fatal = 'fatal-criticals'
    stored.put(daemon, machine, {'state.path': b'no path'})
    assert machine not in alice.machines()
    assert 'state.path' in daemon.log(), 'the administrator is told which file is wrong'


@pytest.mark.parametrize('settings', [{}, {'CopyVmStorage': False},
                                      {'CopyVmRuntimeInformation': False}],
                         ids=['all', 'config-only', 'no state'])
def test_tpm_and_uefi_variables_always_travel(daemon, alice, make_vm, area, settings):
    """They belong to the configuration."""
    alice.wait(alice.export(make_vm('old'), area / 'alice/before'))
    packages.add_nvram(area / 'alice/before', b'variables' * 5000)
    machine = alice.wait(alice.import_(area / 'alice/before',
                                       {'Name': 'web'}))['ImportedVirtualMachine']
    stored.put(daemon, machine, TPM)
    package = area / 'alice/package'
    alice.wait(alice.export(machine, package, settings))
    own = f'Virtual Machines/{packages.machine_uuid(package)}'
    roles = packages.members(package)
    for name, data in TPM.items():
        assert roles[f'{own}/{name}'] == 'tpm' and (package / own / name).read_bytes() == data
    assert roles[f'{own}/nvram.fd'] == 'nvram'
    assert (package / own / 'nvram.fd').read_bytes() == b'variables' * 5000
    packages.assert_package(package)


def contents(package):
    """{(role, name without the uuid): content} of a machine's own files."""
    own = f'Virtual Machines/{packages.machine_uuid(package)}/'
    return {(role, name.removeprefix(own)): (package / name).read_bytes()
            for name, role in packages.members(package).items() if name.startswith(own)}


@pytest.mark.parametrize('copy', [True, False], ids=['copied', 'in place'])
def test_round_trip(daemon, carol, make_vm, area, copy):
    """What an import took in, by copy or in place, an export brings out again."""
    first, second = area / 'carol/first', area / 'carol/second'
    carol.wait(carol.export(make_vm('old'), first))
    packages.add_tpm(first)
    packages.add_nvram(first)
    packages.add_saved_state(first, STATE)
    before = contents(first)
    assert sorted(role for role, _ in before) == ['nvram', 'state', 'tpm']
    machine = carol.wait(carol.import_(first, {'Name': 'web', 'CreateCopy': copy}))[
        'ImportedVirtualMachine']
    assert carol.machines()[machine]['State'] == 'saved'
    carol.wait(carol.export(machine, second))
    assert packages.state(second) == 'saved' and contents(second) == before
    packages.assert_package(second)


def test_id_of_disks_that_were_left(daemon, alice, root, make_vm, area):
    """Disks of a machine that was deleted without them keep its id, and the check knows."""
    machine = make_vm('web')
    alice.wait(alice.export(machine, area / 'alice/package'))
    root.delete(machine, storage=False)
    settings = {'GenerateNewId': False}
    found = alice.call(STORE, MANAGER, 'CheckImport', '(sa{sv})',
                       (str(area / 'alice/package'), variants(settings)))
    finding, = (finding for finding in found if finding['Severity'] == 'error')
    assert finding['Code'] == 'IdInUse'
    assert finding['Resolution'] == {'GenerateNewId': True}
    error = job_failure(alice, alice.import_, area / 'alice/package', settings)
    assert (error.name, error.message) == (f'{ERROR}Exists', finding['Message'])
    alice.wait(alice.import_(area / 'alice/package', {**settings, **finding['Resolution']}))


@pytest.mark.parametrize('files', [{f'tpm2/{number}': b'x' for number in range(130)},
                                   {'a/b/c/d/e': b'x'}], ids=['many', 'deep'])
def test_more_of_a_tpm_than_would_be_read_again(daemon, alice, make_vm, area, files):
    """Such a package is broken; it must not become a machine that the store cannot read."""
    package = area / 'alice/package'
    alice.wait(alice.export(make_vm(), package))
    packages.add_tpm(package, files)
    assert job_failure(alice, alice.import_, package, {'Name': 'copy'}).name == f'{ERROR}Corrupt'
    assert len(alice.machines()) == 1
