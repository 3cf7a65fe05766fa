"""Flags at run time."""
