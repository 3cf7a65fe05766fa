"""The world -> what `once` would do next, and who each target says it is. Writes nothing, takes no lock.

Rules kept: the actions are those that applying performs, by the same decision and the same diff; before there is a
genesis it looks at main's head, so that a target's identity can be read before it is declared. Who a target is can be
told without the tenants' secrets; what is there is not looked at without them.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

from runtime.agent.causes import Memory
from runtime.agent.debts import filed, payment
from runtime.agent.decide import Decision, Nothing, Take
from runtime.agent.desired import Desired, released_of
from runtime.agent.observe import Opened
from runtime.agent.state import Goal, read, uncompiled
from runtime.agent.steps import Todo, compare
from runtime.agent.world import World
from runtime.contract.errors import ConductorError, EnvironmentFailedError, UsageError
from runtime.governance.debts import Debt
from runtime.ledger.starting import NoGenesisError
from runtime.targets.interface import RetryableError, Target

UNKNOWN = "0" * 32
"""The repository's id before there is a genesis: no mark carries it."""


@dataclass(frozen=True)
class Identity:
    """Who a target is said to be, and who it says it is; or why it says nothing."""

    target: str
    declared: str
    found: str | None
    problem: ConductorError | None = None

    @property
    def fits(self) -> bool:
        """Whether it may be acted upon."""
        return self.declared == self.found


@dataclass(frozen=True)
class Look:
    """What a dry run has found. `open_intent` is the number of an intent that is to be closed first, `problem` why
    nothing was compared; `debt` is open, and would be cleared if it is `paid`."""

    identities: tuple[Identity, ...]
    decision: Decision
    todo: Todo
    open_intent: int | None = None
    problem: ConductorError | None = None
    debt: Debt | None = None
    paid: bool = False
    supposed: str | None = None
    """The commit that was taken as taken, whoever has approved it."""

    @property
    def held(self) -> int:
        """How many changes on main are not taken before a person does something about them: of what is supposed to be
        taken, main says nothing."""
        return 0 if self.supposed is not None else sum(item.held for item in self.decision.pending)


def look(world: World, supposed: str | None = None) -> Look:
    """Look; at what taking the commit `supposed` would do, where there is one."""
    decision: Decision = Nothing()
    open_intent: int | None = None
    problem: ConductorError | None = None
    debt, paid = None, False
    try:
        state = read(world)
        debt = state.history.debt
        if debt is not None:
            known = filed(world, state, debt)
            paid = payment(state.history.verified, debt, known, world.clock()) is not None
        decision = state.decide(world, world.clock())
        take = decision if isinstance(decision, Take) else None
        goal = state.goal(world, take) if supposed is None else state.supposing(world, supposed)
        open_intent = None if state.history.open_intent is None else state.history.open_intent.sequence
        if take is None and open_intent is None and supposed is None:
            state.require_release()
    except NoGenesisError:
        goal = _before_genesis(world, supposed)
    try:
        goal.require_secrets(world)
    except EnvironmentFailedError as error:
        problem = error
    with ExitStack() as stack:
        identities, targets = _identities(world, goal, stack)
        away = {item.target: RetryableError("not looked at") for item in identities if item.target not in targets}
        todo = Todo(())
        if problem is None:
            todo = compare(goal, Opened(targets, away), world.clock(), patient=False, owing=False)
    return Look(identities, decision, todo, open_intent, problem, debt, paid, supposed)


def _identities(world: World, goal: Goal, stack: ExitStack) -> tuple[tuple[Identity, ...], dict[str, Target]]:
    """Who the targets are; those that may be looked at are left open."""
    identities: list[Identity] = []
    targets: dict[str, Target] = {}
    for name, config in sorted(goal.desired.targets.items()):
        target = world.target(config, repository=goal.repository, files=goal.files, anyone=True)
        try:
            stack.enter_context(target)
            identity = Identity(name, config.identity, target.identity())
        except ConductorError as error:
            identity = Identity(name, config.identity, None, error)
        identities.append(identity)
        if identity.fits:
            targets[name] = target
    return tuple(identities), targets


def _before_genesis(world: World, supposed: str | None) -> Goal:
    head = supposed or world.upstream.fetch(world.branch)[world.branch]
    if head is None:
        raise UsageError(f"there is no branch {world.branch}", help="push it, or name another one: --branch")
    compiled = world.compile(head)
    if compiled.snapshot is None:
        raise uncompiled(head, compiled)
    return Goal(UNKNOWN, head, Desired(compiled.snapshot), Memory(), lambda: released_of(compiled.bundle))
