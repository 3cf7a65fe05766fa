"""`conductor verify` and `evidence` on a real repository."""

from __future__ import annotations

import json
import sys
from base64 import b64decode
from datetime import timedelta
from pathlib import Path

import pytest

from runtime.contract.instant import text
from runtime.git.repository import Repository
from runtime.ledger.history import replay
from tests.services.commands import conductor, git, limited
from tests.services.own_history import TENANT, trust_root

pytestmark = pytest.mark.service


def test_without_a_genesis_verify_says_so_and_fails(own_repository: Path) -> None:
    said = conductor("verify", "--repo", str(own_repository))
    assert said.code == 1
    assert "no genesis yet" in said.out
    report = json.loads(conductor("verify", "--repo", str(own_repository), "--format", "json").out)
    assert report["ok"] is False
    assert [item["code"] for item in report["problems"]] == ["MC0700"]


def test_an_honest_repository_verifies(finished_history: Path) -> None:
    repo = str(finished_history / "repo")
    assumed = conductor("verify", "--repo", repo)
    assert assumed.code == 0
    assert assumed.out.splitlines()[0].endswith("unproven: compare it with the one you were given")
    assert "not assessed: freshness" in assumed.out
    report = json.loads(conductor("verify", "--repo", repo, "--format", "json").out)
    assert [report[name] for name in ("integrity", "completeness", "freshness")] == ["ok", "ok", "not-assessed"]
    args = ("--trust-root", trust_root(finished_history / "repo"), "--since", f"sha256:{report['head']}", "--render")
    proven = json.loads(conductor("verify", "--repo", repo, *args, "--format", "json").out)
    assert proven["freshness"] == "ok"
    assert proven["rendered"] == {"again": 2, "of": 2, "unanswered": []}
    assert proven["problems"] == []


def test_another_trust_root_fails(finished_history: Path) -> None:
    said = conductor("verify", "--repo", str(finished_history / "repo"), "--trust-root", f"sha256:{'ba' * 32}")
    assert said.code == 1
    assert "MC0703 trust-root" in said.out


def test_a_flipped_byte_in_the_work_tree_names_the_file(own_copy: Path) -> None:
    path = next((own_copy / "evidence").rglob("*-result-*.sigstore.json"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    said = conductor("verify", "--repo", str(own_copy))
    assert said.code == 1
    assert path.relative_to(own_copy).as_posix() in said.out
    assert "MC0723 work-tree" in said.out


def test_files_of_six_gigabytes_in_the_work_tree_are_named_and_not_read(own_copy: Path) -> None:
    """With a gigabyte of memory: one that nobody has committed, and one that stands where an entry was."""
    path = next((own_copy / "evidence").rglob("*-result-*.sigstore.json"))
    for large in (own_copy / "evidence" / "large", path):
        with large.open("wb") as file:
            file.truncate(6 << 30)
    said = limited(sys.executable, "-P", "-m", "compiler.cli", "verify", "--repo", own_copy, limit=("DATA", 1 << 30))
    assert (said.returncode, said.stderr) == (1, "")
    for named in ("evidence/large", path.relative_to(own_copy).as_posix()):
        assert named in said.stdout


def test_a_file_that_became_executable_is_told_as_the_recipe_tells_it(own_copy: Path) -> None:
    path = next((own_copy / "evidence").rglob("*-result-*.sigstore.json"))
    path.chmod(0o755)
    recipe = ("status", "--short", "--", "evidence", ":!evidence/README.md")
    for noted, code in (("true", 1), ("false", 0)):
        git(own_copy, "config", "core.fileMode", noted)
        said = conductor("verify", "--repo", str(own_copy))
        assert (said.code, "MC0723 work-tree" in said.out) == (code, code == 1)
        assert bool(git(own_copy, *recipe)) == (code == 1)


def test_the_name_of_a_file_draws_nothing_on_the_auditors_terminal(own_copy: Path) -> None:
    (own_copy / "evidence" / "ledger" / "\x1b[2J\u202e.sigstore.json").write_text("{}")
    git(own_copy, "add", "--all")
    git(own_copy, "commit", "--quiet", "--message=Bring nonsense")
    for form in ("text", "json"):
        said = conductor("verify", "--repo", str(own_copy), "--format", form)
        assert "u202e.sigstore.json" in said.out
        assert said.out.replace("\n", "").isprintable()


def test_damage_in_a_later_commit_is_found_and_changes_no_verdict(own_copy: Path) -> None:
    path = next((own_copy / "evidence").rglob("*-verdict-*.sigstore.json"))
    git(own_copy, "rm", "--quiet", path.relative_to(own_copy).as_posix())
    git(own_copy, "commit", "--quiet", "--message=Tidy up")
    report = json.loads(conductor("verify", "--repo", str(own_copy), "--format", "json").out)
    assert (report["ok"], report["integrity"]) == (False, "failed")
    (problem,) = report["problems"]
    assert (problem["rule"], problem["path"]) == ("unchanged", path.relative_to(own_copy).as_posix())
    assert problem["commit"] == git(own_copy, "rev-parse", "HEAD")
    assert report["entries"] == 6
    assert report["pending"] == []


def test_a_cut_off_end_is_found_against_an_earlier_head(own_copy: Path) -> None:
    head = json.loads(conductor("verify", "--repo", str(own_copy), "--format", "json").out)["head"]
    git(own_copy, "reset", "--quiet", "--hard", "HEAD^")
    assert conductor("verify", "--repo", str(own_copy)).code == 0
    said = conductor("verify", "--repo", str(own_copy), "--since", f"sha256:{head}")
    assert said.code == 1
    assert "MC0760 extends" in said.out


def test_a_commit_that_is_gone_is_a_lost_head_and_nonsense_is_wrong_usage(own_copy: Path) -> None:
    gone = conductor("verify", "--repo", str(own_copy), "--since", "ab" * 20)
    assert (gone.code, "MC0760 extends" in gone.out) == (1, True)
    for nonsense in ("xyz", "AB" * 32, f"sha256:{'AB' * 32}", "ab" * 31):
        said = conductor("verify", "--repo", str(own_copy), "--since", nonsense)
        assert (said.code, said.out) == (2, "")
        assert "64 hex digits in lower case" in said.err
        assert conductor("verify", "--repo", str(own_copy), "--trust-root", nonsense).code == 2


def test_a_digest_is_taken_as_the_text_and_as_the_json_write_it(own_copy: Path) -> None:
    report = json.loads(conductor("verify", "--repo", str(own_copy), "--format", "json").out)
    root, head = report["trust_root"]["sha256"], report["head"]
    for prefix in ("", "sha256:"):
        args = ("--trust-root", prefix + root, "--since", prefix + head, "--require-proven")
        said = conductor("verify", "--repo", str(own_copy), *args)
        assert (said.code, said.out.splitlines()[-1]) == (0, "OK")
    assert conductor("verify", "--repo", str(own_copy), "--require-proven").code == 1


def test_without_a_commit_there_is_nothing_to_verify_or_read(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    for command in (("verify",), ("verify", "--rev", "HEAD"), ("evidence", "log"), ("evidence", "show", "1")):
        said = conductor(*command, "--repo", str(tmp_path))
        assert (said.code, "there is no commit yet" in said.err) == (2, True)


def test_a_silent_agent_is_found(own_copy: Path) -> None:
    with Repository(own_copy) as repository:
        last = replay(repository, git(own_copy, "rev-parse", "HEAD")).tip.time
    assert conductor("verify", "--repo", str(own_copy), "--at", text(last)).code == 0
    said = conductor("verify", "--repo", str(own_copy), "--at", text(last + timedelta(days=3)))
    assert said.code == 1
    assert "MC0761 heartbeat" in said.out
    for nonsense in ("yesterday", "2026-11-24", "2026-13-24T08:00:00Z"):
        refused = conductor("verify", "--repo", str(own_copy), "--at", nonsense)
        assert (refused.code, "as 2026-11-24T08:00:00Z is" in refused.err) == (2, True)


def test_the_ledger_reads_as_a_story(finished_history: Path) -> None:
    said = conductor("evidence", "log", "--repo", str(finished_history / "repo"))
    lines = said.out.splitlines()
    assert [line.split()[2] for line in lines] == ["intent", "result", "verdict", "intent", "result", "heartbeat"]
    assert f"add {TENANT}" in lines[2]
    assert "approved by ines-carvalho and mara-lindqvist and tomas-okafor" in lines[2]
    shown = conductor("evidence", "show", "3", "--repo", str(finished_history / "repo"))
    assert '"predicateType": "https://slsa.dev/verification_summary/v1"' in shown.out
    assert "verify-commit" in shown.out
    last = conductor("evidence", "show", "-1", "--repo", str(finished_history / "repo"))
    assert last.out.startswith("entry 6, heartbeat")
    for number in ("9", "0", "-9", "--last", "one"):
        refused = conductor("evidence", "show", number, "--repo", str(finished_history / "repo"))
        assert (refused.code, "No such option" in refused.err) == (2, False)
    subjects = git(finished_history / "repo", "log", "--format=%s", "--", "evidence/ledger").splitlines()
    assert subjects[-3].startswith("Take ")


def test_a_summary_is_written_once_signed_by_whoever_gives_a_key(finished_history: Path, tmp_path: Path) -> None:
    repo, key = finished_history / "repo", finished_history / "keys" / "ines-carvalho"
    asked = ("verify", "--repo", repo, "--trust-root", trust_root(repo), "--vsa", tmp_path)
    bare, signed = conductor(*asked), conductor(*asked, "--key", key)
    assert (bare.code, signed.code) == (0, 0), bare.err + signed.err
    (plain,), (bundle,) = tmp_path.glob("*.vsa.json"), tmp_path.glob("*.vsa.sigstore.json")
    assert f"summary: {bundle}" in signed.err
    payload = payload_of(bundle)
    assert json.loads(payload)["subject"] == json.loads(plain.read_bytes())["subject"]
    assert conductor(*asked).code == 2
    nowhere = conductor("verify", "--repo", repo, "--vsa", "-")
    assert (nowhere.code, "--vsa FILE" in nowhere.err) == (2, True)
    unasked = conductor("verify", "--repo", repo, "--key", key)
    assert (unasked.code, "--vsa FILE" in unasked.err) == (2, True)


def test_markdown_names_the_command_that_made_it(finished_history: Path) -> None:
    repo = finished_history / "repo"
    said = conductor("verify", "--repo", repo, "--trust-root", trust_root(repo), "--format", "markdown")
    assert said.code == 0
    assert (
        f"| command | `conductor verify --repo {repo} --trust-root {trust_root(repo)} --format markdown` |" in said.out
    )
    assert "ines-carvalho, mara-lindqvist, tomas-okafor" in said.out


def payload_of(bundle: Path) -> bytes:
    return b64decode(json.loads(bundle.read_bytes())["dsseEnvelope"]["payload"])
