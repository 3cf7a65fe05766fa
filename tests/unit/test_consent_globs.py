"""Section 7, rule 1: globs over paths."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.governance.globs import matches, problem

YES = [
    ("tenants/acme.yaml", "tenants/acme.yaml"),
    ("tenants/*.yaml", "tenants/acme.yaml"),
    ("tenants/*", "tenants/acme.yaml"),
    ("tenants/*/*", "tenants/blueprints/basic.yaml"),
    ("tenants/**", "tenants/acme.yaml"),
    ("tenants/**", "tenants/blueprints/basic.yaml"),
    ("**", "spec/a/b/c.yaml"),
    ("**/basic.yaml", "basic.yaml"),
    ("**/basic.yaml", "tenants/blueprints/basic.yaml"),
    ("tenants/**/basic.yaml", "tenants/basic.yaml"),
    ("tenants/**/basic.yaml", "tenants/a/b/basic.yaml"),
    ("config/*/person/*.json", "config/governance/person/mara.json"),
    ("policy/**data.json", "policy/people/mara/data.json"),
    ("spec/*a*b*.yaml", "spec/xaxbx.yaml"),
    ("spec/*", "spec/.hidden.yaml"),
    ("flags/a*.yaml", "flags/a.yaml"),
]
NO = [
    ("tenants/*.yaml", "tenants/blueprints/basic.yaml"),
    ("tenants/*", "tenants"),
    ("tenants/**", "tenants"),
    ("tenants/**", "tenants2/acme.yaml"),
    ("*.yaml", "tenants/acme.yaml"),
    ("tenants", "tenants/acme.yaml"),
    ("tenants/acme", "tenants/acme.yaml"),
    ("enants/*", "tenants/acme.yaml"),
    ("tenants/**/basic.yaml", "tenants/xbasic.yaml"),
    ("**/basic.yaml", "tenants/notbasic.yaml"),
    ("tenants/acm?.yaml", "tenants/acme.yaml"),
    ("tenants/[a-z]cme.yaml", "tenants/acme.yaml"),
    ("tenants/{acme,globex}.yaml", "tenants/acme.yaml"),
    ("tenants/.*", "tenants/acme.yaml"),
    ("a/*/b", "a/x/y/b"),
    ("a/*/b", "a/b"),
]


@pytest.mark.parametrize(("glob", "path"), YES)
def test_glob_means_the_path(glob: str, path: str) -> None:
    assert matches(glob, path)


@pytest.mark.parametrize(("glob", "path"), NO)
def test_glob_does_not_mean_the_path(glob: str, path: str) -> None:
    assert not matches(glob, path)


@pytest.mark.parametrize("glob", ["", "/tenants", "tenants/", "a//b", "a/../b", "./a", "a/***"])
def test_glob_that_means_nothing_is_named(glob: str) -> None:
    assert problem(glob) is not None


@pytest.mark.parametrize(("glob", "_"), YES)
def test_sound_globs_have_no_problem(glob: str, _: str) -> None:
    assert problem(glob) is None


PARTS = st.text("ab.", min_size=1, max_size=3)
PATHS = st.lists(PARTS, min_size=1, max_size=4).map("/".join)


def plainly(pattern: list[str], path: list[str]) -> bool:
    """The definition, folder by folder, for globs whose parts are `**` or have single stars only."""
    if not pattern:
        return not path
    if pattern[0] == "**":
        if len(pattern) == 1:
            return bool(path)
        return any(plainly(pattern[1:], path[skipped:]) for skipped in range(len(path) + 1))
    return bool(path) and starred(pattern[0], path[0]) and plainly(pattern[1:], path[1:])


def starred(pattern: str, text: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(starred(pattern[1:], text[skipped:]) for skipped in range(len(text) + 1))
    return bool(text) and pattern[0] == text[0] and starred(pattern[1:], text[1:])


@given(st.lists(st.sampled_from(["**", "*", "a*", "*b", "a", "b", "a.b", "*.*"]), min_size=1, max_size=4), PATHS)
def test_globs_agree_with_their_definition_folder_by_folder(pattern: list[str], path: str) -> None:
    assert matches("/".join(pattern), path) == plainly(pattern, path.split("/"))


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        (f"policies/people/{'*a' * 60}*b", f"policies/people/{'a' * 250}"),
        (f"{'**/' * 60}b", "a/" * 250 + "c"),
        (f"{'**a' * 60}**b", "a" * 250),
        (f"{'**/*a/' * 60}b", "aa/" * 250 + "c"),
    ],
)
def test_glob_made_to_take_for_ever_is_told_at_once(pattern: str, path: str) -> None:
    """An approver's plan would never end, nor the agent: trying 60 stars each way takes for ever."""
    assert problem(pattern) is None
    assert not matches(pattern, path)
