"""vmportctl scope convert: a store of Hyper-V's becomes one of ours, and each decision is told."""

import grp

import pytest

# pylint: disable=unused-import
from rig.authorization import ASK, NO, YES, ctl, judge, people, put, store_file
from rig.azman import Group, Role, Scope, Store, Task

# By name: the numbers are not Hyper-V's, for no two stores need have the same.
VIEW, SNAPSHOT = 'View Virtual Machine Configuration', 'Allow Virtual Machine Snapshot'
CREATE, DELETE, RECONFIGURE = ('Create Virtual Machine', 'Delete Virtual Machine',
                               'Reconfigure Virtual Machine')
MOVE, START = 'Change Virtual Machine Authorization Scope', 'Start Virtual Machine'
NAMES = (VIEW, CREATE, DELETE, RECONFIGURE, MOVE, START, 'Read Service Configuration')
ALICE, OPERATORS, STRANGER = ('S-1-5-21-7-8-9-1104', 'S-1-5-21-7-8-9-1105', 'S-1-5-21-7-8-9-500')


def hyper_v(*, snapshots=True):
    names = [*NAMES, SNAPSHOT] if snapshots else NAMES
    store = Store('Hyper-V services', {name: 700 + 3 * n for n, name in enumerate(names)})
    everything = Task('Administrator', list(names))
    viewer = Task('Look', [VIEW], definition=False)
    keeper = Task('Keeper', [SNAPSHOT if snapshots else RECONFIGURE], [viewer])
    maker = Task('Maker', [CREATE, START, 'Read Service Configuration'])
    scripted = Task('Scripted', [DELETE], rule='AzBizRuleContext.BusinessRuleResult = True')
    store.root.tasks += [everything, viewer, keeper, maker, scripted]
    store.root.groups.append(Group('Staff', [OPERATORS], [STRANGER]))
    store.root.groups.append(Group('Directory', type='LdapQuery'))
    store.root.roles.append(Role('Administrator', ['S-1-5-32-544'], [everything]))
    store.scopes.append(Scope('finance', roles=[
        Role('Keeper', [ALICE, STRANGER], [keeper], [store.root.groups[1]]),
        Role('Maker', [], [maker], [store.root.groups[0]]),
        Role('Starter', [ALICE], operations=[START]),
        Role('Remover', [ALICE], [scripted])]))
    store.scopes.append(Scope(' odd ', roles=[Role('Keeper', [ALICE], [keeper])]))
    return store


@pytest.fixture
def convert(ctl, area):
    def run(store, *options, sids=None, **more):
        (area / 'InitialStore.xml').write_text(store.xml())
        if sids is not None:
            (area / 'sids').write_text(''.join(f'{sid}\t{member}\n' for sid, member in sids.items()))
            options = (*options, f'--sid-map={area / "sids"}')
        return ctl('convert', area / 'InitialStore.xml', *options, **more)
    return run


@pytest.mark.parametrize('snapshots', [True, False])
def test_convert(convert, ctl, judge, people, store_file, snapshots):
    sids = {ALICE: 'user:alice', OPERATORS: 'group:operators', STRANGER: 'user:bob'}
    convert(hyper_v(snapshots=snapshots), '--install', sids=sids)
    said = ctl.stderr
    assert ctl('list') == 'finance\n'
    rights = {'alice': {'view': YES, 'export': YES, 'import': YES, 'delete': ASK, 'set-scope': ASK},
              # In the group that Maker is for, and left out of it.
              'bob': {'view': YES, 'export': YES, 'import': ASK},
              'carol': {'view': NO, 'export': ASK, 'import': ASK},
              'dave': {'view': YES, 'export': YES, 'import': YES, 'delete': YES, 'set-scope': YES,
                       'import-in-place': ASK, 'import-unsafe': ASK}}
    for name, wanted in rights.items():
        for operation, verdict in wanted.items():
            assert judge(people[name], operation, 'finance') == verdict, (name, operation)
    assert judge(people['alice'], 'export', '') == ASK
    second = SNAPSHOT if snapshots else RECONFIGURE
    for words in (f'“Keeper” in the scope “finance”: view ({VIEW}), export ({VIEW} + {second})',
                  f'“Maker” in the scope “finance”: import ({CREATE})',
                  'The role “Starter” in the scope “finance” is not carried over', START,
                  'The task “Scripted” in the application is not carried over',
                  'The role “Remover” in the scope “finance” is not carried over',
                  'The group “Directory” is not carried over', f'{ALICE} is user:alice',
                  'The scope “ odd ” is not carried over'):
        assert words in said, f'“{words}” is not in:\n{said}'


def test_sids_without_a_mapping(convert, ctl, judge, people, put):
    """They grant nothing, and a group that leaves one out grants nothing either."""
    put(convert(hyper_v(), sids={OPERATORS: 'group:operators'}))
    assert judge(people['alice'], 'export', 'finance') == ASK
    assert judge(people['alice'], 'import', 'finance') == ASK, 'STRANGER may be alice'
    assert judge(people['dave'], 'export', 'finance') == YES
    convert(hyper_v(), sids={OPERATORS: 'group:operators'})
    for sid in (ALICE, STRANGER):
        assert f'{sid} is not carried over' in ctl.stderr


def test_sids_that_winbind_knows(convert, ctl, judge, people, put):
    """The map is asked first; what has numbers of both kinds is what the domain says."""
    alice, group = people['alice'], grp.getgrnam('operators').gr_gid
    put(convert(hyper_v(), winbind=f'{ALICE}=u{alice.uid} {OPERATORS}=g{group} {STRANGER}=u3999999'))
    assert judge(alice, 'export', 'finance') == YES == judge(people['bob'], 'import', 'finance')
    for user, text in ((f'{ALICE}=U{alice.uid}', f'{ALICE} is S-1-22-1-{alice.uid}'),
                       (f'{OPERATORS}=G{group}', f'{OPERATORS} is S-1-22-2-{group}'),
                       (f'{ALICE}=B{alice.uid}', f'{ALICE} is not carried over'),
                       (f'{STRANGER}=u1', f'{ALICE} is not carried over')):
        convert(hyper_v(), winbind=user)
        assert text in ctl.stderr, ctl.stderr
    convert(hyper_v(), sids={ALICE: 'user:bob'}, winbind=f'{ALICE}=u{alice.uid}')
    assert f'{ALICE} is user:bob' in ctl.stderr
    # The library is the real one here, and nothing answers it.
    convert(hyper_v())
    assert f'{ALICE} is not carried over' in ctl.stderr


def test_what_cannot_be_converted(convert, ctl, store_file):
    store_file.write_text('precious')
    convert(Store(), '--install', status=1)
    assert 'Hyper-V services' in ctl.stderr
    convert(hyper_v(), '--install', sids={'S-1-5-21-1': 'somebody'}, status=1)
    assert 'line 1' in ctl.stderr and 'somebody' in ctl.stderr
    convert(hyper_v(), '--install', sids={'user:alice': 'user:bob'}, status=1)
    ctl('convert', '/nonexistent', status=3)
    assert store_file.read_text() == 'precious'
    assert '+++' in convert(hyper_v(), '--install', '--dry-run')
    assert store_file.read_text() == 'precious'
