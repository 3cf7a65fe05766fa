"""Tenants: who uses the platform, and the blueprints that say what they get."""

from compiler.domains.domain import Domain
from compiler.domains.tenants.kinds import BLUEPRINT, TENANT
from compiler.domains.tenants.render import policy_input, render
from compiler.domains.tenants.rules import check

DOMAIN = Domain("tenants", (TENANT, BLUEPRINT), check, render, policy_input)
