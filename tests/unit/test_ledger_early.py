"""The policy of a trust root is loaded early, and no other one; whatever is wrong is left to replay."""

from __future__ import annotations

import pytest

from runtime.ledger import early
from runtime.ledger.start import genesis_path
from runtime.testing.chronicle import Chronicle
from runtime.testing.small_tree import small_tree

POLICY = b"a policy"


class Loaded:
    """Stands for `Policy`, and remembers what it was to load."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []

    def load(self, wasm: bytes) -> None:
        """Remember."""
        self.asked.append(wasm)


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> Loaded:
    """What is loaded from now on."""
    made = Loaded()
    monkeypatch.setattr(early, "Policy", made)
    return made


@pytest.fixture
def chronicle() -> Chronicle:
    """A history whose genesis has a policy."""
    return Chronicle.start(small_tree() | {early.WASM: POLICY})


def test_the_policy_of_the_trust_root_is_loaded_when_the_walk_has_ended(chronicle: Chronicle, loaded: Loaded) -> None:
    with early.loading(chronicle.git, chronicle.head, chronicle.root):
        pass
    assert loaded.asked == [POLICY]


def test_a_later_policy_is_not_loaded_before_anybody_took_it(chronicle: Chronicle, loaded: Loaded) -> None:
    chronicle.edit({early.WASM: b"another policy"})
    with early.loading(chronicle.git, chronicle.head, chronicle.root):
        pass
    assert loaded.asked == [POLICY]


def test_nothing_is_loaded_for_a_trust_root_that_is_not_there(chronicle: Chronicle, loaded: Loaded) -> None:
    with early.loading(chronicle.git, chronicle.head, "0" * 64):
        pass
    assert not loaded.asked


def test_nothing_is_loaded_where_the_genesis_has_other_bytes_than_its_name_says(
    chronicle: Chronicle, loaded: Loaded
) -> None:
    chronicle.edit({genesis_path(chronicle.root): b"{}"})
    with early.loading(chronicle.git, chronicle.head, chronicle.root):
        pass
    assert not loaded.asked
