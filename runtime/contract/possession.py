"""Holder x key x repository -> the statement that this key signs to prove that its holder has it.

in-toto Statement v1: subject `key` is the SHA-256 of the key in SSH's wire format, which is the key's fingerprint in
hex; the predicate says whose the key is and in which repository. So a proof counts for no other key, name or
repository: nobody gives a key of somebody else a name, and a copied proof proves nothing elsewhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from runtime.contract.canonical import encode
from runtime.contract.errors import FormatError
from runtime.contract.instant import text
from runtime.contract.predicates import NAMESPACE
from runtime.contract.statement import STATEMENT_TYPE

TYPE = f"{NAMESPACE}/key-possession/v1"
HOLDER = r"^(person|agent)/[a-z][a-z0-9-]{0,62}$"


@dataclass(frozen=True, order=True)
class Holder:
    """Whose a key is: a person or an agent, by name."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"

    @classmethod
    def parse(cls, written: str) -> Holder:
        """Read `person/mara-lindqvist`; raises FormatError."""
        if re.search(HOLDER, written) is None or "\n" in written:
            raise FormatError("a holder is person/NAME or agent/NAME")
        kind, _, name = written.partition("/")
        return cls(kind, name)


def statement(holder: Holder, key: str, repository: str, at: datetime) -> bytes:
    """Return the canonical bytes; `key` is the SHA-256 (hex) of its wire format, `repository` the genesis' id."""
    return encode(
        {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": "key", "digest": {"sha256": key}}],
            "predicateType": TYPE,
            "predicate": {"holder": str(holder), "repository": repository, "signed_at": text(at)},
        }
    )
