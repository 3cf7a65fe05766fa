"""The checkpoints of `conductor verify`: a file -> where to go on from; report -> that file (ADR 0111).

Rules kept: a file counts only with the SHA-256 that its holder noted; one is read with a limit, and replaced whole, for
its owner alone; nothing is written of what failed.
"""

from __future__ import annotations

import os
import tempfile
from datetime import datetime
from pathlib import Path

from compiler.cli.trust_root import digest_of
from runtime.contract.canonical import sha256
from runtime.contract.errors import EnvironmentFailedError, UsageError
from runtime.git.repository import Repository
from runtime.governance.rules import CONSENT
from runtime.ledger.beside import Heads
from runtime.ledger.checkpoint import LARGEST, Offered, admit, checkpoint, go_on
from runtime.ledger.history import History
from runtime.ledger.replaying import Rules
from runtime.ledger.rules import CHAIN
from runtime.ledger.verify import Report
from runtime.policy.engine import Policy


def offered(since: str | None, digest: str, trust_root: str | None) -> Offered:
    """Read the checkpoint that was named; raises UsageError, also where it is not to be believed."""
    if since is None:
        raise UsageError("--checkpoint-digest needs a checkpoint, and none was given", help="--since FILE names it")
    noted = digest_of("--checkpoint-digest", digest)
    try:
        with Path(since).open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise UsageError(
            f"the checkpoint {since} cannot be read: {error.strerror}",
            help="without --checkpoint-digest, --since is an earlier head or a commit",
        ) from None
    if len(data) > LARGEST:
        raise UsageError(f"{since} is not a checkpoint: it has more than {LARGEST} bytes")
    found = Offered(data, noted or "", trust_root)
    admit(found)
    return found


def start(git: Repository, head: str, found: Offered, now: datetime, heads: Heads | None) -> History | None:
    """What there is up to a head, going on from a checkpoint; None where all of it has to be read."""
    return go_on(git, head, found, Rules(CHAIN, CONSENT, Policy.of), now=now, heads=heads)


def keep(report: Report, file: Path) -> str:
    """Write what a report has found; returns its SHA-256."""
    data = checkpoint(report)
    try:
        descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")  # its mode is 0600
        try:
            with os.fdopen(descriptor, "wb") as made:
                made.write(data)
                made.flush()
                os.fsync(made.fileno())
            Path(name).replace(file)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise EnvironmentFailedError(
            f"the checkpoint {file} cannot be written: {error.strerror}", help="name another: --checkpoint FILE"
        ) from None
    return sha256(data)
