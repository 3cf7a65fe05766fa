"""Tenant -> the objects it is made of in PostgreSQL, as the compiler renders them: for tests that need no YAML."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from runtime.agent.diff import Diff, diff
from runtime.contract.errors import EnvironmentFailedError
from runtime.contract.objects import Action, Object, ObjectId, Operation
from runtime.targets.config import ArchiveConfig
from runtime.targets.interface import Target, still
from runtime.targets.postgres.dump import PgDump, found_pg_dump
from runtime.targets.postgres.target import PostgresTarget
from runtime.targets.secrets import Resolve

TARGET = "postgres-eu"
REPOSITORY = "5" * 32
SETTINGS = {"statement_timeout": "30s", "lock_timeout": "5s", "work_mem": "16MB"}


@dataclass(frozen=True)
class Tenant:
    """What a test says about a tenant."""

    name: str
    login: bool = True
    connection_limit: int = 5
    settings: tuple[tuple[str, str], ...] = tuple(SETTINGS.items())
    tables: tuple[str, ...] = ("SELECT", "INSERT", "UPDATE", "DELETE")
    sequences: tuple[str, ...] = ("USAGE", "SELECT")
    functions: tuple[str, ...] = ("EXECUTE",)
    adopt: bool = False

    @property
    def schema(self) -> str:
        return f"t_{self.name.replace('-', '_')}"

    @property
    def owner(self) -> str:
        return f"{self.schema}_owner"

    @property
    def app(self) -> str:
        return f"{self.schema}_app"

    @property
    def reference(self) -> str:
        return f"env:CONDUCTOR_TENANT_{self.name.replace('-', '_').upper()}_PASSWORD"

    @property
    def suspended(self) -> Tenant:
        return replace(self, login=False)

    @property
    def objects(self) -> tuple[Object, ...]:
        """Owner, application role, schema, grants."""
        app = {
            "login": self.login,
            "connection_limit": self.connection_limit,
            "password": self.reference,
            "settings": dict(self.settings),
        }
        grants = {
            "owner": self.owner,
            "role": self.app,
            "tables": list(self.tables),
            "sequences": list(self.sequences),
            "functions": list(self.functions),
        }
        return (
            self._object("role", self.owner, {"login": False}, 1),
            self._object("role", self.app, app, 1),
            self._object("schema", self.schema, {"owner": self.owner}, 2),
            self._object("grants", self.schema, grants, 3),
        )

    def object(self, kind: str) -> Object:
        """`owner`, `app`, `schema` or `grants`."""
        return self.objects[("owner", "app", "schema", "grants").index(kind)]

    def _object(self, kind: str, name: str, attributes: Mapping[str, Any], wave: int) -> Object:
        return Object(ObjectId(TARGET, kind, name), attributes, wave, self.name, self.adopt)


@dataclass
class Secrets:
    """References -> values; a test takes one away or changes it."""

    values: dict[str, str]

    @classmethod
    def of(cls, dsn: str, *tenants: Tenant) -> Secrets:
        """The DSN, and a random password for each tenant."""
        return cls({"env:DSN": dsn, **{tenant.reference: secrets.token_urlsafe(18) for tenant in tenants}})

    def __call__(self, reference: str) -> str:
        try:
            return self.values[reference]
        except KeyError:
            raise EnvironmentFailedError(f"{reference} is not set") from None


def target(
    secret: Resolve,
    *,
    expected: str | None = None,
    repository: str = REPOSITORY,
    archive: ArchiveConfig | None = None,
    pg_dump: Callable[[], PgDump | None] = found_pg_dump,
    moved: Callable[[], None] = still,
) -> PostgresTarget:
    """A target on the database of `env:DSN`, not yet entered."""
    return PostgresTarget(
        TARGET,
        dsn="env:DSN",
        expected=expected,
        repository=repository,
        resolve=secret,
        nonce=lambda: secrets.token_urlsafe(18),
        application_name="conductor test",
        archive=archive,
        pg_dump=pg_dump,
        moved=moved,
    )


def create(item: Object) -> Action:
    """The action that makes an object."""
    return Action(Operation.CREATE, item.id, None, item.attributes, item.wave, item.tenant, "genesis")


def delete(item: Object) -> Action:
    """The action that takes it away."""
    return Action(Operation.DELETE, item.id, item.attributes, None, item.wave, item.tenant, "genesis")


def compared(running: Target, tenants: tuple[Tenant, ...], *, former: tuple[Tenant, ...] = ()) -> Diff:
    """What is to be done, and what is held back; `former` are the tenants that were there before."""
    wanted = [item for tenant in tenants for item in tenant.objects]
    known = {item.id: item for tenant in former for item in tenant.objects}
    adopt = {item.id: item.attributes for item in wanted if item.adopt}
    observed = running.observe([item.id for item in wanted], adopt)
    return diff(wanted, observed, because=lambda _: "drift", former=known)


def lines(running: Target, tenants: tuple[Tenant, ...], *, former: tuple[Tenant, ...] = ()) -> tuple[Action, ...]:
    """What a dry run would print, where nothing is held back."""
    found = compared(running, tenants, former=former)
    assert not found.blocked
    return found.actions


def apply(
    running: Target, tenants: tuple[Tenant, ...], *, intent: int, former: tuple[Tenant, ...] = ()
) -> tuple[Action, ...]:
    """Do what a dry run prints; gives it."""
    actions = lines(running, tenants, former=former)
    for action in actions:
        running.perform(action, intent=intent)
    return actions
