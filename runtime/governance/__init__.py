"""People, roles, rules, approvals -> verdict. Pure: no I/O, no clock, no git."""
