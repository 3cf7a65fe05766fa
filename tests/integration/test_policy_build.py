"""The real OPA: it builds the committed wasm, loads the bundle, and has the builtins that our table says."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from compiler.diagnostics.model import Diagnostics
from compiler.opa import Opa, RegoError
from compiler.rego import LOCK, WASM, Lock, check, lacking, sources, tests
from compiler.wasm_builtins import LACKING
from runtime.contract.canonical import encode
from runtime.policy.data import data_text
from runtime.policy.engine import ALLOW, DENY, TRANSITION, Policy
from tests.cases.inputs import lay_out, own_bundle, own_policy
from tests.services.opa import opa

tests.__test__ = False  # type: ignore[attr-defined]  # a function of that name, not a test

pytestmark = pytest.mark.service

CONDUCTOR = Path(sys.executable).with_name("conductor")
OURS = dict(own_policy())
LAST = OURS["policies/flags.rego"].count(b"\n")


@pytest.fixture(scope="session")
def real() -> Opa:
    return opa()


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A repository with our policy and nothing else."""
    lay_out(tmp_path, OURS)
    return tmp_path


def conductor(repo: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [CONDUCTOR, "policy", *arguments, "--repo", repo],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_committed_wasm_and_lock_are_what_the_real_opa_builds(real: Opa) -> None:
    wasm = real.build(sources(OURS))
    assert wasm == OURS[WASM]
    assert Lock.of(sources(OURS), wasm).data == OURS[LOCK]


def test_wasm_of_other_rego_under_a_lock_that_names_it_passes_the_lock_and_not_the_rebuild(real: Opa) -> None:
    """The lock is its author's word: `check` believes it, so `approve` and this very test build again."""
    lenient = {path: data.replace(b"604800", b"999999999") for path, data in sources(OURS).items()}
    forged = real.build(lenient)
    assert check(OURS | {WASM: forged, LOCK: Lock.of(sources(OURS), forged).data}, Diagnostics()) == forged
    assert real.build(sources(OURS)) != forged


def test_same_rego_gives_the_same_bytes_from_any_folder(
    real: Opa, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "deep/er").mkdir(parents=True)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "deep/er"))
    reversed_ = dict(reversed(sources(OURS).items()))
    assert real.build(reversed_) == OURS[WASM]


def test_rego_that_opa_does_not_accept_is_refused_in_its_words(real: Opa) -> None:
    with pytest.raises(RegoError) as caught:
        real.build(sources(OURS) | {"policies/flags.rego": b"package intelgraph.flags\n\nallow if nonsense\n"})
    assert "policies/flags.rego:3" in caught.value.message


def test_a_policy_whose_tests_fail_is_not_built_and_nothing_is_written(repo: Path) -> None:
    path = repo / "policies" / "tenants.rego"
    path.write_text(path.read_text().replace("deny contains", "deny2 contains", 1))
    before = {file.name: file.read_bytes() for file in (repo / "policies").iterdir() if file.is_file()}
    done = conductor(repo, "build")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: tests fail, so nothing was written:\n")
    assert "FAIL" in done.stderr
    assert {file.name: file.read_bytes() for file in (repo / "policies").iterdir() if file.is_file()} == before


def test_a_policy_that_opa_does_not_accept_is_said_once_and_what_to_say_then(repo: Path) -> None:
    (repo / "policies" / "tenants.rego").write_text("package intelgraph.tenants\n\nallow if {\n")
    done = conductor(repo, "build")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: load error")
    assert done.stderr.endswith("= help: fix it, and run `conductor policy build` again\n")


def test_own_rego_is_strict_formatted_tested_and_reached_in_every_line(real: Opa) -> None:
    assert list(real.faults(sources(OURS), tests(OURS))) == []


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        ("policies/flags.rego", "\nx if { y := 1 }\n", "assigned var y unused"),
        ("policies/flags.rego", "\nx  := 1\n", "policies/flags.rego: not formatted"),
        ("policies/flags_test.rego", "\ntest_wrong if 1 == 2\n", "test_wrong: FAIL"),
        ("policies/flags.rego", "\nx := 1 if input.nobody == 1\n", f"rego:{LAST + 2}: no test reaches this line"),
    ],
)
def test_every_fault_of_the_rego_is_named(real: Opa, path: str, text: str, said: str) -> None:
    files = OURS | {path: OURS[path] + text.encode()}
    found = "\n".join(real.faults(sources(files), tests(files)))
    assert said in found


def test_table_of_lacking_builtins_is_what_the_real_opa_asks_a_host_for(real: Opa, tmp_path: Path) -> None:
    """Call every builtin there is in one module; those that it asks its host for are those that wasm lacks."""
    capabilities = json.loads(
        subprocess.run([real.path, "capabilities", "--current"], check=True, capture_output=True, timeout=60).stdout
    )
    lines = ["package probe", ""]
    for number, builtin in enumerate(capabilities["builtins"]):
        name, declared = builtin["name"], builtin["decl"]
        if (
            builtin.get("deprecated")
            or builtin.get("infix")
            or name.startswith("internal.")
            or name in {"eq", "assign"}
        ):
            continue
        given = ", ".join(f"input.a{index}" for index in range(len(declared.get("args", ()))))
        if builtin.get("relation"):
            lines.append(f"rule{number} := x if {name}({given}, x)")
        elif "result" in declared:
            lines.append(f"rule{number} := {name}({given})")
        else:
            lines.append(f"rule{number} if {name}({given})")
    probe = "\n".join(lines).encode() + b"\n"
    (tmp_path / "probe.rego").write_bytes(probe)
    subprocess.run(
        [real.path, "build", "-t", "wasm", "-e", "probe", "probe.rego"], cwd=tmp_path, check=True, timeout=60
    )
    assert host_builtins(wasm_in((tmp_path / "bundle.tar.gz").read_bytes())) == LACKING
    assert {call.builtin for call in lacking(probe)} == LACKING


def wasm_in(bundle: bytes) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(bundle)) as archive:
        member = archive.extractfile("/policy.wasm")
        assert member is not None
        return member.read()


def host_builtins(wasm: bytes) -> frozenset[str]:
    from opapywasm import OpaWasmPolicy  # noqa: PLC0415 -- dear, and needed here only

    return frozenset(OpaWasmPolicy.from_wasm_bytes(wasm).builtins)


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`policy/` of our own repository's bundle."""
    folder = tmp_path_factory.mktemp("bundle")
    lay_out(folder, own_bundle())
    return folder / "policy"


def asked(real: Opa, bundle: Path, query: str, question: Any) -> Any:
    done = subprocess.run(
        [real.path, "eval", "--bundle", bundle, "--stdin-input", "--format", "json", query],
        input=encode(question),
        check=True,
        capture_output=True,
        timeout=60,
    )
    results = json.loads(done.stdout).get("result", [])
    return results[0]["expressions"][0]["value"] if results else None


def test_bundle_loads_in_stock_opa_and_answers_as_the_wasm_in_it(real: Opa, bundle: Path) -> None:
    contents = {f"policy/{path.relative_to(bundle)}": path.read_text() for path in bundle.rglob("data.json")}
    policy = Policy.of((bundle / "policy.wasm").read_bytes(), contents)
    people = json.loads(data_text(contents))["people"]
    assert asked(real, bundle, "data.people", {}) == people
    assert asked(real, bundle, "data.tenants", {}) == json.loads(data_text(contents))["tenants"]
    for name, person in sorted(people.items()):
        for role in (*person["roles"], "admin"):
            question: Any = {
                "action": "set-flag",
                "requester": {"name": name, "role": role},
                "flag": {"name": "new-checkout", "ttl_seconds": 604800},
            }
            right = role == "admin" and "admin" in person["roles"]
            assert policy.allow(question) is right
            if role == "admin":
                assert asked(real, bundle, "data.conductor.allow", question) is right
    assert any("admin" in person["roles"] for person in people.values())


def test_bundle_can_be_built_by_stock_opa_as_it_is_and_as_wasm(real: Opa, bundle: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.tar.gz"
    for options in ([], ["-t", "wasm", "-e", DENY, "-e", TRANSITION, "-e", ALLOW]):
        subprocess.run([real.path, "build", "-b", bundle, "-o", output, *options], check=True, timeout=60)
    Policy.load(wasm_in(output.read_bytes()))


def test_command_builds_what_is_stale_and_leaves_what_is_not(repo: Path) -> None:
    said = conductor(repo, "build").stdout.splitlines()
    assert said[:2] == ["policies/policy.wasm unchanged", "policies/policy.lock.json unchanged"]
    assert re.fullmatch(r"[0-9]+ tests passed", said[2])
    with (repo / "policies/text.rego").open("a") as rego:
        rego.write("\n# one more comment\n")
    stale = conductor(repo, "build", "--check")
    assert (stale.returncode, "policies/policy.lock.json differs" in stale.stdout) == (1, True)
    assert (repo / WASM).read_bytes() == OURS[WASM]
    built = conductor(repo, "build")
    assert (built.returncode, "policies/policy.lock.json written" in built.stdout) == (0, True)
    assert conductor(repo, "build", "--check").returncode == 0
    assert oct((repo / LOCK).stat().st_mode)[-3:] == "644"


def test_command_tests_the_rego(repo: Path) -> None:
    done = conductor(repo, "test")
    assert (done.returncode, "tests passed and reach every line of 5 files" in done.stdout) == (0, True)
    (repo / "policies/flags_test.rego").unlink()
    done = conductor(repo, "test")
    assert (done.returncode, "policies/flags.rego:" in done.stdout and "no test reaches this line" in done.stdout) == (
        1,
        True,
    )


def test_command_refuses_a_builtin_that_wasm_lacks_at_its_line(repo: Path) -> None:
    (repo / "policies/odd.rego").write_text('package odd\n\nx := sprintf("%d", [1])\n')
    done = conductor(repo, "build")
    assert done.returncode == 1
    assert "error[MC0901]: wasm has no builtin `sprintf`\n --> policies/odd.rego:3:6" in done.stderr


def test_command_without_opa_says_how_to_get_it_and_checking_needs_none(repo: Path, tmp_path: Path) -> None:
    git = shutil.which("git")
    assert git is not None
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/git").symlink_to(git)
    nowhere = {"PATH": str(tmp_path / "bin"), "XDG_CACHE_HOME": str(tmp_path.parent / "no-cache")}
    done = conductor(repo, "build", **nowhere)
    assert done.returncode == 3
    assert "OPA 1.22.2 is needed and was not found" in done.stderr
    assert "go install github.com/open-policy-agent/opa@v1.22.2" in done.stderr
    assert "https://github.com/open-policy-agent/opa/releases/tag/v1.22.2, compare it with the SHA-256" in done.stderr
    checked = subprocess.run(
        [CONDUCTOR, "check", "--today", "2026-11-24", "--repo", repo],
        env=os.environ | nowhere,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert checked.returncode == 0


def test_command_where_there_is_no_rego_is_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    assert conductor(tmp_path, "build").returncode == 2
