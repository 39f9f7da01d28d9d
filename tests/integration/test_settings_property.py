"""Random combinations of settings, hundreds of them: each ends in a success whose result agrees
with the settings, or in the error that the contract names, as keys/contract.py works it out, and
leaves nothing behind. A check beforehand says the same, and what it proposes mends what it found.

They are the same each time, so that a run can be compared with the one before; VMPORT_SEED chooses
others, VMPORT_COMBINATIONS how many there are.
"""

import os
import random
import re
import shutil
import xml.etree.ElementTree as ElementTree
from collections import Counter
from contextlib import nullcontext

import pytest

from keys import documented
from keys.combinations import draw_export, draw_import
from keys.contract import digest, expect_export, expect_import
from keys.stage import NETWORKS, SCOPES, Stage, macs
from rig import packages
from rig.caller import MANAGER, STORE, Refused, variants
from rig.machines import names, tree
from rig.world import open_folder

SEED = int(os.environ.get('VMPORT_SEED') or 2008)
COMBINATIONS = int(os.environ.get('VMPORT_COMBINATIONS', '500'))
BLOCK = 50
TYPES = {kind: documented(kind) for kind in ('import', 'export')}
SHOWN = 5


@pytest.fixture(scope='module')
def stage(make_world):
    return Stage(make_world(Networks=';'.join(NETWORKS), Scopes=';'.join(SCOPES)))


@pytest.fixture(scope='module')
def tally():
    return Counter()


def check(caller, method, signature, arguments, **options):
    """(findings, error) of CheckImport or CheckExport."""
    try:
        return caller.call(STORE, MANAGER, method, signature, arguments, **options), None
    except Refused as error:
        return [], error


def of(findings, severity):
    return {(finding['Code'], finding['Setting'], finding['Index']) for finding in findings
            if finding['Severity'] == severity}


def short(error):
    return error.name.rpartition('.')[2]


def agree(expected, found, error, outcome):
    """What was expected, what the check said and how the job ended are the same."""
    if expected.call or expected.own:
        assert outcome.error, f'it had to fail as {expected.failures}, and gave {outcome.result}'
        assert short(outcome.error) in expected.failures, outcome.error
        assert outcome.call or not expected.call, f'this fails the call: {outcome.error}'
        if outcome.call and outcome.error.message.startswith('SecurityScope'):
            # The call tells of no more than the scope; for a check that is a finding among others.
            assert error or ('ScopeUnknown', 'SecurityScope', -1) in of(found, 'error')
            return
        assert error, f'the check let through what failed as {outcome.error}'
        assert (error.name, error.message) == (outcome.error.name, outcome.error.message)
        return
    assert error is None, f'the check failed: {error}'
    assert of(found, 'error') == expected.errors, outcome
    warned = {warning for warning in of(found, 'warning') if warning[0] not in expected.may_warn}
    if expected.errors:
        first = next(finding for finding in found if finding['Severity'] == 'error')
        assert outcome.error and not outcome.call, f'it had to fail as {expected.failures}'
        assert outcome.error.message == first['Message'], outcome.error
        assert short(outcome.error) in expected.failures
        assert of(outcome.findings, 'error') == of(found, 'error')
    else:
        assert not outcome.error, f'it had to succeed, and failed: {outcome.error}'
        assert of(outcome.result['Warnings'], 'warning') == of(found, 'warning')
    if expected.kind == 'import':
        assert warned == expected.warnings
    else:
        assert {code for code, _, _ in warned} == expected.warnings


# Import

def try_import(stage, combination):
    world, package = stage.world, stage.packages[combination.subject]
    settings = combination.settings
    expected = expect_import(package, settings, stage.host, TYPES['import'])
    caller = world.root if settings.get('SecurityScope') else world.operator
    held = 'DirectoryFd' in settings
    directory = '' if held else str(package.path)
    before = tree(package.path), tree(stage.folders['sources'])
    with open_folder(package.path) if held else nullcontext() as fds:
        found, error = check(caller, 'CheckImport', '(sa{sv})',
                             (directory, variants(settings)), fds=fds)
        outcome = world.import_(directory, settings, caller=caller, fds=fds)
        agree(expected, found, error, outcome)
        mend(caller, directory, settings, found, fds)
    if outcome.result:
        verify_import(stage, package, expected.left, outcome)
        world.root.delete(outcome.result['ImportedVirtualMachine'], not expected.left['in place'])
    assert (tree(package.path), tree(stage.folders['sources'])) == before, \
        'the package and the other sources stay untouched'
    # A medium may be in other machines' drives as well: it stays where the caller had it put.
    assert set(names(stage.folders['free'])) <= {'tools.iso'}
    assert all(path.read_bytes() == b'precious' for path in stage.folders['clash'].iterdir())
    return outcome


def mend(caller, directory, settings, found, fds):
    """Merging all resolutions and calling again gives no error."""
    errors = [finding for finding in found if finding['Severity'] == 'error']
    if not errors or not all(finding['Resolution'] for finding in errors):
        return
    mended = {**settings, **{key: value for finding in errors
                             for key, value in finding['Resolution'].items()}}
    again, error = check(caller, 'CheckImport', '(sa{sv})', (directory, variants(mended)), fds=fds)
    assert error is None and of(again, 'error') == set(), \
        f'with the resolutions {mended} there is still {error or of(again, "error")}'


def verify_import(stage, package, left, outcome):
    world, path = stage.world, outcome.result['ImportedVirtualMachine']
    found = world.root.machines()[path]
    domain = ElementTree.fromstring(world.root.configuration(path))
    own = world.daemon.store / found['Uuid']
    assert found['Name'] == domain.findtext('name') == left['name']
    assert found['Uuid'] == domain.findtext('uuid')
    assert found['Uuid'] == left['uuid'] or \
        (left['uuid'] is None and found['Uuid'] not in stage.host.uuids | {package.uuid})
    assert found['SecurityScope'] == left['scope']
    assert found['NetworkConnections'] == left['networks']
    assert len(macs(domain)) == len(left['macs'])
    for seen, wanted, old in zip(macs(domain), left['macs'], package.macs):
        assert seen == wanted or (wanted is None and seen != old and
                                  seen not in stage.host.macs), f'{seen}, not {wanted}'
    assert (domain.find('devices/hostdev') is not None) == left['unsafe']
    beneath, targets = [], {target for images in left['disks'] for _, target in images if target}
    disks = domain.findall('devices/disk[@device="disk"]')
    assert [str(stage.chain(disk)[0]) for disk in disks] == found['ResourcePaths']
    for disk, images in zip(disks, left['disks'], strict=True):
        for file, (image, target) in zip(stage.chain(disk), images, strict=True):
            assert file == target if target else own in file.parents, f'{file}, not {target}'
            assert digest(file) == image.digest, f'{file} does not hold what {image.base} did'
            if target is None:
                beneath.append(file)
    if package.medium:
        medium, = stage.chain(domain.find('devices/disk[@device="cdrom"]'))
        assert digest(medium) == package.medium.digest
        if left['in place']:
            assert medium.is_file() and own not in medium.parents
        elif left['medium root']:
            targets.add(medium)
            assert medium.parent == type(medium)(left['medium root'])
        else:
            beneath.append(medium)
    assert found['State'] == left['state']
    for name, target in left['files'].items():
        if target:
            file = type(own)(str(target).replace('<uuid>', found['Uuid']))
            targets.add(file)
        else:
            file, = (path for path in own.rglob('*') if str(path).endswith(f'/{name}'))
            beneath.append(file)
        assert file.read_bytes() == package.files[name], f'{file} does not hold what {name} did'
    # The manager's own notes of the machine besides.
    kept = {path for path in own.rglob('*') if path.is_file()
            and path.parent not in (own, own / 'Virtual Machines') and path.name != 'state.path'}
    assert kept == set(beneath)
    assert {path for path in stage.folders['free'].rglob('*') if path.is_file()} == \
        {path for path in targets if stage.folders['free'] in path.parents}
    copied = not left['in place'] or any(target is None for target in left['files'].values())
    assert (outcome.result['BytesCopied'] + outcome.result['BytesCloned'] > 0) == copied


# Export

def try_export(stage, combination):
    world, machine = stage.world, stage.machines[combination.subject]
    settings, folder = combination.settings, world.folder('export')
    directory = folder if combination.place == 'held' else folder / 'package'
    if combination.place == 'nowhere':
        directory = directory / 'package'
    elif combination.place in ('empty', 'full'):
        directory.mkdir()
    if combination.place == 'full':
        (directory / 'mine').write_text('precious')
        for name in stage.machines:
            (directory / name).mkdir()
            (directory / name / 'mine').write_text('precious')
    world.own(folder)
    before = names(folder)
    expected = expect_export(machine, directory, settings, TYPES['export'])
    held = combination.place == 'held'
    arguments = (machine.path, '' if held else str(directory), variants(settings))
    with open_folder(folder) if held else nullcontext() as fds:
        found, error = check(world.operator, 'CheckExport', '(osa{sv})', arguments, fds=fds)
        assert names(folder) == before, 'a check changes nothing'
        outcome = world.export(*arguments, fds=fds)
    agree(expected, found, error, outcome)
    if outcome.error:
        assert names(folder) == before
    else:
        verify_export(machine, expected.left, outcome, folder if held else None)
    return outcome


def verify_export(machine, left, outcome, held):
    package, members = left['package'], dict(left['members'])
    path = outcome.result['ExportPath']
    assert (held / path).resolve() == package if held else path == str(package), path
    there = {name for name in names(package) if (package / name).is_file()}
    if left.get('may hold') in there:
        members[left['may hold']] = None
    assert there == set(members)
    for name, wanted in members.items():
        assert wanted is None or digest(package / name) == wanted, f'{name} has another content'
    listed = packages.descriptor(package)
    files = {file.get('name'): file for file in listed.iterfind('p:files/p:file',
                                                                packages.NAMESPACE)}
    assert set(files) == there - {'vmport.xml', 'SHA256SUMS'}
    for name, file in files.items():
        wanted = packages.verity(package / name) if left['checksum'] != 'none' else None
        assert file.get('verity') == wanted
        wanted = digest(package / name) if left['checksum'] == 'sha256' else None
        assert file.get('sha256') == wanted
    assert packages.state(package) == left['state']
    assert packages.machine_uuid(package) == machine.uuid
    assert len(packages.drives(package)) >= len(machine.disks), 'every disk keeps its position'
    assert outcome.result['Files'] == len(files)


# All of them

def attempt(stage, combination, tally=None):
    """None, or what is wrong with how a combination ends."""
    wrong, end = None, 'wrong'
    try:
        outcome = (try_import if combination.kind == 'import' else try_export)(stage, combination)
        end = short(outcome.error) if outcome.error else 'done'
    except (AssertionError, OSError) as error:
        wrong = str(error)
    left = stage.world.tidy()
    for path in stage.folders['free'].iterdir():   # of a machine whose deletion was not reached
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    if left and wrong is None:
        wrong, end = f'it left {left}', 'wrong'
    if tally is not None:
        tally[combination.kind, end] += 1
    return wrong


def smallest(stage, combination):
    """What is wrong, with no more settings than are needed to show it."""
    for key in list(combination.settings):
        less = combination.without(key)
        if attempt(stage, less):
            combination = less
    return f'  {combination}\n  {attempt(stage, combination)}'


@pytest.mark.parametrize('block', range((COMBINATIONS + BLOCK - 1) // BLOCK))
def test_combinations(stage, tally, record_property, block):
    rng = random.Random(SEED * 1000 + block)
    wrong = {}
    for _ in range(min(BLOCK, COMBINATIONS - block * BLOCK)):
        combination = (draw_export if rng.random() < 0.3 else draw_import)(rng, stage)
        problem = attempt(stage, combination, tally)
        kind = re.sub(r'[0-9a-f-]{36}|/\S+', '…', problem or '')
        if problem and kind not in wrong and len(wrong) < SHOWN:
            wrong[kind] = f'{combination}\n  {problem}\n{smallest(stage, combination)}'
    record_property('settings-tally', (SEED, dict(tally)))
    tally.clear()
    assert not wrong, f'VMPORT_SEED={SEED}, block {block}:\n' + '\n'.join(wrong.values())
