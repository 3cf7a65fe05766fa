"""The work tree's YAML -> lines: whether it is sound, which release it pins, whether its references lead somewhere.

Rules kept: of a secret only its reference is told; systems are asked only where somebody wants that, and only who they
are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from compiler.cli.doctor.line import Line, fail, ok, warn
from compiler.driver import compiled
from compiler.source import from_worktree
from runtime.agent.desired import Desired
from runtime.contract.change import Snapshot
from runtime.contract.errors import ConductorError, EnvironmentFailedError
from runtime.contract.plural import plural
from runtime.release import VERSION
from runtime.targets.config import NO_SYSTEM, TargetConfig
from runtime.targets.needs import needs
from runtime.targets.open import open_target
from runtime.targets.secrets import resolve

_PIN = re.compile(rb'(?m)^\s+release:\s*"?([0-9][0-9A-Za-z.]*)')


def read(repo: Path) -> tuple[Snapshot | None, list[Line]]:
    """What the work tree compiles to, and what is to be said of it."""
    try:
        tree = from_worktree(repo)
    except ConductorError as error:
        return None, [fail("yaml", error.message, "conductor init DIR creates a repository")]
    found = _PIN.search(tree.files.get("policies/compiler.yaml", b""))
    pin = None if found is None else found[1].decode()
    lines = [ok("release", f"{VERSION}, as policies/compiler.yaml pins it")]
    if pin != VERSION:
        named = f"release {pin} is pinned, and this is {VERSION}" if pin else "policies/compiler.yaml pins no release"
        mend = f"pip install 'intelgraph-conductor[compiler]=={pin}'" if pin else "conductor check"
        lines = [fail("release", named, mend)]
    made = compiled(tree)
    if made.snapshot is not None:
        return made.snapshot, [*lines, ok("yaml", f"{plural(len(tree.files), 'file')}, sound")]
    if pin is not None and pin != VERSION:
        return None, lines  # the other release may well read it
    more = f", and {len(made.errors) - 1} more" if len(made.errors) > 1 else ""
    return None, [*lines, fail("yaml", f"{made.errors[0]}{more}", "conductor check")]


def references(snapshot: Snapshot, *, needed: bool) -> Iterator[Line]:
    """Whether each reference leads somewhere. `needed`: this machine is to act, so each that does not is a failure."""
    desired = Desired(snapshot)
    wanted = dict(needs(desired.targets.values(), desired.objects.values()))
    missing: dict[str, str] = {}
    for reference, check in sorted(wanted.items()):
        try:
            check(resolve(reference), reference)
        except EnvironmentFailedError as error:
            missing[reference] = error.message
    if not missing:
        yield ok("secrets", f"every reference leads somewhere ({len(wanted)})")
    elif needed:
        for reference, message in missing.items():
            kind, _, name = reference.partition(":")
            yield fail("secrets", message, f"export {name}=…" if kind == "env" else f"write it to {name}, mode 0600")
    else:
        yield warn(
            "secrets",
            f"{len(missing)} of {len(wanted)} references are not set here; they are only needed where an agent runs",
            "conductor doctor --targets names each",
        )


def identities(snapshot: Snapshot) -> Iterator[Line]:
    """Targets that mean no system yet."""
    for name, config in Desired(snapshot).targets.items():
        if config.type == "postgres" and config.identity.startswith(NO_SYSTEM):
            yield fail(
                "identity",
                f"target {name} has no identity yet (still a placeholder: {config.identity}), "
                "so the agent refuses every database",
                f"conductor doctor --targets; put the identity that it names into spec/targets/{name}.yaml",
            )


def reached(snapshot: Snapshot) -> Iterator[Line]:
    """Ask each target who it is."""
    for name, config in Desired(snapshot).targets.items():
        yield _reached(name, config)


def _reached(name: str, config: TargetConfig) -> Line:
    try:
        with open_target(config, repository="0" * 32, anyone=True) as target:
            found = target.identity()
    except ConductorError as error:
        return fail(
            "target", error.message, error.help or "what it needs: conductor explain runbooks/postgresql-target"
        )
    if config.identity.startswith(NO_SYSTEM):
        mend = f"put `identity: {found}` into spec/targets/{name}.yaml, and commit it"
        return fail("target", f"{name} is {found}, but no identity is declared yet", mend)
    if found != config.identity:
        return fail(
            "target",
            f"{name} is {found}, and {config.identity} is declared: the agent refuses it",
            f"let {config.dsn} lead to the declared one, or have `identity: {found}` approved",
        )
    return ok("target", f"{name} is {found}, as declared")
