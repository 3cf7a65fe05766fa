"""Section 7, rule 7: how a history starts, and what happens where it cannot go on."""

from __future__ import annotations

import pytest

from runtime.agent.decide import Nothing, Take
from runtime.ledger.history import replay
from runtime.ledger.starting import NoGenesisError
from runtime.testing.installation import Installation
from runtime.testing.memory_git import MemoryGit
from runtime.testing.small_tree import document, person, small_tree

NOTES = {"spec/notes.yaml": document(text="new")}


def test_without_a_genesis_there_is_no_history() -> None:
    git = MemoryGit()
    head = git.commit_files(small_tree())
    with pytest.raises(NoGenesisError, match="no genesis yet"):
        replay(git, head)


def test_two_people_whom_it_names_start_a_history() -> None:
    house = Installation.start()
    history = house.history()
    assert history.findings == ()
    assert history.commit == house.genesis.commit
    assert history.governance.people.keys() == {"ines", "mara", "tomas"}
    assert house.step() == Nothing()


@pytest.mark.parametrize("signers", [("mara",), ("mara", "mara"), ("mara", "mallory"), ("mara", "conductor-eu")])
def test_one_person_a_stranger_or_an_agent_start_none(signers: tuple[str, ...]) -> None:
    history = Installation.start(people=signers).history()
    assert [finding.rule for finding in history.findings] == ["genesis-signed"]


def test_another_trust_root_is_refused() -> None:
    house = Installation.start()
    with pytest.raises(NoGenesisError, match="no genesis here"):
        replay(house.git, house.main, trust_root="ab" * 32)


def test_trust_root_that_was_not_given_is_assumed_and_said_to_be_unproven() -> None:
    house = Installation.start()
    assumed = replay(house.git, house.main)
    assert (assumed.trust_root.sha256, assumed.trust_root.proven) == (house.genesis.digest, False)
    assert replay(house.git, house.main, trust_root=house.genesis.digest).trust_root.proven


def test_where_p_left_main_everything_stops() -> None:
    house = Installation.start()
    before = house.main
    house.approve(house.git.commit_files(NOTES), "mara", "tomas", base=house.genesis.commit)
    assert isinstance(house.step(), Take)
    verified = house.history().verified
    house.git.refs["refs/heads/main"] = before
    house.git.commit_files({"README.md": "rewritten"})
    assert not house.git.is_ancestor(verified.commit, house.main)
    ledger = {
        path: house.git.blob(file.oid) for path, file in house.git.files(_with_verdict(house), "evidence").items()
    }
    house.git.commit_files(ledger, message="bring the evidence back, but not the commit it speaks of")
    history = house.history(fresh=True)
    assert history.findings != ()
    assert history.commit == house.genesis.commit, "a verdict over a commit that is not there takes nothing"


def _with_verdict(house: Installation) -> str:
    return next(
        oid
        for oid, (kind, _) in house.git.objects.items()
        if kind == "commit" and any("verdict" in path for path in house.git.files(oid, "evidence"))
    )


def test_genesis_names_the_keys_that_count_from_then_on() -> None:
    files = small_tree(**{"policies/people/jon.yaml": person("jon", "qa").data()})
    house = Installation.start(files, people=("jon", "ines"))
    assert house.history().findings == ()
