"""Attacks on what the ledger tells of emergencies: an agent keeps quiet about one, or forgives the debt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from runtime.contract.predicates import Clearing, Verdict
from runtime.governance.case import Signed
from runtime.governance.config import Person
from runtime.governance.rules import CONSENT
from runtime.ledger import append
from runtime.ledger.append import Tip, Written
from runtime.ledger.rules import CHAIN
from runtime.testing.chronicle import Chronicle, resigned, writer
from runtime.testing.proofs import proof
from runtime.testing.small_tree import ROLES, document, key_of, person, public

if TYPE_CHECKING:
    from tests.attacks.conftest import KeptOutBy

INITECH: Mapping[str, bytes] = {"tenants/initech.yaml": document(blueprint="basic")}


def begun() -> Chronicle:
    chronicle = Chronicle.start()
    chronicle.apply()
    return chronicle


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
    kept_out_by("emergency", CHAIN, lambda rules: chronicle.believed(rules=rules))


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
    kept_out_by("summary", CHAIN, lambda rules: chronicle.believed(rules=rules))


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
    kept_out_by("clearing", CHAIN, lambda rules: chronicle.believed(rules=rules))


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
    kept_out_by("clearing", CHAIN, lambda rules: chronicle.believed(rules=rules))


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
    kept_out_by("clearing", CHAIN, lambda rules: chronicle.believed(rules=rules))


def test_the_agent_forgives_a_debt(kept_out_by: KeptOutBy) -> None:
    """Nobody of platform has approved my emergency. The agent, which is mine, writes that the debt is cleared by Ines.

    Rule: `by-path`.
    """
    chronicle = begun()
    verdict = indebted(chronicle)
    change = verdict.statement.digest_of("change.json") or ""
    chronicle.push(clearing(chronicle, verdict, chronicle.approval(change, "ines")))
    kept_out_by("by-path", CONSENT, lambda consent: chronicle.believed(rules=CHAIN, consent=consent))


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
    assert chronicle.believed()
    digest = verdict.statement.digest_of("change.json") or ""
    chronicle.push(clearing(chronicle, verdict, chronicle.approval(digest, "mara", number=2)))
    kept_out_by("counted-once", CONSENT, lambda consent: chronicle.believed(rules=CHAIN, consent=consent))


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
    assert chronicle.believed()


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
    kept_out_by("time", CHAIN, lambda rules: chronicle.believed(rules=rules))
    assert chronicle.replay().debt is not None


def test_an_honest_debt_is_believed_and_cleared() -> None:
    chronicle = begun()
    verdict = indebted(chronicle)
    assert chronicle.believed()
    debt = chronicle.replay().debt
    assert debt is not None
    assert (debt.verdict, debt.by, debt.reason) == (verdict.digest, "mara", "the database is down")
    change = verdict.statement.digest_of("change.json") or ""
    chronicle.push(clearing(chronicle, verdict, chronicle.approval(change, "tomas")))
    assert chronicle.believed()
    history = chronicle.replay()
    assert history.debt is None
    assert [one.settled.people for one in history.debts if one.settled] == [("mara", "tomas")]
