"""Fixtures of real servers and of a repository with a history."""

from tests.services.desk import begun, desk
from tests.services.fixtures_platform import copy, original
from tests.services.fixtures_postgres import dsn, dsn18, postgres, postgres_servers
from tests.services.furnished_tenant import place
from tests.services.own_history import finished_apart, finished_history, own_copy, own_repository

__all__ = [
    "begun",
    "copy",
    "desk",
    "dsn",
    "dsn18",
    "finished_apart",
    "finished_history",
    "original",
    "own_copy",
    "own_repository",
    "place",
    "postgres",
    "postgres_servers",
]
