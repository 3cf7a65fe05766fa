"""The genesis: where a history of verdicts starts (plan, section 7, rule 7).

`evidence/genesis/<sha256>.json`, canonical JSON; its SHA-256 is the trust root an auditor is given out of band.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from runtime.contract.canonical import MAX_SNAPSHOT, decode, encode, sha256
from runtime.contract.change import Snapshot
from runtime.contract.errors import FormatError
from runtime.contract.manifest import Manifest, carried, check_sha256

FORMAT = 1
BRANCH_NAME = re.compile(r"(?!-)(?!.*(?:\.\.|//|\.lock(?:/|$)|/\.|[./]$))[A-Za-z0-9][A-Za-z0-9._/-]*")
"""What a branch may be called here."""
_LONGEST = 200


@dataclass(frozen=True)
class Genesis:
    """Repository id (32 hex digits, random), branch, the commit it starts from, and that commit's snapshot.

    `previous` is the SHA-256 of the genesis that this one replaces, or None. `ledger` is the branch that holds what the
    agent writes; None: `branch` itself.
    """

    repository: str
    branch: str
    commit: str
    snapshot: Snapshot
    previous: str | None = None
    ledger: str | None = None

    @cached_property
    def data(self) -> bytes:
        """The canonical JSON."""
        return encode(
            {
                "format": FORMAT,
                "repository": self.repository,
                "branch": self.branch,
                "commit": self.commit,
                "manifest": self.snapshot.manifest.to_json(),
                "contents": dict(self.snapshot.contents),
                "previous": self.previous,
                "ledger": self.ledger,
            }
        )

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of `data`: the trust root."""
        return sha256(self.data)

    @classmethod
    def from_bytes(cls, data: bytes) -> Genesis:
        """Read canonical JSON; raises FormatError."""
        match decode(data, max_bytes=MAX_SNAPSHOT):
            case {
                "format": 1,
                "repository": str(repository),
                "branch": str(branch),
                "commit": str(commit),
                "manifest": manifest_json,
                "contents": dict(contents),
                "previous": str() | None as previous,
                "ledger": str() | None as ledger,
            } as value if len(value) == 8:
                manifest = Manifest.from_json(manifest_json)
            case _:
                raise FormatError(
                    f"a genesis of format {FORMAT} has exactly repository, branch, commit, manifest, contents, "
                    "previous, ledger"
                )
        if contents.keys() != {path for path in manifest.bundle if carried(path)}:
            raise FormatError("a genesis carries exactly the contents under config/, objects/ and data.json")
        for path, text in contents.items():
            if not isinstance(text, str) or sha256(text.encode()) != manifest.bundle[path]:
                raise FormatError(f"the content of {path} has not the digest that the manifest names")
        if previous is not None:
            check_sha256(previous)
        if ledger is not None and (ledger == branch or len(ledger) > _LONGEST or not BRANCH_NAME.fullmatch(ledger)):
            raise FormatError(f"{ledger[:_LONGEST]!r} is no branch beside {branch}")
        genesis = cls(repository, branch, commit, Snapshot(manifest, contents), previous, ledger)
        genesis.__dict__["data"] = data  # canonical, as `decode` has seen: it is long, and encoding it again takes time
        return genesis
