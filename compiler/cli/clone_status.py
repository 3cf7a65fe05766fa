"""A clone -> what only a clone can add to the status that main's ledger gives: what is proposed, what is not pushed.

Rules kept: nothing is fetched; the remote is where the clone last saw it, and nothing is said of one that it never saw.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from compiler.cli.proposed import Proposed
from runtime.agent.status import Status
from runtime.contract.canonical import JSON
from runtime.contract.plural import plural
from runtime.git.branches import REMOTE, remote_head_of
from runtime.git.interface import Git


@dataclass(frozen=True)
class Unpushed:
    """That main's head is not on the remote: which of the commits in question are not, and what brings them there."""

    branch: str
    commits: tuple[str, ...]
    parted: bool
    """Whether the remote's main has commits that this one has not."""

    @property
    def command(self) -> str:
        """What to type."""
        pull = f"git pull --rebase=merges {REMOTE} {self.branch} && " if self.parted else ""
        return f"{pull}git push {REMOTE} {self.branch}"

    @property
    def sentence(self) -> str:
        """That it is so, and what to type."""
        return f"{self.branch} is not pushed, and an agent acts on {REMOTE}/{self.branch}: {self.command}"


@dataclass(frozen=True)
class CloneStatus:
    """What is added to a `Status`."""

    proposed: tuple[Proposed, ...] = ()
    unopened: int = 0
    """Folders of approvals in which nobody has looked for more."""
    unpushed: Unpushed | None = None

    def attention(self, branch: str) -> Iterator[str]:
        """What a person has to see to, a sentence each."""
        if self.unpushed is not None:
            yield self.unpushed.sentence
        lost = sum(not item.counts for item in self.proposed)
        if lost:
            yield f"approvals of {plural(lost, 'proposed change')} will not count as {branch} stands"

    def to_json(self) -> dict[str, JSON]:
        """As `--format json` has it."""
        pushed = (
            None if self.unpushed is None else {"commits": list(self.unpushed.commits), "do": self.unpushed.command}
        )
        proposed: list[JSON] = [item.to_json() for item in self.proposed]
        return {"proposed": proposed, "unopened": self.unopened, "unpushed": pushed}


def unseen(status: Status, pushed: Unpushed | None) -> Status:
    """The status, in which nothing is ready for an agent that it cannot see."""
    away = () if pushed is None else pushed.commits
    waiting = tuple(it.model_copy(update={"ready": None}) if it.commit in away else it for it in status.waiting)
    return status.model_copy(update={"waiting": waiting})


def unpushed(git: Git, branch: str, main: str, commits: Iterable[str]) -> Unpushed | None:
    """What of main is not on the remote; None where all of it is, and where there is no remote to ask for it."""
    there = remote_head_of(git, branch)
    if there is None or git.is_ancestor(main, there):
        return None
    absent = tuple(oid for oid in commits if not git.is_ancestor(oid, there))
    return Unpushed(branch, absent, parted=not git.is_ancestor(there, main))
