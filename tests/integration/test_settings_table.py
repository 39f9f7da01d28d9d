"""A row for each key of interface.md's two tables and each of its meaningful values. A row looks at
what the value does, on disk, in the configuration or on the job; none can pass if its key is
ignored. The table, with what was seen, stands at the end of the log."""

import re

import pytest
from gi.repository import GLib

from keys import KEYS, LEFT_OUT, documented, exports, given, imports


@pytest.fixture(scope='module')
def world(make_world):
    return make_world(Networks='network:lab;network:twin;bridge:br0;bridge:twin',
                      Scopes='lab;production')


def shown(value):
    return value.print_(False) if isinstance(value, GLib.Variant) else repr(value)


ROWS = [pytest.param(key, row, id=f'{key.kind}-{key.name}-{shown(row.value)}')
        for key in KEYS.values() for row in key.rows]


@pytest.mark.parametrize('key, row', ROWS)
def test_row(world, record_property, key, row):
    line = {'kind': key.kind, 'key': key.name, 'value': shown(row.value), 'seen': '-'}
    record_property('settings-table', line)
    try:
        line['seen'] = key.observe(world, row.value)
    finally:
        left = world.tidy()
    assert line['seen'] == row.expected
    assert left == [], 'nothing is left behind'


@pytest.mark.parametrize('key', KEYS.values(), ids=lambda key: f'{key.kind}-{key.name}')
def test_wrong_type(world, record_property, key):
    """IncorrectDataType, naming key, type given and type wanted, from the call itself."""
    line = {'kind': key.kind, 'key': key.name, 'value': f'of type {key.wrong.get_type_string()}',
            'seen': '-'}
    record_property('settings-table', line)
    folder = world.folder('directory')
    start = world.export if key.kind == 'export' else world.import_
    arguments = (exports.web(world), folder) if key.kind == 'export' else (folder,)
    outcome = start(*arguments, {key.name: key.wrong})
    line['seen'] = outcome.error.name.rpartition('.')[2]
    assert outcome.call and line['seen'] == 'IncorrectDataType', outcome
    wanted = documented(key.kind)[key.name]
    for word in (key.name, key.wrong.get_type_string(), wanted):
        assert re.search(rf'(?<!\w){word}(?!\w)', outcome.error.message), \
            f'it does not say {word}: {outcome.error.message}'
    assert world.tidy() == []


@pytest.mark.parametrize('kind', ['export', 'import'])
def test_complete(world, kind):
    """No key without rows: what the daemon tells, what is documented and this table agree."""
    if kind == 'export':
        told = world.operator.export_settings(exports.web(world))
    else:
        told = world.operator.import_settings(imports.plain(world))
    names = {name for key_kind, name in KEYS if key_kind == kind}
    assert set(told) | {'DirectoryFd'} == names == set(documented(kind))
    for name in names:
        key = KEYS[kind, name]
        assert len([row for row in key.rows if row.value is not LEFT_OUT and not row.same]) > 0, \
            f'{name}: every row shows the default'
    assert world.tidy() == []


def test_unknown_key(world):
    for start, arguments in ((world.export, (exports.web(world), world.folder())),
                             (world.import_, (imports.plain(world),))):
        outcome = start(*arguments, given('NoSuchKey', True))
        assert outcome.call and outcome.error.name == 'org.vmport.Error.InvalidParameter'
        assert 'NoSuchKey' in outcome.error.message
    assert world.tidy() == []
