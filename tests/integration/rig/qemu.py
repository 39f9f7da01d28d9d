"""The daemon's manager of libvirt's machines, and waiting for what it learns of them."""

from gi.repository import Gio

from .caller import MANAGER, NAME, QEMU
from .loop import DEADLINE, drain, wait_for


class Qemu:
    def __init__(self, caller):
        self.caller = caller
        # Whatever it says ends a turn of the main loop, and what is waited for is looked at again.
        self.watch = caller.connection.signal_subscribe(NAME, None, None, None, None,
                                                        Gio.DBusSignalFlags.NONE, lambda *_: None)

    def close(self):
        self.caller.connection.signal_unsubscribe(self.watch)

    def available(self):
        return self.caller.get(QEMU, MANAGER, 'Available')

    def wait(self, available=True, timeout=DEADLINE):
        """Until it tells that libvirt is there, or is not."""
        wait_for(lambda: self.available() == available, f'Available to become {available}', timeout)

    def find(self, caller, name):
        """A machine's object path. libvirt tells what was defined beside the daemon when it has
        the time: it is waited for."""
        def found():
            return next((path for path, entry in caller.machines(QEMU).items()
                         if name in (entry['Name'], entry['Uuid'])), None)
        return wait_for(found, f'the machine {name} to be known')

    def wait_state(self, caller, machine, state):
        def told():
            entry = caller.machines(QEMU).get(machine)
            return entry is not None and entry['State'] == state
        drain()
        wait_for(told, f'{machine} to be {state}')
