"""Tenants at run time."""
