"""What a finding is: a code, a headline that stands alone, one primary span, spans on the other party, a help line.

In the manner of rustc and ruff (plan, section 4): lower case, no full stop, never two findings for one mistake.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple


class Severity(StrEnum):
    """Errors end a command with 1, warnings do not."""

    ERROR = "error"
    WARNING = "warning"


class Span(NamedTuple):
    """A range of characters in a file: lines and columns count from 1, the end column is exclusive."""

    path: str
    line: int
    column: int
    end_line: int
    end_column: int


class Label(NamedTuple):
    """A span, and what is to be said at it (may be empty)."""

    span: Span
    text: str = ""

    def below(self, folder: str) -> Label:
        """Return the same with a path that begins where `folder` does."""
        return Label(self.span._replace(path=folder + self.span.path), self.text)


@dataclass(frozen=True)
class Code:
    """One kind of finding: `id` never changes its meaning and is never used again."""

    id: str
    name: str
    summary: str
    severity: Severity = Severity.ERROR
    secret: bool = False
    """Whether what stands at the primary span must not be shown."""


@dataclass(frozen=True)
class Diagnostic:
    """One finding."""

    code: Code
    message: str
    primary: Label
    secondary: tuple[Label, ...] = ()
    help: str | None = None

    @property
    def severity(self) -> Severity:
        """The code's."""
        return self.code.severity


@dataclass
class Diagnostics:
    """The sink all stages write to. Iterating gives the findings sorted by path, line, column and code."""

    _found: list[Diagnostic] = field(default_factory=list)

    def add(
        self,
        code: Code,
        message: str,
        at: Label | Span,
        *others: Label,
        help: str | None = None,  # noqa: A002 -- see below
    ) -> None:
        """Add a finding; `help` is the exact text to type, or the sentence that says what to do."""
        primary = at if isinstance(at, Label) else Label(at)
        self._found.append(Diagnostic(code, message, primary, others, help))

    def twice(self, code: Code, message: str, *, again: Span, first: Span, help: str) -> None:  # noqa: A002 -- see below
        """Add the finding that something stands a second time."""
        self.add(code, message, Label(again, "again here"), Label(first, "first here"), help=help)

    def extend(self, found: Iterable[Diagnostic]) -> None:
        """Add findings that were made elsewhere."""
        self._found.extend(found)

    def below(self, folder: str) -> Diagnostics:
        """Return the same with paths that begin where `folder` ("platform/", or "") does."""
        return Diagnostics(
            [
                replace(
                    item,
                    primary=item.primary.below(folder),
                    secondary=tuple(label.below(folder) for label in item.secondary),
                )
                for item in self._found
            ]
        )

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(sorted(self._found, key=lambda item: (item.primary.span, item.code.id, item.message)))

    def __len__(self) -> int:
        return len(self._found)

    @property
    def failed(self) -> bool:
        """Whether an error is among them."""
        return any(item.severity is Severity.ERROR for item in self._found)
