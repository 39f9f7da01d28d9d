"""Buses of the tests' own: a system bus with the project's bus policy and the real polkitd on it, and
a session bus of one user's."""

import os
import pathlib
import subprocess

from gi.repository import Gio, GLib

from .loop import DEADLINE, wait_for

POLKITD = '/usr/lib/polkit-1/polkitd'
RULES = pathlib.Path('/etc/polkit-1/rules.d/10-vmport-test.rules')

# Who may do what, unless a test says otherwise with polkit.rules():
#   alice  the ordinary person who was given rights: export, import, delete
#   bob    was given nothing: the defaults of the actions hold
#   carol  the operator: everything
#   dave   may not even see machines
GRANTS = '''
    var grants = {
        alice: ["org.vmport.export", "org.vmport.import", "org.vmport.delete"],
        carol: ["org.vmport.export", "org.vmport.import", "org.vmport.import-in-place",
                "org.vmport.import-unsafe", "org.vmport.set-scope", "org.vmport.delete",
                "org.vmport.manage-jobs"]
    };
    if (subject.user == "dave")
        return polkit.Result.NO;
    if (grants.hasOwnProperty(subject.user) && grants[subject.user].indexOf(action.id) >= 0)
        return polkit.Result.YES;
    return polkit.Result.NOT_HANDLED;
'''

RULE_FILE = '''polkit.addRule(function(action, subject) {{
    if (action.id == "org.vmport.manage-jobs" && action.lookup("rig_generation") == "{generation}")
        return polkit.Result.YES;
    if (action.id.indexOf("org.vmport.") != 0)
        return polkit.Result.NOT_HANDLED;
{body}
}});
'''


class Bus:
    """The system bus: everybody connects as who they are, and the daemon is root's."""

    session = False
    template = 'bus.conf.in'
    variable = 'DBUS_SYSTEM_BUS_ADDRESS'

    def __init__(self, folder, prefix, owner):
        self.user = owner
        self.address = f'unix:path={folder}/bus'
        config = folder / 'bus.conf'
        template = pathlib.Path(__file__).parents[2] / 'lib' / self.template
        config.write_text(template.read_text().replace('@socket@', f'{folder}/bus')
                          .replace('@prefix@', prefix))
        self.log = open(folder / 'bus.log', 'w+')
        read, write = os.pipe()
        self.process = owner.popen(
            ('dbus-daemon', f'--config-file={config}', '--nofork', '--nopidfile', '--nosyslog',
             f'--print-address={write}'), pass_fds=(write,), stderr=self.log)
        os.close(write)
        with open(read) as pipe:
            said = pipe.readline()
        if not said:
            self.process.wait(DEADLINE)
            raise AssertionError(f'dbus-daemon did not start:\n{self.read_log()}')
        os.environ[self.variable] = self.address
        with owner.effective():
            self.root = self.connect()

    @property
    def environment(self):
        """Where a program finds this bus, and no other."""
        nowhere = {'DBUS_SYSTEM_BUS_ADDRESS': 'unix:path=/nonexistent/system',
                   'DBUS_SESSION_BUS_ADDRESS': 'unix:path=/nonexistent/session'}
        return {**nowhere, self.variable: self.address}

    def connect(self):
        """A connection for whoever is effective now."""
        connection = Gio.DBusConnection.new_for_address_sync(
            self.address, Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT |
            Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION, None, None)
        connection.set_exit_on_close(False)
        return connection

    def owner(self, name):
        """The unique name that owns name, or None."""
        try:
            return self.root.call_sync('org.freedesktop.DBus', '/org/freedesktop/DBus',
                                       'org.freedesktop.DBus', 'GetNameOwner',
                                       GLib.Variant('(s)', (name,)), None,
                                       Gio.DBusCallFlags.NO_AUTO_START, -1, None).unpack()[0]
        except GLib.Error as error:
            if Gio.DBusError.get_remote_error(error) == 'org.freedesktop.DBus.Error.NameHasNoOwner':
                return None
            raise

    def wait_owned(self, name, process, log):
        """Waits until name is on the bus; fails at once where its process ends before."""
        state = []

        def appeared(_connection, _name, owner):
            state.append(owner)

        watch = Gio.bus_watch_name_on_connection(self.root, name, Gio.BusNameWatcherFlags.NONE,
                                                 appeared, None)
        # The process's end does not come through the bus.
        tick = GLib.timeout_add(20, lambda: GLib.SOURCE_CONTINUE)
        try:
            wait_for(lambda: state or process.poll() is not None, f'{name} to appear on the bus')
        finally:
            GLib.source_remove(tick)
            Gio.bus_unwatch_name(watch)
        assert state, f'{process.args[0]} ended with status {process.returncode}:\n{log()}'
        return state[0]

    def read_log(self):
        self.log.flush()
        return pathlib.Path(self.log.name).read_text(errors='replace')

    def stop(self):
        self.root.close_sync(None)
        self.process.terminate()
        self.process.wait(DEADLINE)
        self.log.close()
        os.environ.pop(self.variable, None)


class SessionBus(Bus):
    """A session bus: it and the daemon are one user's, and so is who calls."""

    session = True
    template = 'session-bus.conf.in'
    variable = 'DBUS_SESSION_BUS_ADDRESS'


class Polkit:
    """The real polkitd, with the project's actions as installed, and rules that a test can change.

    polkitd reads changed rules when its file monitor tells it; rules() returns when a check shows
    that the new ones are in force.
    """

    def __init__(self, bus, folder):
        self.bus = bus
        self.folder = folder
        self.generation = 0
        self.process = None
        self._write(GRANTS)
        self.start()

    def start(self):
        self.log = open(self.folder / 'polkitd.log', 'a+')
        self.process = subprocess.Popen((POLKITD, '--no-debug'), stdout=self.log, stderr=self.log,
                                        env={**os.environ, **self.bus.environment})
        self.bus.wait_owned('org.freedesktop.PolicyKit1', self.process, self.read_log)
        self._wait_in_force()

    def read_log(self):
        return (self.folder / 'polkitd.log').read_text(errors='replace')

    def _write(self, body):
        self.generation += 1
        partial = RULES.with_suffix('.new')
        partial.write_text(RULE_FILE.format(generation=self.generation, body=body))
        partial.rename(RULES)

    def _in_force(self):
        # Details are accepted from root alone, and root itself is never asked about.
        subject = ('unix-process', {'pid': GLib.Variant('u', 1),
                                    'start-time': GLib.Variant('t', 0),
                                    'uid': GLib.Variant('i', 65534)})
        reply = self.bus.root.call_sync(
            'org.freedesktop.PolicyKit1', '/org/freedesktop/PolicyKit1/Authority',
            'org.freedesktop.PolicyKit1.Authority', 'CheckAuthorization',
            GLib.Variant('((sa{sv})sa{ss}us)', (subject, 'org.vmport.manage-jobs',
                                                {'rig_generation': str(self.generation)}, 0, '')),
            None, Gio.DBusCallFlags.NONE, -1, None)
        return reply.unpack()[0][0]

    def _wait_in_force(self):
        changed = [True]
        watch = self.bus.root.signal_subscribe(
            'org.freedesktop.PolicyKit1', 'org.freedesktop.PolicyKit1.Authority', 'Changed',
            '/org/freedesktop/PolicyKit1/Authority', None, Gio.DBusSignalFlags.NONE,
            lambda *_: changed.append(True))
        try:
            wait_for(lambda: changed and changed.pop() and self._in_force(),
                     f'polkitd to load new rules; it said:\n{self.read_log()}')
        finally:
            self.bus.root.signal_unsubscribe(watch)

    def rules(self, body=GRANTS):
        """Replaces the body of the rule; without one, the standard grants come back."""
        self._write(body)
        self._wait_in_force()

    def stop(self):
        self.process.terminate()
        self.process.wait(DEADLINE)
        self.log.close()
