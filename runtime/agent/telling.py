"""Actions, outcomes and entries -> one line each, for a terminal and for logs: the same words in both."""

from __future__ import annotations

from runtime.contract.objects import Action
from runtime.ledger.append import Written
from runtime.ledger.story import because, headline


def action_line(action: Action) -> str:
    """`create pg-eu/role/t_acme_app (wave 1, acme, because of the genesis)`."""
    whose = f", {action.tenant}" if action.tenant else ""
    return f"{action.operation} {action.id} (wave {action.wave}{whose}, because of {because(action.because)})"


def entry_line(entry: Written) -> str:
    """`12 Take 3f2a…: change tenants/acme.yaml, approved by 2 statements`."""
    return f"{entry.tip.sequence} {headline(entry.statement, entry.brings)}"
