"""The daemon's manager of libvirt's machines, and waiting for what it learns of them."""

from .caller import MANAGER, QEMU
from .loop import DEADLINE, wait_asking


class Qemu:
    def __init__(self, caller):
        self.caller = caller

    def available(self):
        return self.caller.get(QEMU, MANAGER, 'Available')

    def wait(self, available=True, timeout=DEADLINE):
        """Until it tells that libvirt is there, or is not."""
        wait_asking(lambda: self.available() == available, f'Available to become {available}',
                    timeout)

    @staticmethod
    def find(caller, name):
        """A machine's object path. libvirt tells what was defined beside the daemon when it has
        the time: it is waited for."""
        def found():
            return next((path for path, entry in caller.machines(QEMU).items()
                         if name in (entry['Name'], entry['Uuid'])), None)
        return wait_asking(found, f'the machine {name} to be known')

    @staticmethod
    def wait_state(caller, machine, state):
        def told():
            entry = caller.machines(QEMU).get(machine)
            return entry is not None and entry['State'] == state
        wait_asking(told, f'{machine} to be {state}')
