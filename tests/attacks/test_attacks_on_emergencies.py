"""Attacks on break-glass and its debt: what one person may let through alone, and what is owed for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from runtime.contract.canonical import JSON
from runtime.governance.case import Case, Problem
from runtime.governance.config import Person
from runtime.governance.judge import judge
from runtime.governance.people import Approver
from runtime.governance.rules import CONSENT
from runtime.testing.court import Court
from runtime.testing.small_tree import ROLES, RULES, document, key_of, person, policy, public, small_tree

RefusedBy = Callable[[str, Case], None]

NOTES = {"spec/notes.yaml": document(text="new")}
SUSPEND = {"tenants/acme.yaml": document(blueprint="basic", state="suspended")}
RESUME = {"tenants/acme.yaml": document(blueprint="basic")}
INITECH: Mapping[str, bytes] = {"tenants/initech.yaml": document(blueprint="basic")}
APPROVALS = "policies/approvals.yaml"
"""Mara is the incident commander, and product manager; tomas is platform, ines security."""


def alone(court: Court, edits: Mapping[str, bytes | None], name: str = "mara") -> Case:
    """One person lets a change through."""
    change = court.change(edits)
    return court.case(change, (court.sign(change, key_of(name), kind="emergency"),))


# What an emergency may be ---------------------------------------------------------------------------------------------


def test_anybody_calls_an_emergency(court: Court, refused_by: RefusedBy) -> None:
    """I am no incident commander. I call my change an emergency all the same.

    Rule: `incident-commander`.
    """
    refused_by("incident-commander", alone(court, SUSPEND, "tomas"))


def test_new_rules_by_emergency(court: Court, refused_by: RefusedBy) -> None:
    """It is night, and I am the incident commander. By morning the rules say that nobody has to approve with me.

    Rule: `governance-by-two`.
    """
    refused_by("governance-by-two", alone(court, {APPROVALS: policy({"policies": RULES["policies"]}).data()}))


def test_tenant_is_ended_by_emergency(court: Court, refused_by: RefusedBy) -> None:
    """What is dropped cannot be approved afterwards. I declare the tenant that annoys me deprovisioned.

    Rule: `no-deprovision`.
    """
    refused_by(
        "no-deprovision", alone(court, {"tenants/acme.yaml": document(blueprint="basic", state="deprovisioned")})
    )


def test_tenant_is_taken_away_by_emergency(court: Court, refused_by: RefusedBy) -> None:
    """I say nothing of deprovisioning: I just delete the file.

    Rule: `no-deprovision`.
    """
    refused_by("no-deprovision", alone(court, {"tenants/globex.yaml": None}))


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("tenants/acme.yaml", {"legal_hold": True}, {"legal_hold": False}),
        ("tenants/acme.yaml", {"legal_hold": True}, {}),
        ("tenants/acme.yaml", {"retention_days": 1095}, {"retention_days": 1}),
        ("tenants/blueprints/basic.yaml", {"legal_hold": True}, {"legal_hold": False}),
        ("tenants/blueprints/basic.yaml", {"retention_days": 1095}, {"retention_days": 1}),
        ("spec/targets/pg.yaml", {"archive": {"recipients": ["age1both"]}}, {"archive": {"recipients": ["age1mara"]}}),
        ("spec/targets/pg.yaml", {"archive": {"recipients": ["age1both"]}}, None),
        ("spec/targets/pg.yaml", {"max_delete_percent": 0}, {"max_delete_percent": 100}),
        ("spec/targets/pg.yaml", {"identity": "the real one"}, {"identity": "mine"}),
        ("spec/targets/pg.yaml", {"dsn": "file:/run/secrets/pg"}, {"dsn": "file:/home/mara/pg"}),
        ("spec/targets/pg.yaml", {"region": "eu-central"}, {"region": "us-east"}),
        ("spec/targets/pg.yaml", {"type": "postgres"}, {"type": "release"}),
        ("spec/targets/pg.yaml", {"control": False}, {"control": True}),
        ("spec/targets/pg.yaml", {"control": True}, {"control": False}),
        ("tenants/acme.yaml", {}, {"adopt": True}),
        ("tenants/acme.yaml", {"password": "env:ACME"}, {"password": "env:WHAT_MARA_KNOWS"}),
        ("tenants/acme.yaml", {"password": "file:/run/secrets/acme"}, {}),
    ],
)
def test_guards_are_sent_away_by_emergency(
    path: str, before: dict[str, JSON], after: dict[str, JSON] | None, refused_by: RefusedBy
) -> None:
    """I end no tenant. I only see to it that nothing is in the way when somebody does, or that what is saved of it is
    saved for me.

    Rule: `safeguards-by-two`.
    """
    rules = policy({**RULES, "targets": (("spec/targets/**",), ("platform", "pm"))}).data()
    court = Court.open(small_tree(**{APPROVALS: rules, path: document(blueprint="basic", **before)}))
    edit = None if after is None else document(blueprint="basic", **after)
    refused_by("safeguards-by-two", alone(court, {path: edit}))


def test_the_control_database_becomes_a_new_one_of_mine(refused_by: RefusedBy) -> None:
    """The agent would see that I rewind main: its control database remembers where the ledger ended. So I declare
    another one, which remembers nothing.

    Rule: `safeguards-by-two`.
    """
    rules = policy({**RULES, "targets": (("spec/targets/**",), ("platform", "pm"))}).data()
    court = Court.open(small_tree(**{APPROVALS: rules}))
    refused_by("safeguards-by-two", alone(court, {"spec/targets/mine.yaml": document(control=True, dsn="env:M")}))


def test_an_emergency_may_tighten_what_guards(court: Court) -> None:
    held = {"tenants/acme.yaml": document(blueprint="basic", legal_hold=True, retention_days=1095)}
    added = {"tenants/initech.yaml": document(blueprint="basic", password="env:INITECH")}  # noqa: S106 -- where it is, not what
    target = Court.open(small_tree(**{"spec/targets/pg.yaml": document(max_delete_percent=50, drift="heal")}))
    calmer = {"spec/targets/pg.yaml": document(max_delete_percent=0, drift="report")}
    assert judge(alone(court, held)).allowed
    assert judge(alone(court, added)).allowed
    assert judge(alone(target, calmer)).allowed


@pytest.mark.parametrize("hours", [0, 30], ids=["before its deadline", "overdue"])
def test_tenant_is_ended_while_the_debt_is_open(hours: int, refused_by: RefusedBy) -> None:
    """By night I suspended the tenant, so that it can be ended. By day two of us end it, as the rules ask, before
    anybody has looked at the suspension.

    Rule: `no-deprovision`.
    """
    court = Court.open().emergency(SUSPEND).later(hours=hours)
    change = court.change({**NOTES, "tenants/acme.yaml": document(blueprint="basic", state="deprovisioned")})
    case = court.case(change, court.approve(change, "mara", "tomas"))
    if hours:  # `debt-first` refuses it as well
        assert "no-deprovision" in {problem.rule for problem in judge(case).problems}
    else:
        refused_by("no-deprovision", case)


def test_a_tenant_that_an_emergency_added_may_be_taken_away_again(court: Court) -> None:
    debtor = court.emergency(INITECH)
    change = debtor.change({"tenants/initech.yaml": None})
    assert judge(debtor.case(change, debtor.approve(change, "mara", "tomas"))).allowed
    assert debtor.verified.debts[0].left(debtor.verified.snapshot.manifest, change) == ()


def test_one_emergency_after_the_other(court: Court, refused_by: RefusedBy) -> None:
    """Nobody has approved my last emergency yet. I do the rest of the release in the same way.

    Rule: `one-debt`.
    """
    refused_by("one-debt", alone(court.emergency(NOTES), SUSPEND))


def test_emergency_that_lies_ready_for_a_better_day(court: Court, refused_by: RefusedBy) -> None:
    """In the outage Mara signed an emergency for four hours, and did not need it. I merge it six hours later.

    Rule: `unexpired`.
    """
    change = court.change(SUSPEND)
    until = court.later(hours=4).now
    signed = court.sign(change, key_of("mara"), kind="emergency", expires_at=until)
    refused_by("unexpired", court.later(hours=6).case(change, (signed,)))


def test_emergency_that_says_itself_how_long_it_lasts(court: Court, refused_by: RefusedBy) -> None:
    """I signed it by hand, without `conductor approve`, in the bad night a week ago, and wrote that it holds for thirty
    days. The night is over, nobody remembers it; the change comes only now.

    Rule: `emergency-hours`.
    """
    change = court.change(SUSPEND)
    ready = court.sign(change, key_of("mara"), kind="emergency")
    refused_by("emergency-hours", court.later(days=7).case(change, (ready,)))


def test_emergency_against_the_policy(court: Court, refused_by: RefusedBy) -> None:
    """The policy forbids the step to everybody. An emergency, I say, knows no law.

    Rule: `transitions`.
    """

    def forbids(approvers: tuple[Approver, ...]) -> tuple[Problem, ...]:
        return (Problem("transitions", "not under legal hold"),)

    case = alone(court, SUSPEND)
    refused_by("transitions", replace(case, transition=forbids))


# Its debt -------------------------------------------------------------------------------------------------------------


def test_debt_that_is_never_paid(court: Court, refused_by: RefusedBy) -> None:
    """My emergency runs, and the others would not approve it. They are busy with other things; so it stays.

    Rule: `debt-first`.
    """
    later = court.emergency(NOTES).later(hours=24)
    change = later.change(SUSPEND)
    refused_by("debt-first", later.case(change, later.approve(change, "mara", "tomas")))


def test_half_of_it_is_taken_back(court: Court, refused_by: RefusedBy) -> None:
    """The debt is overdue. I let them take back the part that was seen, and keep the other one.

    Rule: `debt-first`.
    """
    later = court.emergency({**NOTES, **SUSPEND}).later(hours=24)
    change = later.change({"spec/notes.yaml": document(text="nothing asks for this one")})
    refused_by("debt-first", later.case(change, later.approve(change, "ines", "tomas")))


def test_another_change_covers_it(court: Court, refused_by: RefusedBy) -> None:
    """Nobody of platform has seen my 9000 seats. They approve a title in the same file: it holds nothing any more that
    I wrote, and nobody asks for my seats again.

    Rule: `debt-first`.
    """
    seats = {"tenants/acme.yaml": document(blueprint="basic", seats=9000)}
    titled = {"tenants/acme.yaml": document(blueprint="basic", seats=9000, title="Acme Ltd")}
    later = court.emergency(seats).later(hours=24)
    change = later.change(titled)
    refused_by("debt-first", later.case(change, later.approve(change, "mara", "tomas")))


def test_debt_paid_by_its_maker_under_another_name(court: Court, refused_by: RefusedBy) -> None:
    """I have married since, and work for platform now. Mara let it through, and Mara Berg, who has Mara's key,
    approves: that makes two.

    Rule: `counted-once`.
    """
    debtor = court.emergency(SUSPEND)
    change = debtor.verified.debts[0].change
    berg = Person(name="mara-berg", keys=(public(key_of("mara")),), roles=(*ROLES["mara"], "platform"))
    later = debtor.after({"policies/people/mara.yaml": None, "policies/people/mara-berg.yaml": berg.data()})
    refused_by("counted-once", later.clearing(later.sign(change, key_of("mara"))))


def test_debt_paid_by_its_maker_with_a_key_that_did_not_call_it(refused_by: RefusedBy) -> None:
    """I had two keys. With one I let it through; the other one has my new name, and my new role.

    Rule: `counted-once`.
    """
    files = small_tree(**{"policies/people/mara.yaml": person("mara", *ROLES["mara"], keys=2).data()})
    debtor = Court.open(files).emergency(SUSPEND)
    change = debtor.verified.debts[0].change
    berg = Person(name="mara-berg", keys=(public(key_of("mara", 2)),), roles=(*ROLES["mara"], "platform"))
    later = debtor.after({"policies/people/mara.yaml": None, "policies/people/mara-berg.yaml": berg.data()})
    refused_by("counted-once", later.clearing(later.sign(change, key_of("mara", 2))))


def test_debt_paid_by_its_maker(court: Court, refused_by: RefusedBy) -> None:
    """No rule by path speaks of what I brought, so nobody in particular is missing: my own signature clears me.

    Rule: `two-people`.
    """
    refused_by("two-people", court.emergency(NOTES).clearing())


def test_debt_paid_by_a_friend_without_the_role(court: Court, refused_by: RefusedBy) -> None:
    """Ines and I are two people, and nobody of platform has seen it. We call it cleared.

    Rule: `by-path`.
    """
    debtor = court.emergency(SUSPEND)
    refused_by("by-path", debtor.clearing(*debtor.approve(debtor.verified.debts[0].change, "ines")))


def test_rules_are_loosened_once_the_debt_is_there(court: Court, refused_by: RefusedBy) -> None:
    """Nobody of platform would approve what I did. Two people let me strike that from the rules; then Ines clears me.

    Rule: `by-path`.
    """
    debtor = court.emergency(SUSPEND)
    change = debtor.verified.debts[0].change
    later = debtor.after({APPROVALS: policy({"policies": RULES["policies"]}).data()})
    refused_by("by-path", later.clearing(*later.approve(change, "ines")))


def test_something_else_goes_with_new_rules(court: Court) -> None:
    (first,) = (rule for rule in CONSENT if rule.name == "debt-first")
    later = court.emergency(NOTES).later(hours=24)
    rules = {APPROVALS: policy(approval_days=20).data()}
    for edits, passes in ((rules, True), ({**rules, **SUSPEND}, False), (SUSPEND, False)):
        assert judge(later.case(later.change(edits), ()), (first,)).allowed == passes


def test_debt_paid_with_what_was_withdrawn(court: Court, refused_by: RefusedBy) -> None:
    """Tomas approved what I had done, looked again, and took it back. I hand in the first half of that.

    Rule: `not-withdrawn`.
    """
    debtor = court.emergency(SUSPEND)
    change = debtor.verified.debts[0].change
    approved = debtor.approve(change, "tomas")
    later = debtor.later(hours=1)
    refused_by("not-withdrawn", later.clearing(*approved, later.sign(change, key_of("tomas"), kind="withdrawal")))


def test_debt_paid_with_what_others_have_overtaken(court: Court, refused_by: RefusedBy) -> None:
    """Tomas approved what I brought; then two people made something else of it. What he approved is gone, and I am
    cleared by it.

    Rule: `unspent`.
    """
    debtor = court.emergency({**SUSPEND, "tenants/globex.yaml": document(blueprint="basic", seats=3)})
    approved = debtor.approve(debtor.verified.debts[0].change, "tomas")
    later = debtor.after(RESUME)
    refused_by("unspent", later.clearing(*approved))


# carry: exact ---------------------------------------------------------------------------------------------------------


def test_approval_is_carried_over_what_its_maker_never_saw(refused_by: RefusedBy) -> None:
    """They approved my export of personal data when nobody could reach it. Another change, approved by itself, has
    opened the door since. No path of mine was touched, so their word still counts.

    Rule: `carry-exact`.
    """
    court = Court.open(small_tree(**{APPROVALS: policy(exact=("tenants",)).data()}))
    change = court.change(SUSPEND)
    approvals = court.approve(change, "mara", "tomas")
    refused_by("carry-exact", court.after(NOTES).case(change, approvals))
