"""Options, and questions where an option was left out -> Answers. The questions go to stderr.

Rules kept: every question has an option; with `--yes`, none is asked; a private key never lies in the repository.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from compiler.cli.init import answers
from compiler.cli.init.answers import DEFAULT_ROLES, Answers
from compiler.cli.terminal import ask_passphrase
from runtime.contract.errors import ConductorError, UsageError
from runtime.git.process import run
from runtime.release import VERSION
from runtime.signing.keys import load_private, write_keypair
from runtime.targets.config import NO_SYSTEM, TargetConfig
from runtime.targets.open import open_target

_REGION, _DSN = "eu-central", "env:CONDUCTOR_PG"
_KEYS = ("id_ed25519.pub", "id_ecdsa.pub")


@dataclass(frozen=True)
class Given:
    """The options, as they were given."""

    folder: Path
    platform: str | None
    people: tuple[str, ...]
    roles: tuple[str, ...]
    region: str | None
    dsn: str | None
    identity: str | None
    tenant: str | None
    agent_key: Path | None
    package: str | None
    yes: bool


def answer(given: Given) -> tuple[Answers, tuple[str, ...]]:
    """Return the answers, and what is still to be done before the genesis."""
    ask = _nothing if given.yes else _ask
    folder = given.folder.resolve()
    platform = answers.platform(given.platform or ask("Name of the platform", folder.name.replace("-", " ").title()))
    people = _people(given, ask)
    members = answers.members(people, _roles(given, tuple(people), ask))
    region = answers.region(given.region or ask("Region of its first database", _REGION))
    dsn = answers.reference(given.dsn or ask("Where the agent finds that PostgreSQL's DSN", _DSN))
    tenant = ask("First tenant (empty: none yet)", "") if given.tenant is None else given.tenant
    agent_file = given.agent_key or _configuration() / "conductor" / (answers.slug(platform) or "platform") / "agent"
    first = answers.name(tenant, "tenant") if tenant else None
    requirement = _requirement(given.package or f"intelgraph-conductor[compiler]=={VERSION}")
    identity, todo = _identity(given.identity, dsn, region)
    agent_key, agent_new = _agent_key(agent_file.expanduser(), folder)
    found = Answers(
        platform=platform,
        members=members,
        region=region,
        dsn=dsn,
        identity=identity,
        tenant=first,
        agent_key=agent_key,
        agent_private=str(agent_file.expanduser().resolve()).removesuffix(".pub"),
        requirement=requirement,
        agent_new=agent_new,
    )
    return found, todo


def _nothing(_: str, default: str) -> str:
    return default


def _ask(question: str, default: str) -> str:
    try:
        said: str = typer.prompt(question, default=default, err=True)
    except typer.Abort:
        raise UsageError(
            f"nobody answered: {question}", help="answer with the options (--help), or take the defaults with --yes"
        ) from None
    return said.strip()


def _pair(text: str) -> tuple[str, str]:
    left, equals, right = text.partition("=")
    if not (left and equals and right):
        raise UsageError(
            f"{text!r} is not NAME=…", help="--person mara=~/.ssh/id_ed25519.pub --roles mara=admin,platform"
        )
    return left, right


def _people(given: Given, ask: Callable[[str, str], str]) -> Mapping[str, Path]:
    """Name -> public key file; the first is who types this, if nobody is named."""
    named = [_pair(text) for text in given.people]
    if len({who for who, _ in named}) < len(named):
        raise UsageError("one person is named twice", help="--person NAME=FILE once for each")
    found = {who: Path(file).expanduser() for who, file in named}
    if not found:
        who = answers.name(ask("Your name in approvals", _own_name()), "person")
        found[who] = _key_file(ask("Your public key", _own_key()))
    if len(found) < 2 and not given.yes:
        who = answers.name(ask("A second person's name", ""), "person")
        found[who] = _key_file(ask("Their public key", ""))
    return found


def _roles(given: Given, people: tuple[str, ...], ask: Callable[[str, str], str]) -> Mapping[str, Sequence[str]]:
    """Name -> roles, of those who were given any and of those who were asked about."""
    found = dict(map(_pair, given.roles))
    for who, usual in zip(people, DEFAULT_ROLES, strict=False):
        if who not in found:
            found[who] = ask(f"Roles of {who}", ",".join(usual))
    return {who: [role.strip() for role in roles.split(",")] for who, roles in found.items()}


def _key_file(text: str) -> Path:
    if not text:
        raise UsageError(
            "somebody who approves needs a key", help="ssh-keygen -t ed25519 makes one; --person NAME=FILE names it"
        )
    return Path(text).expanduser()


def _own_name() -> str:
    output = run(Path.home(), "config", "--global", "--get", "user.name")
    return answers.slug(output.out.decode(errors="replace")) or answers.slug(getpass.getuser()) or "me"


def _own_key() -> str:
    for file in _KEYS:
        if (Path.home() / ".ssh" / file).is_file():
            return f"~/.ssh/{file}"
    return ""


def _configuration() -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")


def _agent_key(file: Path, folder: Path) -> tuple[str, bool]:
    """The agent's public line; its key pair is made if there is none, last of all, and whether it was."""
    if file.suffix == ".pub":
        return answers.public_key(file), False
    if file.resolve().is_relative_to(folder):
        raise UsageError(
            f"the agent's private key would be inside {folder}",
            help="keep private keys out of the repository: --agent-key FILE",
        )
    if file.exists():
        return load_private(file, ask_passphrase).public_line, False
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return write_keypair(file).public_line, True


def _identity(given: str | None, dsn: str, region: str) -> tuple[str, tuple[str, ...]]:
    """What the database says it is, if it can be asked; else an identity that is nobody's, and what to do about it."""
    if given is not None:
        return answers.identity(given), ()
    config = TargetConfig(
        name=f"pg-{region}", type="postgres", region=region, dsn=dsn, identity=f"{NO_SYSTEM}unknown", drift="report",
        max_delete_percent=0, control=True,
    )  # fmt: skip
    try:
        with open_target(config, repository="0" * 32, anyone=True) as target:
            return target.identity(), ()
    except ConductorError as error:
        todo = (
            f"spec/targets/pg-{region}.yaml has no system's identity yet: {error.message}",
            f"  Before history starts: let {dsn} lead to the database, type `conductor doctor --targets` there, and",
            "  put the identity that it names into that file. `conductor genesis` waits for it: no agent could act.",
        )
        return config.identity, todo


def _requirement(text: str) -> str:
    if not text.isprintable() or set(text) & set("\"'`$\\"):
        raise UsageError(
            f"{text!r} is not a valid pip requirement", help=f"--package 'intelgraph-conductor[compiler]=={VERSION}'"
        )
    return text


def pairs(values: Sequence[str] | None) -> tuple[str, ...]:
    """A repeated option that was not given."""
    return tuple(values or ())
