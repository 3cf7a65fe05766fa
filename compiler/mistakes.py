"""pydantic's errors -> findings with spans, one for each mistake; part of the stage `decode`.

A missing key is found at its parent's key, an unknown one at the key itself; a key that is misspelt is one mistake and
not two; a union's branches speak with one voice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails
from pydantic_core.core_schema import ErrorType

from compiler.advice import for_form, for_type, for_value
from compiler.diagnostics import codes
from compiler.diagnostics.model import Code, Diagnostics, Label, Span
from compiler.diagnostics.suggest import did_you_mean, nearest, one_of
from compiler.nodes import Document, Mapping, Node, Pointer, Scalar
from compiler.nodes import Sequence as Items
from compiler.secrets import HELP
from compiler.shape import Facts, facts_at, fields_at, may_be_left_out

_TYPES = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "float_type": "a number",
    "decimal_type": "a number",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "tuple_type": "a list",
    "list_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "none_required": "nothing",
    "date_type": "a date",
}
_RANGES = {
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "multiple_of": "must be a multiple of {multiple_of}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least {min_length} items",
    "too_long": "must have at most {max_length} items",
}


def report(
    errors: Sequence[ErrorDetails],
    model: type[BaseModel],
    document: Document,
    secrets: frozenset[Span],
    diagnostics: Diagnostics,
    *,
    names: Callable[[str], Iterable[str]],
) -> bool:
    """Add a finding for each mistake that pydantic found below `spec`; say whether a known key was misspelt.

    `names` gives the resources of a kind.
    """
    return _Reporter(model, document, document.doubtful | secrets, diagnostics, names).report(errors)


def forgotten(spec: Mapping, model: type[BaseModel], document: Document, diagnostics: Diagnostics) -> Iterator[Pointer]:
    """Say of each field that may be left out that it is empty, and give its place: a value that somebody forgot would
    silently be somebody else's."""
    for place in _empty(spec, model, ()):
        at = document.node(("spec", *place))
        if at is not None and at.span not in document.doubtful:
            diagnostics.add(
                codes.WRONG_TYPE,
                f"`{place[-1]}` is empty",
                document.key_span(("spec", *place)),
                help="give it a value, or delete the line",
            )
            yield place


def _empty(spec: Mapping, model: type[BaseModel], at: Pointer) -> Iterator[Pointer]:
    for key, entry in spec.entries.items():
        place = (*at, key)
        if isinstance(entry.value, Mapping):
            yield from _empty(entry.value, model, place)
        elif isinstance(entry.value, Items):
            for index, item in enumerate(entry.value.items):
                if isinstance(item, Mapping):
                    yield from _empty(item, model, (*place, index))
        elif entry.value.value is None and may_be_left_out(model, place):
            yield place


class _Reporter:
    def __init__(
        self,
        model: type[BaseModel],
        document: Document,
        quiet: frozenset[Span],
        diagnostics: Diagnostics,
        names: Callable[[str], Iterable[str]],
    ) -> None:
        self.model = model
        self.document = document
        self.quiet = quiet
        self.diagnostics = diagnostics
        self.names = names

    def report(self, errors: Sequence[ErrorDetails]) -> bool:
        missing = [error for error in errors if error["type"] == "missing"]
        unknown = [error for error in errors if error["type"] == "extra_forbidden"]
        lost = self.lost_lines(missing, unknown)
        wanted = {self.pointer(error["loc"]) for error in missing} - lost
        misspelt = self.unknown_keys([error for error in unknown if self.pointer(error["loc"]) not in lost], wanted)
        self.missing_keys([error for error in missing if self.pointer(error["loc"]) not in lost], misspelt)
        by_place: dict[Pointer, list[ErrorDetails]] = {}
        for error in errors:
            if error["type"] not in {"extra_forbidden", "missing"}:
                by_place.setdefault(self.pointer(error["loc"]), []).append(error)
        for place, found in by_place.items():
            below = any(other[: len(place)] == place != other for other in by_place)
            if not self.is_quiet(place) and not (below and found[0]["type"] in {"too_short", "too_long"}):
                self.value(place, found)
        return bool(misspelt)

    def lost_lines(self, missing: Sequence[ErrorDetails], unknown: Sequence[ErrorDetails]) -> set[Pointer]:
        """Report each missing key whose own keys stand in the mapping before it: its line is lost, which is one
        mistake. Return the places of which nothing more is to be said."""
        lost: set[Pointer] = set()
        for error in missing:
            place = self.pointer(error["loc"])
            inner = fields_at(self.model, error["loc"])
            strays = [self.pointer(other["loc"]) for other in unknown]
            strays = [
                stray for stray in strays if stray[-1] in inner and stray[: len(place) - 1] == place[:-1] != stray[:-1]
            ]
            if strays and not self.is_quiet(strays[0]):
                lost |= {place, *strays}
                at = self.document.key_span(strays[0])
                self.diagnostics.add(
                    codes.MISSING_KEY, f"`{place[-1]}` is missing", Label(at, "before this line"), help=f"{place[-1]}:"
                )
        return lost

    def unknown_keys(self, errors: Iterable[ErrorDetails], missing: set[Pointer]) -> set[Pointer]:
        """Report unknown keys; return the places that they misspell, or miss by their indentation."""
        misspelt: set[Pointer] = set()
        for error in errors:
            place = self.pointer(error["loc"])
            parent, key = place[:-1], str(place[-1])
            if self.is_quiet(place):
                continue
            left = (*parent[:-1], key)
            right = next((item for item in missing if item[:-2] == parent and item[-1] == key), None)
            if (left in missing and len(parent) > 1) or right is not None:
                misspelt.add(left if right is None else right)
                way, owner = ("move it to the left", left) if right is None else ("indent it", right)
                self.diagnostics.add(
                    codes.UNKNOWN_KEY,
                    f"unknown key `{key}`",
                    self.document.key_span(place),
                    help=f"{way}: it is a key of {_called(owner[:-1])}",
                )
                continue
            known = fields_at(self.model, error["loc"][:-1])
            node = self.document.node(parent)
            present = node.entries.keys() if isinstance(node, Mapping) else set()
            meant = nearest(key, known - present)
            if meant is not None:
                misspelt.add((*parent, meant))
            self.diagnostics.add(
                codes.UNKNOWN_KEY,
                f"unknown key `{key}`",
                self.document.key_span(place),
                help=f"did you mean `{meant}`?" if meant else self.elsewhere(error["loc"], known),
            )
        return misspelt

    def elsewhere(self, loc: Pointer, known: Iterable[str]) -> str:
        """Say where a key belongs that a mapping of the same name has one level deeper; else what belongs here."""
        *above, key = loc
        at = next(
            (
                (name, *above)
                for name in self.model.model_fields
                if above
                and name != above[0]
                and above[0] in fields_at(self.model, (name,))
                and key in fields_at(self.model, (name, *above))
            ),
            None,
        )
        here = f"the keys here are {one_of(known)}"
        return here if at is None else f"`{key}` is a key of `{'.'.join(map(str, at))}`; {here}"

    def missing_keys(self, errors: Iterable[ErrorDetails], misspelt: set[Pointer]) -> None:
        for error in errors:
            *above, key = error["loc"]
            parent = self.pointer(above)
            node = self.document.node(parent)
            if (*parent, key) in misspelt or self.is_quiet(parent) or (node and node.span in self.document.partial):
                continue
            self.diagnostics.add(
                codes.MISSING_KEY, f"`{key}` is missing", self.document.key_span(parent), help=f"{key}: ..."
            )

    def value(self, place: Pointer, errors: Sequence[ErrorDetails]) -> None:
        """Report what is wrong with one value; several errors are a union's branches, or of one cause."""
        node = self.document.node(place)
        types = [_TYPES[error["type"]] for error in errors if error["type"] in _TYPES]
        if types and len(types) == len(errors):
            wider = [name for name in dict.fromkeys(types) if name != "a whole number" or "a number" not in types]
            self.wrong_type(place, node, wider)
            return
        error = next(error for error in errors if error["type"] not in _TYPES)
        kind, context = error["type"], error.get("ctx", {})
        what = _called(place)
        if kind in _RANGES:
            wanted = "a whole number" if isinstance(node, Scalar) and isinstance(node.value, int) else None
            advice = for_value(wanted, self.facts(place))
            said = re.sub(r"\b(1 \w+)s$", r"\1", _RANGES[kind].format(**context))
            self.add(codes.OUT_OF_RANGE, place, f"{what} {said}", advice)
        elif kind in {"literal_error", "enum", "union_tag_invalid"}:
            allowed = re.findall(r"'([^']*)'", str(context.get("expected") or context.get("expected_tags") or ""))
            found = node.text if isinstance(node, Scalar) else ""
            help_ = did_you_mean(found, allowed, f"one of {one_of(allowed)}")
            self.add(codes.UNKNOWN_VALUE, place, f"{what} has no value `{found}`", help_)
        elif kind == "secret_reference":
            self.add(codes.SECRET_VALUE, place, error["msg"], HELP)
        elif kind == "string_pattern_mismatch":
            self.add(codes.BAD_FORM, place, f"{what} must have the form `{context['pattern']}`", None)
        elif kind in {"value_error", "assertion_error"} or kind not in get_args(ErrorType):
            # a sentence of our own
            message = error["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
            said = message[:1].lower() + message[1:] if message[1:2].islower() else message
            self.add(codes.BAD_FORM, place, said, for_form(place[-1], context.get("meant"), context.get("amiss")))
        else:
            self.add(codes.BAD_FORM, place, f"{what} cannot be read", for_value(None, self.facts(place)))

    def wrong_type(self, place: Pointer, node: Node | None, types: Sequence[str]) -> None:
        what, wanted = _called(place), " or ".join(types)
        if isinstance(node, Scalar) and isinstance(node.value, float):
            exact = f"write {wanted}"
            if "text" in types:
                pattern = self.facts(place).pattern
                fits = pattern is None or re.search(pattern, node.text) is not None
                exact = f'write it as text: "{node.text}"' if fits else f"text, {for_value(None, self.facts(place))}"
            self.add(codes.INEXACT_NUMBER, place, f"{what} must be exact, and a decimal number is not", exact)
            return
        facts = self.facts(place)
        if facts.kind is not None and isinstance(node, Scalar) and node.value is None:
            names = sorted(self.names(facts.kind))
            advice: str | None = f"{place[-1]}: {names[0]}" if len(names) == 1 else f"one of {one_of(names)}"
        else:
            advice = for_type(place[-1] if isinstance(place[-1], str) else None, node, types, facts)
        self.add(codes.WRONG_TYPE, place, f"{what} must be {wanted}, and is {_kind(node)}", advice)

    def add(self, code: Code, place: Pointer, message: str, help_: str | None) -> None:
        span = self.document.span(place)
        if span[1:3] == span[3:5]:
            span = self.document.key_span(place)  # nothing stands there, so there is nothing to show
        self.diagnostics.add(code, message, span, help=help_)

    def facts(self, place: Pointer) -> Facts:
        """What the field at a place says of its values."""
        return facts_at(self.model, place[1:])

    def pointer(self, place: Iterable[str | int]) -> Pointer:
        """Where in the document an error is: a place without what is no step there; what is missing stays."""
        pointer: Pointer = ("spec",)
        parts = list(place)
        for index, part in enumerate(parts):
            is_last = index == len(parts) - 1
            node = self.document.node(pointer)
            there = self.document.node((*pointer, part)) is not None
            if there or (is_last and isinstance(node, Mapping) and part != "[key]"):
                pointer = (*pointer, part)
        return pointer

    def is_quiet(self, place: Pointer) -> bool:
        """Whether a finding already speaks of a place, or of what it lies in."""
        if not self.quiet:
            return False
        places = [place[:length] for length in range(1, len(place) + 1)]
        nodes = [self.document.node(item) for item in places]
        return any(node is not None and node.span in self.quiet for node in nodes) or any(
            self.document.key_span(item) in self.quiet for item in places
        )


def _called(place: Pointer) -> str:
    """`key`, or `item 2 of `key``."""
    if isinstance(place[-1], int):
        return f"item {place[-1] + 1} of {_called(place[:-1])}"
    return f"`{place[-1]}`"


def _kind(node: Node | None) -> str:
    if isinstance(node, Items):
        return "a list"
    if isinstance(node, Scalar):
        match node.value:
            case None:
                return "empty"
            case bool():
                return "a truth value"
            case int():
                return "a whole number"
            case float():
                return "a decimal number"
        return "text"
    return "a mapping"
