"""vmportd as the tests run it: started, stopped, killed, and looked after."""

import os
import pathlib
import re
import signal
import subprocess

from .loop import DEADLINE, deadline, wait_for, wait_gone

WORKER = 'vmport-worker'
COMPLAINT = re.compile(r'CRITICAL|WARNING \*\*|ERROR \*\*|AddressSanitizer|runtime error')


class Process:
    """A process that is not ours, by what /proc says of it."""

    def __init__(self, pid):
        self.pid = pid

    @property
    def status(self):
        return (pathlib.Path('/proc') / str(self.pid) / 'status').read_text()

    @property
    def uids(self):
        """Real, effective, saved, file system."""
        return tuple(map(int, re.search(r'^Uid:\s(.*)$', self.status, re.M).group(1).split()))

    @property
    def state(self):
        return re.search(r'^State:\s(\w)', self.status, re.M).group(1)

    def kill(self, number):
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            pass

    def stop(self):
        """Stops it, and returns when the kernel has."""
        self.kill(signal.SIGSTOP)
        in_time = deadline()
        while in_time():
            try:
                if self.state in 'TtZX':
                    return
            except (FileNotFoundError, ProcessLookupError):
                return
        raise AssertionError(f'process {self.pid} does not stop')

    def resume(self):
        self.kill(signal.SIGCONT)


def processes(name=None, parent=None):
    """The running processes of a name or parent, zombies left out."""
    result = []
    for entry in os.listdir('/proc'):
        if not entry.isdigit():
            continue
        try:
            text = pathlib.Path('/proc', entry, 'stat').read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        comm = text[text.index('(') + 1:text.rindex(')')]
        state, ppid = text[text.rindex(')') + 2:].split()[:2]
        if state in 'ZX' or (name and comm != name) or (parent and int(ppid) != parent):
            continue
        result.append(Process(int(entry)))
    return result


def watch_leaks():
    """In a build of tests/sanitize: what the daemon has lost in the end is an error."""
    options = os.environ.get('ASAN_OPTIONS')
    return {'ASAN_OPTIONS': f'{options}:detect_leaks=1'} if options else {}


class Daemon:
    """One vmportd with a state directory and a configuration of its own: root's on the system bus,
    that of the bus's owner with --session.

    It runs with G_DEBUG=fatal-warnings: whatever it or a library complains about ends it, and
    check() reports that with its log. Where a test makes a case that is worth a warning to an
    administrator, it sets fatal to 'fatal-criticals'.
    """

    def __init__(self, bus, prefix, folder, managers=None, **keys):
        self.bus, self.folder, self.prefix = bus, folder, prefix
        self.state = folder / 'state'
        self.store = self.state / 'store'
        self.config = folder / 'vmport.conf'
        self.log_file = folder / 'vmportd.log'
        self.program = f'{prefix}/libexec/vmportd'
        self.worker = None
        self.fatal = 'fatal-warnings'
        self.keys = keys
        self.environment = {}
        self.options = ('--session',) if bus.session else ()
        self.managers = managers or {}   # further ones, {id: root} or {id: {key: value}}
        self.process = None
        self.killed = False
        self.start()

    def configure(self, **keys):
        """Changes vmport.conf, which is read at the next start."""
        self.keys.update(keys)

    def start(self):
        lines = ''.join(f'{key}={value}\n' for key, value in self.keys.items())
        groups = ''
        for name, keys in self.managers.items():
            if not isinstance(keys, dict):
                keys = {'Driver': 'directory', 'Root': keys}
            groups += f'[manager {name}]\n' + ''.join(f'{key}={value}\n'
                                                     for key, value in keys.items())
        self.config.write_text(f'[vmport]\n{lines}{groups}')
        # For somebody who looks for a mistake: VMPORT_WRAPPER='gdb -batch -ex run -ex bt --args'
        command = [*os.environ.get('VMPORT_WRAPPER', '').split(), self.program, *self.options,
                   f'--config={self.config}', f'--state-directory={self.state}']
        if self.worker:
            command.append(f'--worker={self.worker}')
        environment = {key: value for key, value in os.environ.items() if key != 'LISTEN_FDS'}
        # For a session libvirt would start a libvirtd in the user's home, which outlives the test.
        environment.update({**self.bus.environment, 'G_DEBUG': self.fatal, 'LC_ALL': 'C.UTF-8',
                            'LIBVIRT_AUTOSTART': '0', **watch_leaks(), **self.environment})
        with open(self.log_file, 'a') as log:
            self.process = self.bus.user.popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                               stderr=log, env=environment)
        self.killed = False
        self.name = self.bus.wait_owned('org.vmport', self.process, self.log)

    def log(self):
        return self.log_file.read_text(errors='replace')

    @property
    def proc(self):
        """What the kernel says of it."""
        return pathlib.Path('/proc', str(self.process.pid))

    @property
    def resident(self):
        """MiB in memory, what is shared with others included."""
        status = (self.proc / 'status').read_text()
        return int(re.search(r'^VmRSS:\s+(\d+)', status, re.M).group(1)) / 1024

    @property
    def is_sanitized(self):
        """Was it built to be looked into? Then its memory says nothing."""
        return 'libasan' in (self.proc / 'maps').read_text()

    def processes(self):
        """It, and its workers once they are running."""
        return [Process(self.process.pid), *processes(parent=self.process.pid)]

    def workers(self, uid=None):
        """Its worker processes; with uid those that have become that user already."""
        return [process for process in processes(WORKER)
                if uid is None or self._uid(process) == uid]

    @staticmethod
    def _uid(process):
        try:
            return process.uids[1]
        except (FileNotFoundError, ProcessLookupError):
            return None

    def kill(self):
        """SIGKILL, as the kernel does it when memory runs out; its workers must go as well."""
        left = processes(parent=self.process.pid)
        self.process.kill()
        self.process.wait(DEADLINE)
        self.killed = True
        # The bus hears of it a moment later; the next one must not be taken for this one.
        wait_for(lambda: self.bus.owner('org.vmport') is None, 'the name to be free again')
        for process in left:
            process.resume()
            wait_gone(process.pid, 'a worker of the killed vmportd')

    def stop(self):
        """SIGTERM; it must end well, and all that it started with it."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(DEADLINE)
                raise AssertionError(f'vmportd does not end on SIGTERM:\n{self.log()}') from None

    def restart(self):
        self.stop()
        self.start()

    def check(self):
        """What holds after every test."""
        status = self.process.returncode
        assert self.killed or status == 0, \
            f'vmportd ended with status {status}; it said:\n{self.log()}'
        bad = [line for line in self.log().splitlines() if COMPLAINT.search(line)
               and not (self.fatal != 'fatal-warnings' and 'WARNING' in line)]
        assert not bad, 'vmportd complained:\n' + '\n'.join(bad)
        left = processes(WORKER)
        try:
            for process in left:
                wait_gone(process.pid, 'a worker whose vmportd has ended', 5)
        finally:
            for process in left:
                process.kill(signal.SIGKILL)
