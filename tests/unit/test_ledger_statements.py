"""Statements of the ledger are complete: what has a default is written all the same."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from runtime.contract import predicates
from runtime.contract.canonical import decode, encode
from runtime.contract.errors import FormatError
from runtime.contract.predicates import Approval, LedgerPosition, Outcome, Release, Result, VerdictDetail, Wire
from runtime.contract.statement import Statement, decode_statement, encode_statement, subject

POSITION = LedgerPosition(
    sequence=1,
    previous="e" * 64,
    time=datetime(2026, 11, 24, 8, tzinfo=UTC),
    agent="one",
    release=Release(version="1", sha256="f" * 64),
    main=None,
    turn="9" * 32,
    after_gap=False,
)
RESULT = Statement(
    subject=subject(intent="a" * 64),
    predicate=Result(ledger=POSITION, intent="a" * 64, outcomes=(Outcome(index=0, outcome="done"),)),
)


def test_a_result_reads_back() -> None:
    assert decode_statement(encode_statement(RESULT)) == RESULT


@pytest.mark.parametrize("field", ["message", "facts"])
def test_a_statement_that_leaves_a_default_out_is_refused(field: str) -> None:
    value = decode(encode_statement(RESULT))
    del value["predicate"]["outcomes"][0][field]
    with pytest.raises(FormatError, match="leaves no field out"):
        decode_statement(encode(value))


def test_only_those_models_have_defaults_whose_completeness_is_looked_at() -> None:
    models = [item for item in vars(predicates).values() if isinstance(item, type) and issubclass(item, Wire)]
    optional = {item for item in models if not all(field.is_required() for field in item.model_fields.values())}
    assert optional == {Approval, Outcome, VerdictDetail}
