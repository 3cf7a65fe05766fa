"""in-toto Statement v1: subjects and a predicate (`runtime.contract.predicates`), and its bytes.

https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md. Subjects always have a SHA-256.

Rules kept: a statement's bytes are canonical JSON; unknown predicate types and fields are refused.
"""

from __future__ import annotations

from pydantic import ValidationError

from runtime.contract.canonical import JSON, decode, encode
from runtime.contract.errors import FormatError
from runtime.contract.predicates import BY_TYPE, DigestSet, Predicate, Wire, complete
from runtime.contract.validation import reason

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"


class Subject(Wire):
    """What a statement is about."""

    name: str
    digest: DigestSet


class Statement(Wire):
    """in-toto Statement v1 with a typed predicate."""

    subject: tuple[Subject, ...]
    predicate: Predicate

    def digest_of(self, name: str) -> str | None:
        """SHA-256 of the subject called `name`."""
        return next((item.digest.sha256 for item in self.subject if item.name == name), None)


def subject(**digests: str) -> tuple[Subject, ...]:
    """Build subjects: `subject(change="ab…")`. For names that are no identifier pass `**{"change.json": …}`."""
    return tuple(Subject(name=name, digest=DigestSet(sha256=digest)) for name, digest in digests.items())


def encode_statement(statement: Statement) -> bytes:
    """Return the canonical JSON of a statement."""
    return encode(
        {
            "_type": STATEMENT_TYPE,
            "subject": [item.model_dump(mode="json") for item in statement.subject],
            "predicateType": statement.predicate.TYPE,
            "predicate": statement.predicate.model_dump(mode="json"),
        }
    )


def decode_statement(data: bytes) -> Statement:
    """Read canonical JSON; raises FormatError for another type, field, form or predicate."""
    value = decode(data)
    if not isinstance(value, dict) or value.keys() != {"_type", "subject", "predicateType", "predicate"}:
        raise FormatError("a statement has exactly _type, subject, predicateType and predicate")
    if value["_type"] != STATEMENT_TYPE:
        raise FormatError(f"{value['_type']!r} is no in-toto Statement v1")
    kind = BY_TYPE.get(value["predicateType"]) if isinstance(value["predicateType"], str) else None
    if kind is None:
        raise FormatError(f"unknown predicate type {value['predicateType']!r}")
    if not isinstance(value["subject"], list) or not value["subject"]:
        raise FormatError("a statement names at least one subject")
    try:
        # strict JSON mode: arrays fill tuples, nothing else is coerced
        subjects = tuple(Subject.model_validate(item) for item in value["subject"])
        predicate = kind.model_validate_json(_predicate_of(data, value))
    except ValidationError as error:
        raise FormatError(f"predicate {kind.__name__}: {reason(error)}") from None
    # what is strict, canonical and complete has one encoding: `encode_statement(result) == data`
    if not complete(predicate):
        raise FormatError("a statement leaves no field out and writes none twice")
    return Statement(subject=subjects, predicate=predicate)


def _predicate_of(data: bytes, value: JSON) -> bytes:
    """Cut the predicate out of a statement's canonical bytes; both types are known words by now."""
    head = b'{"_type":"%s","predicate":' % value["_type"].encode()
    tail = b',"predicateType":"%s","subject":%s}' % (value["predicateType"].encode(), encode(value["subject"]))
    return data[len(head) : -len(tail)]
