"""Attacks with what counted once: withdrawals that disappear or come back, keys that were replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runtime.agent.withdrawals import with_seen
from runtime.governance.approvals import Approvals, filed
from runtime.governance.config import Person
from runtime.governance.judge import judge
from runtime.governance.rules import CONSENT
from runtime.ledger.rules import CHAIN
from runtime.signing.sshsig import sign_commit
from runtime.testing.chronicle import Chronicle, writer
from runtime.testing.court import Court
from runtime.testing.memory_git import MemoryGit
from runtime.testing.proofs import proof
from runtime.testing.small_tree import AGENT, ROLES, agent, document, key_of, public

if TYPE_CHECKING:
    from tests.attacks.conftest import KeptOutBy

SUSPEND = {"tenants/acme.yaml": document(blueprint="basic", state="suspended")}
NOTES = {"spec/notes.yaml": document(text="new")}


def test_a_withdrawal_is_deleted_from_the_branch(court: Court, kept_out_by: KeptOutBy) -> None:
    """Mara withdrew, and the agent has seen it. I push the branch as it was before, with Tomas' approval on top.

    Rule: `not-withdrawn`.
    """
    change = court.change(SUSPEND)
    mara, tomas = court.approve(change, "mara", "tomas")
    later = court.later(hours=1)
    withdrawal = later.sign(change, key_of("mara"), kind="withdrawal")
    git = MemoryGit()
    before = git.commit_files(filed(change, mara), branch="approvals")
    with_seen(git, git.commit_files(filed(change, withdrawal), branch="approvals"), later.now)
    git.refs["refs/heads/approvals"] = before
    mine = git.commit_files(filed(change, tomas), branch="approvals")
    found = Approvals(git, with_seen(git, mine, later.now)).of(change.digest)
    kept_out_by("not-withdrawn", CONSENT, lambda rules: judge(later.case(change, found), rules).allowed)


def test_a_withdrawal_by_a_key_that_was_replaced_since(court: Court, kept_out_by: KeptOutBy) -> None:
    """Mara approved with the key of her desk and withdrew with that of her laptop. Her laptop has another key by now,
    and nobody knows the one that withdrew any more. I file her approval again.

    Rule: `not-withdrawn`.
    """
    mara = "policies/people/mara.yaml"

    def holding(*numbers: int) -> dict[str, bytes]:
        keys = tuple(public(key_of("mara", number)) for number in numbers)
        return {mara: Person(name="mara", keys=keys, roles=ROLES["mara"]).data()}

    known = court.after(holding(1, 2))
    change = known.change(SUSPEND)
    approval = known.sign(change, key_of("mara"))
    withdrawal = known.later(hours=1).sign(change, key_of("mara", 2), kind="withdrawal")
    later = known.later(hours=1).after(holding(1, 3))
    found = (approval, withdrawal, *later.approve(change, "tomas"))
    kept_out_by("not-withdrawn", CONSENT, lambda rules: judge(later.case(change, found), rules).allowed)


def test_a_withdrawal_under_the_name_that_somebody_had_before(court: Court, kept_out_by: KeptOutBy) -> None:
    """Mara withdrew with a key that went with her old name. Under the new one she has the key that approved, and no
    other. I file her approval again.

    Rule: `not-withdrawn`.
    """
    both = tuple(public(key_of("mara", number)) for number in (1, 2))
    renamed = Person(name="mara-berg", keys=both[:1], roles=ROLES["mara"])
    known = court.after({"policies/people/mara.yaml": Person(name="mara", keys=both, roles=ROLES["mara"]).data()})
    change = known.change(SUSPEND)
    approval = known.sign(change, key_of("mara"))
    withdrawal = known.later(hours=1).sign(change, key_of("mara", 2), kind="withdrawal")
    edits = {"policies/people/mara.yaml": None, "policies/people/mara-berg.yaml": renamed.data()}
    later = known.later(hours=1).after(edits)
    found = (approval, withdrawal, *later.approve(change, "tomas"))
    kept_out_by("not-withdrawn", CONSENT, lambda rules: judge(later.case(change, found), rules).allowed)


def test_a_stolen_key_that_was_replaced_withdraws_nothing_made_after_it(court: Court) -> None:
    """I have Mara's old key, which no longer counts, and withdraw with it whatever she approves: nothing moves."""
    renewed = Person(name="mara", keys=(public(key_of("mara", 2)),), roles=ROLES["mara"])
    later = court.after({"policies/people/mara.yaml": renewed.data(), **proof("person/mara", key_of("mara", 2))})
    change = later.change(NOTES)
    mine = later.sign(change, key_of("mara"), kind="withdrawal", after=court.verified.timeline.last.sha256)
    hers = later.sign(change, key_of("mara", 2))
    judgement = judge(later.case(change, (hers, mine, *later.approve(change, "tomas"))))
    assert (judgement.allowed, judgement.people) == (True, ("mara", "tomas"))


def test_a_withdrawal_that_was_thought_over_is_replayed(court: Court) -> None:
    """Mara withdrew, and approved again. I file her old withdrawal once more, so that nothing ever moves."""
    change = court.change(SUSPEND)
    old = court.later(hours=1).sign(change, key_of("mara"), kind="withdrawal")
    now = court.later(hours=2)
    approvals = (*court.approve(change, "mara"), old, *now.approve(change, "mara", "tomas"), old)
    assert judge(now.case(change, approvals)).people == ("mara", "tomas")


def test_somebody_withdraws_for_somebody_else(court: Court) -> None:
    """I withdraw Mara's approval, with my own key, and with a statement in her name."""
    change = court.change(SUSPEND)
    now = court.later(hours=1)
    mine = [now.sign(change, key_of(name), kind="withdrawal") for name in ("ines", "mallory")]
    judgement = judge(now.case(change, (*court.approve(change, "mara", "tomas"), *mine)))
    assert (judgement.allowed, judgement.people) == (True, ("mara", "tomas"))


def test_a_persons_old_key_after_rotation(court: Court) -> None:
    """I stole Mara's old key, after she had it replaced. I approve with it, dated to when it counted."""
    renewed = Person(name="mara", keys=(public(key_of("mara", 2)),), roles=ROLES["mara"])
    later = court.after({"policies/people/mara.yaml": renewed.data(), **proof("person/mara", key_of("mara", 2))})
    change = later.change(NOTES)
    mine = later.sign(change, key_of("mara"), signed_at=court.now, after=court.verified.timeline.last.sha256)
    judgement = judge(later.case(change, (mine, *later.approve(change, "tomas"))))
    assert (judgement.allowed, judgement.people) == (False, ("tomas",))
    assert [problem.rule for problem in judgement.rejected] == ["authentic"]


def test_an_agents_old_key_after_rotation(kept_out_by: KeptOutBy) -> None:
    """I have the agent's old key. It was replaced yesterday; today I write that all is well, and have the real
    agent commit it.

    Rule: `signed`.
    """
    chronicle = Chronicle.start()
    chronicle.apply()
    new = key_of(AGENT, 2)
    renewed = agent().model_copy(update={"keys": (public(new),)})
    commit = chronicle.edit({f"policies/agents/{AGENT}.yaml": renewed.data(), **proof(f"agent/{AGENT}", new)})
    verdict = chronicle.verdict(commit, by=writer(new))
    chronicle.push(verdict, sign=sign_commit(new))
    chronicle.moved(commit, verdict)
    chronicle.later(days=1)
    old = chronicle.heartbeat()
    chronicle.push(old, sign=sign_commit(new))
    kept_out_by("signed", CHAIN, lambda rules: chronicle.replay(rules=rules).tip.digest == old.digest)
