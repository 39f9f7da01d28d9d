"""What a run of something costs: time, processor and memory, under the same conditions for all."""

import os
import pathlib
import re
import statistics
import subprocess
import threading
import time
from dataclasses import dataclass, field


def cold():
    """Nothing is on its way to the disk, and nothing of it in memory."""
    os.sync()
    pathlib.Path('/proc/sys/vm/drop_caches').write_text('3\n')


@dataclass
class Cost:
    seconds: float
    cpu: float = 0      # of all processes that did the work
    memory: int = 0     # KiB, of the largest of them at its peak


@dataclass
class Contender:
    """One way to do something: run() does it once, tidy() makes it undone."""

    name: str
    run: callable
    tidy: callable = lambda: None
    costs: list = field(default_factory=list)

    def median(self, of='seconds'):
        return statistics.median(getattr(cost, of) for cost in self.costs)

    def as_json(self):
        return {'median': self.median(), 'seconds': [cost.seconds for cost in self.costs],
                'cpu': self.median('cpu'), 'memory_kib': self.median('memory')}


def shell(command):
    """A command line, with the processes that it starts."""
    def run():
        start = time.monotonic()
        process = subprocess.Popen(('/bin/sh', '-ec', command), stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE)
        with process.stderr:
            said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f'{command}: {said.decode(errors="replace")}')
        return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
    return run


class Watch:
    """The processor time of a daemon and its workers, and the largest of these at its peak.

    It looks seldom, at the kernel's own list of children: whoever looks takes processor time from
    what is measured. The kernel keeps the peak, so little of it is missed."""

    def __init__(self, daemon):
        self.daemon, self.peak, self.end = daemon, 0, threading.Event()
        self.thread = threading.Thread(target=self._look)

    def _look(self):
        pause = 0.03   # a short job has its worker by then
        while not self.end.wait(pause):
            for children in (self.daemon.proc / 'task').glob('*/children'):
                for pid in self._read(children).split():
                    found = re.search(r'^VmHWM:\s+(\d+)', self._read(f'/proc/{pid}/status'), re.M)
                    self.peak = max(self.peak, int(found.group(1)) if found else 0)
            pause = min(2 * pause, 0.25)

    @staticmethod
    def _read(path):
        try:
            return pathlib.Path(path).read_text()
        except (FileNotFoundError, ProcessLookupError):
            return ''

    def _cpu(self):
        fields = (self.daemon.proc / 'stat').read_text().rpartition(')')[2].split()
        return sum(map(int, fields[11:15])) / os.sysconf('SC_CLK_TCK')

    def __enter__(self):
        self.before = self._cpu()
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.end.set()
        self.thread.join()
        self.cpu = self._cpu() - self.before


def called(daemon, function):
    """A call to the service, until it has answered."""
    def run():
        with Watch(daemon) as watch:
            start = time.monotonic()
            function()
            seconds = time.monotonic() - start
        return Cost(seconds, watch.cpu, watch.peak)
    return run


def compete(contenders, rounds, patience=None):
    """Each once in each round, so that what else the machine does meets all alike. With patience one
    that takes more than so many times as long as the fastest has no further turn."""
    for number in range(rounds):
        best = min((contender.median() for contender in contenders if contender.costs), default=0)
        for contender in contenders:
            if number and patience and contender.median() > patience * best:
                continue
            cold()
            contender.costs.append(contender.run())
            contender.tidy()
    return {contender.name: contender for contender in contenders}


def sha256_rate():
    """Bytes a second that all cores together put through SHA-256, in blocks as fs-verity's."""
    cores = len(os.sched_getaffinity(0))
    said = subprocess.run(('openssl', 'speed', '-multi', str(cores), '-seconds', '1', '-bytes', '4096',
                           '-evp', 'sha256'), check=True, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL).stdout
    return float(re.search(r'^sha256\s+([\d.]+)k', said, re.M | re.I).group(1)) * 1000
