"""Flag: a switch of the product with an owner, a reason and an end.

Rules kept: how long a flag may live and who may change one is decided in Rego (`intelgraph.flags`) and not here.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, WithJsonSchema

from compiler.domains.domain import Kind, RefersTo, Spec
from compiler.domains.fields import DateText, Percent, RuleName, text

FlagType: TypeAlias = Literal["boolean", "string", "number", "object"]
VariantName: TypeAlias = Annotated[
    str, *text(r"^[a-z0-9][a-z0-9_-]{0,62}$", "variant", "a variant's name is lower case with dashes", "enabled")
]
Attribute: TypeAlias = Annotated[
    str,
    *text(
        r"^[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*$",
        "attribute",
        "an attribute of the evaluation context is a name, or names with dots between, like user.plan",
        "region",
        "user.plan",
    ),
]
Value: TypeAlias = Annotated[
    bool | int | float | str,
    WithJsonSchema({"type": ["boolean", "number", "string"], "title": "text, number or true/false"}),
]
Number: TypeAlias = Annotated[int | float, WithJsonSchema({"type": "number", "title": "number"})]


VariantValue: TypeAlias = Annotated[Any, WithJsonSchema({"type": ["boolean", "string", "number", "object"]})]
"""Whether a value has the flag's type is a rule's to say (MC0402), which can point at the type as well."""


VERSION = re.compile(r"(=|!=|>=|<=|>|<|~|\^) ?((?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*))")
"""A comparison of semantic versions: operator and version."""
VersionRange: TypeAlias = Annotated[
    str,
    *text(f"^{VERSION.pattern}$", "version range", "a version is compared like >= 2.4.0", ">= 2.4.0"),
]


class Condition(Spec):
    """What must be true of one attribute of the evaluation context: exactly one comparison."""

    attribute: Attribute = Field(description="Attribute of the context; dots go into nested objects.")
    equals: Value | None = Field(None, description="It has this value.", examples=["eu-central"])
    not_equals: Value | None = Field(None, description="It has another value, or is missing.")
    one_of: tuple[Value, ...] | None = Field(
        None, min_length=1, description="It has one of these values.", examples=[["dashboard", "report"]]
    )
    none_of: tuple[Value, ...] | None = Field(None, min_length=1, description="It has none of these values.")
    starts_with: str | None = Field(None, min_length=1, description="Its text begins so.")
    ends_with: str | None = Field(None, min_length=1, description="Its text ends so.", examples=["@intelgraph.example"])
    at_least: Number | None = Field(None, description="It is a number not below this one.", examples=[500])
    below: Number | None = Field(None, description="It is a number below this one.")
    version: VersionRange | None = Field(None, description="Its semantic version compares so.")

    @property
    def comparisons(self) -> tuple[tuple[str, Any], ...]:
        """The comparisons that are written; one, once the rules have passed (MC0407)."""
        return tuple((name, value) for name, value in self if name != "attribute" and value is not None)

    @property
    def comparison(self) -> tuple[str, Any]:
        """The comparison and its operand."""
        return self.comparisons[0]


class TargetingRule(Spec):
    """When all conditions hold, one variant or a split of them."""

    name: RuleName = Field(description="What the rule is called in findings.")
    when: tuple[Condition, ...] = Field((), description="All must hold; none at all: always.")
    serve: VariantName | None = Field(None, description="The variant that is served.")
    split: dict[VariantName, Percent] | None = Field(
        None,
        min_length=2,
        description="Variant -> percent; exact decimals that sum to 100.",
        examples=[{"enabled": 12.5, "disabled": 87.5}],
    )
    by: Attribute | None = Field(
        None, description="The attribute a split keeps together; `targetingKey` when left out.", examples=["tenant"]
    )


class FlagSpec(Spec):
    """A switch of the product."""

    type: FlagType = Field(description="The type of every variant.")
    variants: dict[VariantName, VariantValue] = Field(
        min_length=2, description="Variant -> value.", examples=[{"enabled": True, "disabled": False}]
    )
    default: str = Field(description="The variant served where no rule says otherwise.", examples=["disabled"])
    safe: str = Field(
        description="The variant served when the flag is stopped or cannot be evaluated.", examples=["disabled"]
    )
    targeting: tuple[TargetingRule, ...] = Field((), description="Asked in order; the first that holds decides.")
    tenants: dict[Annotated[str, RefersTo("Tenant", followed=False)], str] = Field(
        {}, description="Tenant -> variant, before every rule.", examples=[{"acme-retail": "enabled"}]
    )
    owner: Annotated[str, RefersTo("Person", followed=False)] = Field(
        description="The Person who answers for it.", examples=["priya-raman"]
    )
    reason: str = Field(
        min_length=10,
        description="Why it exists, for whoever finds it in a year.",
        examples=["Roll the new matcher out while we watch p95"],
    )
    created: DateText = Field(description="The day it was made.")
    ttl_seconds: int = Field(ge=1, description="How long it lives from the start of that day (UTC).", examples=[604800])


FLAG = Kind("Flag", "flag", "flags", FlagSpec)
