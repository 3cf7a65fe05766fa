"""Targets -> findings: one control database, one postgres target a region, no system twice."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from compiler.diagnostics import codes
from compiler.diagnostics.model import Code, Diagnostics, Label
from compiler.domains.domain import Model, Resource
from compiler.domains.targets.kinds import TargetSpec
from compiler.nodes import Scalar
from runtime.targets.config import NO_SYSTEM

_POSTGRES_IDENTITY = re.compile(r"[0-9]{1,20}/[A-Za-z_][A-Za-z0-9_-]{0,62}")
_RELEASE_IDENTITY = re.compile(r"[A-Za-z0-9._-]+")


def check(model: Model, diagnostics: Diagnostics) -> None:
    """Add what is wrong with targets."""
    targets = list(model.all(TargetSpec).values())
    postgres = [target for target in targets if target.spec.type == "postgres"]
    for target in targets:
        _identity(target, diagnostics)
        _is_database(target, diagnostics)
        _archive(target, diagnostics)
    if model.whole("Target") and all(_said(target, "control") for target in targets):
        _control(postgres, diagnostics)
    _once(postgres, "region", codes.REGION_TWICE, lambda item: item.spec.region, diagnostics)
    _once(targets, "identity", codes.SAME_SYSTEM, lambda item: item.spec.identity, diagnostics)
    _once(targets, "dsn", codes.SAME_SYSTEM, lambda item: item.spec.dsn, diagnostics)


def _said(target: Resource[TargetSpec], field: str) -> bool:
    """Whether a field is left out, or could be read: what could not has a finding of its own already."""
    node = target.document.node(("spec", field))
    return node is None or (isinstance(node, Scalar) and node.value == getattr(target.spec, field))


def _control(postgres: Sequence[Resource[TargetSpec]], diagnostics: Diagnostics) -> None:
    control = [target for target in postgres if target.spec.control]
    if postgres and not control:
        diagnostics.add(
            codes.CONTROL_TARGET,
            "no postgres target is the control database",
            Label(postgres[0].span("type"), "the agent's lock and the ledger's head lie in one of these"),
            help="add `control: true` to the one that holds the agent's lock and the ledger's head",
        )
    for other in control[1:]:
        diagnostics.twice(
            codes.CONTROL_TARGET,
            "two targets are the control database",
            again=other.span("control"),
            first=control[0].span("control"),
            help="remove `control: true` from one of them",
        )


def _is_database(target: Resource[TargetSpec], diagnostics: Diagnostics) -> None:
    if target.spec.control and target.spec.type != "postgres":
        diagnostics.add(
            codes.CONTROL_TARGET,
            f"a {target.spec.type} target cannot be the control database",
            target.span("control"),
            Label(target.span("type"), "it is no database"),
            help="remove `control: true`",
        )


def _archive(target: Resource[TargetSpec], diagnostics: Diagnostics) -> None:
    archive = target.spec.archive
    if archive is None:
        return
    if target.spec.type != "postgres":
        diagnostics.add(
            codes.ARCHIVE_OF_NOTHING,
            f"a {target.spec.type} target holds no tenant's data, so it archives none",
            target.key_span("archive"),
            Label(target.span("type"), "it is no database"),
            help="remove `archive`",
        )
    for index, recipient in enumerate(archive.recipients):
        if not _readable(recipient):
            diagnostics.add(
                codes.ARCHIVE_RECIPIENT,
                f"`{recipient}` is no age recipient: its checksum is wrong",
                target.span("archive", "recipients", index),
                help="copy it again from where `age-keygen` wrote it (`age-keygen -y FILE` prints it)",
            )


def _readable(recipient: str) -> bool:
    """Whether somebody could have the key that belongs to it."""
    from pyrage import RecipientError, x25519  # noqa: PLC0415 -- for the few targets that have one

    try:
        x25519.Recipient.from_str(recipient)
    except RecipientError:
        return False
    return True


def _identity(target: Resource[TargetSpec], diagnostics: Diagnostics) -> None:
    form = _POSTGRES_IDENTITY if target.spec.type == "postgres" else _RELEASE_IDENTITY
    if form.fullmatch(target.spec.identity) is None:
        wanted = (
            "`<system identifier>/<database>`, digits before the slash"
            if target.spec.type == "postgres"
            else "the id in the folder's `.conductor-target`, without a slash"
        )
        diagnostics.add(
            codes.TARGET_IDENTITY,
            f"the identity of a {target.spec.type} target is {wanted}",
            target.span("identity"),
            Label(target.span("type"), "because of this"),
            help="`conductor agent once --dry-run` prints the identity it finds",
        )
    elif target.spec.type == "postgres" and target.spec.identity.startswith(NO_SYSTEM):
        diagnostics.add(
            codes.NO_SYSTEM,
            f"target `{target.name}` has no identity yet (still a placeholder), so the agent refuses every database",
            target.span("identity"),
            help="`conductor doctor --targets` names the system that answers; its identity belongs here",
        )


def _once(
    targets: Sequence[Resource[TargetSpec]],
    field: str,
    code: Code,
    value: Callable[[Resource[TargetSpec]], str],
    diagnostics: Diagnostics,
) -> None:
    first: dict[str, Resource[TargetSpec]] = {}
    for target in targets:
        other = first.setdefault(value(target), target)
        if other is target:
            continue
        message = (
            f"region `{target.spec.region}` has two postgres targets, `{other.name}` and `{target.name}`"
            if code is codes.REGION_TWICE
            else f"targets `{other.name}` and `{target.name}` have one {field}"
        )
        diagnostics.twice(
            code,
            message,
            again=target.span(field),
            first=other.span(field),
            help="a tenant's region says where it lives: give this target a region of its own, or remove it"
            if code is codes.REGION_TWICE
            else "each target is a system of its own: change one, or remove it",
        )
