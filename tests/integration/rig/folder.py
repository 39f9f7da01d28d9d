"""Directories that a caller holds open, in the place of a path: DirectoryFd."""

import os

from gi.repository import Gio, GLib

from .caller import MANAGER, STORE, variants

DIRECTORY = {'DirectoryFd': GLib.Variant('h', 0)}


class Held:
    """An open directory, or what shall be taken for one, as this process may open it: root's."""

    def __init__(self, path, flags=os.O_RDONLY | os.O_DIRECTORY):
        self.fd = os.open(path, flags)
        self.list = Gio.UnixFDList.new()
        self.list.append(self.fd)

    def close(self):
        os.close(self.fd)
        for fd in self.list.steal_fds():
            os.close(fd)


def export(caller, machine, held, **settings):
    return caller.export(machine, '', {**settings, **DIRECTORY}, fds=held.list)


def import_(caller, held, **settings):
    return caller.import_('', {**settings, **DIRECTORY}, fds=held.list)


def ask(caller, method, held, *first, **settings):
    """Any method that takes a directory and settings; first is the machine, if it takes one."""
    signature = '(osa{sv})' if first else '(sa{sv})'
    return caller.call(STORE, MANAGER, method, signature,
                       (*first, '', variants({**settings, **DIRECTORY})), fds=held.list)


def verify(caller, held):
    return ask(caller, 'Verify', held)


def errors(found):
    return [finding['Code'] for finding in found if finding['Severity'] == 'error']
