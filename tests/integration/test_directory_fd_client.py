"""DirectoryFd from programs of alice's own: the manual page's example, libvmport's calls, and a
file system of hers."""

import os
import pathlib
import re
import textwrap

import pytest

from rig.caller import ERROR, JOB, refused
from rig.folder import verify
from rig.fuse import Fuse
from rig.machines import Disk, names

MANUAL = pathlib.Path(__file__).parents[2] / 'data/man/org.vmport.7.rst'

# Every call that takes a directory, as call_sync() and as call() with call_finish(), with plain
# dictionaries and with settings as objects. The directory comes as a descriptor of this process.
PROGRAM = """
import os
import shutil
import sys
import gi
gi.require_version('Vmport', '1')
from gi.repository import Gio, GLib, Vmport

directory = int(sys.argv[1])
beneath = f'/proc/self/fd/{directory}'
client = Vmport.Client.new_sync(Gio.BusType.SYSTEM, None)
store = client.get_manager_sync('store', None)
machine = store.find_virtual_machine_sync('web', None)
loop = GLib.MainLoop()


def sync(method, *arguments):
    return getattr(store, method + '_sync')(*arguments, None)


def later(method, *arguments):
    answers = []

    def answered(_, result):
        answers.append(result)
        loop.quit()

    getattr(store, method + '_' if method == 'import' else method)(*arguments, None, answered)
    loop.run()
    return getattr(store, method + '_finish')(answers[0])


def raw(**settings):
    fds = Gio.UnixFDList()
    number = fds.append(directory)
    return GLib.Variant('a{sv}', {'DirectoryFd': GLib.Variant('h', number), **settings}), fds


def empty():
    for name in os.listdir(beneath):
        path = f'{beneath}/{name}'
        (shutil.rmtree if os.path.isdir(path) else os.unlink)(path)


def is_clean(findings):
    return not any(finding['Severity'] == 'error' for finding in findings.unpack())


for number, call in enumerate((sync, later)):
    assert is_clean(call('check_export', machine, '', *raw()))
    result = call('export', machine, '', *raw()).wait_sync(None).unpack()
    assert result['ExportPath'] == '.', result
    assert call('verify', '', *raw()).wait_sync(None).unpack()['Files'] == 2
    settings = call('get_import_settings', '', *raw()).unpack()
    assert settings['SourceVhdDataRoot'] == 'Virtual Hard Disks', settings
    name = GLib.Variant('s', f'raw{number}')
    assert is_clean(call('check_import', '', *raw(Name=name)))
    call('import', '', *raw(Name=name)).wait_sync(None)
    empty()

    exports = call('load_export_settings', machine)
    exports.props.directory_fd = directory
    exports.props.create_vm_export_subdirectory = True
    assert not [finding for finding in call('check_export_with_settings', machine, None, exports)
                if finding.props.severity == Vmport.FindingSeverity.ERROR]
    job = call('export_with_settings', machine, None, exports)
    assert job.wait_sync(None).unpack()['ExportPath'] == 'web'
    for entry in os.listdir(f'{beneath}/web'):
        os.rename(f'{beneath}/web/{entry}', f'{beneath}/{entry}')
    imports = call('load_import_settings', None, directory)
    assert imports.props.directory_fd not in (-1, directory), 'it holds a duplicate'
    assert imports.props.source_resource_paths == ['Virtual Hard Disks/web.qcow2']
    imports.props.name = f'typed{number}'
    assert not [finding for finding in call('check_import_with_settings', None, imports)
                if finding.props.severity == Vmport.FindingSeverity.ERROR]
    call('import_with_settings', None, imports).wait_sync(None)
    empty()

try:
    sync('load_import_settings', None, directory)
except GLib.Error as error:
    assert error.matches(Vmport.error_quark(), Vmport.Error.NOT_FOUND), error
else:
    raise SystemExit('an empty directory held something')
print('all of it')
"""


@pytest.fixture
def run(bus, users):
    def run_program(program, *arguments, **options):
        environment = {name: os.environ[name]
                       for name in ('PATH', 'GI_TYPELIB_PATH', 'LD_LIBRARY_PATH')}
        # Python is not watched, so what watches the library has to come before all.
        if 'VMPORT_SANITIZER' in os.environ:
            environment['LD_PRELOAD'] = os.environ['VMPORT_SANITIZER']
        result = users['alice'].run(
            ('timeout', '100', '/usr/bin/python3', '-c', program, *arguments),
            env={**environment, 'DBUS_SYSTEM_BUS_ADDRESS': bus.address, 'LC_ALL': 'C.UTF-8',
                 'G_DEBUG': 'fatal-criticals'}, **options)
        assert result.returncode == 0, f'{result.stdout}{result.stderr}'
        return result.stdout
    return run_program


def test_the_manuals_example(daemon, make_vm, area, run):
    make_vm('web', [Disk(name='web.qcow2')])
    program, = re.findall(r'::\n\n((?:    import os\n)(?:    .*\n|\n)*)', MANUAL.read_text())
    said = run(textwrap.dedent(program).replace('/backup', f'{area}/alice'))
    assert said == 'web\n'
    assert (area / 'alice/web/vmport.xml').is_file()


def test_every_call_of_libvmport(daemon, alice, make_vm, lent, opened, run):
    """The program was started with the directory open, and has no way there."""
    make_vm('web', [Disk(name='web.qcow2')])
    held = opened(lent)
    assert run(PROGRAM, str(held.fd), pass_fds=(held.fd,)) == 'all of it\n'
    assert {entry['Name'] for entry in alice.machines().values()} \
        == {'web', 'raw0', 'raw1', 'typed0', 'typed1'}
    assert names(lent) == []


# What a sandboxed application is given by its portal is a file system of the user's own.

@pytest.fixture
def mounted(area, users):
    made = []

    def make(**options):
        folder = area / 'alice/fuse'
        folder.mkdir()
        made.append(Fuse(folder, users['alice'], **options))
        return folder, made[-1]

    yield make
    for fuse in made:
        fuse.close()


ASK = """
import os
import sys
from gi.repository import Gio, GLib

bus = Gio.bus_get_sync(Gio.BusType.SYSTEM)
fds = Gio.UnixFDList()
options = {'DirectoryFd': GLib.Variant('h', fds.append(os.open(sys.argv[1], os.O_RDONLY)))}
try:
    bus.call_with_unix_fd_list_sync(
        'org.vmport', '/org/vmport/Manager/store', 'org.vmport.Manager', 'GetImportSettings',
        GLib.Variant('(sa{sv})', ('', options)), None, 0, 60000, fds)
except GLib.Error as error:
    print(error.message)
"""


def test_file_system_that_is_hidden_from_root(daemon, run, mounted):
    """Root may not even look at it; alice's worker may."""
    folder, _ = mounted()
    with pytest.raises(PermissionError):
        os.stat(folder)
    said = run(ASK, str(folder))
    assert f'{ERROR}NotFound' in said and 'DirectoryFd' in said, said


def test_file_system_that_does_not_answer(daemon, alice, mounted, opened):
    """It is the job's worker that waits, and that can be ended."""
    folder, fuse = mounted(everybody=True)
    held = opened(folder)
    fuse.fall_silent()
    job = verify(alice, held)
    assert alice.machines() == {} and alice.jobs() == [job], 'the daemon goes on'
    assert refused(alice.wait, job, 200000).name == f'{ERROR}Timeout'
    alice.cancel(job)
    assert refused(alice.wait, job).name == f'{ERROR}Cancelled'
    assert alice.get(job, JOB, 'JobState') == 8
