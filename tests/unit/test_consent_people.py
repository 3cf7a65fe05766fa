"""Section 7, rule 1: within one rule a person fills one role, by any assignment that fits."""

from __future__ import annotations

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from runtime.governance.config import Requirement
from runtime.governance.people import assign, could_help, places
from runtime.testing.small_tree import person


def roles(*each: str) -> list[frozenset[str]]:
    return [frozenset(one.split()) for one in each]


def test_two_people_fill_two_roles() -> None:
    assert assign(roles("platform", "pm"), ("platform", "pm")).complete


def test_one_person_with_both_roles_fills_one_of_them() -> None:
    assignment = assign(roles("platform pm"), ("platform", "pm"))
    assert not assignment.complete
    assert len(assignment.empty) == 1


def test_somebody_who_could_do_both_makes_room_for_somebody_who_can_do_one() -> None:
    assert assign(roles("platform pm", "platform"), ("platform", "pm")).complete
    assert assign(roles("platform", "platform pm"), ("platform", "pm")).complete


def test_a_chain_of_moves_is_found() -> None:
    assert assign(roles("a b", "b c", "c d", "a"), ("a", "b", "c", "d")).complete


def test_role_that_is_asked_for_twice_takes_two_people() -> None:
    wanted = places([Requirement(role="sre", count=2)])
    assert wanted == ("sre", "sre")
    assert not assign(roles("sre"), wanted).complete
    assert assign(roles("sre", "sre"), wanted).complete


def test_those_who_could_help_are_those_whose_approval_fills_a_place_more() -> None:
    others = [person("ines", "pm"), person("jon", "platform"), person("kim", "auditor"), person("lea", "pm", keys=0)]
    assert could_help(roles("platform"), ("platform", "pm"), others) == ("ines",)
    assert could_help(roles("platform pm"), ("platform", "pm"), others) == ("ines", "jon")


ROLE_SETS = st.lists(st.frozensets(st.sampled_from("abcd"), max_size=3), max_size=5)
PLACES = st.lists(st.sampled_from("abcd"), max_size=4).map(tuple)


@given(ROLE_SETS, PLACES)
def test_assignment_is_as_large_as_any(people: list[frozenset[str]], wanted: tuple[str, ...]) -> None:
    padded: list[frozenset[str]] = [*people, *([frozenset()] * len(wanted))]
    best = max(
        (
            sum(role in who for role, who in zip(wanted, chosen, strict=True))
            for chosen in permutations(padded, len(wanted))
        ),
        default=0,
    )
    found = assign(people, wanted)
    assert len(found.filled) == best
    assert len(set(found.filled.values())) == len(found.filled)
    assert all(wanted[place] in people[who] for place, who in found.filled.items())
