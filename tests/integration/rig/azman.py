"""Authorization stores as AzMan understands them: a model, what it grants, and stores by chance.

grants() is written from AzMan's rules alone, and shares nothing with the parser or the compiler.
"""

import uuid
from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

OPERATIONS = {'view': 1, 'export': 2, 'import': 3, 'import-in-place': 4, 'import-unsafe': 5,
              'set-scope': 6, 'delete': 7, 'manage-jobs': 8}
ADMINISTRATORS = 'S-1-5-32-544'
ADMIN_GROUP = 'sudo'


def new_guid(rng=None):
    return str(uuid.UUID(int=rng.getrandbits(128), version=4) if rng else uuid.uuid4())


@dataclass
class Group:
    name: str
    members: list = field(default_factory=list)
    non_members: list = field(default_factory=list)
    groups: list = field(default_factory=list)
    non_groups: list = field(default_factory=list)
    type: str = 'Basic'
    guid: str = field(default_factory=new_guid)


@dataclass
class Task:
    name: str
    operations: list = field(default_factory=list)
    tasks: list = field(default_factory=list)
    rule: str = ''
    definition: bool = True
    guid: str = field(default_factory=new_guid)


@dataclass
class Role:
    name: str
    members: list = field(default_factory=list)
    tasks: list = field(default_factory=list)
    groups: list = field(default_factory=list)
    operations: list = field(default_factory=list)
    guid: str = field(default_factory=new_guid)


@dataclass
class Scope:
    name: str
    groups: list = field(default_factory=list)
    tasks: list = field(default_factory=list)
    roles: list = field(default_factory=list)
    guid: str = field(default_factory=new_guid)


class Store:
    """One application, its scopes by name, and groups of the whole store."""

    def __init__(self, application='VMPort', operations=None):
        self.application = application
        self.operations = dict(operations or OPERATIONS)
        self.guids = {name: new_guid() for name in self.operations}
        self.groups = []
        self.root = Scope('')
        self.scopes = []

    # As XML, in any order

    def xml(self, rng=None):
        def element(tag, item, children, **more):
            if rng:
                rng.shuffle(children)
            attributes = ''.join(f' {key}={quoteattr(str(value))}' for key, value in
                                 {'Guid': item.guid, 'Name': item.name, 'Description': '',
                                  **more}.items())
            return f'<{tag}{attributes}>{"".join(children)}</{tag}>'

        def text(tag, value):
            return f'<{tag}>{escape(value)}</{tag}>\n'

        def group(item):
            return element('AzApplicationGroup', item, [
                *(text('Member', m) for m in item.members),
                *(text('NonMember', m) for m in item.non_members),
                *(text('AppMemberLink', g.guid.upper()) for g in item.groups),
                *(text('AppNonMemberLink', g.guid) for g in item.non_groups)], GroupType=item.type)

        def task(item):
            rule = [text('BizRuleLanguage', 'VBScript'), text('BizRule', item.rule)]
            return element('AzTask', item, [
                *(rule if item.rule else []), *(text('TaskLink', t.guid) for t in item.tasks),
                *(text('OperationLink', self.guids[o]) for o in item.operations)],
                **({'RoleDefinition': 'True'} if item.definition else {}))

        def role(item):
            return element('AzRole', item, [
                *(text('TaskLink', t.guid) for t in item.tasks),
                *(text('OperationLink', self.guids[o]) for o in item.operations),
                *(text('AppMemberLink', g.guid) for g in item.groups),
                *(text('Member', m) for m in item.members)])

        def parts(scope):
            return [*map(group, scope.groups), *map(task, scope.tasks), *map(role, scope.roles)]

        operations = [f'<AzOperation Guid="{self.guids[name]}" Name={quoteattr(name)}>'
                      f'<OperationID>{number}</OperationID></AzOperation>'
                      for name, number in self.operations.items()]
        application = element(
            'AzApplication', Scope(self.application, guid=self.root.guid),
            [*operations, *parts(self.root),
             *(element('AzScope', scope, parts(scope)) for scope in self.scopes)])
        children = [*map(group, self.groups), application]
        if rng:
            rng.shuffle(children)
        return ('<?xml version="1.0" encoding="utf-8"?>\n<AzAdminManager MajorVersion="1" '
                f'MinorVersion="0">{"".join(children)}</AzAdminManager>\n')

    # What it grants

    def grants(self, user, operation, scope):
        """Has user (rig.users.User) the operation, in the scope of that name?"""
        where = [self.root]
        if scope:
            named = [one for one in self.scopes if one.name == scope]
            if not named or operation == 'manage-jobs':
                return False
            where += named
        return any(operation in role_operations(role) and has_role(user, role)
                   for place in where for role in place.roles)


def task_operations(task):
    """A business rule would have to agree to all that the task holds, and none is evaluated."""
    if task.rule:
        return set()
    return set(task.operations).union(*map(task_operations, task.tasks))


def role_operations(role):
    return set(role.operations).union(*map(task_operations, role.tasks))


def is_foreign(member):
    return member.startswith('S-') and not member.startswith('S-1-22-') and member != ADMINISTRATORS


def is_member(user, member):
    if member == ADMINISTRATORS:
        return ADMIN_GROUP in user.group_names
    if member.startswith('S-1-22-1-'):
        return int(member.rpartition('-')[2]) == user.uid
    if member.startswith('S-1-22-2-'):
        return int(member.rpartition('-')[2]) in user.groups
    kind, _, name = member.partition(':')
    return (kind == 'user' and name == user.name) or (kind == 'group' and name in user.group_names)


def is_partial(group):
    """Could somebody be meant to be in it who cannot be told?"""
    return not is_usable(group) or any(map(is_foreign, group.members)) \
        or any(map(is_partial, group.groups))


def is_usable(group):
    return group.type == 'Basic' and not any(map(is_foreign, group.non_members)) \
        and not any(map(is_partial, group.non_groups))


def is_in(user, group):
    if not is_usable(group):
        return False
    if any(is_member(user, m) for m in group.non_members) or \
            any(is_in(user, g) for g in group.non_groups):
        return False
    return any(is_member(user, m) for m in group.members) or \
        any(is_in(user, g) for g in group.groups)


def has_role(user, role):
    return any(is_member(user, m) for m in role.members) or any(is_in(user, g) for g in role.groups)


# Names that a compiler could stumble over. Those of scopes must be such as scopes can have.
ODD_SCOPES = ['lab', 'R&D', '__proto__', 'constructor', 'hasOwnProperty', 'scope:', 'toString',
              '"]}; polkit.addRule(function() { return "yes"; }); //', "it's", '*/', '</script>',
              'Büro', '😀 lab', '\\u0022', 'a\\', '$(vm_name)', '%s', 'x' * 255, ']]>', '0']
ODD_NAMES = ['Role', 'a"b', 'a\nb', '*/ //', '</script>', 'x\u2028y', 'x\u2029y', '__proto__', '😀',
             'n' * 5000, '\\', "'", '${x}', '\u202eevil', '<!--']


def random_store(rng, users):
    """A store of no sense, with everything that stores may have in it."""
    names = list(users)
    pool = [f'user:{n}' for n in names] + [f'S-1-22-1-{users[n].uid}' for n in names] + \
        ['group:operators', f'S-1-22-2-{users["alice"].groups[-1]}', ADMINISTRATORS,
         'user:nobody-of-that-name', 'group:carol', 'S-1-22-1-3999999999',
         'S-1-5-21-1-2-3-1104', 'user:😀', 'group:domain users']
    # Those of other hosts make most of what leaves them out void, so they are rare.
    weights = [1 if is_foreign(m) else 4 for m in pool]
    store = Store()
    store.guids = {name: new_guid(rng) for name in store.operations}

    def members(most):
        return list(dict.fromkeys(rng.choices(pool, weights, k=rng.randint(0, most))))

    def some(things, most):
        return rng.sample(things, rng.randint(0, min(most, len(things))))

    def fresh(taken):
        return f'{rng.choice(ODD_NAMES)}{len(taken)}'

    def add_groups(count, into, seen):
        for _ in range(count):
            group = Group(fresh([g.name for g in into]), members(3),
                          members(1) if rng.random() < 0.4 else [], some(seen, 2),
                          some(seen, 1) if rng.random() < 0.3 else [],
                          rng.choice(['Basic'] * 12 + ['LdapQuery', 'BizRule']), new_guid(rng))
            into.append(group)
            seen.append(group)

    def add_tasks(count, into, seen):
        for _ in range(count):
            task = Task(fresh([t.name for t in into]), some(list(store.operations), 6),
                        some(seen, 2), 'True' if rng.random() < 0.1 else '', rng.random() < 0.5,
                        new_guid(rng))
            into.append(task)
            seen.append(task)

    def add_roles(count, scope, tasks, groups):
        for _ in range(count):
            scope.roles.append(Role(
                fresh([r.name for r in scope.roles]), members(3) if rng.random() < 0.8 else [],
                some(tasks, 3), some(groups, 3),
                some(list(store.operations), 1) if rng.random() < 0.3 else [], new_guid(rng)))

    groups, tasks = [], []
    add_groups(rng.randint(0, 3), store.groups, groups)
    add_groups(rng.randint(0, 4), store.root.groups, groups)
    add_tasks(rng.randint(1, 5), store.root.tasks, tasks)
    add_roles(rng.randint(0, 3), store.root, tasks, groups)
    for name in some(ODD_SCOPES, 4):
        scope = Scope(name, guid=new_guid(rng))
        own_groups, own_tasks = list(groups), list(tasks)
        add_groups(rng.randint(0, 2), scope.groups, own_groups)
        add_tasks(rng.randint(0, 2), scope.tasks, own_tasks)
        add_roles(rng.randint(1, 4), scope, own_tasks, own_groups)
        store.scopes.append(scope)
    return store
