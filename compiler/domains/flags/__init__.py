"""Flags: switches of the product, each with an owner, a reason and an end."""

from compiler.domains.domain import Domain
from compiler.domains.flags.kinds import FLAG
from compiler.domains.flags.render import policy_input, render
from compiler.domains.flags.rules import check

DOMAIN = Domain("flags", (FLAG,), check, render, policy_input)
