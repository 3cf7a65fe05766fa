"""`conductor plan` and `conductor approve` on real repositories: what they print, push, refuse and end with."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from compiler.rego import Lock, sources
from tests.cases.plan_world import ADA, BEN, tenant
from tests.services.desk import DAY, PEOPLE, Desk
from tests.services.opa import opa

pytestmark = pytest.mark.service


def test_a_change_is_planned_approved_by_two_and_pushed(desk: Desk) -> None:
    desk.commit("Add fjord", **{"tenants/fjord.yaml": tenant("fjord")})
    code, out, _ = desk.conductor("plan", *DAY)
    assert (code, "+ Tenant fjord" in out, "Approvals are missing: platform, pm." in out) == (0, True, True)
    assert desk.conductor("plan", "--require-approved", *DAY)[0] == 1
    code, out, _ = desk.approve(ADA, "--push")
    assert (code, "Still missing" in out, "branch `approvals` of `origin`" in out) == (0, True, True)
    code, out, _ = desk.approve(BEN)
    assert (code, "Approvals are complete" in out) == (0, True)
    assert f"git -C {desk.repo} push origin approvals" in out
    desk.git("push", "-q", "origin", "approvals")
    assert desk.conductor("plan", "--require-approved", *DAY)[0] == 0
    names = desk.git("ls-tree", "-r", "--name-only", "approvals", cwd=desk.folder / "remote.git").splitlines()
    assert sorted(name.rsplit("/", 1)[-1][64:] for name in names) == ["", ".sigstore.json", ".sigstore.json"]


def test_a_colleagues_fresh_clone_sees_the_approvals_and_adds_to_them(desk: Desk) -> None:
    desk.commit("Add fjord", **{"tenants/fjord.yaml": tenant("fjord")})
    desk.git("push", "-q", "origin", "topic")
    desk.approve(ADA, "--push")
    clone = desk.folder / "clone"
    desk.git("clone", "-q", str(desk.folder / "remote.git"), str(clone), cwd=desk.folder)
    code, out, _ = desk.conductor("plan", "--head", "origin/topic", *DAY, repo=clone)
    assert (code, f"✓ {ADA}" in out) == (0, True)
    key = str(desk.folder / "keys" / BEN)
    words = ("--person", BEN, "--key", key, "--yes", "--push", "--head", "origin/topic", *DAY)
    code, out, _ = desk.conductor("approve", *words, repo=clone)
    assert (code, "Approvals are complete" in out) == (0, True)


def test_a_plan_asks_the_remote_only_where_told(desk: Desk) -> None:
    desk.commit("Add fjord", **{"tenants/fjord.yaml": tenant("fjord")})
    desk.git("push", "-q", "origin", "topic")
    clone = desk.folder / "clone"
    desk.git("clone", "-q", str(desk.folder / "remote.git"), str(clone), cwd=desk.folder)
    desk.approve(ADA, "--push")
    head = ("--head", "origin/topic", *DAY)
    assert f"✓ {ADA}" not in desk.conductor("plan", *head, repo=clone)[1]
    assert f"✓ {ADA}" in desk.conductor("plan", "--fetch", *head, repo=clone)[1]
    assert desk.git("branch", "--list", "approvals", cwd=clone) == ""


def test_a_damaged_ledger_is_said_beside_the_plan(desk: Desk) -> None:
    (genesis,) = (desk.repo / "evidence" / "genesis").glob("*.json")
    desk.git("switch", "-q", "main")
    genesis.unlink()
    desk.commit("Clean up")
    code, _, err = desk.conductor("plan", "--base", "main~1", *DAY)
    assert (code, "finding" in err, "conductor verify" in err) == (0, True, True)


def test_approving_twice_signs_once(desk: Desk) -> None:
    desk.commit("Add fjord", **{"tenants/fjord.yaml": tenant("fjord")})
    desk.approve(ADA)
    head = desk.git("rev-parse", "approvals")
    code, out, _ = desk.approve(ADA)
    assert (code, "approved this change already" in out) == (0, True)
    assert desk.git("rev-parse", "approvals") == head


def test_an_approval_can_be_taken_back(desk: Desk) -> None:
    desk.commit("Add fjord", **{"tenants/fjord.yaml": tenant("fjord")})
    code, _, err = desk.withdraw(ADA)
    assert (code, "no approval of yours that counts" in err) == (1, True)
    desk.approve(ADA)
    code, out, _ = desk.withdraw(ADA)
    assert (code, "tenants/fjord.yaml" in out, f"{ADA} withdrew the approval" in out) == (0, True, True)
    assert "withdrew it" in desk.conductor("plan", *DAY)[1]
    code, _, err = desk.withdraw(ADA)
    assert (code, f"{ADA} withdrew it at" in err) == (1, True)


def test_an_approval_is_taken_back_by_the_changes_digest_wherever_the_branch_has_gone(desk: Desk) -> None:
    desk.git("checkout", "-q", "-b", "fjord")
    desk.commit("Add fjord", **{"tenants/fjord.yaml": tenant("fjord")})
    change = json.loads(desk.conductor("plan", *DAY, "--format", "json")[1])["change"]["sha256"]
    desk.approve(ADA, "--push")
    desk.git("checkout", "-q", "main")
    desk.git("branch", "-q", "-D", "fjord")
    for wrong in ("ab" * 32, change[:4]):
        assert desk.withdraw(ADA, "--change", wrong)[0] == 2
    assert desk.withdraw(BEN, "--change", change)[0] == 1
    code, out, _ = desk.withdraw(ADA, "--change", f"sha256:{change[:16]}", "--push")
    assert (code, "on the branch `approvals` of `origin`" in out) == (0, True)
    filed = desk.git("ls-tree", "-r", "--name-only", "approvals", cwd=desk.folder / "remote.git").split()
    assert sum(path.startswith(f"{change}/") and path.endswith(".sigstore.json") for path in filed) == 2


def test_only_somebodys_own_key_signs_for_them(desk: Desk) -> None:
    desk.commit("Add fjord", **{"tenants/fjord.yaml": tenant("fjord")})
    code, _, err = desk.approve(ADA, key=BEN)
    assert (code, f"is {BEN}'s" in err) == (2, True)
    code, _, err = desk.approve(ADA, key="stranger")
    assert (code, "is nobody's" in err) == (2, True)
    code, _, err = desk.approve("stranger")
    assert (code, "has no person `stranger`" in err, f"{ADA}, {BEN}" in err) == (2, True, True)
    code, _, err = desk.approve("ada-brg", key=ADA)
    assert (code, f"did you mean `{ADA}`?" in err) == (2, True)
    assert desk.approve(ADA, key="absent")[0] == 2
    assert desk.approve(ADA, key=f"{ADA}.pub")[0] == 2
    assert desk.git("branch", "--list", "approvals") == ""


def test_nothing_is_signed_that_cannot_be_taken(desk: Desk) -> None:
    code, _, err = desk.approve(ADA)
    assert (code, "nothing changed" in err) == (1, True)
    desk.commit("Add fjord", **{"tenants/fjord.yaml": tenant("fjord", "state: suspended")})
    code, out, err = desk.approve(ADA)
    assert (code, "MC0920" in out, "whoever approves it" in err) == (1, True, True)
    desk.commit("Break it", **{"tenants/fjord.yaml": tenant("fjord").replace("standard", "nothing")})
    code, out, err = desk.approve(ADA)
    assert (code, "MC0012" in out, "does not compile" in err) == (1, True, True)
    assert desk.git("branch", "--list", "approvals") == ""


def test_what_would_be_spent_before_it_counts_is_not_signed_and_names_what_is_before_it(desk: Desk) -> None:
    acme = "tenants/acme-retail.yaml"
    desk.git("switch", "-q", "main")
    earlier = desk.commit("Keep it longer", **{acme: tenant("acme-retail", "retention_days: 400")})
    desk.git("switch", "-q", "-C", "topic")
    desk.commit("Suspend it", **{acme: tenant("acme-retail", "retention_days: 400", "state: suspended")})
    code, out, err = desk.approve(ADA)
    assert (code, f"{earlier[:12]} before this alters {acme}" in err) == (1, True)
    assert f"conductor approve --person NAME --key FILE --head {earlier[:12]} --push" in out
    assert desk.git("branch", "--list", "approvals") == ""
    for person in PEOPLE:
        assert desk.approve(person, "--head", earlier[:12])[0] == 0
    assert "the agent takes it next" in desk.conductor("plan", *DAY)[1]


def test_what_counts_on_a_condition_is_signed_and_the_condition_said(desk: Desk) -> None:
    acme = "tenants/acme-retail.yaml"
    desk.commit("Suspend it", **{acme: tenant("acme-retail", "state: suspended")})
    desk.git("switch", "-q", "main")
    desk.commit("Keep it longer", **{acme: tenant("acme-retail", "retention_days: 400")})
    desk.git("switch", "-q", "topic")
    desk.approve(ADA)
    code, out, err = desk.approve(BEN)
    assert (code, "warning: Approvals given now count only if" in err) == (0, True)
    assert ("Approvals are complete" in out, "merge main into this, and approve it then" in out) == (False, True)
    assert desk.conductor("plan", "--require-approved", *DAY)[0] == 1


def test_what_a_reviewer_is_shown_can_be_opened(desk: Desk) -> None:
    desk.commit("Add fjord", **{"tenants/fjord.yaml": tenant("fjord")})
    assert "more: --full shows them" in desk.approve(ADA)[1]
    assert "--full shows them" not in desk.approve(BEN, "--full")[1]


def test_without_a_terminal_it_asks_for_yes(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.commit("Add fjord", **{"tenants/fjord.yaml": tenant("fjord")})
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    key = str(desk.folder / "keys" / ADA)
    code, _, err = desk.conductor("approve", "--person", ADA, "--key", key, *DAY)
    assert (code, "use --yes" in err) == (2, True)


def test_before_genesis_approve_refuses(desk: Desk) -> None:
    desk.git("branch", "-f", "main", "main~1")
    desk.git("update-ref", "-d", "refs/remotes/origin/main")
    desk.git("reset", "-q", "--hard", "main")
    desk.commit("Add fjord", **{"tenants/fjord.yaml": tenant("fjord")})
    code, _, err = desk.approve(ADA)
    assert (code, "no genesis yet" in err) == (1, True)
    code, out, _ = desk.conductor("plan", *DAY)
    assert (code, "no genesis yet" in out) == (0, True)


def test_what_is_not_committed_is_not_looked_at_and_said(desk: Desk) -> None:
    (desk.repo / "tenants" / "fjord.yaml").write_text(tenant("fjord"))
    code, out, err = desk.conductor("plan", *DAY)
    assert (code, "Nothing changes" in out) == (0, True)
    assert "not looked at, because not committed: tenants/fjord.yaml" in err


def test_an_unsound_head_ends_with_one_in_every_format(desk: Desk) -> None:
    desk.commit("Break it", **{"tenants/fjord.yaml": tenant("fjord").replace("standard", "nothing")})
    code, out, _ = desk.conductor("plan", "--format", "json", *DAY)
    value = json.loads(out)
    assert (code, value["sound"], [item["code"] for item in value["problems"]]) == (1, False, ["MC0012"])
    code, out, _ = desk.conductor("plan", "--format", "markdown", *DAY)
    assert (code, "does not compile" in out, "MC0012" in out) == (1, True, True)
    code, out, _ = desk.conductor("plan", *DAY)
    assert (code, "error[MC0012]" in out) == (1, True)


def _another_wasm(desk: Desk) -> None:
    """A wasm that its lock names and that answers, but that nobody built from the Rego: with a section more."""
    policies = desk.repo / "policies"
    section = b"\x04more" + bytes(3)
    wasm = (policies / "policy.wasm").read_bytes() + bytes([0, len(section)]) + section
    (policies / "policy.wasm").write_bytes(wasm)
    rego = {f"policies/{path.name}": path.read_bytes() for path in policies.glob("*.rego")}
    (policies / "policy.lock.json").write_bytes(Lock.of(sources(rego), wasm).data)
    desk.commit("Build the policy anew")


def test_a_wasm_is_not_signed_where_opa_is_missing(desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _another_wasm(desk)
    monkeypatch.setattr("compiler.opa.shutil.which", lambda _: None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    code, _, err = desk.approve(ADA)
    assert (code, "OPA" in err, "go install" in err) == (3, True, True)
    assert desk.conductor("plan", *DAY)[0] == 0


def test_a_wasm_that_opa_does_not_build_here_is_not_signed(desk: Desk) -> None:
    opa()
    _another_wasm(desk)
    code, _, err = desk.approve(ADA)
    assert (code, "is not what OPA" in err) == (1, True)


def test_a_wasm_that_opa_builds_here_is_signed(desk: Desk) -> None:
    opa()
    rego = desk.repo / "policies" / "text.rego"
    rego.write_text(rego.read_text() + "\n# Nothing but a remark.\n")
    assert desk.conductor("policy", "build")[0] == 0
    desk.commit("Remark")
    assert desk.approve(ADA)[0] == 0


def test_a_remote_that_is_away_leaves_the_approval_here(desk: Desk) -> None:
    desk.commit("Add fjord", **{"tenants/fjord.yaml": tenant("fjord")})
    (desk.folder / "remote.git").rename(desk.folder / "gone.git")
    code, _, err = desk.approve(ADA, "--push")
    assert (code, "did not answer" in err) == (3, True)


def test_who_was_told_another_start_plans_and_approves_from_there(desk: Desk) -> None:
    desk.git("switch", "-q", "main")
    (old,) = (path.stem for path in (desk.repo / "evidence" / "genesis").glob("*.json"))
    for person in PEOPLE:
        key = str(desk.folder / "keys" / person)
        assert desk.conductor("genesis", "--previous", old, "--person", person, "--key", key)[0] == 0
    (new,) = {path.stem for path in (desk.repo / "evidence" / "genesis").glob("*.json")} - {old}
    desk.git("switch", "-q", "-C", "topic")
    desk.commit("Add fjord", **{"tenants/fjord.yaml": tenant("fjord")})
    assert desk.approve(ADA, "--trust-root", f"sha256:{new}")[0] == 0
    assert f"✓ {ADA}" in desk.conductor("plan", "--trust-root", new, *DAY)[1]
    for words in (("--trust-root", old), ()):
        assert f"✓ {ADA}" not in desk.conductor("plan", *words, *DAY)[1]
    code, _, err = desk.conductor("plan", "--trust-root", "ba" * 32, *DAY)
    assert (code, "no genesis here has the SHA-256" in err) == (1, True)
    assert desk.conductor("plan", "--trust-root", "BA", *DAY)[0] == 2


def test_without_a_remote_nothing_is_signed_and_it_says_how_to_add_one(desk: Desk) -> None:
    desk.commit("Add fjord", **{"tenants/fjord.yaml": tenant("fjord")})
    desk.git("remote", "remove", "origin")
    code, _, err = desk.approve(ADA, "--push")
    assert (code, "git remote add origin URL" in err, "nothing was signed" in err) == (2, True, True)
    assert desk.git("branch", "--list", "approvals") == ""


def test_what_a_commit_says_never_reaches_the_terminal_raw(desk: Desk) -> None:
    hostile = "Add \x1b[2Kfjord\u202e"
    desk.commit(hostile, **{"tenants/fjord.yaml": tenant("fjord")})
    for person in PEOPLE:
        out = desk.approve(person)[1]
        assert (out.isprintable(), "\\x1b[2Kfjord\\u202e" in out) == (False, True)
        assert out.replace("\n", "").isprintable()


@pytest.mark.parametrize("words", [("--help",), ("plan", "--format", "json", "--base", "main~1", "--head", "main")])
def test_a_reader_who_has_seen_enough_is_no_finding(desk: Desk, words: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "compiler.cli", *words]
    done = subprocess.run(
        command, check=False, cwd=desk.repo, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


def test_what_main_has_broken_is_not_held_against_a_later_branch(desk: Desk) -> None:
    desk.git("switch", "-q", "main")
    typo = desk.commit("Add fjord", **{"tenants/fjord.yaml": tenant("fjord").replace("standard", "standrad")})[:12]
    desk.git("switch", "-q", "-c", "later")
    desk.commit("Add glacier", **{"tenants/glacier.yaml": tenant("glacier")})
    since = f"main ({typo}) does not compile since {typo} (Add fjord)"
    checked = desk.conductor("check", *DAY)
    assert (checked.code, checked.err) == (1, f"note: {since}: nothing below is new here\n")
    planned = desk.conductor("plan", *DAY)
    assert planned.code == 1
    assert f"{since}: mend that first, or take it back\nThis change alone compiles" in planned.out
    refused = desk.approve(ADA)
    assert (refused.code, since in refused.err, "this change itself compiles" in refused.err) == (1, True, True)
    (desk.repo / "tenants" / "geyser.yaml").write_text(tenant("geyser").replace("standard", "standerd"))
    assert "1 of the 2 errors below is main's" in desk.conductor("check", *DAY).err
    (desk.repo / "tenants" / "geyser.yaml").unlink()
    desk.git("switch", "-q", "-c", "mends", "main")
    desk.commit("Mend fjord", **{"tenants/fjord.yaml": tenant("fjord")})
    mends = desk.conductor("plan", *DAY)
    assert (mends.code, f"{since}: this change mends it" in mends.out) == (0, True), mends.out
    for person in PEOPLE:
        assert desk.approve(person).code == 0
    assert desk.conductor("plan", "--require-approved", *DAY).code == 0


def test_status_tells_of_an_approved_change_that_is_not_on_main_yet(desk: Desk) -> None:
    desk.commit("Add fjord", **{"tenants/fjord.yaml": tenant("fjord")})
    head = desk.git("rev-parse", "HEAD")
    assert "proposed" not in desk.conductor("status").out
    assert desk.approve(ADA).code == 0
    (item,) = json.loads(desk.conductor("status", "--format", "json").out)["proposed"]
    assert (item["commit"], item["subject"], item["approved_by"]) == (head, "Add fjord", [ADA])
    told = desk.conductor("status").out
    assert f"approve       conductor approve --head {head[:12]} " in told
    assert f"looked    main {desk.git('rev-parse', 'main')[:12]}, approvals " in told
    assert desk.approve(BEN).code == 0
    assert "approved: the agent takes it once it is merged" in desk.conductor("status").out
    desk.git("switch", "-q", "main")
    desk.git("merge", "-q", "--ff-only", "topic")
    assert json.loads(desk.conductor("status", "--format", "json").out)["proposed"] == []
    desk.git("switch", "-q", "-c", "gone", "main~1")
    desk.git("branch", "-q", "--force", "main", "main~1")
    assert desk.withdraw(BEN, "--head", "topic").code == 0
    assert desk.withdraw(ADA, "--head", "topic").code == 0
    assert json.loads(desk.conductor("status", "--format", "json").out)["proposed"] == []


def test_what_was_merged_on_a_broken_main_comes_with_the_revert_and_only_once_it_is_pushed(desk: Desk) -> None:
    desk.commit("Add fjord", **{"tenants/fjord.yaml": tenant("fjord")})
    for person in PEOPLE:
        assert desk.approve(person).code == 0
    desk.git("switch", "-q", "-c", "broken", "main")
    desk.commit("Add glacier", **{"tenants/glacier.yaml": tenant("glacier").replace("standard", "standrad")})
    desk.git("switch", "-q", "main")
    for branch in ("broken", "topic"):
        desk.git("merge", "-q", "--no-ff", "-m", f"Merge {branch}", branch)
    desk.git("push", "-q", "origin", "main")
    broken = desk.conductor("status").out
    assert ("does not compile" in broken, "proposed" in broken) == (True, False), broken
    desk.git("revert", "--no-edit", "-m", "1", "main~1")
    back = desk.git("rev-parse", "--short=12", "main")
    held = desk.conductor("status")
    assert held.code == 1
    assert held.out.startswith("✗ main is not pushed, and an agent acts on origin/main: git push origin main\n"), (
        held.out
    )
    assert f"comes with {back}, so there is nothing to do" in held.out
    assert "the agent takes it" not in held.out
    assert "Approved: the agent takes it once it is pushed." in desk.conductor("plan", *DAY).out
    desk.git("push", "-q", "origin", "main")
    assert "Approved: the agent takes it." in desk.conductor("plan", *DAY).out
    taken_next = desk.conductor("status")
    assert (taken_next.code, "the agent takes it next" in taken_next.out) == (0, True), taken_next.out
