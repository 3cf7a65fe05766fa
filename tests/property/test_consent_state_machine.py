"""Approvals commute, over random histories (section 7), driven through the real judge, decide, ledger and replay.

The machine tells a random story: pull requests stacked and overlapping, merged, squashed and rebased, approved early,
late, in part or by those who knew less, withdrawn, reverted and made again, with policy changes in between. At any
moment it also asks, on a fork of the history, what would become of a pair of pull requests, of a change made again, of
one that main takes back, of whoever verifies later. Every verdict is checked against a plain model (`histories.Model`).
"""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.property.acts import ACTS, Act, play
from tests.property.histories import Story
from tests.property.material import GROUPS, KINDS, REAL, TINY, Material
from tests.property.probes import PROBES

HISTORIES = 60
SAMPLE = 8
STEPS = 6
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
told: list[Counter[str]] = []


def drawn(chance: Random) -> Act:
    """Any act, evenly."""
    return Act(
        what=chance.choice(tuple(ACTS)),
        kind=chance.choice(KINDS),
        other=chance.choice(KINDS),
        number=chance.randrange(4),
        names=chance.choice(GROUPS),
        index=chance.randrange(12),
    )


class Histories(RuleBasedStateMachine):
    """One history. What it sees goes to `told`."""

    material: ClassVar[Material] = TINY

    def __init__(self) -> None:
        super().__init__()
        self.story = Story(self.material)
        told.append(self.story.seen)

    @initialize(seed=st.integers(0, 2**64 - 1))
    def much_has_happened_already(self, seed: int) -> None:
        """Evenly drawn, so that no case is rare; what hypothesis adds to it shrinks."""
        chance = Random(seed)  # noqa: S311 -- a test's choice
        for _ in range(chance.randint(10, 18)):
            self.something_happens(drawn(chance))
        for _ in range(5):
            self.somebody_asks_what_would_become_of_it(chance.choice(tuple(PROBES)), drawn(chance))

    @rule(act=acts)
    def something_happens(self, act: Act) -> None:
        note(str(act))
        play(self.story, act)

    @rule(probe=probes, act=acts)
    def somebody_asks_what_would_become_of_it(self, probe: str, act: Act) -> None:
        note(f"{probe}: {act}")
        PROBES[probe](self.story, act)

    def teardown(self) -> None:
        """Whoever reads it all again finds the same."""
        self.story.run()
        known, again = self.story.house.history(), self.story.house.history(fresh=True)
        assert (known.commit, known.tip, known.pending) == (again.commit, again.tip, again.pending)
        assert again.findings == ()


class RealHistories(Histories):
    """The same over this repository's own YAML, its compiler and its policy.wasm."""

    material = REAL


def run(machine: type[Histories], histories: int) -> None:
    told.clear()
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=histories,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
        ),
    )


def test_approvals_commute_over_random_histories(capsys: pytest.CaptureFixture[str]) -> None:
    run(Histories, HISTORIES)
    share = {case: 100 * sum(case in seen for seen in told) // len(told) for case in CASES}
    with capsys.disabled():
        shown = ", ".join(f"{case} {percent} %" for case, percent in share.items())
        print(f"\n{len(told)} histories; share of those with: {shown}")  # noqa: T201 -- to be seen
    assert min(share.values()) >= LEAST, share


def test_approvals_commute_under_the_real_compiler_and_policy() -> None:
    run(RealHistories, SAMPLE)
    assert sum(seen["disjoint pair in either order"] for seen in told) > 0
    assert sum(seen["overlapping pair"] for seen in told) > 0
