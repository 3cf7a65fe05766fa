"""The types of `config/governance/**`: all that a verdict needs, so no verdict ever reads YAML.

Built by the compiler's governance domain, read by the judge. Paths: `config/governance/person/<name>.json`,
`.../agent/<name>.json`, `.../key-proof/<name>.json`, `.../approval-policy/<name>.json` (exactly one),
`.../compiler/<name>.json` (exactly one).
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Literal

from pydantic import Field, ValidationError

from runtime.contract.canonical import decode, encode
from runtime.contract.envelope import Envelope, pae
from runtime.contract.errors import FormatError
from runtime.contract.instant import Instant
from runtime.contract.possession import Holder, statement
from runtime.contract.strict import Strict
from runtime.contract.validation import reason
from runtime.governance.globs import matches
from runtime.signing.envelopes import verify
from runtime.signing.keys import PrivateKey, PublicKey

FOLDER = "config/governance/"
_DAYS = 36_500
"""No rule is about more than a century: longer lengths have no end that a date could name."""
_SECONDS = 86_400 * _DAYS


class _Config(Strict):
    def data(self) -> bytes:
        """Canonical bytes of the file."""
        return encode(self.model_dump(mode="json"))


class Key(_Config):
    """A public key: its fingerprint (`SHA256:…`, as `ssh-keygen -l` prints it) and OpenSSH line without comment."""

    fingerprint: str
    public: str


class Person(_Config):
    """Who approves: name, keys, roles."""

    name: str
    keys: tuple[Key, ...]
    roles: tuple[str, ...]


class Agent(_Config):
    """Who applies and attests. `ledger_head`: `control` (the control database) or `file:PATH` outside the clone."""

    name: str
    keys: tuple[Key, ...]
    heartbeat_seconds: int = Field(ge=60, le=_SECONDS)
    ledger_head: str


class Requirement(_Config):
    """How many people of a role must be among the approvers."""

    role: str
    count: int = Field(ge=1)


class PathRule(_Config):
    """Which rows it matches (globs over both halves), and whom it asks for. `carry`: whether an approval outlives other
    changes (`changes`), or counts only until anything else is taken (`exact`)."""

    name: str
    paths: tuple[str, ...]
    people: tuple[Requirement, ...]
    carry: Literal["changes", "exact"] = "changes"


class ApprovalPolicy(_Config):
    """How long an approval holds, within how many hours the debt of an emergency is due, how much longer than a
    heartbeat the ledger may be silent, and the rules by path."""

    approval_days: int = Field(ge=1, le=_DAYS)
    clock_gap_seconds: int = Field(ge=1, le=_SECONDS)
    emergency_hours: int = Field(ge=1, le=24 * _DAYS)
    rules: tuple[PathRule, ...]

    def applying(self, paths: Iterable[str]) -> tuple[PathRule, ...]:
        """Every rule that matches a row, in the order of the policy."""
        rows = sorted(paths)
        return tuple(rule for rule in self.rules if any(matches(glob, path) for glob in rule.paths for path in rows))


class KeyProof(_Config):
    """That a holder (`person/NAME`, `agent/NAME`) has a key: a signature by it (base64), over
    `runtime.contract.possession.statement`."""

    name: str
    holder: str
    key: Key
    repository: str
    signed_at: Instant
    signature: str

    @classmethod
    def by(cls, key: PrivateKey, holder: Holder, repository: str, at: datetime, name: str) -> KeyProof:
        """Sign one, filed as `name`."""
        signature = key.sign(pae(statement(holder, key.public.sha256, repository, at)))
        public = Key(fingerprint=key.fingerprint, public=key.public_line)
        return cls(
            name=name,
            holder=str(holder),
            key=public,
            repository=repository,
            signed_at=at,
            signature=b64encode(signature).decode(),
        )

    def proves(self, holder: Holder, key: Key, repository: str) -> bool:
        """Whether it proves that this holder has this key, in this repository; raises FormatError for no key."""
        if (self.holder, self.key.public, self.repository) != (str(holder), key.public, repository):
            return False
        return self.sound

    @property
    def sound(self) -> bool:
        """Whether the key that it names made its signature; raises FormatError for no key."""
        key = PublicKey.parse(self.key.public)
        payload = statement(Holder.parse(self.holder), key.sha256, self.repository, self.signed_at)
        try:
            signature = b64decode(self.signature, validate=True)
        except ValueError:
            return False
        return verify(Envelope(payload, signature, key.fingerprint), key.line)


class CompilerPin(_Config):
    """The release that plans, approves and takes."""

    release: str


def _named(path: str, kind: str, name: str) -> str:
    """The name of a person or agent, if its file is called by it: so no two files speak of one."""
    if path != f"{FOLDER}{kind}/{name}.json":
        raise FormatError(f"{path} is about `{name}`, and a file is called by the name in it")
    return name


@dataclass(frozen=True)
class Governance:
    """All of `config/governance/**` of one snapshot."""

    people: Mapping[str, Person]
    agents: Mapping[str, Agent]
    policy: ApprovalPolicy
    compiler: CompilerPin
    proofs: tuple[KeyProof, ...] = ()

    @classmethod
    def of(cls, contents: Mapping[str, str]) -> Governance:
        """Read a snapshot's contents; raises FormatError. The order in which they came says nothing."""
        people: dict[str, Person] = {}
        agents: dict[str, Agent] = {}
        policies: list[ApprovalPolicy] = []
        pins: list[CompilerPin] = []
        proofs: list[KeyProof] = []
        for path in sorted(path for path in contents if path.startswith(FOLDER)):
            kind = path.removeprefix(FOLDER).split("/", 1)[0]
            data = contents[path].encode()
            decode(data)
            try:
                match kind:
                    case "person":
                        person = Person.model_validate_json(data)
                        people[_named(path, kind, person.name)] = person
                    case "agent":
                        agent = Agent.model_validate_json(data)
                        agents[_named(path, kind, agent.name)] = agent
                    case "key-proof":
                        proof = KeyProof.model_validate_json(data)
                        _named(path, kind, proof.name)
                        proofs.append(proof)
                    case "approval-policy":
                        policies.append(ApprovalPolicy.model_validate_json(data))
                    case "compiler":
                        pins.append(CompilerPin.model_validate_json(data))
                    case _:
                        raise FormatError(f"{path}: governance has no kind `{kind}`")
            except ValidationError as error:
                raise FormatError(f"{path}: {reason(error)}") from None
        if len(policies) != 1 or len(pins) != 1:
            raise FormatError("governance has exactly one approval policy and one compiler pin")
        return cls(people, agents, policies[0], pins[0], tuple(proofs))

    @property
    def files(self) -> Mapping[str, str]:
        """Contents that `of` reads as these: path -> text."""
        kinds: tuple[tuple[str, Iterable[Person | Agent | KeyProof]], ...] = (
            ("person", self.people.values()),
            ("agent", self.agents.values()),
            ("key-proof", self.proofs),
        )
        named = {f"{FOLDER}{kind}/{item.name}.json": item.data().decode() for kind, items in kinds for item in items}
        return {
            **named,
            f"{FOLDER}approval-policy/one.json": self.policy.data().decode(),
            f"{FOLDER}compiler/one.json": self.compiler.data().decode(),
        }

    @cached_property
    def owner_of_key(self) -> Mapping[str, str]:
        """Fingerprint -> name of the person whose key it is."""
        return {key.fingerprint: person.name for person in self.people.values() for key in person.keys}

    @cached_property
    def agent_of_key(self) -> Mapping[str, str]:
        """Fingerprint -> name of the agent whose key it is."""
        return {key.fingerprint: agent.name for agent in self.agents.values() for key in agent.keys}

    @cached_property
    def holdings(self) -> Mapping[Holder, tuple[Key, ...]]:
        """Everybody who has keys, with them: a person and an agent of one name are two."""
        people = {Holder("person", person.name): person.keys for person in self.people.values()}
        return people | {Holder("agent", agent.name): agent.keys for agent in self.agents.values()}

    @cached_property
    def public_keys(self) -> Mapping[str, str]:
        """Fingerprint -> OpenSSH public line, people's and agents'."""
        owners: tuple[Person | Agent, ...] = (*self.people.values(), *self.agents.values())
        return {key.fingerprint: key.public for owner in owners for key in owner.keys}
