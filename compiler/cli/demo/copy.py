"""A repository's YAML -> a copy that lives on this machine.

Rules kept: only people's and agents' public keys, the targets' DSN references and identities, and the flags' dates are
replaced, each replacement is reported, and every other byte stays what it was.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from runtime.contract.errors import EnvironmentFailedError
from runtime.contract.manifest import INPUT_FOLDERS
from runtime.signing.keys import LINE

_KEY = re.compile(LINE + r"(?: [^\s\"']+)?")
_DSN = re.compile(r"(?m)^(\s+dsn:\s+)(\S+)")
_IDENTITY = re.compile(r"(?m)^(\s+identity:\s+)(\S+)")
_CREATED = re.compile(r"(?m)^(\s+created:\s+)(\S+)")


@dataclass(frozen=True)
class Replacement:
    """One value of one file that the copy has differently."""

    path: str
    what: str
    before: str
    after: str


@dataclass(frozen=True)
class Place:
    """Where a target of the copy is: its DSN reference and what it says it is."""

    dsn: str
    identity: str


def copy_tree(source: Path, to: Path) -> None:
    """Copy the five folders and `evidence/README.md`; raises EnvironmentFailedError where they are not."""
    for folder in INPUT_FOLDERS:
        if not (source / folder).is_dir():
            raise EnvironmentFailedError(
                f"{source} has no folder {folder}/", help="run the demo in a checkout of Conductor, or name one: --repo"
            )
        shutil.copytree(source / folder, to / folder)
    readme = source / "evidence" / "README.md"
    if readme.is_file():
        (to / "evidence").mkdir()
        shutil.copyfile(readme, to / "evidence" / "README.md")


def replace(
    tree: Path, *, keys: Mapping[str, str], targets: Mapping[str, Place], created: str
) -> Iterator[Replacement]:
    """Replace in place what belongs to another installation.

    `keys`: file stem of a person or agent -> public line; `targets`: target -> place; `created`: the flags' day.
    """
    for folder in ("policies/people", "policies/agents"):
        for path in sorted((tree / folder).glob("*.yaml")):
            if path.stem in keys:
                yield from _edit(tree, path, "public key", _KEY, keys[path.stem])
    for path in sorted((tree / "spec" / "targets").glob("*.yaml")):
        if path.stem in targets:
            yield from _edit(tree, path, "dsn", _DSN, targets[path.stem].dsn)
            yield from _edit(tree, path, "identity", _IDENTITY, targets[path.stem].identity)
    for path in sorted((tree / "flags").rglob("*.yaml")):
        yield from _edit(tree, path, "created", _CREATED, created)


def _edit(tree: Path, path: Path, what: str, pattern: re.Pattern[str], value: str) -> Iterator[Replacement]:
    text = path.read_text()
    found = pattern.search(text)
    if found is None:
        raise EnvironmentFailedError(f"{path.relative_to(tree)} has no {what} that the demo could replace")
    group = pattern.groups
    before = found.group(group)
    if before.strip("\"'") == value:
        return
    path.write_text(text[: found.start(group)] + value + text[found.end(group) :])
    yield Replacement(str(path.relative_to(tree)), what, before, value)
