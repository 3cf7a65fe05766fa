"""All that the agent touches outside itself, as one value: git, the branch that counts, keys, targets, clock.

Rules kept: the loop has no other way to the world; a test gives it doubles, kills it or pauses it at `at`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol, Self
from uuid import uuid4

from runtime.contract.compiling import Compile
from runtime.git.interface import Git, PushOutcome, RemoteAwayError
from runtime.ledger.append import Writer
from runtime.ledger.head import HeadStore
from runtime.ledger.replaying import Policies
from runtime.policy.engine import Policy
from runtime.targets.config import TargetConfig
from runtime.targets.interface import RetryableError, Target
from runtime.targets.secrets import Secrets


class Upstream(Protocol):
    """The branches that count: a remote's, or the local ones of a repository that has no remote."""

    def fetch(self, *branches: str) -> dict[str, str | None]:
        """Branch -> commit id; raises RetryableError when the remote is away."""
        ...

    def push(self, branch: str, new: str, *, old: str | None) -> PushOutcome:
        """Move a branch, never by force; raises RetryableError when the remote is away."""
        ...


@dataclass(frozen=True)
class Remote:
    """The branches of a remote."""

    git: Git
    name: str

    def fetch(self, *branches: str) -> dict[str, str | None]:
        """Bring them here without moving local branches."""
        try:
            return self.git.fetch(self.name, *branches)
        except RemoteAwayError as error:
            raise _away(self.name, error) from error

    def push(self, branch: str, new: str, *, old: str | None) -> PushOutcome:
        """Push, and leave local branches where they are."""
        try:
            return self.git.push(self.name, branch, new, old=old)
        except RemoteAwayError as error:
            raise _away(self.name, error) from error


@dataclass(frozen=True)
class Local:
    """The branches of a repository that has no remote."""

    git: Git

    def fetch(self, *branches: str) -> dict[str, str | None]:
        """Look."""
        return {branch: self.git.resolve(f"refs/heads/{branch}") for branch in branches}

    def push(self, branch: str, new: str, *, old: str | None) -> PushOutcome:
        """Compare and swap."""
        moved = self.git.set_ref(f"refs/heads/{branch}", new, old=old)
        return PushOutcome.DONE if moved else PushOutcome.BEATEN


def _away(name: str, error: RemoteAwayError) -> RetryableError:
    return RetryableError(
        f"the remote {name} is away: {error.message}",
        help="nothing was lost; the agent goes on where it stopped once the remote answers",
    )


class Control(HeadStore, Protocol):
    """The control database as the loop needs it: who may act, and what the ledger's head was."""

    def __enter__(self) -> Self:
        """Connect; raises RetryableError when it is away, TerminalError when it is another database."""
        ...

    def __exit__(self, *exc: object) -> None:
        """Let go of the connection, and of the lock with it."""
        ...

    def lock(self, repository: str) -> bool:
        """Try to take the repository's session advisory lock; False if another session holds it."""
        ...

    def held(self) -> bool:
        """Whether this session still holds it."""
        ...


class OpenTarget(Protocol):
    """How targets are come by: the composition root knows the classes."""

    def __call__(
        self, config: TargetConfig, *, repository: str, files: Callable[[], Mapping[str, bytes]], anyone: bool
    ) -> Target:
        """Return the target, not yet entered. `repository` is what ownership marks carry, `files` gives `config/` and
        `policy/` when a release is written; with `anyone` it is not refused for another identity than declared."""
        ...


def nowhere(_: str) -> None:
    """Pass a named step: nobody watches."""


@dataclass(frozen=True)
class World:
    """What `once` is given. `at` is called with the name of every step: before and after each push and action;
    `secrets` are those that `target` and `control` use; `after_gap` says that a gap that governance does not allow is
    real."""

    git: Git
    upstream: Upstream
    branch: str
    writer: Writer
    compile: Compile
    target: OpenTarget
    control: Callable[[TargetConfig], Control]
    clock: Callable[[], datetime]
    trust_root: str | None = None
    policies: Policies = Policy.of
    secrets: Secrets = field(default_factory=Secrets)
    at: Callable[[str], None] = nowhere
    after_gap: bool = False
    stopping: Callable[[], bool] = lambda: False
    new_turn: Callable[[], str] = lambda: uuid4().hex

    def next_turn(self) -> World:
        """Return the world of another turn: what is written in it carries an id of its own."""
        return replace(self, writer=replace(self.writer, turn=self.new_turn()))
