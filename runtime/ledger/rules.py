"""What a ledger must keep: named pure functions, facts in, sentences out (plan, sections 7 and 9).

`CHAIN` is the whole list, and the only one: no option, setting or variable drops a rule. A test hands `replay` the list
without one and shows what an attacker could do then. What each is asked about is in
`runtime.ledger.facts`, what consent asks in `runtime.governance.rules`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from runtime.contract.instant import text
from runtime.contract.plural import plural
from runtime.contract.predicates import Intent, Result, Verdict
from runtime.contract.statement import subject
from runtime.governance.emergency import REPLACED
from runtime.ledger.accounts import accounted, cause, current, declared
from runtime.ledger.append import attestations_of, level, policy_of, resource_uri
from runtime.ledger.entry import BY_PEOPLE, EVIDENCE, path_of
from runtime.ledger.facts import (
    AuthenticFacts,
    ClearingFacts,
    CommitFacts,
    EndFacts,
    EntryFacts,
    Facts,
    GenesisFacts,
    LinkFacts,
    Stage,
    TouchedFacts,
    VerdictFacts,
)
from runtime.ledger.findings import Answer

REPLACED_LEVELS = frozenset(level(rule) for rule in REPLACED)
"""What a verdict claims only where the rules were met."""


@dataclass(frozen=True)
class Rule:
    """A named rule: `check` answers with what does not hold, as sentences. A verdict that breaks one that `voids`
    takes nothing."""

    name: str
    stage: Stage
    check: Callable[[Facts], tuple[str, ...]]
    voids: bool = False
    answer: Answer = Answer.INTEGRITY


def genesis_signed(facts: GenesisFacts) -> tuple[str, ...]:
    """Two different people whom the genesis names have signed it."""
    if len(facts.signers) >= 2:
        return ()
    who = ", ".join(sorted(facts.signers)) or "nobody"
    return (f"the genesis is signed by {who} of the people it names, and two must",)


def genesis_commit(facts: GenesisFacts) -> tuple[str, ...]:
    """The commit that the genesis names lies before it on main and has the inputs that it says."""
    if facts.inputs is None:
        return (f"the genesis names commit {facts.genesis.commit[:12]}, which is not on main before it",)
    if facts.inputs != facts.genesis.snapshot.manifest.inputs:
        return (f"the inputs of commit {facts.genesis.commit[:12]} are not those that the genesis names",)
    return ()


def unchanged(facts: TouchedFacts) -> tuple[str, ...]:
    """Evidence is added, and never changed or removed."""
    change = facts.change
    if change.before is None or change.path in BY_PEOPLE:
        return ()
    done = "removes" if change.after is None else "changes"
    return (f"{done} a file of the evidence; what it said before stands",)


def commit_signed(facts: CommitFacts) -> tuple[str, ...]:
    """A commit that brings entries is signed by an agent's key in force."""
    if facts.signer in facts.keys:
        return ()
    how = "has no SSH signature that holds" if facts.signer is None else f"is signed by {facts.signer}, no agent's key"
    return (f"a commit that brings entries {how}",)


def commit_evidence_only(facts: CommitFacts) -> tuple[str, ...]:
    """A commit that brings entries touches nothing but `evidence/`."""
    other = [path for path in facts.paths if not path.startswith(EVIDENCE)]
    return (f"a commit that brings entries also changes {other[0]}",) if other else ()


def signed(facts: AuthenticFacts) -> tuple[str, ...]:
    """An entry is signed by an agent's key that is in force in its place."""
    if facts.by is not None:
        return ()
    return (f"no agent's key in force made the signature ({facts.entry.envelope.keyid} is named)",)


def chain(facts: LinkFacts) -> tuple[str, ...]:
    """An entry has the next number and names the SHA-256 of the whole file before it."""
    position = facts.entry.position
    if (position.sequence, position.previous) == (facts.sequence + 1, facts.digest):
        return ()
    there = f"the chain stands at entry {facts.sequence}, sha256:{facts.digest[:12]}…"
    return (f"entry {position.sequence} follows sha256:{position.previous[:12]}…, but {there}",)


def name(facts: EntryFacts) -> tuple[str, ...]:
    """An entry lies where its content says."""
    entry = facts.entry
    expected = path_of(entry.position, entry.kind, entry.digest)
    return () if entry.path == expected else (f"the entry belongs at {expected}",)


def time(facts: EntryFacts) -> tuple[str, ...]:
    """An entry is not older than the last sound one before it."""
    moment = facts.entry.position.time
    if moment >= facts.last:
        return ()
    return (f"the entry says {text(moment)}, and one before it {text(facts.last)}",)


def ahead(facts: EntryFacts) -> tuple[str, ...]:
    """An entry runs no further ahead than governance allows of the last sound one, or of what two people signed."""
    moment = facts.entry.position.time
    if moment <= facts.limit:
        return ()
    return (f"the entry says {text(moment)}, and nobody vouches for more than {text(facts.limit)}",)


def author(facts: EntryFacts) -> tuple[str, ...]:
    """An entry names the agent whose key signed it."""
    named = facts.entry.position.agent
    if facts.by is None or named == facts.by:
        return ()
    return (f"the entry says it is by {named}, and its key is {facts.by}'s",)


def main_seen(facts: EntryFacts) -> tuple[str, ...]:
    """Main leads on, from entry to entry: on main each one's commit follows that of the one before it; on a branch of
    its own each names main's head, one that the branch holds."""
    named = facts.entry.position.main
    if not facts.apart and named is not None:
        return (f"the entry names {named[:12]} as main's head, and its ledger is on main itself",)
    if not facts.apart:
        return () if facts.leads else ("the entry stands on a main that the entries before it have seen left",)
    if named is None:
        return ("the entry names no head of main, and its ledger is on a branch of its own",)
    if not facts.carried:
        return (f"the entry names {named[:12]} as main's head, and its branch does not hold that commit",)
    if not facts.leads:
        return (f"the entry names {named[:12]} as main's head, which does not lead on from what was named before",)
    return ()


def intent(facts: EntryFacts) -> tuple[str, ...]:
    """An intent comes only after the one before it has its result."""
    if facts.open_intent is None or not isinstance(facts.entry.predicate, Intent | Verdict):
        return ()
    return (f"intent {facts.open_intent.sequence} has no result before this entry",)


def result(facts: EntryFacts) -> tuple[str, ...]:
    """A result names the open intent and has one outcome for each of its actions, in order."""
    predicate = facts.entry.predicate
    if not isinstance(predicate, Result):
        return ()
    opened = facts.open_intent
    if opened is None or predicate.intent != opened.digest:
        return (f"the result is of sha256:{predicate.intent[:12]}…, which is not the open intent",)
    if not isinstance(opened.predicate, Intent):
        return ()
    indexes = [item.index for item in predicate.outcomes]
    if indexes != list(range(len(opened.predicate.actions))):
        return (f"the intent has {plural(len(opened.predicate.actions), 'action')}, and the result answers {indexes}",)
    return ()


def change(facts: VerdictFacts) -> tuple[str, ...]:
    """The change that a verdict names is on main with it, starts where the last verdict ended, and is not empty."""
    if facts.change is None:
        return (f"the change {facts.detail.change[:12]} that the verdict names was not brought with it",)
    if not facts.starts or facts.detail.base != facts.base or facts.detail.before != facts.before:
        return (f"the verdict does not start at the last verified commit, {facts.base[:12]}",)
    return ("the change is empty",) if facts.change.empty else ()


def manifests(facts: VerdictFacts) -> tuple[str, ...]:
    """The manifest after a verdict is the one before it with the change."""
    if facts.after is None or facts.after == facts.detail.after:
        return ()
    return (f"the change leads to manifest {facts.after[:12]}, and the verdict names {facts.detail.after[:12]}",)


def compiled_inputs(facts: VerdictFacts) -> tuple[str, ...]:
    """The inputs that the change leads to are those of the commit that the verdict takes."""
    if facts.change is None or facts.inputs is None or facts.inputs == facts.change.inputs:
        return ()
    differ = sorted(path for path, _, _ in set(facts.inputs) ^ set(facts.change.inputs))
    return (f"{differ[0]} of commit {facts.detail.head[:12]} is not what the change says",)


def candidate(facts: VerdictFacts) -> tuple[str, ...]:
    """The commit taken descends from P on main's first-parent line, as it was when the verdict was made."""
    if facts.candidate:
        return ()
    return (f"commit {facts.detail.head[:12]} does not follow {facts.base[:12]} on main",)


def approvals(facts: VerdictFacts) -> tuple[str, ...]:
    """Every approval that a verdict names is on main, about its change."""
    gone = [digest for digest in facts.detail.approvals if digest not in facts.approvals]
    return tuple(f"the approval sha256:{digest[:12]}… that the verdict names is not with it" for digest in gone)


def counted(facts: VerdictFacts) -> tuple[str, ...]:
    """Every approval that a verdict names counts: who is named as an approver has approved it."""
    return facts.idle


def summary(facts: VerdictFacts) -> tuple[str, ...]:
    """What a verdict says as a SLSA summary is what it says as a verdict."""
    verdict, detail = facts.verdict, facts.detail
    said = (
        verdict.timeVerified,
        verdict.resourceUri,
        verdict.policy,
        verdict.inputAttestations,
        facts.entry.statement.subject,
        detail.approvals,
        REPLACED_LEVELS & frozenset(verdict.verifiedLevels),
    )
    meant = (
        verdict.ledger.time,
        resource_uri(facts.repository, facts.branch, detail.head),
        policy_of(facts.repository, detail.base, detail.before),
        attestations_of(detail.change, detail.approvals),
        subject(**{"manifest": detail.after, "change.json": detail.change}),
        tuple(sorted(set(detail.approvals))),
        REPLACED_LEVELS if detail.emergency is None else frozenset(),
    )
    if said == meant:
        return ()
    return ("the summary of the verdict and its detail do not say the same",)


def emergency(facts: VerdictFacts) -> tuple[str, ...]:
    """A verdict says whether it was taken by emergency, and by whose."""
    if not facts.allowed or facts.detail.emergency == facts.emergency:
        return ()
    if facts.emergency is None:
        return ("the verdict says that it was taken by emergency, and the rules were met",)
    return (f"only emergency {facts.emergency[:12]} let the change through, and the verdict does not say so",)


def landed(facts: VerdictFacts) -> tuple[str, ...]:
    """A verdict names the changes that landed since the first of its approvals was given."""
    if facts.detail.landed == facts.landed:
        return ()
    return (
        (
            f"the verdict names {plural(len(facts.detail.landed), 'change')} landed in between, "
            f"and there are {len(facts.landed)}"
        ),
    )


def surviving_key(facts: VerdictFacts) -> tuple[str, ...]:
    """A change that replaces agents' keys is taken by a key that it keeps or adds."""
    if facts.governance is None or facts.entry.envelope.keyid in facts.governance.agent_of_key:
        return ()
    return ("the verdict is signed by a key that its own change removes",)


def clearing(facts: ClearingFacts) -> tuple[str, ...]:
    """A clearing names the debt that is open, and approvals of its change that are with it and count."""
    said, debt = facts.clearing, facts.debt
    if debt is None or (debt.verdict, debt.change.digest) != (said.verdict, said.change):
        return (f"there is no debt of verdict {said.verdict[:12]} over change {said.change[:12]} to be cleared",)
    if facts.entry.statement.subject != subject(change=said.change):
        return ("the clearing is about something else than the change that it names",)
    gone = [digest for digest in said.approvals if digest not in facts.approvals]
    return (*(f"the approval sha256:{digest[:12]}… that it names is not with it" for digest in gone), *facts.idle)


def extends(facts: EndFacts) -> tuple[str, ...]:
    """The history holds the earlier head that somebody kept."""
    if facts.held:
        return ()
    return (f"the earlier head {facts.since[:12]}… is not in this history: its end was cut off, or it was rewritten",)


AHEAD = "ahead"
CHAIN: tuple[Rule, ...] = (
    Rule("genesis-signed", Stage.GENESIS, genesis_signed),
    Rule("genesis-commit", Stage.GENESIS, genesis_commit),
    Rule("unchanged", Stage.TOUCHED, unchanged),
    Rule("commit-signed", Stage.COMMIT, commit_signed),
    Rule("commit-evidence-only", Stage.COMMIT, commit_evidence_only),
    Rule("signed", Stage.AUTHENTIC, signed),
    Rule("chain", Stage.LINK, chain),
    Rule("name", Stage.ENTRY, name),
    Rule("time", Stage.ENTRY, time, voids=True),
    Rule(AHEAD, Stage.ENTRY, ahead, voids=True),
    Rule("author", Stage.ENTRY, author, voids=True),
    Rule("main-seen", Stage.ENTRY, main_seen, voids=True),
    Rule("current", Stage.ENTRY, current),
    Rule("cause", Stage.ENTRY, cause),
    Rule("declared", Stage.ENTRY, declared),
    Rule("accounted", Stage.ENTRY, accounted, answer=Answer.COMPLETENESS),
    Rule("intent", Stage.ENTRY, intent, answer=Answer.COMPLETENESS),
    Rule("result", Stage.ENTRY, result, answer=Answer.COMPLETENESS),
    Rule("change", Stage.VERDICT, change, voids=True),
    Rule("manifests", Stage.VERDICT, manifests, voids=True),
    Rule("compiled-inputs", Stage.VERDICT, compiled_inputs, voids=True),
    Rule("candidate", Stage.VERDICT, candidate, voids=True),
    Rule("approvals", Stage.VERDICT, approvals, voids=True),
    Rule("counted", Stage.VERDICT, counted, voids=True),
    Rule("summary", Stage.VERDICT, summary, voids=True),
    Rule("emergency", Stage.VERDICT, emergency, voids=True),
    Rule("landed", Stage.VERDICT, landed, voids=True),
    Rule("surviving-key", Stage.VERDICT, surviving_key, voids=True),
    Rule("clearing", Stage.CLEARING, clearing, voids=True),
    Rule("extends", Stage.END, extends, answer=Answer.FRESHNESS),
)
"""Every rule of the ledger."""
