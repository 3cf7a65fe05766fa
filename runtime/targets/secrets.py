"""Reference -> secret: `env:NAME` from the environment, `file:PATH` from a file, one trailing newline left out.

Rules kept: a secret is read when it is needed and never stored; no message holds one.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from runtime.contract.errors import EnvironmentFailedError

Resolve: TypeAlias = Callable[[str], str]
"""Reference -> secret; raises EnvironmentFailedError without the value."""


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
