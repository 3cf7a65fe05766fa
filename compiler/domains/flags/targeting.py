"""Targeting rules of a flag -> flagd's JsonLogic (https://flagd.dev/reference/flag-definitions/#targeting-rules).

The readable form asks its rules in order; JsonLogic nests them: `{"if": [condition, then, else]}`, with exactly three
arguments, as flagd's schema wants it. `null` at the end is flagd's word for "the default variant".
Rules kept: values are compared with their types (`1` is not `"1"`); a comparison of numbers never holds for an
attribute that is missing; weights are integers, exactly in the ratio of the decimals that were written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from math import gcd

from compiler.domains.flags.kinds import VERSION, Condition, FlagSpec, TargetingRule
from runtime.contract.canonical import JSON

TENANT_ATTRIBUTE = "tenant"
"""The attribute of the evaluation context that names the tenant."""


def targeting(flag: FlagSpec) -> JSON:
    """Return the whole targeting of a flag: tenants first, then its rules; None where it has none."""
    logic: JSON = None
    for rule in reversed(flag.targeting):
        then = _then(rule)
        logic = {"if": [_all(rule.when), then, logic]} if rule.when else then
    by_variant: dict[str, list[str]] = {}
    for tenant, variant in sorted(flag.tenants.items()):
        by_variant.setdefault(variant, []).append(tenant)
    for variant, tenants in sorted(by_variant.items(), reverse=True):
        logic = {"if": [{"in": [{"var": TENANT_ATTRIBUTE}, tenants]}, variant, logic]}
    return logic


def weights(split: Mapping[str, str]) -> dict[str, int]:
    """Return the smallest integers in the ratio of a split's decimals: 12.5 and 87.5 become 1 and 7."""
    decimals = {variant: Decimal(text) for variant, text in split.items()}
    places = max((-int(number.as_tuple().exponent) for number in decimals.values()), default=0)
    whole = {variant: int(number.scaleb(max(places, 0))) for variant, number in decimals.items()}
    common = gcd(*whole.values()) or 1
    return {variant: number // common for variant, number in whole.items()}


def _then(rule: TargetingRule) -> JSON:
    if rule.split is None:
        return rule.serve
    buckets = [[variant, weight] for variant, weight in sorted(weights(rule.split).items()) if weight]
    if rule.by is None:
        # flagd's own bucketing: the flag's key and the context's targetingKey
        return {"fractional": buckets}
    value = {"var": rule.by}
    bucketing = {"cat": [{"var": "$flagd.flagKey"}, value]}
    return {"if": [{"!!": [value]}, {"fractional": [bucketing, *buckets]}, None]}


def _all(conditions: Iterable[Condition]) -> JSON:
    parts = [_condition(item) for item in conditions]
    return parts[0] if len(parts) == 1 else {"and": parts}


def _condition(condition: Condition) -> JSON:
    value: JSON = {"var": condition.attribute}
    comparison, operand = condition.comparison
    match comparison:
        case "equals":
            return {"===": [value, operand]}
        case "not_equals":
            return {"!==": [value, operand]}
        case "one_of":
            return {"in": [value, list(operand)]}
        case "none_of":
            return {"!": [{"in": [value, list(operand)]}]}
        case "starts_with" | "ends_with":
            return {comparison: [value, operand]}
        case "at_least":
            return {"and": [_present(value), {">=": [value, operand]}]}
        case "below":
            return {"and": [_present(value), {"<": [value, operand]}]}
        case _:
            _, operator, version, _ = VERSION.split(operand)
            return {"sem_ver": [value, operator, version]}


def _present(value: JSON) -> JSON:
    """JsonLogic takes a missing attribute for 0 when it compares numbers."""
    return {"!==": [value, None]}
