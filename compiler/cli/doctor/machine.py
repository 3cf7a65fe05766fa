"""This machine -> lines: Python, git and who commits, tools that some commands need, keys and whose they are.

Rules kept: of a private key only its public half is told, and no passphrase is asked for.
"""

from __future__ import annotations

import re
import shutil
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from shlex import quote

from compiler.cli.doctor.line import Line, fail, ok, warn
from compiler.opa import Opa
from compiler.own_cache import UnfitCacheError, fit, place
from compiler.rego import OPA_VERSION
from runtime.contract.errors import ConductorError
from runtime.git.process import run
from runtime.governance.config import Governance
from runtime.release import VERSION
from runtime.signing.keys import PublicKey, load_private

OLDEST_PYTHON, OLDEST_GIT = (3, 11), (2, 31)
OWN_KEYS = ("id_ed25519", "id_ecdsa", "id_ed25519_sk")
"""Where people's keys lie, below `~/.ssh`."""
AGENT_KEY = "CONDUCTOR_AGENT_KEY"
_TOOLS = {
    "ssh-keygen": ("makes keys, and verifies evidence by hand", "apt-get install openssh-client"),
    "pg_dump": ("dumps a tenant's archive before it is deprovisioned", "apt-get install postgresql-client"),
    "age": ("opens a deprovisioned tenant's archive", "apt-get install age"),
}
_MAX_KEY_BYTES = 64 * 1024


def programs(repo: Path, python: tuple[int, ...] = sys.version_info[:3]) -> Iterator[Line]:
    """Python, this release, git, tools, and the cache that one may lie in."""
    name = ".".join(map(str, python))
    if python[:2] < OLDEST_PYTHON:
        yield fail("python", f"Python {name} is too old", "install Python 3.11 or newer")
    else:
        yield ok("python", f"Python {name}, intelgraph-conductor {VERSION}")
    yield from _git()
    try:
        yield ok("opa", f"{Opa.find(repo).path}, {OPA_VERSION}")
    except ConductorError as error:
        yield warn("opa", f"{error.message}; only needed to change Rego or to approve such a change", error.help or "")
    try:
        yield ok("cache", str(fit(place(), repo)))
    except UnfitCacheError as error:
        yield warn("cache", f"is left alone: {error.message}", error.help or "")
    for tool, (what, command) in _TOOLS.items():
        path = shutil.which(tool)
        yield ok(tool, path) if path else warn(tool, f"is not there; it {what}", command)


def _git() -> Iterator[Line]:
    said = run(Path(), "--version").out.decode(errors="replace").strip()
    found = re.search(r"(\d+)\.(\d+)", said)
    if found is None or tuple(map(int, found.groups())) < OLDEST_GIT:
        yield fail("git", f"{said or 'git'} is too old", "install git 2.31 or newer")
    else:
        yield ok("git", said)


def committer(folder: Path) -> Line:
    """Whom git would name as the author of a commit."""
    said = [run(folder, "config", "--get", f"user.{what}").out.decode(errors="replace") for what in ("name", "email")]
    name, email = (text.strip() for text in said)
    if name and email:
        return ok("git identity", f"{name} <{email}>")
    missing = "user.name" if not name else "user.email"
    example = "'Mara Lindqvist'" if not name else "mara@example.org"
    return fail("git identity", f"git does not know your {missing}", f"git config --global {missing} {example}")


def keys(
    home: Path, environment: Mapping[str, str], named: Iterable[Path], governance: Governance | None
) -> Iterator[Line]:
    """Key files: modes, and whose they are at the last verified commit (before genesis: in the work tree)."""
    usual = [home / ".ssh" / name for name in OWN_KEYS]
    agent = [Path(environment[AGENT_KEY])] if environment.get(AGENT_KEY) else []
    wanted = list(dict.fromkeys([*named, *agent]))
    found = [*wanted, *(file for file in usual if file.is_file() and file not in wanted)]
    if not found:
        yield warn("key", "you have none in ~/.ssh; people who approve need one", "ssh-keygen -t ed25519")
    for file in found:
        yield from _key(file, governance)


def _key(file: Path, governance: Governance | None) -> Iterator[Line]:
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
    except OSError as error:
        yield fail("key", f"{file} cannot be read: {error.strerror}", f"ssh-keygen -t ed25519 -f {quote(str(file))}")
        return
    if mode & 0o077:
        yield fail("key", f"{file} can be read by others (mode {mode:04o})", f"chmod 600 {quote(str(file))}")
    try:
        public = _public(file)
    except ConductorError as error:
        yield warn("key", error.message, error.help or "ssh-keygen -t ed25519 makes one that can be used")
        return
    if governance is None:
        yield ok("key", f"{file} {public.fingerprint}")
        return
    person, agent = governance.owner_of_key.get(public.fingerprint), governance.agent_of_key.get(public.fingerprint)
    whose = f"{person}'s" if person else f"the agent {agent}'s" if agent else None
    if whose is None:
        yield warn(
            "key",
            f"{file} {public.fingerprint} is nobody's in policies/",
            f"have `{public.line}` added to your file in policies/people/",
        )
    else:
        yield ok("key", f"{file} {public.fingerprint} is {whose}")


def _public(file: Path) -> PublicKey:
    """The public half: from the file beside it, which needs no passphrase, or from the key itself."""
    beside = file.with_name(f"{file.name}.pub")
    if beside.is_file():
        with beside.open("rb") as stream:
            return PublicKey.parse(stream.read(_MAX_KEY_BYTES).decode(errors="replace").split("\n", 1)[0])
    return load_private(file).public
