"""Tenants and blueprints -> findings.

Rules kept: a mistake of a blueprint is found once, in the blueprint, however many tenants have it; what refers to
nothing has been found before.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from compiler.diagnostics import codes
from compiler.diagnostics.model import Diagnostics, Label, Span
from compiler.diagnostics.suggest import did_you_mean, nearest, one_of
from compiler.domains.domain import Model, Resource
from compiler.domains.governance.kinds import AgentSpec
from compiler.domains.repeated import repeated
from compiler.domains.targets.kinds import TargetSpec
from compiler.domains.tenants.kinds import (
    Alert,
    BlueprintSpec,
    DatabaseOverrides,
    PrivilegesOverrides,
    TenantSpec,
)
from compiler.domains.tenants.promql import unbalanced
from compiler.domains.tenants.templates import PLACEHOLDER, PLACEHOLDERS, password_of
from compiler.nodes import Pointer, Scalar

VARIABLES = "CONDUCTOR_TENANT_"
SYSTEM = ("/proc/", "/sys/", "/dev/")
MAX_NAME = 40
"""PostgreSQL cuts names at 63 bytes and Grafana's uid ends at 40."""


def check(model: Model, diagnostics: Diagnostics) -> None:
    """Add what is wrong with tenants and blueprints."""
    blueprints = model.all(BlueprintSpec)
    for blueprint in blueprints.values():
        _overridable(blueprint, diagnostics)
        _alerts(blueprint, diagnostics)
        _placeholders(blueprint, diagnostics)
        _balanced(blueprint, diagnostics)
    tenants = model.all(TenantSpec)
    for tenant in tenants.values():
        _name(tenant, diagnostics)
        _held(tenant, diagnostics)
        if tenant.spec.overrides is not None:
            _overrides(tenant, blueprints[tenant.spec.blueprint], diagnostics)
    _passwords(tenants, diagnostics)
    _of_tenants(model, tenants, diagnostics)
    if model.whole("Target"):
        _regions(model, diagnostics)
        _archives(model, diagnostics)


def _archives(model: Model, diagnostics: Diagnostics) -> None:
    """Whoever is deprovisioned is archived first."""
    for tenant in model.all(TenantSpec).values():
        if tenant.spec.state != "deprovisioned":
            continue
        region = tenant.spec.region or model.all(BlueprintSpec)[tenant.spec.blueprint].spec.region
        for target in model.all(TargetSpec).values():
            if target.spec.type == "postgres" and target.spec.region == region and target.spec.archive is None:
                diagnostics.add(
                    codes.NO_ARCHIVE,
                    f"tenant `{tenant.name}` is deprovisioned, and its target `{target.name}` has no archive",
                    tenant.span("state"),
                    Label(target.key_span("type"), "nothing here says where its data is kept, and for whom"),
                    help=f"add `archive: {{folder: file:/…, recipients: [age1…]}}` in {target.document.path}",
                )


def _held(tenant: Resource[TenantSpec], diagnostics: Diagnostics) -> None:
    """What one file says against itself needs no ledger: no approval lets it pass."""
    if tenant.spec.state == "deprovisioned" and tenant.spec.legal_hold:
        diagnostics.add(
            codes.HELD_AND_ENDED,
            f"tenant `{tenant.name}` is deprovisioned, and its data is under a legal hold",
            tenant.span("state"),
            Label(tenant.span("legal_hold"), "while this stands nothing of it is deleted, whoever approves"),
            help="leave it `suspended`; or, once nobody needs the data any more, lift the hold in a change of its own",
        )


def _name(tenant: Resource[TenantSpec], diagnostics: Diagnostics) -> None:
    if not 2 <= len(tenant.name) <= MAX_NAME:
        diagnostics.add(
            codes.TENANT_NAME,
            f"a tenant's name has 2 to {MAX_NAME} characters, this one {len(tenant.name)}",
            tenant.name_span,
            help="choose one of that length: its schema, roles, dashboard and alerts are named after it",
        )


def _passwords(tenants: Mapping[str, Resource[TenantSpec]], diagnostics: Diagnostics) -> None:
    """No reference to a password serves two tenants, whether it is written or is where one is found by default."""
    written = {
        name: item.spec.database.password
        for name, item in tenants.items()
        if item.spec.database is not None and item.spec.database.password is not None
    }
    if not written:
        return
    first = {password_of(name): item for name, item in tenants.items() if name not in written}
    for name, reference in written.items():
        tenant = tenants[name]
        other = first.setdefault(reference, tenant)
        if other is not tenant:
            diagnostics.add(
                codes.SHARED_PASSWORD,
                f"tenant `{tenant.name}` has the password of another tenant",
                Label(tenant.span("database", "password")),
                Label(other.span("database", "password"), "first here")
                if other.name in written
                else Label(other.name_span, "this tenant's is found there, as it names none"),
                help="leave it out: each tenant's password is found in a place of its own",
            )


def _of_tenants(model: Model, tenants: Mapping[str, Resource[TenantSpec]], diagnostics: Diagnostics) -> None:
    """A tenant's password lies where passwords of tenants do: whoever may alter a tenant chooses nothing else to read,
    and what the reference names is kept beside the role as what it logs in with."""
    kept = {_place(agent.spec.ledger_head): agent.span("ledger_head") for agent in model.all(AgentSpec).values()}
    kept |= {_place(target.spec.dsn): target.span("dsn") for target in model.all(TargetSpec).values()}
    for tenant in tenants.values():
        database = tenant.spec.database
        if database is None or database.password is None:
            continue
        kind, _, name = database.password.partition(":")
        other = kept.get(_place(database.password))
        if other is not None:
            why = "lies where the agent finds something of its own"
        elif kind == "env" and not name.startswith(VARIABLES):
            why = f"is a variable of no tenant: theirs begin with {VARIABLES}"
        elif kind == "file" and posixpath.normpath(posixpath.join("/", name)).startswith(SYSTEM):
            why = "is a file of the system"
        else:
            continue
        diagnostics.add(
            codes.FOREIGN_SECRET,
            f"the password of tenant `{tenant.name}` {why}",
            Label(tenant.span("database", "password")),
            *([] if other is None else [Label(other, "this is found there")]),
            help="leave it out: each tenant's password is found in a place of its own",
        )


def _place(reference: str) -> str:
    """One spelling for each place."""
    kind, _, name = reference.partition(":")
    return reference if kind == "env" else f"file:{posixpath.normpath(name)}"


def _paths(blueprint: BlueprintSpec) -> frozenset[str]:
    """Every path that may be overridden at all."""
    return frozenset(
        [f"database.{name}" for name in DatabaseOverrides.model_fields]
        + [f"privileges.{name}" for name in PrivilegesOverrides.model_fields]
        + [f"alerts.{alert.name}" for alert in blueprint.alerts if alert.threshold is not None]
    )


def _overridable(blueprint: Resource[BlueprintSpec], diagnostics: Diagnostics) -> None:
    known = _paths(blueprint.spec)
    for index, path in enumerate(blueprint.spec.overridable):
        if path not in known:
            diagnostics.add(
                codes.UNKNOWN_OVERRIDABLE,
                f"`{path}` is nothing that a tenant could override",
                blueprint.span("overridable", index),
                help=did_you_mean(path, known, f"one of {one_of(known)}"),
            )


def _overrides(tenant: Resource[TenantSpec], blueprint: Resource[BlueprintSpec], diagnostics: Diagnostics) -> None:
    allowed = frozenset(blueprint.spec.overridable)
    exist = _paths(blueprint.spec)
    for place in _overridden(tenant.spec):
        path = ".".join(place)
        if path in allowed:
            continue
        near = nearest(path, allowed) if path not in exist else None
        label = "these are" if allowed else "nothing is"
        diagnostics.add(
            codes.OVERRIDE_NOT_ALLOWED,
            f"blueprint `{blueprint.name}` does not allow `{path}` to be overridden",
            tenant.key_span("overrides", *place),
            Label(blueprint.key_span("overridable"), f"{label} overridable"),
            help=f"did you mean `{near}`?"
            if near
            else f"leave it out, or add `{path}` to `overridable` in {blueprint.document.path}"
            if path in exist
            else f"leave it out: the blueprint has no `{path}`",
        )


def _overridden(tenant: TenantSpec) -> Iterator[tuple[str, str]]:
    overrides = tenant.overrides
    if overrides is None:
        return
    for group, values in (("database", overrides.database), ("privileges", overrides.privileges)):
        if values is not None:
            yield from ((group, name) for name, value in values if value is not None)
    for name in overrides.alerts or ():
        yield "alerts", name


def _alerts(blueprint: Resource[BlueprintSpec], diagnostics: Diagnostics) -> None:
    alerts = blueprint.spec.alerts
    for again, first in repeated(alert.name for alert in alerts):
        diagnostics.twice(
            codes.DUPLICATE_ALERT,
            f"alert `{alerts[again].name}` is declared twice",
            again=blueprint.span("alerts", again, "name"),
            first=blueprint.span("alerts", first, "name"),
            help="give it a name of its own, or remove one",
        )
    for index, alert in enumerate(alerts):
        _threshold(blueprint, index, alert, diagnostics)


def _threshold(blueprint: Resource[BlueprintSpec], index: int, alert: Alert, diagnostics: Diagnostics) -> None:
    used = "${threshold}" in alert.expr
    if used and alert.threshold is None:
        diagnostics.add(
            codes.THRESHOLD,
            f"alert `{alert.name}` compares with a threshold that it does not have",
            blueprint.span("alerts", index, "expr"),
            help="add `threshold: 0.05`, or write the number in the expression",
        )
    elif not used and alert.threshold is not None:
        diagnostics.add(
            codes.THRESHOLD,
            f"alert `{alert.name}` has a threshold that its expression does not use",
            Label(blueprint.span("alerts", index, "threshold")),
            Label(blueprint.span("alerts", index, "expr"), "`${threshold}` is not in here"),
            help="compare with `${threshold}` in the expression, or remove it",
        )


def _placeholders(blueprint: Resource[BlueprintSpec], diagnostics: Diagnostics) -> None:
    for place, text, known in _texts(blueprint.spec):
        for name in dict.fromkeys(PLACEHOLDER.findall(text)):
            # names with two underscores are Grafana's own variables
            if name not in known and not name.startswith("__"):
                diagnostics.add(
                    codes.UNKNOWN_PLACEHOLDER,
                    f"nothing fills in `${{{name}}}`",
                    blueprint.span(*place),
                    help=did_you_mean(name, known, f"one of {one_of(known)}"),
                )


def _balanced(blueprint: Resource[BlueprintSpec], diagnostics: Diagnostics) -> None:
    for place, text, _ in _texts(blueprint.spec):
        problem = unbalanced(PLACEHOLDER.sub("0", text)) if place[-1] == "expr" else None
        if problem is not None:
            diagnostics.add(
                codes.UNBALANCED_EXPRESSION,
                f"an expression is not whole: {problem}",
                blueprint.span(*place),
                help="Prometheus would refuse it, and with it every rule of the file",
            )


def _texts(blueprint: BlueprintSpec) -> Iterator[tuple[Pointer, str, tuple[str, ...]]]:
    for index, panel in enumerate(blueprint.dashboard):
        yield ("dashboard", index, "title"), panel.title, PLACEHOLDERS
        yield ("dashboard", index, "unit"), panel.unit, PLACEHOLDERS
        yield ("dashboard", index, "expr"), panel.expr, PLACEHOLDERS
    for index, alert in enumerate(blueprint.alerts):
        yield ("alerts", index, "expr"), alert.expr, (*PLACEHOLDERS, "threshold")
        yield ("alerts", index, "summary"), alert.summary, (*PLACEHOLDERS, "threshold")


def _regions(model: Model, diagnostics: Diagnostics) -> None:
    """Every region that a tenant uses has a postgres target; that it has no second one is the targets' rule."""
    postgres = [item for item in model.all(TargetSpec).values() if item.spec.type == "postgres"]
    targets = {item.spec.region: item for item in postgres}
    if len(targets) < len(postgres):
        return  # two say the same region, which is their finding (MC0502), and one of them may mean another
    used: dict[str, list[Callable[[], Span]]] = {}
    for region, place in _places(model):
        used.setdefault(region, []).append(place)
    for region, places in used.items():
        if region in targets:
            continue
        spans = [place() for place in places]
        near = nearest(region, targets)
        target = targets[near] if near else None
        help_ = f"did you mean `{near}`?" if near else "declare a Target of type postgres for it in spec/targets/"
        if target is not None and target.spec.region not in used and len(spans) > 1:
            # several say the same, and nobody what the target says: the target is what is misspelt
            diagnostics.add(
                codes.REGION_WITHOUT_TARGET,
                f"no tenant lives in region `{near}`, and no postgres target stands in `{region}`",
                Label(target.span("region")),
                *(Label(span, "this is to live in it") for span in spans[:2]),
                help=f"did you mean `{region}`?",
            )
            continue
        for span in spans:
            diagnostics.add(
                codes.REGION_WITHOUT_TARGET,
                f"no postgres target stands in region `{region}`",
                Label(span, "tenants are to live here"),
                *([Label(target.span("region"), "this one is near")] if target else []),
                help=help_,
            )


def _places(model: Model) -> Iterator[tuple[str, Callable[[], Span]]]:
    """Where a region that is used is written: in a tenant, or once in the blueprint of those that leave it out. No node
    is read for it before somebody asks where that is."""
    blueprints, inherited = model.all(BlueprintSpec), set[str]()
    for tenant in model.all(TenantSpec).values():
        if tenant.spec.region is None:
            inherited.add(tenant.spec.blueprint)
        else:
            yield tenant.spec.region, partial(tenant.span, "region")
    for name in sorted(inherited):
        yield blueprints[name].spec.region, partial(blueprints[name].span, "region")
    for kind, document in model.left_out:
        region = document.node(("spec", "region")) if kind == "Tenant" else None
        if isinstance(region, Scalar) and isinstance(region.value, str):
            yield region.value, partial(document.span, ("spec", "region"))
