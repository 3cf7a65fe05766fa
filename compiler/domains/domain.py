"""What a domain gives to the compiler: its kinds, its rules, its rendering (plan, section 3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Generic, TypeVar

from compiler.diagnostics.model import Diagnostics, Span
from compiler.nodes import Document, Pointer
from runtime.contract.canonical import JSON
from runtime.contract.strict import Strict


class Spec(Strict):
    """Base of every kind's `spec`: frozen, strict, no unknown keys."""


S = TypeVar("S", bound=Spec)
T = TypeVar("T")


@dataclass(frozen=True)
class RefersTo:
    """Annotation of a spec's field that names another resource: `blueprint: Annotated[str, RefersTo("Blueprint")]`.

    `resolve` checks every one of them. Works on a str, on items of a tuple and on keys of a dict.
    """

    kind: str
    followed: bool = True
    """Whether rules or rendering look into what is named: a resource whose name leads nowhere is then left out."""


@dataclass(frozen=True)
class Kind:
    """A kind: `name` as in YAML, `slug` as in the bundle's paths, the folder its files lie in, its spec's model.

    `only` is the one name a kind may have (`policies/approvals.yaml`); None: any.
    """

    name: str
    slug: str
    folder: str
    spec: type[Spec]
    only: str | None = None


@dataclass(frozen=True)
class Resource(Generic[S]):
    """One decoded document."""

    kind: Kind
    name: str
    labels: Mapping[str, str]
    description: str
    spec: S
    document: Document

    def span(self, *pointer: str | int) -> Span:
        """The span of a value below `spec`; of its nearest parent if it is left out."""
        return self.document.span(("spec", *pointer))

    def key_span(self, *pointer: str | int) -> Span:
        """The span of a key below `spec`."""
        return self.document.key_span(("spec", *pointer))

    @property
    def name_span(self) -> Span:
        """The span of `metadata.name`."""
        return self.document.span(("metadata", "name"))


@dataclass(frozen=True)
class Model:
    """All resources of a tree: kind -> name -> resource. References of it point at something once it is resolved."""

    resources: Mapping[str, Mapping[str, Resource[Spec]]]
    incomplete: frozenset[str] = frozenset()
    """Kinds of which a resource is left out: it could not be read, or refers to nothing where a rule would follow."""
    doubtful: frozenset[str] = frozenset()
    """Paths of resources that are here without what is wrong in them: `check` says nothing more about them."""
    left_out: tuple[tuple[str, Document], ...] = ()
    """Kind and document of what is left out, as it is written: for rules about one word of it."""
    _made: dict[Callable[[Model], object], object] = field(default_factory=dict, compare=False, repr=False)

    def once(self, make: Callable[[Model], T]) -> T:
        """What `make` gives for this model, made at the first call: an index that rendering many resources asks for."""
        if make not in self._made:
            self._made[make] = make(self)
        return self._made[make]  # type: ignore[return-value]  # keyed by the function that made it

    def all(self, spec: type[S]) -> Mapping[str, Resource[S]]:
        """Every resource whose kind has this spec, by name, sorted."""
        return self._by_spec.get(spec, {})  # type: ignore[return-value]  # keyed by the very type

    def whole(self, *kinds: str) -> bool:
        """Whether every resource of these kinds is here: a rule about all of them asks this before it finds fault."""
        return self.incomplete.isdisjoint(kinds)

    @cached_property
    def _by_spec(self) -> Mapping[type[Spec], Mapping[str, Resource[Spec]]]:
        return {
            next(iter(named.values())).kind.spec: dict(sorted(named.items()))
            for named in self.resources.values()
            if named
        }


@dataclass(frozen=True)
class Domain:
    """`check(model, diagnostics)` adds findings; `render(resource, model)` gives the files of one resource.

    `policy_input(resource, model)` is what `conductor/deny` is told about one resource, with JSON pointers that are
    valid in its YAML document.
    """

    name: str
    kinds: tuple[Kind, ...]
    check: Callable[[Model, Diagnostics], None]
    render: Callable[[Resource[Spec], Model], Iterable[tuple[str, bytes]]]
    policy_input: Callable[[Resource[Spec], Model], JSON]


__all__ = ["Domain", "Kind", "Model", "Pointer", "RefersTo", "Resource", "Spec"]
