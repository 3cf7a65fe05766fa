"""Resilience: how the platform's operators learn that something is not as it should be."""

from compiler.domains.domain import Domain
from compiler.domains.resilience.kinds import OPERATIONS
from compiler.domains.resilience.render import policy_input, render
from compiler.domains.resilience.rules import check

DOMAIN = Domain("resilience", (OPERATIONS,), check, render, policy_input)
