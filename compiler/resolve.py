"""Resources -> Model: every name is declared once, and every reference points at something.

Generic over the kinds: a field says `RefersTo("Blueprint")`, and this stage does the rest. A resource with a reference
to nothing is left out of the model, so that the domains' rules never follow one.
"""

from __future__ import annotations

from compiler.decode import Resources
from compiler.diagnostics import codes
from compiler.diagnostics.model import Diagnostics, Label
from compiler.diagnostics.suggest import nearest
from compiler.domains.domain import Model, Resource, Spec
from compiler.shape import named, references


def resolve(resources: Resources, diagnostics: Diagnostics) -> Model:
    """Return the model of everything that is sound in itself."""
    model: dict[str, dict[str, Resource[Spec]]] = {}
    incomplete = set(resources.incomplete)
    unique = _unique(resources, diagnostics)
    by_kind = _labels(unique)
    for resource in unique:
        if _refers(resource, resources, by_kind, diagnostics):
            model.setdefault(resource.kind.name, {})[resource.name] = resource
        else:
            incomplete.add(resource.kind.name)
    return Model(model, frozenset(incomplete))


def _unique(resources: Resources, diagnostics: Diagnostics) -> list[Resource[Spec]]:
    """Names are those of the files, so two of one kind cannot share a name unless one of them is wrong."""
    right: dict[tuple[str, str], Resource[Spec]] = {}
    wrong: list[Resource[Spec]] = []
    for resource in resources.resources:
        if _stem(resource) == resource.name and (resource.kind.name, resource.name) not in right:
            right[resource.kind.name, resource.name] = resource
        elif resource.kind.only is None or _stem(resource) != resource.name:
            wrong.append(resource)
    kept = list(right.values())
    for resource in wrong:
        other = right.get((resource.kind.name, resource.name))
        if other is not None:
            diagnostics.add(
                codes.DUPLICATE_NAME,
                f"{called(resource.kind.name)} `{resource.name}` is declared twice",
                Label(resource.name_span, "again here"),
                Label(other.name_span, "first here"),
                help=f"name: {_stem(resource)}",
            )
        else:
            diagnostics.add(
                codes.NAME_DIFFERS,
                f"`{resource.name}` is not the name of its file",
                resource.name_span,
                help=f"name: {_stem(resource)}",
            )
            right[resource.kind.name, resource.name] = resource
            kept.append(resource)
    return kept


def _refers(
    resource: Resource[Spec],
    resources: Resources,
    by_kind: dict[str, dict[str, Resource[Spec]]],
    diagnostics: Diagnostics,
) -> bool:
    """Whether every reference of a resource points at a resource of the model or at a declared name."""
    sound = True
    for path, kind in references(type(resource.spec)):
        declared = resources.declared.get(kind, {})
        for at, name, is_key in named(resource.spec, path):
            if name in by_kind.get(kind, {}):
                continue
            sound = False
            if name in declared:
                continue  # what it refers to has a finding of its own
            span = resource.key_span(*at) if is_key else resource.span(*at)
            near = nearest(name, declared)
            similar = by_kind.get(kind, {}).get(near or "")
            word = called(kind)
            others = (
                [] if similar is None else [Label(similar.name_span, f"a {word} with a similar name is declared here")]
            )
            diagnostics.add(
                codes.UNKNOWN_REFERENCE,
                f"unknown {word} `{name}`",
                Label(span, f"no {word} has this name"),
                *others,
                help=f"did you mean `{near}`?" if near else "declare it, or name one that exists",
            )
    return sound


def called(kind: str) -> str:
    """Return a kind's name as a sentence has it: `ApprovalPolicy` is an approval policy."""
    return "".join(f" {char.lower()}" if char.isupper() else char for char in kind).strip()


def _labels(resources: list[Resource[Spec]]) -> dict[str, dict[str, Resource[Spec]]]:
    found: dict[str, dict[str, Resource[Spec]]] = {}
    for resource in resources:
        found.setdefault(resource.kind.name, {})[resource.name] = resource
    return found


def _stem(resource: Resource[Spec]) -> str:
    return resource.document.path.rsplit("/", 1)[-1].removesuffix(".yaml")
