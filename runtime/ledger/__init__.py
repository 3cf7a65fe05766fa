"""Append to the ledger, read it, verify it."""
