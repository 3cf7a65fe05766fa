"""Objects that a change alters -> what tenants' applications may no longer do in their database, what they may do from
now on, and limits so low that they may stand still.

Rules kept: read from the objects that the agent alters, whichever file leads there; applications to which the same
happens stand in one sentence; a limit is told where less than half of it is left.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from compiler.consequences.consequence import Consequence, Kind, Severity
from compiler.plan_differences import Difference, Operation
from compiler.plan_resources import ObjectChange
from runtime.contract.canonical import JSON
from runtime.contract.plural import plural
from runtime.ledger.story import few

_SAYS = {
    "tables": ("{1} can no longer {0}", "{1} may now {0}"),
    "sequences": ("takes {0} on sequences from {1}", "gives {0} on sequences to {1}"),
    "functions": ("takes {0} on functions from {1}", "gives {0} on functions to {1}"),
}
"""Fields of `grants`, and what is said of what goes and of what comes."""
_TIMEOUTS = {
    "settings.statement_timeout": "statements of {} end after {}",
    "settings.idle_in_transaction_session_timeout": "sessions of {} end after idling in a transaction for {}",
    "settings.lock_timeout": "statements of {} end after waiting for a lock for {}",
}
_DURATION = re.compile(r"(\d+)(ms|s|min|h)")
_MILLISECONDS = {"ms": 1, "s": 1_000, "min": 60_000, "h": 3_600_000}


class _Said(NamedTuple):
    """A sentence but for whose application it is about, and where it stands among others."""

    kind: Kind
    order: int
    words: str


def of_database(objects: Iterable[ObjectChange]) -> Iterator[Consequence]:
    """Say what happens to the applications of tenants."""
    groups: dict[_Said, set[str]] = defaultdict(set)
    for item in objects:
        if item.operation is Operation.ALTER and item.tenant is not None:
            for difference in item.differences:
                for said in _of(item.id.type, difference):
                    groups[said].add(item.tenant)
    for said, found in sorted(groups.items(), key=lambda group: (group[0].order, group[0].words)):
        names = tuple(sorted(found))
        who = f"the {'application' if len(names) == 1 else 'applications'} of {few(names)}"
        yield Consequence(said.kind, Severity.GRAVE, said.words.replace("{}", who, 1), names)


def _of(kind: str, item: Difference) -> Iterator[_Said]:
    match kind, item.field:
        case "grants", "tables" | "sequences" | "functions":
            olds, news = _words(item.before), _words(item.after)
            takes, gives = _SAYS[item.field]
            if lost := [word for word in olds if word not in news]:
                yield _Said(Kind.TENANT_ACCESS, 0, takes.format(", ".join(lost), "{}"))
            if gained := [word for word in news if word not in olds]:
                yield _Said(Kind.TENANT_ACCESS, 1, gives.format(", ".join(gained), "{}"))
        case "role", "connection_limit":
            old, new = item.before, item.after
            if isinstance(old, int) and isinstance(new, int) and new * 2 < old:
                yield _Said(Kind.TENANT_LIMIT, 2, f"{{}} may open {plural(new, 'connection')} (was {old})")
        case "role", "password":
            yield _Said(Kind.TENANT_ACCESS, 3, f"the password of {{}} is that of {item.after} (was {item.before})")
        case "role", field if field in _TIMEOUTS:
            old, new = _milliseconds(item.before), _milliseconds(item.after)
            if new > 0 and new * 2 < old:
                words = _TIMEOUTS[field].format("{}", f"{_spaced(item.after)} (was {_spaced(item.before)})")
                yield _Said(Kind.TENANT_LIMIT, 4, words)


def _words(value: JSON) -> list[str]:
    """What SQL calls the privileges, in its own order: those that read first."""
    found = [word for word in value if isinstance(word, str)] if isinstance(value, list) else []
    usual = ("SELECT", "INSERT", "UPDATE", "DELETE")
    return sorted(found, key=lambda word: (usual.index(word) if word in usual else len(usual), word))


def _milliseconds(value: JSON) -> int:
    found = _DURATION.fullmatch(str(value))
    return 0 if found is None else int(found[1]) * _MILLISECONDS[found[2]]


def _spaced(value: JSON) -> str:
    return _DURATION.sub(r"\1 \2", str(value))
