"""Plain YAML scalars: the core schema of YAML 1.2, and quotes asked for where YAML 1.1 reads otherwise."""

from __future__ import annotations

import pytest
import yaml

from compiler.scalars import Trouble, resolve_plain


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("", None), ("~", None), ("null", None), ("Null", None), ("NULL", None), ("nUll", "nUll")),
        *(("true", True), ("TRUE", True), ("False", False), ("tRue", "tRue")),
        *(("0", 0), ("-1", -1), ("+12", 12), ("0x1F", 31), ("9007199254740991", 2**53 - 1)),
        *((".5", 0.5), ("1.", 1.0), ("1.50", 1.5), ("-1e3", -1000.0), ("1E+2", 100.0), ("0.0", 0.0)),
        *(("2026-11-24", "2026-11-24"), ("v1", "v1"), ("-", "-"), ("+", "+"), (".", "."), ("-x", "-x")),
        *(("1.2.3", "1.2.3"), ("10.0.0.1", "10.0.0.1"), ("30s", "30s"), ("1:3x", "1:3x"), ("=", "=")),
        *(("yess", "yess"), ("No problem", "No problem"), ("0x", "0x"), ("0xg", "0xg")),
    ],
)
def test_core_scalars_have_their_value(text: str, value: object) -> None:
    found = resolve_plain(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        *("yes", "Yes", "YES", "no", "No", "NO", "on", "On", "ON", "off", "Off", "OFF", "y", "Y", "n", "N"),
        *("012", "-012", "00", "007", "0o17", "0b101", "1_000", "0x_1F", "1:30", "-1:30:00", "190:20:30.15", "08"),
        *("1_000.5", "01.5"),
    ],
)
def test_what_versions_of_yaml_read_differently_needs_quotes(text: str) -> None:
    assert resolve_plain(text) is Trouble.AMBIGUOUS


@pytest.mark.parametrize(
    "text",
    [
        *("9007199254740992", "-9007199254740992", "1" * 5000, "0x" + "f" * 30, "1e400", "-1e400", "1e-400"),
        *(
            ".inf",
            "-.INF",
            ".NaN",
            "1e9999999999999999999999",
            "-1.5E-9999999999999999999999",
            "0e9999999999999999999999",
        ),
        *("1e" + "9" * 5000, "." + "0" * 5000 + "1e-" + "9" * 20),
    ],
)
def test_numbers_that_json_cannot_carry_have_no_value(text: str) -> None:
    assert resolve_plain(text) is Trouble.RANGE


@pytest.mark.parametrize("text", ["1" + "_" * 300_000 + "x", "." + "_" * 300_000 + "x", "1" + ":55" * 100_000 + "x"])
def test_a_text_of_any_length_is_read_at_once(text: str) -> None:
    # going back and forth in it takes a quarter of an hour
    assert resolve_plain(text) == text


def test_what_has_a_value_has_the_same_one_for_a_reader_of_yaml_1_1() -> None:
    # PyYAML reads YAML 1.1: wherever we give a value, it must not give another (dates, and floats without a dot, apart)
    pieces = ["0", "1", "9", "-", "+", ".", "e", "x", "o", "b", "_", ":", "a", "n"]
    texts = {a + b + c + d for a in pieces for b in ["", *pieces] for c in ["", *pieces] for d in ["", "0", "1"]}
    differing = []
    for text in texts:
        ours = resolve_plain(text)
        if isinstance(ours, Trouble):
            continue
        try:
            theirs = yaml.safe_load(f"[{text!s}]") if text[0] not in "-:" else yaml.safe_load(text)
        except (yaml.YAMLError, ValueError):
            continue
        if isinstance(theirs, list):
            theirs = theirs[0] if len(theirs) == 1 else text
        is_number = isinstance(theirs, int | float) or isinstance(ours, int)
        if is_number and not isinstance(ours, float) and (type(theirs), theirs) != (type(ours), ours):
            differing.append((text, ours, theirs))
    assert differing == []
