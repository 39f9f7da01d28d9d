"""Machines in security scopes, and rules that give people rights in one scope or another.

The fixtures are for modules that import them.
"""

import json
import uuid

import pytest
from gi.repository import GLib

from .caller import MACHINE, STORE
from .machines import bare_directory

EVERYTHING = ['view', 'export', 'import', 'import-in-place', 'import-unsafe', 'set-scope', 'delete']

# A rule as an administrator would write it: rights by user and scope. What it does not grant is
# left to the defaults of the actions.
RULES = '''
    var rights = %s;
    var mine = rights.hasOwnProperty(subject.user) ? rights[subject.user] : {};
    var scope = action.lookup("scope");
    var name = action.id.replace("org.vmport.", "").replace("scoped.", "");
    if (mine.hasOwnProperty(scope) && mine[scope].indexOf(name) >= 0)
        return polkit.Result.YES;
    return polkit.Result.NOT_HANDLED;
'''

# alice works in lab, and may import everywhere; carol is the operator; bob was given nothing.
RIGHTS = {
    'alice': {'': ['import', 'export'], 'lab': EVERYTHING, 'prod': ['import']},
    'carol': {scope: EVERYTHING for scope in ('', 'lab', 'prod', 'nowhere')},
}


def grant(polkit, rights):
    polkit.rules(RULES % json.dumps(rights))


@pytest.fixture
def rights(polkit):
    grant(polkit, RIGHTS)


@pytest.fixture
def daemon(make_daemon, rights):
    return make_daemon(Scopes='lab;prod')


@pytest.fixture
def make_scoped(make_vm, root):
    def make(name, scope):
        machine = make_vm(name)
        root.set_scope(machine, scope)
        return machine
    return make


@pytest.fixture
def bare(area, users):
    """A folder of alice's with a machine to import, and the machine's id."""
    made = str(uuid.uuid4())
    return bare_directory(area / 'alice/bare', 'old', owner=users['alice'], machine_uuid=made), made


def recorded(daemon):
    """{(manager, id): scope} of the daemon's own record."""
    file = daemon.state / 'scopes'
    if not file.exists():
        return {}
    record = GLib.Variant.parse(GLib.VariantType('a(sssu)'), file.read_text(), None, None)
    return {(manager, machine): scope for manager, machine, scope, _ in record.unpack()}


def uuid_of(machine):
    return machine.rpartition('/')[2].replace('_', '-')


def scope_of(caller, machine):
    return caller.get(machine, MACHINE, 'SecurityScope')


def import_(caller, folder, manager=STORE, **settings):
    return caller.wait(caller.import_(folder, settings, manager))['ImportedVirtualMachine']
