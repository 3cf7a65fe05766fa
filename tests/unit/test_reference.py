"""JSON Schemas and reference pages: they say what the kinds say, and are up to date."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from typer import Typer
from typer.testing import CliRunner

from compiler.cli.schema import register
from compiler.diagnostics.model import Diagnostics
from compiler.domains.domain import Kind
from compiler.domains.registry import ALL, KINDS
from compiler.domains.written import written
from compiler.driver import check_tree
from compiler.parse import parse
from compiler.reference import example, reference, schema
from compiler.source import from_files
from tests.cases.inputs import ROOT, own_tree

SCHEMAS = {kind.name: schema(kind) for kind in KINDS}


def value_of(text: str, path: str = "flags/example.yaml") -> Any:
    diagnostics = Diagnostics()
    document = parse({path: text.encode()}, diagnostics)[path]
    assert document is not None
    assert list(diagnostics) == []
    return written(document.root)


def path_of(kind: Kind) -> str:
    return f"{kind.folder}/{kind.only or 'example'}.yaml"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_schema_is_one_of_its_draft_and_takes_the_smallest_document(kind: Kind) -> None:
    Draft202012Validator.check_schema(SCHEMAS[kind.name])
    Draft202012Validator(SCHEMAS[kind.name]).validate(value_of(example(kind)))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_smallest_document_of_a_page_is_read_without_a_finding_about_its_fields(kind: Kind) -> None:
    diagnostics = Diagnostics()
    check_tree(from_files({path_of(kind): example(kind).encode()}), diagnostics)
    # what it refers to is not there
    assert {item.code.id for item in diagnostics if item.code.id.startswith(("MC00", "MC01"))} <= {"MC0012"}


def test_an_editor_has_no_objection_to_the_own_repository() -> None:
    one_for_all = reference(ALL)["compiler/schemas/resource.json"]
    registry: Registry[Any] = Registry().with_resources(
        (value["$id"], Resource.from_contents(value)) for value in SCHEMAS.values()
    )
    validator = Draft202012Validator(json.loads(one_for_all), registry=registry)
    files = {path: data for path, data in own_tree().items() if path.endswith(".yaml")}
    assert len(files) > 30
    for path, data in files.items():
        assert [error.message for error in validator.iter_errors(value_of(data.decode(), path))] == [], path


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("type: boolean", "type: bool"),
        ("default: disabled", "defualt: disabled"),
        ("ttl_seconds: 604800", "ttl_seconds: a week"),
        ("kind: Flag", "kind: Tenant"),
        ("created: 2026-11-24", "created: 24"),
    ],
)
def test_an_editor_sees_a_mistake_of_form(old: str, new: str) -> None:
    flag = next(kind for kind in KINDS if kind.name == "Flag")
    text = example(flag)
    assert old in text
    assert not Draft202012Validator(SCHEMAS["Flag"]).is_valid(value_of(text.replace(old, new)))


@pytest.mark.parametrize("line", ["retention_days:", "overrides: null", "quotas: {graph_nodes: ~}"])
def test_an_editor_sees_a_value_that_is_forgotten_as_check_does(line: str) -> None:
    tenant = next(kind for kind in KINDS if kind.name == "Tenant")
    text = example(tenant)
    assert Draft202012Validator(SCHEMAS["Tenant"]).is_valid(value_of(text))
    text += f"\n  {line}\n"
    assert not Draft202012Validator(SCHEMAS["Tenant"]).is_valid(value_of(text))
    diagnostics = Diagnostics()
    check_tree(from_files({path_of(tenant): text.encode()}), diagnostics)
    assert [item.message for item in diagnostics if item.code.id == "MC0112"] == [
        f"`{'graph_nodes' if 'graph' in line else line.partition(':')[0]}` is empty"
    ]


def test_every_field_of_every_kind_has_a_meaning() -> None:
    for path, page in reference(ALL).items():
        if path.startswith("docs/kinds/") and path != "docs/kinds/README.md":
            table = [line.split(" | ") for line in page.splitlines() if line.startswith("| `")]
            assert table
            assert all(len(row) == 5 and row[1].strip() and row[3].strip() for row in table), path


def test_what_is_committed_is_what_would_be_written() -> None:
    for path, text in reference(ALL).items():
        assert (ROOT / path).read_text(encoding="utf-8") == text, f"{path}: conductor schema"


def test_the_command_writes_what_is_missing_says_what_is_stale_and_removes_what_is_gone(tmp_path: Path) -> None:
    app, run = Typer(), CliRunner().invoke
    register(app)
    arguments = ["--repo", str(tmp_path)]
    assert run(app, [*arguments, "--check"]).exit_code == 1
    assert "compiler/schemas/flag.json\n" in run(app, arguments).output
    (tmp_path / "docs/kinds/flag.md").write_text("by hand")
    (tmp_path / "compiler/schemas/gadget.json").write_text("{}")
    stale = run(app, [*arguments, "--check"])
    assert stale.exit_code == 1
    assert "docs/kinds/flag.md: is not up to date" in stale.output
    assert "compiler/schemas/gadget.json: belongs to no kind" in stale.output
    assert run(app, arguments).exit_code == 0
    assert run(app, [*arguments, "--check"]).exit_code == 0
    assert not (tmp_path / "compiler/schemas/gadget.json").exists()
