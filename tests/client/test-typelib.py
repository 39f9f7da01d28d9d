#!/usr/bin/python3
"""Checks that libvmport is complete from Python: each class, its methods, and its errors."""

import gc

import gi

gi.require_version('Vmport', '1')

from gi.repository import Gio, GLib, GObject, Vmport  # noqa: E402

CALLS = {
    Vmport.Client: 'list_managers get_manager list_jobs get_job',
    Vmport.Manager: 'list_virtual_machines find_virtual_machine list_security_scopes '
                    'get_export_settings check_export export get_import_settings check_import '
                    'import verify load_export_settings load_import_settings '
                    'check_export_with_settings check_import_with_settings '
                    'export_with_settings import_with_settings',
    Vmport.VirtualMachine: 'refresh get_configuration list_snapshots delete set_security_scope',
    Vmport.Job: 'wait describe cancel suspend resume set_bandwidth_limit release',
}

for cls, names in CALLS.items():
    assert issubclass(cls, GObject.Object)
    for name in names.split():
        # A keyword of Python's gets an underscore.
        plain = name + '_' if name == 'import' else name
        for method in (plain, name + '_finish', name + '_sync'):
            assert hasattr(cls, method), (cls, method)

assert {'name', 'parent-path', 'creation-time', 'state', 'current', 'storage'} \
    <= {prop.name for prop in Vmport.Snapshot.list_properties()}
assert 'percent' in [prop.name for prop in Vmport.Job.list_properties()]
assert set(GObject.signal_list_names(Vmport.Job)) == {'progress', 'finished'}
assert int(Vmport.JobState.COMPLETED_WITH_WARNINGS) == 32768

settings = Vmport.ImportSettings.new_from_variant(GLib.Variant('a{sv}', {
    'Name': GLib.Variant('s', 'web'),
    'SourceResourcePaths': GLib.Variant('as', ['/a', '']),
    'MacAddresses': GLib.Variant('s', 'auto'),
    'Later': GLib.Variant('u', 7),
}))
assert isinstance(settings, Vmport.Settings)
assert settings.props.name == 'web'
assert settings.props.source_resource_paths == ['/a', '']
assert settings.props.mac_addresses == Vmport.MacAddresses.AUTO
settings.props.mac_addresses = Vmport.MacAddresses.KEEP_IF_FREE
finding = Vmport.Finding.new_from_variant(GLib.Variant('a{sv}', {
    'Code': GLib.Variant('s', 'SourceMissing'),
    'Severity': GLib.Variant('s', 'error'),
    'Resolution': GLib.Variant('a{sv}', {
        'SourceResourcePaths': GLib.Variant('as', ['/a', '/b'])}),
}))
assert finding.props.severity == Vmport.FindingSeverity.ERROR
assert finding.get_resolution().unpack() == {'SourceResourcePaths': ['/a', '/b']}
assert settings.apply_findings([finding])
assert settings.to_variant_changed(None).unpack() == {
    'MacAddresses': 'keep-if-free', 'SourceResourcePaths': ['/a', '/b']}
assert settings.to_variant(None).unpack()['Later'] == 7
try:
    settings.props.current_resource_paths = ['/x']
except TypeError as e:
    print('read-only: ' + str(e))
else:
    raise SystemExit('a read-only key was written')
export = Vmport.ExportSettings.new_from_variant(None)
export.props.copy_snapshot_configuration = Vmport.SnapshotConfiguration.ONE
assert export.get_value('CopySnapshotConfiguration').unpack() == 2
# Python holds the elements longer than the array that they came in.
codes = GLib.Variant('aa{sv}', [{'Code': GLib.Variant('s', code)} for code in 'abc'])
last = Vmport.Finding.list_from_variant(codes)[-1]
gc.collect()
assert last.get_code() == 'c'
assert GObject.type_is_a(Vmport.VirtualMachineList, Gio.ListModel)
for method in ('get_ready', 'get_error', 'reload', 'reload_finish'):
    assert hasattr(Vmport.VirtualMachineList, method), method

error = Vmport.error_new_from_name('org.vmport.Error.NoSpace', 'full')
assert error.matches(GLib.quark_from_string('vmport-error-quark'), Vmport.Error.NO_SPACE)

try:
    Vmport.Client.new_sync(2, None)
except GLib.Error as e:
    print('without a bus: ' + e.message)
else:
    raise SystemExit('a client without a bus')
