"""Model -> CheckedModel: each domain's rules, then the repository's own Rego (`conductor/deny`).

Rules kept: about a resource that a finding speaks of already, nothing more is said; what the policy holds against a
resource is a finding at the YAML that its JSON pointer names, and what it holds against the roles of all people one at
the first of them; a policy that gives no answer lets nothing through.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from compiler import rego
from compiler.aside import Deny
from compiler.diagnostics import codes
from compiler.diagnostics.model import Diagnostic, Diagnostics, Label, Severity, Span
from compiler.domains.domain import Domain, Model, Resource, Spec
from compiler.nodes import Mapping as MappingNode
from compiler.nodes import Pointer
from runtime.contract.policy_input import ROLES, DenyInput
from runtime.policy.engine import BATCH, NOBODY_IN_PARTICULAR, PolicyError

_NAMES_NOTHING = frozenset({codes.UNKNOWN_ROLE, codes.REGION_WITHOUT_TARGET})


@dataclass(frozen=True)
class CheckedModel:
    """A model, and whether it may be rendered: no error was found in anything it was made of."""

    model: Model
    sound: bool


def check(
    model: Model, files: Mapping[str, bytes], domains: Iterable[Domain], deny: Deny, diagnostics: Diagnostics
) -> CheckedModel:
    """Ask every rule; `deny` asks policy.wasm."""
    domains = tuple(domains)
    found = Diagnostics()
    for domain in domains:
        domain.check(model, found)
    # only an error lets a resource go unasked: with one, nothing is rendered
    spoken_of = model.doubtful | {item.primary.span.path for item in found if item.severity is Severity.ERROR}
    asked = [
        (domain, resource)
        for domain in domains
        for kind in domain.kinds
        for _, resource in sorted(model.resources.get(kind.name, {}).items())
        if resource.document.path not in spoken_of
    ]
    _ask_policy(model, files, asked, deny, found)
    told = frozenset(item.primary.span for item in diagnostics)
    diagnostics.extend(item for item in found if _holds(item, model, told))
    return CheckedModel(model, sound=not diagnostics.failed)


def _holds(item: Diagnostic, model: Model, told: AbstractSet[Span]) -> bool:
    """Whether a finding is true whatever else is wrong where it looks: none of its resources is doubtful, or it says of
    the very word that stands there that nothing has this name, and nothing else was said of it."""
    doubtful = {span.path for span in _spans(item)} & model.doubtful
    if not doubtful:
        return True
    at = item.primary.span
    if item.code not in _NAMES_NOTHING or at in told:
        return False
    read = [resource.document for named in model.resources.values() for resource in named.values()]
    documents = (document for document in (*read, *(one for _, one in model.left_out)) if document.path == at.path)
    return any(at not in one.doubtful and f"`{one.written(at)}`" in item.message for one in documents)


def _spans(item: Diagnostic) -> Iterable[Span]:
    return (item.primary.span, *(label.span for label in item.secondary))


def _ask_policy(
    model: Model,
    files: Mapping[str, bytes],
    resources: Sequence[tuple[Domain, Resource[Spec]]],
    deny: Deny,
    diagnostics: Diagnostics,
) -> None:
    wasm = rego.check(files, diagnostics)
    if wasm is None:
        return  # a repository without a policy, or the finding says what keeps it from being asked
    roles = sorted(_roles(model, [resource for _, resource in resources]))
    batches: Iterator[DenyInput] = (
        {
            "resources": [
                domain.policy_input(resource, model) for domain, resource in resources[start : start + BATCH]
            ],
            "roles": roles,
        }
        for start in range(0, len(resources), BATCH)
    )
    try:
        denials = deny(wasm, batches)
    except PolicyError as error:
        at = Label(Span(rego.LOCK, 1, 1, 1, 1))
        diagnostics.add(codes.POLICY_UNUSABLE, error.message, at, help=error.help)
        return
    by_name = {(resource.kind.name, resource.name): resource for _, resource in resources}
    for denial in denials:
        if denial[:3] == NOBODY_IN_PARTICULAR:
            at = Label(_roles_span([resource for _, resource in resources]), f"policy `{denial.rule}`")
            file = rego.file_of(denial.rule, files)
            help_ = f"give the role to a person in policies/people/; the rule stands in {file}"
            diagnostics.add(codes.POLICY_DENIED, denial.message, at, help=help_)
            continue
        resource = by_name.get((denial.kind, denial.name))
        if resource is None:
            message = f"policy `{denial.rule}` denies {denial.kind} `{denial.name}`, which it was not asked about"
            diagnostics.add(codes.POLICY_UNUSABLE, message, Label(Span(rego.LOCK, 1, 1, 1, 1)))
            continue
        at = Label(_place(resource, denial.pointer), f"policy `{denial.rule}`")
        diagnostics.add(
            codes.POLICY_DENIED, denial.message, at, help=f"the rule is in {rego.file_of(denial.rule, files)}"
        )


def _place(resource: Resource[Spec], pointer: str) -> Span:
    """The span a JSON pointer (RFC 6901) names; of the nearest parent where it names nothing."""
    document = resource.document
    place: Pointer = ()
    for part in pointer.split("/")[1:]:
        step: str | int = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(document.node(place), MappingNode) and part.isdecimal():
            step = int(part)
        place = (*place, step)
    return document.span(place)


def _roles_span(resources: Sequence[Resource[Spec]]) -> Span:
    """Where a role that nobody has could be given: at the first person; at the first resource where there is none."""
    people = [resource for resource in resources if resource.kind.name == "Person"]
    return people[0].key_span("roles") if people else resources[0].name_span


def _roles(model: Model, resources: Iterable[Resource[Spec]]) -> set[str]:
    """Roles that somebody has. Whoever has a mistake may have any: it is not one more at every flag."""
    people = [resource for resource in resources if resource.kind.name == "Person"]
    if not model.whole("Person") or len(people) < len(model.resources.get("Person", {})):
        return set(ROLES)
    return {role for person in people for role in getattr(person.spec, "roles", ())}
