"""Text -> its JSON value, if nothing in it is odd; part of the stage `parse`.

Most files have no mistake, so nobody ever asks where something stands in them: reading values alone takes two thirds of
the time and a third of the memory of reading nodes with spans. Rules kept: what has a value here has that value in
`compiler.parse`, without a finding (a property holds the two together); for whatever else, that stage is asked.
"""

from __future__ import annotations

import hashlib
import sys
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from yaml import YAMLError, __version__
from yaml._yaml import CParser, get_version_string
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


class Values(Protocol):
    """What remembers values by the bytes they were read from."""

    def get(self, data: bytes) -> dict[str, JSON] | None:
        """Return the value of these bytes; None if it is not known."""

    def put(self, data: bytes, value: dict[str, JSON]) -> None:
        """Note the value of these bytes."""


class _NoValues:
    def get(self, data: bytes) -> dict[str, JSON] | None:  # noqa: ARG002 -- nothing is known of any
        return None

    def put(self, data: bytes, value: dict[str, JSON]) -> None:
        pass


_READERS = ("parse.py", "scalars.py", "syntax.py", "text.py", "values.py")


@cache
def reader() -> str:
    """SHA-256 (hex) of all that makes values of bytes: what another one has read is not ours."""
    digest = hashlib.sha256(f"{__version__} {get_version_string()}".encode())
    for name in _READERS:
        digest.update(hashlib.sha256(Path(__file__).with_name(name).read_bytes()).digest())
    return digest.hexdigest()


NO_VALUES: Values = _NoValues()


def value_of(text: str, max_depth: int) -> dict[str, JSON] | None:
    """Return the mapping that a text is; None if only `compiler.parse` can tell."""
    try:
        value = _value(text, max_depth)
    except YAMLError:
        return None
    return value if isinstance(value, dict) else None


def _value(text: str, max_depth: int) -> Any:
    get, resolve, intern = CParser(text).get_event, resolve_plain, sys.intern
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
                key = intern(value)  # a thousand tenants have the same keys
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
