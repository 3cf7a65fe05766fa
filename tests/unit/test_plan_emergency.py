"""What a plan says of an emergency, of its debt, and of rules that carry nothing over."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from compiler.cli.debts_text import debts_json, debts_text
from compiler.plan_json import as_json
from compiler.plan_markdown import as_markdown
from compiler.plan_text import as_text
from runtime.ledger.verify import verify
from tests.cases.plan_world import ADA, BEN, PlanWorld, base_files, tenant
from tests.cases.typed_git import laid_out
from tests.services.commands import conductor, git

WHY = "Sign-in | fails"
RULES, PERSON = "policies/approvals.yaml", f"policies/people/{ADA}.yaml"
TARGET = "spec/targets/pg-eu.yaml"
RECIPIENT = "age14srcd22hk4tvhvnn3qnyuxuhgezhmsxke35x8fasnd47hewssphsd4zaa2"
FJORD = {"tenants/fjord.yaml": tenant("fjord")}


@pytest.fixture
def world() -> PlanWorld:
    """Ada, who is of platform, is the incident commander."""
    files = base_files()
    return PlanWorld.begun({PERSON: files[PERSON].replace(b"[admin,", b"[incident-commander, admin,")})


def broken(world: PlanWorld) -> str:
    """Ada has let it through, and the agent has taken it; returns the commit."""
    world.commit(FJORD, message="Add fjord")
    world.approve(ADA, why=WHY)
    merged = world.git.merge("topic")
    world.take(merged)
    return merged


def test_a_change_that_one_person_lets_through_is_approved_and_the_plan_says_how(world: PlanWorld) -> None:
    world.commit(FJORD)
    said = world.approve(ADA, why=WHY).approval
    assert said.expires_at - said.signed_at == timedelta(hours=24)
    plan = world.plan()
    assert (plan.sound, plan.approved) == (True, True)
    text = as_text(plan)
    assert f"✓ By emergency of {ADA}: the agent takes it once it is merged" in text
    assert "Approvals  by emergency; the others within 24 hours" in text
    assert f"emergency: {WHY}" in text
    assert "· tenants" in text
    assert "**emergency**: Sign-in \\| fails" in as_markdown(plan)
    value = json.loads(as_json(plan))["approvals"]
    assert (value["emergency"], value["given"][0]["reason"]) == (value["given"][0]["sha256"], WHY)


def test_what_two_people_approve_anyway_is_told_as_ever(world: PlanWorld) -> None:
    world.commit(FJORD)
    world.approve(ADA, why=WHY)
    world.approve(BEN)
    assert "✓ Approved: the agent takes it once it is merged." in as_text(world.plan())


def test_an_emergency_over_policies_says_why_it_counts_for_nothing_more_than_an_approval(world: PlanWorld) -> None:
    world.commit({RULES: base_files()[RULES].replace(b"approval_days: 14", b"approval_days: 30")})
    world.approve(ADA, why=WHY)
    plan = world.plan()
    assert (plan.sound, plan.approved) == (True, False)
    assert plan.consent is not None
    assert [problem.rule for problem in plan.consent.rejected] == ["governance-by-two"]
    assert [item.person for item in plan.consent.given] == [ADA]


def test_an_emergency_that_deprovisions_a_tenant_says_why_it_counts_for_nothing_more() -> None:
    files = base_files()
    archive = f"  archive: {{folder: file:/srv/archive, recipients: [{RECIPIENT}]}}\n".encode()
    world = PlanWorld.begun(
        {
            PERSON: files[PERSON].replace(b"[admin,", b"[incident-commander, admin,"),
            TARGET: files[TARGET].rstrip() + b"\n" + archive,
        }
    )
    world.commit({"tenants/acme-retail.yaml": tenant("acme-retail", "state: deprovisioned")})
    world.approve(ADA, why=WHY)
    plan = world.plan()
    assert not plan.approved
    assert plan.consent is not None
    assert [problem.rule for problem in plan.consent.rejected] == ["no-deprovision"]


def test_the_plan_of_a_debt_says_who_is_missing_and_how_it_is_paid(world: PlanWorld) -> None:
    merged = broken(world)
    debt = world.history.debt
    assert debt is not None
    plan = world.plan(merged, debt.base)
    assert plan.change == debt.change
    text = as_text(plan)
    assert f"· Taken by emergency of {ADA}: approvals are due by " in text
    assert ": pm." in text
    assert "counted by the verdict" in text
    assert "conductor approve --person NAME --key FILE --debt --push" in text
    assert "--key FILE --debt --push" in as_markdown(plan)
    assert json.loads(as_json(plan))["approvals"]["debt"]["verdict"] == debt.verdict
    signed = world.approve(BEN, merged, base=debt.base)
    paid = world.plan(merged, debt.base)
    assert "✓ Taken by emergency, and approved since: the agent clears its debt." in as_text(paid)
    page = debts_text(world.history, [signed], world.now)
    assert "missing  nobody: the agent clears it" in page


def test_the_page_of_debts_tells_every_state(world: PlanWorld) -> None:
    assert debts_text(world.history, [], world.now).startswith("no debts")
    broken(world)
    debt = world.history.debt
    assert debt is not None
    page = debts_text(world.history, [], world.now)
    assert page.startswith(f"open: {ADA} let through: add tenants/fjord.yaml\n  reason   {WHY}\n")
    assert f"tenants: pm; could: {BEN}" in page
    assert debts_text(world.history, [], debt.deadline).startswith("overdue: ")
    (value,) = debts_json(world.history, [], world.now)
    assert (value["state"], value["sequence"], value["missing"][-1]["roles"]) == ("open", 1, ["pm"])


def test_a_branch_older_than_the_emergency_hides_no_debt_and_its_log_says_that_main_has_more(
    world: PlanWorld, tmp_path: Path
) -> None:
    old = world.main
    broken(world)
    laid_out(world.git, tmp_path, main=world.main, old=old)
    git(tmp_path, "symbolic-ref", "HEAD", "refs/heads/old")
    told = conductor("evidence", "debts", "--repo", tmp_path)
    assert (told.code, f"{ADA} let through: add tenants/fjord.yaml" in told.out) == (0, True)
    assert conductor("evidence", "debts", "--repo", tmp_path, "--rev", "HEAD").out.startswith("no debts")
    for command in (("log",), ("log", "--format", "json")):
        log = conductor("evidence", *command, "--repo", tmp_path)
        assert log.err == "note: as of 0 entries at HEAD; main has 1 entry: --rev main\n"
    assert conductor("evidence", "log", "--repo", tmp_path, "--rev", "main").err == ""
    git(tmp_path, "symbolic-ref", "HEAD", "refs/heads/main")
    assert conductor("evidence", "log", "--repo", tmp_path).err == ""


def test_verify_fails_completeness_from_the_deadline_on(world: PlanWorld) -> None:
    broken(world)
    debt = world.history.debt
    assert debt is not None
    found = [verify(world.git, world.main, now=at) for at in (world.now, debt.deadline)]
    assert ["overdue" in {item.rule for item in report.problems} for report in found] == [False, True]
    assert [report.to_json()["debts"][0]["state"] for report in found] == ["open", "overdue"]


def test_a_rule_that_carries_nothing_over_is_told_and_kept() -> None:
    rules = base_files()[RULES].rstrip() + b"\n      carry: exact\n"
    world = PlanWorld.begun({RULES: rules})
    world.commit(FJORD)
    for person in (ADA, BEN):
        world.approve(person)
    assert world.plan().approved
    assert "exact: approvals count only until anything else is taken" in as_text(world.plan())
    world.land({"flags/new-checkout.yaml": base_files()["flags/new-checkout.yaml"] + b"# a note\n"})
    plan = world.plan()
    assert not plan.approved
    assert plan.consent is not None
    assert {problem.rule for problem in plan.consent.rejected} == {"carry-exact"}
    assert "only until anything else is taken" in as_markdown(plan)
