"""Actions, outcomes and entries -> one line each, for a terminal and for logs: the same words in both."""

from __future__ import annotations

from collections.abc import Mapping

from runtime.contract.canonical import JSON
from runtime.contract.objects import Action, Operation
from runtime.ledger.append import Written
from runtime.ledger.story import because, headline, leaves

_GRANTED = ("tables", "sequences", "functions")
"""Attributes of the grants of a schema: the privileges on what is made there later."""


def action_line(action: Action) -> str:
    """`create pg-eu/role/t_acme_app (acme, because of the genesis)`."""
    whose = f"{action.tenant}, " if action.tenant else ""
    return f"{action.operation} {action.id} ({whose}because of {because(action.because)})"


def action_details(action: Action) -> tuple[str, ...]:
    """What adopting alters of what is there, a line for each: `connection_limit 20 → 10`, `default privileges on tables
    none → INSERT, SELECT`, `undoes: table orders: PUBLIC has SELECT`. Of other actions nothing: they have their plan.
    """
    if action.operation is not Operation.ADOPT or action.before is None or action.after is None:
        return ()
    here, wanted = _told(action.id.type, action.before), _told(action.id.type, action.after)
    undone = action.before.get("deviations")
    told = [f"undoes: {item}" for item in undone] if isinstance(undone, list) else []
    for key in sorted((here.keys() | wanted.keys()) - {"deviations"}):
        before, after = here.get(key, "unset"), wanted.get(key, "unset")
        if before != after:
            told.append(f"{key} {before} → {after}")
    return tuple(told) or ("nothing but whose it is",)


def _told(kind: str, attributes: Mapping[str, JSON]) -> dict[str, str]:
    """Every attribute as it is shown: what is granted on things to come is no list to whoever reads of it."""
    told = leaves(dict(attributes))
    for key in _GRANTED if kind == "grants" else ():
        given = attributes.get(key)
        if isinstance(given, list):
            del told[key]
            told[f"default privileges on {key}"] = ", ".join(map(str, given)) or "none"
    return told


def entry_line(entry: Written) -> str:
    """`12 Take 3f2a…: change tenants/acme.yaml, approved by 2 statements`."""
    return f"{entry.tip.sequence} {headline(entry.statement, entry.brings)}"
