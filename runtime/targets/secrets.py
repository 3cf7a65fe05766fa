"""Reference -> secret: `env:NAME` from the environment, `file:PATH` from a file, one trailing newline left out.

Rules kept: no message holds a secret, and nothing is written; one turn of the agent sees one value of each secret, so
that what is compared is what is set, though somebody replaces a file meanwhile; what a running system names is given
only if it is held, which is what the repository names: a system does not choose which file the agent opens; only files
are read, and no more of them than a secret has.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TypeAlias

from runtime.contract import regular
from runtime.contract.errors import EnvironmentFailedError

Resolve: TypeAlias = Callable[[str], str]
"""Reference -> secret; raises EnvironmentFailedError without the value."""

Check: TypeAlias = Callable[[str, str], str]
"""Secret, reference -> the secret; raises EnvironmentFailedError, without it, if it cannot be what it is for."""


MAX_BYTES = 64 * 1024


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
                value = _read(name).decode()
            except OSError as error:
                raise EnvironmentFailedError(
                    f"the secret file {name} cannot be read: {error.strerror}",
                    help=f"write {name} with mode 0600, or change the reference in YAML",
                ) from None
            except UnicodeDecodeError:
                raise EnvironmentFailedError(f"the secret file {name} is not UTF-8 text") from None
            value = value.removesuffix("\n").removesuffix("\r")
        case _:
            raise EnvironmentFailedError("write a secret's reference as env:NAME or file:PATH")
    if not value:
        raise EnvironmentFailedError(f"the secret {reference} is empty", help=f"give {reference} a value")
    return value


def _read(name: str) -> bytes:
    """The file's content. Nobody is waited for who would write into a pipe, and nothing is read that has no end."""
    try:
        data = regular.read(name, MAX_BYTES + 1, follow=True)
    except regular.OddFileError:
        raise EnvironmentFailedError(f"the secret file {name} is not a regular file") from None
    if len(data) > MAX_BYTES:
        raise EnvironmentFailedError(f"the secret file {name} has more than {MAX_BYTES} bytes, which no secret has")
    return data


class Secrets:
    """Secrets as one turn sees them: `hold` reads all that it needs at once, and what is held is given from then on."""

    def __init__(self, source: Resolve = resolve) -> None:
        self._source = source
        self._held: dict[str, str] = {}

    def __call__(self, reference: str) -> str:
        """Give a secret; one that is not held is read."""
        value = self._held.get(reference)
        return self._source(reference) if value is None else value

    def held(self, reference: str) -> str:
        """Give a secret that is held; raises EnvironmentFailedError for any other, without looking for it."""
        try:
            return self._held[reference]
        except KeyError:
            raise EnvironmentFailedError(f"no resource in the current configuration uses {reference}") from None

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


def known(source: Resolve) -> Resolve:
    """What to ask about a reference that a running system names."""
    return source.held if isinstance(source, Secrets) else source
