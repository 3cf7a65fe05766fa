"""Report x an auditor's key -> the file of `conductor verify --vsa`.

Unsigned it is the bare in-toto statement; with a key the same in a DSSE envelope, a Sigstore bundle like all evidence.
Rule kept: nothing is overwritten.
"""

from __future__ import annotations

from pathlib import Path

from compiler.cli.signing import signing_key
from compiler.cli.trust_root import digest_of
from runtime.contract.envelope import SUFFIX
from runtime.contract.errors import EnvironmentFailedError, UsageError
from runtime.ledger.summary import summary
from runtime.ledger.verify import Report
from runtime.signing.envelopes import sign_payload


def export(report: Report, since: str | None, to: Path, key: Path | None, passphrase: str | None) -> Path:
    """Write the summary to a file, or into a folder under the ledger's head; returns the file."""
    payload = summary(report, digest_of("--since", since))
    data = payload if key is None else sign_payload(payload, signing_key(key, passphrase), "summary").data
    end = ".vsa.json" if key is None else f".vsa{SUFFIX}"
    file = to / f"{(report.head or '')[:12]}{end}" if to.is_dir() else to
    try:
        with file.open("xb") as stream:
            stream.write(data)
    except FileExistsError:
        raise UsageError(f"{file} already exists", help="name another file with --vsa, or move it away") from None
    except OSError as error:
        raise EnvironmentFailedError(
            f"{file} cannot be written: {error.strerror}", help="name another: --vsa FILE"
        ) from None
    return file
