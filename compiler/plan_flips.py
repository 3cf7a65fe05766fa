"""Two policies with their data -> the decisions that flip: every role x scope x tenant x region, before and after.

A rule is told what `runtime.policy.scopes.seen` shows of one tenant and nothing else, and asked nothing but its
`questions`, at run time as here. Rules kept:
- each side is asked with its own policy, and told the regions that its tenants live in; a side without a policy says no
  to everything, and so does one without the tenant;
- equal input of an equal policy gives an equal answer. That is a proof, so of tenants that look alike to the policy
  one is asked about, and of those that look as before, by the same policy, none;
- a flip is put down to the first step that made it, on the way from the base: the Rego, then the grants, then which
  regions have tenants, then what the tenant is by its blueprint or its own file;
- a person gains what their new roles allow and none of the roles that they had; what the roles themselves gain or lose
  is said of the roles;
- what one cause does to many tenants is one line; what is gained comes before what is lost, and first of all what
  anybody gains, with the role or without.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from compiler.aside import Allowed
from compiler.rego import WASM
from runtime.contract.canonical import JSON, decode, encode
from runtime.contract.errors import ConductorError
from runtime.contract.policy_input import AllowInput
from runtime.policy.data import data_text
from runtime.policy.scopes import ANOTHER, HOLDER, attributes, questions, seen, told

HOME, ELSEWHERE, ANYWHERE = "home", "elsewhere", "anywhere"
"""Where a scope is used from: the tenant's region, every other one, both."""
_TENANTS, _PEOPLE = "policy/tenants/", "policy/people/"


class Cause(StrEnum):
    """What a flip is put down to."""

    POLICY = "policy"
    GRANTS = "grants"
    REGIONS = "regions"
    """A region has tenants now, or none any more, so that rules are told its name, or not."""
    BLUEPRINT = "blueprint"
    TENANT = "tenant"
    ROLES = "roles"
    """Somebody's roles are others."""


@dataclass(frozen=True)
class Flips:
    """Decisions that flip for the same reason at the same tenants, which have the same blueprint."""

    gained: bool
    roles: tuple[str, ...]
    held: bool
    """False: it flips for whoever says to have the role, and has not."""
    scopes: tuple[str, ...]
    regions: tuple[str, ...]
    """Where from: `anywhere`, `elsewhere`; or `home` and names, `another` for any region without tenants."""
    cause: Cause
    because: tuple[str, ...]
    """The changed files that it is put down to, but not the tenants' own: those are `tenants`."""
    blueprint: str
    tenants: tuple[str, ...]
    person: str = ""
    """Who has the roles since, or no longer; empty where it flips for whoever has them."""

    @property
    def count(self) -> int:
        """How many decisions of a role about a scope at a tenant."""
        return len(self.roles) * len(self.scopes) * len(self.tenants)

    def to_json(self) -> JSON:
        """Return the JSON value."""
        return {
            "gained": self.gained,
            "roles": list(self.roles),
            "held": self.held,
            "scopes": list(self.scopes),
            "regions": list(self.regions),
            "cause": self.cause.value,
            "because": list(self.because),
            "blueprint": self.blueprint,
            "tenants": list(self.tenants),
            "person": self.person or None,
        }


@dataclass(frozen=True)
class Decisions:
    """All that flips; `unknown` says why it is not known, where it is not. `asked`: anything could have flipped."""

    flips: tuple[Flips, ...] = ()
    asked: bool = False
    unknown: str | None = None

    def count(self, *, gained: bool) -> int:
        """How many decisions are gained, or lost."""
        return sum(item.count for item in self.flips if item.gained is gained)

    def to_json(self) -> JSON:
        """Return the JSON value."""
        return {"unknown": self.unknown, "flips": [item.to_json() for item in self.flips]}


@dataclass(frozen=True)
class Side:
    """A policy (None: there is none, which allows nothing) and the contents of its snapshot."""

    wasm: bytes | None
    contents: Mapping[str, str]


def decisions_between(before: Side, after: Side, changed: Iterable[str], allowed: Allowed) -> Decisions:
    """Ask both sides about everything that can differ. `changed` are the inputs that do."""
    try:
        return _Asking(_Known.of(before), _Known.of(after), frozenset(changed), allowed).decisions()
    except ConductorError as error:
        return Decisions(asked=True, unknown=error.message)


_Look: TypeAlias = tuple[str | None, tuple[str, ...]]
"""What a rule is told of a tenant, as text (None: there is none), and the grants that name it: all that is its own."""


@dataclass(frozen=True)
class _Known:
    """A side, taken apart: what all tenants share, and what of them is their own."""

    wasm: bytes | None
    shared: Mapping[str, JSON]
    texts: Mapping[str, str]
    """What a rule is told of each tenant, in canonical JSON."""
    regions: frozenset[str]
    """Those that tenants live in."""
    named: Mapping[str, tuple[str, ...]]
    roles: Mapping[str, frozenset[str]]
    """Person -> the roles that they have."""

    @classmethod
    def of(cls, side: Side) -> _Known:
        texts = {
            path.split("/")[2]: _told(text)
            for path, text in side.contents.items()
            if path.startswith(_TENANTS) and path.count("/") == 3
        }
        rest = {path: text for path, text in side.contents.items() if not path.startswith((_TENANTS, _PEOPLE))}
        shared = _object(decode(data_text(rest).encode()))
        named: dict[str, tuple[str, ...]] = {}
        for grant, value in sorted(_object(shared.get("grants")).items()):
            for name in dict.fromkeys(_strings(_object(value).get("tenants"))):
                named[name] = (*named.get(name, ()), grant)
        regions = frozenset(map(_region, set(texts.values()))) - {""}
        return cls(side.wasm, shared, texts, regions, named, _roles(side.contents))

    def held_by(self, person: str) -> frozenset[str]:
        return self.roles.get(person, frozenset())

    def look(self, name: str) -> _Look:
        return self.texts.get(name), self.named.get(name, ())


class _Alike(NamedTuple):
    """What tenants have in common of which one is asked about."""

    before: _Look
    after: _Look
    cause: Cause
    """What it is if the tenant's own data is why."""


class _Reason(NamedTuple):
    """What flips together but for role and scope."""

    gained: bool
    held: bool
    cause: Cause
    blueprint: str
    regions: tuple[str, ...]
    person: str = ""


@dataclass
class _Asking:
    before: _Known
    after: _Known
    changed: frozenset[str]
    allowed: Allowed
    regions: tuple[str, ...] = ()
    questions: list[AllowInput] = field(default_factory=list)
    answers: dict[tuple[bytes, bytes, frozenset[str]], frozenset[int]] = field(default_factory=dict)

    def decisions(self) -> Decisions:
        alike: dict[_Alike, list[str]] = defaultdict(list)
        for name in sorted(self.before.texts.keys() | self.after.texts.keys()):
            own = Cause.TENANT if f"tenants/{name}.yaml" in self.changed else Cause.BLUEPRINT
            alike[_Alike(self.before.look(name), self.after.look(name), own)].append(name)
        old, new, every = self.before, self.after, dict(alike)
        if (old.wasm, old.shared, old.regions) == (new.wasm, new.shared, new.regions):
            alike = {key: names for key, names in alike.items() if key.before != key.after}
        self.regions = tuple(sorted({ANOTHER, *old.regions, *new.regions}))
        self.questions = questions(self.regions)
        found: dict[tuple[_Reason, str, str], list[str]] = defaultdict(list)
        for key, names in alike.items():
            for reason, role, scope in self._flips(key, names[0]):
                found[reason, role, scope] += names
        moved = [name for name in sorted(old.roles.keys() | new.roles.keys()) if old.held_by(name) != new.held_by(name)]
        if not old.roles:
            moved = []  # of a first commit all people are new
        for key, names in every.items() if moved else ():
            for reason, role, scope in self._holders(key, names[0], moved):
                found[reason, role, scope] += names
        return Decisions(tuple(self._grouped(found)), asked=bool(alike or moved))

    def _holders(self, key: _Alike, name: str, people: list[str]) -> Iterator[tuple[_Reason, str, str]]:
        """What people gain and lose at one tenant by their roles: by the policy that is there when they have them."""
        for known, text, gained in ((self.after, key.after[0], True), (self.before, key.before[0], False)):
            home, blueprint = _region(text), str(_tenant(text).get("blueprint", ""))
            allowed: dict[str, set[tuple[str, str]]] = defaultdict(set)
            anybody: set[tuple[str, str]] = set()
            for one in map(self.questions.__getitem__, self._ask(known, name, text)):
                what = one["scope"], one["region"]
                if one["requester"]["name"] == HOLDER:
                    allowed[one["requester"]["role"]].add(what)
                else:
                    anybody.add(what)
            for person in people:
                here, there = self.before.held_by(person), self.after.held_by(person)
                olds, news = (here, there) if gained else (there, here)
                had = anybody.union(*(allowed[role] for role in olds))
                for role in sorted(news - olds):
                    places: dict[str, set[str]] = defaultdict(set)
                    for scope, region in allowed[role] - had:
                        places[scope].add(HOME if region == home else region)
                    for scope, where in places.items():
                        regions = self._where(where, home)
                        yield _Reason(gained, True, Cause.ROLES, blueprint, regions, person), role, scope  # noqa: FBT003

    def _flips(self, key: _Alike, name: str) -> Iterator[tuple[_Reason, str, str]]:
        """What flips at one tenant, by role and scope."""
        old, new = key.before[0], key.after[0]
        changed, granting = replace(self.before, wasm=self.after.wasm), replace(self.after, regions=self.before.regions)
        steps = (
            self._ask(self.before, name, old),
            self._ask(changed, name, old),
            self._ask(granting, name, old),
            self._ask(self.after, name, old),
            self._ask(self.after, name, new),
        )
        causes = (Cause.POLICY, Cause.GRANTS, Cause.REGIONS, key.cause)
        tenant = old if new is None else new
        home, blueprint = _region(tenant), str(_tenant(tenant).get("blueprint", ""))
        regions: dict[tuple[bool, bool, Cause, str, str], set[str]] = defaultdict(set)
        for index in steps[0] ^ steps[-1]:
            gained = index in steps[-1]
            last = max(step for step in range(len(causes)) if (index in steps[step]) is not gained)
            one = self.questions[index]
            held = one["requester"]["name"] == HOLDER
            where = regions[gained, held, causes[last], one["requester"]["role"], one["scope"]]
            where.add(HOME if one["region"] == home else one["region"])
        for (gained, held, cause, role, scope), there in regions.items():
            yield _Reason(gained, held, cause, blueprint, self._where(there, home)), role, scope

    def _where(self, there: set[str], home: str) -> tuple[str, ...]:
        others = set(self.regions) - {home}
        if there == {HOME} or not others <= there:
            return tuple(sorted(there))
        return (ANYWHERE,) if HOME in there else (ELSEWHERE,)

    def _ask(self, known: _Known, name: str, text: str | None) -> frozenset[int]:
        """Ask once about whatever looks the same."""
        if known.wasm is None or text is None:
            return frozenset()
        view = seen({**known.shared, "tenants": {name: decode(text.encode())}}, name)
        key = (known.wasm, encode(view), known.regions)
        if key not in self.answers:
            asked = [_told_where(one, known.regions) for one in self.questions]
            self.answers[key] = self.allowed(known.wasm, view, asked)
        return self.answers[key]

    def _grouped(self, found: Mapping[tuple[_Reason, str, str], list[str]]) -> list[Flips]:
        """Scopes that flip at the same tenants are one line, and so are roles to which the same happens."""
        scopes: dict[tuple[_Reason, str, tuple[str, ...]], list[str]] = defaultdict(list)
        for (reason, role, scope), names in found.items():
            scopes[reason, role, tuple(sorted(names))].append(scope)
        roles: dict[tuple[_Reason, tuple[str, ...], tuple[str, ...]], list[str]] = defaultdict(list)
        for (reason, role, names_), some in scopes.items():
            roles[reason, names_, tuple(sorted(some))].append(role)
        made = [
            Flips(
                gained=reason.gained,
                roles=tuple(sorted(some_)),
                held=reason.held,
                scopes=scopes_,
                regions=reason.regions,
                cause=reason.cause,
                because=self._because(reason),
                blueprint=reason.blueprint,
                tenants=names_,
                person=reason.person,
            )
            for (reason, names_, scopes_), some_ in roles.items()
        ]
        return sorted(made, key=lambda item: (not item.gained, item.held, -len(item.tenants), *_words(item)))

    def _because(self, reason: _Reason) -> tuple[str, ...]:
        """The changed files that are the cause."""
        match reason.cause:
            case Cause.POLICY:
                rego = [path for path in self.changed if path.endswith(".rego") and not path.endswith("_test.rego")]
                return tuple(sorted(rego)) or (WASM,)
            case Cause.GRANTS:
                return tuple(sorted(path for path in self.changed if path.startswith("policies/grants/")))
            case Cause.REGIONS:
                return self._moving()
            case Cause.BLUEPRINT:
                return (f"tenants/blueprints/{reason.blueprint}.yaml",)
            case Cause.TENANT:
                return ()
            case Cause.ROLES:
                return (f"policies/people/{reason.person}.yaml",)

    def _moving(self) -> tuple[str, ...]:
        """The changed files of tenants, or of their blueprints, in a region that only one side has."""
        moving = self.before.regions ^ self.after.regions
        tenants = [(name, _tenant(text)) for side in (self.before, self.after) for name, text in side.texts.items()]
        there = [(name, tenant.get("blueprint")) for name, tenant in tenants if tenant.get("region") in moving]
        files = {path for name, used in there for path in (f"tenants/{name}.yaml", f"tenants/blueprints/{used}.yaml")}
        return tuple(sorted(files & self.changed))


@lru_cache(maxsize=16_384)
def _told(tenant: str) -> str:
    """What a rule is told of a tenant; most are the same on both sides."""
    return encode(attributes(decode(tenant.encode()))).decode()


def _told_where(question: AllowInput, regions: frozenset[str]) -> AllowInput:
    """The question as a side with tenants in these regions is asked it."""
    return {**question, "region": told(question["region"], regions)}


def _words(item: Flips) -> tuple[Any, ...]:
    return item.cause.value, item.person, item.blueprint, item.roles, item.scopes, item.regions, item.tenants


def _roles(contents: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """Who has which roles, as the policy knows them."""
    return {
        path.split("/")[2]: frozenset(_strings(_object(decode(text.encode())).get("roles")))
        for path, text in contents.items()
        if path.startswith(_PEOPLE) and path.count("/") == 3
    }


def _region(text: str | None) -> str:
    region = _tenant(text).get("region")
    return region if isinstance(region, str) else ""


def _tenant(text: str | None) -> dict[str, JSON]:
    return {} if text is None else _object(decode(text.encode()))


def _object(value: JSON) -> dict[str, JSON]:
    return value if isinstance(value, dict) else {}


def _strings(value: JSON) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
