"""The authorization store: what the compiled rules grant is what AzMan's rules grant, decided by the
real polkitd; what is broken never grants more."""

import os
import pathlib
import random
import subprocess

import pytest

# pylint: disable=unused-import
from rig.authorization import ASK, NO, RULES, YES, ctl, judge, people, put, store_file
from rig.azman import ODD_SCOPES, OPERATIONS, Group, Role, Scope, Store, Task, random_store
from rig.loop import DEADLINE

SCHEMA = pathlib.Path(__file__).parents[2] / 'policy/authorization.rng'
# More, and others, where somebody has the time.
N_STORES = int(os.environ.get('VMPORT_AZMAN_STORES', '55'))
N_QUESTIONS = 44
SEED = int(os.environ.get('VMPORT_SEED', '0'))


def expected(store, user, operation, scope):
    if store.grants(user, operation, scope):
        return YES
    if operation == 'view':
        return NO if scope else YES
    return ASK


def test_equivalence(put, judge, people, store_file):
    """Any store, anybody, anything: polkitd says what AzMan would."""
    asked = granted = refused = 0
    for seed in range(SEED, SEED + N_STORES):
        rng = random.Random(seed)
        store = random_store(rng, people)
        put(store, rng)
        # The schema takes what the parser takes.
        valid = subprocess.run(('xmllint', '--noout', '--relaxng', SCHEMA, store_file), text=True,
                               stderr=subprocess.PIPE, check=False)
        assert valid.returncode == 0, valid.stderr
        scopes = ['', *(scope.name for scope in store.scopes), rng.choice(ODD_SCOPES)]
        for _ in range(N_QUESTIONS):
            user, operation = rng.choice(list(people.values())), rng.choice(list(OPERATIONS))
            scope = '' if operation == 'manage-jobs' else rng.choice(scopes)
            wanted = expected(store, user, operation, scope)
            assert judge(user, operation, scope) == wanted, \
                f'store {seed}: {user} {operation} “{scope}”\n{store_file.read_text()}'
            asked += 1
            granted += store.grants(user, operation, scope)
            refused += wanted != YES
    assert asked >= min(2000, N_STORES * N_QUESTIONS) and granted > asked / 10 and refused > asked / 5, (asked, granted, refused)


def simple_store(scope='lab', members=('user:alice',), role='Worker', **parts):
    task = Task(role, ['view', 'export', 'delete'])
    store = Store()
    store.root.tasks.append(task)
    store.scopes.append(Scope(scope, roles=[Role(role, list(members), [task], **parts)]))
    return store


def test_check_explains(put, judge, ctl, people):
    """And agrees with the rules; for anybody who can read the store."""
    store = simple_store(members=['group:operators'])
    inner = Task('Inner', ['import'])
    group, outer = Group('Nested', ['user:carol']), Group('Outer')
    outer.groups.append(group)
    store.root.groups += [group, outer]
    store.root.tasks.append(inner)
    store.scopes[0].tasks.append(Task('Outer task', tasks=[inner]))
    store.scopes[0].roles.append(Role('Importer', tasks=[store.scopes[0].tasks[0]], groups=[outer]))
    put(store)
    said = ctl('check', 'alice', 'export', 'lab', user='bob')
    assert all(word in said for word in ('granted', 'group:operators', 'Worker', 'lab')), said
    said = ctl('check', 'carol', 'import', 'lab')
    assert all(word in said for word in ('Nested', 'Outer', 'Importer', 'Outer task', 'Inner')), said
    assert judge(people['carol'], 'import', 'lab') == YES
    assert 'no role' in ctl('check', 'carol', 'export', 'lab', status=4)
    assert 'no scope' in ctl('check', 'alice', 'export', 'gone', status=4)
    ctl('check', 'alice', 'odd', 'lab', status=2)
    ctl('check', 'nobody-at-all', 'view', 'lab', status=3)
    ctl('check', 'alice', 'manage-jobs', 'lab', status=2)


def test_check_asks_polkit(ctl, store_file, prefix, polkit):
    """For root, of the installed store: where polkit says otherwise, that is told."""
    installed = pathlib.Path(prefix, 'etc/vmport/authorization.xml')
    before = installed.read_text()
    store_file.unlink(missing_ok=True)
    store_file.symlink_to(installed)
    try:
        installed.write_text(simple_store().xml())
        said = subprocess.run((f'{prefix}/bin/vmportctl', 'scope', 'check', 'alice', 'export', 'lab'),
                              text=True, stdout=subprocess.PIPE, check=False,
                              env={'LD_LIBRARY_PATH': f'{prefix}/lib', 'LC_ALL': 'C.UTF-8',
                                   'DBUS_SYSTEM_BUS_ADDRESS': polkit.bus.address})
        assert said.returncode == 4 and 'By the store: granted' in said.stdout, said
        assert 'administrator would have to' in said.stdout and 'not compiled' in said.stdout, said
    finally:
        installed.write_text(before)


def test_no_scope_detail(put, judge, people):
    """Nothing that the daemon asks comes without one, or with the scope of another action."""
    put(simple_store())
    for operation in OPERATIONS:
        assert judge(people['alice'], operation, None) == NO
        assert judge(people['alice'], operation, 'lab', action=f'org.vmport.{operation}') == NO
    assert judge(people['alice'], 'view', '', action='org.vmport.scoped.view') == NO
    # What says which store is in force is no right, and no detail of a request grants anything.
    assert judge(people['alice'], '', 'lab', action='org.vmport.compiled', store='x') == NO
    assert judge(people['bob'], 'view', 'lab', directory='lab', vm_name='lab', store='x') == NO


@pytest.mark.parametrize('name', ODD_SCOPES)
def test_hostile_names(put, judge, people, name):
    """In a scope, a role and a group: one scope is opened, and no other."""
    store = simple_store(name, role=f'{name} */ //\n\u2028</script>"\\')
    group = Group(f'"{name}\n', ['user:carol'])
    store.root.groups.append(group)
    store.scopes[0].roles[0].groups.append(group)
    put(store)
    assert judge(people['alice'], 'export', name) == YES == judge(people['carol'], 'export', name)
    assert judge(people['bob'], 'export', name) == ASK and judge(people['bob'], 'view', name) == NO
    for other in set(ODD_SCOPES) - {name} | {f'{name[:200]}x', f'scope:{name[:200]}'}:
        assert judge(people['alice'], 'view', other) == NO
    assert judge(people['alice'], 'export', '') == ASK


LAUGHS = '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">' + ''.join(
    f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9)) + ']>'


def broken_stores():
    good = simple_store().xml()
    start = good.index('<AzAdminManager')
    alice = '<Member>user:alice</Member>'
    yield 'entities', LAUGHS + good[start:].replace('user:alice', 'user:&j;')
    yield 'external', ('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
                       + good[start:].replace('user:alice', '&x;'))
    yield 'dtd', '<!DOCTYPE AzAdminManager SYSTEM "http://192.0.2.1/x.dtd">' + good[start:]
    yield 'xinclude', good.replace(alice, '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" '
                                   'href="/etc/passwd" parse="text"/>')
    yield 'truncated', good[:-30]
    yield 'empty', ''
    yield 'zeros', '\0' * 100
    yield 'no member', good.replace('user:alice', 'alice')
    yield 'member with a line', good.replace('user:alice', 'user:alice&#10;user:bob')
    yield 'dangling', good.replace('<TaskLink>', '<TaskLink>0')
    yield 'deep', good.replace(alice, '<a>' * 10000 + '</a>' * 10000)
    yield 'attributes', good.replace('<AzScope', '<AzScope ' + ' '.join(
        f'a{n}="x"' for n in range(100000)))
    yield 'scope that ends a line', good.replace('"lab"', '"a&#10;b"')
    yield 'bidi', good.replace('"lab"', '"a&#x202e;b"')
    yield 'roles', good.replace('</AzScope>', ''.join(
        f'<AzRole Guid="00000000-0000-4000-8000-{n:012x}" Name="r{n}"><Member>user:bob</Member>'
        '</AzRole>' for n in range(100000)) + '</AzScope>')


@pytest.mark.parametrize('name, text', broken_stores(), ids=lambda value: value[:20])
def test_broken_stores(put, ctl, judge, people, store_file, name, text):
    """A store that does not parse never replaces a good one."""
    put(simple_store())
    rules = RULES.read_bytes()
    store_file.write_text(text)
    ctl('compile', status=1)
    assert ctl.stderr.startswith('vmportctl: ') and len(ctl.stderr) < 2000, ctl.stderr
    ctl('create', 'other', status=1)
    assert store_file.read_text() == text and RULES.read_bytes() == rules
    assert judge(people['alice'], 'export', 'lab') == YES
    assert judge(people['bob'], 'export', 'lab') == ASK


def test_many_roles(put, judge, people):
    """A large store is slow to nobody who asks."""
    store = simple_store()
    task = store.root.tasks[0]
    store.scopes[0].roles += [Role(f'r{n}', [f'user:u{n}'], [task]) for n in range(10000)]
    store.scopes[0].roles.append(Role('last', ['user:carol'], [task]))
    put(store)
    assert judge(people['carol'], 'export', 'lab') == YES == judge(people['alice'], 'view', 'lab')
    assert judge(people['bob'], 'export', 'lab') == ASK


@pytest.mark.parametrize('harm', ['removed', 'unreadable', 'syntax', 'throws', 'empty'])
def test_broken_rules(put, judge, people, polkit, harm):
    """Whatever happens to the rules, a named scope is closed, and the default one is as ever."""
    put(simple_store())
    assert judge(people['alice'], 'export', 'lab') == YES
    polkit.stop()
    if harm == 'removed':
        RULES.unlink()
    elif harm == 'unreadable':
        RULES.chmod(0)
    elif harm == 'syntax':
        RULES.write_text(RULES.read_text().replace('(function() {', '(function( {', 1))
    elif harm == 'throws':
        RULES.write_text(RULES.read_text().replace('function units(text) {', 'function unit(t) {'))
    else:
        RULES.write_text('')
    polkit.start()
    for user in people.values():
        for operation in set(OPERATIONS) - {'manage-jobs'}:
            verdict = judge(user, operation, 'lab')
            assert verdict == NO or (verdict == ASK and operation != 'view'), (user, operation)
        assert judge(user, 'export', '') in (ASK, NO)
    polkit.stop()
    RULES.unlink(missing_ok=True)
    polkit.start()


# Edits

def test_edits(put, ctl, judge, people, store_file, prefix):
    """A scope from its making to its end, each step in force when it is done."""
    put(pathlib.Path(prefix, 'share/vmport/authorization.xml').read_text())
    first = store_file.read_text()
    ctl('create', 'R&D', '--description=<finance> & co')
    assert ctl('list') == 'R&D\n'
    ctl('create', 'R&D', status=1)
    ctl('role', 'create', 'Exporter', 'view', 'export')
    ctl('role', 'create', 'Odd', 'fly', status=1)
    ctl('assign', 'R&D', 'Exporter', 'user:alice', 'S-1-22-1-{}'.format(people['bob'].uid))
    assert judge(people['alice'], 'export', 'R&D') == YES == judge(people['bob'], 'view', 'R&D')
    assert judge(people['carol'], 'view', 'R&D') == NO
    assert judge(people['dave'], 'export', 'R&D') == YES, 'the host’s administrators'
    assert judge(people['dave'], 'import-in-place', '') == ASK
    assert 'user:alice' in ctl('show', 'R&D') and '"Exporter"' in ctl('show', 'R&D', '--json')
    assert 'view export' in ctl('role', 'show', 'Exporter')
    ctl('assign', '', 'Exporter', 'group:carol')
    assert judge(people['carol'], 'view', 'R&D') == YES == judge(people['carol'], 'export', '')
    ctl('unassign', 'R&D', 'Exporter', 'user:alice')
    ctl('unassign', 'R&D', 'Exporter', 'user:alice', status=3)
    assert judge(people['alice'], 'export', 'R&D') == ASK
    ctl('role', 'delete', 'Exporter', status=1)
    ctl('unassign', 'R&D', 'Exporter')
    ctl('unassign', '', 'Exporter')
    ctl('role', 'delete', 'Exporter')
    ctl('delete', 'R&D')
    ctl('delete', 'R&D', status=3)
    ctl('assign', 'lab', 'Administrator', 'user:alice', status=3)
    ctl('assign', '', 'Nobody', 'user:alice', status=3)
    ctl('assign', '', 'Administrator', 'alice', status=1)
    assert store_file.read_text() == first, 'and nothing is left of it'


def test_groups(put, ctl, judge, people, store_file):
    """Groups from their making to their end; whoever is left out is, whatever else they are in."""
    put(simple_store(members=[]))
    first = store_file.read_text()
    ctl('group', 'create', 'Staff', 'group:operators', '--description=<all> & co')
    ctl('group', 'create', 'Staff', status=1)
    ctl('group', 'create', ' odd', status=1)
    ctl('group', 'create', 'Guests', '--scope=lab')
    ctl('group', 'add', 'Guests', 'user:carol', 'appgroup:Staff', '--scope=lab')
    ctl('assign', 'lab', 'Worker', 'appgroup:Guests')
    # alice and bob are operators.
    for name in ('alice', 'bob', 'carol'):
        assert judge(people[name], 'export', 'lab') == YES
    ctl('group', 'add', 'Guests', 'user:bob', '--non-member', '--scope=lab')
    assert judge(people['bob'], 'export', 'lab') == ASK and judge(people['bob'], 'view', 'lab') == NO
    assert judge(people['alice'], 'export', 'lab') == YES
    said = ctl('group', 'show', 'Guests')
    assert 'user:carol appgroup:Staff' in said and 'user:bob' in said
    assert '"NonMembers"' in ctl('group', 'list', '--json') and 'Staff' in ctl('group', 'list')
    ctl('group', 'show', 'Nobody', status=3)
    ctl('group', 'add', 'Staff', 'appgroup:Staff', status=1)   # it would be in itself
    ctl('group', 'add', 'Staff', 'nobody', status=1)
    ctl('group', 'add', 'Staff', 'appgroup:Nobody', status=3)
    ctl('group', 'add', 'Staff', 'user:carol', '--scope=lab', status=3)   # it is not the scope's
    ctl('group', 'remove', 'Guests', 'user:bob', '--scope=lab', status=3)   # but left out
    before = store_file.read_text()
    assert f'--- {store_file}' in ctl('group', 'remove', 'Guests', 'user:carol', '--scope=lab', '-n')
    assert store_file.read_text() == before
    ctl('group', 'remove', 'Guests', 'user:bob', '--non-member', '--scope=lab')
    assert judge(people['bob'], 'export', 'lab') == YES
    ctl('group', 'remove', 'Guests', 'user:carol', '--scope=lab')
    assert judge(people['carol'], 'export', 'lab') == ASK
    ctl('group', 'delete', 'Staff', status=1)   # Guests names it
    ctl('group', 'delete', 'Guests', '--scope=lab', status=1)
    assert 'Worker' in ctl.stderr
    ctl('unassign', 'lab', 'Worker', 'appgroup:Guests')
    ctl('group', 'delete', 'Guests', '--scope=lab')
    ctl('group', 'delete', 'Staff')
    ctl('group', 'delete', 'Staff', status=3)
    for wrong in ((), ('list', 'x'), ('show',), ('add', 'Staff'), ('delete',), ('odd', 'Staff')):
        ctl('group', *wrong, status=2)
    assert ctl('group', 'list').splitlines()[1:] == []
    ctl('assign', 'lab', 'Worker', 'user:alice')
    assert judge(people['alice'], 'export', 'lab') == YES
    assert len(store_file.read_text()) > len(first) / 2


def test_groups_without_members(put, ctl):
    store = simple_store()
    store.groups.append(Group('Shared', ['user:bob']))
    store.root.groups.append(Group('Directory', type='LdapQuery'))
    put(store)
    ctl('group', 'add', 'Directory', 'user:alice', status=1)
    assert 'LDAP' in ctl.stderr and 'LDAP' in ctl('group', 'show', 'Directory')
    ctl('group', 'add', 'Shared', 'user:alice')
    assert 'user:bob user:alice' in ctl('group', 'show', 'Shared')
    ctl('group', 'delete', 'Shared')


def test_dry_run(put, ctl, judge, people, store_file):
    put(simple_store())
    before = store_file.read_text(), RULES.read_text()
    said = ctl('assign', 'lab', 'Worker', 'user:bob', '--dry-run')
    assert f'--- {store_file}' in said and f'+++ {RULES}' in said
    assert '<Member>user:bob</Member>' in said and '"bob"' in said
    assert (store_file.read_text(), RULES.read_text()) == before
    assert judge(people['bob'], 'export', 'lab') == ASK


def test_owner_and_mode(put, ctl, store_file, users):
    put(simple_store())
    store_file.chmod(0o640)
    users['alice'].own(store_file)
    ctl('create', 'other')
    status = store_file.stat()
    assert status.st_mode & 0o7777 == 0o640 and status.st_uid == users['alice'].uid
    status = RULES.stat()
    assert status.st_uid == 0 and status.st_mode & 0o7777 == 0o640 and RULES.group() == 'polkitd'
    assert [path for path in RULES.parent.iterdir() if path.name.startswith('.')] == []


def test_edits_at_once(put, ctl, store_file, users, prefix, bus):
    """None is lost."""
    put(simple_store())
    ran = [users['root'].popen((f'{prefix}/bin/vmportctl', 'scope', 'create', f's{n}',
                                f'--store={store_file}', '--offline'), stderr=subprocess.DEVNULL,
                               env={'LD_LIBRARY_PATH': f'{prefix}/lib'}) for n in range(8)]
    assert [process.wait(DEADLINE) for process in ran] == [0] * 8
    assert ctl('list').split() == ['lab', *(f's{n}' for n in range(8))]


def test_failure_puts_the_store_back(put, ctl, store_file):
    """The rules cannot be replaced: the store is as it was."""
    put(simple_store())
    before = store_file.read_text()
    rules = store_file.parent / 'rules'
    rules.mkdir()
    (rules / 'x').mkdir()
    ctl('create', 'other', f'--rules={rules}/x', '--offline', status=1)
    assert store_file.read_text() == before
    assert sorted(path.name for path in rules.iterdir()) == ['x']
    assert [path for path in store_file.parent.iterdir() if path.name.startswith('.auth')] == []


def test_not_for_everybody(put, ctl, store_file):
    put(simple_store())
    before = store_file.read_text(), RULES.read_text()
    ctl('create', 'mine', user='alice', status=4)
    ctl('compile', user='alice', status=4)
    assert (store_file.read_text(), RULES.read_text()) == before


# What is installed

def test_the_manuals_example(ctl, judge, people, store_file, prefix, bus):
    """With the installed store and the real place of the rules."""
    page = pathlib.Path(__file__).parents[2] / 'data/man/vmport-authorization.5.rst'
    example = page.read_text().split('\nEXAMPLE\n')[1].split('\nFILES\n')[0]
    lines = [line.strip() for line in example.splitlines() if line.startswith('    vmportctl')]
    assert len(lines) == 4
    installed = pathlib.Path(prefix, 'etc/vmport/authorization.xml')
    before = installed.read_text()
    assert before == pathlib.Path(prefix, 'share/vmport/authorization.xml').read_text()
    subprocess.run(('groupadd', 'finance'), check=True)
    subprocess.run(('gpasswd', '--add', 'alice', 'finance'), check=True, stdout=subprocess.DEVNULL)
    try:
        for line in lines:
            done = subprocess.run(line, shell=True, text=True, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, check=False, env={
                                      'DBUS_SYSTEM_BUS_ADDRESS': bus.address,
                                      'LC_ALL': 'C.UTF-8', 'LD_LIBRARY_PATH': f'{prefix}/lib',
                                      'PATH': f'{prefix}/bin:/usr/bin:/bin'})
            assert done.returncode == 0, f'{line}: {done.stdout}'
        assert 'By polkit: org.vmport.scoped.export is granted' in done.stdout
        assert judge(people['alice'], 'import', 'finance') == YES
        assert judge(people['bob'], 'view', 'finance') == NO
        assert installed.stat().st_mode & 0o777 == 0o644
    finally:
        installed.write_text(before)
        subprocess.run(('groupdel', 'finance'), check=True)


def test_an_install_leaves_the_store_alone(area):
    """And brings one where there is none."""
    source = pathlib.Path(__file__).parents[2] / 'policy'
    target = area / 'root/etc/vmport/authorization.xml'
    for content in (None, 'mine'):
        if content:
            target.write_text(content)
        subprocess.run((source / 'install-store.sh', source / 'authorization.xml',
                        '/etc/vmport/authorization.xml'), check=True,
                       env={'DESTDIR': str(area / 'root'), 'PATH': '/usr/bin:/bin'})
        assert target.read_text() == (content or (source / 'authorization.xml').read_text())


def test_an_install_puts_the_store_into_force(area, prefix, judge, people, polkit):
    """On the host itself; what is there already, the rules too, stays as it is."""
    source = pathlib.Path(__file__).parents[2] / 'policy'
    target = area / 'etc/vmport/authorization.xml'

    def install():
        return subprocess.run(
            (source / 'install-store.sh', source / 'authorization.xml', target,
             f'{prefix}/bin/vmportctl', RULES), check=True, text=True, stderr=subprocess.PIPE,
            env={'LD_LIBRARY_PATH': f'{prefix}/lib', 'PATH': '/usr/bin:/bin'}).stderr

    polkit.rules('return polkit.Result.NOT_HANDLED;')
    assert not RULES.exists()
    try:
        assert install() == ''
        polkit.stop()
        polkit.start()
        assert judge(people['dave'], 'export', '') == YES, 'an administrator of the host'
        assert judge(people['alice'], 'export', '') == ASK
        target.unlink()
        RULES.write_text('// mine')
        assert 'vmportctl scope compile' in install() and RULES.read_text() == '// mine'
    finally:
        RULES.unlink()
