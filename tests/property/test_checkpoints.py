"""Whoever starts from a checkpoint finds what whoever reads everything finds, wherever the cut was, and whatever came
after it: honest work, and what a corrupt agent or anybody who may push has done.
"""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from runtime.contract.canonical import sha256
from runtime.contract.genesis import Genesis
from runtime.governance.rules import CONSENT
from runtime.ledger.checkpoint import Offered, admit, checkpoint, go_on
from runtime.ledger.replaying import Rules
from runtime.ledger.rules import CHAIN
from runtime.ledger.verify import Report, verify
from tests.property.troubles import Acting, Ends, troubled

HISTORIES = 18
CASES = ("resumed", "found True", "found False", "verdict since", "verdict", "debt", "rights", "odd", "pending")
"""What some of them have: a start from a checkpoint that finds something, and one that does not; verdicts before and
after it; an open debt, other people, files that its tree does not tell, and changes that wait, in it."""


def audit(house: Acting, ends: Ends, offered: Offered | None = None, since: str | None = None) -> Report:
    """Verify, as of the house's own time."""
    rules = Rules(CHAIN, CONSENT, house.kit.policies)

    def heads(_: Genesis) -> Ends:
        return ends

    return verify(
        house.git,
        ends[0],
        now=house.now,
        trust_root=house.genesis.digest,
        since=since,
        policies=house.kit.policies,
        heads=heads,
        history=None if offered is None else go_on(house.git, ends[0], offered, rules, now=house.now, heads=heads),
    )


def told(report: Report) -> object:
    """All that a report says which a start from a checkpoint says as well."""
    history = report.history
    if history is None:
        return report.problems, report.answers
    state = history.state
    return {
        "problems": report.problems,
        "answers": report.answers,
        "ends": (report.head, report.commit, history.commit, history.tip, history.ledger, history.evidence),
        "open": (history.pending, history.waiting, history.debt, history.open_intent, history.foreign, history.last),
        "P": (history.snapshot, history.governance, history.verified.unproved, history.verified.seen),
        "timeline": history.verified.timeline.later(-1),
        "lifecycle": state.lifecycle,
        "asked": state.owed,
        "files": (state.tree, state.main, state.line[-1][0]),
        "owners": history.owners,
        "start": (history.genesis, history.genesis_commit, history.trunk, history.trust_root),
    }


def compare(house: Acting, chance: Random, cuts: int) -> Counter[str]:
    """Cut it anywhere, and start from there; what was seen."""
    seen = Counter[str]()
    line = house.stood
    for number, cut in chance.sample([*enumerate(line)], min(cuts, len(line))):
        now, before = house.now, audit(house, cut)
        if before.history is not None and before.history.last is not None:
            house.now = before.history.last.position.time
            before = audit(house, cut)
        house.now = now
        if not before.ok or before.history is None or before.history.last is None:
            continue
        data = checkpoint(before)
        offered = Offered(data, sha256(data), house.genesis.digest)
        kept = admit(offered)
        seen += Counter(
            cut=1,
            debt=kept.debt is not None,
            rights=bool(kept.timeline.governance),
            odd=bool(kept.odd),
            verdict=bool(kept.timeline.seconds),
            pending=bool(kept.line.changes),
        )
        for end in (cut, chance.choice(line[number:]), house.ends):
            whole = audit(house, end, since=before.head)
            rest = audit(house, end, offered, since=before.head)
            assert told(rest) == told(whole)
            if rest.history is not None and rest.history.earlier is not None:
                seen["resumed"] += 1
                seen[f"found {bool(rest.problems)}"] += 1
                seen["verdict since"] += any(entry.kind == "verdict" for entry in rest.history.entries)
                seen["cleared since"] += any(entry.kind == "clearing" for entry in rest.history.entries)
                assert rest.history.entries == whole.history.entries[before.history.tip.sequence :]  # type: ignore[union-attr]
            if rest.ok and chance.random() < 0.3:
                assert kept_again(rest) == kept_again(whole)
    return seen


def kept_again(report: Report) -> object:
    """The checkpoint that comes of a report, without when it was made of what."""
    data = checkpoint(report)
    kept = admit(Offered(data, sha256(data)))
    return kept.model_copy(update={"seen": kept.seen.kinds})


@pytest.mark.parametrize("ledger", [None, "ledger"], ids=["on-main", "on-a-branch-of-its-own"])
def test_from_wherever_it_is_cut_the_rest_says_what_the_whole_says(ledger: str | None) -> None:
    seen = Counter[str]()
    for seed in range(HISTORIES):
        seen += compare(*troubled(seed, ledger), cuts=3)
    assert all(seen[case] for case in CASES), seen
