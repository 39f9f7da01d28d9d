"""Jobs from a test's point of view: how they end, and how to hold one where it is."""

import os
import pathlib
import signal
import stat

from gi.repository import GLib

from .caller import JOB, Refused
from .loop import DEADLINE, deadline, wait_for
from .recorder import TERMINAL


def failure(caller, start, *arguments, **options):
    """What start() fails with, be it as a call or as the job that it makes."""
    try:
        job = start(*arguments, **options)
        result = caller.wait(job)
    except Refused as error:
        return error
    raise AssertionError(f'{start.__name__}{arguments} had to fail, and gave {result}')


def job_failure(caller, start, *arguments, **options):
    """What the job fails with; the call itself must succeed."""
    try:
        job = start(*arguments, **options)
    except Refused as error:
        raise AssertionError('interface.md, "Errors": this is known only by reading the directory, '
                             f'so it fails the job, not the call: {error}') from error
    try:
        result = caller.wait(job)
    except Refused as error:
        properties = caller.job(job)
        assert properties['JobState'] in TERMINAL
        assert properties['ErrorName'] == error.name, \
            'a failed job answers Wait with its own error, which ErrorName holds'
        assert properties['ErrorCode'] != 0
        return error
    raise AssertionError(f'{start.__name__}{arguments} had to fail, and gave {result}')


def findings(caller, job):
    """{code: finding} of a job's Describe."""
    return {finding['Code']: finding for finding in caller.describe(job)['Findings']}


# Among the settings of a job that is to be held: it moves one block of 4096 bytes and then waits, so
# that a phase lasts until Hold.release(), however fast the disk is and however late it is heard of.
# Where that block is all that there is to copy, the job waits before it flushes.
HELD = {'BandwidthLimit': GLib.Variant('t', 1)}


class Hold:
    """Stops the workers of a daemon when a job's Progress tells a phase, until released. The job has
    HELD among its settings, or it may be over before it is heard of."""

    def __init__(self, daemon, recorder, phase):
        self.daemon, self.phase, self.stopped, self.job = daemon, phase, [], None
        recorder.on(self._heard)
        self.recorder = recorder

    def _heard(self, heard):
        if heard.name == 'Progress' and heard.arguments[3] == self.phase and not self.stopped:
            self.job = heard.path
            for worker in self.daemon.workers():
                worker.stop()
                self.stopped.append(worker)

    def wait(self, timeout=DEADLINE):
        wait_for(lambda: self.stopped, f'a worker to stop in the phase {self.phase}; phases: '
                 f'{[s.arguments[3] for s in self.recorder.of(name="Progress")][-5:]}', timeout)
        self.recorder.handlers.remove(self._heard)
        return self.job

    def release(self):
        for worker in self.stopped:
            worker.resume()
        # Nobody waits for the reply: the job may have ended.
        self.recorder.caller.start(self.job, JOB, 'SetBandwidthLimit', '(ta{sv})', (0, {}))


def slow_sync(daemon, milliseconds=300):
    """Has the daemon's workers take that long for each flush, so that one can be met in it."""
    program = daemon.folder.parent / 'slow-sync-worker'
    program.write_text('#!/bin/sh\n'
                       'exec strace -f -qq -o /dev/null -e trace=fsync '
                       f'-e inject=fsync:delay_enter={milliseconds}000 '
                       f'{daemon.prefix}/libexec/vmport-worker "$@"\n')
    program.chmod(0o755)
    daemon.worker = program
    daemon.restart()


class Gate:
    """A program for --worker that stops before it becomes the worker, until it is let through.

    So a job can be held before its worker has done anything at all.
    """

    def __init__(self, folder, prefix):
        self.program = folder / 'gated-worker'
        self.folder = folder / 'gate'
        self.folder.mkdir()
        self.folder.chmod(0o1777)   # on a session bus the worker is the user's from the start
        self.program.write_text('#!/bin/sh\n'
                                f': > {self.folder}/$$\n'
                                'kill -STOP $$\n'
                                f'exec {prefix}/libexec/vmport-worker "$@"\n')
        self.program.chmod(0o755)

    def waiting(self):
        """Pids of the workers that stand before the gate."""
        result = []
        for entry in self.folder.iterdir():
            try:
                text = pathlib.Path('/proc', entry.name, 'stat').read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if text[text.rindex(')') + 2] in 'Tt':
                result.append(int(entry.name))
        return result

    def wait(self, count=1, timeout=DEADLINE):
        in_time = deadline(timeout)
        while in_time():
            # Replies and signals go on arriving.
            wait_for(lambda: True, '')
            pids = self.waiting()
            if len(pids) >= count:
                return pids
        raise AssertionError(f'waited in vain for {count} workers; there are {self.waiting()}')

    def open(self):
        for pid in self.waiting():
            (self.folder / str(pid)).unlink()
            os.kill(pid, signal.SIGCONT)


def owned_by(folder, user):
    """Paths below and with folder that do not belong to user, or are open to others' writing."""
    return [path for path in (folder, *folder.rglob('*'))
            if path.lstat().st_uid != user.uid or stat.S_IMODE(path.lstat().st_mode) & 0o022]
