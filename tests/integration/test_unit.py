"""Meson's tests, each as one test of this run, so that there is one summary."""

import json
import os
import re
import subprocess

import pytest


def meson_tests():
    build = os.environ.get('VMPORT_BUILD_DIR')
    if not build:
        return []
    output = subprocess.run(('meson', 'introspect', '--tests', build), check=True, text=True,
                            stdout=subprocess.PIPE,
                            env={**os.environ, 'PATH': '/usr/bin:/bin:/usr/sbin:/sbin'}).stdout
    return [pytest.param(test, id=test['name']) for test in json.loads(output)]


def count_files(arguments):
    """Those that are, or lie in, what a fuzz target is given."""
    return sum(len(names) for argument in arguments for _, _, names in os.walk(argument))


@pytest.mark.parametrize('test', meson_tests())
def test_unit(test, record_property):
    environment = {**os.environ, **test['env'], 'MALLOC_PERTURB_': '85'}
    # Seconds; Meson's default is 30 for an idle machine.
    timeout = max(60, 4 * (test['timeout'] or 30))
    result = subprocess.run(test['cmd'], env=environment, cwd=test['workdir'] or '/',
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, errors='replace', check=False,
                            timeout=timeout)
    assert result.returncode == 0, f'exit status {result.returncode}:\n{result.stdout}'
    if test['protocol'] == 'tap':
        plan = re.search(r'^1\.\.(\d+)', result.stdout, re.M)
        points = re.findall(r'^(not )?ok\b.*$', result.stdout, re.M)
        assert plan and int(plan.group(1)) == len(points), f'the plan is not kept:\n{result.stdout}'
        skipped = re.findall(r'^ok .*# SKIP.*$', result.stdout, re.M | re.I)
        assert not skipped, 'a skip counts as a failure:\n' + '\n'.join(skipped)
    if 'fuzz' in ' '.join(test['suite']):
        record_property('inputs', (test['name'], count_files(test['cmd'][1:])))
