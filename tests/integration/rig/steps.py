"""Faults at one step of what vmportd or a worker does: killed there (step-killer.c), or a system call
that fails."""

import os
import pathlib
import re
import signal
import subprocess
from collections import Counter

from .loop import DEADLINE, wait_on_disk

# VMPORT_MATRIX: unset, some steps of each case; `full`, all; `3/10`, the third tenth of them, as far
# apart as the others.
MATRIX = os.environ.get('VMPORT_MATRIX', '')
FULL = MATRIX == 'full'


def chosen(steps, some):
    """The numbers of the steps that this run tries, of so many."""
    if FULL:
        return range(1, steps + 1)
    if MATRIX:
        part, parts = map(int, MATRIX.split('/'))
        return range(part, steps + 1, parts)
    return sorted({steps * (2 * i + 1) // (2 * some) for i in range(some)})


class StepKiller:
    """Follows a process until stop(); number 0 only counts. which is `process`, `children` for those
    that it starts, or the path of a socket, for what it says there; victim another process."""

    def __init__(self, pid, which, number=0, victim=None):
        program = pathlib.Path(os.environ['VMPORT_BUILD_DIR']) / 'tests/integration/step-killer'
        command = [program, str(pid), which, str(number)] + ([str(victim)] if victim else [])
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        text=True)
        assert self.process.stdout.readline() == 'attached\n'

    def stop(self):
        """How many steps there were, and how many of them killed."""
        self.process.terminate()
        said, _ = self.process.communicate(timeout=DEADLINE)
        return tuple(map(int, re.fullmatch(r'steps (\d+), killed (\d+)\n', said).groups()))


class StepFault:
    """Lets the number-th of some system calls fail, in each thread of the processes that one starts;
    number 0 only counts."""

    def __init__(self, pid, calls, log, error=None, number=0):
        self.log, said = log, log.with_suffix('.said')
        command = ['strace', '-f', '-p', str(pid), '-o', str(log), '-e', f'trace={calls}',
                   '-e', 'signal=none']
        if number:
            command += ['-e', f'inject={calls}:error={error}:when={number}']
        with open(said, 'w') as out:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=out)
        wait_on_disk(lambda: 'attached' in said.read_text(), 'strace')

    def stop(self):
        """The most such calls that one thread made, and how many failed."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(DEADLINE)
        text = self.log.read_text()
        threads = Counter(re.findall(r'^(\d+) +\w+\(', text, re.M))
        return max(threads.values(), default=0), text.count('(INJECTED)')
