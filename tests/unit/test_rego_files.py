"""The Rego, wasm and lock of a tree: what is built is asked, and what is not is found."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from compiler import opa, rego
from compiler.diagnostics.model import Diagnostics
from compiler.opa import Opa
from compiler.rego import LOCK, OPA_VERSION, WASM, Lock, check, file_of, lacking, sources
from compiler.wasm_builtins import LACKING, instead
from runtime.contract.errors import EnvironmentFailedError, FormatError
from tests.cases.inputs import ROOT, own_policy

REGO = {"policies/a.rego": b"package a\n", "policies/deep/b.rego": b"package b\n"}
OURS = dict(own_policy())


def built() -> dict[str, bytes]:
    return {**REGO, WASM: b"wasm", LOCK: Lock.of(REGO, b"wasm").data}


def found(files: dict[str, bytes]) -> list[tuple[str, str, list[str]]]:
    """Code, message and every label of each finding; none of them if the wasm may be asked."""
    diagnostics = Diagnostics()
    wasm = check(files, diagnostics)
    assert (wasm is None) == (diagnostics.failed or WASM not in files)
    return [
        (item.code.id, item.message, [f"{one.span.path}:{one.span.line} {one.text}" for one in labels])
        for item in diagnostics
        for labels in [(item.primary, *item.secondary)]
    ]


def test_own_policy_is_built() -> None:
    assert found(OURS) == []


def test_tests_are_no_part_of_the_wasm() -> None:
    files = built() | {"policies/a_test.rego": b"package a_test\n"}
    assert found(files) == []
    assert sorted(sources(files)) == ["policies/a.rego", "policies/deep/b.rego"]
    assert sorted(rego.tests(files)) == ["policies/a_test.rego"]


def test_tree_without_any_policy_has_none_and_no_finding() -> None:
    assert found({"tenants/acme.yaml": b""}) == []


def test_tree_in_which_people_approve_needs_a_policy() -> None:
    ((code, message, labels),) = found({"policies/approvals.yaml": b"apiVersion: conductor/v1\n"})
    assert (code, message) == ("MC0911", f"`{WASM}` is missing")
    assert labels == ["policies/approvals.yaml:1 without a policy no change of this tree could ever be taken"]


def test_every_kind_of_staleness_is_one_finding_that_names_each_file() -> None:
    files = built()
    files["policies/a.rego"] = b"package a # changed\n"
    del files["policies/deep/b.rego"]
    files["policies/c.rego"] = b"package c\n"
    assert found(files) == [
        (
            "MC0910",
            "policy.wasm is not built from this Rego",
            [
                "policies/a.rego:1 changed since policy.wasm was built",
                "policies/c.rego:1 new since policy.wasm was built",
                "policies/policy.lock.json:10 part of policy.wasm, and gone",
            ],
        )
    ]


def test_another_wasm_is_found() -> None:
    ((code, message, labels),) = found(built() | {WASM: b"another"})
    assert (code, message) == ("MC0910", "policy.wasm is another one")
    assert labels == ["policies/policy.lock.json:12 policies/policy.wasm has ae448ac86c4e…"]


@pytest.mark.parametrize("path", [WASM, LOCK])
def test_missing_half_is_found(path: str) -> None:
    files = built()
    del files[path]
    ((code, message, _),) = found(files)
    assert (code, message) == ("MC0911", f"`{path}` is missing")


def test_lock_of_another_opa_or_other_entry_points_is_stale() -> None:
    for key, value in (("opa", "1.0.0"), ("entrypoints", ["conductor/deny"])):
        lock = json.loads(built()[LOCK]) | {key: value}
        files = built() | {LOCK: (json.dumps(lock, indent=2, sort_keys=True) + "\n").encode()}
        assert [code for code, _, _ in found(files)] == ["MC0910"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"opa": 1}',
        built()[LOCK].replace(b"\n", b""),
        built()[LOCK].replace(b'"wasm"', b'"opa": "1.22.2",\n  "wasm"'),
        built()[LOCK].replace(b'"policies/a.rego": "', b'"policies/a.rego": "Z'),
        b"[" * 100_000,
    ],
)
def test_lock_that_the_command_would_not_write_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        Lock.read(data)
    assert [code for code, _, _ in found(built() | {LOCK: data})] == ["MC0912"]


def test_lock_is_read_as_it_was_written() -> None:
    lock = Lock.of(REGO, b"wasm")
    assert Lock.read(lock.data) == lock


def test_builtin_that_wasm_lacks_is_found_before_anything_else_is_asked_of_the_build() -> None:
    files = built() | {"policies/a.rego": b'package a\n\nx := sprintf("%d", [1])\n'}
    assert [code for code, _, _ in found(files)] == ["MC0901"]


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ('x := sprintf("%d", [1])', ["sprintf"]),
        ("x := time.now_ns ( )", ["time.now_ns"]),
        ("# sprintf(1)", []),
        ('x := "sprintf(1) \\" time.now_ns()"', []),
        ("x := `time.now_ns() \\`", []),
        ('x := $"a {time.now_ns()} b"', ["time.now_ns"]),
        ('x := $"a \\{time.now_ns()} b"', []),
        ('x := $"a {count($"{sprintf(1)}")} {hex.encode(`}`)} b"', ["sprintf", "hex.encode"]),
        ('x := $"{ {k: v | v := hex.encode("}")} } sprintf(1)"', ["hex.encode"]),
        ("x := $`a {sprintf(1)}\n \\{sprintf(1)} {rand.intn(1)}`", ["sprintf", "rand.intn"]),
        ('x := $"a"\ny := sprintf("b")', ["sprintf"]),
        ("x := data.lib.sprintf(1)", []),
        ("x := time.now_ns", []),
        ("x := upper(y)", []),
        ('x := $"unclosed {', []),
        ('x := "unclosed\ny := sprintf(1)', ["sprintf"]),
        ("}}}} sprintf(1)", ["sprintf"]),
    ],
)
def test_calls_are_seen_in_code_and_in_templates_only(text: str, calls: list[str]) -> None:
    assert [call.builtin for call in lacking(text.encode())] == calls


def test_call_is_found_at_its_place() -> None:
    ((_, line, column),) = lacking(b"package a\n\nx := upper(sprintf())\n")
    assert (line, column) == (3, 12)


def test_every_refused_builtin_has_advice() -> None:
    assert all(instead(name) for name in LACKING)
    assert "input.time" in instead("time.now_ns")
    assert "$" in instead("sprintf")


def test_finding_names_the_file_of_its_rule() -> None:
    assert file_of("flag-allowed", OURS) == "policies/flags.rego"
    assert file_of("no-such-rule", OURS) == "policies/"


def script(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "opa"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A folder on PATH and the cache's, both empty."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "bin", opa.cached().parent


def test_opa_of_the_pinned_version_is_taken_from_the_path_first(places: tuple[Path, Path]) -> None:
    on_path, cache = places
    right = script(on_path, f"echo Version: {OPA_VERSION}")
    script(cache, f"echo Version: {OPA_VERSION}")
    assert Opa.find(ROOT) == Opa(right)


def test_opa_of_another_version_is_passed_over_for_the_cached_one(places: tuple[Path, Path]) -> None:
    on_path, cache = places
    script(on_path, "echo Version: 0.1.0")
    right = script(cache, f"echo Version: {OPA_VERSION}")
    assert Opa.find(ROOT) == Opa(right)


def test_whoever_has_no_opa_is_told_the_line_that_installs_it(places: tuple[Path, Path]) -> None:
    on_path, cache = places
    script(on_path, "echo Version: 0.1.0")
    with pytest.raises(EnvironmentFailedError) as caught:
        Opa.find(ROOT)
    assert "opa is 0.1.0" in caught.value.message
    assert f"GOBIN={cache} go install github.com/open-policy-agent/opa@v{OPA_VERSION}" in (caught.value.help or "")
