"""One finding a mistake, at the place where it is mended: what the golden cases do not show."""

from __future__ import annotations

from datetime import date

import pytest

from compiler.cli.check import findings
from compiler.diagnostics.as_json import as_json
from compiler.diagnostics.concise import concise
from compiler.diagnostics.full import full
from compiler.diagnostics.model import Diagnostics
from compiler.source import from_files
from tests.cases.inputs import base_tree

PATH = "tenants/acme-retail.yaml"
HEAD = "apiVersion: conductor/v1\nkind: Tenant\nmetadata:\n  name: acme-retail\n"


def check(**texts: str) -> Diagnostics:
    """Check the cases' base with other files: `tenant=`, or a path with `__` for `/`."""
    files = dict(base_tree())
    for name, text in texts.items():
        files[PATH if name == "tenant" else name.replace("__", "/") + ".yaml"] = text.encode()
    return findings(from_files(files), date(2026, 11, 24))


def said(diagnostics: Diagnostics) -> list[str]:
    return [
        line.split(": ", 1)[0].split(":", 1)[1] + " " + line.split("[")[1] for line in concise(diagnostics).splitlines()
    ]


def spec(*lines: str) -> str:
    return HEAD + "spec:\n" + "".join(f"  {line}\n" for line in lines)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # several mistakes of one file are all found
        (
            spec("bluepint: standard", "state: actve", "retention_days: soon", "legal_hold: yes"),
            [
                "6:3 MC0111]: unknown key `bluepint`",
                "7:10 MC0115]: `state` has no value `actve`",
                "8:19 MC0112]: `retention_days` must be a whole number, and is text",
                "9:15 MC0020]: `yes` means different things to different readers of YAML",
            ],
        ),
        # a header's mistakes do not hide those of the spec
        (
            spec("blueprint: standard", "state: actve").replace("conductor/v1", "conductor/v3"),
            ["1:13 MC0101]: apiVersion is `conductor/v3`", "7:10 MC0115]: `state` has no value `actve`"],
        ),
        # what is missing is found at the nearest key that is there
        (HEAD, ["1:1 MC0110]: `spec` is missing"]),
        (HEAD + "spec:\n", ["5:1 MC0110]: `blueprint` is missing"]),
        (HEAD + "spec: {}\n", ["5:1 MC0110]: `blueprint` is missing"]),
        (HEAD.replace("kind: Tenant\n", "") + "spec:\n  blueprint: standard\n", ["1:1 MC0110]: `kind` is missing"]),
        (
            HEAD.replace("  name: acme-retail\n", "  labels: {a: b}\n") + "spec:\n  blueprint: standard\n",
            ["3:1 MC0110]: `name` is missing"],
        ),
        # a misspelt key of the header is one mistake
        (
            HEAD.replace("metadata", "metdata") + "spec:\n  blueprint: standard\n",
            ["3:1 MC0111]: unknown key `metdata`"],
        ),
        (HEAD.replace("  name:", "  nam:") + "spec:\n  blueprint: standard\n", ["4:3 MC0111]: unknown key `nam`"]),
        # the wrong kind of value, at the value, or at the key where the value is a block
        (HEAD + "spec: standard\n", ["5:7 MC0112]: spec is a mapping"]),
        (HEAD + "spec:\n  - blueprint: standard\n", ["5:1 MC0112]: spec is a mapping"]),
        (
            spec("blueprint: standard", "budgets:", "  - monthly"),
            ["7:3 MC0112]: `budgets` must be a mapping, and is a list"],
        ),
        (
            spec("blueprint: standard", "contacts:", "  - purpose: owner", "    email: nobody"),
            ["9:14 MC0114]: an e-mail address looks like ops@example.com"],
        ),
        (
            spec("blueprint: standard", "contacts: {purpose: owner}"),
            ["7:3 MC0112]: `contacts` must be a list, and is a mapping"],
        ),
        (spec("blueprint: [standard]"), ["6:3 MC0112]: `blueprint` must be text, and is a list"]),
        (spec("blueprint:"), ["6:3 MC0112]: `blueprint` must be text, and is empty"]),
        # a key at the wrong depth is unknown there, and not also missing where it belongs
        (
            spec("blueprint: standard", "budgets:", '  monthly: "1.00"', "currency: EUR"),
            ["9:3 MC0111]: unknown key `currency`"],
        ),
        (
            spec("budgets:", '  monthly: "1.00"', "  currency: EUR", "  blueprint: standard"),
            ["9:5 MC0111]: unknown key `blueprint`"],
        ),
        (
            HEAD + "  spec:\n    blueprint: standard\n  state: actve\n",
            ["5:3 MC0111]: `spec` stands within `metadata`"],
        ),
        (
            HEAD.replace("  name", "name") + "spec: {blueprint: standard, state: actve}\n",
            ["4:1 MC0111]: `name` stands beside `metadata`"],
        ),
        # what a merge key may bring is not missing
        (
            spec("<<: *all", "state: actve"),
            ["6:3 MC0017]: a merge key is not allowed", "7:10 MC0115]: `state` has no value `actve`"],
        ),
        # what must be decided first is all that is said of a file
        (spec("<<<<<<< a", "state: actve").replace("  <", "<"), ["6:1 MC0024]: a merge conflict is not resolved"]),
        # a space or quote that YAML does not know
        (
            spec("blueprint:\u00a0standard", "state: actve"),
            ["6:13 MC0011]: a no-break space (U+00A0) is not allowed", "7:10 MC0115]: `state` has no value `actve`"],
        ),
        (spec("blueprint: \u2018standard\u2019"), ["6:14 MC0011]: `\u2018` (U+2018) is no quote in YAML"]),
        # an alias has no value, and nothing is said about what it would have been
        (
            spec("blueprint: &b standard", "state: *b"),
            ["6:14 MC0016]: anchor `&b` is not allowed", "7:10 MC0016]: alias `*b` is not allowed"],
        ),
        # templating is not YAML
        (spec("blueprint: {{ blueprint }}"), ["6:15 MC0022]: a key is not a list or mapping"]),
        # one finding for all carriage returns of a file
        (
            spec("blueprint: standard", "legal_hold: false").replace("\n", "\r\n"),
            ["1:25 MC0011]: a carriage return is not allowed"],
        ),
        ("\ufeff" + spec("blueprint: standard"), ["1:1 MC0011]: a byte order mark is not allowed"]),
        (
            spec("blueprint: standard").replace("acme-retail", "acme-retail\n  description: a\u202eb\u200bc"),
            [
                "5:17 MC0011]: the character U+202E is not allowed",
                "5:19 MC0011]: the character U+200B is not allowed",
            ],
        ),
        ("%YAML 1.2\n---\n" + spec("blueprint: standard"), ["1:1 MC0018]: a directive is not allowed"]),
        ("- a\n- b\n", ["1:1 MC0015]: a resource is a mapping"]),
        ("", ["1:1 MC0015]: the file is empty"]),
        ("---\n", ["2:1 MC0015]: a resource is a mapping"]),
        (spec("blueprint: standard", "blueprint: standard"), ["7:3 MC0019]: key `blueprint` stands twice"]),
        (spec('"blueprint": standard'), []),
        (
            HEAD.replace("name: acme-retail", "name: 12") + "spec: {blueprint: standard}\n",
            ["4:9 MC0112]: name is text"],
        ),
        (
            HEAD.replace("name: acme-retail", "name: acme-retail\n  labels: {tier: 1}")
            + "spec: {blueprint: standard}\n",
            ["5:18 MC0112]: label `tier` is text"],
        ),
    ],
)
def test_a_tenants_mistakes_are_found_where_they_are(text: str, expected: list[str]) -> None:
    assert said(check(tenant=text)) == expected


def test_a_mistake_in_a_blueprint_is_not_one_in_its_tenants() -> None:
    blueprint = base_tree()["tenants/blueprints/standard.yaml"].decode()
    broken = check(tenants__blueprints__standard=blueprint.replace("region: eu-central", "region: 12"))
    assert said(broken) == ["6:11 MC0112]: `region` must be text, and is a whole number"]
    unreadable = check(tenants__blueprints__standard=blueprint.replace("spec:", "spec: {"))
    assert [line.split(" ")[1] for line in said(unreadable)] == ["MC0013]:"]


def test_a_file_under_another_name_or_ending_is_one_mistake() -> None:
    files = dict(base_tree())
    files["tenants/acme-retail.yml"] = files.pop(PATH)
    found = findings(from_files(files), date(2026, 11, 24))
    assert said(found) == ["1:1 MC0001]: `tenants/acme-retail.yml` is not an input"]
    assert next(iter(found)).help == "mv tenants/acme-retail.yml tenants/acme-retail.yaml"


def test_an_unknown_name_suggests_the_nearest_one_and_shows_where_it_is() -> None:
    (finding,) = check(tenant=spec("blueprint: standart"))
    assert finding.help == "did you mean `standard`?"
    assert [label.span.path for label in finding.secondary] == ["tenants/blueprints/standard.yaml"]
    (finding,) = check(tenant=spec("blueprint: zzz"))
    assert finding.help == "declare it, or name one that exists"
    assert finding.secondary == ()


@pytest.mark.parametrize(
    "line",
    [
        "description: postgres://app:hunter2hunter2@db/main",
        "description: AKIAABCDEFGHIJKLMNOP",
        "description: ghp_abcdefghijklmnopqrstuvwxyz0123456789",
        'labels: {api_key: "hunter2hunter2"}',
        "labels: {db-password: hunter2hunter2}",
        "description: eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    ],
)
def test_a_secret_is_found_and_never_repeated(line: str) -> None:
    text = spec("blueprint: standard").replace("  name: acme-retail\n", f"  name: acme-retail\n  {line}\n")
    found = check(tenant=text)
    assert [item.code.id for item in found] == ["MC0118"]
    secret = line.partition(": ")[2].rpartition(": ")[2].strip('"}')
    shown = full(found, {PATH: text.encode()}) + concise(found) + as_json(found)
    assert secret not in shown
    assert "hunter2" not in shown


@pytest.mark.parametrize(
    "line",
    [
        "description: https://example.com/a?b=c",
        "labels: {token: env:TOKEN}",
        "labels: {password: file:/run/secrets/x}",
        "description: The secret of a good password is its length",
        "labels: {tokens: many}",
    ],
)
def test_what_only_speaks_of_secrets_is_none(line: str) -> None:
    text = spec("blueprint: standard").replace("  name: acme-retail\n", f"  name: acme-retail\n  {line}\n")
    assert said(check(tenant=text)) == []


def test_findings_are_sorted_by_path_and_line() -> None:
    files = {path: data.replace(b"spec:", b"sepc:") for path, data in base_tree().items()}
    found = list(findings(from_files(files), date(2026, 11, 24)))
    assert len(found) == len([path for path in files if path.endswith(".yaml")])
    assert [item.primary.span for item in found] == sorted(item.primary.span for item in found)


@pytest.mark.parametrize(
    ("line", "help_"),
    [
        ("retention_days: 3 years", "retention_days: 1095"),
        ("retention_days: 2w", "retention_days: 14"),
        ("retention_days: 36 hours", "a whole number from 1 to 36500, like 365"),
        ("retention_days: -1", "a whole number from 1 to 36500, like 365"),
        ('retention_days: "90"', "write it without quotes: 90"),
        ("retention_days: 090", '"090" for the text, 90 for the number'),
        ("retention_days: 0x_5A", '"0x_5A" for the text, 90 for the number'),
        ("retention_days: 1_000", '"1_000" for the text, 1000 for the number'),
        ("retention_days: 1:30", '"1:30"'),
        ("legal_hold: no", '"no" for the text, false for the truth value'),
        ('legal_hold: "No"', "write it without quotes: false"),
        ("legal_hold: perhaps", "true or false"),
        ("quotas: {graph_nodes: 50M}", "graph_nodes: 50000000"),
        ('quotas: {graph_nodes: "1,000,000"}', "graph_nodes: 1000000"),
        ("quotas: {graph_nodes: 1e300}", "write a whole number"),
        ("quotas: 5", None),
        ("quotas: [5]", "delete the dashes: these are keys, and no items of a list"),
        ("quotas: graph_nodes:5", "a space after `:`, as in `graph_nodes: 5`"),
        ("contacts: me@example.com", None),
    ],
)
def test_the_help_is_what_to_type(line: str, help_: str | None) -> None:
    (finding,) = check(tenant=spec("blueprint: standard", line))
    assert finding.help == help_
