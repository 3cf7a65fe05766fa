"""A manifest that a change leads to has the bytes that it would be written with, however it came by them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runtime.contract.canonical import encode
from runtime.contract.change import Snapshot, between, taken
from runtime.contract.manifest import Manifest

DIGESTS = st.sampled_from(["a" * 64, "b" * 64, "c" * 64])
PATHS = st.sampled_from(["tenants/a.yaml", "tenants/ba.yaml", "a.yaml", "config/a.json", "policy/x.rego"])
MANIFESTS = st.builds(
    Manifest, st.dictionaries(PATHS, DIGESTS), st.dictionaries(PATHS.filter(lambda p: "config" not in p), DIGESTS)
)


@given(st.lists(MANIFESTS, min_size=2, max_size=6))
def test_bytes_that_are_carried_over_are_those_that_would_be_written(manifests: list[Manifest]) -> None:
    here = Snapshot(manifests[0], {})
    assert here.manifest.data
    for manifest in manifests[1:]:
        here = taken(here, between(here, Snapshot(manifest, {}), repository="0" * 32, branch="main"))
        assert here.manifest == manifest
        assert here.manifest.data == encode(manifest.to_json())
