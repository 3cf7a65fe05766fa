"""Reference -> secret: `env:NAME` from the environment, `file:PATH` from a file, one trailing newline left out.

Rules kept: no message holds a secret, and nothing is written; one turn of the agent sees one value of each secret, so
that what is compared is what is set, though somebody replaces a file meanwhile.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeAlias

from runtime.contract.errors import EnvironmentFailedError

Resolve: TypeAlias = Callable[[str], str]
"""Reference -> secret; raises EnvironmentFailedError without the value."""

Check: TypeAlias = Callable[[str, str], str]
"""Secret, reference -> the secret; raises EnvironmentFailedError, without it, if it cannot be what it is for."""


def resolve(reference: str) -> str:
    """Read a secret; raises EnvironmentFailedError that says what is missing and where."""
    kind, _, name = reference.partition(":")
    match kind:
        case "env" if name:
            value = os.environ.get(name)
            if value is None:
                raise EnvironmentFailedError(
                    f"the environment variable {name} is not set", help=f"set {name}, or change the reference in YAML"
                )
        case "file" if name:
            try:
                value = Path(name).read_text(encoding="utf-8")
            except OSError as error:
                raise EnvironmentFailedError(
                    f"the secret file {name} cannot be read: {error.strerror}",
                    help=f"write {name} with mode 0600, or change the reference in YAML",
                ) from None
            except UnicodeDecodeError:
                raise EnvironmentFailedError(f"the secret file {name} is not UTF-8 text") from None
            value = value.removesuffix("\n").removesuffix("\r")
        case _:
            raise EnvironmentFailedError("a secret is referred to as env:NAME or file:PATH")
    if not value:
        raise EnvironmentFailedError(f"the secret {reference} is empty", help=f"give {reference} a value")
    return value


class Secrets:
    """Secrets as one turn sees them: `hold` reads all that it needs at once, and what is held is given from then on."""

    def __init__(self, source: Resolve = resolve) -> None:
        self._source = source
        self._held: dict[str, str] = {}

    def __call__(self, reference: str) -> str:
        """Give a secret; one that is not held is read."""
        value = self._held.get(reference)
        return self._source(reference) if value is None else value

    def forget(self) -> None:
        """Hold none."""
        self._held = {}

    def hold(self, wanted: Iterable[tuple[str, Check]]) -> tuple[EnvironmentFailedError, ...]:
        """Read these afresh, each with what is asked of its value; gives why some cannot be used, then holds none."""
        self.forget()
        held: dict[str, str] = {}
        problems: dict[str, EnvironmentFailedError] = {}
        for reference, check in wanted:
            try:
                held[reference] = check(held.get(reference) or self._source(reference), reference)
            except EnvironmentFailedError as error:
                problems.setdefault(reference, error)
        if not problems:
            self._held = held
        return tuple(problems.values())
