"""What a person says about their platform -> Answers: proved, with a sentence where something cannot be.

Rules kept: names, regions and references have the forms that the YAML asks for, so what is written compiles; of keys
only public halves are read, and never much.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from compiler.diagnostics.suggest import did_you_mean, one_of
from compiler.domains.fields import REFERENCE, REGION
from compiler.header import MAX_NAME, NAME
from runtime.contract.errors import FormatError, UsageError
from runtime.contract.policy_input import ROLES
from runtime.signing.keys import PublicKey
from runtime.targets.config import NO_SYSTEM

DEFAULT_ROLES = (("admin", "platform", "sre", "incident-commander"), ("pm", "security"))
"""Of the first and of the second person; together they meet every rule that is written."""
TITLES = ("Platform lead", "Product and security lead")
ASKED = frozenset({"admin", "platform", "pm", "security"})
"""Roles that the first rules ask for."""
_MAX_KEY_BYTES = 64 * 1024


@dataclass(frozen=True)
class Member:
    """A person: name, what they do, roles, public key line, and the file that the private half is expected in."""

    name: str
    title: str
    roles: tuple[str, ...]
    key: str
    private: str


@dataclass(frozen=True)
class Answers:
    """Everything that the layout is made from. `requirement` is what CI installs."""

    platform: str
    members: tuple[Member, ...]
    region: str
    dsn: str
    identity: str
    tenant: str | None
    agent_key: str
    agent_private: str
    requirement: str
    agent_new: bool = False
    """Whether the agent's key was made for these answers."""

    @property
    def target(self) -> str:
        """What the target is called."""
        return f"pg-{self.region}"

    @property
    def identity_known(self) -> bool:
        """Whether the identity is a system's."""
        return not self.identity.startswith(NO_SYSTEM)


def name(text: str, what: str) -> str:
    """Check the name of a resource."""
    if NAME.fullmatch(text) is None or len(text) > MAX_NAME:
        raise UsageError(
            f"{text!r} is not a valid name for a {what}",
            help=f"use lower case with dashes, like {slug(text) or 'mara-lindqvist'}",
        )
    return text


def slug(text: str) -> str:
    """Turn a text into a name; empty if nothing of it is left."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-0123456789")[:MAX_NAME].rstrip("-")


def platform(text: str) -> str:
    """Check the platform's name: one line, that goes into YAML and Markdown."""
    if not text.strip() or len(text) > 80 or not text.isprintable() or set(text) & set("`<>|#{}[]\\"):
        raise UsageError(f"{text!r} is not a valid name for a platform", help="up to 80 letters, digits and spaces")
    return text.strip()


def region(text: str) -> str:
    """Check a region."""
    if re.fullmatch(REGION, text) is None:
        raise UsageError(f"{text!r} is not a valid region", help="use lower case with dashes, like eu-central")
    return text


def reference(text: str) -> str:
    """Check where the connection string is found; what was given instead may be a secret, and is not repeated."""
    if re.fullmatch(REFERENCE, text) is None:
        raise UsageError(
            "give a reference to the connection string, never the string itself",
            help="--dsn env:CONDUCTOR_PG, or file:/run/secrets/pg.dsn",
        )
    return text


def identity(text: str) -> str:
    """Check what a PostgreSQL says it is."""
    if re.fullmatch(r"[0-9]{1,20}/[A-Za-z_][A-Za-z0-9_-]{0,62}", text) is None:
        raise UsageError(
            f"{text!r} is not the identity of a PostgreSQL",
            help="SELECT system_identifier || '/' || current_database() FROM pg_control_system()",
        )
    return text


def members(keys: Mapping[str, Path], roles: Mapping[str, Sequence[str]]) -> tuple[Member, ...]:
    """Put people together, in the order in which they were named; raises UsageError where rules could not be met."""
    unknown = [who for who in roles if who not in keys]
    if unknown:
        raise UsageError(
            f"roles are given to `{unknown[0]}`, who is not named", help="--person NAME=FILE names somebody"
        )
    found = []
    for index, (who, file) in enumerate(keys.items()):
        default = DEFAULT_ROLES[index] if index < len(DEFAULT_ROLES) else ("auditor",)
        title = TITLES[index] if index < len(TITLES) else "Member of the platform team"
        mine = tuple(dict.fromkeys(roles.get(who, default)))
        for role in mine:
            if role not in ROLES:
                raise UsageError(
                    f"there is no role `{role}`",
                    help=did_you_mean(role, ROLES, f"one of {one_of(ROLES, limit=len(ROLES))}"),
                )
        key = public_key(file)
        found.append(Member(name(who, "person"), title, mine, key, str(file.resolve()).removesuffix(".pub")))
    if len(found) < 2:
        raise UsageError(
            "every change needs two people, but only one is named",
            help="--person NAME=FILE for the second; ssh-keygen -t ed25519 -f FILE makes a key to try it with",
        )
    if len({member.key for member in found}) < len(found):
        raise UsageError(
            "two people have the same key", help="people are counted by their keys: each needs one of their own"
        )
    missing = ASKED.difference(*(member.roles for member in found))
    if missing:
        raise UsageError(
            f"nobody is {one_of(sorted(missing))}, and the first rules ask for it",
            help="--roles NAME=ROLE,ROLE gives roles; policies/approvals.yaml can ask for others afterwards",
        )
    return tuple(found)


def public_key(file: Path) -> str:
    """Read the public half of a key; raises UsageError that quotes nothing of the file."""
    try:
        with file.expanduser().open("rb") as stream:
            data = stream.read(_MAX_KEY_BYTES)
    except OSError as error:
        raise UsageError(
            f"the public key {file} cannot be read: {error.strerror}",
            help=f"ssh-keygen -t ed25519 -f {quote(str(file).removesuffix('.pub'))} makes one",
        ) from None
    if b"PRIVATE KEY" in data:
        raise UsageError(
            f"{file} is a private key, which must stay with its owner", help=f"name its public half: {file}.pub"
        )
    try:
        return PublicKey.parse(data.decode("utf-8", errors="replace").split("\n", 1)[0]).line
    except FormatError as error:
        raise UsageError(f"{file}: {error.message}", help=error.help) from None
