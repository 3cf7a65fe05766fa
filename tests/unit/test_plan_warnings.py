"""What a plan says beside the change itself: warnings that are new, files that no rule asks for, lines, commits."""

from __future__ import annotations

import json

import pytest

from compiler.plan_json import as_json
from compiler.plan_lines import Lines
from compiler.plan_markdown import as_markdown
from compiler.plan_rules import uncovered
from compiler.plan_text import as_text
from compiler.plan_text_approvals import idle_text
from tests.cases.plan_world import ADA, BEN, PlanWorld, base_files, tenant

RULES, TESTS = "policies/approvals.yaml", "policies/more_test.rego"


@pytest.fixture
def world() -> PlanWorld:
    return PlanWorld.begun()


def rules(old: bytes, new: bytes) -> bytes:
    return base_files()[RULES].replace(old, new)


def test_a_warning_that_the_change_adds_is_in_every_form_of_its_plan(world: PlanWorld) -> None:
    world.commit({RULES: rules(b"[tenants/**", b"[tenantz/**")})
    plan = world.plan()
    assert [(item.code.id, item.primary.span.path, item.primary.span.line) for item in plan.warnings] == [
        ("MC0604", RULES, 9)
    ]
    assert plan.sound
    assert "did you mean `tenants/**`?" in as_text(plan)
    assert "**MC0604**" in as_markdown(plan)
    assert [item["code"] for item in json.loads(as_json(plan))["warnings"]] == ["MC0604"]


def test_a_warning_that_the_base_has_too_is_no_news_wherever_it_stands(world: PlanWorld) -> None:
    warned = rules(b"[tenants/**", b"[tenantz/**, tenants/**")
    world.commit({RULES: warned}, branch="main")
    world.commit({RULES: b"# a line more\n" + warned})
    assert world.plan(base="main").warnings == ()
    world.commit({RULES: warned.replace(b"[tenantz", b"[tenantz/**, tenantz")})
    assert [(item.code.id, item.message) for item in world.plan(base="main").warnings] == [
        ("MC0604", "`tenantz/**` matches nothing that could change")
    ]


@pytest.mark.parametrize(
    "altered",
    [
        rules(b"[tenants/**, ", b"[tenantz/**, "),
        rules(b"[tenants/**, ", b"["),
        rules(b"[tenants/**, ", b"[tenants/*/*, "),
        base_files()[RULES].partition(b"  rules:")[0] + b"  rules: []\n",
    ],
    ids=["typo", "glob removed", "narrowed", "rule removed"],
)
def test_files_that_no_rule_asks_for_any_more_are_told_in_every_form(world: PlanWorld, altered: bytes) -> None:
    world.commit({RULES: altered})
    plan = world.plan()
    (lost,) = plan.uncovered
    assert (lost.rule, lost.glob, lost.paths[0]) == ("tenants", "tenants/**", "tenants/acme-retail.yaml")
    assert "tenants/** has no rule any more: none matches tenants/acme-retail.yaml" in as_text(plan)
    assert "has no rule any more" in as_markdown(plan)
    assert json.loads(as_json(plan))["uncovered"] == [
        {"rule": "tenants", "glob": "tenants/**", "paths": list(lost.paths)}
    ]


def test_files_that_another_rule_matches_are_still_asked_for(world: PlanWorld) -> None:
    world.commit({RULES: rules(b"[tenants/**, ", b"[tenants/*.yaml, tenants/blueprints/*, ")})
    assert world.plan().uncovered == ()


def test_before_and_after_people_are_declared_there_is_no_rule_to_lose() -> None:
    assert uncovered({}, {}, ["tenants/acme.yaml"]) == ()


@pytest.mark.parametrize(
    ("before", "after", "lines", "said"),
    [
        (b"a {\n}\nb {\n}\n", b"a {\n}\nb {\n", Lines(0, 1), "0 lines in, 1 out"),
        (b"deny\n}\n}\n", b"deny2\n}\n}\n", Lines(1, 1), "1 line in, 1 out"),
        (b"a\n}\nb\n}\n", b"b\n}\na\n}\n", Lines(2, 2), "2 lines in, 2 out"),
    ],
    ids=["a line that stands there twice", "an altered line", "lines that are moved"],
)
def test_lines_of_rego_are_counted_as_git_counts_them(
    world: PlanWorld, before: bytes, after: bytes, lines: Lines, said: str
) -> None:
    world.commit({TESTS: before}, branch="main")
    world.commit({TESTS: after})
    plan = world.plan(base="main")
    assert [item.lines for item in plan.effects.inputs] == [lines]
    assert f"~ {TESTS}  {said}" in as_text(plan)
    assert said in as_markdown(plan)
    assert json.loads(as_json(plan))["inputs"][0]["lines"] == {"in": lines.came, "out": lines.went}


def test_a_change_of_several_commits_is_called_by_their_number_and_the_last(world: PlanWorld) -> None:
    world.commit({"tenants/fjord.yaml": tenant("fjord")}, message="Add fjord")
    assert as_text(world.plan()).splitlines()[0].endswith("  Add fjord")
    world.commit({"tenants/ice.yaml": tenant("ice")}, message="Add ice")
    world.commit({"docs/notes.md": "no input"}, message="Note it")
    plan = world.plan()
    assert as_text(plan).splitlines()[0].endswith("  2 commits, last: Add ice")
    assert as_markdown(plan).startswith("### Conductor plan: 2 commits, last: Add ice\n")
    head = json.loads(as_json(plan))["head"]
    assert (head["subject"], head["commits"]) == ("Add ice", 2)


def test_an_approval_that_fills_no_role_of_an_unmet_rule_is_told_so(world: PlanWorld) -> None:
    world.commit({"tenants/fjord.yaml": tenant("fjord")})
    world.approve(ADA)
    consent = world.plan().consent
    assert consent is not None
    assert idle_text(consent, ADA) == ""
    assert idle_text(consent, "somebody-else").startswith("Yours fills no role of `tenants`; it counts as one of")
    world.approve(BEN)
    consent = world.plan().consent
    assert consent is not None
    assert idle_text(consent, "somebody-else") == ""


def test_a_secret_that_nothing_needed_before_is_said_in_every_format(world: PlanWorld) -> None:
    world.commit({"tenants/fjord.yaml": tenant("fjord")})
    plan = world.plan()
    assert [(item.reference, item.paths) for item in plan.secrets] == [
        ("env:CONDUCTOR_TENANT_FJORD_PASSWORD", ("objects/tenant/fjord.json",))
    ]
    sentence = "the agent will need env:CONDUCTOR_TENANT_FJORD_PASSWORD before it takes this"
    assert f"! {sentence}" in as_text(plan)
    assert "⚠️ the agent will need env:CONDUCTOR" in as_markdown(plan)
    assert json.loads(as_json(plan))["secrets"][0]["reference"] == "env:CONDUCTOR_TENANT_FJORD_PASSWORD"


def test_a_target_elsewhere_needs_its_connection(world: PlanWorld) -> None:
    path = "spec/targets/pg-eu.yaml"
    world.commit({path: base_files()[path].replace(b"env:PG_EU", b"env:OTHER")})
    (secret,) = world.plan().secrets
    assert (secret.reference, secret.paths) == ("env:OTHER", ("config/targets/target/pg-eu.json",))


@pytest.mark.parametrize("more", ["state: suspended", "retention_days: 400"])
def test_what_was_needed_before_is_not_said_again(world: PlanWorld, more: str) -> None:
    world.commit({"tenants/acme-retail.yaml": tenant("acme-retail", more)})
    assert world.plan().secrets == ()


def test_a_secret_that_another_resource_needs_already_is_no_new_one(world: PlanWorld) -> None:
    reference = "env:CONDUCTOR_TENANT_ACME_RETAIL_PASSWORD"
    path = "spec/targets/pg-us.yaml"
    target = base_files()["spec/targets/pg-eu.yaml"].replace(b"pg-eu", b"pg-us").replace(b"eu-central", b"us-east")
    target = target.replace(b"env:PG_EU", reference.encode()).replace(b"  control: true\n", b"")
    world.commit({path: target.replace(b"7561840233917260418", b"7561840233917260419")})
    assert reference in json.dumps(world.plan().change.contents)
    assert world.plan().secrets == ()
