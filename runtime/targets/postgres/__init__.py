"""PostgreSQL as a target: a tenant's roles, schema and grants, and the proof that a login works or does not."""
