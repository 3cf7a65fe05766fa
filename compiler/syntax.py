"""Text that is not YAML -> where the mistake is, and what to type; part of the stage `parse`.

libyaml says where it could not go on. Rules kept: where the mistake itself can be told from the lines around that
place, the finding stands at the mistake; each is found once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from compiler.diagnostics import codes
from compiler.diagnostics.model import Code, Diagnostics, Label, Span

_CONFLICT = re.compile(r"<{7}(?: .*)?")
_CONFLICT_END = re.compile(r">{7}(?: .*)?")
_NO_SPACE = re.compile(r"(?P<before> *(?:- +)*)(?P<key>[A-Za-z_][A-Za-z0-9_-]*):(?P<value>[^\s:/\\].*)")
_ITEM = re.compile(r" *- +(?P<key>[A-Za-z_][A-Za-z0-9_-]*:(?: .*)?)")
_KEY = re.compile(r" *[A-Za-z_][A-Za-z0-9_-]*:(?: .*)?")


class Place(NamedTuple):
    """Line and column, from 1."""

    line: int
    column: int


class Stop(NamedTuple):
    """What libyaml says: what it did not like and where, and where that began, in what."""

    problem: str
    at: Place
    context: tuple[Place, str] | None


def conflicts(path: str, text: str, diagnostics: Diagnostics) -> bool:
    """Whether a merge left both of its sides in a file; adds a finding for each place where it did."""
    if "<<<<<<<" not in text:
        return False
    found = False
    begun: Span | None = None
    ends: list[Label] = []
    for number, line in enumerate([*text.split("\n"), "<<<<<<<"], start=1):
        whole = Span(path, number, 1, number, len(line) + 1)
        if _CONFLICT.fullmatch(line):
            if begun is not None:
                found = True
                diagnostics.add(
                    codes.MERGE_CONFLICT,
                    "a merge conflict is not resolved",
                    Label(begun, "from here"),
                    *ends[:1],
                    help="keep what is right of both sides, and delete the lines `<<<<<<<`, `=======` and `>>>>>>>`",
                )
            begun, ends = whole, []
        elif _CONFLICT_END.fullmatch(line):
            ends.append(Label(whole, "to here"))
    return found


def no_space(text: str) -> str | None:
    """Return a text as key and value, if only the space after its colon is missing."""
    match = _NO_SPACE.fullmatch(text)
    return None if match is None else f"{match['key']}: {match['value']}"


def syntax_error(path: str, lines: Sequence[str], stop: Stop, diagnostics: Diagnostics) -> None:
    """Say what is wrong, and where."""
    problem, at, context = stop
    missing = _missing_spaces(lines, stop)
    for number, match in missing:
        column = match.end("key") + 2
        _add(
            diagnostics,
            "not YAML: no space after `:`",
            Label(Span(path, number, column, number, len(lines[number - 1].rstrip()) + 1)),
            help_=f"{match['key']}: {match['value'].rstrip()}",
        )
    if missing:
        return
    item = None if context is None else _ITEM.fullmatch(_line(lines, context[0].line))
    if (
        problem == "did not find expected '-' indicator"
        and context is not None
        and item is not None
        and context[0].column == at.column
        and _KEY.fullmatch(_line(lines, at.line))
    ):
        _add(
            diagnostics,
            "not YAML: an item of a list stands among keys",
            Label(_point(path, context[0]), "this dash makes a list"),
            Label(_point(path, at), "and this is a key"),
            help_=f"delete the dash: {item['key'].rstrip()}",
        )
        return
    others = [] if context is None or context[0].line == at.line else [Label(_point(path, context[0]), context[1])]
    _add(diagnostics, f"not YAML: {problem}", Label(_point(path, at)), *others, help_=_ADVICE.get(problem))


def _missing_spaces(lines: Sequence[str], stop: Stop) -> list[tuple[int, re.Match[str]]]:
    """`key:value` without a space is a text that goes on over lines, until a colon stands where none may be."""
    if stop.problem == "could not find expected ':'" and stop.context is not None:
        last = stop.context[0].line
    elif stop.problem == "mapping values are not allowed in this context":
        last = stop.at.line - 1
    else:
        return []
    found: list[tuple[int, re.Match[str]]] = []
    while (match := _NO_SPACE.fullmatch(_line(lines, last))) is not None:
        found.append((last, match))
        last -= 1
    return found


def _line(lines: Sequence[str], number: int) -> str:
    return lines[number - 1] if 0 < number <= len(lines) else ""


def _point(path: str, place: Place) -> Span:
    return Span(path, place.line, place.column, place.line, place.column + 1)


def _add(diagnostics: Diagnostics, message: str, at: Label, *others: Label, help_: str | None) -> None:
    code: Code = codes.YAML_SYNTAX
    diagnostics.add(code, message, at, *others, help=help_)


_ADVICE = {
    "mapping values are not allowed in this context": "quote a value that holds `: `, or mend the indentation",
    "could not find expected ':'": "end the key with `:`",
    "did not find expected key": "line the key up with the others of its mapping",
    "did not find expected '-' indicator": "line the item up with the others of its list",
    "found character that cannot start any token": "quote a value that begins with `@`, `%` or a backquote",
    "found unexpected end of stream": "close the quotes",
    "did not find expected ',' or ']'": "close the list with `]`",
    "did not find expected ',' or '}'": "close the mapping with `}`",
}
