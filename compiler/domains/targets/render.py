"""Target -> its configuration for the agent."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.domains.domain import Model, Resource, Spec
from compiler.domains.targets.kinds import TargetSpec
from compiler.domains.written import as_input
from runtime.contract.canonical import JSON
from runtime.targets.config import ArchiveConfig, TargetConfig


def render(resource: Resource[Spec], model: Model) -> Iterator[tuple[str, bytes]]:  # noqa: ARG001 -- a Domain's
    """Give the one file of a target."""
    target = resource.spec
    if isinstance(target, TargetSpec):
        config = TargetConfig(
            name=resource.name,
            type=target.type,
            region=target.region,
            dsn=target.dsn,
            identity=target.identity,
            drift=target.drift,
            max_delete_percent=target.max_delete_percent,
            control=target.control,
            archive=None
            if target.archive is None
            else ArchiveConfig(folder=target.archive.folder, recipients=tuple(sorted(set(target.archive.recipients)))),
        )
        yield f"config/targets/target/{resource.name}.json", config.data()


def policy_input(resource: Resource[Spec], model: Model) -> JSON:  # noqa: ARG001 -- a Domain's
    """Say what `conductor/deny` is told."""
    return as_input(resource, {})
