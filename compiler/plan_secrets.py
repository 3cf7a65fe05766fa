"""Change -> the secrets that an agent needs once it is to take it, and did not need before.

An agent reads every secret it needs before it looks at anything (ADR 0084), so one that is missing holds up every
change. Rules kept: what is needed is what the agent asks for (`runtime.targets.needs`); a reference that something else
of the base needs too is not new; no value is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from runtime.contract.change import Change
from runtime.contract.objects import decode_objects
from runtime.targets.config import FOLDER as TARGETS
from runtime.targets.config import TargetConfig
from runtime.targets.needs import needs

_OBJECTS = "objects/"


@dataclass(frozen=True)
class NewSecret:
    """A reference, and the files of the bundle because of which it is needed."""

    reference: str
    paths: tuple[str, ...]

    def __str__(self) -> str:
        more = f" and {len(self.paths) - 1} more" if len(self.paths) > 1 else ""
        return (
            f"the agent will need {self.reference} before it takes this, for {self.paths[0]}{more}: while it is "
            "missing there, nothing at all is taken"
        )


def new_secrets(change: Change, before: Mapping[str, str]) -> tuple[NewSecret, ...]:
    """Return what the head needs and the base, of these contents, does not."""
    found: dict[str, list[str]] = {}
    for path, (_, after) in sorted(change.contents.items()):
        for reference in () if after is None else _references(path, after):
            found.setdefault(reference, []).append(path)
    # a text that does not hold the reference need not be read: most changes name no new one
    known = {
        reference
        for path, text in (before.items() if found else ())
        if path.startswith((_OBJECTS, TARGETS)) and any(reference in text for reference in found)
        for reference in _references(path, text)
    }
    return tuple(NewSecret(reference, tuple(paths)) for reference, paths in found.items() if reference not in known)


def _references(path: str, text: str) -> Iterator[str]:
    if path.startswith(_OBJECTS):
        found = needs((), decode_objects(text.encode()))
    elif path.startswith(TARGETS):
        found = needs([TargetConfig.from_bytes(text.encode())], ())
    else:
        return
    yield from dict.fromkeys(reference for reference, _ in found)
