"""Governance: people, agents, approval rules and the pinned release."""

from compiler.domains.domain import Domain
from compiler.domains.governance.kinds import AGENT, APPROVAL_POLICY, COMPILER, PERSON
from compiler.domains.governance.render import policy_input, render
from compiler.domains.governance.rules import check

DOMAIN = Domain("governance", (PERSON, AGENT, APPROVAL_POLICY, COMPILER), check, render, policy_input)
