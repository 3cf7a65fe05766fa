"""What a plan says, over a whole repository in memory with the real compiler, policy and judge."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest

from compiler.cli.standpoint import UnsoundError
from compiler.driver import compile_commit
from compiler.plan_differences import Operation
from compiler.plan_markdown import as_markdown
from compiler.plan_text import as_text
from compiler.plan_unsound import unsound_as_json, unsound_as_markdown, unsound_as_text
from runtime.agent.desired import Desired
from runtime.agent.diff import diff
from runtime.contract.errors import EnvironmentFailedError, UsageError
from runtime.contract.objects import ObjectId
from runtime.testing.memory_git import MemoryGit
from tests.cases.plan_world import ADA, BEN, PlanWorld, base_files, tenant

BLUEPRINT, FLAG = "tenants/blueprints/standard.yaml", "flags/new-checkout.yaml"


@pytest.fixture
def world() -> PlanWorld:
    return PlanWorld.begun()


def test_a_new_tenant_is_one_resource_its_objects_and_the_consent_it_needs(world: PlanWorld) -> None:
    world.commit({"tenants/fjord.yaml": tenant("fjord")}, message="Add fjord")
    plan = world.plan()
    assert [(item.operation, item.kind, item.name) for item in plan.effects.resources] == [
        (Operation.ADD, "Tenant", "fjord")
    ]
    assert [(item.id.type, item.id.name) for item in plan.effects.objects] == [
        ("role", "t_fjord_app"),
        ("role", "t_fjord_owner"),
        ("schema", "t_fjord"),
        ("grants", "t_fjord"),
    ]
    assert plan.releases == ((Operation.ALTER, "release-eu"),)
    assert (plan.sound, plan.approved, plan.base.source) == (True, False, "ledger")
    assert plan.consent is not None
    assert {need.rule: need.could for need in plan.consent.missing} == {
        "two-people": (ADA, BEN),
        "tenants": (ADA, BEN),
    }


def test_approvals_are_counted_one_by_one_until_it_is_complete(world: PlanWorld) -> None:
    world.commit({"tenants/fjord.yaml": tenant("fjord")})
    world.approve(ADA)
    half = world.plan().consent
    assert half is not None
    assert [item.person for item in half.given] == [ADA]
    assert {need.rule: need.could for need in half.missing} == {"two-people": (BEN,), "tenants": (BEN,)}
    world.approve(BEN)
    plan = world.plan()
    assert plan.approved
    assert "Approvals  complete" in as_text(plan)


def test_a_withdrawn_approval_is_shown_once_and_does_not_count(world: PlanWorld) -> None:
    world.commit({"tenants/fjord.yaml": tenant("fjord")})
    world.approve(ADA)
    world.approve(ADA, withdraw=True)
    plan = world.plan()
    assert plan.consent is not None
    assert plan.consent.given == ()
    assert [item.rule for item in plan.consent.rejected] == ["not-withdrawn"]
    assert "withdrew it" in as_text(plan)


def test_a_field_is_shown_as_it_was_and_as_it_will_be(world: PlanWorld) -> None:
    world.commit({"tenants/acme-retail.yaml": tenant("acme-retail", "retention_days: 400")})
    text = as_text(world.plan())
    assert "~ Tenant acme-retail  tenants/acme-retail.yaml" in text
    assert "spec.retention_days  left out → 400" in text


def test_a_blueprint_shows_the_tenants_that_it_alters(world: PlanWorld) -> None:
    path = "tenants/blueprints/standard.yaml"
    altered = base_files()[path].replace(b"connection_limit: ", b"connection_limit: 1", 1)
    world.commit({path: altered})
    plan = world.plan()
    caused = [item.name for item in plan.effects.resources if item.path is None]
    assert caused == ["acme-retail"]
    assert [item.operation for item in plan.effects.objects] == [Operation.ALTER]
    assert "Altered by what they refer to" in as_text(plan)


@pytest.mark.parametrize(
    "files",
    [
        {"tenants/fjord.yaml": tenant("fjord")},
        {"tenants/acme-retail.yaml": tenant("acme-retail", "state: suspended", "region: us-east")},
        {BLUEPRINT: base_files()[BLUEPRINT].replace(b"30s", b"20s")},
    ],
    ids=["create", "move", "update"],
)
def test_the_objects_are_the_actions_of_an_agent_whose_systems_are_as_the_base_says(
    world: PlanWorld, files: dict[str, str | bytes]
) -> None:
    world.commit({"spec/targets/pg-us.yaml": _second_target()}, branch="main")
    world.commit(files)
    plan = world.plan(base="main")
    before, after = (_desired(world, rev) for rev in ("main", "topic"))
    observed = {key: item.attributes for key, item in before.objects.items()}
    actions = diff(after.objects.values(), observed, because=lambda _: "", former=before.objects).actions
    words = {Operation.ADD: "create", Operation.ALTER: "update", Operation.REMOVE: "delete"}
    planned = {(words[item.operation], item.id) for item in plan.effects.objects}
    planned |= {(words[operation], ObjectId(name, "release", "current")) for operation, name in plan.releases}
    assert planned == {(action.operation.value, action.id) for action in actions}


def _second_target() -> bytes:
    path = "spec/targets/pg-eu.yaml"
    target = (
        base_files()[path].replace(b"pg-eu", b"pg-us").replace(b"eu-central", b"us-east").replace(b"PG_EU", b"PG_US")
    )
    return target.replace(b"7561840233917260418", b"7561840233917260419").replace(b"  control: true\n", b"")


def _desired(world: PlanWorld, rev: str) -> Desired:
    snapshot = compile_commit(world.git)(world.git.resolve(rev) or "").snapshot
    assert snapshot is not None
    return Desired(snapshot)


def test_more_deletions_than_a_target_allows_are_said_to_be_held_back(world: PlanWorld) -> None:
    extra: dict[str, str | bytes] = {"spec/targets/pg-us.yaml": _second_target(), "tenants/fjord.yaml": tenant("fjord")}
    world.commit(extra, branch="main")
    world.commit({"tenants/acme-retail.yaml": tenant("acme-retail", "region: us-east")})
    assert world.plan(base="main").held == (), "one tenant may always go"
    world.commit({"tenants/fjord.yaml": tenant("fjord", "region: us-east")})
    plan = world.plan(base="main")
    (held,) = plan.held
    assert held.startswith("8 of 8 objects of pg-eu would go, and at most 10 % or one tenant's may at once: ")
    assert "raise `max_delete_percent` in spec/targets/pg-eu.yaml first" in held
    assert "the agent will hold this back" in as_text(plan)


def test_a_flag_asks_for_an_admin_and_names_who_is_one(world: PlanWorld) -> None:
    flag = base_files()[FLAG].replace(b"604800", b"86400")
    world.commit({FLAG: flag})
    consent = world.plan().consent
    assert consent is not None
    (need,) = (need for need in consent.missing if need.rule == "policy")
    assert (need.could, [place.role for place in need.places]) == ((ADA,), ["admin"])
    assert "needs an `admin`" in (need.reason or "")
    world.approve(ADA)
    consent = world.plan().consent
    assert consent is not None
    assert [need.rule for need in consent.missing] == ["two-people"]


def test_an_expired_flag_fails_only_where_the_change_alters_it(world: PlanWorld) -> None:
    later = date(2027, 1, 1)
    world.commit({"tenants/fjord.yaml": tenant("fjord")})
    assert world.plan(today=later).sound
    flag = base_files()[FLAG].replace(b"604800", b"86400")
    world.commit({FLAG: flag}, branch="flag")
    assert world.plan("flag").sound
    plan = world.plan("flag", today=later)
    assert [(item.code.id, item.severity, item.primary.span.line) for item in plan.problems] == [
        ("MC0406", "error", 15)
    ]
    assert not plan.sound


def test_a_flag_dated_in_the_future_fails_only_where_the_change_alters_it(world: PlanWorld) -> None:
    created = date(2026, 11, 24)
    earlier, day_before = created - timedelta(days=2), created - timedelta(days=1)
    world.commit({"tenants/fjord.yaml": tenant("fjord")})
    assert world.plan(today=earlier).sound
    flag = base_files()[FLAG].replace(b"604800", b"86400")
    world.commit({FLAG: flag}, branch="flag")
    assert world.plan("flag", today=day_before).sound
    plan = world.plan("flag", today=earlier)
    assert [(item.code.id, item.severity, item.primary.span.line) for item in plan.problems] == [
        ("MC0409", "error", 14)
    ]
    assert not plan.sound


def test_a_step_that_the_policy_refuses_whoever_approves_is_a_finding(world: PlanWorld) -> None:
    world.commit({"tenants/fjord.yaml": tenant("fjord", "state: suspended")})
    plan = world.plan()
    assert [(item.code.id, item.primary.span) for item in plan.problems] == [
        ("MC0920", ("tenants/fjord.yaml", 7, 10, 7, 19))
    ]
    assert not plan.sound
    assert "Against it" in as_text(plan)


def test_a_change_of_policies_with_another_input_is_against_the_rules(world: PlanWorld) -> None:
    policy = base_files()["policies/approvals.yaml"].replace(b"14", b"7")
    world.commit({"policies/approvals.yaml": policy, "tenants/fjord.yaml": tenant("fjord")})
    plan = world.plan()
    assert plan.consent is not None
    assert [item.rule for item in plan.consent.against] == ["policies-alone"]
    assert not plan.sound


def test_what_does_not_compile_has_no_plan(world: PlanWorld) -> None:
    world.commit({"tenants/fjord.yaml": tenant("fjord").replace("standard", "standrad")})
    with pytest.raises(UnsoundError) as caught:
        world.plan()
    assert [item.code.id for item in caught.value.unsound.problems] == ["MC0012"]


def test_a_main_that_does_not_compile_is_not_held_against_a_later_branch(world: PlanWorld) -> None:
    typo = world.commit(
        {"tenants/fjord.yaml": tenant("fjord").replace("standard", "standrad")}, branch="main", message="Add fjord"
    )
    world.commit({"README.md": "words"}, branch="main")
    world.commit({"tenants/glacier.yaml": tenant("glacier")})
    with pytest.raises(UnsoundError) as caught:
        world.plan()
    unsound = caught.value.unsound
    assert unsound.first == (
        f"main ({world.main[:12]}) does not compile since {typo[:12]} (Add fjord): mend that first, or take it back",
        "This change alone compiles: nothing is wrong with it but what it stands on.",
    )
    for text in (unsound_as_text(unsound), unsound_as_markdown(unsound)):
        assert f"does not compile since {typo[:12]}" in text
    assert json.loads(unsound_as_json(unsound))["broken"]["alone"] == 0
    world.commit({"tenants/geyser.yaml": tenant("geyser").replace("standard", "standerd")})
    with pytest.raises(UnsoundError) as caught:
        world.plan()
    unsound = caught.value.unsound
    assert unsound.first[1] == "1 mistake is this change's own:"
    assert [item.primary.span.path for item in unsound.told] == ["tenants/geyser.yaml"]


def test_a_branch_that_mends_a_broken_main_is_planned_from_where_main_was_last_sound(world: PlanWorld) -> None:
    world.commit({"tenants/glacier.yaml": tenant("glacier")}, branch="main", message="Add glacier")
    sound = world.main
    broken = tenant("fjord").replace("standard", "standrad")
    typo = world.commit({"tenants/fjord.yaml": broken}, branch="main", message="Add fjord")
    world.commit({"tenants/fjord.yaml": tenant("fjord")}, message="Mend fjord")
    plan = world.plan()
    assert plan.base.commit == sound
    assert [row[0] for row in plan.change.inputs] == ["tenants/fjord.yaml"]
    assert plan.broken is not None
    assert (
        plan.broken.sentence
        == f"main ({typo[:12]}) does not compile since {typo[:12]} (Add fjord): this change mends it"
    )
    for text in (as_text(plan), as_markdown(plan)):
        assert "this change mends it" in text


def test_another_release_than_the_head_pins_is_told_what_to_install(world: PlanWorld) -> None:
    pin = base_files()["policies/compiler.yaml"].replace(b"release: ", b"release: 9")
    world.commit({"policies/compiler.yaml": pin})
    with pytest.raises(EnvironmentFailedError, match="pins release 9") as caught:
        world.plan()
    assert "install intelgraph-conductor 9" in str(caught.value.help)


def test_nothing_to_change_is_said_and_needs_no_approval(world: PlanWorld) -> None:
    world.commit({"docs/notes.md": "no input"})
    plan = world.plan()
    assert plan.change.empty
    assert (plan.sound, plan.approved) == (True, True)
    assert "Nothing changes" in as_text(plan)


def test_on_main_the_base_is_the_last_verified_commit(world: PlanWorld) -> None:
    world.commit({"tenants/fjord.yaml": tenant("fjord")})
    before = world.history.commit
    world.git.merge("topic")
    world.commit({"docs/notes.md": "x"}, branch="main")
    plan = world.plan("main")
    assert (plan.base.commit, plan.base.source) == (before, "ledger")
    assert [item.name for item in plan.effects.resources] == ["fjord"]


def test_before_genesis_there_is_a_plan_and_nobody_can_approve() -> None:
    world = PlanWorld.bare()
    world.commit({"tenants/fjord.yaml": tenant("fjord")})
    plan = world.plan()
    assert (plan.consent, plan.sound, plan.approved, plan.base.source) == (None, True, False, "compiled")
    assert "no genesis yet" in as_text(plan)


def test_the_first_commit_is_planned_from_nothing() -> None:
    world = PlanWorld.bare()
    plan = world.plan("main")
    assert (plan.base.commit, plan.base.source) == (None, "empty")
    assert {item.operation for item in plan.effects.resources} == {Operation.ADD}


def test_approvals_survive_what_lands_in_between_and_say_so(world: PlanWorld) -> None:
    world.commit({"tenants/fjord.yaml": tenant("fjord")})
    digest = world.plan().change.digest
    for person in (ADA, BEN):
        world.approve(person)
    world.land({"tenants/harbour.yaml": tenant("harbour")}, message="Add harbour")
    plan = world.plan()
    assert plan.change.digest == digest
    assert plan.approved
    assert [(item.subject, item.taken, item.meets) for item in plan.landed] == [("Merge other", True, ())]
    assert plan.forecast is not None
    assert plan.forecast.same
    assert "still be this very change" in as_text(plan)


def test_where_another_change_meets_this_one_the_forecast_says_what_would_differ(world: PlanWorld) -> None:
    world.commit({"tenants/fjord.yaml": tenant("fjord")})
    path = "tenants/blueprints/standard.yaml"
    world.land({path: base_files()[path].replace(b"connection_limit: ", b"connection_limit: 1", 1)})
    plan = world.plan()
    assert plan.forecast is not None
    assert "objects/tenant/fjord.json" in plan.forecast.differs
    assert "merge main into it" in as_text(plan)


def test_a_commit_of_main_that_alters_the_same_file_is_named(world: PlanWorld) -> None:
    world.commit({"tenants/acme-retail.yaml": tenant("acme-retail", "retention_days: 400")})
    world.land({"tenants/acme-retail.yaml": tenant("acme-retail", "legal_hold: true")})
    plan = world.plan()
    assert [item.meets for item in plan.landed] == [("tenants/acme-retail.yaml",)]
    assert "meets this change at tenants/acme-retail.yaml" in as_text(plan)


def test_two_people_are_asked_for_only_where_no_rule_asks_for_as_many(world: PlanWorld) -> None:
    flag = base_files()[FLAG].replace(b"604800", b"86400")
    world.commit({FLAG: flag})
    assert "Approvals are missing: two people, admin." in as_text(world.plan())
    world.approve(BEN)
    assert "Approvals are missing: admin." in as_text(world.plan())
    world.commit({"tenants/fjord.yaml": tenant("fjord")}, branch="other")
    assert "Approvals are missing: platform, pm." in as_text(world.plan("other"))


def test_a_revision_is_shown_by_its_name_and_its_commit(world: PlanWorld) -> None:
    world.commit({"tenants/fjord.yaml": tenant("fjord")})
    head = world.git.resolve("topic") or ""
    assert as_text(world.plan("topic")).startswith(f"{world.main[:12]} → topic ({head[:12]})")
    assert as_text(world.plan(head)).startswith(f"{world.main[:12]} → {head[:12]}  ")


def test_a_clone_without_main_is_told_how_to_get_it(world: PlanWorld) -> None:
    world.commit({"tenants/fjord.yaml": tenant("fjord")})
    del world.git.refs["refs/heads/main"]
    world.git.head = "topic"
    with pytest.raises(UsageError, match="neither main nor origin/main") as caught:
        world.plan()
    assert "git fetch origin main" in str(caught.value.help)


def test_a_repository_without_a_commit_says_so() -> None:
    with pytest.raises(UsageError, match="no commit yet"):
        PlanWorld(MemoryGit()).plan()


def test_an_unknown_revision_is_wrong_usage(world: PlanWorld) -> None:
    with pytest.raises(UsageError, match="there is no revision `absent`"):
        world.plan("absent")
