"""Attacks on the chain of evidence. Whoever attacks can do all that the story says, and gets all of it right but one.

Several borrow one device: a forwarded ssh-agent that is restricted to git's namespace. It signs commits as the agent,
and no envelopes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import pytest

from runtime.contract.predicates import Outcome, Verdict
from runtime.ledger import append
from runtime.ledger.append import Tip
from runtime.ledger.rules import CHAIN
from runtime.signing.sshsig import sign_commit
from runtime.testing.chronicle import Chronicle, resigned, writer
from runtime.testing.memory_git import SOMEBODY
from runtime.testing.proofs import proof
from runtime.testing.small_tree import AGENT, REPOSITORY, agent, document, key_of, small_tree

if TYPE_CHECKING:
    from tests.attacks.conftest import KeptOutBy

INITECH: Mapping[str, bytes] = {"tenants/initech.yaml": document(blueprint="basic")}


class Begun(Protocol):
    """See `begun`."""

    def __call__(self, files: Mapping[str, bytes] | None = None) -> Chronicle: ...


@pytest.fixture(params=[None, "ledger"], ids=["on-main", "on-a-branch-of-its-own"])
def begun(request: pytest.FixtureRequest) -> Begun:
    """Start a history whose ledger is on main, and one whose ledger is on a branch of its own."""

    def start(files: Mapping[str, bytes] | None = None) -> Chronicle:
        chronicle = Chronicle.start(files, ledger=request.param)
        chronicle.apply()
        return chronicle

    return start


def test_signing_commits_is_not_signing_evidence(kept_out_by: KeptOutBy, begun: Begun) -> None:
    """I hold the forwarded ssh-agent. I write "nothing to do" with a key of my own, and the commit is the agent's.

    Rule: `signed`.
    """
    chronicle = begun()
    chronicle.push(chronicle.heartbeat(by=writer(key_of("mallory"))))
    kept_out_by("signed", CHAIN, lambda rules: chronicle.believed(rules=rules))


def test_a_beaten_entry_is_not_mine_to_commit(kept_out_by: KeptOutBy, begun: Begun) -> None:
    """The agent's push was beaten, and its objects lie in the forge that I run. I put its entry on main as myself.

    Rule: `commit-signed`.
    """
    chronicle = begun()
    chronicle.push(chronicle.heartbeat(), sign=sign_commit(key_of("mallory")))
    kept_out_by("commit-signed", CHAIN, lambda rules: chronicle.believed(rules=rules))


def test_evidence_carries_no_stowaway(kept_out_by: KeptOutBy, begun: Begun) -> None:
    """I hold the forwarded ssh-agent, and let a commit of evidence bring my edit of a tenant. Nobody reads those.

    Rule: `commit-evidence-only`.
    """
    chronicle = begun()
    chronicle.push(chronicle.heartbeat(), more=INITECH)
    kept_out_by("commit-evidence-only", CHAIN, lambda rules: chronicle.believed(rules=rules))


def test_a_failure_is_not_painted_over(kept_out_by: KeptOutBy, begun: Begun) -> None:
    """The result says that my migration failed. I may push to main, and replace the file by a friendlier one.

    Rule: `unchanged`.
    """
    chronicle = begun()
    chronicle.take(chronicle.edit(INITECH), apply=False)
    intent = chronicle.intent()
    chronicle.push(intent)
    failed = append.result(
        chronicle.tip,
        writer(),
        chronicle.later(),
        intent=intent.digest,
        outcomes=[Outcome(index=index, outcome="failed", message="no") for index in range(2)],
    )
    chronicle.push(failed)
    chronicle.git.commit_files(
        {failed.path: b"all went well\n"}, branch=chronicle.branch, message="Correct a typing error"
    )
    kept_out_by("unchanged", CHAIN, lambda rules: chronicle.believed(rules=rules))


def test_a_failure_is_not_cut_out(kept_out_by: KeptOutBy, begun: Begun) -> None:
    """I rewrite main with the forwarded ssh-agent and leave out the entry that embarrasses me. Nobody counts, I hope.

    Rule: `chain`.
    """
    chronicle = begun()
    embarrassing = chronicle.heartbeat()
    chronicle.tip = embarrassing.tip
    chronicle.push(chronicle.heartbeat())
    kept_out_by("chain", CHAIN, lambda rules: chronicle.believed(rules=rules))


def test_a_file_lies_where_it_says(kept_out_by: KeptOutBy, begun: Begun) -> None:
    """I make today's entry look like one of two years ago: the auditor lists this year's folder only.

    Rule: `name`.
    """
    chronicle = begun()
    honest = chronicle.heartbeat()
    chronicle.push(replace(honest, path=honest.path.replace("/2026/11/", "/2024/11/")))
    kept_out_by("name", CHAIN, lambda rules: chronicle.believed(rules=rules))


def test_a_verdict_is_not_dated_back(kept_out_by: KeptOutBy, begun: Begun) -> None:
    """I stole the agent's key, and the approvals that I need have expired. My clock says that it is last week.

    Rule: `time`.
    """
    chronicle = begun()
    commit = chronicle.edit(INITECH)
    change = chronicle.change(commit)
    approvals = [chronicle.approval(change, name, days=1) for name in ("mara", "tomas")]
    early = chronicle.later()
    chronicle.later(days=7)
    chronicle.push(chronicle.heartbeat())
    there = Tip(chronicle.tip.sequence, chronicle.tip.digest, early)
    chronicle.push(chronicle.verdict(commit, approvals, tip=there, at=early))
    kept_out_by("time", CHAIN, lambda rules: chronicle.believed(commit, rules=rules))


def test_an_agent_signs_for_itself_only(kept_out_by: KeptOutBy, begun: Begun) -> None:
    """I run the other region's agent. What I do not want to answer for, I write in this one's name.

    Rule: `author`.
    """
    other = "conductor-us"
    chronicle = begun(small_tree(**{f"policies/agents/{other}.yaml": agent(other).data()}))
    chronicle.push(chronicle.heartbeat(by=writer(key_of(other), AGENT)))
    kept_out_by("author", CHAIN, lambda rules: chronicle.believed(rules=rules))


def test_half_done_work_is_not_forgotten(kept_out_by: KeptOutBy, begun: Begun) -> None:
    """I am an agent that died half way. Nobody shall know: I set out anew, and report the second time only.

    Rule: `intent`.
    """
    chronicle = begun()
    chronicle.push(chronicle.intent())
    chronicle.apply()
    kept_out_by("intent", CHAIN, lambda rules: chronicle.believed(rules=rules))


def test_a_result_answers_for_every_action(kept_out_by: KeptOutBy, begun: Begun) -> None:
    """I set out to do two things and one went wrong. My result speaks of the other.

    Rule: `result`.
    """
    chronicle = begun()
    chronicle.take(chronicle.edit(INITECH), apply=False)
    intent = chronicle.intent()
    chronicle.push(intent)
    chronicle.push(chronicle.result(intent, actions=1))
    kept_out_by("result", CHAIN, lambda rules: chronicle.believed(rules=rules))


def test_a_verdict_starts_where_the_last_one_ended(kept_out_by: KeptOutBy, begun: Begun) -> None:
    """My verdict names a later base than the last verified commit, so that whoever reads base to head sees less.

    Rule: `change`.
    """
    chronicle = begun()
    first = chronicle.edit({"flags/checkout.yaml": document(tenants=["acme"], on=True)})
    commit = chronicle.edit(INITECH)
    chronicle.push(chronicle.verdict(commit, base=first))
    kept_out_by("change", CHAIN, lambda rules: chronicle.believed(commit, rules=rules))


def test_a_verdict_leads_where_its_change_leads(kept_out_by: KeptOutBy, begun: Begun) -> None:
    """My verdict takes the approved change, and names the manifest of a bundle that I rendered myself as what runs.

    Rule: `manifests`.
    """
    chronicle = begun()
    commit = chronicle.edit(INITECH)
    chronicle.push(chronicle.verdict(commit, after="ba" * 32))
    kept_out_by("manifests", CHAIN, lambda rules: chronicle.believed(commit, rules=rules))


def test_a_commit_holds_what_was_approved_and_no_more(kept_out_by: KeptOutBy, begun: Begun) -> None:
    """One tenant was approved. My verdict takes it at a commit that also turns a flag on.

    Rule: `compiled-inputs`.
    """
    chronicle = begun()
    approved = chronicle.edit(INITECH)
    more = chronicle.edit({"flags/checkout.yaml": document(tenants=["acme"], on=True)})
    chronicle.push(chronicle.verdict(approved, head=more))
    kept_out_by("compiled-inputs", CHAIN, lambda rules: chronicle.believed(more, rules=rules))


def test_what_was_never_merged_is_not_taken(kept_out_by: KeptOutBy, begun: Begun) -> None:
    """My branch was approved, and merged without what it says: main kept its own. My verdict takes the branch.

    Rule: `candidate`.
    """
    chronicle = begun()
    chronicle.git.branch("side")
    mine = chronicle.git.commit_files(INITECH, branch="side")
    theirs = chronicle.edit({"tenants/initech.yaml": document(blueprint="basic", size="theirs")})
    git = chronicle.git
    git.refs["refs/heads/main"] = git.write_merge(
        [theirs, mine], {}, message="Merge side, keeping ours", author=SOMEBODY, at=git.tick()
    )
    chronicle.push(chronicle.verdict(mine))
    kept_out_by("candidate", CHAIN, lambda rules: chronicle.believed(mine, rules=rules))


def test_an_approval_that_nobody_can_read_was_not_given(kept_out_by: KeptOutBy, begun: Begun) -> None:
    """Two approved. My verdict also names a third, by the one person whose word would end all questions.

    Rule: `approvals`.
    """
    chronicle = begun()
    commit = chronicle.edit(INITECH)
    honest = chronicle.verdict(
        commit, [chronicle.approval(chronicle.change(commit), name) for name in ("mara", "tomas")]
    )
    third = chronicle.approval(chronicle.change(commit), "ines").sha256
    predicate = honest.statement.predicate
    assert isinstance(predicate, Verdict)
    named = tuple(sorted((*predicate.conductor.approvals, third)))
    forged = predicate.model_copy(
        update={
            "conductor": predicate.conductor.model_copy(update={"approvals": named}),
            "inputAttestations": append.attestations_of(predicate.conductor.change, named),
        }
    )
    chronicle.push(resigned(honest, forged))
    kept_out_by("approvals", CHAIN, lambda rules: chronicle.believed(commit, rules=rules))


def test_nobody_is_named_as_an_approver_who_is_none(kept_out_by: KeptOutBy, begun: Begun) -> None:
    """Two approved. Ines did too, for a day, and let it lapse. My verdict names her, so that she shares the blame.

    Rule: `counted`.
    """
    chronicle = begun()
    commit = chronicle.edit(INITECH)
    change = chronicle.change(commit)
    approvals = [chronicle.approval(change, name, days=days) for name, days in (("mara", 7), ("tomas", 7), ("ines", 1))]
    chronicle.later(days=2)
    chronicle.push(chronicle.verdict(commit, approvals))
    kept_out_by("counted", CHAIN, lambda rules: chronicle.believed(commit, rules=rules))


def test_a_verdict_says_the_same_to_every_reader(kept_out_by: KeptOutBy, begun: Begun) -> None:
    """Who reads SLSA summaries only, sees in my verdict another commit than the one that it takes.

    Rule: `summary`.
    """
    chronicle = begun()
    commit = chronicle.edit(INITECH)
    honest = chronicle.verdict(commit)
    predicate = honest.statement.predicate
    assert isinstance(predicate, Verdict)
    other = append.resource_uri(REPOSITORY, "main", "c0" * 20)
    chronicle.push(resigned(honest, predicate.model_copy(update={"resourceUri": other})))
    kept_out_by("summary", CHAIN, lambda rules: chronicle.believed(commit, rules=rules))


def test_what_landed_in_between_is_said(kept_out_by: KeptOutBy, begun: Begun) -> None:
    """The approvers did not know what else was taken meanwhile. My verdict does not mention it.

    Rule: `landed`.
    """
    chronicle = begun()
    first = chronicle.edit(INITECH)
    second = chronicle.edit({"spec/notes.yaml": document(text="new")})
    chronicle.take(first)
    change = chronicle.change(second)
    approvals = [chronicle.approval(change, name, after=chronicle.root) for name in ("mara", "tomas")]
    chronicle.push(chronicle.verdict(second, approvals, landed=()))
    kept_out_by("landed", CHAIN, lambda rules: chronicle.believed(second, rules=rules))


def test_a_dismissed_key_does_not_take_its_own_dismissal(kept_out_by: KeptOutBy, begun: Begun) -> None:
    """My key is to be replaced. I take the change that does it, so that the last word of the old keys is mine.

    Rule: `surviving-key`.
    """
    chronicle = begun()
    new = agent(keys=2)
    dismissed = new.model_copy(update={"keys": new.keys[1:]})
    commit = chronicle.edit(
        {f"policies/agents/{AGENT}.yaml": dismissed.data(), **proof(f"agent/{AGENT}", key_of(AGENT, 2))}
    )
    chronicle.push(chronicle.verdict(commit))
    kept_out_by("surviving-key", CHAIN, lambda rules: chronicle.believed(commit, rules=rules))
