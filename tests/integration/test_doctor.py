"""`conductor doctor`: each thing that may be missing is found, with the command that mends it."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.commands import git
from tests.services.fixtures_postgres import Servers
from tests.services.platform import DSN, PEOPLE, Platform
from tests.services.postgres import database

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory, postgres_servers: Servers) -> Iterator[Platform]:
    """Laid out, without a genesis."""
    with database(postgres_servers(18), "fresh") as dsn:
        yield Platform.laid_out(tmp_path_factory.mktemp("fresh"), dsn)


@pytest.fixture
def platform(fresh: Platform, tmp_path: Path) -> Platform:
    """A copy of that, to do with as one likes."""
    shutil.copytree(fresh.folder, tmp_path / "acme")
    return Platform(tmp_path / "acme", fresh.dsn)


def lines(
    platform: Platform, *arguments: str, cwd: Path | None = None, env: dict[str, str] | None = None
) -> dict[str, list[str]]:
    """Topic -> `state: message`, each with its command after ` => `; makes sure of the exit code."""
    ran = platform.conductor("doctor", "--format", "json", *arguments, cwd=cwd, **(env or {}))
    found: dict[str, list[str]] = {}
    states = set()
    for line in json.loads(ran.out):
        states.add(line["state"])
        assert (line["command"] is None) == (line["state"] == "ok")
        mend = "" if line["command"] is None else f" => {line['command']}"
        found.setdefault(line["topic"], []).append(f"{line['state']}: {line['message']}{mend}")
    assert ran.code == (1 if "fail" in states else 0)
    return found


def test_a_running_platform_lacks_nothing_and_each_key_is_somebodys(original: Platform) -> None:
    agent = {"CONDUCTOR_AGENT_KEY": str(original.key("agent"))}
    seen = lines(original, "--targets", f"--key={original.key('mara')}", env=agent)
    assert not [line for found in seen.values() for line in found if line.startswith("fail")]
    assert seen["genesis"] == [f"ok: {original.root}, pinned in this clone"]
    assert [line.split(" ", 2)[2].split(" ", 1)[1] for line in seen["key"]] == ["is mara's", "is the agent conductor's"]
    assert seen["target"][0].endswith(", as declared")
    assert seen["secrets"] == ["ok: every reference leads somewhere (2)"]
    assert seen["work tree"] == ["ok: clean"]
    text = original.conductor("doctor")
    assert (text.code, text.out.splitlines()[-1].endswith(" 0 fail")) == (0, True)
    assert original.dsn not in text.out + json.dumps(seen)


def test_before_the_genesis_it_says_who_has_to_sign(platform: Platform) -> None:
    seen = lines(platform)
    assert seen["genesis"][0].startswith("warn: the history has not been started")
    assert "conductor genesis --person NAME --key FILE" in seen["genesis"][0]
    assert seen["approvals"][0].startswith("warn: ")
    assert seen["hook"][0].endswith("pre-commit install")


def test_before_the_first_commit_it_says_that_and_on_another_branch_how_to_call_it(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--initial-branch=trunk", "acme")
    platform = Platform(tmp_path, "")
    assert lines(platform, cwd=tmp_path / "acme")["genesis"][0].endswith(" => git branch -m main")
    git(tmp_path / "acme", "branch", "-m", "main")
    assert lines(platform, cwd=tmp_path / "acme")["genesis"] == [
        "warn: there is no commit yet => git add --all && git commit"
    ]


def test_outside_a_repository_it_says_how_to_come_by_one(platform: Platform, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    seen = lines(platform, cwd=tmp_path / "empty")
    assert seen["repository"][0].startswith("fail: ")
    assert "conductor init DIR" in seen["repository"][0]
    assert seen["python"][0].startswith("ok: ")


def test_a_key_that_others_can_read_is_a_failure_and_its_command_mends_it(platform: Platform) -> None:
    key = platform.key("mara")
    key.chmod(0o644)
    before = lines(platform, f"--key={key}")["key"]
    assert before[0] == f"fail: {key} can be read by others (mode 0644) => chmod 600 {key}"
    subprocess.run(before[0].split(" => ")[1].split(), check=True, timeout=30)
    assert [line.partition(":")[0] for line in lines(platform, f"--key={key}")["key"]] == ["ok"]


def test_a_key_of_nobody_is_told_with_what_to_have_added(platform: Platform) -> None:
    home = platform.folder / ".ssh"
    home.mkdir(mode=0o700)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", home / "id_ed25519"], check=True)
    (line,) = lines(platform)["key"]
    assert "is nobody's in policies/ => have `ssh-ed25519 AAAA" in line


def test_a_git_that_knows_nobody_is_a_failure_and_its_command_mends_it(platform: Platform) -> None:
    for name in ("user.name", "user.email"):
        git(platform.repo, "config", "--unset", name)
    (line,) = lines(platform)["git identity"]
    assert line == "fail: git does not know your user.name => git config --global user.name 'Mara Lindqvist'"


def test_another_release_than_the_pinned_one_is_a_failure(platform: Platform) -> None:
    (platform.repo / "policies" / "compiler.yaml").write_text(
        "apiVersion: conductor/v1\nkind: Compiler\nmetadata:\n  name: compiler\nspec:\n  release: 9.8.7\n"
    )
    (line,) = lines(platform)["release"]
    assert line.endswith(" => pip install 'intelgraph-conductor[compiler]==9.8.7'")


def test_a_mistake_in_the_yaml_is_a_failure(platform: Platform) -> None:
    platform.tenant("  state: asleep\n")
    (line,) = lines(platform)["yaml"]
    assert line.startswith("fail: tenants/acme-retail.yaml:")
    assert line.endswith(" => conductor check")


def test_what_is_not_committed_is_told(platform: Platform) -> None:
    platform.tenant()
    assert lines(platform)["work tree"] == [
        "warn: not committed, so not planned: tenants/acme-retail.yaml => git add, git commit"
    ]


def test_evidence_that_is_missing_in_the_work_tree_is_a_failure_and_its_command_mends_it(original: Platform) -> None:
    shutil.rmtree(original.repo / "evidence" / "ledger")
    (line,) = lines(original)["work tree"]
    assert line.startswith("fail: evidence differs from what is committed: evidence/ledger/")
    subprocess.run(line.split(" => ")[1].split(), cwd=original.repo, check=True, timeout=30)
    assert lines(original)["work tree"] == ["ok: clean"]


def test_a_shallow_clone_is_a_failure_and_its_command_mends_it(original: Platform, tmp_path: Path) -> None:
    remote = f"file://{original.folder / 'remote.git'}"
    git(tmp_path, "clone", "--quiet", "--depth=1", remote, "shallow")
    there = tmp_path / "shallow"
    (line,) = lines(original, cwd=there)["clone"]
    subprocess.run(line.split(" => ")[1].split(), cwd=there, check=True, capture_output=True, timeout=60)
    seen = lines(original, cwd=there)
    assert "clone" not in seen
    assert seen["genesis"] == [f"ok: {original.root}"]


def test_a_partial_clone_is_a_failure_and_its_command_mends_it(original: Platform, tmp_path: Path) -> None:
    git(original.folder / "remote.git", "config", "uploadpack.allowFilter", "true")
    remote = f"file://{original.folder / 'remote.git'}"
    git(tmp_path, "clone", "--quiet", "--filter=blob:none", remote, "partial")
    there = tmp_path / "partial"
    (line,) = lines(original, cwd=there)["clone"]
    subprocess.run(["sh", "-c", line.split(" => ")[1]], cwd=there, check=True, capture_output=True, timeout=60)
    assert "clone" not in lines(original, cwd=there)


def test_secrets_and_targets_must_be_there_only_where_an_agent_is_to_run(platform: Platform) -> None:
    here = lines(platform, env={DSN: ""})
    assert here["secrets"][0].startswith("warn: 1 of 1 references are not set here")
    agent = lines(platform, "--targets", env={DSN: ""})
    assert agent["secrets"] == [f"fail: the secret env:{DSN} is empty => export {DSN}=…"]
    assert agent["target"][0].startswith("fail: ")
    another = platform.dsn.replace("dbname=", "dbname=postgres application_name=")
    elsewhere = lines(platform, "--targets", env={DSN: another})
    assert "the agent refuses it" in elsewhere["target"][0]
    away = lines(platform, "--targets", env={DSN: "host=127.0.0.1 port=1 dbname=x user=y password=s3cr3t"})
    assert away["target"][0].startswith("fail: ")
    assert "s3cr3t" not in json.dumps(away)


def test_a_target_that_means_no_system_yet_is_a_failure(platform: Platform) -> None:
    file = platform.repo / "spec" / "targets" / "pg-eu-central.yaml"
    lines_ = file.read_text().splitlines()
    file.write_text("\n".join('  identity: "0/unknown"' if "identity:" in line else line for line in lines_) + "\n")
    (line,) = lines(platform)["identity"]
    assert "has no identity yet" in line


def test_a_clone_without_a_remote_is_warned_of(platform: Platform) -> None:
    git(platform.repo, "remote", "remove", "origin")
    assert lines(platform)["remote"][0].endswith(" => git remote add origin URL")


def test_an_agent_without_a_remote_says_how_the_work_tree_gets_to_show_what_it_wrote(platform: Platform) -> None:
    git(platform.repo, "remote", "remove", "origin")
    for name in PEOPLE:
        platform.done("genesis", "--person", name, "--key", str(platform.key(name)))
    told = platform.done("agent", "once", "--key", str(platform.key("agent")))
    assert "evidence/ledger" in lines(platform)["work tree"][0]
    mend = told.splitlines()[-1].rpartition(": ")[2]
    subprocess.run(mend.split(), cwd=platform.repo, check=True, timeout=30)
    assert lines(platform)["work tree"] == ["ok: clean"]
    platform.done("verify", "--trust-root", platform.root)


def test_in_the_agents_bare_clone_it_looks_at_what_was_last_verified(original: Platform, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--bare", original.folder / "remote.git", "agent.git")
    seen = lines(original, "--targets", cwd=tmp_path / "agent.git")
    assert seen["work tree"] == ["ok: none: the clone is bare"]
    assert seen["genesis"] == [f"ok: {original.root}"]
    assert seen["target"][0].endswith(", as declared")
