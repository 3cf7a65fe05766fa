"""The text of `verify`: short, the first thing that fails in full, and the verdict in its last line."""

from __future__ import annotations

from compiler.cli.verify_text import as_text
from runtime.ledger.findings import Answer
from runtime.ledger.verify import Report, Status, verify
from runtime.testing.chronicle import Chronicle
from runtime.testing.memory_policy import no_objection
from runtime.testing.tiny_compiler import compile_commit


def assessed(chronicle: Chronicle, **options: object) -> Report:
    arguments = {"trust_root": chronicle.root, **options}
    return verify(chronicle.git, chronicle.head, now=chronicle.now, **arguments)  # type: ignore[arg-type]  # a test's options


def told(report: Report) -> list[str]:
    return as_text(report, colour=False).splitlines()


def test_the_last_line_is_the_verdict(chronicle: Chronicle) -> None:
    assert told(assessed(chronicle))[-1] == "OK"
    assert told(assessed(chronicle, trust_root=None))[-1] == "OK, if that is the trust root you were given"
    assert told(assessed(chronicle, trust_root="ba" * 32))[-1] == "FAILED: MC0703 trust-root"
    chronicle.push(chronicle.heartbeat(), unsigned=True)
    assert told(assessed(chronicle, since="ba" * 32))[-1] == "FAILED: 2 problems, the first is MC0720 commit-signed"


def test_an_end_that_was_cut_off_is_told_before_what_an_agent_will_still_do(chronicle: Chronicle) -> None:
    chronicle.take(chronicle.edit({"spec/notes.yaml": b"{text: hello}"}), apply=False)
    options = {"since": "ba" * 32, "policies": no_objection}
    assert [item.rule for item in assessed(chronicle, **options).problems] == ["extends", "acted"]
    chronicle.push(chronicle.heartbeat(), unsigned=True)
    rules = [item.rule for item in assessed(chronicle, **options).problems]
    assert rules == ["commit-signed", "extends", "acted"]


def test_only_what_verifies_hands_out_a_head_to_keep(chronicle: Chronicle) -> None:
    assert "keep it" in "\n".join(told(assessed(chronicle)))
    failed = assessed(chronicle, since="ba" * 32)
    assert not {word for word in ("keep it", "head:", "verified up to") if word in "\n".join(told(failed))}
    assert failed.head == chronicle.tip.digest


def test_another_trust_root_is_not_called_none(chronicle: Chronicle) -> None:
    assert told(assessed(chronicle, trust_root="ba" * 32))[0].startswith("trust root: not here")


def test_a_proven_trust_root_can_be_demanded(chronicle: Chronicle) -> None:
    assert assessed(chronicle, require_proven=True).ok
    report = assessed(chronicle, trust_root=None, require_proven=True)
    assert not report.ok
    assert [(item.rule, item.code) for item in report.problems] == [("unproven", "MC0704")]
    assert report.answers[Answer.COMPLETENESS].status is Status.OK


def test_many_findings_of_one_rule_take_the_place_of_one(chronicle: Chronicle) -> None:
    for _ in range(30):
        chronicle.push(chronicle.heartbeat(), unsigned=True)
    chronicle.git.commit_files({"evidence/notes.txt": b"mine"})
    report = assessed(chronicle)
    text = told(report)
    assert len(report.problems) == 31
    assert len(text) < 30
    assert "and 30 more (--format json lists each):" in text
    (group,) = (line for line in text if "29 times" in line)
    assert group.startswith("  MC0720 commit-signed, 29 times; the first: ")
    assert any(line.startswith("  MC0717 foreign: ") for line in text)


def test_completeness_of_a_broken_ledger_is_not_assessed(chronicle: Chronicle) -> None:
    path = chronicle.replay().entries[0].path
    chronicle.git.commit_files({}, remove=[path])
    assert assessed(chronicle).answers[Answer.COMPLETENESS].status is Status.OK
    chronicle.push(chronicle.heartbeat(), unsigned=True)
    report = assessed(chronicle)
    assert report.answers[Answer.COMPLETENESS].status is Status.NOT_ASSESSED
    assert any(line.startswith("not assessed: completeness: ") for line in told(report))
    chronicle.push(chronicle.intent())
    assert assessed(chronicle).answers[Answer.COMPLETENESS].status is Status.FAILED


def test_what_was_rendered_again_is_said(chronicle: Chronicle) -> None:
    report = assessed(chronicle, compile=compile_commit(chronicle.git), release="0.0.0")
    assert not [line for line in told(report) if line.startswith("rendered again")]
    assert "not re-rendered: 1 of 1 verified commits, which other releases rendered" in told(report)


def test_pending_commits_are_one_line(chronicle: Chronicle) -> None:
    commits = [chronicle.edit({"spec/notes.yaml": f"{{text: {word}}}".encode()}) for word in ("a", "b", "c", "d")]
    (line,) = (line for line in told(assessed(chronicle)) if line.startswith("pending"))
    assert line.startswith("pending: 4 commits that no verdict has taken (a forecast, no failure): ")
    assert line.endswith(f"{commits[2][:12]} and 1 more")
