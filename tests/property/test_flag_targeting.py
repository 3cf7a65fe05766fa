"""The readable form of targeting and the JsonLogic it becomes decide alike, for any rules and any context."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from compiler.domains.flags.kinds import Condition, FlagSpec, TargetingRule
from compiler.domains.flags.targeting import targeting, weights

ATTRIBUTES = ("region", "client", "user.plan", "uplink", "metered")
TEXTS = ("eu-central", "us-east", "batch-eu", "pro")
VERSIONS = ("1.9.9", "2.0.0", "2.1.0")


# --- what the readable form means, said once more and plainly -------------------------------------------------------


def decided(flag: FlagSpec, context: dict[str, Any]) -> Any:
    """The variant, or the split and what it goes by, or None for the default."""
    if context.get("tenant") in flag.tenants:
        return flag.tenants[context["tenant"]]
    for rule in flag.targeting:
        if all(holds(item, context) for item in rule.when):
            return rule.serve if rule.split is None else ("split", rule.by)
    return None


def value_of(attribute: str, context: dict[str, Any]) -> Any:
    value: Any = context
    for part in attribute.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def holds(condition: Condition, context: dict[str, Any]) -> bool:
    value = value_of(condition.attribute, context)
    match condition.comparison:
        case "equals", operand:
            return bool(value == operand)
        case "not_equals", operand:
            return bool(value != operand)
        case "one_of", operand:
            return value in operand
        case "none_of", operand:
            return value not in operand
        case "starts_with", operand:
            return isinstance(value, str) and value.startswith(operand)
        case "ends_with", operand:
            return isinstance(value, str) and value.endswith(operand)
        case "at_least", operand:
            return value is not None and value >= operand
        case "below", operand:
            return value is not None and value < operand
    raise AssertionError(condition)


# --- JsonLogic, as far as the compiler writes it --------------------------------------------------------------------


def logic(rule: Any, context: dict[str, Any]) -> Any:
    if not isinstance(rule, dict):
        return [logic(item, context) for item in rule] if isinstance(rule, list) else rule
    ((operator, arguments),) = rule.items()
    match operator:
        case "var":
            return value_of(arguments, context)
        case "fractional":
            by = arguments[0]["cat"][1]["var"] if isinstance(arguments[0], dict) else None
            return ("split", by)
        case "if":
            assert len(arguments) == 3, "flagd nests conditions and takes no longer chains"
            condition, then, otherwise = arguments
            return logic(then if logic(condition, context) else otherwise, context)
        case "and":
            return all(logic(item, context) for item in arguments)
    values = [logic(item, context) for item in arguments]
    match operator:
        case "===":
            return type(values[0]) is type(values[1]) and values[0] == values[1]
        case "!==":
            return type(values[0]) is not type(values[1]) or values[0] != values[1]
        case "in":
            return values[0] in values[1]
        case "!":
            return not values[0]
        case "!!":
            return bool(values[0])
        case "starts_with":
            return isinstance(values[0], str) and values[0].startswith(values[1])
        case "ends_with":
            return isinstance(values[0], str) and values[0].endswith(values[1])
        case ">=":
            return (values[0] or 0) >= values[1]
        case "<":
            return (values[0] or 0) < values[1]
    raise AssertionError(operator)


def conditions() -> st.SearchStrategy[Condition]:
    texts = st.sampled_from(TEXTS)
    numbers = st.integers(-5, 5)
    return st.one_of(
        st.builds(Condition, attribute=st.sampled_from(["region", "client", "user.plan"]), equals=texts),
        st.builds(Condition, attribute=st.sampled_from(["region", "user.plan"]), not_equals=texts),
        st.builds(Condition, attribute=st.just("region"), one_of=st.lists(texts, min_size=1).map(tuple)),
        st.builds(Condition, attribute=st.just("client"), none_of=st.lists(texts, min_size=1).map(tuple)),
        st.builds(Condition, attribute=st.just("client"), starts_with=st.sampled_from(["batch-", "eu"])),
        st.builds(Condition, attribute=st.just("client"), ends_with=st.sampled_from(["-eu", "st"])),
        st.builds(Condition, attribute=st.just("uplink"), at_least=numbers),
        st.builds(Condition, attribute=st.just("uplink"), below=numbers),
        st.builds(Condition, attribute=st.just("metered"), equals=st.booleans()),
    )


@st.composite
def flags(draw: st.DrawFn) -> FlagSpec:
    def rule(index: int) -> TargetingRule:
        when = tuple(draw(st.lists(conditions(), max_size=3)))
        if draw(st.booleans()):
            return TargetingRule(name=f"r{index}", when=when, serve=draw(st.sampled_from(["on", "off"])))
        by = draw(st.sampled_from([None, "client"]))
        return TargetingRule(name=f"r{index}", when=when, split={"on": "12.5", "off": "87.5"}, by=by)

    return FlagSpec(
        type="boolean",
        variants={"on": True, "off": False},
        default="off",
        safe="off",
        targeting=tuple(rule(index) for index in range(draw(st.integers(0, 4)))),
        tenants=draw(st.dictionaries(st.sampled_from(["acme", "globex"]), st.sampled_from(["on", "off"]))),
        owner="ada-berg",
        reason="any rules at all",
        created="2026-11-24",
        ttl_seconds=1,
    )


CONTEXTS = st.fixed_dictionaries(
    {},
    optional={
        "tenant": st.sampled_from(["acme", "globex", "initech"]),
        "region": st.sampled_from(TEXTS),
        "client": st.sampled_from(TEXTS),
        "user": st.fixed_dictionaries({}, optional={"plan": st.sampled_from(TEXTS)}),
        "uplink": st.integers(-6, 6),
        "metered": st.booleans(),
    },
)


@given(flags(), CONTEXTS)
def test_both_forms_decide_alike(flag: FlagSpec, context: dict[str, Any]) -> None:
    wanted = decided(flag, context)
    if wanted == ("split", "client") and context.get("client") is None:
        wanted = None  # whoever lacks what a split goes by gets the default
    assert logic(targeting(flag), context) == wanted


@given(st.lists(st.decimals(0, 100, places=4), min_size=1, max_size=6).filter(any))
def test_weights_are_whole_as_small_as_can_be_and_exactly_in_the_ratio_of_the_decimals(parts: list[Decimal]) -> None:
    split = {f"v{index}": format(part, "f") for index, part in enumerate(parts)}
    whole = weights(split)
    total, sum_of = sum(whole.values()), sum(Fraction(part) for part in parts)
    assert all(Fraction(whole[name], total) == Fraction(Decimal(text)) / sum_of for name, text in split.items())
    assert not any(all(number % prime == 0 for number in whole.values()) for prime in (2, 3, 5, 7))
