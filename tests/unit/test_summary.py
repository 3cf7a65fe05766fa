"""A summary says of a range what the report says, and no more."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runtime.contract.errors import UsageError
from runtime.ledger.starting import NoGenesisError
from runtime.ledger.summary import summary
from runtime.ledger.verify import Report, verify
from runtime.testing.chronicle import Chronicle
from runtime.testing.memory_git import MemoryGit
from runtime.testing.memory_policy import no_objection


@pytest.fixture
def taken(chronicle: Chronicle) -> Chronicle:
    """Two changes taken."""
    for word in (b"one", b"two"):
        chronicle.take(chronicle.edit({"spec/notes.yaml": b"{text: " + word + b"}"}))
    return chronicle


def assessed(chronicle: Chronicle, **options: Any) -> Report:
    given = {"now": chronicle.now, "trust_root": chronicle.root, "policies": no_objection, **options}
    return verify(chronicle.git, chronicle.head, **given)


def said(report: Report, since: str | None = None) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(summary(report, since))["predicate"]
    return found


def test_it_names_every_verdict_of_the_whole_history(taken: Chronicle) -> None:
    found = said(assessed(taken))
    assert [item["digest"]["sha256"] for item in found["inputAttestations"]] == taken.verdicts[1:]
    assert found["policy"]["digest"]["sha256"] == taken.root
    assert found["resourceUri"].endswith(f":main:{taken.base}")
    assert found["verificationResult"] == "PASSED"
    assert found["conductor"]["trust_root"] == {"sha256": taken.root, "proven": True}


def test_its_subjects_are_the_end_of_the_ledger_and_the_verified_manifest(taken: Chronicle) -> None:
    subjects = json.loads(summary(assessed(taken)))["subject"]
    assert {item["name"]: item["digest"]["sha256"] for item in subjects} == {
        "head": taken.tip.digest,
        "manifest": taken.snapshot.manifest.digest,
    }


def test_a_range_begins_after_the_earlier_head(taken: Chronicle) -> None:
    report = assessed(taken, since=taken.verdicts[1])
    found = said(report, taken.verdicts[1])
    assert [item["digest"]["sha256"] for item in found["inputAttestations"]] == taken.verdicts[2:]
    assert (found["conductor"]["since"], found["conductor"]["entries"]) == (taken.verdicts[1], 5)
    assert len(said(report, taken.root)["inputAttestations"]) == 2
    with pytest.raises(UsageError, match="no range begins there"):
        summary(report, "ba" * 32)


def test_only_answers_that_are_ok_become_levels(taken: Chronicle) -> None:
    assert said(assessed(taken))["verifiedLevels"] == ["CONDUCTOR_INTEGRITY", "CONDUCTOR_COMPLETENESS"]
    assert "CONDUCTOR_FRESHNESS" in said(assessed(taken, since=taken.root), taken.root)["verifiedLevels"]


def test_what_failed_passes_nothing(taken: Chronicle) -> None:
    taken.push(taken.heartbeat(), unsigned=True)
    found = said(assessed(taken))
    assert (found["verificationResult"], found["verifiedLevels"]) == ("FAILED", ["FAILED"])
    assert found["conductor"]["problems"] == ["MC0720"]


def test_a_verdict_that_counts_for_nothing_is_no_input(taken: Chronicle) -> None:
    commit = taken.edit({"spec/notes.yaml": b"{text: three}"})
    taken.push(taken.verdict(commit, []))
    assert [item["digest"]["sha256"] for item in said(assessed(taken))["inputAttestations"]] == taken.verdicts[1:]


def test_there_is_none_without_a_history() -> None:
    git = MemoryGit()
    head = git.commit_files({"README.md": b"nothing yet"})
    with pytest.raises(NoGenesisError):
        summary(verify(git, head, now=Chronicle.start().now))
