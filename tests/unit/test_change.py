"""Changes lead from one snapshot to another, carry what they speak of, and have one spelling."""

from __future__ import annotations

import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from runtime.contract.canonical import encode, sha256
from runtime.contract.change import Change, ChangeMismatchError, Snapshot, between, taken
from runtime.contract.errors import FormatError
from runtime.contract.genesis import Genesis
from runtime.contract.manifest import Manifest

BUNDLE_PATHS = st.sampled_from(
    [
        "config/tenants/tenant/acme.json",
        "config/tenants/tenant/globex.json",
        "objects/tenant/acme.json",
        "policy/tenants/acme/data.json",
        "policy/flags.rego",
        "policy/policy.wasm",
    ]
)
INPUT_PATHS = st.sampled_from(["tenants/acme.yaml", "tenants/globex.yaml", "flags/beta.yaml", "policies/flags.rego"])
SNAPSHOTS = st.builds(
    lambda inputs, bundle: Snapshot.of(
        {path: sha256(text.encode()) for path, text in inputs.items()},
        {path: text.encode() for path, text in bundle.items()},
    ),
    st.dictionaries(INPUT_PATHS, st.text(max_size=5)),
    st.dictionaries(BUNDLE_PATHS, st.text(max_size=5)),
)
REPOSITORY = "0123456789abcdef" * 2


def change(before: Snapshot, after: Snapshot) -> Change:
    return between(before, after, repository=REPOSITORY, branch="main")


@given(SNAPSHOTS, SNAPSHOTS)
def test_taking_a_change_leads_to_where_it_was_made_for(before: Snapshot, after: Snapshot) -> None:
    assert taken(before, change(before, after)) == after


@given(SNAPSHOTS, SNAPSHOTS)
def test_a_change_reads_back_from_its_bytes(before: Snapshot, after: Snapshot) -> None:
    made = change(before, after)
    assert Change.from_bytes(made.data) == made
    assert made.empty == (before == after)


@given(SNAPSHOTS, SNAPSHOTS, SNAPSHOTS)
def test_a_change_is_not_taken_from_another_start(before: Snapshot, after: Snapshot, other: Snapshot) -> None:
    made = change(before, after)
    assume(any(other.manifest.inputs.get(path) != old for path, old, _ in made.inputs))
    with pytest.raises(ChangeMismatchError):
        taken(other, made)


@given(SNAPSHOTS)
def test_manifest_and_genesis_read_back_from_their_bytes(snapshot: Snapshot) -> None:
    assert Manifest.from_bytes(snapshot.manifest.data) == snapshot.manifest
    genesis = Genesis(REPOSITORY, "main", "c" * 40, snapshot)
    assert Genesis.from_bytes(genesis.data) == genesis


def _tampered(edit: str) -> bytes:
    before = Snapshot.of({"tenants/acme.yaml": sha256(b"1")}, {"objects/tenant/acme.json": b"1"})
    after = Snapshot.of({"tenants/acme.yaml": sha256(b"2")}, {"objects/tenant/acme.json": b"2"})
    value = json.loads(change(before, after).data)
    match edit:
        case "content of another digest":
            value["contents"]["objects/tenant/acme.json"][1] = "3"
        case "content left out":
            value["contents"] = {}
        case "row twice":
            value["inputs"] *= 2
        case "row that changes nothing":
            value["inputs"][0][2] = value["inputs"][0][1]
        case "path that climbs":
            value["inputs"][0][0] = "tenants/../evidence/x.yaml"
        case "unknown field":
            value["note"] = ""
        case "other format":
            value["format"] = 2
    return encode(value)


@pytest.mark.parametrize(
    "edit",
    [
        "content of another digest",
        "content left out",
        "row twice",
        "row that changes nothing",
        "path that climbs",
        "unknown field",
        "other format",
    ],
)
def test_a_change_that_says_anything_else_is_refused(edit: str) -> None:
    with pytest.raises(FormatError):
        Change.from_bytes(_tampered(edit))
