"""Approvals commute, over random histories (section 7), driven through the real judge, decide, ledger and replay.

Random stories are told: pull requests stacked and overlapping, merged, squashed and rebased, approved early, late, in
part or by those who knew less, withdrawn, reverted and made again, with policy changes in between. At any moment
somebody also asks, on a fork of the history, what would become of a pair of pull requests, of a change made again, of
one that main takes back, of an emergency and its debt, of whoever verifies later. Every verdict and every clearing is
checked against a plain model (`histories.Model`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.property.acts import ACTS, Act, play
from tests.property.histories import Story
from tests.property.material import GROUPS, KINDS, REAL, TINY, Material
from tests.property.probes import PROBES

HISTORIES = 60
SAMPLE = 6
LEAST = 5
CASES = (
    "merge",
    "squash",
    "rebase",
    "stacked",
    "conflict",
    "revert",
    "pushed without approval",
    "late approval taken",
    "policy change taken",
    "withdrawn",
    "expired",
    "rights that the change gives",
    "disjoint pair in either order",
    "overlapping pair",
    "pair that does not compile together",
    "made again after it was taken back",
    "superseded version made again",
    "taken back while pending",
    "verified later with more approvals",
    "carried over nothing",
    "emergency",
    "one debt at a time",
    "held up by an overdue debt",
    "debt cleared",
    "debt taken back",
)

acts = st.builds(
    Act,
    what=st.sampled_from(tuple(ACTS)),
    kind=st.sampled_from(KINDS),
    other=st.sampled_from(KINDS),
    number=st.integers(0, 3),
    names=st.sampled_from(GROUPS),
    index=st.integers(0, 11),
)
probes = st.sampled_from(tuple(PROBES))


class Histories(RuleBasedStateMachine):
    """One history, as hypothesis thinks of it; where it finds something, it finds the shortest story of it."""

    def __init__(self) -> None:
        super().__init__()
        self.story = Story(TINY)

    @initialize(before=st.lists(acts, min_size=5, max_size=10))
    def much_has_happened_already(self, before: list[Act]) -> None:
        for act in before:
            play(self.story, act)

    @rule(act=acts)
    def something_happens(self, act: Act) -> None:
        play(self.story, act)

    @rule(probe=probes, act=acts)
    def somebody_asks_what_would_become_of_it(self, probe: str, act: Act) -> None:
        PROBES[probe](self.story, act)

    def teardown(self) -> None:
        self.story.end()


def test_approvals_commute_whatever_hypothesis_thinks_of() -> None:
    run_state_machine_as_test(
        Histories,
        settings=settings(
            max_examples=25,
            stateful_step_count=10,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
        ),
    )


def told(material: Material, seed: int) -> Counter[str]:
    """A history drawn evenly, so that no case is rare; what was seen in it."""
    return played(material, seed).seen


def ended(material: Material, seed: int) -> tuple[object, ...]:
    """What a history drawn evenly has come to, commits' ids left out."""
    story = played(material, seed)
    history = story.house.history()
    entries = [(entry.kind, entry.position.time) for entry in history.entries]
    taken = [item.paths for item in history.verified.timeline.later(0)]
    return entries, history.snapshot.manifest, taken, len(history.pending), story.seen


def played(material: Material, seed: int) -> Story:
    story, chance = Story(material), Random(seed)  # noqa: S311 -- a test's choice
    for _ in range(chance.randint(10, 18)):
        play(story, drawn(chance))
    for _ in range(7):
        PROBES[chance.choice(tuple(PROBES))](story, drawn(chance))
    story.end()
    return story


def drawn(chance: Random) -> Act:
    return Act(
        what=chance.choice(tuple(ACTS)),
        kind=chance.choice(KINDS),
        other=chance.choice(KINDS),
        number=chance.randrange(4),
        names=chance.choice(GROUPS),
        index=chance.randrange(12),
    )


def test_approvals_commute_over_random_histories(record_property: Callable[[str, object], None]) -> None:
    seen = [told(TINY, seed) for seed in range(HISTORIES)]
    share = {case: 100 * sum(case in one for one in seen) // len(seen) for case in CASES}
    shown = ", ".join(f"{case} {percent} %" for case, percent in share.items())
    record_property("rates", f"{len(seen)} histories; share of those with: {shown}")
    assert min(share.values()) >= LEAST, share


@pytest.mark.parametrize("seed", range(SAMPLE))
def test_approvals_commute_under_the_real_compiler_and_policy(seed: int) -> None:
    told(REAL, seed)


@pytest.mark.parametrize("seed", range(0, HISTORIES, 6))
def test_a_ledger_on_a_branch_of_its_own_tells_the_same_story(seed: int) -> None:
    on_main, apart = (ended(replace(TINY, ledger=ledger), seed) for ledger in (None, "ledger"))
    assert apart == on_main
