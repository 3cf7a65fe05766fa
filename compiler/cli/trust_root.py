"""What a person was told a history starts from -> its SHA-256; the option of every command that reads the ledger."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

from runtime.contract.errors import UsageError

TrustRoot: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--trust-root",
        metavar="DIGEST",
        show_default=False,
        help="SHA-256 of the genesis, as you were given it: 64 hex digits, with or without `sha256:`.",
    ),
]


def digest_of(option: str, given: str | None) -> str | None:
    """Read a SHA-256 as people write it; raises UsageError for anything else."""
    if given is None:
        return None
    from runtime.ledger.ending import parse_digest  # noqa: PLC0415 -- most commands are given none

    digest = parse_digest(given.strip())
    if digest is None:
        raise UsageError(f"{option} takes sha256: and 64 hex digits in lower case, not {given!r}")
    return digest
