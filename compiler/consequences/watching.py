"""Fields of blueprints and of operations that differ -> alerts that are gone or page nobody, what is told of later, and
what tenants may set by themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from compiler.consequences.consequence import Consequence, Kind, Severity
from compiler.plan_differences import Difference, Operation
from compiler.plan_resources import ResourceChange
from runtime.ledger.story import few


def of_watching(resources: Iterable[ResourceChange]) -> Iterator[Consequence]:
    """Say what is watched less."""
    for item in resources:
        if item.operation is Operation.ALTER and item.kind in _SAID:
            for difference in item.differences:
                for words in _SAID[item.kind](item.name, difference):
                    yield Consequence(Kind.GUARD, Severity.GRAVE, words, (item.name,))
        elif item.operation is Operation.REMOVE and item.kind == "Operations":
            words = f"operations {item.name} is gone: what it says about telling somebody is as it comes"
            yield Consequence(Kind.GUARD, Severity.GRAVE, words, (item.name,))


def _of_blueprint(name: str, item: Difference) -> Iterator[str]:
    alert = item.field.removeprefix("spec.alerts[").split("]")[0] if item.field.startswith("spec.alerts[") else ""
    if alert and item.field.endswith("].name") and item.operation is Operation.REMOVE:
        yield f"nobody is told of {alert} at tenants of blueprint {name} any more: the alert is gone"
    elif alert and item.field.endswith("].severity") and item.before == "page":
        yield f"{alert} at tenants of blueprint {name} pages nobody any more"
    elif item.field == "spec.overridable":
        olds, news = (value if isinstance(value, list) else [] for value in (item.before, item.after))
        came = [str(one) for one in news if one not in olds]
        if came:
            yield f"tenants of blueprint {name} may set {few(came)} by themselves"


def _of_operations(name: str, item: Difference) -> Iterator[str]:
    old, new = item.before, item.after
    if isinstance(old, int) and isinstance(new, int) and new > old:
        yield f"operations {name}: {item.field.removeprefix('spec.')} is {new}, {old} before: somebody is told later"


_SAID = {"Blueprint": _of_blueprint, "Operations": _of_operations}
