"""What the runtime is given to compile with: the runtime never imports the compiler.

`Compile` maps a commit id to a `Compiled`. Implementation: `compiler.driver`; in the composition root, the CLI.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from runtime.contract.change import Snapshot


@dataclass(frozen=True)
class Compiled:
    """A commit's inputs (path -> SHA-256 of the raw blob) and bundle (path -> bytes), or why it has none.

    `errors` are one-line findings `path:line:column: error[MC0012]: …`; with any, `bundle` is empty and there is no
    manifest. `unanswered` says where one of them is only that this machine could not ask the policy.
    """

    inputs: Mapping[str, str]
    bundle: Mapping[str, bytes]
    errors: tuple[str, ...] = ()
    unanswered: str | None = None

    @cached_property
    def snapshot(self) -> Snapshot | None:
        """The manifest with contents; None if the inputs do not compile."""
        return None if self.errors else Snapshot.of(self.inputs, self.bundle)


Compile: TypeAlias = Callable[[str], Compiled]
"""Commit id -> Compiled."""
