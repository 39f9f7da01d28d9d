"""Real users, made in the private /etc that tests/check gives us."""

import functools
import grp
import os
import pwd
import subprocess
from contextlib import contextmanager

# Out of the way of a host's own users, whose uids exist in this kernel all the same.
FIRST_UID = 64101
NAMES = ('alice', 'bob', 'carol', 'dave')
SHARED_GROUP = 'operators'   # alice and bob, not carol and dave


def watched(environment):
    """An environment for a program of the build, with what tests/sanitize has to tell it."""
    names = [name for name in os.environ if name.endswith('SAN_OPTIONS')]
    return {**{name: os.environ[name] for name in names}, **environment}


class User:
    def __init__(self, name):
        entry = pwd.getpwnam(name)
        self.name, self.uid, self.gid, self.home = name, entry.pw_uid, entry.pw_gid, entry.pw_dir
        self.groups = os.getgrouplist(name, self.gid)

    def __repr__(self):
        return self.name

    def popen(self, command, **options):
        """A process of this user's, with their groups and no privilege."""
        options.setdefault('cwd', '/')
        if 'env' in options:
            options['env'] = watched(options['env'])
        return subprocess.Popen(command, user=self.uid, group=self.gid, extra_groups=self.groups,
                                **options)

    def run(self, command, **options):
        options.setdefault('cwd', '/')
        if 'env' in options:
            options['env'] = watched(options['env'])
        return subprocess.run(command, user=self.uid, group=self.gid, extra_groups=self.groups,
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              check=False, **options)

    @contextmanager
    def effective(self):
        """This process acts as the user within the block: what a socket or file sees is them."""
        groups, gid, uid = os.getgroups(), os.getegid(), os.geteuid()
        os.setgroups(self.groups)
        os.setegid(self.gid)
        os.seteuid(self.uid)
        try:
            yield
        finally:
            os.seteuid(uid)
            os.setegid(gid)
            os.setgroups(groups)

    def own(self, path):
        os.chown(path, self.uid, self.gid)
        return path


def make_users(prefix):
    """alice, bob, carol, dave, root, and the service's own user as the package makes it."""
    assert os.stat('/etc').st_dev != os.stat('/usr').st_dev, \
        'these tests make users: run them through tests/check, in whose view /etc is a copy'
    # They are quiet when all is well, but for warnings about the range of the uids.
    run = functools.partial(subprocess.run, check=True, stderr=subprocess.PIPE)
    run(('systemd-sysusers', f'{prefix}/lib/sysusers.d/vmport.conf'))
    run(('groupadd', '--gid', str(FIRST_UID - 1), SHARED_GROUP))
    for number, name in enumerate(NAMES):
        member = ('--groups', SHARED_GROUP) if name in ('alice', 'bob') else ()
        run(('useradd', '--uid', str(FIRST_UID + number), '--user-group', '--no-log-init',
             '--no-create-home', '--home-dir', '/nonexistent', '--shell', '/bin/sh', *member,
             name))
    assert grp.getgrnam(SHARED_GROUP).gr_mem == ['alice', 'bob']
    return {name: User(name) for name in ('root', 'vmport', *NAMES)}
