"""`conductor genesis` on a real repository: how a history starts, and how another one takes its place."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.services.commands import Ran, conductor, git
from tests.services.own_history import trust_root

pytestmark = pytest.mark.service


def test_two_people_start_a_history(own_repository: Path) -> None:
    keys = own_repository.parent / "keys"

    def genesis(person: str, key: str) -> Ran:
        return conductor("genesis", "--repo", str(own_repository), "--person", person, "--key", str(keys / key))

    first = genesis("mara-lindqvist", "mara-lindqvist")
    assert first.code == 0
    assert "pending" in first.out
    assert git(own_repository, "log", "--format=%s") == "Lay out the installation"
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
    assert f"trust root: {trust_root(own_repository)}" in second.out
    assert git(own_repository, "status", "--porcelain") == ""
    assert len(git(own_repository, "show", "--name-only", "--format=", "HEAD").splitlines()) == 3
    third = genesis("ines-carvalho", "ines-carvalho")
    assert (third.code, "has already started" in third.err) == (1, True)
    report = json.loads(
        conductor(
            "verify", "--repo", str(own_repository), "--trust-root", trust_root(own_repository), "--format", "json"
        ).out
    )
    assert report["ok"] is True
    assert report["trust_root"]["proven"] is True


def test_both_people_say_which_branch_holds_the_ledger(own_repository: Path) -> None:
    keys = own_repository.parent / "keys"

    def genesis(person: str, *more: str) -> Ran:
        return conductor("genesis", "--repo", own_repository, "--person", person, "--key", keys / person, *more)

    for name in ("approvals", "a..b", "-x"):
        refused = genesis("mara-lindqvist", f"--ledger={name}")
        assert (refused.code, "is not a valid name for the ledger's branch" in refused.err) == (2, True)
    first = genesis("mara-lindqvist", "--ledger", "ledger")
    assert "The agent writes to the branch ledger, and never to main." in first.out
    assert f"conductor genesis --repo {own_repository} --ledger ledger --person NAME" in first.out
    silent = genesis("tomas-okafor")
    assert (silent.code, "puts the ledger on ledger, and you said main" in silent.err) == (1, True)
    assert genesis("tomas-okafor", "--ledger", "ledger").code == 0
    start = json.loads(next((own_repository / "evidence" / "genesis").glob("*.json")).read_text())
    assert (start["branch"], start["ledger"]) == ("main", "ledger")
    report = json.loads(conductor("verify", "--repo", own_repository, "--format", "json").out)
    assert (report["ok"], report["completeness"]) == (True, "not-assessed")
    old = trust_root(own_repository)
    anew = genesis("mara-lindqvist", "--previous", old, "--ledger", "ledger")
    assert (anew.code, "the branch ledger holds the ledger of genesis" in anew.err) == (2, True)
    assert genesis("mara-lindqvist", "--previous", old, "--ledger", "ledger-2").code == 0


def test_genesis_refuses_what_is_not_committed_and_a_head_that_moved(own_repository: Path) -> None:
    keys = own_repository.parent / "keys"
    args = ("genesis", "--repo", str(own_repository), "--person")
    path = own_repository / "tenants" / "velora-retail.yaml"
    before = path.read_text()
    path.write_text(before + "\n")
    dirty = conductor(*args, "mara-lindqvist", "--key", str(keys / "mara-lindqvist"))
    assert (dirty.code, "is not committed" in dirty.err) == (1, True)
    path.write_text(before)
    assert conductor(*args, "mara-lindqvist", "--key", str(keys / "mara-lindqvist")).code == 0
    (own_repository / "NEWS.md").write_text("news\n")
    git(own_repository, "add", "NEWS.md")
    git(own_repository, "commit", "--quiet", "--message=News")
    moved = conductor(*args, "tomas-okafor", "--key", str(keys / "tomas-okafor"))
    assert moved.code == 1
    assert "has moved in between" in moved.err
    assert "let the first person begin again" in moved.err


def test_two_people_start_anew_and_say_instead_of_what(own_copy: Path, finished_history: Path) -> None:
    old = trust_root(own_copy)

    def genesis(person: str, *more: str) -> Ran:
        key = str(finished_history / "keys" / person)
        return conductor("genesis", "--repo", str(own_copy), "--person", person, "--key", key, *more)

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
    assert conductor(*re.findall(r"`conductor (explain runbooks/\S+)`", second.out)[0].split()).code == 0
    report = json.loads(conductor("verify", "--repo", str(own_copy), "--trust-root", new, "--format", "json").out)
    assert (report["ok"], report["entries"], report["problems"]) == (True, 0, [])
    assert conductor("evidence", "log", "--repo", str(own_copy), "--trust-root", new).out == ""
    told = conductor("evidence", "log", "--repo", str(own_copy))
    assert len(told.out.splitlines()) == 6
    superseded = conductor("verify", "--repo", str(own_copy), "--trust-root", old)
    assert (superseded.code, "it belongs to another genesis" in superseded.out) == (1, True)
    assert f"another start: evidence/genesis/{new.removeprefix('sha256:')}.json lies here too" in superseded.out
