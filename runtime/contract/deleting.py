"""What would go of each target x what is there x how much may go at once -> why nothing of a target goes.

Agent and plan ask the same (ADR 0105). Rules kept: one tenant may always go, because that is what a change that two
people read can name, and the limit is there for what goes without anybody having meant it; `0` lets nothing go.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from runtime.contract.objects import ObjectId
from runtime.contract.plural import plural


def held_back(
    going: Iterable[tuple[ObjectId, str | None]], there: Mapping[str, int], percents: Mapping[str, int]
) -> dict[str, str]:
    """Target -> why none of these objects, each with its tenant, goes. A target without a limit may lose all."""
    tenants: dict[str, list[str | None]] = defaultdict(list)
    for found, tenant in going:
        tenants[found.target].append(tenant)
    return {
        target: _sentence(target, whose, there.get(target, 0), percents[target])
        for target, whose in sorted(tenants.items())
        if target in percents and not _may_go(whose, there.get(target, 0), percents[target])
    }


def _may_go(whose: list[str | None], there: int, percent: int) -> bool:
    one_tenant = len(set(whose)) == 1 and whose[0] is not None
    return len(whose) * 100 <= percent * there or (one_tenant and percent > 0)


def _sentence(target: str, whose: list[str | None], there: int, percent: int) -> str:
    file = f"spec/targets/{target}.yaml"
    would = f"{len(whose)} of {plural(there, 'object')} of {target} would go"
    if percent == 0:
        return f"{would}, and `max_delete_percent: 0` lets none: an approved change of {file} raises it first"
    return (
        f"{would}, and at most {percent} % or one tenant's may at once: let one tenant go with each change, or raise "
        f"`max_delete_percent` in {file} first, by a change that is approved like any other"
    )
