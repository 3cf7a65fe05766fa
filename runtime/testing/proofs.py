"""Keys of `runtime.testing.small_tree` -> proofs of possession, as input files of the tiny compiler."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from runtime.contract.canonical import decode
from runtime.contract.possession import Holder
from runtime.governance.config import KeyProof
from runtime.signing.keys import PrivateKey
from runtime.testing.small_tree import REPOSITORY, START, key_of

_FOLDERS = {"policies/people/": "person", "policies/agents/": "agent"}
_NUMBERS = range(1, 9)


def proof(
    holder: str, key: PrivateKey, *, repository: str = REPOSITORY, at: datetime = START, name: str = ""
) -> dict[str, bytes]:
    """The file that proves that a holder (`person/mara`) has a key."""
    named = name or f"{holder.replace('/', '-')}-{key.public.sha256[:8]}"
    return {f"policies/keys/{named}.yaml": KeyProof.by(key, Holder.parse(holder), repository, at, named).data()}


def proved(edits: Mapping[str, bytes | None], *, repository: str = REPOSITORY) -> dict[str, bytes | None]:
    """Edits of people and agents with a proof for each key that they name and `key_of` gives."""
    added: dict[str, bytes | None] = dict(edits)
    for path, data in edits.items():
        kind = next((kind for folder, kind in _FOLDERS.items() if path.startswith(folder)), None)
        value = decode(data) if data is not None and kind is not None else None
        if not isinstance(value, dict):
            continue
        name, lines = str(value["name"]), {key["public"] for key in value["keys"]}
        for number in _NUMBERS:
            key = key_of(name, number)
            if key.public_line in lines:
                added.update(proof(f"{kind}/{name}", key, repository=repository))
    return added
