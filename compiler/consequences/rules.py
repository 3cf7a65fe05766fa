"""Approval rules before x after -> what is asked of fewer people, or for longer.

Rules kept: what counts is what is asked for a path, whichever rule asks it, so that a rule which was renamed, split or
widened asks for no less; a glob is held to be covered only by itself, or by one that surely matches all that it does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from compiler.consequences.consequence import Consequence, Kind, Severity
from compiler.plan_rules import Uncovered
from runtime.contract.plural import plural
from runtime.governance.config import ApprovalPolicy, PathRule
from runtime.ledger.story import few


def of_rules(before: ApprovalPolicy, after: ApprovalPolicy, uncovered: tuple[Uncovered, ...]) -> Iterator[Consequence]:
    """Say what the rules ask less."""
    for item in uncovered:
        yield Consequence(Kind.RULE, Severity.GRAVE, str(item), item.paths)
    said = {(item.rule, item.glob) for item in uncovered}
    for rule in before.rules:
        yield from _asks_less(rule, after, said)
    for words, old, new in (
        ("approvals hold {}, {} before", before.approval_days, after.approval_days),
        ("what an emergency let through may stay unapproved for {}, {} before", before.emergency_hours,
         after.emergency_hours),
        ("the ledger may be silent {} longer than a heartbeat, {} before", before.clock_gap_seconds,
         after.clock_gap_seconds),
    ):  # fmt: skip
        if new > old:
            unit = "day" if "hold" in words else "hour" if "emergency" in words else "second"
            yield Consequence(Kind.RULE, Severity.GRAVE, words.format(plural(new, unit), old))


def _asks_less(rule: PathRule, after: ApprovalPolicy, said: set[tuple[str, str]]) -> Iterator[Consequence]:
    less: dict[str, list[str]] = defaultdict(list)
    for glob in rule.paths:
        if (rule.name, glob) in said:
            continue
        asking = [other for other in after.rules if any(_covers(one, glob) for one in other.paths)]
        lost = [
            item.role if left == 0 else f"{item.count} of {item.role} but {left}"
            for item in rule.people
            for left in (_asked(asking, item.role),)
            if left < item.count
        ]
        if lost:
            less[", ".join(lost)].append(glob)
        elif rule.carry == "exact" and all(other.carry != "exact" for other in asking):
            less["approvals that count only until anything else is taken"].append(glob)
    for roles, globs in less.items():
        what = f"`{rule.name}`" if len(globs) == len(rule.paths) else few(globs)
        words = f"changes of {what} no longer need {roles}"
        if len(globs) == len(rule.paths):
            words += f" ({few(globs)})"
        yield Consequence(Kind.RULE, Severity.GRAVE, words, tuple(globs))


def _asked(rules: list[PathRule], role: str) -> int:
    return max((item.count for rule in rules for item in rule.people if item.role == role), default=0)


def _covers(wide: str, glob: str) -> bool:
    start = wide.removesuffix("**")
    whole = wide.endswith("**") and "*" not in start and (not start or start.endswith("/"))
    return wide == glob or (whole and glob.startswith(start) and glob != start)
