"""Repository -> Clone: what a clone says of main, of the ledger and of approvals, as far as it has fetched them.

Rules kept: nothing is fetched but by `catch_up`, which moves no branch of the clone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from compiler.aside import Allowed, Aside, Deny, allowed_here, deny_here
from runtime.contract.errors import UsageError
from runtime.git.branches import REMOTE, head_of, heads_of
from runtime.git.interface import Git
from runtime.governance.approvals import BRANCH as APPROVALS
from runtime.governance.approvals import Approvals, Malformed
from runtime.governance.case import Signed
from runtime.ledger.genesis import ledgers
from runtime.ledger.history import History
from runtime.ledger.history import replay as _replay
from runtime.ledger.pin import pinned
from runtime.ledger.starting import NoGenesisError
from runtime.policy.engine import Policy

MAIN = "main"


@dataclass(frozen=True)
class Clone:
    """What a clone says: main's head, its history (None before genesis), and the commits that hold approvals."""

    git: Git
    branch: str
    main: str
    history: History | None
    approvals: tuple[Approvals, ...]
    deny: Deny = deny_here
    """Asks the policy of what is compiled."""
    allowed: Allowed = allowed_here
    """Asks a policy who may use which scope."""

    @classmethod
    def read(cls, git: Git, aside: Aside | None = None, trust_root: str | None = None) -> Clone:
        """Read a clone as it is; nothing is fetched. Raises UsageError where it has no main, and NoGenesisError where
        it has not the genesis that was asked for."""
        policies = Policy.of if aside is None else aside.policies
        replay = partial(_replay, trust_root=trust_root or pinned(git), policies=policies)
        main = head_of(git, MAIN)
        if main is None:
            raise _without_main(git)
        try:
            history = replay(git, main)
        except NoGenesisError:
            if trust_root is not None:
                raise
            history = None
        branch = MAIN if history is None else history.genesis.branch
        if history is not None and branch != MAIN and (other := head_of(git, branch)) is not None:
            main, history = other, replay(git, other)
        approvals = tuple(Approvals(git, oid) for oid in heads_of(git, APPROVALS))
        if aside is None:
            return cls(git, branch, main, history, approvals)
        return cls(git, branch, main, history, approvals, aside.deny, aside.allowed)

    def statements(self, change: str) -> tuple[Signed, ...]:
        """Everything that is filed under a change, wherever this clone knows it from."""
        return tuple({one.sha256: one for source in self.approvals for one in source.of(change)}.values())

    def malformed(self, change: str) -> tuple[Malformed, ...]:
        """What is filed under a change and is no approval."""
        return tuple({item.path: item for source in self.approvals for item in source.malformed(change)}.values())


def _without_main(git: Git) -> UsageError:
    if git.resolve("HEAD") is None:
        return UsageError("there is no commit yet", help="run git add and git commit first")
    return UsageError(
        f"this clone has neither {MAIN} nor {REMOTE}/{MAIN}, so there is nothing to compare with",
        help=f"git fetch {REMOTE} {MAIN}; or, where it has another name here, git branch {MAIN} NAME",
    )


def catch_up(git: Git) -> None:
    """Ask the remote for main, the ledger and others' approvals; no branch of this clone moves."""
    main = git.fetch(REMOTE, MAIN, APPROVALS)[MAIN]
    if main is not None and (apart := set(ledgers(git, main).values())):
        git.fetch(REMOTE, *sorted(apart))


def commit_named(git: Git, rev: str) -> str:
    """Return the commit of a revision; raises UsageError where there is none."""
    oid = git.resolve(rev)
    if oid is None:
        raise UsageError(f"there is no revision `{rev}`", help="`git log --oneline --all` lists the existing ones")
    return oid
