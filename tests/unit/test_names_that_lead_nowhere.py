"""A name that leads nowhere is found in the same run as whatever else is wrong in its file, and never twice."""

from __future__ import annotations

import pytest

from compiler.diagnostics.concise import line
from compiler.diagnostics.model import Diagnostics
from compiler.driver import check_tree
from compiler.source import from_files
from tests.cases.inputs import base_tree

TENANT, GRANT, PERSON = "tenants/lost.yaml", "policies/grants/lost.yaml", "policies/people/lost.yaml"


def found(path: str, kind: str, spec: str) -> list[str]:
    """Code and place of each finding in one more file of the base."""
    text = f"apiVersion: conductor/v1\nkind: {kind}\nmetadata: {{name: lost}}\nspec: {spec}\n"
    diagnostics = Diagnostics()
    check_tree(from_files({**base_tree(), path: text.encode()}), diagnostics)
    assert {item.primary.span.path for item in diagnostics} == {path}, [line(item) for item in diagnostics]
    place = [item.primary.span for item in diagnostics]
    word = [text.splitlines()[at.line - 1][at.column - 1 : at.end_column - 1] for at in place]
    return [f"{item.code.id} {word}" for item, word in zip(diagnostics, word, strict=True)]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("{blueprint: standart, region: eu-centrl}", ["MC0012 standart", "MC0303 eu-centrl"]),
        ("{region: eu-centrl}", ["MC0110 spec", "MC0303 eu-centrl"]),
        ("{blueprint: standard, region: eu-centrl, retention_days: -1}", ["MC0303 eu-centrl", "MC0113 -1"]),
        ("{blueprint: standard, region: 5}", ["MC0112 5"]),
    ],
)
def test_a_region_is_found_beside_another_mistake_of_the_tenant(spec: str, expected: list[str]) -> None:
    assert found(TENANT, "Tenant", spec) == expected


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("{roles: [platfrom], scopes: [graph.raed], blueprints: [standard]}", ["MC0601 platfrom", "MC0115 graph.raed"]),
        (
            "{roles: [pm, platfrom], scopes: [graph.read, graph.raed], blueprints: [standard]}",
            ["MC0601 platfrom", "MC0115 graph.raed"],
        ),
        (
            "{roles: [5, platfrom], scopes: [graph.read], blueprints: [standart]}",
            ["MC0112 5", "MC0601 platfrom", "MC0012 standart"],
        ),
    ],
)
def test_a_role_is_found_beside_another_mistake_of_the_grant(spec: str, expected: list[str]) -> None:
    assert found(GRANT, "Grant", spec) == expected


def test_a_role_is_found_beside_another_mistake_of_the_person() -> None:
    assert found(PERSON, "Person", "{roles: [platfrom]}")[-1] == "MC0601 platfrom"
