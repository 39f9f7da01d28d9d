"""What an administrator is asked, and for what the answer counts: the real polkitd, and an agent that
says yes."""

import pytest

from rig.agent import Agent
from rig.caller import INTERACTIVE, MACHINE, STORE, refused, variants
from rig.machines import bare_directory
# pylint: disable=unused-import
from rig.scopes import bare, daemon, make_scoped, rights, scope_of

ODD = 'we\u202eb\u2066 "$(scope)" \U0001f600'


@pytest.fixture
def agent(bus):
    agent = Agent(bus)
    yield agent
    agent.close()


@pytest.fixture
def sees(polkit):
    """bob sees everything, and has no other right."""
    polkit.rules("""
        if (action.id == "org.vmport.scoped.view")
            return polkit.Result.YES;
        return polkit.Result.NOT_HANDLED;""")


def prompts_of(agent, call, *arguments, **options):
    del agent.prompts[:]
    call(*arguments, interactive=True, **options)
    return [(prompt.action, prompt.message) for prompt in agent.prompts]


@pytest.mark.parametrize('scope', ['', 'lab'])
def test_prompts_name_machine_scope_and_directory(daemon, sees, agent, bob, root, make_vm,
                                                  make_scoped, area, users, scope):
    machine = make_scoped('web', scope)
    kind, of = ('scoped.', ' of the security scope “lab”') if scope else ('', '')
    target = area / 'bob/package'
    jobs = []
    (action, message), = prompts_of(agent, lambda **options: jobs.append(
        bob.export(machine, target, **options)))
    assert action == f'org.vmport.{kind}export'
    assert f'the virtual machine “web”{of} to “{target}”' in message
    bob.wait(jobs[0])
    folder = bare_directory(area / 'bob/bare', 'old', owner=users['bob'])
    said = prompts_of(agent, bob.check_import, folder, {'SecurityScope': scope})
    into = ' into the security scope “lab”' if scope else ''
    assert said == [(f'org.vmport.{kind}import', 'Authentication is required to import a virtual '
                     f'machine from “{folder}”{into}')]
    said = prompts_of(agent, bob.call, machine, MACHINE, 'Delete', '(a{sv})', ({},))
    assert said == [(f'org.vmport.{kind}delete',
                     f'Authentication is required to delete the virtual machine “web”{of}')]


def test_prompts_are_clean(daemon, sees, agent, bob, root, make_vm, area):
    """No name and no directory turns the words around, or ends the line, or is taken for a detail."""
    machine = make_vm(ODD)
    root.set_scope(machine, 'lab')
    target = area / 'bob' / 'a\u202eb\u2069c'
    jobs = []
    (_, message), = prompts_of(agent, lambda **options: jobs.append(
        bob.export(machine, target, **options)))
    bob.wait(jobs[0])
    assert target.is_dir(), 'it is the same directory all the same'
    assert not any(ord(c) < 32 or c in '\u202e\u2066\u2069' for c in message), ascii(message)
    assert '“web "$(scope)" \U0001f600”' in message and 'scope “lab” to' in message, ascii(message)


def test_what_was_answered_is_not_kept(daemon, sees, agent, bob, make_vm, make_scoped, area):
    """Each call is asked for by itself: the next one of the same kind, of the same machine even, and
    above all one in another scope."""
    plain, lab, prod = make_vm('plain'), make_scoped('one', 'lab'), make_scoped('two', 'prod')
    for number, machine in enumerate((plain, plain, lab, lab, prod)):
        said = prompts_of(agent, lambda m=machine, n=number, **options: bob.wait(
            bob.export(m, area / f'bob/{n}', **options)))
        assert len(said) == 1
    for machine in (plain, lab, prod):
        assert refused(bob.export, machine, area / 'bob/refused').name == INTERACTIVE
        assert refused(bob.delete, machine).name == INTERACTIVE
    # Out of one scope is not into another, nor out of the next.
    assert len(prompts_of(agent, bob.set_scope, lab, 'prod')) == 2
    assert refused(bob.set_scope, lab, 'lab').name == INTERACTIVE
    assert len(prompts_of(agent, bob.set_scope, prod, 'lab')) == 2
    assert scope_of(bob, lab) == 'prod' and scope_of(bob, prod) == 'lab'
