"""A value that is wrong, and its field -> the exact text to type; part of the stage `decode`.

Rules kept: what is proposed is right for the field, or says what is; a secret is never repeated.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from compiler.nodes import Mapping, Node, Scalar
from compiler.nodes import Sequence as Items
from compiler.scalars import MAX_INT, resolve_plain
from compiler.shape import Facts
from compiler.syntax import no_space

_WORDS = {**dict.fromkeys(("true", "yes", "on", "y"), "true"), **dict.fromkeys(("false", "no", "off", "n"), "false")}
_AMOUNT = re.compile(r"(?P<number>[0-9][0-9_, ]*(?:\.[0-9]+)?) *(?P<unit>[A-Za-z%]*)")
_TIMES = {
    "second": Decimal(1),
    "minute": Decimal(60),
    "hour": Decimal(3600),
    "day": Decimal(86_400),
    "week": Decimal(604_800),
    "year": Decimal(31_536_000),
}
_SHORT = {"s": "second", "sec": "second", "m": "minute", "min": "minute", "h": "hour"}
_SHORT |= {"d": "day", "w": "week", "y": "year"}
_LONGEST = 24
_FACTORS = {"": 1, "k": 1000, "K": 1000, "M": 10**6, "G": 10**9, "T": 10**12}


def for_type(key: str | None, node: Node | None, types: Sequence[str], facts: Facts) -> str | None:
    """What to type where a value of one of `types` must stand, and another does."""
    text = node.text if isinstance(node, Scalar) and node.value is not None else ""
    before = "" if key is None else f"{key}: "
    if text:
        if "text" in types and (facts.pattern is None or re.search(facts.pattern, text)):
            return f'quote it: "{text}"'
        if "true or false" in types and text.lower() in _WORDS:
            return f"write it without quotes: {_WORDS[text.lower()]}"
        if ("a whole number" in types or "a number" in types) and (number := _number(key or "", text)) is not None:
            same = re.fullmatch(r"-?[0-9]+", text)
            return f"write it without quotes: {text}" if same else f"{before}{number}"
        if "a mapping" in types and (spaced := no_space(text)) is not None:
            return f"a space after `:`, as in `{spaced}`"
        if "a list" in types and _of_texts(facts):
            return f"{before}[{text}]"
    if "a mapping" in types and isinstance(node, Items):
        return "delete the dashes: these are keys, and no items of a list"
    if "a list" in types and isinstance(node, Mapping):
        return "a dash before each item makes a list"
    if list(types) == ["true or false"]:
        return "true or false"
    return for_value(types[0] if len(types) == 1 and (facts.examples or facts.low is not None) else None, facts)


def for_value(kind: str | None, facts: Facts) -> str | None:
    """What may stand at a place: between which bounds, and an example."""
    low, high = facts.low, facts.high
    bounds = f"from {low} to {high}" if low is not None and high is not None else None
    if bounds is None and (low is not None or high is not None):
        bounds = f"from {low} up" if low is not None else f"up to {high}"
    said = " ".join(part for part in (kind, bounds) if part)
    if not facts.examples:
        return said or None
    example = yaml_of(facts.examples[0])
    example = example if isinstance(facts.examples[0], int | float) else f"`{example}`"
    return f"{said}, like {example}" if said else f"like {example}"


def _of_texts(facts: Facts) -> bool:
    """Whether a list is one of texts, as far as an example shows."""
    return any(isinstance(example, list) and example and isinstance(example[0], str) for example in facts.examples)


def for_form(key: str | int, meant: str | None, amiss: str | None) -> str | None:
    """What to type where a text has not its form, or what is wrong with it."""
    if meant is None:
        return amiss
    plain = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._@%+/-]*", meant) and resolve_plain(meant) == meant
    return f"{f'{key}: ' if isinstance(key, str) else ''}{meant if plain else json.dumps(meant)}"


def yaml_of(value: Any) -> str:
    """Return a value as it is typed, on one line."""
    if isinstance(value, str):
        plain = re.fullmatch(r"[A-Za-z_./@>=<~^$][^:#{}\[\],&*!|'\"%`]*", value) and resolve_plain(value) == value
        return value if plain and value == value.strip() and value[:1] not in "@>" else json.dumps(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(yaml_of(item) for item in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {yaml_of(item)}' for key, item in value.items())}}}"
    return json.dumps(value)


def _number(key: str, text: str) -> str | None:
    """The whole number that a text means, in the unit that the key ends in."""
    if re.fullmatch(r"-?[0-9]{1,15}", text):
        return text
    match = _AMOUNT.fullmatch(text)
    if match is None or len(text) > _LONGEST:
        return None
    try:
        number = Decimal(re.sub(r"[_, ]", "", match["number"]))
    except InvalidOperation:
        return None
    unit = match["unit"]
    own = key.rpartition("_")[2].removesuffix("s")
    if own in _TIMES and unit:
        word = _SHORT.get(unit) or unit.lower().removesuffix("s")
        if word not in _TIMES:
            return None
        number = number * _TIMES[word] / _TIMES[own]
    elif unit == "%" and own == "percent":
        pass
    elif unit in _FACTORS:
        number *= _FACTORS[unit]
    else:
        return None
    whole = number == number.to_integral_value() and number <= MAX_INT
    return str(int(number)) if whole else None
