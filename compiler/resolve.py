"""Resources -> Model: every name is declared once, and every reference points at something.

Generic over the kinds: a field says `RefersTo("Blueprint")`, and this stage does the rest. A resource is left out of
the model if its content is not known, or if a rule would follow its reference to nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from compiler.decode import Husk, Resources
from compiler.diagnostics import codes
from compiler.diagnostics.model import Diagnostics, Label, Span
from compiler.diagnostics.suggest import nearest
from compiler.domains.domain import Model, RefersTo, Resource, Spec
from compiler.nodes import Document, Pointer, plain
from compiler.shape import named, references

Declared: TypeAlias = Resource[Spec] | Husk


def resolve(resources: Resources, diagnostics: Diagnostics) -> Model:
    """Return the model of everything that is sound in itself."""
    unique = _unique((*resources.resources, *resources.husks), diagnostics)
    there: dict[str, dict[str, Declared]] = {}
    for item in unique:
        there.setdefault(item.kind.name, {})[item.name] = item
    resolver = _Resolver(resources, there, diagnostics)
    model: dict[str, dict[str, Resource[Spec]]] = {}
    incomplete = set(resources.incomplete)
    left_out: list[tuple[str, Document]] = []
    for item in unique:
        can_follow = resolver.follow(item)
        if isinstance(item, Resource) and can_follow:
            model.setdefault(item.kind.name, {})[item.name] = item
        else:
            incomplete.add(item.kind.name)
            left_out.append((item.kind.name, item.document))
    return Model(model, frozenset(incomplete), frozenset(resources.doubtful), tuple(left_out))


def _unique(resources: Iterable[Declared], diagnostics: Diagnostics) -> list[Declared]:
    """Names are those of the files, so two of one kind cannot share a name unless one of them is wrong."""
    right: dict[tuple[str, str], Declared] = {}
    wrong: list[Declared] = []
    for item in resources:
        if _stem(item) == item.name and (item.kind.name, item.name) not in right:
            right[item.kind.name, item.name] = item
        elif _stem(item) != item.name:
            wrong.append(item)  # else it lies in a folder that is not its kind's, which was said
    for item in wrong:
        at, help_ = _name_span(item.document), f"name: {_stem(item)}"
        other = right.setdefault((item.kind.name, item.name), item)
        if other is item:
            diagnostics.add(codes.NAME_DIFFERS, f"`{item.name}` is not the name of its file", at, help=help_)
        else:
            diagnostics.twice(
                codes.DUPLICATE_NAME,
                f"{called(item.kind.name)} `{item.name}` is declared twice",
                again=at,
                first=_name_span(other.document),
                help=help_,
            )
    return list(right.values())


class _Resolver:
    """Follows references."""

    def __init__(self, resources: Resources, there: dict[str, dict[str, Declared]], diagnostics: Diagnostics) -> None:
        self.resources = resources
        self.there = there
        self.diagnostics = diagnostics

    def follow(self, item: Declared) -> bool:
        """Add a finding for each name that leads nowhere; say whether all those that rules follow lead somewhere."""
        can_follow = True
        value: Any = item.spec if isinstance(item, Resource) else _raw(item.document)
        for path, reference in references(item.kind.spec):
            for at, name, is_key in named(value, path):
                target = self.there.get(reference.kind, {}).get(name)
                if isinstance(target, Resource):
                    continue
                can_follow &= not reference.followed
                if target is None and name not in self.resources.declared.get(reference.kind, {}):
                    self.unknown(item.document, reference, ("spec", *at), name, is_key=is_key)
        return can_follow

    def unknown(self, document: Document, reference: RefersTo, at: Pointer, name: str, *, is_key: bool) -> None:
        """Say that a name leads nowhere, and where a similar one is declared."""
        span = document.key_span(at) if is_key else document.span(at)
        if span in document.doubtful:
            return
        word = called(reference.kind)
        near = nearest(name, self.resources.declared.get(reference.kind, {}))
        similar = self.there.get(reference.kind, {}).get(near or "")
        others = []
        if similar is not None:
            others.append(Label(_name_span(similar.document), f"a {word} with a similar name is declared here"))
        self.diagnostics.add(
            codes.UNKNOWN_REFERENCE,
            f"unknown {word} `{name}`",
            Label(span, f"no {word} has this name"),
            *others,
            help=f"did you mean `{near}`?" if near else "declare it, or name one that exists",
        )


def called(kind: str) -> str:
    """Return a kind's name as a sentence has it: `ApprovalPolicy` is an approval policy."""
    return "".join(f" {char.lower()}" if char.isupper() else char for char in kind).strip()


def _raw(document: Document) -> Any:
    node = document.node(("spec",))
    return None if node is None else plain(node)


def _stem(item: Declared) -> str:
    return item.document.path.rsplit("/", 1)[-1].removesuffix(".yaml")


def _name_span(document: Document) -> Span:
    return document.span(("metadata", "name"))
