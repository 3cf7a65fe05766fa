"""Report -> one SLSA verification summary over all of it, or over what came after an earlier head.

What a verdict is for one change this is for a range of them: an in-toto Statement v1 for whoever reads summaries and no
ledgers. Its subjects are the ledger's head (the last entry's file) and the last verified manifest; `policy` is the
genesis, from which every rule follows; its inputs are the verdicts of the range. https://slsa.dev/spec/v1.1/verification_summary

Rules kept: it says no more than the report: FAILED if any answer failed, a level for each answer that is `ok`, and
whether the trust root was proven.
"""

from __future__ import annotations

from runtime.contract.canonical import JSON, encode
from runtime.contract.errors import UsageError
from runtime.contract.instant import text
from runtime.contract.predicates import NAMESPACE, DigestSet, ResourceDescriptor, Verdict, Verifier
from runtime.contract.statement import STATEMENT_TYPE, subject
from runtime.ledger.append import level, resource_uri
from runtime.ledger.earlier import Earlier
from runtime.ledger.entry import Entry
from runtime.ledger.findings import Answer
from runtime.ledger.history import History
from runtime.ledger.start import genesis_path
from runtime.ledger.starting import NoGenesisError
from runtime.ledger.verify import Report, Status
from runtime.release import VERSION, code_sha256


def summary(report: Report, since: str | None = None) -> bytes:
    """Return the statement's bytes. `since` is an earlier head (SHA-256); raises NoGenesisError, UsageError."""
    history, root = report.history, report.trust_root
    if report.earlier is not None:
        since = report.earlier.head
    if history is None or root is None or report.at is None:
        raise NoGenesisError("there is no history here that a summary could speak of", help="`conductor verify`")
    entries = _range(history, since)
    counted = {item.sha256 for item in history.verified.timeline.later(0)}
    verdicts = [entry for entry in entries if isinstance(entry.predicate, Verdict) and entry.digest in counted]
    passed = [level(answer.value) for answer in Answer if report.answers[answer].status is Status.OK]
    genesis = history.genesis
    predicate: JSON = {
        "verifier": Verifier(id=f"{NAMESPACE}/verify", version={"conductor": VERSION}).model_dump(mode="json"),
        "timeVerified": text(report.at),
        "resourceUri": resource_uri(genesis.repository, genesis.branch, history.commit),
        "policy": _named(genesis_path(genesis.digest), genesis.digest),
        "inputAttestations": [_named(entry.path, entry.digest) for entry in verdicts],
        "verificationResult": "PASSED" if report.ok else "FAILED",
        "verifiedLevels": [*passed] if report.ok else ["FAILED"],
        "slsaVersion": "1.1",
        "conductor": {
            "release": {"version": VERSION, "sha256": code_sha256()},
            "trust_root": {"sha256": root.sha256, "proven": root.proven},
            "since": since,
            "head": report.head,
            "commit": report.commit,
            "entries": len(entries),
            "answers": {answer.value: report.answers[answer].status.value for answer in Answer},
            "not_assessed": {answer.value: item.why for answer, item in report.answers.items() if item.why is not None},
            "rendered": None if report.rendered is None else report.rendered.again,
            **({} if report.earlier is None else {"checkpoint": _told(report.earlier)}),
            "problems": sorted({item.code for item in report.problems}),
        },
    }
    subjects = subject(head=history.tip.digest, manifest=history.snapshot.manifest.digest)
    return encode(
        {
            "_type": STATEMENT_TYPE,
            "subject": [item.model_dump(mode="json") for item in subjects],
            "predicateType": Verdict.TYPE,
            "predicate": predicate,
        }
    )


def _range(history: History, since: str | None) -> tuple[Entry, ...]:
    if history.earlier is not None and since == history.earlier.head:
        return history.entries
    if since is None or since == history.genesis.digest:
        return history.entries
    place = next((n for n, entry in enumerate(history.entries) if entry.digest == since), None)
    if place is None:
        raise UsageError(
            f"no entry of this ledger is sha256:{since[:12]}…, so no range begins there",
            help="a summary's --since is a head: what an earlier `conductor verify` printed",
        )
    return history.entries[place + 1 :]


def _told(earlier: Earlier) -> JSON:
    """What was not read again, and when it was verified."""
    at, upto = earlier.whole
    told = {"sha256": earlier.sha256, "entries": earlier.counts.entries, "timeVerified": text(earlier.at)}
    return {**told, "whole": {"entries": upto, "timeVerified": text(at)}}


def _named(uri: str, digest: str) -> JSON:
    return ResourceDescriptor(uri=uri, digest=DigestSet(sha256=digest)).model_dump(mode="json")
