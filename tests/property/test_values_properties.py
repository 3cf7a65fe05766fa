"""What is read without nodes is what is read with them, and what is decoded without them what is decoded with them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from compiler.decode import Resources, decode
from compiler.diagnostics.model import Diagnostics
from compiler.domains.registry import KINDS
from compiler.nodes import Document, plain
from compiler.parse import MAX_DEPTH, parse_file
from compiler.values import value_of

PATH = "tenants/acme.yaml"
TENANT = """\
apiVersion: conductor/v1
kind: Tenant
metadata:
  name: acme
  labels:
    tier: gold
  description: A tenant
spec:
  blueprint: standard
  region: eu-central
  budgets:
    monthly: "10.00"
    currency: EUR
  contacts:
    - purpose: owner
      email: ops@acme.example
  legal_hold: true
  retention_days: 90
  overrides:
    database:
      connection_limit: 5
""".splitlines(keepends=True)
PIECES = (
    *("a: b\n", "- x\n", "  ", "\n", "---\n", "...\n", "? k\n", "? [a]\n: b\n", "[", "]", "{", "}", ": ", "a: 1.5\n"),
    *("&a ", "*a", "<<: ", "!!str ", "!x ", "%YAML 1.2\n", "%TAG ! x\n", "yes", "012", "0x1F", "1e400", "~: 1\n", "<<"),
    *("'", '"', '"\\ud800"', "|\n  x\n", ">-\n  y\n", "#c\n", "\t", "é", "\xa0", "\u201cx\u201d", "<<<<<<< a\n"),
)
LINES = (
    *(
        "kind: Flag\n",
        "kind: tenant\n",
        "  name: other\n",
        "  name: Acme\n",
        "  name: 5\n",
        "  name: a--b\n",
        "spec:\n",
    ),
    *(
        "spec: {}\n",
        "  description: 5\n",
        "  labels: []\n",
        "    tier: 1\n",
        "  extra: x\n",
        "extra: x\n",
        "  region: 1\n",
    ),
    *("  password: hunter2\n", "  legal_hold: yes\n", "  retention_days: 1.5\n", "metadata: {name: acme}\n", "---\n"),
    *("  blueprint: &b standard\n", "apiVersion: conductor/v2\n", "  contacts:\n", "    - purpose: owner\n", "[]\n"),
)


def with_nodes(document: Document | None) -> Document | None:
    """The same document, as one of which the nodes are read."""
    return None if document is None else replace(document, value=None, read=lambda _: document.root)


def decoded(path: str, document: Document | None) -> tuple[Resources, list[Any]]:
    """Resources and findings."""
    diagnostics = Diagnostics()
    return decode({path: document}, (), KINDS, diagnostics), list(diagnostics)


def compared(resources: Resources) -> list[Any]:
    """All of a resource but its document, and what else was noted."""
    return [
        [(item.kind, item.name, item.labels, item.description, item.spec) for item in resources.resources],
        [(item.kind, item.name) for item in resources.husks],
        *(resources.declared, resources.incomplete, resources.doubtful),
    ]


@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join) | st.text(max_size=60))
@settings(max_examples=1500, deadline=None)
@example("a: {b: [1, {c: ~}], d: }\n")
@example("{a: 1, a: 2}")
@example("a: 0.10")
def test_a_text_has_the_value_of_its_nodes_or_none(text: str) -> None:
    diagnostics = Diagnostics()
    data = text.encode("utf-8", "surrogatepass")
    document = parse_file(PATH, data, diagnostics)
    if document is None or document.value is None:
        return
    assert not len(diagnostics)
    assert document.doubtful == document.partial == frozenset()
    # types too: 1 is true for Python
    assert json.dumps(plain(document.root)) == json.dumps(document.value)


@given(st.integers(0, 60), st.integers(0, 60))
@settings(deadline=None)
def test_a_text_that_is_nested_too_deep_has_no_value(lists: int, mappings: int) -> None:
    text = "a: " + "[" * lists + "{b: " * mappings + "x" + "}" * mappings + "]" * lists + "\n"
    assert (value_of(text, MAX_DEPTH) is not None) == (1 + lists + mappings <= MAX_DEPTH)


@given(
    st.lists(st.tuples(st.integers(0, len(TENANT)), st.integers(0, 3), st.sampled_from((*LINES, ""))), max_size=3),
    st.sampled_from((PATH, "tenants/Acme.yaml", "flags/acme.yaml", "policies/approvals.yaml", "tenants/other.yaml")),
)
@settings(max_examples=1500, deadline=None)
@example([], PATH)
def test_a_resource_is_decoded_alike_with_nodes_and_without(edits: list[tuple[int, int, str]], path: str) -> None:
    lines = list(TENANT)
    for at, gone, line in edits:
        lines[at : at + gone] = [line]
    document = parse_file(path, "".join(lines).encode(), Diagnostics())
    (one, found), (other, found_with_nodes) = decoded(path, document), decoded(path, with_nodes(document))
    assert found == found_with_nodes
    assert compared(one) == compared(other)


def test_a_faultless_tenant_needs_no_nodes() -> None:
    document = parse_file(PATH, "".join(TENANT).encode(), Diagnostics())
    assert document is not None
    (resources, found) = decoded(PATH, document)
    assert not found
    assert resources.resources[0].name == "acme"
    assert "root" not in vars(document)
