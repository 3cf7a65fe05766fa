"""Section 7, rule 2: people, keys and rules are those before the change."""

from __future__ import annotations

from hashlib import sha256

import pytest

from runtime.contract.change import Change, between
from runtime.governance.case import Judgement
from runtime.governance.config import Agent, CompilerPin, Person
from runtime.governance.judge import judge
from runtime.release import VERSION
from runtime.testing.court import Court, rules_of, snapshot_of
from runtime.testing.proofs import proof, proved
from runtime.testing.small_tree import RULES, agent, document, key_of, person, policy, public, small_tree

APPROVALS = "policies/approvals.yaml"


def by_all(court: Court, change: Change) -> Judgement:
    return judge(court.case(change, court.approve(change, "mara", "tomas", "ines")))


def test_person_whom_the_change_adds_does_not_count_for_it(court: Court) -> None:
    change = court.change(proved({"policies/people/jon.yaml": person("jon", "mc", "sec-tl").data()}))
    judgement = judge(court.case(change, court.approve(change, "jon", "ines")))
    assert rules_of(judgement) == {"authentic", "two-people", "by-path", "rights-before"}
    assert judge(court.case(change, court.approve(change, "mara", "ines"))).allowed


def test_role_that_the_change_gives_does_not_count_for_it(court: Court) -> None:
    change = court.change({"policies/people/tomas.yaml": person("tomas", "platform", "backend", "mc").data()})
    assert rules_of(judge(court.case(change, court.approve(change, "tomas", "ines")))) == {"by-path", "rights-before"}


def test_key_that_the_change_gives_does_not_count_for_it(court: Court) -> None:
    mara = Person(name="mara", keys=(public(key_of("mara", 2)),), roles=("admin", "mc", "pm"))
    change = court.change(proved({"policies/people/mara.yaml": mara.data()}))
    new = court.sign(change, key_of("mara", 2))
    assert "authentic" in rules_of(judge(court.case(change, (new, *court.approve(change, "ines")))))
    assert judge(court.case(change, court.approve(change, "mara", "ines"))).allowed


def test_rule_that_the_change_loosens_still_holds_for_it(court: Court) -> None:
    loose = {**RULES, "policies": (("policies/**",), ("platform",))}
    change = court.change({APPROVALS: policy(loose).data()})
    assert rules_of(judge(court.case(change, court.approve(change, "tomas", "ines")))) == {"by-path", "rights-before"}
    assert judge(court.case(change, court.approve(change, "mara", "ines"))).allowed


def test_loosened_rule_holds_for_the_change_after_it(court: Court) -> None:
    loose = {**RULES, "tenants": (("tenants/**",), ("platform",))}
    later = court.after({APPROVALS: policy(loose).data()})
    change = later.change({"tenants/acme.yaml": document(blueprint="basic", state="suspended")})
    assert judge(later.case(change, later.approve(change, "tomas", "ines"))).allowed


def test_person_who_is_taken_away_may_approve_that_and_nothing_later(court: Court) -> None:
    edits = {"policies/people/tomas.yaml": None, APPROVALS: policy({"policies": RULES["policies"]}).data()}
    change = court.change(edits)
    assert judge(court.case(change, court.approve(change, "mara", "ines", "tomas"))).people == ("ines", "mara", "tomas")
    later = court.after(edits)
    notes = later.change({"spec/notes.yaml": document(text="new")})
    assert "authentic" in rules_of(judge(later.case(notes, later.approve(notes, "mara", "tomas"))))


def test_change_of_policies_changes_no_other_input(court: Court) -> None:
    change = court.change({APPROVALS: policy(approval_days=7).data(), "spec/notes.yaml": document(text="new")})
    assert rules_of(by_all(court, change)) == {"policies-alone"}


def test_change_of_policies_may_render_other_things_differently(court: Court) -> None:
    before, after = court.files, court.edited({"policies/compiler.yaml": CompilerPin(release="9.0.0").data()})
    rendered = snapshot_of({**after, "tenants/acme.yaml": document(blueprint="basic", new="field")})
    change = between(snapshot_of(before), rendered, repository="r", branch="b")
    assert "config/tenants/tenant/acme.json" in change.paths
    only_policies = tuple(row for row in change.inputs if row[0].startswith("policies/"))
    change = Change(court.verified.repository, "main", only_policies, change.bundle, change.contents)
    case = court.case(change, court.approve(change, "mara", "tomas", "ines"), release="9.0.0")
    assert judge(case).allowed


@pytest.mark.parametrize("path", ["config/governance/person/mara.json", "policy/transition.rego", "policy/policy.wasm"])
def test_only_a_change_of_policies_alters_governance(court: Court, path: str) -> None:
    honest = court.change({"spec/notes.yaml": document(text="new")})
    more = person("mara", "admin", "mc", "pm", "sec-tl").data().decode()
    old = court.verified.snapshot.contents.get(path)
    row = (path, court.verified.snapshot.manifest.bundle.get(path), sha256(more.encode()).hexdigest())
    contents = {} if old is None else {path: (old, more)}
    change = Change(honest.repository, honest.branch, honest.inputs, (row,), contents)
    assert rules_of(by_all(court, change)) == {"governed-by-policies"}


def test_data_of_the_policy_may_change_with_other_inputs(court: Court) -> None:
    honest = court.change({"spec/notes.yaml": document(text="new")})
    path = "policy/tenants/acme/data.json"
    text = '{"state":"active"}'
    row = (path, None, "ab" * 32)
    change = Change(honest.repository, honest.branch, honest.inputs, (row,), {path: (None, text)})
    assert by_all(court, change).allowed


def test_rules_that_their_own_people_could_not_meet_are_refused(court: Court) -> None:
    nobody = {**RULES, "spec": (("spec/**",), ("qa",))}
    assert rules_of(by_all(court, court.change({APPROVALS: policy(nobody).data()}))) == {"can-be-met"}
    two = {**RULES, "spec": (("spec/**",), ("mc", "mc"))}
    assert rules_of(by_all(court, court.change({APPROVALS: policy(two).data()}))) == {"can-be-met"}


def test_rule_for_two_roles_that_only_one_person_has_cannot_be_met(court: Court) -> None:
    rules = {**RULES, "spec": (("spec/**",), ("pm", "admin"))}
    judgement = by_all(court, court.change({APPROVALS: policy(rules).data()}))
    assert rules_of(judgement) == {"can-be-met"}
    assert "rule `spec`" in judgement.problems[0].message


def test_taking_away_the_only_one_of_a_role_is_refused(court: Court) -> None:
    assert rules_of(by_all(court, court.change({"policies/people/ines.yaml": None}))) == {"can-be-met"}


def test_person_without_a_key_meets_no_rule(court: Court) -> None:
    assert rules_of(
        by_all(court, court.change({"policies/people/ines.yaml": person("ines", "sec-tl", keys=0).data()}))
    ) == {"can-be-met"}


def test_fewer_than_two_people_with_a_key_are_refused(court: Court) -> None:
    edits = {
        APPROVALS: policy({}).data(),
        "policies/people/ines.yaml": None,
        "policies/people/tomas.yaml": None,
    }
    judgement = by_all(court, court.change(edits))
    assert rules_of(judgement) == {"can-be-met"}
    assert "fewer than two people" in judgement.problems[0].message


def test_governance_that_cannot_be_read_is_refused(court: Court) -> None:
    assert rules_of(by_all(court, court.change({APPROVALS: None}))) == {"can-be-met"}


@pytest.mark.parametrize("left", [None, agent(keys=0).data()])
def test_agents_key_is_left(court: Court, left: bytes | None) -> None:
    assert rules_of(by_all(court, court.change({"policies/agents/conductor-eu.yaml": left}))) == {"agent-left"}


def test_agent_may_be_replaced(court: Court) -> None:
    edits = {
        "policies/agents/conductor-eu.yaml": None,
        "policies/agents/conductor-us.yaml": agent("conductor-us").data(),
    }
    assert by_all(court, court.change(proved(edits))).allowed


def test_key_stands_under_one_name_a_persons_or_an_agents(court: Court) -> None:
    twice = Person(name="jon", keys=(public(key_of("mara")),), roles=("qa",))
    assert rules_of(
        by_all(court, court.change({"policies/people/jon.yaml": twice.data(), **proof("person/jon", key_of("mara"))}))
    ) == {"one-name-a-key"}
    machine = Agent(name="spare", keys=(public(key_of("mara")),), heartbeat_seconds=60, ledger_head="control")
    assert rules_of(
        by_all(
            court, court.change({"policies/agents/spare.yaml": machine.data(), **proof("agent/spare", key_of("mara"))})
        )
    ) == {"one-name-a-key"}


def test_key_under_a_false_fingerprint_is_seen(court: Court) -> None:
    line = public(key_of("mara")).public
    jon = Person(name="jon", keys=(public(key_of("jon")).model_copy(update={"public": line}),), roles=("qa",))
    judgement = by_all(
        court, court.change({"policies/people/jon.yaml": jon.data(), **proof("person/jon", key_of("mara"))})
    )
    assert rules_of(judgement) == {"one-name-a-key"}
    broken = Person(name="jon", keys=(public(key_of("jon")).model_copy(update={"public": "no key"}),), roles=("qa",))
    assert rules_of(by_all(court, court.change({"policies/people/jon.yaml": broken.data()}))) == {
        "one-name-a-key",
        "possession",
    }


def test_rename_of_a_person_is_a_removal_and_an_addition(court: Court) -> None:
    renamed = Person(name="mara-l", keys=(public(key_of("mara")),), roles=("admin", "mc", "pm"))
    edits = {"policies/people/mara.yaml": None, "policies/people/mara-l.yaml": renamed.data()}
    assert rules_of(by_all(court, court.change(edits))) == {"possession"}
    judgement = by_all(court, court.change({**edits, **proof("person/mara-l", key_of("mara"))}))
    assert judgement.allowed
    assert "mara" in judgement.people


def test_release_that_the_head_pins_judges_it() -> None:
    court = Court.open(small_tree())
    change = court.change({"policies/compiler.yaml": CompilerPin(release="9.0.0").data()})
    approvals = court.approve(change, "mara", "ines")
    assert rules_of(judge(court.case(change, approvals, release=VERSION))) == {"pinned-release"}
    assert judge(court.case(change, approvals, release="9.0.0")).allowed
