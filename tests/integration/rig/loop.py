"""Waiting: everything happens in GLib's main loop, and every wait has a deadline."""

import os
import select
import time

from gi.repository import GLib

# Long enough for a loaded machine: it is spent only by a test that fails.
DEADLINE = int(os.environ.get('VMPORT_DEADLINE', '60'))


def wait_for(predicate, what, timeout=DEADLINE):
    """Runs the main loop until predicate() is true and returns its value."""
    context = GLib.MainContext.default()
    expired = []

    def expire():
        expired.append(True)
        return GLib.SOURCE_REMOVE

    source = GLib.timeout_source_new(int(timeout * 1000))
    source.set_callback(lambda *_: expire())
    source.attach(context)
    try:
        while True:
            value = predicate()
            if value:
                return value
            if expired:
                raise AssertionError(f'waited {timeout} s in vain for {what}')
            context.iteration(True)
    finally:
        source.destroy()


def wait_asking(predicate, what, timeout=DEADLINE):
    """As wait_for(), for a predicate that calls the daemon: a signal that tells of the change may
    arrive while it waits for its reply, so it is asked again after a while."""
    tick = GLib.timeout_add(50, lambda: GLib.SOURCE_CONTINUE)
    try:
        return wait_for(predicate, what, timeout)
    finally:
        GLib.source_remove(tick)


def wait_on_disk(predicate, what, timeout=DEADLINE):
    """As wait_for(), for what is told by no event of the main loop's: it is looked at again and again.

    what may be a function that says how things stand in the end.
    """
    in_time = deadline(timeout)
    while in_time():
        drain()
        if predicate():
            return
        # Those that it waits for need the processor, too.
        time.sleep(0.002)
    raise AssertionError(f'waited in vain for {what() if callable(what) else what}')


def run_for(seconds):
    """Runs the main loop for a while: only to see that something does *not* happen."""
    over = []
    GLib.timeout_add(int(seconds * 1000), lambda: over.append(True))
    wait_for(lambda: over, 'the time to pass', seconds + 10)


def drain():
    """Dispatches what has arrived already."""
    while GLib.MainContext.default().iteration(False):
        pass


def wait_gone(pid, what, timeout=DEADLINE):
    """Waits until a process that need not be a child has ended."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        poller = select.poll()
        poller.register(fd, select.POLLIN)
        assert poller.poll(timeout * 1000), f'{what} (pid {pid}) was still there after {timeout} s'
    finally:
        os.close(fd)


def deadline(timeout=DEADLINE):
    """A function that tells whether the time is not up yet, for loops that watch the kernel."""
    end = time.monotonic() + timeout
    return lambda: time.monotonic() < end
