"""`verify`: three answers, what each rests on, and how the first thing that fails is named."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from compiler.cli.verify_text import as_text
from compiler.diagnostics.ledger import OF_RULE
from runtime.contract.compiling import Compiled
from runtime.governance.rules import CONSENT
from runtime.ledger.ending import parse_digest
from runtime.ledger.findings import CODES, Answer
from runtime.ledger.rules import CHAIN
from runtime.ledger.verify import Report, Status, WorkFile, verify
from runtime.release import VERSION
from runtime.testing.chronicle import Chronicle
from runtime.testing.memory_git import MemoryGit
from runtime.testing.memory_policy import no_objection
from runtime.testing.small_tree import document
from runtime.testing.tiny_compiler import compile_commit

INITECH = {"tenants/initech.yaml": document(blueprint="basic")}


@pytest.fixture
def chronicle() -> Chronicle:
    started = Chronicle.start()
    started.apply()
    started.take(started.edit(INITECH))
    return started


def assessed(chronicle: Chronicle, *, now: datetime | None = None, **options: object) -> Report:
    arguments = {"trust_root": chronicle.root, "policies": no_objection, **options}
    return verify(chronicle.git, chronicle.head, now=now or chronicle.now, **arguments)  # type: ignore[arg-type]  # a test's options


def statuses(report: Report) -> tuple[str, ...]:
    return tuple(report.answers[answer].status.value for answer in Answer)


def rules(report: Report) -> list[str]:
    return [problem.rule for problem in report.problems]


def test_every_rule_has_its_code_and_its_page() -> None:
    assert {rule: code.id for rule, code in OF_RULE.items()} == CODES
    assert {rule.name for rule in CHAIN} <= CODES.keys()
    assert not {rule.name for rule in CONSENT} & CODES.keys()


def test_an_honest_ledger_is_ok_and_says_what_it_could_not_assess(chronicle: Chronicle) -> None:
    report = assessed(chronicle)
    assert statuses(report) == ("ok", "ok", "not-assessed")
    assert report.ok
    assert report.trust_root is not None
    assert report.trust_root.proven
    assert report.head == chronicle.tip.digest
    assert as_text(report, colour=False).startswith("trust root: sha256:")
    assert "not assessed: freshness" in as_text(report, colour=False)
    assert "not re-rendered" in as_text(report, colour=False)


@pytest.mark.parametrize("earlier", ["root", "head", "commit"])
def test_freshness_is_assessed_against_an_earlier_head(chronicle: Chronicle, earlier: str) -> None:
    since = {"root": chronicle.root, "head": chronicle.tip.digest, "commit": chronicle.head}[earlier]
    chronicle.push(chronicle.heartbeat())
    assert statuses(assessed(chronicle, since=since)) == ("ok", "ok", "ok")


def test_an_earlier_head_that_is_gone_is_a_cut_off_end(chronicle: Chronicle) -> None:
    before = chronicle.git.branch("before")
    chronicle.push(chronicle.heartbeat())
    since = chronicle.tip.digest
    chronicle.git.refs["refs/heads/main"] = before
    report = assessed(chronicle, since=since)
    assert statuses(report) == ("ok", "ok", "failed")
    assert rules(report) == ["extends"]


def test_two_missed_heartbeats_are_a_silent_agent(chronicle: Chronicle) -> None:
    assert assessed(chronicle, now=chronicle.now + timedelta(days=2)).ok
    report = assessed(chronicle, now=chronicle.now + timedelta(days=2, seconds=1))
    assert rules(report) == ["heartbeat"]
    assert report.problems[0].path == report.history.entries[-1].path if report.history else False


def test_entry_of_a_time_still_to_come_is_no_sign_of_life(chronicle: Chronicle) -> None:
    """Whoever has an agent's key for a moment writes one heartbeat of 2099, and no silence is found for decades."""
    chronicle.push(chronicle.heartbeat(at=chronicle.now + timedelta(minutes=1)))
    assert assessed(chronicle, now=chronicle.now).ok
    chronicle.push(chronicle.heartbeat(at=datetime.fromisoformat("2099-01-01T00:00:00Z")))
    report = assessed(chronicle, now=chronicle.now)
    assert rules(report) == ["ahead", "heartbeat"]
    assert report.answers[Answer.FRESHNESS].status is Status.FAILED
    assert "still to come" in report.problems[1].message
    assert "explain runbooks/keys" in (report.problems[1].help or "")


def test_an_open_intent_and_an_idle_verdict_are_incomplete(chronicle: Chronicle) -> None:
    chronicle.take(chronicle.edit({"flags/checkout.yaml": document(tenants=["acme"], on=True)}), apply=False)
    idle = assessed(chronicle)
    assert (rules(idle), statuses(idle)) == (["acted"], ("ok", "failed", "not-assessed"))
    chronicle.push(chronicle.intent())
    assert rules(assessed(chronicle)) == ["closed"]


def test_a_genesis_that_no_intent_made_is_incomplete_once_an_agent_has_written() -> None:
    chronicle = Chronicle.start()
    assert rules(assessed(chronicle)) == []
    chronicle.push(chronicle.heartbeat())
    report = assessed(chronicle)
    assert rules(report) == ["acted"]
    assert report.problems[0].message == "the genesis was followed by no intent: nothing says that it was ever made so"


def test_actions_left_to_an_intent_that_never_came_are_incomplete() -> None:
    chronicle = Chronicle.start()
    whole = [item.action() for item in chronicle.intent().statement.predicate.actions]  # type: ignore[union-attr]  # an intent
    chronicle.apply(actions=whole[:1], rest=3, as_declared=0)
    report = assessed(chronicle)
    assert [item.message for item in report.problems] == ["intent 1 has left 3 actions to others, and none came"]
    chronicle.apply(actions=whole[1:], as_declared=1)
    assert assessed(chronicle).problems == ()


def test_pending_commits_are_no_failure(chronicle: Chronicle) -> None:
    commit = chronicle.edit({"flags/checkout.yaml": document(tenants=["acme"], on=True)})
    report = assessed(chronicle)
    assert report.ok
    assert report.to_json()["pending"] == [commit]
    assert "a forecast, no failure" in as_text(report, colour=False)


def test_without_a_genesis_nothing_is_ok() -> None:
    git = MemoryGit()
    head = git.commit_files({"README.md": "nothing yet\n"})
    report = verify(git, head, now=datetime.fromisoformat("2026-11-24T08:00:00Z"))
    assert not report.ok
    assert report.to_json()["problems"][0]["code"] == "MC0700"
    assert "no genesis yet" in as_text(report, colour=False)


def test_another_trust_root_is_another_history(chronicle: Chronicle) -> None:
    assert rules(assessed(chronicle, trust_root="ba" * 32)) == ["trust-root"]


def test_a_flipped_byte_in_the_work_tree_names_the_file(chronicle: Chronicle) -> None:
    files = chronicle.git.files(chronicle.head, "evidence")
    here = {path: WorkFile(chronicle.git.blob(file.oid)) for path, file in files.items()}
    assert assessed(chronicle, worktree=here).ok
    path = next(path for path in here if "-result-" in path)
    here[path] = WorkFile(here[path].data[:100] + b"?" + here[path].data[101:])
    report = assessed(chronicle, worktree=here)
    assert [(item.rule, item.path) for item in report.problems] == [("work-tree", path)]
    assert "at byte 101" in report.problems[0].message
    del here[path]
    here["evidence/ledger/extra.json"] = WorkFile(b"{}")
    assert [item.path for item in assessed(chronicle, worktree=here).problems] == [path, "evidence/ledger/extra.json"]


def test_a_file_that_became_executable_in_the_work_tree_is_named_where_that_can_be_known(chronicle: Chronicle) -> None:
    files = chronicle.git.files(chronicle.head, "evidence")
    here = {path: WorkFile(chronicle.git.blob(file.oid)) for path, file in files.items()}
    path = next(path for path in here if "-result-" in path)
    for mode, said in (("100755", [path]), ("120000", [path]), (None, [])):
        report = assessed(chronicle, worktree={**here, path: WorkFile(here[path].data, mode)})
        assert [item.path for item in report.problems] == said
        assert all(f"has mode {mode}" in item.message for item in report.problems)


def test_commits_of_this_release_are_rendered_again(chronicle: Chronicle) -> None:
    compile_ = compile_commit(chronicle.git)
    report = assessed(chronicle, compile=compile_, release=VERSION)
    assert report.rendered is not None
    assert (report.rendered.again, report.rendered.of) == (2, 2)
    assert report.ok

    def other(commit: str) -> Compiled:
        honest = compile_(commit)
        return Compiled(honest.inputs, {**honest.bundle, "config/flags/flag/more.json": b"{}"})

    assert rules(assessed(chronicle, compile=other, release=VERSION)) == ["rendered", "rendered"]
    elsewhere = assessed(chronicle, compile=other, release="9.9.9")
    assert elsewhere.ok
    assert "which other releases rendered" in as_text(elsewhere, colour=False)


def test_a_foreign_file_is_listed_until_it_is_taken_away(chronicle: Chronicle) -> None:
    path = "evidence/ledger/2026/11/000000099-result-00000000.sigstore.json"
    chronicle.git.commit_files({path: b"{}"})
    report = assessed(chronicle)
    assert [(item.rule, item.path) for item in report.problems] == [("foreign", path)]
    chronicle.push(chronicle.heartbeat())
    assert rules(assessed(chronicle)) == ["foreign"]
    chronicle.git.commit_files({}, remove=[path])
    assert assessed(chronicle).ok


def test_a_removed_entry_is_a_finding_and_still_counts(chronicle: Chronicle) -> None:
    history = chronicle.replay()
    path = next(entry.path for entry in history.entries if entry.kind == "verdict")
    commit = chronicle.git.commit_files({}, remove=[path], message="Tidy up")
    report = assessed(chronicle)
    assert [(item.rule, item.path, item.commit) for item in report.problems] == [("unchanged", path, commit)]
    assert report.history is not None
    assert report.history.commit == history.commit
    assert report.history.entries == history.entries


@pytest.mark.parametrize(
    ("given", "read"), [("sha256:" + "a" * 64, "a" * 64), ("b" * 64, "b" * 64), ("sha256:ab", None), ("HEAD", None)]
)
def test_a_digest_is_read_with_or_without_its_algorithm(given: str, read: str | None) -> None:
    assert parse_digest(given) == read


def test_a_report_says_failed_exactly_when_it_is_not_ok(chronicle: Chronicle) -> None:
    report = assessed(chronicle)
    assert report.ok == all(item.status is not Status.FAILED for item in report.answers.values())
    assert report.to_json()["ok"] is True
