"""Model -> findings."""

from __future__ import annotations

from compiler.diagnostics.model import Diagnostics
from compiler.domains.domain import Model


def check(model: Model, diagnostics: Diagnostics) -> None:
    """Add what is wrong."""
