"""Fixtures of real servers."""

from tests.services.fixtures_postgres import dsn, dsn18, postgres, postgres_servers

__all__ = ["dsn", "dsn18", "postgres", "postgres_servers"]
