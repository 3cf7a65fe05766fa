"""People and their proofs of possession -> which keys are proved to be whose. Pure.

A key that a change brings comes with its proof (rule `possession`). One that the genesis brings has either signed the
genesis, or counts for nothing until its holder has proved it (rule `proved`): before there is a genesis there is no
repository that a proof could be for.
"""

from __future__ import annotations

from runtime.contract.errors import FormatError
from runtime.contract.possession import Holder
from runtime.governance.config import Governance, Key


def proves(after: Governance, holder: Holder, key: Key, repository: str) -> bool:
    """Whether there is a proof among the inputs that this holder has this key, in this repository."""
    try:
        return any(proof.proves(holder, key, repository) for proof in after.proofs)
    except FormatError:
        return False


def still_unproved(keys: frozenset[str], after: Governance, repository: str) -> frozenset[str]:
    """Which of the genesis' keys are still proved by nothing, once a change has led to these people and proofs. One
    that is somebody else's by now, or had gone, came with its proof."""
    held = {key.fingerprint: (holder, key) for holder, found in after.holdings.items() for key in found}
    return frozenset(key for key in keys if key in held and not proves(after, *held[key], repository))
