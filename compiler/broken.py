"""A main that does not compile, told to whoever comes after it: since when, and what is wrong with their change alone.

Rules kept: a mistake of main's is never held against a change that did not make it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from compiler.diagnostics.model import Diagnostic
from runtime.contract.canonical import JSON
from runtime.contract.plural import plural


@dataclass(frozen=True)
class Broken:
    """Main's head, the commit since which it does not compile, and the last one before that does (None: none did).

    `alone` is what is wrong with a change where it is made on that last one; None where it is part of what is wrong.
    """

    branch: str
    head: str
    since: str
    subject: str
    sound: str | None
    mended: bool = False
    alone: tuple[Diagnostic, ...] | None = None

    @property
    def fact(self) -> str:
        """Since when."""
        return f"{self.branch} ({self.head[:12]}) does not compile since {self.since[:12]} ({self.subject})"

    @property
    def sentence(self) -> str:
        """That, and what it means for the change at hand."""
        if self.mended:
            return f"{self.fact}: this change mends it"
        return f"{self.fact}: mend that first, or take it back"

    @property
    def verdict(self) -> str | None:
        """What is to be said of the change alone; None where nothing is."""
        if self.mended or self.alone is None:
            return None
        if not self.alone:
            return "This change alone compiles: nothing is wrong with it but what it stands on."
        return f"{plural(len(self.alone), 'mistake is', 'mistakes are')} this change's own:"

    def to_json(self) -> JSON:
        """As every plan has it under `broken`."""
        return {
            "branch": self.branch,
            "head": self.head,
            "since": self.since,
            "subject": self.subject,
            "mended": self.mended,
            "alone": None if self.alone is None else len(self.alone),
        }


def shared(found: Sequence[Diagnostic], main: Sequence[Diagnostic]) -> int:
    """How many findings main has as well, wherever they stand in their file there."""
    known = {(item.code.id, item.primary.span.path, item.message) for item in main}
    return sum((item.code.id, item.primary.span.path, item.message) in known for item in found)
