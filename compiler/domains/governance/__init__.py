"""Governance: people, agents, their keys, approval rules and the pinned release."""

from compiler.domains.domain import Domain
from compiler.domains.governance.kinds import AGENT, APPROVAL_POLICY, COMPILER, GRANT, KEY_PROOF, PERSON
from compiler.domains.governance.render import policy_input, render
from compiler.domains.governance.rules import check

DOMAIN = Domain("governance", (PERSON, GRANT, AGENT, KEY_PROOF, APPROVAL_POLICY, COMPILER), check, render, policy_input)
