"""SourceTree -> Documents: YAML events of libyaml -> nodes with spans (plan, section 4).

The subset: one document a file, a mapping at its root; no anchors, aliases, merge keys, tags, directives or duplicate
keys; keys are strings; YAML 1.2 core scalars, and what YAML 1.1 reads otherwise asks for quotes; nesting up to 32.
Rules kept:

- each mistake gives one finding, and reading goes on where it can: what was read of the file is still decoded, and the
  nodes a finding speaks of are remembered, so that no later stage speaks of them again;
- nothing in a file makes this stage fail: no recursion, no memory beyond a multiple of the file.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Mapping as MappingOf
from collections.abc import Sequence as SequenceOf
from functools import cached_property
from typing import Any

from yaml import MarkedYAMLError, YAMLError
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

from compiler.diagnostics import codes
from compiler.diagnostics.model import Diagnostics, Label, Span
from compiler.nodes import Document, Entry, Mapping, Node, Scalar, Sequence, plain
from compiler.scalars import MAX_SHOWN, Trouble, meant, resolve_plain
from compiler.syntax import Place, Stop, conflicts, syntax_error
from compiler.text import read_text
from compiler.values import NO_VALUES, Values, value_of
from runtime.contract.errors import ConductorError

MAX_DEPTH = 32

_CURLY = "\u00ab\u00bb\u2018\u2019\u201a\u201c\u201d\u201e"
"""Quotes for people: in YAML they are letters."""

_new = tuple.__new__


class WrongValueError(ConductorError):
    """What was remembered of a file is not what stands in it."""


def parse(
    files: MappingOf[str, bytes], diagnostics: Diagnostics, values: Values = NO_VALUES
) -> dict[str, Document | None]:
    """Read every YAML file; None stands for one that could not be read to its end. Other texts must be texts.

    `values` remembers what was read before; nodes are always read from the file.
    """
    for path, data in files.items():
        if path.endswith((".rego", ".json")):
            read_text(path, data, diagnostics)
    yaml = [(path, data) for path, data in files.items() if path.endswith(".yaml")]
    return {path: parse_file(path, data, diagnostics, values) for path, data in yaml}


def parse_file(path: str, data: bytes, diagnostics: Diagnostics, values: Values = NO_VALUES) -> Document | None:
    """Read one file."""
    known = values.get(data)
    if known is not None:
        return Document(path, data, _sound_root, known)
    found = read_text(path, data, diagnostics)
    if found is None:
        return None
    text, clean, odd = found
    if conflicts(path, text, diagnostics):
        return None
    if clean and not _has_curly(text) and (value := value_of(text, MAX_DEPTH)) is not None:
        values.put(data, value)
        return Document(path, data, _sound_root, value)
    builder = _Builder(path, text, diagnostics)
    try:
        root = builder.build()
    except YAMLError as error:
        if clean:  # else what stood there instead of the spaces may be the cause
            builder.syntax_error(error)
        return None
    if root is None:
        return None
    if not isinstance(root, Mapping):
        if not (isinstance(root, Scalar) and root.span in builder.doubtful):
            diagnostics.add(codes.NO_DOCUMENT, "a resource is a mapping", root.span, help=_SKELETON)
        return None
    builder.odd_texts(root, odd)
    builder.curly_quotes(root)
    return Document(path, text.encode(), lambda _: root, None, frozenset(builder.doubtful), frozenset(builder.partial))


def _sound_root(document: Document) -> Mapping:
    """Read the nodes of a text whose value is known; raises WrongValueError if it has another."""
    try:
        root = _Builder(document.path, document.text, Diagnostics()).build()
    except YAMLError:
        root = None
    if not isinstance(root, Mapping) or plain(root) != document.value:
        raise WrongValueError(f"{document.path} changed while it was being read", help="run the command again")
    return root


def _has_curly(text: str) -> bool:
    return not text.isascii() and any(char in text for char in _CURLY)


_SKELETON = "begin with `apiVersion: conductor/v1`, `kind:`, `metadata:` and `spec:`"


class _Builder:
    """Builds the nodes of one file from its events."""

    def __init__(self, path: str, text: str, diagnostics: Diagnostics) -> None:
        self.path = path
        self.text = text
        self.diagnostics = diagnostics
        self.doubtful: set[Span] = set()
        self.partial: set[Span] = set()
        self.merging: set[int] = set()
        self.repeated: tuple[int, int] | None = None

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the file."""
        return self.text.split("\n")

    def build(self) -> Node | None:  # noqa: PLR0915 -- one loop over all events, written out for speed
        """Return the root; None after a finding that ends the reading of the file."""
        path, get, resolve = self.path, CParser(self.text).get_event, resolve_plain
        # the open collection: `entries` of a mapping or `items` of a sequence; `key` waits for its value
        entries: dict[str, Entry] | None = None
        items: list[Node] | None = None
        key: str | None = None
        key_span: Span | None = None
        opened: Any = None
        stack: list[tuple[Any, ...]] = []
        root: Node | None = None
        odd: set[int] = set()  # where mappings begin that have a key that is none: nothing is known of such a mapping
        documents = 0
        node: Node
        while True:
            event: Any = get()
            kind = type(event)
            if kind is ScalarEvent:
                start, end = event.start_mark, event.end_mark
                span = _new(Span, (path, start.line + 1, start.column + 1, end.line + 1, end.column + 1))
                text = value = event.value
                if event.anchor is not None or event.tag is not None:
                    self.properties(event, span)
                elif event.style == "":
                    value = resolve(text)
                    if value.__class__ is Trouble:
                        value = self.trouble(value, text, span)
                if entries is not None and key is None:
                    key, key_span = text, span
                    if value.__class__ is not str:
                        self.odd_scalar(text, span)
                    continue
                node = _new(Scalar, (value, text, span))
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                stack.append((entries, items, key, key_span, opened))
                if len(stack) > MAX_DEPTH:
                    self.too_deep(event)
                    return None
                if event.anchor is not None or event.tag is not None:
                    self.properties(event, None)
                entries, items = ({}, None) if kind is MappingStartEvent else (None, [])
                key, opened = None, event.start_mark
                continue
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                end = event.end_mark
                span = _new(Span, (path, opened.line + 1, opened.column + 1, end.line + 1, end.column + 1))
                node = Sequence(tuple(items), span) if items is not None else Mapping(entries or {}, span)
                if odd and opened.index in odd:
                    self.doubtful.add(span)
                if self.merging and opened.index in self.merging:
                    self.partial.add(span)
                entries, items, key, key_span, opened = stack.pop()
            elif kind is AliasEvent:
                node = self.alias(event, merged=key == "<<")
            elif kind is DocumentStartEvent:
                documents += 1
                if not self.document(event, documents):
                    return root
                continue
            elif kind is StreamEndEvent:
                if not documents:
                    what = "holds nothing but comments" if self.text.strip() else "is empty"
                    self.diagnostics.add(
                        codes.NO_DOCUMENT, f"the file {what}", Label(Span(path, 1, 1, 1, 1)), help=_SKELETON
                    )
                return root
            else:
                continue
            if items is not None:
                items.append(node)
            elif entries is None:
                root = node
            elif key is None:
                key, key_span = self.odd_key(node), node.span
                odd.add(opened.index)
            else:
                if key in entries or key == "<<":
                    if key == "<<":
                        self.merging.add(opened.index)
                    self.odd_entry(entries, key, key_span or node.span, node)
                else:
                    entries[key] = _new(Entry, (key, key_span, node))
                key = None

    def odd_entry(self, entries: dict[str, Entry], key: str, key_span: Span, node: Node) -> None:
        """Say that a key stands twice, or merges; its value is not taken."""
        if key == "<<":
            self.diagnostics.add(
                codes.MERGE_KEY, "a merge key is not allowed", key_span, help="write the keys out where they are needed"
            )
            self.doubtful.add(node.span)
        elif self.repeated != (repeated := (id(entries), len(entries))):
            # several in a row are one mistake: the line that began another mapping is lost
            self.repeated = repeated
            self.diagnostics.twice(
                codes.DUPLICATE_KEY,
                f"key `{key}` stands twice",
                again=key_span,
                first=entries[key].key_span,
                help="delete one of the two",
            )

    def odd_scalar(self, text: str, span: Span) -> None:
        """Say that a scalar is no key."""
        what = "an empty key" if not text else f"key `{text}`"
        self.diagnostics.add(codes.KEY_TYPE, f"{what} is not text", span, help=f'"{text}":')
        self.doubtful.add(span)

    def odd_key(self, node: Node) -> str:
        """Say that a collection or an alias is no key."""
        if not isinstance(node, Scalar):
            span = node.span
            one_line = span.end_line == span.line
            self.diagnostics.add(
                codes.KEY_TYPE,
                "a key is not a list or mapping",
                span if one_line else Span(span.path, span.line, span.column, span.line, span.column + 1),
                help="quote text that begins with `{` or `[`",
            )
            self.doubtful.add(span)
        return f"\0{node.span.line}:{node.span.column}"  # no key that can be written, so it is never a duplicate

    def trouble(self, trouble: Trouble, text: str, span: Span) -> str:
        """Say why a plain scalar has no value."""
        if trouble is Trouble.AMBIGUOUS:
            self.diagnostics.add(
                codes.AMBIGUOUS_SCALAR,
                f"`{text}` means different things to different readers of YAML",
                Label(span, "needs quotes"),
                help=_with_quotes(text),
            )
        else:
            shown = text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"
            self.diagnostics.add(
                codes.NUMBER_RANGE, f"`{shown}` cannot be carried exactly", span, help=_with_quotes(text)
            )
        self.doubtful.add(span)
        return text

    def properties(self, event: Any, span: Span | None) -> None:
        """Say that an anchor or a tag is not allowed."""
        start = event.start_mark
        line = self.lines[start.line] if start.line < len(self.lines) else ""
        for match in re.finditer(r"[&!]\S*", line[start.column :]):
            column = start.column + match.start() + 1
            at = Span(self.path, start.line + 1, column, start.line + 1, column + len(match.group()))
            if match.group()[0] == "&" and event.anchor is not None:
                self.diagnostics.add(
                    codes.ANCHOR, f"anchor `{match.group()}` is not allowed", at, help="write the value out twice"
                )
                event.anchor = None
            elif match.group()[0] == "!" and event.tag is not None:
                self.diagnostics.add(codes.TAG, f"tag `{match.group()}` is not allowed", at, help="delete the tag")
                event.tag = None
        if span is not None:
            self.doubtful.add(span)

    def odd_texts(self, root: Node, odd: SequenceOf[tuple[int, int]]) -> None:
        """Remember the keys and values in which a character stands that may not, which was said."""
        nodes = [root] if odd else []
        while nodes:
            node = nodes.pop()
            if isinstance(node, Mapping):
                nodes += [entry.value for entry in node.entries.values()]
                keys = {entry.key_span for entry in node.entries.values() if _holds(entry.key_span, odd)}
                self.doubtful |= keys
                self.partial |= {node.span} if keys else set()
            elif isinstance(node, Sequence):
                nodes += node.items
            elif _holds(node.span, odd):
                self.doubtful.add(node.span)

    def curly_quotes(self, root: Node) -> None:
        """Find values between quotes that are none in YAML: they would be a part of the text."""
        if not _has_curly(self.text):
            return
        nodes = [root]
        while nodes:
            node = nodes.pop()
            if isinstance(node, Mapping):
                nodes += [entry.value for entry in node.entries.values()]
            elif isinstance(node, Sequence):
                nodes += node.items
            elif len(node.text) > 1 and node.text[0] in _CURLY and node.text[-1] in _CURLY:
                line, column = node.span.line, node.span.column
                if self.lines[line - 1][column - 1] in _CURLY:
                    self.diagnostics.add(
                        codes.BAD_CHARACTER,
                        f"`{node.text[0]}` (U+{ord(node.text[0]):04X}) is no quote in YAML",
                        node.span,
                        help=f'"{node.text[1:-1]}"',
                    )
                    self.doubtful.add(node.span)

    def alias(self, event: Any, *, merged: bool) -> Scalar:
        """Say that an alias is not allowed, unless the merge key says so; its value is unknown."""
        start, end = event.start_mark, event.end_mark
        span = Span(self.path, start.line + 1, start.column + 1, end.line + 1, end.column + 1)
        if not merged:
            self.diagnostics.add(
                codes.ANCHOR, f"alias `*{event.anchor}` is not allowed", span, help="write the value out here"
            )
        self.doubtful.add(span)
        return Scalar(None, "", span)

    def document(self, event: Any, number: int) -> bool:
        """Whether a document that starts may be read."""
        start = event.start_mark
        span = Span(self.path, start.line + 1, 1, start.line + 1, 4)
        if number > 1:
            self.diagnostics.add(
                codes.SEVERAL_DOCUMENTS, "a second document starts here", span, help="give each resource its own file"
            )
            return False
        if event.version is not None or event.tags:
            self.diagnostics.add(codes.TAG, "a directive is not allowed", span, help="delete the line that begins in %")
        return True

    def too_deep(self, event: Any) -> None:
        start = event.start_mark
        span = Span(self.path, start.line + 1, start.column + 1, start.line + 1, start.column + 2)
        self.diagnostics.add(
            codes.TOO_DEEP, f"nested deeper than {MAX_DEPTH}", span, help="no resource needs it: flatten what is there"
        )

    def syntax_error(self, error: YAMLError) -> None:
        """Say what libyaml says."""
        mark = getattr(error, "problem_mark", None)
        at = Place(mark.line + 1, mark.column + 1) if mark is not None else Place(1, 1)
        problem = str(getattr(error, "problem", None) or "not readable")
        begun = error.context_mark if isinstance(error, MarkedYAMLError) else None
        context = None
        if begun is not None:
            context = (Place(begun.line + 1, begun.column + 1), str(getattr(error, "context", "") or ""))
        syntax_error(self.path, self.lines, Stop(problem, at, context), self.diagnostics)


def _holds(span: Span, places: SequenceOf[tuple[int, int]]) -> bool:
    """Whether one of these lines and columns, which are sorted, is in a span."""
    first = bisect_left(places, span[1:3])
    return first < len(places) and places[first] < span[3:5]


def _with_quotes(text: str) -> str:
    """What to type for a plain scalar that has no value: the text, and what else may have been meant."""
    quoted = f'"{text}"' if len(text) <= MAX_SHOWN else "quotes around it"
    other = meant(text)
    return quoted if other is None else f"{quoted} for the text, {other}"
