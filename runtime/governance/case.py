"""What a judge is given, and what it answers: values only (plan, section 7).

`Verified` is where a history of verdicts stands (P). A `Case` is one change that would lead on from there, with the
approvals in hand, main's head and the time. A `Reading` is a case read with one set of people, keys and rules: those
of P, or those that the change itself would give; rule `before` refuses the second.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import TypeAlias

from runtime.contract.change import Change, Snapshot
from runtime.contract.envelope import Envelope, decode_envelope
from runtime.contract.errors import FormatError
from runtime.contract.predicates import Approval
from runtime.contract.statement import Statement
from runtime.governance.config import FOLDER, Governance
from runtime.governance.debts import Debt
from runtime.governance.people import Approver
from runtime.signing.envelopes import verify


@dataclass(frozen=True)
class Problem:
    """A rule that is not met, and how: a sentence for the reviewer. `sha256` names the approval it is about."""

    rule: str
    message: str
    sha256: str | None = None


@dataclass(frozen=True)
class Missing:
    """Consent that is still needed: by which rule, which roles, and who could give the next of it."""

    rule: str
    roles: tuple[str, ...]
    people: tuple[str, ...]


@dataclass(frozen=True)
class Signed:
    """A person's statement as it was found: file, its SHA-256, and the fingerprint that it names (not yet believed)."""

    envelope: Envelope
    statement: Statement
    approval: Approval

    @property
    def sha256(self) -> str:
        """SHA-256 (hex) of the whole file."""
        return self.envelope.digest

    @property
    def fingerprint(self) -> str:
        """The key that is said to have signed."""
        return self.envelope.keyid

    @property
    def change(self) -> str | None:
        """SHA-256 of the change it is about."""
        return self.statement.digest_of("change")

    @classmethod
    def of(cls, envelope: Envelope) -> Signed:
        """Take an envelope; raises FormatError if its statement is no approval or withdrawal."""
        statement = envelope.statement
        if not isinstance(statement.predicate, Approval):
            raise FormatError("the statement is no approval")
        if [item.name for item in statement.subject] != ["change"]:
            raise FormatError("an approval is about one change and nothing else")
        return cls(envelope, statement, statement.predicate)

    @classmethod
    def from_bytes(cls, data: bytes) -> Signed:
        """Read a file; raises FormatError."""
        return cls.of(decode_envelope(data))


def made(rights: Governance, signed: Signed) -> bool:
    """Whether the key that is said to have signed a statement is known to these rights, and did."""
    line = rights.public_keys.get(signed.fingerprint)
    try:
        return line is not None and verify(signed.envelope, line)
    except FormatError:
        return False


@dataclass(frozen=True)
class Taken:
    """What a verdict (or the genesis, which alters nothing before it) did: its SHA-256, the paths, the time; the people
    and keys that it left, where it altered them."""

    sha256: str
    paths: frozenset[str]
    at: datetime | None
    governance: Governance | None = None


class Timeline:
    """The genesis and the verdicts in order, with an index of who last altered a path, and when rights changed. Grows
    at its end only."""

    def __init__(self, taken: Iterable[Taken]) -> None:
        self._taken: list[Taken] = []
        self._position: dict[str, int] = {}
        self._altered: dict[str, int] = {}
        self._governed: list[tuple[int, Governance]] = []
        for item in taken:
            self.append(item)

    def append(self, item: Taken) -> None:
        """Add the next verdict."""
        position = len(self._taken)
        self._taken.append(item)
        self._position[item.sha256] = position
        self._altered.update(dict.fromkeys(item.paths, position))
        if item.governance is not None:
            self._governed.append((position, item.governance))

    def __len__(self) -> int:
        return len(self._taken)

    def without(self, sha256: str) -> Timeline:
        """Return one in which an entry has altered nothing: as if it were not there, and still known by its name."""
        return Timeline(replace(item, paths=frozenset()) if item.sha256 == sha256 else item for item in self._taken)

    @property
    def last(self) -> Taken:
        """The last verdict, or the genesis: what a new approval names as `after`."""
        return self._taken[-1]

    def position(self, sha256: str) -> int | None:
        """Where an entry stands; None if it is none of this history."""
        return self._position.get(sha256)

    def later(self, position: int) -> tuple[Taken, ...]:
        """The verdicts after a position."""
        return tuple(self._taken[position + 1 :])

    def altered(self, paths: Iterable[str], position: int) -> tuple[str, Taken] | None:
        """A path that a verdict after `position` altered, with the last such verdict; None if none did."""
        found = [(self._altered.get(path, -1), path) for path in paths]
        last, path = max(found, default=(-1, ""))
        return (path, self._taken[last]) if last > position else None

    def governances(self, position: int) -> tuple[Governance, ...]:
        """Who had which keys where an entry stands, and each time that this has changed since."""
        then = bisect_right(self._governed, position, key=lambda item: item[0])
        return tuple(governance for _, governance in self._governed[max(then - 1, 0) :])

    def copy(self) -> Timeline:
        """Return one that grows on its own."""
        return Timeline(self._taken)


@dataclass(frozen=True)
class Verified:
    """P, and all that verdicts have said so far: genesis plus the changes taken, and what emergencies left open."""

    repository: str
    branch: str
    commit: str
    snapshot: Snapshot
    governance: Governance
    timeline: Timeline
    debts: tuple[Debt, ...] = ()
    """Every debt there was, in order; the last one may be open."""
    unproved: frozenset[str] = frozenset()
    """Keys of the genesis' people (fingerprints) of which nothing shows yet that their holders have them."""
    seen: tuple[str, ...] = ()
    """Where main is known to have been since P, oldest first, where the ledger is on main: it leads on from there."""

    @property
    def debt(self) -> Debt | None:
        """The debt that is open."""
        return next((debt for debt in reversed(self.debts) if debt.settled is None), None)


Transition: TypeAlias = Callable[[tuple[Approver, ...]], tuple[Problem, ...]]
"""P's policy about this change at this time, asked with the approvers who count."""


def no_policy(approvers: tuple[Approver, ...]) -> tuple[Problem, ...]:
    """Refuse: a transition that cannot be asked is refused (policies fail closed)."""
    del approvers
    return (Problem("transitions", "there is no policy that could be asked whether this may be done now"),)


@dataclass(frozen=True)
class Case:
    """One change from P. `main` are the inputs of main's head (path -> SHA-256 of the raw blob), `returned` those that
    main has had at P's value again since the commit that would be taken; `release` is the installed release. With a
    `debt`, its change, and whether the approvals that it lacked are there by now
    (`runtime.governance.emergency.debt_case`)."""

    verified: Verified
    change: Change
    approvals: tuple[Signed, ...]
    at: datetime
    main: Mapping[str, str]
    release: str
    transition: Transition = field(default=no_policy)
    debt: Debt | None = None
    returned: frozenset[str] = frozenset()

    @property
    def before(self) -> Governance:
        """People, keys and rules of P."""
        return self.verified.governance

    @cached_property
    def after(self) -> Governance | None:
        """People, keys and rules as the change would leave them; None if they could not be read at all."""
        altered = {path: pair[1] for path, pair in self.change.contents.items() if path.startswith(FOLDER)}
        if not altered:
            return self.before
        contents = {path: text for path, text in self.verified.snapshot.contents.items() if path.startswith(FOLDER)}
        for path, text in altered.items():
            contents.pop(path, None)
            if text is not None:
                contents[path] = text
        try:
            return Governance.of(contents)
        except FormatError:
            return None

    def same(self, one: str, other: str | None) -> bool:
        """Whether two names are one person's. Over a debt, people may have been renamed since it was opened."""
        return one == other or (self.debt is not None and other is not None and self.debt.same(one, other))

    @cached_property
    def readings(self) -> tuple[Reading, ...]:
        """The case with the people, keys and rules of P; and with those that the change gives, if it gives any. Where
        somebody claims an emergency, all of it again as one."""
        rights = [self.before]
        if self.debt is None and self.after is not None and self.after is not self.before:
            rights.append(self.after)
        claimed = self.debt is None and any(one.approval.kind == "emergency" for one in self.approvals)
        ways = (False, True) if claimed else (False,)
        return tuple(Reading(self, item, emergency=way) for way in ways for item in rights)


@dataclass(frozen=True)
class Reading:
    """A case, read with one set of people, keys and rules; as an `emergency`, without asking who must approve."""

    case: Case
    rights: Governance
    emergency: bool = False

    def owner(self, fingerprint: str) -> str | None:
        """Whose key this is; None if no person's (an agent is none)."""
        return self.rights.owner_of_key.get(fingerprint)

    def authentic(self, signed: Signed) -> bool:
        """Whether the key that is said to have signed is known, and did."""
        return made(self.rights, signed)

    def roles(self, name: str) -> frozenset[str]:
        """In which roles a person stands."""
        person = self.rights.people.get(name)
        return frozenset(person.roles) if person else frozenset()


@dataclass(frozen=True)
class Judgement:
    """Whether the change is allowed; if not, why and what is still needed. `counted` are the approvals that count,
    `emergency` the one of them that alone lets it through, where nothing else does."""

    allowed: bool
    problems: tuple[Problem, ...]
    counted: tuple[str, ...]
    people: tuple[str, ...]
    missing: tuple[Missing, ...]
    rejected: tuple[Problem, ...]
    emergency: str | None = None
