"""Approval rules before x after -> the files that no rule matches any more: what a reader of a diff does not see.

Rules kept: a file counts that some rule matched and none does after the change, whatever was done to the rules; what
another rule still matches does not; it is told by the glob that matched it, because that is what somebody took away.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from runtime.contract.errors import FormatError
from runtime.governance.config import FOLDER, Governance, PathRule
from runtime.governance.globs import matches


@dataclass(frozen=True)
class Uncovered:
    """Files that a glob of a rule matched, and that none matches after this."""

    rule: str
    glob: str
    paths: tuple[str, ...]

    def __str__(self) -> str:
        some = ", ".join(self.paths[:2])
        more = f" and {len(self.paths) - 2} more" if len(self.paths) > 2 else ""
        return f"{self.glob} has no rule any more: none matches {some}{more} (`{self.rule}` did)"


def uncovered(before: Mapping[str, str], after: Mapping[str, str], paths: Iterable[str]) -> tuple[Uncovered, ...]:
    """Compare the rules of two snapshots' contents over the inputs that there are."""
    olds, news = _rules(before), _rules(after)
    if olds == news:
        return ()
    kept = [glob for rule in news for glob in rule.paths]
    found: dict[tuple[str, str], list[str]] = {}
    for path in sorted(paths):
        asked = next(((rule.name, glob) for rule in olds for glob in rule.paths if matches(glob, path)), None)
        if asked is not None and not any(matches(glob, path) for glob in kept):
            found.setdefault(asked, []).append(path)
    return tuple(Uncovered(rule, glob, tuple(lost)) for (rule, glob), lost in found.items())


def _rules(contents: Mapping[str, str]) -> tuple[PathRule, ...]:
    try:
        return Governance.of({path: text for path, text in contents.items() if path.startswith(FOLDER)}).policy.rules
    except FormatError:
        return ()  # a tree without people
