"""`conductor genesis`, `verify` and `evidence` on a real repository; and its evidence under stock tools."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from compiler.cli.demo.copy import copy_tree, replace
from compiler.driver import compile_commit
from runtime.contract.change import Snapshot, between
from runtime.contract.objects import Action, ObjectId, Operation
from runtime.contract.statement import Outcome, Release, Seen
from runtime.git.repository import Repository
from runtime.ledger import append
from runtime.ledger.append import Grounds, Writer, Written, record
from runtime.ledger.history import replay
from runtime.release import VERSION, code_sha256
from runtime.signing.keys import load_private, write_keypair
from runtime.testing.statements import approval
from tests.services.commands import Ran, conductor, git

pytestmark = pytest.mark.service

ROOT = Path(__file__).resolve().parents[2]
PEOPLE = ("mara-lindqvist", "tomas-okafor", "ines-carvalho")
ECDSA = "tomas-okafor"
"""Whose key is ECDSA on P-256; the others' are Ed25519."""
AGENT = "conductor-eu"
TENANT = "tenants/fjordline-ferries.yaml"


def own_yaml(folder: Path) -> Path:
    """A repository with this one's YAML, in which the people's and the agent's keys are new."""
    repo, keys = folder / "repo", folder / "keys"
    repo.mkdir()
    keys.mkdir()
    copy_tree(ROOT, repo)
    lines = {name: write_keypair(keys / name).public_line for name in (*PEOPLE, AGENT) if name != ECDSA}
    subprocess.run(
        ("ssh-keygen", "-q", "-t", "ecdsa", "-b", "256", "-N", "", "-f", str(keys / ECDSA)), check=True, timeout=60
    )
    lines[ECDSA] = load_private(keys / ECDSA).public_line
    assert list(replace(repo, keys=lines, targets={}, created="2026-11-20"))
    git(repo, "init", "--quiet", "--initial-branch=main")
    git(repo, "add", ".")
    git(repo, "commit", "--quiet", "--message=Lay out the installation")
    return repo


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return own_yaml(tmp_path)


def started(folder: Path) -> Path:
    repo = own_yaml(folder)
    for name in PEOPLE[:2]:
        assert conductor("genesis", "--repo", repo, "--person", name, "--key", folder / "keys" / name).code == 0
    return repo


class Agent:
    """Writes to a real repository what an agent would, without any target."""

    def __init__(self, repository: Repository, keys: Path, now: datetime) -> None:
        self.git, self.keys, self.now = repository, keys, now
        self.writer = Writer(AGENT, load_private(keys / AGENT), Release(version=VERSION, sha256=code_sha256()))

    def push(self, *entries: Written) -> str:
        head = self.git.resolve("refs/heads/main")
        assert head
        commit = record(self.git, head, entries, self.writer, at=self.now)
        assert self.git.set_ref("refs/heads/main", commit, old=head)
        return commit

    def take(self, commit: str, *people: str) -> None:
        history = replay(self.git, commit)
        after = compile_commit(self.git)(commit).snapshot
        assert isinstance(after, Snapshot)
        before = history.snapshot
        change = between(before, after, repository=history.genesis.repository, branch="main")
        approvals = {}
        for name in people:
            signed = approval(
                change,
                load_private(self.keys / name),
                after=history.verified.timeline.last.sha256,
                at=self.now,
                until=self.now + timedelta(days=3),
                seen=Seen(base=history.commit, head=commit),
            )
            approvals[signed.sha256] = signed.envelope.data
        grounds = Grounds(
            history.commit, commit, before.manifest.digest, after.manifest.digest, change, approvals, landed=()
        )
        verdict = append.verdict(history.tip, self.writer, self.now, grounds)
        self.act(verdict, after.manifest.digest, change.digest)

    def act(self, first: Written, manifest: str, because: str) -> None:
        action = Action(Operation.CREATE, ObjectId("pg-eu", "role", "t_one"), None, {"login": False}, 1, None, because)
        intent = append.intent(first.tip, self.writer, self.now, because=because, manifest=manifest, actions=[action])
        outcomes = [Outcome(index=0, outcome="done")]
        result = append.result(intent.tip, self.writer, self.now, intent=intent.digest, outcomes=outcomes)
        for entry in (first, intent, result):
            self.push(entry)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `repo`, `keys`: a genesis, one tenant taken, a heartbeat."""
    folder = tmp_path_factory.mktemp("finished")
    repo = started(folder)
    tenant = (repo / "tenants" / "velora-retail.yaml").read_text()
    (repo / TENANT).write_text(tenant.replace("velora-retail", "fjordline-ferries"))
    git(repo, "add", ".")
    git(repo, "commit", "--quiet", "--message=Add Fjordline Ferries")
    with Repository(repo) as repository:
        agent = Agent(repository, folder / "keys", datetime.now(tz=UTC).replace(microsecond=0))
        agent.take(git(repo, "rev-parse", "HEAD"), *PEOPLE)
        history = replay(repository, git(repo, "rev-parse", "HEAD"))
        agent.push(
            append.heartbeat(
                history.tip, agent.writer, agent.now, commit=history.commit, manifest=history.snapshot.manifest.digest
            )
        )
    git(repo, "reset", "--quiet", "--hard")
    return folder


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    """The finished repository, to be damaged."""
    shutil.copytree(finished / "repo", tmp_path / "copy")
    return tmp_path / "copy"


def trust_root(repo: Path) -> str:
    (genesis,) = (repo / "evidence" / "genesis").glob("*.json")
    return f"sha256:{genesis.stem}"


def test_without_a_genesis_verify_says_so_and_fails(repo: Path) -> None:
    said = conductor("verify", "--repo", str(repo))
    assert said.code == 1
    assert "no genesis yet" in said.out
    report = json.loads(conductor("verify", "--repo", str(repo), "--format", "json").out)
    assert report["ok"] is False
    assert [item["code"] for item in report["problems"]] == ["MC0700"]


def test_two_people_start_a_history(repo: Path) -> None:
    keys = repo.parent / "keys"

    def genesis(person: str, key: str) -> Ran:
        return conductor("genesis", "--repo", str(repo), "--person", person, "--key", str(keys / key))

    first = genesis("mara-lindqvist", "mara-lindqvist")
    assert first.code == 0
    assert "pending" in first.out
    assert git(repo, "log", "--format=%s") == "Lay out the installation"
    again = genesis("mara-lindqvist", "mara-lindqvist")
    assert (again.code, "signed already" in again.err) == (1, True)
    stranger = genesis("nobody-here", "tomas-okafor")
    assert (stranger.code, "names no person" in stranger.err) == (2, True)
    misspelt = genesis("ines-carvalo", "ines-carvalho")
    assert (misspelt.code, "did you mean `ines-carvalho`?" in misspelt.err) == (2, True)
    borrowed = genesis("ines-carvalho", "tomas-okafor")
    assert (borrowed.code, "is not one of ines-carvalho's" in borrowed.err) == (2, True)
    second = genesis("tomas-okafor", "tomas-okafor")
    assert second.code == 0
    assert f"trust root: {trust_root(repo)}" in second.out
    assert git(repo, "status", "--porcelain") == ""
    assert len(git(repo, "show", "--name-only", "--format=", "HEAD").splitlines()) == 3
    third = genesis("ines-carvalho", "ines-carvalho")
    assert (third.code, "has started already" in third.err) == (1, True)
    report = json.loads(
        conductor("verify", "--repo", str(repo), "--trust-root", trust_root(repo), "--format", "json").out
    )
    assert report["ok"] is True
    assert report["trust_root"]["proven"] is True


def test_genesis_refuses_what_is_not_committed_and_a_head_that_moved(repo: Path) -> None:
    keys = repo.parent / "keys"
    args = ("genesis", "--repo", str(repo), "--person")
    path = repo / "tenants" / "velora-retail.yaml"
    before = path.read_text()
    path.write_text(before + "\n")
    dirty = conductor(*args, "mara-lindqvist", "--key", str(keys / "mara-lindqvist"))
    assert (dirty.code, "is not committed" in dirty.err) == (1, True)
    path.write_text(before)
    assert conductor(*args, "mara-lindqvist", "--key", str(keys / "mara-lindqvist")).code == 0
    (repo / "NEWS.md").write_text("news\n")
    git(repo, "add", "NEWS.md")
    git(repo, "commit", "--quiet", "--message=News")
    moved = conductor(*args, "tomas-okafor", "--key", str(keys / "tomas-okafor"))
    assert moved.code == 1
    assert "has moved in between" in moved.err
    assert "let the first person begin again" in moved.err


def test_two_people_start_anew_and_say_instead_of_what(copy: Path, finished: Path) -> None:
    old = trust_root(copy)

    def genesis(person: str, *more: str) -> Ran:
        key = str(finished / "keys" / person)
        return conductor("genesis", "--repo", str(copy), "--person", person, "--key", key, *more)

    refused = genesis("mara-lindqvist")
    assert (refused.code, "--previous" in refused.err) == (1, True)
    assert genesis("mara-lindqvist", "--previous", f"sha256:{'ba' * 32}").code == 2
    assert genesis("mara-lindqvist", "--previous", "the old one").code == 2
    first = genesis("mara-lindqvist", "--previous", old)
    assert (first.code, f"--previous {old}" in first.out) == (0, True)
    assert genesis("tomas-okafor").code == 1
    second = genesis("tomas-okafor", "--previous", old)
    assert second.code == 0
    new = re.findall(r"^trust root: (\S+)$", second.out, flags=re.MULTILINE)[0]
    assert (ROOT / re.findall(r"docs/runbooks/\S+\.md", second.out)[0]).is_file()
    report = json.loads(conductor("verify", "--repo", str(copy), "--trust-root", new, "--format", "json").out)
    assert (report["ok"], report["entries"], report["problems"]) == (True, 0, [])
    assert conductor("evidence", "log", "--repo", str(copy), "--trust-root", new).out == ""
    told = conductor("evidence", "log", "--repo", str(copy))
    assert len(told.out.splitlines()) == 4
    superseded = conductor("verify", "--repo", str(copy), "--trust-root", old)
    assert (superseded.code, "it belongs to another genesis" in superseded.out) == (1, True)


def test_an_honest_repository_verifies(finished: Path) -> None:
    repo = str(finished / "repo")
    assumed = conductor("verify", "--repo", repo)
    assert assumed.code == 0
    assert assumed.out.splitlines()[0].endswith("unproven: compare it with the one you were given")
    assert "not assessed: freshness" in assumed.out
    report = json.loads(conductor("verify", "--repo", repo, "--format", "json").out)
    assert [report[name] for name in ("integrity", "completeness", "freshness")] == ["ok", "ok", "not-assessed"]
    args = ("--trust-root", trust_root(finished / "repo"), "--since", f"sha256:{report['head']}", "--render")
    proven = json.loads(conductor("verify", "--repo", repo, *args, "--format", "json").out)
    assert proven["freshness"] == "ok"
    assert proven["rendered"] == {"again": 2, "of": 2}
    assert proven["problems"] == []


def test_another_trust_root_fails(finished: Path) -> None:
    said = conductor("verify", "--repo", str(finished / "repo"), "--trust-root", f"sha256:{'ba' * 32}")
    assert said.code == 1
    assert "MC0703 trust-root" in said.out


def test_a_flipped_byte_in_the_work_tree_names_the_file(copy: Path) -> None:
    path = next((copy / "evidence").rglob("*-result-*.sigstore.json"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    said = conductor("verify", "--repo", str(copy))
    assert said.code == 1
    assert path.relative_to(copy).as_posix() in said.out
    assert "MC0723 work-tree" in said.out


def test_the_name_of_a_file_draws_nothing_on_the_auditors_terminal(copy: Path) -> None:
    (copy / "evidence" / "ledger" / "\x1b[2J\u202e.sigstore.json").write_text("{}")
    git(copy, "add", "--all")
    git(copy, "commit", "--quiet", "--message=Bring nonsense")
    for form in ("text", "json"):
        said = conductor("verify", "--repo", str(copy), "--format", form)
        assert "u202e.sigstore.json" in said.out
        assert said.out.replace("\n", "").isprintable()


def test_damage_in_a_later_commit_is_found_and_changes_no_verdict(copy: Path) -> None:
    path = next((copy / "evidence").rglob("*-verdict-*.sigstore.json"))
    git(copy, "rm", "--quiet", path.relative_to(copy).as_posix())
    git(copy, "commit", "--quiet", "--message=Tidy up")
    report = json.loads(conductor("verify", "--repo", str(copy), "--format", "json").out)
    assert (report["ok"], report["integrity"]) == (False, "failed")
    (problem,) = report["problems"]
    assert (problem["rule"], problem["path"]) == ("unchanged", path.relative_to(copy).as_posix())
    assert problem["commit"] == git(copy, "rev-parse", "HEAD")
    assert report["entries"] == 4
    assert report["pending"] == []


def test_a_cut_off_end_is_found_against_an_earlier_head(copy: Path) -> None:
    head = json.loads(conductor("verify", "--repo", str(copy), "--format", "json").out)["head"]
    git(copy, "reset", "--quiet", "--hard", "HEAD^")
    assert conductor("verify", "--repo", str(copy)).code == 0
    said = conductor("verify", "--repo", str(copy), "--since", f"sha256:{head}")
    assert said.code == 1
    assert "MC0760 extends" in said.out


def test_a_commit_that_is_gone_is_a_lost_head_and_nonsense_is_wrong_usage(copy: Path) -> None:
    gone = conductor("verify", "--repo", str(copy), "--since", "ab" * 20)
    assert (gone.code, "MC0760 extends" in gone.out) == (1, True)
    for nonsense in ("xyz", "AB" * 32, f"sha256:{'AB' * 32}", "ab" * 31):
        said = conductor("verify", "--repo", str(copy), "--since", nonsense)
        assert (said.code, said.out) == (2, "")
        assert "64 hex digits in lower case" in said.err
        assert conductor("verify", "--repo", str(copy), "--trust-root", nonsense).code == 2


def test_a_digest_is_taken_as_the_text_and_as_the_json_write_it(copy: Path) -> None:
    report = json.loads(conductor("verify", "--repo", str(copy), "--format", "json").out)
    root, head = report["trust_root"]["sha256"], report["head"]
    for prefix in ("", "sha256:"):
        args = ("--trust-root", prefix + root, "--since", prefix + head, "--require-proven")
        said = conductor("verify", "--repo", str(copy), *args)
        assert (said.code, said.out.splitlines()[-1]) == (0, "OK")
    assert conductor("verify", "--repo", str(copy), "--require-proven").code == 1


def test_without_a_commit_there_is_nothing_to_verify_or_read(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    for command in (("verify",), ("verify", "--rev", "HEAD"), ("evidence", "log"), ("evidence", "show", "1")):
        said = conductor(*command, "--repo", str(tmp_path))
        assert (said.code, "there is no commit yet" in said.err) == (2, True)


def test_a_silent_agent_is_found(copy: Path) -> None:
    later = (datetime.now(tz=UTC) + timedelta(days=3)).strftime("%Y-%m-%dT%H:%M:%SZ")
    said = conductor("verify", "--repo", str(copy), "--at", later)
    assert said.code == 1
    assert "MC0761 heartbeat" in said.out
    for nonsense in ("yesterday", "2026-11-24", "2026-13-24T08:00:00Z"):
        refused = conductor("verify", "--repo", str(copy), "--at", nonsense)
        assert (refused.code, "as 2026-11-24T08:00:00Z is" in refused.err) == (2, True)


def test_the_ledger_reads_as_a_story(finished: Path) -> None:
    said = conductor("evidence", "log", "--repo", str(finished / "repo"))
    lines = said.out.splitlines()
    assert [line.split()[2] for line in lines] == ["verdict", "intent", "result", "heartbeat"]
    assert f"add {TENANT}" in lines[0]
    assert "approved by ines-carvalho and mara-lindqvist and tomas-okafor" in lines[0]
    shown = conductor("evidence", "show", "1", "--repo", str(finished / "repo"))
    assert '"predicateType": "https://slsa.dev/verification_summary/v1"' in shown.out
    assert "verify-commit" in shown.out
    last = conductor("evidence", "show", "-1", "--repo", str(finished / "repo"))
    assert last.out.startswith("entry 4, heartbeat")
    for number in ("9", "0", "-9", "--last", "one"):
        refused = conductor("evidence", "show", number, "--repo", str(finished / "repo"))
        assert (refused.code, "No such option" in refused.err) == (2, False)
    subjects = git(finished / "repo", "log", "--format=%s", "--", "evidence/ledger").splitlines()
    assert subjects[-1].startswith("Take ")


def readme_script() -> str:
    text = (ROOT / "evidence" / "README.md").read_text()
    return "".join(re.findall(r"^```bash\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL))


def by_hand(repo: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(repo.parent), "trust_root": trust_root(repo)}
    return subprocess.run(
        ("bash", "-c", readme_script()),
        cwd=repo,
        env=environment,
        check=False,
        capture_output=True,
        timeout=60,
        text=True,
    )


def test_stock_tools_verify_it_word_for_word_as_the_readme_says(finished: Path) -> None:
    done = by_hand(finished / "repo")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "everything holds", done.stdout + done.stderr
    assert "FAILS" not in done.stdout
    assert done.stdout.count(": Signature Verified Successfully") == 1 + 4 + 2
    assert done.stdout.count(": Verified OK") == 1 + 1
    assert "the end of the chain is sha256:" in done.stdout
    assert 'Good "git" signature for agent' in done.stdout


def test_the_readme_does_not_end_the_shell_that_it_is_pasted_into() -> None:
    words = re.findall(r"^\s*(set|exit|exec|return)\b", readme_script(), flags=re.MULTILINE)
    assert words == []


@pytest.mark.parametrize("kind", ["verdict", "result"])
def test_stock_tools_find_a_flipped_byte_and_name_its_file(copy: Path, kind: str) -> None:
    path = next((copy / "evidence").rglob(f"*-{kind}-*.sigstore.json"))
    text = path.read_text()
    start = text.index('"payload":"') + 200
    path.write_text(text[:start] + ("A" if text[start] != "A" else "B") + text[start + 1 :])
    done = by_hand(copy)
    assert f"FAILS: {path.relative_to(copy).as_posix()}" in done.stdout
    assert done.stdout.splitlines()[-1] == "something FAILS: see above"


def test_stock_tools_find_a_removed_entry_and_a_borrowed_approval(copy: Path) -> None:
    gone = next((copy / "evidence").rglob("*-intent-*.sigstore.json"))
    gone.unlink()
    approval = next(
        path for path in (copy / "evidence/approvals").rglob("*.sigstore.json") if "genesis" not in str(path)
    )
    approval.write_bytes(next((copy / "evidence/approvals/genesis").iterdir()).read_bytes())
    done = by_hand(copy)
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILS: ")]
    assert any("-result-" in line and "does not say" in line for line in failed)
    assert sum(approval.name in line for line in failed) >= 2
