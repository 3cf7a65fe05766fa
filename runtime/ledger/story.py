"""Statement -> what happened, as an auditor reads it: who, what, because of what.

One sentence a kind of entry; commit messages and `conductor evidence log` say the same. Rules kept: a sentence is made
of what the signed statement says (and of the change that it names by SHA-256), of nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from runtime.contract.canonical import JSON, decode, encode
from runtime.contract.change import Change
from runtime.contract.errors import FormatError
from runtime.contract.objects import decode_objects
from runtime.contract.plural import plural
from runtime.contract.predicates import ActionRecord, Clearing, Drift, Heartbeat, Intent, Refusal, Result, Verdict
from runtime.contract.printable import line
from runtime.contract.statement import Statement
from runtime.ledger.entry import change_path

SHOWN = 3
_LONGEST = 80
_LINE = 400
"""Characters of a sentence: it is a commit's subject, too."""


def headline(statement: Statement, files: Mapping[str, bytes] | None = None) -> str:
    """Return the sentence of an entry, one printable line. `files` may hold the change it names, so that it can say
    what was changed."""
    return line(_sentence(statement, files), _LINE)


def _sentence(statement: Statement, files: Mapping[str, bytes] | None) -> str:
    predicate = statement.predicate
    match predicate:
        case Verdict():
            detail = predicate.conductor
            what = _change(detail.change, files)
            people = plural(len(detail.approvals), "person", "people")
            how = "by emergency" if detail.emergency else f"approved by {people}"
            return f"Take {detail.head[:12]}: {what}, {how}"
        case Intent():
            objects = few(operations(predicate.actions), shown=2)
            return f"Set out to {objects or 'do nothing'} because of {because(predicate.because)}"
        case Result():
            return f"Report {outcomes(predicate)}"
        case Refusal():
            rules = ", ".join(sorted({item.rule for item in predicate.unmet}))
            return f"Refuse {predicate.head[:12]}: {_change(predicate.change, files)}; not met: {rules}"
        case Drift(actions=()):
            return "Find nothing left of what was reported"
        case Drift() if foreign := [item for item in predicate.actions if item.before == {"foreign": True}]:
            names = few([f"{item.type} {item.name}" for item in foreign])
            return f"Find {names} that Conductor did not make, and leave it alone"
        case Drift():
            verb = "heal" if predicate.response == "heal" else "report"
            return f"Find drift and {verb} it: {few(drifted(predicate.actions), shown=2)}"
        case Clearing():
            who = f"{len(predicate.approvals)} more {'person' if len(predicate.approvals) == 1 else 'people'}"
            return f"Clear the debt of change {predicate.change[:12]}: {who} approved it"
        case Heartbeat():
            return f"Find nothing to do at {predicate.commit[:12]}"
    return type(predicate).__name__


def because(reason: str) -> str:
    """Return a reason for reading: `genesis` and `drift` as they are, a change by its short name."""
    return f"change {reason[:12]}" if len(reason) == 64 else f"the {reason}" if reason == "genesis" else reason


def outcomes(result: Result) -> str:
    """Return how many actions came to what."""
    count = Counter(item.outcome for item in result.outcomes)
    parts = [f"{count[word]} {word.replace('-', ' ')}" for word in ("done", "failed", "not-tried") if count[word]]
    return ", ".join(parts) or "nothing to do"


def operations(actions: Sequence[ActionRecord]) -> list[str]:
    """Return each action in three words: `create role t_acme_app`."""
    return [f"{item.operation} {item.type} {item.name}" for item in actions]


def drifted(actions: Sequence[ActionRecord], shown: int = 2) -> list[str]:
    """Return how each object is other than declared: `role t_acme_app has connection_limit 999, declared 40`. What
    nobody declared at all comes first: that a role is a superuser, say."""
    return [f"{item.type} {item.name} {_other_than_declared(item, shown)}" for item in actions]


def _other_than_declared(action: ActionRecord, shown: int) -> str:
    if action.before is None:
        return "is missing"
    if action.before == {"foreign": True}:
        return "is there and Conductor did not make it"
    if action.after is None:
        return "is there and not declared"
    here, declared = leaves(action.before), leaves(action.after)
    every = sorted(here.keys() | declared.keys(), key=lambda key: (key in declared, key))
    differ = [key for key in every if here.get(key) != declared.get(key)]
    told = [_differs(key, here.get(key, "unset"), declared.get(key, "unset")) for key in differ]
    return f"has {few(told, shown)}" if told else "differs"


def _differs(key: str, here: str, declared: str) -> str:
    """A secret's value is never there to be shown, so of what differs from its reference that alone is said."""
    return f"a {key} that {here}" if here == f"differs from {declared}" else f"{key} {here}, declared {declared}"


def resources(change: Change) -> tuple[str, ...]:
    """Return what a change does to files that people write: `add tenants/acme.yaml`, and what it sets in one that it
    changes, if that is little: `change tenants/acme.yaml (state: active to suspended)`."""
    return tuple(
        f"add {path}" if before is None else f"remove {path}" if after is None else f"change {path}{_set(change, path)}"
        for path, before, after in change.inputs
    )


def _set(change: Change, path: str) -> str:
    """What differs in the one file of `config/` that is named after an input; of a blueprint, which has none, what
    differs in its tenants. Only the fields' names where there is more to say than a line holds."""
    folder, name = path.rsplit("/", 2)[-2:]
    if folder == "blueprints":
        found = _of_tenants(change)
    else:
        kind = "person" if folder == "people" else folder.removesuffix("s")
        end = f"/{kind}/{name.rsplit('.', 1)[0]}.json"
        found = [where for where in change.contents if where.startswith("config/") and where.endswith(end)]
        found = found if len(found) == 1 else []
    told: dict[str, str] = {}
    try:
        for where in found:
            before, after = (_fields(where, text) for text in change.contents[where])
            for key in sorted(before.keys() | after.keys()):
                if before.get(key) != after.get(key):
                    what = f"{key}: {before.get(key, 'nothing')} to {after.get(key, 'nothing')}"
                    told[key] = what if told.get(key, what) == what else key  # not in all of them the same
    except FormatError:
        return ""
    for text in (", ".join(told.values()), ", ".join(told)):
        if text and len(text) <= _LONGEST:
            return f" ({text})"
    return ""


def _of_tenants(change: Change) -> list[str]:
    """Files that a blueprint is why of: of tenants whose own is as it was, where one blueprint alone is another."""
    inputs = {path for path, _, _ in change.inputs}
    if sum(path.startswith("tenants/blueprints/") for path in inputs) > 1:
        return []
    return [
        where
        for where, pair in change.contents.items()
        if where.startswith(("config/tenants/tenant/", "objects/tenant/"))
        and None not in pair
        and f"tenants/{where.rsplit('/', 1)[-1].removesuffix('.json')}.yaml" not in inputs
    ]


def _fields(path: str, text: str | None) -> dict[str, str]:
    """Every field of a rendered file by its name; None is an empty one."""
    if text is None:
        return {}
    if not path.startswith("objects/"):
        return leaves(decode(text.encode(), floats=True))
    return {
        key: value for item in decode_objects(text.encode()) for key, value in leaves(dict(item.attributes)).items()
    }


def leaves(value: JSON, prefix: str = "") -> dict[str, str]:
    """Every scalar of a document by its dotted name."""
    if isinstance(value, dict):
        return {key: leaf for name, item in value.items() for key, leaf in leaves(item, f"{prefix}{name}.").items()}
    if isinstance(value, list):
        return {prefix.rstrip("."): encode(value, floats=True).decode()}
    return {prefix.rstrip("."): value if isinstance(value, str) else encode(value, floats=True).decode()}


def _change(digest: str, files: Mapping[str, bytes] | None) -> str:
    data = (files or {}).get(change_path(digest))
    if data is None:
        return f"change {digest[:12]}"
    try:
        told = resources(Change.from_bytes(data))
    except FormatError:
        return f"change {digest[:12]}"
    return few(told) or f"change {digest[:12]}"


def few(items: Sequence[str], shown: int = SHOWN) -> str:
    """Return the first of several things, and how many more there are."""
    first = ", ".join(items[:shown])
    return first if len(items) <= shown else f"{first} and {len(items) - shown} more"
