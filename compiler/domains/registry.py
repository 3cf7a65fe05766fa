"""The list of domains. A new one is added here, and nowhere else in the compiler (docs/adding-a-domain.md)."""

from __future__ import annotations

from compiler.domains import (
    flags,
    governance,
    resilience,
    targets,
    tenants,
)
from compiler.domains.domain import Domain, Kind

ALL: tuple[Domain, ...] = (
    tenants.DOMAIN,
    flags.DOMAIN,
    targets.DOMAIN,
    resilience.DOMAIN,
    governance.DOMAIN,
)
KINDS: tuple[Kind, ...] = tuple(kind for domain in ALL for kind in domain.kinds)

__all__ = ["ALL", "KINDS"]
