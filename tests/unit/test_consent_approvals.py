"""Approvals as a tree holds them: read, never believed, never fatal."""

from __future__ import annotations

from hashlib import sha256

import pytest

from runtime.contract.change import Change
from runtime.contract.errors import FormatError
from runtime.contract.predicates import GenesisApproval
from runtime.contract.statement import Statement, subject
from runtime.governance.approvals import MAX_BYTES, PORTION, Approvals
from runtime.governance.case import Signed
from runtime.signing.envelopes import sign
from runtime.testing.court import Court
from runtime.testing.memory_git import MemoryGit
from runtime.testing.small_tree import document, key_of

COURT = Court.open()
CHANGE = COURT.change({"spec/notes.yaml": document(text="new")})
MARA, TOMAS = COURT.approve(CHANGE, "mara", "tomas")


def path(signed: Signed, change: Change = CHANGE) -> str:
    return f"{change.digest}/{signed.sha256}.sigstore.json"


def approvals(files: dict[str, bytes]) -> Approvals:
    git = MemoryGit()
    return Approvals(git, git.commit_files(files))


def test_statements_of_a_change_are_read_with_its_content() -> None:
    found = approvals(
        {
            f"{CHANGE.digest}/change.json": CHANGE.data,
            path(MARA): MARA.envelope.data,
            path(TOMAS): TOMAS.envelope.data,
        }
    )
    assert {one.sha256 for one in found.of(CHANGE.digest)} == {MARA.sha256, TOMAS.sha256}
    assert found.malformed(CHANGE.digest) == ()
    assert found.change(CHANGE.digest) == CHANGE
    assert found.changes() == (CHANGE.digest,)


def test_no_branch_and_unknown_change_are_no_approvals() -> None:
    assert Approvals(MemoryGit(), None).of(CHANGE.digest) == ()
    assert approvals({path(MARA): MARA.envelope.data}).of("ab" * 32) == ()
    assert approvals({path(MARA): MARA.envelope.data}).change(CHANGE.digest) is None


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        (f"{CHANGE.digest}/notes.txt", b"words", "is called"),
        (f"{CHANGE.digest}/deep/{MARA.sha256}.sigstore.json", MARA.envelope.data, "mode 040000"),
        (path(TOMAS), MARA.envelope.data, "not the digest that its name says"),
        (path(TOMAS), b"x" * (MAX_BYTES + 1), "at most"),
    ],
)
def test_what_is_malformed_is_reported_and_stops_nobody(name: str, data: bytes, why: str) -> None:
    found = approvals({path(MARA): MARA.envelope.data, name: data})
    assert [one.sha256 for one in found.of(CHANGE.digest)] == [MARA.sha256]
    assert [item.path for item in found.malformed(CHANGE.digest)] == ["/".join(name.split("/")[:2])]
    assert why in found.malformed(CHANGE.digest)[0].message


def test_file_that_is_named_right_and_is_no_statement_is_reported() -> None:
    junk = b'{"not":"a bundle"}'
    name = f"{CHANGE.digest}/{sha256(junk).hexdigest()}.sigstore.json"
    found = approvals({name: junk})
    assert found.of(CHANGE.digest) == ()
    assert "Sigstore bundle" in found.malformed(CHANGE.digest)[0].message


def test_flood_of_files_hides_no_statement() -> None:
    """Whoever may push to the branch fills a change's folder up, around the withdrawal that is to be overlooked."""
    withdrawal = COURT.sign(CHANGE, key_of("mara"), kind="withdrawal")
    sound = {path(one): one.envelope.data for one in (MARA, TOMAS, withdrawal)}
    names = {f"{CHANGE.digest}/{number:064x}.sigstore.json": b"{}" for number in range(PORTION + 3)}
    junk = {f"{CHANGE.digest}/{MARA.sha256}~{number:04}": b"junk" for number in range(PORTION + 3)}
    found = approvals({**sound, **names, **junk})
    assert {one.sha256 for one in found.of(CHANGE.digest)} == {MARA.sha256, TOMAS.sha256, withdrawal.sha256}
    assert len(found.malformed(CHANGE.digest)) == len(names) + len(junk)


def test_change_under_a_false_name_is_refused() -> None:
    found = approvals({f"{'ab' * 32}/change.json": CHANGE.data})
    with pytest.raises(FormatError, match="not the digest"):
        found.change("ab" * 32)


def test_bytes_of_a_statement_have_one_form() -> None:
    data = MARA.envelope.data
    assert Signed.from_bytes(data).sha256 == MARA.sha256
    with pytest.raises(FormatError):
        Signed.from_bytes(data.replace(b":", b": ", 1))


def test_statement_that_is_no_approval_is_none() -> None:
    genesis = Statement(subject=subject(genesis="ab" * 32), predicate=GenesisApproval(signed_at=COURT.now))
    with pytest.raises(FormatError, match="no approval"):
        Signed.of(sign(genesis, key_of("mara")))


def test_statement_about_two_changes_is_none() -> None:
    one, other = subject(change=CHANGE.digest)[0], subject(change="ab" * 32)[0]
    both = Statement(subject=(one, other), predicate=MARA.approval)
    with pytest.raises(FormatError, match="one change"):
        Signed.of(sign(both, key_of("mara")))
