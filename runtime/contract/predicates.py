"""The predicates of every kind of evidence, as in-toto statements carry them.

The verdict's predicate is a SLSA verification summary (https://slsa.dev/spec/v1.1/verification_summary) with one more
field, `conductor`, as that specification allows ("consumers ignore unrecognized fields").

Rule kept: every predicate of the ledger says where it stands (`ledger`); unknown fields are refused.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from runtime.contract.canonical import JSON
from runtime.contract.instant import Instant
from runtime.contract.objects import Action
from runtime.contract.strict import Strict

NAMESPACE = "https://conductor.intelgraph.io"

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
CommitId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$")]
Reason = Annotated[str, StringConstraints(pattern=r"\S", max_length=1000)]
TurnId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
RepositoryId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]


class Wire(Strict):
    """Base of everything read from statements: strict, frozen, no unknown fields."""


class DigestSet(Wire):
    """in-toto DigestSet, SHA-256 only."""

    sha256: Sha256


class Release(Wire):
    """The installation that wrote an entry (`runtime.release`)."""

    version: str
    sha256: Sha256


class LedgerPosition(Wire):
    """Where an entry stands: every ledger predicate has it as `ledger`.

    `previous` is the SHA-256 of the whole previous file; of the genesis for the first entry (sequence 1). `main` is
    main's head as the agent saw it, where the ledger is on a branch of its own; on main itself git says it (None).
    `turn` is the turn of the agent's loop that wrote it: its commit's message and every line of its log have it, too.
    `after_gap` says that nothing but `--after-gap` let it be written so late: the agent was told of a gap.
    """

    sequence: int = Field(ge=1)
    previous: Sha256
    time: Instant
    agent: str
    release: Release
    main: CommitId | None
    turn: TurnId
    after_gap: bool


class Seen(Wire):
    """The commits a person looked at: shown, never matched."""

    base: CommitId | None
    head: CommitId


class Approval(Wire):
    """A person's statement over a change (subject `change`), or the withdrawal of their earlier approvals of it.

    `after` is the SHA-256 of the last verdict its maker knew, or of the genesis. An `emergency` is an approval that may
    let the change through alone, and says for which `reason`; no other statement has one.
    """

    TYPE: ClassVar[str] = f"{NAMESPACE}/approval/v1"

    kind: Literal["approval", "emergency", "withdrawal"]
    after: Sha256
    signed_at: Instant
    expires_at: Instant
    seen: Seen
    reason: Reason | None = None

    @model_validator(mode="after")
    def _reasoned(self) -> Self:
        if (self.kind == "emergency") != (self.reason is not None):
            raise ValueError("an emergency says its reason, and nothing else has one")
        return self


class GenesisApproval(Wire):
    """A person's statement over the genesis (subject `genesis`)."""

    TYPE: ClassVar[str] = f"{NAMESPACE}/genesis/v1"

    signed_at: Instant


class ResourceDescriptor(Wire):
    """in-toto ResourceDescriptor, the two fields used here."""

    uri: str
    digest: DigestSet


class Verifier(Wire):
    """SLSA VSA `verifier`."""

    id: str
    version: dict[str, str]


class VerdictDetail(Wire):
    """What the SLSA summary has no word for. `before` and `after` are manifests' digests, `landed` the other changes
    taken between the earliest approval's `after` and this verdict (SHA-256 of their verdicts). `emergency` is the one
    of the approvals that let the change through alone; null where the rules were met."""

    base: CommitId
    head: CommitId
    before: Sha256
    after: Sha256
    change: Sha256
    approvals: tuple[Sha256, ...]
    landed: tuple[Sha256, ...] = ()
    emergency: Sha256 | None = None


class Verdict(Wire):
    """An agent's statement that a commit is taken. Subjects: `manifest` (after) and `change.json`."""

    TYPE: ClassVar[str] = "https://slsa.dev/verification_summary/v1"

    verifier: Verifier
    timeVerified: Instant  # noqa: N815 -- SLSA's name
    resourceUri: str  # noqa: N815 -- SLSA's name
    policy: ResourceDescriptor
    inputAttestations: tuple[ResourceDescriptor, ...]  # noqa: N815 -- SLSA's name
    verificationResult: Literal["PASSED"]  # noqa: N815 -- SLSA's name
    verifiedLevels: tuple[str, ...]  # noqa: N815 -- SLSA's name
    slsaVersion: Literal["1.1"]  # noqa: N815 -- SLSA's name
    ledger: LedgerPosition
    conductor: VerdictDetail


class ActionRecord(Wire):
    """One `Action` on the wire."""

    operation: Literal["create", "adopt", "update", "delete"]
    target: str
    type: str
    name: str
    before: dict[str, JSON] | None
    after: dict[str, JSON] | None
    wave: int
    tenant: str | None
    because: str

    @classmethod
    def of(cls, action: Action) -> ActionRecord:
        """Write an action."""
        return cls.model_validate(action.to_json())

    def action(self) -> Action:
        """Read the action back."""
        return Action.from_json(self.model_dump(mode="json"))


class Intent(Wire):
    """What an agent is about to do, pushed before the first action. Subject: `manifest`, the one it goes to. `rest`:
    how many more actions are to follow in intents of their own, because no statement is larger than what is read.
    `as_declared`: how many objects that the genesis or a change still asks for need none: they were found so."""

    TYPE: ClassVar[str] = f"{NAMESPACE}/intent/v1"

    ledger: LedgerPosition
    because: str
    manifest: Sha256
    actions: tuple[ActionRecord, ...]
    rest: int = Field(ge=0)
    as_declared: int = Field(ge=0)


class Outcome(Wire):
    """What became of one action of an intent, by its index there; `facts` are what was measured (a login's proof)."""

    index: int = Field(ge=0)
    outcome: Literal["done", "failed", "not-tried"]
    message: str | None = None
    facts: dict[str, JSON] = Field(default_factory=dict)


class Result(Wire):
    """How an intent ended: one outcome for each action, in order. Subject: `intent`, the SHA-256 of its file."""

    TYPE: ClassVar[str] = f"{NAMESPACE}/result/v1"

    ledger: LedgerPosition
    intent: Sha256
    outcomes: tuple[Outcome, ...]


class Unmet(Wire):
    """A rule that was not met, and how."""

    rule: str
    message: str


class Refusal(Wire):
    """A change that main carries and the rules do not allow, recorded once. Subject: `change`."""

    TYPE: ClassVar[str] = f"{NAMESPACE}/refusal/v1"

    ledger: LedgerPosition
    base: CommitId
    head: CommitId
    change: Sha256
    unmet: tuple[Unmet, ...]


class Drift(Wire):
    """A running system is not as the manifest says, though no change asked for it. Subject: `manifest`."""

    TYPE: ClassVar[str] = f"{NAMESPACE}/drift/v1"

    ledger: LedgerPosition
    manifest: Sha256
    response: Literal["heal", "report"]
    actions: tuple[ActionRecord, ...]


class Clearing(Wire):
    """What an emergency left open has been approved: `verdict` took the change, `approvals` are those that it lacked.
    Subject: `change`."""

    TYPE: ClassVar[str] = f"{NAMESPACE}/clearing/v1"

    ledger: LedgerPosition
    verdict: Sha256
    change: Sha256
    approvals: tuple[Sha256, ...]


class Heartbeat(Wire):
    """Nothing to do, and still here. Subject: `manifest`, the one that runs."""

    TYPE: ClassVar[str] = f"{NAMESPACE}/heartbeat/v1"

    ledger: LedgerPosition
    commit: CommitId
    manifest: Sha256


Predicate = Approval | GenesisApproval | Verdict | Intent | Result | Refusal | Drift | Clearing | Heartbeat
Entry = Verdict | Intent | Result | Refusal | Drift | Clearing | Heartbeat
"""The predicates of the ledger: each has `ledger`."""

ENTRY_KINDS: dict[str, type[Entry]] = {
    "verdict": Verdict,
    "intent": Intent,
    "result": Result,
    "refusal": Refusal,
    "drift": Drift,
    "clearing": Clearing,
    "heartbeat": Heartbeat,
}
BY_TYPE: dict[str, type[Predicate]] = {kind.TYPE: kind for kind in (Approval, GenesisApproval, *ENTRY_KINDS.values())}
"""Predicate type -> predicate."""


def complete(predicate: Predicate) -> bool:
    """Whether every field that has a default was written and none filled in; all others must be there anyway."""
    inner: tuple[Wire, ...] = ()
    match predicate:
        case Approval():
            inner = (predicate,)
        case Verdict():
            inner = (predicate.conductor,)
        case Result():
            inner = predicate.outcomes
    return all(len(item.model_fields_set) == len(type(item).model_fields) for item in inner)
