"""YAML nodes with spans: what `parse` gives and `decode` reads. Values are JSON's; a float's text is kept.

A pointer is a tuple of keys and indices, `("spec", "rules", 0, "name")`. Nodes are tuples because a tree has very many.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias

from compiler.diagnostics.model import Span
from runtime.contract.canonical import JSON

Pointer: TypeAlias = tuple[str | int, ...]


class Scalar(NamedTuple):
    """A value; `text` is what stands in the file (`0.10` of a float)."""

    value: bool | int | float | str | None
    text: str
    span: Span


class Sequence(NamedTuple):
    """A list."""

    items: tuple[Node, ...]
    span: Span


class Entry(NamedTuple):
    """One key of a mapping with its value."""

    key: str
    key_span: Span
    value: Node


class Mapping(NamedTuple):
    """A mapping, in the file's order, keys unique."""

    entries: dict[str, Entry]
    span: Span


Node: TypeAlias = Scalar | Sequence | Mapping


def plain(node: Node) -> Any:
    """Return the JSON value of a node."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Mapping):
        return {key: plain(entry.value) for key, entry in node.entries.items()}
    return [plain(item) for item in node.items]


@dataclass(frozen=True)
class Document:
    """One file's document."""

    path: str
    data: bytes
    """The file's text, as UTF-8: of most files the very bytes that were read, which are there anyway."""
    read: Callable[[Document], Mapping] = field(compare=False, repr=False)
    """Gives the root, when somebody first asks where something stands."""
    value: MappingOf[str, JSON] | None = None
    """The whole as JSON, where it was read without nodes: there is no finding about it, and no float in it."""
    doubtful: frozenset[Span] = frozenset()
    """Nodes that a finding already speaks of: no later stage adds a second finding about them."""
    partial: frozenset[Span] = frozenset()
    """Mappings of which not every key is known: nothing is missing in them."""

    @property
    def text(self) -> str:
        """The file's text."""
        return self.data.decode()

    @cached_property
    def root(self) -> Mapping:
        """The nodes."""
        return self.read(self)

    def node(self, pointer: Pointer) -> Node | None:
        """The node a pointer names, None if there is none."""
        node: Node = self.root
        for part in pointer:
            if isinstance(node, Mapping) and isinstance(part, str) and part in node.entries:
                node = node.entries[part].value
            elif isinstance(node, Sequence) and isinstance(part, int) and 0 <= part < len(node.items):
                node = node.items[part]
            else:
                return None
        return node

    def span(self, pointer: Pointer) -> Span:
        """The span of the value a pointer names; of the nearest parent's key (or value) that exists otherwise."""
        node = self.node(pointer)
        if node is not None and (not isinstance(node, Mapping | Sequence) or not pointer):
            return node.span
        if node is not None:
            return self.key_span(pointer)
        return self.span(pointer[:-1])

    def written(self, span: Span) -> str:
        """What stands there in one line, without quotes."""
        line = self.text.split("\n")[span.line - 1] if span.line == span.end_line else ""
        return line[span.column - 1 : span.end_column - 1].strip("\"'")

    def key_span(self, pointer: Pointer) -> Span:
        """The span of the key that a pointer ends in; of the value where it ends in an index."""
        parent = self.node(pointer[:-1]) if pointer else None
        if isinstance(parent, Mapping) and isinstance(pointer[-1], str) and pointer[-1] in parent.entries:
            return parent.entries[pointer[-1]].key_span
        node = self.node(pointer)
        return node.span if node is not None else self.span(pointer[:-1])
