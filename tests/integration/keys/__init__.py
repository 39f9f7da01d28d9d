"""The table of settings: for each key a way to see what it does, and what is to be seen for each of
its meaningful values. exports.py and imports.py fill it."""

import pathlib
import re
from dataclasses import dataclass, field

MANAGER_XML = pathlib.Path(__file__).parents[3] / 'introspection/org.vmport.Manager.xml'


class LeftOut:
    """The value of a key that is not given."""

    def __repr__(self):
        return 'left out'


LEFT_OUT = LeftOut()


@dataclass
class Row:
    value: object
    expected: str
    same: bool = False   # where the default is to be seen as well, and why that is so is said


@dataclass
class Key:
    kind: str            # 'export' or 'import'
    name: str
    wrong: object        # a GLib.Variant of another type
    observe: callable = None
    rows: list = field(default_factory=list)


KEYS = {}


def key(kind, name, wrong, rows):
    """Registers observe(world, value), which tries a value and returns what is to be seen of it.

    The first row is that of the key left out. A row that shows the same would not fail if the key
    were ignored, so it has to say so.
    """
    def register(observe):
        default = rows[0]
        assert default.value is LEFT_OUT, name
        for row in rows[1:]:
            assert row.same == (row.expected == default.expected), \
                f'{name}={row.value}: a row that shows what the default shows says so, and no other'
        KEYS[kind, name] = Key(kind, name, wrong, observe, rows)
        return observe
    return register


def documented(kind):
    """{key: type} as the documentation of Export or Import has them."""
    text = MANAGER_XML.read_text(encoding='utf-8')
    method = kind.capitalize()
    comment = re.search(rf'<!--\n\s+{method}:\n(.*?)-->\s*<method name="{method}">', text, re.S)
    return dict(re.findall(r'^ +``(\w+)`` \(``(\w+)``,', comment.group(1), re.M))


def given(name, value):
    """The settings with this value."""
    return {} if value is LEFT_OUT else {name: value}


def failed(outcome, name=''):
    """How a failure is written in the table, after a look whether its message names the key."""
    error = outcome.error.name.rpartition('.')[2]
    assert name in outcome.error.message, \
        f'the message does not name {name}: {outcome.error.message}'
    return error


def warnings(outcome):
    """'Code of Setting, …' of a result's warnings, or 'no warning'."""
    found = [f'{warning["Code"]} of {warning["Setting"]}' if warning['Setting']
             else warning['Code'] for warning in outcome.result['Warnings']]
    return ', '.join(sorted(set(found))) or 'no warning'
