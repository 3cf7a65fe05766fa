"""Operations -> findings: none yet, its types say all that can be wrong with it."""

from __future__ import annotations

from compiler.diagnostics.model import Diagnostics
from compiler.domains.domain import Model


def check(model: Model, diagnostics: Diagnostics) -> None:
    """Add nothing."""
    del model, diagnostics
