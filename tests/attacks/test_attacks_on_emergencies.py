"""Attacks on break-glass and its debt: what one person may let through alone, and what is owed for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from runtime.contract.canonical import JSON
from runtime.contract.predicates import Clearing, Verdict
from runtime.governance.case import Case, Problem, Signed
from runtime.governance.config import Person
from runtime.governance.judge import judge
from runtime.governance.people import Approver
from runtime.governance.rules import CONSENT
from runtime.governance.rules import Rule as ConsentRule
from runtime.ledger import append
from runtime.ledger.append import Tip, Written
from runtime.ledger.rules import CHAIN, Rule
from runtime.testing.chronicle import Chronicle, resigned, writer
from runtime.testing.court import Court
from runtime.testing.proofs import proof
from runtime.testing.small_tree import ROLES, RULES, document, key_of, person, policy, public, small_tree

if TYPE_CHECKING:
    from tests.attacks.conftest import KeptOutBy

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
        ("tenants/acme.yaml", {}, {"adopt": True}),
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


def test_an_emergency_may_tighten_what_guards(court: Court) -> None:
    held = {"tenants/acme.yaml": document(blueprint="basic", legal_hold=True, retention_days=1095)}
    target = Court.open(small_tree(**{"spec/targets/pg.yaml": document(max_delete_percent=50, drift="heal")}))
    calmer = {"spec/targets/pg.yaml": document(max_delete_percent=0, drift="report")}
    assert judge(alone(court, held)).allowed
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


# The agent is in it ---------------------------------------------------------------------------------------------------


def begun() -> Chronicle:
    chronicle = Chronicle.start()
    chronicle.apply()
    return chronicle


def believed(chronicle: Chronicle, rules: tuple[Rule, ...], consent: tuple[ConsentRule, ...] = CONSENT) -> bool:
    """Whether an auditor would believe all of it."""
    history = chronicle.replay(rules=rules, consent=consent)
    return not history.findings and not history.foreign and history.tip.digest == chronicle.tip.digest


def broken(chronicle: Chronicle) -> tuple[str, Signed]:
    """Mara lets a tenant through; returns the commit and her statement."""
    commit = chronicle.edit(INITECH)
    return commit, chronicle.approval(chronicle.change(commit), "mara", kind="emergency")


def indebted(chronicle: Chronicle) -> Written:
    """The agent takes it, as it should; returns the verdict."""
    commit, signed = broken(chronicle)
    written = chronicle.verdict(commit, [signed], emergency=signed.sha256)
    chronicle.push(written)
    chronicle.moved(commit, written)
    chronicle.apply(because=written.statement.digest_of("change.json") or "")
    return written


def test_a_verdict_keeps_quiet_about_an_emergency(kept_out_by: KeptOutBy) -> None:
    """The agent is mine. Its verdict over my emergency looks like any other, so nobody asks who else approved.

    Rule: `emergency`.
    """
    chronicle = begun()
    commit, signed = broken(chronicle)
    chronicle.push(chronicle.verdict(commit, [signed]))
    kept_out_by("emergency", CHAIN, lambda rules: believed(chronicle, rules))


def test_an_emergency_claims_that_the_rules_were_met(kept_out_by: KeptOutBy) -> None:
    """Who reads SLSA summaries only, reads in mine that two people approved, as the rules by path ask.

    Rule: `summary`.
    """
    chronicle = begun()
    commit, signed = broken(chronicle)
    honest = chronicle.verdict(commit, [signed], emergency=signed.sha256)
    predicate = honest.statement.predicate
    assert isinstance(predicate, Verdict)
    chronicle.push(resigned(honest, predicate.model_copy(update={"verifiedLevels": append.levels(emergency=False)})))
    kept_out_by("summary", CHAIN, lambda rules: believed(chronicle, rules))


def clearing(
    chronicle: Chronicle, verdict: Written, *approvals: Signed, tip: Tip | None = None, at: datetime | None = None
) -> Written:
    predicate = verdict.statement.predicate
    assert isinstance(predicate, Verdict)
    change = chronicle.replay().change(predicate.conductor.change)
    assert change is not None
    files = {one.sha256: one.envelope.data for one in approvals}
    at = at or chronicle.later()
    return append.clearing(tip or chronicle.tip, writer(), at, verdict=verdict.digest, change=change, approvals=files)


def test_a_debt_is_cleared_that_never_was(kept_out_by: KeptOutBy) -> None:
    """An ordinary verdict was bought. The agent writes afterwards that whatever was owed for it has been paid, so that
    nobody looks at it again.

    Rule: `clearing`.
    """
    chronicle = begun()
    commit = chronicle.edit(INITECH)
    written = chronicle.take(commit)
    chronicle.push(clearing(chronicle, written))
    kept_out_by("clearing", CHAIN, lambda rules: believed(chronicle, rules))


def test_a_debt_is_cleared_in_the_name_of_somebody_who_never_signed(kept_out_by: KeptOutBy) -> None:
    """Tomas approved; the agent also names Ines, who would not have.

    Rule: `clearing`.
    """
    chronicle = begun()
    verdict = indebted(chronicle)
    change = verdict.statement.digest_of("change.json") or ""
    tomas, ines = (chronicle.approval(change, name) for name in ("tomas", "ines"))
    honest = clearing(chronicle, verdict, tomas, ines)
    chronicle.push(
        replace(honest, brings={path: data for path, data in honest.brings.items() if ines.sha256 not in path})
    )
    kept_out_by("clearing", CHAIN, lambda rules: believed(chronicle, rules))


def test_a_clearing_speaks_of_another_verdict(kept_out_by: KeptOutBy) -> None:
    """My debt is paid by the right people. The clearing names another verdict, so that whoever looks mine up finds
    nothing that was ever owed.

    Rule: `clearing`.
    """
    chronicle = begun()
    verdict = indebted(chronicle)
    tomas = chronicle.approval(verdict.statement.digest_of("change.json") or "", "tomas")
    honest = clearing(chronicle, verdict, tomas)
    predicate = honest.statement.predicate
    assert isinstance(predicate, Clearing)
    chronicle.push(resigned(honest, predicate.model_copy(update={"verdict": "ab" * 32})))
    kept_out_by("clearing", CHAIN, lambda rules: believed(chronicle, rules))


def test_the_agent_forgives_a_debt(kept_out_by: KeptOutBy) -> None:
    """Nobody of platform has approved my emergency. The agent, which is mine, writes that the debt is cleared by Ines.

    Rule: `by-path`.
    """
    chronicle = begun()
    verdict = indebted(chronicle)
    change = verdict.statement.digest_of("change.json") or ""
    chronicle.push(clearing(chronicle, verdict, chronicle.approval(change, "ines")))
    kept_out_by("by-path", CONSENT, lambda consent: believed(chronicle, CHAIN, consent))


def test_a_debt_is_paid_by_its_maker_who_changes_name_and_key_step_by_step(kept_out_by: KeptOutBy) -> None:
    """Two people give me a second key, then take away the first and my name. The agent, which is mine, finds that the
    one who pays has neither name nor key of the one who owes.

    Rule: `counted-once`.
    """
    chronicle = begun()
    verdict = indebted(chronicle)
    second = person("mara", *ROLES["mara"], keys=2)
    berg = Person(name="mara-berg", keys=(public(key_of("mara", 2)),), roles=(*ROLES["mara"], "platform"))
    edits: tuple[Mapping[str, bytes | None], ...] = (
        {"policies/people/mara.yaml": second.data(), **proof("person/mara", key_of("mara", 2))},
        {
            "policies/people/mara.yaml": None,
            "policies/people/mara-berg.yaml": berg.data(),
            **proof("person/mara-berg", key_of("mara", 2)),
        },
    )
    for edit in edits:
        commit = chronicle.edit(edit)
        chronicle.take(commit, [chronicle.approval(chronicle.change(commit), name) for name in ("mara", "ines")])
    assert believed(chronicle, CHAIN)
    digest = verdict.statement.digest_of("change.json") or ""
    chronicle.push(clearing(chronicle, verdict, chronicle.approval(digest, "mara", number=2)))
    kept_out_by("counted-once", CONSENT, lambda consent: believed(chronicle, CHAIN, consent))


def test_a_debt_is_over_only_once_all_is_as_it_was() -> None:
    chronicle = begun()
    commit = chronicle.edit({"tenants/acme.yaml": document(blueprint="basic", seats=9000)})
    signed = chronicle.approval(chronicle.change(commit), "mara", kind="emergency")
    written = chronicle.verdict(commit, [signed], emergency=signed.sha256)
    chronicle.push(written)
    chronicle.moved(commit, written)
    chronicle.apply(because=written.statement.digest_of("change.json") or "")
    for edit, settled in (
        ({"tenants/acme.yaml": document(blueprint="basic", seats=9000, title="Acme Ltd")}, None),
        ({"tenants/acme.yaml": document(blueprint="basic")}, "taken back"),
    ):
        commit = chronicle.edit(edit)
        chronicle.take(commit, [chronicle.approval(chronicle.change(commit), name) for name in ("mara", "tomas")])
        (debt,) = chronicle.replay().debts
        assert (debt.settled and debt.settled.how) == settled
    assert believed(chronicle, CHAIN)


def test_a_clearing_is_dated_back(kept_out_by: KeptOutBy) -> None:
    """Tomas approved for a day, and the agent slept. Its clearing says that it was yesterday.

    Rule: `time`.
    """
    chronicle = begun()
    verdict = indebted(chronicle)
    tomas = chronicle.approval(verdict.statement.digest_of("change.json") or "", "tomas", days=1)
    early = chronicle.later()
    chronicle.later(days=2)
    chronicle.push(chronicle.heartbeat())
    there = Tip(chronicle.tip.sequence, chronicle.tip.digest, early)
    chronicle.push(clearing(chronicle, verdict, tomas, tip=there, at=early))
    kept_out_by("time", CHAIN, lambda rules: believed(chronicle, rules))
    assert chronicle.replay().debt is not None


def test_an_honest_debt_is_believed_and_cleared() -> None:
    chronicle = begun()
    verdict = indebted(chronicle)
    assert believed(chronicle, CHAIN)
    debt = chronicle.replay().debt
    assert debt is not None
    assert (debt.verdict, debt.by, debt.reason) == (verdict.digest, "mara", "the database is down")
    change = verdict.statement.digest_of("change.json") or ""
    chronicle.push(clearing(chronicle, verdict, chronicle.approval(change, "tomas")))
    assert believed(chronicle, CHAIN)
    history = chronicle.replay()
    assert history.debt is None
    assert [one.settled.people for one in history.debts if one.settled] == [("mara", "tomas")]
