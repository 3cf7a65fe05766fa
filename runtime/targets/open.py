"""Target's configuration -> target, not yet entered. The one place that knows which type is which class."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping

from runtime.contract.errors import EnvironmentFailedError
from runtime.targets.config import TargetConfig
from runtime.targets.interface import Target, still
from runtime.targets.postgres.control import ControlDatabase
from runtime.targets.postgres.target import PostgresTarget
from runtime.targets.release import Files, ReleaseTarget
from runtime.targets.secrets import Resolve, resolve


def _random() -> str:
    return secrets.token_hex(16)


def _no_files() -> Mapping[str, bytes]:
    raise EnvironmentFailedError("this command has no release at hand to write")


def open_target(
    config: TargetConfig,
    *,
    repository: str,
    files: Files = _no_files,
    application_name: str = "conductor",
    secret: Resolve = resolve,
    new_id: Callable[[], str] = _random,
    anyone: bool = False,
    moved: Callable[[], None] = still,
) -> Target:
    """Make the target that a configuration describes. Entering it connects, and refuses another identity.

    `repository` is the repository's id, which ownership marks carry; `files` gives the files of a release when one is
    written; `new_id` the identity of a new release folder, and passwords that are meant to be wrong. `anyone`: only to
    look, so that whoever answers may answer, and says its identity. `moved` is told of each piece of what takes long.
    """
    expected = None if anyone else config.identity
    match config.type:
        case "postgres":
            return PostgresTarget(
                config.name,
                dsn=config.dsn,
                expected=expected,
                repository=repository,
                resolve=secret,
                nonce=new_id,
                application_name=application_name,
                archive=config.archive,
                moved=moved,
            )
        case "release":
            return ReleaseTarget(
                config.name,
                folder=config.dsn,
                expected=expected,
                repository=repository,
                files=files,
                resolve=secret,
                new_id=new_id,
            )


def open_control(
    config: TargetConfig, *, application_name: str = "conductor", secret: Resolve = resolve
) -> ControlDatabase:
    """Make the control database that a configuration describes, not yet entered."""
    return ControlDatabase(
        config.name, dsn=config.dsn, expected=config.identity, resolve=secret, application_name=application_name
    )
