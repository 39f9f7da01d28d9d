"""Security scopes: who sees and may do what with a machine, by the scope that it is in."""

import pytest
from gi.repository import GLib

from rig.agent import Agent
from rig.caller import (ACCESS_DENIED, ERROR, INTERACTIVE, MACHINE, MANAGER, STORE, UNKNOWN_OBJECT,
                        Refused, refused, variants)
from rig.jobs import HELD, Hold
from rig.loop import wait_for, wait_on_disk
from rig.machines import bare_directory, names, random_disk
from rig.recorder import Recorder, overheard
# pylint: disable=unused-import
from rig.scopes import (EVERYTHING, bare, daemon, grant, import_, make_scoped, recorded, rights,
                        scope_of, uuid_of)

NEVER = '/org/vmport/VirtualMachine/store/00000000_0000_4000_8000_000000000000'


@pytest.fixture
def agent(bus):
    agent = Agent(bus)
    yield agent
    agent.close()


# Who sees what

def test_what_may_not_be_viewed_does_not_exist(daemon, alice, bob, carol, make_vm, make_scoped,
                                               area):
    """interface.md: a VM that the sender may not view answers exactly as one that never existed."""
    plain, hidden = make_vm('plain'), make_scoped('hidden', 'lab')
    machine_uuid = uuid_of(hidden)
    for caller in (alice, carol):
        assert set(caller.machines()) == {plain, hidden}
        assert caller.machines()[hidden]['SecurityScope'] == 'lab' == scope_of(caller, hidden)
        assert caller.find('hidden') == hidden == caller.find(machine_uuid)
    assert list(bob.machines()) == [plain]
    chosen = bob.call(STORE, MANAGER, 'ListVirtualMachines', '(a{sv})',
                      ({'Paths': GLib.Variant('ao', [plain, hidden])},))
    assert list(chosen) == [plain]
    unknown = refused(bob.find, 'nothing')
    for name in ('hidden', machine_uuid):
        error = refused(bob.find, name)
        assert error.name == f'{ERROR}NotFound'
        assert error.message.replace(name, 'NAME') == unknown.message.replace('nothing', 'NAME')

    def said(call, path):
        error = refused(call, path)
        return error.name, error.message.replace(path, 'PATH')

    package = area / 'bob/package'
    for call, wanted in (
            (lambda path: bob.get(path, MACHINE, 'SecurityScope'), UNKNOWN_OBJECT),
            (lambda path: bob.get_all(path, MACHINE), UNKNOWN_OBJECT),
            (bob.configuration, UNKNOWN_OBJECT),
            (bob.delete, UNKNOWN_OBJECT),
            (lambda path: bob.set_scope(path, 'lab'), UNKNOWN_OBJECT),
            (lambda path: bob.set_scope(path, '', interactive=True), UNKNOWN_OBJECT),
            (lambda path: bob.set_scope(path, 'nowhere'), UNKNOWN_OBJECT),
            (bob.export_settings, f'{ERROR}NotFound'),
            (lambda path: bob.export(path, package), f'{ERROR}NotFound'),
            (lambda path: bob.export(path, package, interactive=True), f'{ERROR}NotFound'),
            (lambda path: bob.call(STORE, MANAGER, 'CheckExport', '(osa{sv})',
                                   (path, str(package), {})), f'{ERROR}NotFound')):
        assert said(call, hidden) == said(call, NEVER)
        assert said(call, hidden)[0] == wanted
    assert scope_of(carol, hidden) == 'lab' and names(area / 'bob') == []


def test_a_scope_is_closed_without_rules(daemon, polkit, alice, carol, make_scoped):
    """architecture.md: with the rules missing, a named scope is closed, not open."""
    machine = make_scoped('web', 'lab')
    polkit.rules('return polkit.Result.NOT_HANDLED;')
    for caller in (alice, carol):
        assert caller.machines() == {}
        assert refused(scope_of, caller, machine).name == UNKNOWN_OBJECT


def test_rights_of_one_scope_hold_there_alone(daemon, alice, make_vm, make_scoped, area):
    lab, prod, plain = make_scoped('one', 'lab'), make_scoped('two', 'prod'), make_vm('three')
    alice.wait(alice.export(lab, area / 'alice/package'))
    assert refused(alice.export, prod, area / 'alice/other').name == f'{ERROR}NotFound'
    assert refused(alice.delete, plain).name == INTERACTIVE
    alice.delete(lab)
    assert list(alice.machines()) == [plain]


def test_a_listing_asks_once_for_each_scope(daemon, bus, alice, root, make_vm, make_scoped):
    """However many machines there are."""
    for number in range(4):
        make_vm(f'plain{number}')
        for scope in ('lab', 'prod'):
            make_scoped(f'{scope}{number}', scope)
    with overheard(bus, 'CheckAuthorization') as calls:
        assert len(alice.machines()) == 8
    asked = sorted((action, details['scope']) for _, action, details, *_ in calls)
    assert asked == [('org.vmport.scoped.view', 'lab'), ('org.vmport.scoped.view', 'prod'),
                     ('org.vmport.view', '')]


def test_jobs_say_nothing_of_a_machine(daemon, alice, bob, recorder, make_scoped, area):
    """Whoever may not view it sees that there is a job, and how far it is."""
    machine = make_scoped('secretname', 'lab')
    job = alice.export(machine, area / 'alice/secretfolder')
    alice.wait(job)
    said = repr(bob.job(job))
    assert not any(word in said for word in ('secret', "'lab'", uuid_of(machine))), said
    assert bob.jobs() == []
    for method in ('Wait', 'Describe', 'Cancel'):
        error = refused(bob.call, job, 'org.vmport.Job', method, '(a{sv})', ({},))
        assert error.name == INTERACTIVE and 'secret' not in error.message
    assert alice.describe(job)['VirtualMachine'] == 'secretname'
    for signal in recorder.signals:
        assert not any(word in repr(signal.arguments) for word in ('secret', "'lab'")), signal


def test_signals_carry_no_scope(daemon, bob, root, make_vm, bare):
    recorder = Recorder(bob)
    machine = make_vm('secretname')
    for scope in ('lab', 'prod', ''):
        root.set_scope(machine, scope)
    import_(root, bare[0], SecurityScope='lab', Name='othername')
    recorder.wait(STORE, 'JobAdded', lambda arguments: True)
    bob.jobs()   # what was said before this reply has been heard
    for signal in recorder.signals:
        text = repr(signal.arguments)
        assert not any(word in text for word in ("'lab'", "'prod'", 'secretname', 'othername')), \
            f'signals carry numbers and UUID paths alone: {signal}'


# ListSecurityScopes

def test_list_of_scopes(daemon, polkit, agent, alice, bob, carol, root):
    assert alice.scopes() == ['', 'lab', 'prod'], 'where the caller may view or import'
    assert carol.scopes() == root.scopes() == ['', 'lab', 'prod']
    assert bob.scopes(interactive=True) == [''], 'the default scope can be seen by default'
    grant(polkit, {'bob': {'prod': ['view']}, 'alice': {'lab': ['export', 'set-scope', 'delete']}})
    assert bob.scopes() == ['', 'prod'] and alice.scopes() == ['']
    polkit.rules('return subject.user == "bob" ? polkit.Result.NO : null;')
    assert bob.scopes() == []
    assert agent.prompts == [], 'nobody is asked'
    error = refused(root.call, STORE, MANAGER, 'ListSecurityScopes', '(a{sv})',
                    (variants({'Odd': True}),))
    assert error.name == f'{ERROR}InvalidParameter'
    assert 'scopes' in root.get(STORE, MANAGER, 'Features')


def test_no_scopes(make_daemon, root, make_vm):
    make_daemon()
    assert root.scopes() == ['']
    assert refused(root.set_scope, make_vm('web'), 'lab').name == f'{ERROR}InvalidParameter'


# Import

def test_import_into_a_scope(daemon, alice, bob, recorder, bare):
    """It is never there without: whoever hears of it first does not see it."""
    seen = []

    def heard(signal):
        if signal.name == 'VirtualMachineAdded':
            seen.append(bob.start(signal.arguments[0], 'org.freedesktop.DBus.Properties', 'GetAll',
                                  '(s)', (MACHINE,)))

    recorder.on(heard)
    machine = import_(alice, bare[0], SecurityScope='lab')
    wait_for(lambda: seen, 'the signal')
    assert refused(seen[0].result).name == UNKNOWN_OBJECT
    assert scope_of(alice, machine) == 'lab' and bob.machines() == {}
    assert recorded(daemon) == {('store', uuid_of(machine)): 'lab'}


def test_import_into_the_default_scope_records_nothing(daemon, alice, bob, bare):
    machine = import_(alice, bare[0], SecurityScope='')
    assert scope_of(bob, machine) == '' and recorded(daemon) == {}


def test_import_needs_both_rights(daemon, polkit, alice, bare):
    """import and set-scope, each in the scope that is named."""
    folder, _ = bare
    for rights in ([], ['import'], ['set-scope'], ['view', 'export', 'delete']):
        grant(polkit, {'alice': {'': EVERYTHING, 'prod': EVERYTHING, 'lab': rights}})
        assert refused(alice.import_, folder, {'SecurityScope': 'lab'}).name == INTERACTIVE
    grant(polkit, {'alice': {'lab': ['import', 'set-scope']}})
    import_(alice, folder, SecurityScope='lab')
    assert alice.machines() == {}, 'to put it there is not to see it'


def test_undefined_scope(daemon, root, carol, bare):
    folder, _ = bare
    for caller in (root, carol):
        jobs = caller.jobs()
        error = refused(caller.import_, folder, {'SecurityScope': 'nowhere'})
        assert error.name == f'{ERROR}InvalidParameter'
        assert 'SecurityScope' in error.message and 'nowhere' in error.message
        assert caller.jobs() == jobs, 'an unknown scope fails the call, which makes no job'
    assert recorded(daemon) == {} and root.machines() == {}


def test_undefined_scope_is_a_finding(daemon, root, alice, bare):
    folder, _ = bare
    settings = {'SecurityScope': 'nowhere', 'TargetNetworkConnections': []}
    found = {finding['Code']: finding for finding in root.check_import(folder, settings)}
    finding = found['ScopeUnknown']
    assert finding['Severity'] == 'error' and 'nowhere' in finding['Message']
    assert (finding['Setting'], finding['Index']) == ('SecurityScope', -1)
    assert finding['Resolution'] == {'SecurityScope': ''}
    assert 'PackageSize' in found, 'it is one among the others'
    mended = {**settings, **finding['Resolution']}
    assert not [f for f in root.check_import(folder, mended) if f['Severity'] == 'error']
    import_(root, folder, **mended)
    found = root.check_import(folder, {'SecurityScope': 'lab', 'Name': 'other'})
    assert 'ScopeUnknown' not in {finding['Code'] for finding in found}


def test_who_has_no_right_learns_of_no_scope(daemon, alice, bob, bare, make_vm):
    """The same answer for a scope that is defined and one that is not."""
    folder, _ = bare
    machine = make_vm('web')
    for caller, calls in (
            (alice, (lambda scope: alice.import_(folder, {'SecurityScope': scope}),)),
            (bob, (lambda scope: bob.import_(folder, {'SecurityScope': scope}),
                   lambda scope: bob.check_import(folder, {'SecurityScope': scope}),
                   lambda scope: bob.set_scope(machine, scope)))):
        for call in calls:
            answers = {(error.name, error.message) for error in
                       (refused(call, scope) for scope in ('prod', 'nowhere'))}
            assert len(answers) == 1 and answers.pop()[0] == INTERACTIVE, caller


@pytest.mark.parametrize('scope', [' lab', 'lab\n', 'la\u202eb', 'x' * 256])
def test_names_that_no_scope_can_have(daemon, bob, make_vm, bare, scope):
    """They would stand in prompts and rules; what is malformed fails before anyone is asked."""
    machine = make_vm('web')
    for call in (lambda: bob.import_(bare[0], {'SecurityScope': scope}),
                 lambda: bob.check_import(bare[0], {'SecurityScope': scope}),
                 lambda: bob.set_scope(machine, scope)):
        error = refused(call)
        assert error.name == f'{ERROR}InvalidParameter', error
        assert '\n' not in error.message and '\u202e' not in error.message


# SetSecurityScope

def test_change_is_announced(daemon, root, recorder, bob, make_vm):
    machine = make_vm('web')
    for scope in ('lab', 'prod', ''):
        del recorder.signals[:]
        root.set_scope(machine, scope)
        assert scope_of(root, machine) == scope
        assert (machine in bob.machines()) == (scope == '')
        recorder.wait(machine, 'PropertiesChanged', lambda arguments: 'SecurityScope' in arguments[2]
                      and recorder.of(STORE, 'VirtualMachineAdded'))
        order = [signal.name for signal in recorder.of(STORE)
                 if signal.arguments == (machine,)]
        assert order == ['VirtualMachineRemoved', 'VirtualMachineAdded']
        assert all(signal.arguments[1] == {} for signal in recorder.of(machine))


def test_the_same_scope(daemon, root, recorder, make_vm, make_scoped):
    machines = {'': make_vm('web'), 'lab': make_scoped('db', 'lab')}
    other = make_vm('other')
    for scope, machine in machines.items():
        del recorder.signals[:]
        root.set_scope(machine, scope)
        root.set_scope(other, 'lab')
        recorder.wait(STORE, 'VirtualMachineAdded')
        root.set_scope(other, '')
        assert [signal for signal in recorder.signals
                if signal.path == machine or machine in signal.arguments] == []


def test_a_change_needs_the_right_in_both(daemon, polkit, alice, make_vm, make_scoped):
    plain, lab = make_vm('plain'), make_scoped('scoped', 'lab')
    for rights, machine, scope, allowed in (
            ({'lab': ['view', 'set-scope']}, lab, 'prod', False),
            ({'lab': ['view', 'set-scope']}, lab, '', False),
            ({'lab': ['view', 'set-scope']}, plain, 'lab', False),
            ({'': ['set-scope'], 'lab': ['view']}, lab, '', False),
            ({'': ['set-scope'], 'lab': ['view']}, plain, 'lab', False),
            ({'lab': ['view'], 'prod': ['view', 'set-scope']}, lab, 'prod', False),
            ({'lab': ['view', 'set-scope'], 'prod': ['set-scope']}, lab, 'prod', True),
            ({'prod': ['view', 'set-scope'], '': ['set-scope']}, lab, '', True),
            ({'': ['set-scope'], 'lab': ['set-scope']}, lab, 'lab', True)):
        grant(polkit, {'alice': rights})
        before = recorded(daemon)
        if allowed:
            alice.set_scope(machine, scope)
            assert recorded(daemon).get(('store', uuid_of(machine))) == scope
        else:
            assert refused(alice.set_scope, machine, scope).name == INTERACTIVE, (rights, scope)
            assert refused(alice.set_scope, machine, scope, interactive=True).name == ACCESS_DENIED
            assert recorded(daemon) == before


def test_undefined_scope_to_change_to(daemon, root, carol, make_scoped):
    machine = make_scoped('web', 'lab')
    for caller in (root, carol):
        error = refused(caller.set_scope, machine, 'nowhere')
        assert error.name == f'{ERROR}InvalidParameter' and 'nowhere' in error.message
        assert scope_of(caller, machine) == 'lab'
    error = refused(root.call, machine, MACHINE, 'SetSecurityScope', '(sa{sv})',
                    ('', variants({'Odd': True})))
    assert error.name == f'{ERROR}InvalidParameter'


def test_prompts_of_a_change(daemon, polkit, agent, bob, root, make_vm):
    """Each right is asked for by itself, in its own words and with its own details."""
    machine = make_vm('web')
    polkit.rules(f'''
        if (action.id == "org.vmport.scoped.view")
            return polkit.Result.YES;
        return action.lookup("vm_name") == "web" && action.lookup("manager") == "store" &&
               action.lookup("vm_uuid") == "{uuid_of(machine)}" ? null : polkit.Result.NO;''')
    for before, after in (('', 'lab'), ('lab', 'prod'), ('prod', '')):
        del agent.prompts[:]
        bob.set_scope(machine, after, interactive=True)
        assert scope_of(root, machine) == after
        assert len(agent.prompts) == 2
        for prompt, scope, words in zip(agent.prompts, (before, after), ('out of', 'into')):
            kind = 'scoped.' if scope else ''
            # polkitd puts the detail itself into the message.
            place = f'security scope “{scope}”' if scope else 'default security scope'
            assert prompt.action == f'org.vmport.{kind}set-scope'
            assert '“web”' in prompt.message and f'{words} the {place}' in prompt.message, \
                prompt.message


@pytest.mark.parametrize('says_no_at', [0, 1])
def test_prompt_that_is_answered_no(daemon, agent, bob, root, make_vm, says_no_at):
    machine = make_vm('web')
    agent.answer = lambda prompt: len(agent.prompts) <= says_no_at
    assert refused(bob.set_scope, machine, 'lab', interactive=True).name == ACCESS_DENIED
    assert len(agent.prompts) == says_no_at + 1
    assert scope_of(root, machine) == ''


def test_prompts_of_an_import(daemon, agent, bob, area, users):
    folder = bare_directory(area / 'bob/bare', 'old', owner=users['bob'])
    bob.wait(bob.import_(folder, {'SecurityScope': 'lab'}, interactive=True))
    assert [prompt.action for prompt in agent.prompts] == \
        ['org.vmport.scoped.import', 'org.vmport.scoped.set-scope']
    assert f'from “{folder}” into the security scope “lab”' in agent.prompts[1].message


@pytest.mark.parametrize('call', ['SetSecurityScope', 'Delete', 'Export'])
def test_changed_while_asked(daemon, agent, bob, root, make_vm, area, call):
    """What was authorised must still be what there is."""
    machine = make_vm('web')
    changes = []

    def answer(_prompt):
        if not changes:
            changes.append(root.start(machine, MACHINE, 'SetSecurityScope', '(sa{sv})',
                                      ('prod', {})))
            changes[0].result()
        return True

    agent.answer = answer
    calls = {'SetSecurityScope': lambda: bob.set_scope(machine, 'lab', interactive=True),
             'Delete': lambda: bob.call(machine, MACHINE, 'Delete', '(a{sv})', ({},),
                                        interactive=True),
             'Export': lambda: bob.export(machine, area / 'bob/package', interactive=True)}
    assert refused(calls[call]).name == f'{ERROR}InvalidState'
    assert scope_of(root, machine) == 'prod'


def test_held_by_a_job(daemon, alice, root, recorder, make_vm, area):
    machine = make_vm('big', [random_disk(2)])
    hold = Hold(daemon, recorder, 'Copying')
    job = alice.export(machine, area / 'alice/package', HELD)
    hold.wait()
    assert refused(root.set_scope, machine, 'lab').name == f'{ERROR}InUse'
    assert scope_of(root, machine) == ''
    hold.release()
    alice.wait(job)
    root.set_scope(machine, 'lab')


def test_caller_that_leaves(daemon, connect, root, make_vm):
    """Done, or not done; and the machine is free again."""
    # libpolkit warns where polkitd has noticed first that the caller is gone.
    daemon.fatal = 'fatal-criticals'
    daemon.restart()
    machine = make_vm('web')
    for number in range(5):
        carol = connect('carol')
        carol.start(machine, MACHINE, 'SetSecurityScope', '(sa{sv})',
                    ('lab' if number % 2 else 'prod', {}))
        carol.connection.flush_sync(None)
        carol.close()

    def is_free():
        try:
            root.set_scope(machine, '')
        except Refused as error:
            assert error.name in (f'{ERROR}InUse', f'{ERROR}InvalidState'), error
            return False
        return scope_of(root, machine) == recorded(daemon).get(('store', uuid_of(machine)), '')

    wait_on_disk(is_free, 'the machine to be free')
