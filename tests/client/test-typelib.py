#!/usr/bin/python3
"""Checks that libvmport is complete from Python: each class, its methods, and its errors."""

import gi

gi.require_version('Vmport', '1')

from gi.repository import GLib, GObject, Vmport  # noqa: E402

CALLS = {
    Vmport.Client: 'list_managers get_manager list_jobs get_job',
    Vmport.Manager: 'list_virtual_machines find_virtual_machine list_security_scopes '
                    'get_export_settings check_export export get_import_settings check_import '
                    'import verify',
    Vmport.VirtualMachine: 'refresh get_configuration delete set_security_scope',
    Vmport.Job: 'wait describe cancel suspend resume set_bandwidth_limit release',
}

for cls, names in CALLS.items():
    assert issubclass(cls, GObject.Object)
    for name in names.split():
        # A keyword of Python's gets an underscore.
        plain = name + '_' if name == 'import' else name
        for method in (plain, name + '_finish', name + '_sync'):
            assert hasattr(cls, method), (cls, method)

assert 'percent' in [prop.name for prop in Vmport.Job.list_properties()]
assert set(GObject.signal_list_names(Vmport.Job)) == {'progress', 'finished'}
assert int(Vmport.JobState.COMPLETED_WITH_WARNINGS) == 32768

error = Vmport.error_new_from_name('org.vmport.Error.NoSpace', 'full')
assert error.matches(GLib.quark_from_string('vmport-error-quark'), Vmport.Error.NO_SPACE)

try:
    Vmport.Client.new_sync(2, None)
except GLib.Error as e:
    print('without a bus: ' + e.message)
else:
    raise SystemExit('a client without a bus')
