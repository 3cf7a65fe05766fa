"""Node -> JSON as it was written: what a policy is told about a resource.

Rules kept: every JSON pointer into the value is one into the YAML document; no floats, a decimal is its text.
"""

from __future__ import annotations

from compiler.domains.domain import Resource, Spec
from compiler.nodes import Mapping, Node, Scalar
from runtime.contract.canonical import JSON


def written(node: Node | None) -> JSON:
    """Return the node's value; a number with a fraction becomes its decimal text."""
    if node is None:
        return None
    if isinstance(node, Scalar):
        return node.text if isinstance(node.value, float) else node.value
    if isinstance(node, Mapping):
        return {key: written(entry.value) for key, entry in node.entries.items()}
    return [written(item) for item in node.items]


def as_input(resource: Resource[Spec], derived: JSON) -> JSON:
    """Return one resource as `conductor/deny` is told it; `derived` holds facts that are not in its own document."""
    document = resource.document
    return {
        "kind": resource.kind.name,
        "name": resource.name,
        "path": document.path,
        "spec": written(document.node(("spec",))) if document.value is None else document.value.get("spec"),
        "derived": derived,
    }
