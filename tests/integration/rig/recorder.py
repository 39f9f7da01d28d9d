"""Everything that the daemon says on the bus, in its order, as one listener hears it."""

import time
from contextlib import contextmanager
from dataclasses import dataclass

from gi.repository import Gio, GLib

from .caller import JOB, NAME
from .loop import DEADLINE, wait_for, wait_on_disk

# JobState's values that no job leaves.
COMPLETED, TERMINATED, EXCEPTION, WITH_WARNINGS = 7, 8, 10, 32768
TERMINAL = (COMPLETED, TERMINATED, EXCEPTION, WITH_WARNINGS)


@dataclass
class Signal:
    when: float        # monotonic, at arrival
    path: str
    interface: str
    name: str
    arguments: tuple


class Recorder:
    """Listens from its making on, so it hears of a job that is started afterwards from the first
    signal. Handlers given to on() run as the signal arrives."""

    def __init__(self, caller):
        self.caller, self.connection = caller, caller.connection
        self.signals = []
        self.handlers = []
        self.watch = self.connection.signal_subscribe(NAME, None, None, None, None,
                                                      Gio.DBusSignalFlags.NONE, self._heard)
        # AddMatch has reached the bus before what is called next on this connection, but other
        # connections may be quicker: ask the bus for something and wait for its answer.
        self.connection.call_sync('org.freedesktop.DBus', '/org/freedesktop/DBus',
                                  'org.freedesktop.DBus', 'GetId', None, None,
                                  Gio.DBusCallFlags.NONE, -1, None)

    def _heard(self, _connection, _sender, path, interface, name, arguments, *_):
        signal = Signal(time.monotonic(), path, interface, name, arguments.unpack())
        self.signals.append(signal)
        for handler in list(self.handlers):
            handler(signal)

    def on(self, handler):
        self.handlers.append(handler)

    def of(self, path=None, name=None):
        return [signal for signal in self.signals
                if (path is None or signal.path == path) and (name is None or signal.name == name)]

    def wait(self, path=None, name=None, where=lambda arguments: True, timeout=DEADLINE):
        """The first such signal, arrived or to come."""
        def found():
            return next((signal for signal in self.of(path, name) if where(signal.arguments)), None)
        return wait_for(found, f'signal {name} of {path}; came: '
                               f'{[(s.path, s.name, s.arguments) for s in self.signals[-10:]]}',
                        timeout)

    def phases(self, job):
        """The phases that Progress told, each once, in order."""
        result = []
        for signal in self.of(job, 'Progress'):
            if not result or result[-1] != signal.arguments[3]:
                result.append(signal.arguments[3])
        return result

    def wait_phase(self, job, phase, timeout=DEADLINE):
        return self.wait(job, 'Progress', lambda arguments: arguments[3] == phase, timeout)

    def wait_finished(self, job, timeout=DEADLINE):
        """(state, error name) from Finished."""
        return self.wait(job, 'Finished', timeout=timeout).arguments

    def values(self, job, name):
        """The values of a property that PropertiesChanged carried."""
        return [signal.arguments[1][name] for signal in self.of(job, 'PropertiesChanged')
                if signal.arguments[0] == JOB and name in signal.arguments[1]]

    def close(self):
        self.connection.signal_unsubscribe(self.watch)


@contextmanager
def overheard(bus, method):
    """The arguments of each call of a method on the bus, whoever makes it, until the end."""
    calls, ended = [], []
    connection = bus.connect()

    def hear(_connection, message, _incoming):
        # In GDBus's own thread. What is overheard ends here: whoever listens must say nothing.
        if message.get_member() == method:
            calls.append(message.get_body().unpack())
            return None
        if message.get_member() == 'GetId':
            ended.append(True)
            return None
        return message

    connection.add_filter(hear)
    connection.call_sync(
        'org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus.Monitoring',
        'BecomeMonitor', GLib.Variant('(asu)', ([f"member='{method}'", "member='GetId'"], 0)), None,
        Gio.DBusCallFlags.NONE, -1, None)
    try:
        yield calls
        # What was said before this is heard before it.
        bus.root.call_sync('org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus',
                           'GetId', None, None, Gio.DBusCallFlags.NONE, -1, None)
        wait_on_disk(lambda: ended, 'the end of what is overheard')
    finally:
        connection.close_sync(None)
