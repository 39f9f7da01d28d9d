"""tests/bench: that it runs, with images that are too small to say anything."""

import pathlib
import sys

import pytest

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / 'bench'))

import bench   # noqa: E402 pylint: disable=wrong-import-position


@pytest.mark.parametrize('part, rows', [('copy', 7), ('reflink', 2), ('daemon', 5)])
def test_runs(part, rows, system_bus, polkitd, users, prefix, area):
    options = bench.parse(['--size=8M', '--rounds=1', '--images=stripes', '--machines=20', '--jobs=4',
                           '--reflink-on=btrfs', f'--only={part}'])
    measured = bench.Bench(options, prefix, users, system_bus, area)
    measured.run()
    assert len(measured.rows) == rows and all(row['value'] > 0 for row in measured.rows)
