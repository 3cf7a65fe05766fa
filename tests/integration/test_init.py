"""`conductor init`: what it lays out compiles, carries its Rego, and writes over nothing."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from pyrage.x25519 import Identity

from runtime.signing.keys import write_keypair
from tests.services.commands import Ran, conductor, git
from tests.services.opa import opa
from tests.services.own_history import ROOT

pytestmark = pytest.mark.service


@pytest.fixture
def people(tmp_path: Path) -> tuple[str, ...]:
    """Options that name two people, whose keys lie in `keys`, and the agent's key beside them."""
    keys = tmp_path / "keys"
    keys.mkdir()
    for name in ("mara", "tomas"):
        write_keypair(keys / name)
    return (
        *(f"--person={name}={keys / name}.pub" for name in ("mara", "tomas")),
        f"--agent-key={keys / 'agent'}",
        "--dsn=env:CONDUCTOR_TEST_INIT_PG",
    )


def init(folder: Path, *options: str) -> Ran:
    return conductor("init", folder, "--yes", *options)


def test_an_empty_folder_becomes_a_repository_that_lacks_its_database(tmp_path: Path, people: tuple[str, ...]) -> None:
    made = init(tmp_path / "acme-graph", *people, "--tenant=acme-retail")
    assert (made.code, made.err) == (0, "")
    repo = tmp_path / "acme-graph"
    checked = conductor("check", "--repo", repo)
    assert (checked.code, checked.out.splitlines()[-1]) == (0, "21 files: no errors, 1 warning")
    assert "warning[MC0507]: target `pg-eu-central` has no identity yet" in checked.out
    assert "# Acme Graph\n" in (repo / "README.md").read_text()
    assert git(repo, "symbolic-ref", "HEAD") == "refs/heads/main"
    git(repo, "add", "--all")
    assert "evidence/README.md" in git(repo, "ls-files").splitlines()


def test_the_first_tenant_shows_what_the_first_grant_lets_somebody_do(tmp_path: Path, people: tuple[str, ...]) -> None:
    repo = tmp_path / "acme"
    assert init(repo, *people).code == 0
    for name in ("Mara", "mara@acme.example"):
        git(repo, "config", "user.email" if "@" in name else "user.name", name)
    git(repo, "add", "--all")
    git(repo, "commit", "--quiet", "--message", "Lay out the installation")
    git(repo, "switch", "--quiet", "--create", "topic")
    resource = "apiVersion: conductor/v1\nkind: Tenant\nmetadata: {name: acme-retail}\nspec: {blueprint: standard}\n"
    (repo / "tenants" / "acme-retail.yaml").write_text(resource)
    git(repo, "add", "tenants")
    git(repo, "commit", "--quiet", "--message", "Add Acme Retail")
    told = conductor("plan", "--repo", repo).out
    assert "\nDecisions that flip  2 gained\n" in told
    assert "  + platform gains tenant.read, tenant.write at acme-retail, from the tenant's own region" in told


def test_what_the_target_says_of_archives_is_sound_once_somebody_can_read_them(
    tmp_path: Path, people: tuple[str, ...]
) -> None:
    assert init(tmp_path / "acme", *people).code == 0
    file = tmp_path / "acme" / "spec" / "targets" / "pg-eu-central.yaml"
    assert "  # archive: {" in file.read_text()
    named = (
        file.read_text()
        .replace("  # archive: {", "  archive: {")
        .replace("AGE-PUBLIC-KEY", str(Identity.generate().to_public()))
    )
    file.write_text(named)
    assert conductor("check", "--repo", tmp_path / "acme").code == 0


def test_the_agents_key_is_made_outside_and_its_private_half_lies_nowhere_in_the_repository(
    tmp_path: Path, people: tuple[str, ...]
) -> None:
    assert init(tmp_path / "acme", *people).code == 0
    key = tmp_path / "keys" / "agent"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    public = " ".join(key.with_name("agent.pub").read_text().split()[:2])
    assert public in (tmp_path / "acme" / "policies" / "agents" / "conductor.yaml").read_text()
    written = [file for file in (tmp_path / "acme").rglob("*") if file.is_file()]
    assert not [file for file in written if b"PRIVATE KEY-----\n" in file.read_bytes()]
    inside = init(tmp_path / "other", *people[:2], f"--agent-key={tmp_path / 'other' / 'agent'}")
    assert (inside.code, "keep private keys out of the repository" in inside.err) == (2, True)
    assert not (tmp_path / "other").exists()


def test_the_rego_it_copies_passes_its_own_tests_and_builds_the_same_wasm(
    tmp_path: Path, people: tuple[str, ...]
) -> None:
    opa()
    assert init(tmp_path / "acme", *people).code == 0
    assert conductor("policy", "test", "--repo", tmp_path / "acme").code == 0
    assert conductor("policy", "build", "--check", "--repo", tmp_path / "acme").code == 0


def test_a_database_that_answers_gives_its_identity_and_one_that_does_not_is_refused_until_somebody_names_it(
    tmp_path: Path, people: tuple[str, ...], dsn18: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = init(tmp_path / "away", *people)
    assert away.code == 0
    assert "has no system's identity yet" in away.out
    assert 'identity: "0/unknown"' in (tmp_path / "away" / "spec" / "targets" / "pg-eu-central.yaml").read_text()
    assert "pg-eu-central is away" in away.out or "CONDUCTOR_TEST_INIT_PG is not set" in away.out
    assert "Before history starts: let env:CONDUCTOR_TEST_INIT_PG lead to the database" in away.out
    assert conductor("check", "--repo", tmp_path / "away").code == 0
    key = str(tmp_path / "keys" / "mara")
    git(tmp_path / "away", "add", "--all")
    git(tmp_path / "away", "commit", "--quiet", "--message", "Lay out the installation")
    started = conductor("genesis", "--repo", tmp_path / "away", "--person", "mara", "--key", key)
    assert (started.code, "has no identity yet (still a placeholder: 0/unknown)" in started.err) == (1, True)
    assert not (tmp_path / "away" / "evidence" / "genesis").exists()
    monkeypatch.setenv("CONDUCTOR_TEST_INIT_PG", dsn18)
    there = init(tmp_path / "there", *people)
    assert "identity" not in there.out
    with psycopg.connect(dsn18) as connection:
        row = connection.execute("SELECT system_identifier, current_database() FROM pg_control_system()").fetchone()
    assert row is not None
    asked = conductor("doctor", "--repo", tmp_path / "away", "--targets")
    assert f"put `identity: {row[0]}/{row[1]}` into spec/targets/pg-eu-central.yaml" in asked.out
    text = (tmp_path / "there" / "spec" / "targets" / "pg-eu-central.yaml").read_text()
    assert f'identity: "{row[0]}/{row[1]}"' in text
    assert dsn18 not in there.out + text


def test_nothing_that_lies_there_is_overwritten(tmp_path: Path, people: tuple[str, ...]) -> None:
    repo = tmp_path / "acme"
    repo.mkdir()
    (repo / "README.md").write_text("Ours.\n")
    first = init(repo, *people)
    assert first.code == 0
    assert "  README.md\n" in first.out
    assert (repo / "README.md").read_text() == "Ours.\n"
    (repo / "policies" / "approvals.yaml").write_text("# ours\n")
    before = {file: file.read_bytes() for file in repo.rglob("*") if file.is_file() and ".git" not in file.parts}
    second = init(repo, *people, "--tenant=acme-retail")
    assert second.code == 2
    assert "policies/approvals.yaml already exists" in second.err
    assert before == {
        file: file.read_bytes() for file in repo.rglob("*") if file.is_file() and ".git" not in file.parts
    }


def test_in_a_repository_whose_branch_is_not_main_it_says_so(tmp_path: Path, people: tuple[str, ...]) -> None:
    git(tmp_path, "init", "--quiet", "--initial-branch=trunk", "acme")
    made = init(tmp_path / "acme", *people)
    assert (made.code, "a new git repository" in made.out) == (0, False)
    assert "`trunk` is checked out, but history starts on main: git switch main.\n" in made.out


@pytest.mark.parametrize("name", ["tenants", "tenants/blueprints", "docs", "evidence"])
def test_nothing_is_written_through_a_link(tmp_path: Path, people: tuple[str, ...], name: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    link = tmp_path / "acme" / name
    link.parent.mkdir(parents=True)
    link.symlink_to(elsewhere)
    refused = init(tmp_path / "acme", *people)
    assert (refused.code, "is no folder" in refused.err) == (2, True)
    assert list(elsewhere.iterdir()) == []


def test_a_folder_inside_somebodys_repository_is_refused(tmp_path: Path, people: tuple[str, ...]) -> None:
    git(tmp_path, "init", "--quiet", "outer")
    inner = tmp_path / "outer" / "inner"
    inner.mkdir()
    (inner / "notes.txt").write_text("x")
    refused = init(inner, *people)
    assert (refused.code, "lies inside the repository" in refused.err) == (2, True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "every change needs two people"),
        (("--person=tomas=keys/mara.pub",), "two people have the same key"),
        (("--person=tomas=keys/tomas",), "is a private key"),
        (("--person=tomas=keys/none.pub",), "cannot be read"),
        (("--person=Tomas=keys/tomas.pub",), "is not a valid name for a person"),
        (("--person=mara=keys/tomas.pub",), "one person is named twice"),
        (("--person=tomas",), "is not NAME="),
        (("--person=tomas=keys/tomas.pub", "--roles=mara=platfrom"), "there is no role `platfrom`"),
        (("--person=tomas=keys/tomas.pub", "--roles=tomas=pm"), "nobody is `security`"),
        (("--person=tomas=keys/tomas.pub", "--roles=ines=pm"), "`ines`, who is not named"),
        (("--person=tomas=keys/tomas.pub", "--dsn=postgresql://u:p4ss@h/d"), "never the string itself"),
        (("--person=tomas=keys/tomas.pub", "--region=EU"), "is not a valid region"),
        (("--person=tomas=keys/tomas.pub", "--identity=abc"), "is not the identity"),
        (("--person=tomas=keys/tomas.pub", "--tenant=Acme Retail"), "is not a valid name for a tenant"),
        (("--person=tomas=keys/tomas.pub", "--name=a`b"), "is not a valid name for a platform"),
        (("--person=tomas=keys/tomas.pub", "--package=x'y"), "is not a valid pip requirement"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence_and_nothing_is_written(
    tmp_path: Path,
    people: tuple[str, ...],
    options: tuple[str, ...],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    refused = init(Path("acme"), people[0], people[2], *options)
    assert refused.code == 2
    assert said in refused.err
    assert "= help: " in refused.err
    assert "p4ss" not in refused.err
    assert not (tmp_path / "acme").exists()
    assert not (tmp_path / "keys" / "agent").exists()


def test_roles_that_one_person_alone_has_are_found_before_anything_is_written(
    tmp_path: Path, people: tuple[str, ...]
) -> None:
    refused = init(tmp_path / "acme", *people, "--roles=mara=admin,platform,pm,security", "--roles=tomas=qa")
    assert (refused.code, "MC0608" in refused.err or "nobody can meet rule" in refused.err) == (1, True)
    assert not (tmp_path / "acme").exists()
    assert not (tmp_path / "keys" / "agent").exists(), "a key for a platform that was not laid out"


def test_questions_are_asked_for_what_no_option_says(tmp_path: Path, people: tuple[str, ...]) -> None:
    keys = tmp_path / "keys"
    two = ["mara", f"{keys}/mara.pub", "tomas", f"{keys}/tomas.pub", "", "pm, security, sec-tl"]
    said = ["Acme Graph", *two, "us-east", "env:NOWHERE_AT_ALL", ""]
    asked = subprocess.run(
        [Path(sys.executable).with_name("conductor"), "init", tmp_path / "acme", f"--agent-key={keys}/agent"],
        input="\n".join(said) + "\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert asked.returncode == 0, asked.stderr
    assert "Name of the platform [Acme]" in asked.stderr
    assert "roles: [pm, security, sec-tl]" in (tmp_path / "acme" / "policies" / "people" / "tomas.yaml").read_text()
    assert (tmp_path / "acme" / "spec" / "targets" / "pg-us-east.yaml").is_file()
    assert conductor("check", "--repo", tmp_path / "acme").code == 0
    nobody = subprocess.run(
        [Path(sys.executable).with_name("conductor"), "init", tmp_path / "other"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (nobody.returncode, "nobody answered" in nobody.stderr) == (2, True)


def test_what_the_forge_is_told_names_the_jobs_that_ci_has(tmp_path: Path, people: tuple[str, ...]) -> None:
    assert init(tmp_path / "acme", *people).code == 0
    ruleset = json.loads((tmp_path / "acme" / ".github" / "rulesets" / "main.json").read_text())
    (required,) = [rule for rule in ruleset["rules"] if rule["type"] == "required_status_checks"]
    checks = required["parameters"]["required_status_checks"]
    contexts = [item["context"] for item in checks]
    assert {item["integration_id"] for item in checks} == {15368}, "GitHub's own runners, and nobody else"
    for file in (".github/workflows/conductor.yml", ".gitlab-ci.yml"):
        text = (tmp_path / "acme" / file).read_text()
        assert all(f"{context}:\n" in text for context in contexts)
        assert "conductor plan --fetch --head" in text
        assert "--require-approved" in text
    owners = (tmp_path / "acme" / ".github" / "CODEOWNERS").read_text()
    assert "# /tenants/ @mara @tomas  # tenants: 1 platform, 1 pm\n" in owners
    assert all(line.startswith("#") for line in owners.splitlines())


@pytest.mark.parametrize(
    ("schema", "ours", "laid_out"),
    [
        ("github-workflows", (".github/workflows/ci.yml", ".github/workflows/conductor.yml"), "conductor.yml"),
        ("github-actions", (".github/actions/conductor/action.yml",), None),
        ("gitlab-ci", (".gitlab/conductor.gitlab-ci.yml",), ".gitlab-ci.yml"),
    ],
)
def test_what_a_forge_reads_keeps_the_schema_that_is_published_for_it(
    tmp_path: Path, people: tuple[str, ...], schema: str, ours: tuple[str, ...], laid_out: str | None
) -> None:
    files = [ROOT / file for file in ours]
    if laid_out is not None:
        assert init(tmp_path / "acme", *people).code == 0
        files += [
            file for file in (tmp_path / "acme").rglob(laid_out) if ".git" not in file.relative_to(tmp_path).parts
        ]
        assert len(files) == len(ours) + 1
    (tmp_path / "wrong.yml").write_text("on: push\njobs: []\nruns: 1\n")
    kept, refused = (
        subprocess.run(
            [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}"]
            + (["--data-transform", "gitlab-ci"] if schema == "gitlab-ci" else [])
            + [str(file) for file in checked],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        for checked in (files, [tmp_path / "wrong.yml"])
    )
    assert kept.returncode == 0, kept.stdout + kept.stderr
    assert refused.returncode == 1


def test_an_installed_wheel_carries_all_that_init_and_explain_need(tmp_path: Path, people: tuple[str, ...]) -> None:
    source = tmp_path / "source"
    for folder in ("compiler", "runtime", "policies", "evidence", "docs/diagnostics", "docs/runbooks"):
        shutil.copytree(ROOT / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md"):
        shutil.copyfile(ROOT / file, source / file)
    build = "import setuptools.build_meta as build; build.build_wheel('.')"
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True, capture_output=True, timeout=300)
    (wheel,) = source.glob("*.whl")
    installed = tmp_path / "installed"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", installed], check=True, timeout=120)
    python = installed / "bin" / "python"
    uv = [str(Path(sys.executable).with_name("uv")), "pip", "install", "--quiet", "--offline", "--no-deps"]
    subprocess.run([*uv, "--python", python, wheel], check=True, timeout=120)
    # what the wheel needs is installed here already; this folder's own editable install is not followed from there
    (site,) = (installed / "lib").glob("python*/site-packages")
    (site / "needed.pth").write_text(f"{Path(pytest.__file__).resolve().parents[1]}\n")
    where = subprocess.run(
        [python, "-c", "import compiler; print(compiler.__file__)"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout.strip()
    assert Path(where).is_relative_to(installed)
    program = installed / "bin" / "conductor"
    clean = {**os.environ, "PYTHONPATH": ""}
    for arguments in (
        ("init", "acme", "--yes", *people),
        ("check", "--repo", "acme"),
        ("explain", "MC0012"),
        ("explain", "runbooks/alert-drift"),
    ):
        ran = subprocess.run(
            [program, *arguments], cwd=tmp_path, env=clean, capture_output=True, text=True, timeout=120, check=False
        )
        assert ran.returncode == 0, ran.stderr
    here = init(tmp_path / "here" / "acme", *people)
    assert here.code == 0
    laid = {str(file.relative_to(tmp_path / "acme")): file.read_bytes() for file in _files(tmp_path / "acme")}
    assert laid == {
        str(file.relative_to(tmp_path / "here" / "acme")): file.read_bytes()
        for file in _files(tmp_path / "here" / "acme")
    }


def _files(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file() and ".git" not in file.relative_to(folder).parts]
