"""What matters most in a change is said first, in words: whose data ends, who gains power, what is guarded less."""

from __future__ import annotations

import json
import re

import pytest

from compiler.consequences.consequence import Consequence, Kind, Severity
from compiler.plan import Plan
from compiler.plan_json import as_json
from compiler.plan_lines import diff_of
from compiler.plan_markdown import as_markdown
from compiler.plan_text import as_text
from runtime.testing.small_tree import key_of
from tests.cases.plan_world import BEN, PlanWorld, base_files, tenant

ACME, BLUEPRINT = "tenants/acme-retail.yaml", "tenants/blueprints/standard.yaml"
RULES, PERSON = "policies/approvals.yaml", f"policies/people/{BEN}.yaml"
TARGET = "spec/targets/pg-eu.yaml"
READER = b"age14srcd22hk4tvhvnn3qnyuxuhgezhmsxke35x8fasnd47hewssphsd4zaa2"
ARCHIVE = b"  archive: {folder: file:/srv/archive, recipients: [" + READER + b"]}\n"


def planned(files: dict[str, str | bytes], more: dict[str, bytes] | None = None) -> Plan:
    """The plan of a change of these files."""
    world = PlanWorld.begun(more)
    world.commit(files)
    return world.plan()


def said(plan: Plan) -> list[str]:
    """The sentences, in order."""
    return [item.sentence for item in plan.consequences]


def edited(path: str, old: bytes, new: bytes) -> dict[str, str | bytes]:
    """A file of the base tree with one place altered."""
    assert old in base_files()[path]
    return {path: base_files()[path].replace(old, new)}


def ended() -> Plan:
    """A suspended tenant is deprovisioned."""
    return planned(
        {ACME: tenant("acme-retail", "state: deprovisioned")},
        {ACME: tenant("acme-retail", "state: suspended").encode(), TARGET: base_files()[TARGET] + ARCHIVE},
    )


def test_the_end_of_a_tenant_comes_first_and_says_that_its_rows_go() -> None:
    first = ended().consequences[0]
    assert (first.kind, first.severity, first.subjects) == (Kind.TENANT_ENDED, Severity.FINAL, ("acme-retail",))
    assert first.sentence == (
        "ends acme-retail for good: archives to file:/srv/archive, then drops its schema on pg-eu with all rows,"
        " and the roles"
    )


def test_every_format_says_it_before_its_tables_and_folds_nothing_of_it() -> None:
    plan = ended()
    sentence = "ends acme-retail for good"
    text, markdown = as_text(plan), as_markdown(plan)
    assert text.index(sentence) < text.index("Resources")
    assert markdown.index(sentence) < min(markdown.index("| | resource"), markdown.index("<details>"))
    assert json.loads(as_json(plan))["consequences"][0]["severity"] == "final"
    for drawn in (text, markdown):
        assert "the proof that nothing is left" in drawn


@pytest.mark.parametrize("moves", [True, False])
def test_a_schema_that_would_go_without_an_archive_is_said_to_be_refused(moves: bool) -> None:  # noqa: FBT001
    other = base_files()[TARGET].replace(b"  control: true\n", b"").replace(b"7561840233917260418", b"7")
    for old, new in ((b"pg-eu", b"pg-us"), (b"eu-central", b"us-east"), (b"PG_EU", b"PG_US")):
        other = other.replace(old, new)
    path = "tenants/fjord.yaml"
    world = PlanWorld.begun({path: tenant("fjord").encode(), "spec/targets/pg-us.yaml": other})
    world.git.branch("topic")
    moved = {path: tenant("fjord", "region: us-east").encode()} if moves else {}
    world.git.commit_files(moved, remove=() if moves else (path,), branch="topic", message="End it")
    first = world.plan().consequences[0]
    assert (first.severity, first.subjects) == (Severity.GRAVE, ("fjord",))
    assert first.sentence.startswith("would end fjord on pg-eu without an archive; refused: ")


def test_a_suspension_locks_the_application_out_and_its_end_lets_it_in_again() -> None:
    active, suspended = tenant("acme-retail"), tenant("acme-retail", "state: suspended")
    (out,) = planned({ACME: suspended}).consequences
    (back,) = planned({ACME: active}, {ACME: suspended.encode()}).consequences
    assert out.sentence.startswith("locks out the application of acme-retail")
    assert (out.severity, back.severity) == (Severity.GRAVE, Severity.NOTE)
    assert back.sentence == "lets the application of acme-retail log in again"


def test_who_gains_a_role_is_told_by_what_it_allows() -> None:
    plan = planned(edited(PERSON, b"[pm, sec-tl]", b"[incident-commander, platform, pm]"))
    assert said(plan) == [
        "ben-otieno becomes incident-commander: may let one change through alone, in an emergency",
        "ben-otieno may approve as platform from now on (1 rule asks for that: tenants)",
        "ben-otieno is no longer sec-tl",
    ]


def test_a_second_key_is_said_to_sign_as_its_person() -> None:
    own, new = key_of(BEN).public_line.encode(), key_of("new").public_line.encode()
    assert b"  keys:\n" in base_files()[PERSON] or b"keys: [" in base_files()[PERSON]
    changed = base_files()[PERSON].replace(own, own + b"\n    - " + new)
    (found,) = planned({PERSON: changed}).consequences
    assert found.sentence == f"the key {key_of('new').fingerprint} signs as ben-otieno from now on, beside 1 key"


def test_a_new_person_is_told_with_key_roles_and_what_they_do_alone() -> None:
    text = (
        base_files()[PERSON]
        .replace(BEN.encode(), b"eve")
        .replace(key_of(BEN).public_line.encode(), key_of("eve").public_line.encode())
    )
    plan = planned({"policies/people/eve.yaml": text.replace(b"[pm, sec-tl]", b"[pm, incident-commander]")})
    assert said(plan) == [
        "eve becomes incident-commander: may let one change through alone, in an emergency",
        f"eve may approve from now on, with the key {key_of('eve').fingerprint}, as pm (1 rule asks for that: tenants)",
    ]


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (b"{platform: 1, pm: 1}", b"{pm: 1}", "changes of `tenants` no longer need platform (tenants/**, config/ten"),
        (b"approval_days: 14", b"approval_days: 60", "approvals hold 60 days, 14 before"),
        (b"[tenants/**, config/tenants/**", b"[tenants/**, config/tenants/*", "changes of config/tenants/** no longer"),
        (b"[tenants/**, config", b"[config", "tenants/** has no rule any more"),
    ],
)
def test_rules_that_ask_less_are_said_to(old: bytes, new: bytes, sentence: str) -> None:
    assert said(planned(edited(RULES, old, new)))[0].startswith(sentence)


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"name: tenants", b"name: renamed"), (b"[tenants/**", b"['**'"), (b"nt/**]", b"nt/**, flags/**]")],
)
def test_rules_that_ask_as_much_by_another_name_or_of_more_paths_say_nothing(old: bytes, new: bytes) -> None:
    assert said(planned(edited(RULES, old, new))) == []


def test_fields_of_a_rule_are_told_by_role_and_once() -> None:
    text = as_text(planned(edited(RULES, b"{platform: 1, pm: 1}", b"{pm: 1}")), full=True)
    assert "spec.rules[tenants].people.platform" in text
    assert "people[" not in text


def test_shorter_retention_of_a_blueprint_names_its_tenants() -> None:
    sharper = re.sub(rb"retention_days: \d+", b"retention_days: 1", base_files()[BLUEPRINT])
    plan = planned({BLUEPRINT: sharper}, {"tenants/fjord.yaml": tenant("fjord").encode()})
    kept, least = said(plan)
    assert kept.startswith("data of acme-retail, fjord is kept 1 day from a suspension on, ")
    assert least.startswith("data of acme-retail, fjord may be declared to be kept only 1 day, at least ")
    assert {item.kind for item in plan.consequences} == {Kind.GUARD}


def test_a_blueprint_without_tenants_that_guards_less_is_said_of_new_tenants() -> None:
    path, unused = "tenants/blueprints/strict.yaml", base_files()[BLUEPRINT].replace(b"name: standard", b"name: strict")
    held = unused + b"  legal_hold: true\n"
    plan = planned({path: re.sub(rb"retention_days: \d+", b"retention_days: 1", unused)}, {path: held})
    hold, kept, least = said(plan)
    assert hold == "lifts the legal hold of new tenants of blueprint strict: its data may be deleted"
    assert kept.startswith("data of new tenants of blueprint strict is kept 1 day from a suspension on, ")
    assert least.startswith("data of new tenants of blueprint strict may be declared to be kept only 1 day, at least ")
    assert {item.subjects for item in plan.consequences} == {("strict",)}
    assert said(planned({path: held}, {path: unused})) == []


def test_a_legal_hold_that_is_lifted_and_a_higher_limit_of_deletions_are_said() -> None:
    held = {ACME: tenant("acme-retail", "legal_hold: true").encode()}
    assert said(planned({ACME: tenant("acme-retail")}, held)) == [
        "lifts the legal hold of acme-retail: its data may be deleted"
    ]
    plan = planned({TARGET: base_files()[TARGET] + b"  max_delete_percent: 90\n"})
    assert any("90 % of pg-eu may be deleted at once" in sentence for sentence in said(plan))


def test_tests_of_the_policy_that_go_are_counted_and_rego_is_drawn_in_full() -> None:
    test = b"package more\n\ntest_one if true\n\ntest_two if true\n"
    world = PlanWorld.begun({"policies/more_test.rego": test})
    world.commit({"policies/more_test.rego": test.replace(b"\ntest_one if true\n", b"")})
    plan = world.plan()
    assert said(plan) == ["1 test of the policy is gone, of policies/more_test.rego"]
    assert "-test_one if true" not in as_text(plan)
    assert "      -test_one if true" in as_text(plan, full=True)
    assert "-test_one if true" in as_markdown(plan)
    assert "-test_one if true" in json.loads(as_json(plan))["inputs"][0]["diff"]


def test_lines_of_tests_that_go_are_counted_though_every_test_is_there() -> None:
    test = b"package more\n\ntest_one if {\n  1 == 1\n  2 == 2\n}\n"
    world = PlanWorld.begun({"policies/more_test.rego": test})
    world.commit({"policies/more_test.rego": test.replace(b"  2 == 2\n", b"")})
    plan = world.plan()
    assert said(plan) == ["1 line of the policy's tests is gone, of policies/more_test.rego"]
    assert "of the policy's tests is gone" in as_markdown(plan)


def test_a_first_commit_says_nothing_of_people_and_rules() -> None:
    assert [item for item in PlanWorld.bare().plan("main").consequences if item.kind is not Kind.GUARD] == []


def test_the_gravest_comes_first() -> None:
    plan = ended()
    order = list(Severity)
    ranks = [order.index(item.severity) for item in plan.consequences]
    assert ranks == sorted(ranks)
    assert isinstance(plan.consequences[0], Consequence)


def test_lines_that_differ_are_drawn_with_three_around_them() -> None:
    old = [f"{number}".encode() for number in range(20)]
    assert diff_of(old, [*old[:10], b"new", *old[11:]]) == (
        "@@ -8,7 +8,7 @@", " 7", " 8", " 9", "-10", "+new", " 11", " 12", " 13",
    )  # fmt: skip
    assert diff_of([b"same"], [b"same"]) == ()


def test_many_lines_that_differ_are_not_compared_and_all_drawn() -> None:
    head, *lines = diff_of([b"a"] * 5000, [b"b"] * 3000)
    assert head.endswith("all out, all in")
    assert lines == ["-a"] * 5000 + ["+b"] * 3000
