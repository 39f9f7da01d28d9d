"""README's examples for scripts, run as they stand there: busctl and gdbus, and Python."""

import os
import pathlib
import re
import select
import subprocess

import pytest

from rig.loop import DEADLINE
from rig.machines import Disk, names

README = pathlib.Path(__file__).parents[2] / 'README.md'


def readme_lines():
    """The block that calls vmport with busctl and gdbus, line by line."""
    for block in re.findall(r'^```\w*\n(.*?)^```', README.read_text(encoding='utf-8'),
                            re.M | re.S):
        if 'busctl call org.vmport' in block and 'gdbus call' in block:
            # A line that ends in a backslash goes on.
            return [line for line in block.replace('\\\n', '').splitlines()
                    if line.strip() and not line.startswith('#')]
    raise AssertionError(f'{README} has no block with busctl and gdbus calls')


@pytest.fixture
def shell(bus, area, users):
    """Runs a README line as alice: /backup is a folder of hers, everything else as it stands."""
    def run(line, **variables):
        environment = {'PATH': '/usr/bin:/bin', 'LC_ALL': 'C.UTF-8',
                       'DBUS_SYSTEM_BUS_ADDRESS': bus.address, **variables}
        line = line.replace('/backup', f'{area}/alice')
        result = users['alice'].run(('timeout', '60', 'bash', '-c', line), env=environment)
        assert result.returncode == 0, f'$ {line}\n{result.stdout}{result.stderr}'
        return result.stdout
    return run


def read_until(stream, wanted):
    """Reads what a program says until it has said what is wanted."""
    heard = b''
    while wanted not in heard:
        ready, _, _ = select.select([stream], [], [], DEADLINE)
        said = os.read(stream.fileno(), 65536) if ready else b''
        assert said, f'gdbus monitor never said {wanted}, but:\n{heard.decode()}'
        heard += said


def test_lines(make_daemon, alice, make_vm, area, users, shell):
    make_daemon(Networks='bridge:br0')
    machine = make_vm('web', [Disk(name='web.qcow2')], networks=['bridge:br0'])
    lines = readme_lines()
    monitor = next(line for line in lines if line.startswith('gdbus monitor'))
    listener = users['alice'].popen(('bash', '-c', f'exec {monitor}'), stdout=subprocess.PIPE)
    try:
        # It has subscribed once it has said who owns the name.
        read_until(listener.stdout, b'owned by')
        said, job = [], ''
        for line in lines:
            if line == monitor:
                continue
            said.append(shell(line, VM=machine, JOB=job))
            job = next(iter(re.findall(r'/org/vmport/Job/\d+', said[-1])), job)
        assert any('ExportPath' in text for text in said), said
        assert any('ImportedVirtualMachine' in text for text in said), said
        read_until(listener.stdout, b'Finished')
    finally:
        # SIGTERM, which timeout hands on: gdbus has the other end of the pipe.
        listener.terminate()
        listener.communicate()
    machines = {entry['Name']: entry for entry in alice.machines().values()}
    assert set(machines) == {'web', 'web2'}
    assert machines['web2']['NetworkConnections'] == ['bridge:br0']
    assert 'web/vmport.xml' in names(area / 'alice')


def test_python_program(daemon, alice, make_vm, area, bus, users):
    """The program goes through the typelib, and ends with what Wait answers."""
    make_vm('web', [Disk(name='web.qcow2')])
    program, = re.findall(r'^```python\n(.*?)^```', README.read_text(encoding='utf-8'), re.M | re.S)
    environment = {name: os.environ[name] for name in ('PATH', 'GI_TYPELIB_PATH', 'LD_LIBRARY_PATH')}
    result = users['alice'].run(
        ('timeout', '60', '/usr/bin/python3', '-c', program.replace('/backup', f'{area}/alice')),
        env={**environment, 'DBUS_SYSTEM_BUS_ADDRESS': bus.address, 'LC_ALL': 'C.UTF-8'})
    assert result.returncode == 0, result.stderr
    assert 'Done 100%' in result.stdout and 'ExportPath' in result.stdout, result.stdout
    assert 'python/vmport.xml' in names(area / 'alice')
