"""Targets: the running systems the agent observes and acts on."""

from compiler.domains.domain import Domain
from compiler.domains.targets.kinds import TARGET
from compiler.domains.targets.render import policy_input, render
from compiler.domains.targets.rules import check

DOMAIN = Domain("targets", (TARGET,), check, render, policy_input)
