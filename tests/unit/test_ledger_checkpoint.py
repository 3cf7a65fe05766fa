"""A checkpoint is made of what is sound alone, is believed as it was noted, and what was left to it is told."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from compiler.cli.verify_markdown import as_markdown
from compiler.cli.verify_text import as_text
from runtime.contract.canonical import sha256
from runtime.governance.rules import CONSENT
from runtime.ledger.checkpoint import CheckpointError, Offered, RefusedError, admit, checkpoint, go_on, resume
from runtime.ledger.replaying import Rules
from runtime.ledger.rules import CHAIN
from runtime.ledger.summary import summary
from runtime.ledger.verify import Report, verify
from runtime.testing.chronicle import Chronicle
from runtime.testing.memory_git import SOMEBODY, MemoryGit
from runtime.testing.memory_policy import no_objection

RULES = Rules(CHAIN, CONSENT, no_objection)
NOTES = "spec/notes.yaml"


def audit(chronicle: Chronicle, offered: Offered | None = None, **options: Any) -> Report:
    given = {"now": chronicle.now, "trust_root": chronicle.root, "policies": no_objection, **options}
    history = None
    if offered is not None:
        history = go_on(chronicle.git, chronicle.head, offered, RULES, now=given["now"])
        given = {"checkpoint": offered.sha256, "since": offered.kept.end.digest, **given}
    return verify(chronicle.git, chronicle.head, **given, history=history)


def kept(chronicle: Chronicle) -> Offered:
    """A checkpoint of the whole."""
    data = checkpoint(audit(chronicle))
    return Offered(data, sha256(data), chronicle.root)


@pytest.fixture
def taken(chronicle: Chronicle) -> Chronicle:
    """A change taken: entries 1 to 5."""
    chronicle.take(chronicle.edit({NOTES: b"{text: one}"}))
    return chronicle


def test_what_came_since_is_read_and_what_came_before_is_told(taken: Chronicle) -> None:
    offered = kept(taken)
    before = taken.now
    taken.take(taken.edit({NOTES: b"{text: two}"}))
    report = audit(taken, offered)
    assert report.history is not None
    assert [entry.sequence for entry in report.history.entries] == [6, 7, 8]
    assert report.ok
    text = as_text(report, colour=False)
    assert f"not read again: entries 1 to 5, verified as of {before:%Y-%m-%dT%H:%M:%SZ} by whoever keeps" in text
    assert "not compared: the files of the work tree" in text
    assert "8 entries in the ledger, 3 of them read now" in text
    assert "5 entries before, not read again" in as_markdown(report, "conductor verify")
    said: Any = report.to_json()
    assert (said["entries"], said["checkpoint"]["used"], said["checkpoint"]["entries"]) == (8, True, 5)
    assert (said["checkpoint"]["sha256"], said["checkpoint"]["head"]) == (offered.sha256, offered.kept.end.digest)
    found = json.loads(summary(report))["predicate"]
    assert [item["digest"]["sha256"] for item in found["inputAttestations"]] == taken.verdicts[-1:]
    assert found["conductor"]["checkpoint"]["entries"] == 5
    assert found["conductor"]["since"] == offered.kept.end.digest


def test_a_report_without_a_checkpoint_says_nothing_of_one(taken: Chronicle) -> None:
    report = audit(taken)
    said: Any = report.to_json()
    assert "checkpoint" not in as_text(report, colour=False) + json.dumps(said) + summary(report).decode()


def test_from_one_checkpoint_to_the_next_it_is_known_when_all_was_read(taken: Chronicle) -> None:
    first, whole = kept(taken), taken.now
    for number in range(2):
        taken.take(taken.edit({NOTES: b"{text: again %d}" % number}))
        data = checkpoint(audit(taken, first))
        first = Offered(data, sha256(data), taken.root)
    seen = first.kept.seen
    assert (seen.at, seen.whole, seen.whole_to) == (taken.now, whole, 5)
    assert seen.kinds == {"verdict": 3, "intent": 4, "result": 4}


@pytest.mark.parametrize("where", [0, 1, 100, 1000, -100, -1])
def test_a_flipped_byte_is_refused_before_anything_is_read(taken: Chronicle, where: int) -> None:
    offered = kept(taken)
    data = bytearray(offered.data)
    data[where] ^= 1
    with pytest.raises(RefusedError, match="and you noted"):
        admit(Offered(bytes(data), offered.noted))
    with pytest.raises(RefusedError):
        admit(Offered(bytes(data[:-1]), offered.noted))
    assert admit(offered) == offered.kept


def test_a_file_that_is_no_checkpoint_is_refused_by_its_own_digest(taken: Chronicle) -> None:
    for data in (b"", b"{}", b"[]", kept(taken).data[:-1] + b',"more":1}'):
        with pytest.raises(RefusedError, match="none of this release's"):
            admit(Offered(data, sha256(data)))


def test_none_is_made_of_what_failed_or_was_assumed_or_holds_nothing(taken: Chronicle) -> None:
    started = Chronicle.start()
    with pytest.raises(CheckpointError, match="no entry yet"):
        checkpoint(audit(started))
    with pytest.raises(CheckpointError, match="trust root"):
        checkpoint(audit(taken, trust_root=None))
    with pytest.raises(CheckpointError, match="failed"):
        checkpoint(audit(taken, now=taken.now + timedelta(days=40)))
    taken.push(taken.verdict(taken.edit({NOTES: b"{text: two}"})))
    with pytest.raises(CheckpointError, match="failed"):
        checkpoint(audit(taken))


def test_judged_by_a_time_before_its_last_entry_all_is_read(taken: Chronicle) -> None:
    offered = kept(taken)
    early = taken.now - timedelta(minutes=10)
    report = audit(taken, offered, now=early)
    assert report.earlier is None
    assert report.problems == audit(taken, now=early, since=offered.kept.end.digest).problems
    assert "was not used" in as_text(report, colour=False)
    said: Any = report.to_json()
    assert said["checkpoint"] == {"sha256": offered.sha256, "used": False}


def test_main_that_was_moved_back_is_read_as_a_whole_and_fails(taken: Chronicle) -> None:
    back = taken.head
    taken.push(taken.heartbeat())
    offered = kept(taken)
    taken.git.refs["refs/heads/main"] = back
    report = audit(taken, offered)
    assert report.earlier is None
    assert [item.code for item in report.problems] == ["MC0760"]


@pytest.mark.parametrize("hidden", [False, True])
def test_all_is_read_where_a_file_of_the_ledger_comes_again_in_the_open_or_behind_a_merge(
    taken: Chronicle, *, hidden: bool
) -> None:
    git, base = taken.git, taken.head
    taken.push(taken.heartbeat())
    offered = kept(taken)
    path = max(git.files(taken.head, "evidence/ledger"))
    copy = {path if hidden else f"{path}.copy": git.blob(git.files(taken.head, path)[path].oid)}
    if hidden:
        side = git.write(base, copy, message="Keep what was beaten", author=SOMEBODY, at=git.tick())
        parents = [taken.head, side]
        git.refs["refs/heads/main"] = git.write_merge(parents, {}, message="Merge", author=SOMEBODY, at=git.tick())
    else:
        git.commit_files(copy)
    report = audit(taken, offered)
    assert report.earlier is None
    assert report.problems == audit(taken, since=offered.kept.end.digest).problems
    assert report.ok == hidden


def test_an_ordinary_merge_has_nothing_read_again(taken: Chronicle) -> None:
    git = taken.git
    git.branch("mine", f"{taken.head}~3")
    offered = kept(taken)
    git.commit_files({"README.md": b"mine"}, branch="mine")
    git.merge("mine")
    report = audit(taken, offered)
    assert report.ok
    assert report.earlier is not None


@pytest.mark.parametrize("what", ["genesis/", "ledger/"])
def test_other_bytes_under_an_id_of_gits_are_seen(taken: Chronicle, what: str) -> None:
    """Somebody has made two files of one SHA-1; the object store hands out the other."""
    offered = kept(taken)
    files = taken.git.files(taken.head, "evidence")
    oid = [file.oid for path, file in sorted(files.items()) if path.startswith(f"evidence/{what}")][-1]
    git = MemoryGit()
    kind, data = taken.git.objects[oid]
    git.objects = {**taken.git.objects, oid: (kind, data.replace(b"a", b"b", 1))}
    with pytest.raises(RefusedError, match="in this clone"):
        resume(git, offered, RULES)


def test_the_file_stays_small(taken: Chronicle) -> None:
    small = len(kept(taken).data)
    for number in range(8):
        taken.take(taken.edit({NOTES: b"{text: again %d}" % number}))
    assert (len(kept(taken).data) - small) / 8 < 80, "a verdict takes its digest, its time and the paths' numbers"
