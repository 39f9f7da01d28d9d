"""Calls to the daemon as one user or another, each over a connection of its own."""

from gi.repository import Gio, GLib

from .loop import DEADLINE, drain, wait_for

NAME = 'org.vmport'
STORE = '/org/vmport/Manager/store'
QEMU = '/org/vmport/Manager/qemu'
MANAGER = 'org.vmport.Manager'
MACHINE = 'org.vmport.VirtualMachine'
SNAPSHOT = 'org.vmport.Snapshot'
JOB = 'org.vmport.Job'
DAEMON = 'org.vmport.Daemon'
ERROR = 'org.vmport.Error.'

ACCESS_DENIED = 'org.freedesktop.DBus.Error.AccessDenied'
INTERACTIVE = 'org.freedesktop.DBus.Error.InteractiveAuthorizationRequired'
UNKNOWN_OBJECT = 'org.freedesktop.DBus.Error.UnknownObject'


class Refused(Exception):
    """An error that came over the bus."""

    def __init__(self, name, message):
        super().__init__(f'{name}: {message}')
        self.name, self.message = name, message


def variants(settings):
    """a{sv} from plain values; what is no bool, str or list of str is given as a GLib.Variant."""
    result = {}
    for key, value in (settings or {}).items():
        if isinstance(value, GLib.Variant):
            result[key] = value
        elif isinstance(value, bool):
            result[key] = GLib.Variant('b', value)
        elif isinstance(value, str):
            result[key] = GLib.Variant('s', value)
        elif isinstance(value, (list, tuple)):
            result[key] = GLib.Variant('as', value)
        else:
            raise TypeError(f'{key}: say which D-Bus type {value!r} has, with GLib.Variant')
    return result


class Pending:
    """A call on its way."""

    def __init__(self, what):
        self.what, self.done, self.value, self.error = what, False, None, None

    def result(self, timeout=DEADLINE):
        wait_for(lambda: self.done, f'the reply to {self.what}', timeout)
        if self.error:
            raise self.error
        return self.value


class Caller:
    """One user's connection to the bus. Leaving it is close()."""

    def __init__(self, bus, user):
        self.user = user
        with user.effective():
            self.connection = bus.connect()
        self.unique_name = self.connection.get_unique_name()

    def start(self, path, interface, method, signature='()', arguments=(), interactive=False,
              fds=None, destination=NAME):
        pending = Pending(f'{interface}.{method} by {self.user}')

        def finish(connection, result):
            try:
                reply = connection.call_with_unix_fd_list_finish(result)
                # PyGObject gives the out argument along.
                reply = reply[0] if isinstance(reply, tuple) else reply
                values = reply.unpack()
                pending.value = values[0] if len(values) == 1 else values or None
            except GLib.Error as error:
                name = Gio.DBusError.get_remote_error(error)
                if name is None:
                    pending.error = error
                else:
                    # strip_remote_error() would change a copy of the error here.
                    pending.error = Refused(name, error.message.removeprefix(
                        f'GDBus.Error:{name}: '))
            pending.done = True

        flags = Gio.DBusCallFlags.NO_AUTO_START
        if interactive:
            flags |= Gio.DBusCallFlags.ALLOW_INTERACTIVE_AUTHORIZATION
        self.connection.call_with_unix_fd_list(
            destination, path, interface, method, GLib.Variant(signature, arguments), None, flags,
            GLib.MAXINT, fds, None, finish)
        return pending

    def call(self, path, interface, method, signature='()', arguments=(), timeout=DEADLINE,
             **options):
        return self.start(path, interface, method, signature, arguments,
                          **options).result(timeout)

    # Properties

    def get(self, path, interface, name):
        return self.call(path, 'org.freedesktop.DBus.Properties', 'Get', '(ss)', (interface, name))

    def get_all(self, path, interface):
        return self.call(path, 'org.freedesktop.DBus.Properties', 'GetAll', '(s)', (interface,))

    # org.vmport.Manager

    def machines(self, manager=STORE):
        return self.call(manager, MANAGER, 'ListVirtualMachines', '(a{sv})', ({},))

    def find(self, name, manager=STORE):
        return self.call(manager, MANAGER, 'FindVirtualMachine', '(sa{sv})', (name, {}))

    def export_settings(self, machine, manager=STORE, **options):
        return self.call(manager, MANAGER, 'GetExportSettings', '(oa{sv})',
                         (machine, variants(options)))

    def import_settings(self, directory, manager=STORE, **options):
        return self.call(manager, MANAGER, 'GetImportSettings', '(sa{sv})',
                         (str(directory), variants(options)))

    def export(self, machine, directory, settings=None, manager=STORE, **options):
        """The path of the job that Export made."""
        return self.call(manager, MANAGER, 'Export', '(osa{sv})',
                         (machine, str(directory), variants(settings)), **options)

    def import_(self, directory, settings=None, manager=STORE, **options):
        return self.call(manager, MANAGER, 'Import', '(sa{sv})',
                         (str(directory), variants(settings)), **options)

    def configuration(self, machine):
        return self.call(machine, MACHINE, 'GetConfiguration', '(a{sv})', ({},))

    def delete(self, machine, storage=True):
        return self.call(machine, MACHINE, 'Delete', '(a{sv})',
                         (variants({'DeleteStorage': storage}),))

    def check_import(self, directory, settings=None, manager=STORE, **options):
        return self.call(manager, MANAGER, 'CheckImport', '(sa{sv})',
                         (str(directory), variants(settings)), **options)

    def scopes(self, manager=STORE, **options):
        return self.call(manager, MANAGER, 'ListSecurityScopes', '(a{sv})', ({},), **options)

    def set_scope(self, machine, scope, **options):
        return self.call(machine, MACHINE, 'SetSecurityScope', '(sa{sv})', (scope, {}), **options)

    # org.vmport.Job

    def start_wait(self, job, timeout_usec=None):
        options = {} if timeout_usec is None else {'TimeoutUSec': GLib.Variant('t', timeout_usec)}
        return self.start(job, JOB, 'Wait', '(a{sv})', (options,))

    def wait(self, job, timeout_usec=None, timeout=DEADLINE):
        return self.start_wait(job, timeout_usec).result(timeout)

    def describe(self, job):
        return self.call(job, JOB, 'Describe', '(a{sv})', ({},))

    def cancel(self, job):
        return self.call(job, JOB, 'Cancel', '(a{sv})', ({},))

    def release(self, job):
        return self.call(job, JOB, 'Release', '(a{sv})', ({},))

    def jobs(self):
        return self.call('/org/vmport', DAEMON, 'ListJobs', '(a{sv})', ({},))

    def job(self, job):
        """All properties of a job."""
        return self.get_all(job, JOB)

    def close(self):
        if not self.connection.is_closed():
            drain()
            self.connection.close_sync(None)


def refused(function, *arguments, **options):
    """Calls what must fail with an error from the daemon, and returns it."""
    try:
        value = function(*arguments, **options)
    except Refused as error:
        return error
    raise AssertionError(f'{getattr(function, "__name__", function)}{arguments} had to be refused, '
                         f'and returned {value!r}')
