"""A role or schema that somebody else made x what is wanted of it -> what adopting would find, or why it is refused.

What would be found has the shape of what is observed of our own, by a mark as it would be, so that what adopting
changes is what differs. Adopting is two transactions: the first looks once more whether it may, and marks; the second
is the one that makes any object of ours so. Killed between the two, the object is ours and not yet as wanted.

When it was looked at, others could still act on it, in transactions that no look sees. So the mark says `adopting`, and
what it says is not proved, until everybody is out and the rules have been asked once more (`require`, `settle`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from runtime.contract.canonical import JSON
from runtime.contract.canonical import sha256 as digest_of
from runtime.contract.objects import FOREIGN, ObjectId
from runtime.targets.interface import TerminalError
from runtime.targets.postgres import adoptable, grants, lending, roles
from runtime.targets.postgres.marks import PREFIX, Mark, Owner
from runtime.targets.postgres.session import Connection, Kind, Session


@dataclass(frozen=True)
class Wanted:
    """What may be adopted on one target, by name."""

    roles: Mapping[str, Mapping[str, JSON]]
    schemas: Mapping[str, Mapping[str, JSON]]
    grants: Mapping[str, Mapping[str, JSON]]

    @classmethod
    def of(cls, target: str, adopt: Mapping[ObjectId, Mapping[str, JSON]] | None) -> Wanted:
        """Those of a target."""
        named: dict[str, dict[str, Mapping[str, JSON]]] = {"role": {}, "schema": {}, "grants": {}}
        for item, attributes in (adopt or {}).items():
            if item.target == target and item.type in named:
                named[item.type][item.name] = attributes
        return cls(named["role"], named["schema"], named["grants"])

    def mark(self, kind: Kind, name: str, owner: Owner) -> Mark:
        """The mark as it would be, so that what is found is told as it would be of ours."""
        if kind == "schema":
            return Mark(owner, 0, grants=self.grants.get(name))
        role = roles.Role.of(name, self.roles[name])
        return Mark(owner, 0, password=role.password, settings=role.settings)


@dataclass(frozen=True)
class Verdicts:
    """Of objects that might be adopted: why they may not (nothing: they may), and the comments that would go."""

    reasons: Mapping[tuple[Kind, str], tuple[str, ...]]
    comments: Mapping[tuple[Kind, str], str]

    def as_ours(self, found: Mapping[str, roles.Found], wanted: Wanted, owner: Owner) -> dict[str, roles.Found]:
        """The roles, those that may be adopted told as ours would be."""
        return {
            name: role.as_ours(wanted.mark("role", name, owner)) if self.reasons.get(("role", name)) == () else role
            for name, role in found.items()
        }

    def schemas(self, wanted: Wanted, owner: Owner) -> dict[str, Mark]:
        """The marks as they would be of the schemas that may be adopted."""
        return {
            name: wanted.mark("schema", name, owner)
            for (kind, name), reasons in self.reasons.items()
            if kind == "schema" and not reasons
        }

    def told(self, kind: Kind, name: str, found: Mapping[str, JSON]) -> Mapping[str, JSON]:
        """What an observer says of it; `found` is what it would be observed as if it were ours."""
        reasons = self.reasons.get((kind, name))
        if reasons is None:
            return FOREIGN
        if reasons:
            return {**FOREIGN, "refused": list(reasons)}
        return {**FOREIGN, "found": self.with_comment(kind, name, found)}

    def told_grants(self, name: str, found: Mapping[str, JSON] | None) -> Mapping[str, JSON]:
        """Likewise of the grants in a schema."""
        reasons = self.reasons.get(("schema", name))
        if reasons:
            return {**FOREIGN, "refused": ["its schema is not"]}
        return FOREIGN if reasons is None or found is None else {**FOREIGN, "found": dict(found)}

    def with_comment(self, kind: Kind, name: str, found: Mapping[str, JSON]) -> dict[str, JSON]:
        """Add the digest of a comment that is not ours: its words are somebody's, and not for evidence."""
        comment = self.comments.get((kind, name))
        return {**found} if comment is None else {**found, "comment": f"sha256:{digest_of(comment.encode())}"}


def judged(connection: Connection, owner: Owner, wanted: Wanted) -> Verdicts:
    """Judge the wanted objects that exist and are not ours, in two queries and three more for each schema; without
    anything wanted, in none."""
    reasons: dict[tuple[Kind, str], tuple[str, ...]] = {}
    comments: dict[tuple[Kind, str], str] = {}
    for role in adoptable.roles_named(connection, owner, wanted.roles) if wanted.roles else ():
        if role.marked.mark is None:
            reasons["role", role.name] = adoptable.against(role)
            comments |= _comment("role", role.name, role.marked)
    for schema in adoptable.schemas_named(connection, owner, wanted.schemas) if wanted.schemas else ():
        if schema.marked.mark is None:
            reasons["schema", schema.name] = adoptable.against(schema)
            comments |= _comment("schema", schema.name, schema.marked)
    return Verdicts(reasons, comments)


def take(session: Session, kind: Kind, name: str, wanted: Wanted, intent: int) -> Mapping[str, JSON]:
    """Mark an object that somebody else made as ours, if it may be; gives what it was. Raises TerminalError, before
    anything is done, for one that may not. What is ours already, or not there, is left to what comes after."""
    with session.locked(kind, name, intent):
        judgement = judged(session.connection, session.owner, wanted)
        reasons = judgement.reasons.get((kind, name))
        if reasons is None:
            return {}
        if reasons:
            raise TerminalError(f"{kind} {name} is not adopted: {'; '.join(reasons)}")
        mark = wanted.mark(kind, name, session.owner)
        found = _found(session, kind, name, mark)
        session.write_mark(
            kind,
            name,
            Mark(session.owner, intent, mark.password, unproved=True, settings=mark.settings, adopting=True),
        )
    return {"adopted": judgement.with_comment(kind, name, found)}


def require(session: Session, kind: Kind, name: str, intent: int, *, owner: str = "") -> bool:
    """Ask the rules once more of what is being adopted (else: False), whose owner is to be `owner`. Raises
    TerminalError, every time until somebody mends it, for what others had brought in and no look had seen."""
    mark = session.mark(kind, name, intent)
    if mark is None or not mark.adopting:
        return False
    found: Iterable[adoptable.Role | adoptable.Schema]
    if kind == "role":
        found = adoptable.roles_named(session.connection, session.owner, [name])
    else:
        found = adoptable.schemas_named(session.connection, session.owner, {name: {"owner": owner}})
    if reasons := [why for one in found for why in adoptable.against(one)]:
        raise TerminalError(
            f"{kind} {name} is not adopted: {'; '.join(reasons)}",
            help="somebody brought that in while it was being adopted; they are out now: mend it by hand, and the"
            " agent goes on",
        )
    return True


def settle(session: Session, name: str, owner: str, intent: int) -> None:
    """Say that a schema is adopted: nobody else can do anything in it any more, and what they had begun is over."""
    mark = session.mark("schema", name, intent)
    if mark is None or not mark.adopting:
        return
    lending.require_nothing_open(session.connection, f"schema {name}")
    if require(session, "schema", name, intent, owner=owner):
        with session.guarded("schema", name, intent) as mark:
            if mark is not None:
                session.write_mark("schema", name, replace(mark, intent=intent, unproved=False, adopting=False))


def _found(session: Session, kind: Kind, name: str, mark: Mark) -> Mapping[str, JSON]:
    """What the object is, its password left out: nobody has tried it."""
    if kind == "schema":
        schema = grants.find(session.connection, session.owner, [name], alone=True)[name]
        return {"owner": schema.owner}
    role = roles.find(session.connection, session.owner, [name], alone=True)[name]
    return {key: value for key, value in role.as_ours(mark).attributes(None).items() if key != "password"}


def _comment(kind: Kind, name: str, marked: adoptable.Marked) -> dict[tuple[Kind, str], str]:
    said = marked.comment
    return {} if said is None or said.startswith(PREFIX) else {(kind, name): said}
