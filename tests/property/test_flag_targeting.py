"""flagd's own evaluator decides as the readable form says: for any rules and any context, and for the own flags."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext
from openfeature.flag_evaluation import FlagResolutionDetails

from compiler.domains.flags.kinds import Condition, FlagSpec, TargetingRule
from compiler.domains.flags.render import config
from compiler.domains.flags.targeting import weights
from runtime.flags.config import FOLDER, FlagConfig
from tests.cases.inputs import own_bundle

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


# --- flagd ----------------------------------------------------------------------------------------------------------


class Server:
    """flagd's own evaluator with flags as the bundle has them, put together as a server of flags does."""

    def __init__(self, flags: Iterable[FlagConfig]) -> None:
        self._core = FlagdCore()
        self._types = {flag.name: flag.type for flag in flags}
        self._core.set_flags({"flags": {flag.name: flag.flagd for flag in flags}})

    def details(self, flag: str, context: dict[str, Any], key: str | None = None) -> FlagResolutionDetails[Any]:
        asked = EvaluationContext(key, context)
        match self._types[flag]:
            case "boolean":
                return self._core.resolve_boolean_value(flag, default_value=False, ctx=asked)
            case "string":
                return self._core.resolve_string_value(flag, "", asked)
            case "number":
                return self._core.resolve_float_value(flag, 0.0, asked)
            case _:
                return self._core.resolve_object_value(flag, {}, asked)

    def variant(self, flag: str, context: dict[str, Any], key: str | None = None) -> str | None:
        return self.details(flag, context, key).variant


@pytest.fixture(scope="module")
def own() -> Server:
    return Server([FlagConfig.from_bytes(data) for path, data in own_bundle().items() if path.startswith(FOLDER)])


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


@given(flags(), CONTEXTS, st.sampled_from([None, "analyst-7"]))
def test_flagd_decides_as_the_readable_form_says(flag: FlagSpec, context: dict[str, Any], key: str | None) -> None:
    made = config("any", flag)
    got = Server([FlagConfig.from_bytes(made.data())]).variant("any", context, key)
    match decided(flag, context):
        case "split", by:
            # whoever lacks what a split goes by gets the default
            known = context.get(by) if by else key
            assert got in (("on", "off") if known else (flag.default,))
        case None:
            assert got == flag.default
        case variant:
            assert got == variant


@pytest.mark.parametrize(
    ("flag", "context", "variant"),
    [
        ("pattern-search-v2", {"tenant": "velora-retail"}, "enabled"),
        ("pattern-search-v2", {"tenant": "banco-ribeira", "app": {"version": "2.4.0"}}, "disabled"),
        ("pattern-search-v2", {"tenant": "orrin", "region": "eu-central", "app": {"version": "2.3.9"}}, "disabled"),
        ("ingest-batch-rows", {"uplink_mbit": 500}, "large"),
        ("ingest-batch-rows", {"uplink_mbit": 499.9}, "usual"),
        ("ingest-batch-rows", {"uplink_mbit": 19.5}, "small"),
        ("ingest-batch-rows", {}, "usual"),
        ("query-cache-policy", {"surface": "report"}, "long"),
        ("query-cache-policy", {"surface": "notebook"}, "short"),
        ("console-graph-layout", {"user": {"email": "mara@intelgraph.example"}}, "layered"),
        ("cdc-dedupe-strict", {"tenant": "prairie-telecom"}, "disabled"),
        ("cdc-dedupe-strict", {}, "enabled"),
        ("planner-hints", {"graph_nodes": 60_000_000, "plan_pinned": True}, "pinned"),
        ("planner-hints", {"graph_nodes": 60_000_000, "plan_pinned": "true"}, "advisory"),
        ("login-step-up", {"network": "cafe"}, "enabled"),
        ("login-step-up", {"network": "vpn"}, "disabled"),
        ("audit-log-verbosity", {"user": {"role": "admin"}, "surface": "console"}, "full"),
        ("audit-log-verbosity", {"user": {"role": "admin"}, "surface": "api"}, "brief"),
    ],
)
def test_flagd_reads_the_own_flags_and_serves_what_their_yaml_says(
    own: Server, flag: str, context: dict[str, Any], variant: str
) -> None:
    assert own.variant(flag, context, "analyst-7") == variant


def test_a_split_keeps_a_tenant_on_one_side_and_gives_each_side_its_share(own: Server) -> None:
    context = {"region": "eu-central", "app": {"version": "2.4.1"}}
    served = {
        own.variant("pattern-search-v2", context | {"tenant": tenant}, key)
        for tenant in ("calder-freight",)
        for key in ("one", "two", "three")
    }
    assert len(served) == 1
    counts = Counter(own.variant("pattern-search-v2", context | {"tenant": f"t-{n}"}) for n in range(4000))
    assert 0.105 < counts["enabled"] / 4000 < 0.145
    layouts = Counter(own.variant("console-graph-layout", {}, f"analyst-{n}") for n in range(4000))
    assert [round(layouts[name] / 4000, 1) for name in ("force", "layered")] == [0.8, pytest.approx(0.15, abs=0.06)]


@given(st.lists(st.decimals(0, 100, places=4), min_size=1, max_size=6).filter(any))
def test_weights_are_whole_as_small_as_can_be_and_exactly_in_the_ratio_of_the_decimals(parts: list[Decimal]) -> None:
    split = {f"v{index}": format(part, "f") for index, part in enumerate(parts)}
    whole = weights(split)
    total, sum_of = sum(whole.values()), sum(Fraction(part) for part in parts)
    assert all(Fraction(whole[name], total) == Fraction(Decimal(text)) / sum_of for name, text in split.items())
    assert not any(all(number % prime == 0 for number in whole.values()) for prime in (2, 3, 5, 7))
