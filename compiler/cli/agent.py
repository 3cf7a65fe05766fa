"""`conductor agent once | run`: the composition root of the agent. Builds its world, calls the loop, prints.

Rules kept: the agent acts on what the remote's branch has (or, without a remote, the local branch), never on a work
tree, and moves no branch of the clone but the local one where there is no remote.
"""

from __future__ import annotations

import gc
import math
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import typer

from compiler.cli.options import HERE, Repo
from compiler.cli.progress import progress
from compiler.cli.signing import signing_key
from compiler.cli.trust_root import digest_of
from compiler.diagnostics.printable import shown_lines
from runtime.agent.decide import Take, compile_once, for_another_release
from runtime.agent.dry import Identity, Look, look
from runtime.agent.loop import Outcome
from runtime.agent.loop import once as turn
from runtime.agent.state import State, read
from runtime.agent.telling import action_details, action_line, entry_line
from runtime.agent.world import Local, Remote, Upstream, World
from runtime.contract.compiling import Compiled
from runtime.contract.errors import ConductorError, EnvironmentFailedError, UsageError
from runtime.contract.predicates import Release
from runtime.git.process import run as git_command
from runtime.git.repository import Repository
from runtime.governance.debts import Debt
from runtime.ledger.append import Writer
from runtime.ledger.pin import pinned
from runtime.release import VERSION, code_sha256
from runtime.signing.keys import PrivateKey
from runtime.targets.interface import still
from runtime.targets.open import open_control, open_target
from runtime.targets.secrets import Secrets

SHORTEST, LONGEST = 0.1, 86_400
"""Seconds between two turns."""
_COLLECT = (50_000, 20, 20)
"""How often Python's garbage collector looks: a ledger is many small values that all stay."""

Key = Annotated[
    Path | None,
    typer.Option(
        "--key",
        metavar="FILE",
        envvar="CONDUCTOR_AGENT_KEY",
        help="The agent's private key (OpenSSH or PEM), or FILE.pub to sign with the ssh-agent.",
    ),
]
PassphraseFrom = Annotated[
    str | None,
    typer.Option(
        "--passphrase",
        metavar="REFERENCE",
        envvar="CONDUCTOR_AGENT_PASSPHRASE",
        show_default=False,
        help="Where to read the key's passphrase: env:NAME or file:PATH.",
    ),
]
Name = Annotated[
    str | None,
    typer.Option("--agent", metavar="NAME", help="The agent's name (default: found by its key).", show_default=False),
]
RemoteName = Annotated[
    str, typer.Option("--remote", metavar="NAME", help="Remote to follow (the local branch if there is none).")
]
Branch = Annotated[str, typer.Option("--branch", metavar="NAME", help="Branch to follow.")]
AfterGap = Annotated[
    bool,
    typer.Option(
        "--after-gap",
        help="Confirm that this clock is right although the ledger has been silent longer than policies/ allows.",
    ),
]
TrustRoot = Annotated[
    str | None,
    typer.Option(
        "--trust-root",
        metavar="sha256:…",
        help="SHA-256 of the genesis, received outside the repository.",
        show_default=False,
    ),
]


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Apply approved changes and record them.")
    group.command("once", short_help="Work until there is nothing left to do, then exit.")(once)
    group.command("run", short_help="Run continuously until SIGTERM.")(run)
    app.add_typer(group, name="agent")


def once(
    *,
    key: Key = None,
    passphrase: PassphraseFrom = None,
    agent: Name = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be done, but write nothing.")] = False,
    head: Annotated[
        str | None,
        typer.Option(
            "--head",
            metavar="COMMIT",
            show_default=False,
            help="With --dry-run: preview this commit, approved or not.",
        ),
    ] = None,
    remote: RemoteName = "origin",
    branch: Branch = "main",
    trust_root: TrustRoot = None,
    after_gap: AfterGap = False,
    repo: Repo = HERE,
) -> None:
    """Work until there is nothing left to do, then exit.

    Exits with 1 if something needs a person: a change that cannot be taken, an action that failed, an object that
    Conductor did not create. Exits with 3 if something it needs, such as a server or a secret, is missing.
    """
    if head is not None and not dry_run:
        raise UsageError("--head is only for dry runs", help=f"--dry-run --head {head}")
    with world_of(
        repo,
        key,
        agent,
        remote=remote,
        branch=branch,
        trust_root=trust_root,
        passphrase=passphrase,
        after_gap=after_gap,
        dry=dry_run,
    ) as (world, known):
        if dry_run:
            with progress("looking"):
                found = look(world, None if head is None else _commit(world, head))
            sys.stdout.write(shown_lines(dry_text(found)))
            if found.problem is not None:
                raise found.problem
            raise typer.Exit(dry_exit(found))
        before = pinned(world.git)
        with progress("at work"):
            outcome = turn(world, known=known)
        now = pinned(world.git)
        below = _below_text(world) if outcome.entries else ""
    sys.stdout.write(shown_lines(_pinned_text(before, now) + _once_text(outcome) + below))
    undone = outcome.failed or outcome.problems or outcome.held
    raise typer.Exit(1 if undone else 3 if outcome.away or outcome.releases else 0)


def _commit(world: World, rev: str) -> str:
    commit = world.git.resolve(rev)
    if commit is None:
        raise UsageError(
            f"there is no commit {rev} in this clone", help="git fetch; origin/BRANCH names a branch there"
        )
    return commit


def _pinned_text(before: str | None, now: str | None) -> str:
    """Say which genesis counts from now on, where that is new."""
    if now is None or now == before:
        return ""
    instead = "" if before is None else f", instead of sha256:{before}"
    return f"pinned genesis sha256:{now} in this clone and in the control database{instead}\n"


def _once_text(outcome: Outcome) -> str:
    lines = [entry_line(entry) for entry in outcome.entries]
    lines += [f"needs a person: {problem}" for problem in outcome.problems]
    lines += [f"could not look: {problem}" for problem in outcome.away]
    if not outcome.entries:
        lines.append("nothing to do")
    lines += _debt(outcome.debt)
    if outcome.held:
        lines.append(_held(outcome.held))
    lines += [f"failed: {failure}" for failure in outcome.failures]
    lines += [f"needs another release: {problem}" for problem in outcome.releases]
    return "".join(f"{line}\n" for line in lines)


def _held(changes: int) -> str:
    return f"not taken: {changes}; `conductor status` says why, and what to type"


def _debt(debt: Debt | None) -> list[str]:
    return [] if debt is None else [f"open debt: {debt.sentence(datetime.now(tz=UTC))}"]


def _below_text(world: World) -> str:
    """Where the agent moved the branch that is checked out: what it wrote looks removed there, and one `git add` of
    everything would remove it for good."""
    git = world.git
    if not isinstance(world.upstream, Local) or not isinstance(git, Repository) or git.bare:
        return ""
    shown_branch = git_command(git.path, "symbolic-ref", "--quiet", "--short", "HEAD").out.decode().strip()
    if shown_branch != world.branch:
        return ""
    mend = "git restore --source HEAD --staged --worktree evidence"
    return f"this work tree does not show it yet (a clone with a remote has no such trouble): {mend}\n"


def _seconds(given: str | float) -> float:
    try:
        seconds = float(given)
    except ValueError:
        seconds = math.nan
    if not SHORTEST <= seconds <= LONGEST:  # which is so of no NaN
        raise typer.BadParameter(f"{str(given)!r} is no number of seconds between {SHORTEST} and {LONGEST}")
    return seconds


def run(
    *,
    key: Key = None,
    passphrase: PassphraseFrom = None,
    agent: Name = None,
    interval: Annotated[
        float,
        typer.Option(metavar="SECONDS", parser=_seconds, help="Time between two rounds: 0.1 to 86400 (a day)."),
    ] = 15.0,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Address that serves /status, /healthz, /readyz and /metrics.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="PORT", help="Port for them; 0 picks a free one.")
    ] = 9464,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-host",
            metavar="NAME",
            show_default=False,
            help="Additional Host header to accept; repeatable.",
        ),
    ] = None,
    remote: RemoteName = "origin",
    branch: Branch = "main",
    trust_root: TrustRoot = None,
    after_gap: AfterGap = False,
    repo: Repo = HERE,
) -> None:
    """Run continuously until SIGTERM; finishes the current action first and records its result. Logs JSON to stderr."""
    from runtime.agent.health import Health  # noqa: PLC0415 -- `once` ends before it needs them
    from runtime.agent.logs import configure  # noqa: PLC0415 -- see above
    from runtime.agent.running import run as turn_on  # noqa: PLC0415 -- see above
    from runtime.agent.serving import serving  # noqa: PLC0415 -- see above

    stop, health, log = threading.Event(), Health(), configure()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with (
        world_of(
            repo,
            key,
            agent,
            remote=remote,
            branch=branch,
            trust_root=trust_root,
            passphrase=passphrase,
            after_gap=after_gap,
            moved=health.moved,
        ) as (
            world,
            known,
        ),
        serving(health, host=host, port=port, hosts=allow_host or ()) as listening,
    ):
        log.info("serving", host=host, port=listening, agent=world.writer.agent, release=VERSION)
        watched = replace(world, stopping=stop.is_set)
        turn_on(watched, interval=interval, stop=stop, health=health, log=log, known=known)


def dry_text(found: Look) -> str:
    """What a dry run prints: who the targets are, what would be taken, the actions one a line."""
    lines = [line for identity in found.identities for line in _identity(identity, found.problem)]
    if found.open_intent is not None:
        lines.append(f"intent {found.open_intent} has no result: it would be closed first, by looking again")
    if found.supposed is not None:
        lines.append(f"if {found.supposed[:12]} were taken, approved or not:")
    elif isinstance(found.decision, Take):
        lines.append(f"take {found.decision.commit[:12]}: change {found.decision.change.digest[:12]}")
    if found.debt is not None:
        lines += ["the open debt would be cleared"] if found.paid else _debt(found.debt)
    for action in found.todo.actions:
        lines += [action_line(action), *(f"    {detail}" for detail in action_details(action))]
    lines.extend(f"reported, not done: {action_line(action)}" for action in found.todo.reported)
    lines.extend(f"needs a person: {blocked.reason}" for blocked in found.todo.blocked)
    lines.extend(f"needs another release: {why}" for why in for_another_release(found.decision.pending))
    if not found.todo.actions and found.problem is None:
        seen = all(identity.fits for identity in found.identities)
        lines.append("nothing to do" if seen else "nothing to do where it could be looked")
    if found.held:
        lines.append(_held(found.held))
    return "".join(f"{line}\n" for line in lines)


def dry_exit(found: Look) -> int:
    """3 if something around the agent was away, 1 if a person must look, else 0: as it would be without --dry-run."""
    problems = [identity.problem for identity in found.identities if identity.problem is not None]
    if any(problem.exit_code == EnvironmentFailedError.exit_code for problem in problems):
        return EnvironmentFailedError.exit_code
    if not all(identity.fits for identity in found.identities) or found.held or found.todo.blocked:
        return 1
    return EnvironmentFailedError.exit_code if for_another_release(found.decision.pending) else 0


def _identity(identity: Identity, told: ConductorError | None) -> list[str]:
    """Who a target is; why nobody knows, unless the error that follows says it."""
    if identity.problem is not None:
        why = identity.problem.message
        if told is not None and why in told.message:
            return []
        named = f"target {identity.target}" in why
        return [f"could not look: {why}" if named else f"could not look at target {identity.target}: {why}"]
    said = "as declared" if identity.fits else f"declared is {identity.declared or 'nothing'}: it would be refused"
    return [f"target {identity.target} is {identity.found} ({said})"]


@contextmanager
def world_of(
    repo: Path,
    key: Path | None,
    agent: str | None,
    *,
    remote: str,
    branch: str,
    trust_root: str | None,
    passphrase: str | None = None,
    after_gap: bool = False,
    dry: bool = False,
    moved: Callable[[], None] = still,
) -> Iterator[tuple[World, State | None]]:
    """Build what the loop is given, and what was read on the way. A dry run signs nothing, so it needs no key. `moved`
    is told of each piece of what takes long."""
    gc.set_threshold(*_COLLECT)
    if key is None and not dry:
        raise UsageError("a signing key is required", help="--key FILE, or CONDUCTOR_AGENT_KEY=FILE")
    private = PrivateKey.generate() if key is None else signing_key(key, passphrase)
    with Repository(repo) as git:
        secrets = Secrets()
        release = Release(version=VERSION, sha256=code_sha256())
        world = World(
            git=git,
            upstream=_upstream(git, remote),
            branch=branch,
            writer=Writer(agent or "", private, release, uuid4().hex),
            compile=compile_once(partial(_compiled, git), git),
            target=partial(open_target, secret=secrets, moved=moved),
            control=lambda config: open_control(config, application_name="conductor control", secret=secrets),
            clock=lambda: datetime.now(tz=UTC),
            trust_root=digest_of("--trust-root", trust_root),
            secrets=secrets,
            after_gap=after_gap,
        )
        known = None if dry else read(world)
        if agent is None and known is not None:
            world = replace(world, writer=replace(world.writer, agent=_name(known, private)))
        yield world, known


def _compiled(git: Repository, commit: str) -> Compiled:
    """Compile a commit. A turn that finds nothing to take never gets here, so the compiler is loaded here."""
    from compiler.driver import compiled  # noqa: PLC0415 -- see above
    from compiler.source import from_commit  # noqa: PLC0415 -- see above

    return compiled(from_commit(git, commit))


def _name(known: State, key: PrivateKey) -> str:
    """The agent whose key this is, by the last verified commit."""
    name = known.history.governance.agent_of_key.get(key.fingerprint)
    if name is None:
        raise UsageError(
            f"the key {key.fingerprint} belongs to no agent at the last verified commit",
            help="name the key of an agent of policies/agents/; for one that a pending change adds, --agent NAME",
        )
    return name


def _upstream(git: Repository, remote: str) -> Upstream:
    if remote.startswith("/") and not Path(remote).exists():
        raise UsageError(f"there is no repository {remote}", help="--remote NAME, as `git remote -v` lists them")
    known = "/" in remote or git_command(git.path, "config", "--get", f"remote.{remote}.url").code == 0
    if not known and remote != "origin":
        raise UsageError(f"the repository has no remote `{remote}`", help="git remote -v lists the existing ones")
    return Remote(git, remote) if known else Local(git)
