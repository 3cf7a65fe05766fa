"""Flags -> findings.

Rules kept: how long a flag may live and who may change one is decided in Rego, and nothing here looks at a clock.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal

from compiler.diagnostics import codes
from compiler.diagnostics.model import Diagnostics, Label
from compiler.diagnostics.suggest import did_you_mean, one_of
from compiler.domains.domain import Model, Resource
from compiler.domains.flags.kinds import Condition, FlagSpec
from compiler.domains.repeated import repeated
from compiler.nodes import Pointer, Scalar
from runtime.contract.canonical import JSON

_TYPES = {"boolean": (bool,), "string": (str,), "number": (int, float), "object": (dict,)}
_EXAMPLES = {"boolean": "true", "string": '"text"', "number": "1", "object": "{key: value}"}


def check(model: Model, diagnostics: Diagnostics) -> None:
    """Add what is wrong with flags."""
    for flag in model.all(FlagSpec).values():
        _variants(flag, diagnostics)
        _served(flag, diagnostics)
        _rules(flag, diagnostics)


def _variants(flag: Resource[FlagSpec], diagnostics: Diagnostics) -> None:
    wanted = flag.spec.type
    for name, value in flag.spec.variants.items():
        if not _is_a(value, wanted):
            diagnostics.add(
                codes.VARIANT_TYPE,
                f"variant `{name}` is no {wanted}",
                flag.span("variants", name),
                Label(flag.span("type"), "every variant has this type"),
                help=f"{name}: {_meant(value, wanted)}",
            )


def _is_a(value: JSON, wanted: str) -> bool:
    # a bool is an int for Python, and no number for anybody else
    return isinstance(value, _TYPES[wanted]) and (wanted == "boolean" or not isinstance(value, bool))


def _meant(value: JSON, wanted: str) -> str:
    """What was most likely meant: the same without quotes, or in them."""
    if wanted == "string" and isinstance(value, bool | int | float):
        return json.dumps(str(value).lower() if isinstance(value, bool) else str(value))
    fits = {"boolean": r"true|false", "number": r"-?(0|[1-9][0-9]*)(\.[0-9]+)?"}.get(wanted)
    return value if fits and isinstance(value, str) and re.fullmatch(fits, value) else _EXAMPLES[wanted]


def _served(flag: Resource[FlagSpec], diagnostics: Diagnostics) -> None:
    """Every variant that is named exists."""
    known = flag.spec.variants.keys()
    for place, name, is_key in _named(flag.spec):
        if name not in known:
            diagnostics.add(
                codes.UNKNOWN_VARIANT,
                f"flag `{flag.name}` has no variant `{name}`",
                flag.key_span(*place) if is_key else flag.span(*place),
                Label(flag.key_span("variants"), "its variants are declared here"),
                help=did_you_mean(name, known, f"one of {one_of(known)}"),
            )


def _named(flag: FlagSpec) -> Iterator[tuple[Pointer, str, bool]]:
    yield ("default",), flag.default, False
    yield ("safe",), flag.safe, False
    for tenant, variant in flag.tenants.items():
        yield ("tenants", tenant), variant, False
    for index, rule in enumerate(flag.targeting):
        if rule.serve is not None:
            yield ("targeting", index, "serve"), rule.serve, False
        for variant in rule.split or ():
            yield ("targeting", index, "split", variant), variant, True


def _rules(flag: Resource[FlagSpec], diagnostics: Diagnostics) -> None:
    rules = flag.spec.targeting
    for again, first in repeated(rule.name for rule in rules):
        diagnostics.twice(
            codes.DUPLICATE_RULE,
            f"flag `{flag.name}` has two rules called `{rules[again].name}`",
            again=flag.span("targeting", again, "name"),
            first=flag.span("targeting", first, "name"),
            help="give it a name of its own",
        )
    always: int | None = None
    seen: dict[frozenset[str], int] = {}
    for index, rule in enumerate(rules):
        _decides_once(flag, index, diagnostics)
        _split(flag, index, diagnostics)
        if [False for at, item in enumerate(rule.when) if not _compares_once(flag, (index, at), item, diagnostics)]:
            continue
        # a rule with fewer conditions holds wherever one with these and more does
        conditions = frozenset(item.model_dump_json(exclude_none=True) for item in rule.when)
        before = always if always is not None else next((at for some, at in seen.items() if some <= conditions), None)
        if before is not None:
            _unreachable(flag, index, before, diagnostics)
        elif not conditions:
            always = index
        seen.setdefault(conditions, index)


def _unreachable(flag: Resource[FlagSpec], index: int, before: int, diagnostics: Diagnostics) -> None:
    rule, other = flag.spec.targeting[index], flag.spec.targeting[before]
    diagnostics.add(
        codes.UNREACHABLE_RULE,
        f"rule `{rule.name}` can never decide",
        Label(flag.span("targeting", index, "name"), "never reached"),
        Label(
            flag.span("targeting", before, "name"),
            "this rule always decides first" if not other.when else "this rule decides wherever that one would",
        ),
        help=f"move `{rule.name}` before `{other.name}`, or remove it",
    )


def _decides_once(flag: Resource[FlagSpec], index: int, diagnostics: Diagnostics) -> None:
    rule = flag.spec.targeting[index]
    if (rule.serve is None) == (rule.split is None):
        both = rule.serve is not None
        diagnostics.add(
            codes.SERVE_OR_SPLIT,
            f"rule `{rule.name}` {'both serves a variant and splits' if both else 'serves nothing'}",
            flag.key_span("targeting", index, "split") if both else flag.span("targeting", index, "name"),
            *([Label(flag.key_span("targeting", index, "serve"), "it serves this already")] if both else []),
            help="keep one of `serve` and `split`" if both else f"serve: {flag.spec.default}",
        )
    elif rule.by is not None and rule.split is None:
        diagnostics.add(
            codes.SERVE_OR_SPLIT,
            f"rule `{rule.name}` splits nothing, so `by` means nothing",
            flag.key_span("targeting", index, "by"),
            help="remove `by`, or write a `split`",
        )


def _compares_once(
    flag: Resource[FlagSpec], at: tuple[int, int], condition: Condition, diagnostics: Diagnostics
) -> bool:
    names = [name for name, _ in condition.comparisons]
    place: Pointer = ("targeting", at[0], "when", at[1])
    if len(names) == 1:
        return True
    second = names[1] if names else "attribute"
    diagnostics.add(
        codes.COMPARISON,
        f"a condition on `{condition.attribute}` compares {'in several ways' if names else 'with nothing'}",
        flag.key_span(*place, second),
        *([Label(flag.key_span(*place, names[0]), "it compares already")] if names else []),
        help="write one condition for each comparison; all of a rule must hold"
        if names
        else "add one comparison, such as `equals: eu-central`",
    )
    return False


def _split(flag: Resource[FlagSpec], index: int, diagnostics: Diagnostics) -> None:
    split = flag.spec.targeting[index].split
    if split is None:
        return
    total = sum((_written(flag, index, name, text) for name, text in split.items()), Decimal(0))
    if total != 100:
        missing = 100 - total
        diagnostics.add(
            codes.SPLIT_SUM,
            f"the split of rule `{flag.spec.targeting[index].name}` sums to {_shown(total)}, not to 100",
            Label(
                flag.key_span("targeting", index, "split"),
                f"{_shown(abs(missing))} {'is missing' if missing > 0 else 'too much'}",
            ),
            help="percentages are exact decimals: let them sum to 100",
        )


def _written(flag: Resource[FlagSpec], index: int, variant: str, text: str) -> Decimal:
    """Return the percentage exactly as it stands in the file."""
    node = flag.document.node(("spec", "targeting", index, "split", variant))
    return Decimal(node.text if isinstance(node, Scalar) else text)


def _shown(number: Decimal) -> str:
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
