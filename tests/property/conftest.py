"""Fixtures of real servers."""

from tests.services.fixtures_postgres import dsn, postgres

__all__ = ["dsn", "postgres"]
