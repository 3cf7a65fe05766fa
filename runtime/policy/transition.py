"""Policy x change x approvers x facts x time -> what `conductor/transition` holds against the change.

The resources of a change are its rows `config/<domain>/<kind>/<name>.json`; their kinds are named as in YAML.
Rule kept: fail closed. No policy, an answer that is none, a row that cannot be read: each is a refusal. Only that this
machine could not ask is an exception (NoAnswerError).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from runtime.contract import instant
from runtime.contract.canonical import JSON, decode
from runtime.contract.change import Change
from runtime.contract.errors import FormatError
from runtime.contract.policy_input import ResourceChange, TransitionInput
from runtime.policy.engine import Policy, Refused

_FOLDER = "config/"


def refusals(
    policy: Policy | None,
    change: Change,
    approvers: Iterable[tuple[str, Iterable[str]]],
    *,
    at: datetime,
    facts: Mapping[str, JSON] | None = None,
) -> tuple[Refused, ...]:
    """All that the verified commit's policy (None: it has none) holds against this change by these approvers."""
    if policy is None:
        return (Refused("", "", "policy-answers", "the verified commit has no policy.wasm to ask"),)
    try:
        asked = transition_input(change, approvers, at=at, facts=facts)
    except FormatError as error:
        return (Refused("", "", "policy-answers", error.message),)
    return tuple(policy.transition(asked))


def kind_of(slug: str) -> str:
    """`approval-policy` -> `ApprovalPolicy`."""
    return "".join(part.capitalize() for part in slug.split("-"))


def changes_of(change: Change) -> list[ResourceChange]:
    """The resources that a change adds, alters or takes away, in the change's order; raises FormatError."""
    found: list[ResourceChange] = []
    for path, (before, after) in change.contents.items():
        if not path.startswith(_FOLDER):
            continue
        parts = path.split("/")
        if len(parts) != 4 or not parts[3].endswith(".json"):
            raise FormatError(f"{path} is not config/<domain>/<kind>/<name>.json")
        found.append(
            {
                "kind": kind_of(parts[2]),
                "name": parts[3].removesuffix(".json"),
                "before": _content(before),
                "after": _content(after),
            }
        )
    return found


def transition_input(
    change: Change,
    approvers: Iterable[tuple[str, Iterable[str]]],
    *,
    at: datetime,
    facts: Mapping[str, JSON] | None = None,
) -> TransitionInput:
    """The question about a change: the approvers are those who count, by name, with the roles they had before it."""
    return {
        "changes": changes_of(change),
        "approvers": [{"name": name, "roles": sorted(roles)} for name, roles in sorted(approvers)],
        "facts": dict(facts or {}),
        "time": instant.text(at),
    }


def _content(text: str | None) -> JSON:
    return None if text is None else decode(text.encode(), floats=True)
