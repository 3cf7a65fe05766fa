"""`conductor key prove` and `list`: whoever gets a new key shows that they have it, and the plan asks for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runtime.signing.keys import PrivateKey, write_keypair
from tests.services.commands import conductor, git
from tests.services.evidence_page import by_hand
from tests.services.own_history import PEOPLE, TENANT, started

pytestmark = pytest.mark.service
PERSON = "ines-carvalho"
FILE = f"policies/people/{PERSON}.yaml"


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A repository with a genesis; its keys lie in `keys` beside it."""
    return started(tmp_path)


def add_key(repo: Path, name: str = "token") -> PrivateKey:
    """Give Ines one more key, not committed yet."""
    key = write_keypair(repo.parent / "keys" / name)
    (repo / FILE).write_text((repo / FILE).read_text().rstrip("\n") + f"\n    - {key.public_line} {name}\n")
    return key


def prove(repo: Path, *more: str | Path, person: str = PERSON, key: str = "token") -> tuple[int, str]:
    """Call the command; its exit code and all it said."""
    path = repo.parent / "keys" / key
    ran = conductor("key", "prove", "--repo", repo, "--person", person, "--key", path, *more)
    return ran.code, ran.out + ran.err


def commit(repo: Path) -> None:
    git(repo, "add", ".")
    git(repo, "commit", "--quiet", "--message=Give Ines a token")


def test_a_key_that_the_genesis_only_names_counts_once_its_holder_has_proved_it(tmp_path: Path) -> None:
    repo = started(tmp_path, signers=PEOPLE[:2])
    listed = {line.split()[0]: line for line in conductor("key", "list", "--repo", repo).out.splitlines()[1:]}
    assert "only named by the genesis" in listed[f"person/{PERSON}"]
    assert "only named" not in listed[f"person/{PEOPLE[0]}"]
    signing = ("approve", "--repo", repo, "--person", PERSON, "--key", tmp_path / "keys" / PERSON, "--yes")
    git(repo, "checkout", "--quiet", "-b", "tenant")
    tenant = (repo / "tenants" / "velora-retail.yaml").read_text()
    (repo / TENANT).write_text(tenant.replace("velora-retail", "fjordline-ferries"))
    commit(repo)
    refused = conductor(*signing)
    assert refused.code == 1
    assert f"conductor key prove --person {PERSON} --key FILE" in refused.err
    git(repo, "checkout", "--quiet", "-b", "proof", "main")
    assert prove(repo, key=PERSON)[0] == 0
    commit(repo)
    assert conductor(*signing).code == 0
    assert f"✓ {PERSON}" in conductor("plan", "--repo", repo).out


def test_a_new_key_is_planned_only_with_a_proof_by_it(repo: Path) -> None:
    key = add_key(repo)
    git(repo, "checkout", "--quiet", "-b", "token")
    commit(repo)
    without = conductor("plan", "--repo", repo)
    assert without.code == 1
    assert f"person {PERSON} would get the key {key.fingerprint}" in " ".join(without.out.split())
    assert f"conductor key prove --person {PERSON} --key FILE" in " ".join(without.out.split())
    code, said = prove(repo)
    assert code == 0
    assert f"proves that {key.fingerprint} is person/{PERSON}'s" in said
    assert conductor("check", "--repo", repo).code == 0
    commit(repo)
    assert conductor("plan", "--repo", repo).code == 0


def test_a_proof_is_for_a_key_that_the_file_of_its_holder_gives(repo: Path) -> None:
    write_keypair(repo.parent / "keys" / "token")
    code, said = prove(repo)
    assert code == 2
    assert f"{FILE} does not give the key" in said
    code, said = prove(repo, person="ines-carvalo")
    assert code == 2
    assert "did you mean" in said


def test_a_proof_is_a_persons_or_an_agents(repo: Path) -> None:
    add_key(repo)
    code, said = prove(repo, "--agent", "conductor-eu")
    assert code == 2
    assert "say whose key it is" in said


def test_before_genesis_there_is_nothing_to_prove(own_repository: Path) -> None:
    add_key(own_repository)
    code, said = prove(own_repository)
    assert code == 1
    assert "before it nothing is to be proved" in said


def test_the_keys_that_count_are_listed_with_their_holders(repo: Path) -> None:
    key = add_key(repo)
    told = conductor("key", "list", "--repo", repo)
    assert told.code == 0
    assert key.fingerprint not in told.out, "it counts once it is taken"
    listed = json.loads(conductor("key", "list", "--repo", repo, "--format", "json").out)
    held = {(item["holder"], item["type"]) for item in listed["keys"]}
    assert {("agent/conductor-eu", "ssh-ed25519"), ("person/tomas-okafor", "ecdsa-sha2-nistp256")} <= held


@pytest.mark.parametrize("edited", [False, True])
def test_stock_tools_verify_a_proof_as_the_evidence_readme_says(repo: Path, *, edited: bool) -> None:
    add_key(repo)
    prove(repo)
    (proof,) = (repo / "policies" / "keys").iterdir()
    if edited:
        proof.write_text(proof.read_text().replace("person/ines-carvalho", "person/mara-lindqvist"))
    said = by_hand(repo).stdout
    assert ("FAILS: policies/keys" in said) is edited
    assert (f"policies/keys/{proof.name}: Signature Verified Successfully" in said) is not edited
