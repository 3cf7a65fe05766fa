"""Flag -> its configuration, with its definition as flagd reads it."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.domains.domain import Model, Resource, Spec
from compiler.domains.flags.kinds import FlagSpec
from compiler.domains.flags.targeting import targeting
from compiler.domains.written import as_input
from runtime.contract.canonical import JSON
from runtime.flags.config import FlagConfig


def render(resource: Resource[Spec], model: Model) -> Iterator[tuple[str, bytes]]:  # noqa: ARG001 -- a Domain's
    """Give the one file of a flag."""
    if isinstance(resource.spec, FlagSpec):
        yield f"config/flags/flag/{resource.name}.json", config(resource.name, resource.spec).data()


def config(name: str, flag: FlagSpec) -> FlagConfig:
    """Return a flag as workers read it."""
    return FlagConfig(
        name=name,
        type=flag.type,
        safe=flag.safe,
        owner=flag.owner,
        reason=flag.reason,
        created=flag.created,
        ttl_seconds=flag.ttl_seconds,
        tenants=flag.tenants,
        flagd=_definition(flag),
    )


def _definition(flag: FlagSpec) -> dict[str, JSON]:
    definition: dict[str, JSON] = {
        "state": "ENABLED",
        "variants": dict(flag.variants),
        "defaultVariant": flag.default,
        "metadata": {"owner": flag.owner, "safeVariant": flag.safe},
    }
    logic = targeting(flag)
    # a targeting that is a bare variant name is no JsonLogic rule: such a flag simply has another default
    if isinstance(logic, str):
        definition["targeting"] = {"if": [True, logic, None]}
    elif logic is not None:
        definition["targeting"] = logic
    return definition


def policy_input(resource: Resource[Spec], model: Model) -> JSON:  # noqa: ARG001 -- a Domain's
    """Say what `conductor/deny` is told."""
    return as_input(resource, {})
