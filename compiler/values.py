"""Text -> its JSON value, if nothing in it is odd; part of the stage `parse`.

Most files have no mistake, so nobody ever asks where something stands in them: reading values alone takes two thirds of
the time and a third of the memory of reading nodes with spans. Rules kept: what has a value here has that value in
`compiler.parse`, without a finding (a property holds the two together); for whatever else, that stage is asked.
"""

from __future__ import annotations

from typing import Any

from yaml import YAMLError
from yaml._yaml import CParser
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from compiler.scalars import Trouble, resolve_plain
from runtime.contract.canonical import JSON

_UNREAD = (float, Trouble)
"""A float is kept as its text, and trouble is to be told."""


def value_of(text: str, max_depth: int) -> dict[str, JSON] | None:
    """Return the mapping that a text is; None if only `compiler.parse` can tell."""
    try:
        value = _value(text, max_depth)
    except YAMLError:
        return None
    return value if isinstance(value, dict) else None


def _value(text: str, max_depth: int) -> Any:
    get, resolve = CParser(text).get_event, resolve_plain
    # the open collection, and the key that waits for its value
    inside: Any = None
    is_mapping = False
    key: str | None = None
    stack: list[tuple[Any, bool, str | None]] = []
    root: Any = None
    documents = 0
    while True:
        event: Any = get()
        kind = type(event)
        if kind is ScalarEvent:
            value = event.value
            if event.anchor is not None or event.tag is not None:
                return None
            if event.style == "":
                value = resolve(value)
                if value.__class__ in _UNREAD:
                    return None
            if is_mapping and key is None:
                if value.__class__ is not str or value in inside or value == "<<":
                    return None
                key = value
                continue
        elif kind is MappingStartEvent or kind is SequenceStartEvent:
            if event.anchor is not None or event.tag is not None or (is_mapping and key is None):
                return None
            stack.append((inside, is_mapping, key))
            if len(stack) > max_depth:
                return None
            is_mapping = kind is MappingStartEvent
            inside, key = {} if is_mapping else [], None
            continue
        elif kind is MappingEndEvent or kind is SequenceEndEvent:
            value = inside
            inside, is_mapping, key = stack.pop()
        elif kind is DocumentStartEvent:
            documents += 1
            if documents > 1 or event.version is not None or event.tags:
                return None
            continue
        elif kind is StreamEndEvent:
            return root
        elif kind is AliasEvent:
            return None
        else:
            continue
        if is_mapping:
            inside[key] = value
            key = None
        elif inside is not None:
            inside.append(value)
        else:
            root = value
