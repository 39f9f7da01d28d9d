"""Faults at one step of what vmportd or a worker does: killed there (step-killer.c), or a system call
that fails."""

import os
import pathlib
import re
import signal
import subprocess
from collections import Counter

from .loop import DEADLINE, wait_on_disk


class StepKiller:
    """Follows a process, or those that it starts, until stop(); number 0 only counts."""

    def __init__(self, pid, children=False, number=0):
        program = pathlib.Path(os.environ['VMPORT_BUILD_DIR']) / 'tests/integration/step-killer'
        self.process = subprocess.Popen(
            (program, str(pid), 'children' if children else 'process', str(number)),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
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
