"""A system bus of the tests' own with the project's bus policy, and the real polkitd on it."""

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
    def __init__(self, folder, prefix):
        self.address = f'unix:path={folder}/bus'
        config = folder / 'bus.conf'
        template = pathlib.Path(__file__).parents[2] / 'lib/bus.conf.in'
        config.write_text(template.read_text().replace('@socket@', f'{folder}/bus')
                          .replace('@prefix@', prefix))
        self.log = open(folder / 'bus.log', 'w+')
        read, write = os.pipe()
        self.process = subprocess.Popen(
            ('dbus-daemon', f'--config-file={config}', '--nofork', '--nopidfile', '--nosyslog',
             f'--print-address={write}'), pass_fds=(write,), stderr=self.log)
        os.close(write)
        with open(read) as pipe:
            said = pipe.readline()
        if not said:
            self.process.wait(DEADLINE)
            raise AssertionError(f'dbus-daemon did not start:\n{self.read_log()}')
        os.environ['DBUS_SYSTEM_BUS_ADDRESS'] = self.address
        self.root = self.connect()

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
        os.environ.pop('DBUS_SYSTEM_BUS_ADDRESS', None)


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
        self.process = subprocess.Popen((POLKITD, '--no-debug'), stdout=self.log, stderr=self.log)
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
