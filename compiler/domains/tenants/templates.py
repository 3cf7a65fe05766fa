"""Blueprint -> canonical bytes with placeholders, which each of its tenants fills in: dashboard, alerts, objects.

Ten thousand tenants differ in little more than their names, so a template is encoded once and filled in bytewise.
Rules kept: what fills a placeholder has only characters that JSON carries as they are (`Fill`), and no key and no
order in a template depends on it, so a filled template is canonical.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from compiler.domains.tenants.kinds import Alert, Database, Panel, Privileges
from runtime.contract.canonical import JSON, encode
from runtime.contract.objects import ABSENCE, ARCHIVE, Object, ObjectId, encode_objects

PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")
PLACEHOLDERS = ("tenant", "schema", "region", "budget", "currency", "connection_limit")
"""What an expression of a panel or alert may name as `${…}`; an alert's also `threshold`."""

_PANEL_WIDTH, _PANEL_HEIGHT, _PANELS_A_ROW = 12, 8, 2
PROOF_WAVE = 10
"""After the release, which no longer speaks of the tenant."""
_SETTINGS = tuple(name for name in Database.model_fields if name != "connection_limit")


@dataclass(frozen=True, slots=True)
class Fill:
    """What one tenant puts in the placeholders' places: names, numbers and references, never free text."""

    tenant: str
    region: str
    budget: str
    currency: str
    connection_limit: int
    password: str

    def into(self, template: bytes) -> bytes:
        """Fill a template in."""
        for name, value in (
            (b"${tenant}", self.tenant),
            (b"${schema}", schema_of(self.tenant)),
            (b"${region}", self.region),
            (b"${budget}", self.budget),
            (b"${currency}", self.currency),
            (b"${connection_limit}", str(self.connection_limit)),
            (b"${password}", self.password),
        ):
            template = template.replace(name, value.encode())
        return template


def schema_of(tenant: str) -> str:
    """The tenant's PostgreSQL schema; its roles are `<schema>_owner` and `<schema>_app`."""
    return "t_" + tenant.replace("-", "_")


def password_of(tenant: str) -> str:
    """Where the application role's password is found unless the tenant says otherwise."""
    return f"env:CONDUCTOR_TENANT_{tenant.replace('-', '_').upper()}_PASSWORD"


def dashboard(blueprint: str, panels: Iterable[Panel]) -> bytes:
    """Return the template of a Grafana dashboard (https://grafana.com/docs/grafana/latest/ "JSON model")."""
    return encode(
        {
            "uid": "${tenant}",
            "title": "Tenant ${tenant}",
            "tags": ["conductor", "tenant", blueprint],
            "timezone": "utc",
            "editable": False,
            "refresh": "1m",
            "schemaVersion": 39,
            "time": {"from": "now-24h", "to": "now"},
            "templating": {"list": [{"name": "datasource", "type": "datasource", "query": "prometheus"}]},
            "panels": [_panel(index, panel) for index, panel in enumerate(panels)],
        }
    )


def _panel(index: int, panel: Panel) -> JSON:
    row, column = divmod(index, _PANELS_A_ROW)
    return {
        "id": index + 1,
        "type": panel.kind,
        "title": panel.title,
        "gridPos": {
            "x": column * _PANEL_WIDTH,
            "y": row * _PANEL_HEIGHT,
            "w": _PANEL_WIDTH,
            "h": _PANEL_HEIGHT,
        },
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "targets": [{"refId": "A", "expr": panel.expr}],
    }


def alerts(blueprint: str, rules: Iterable[Alert], thresholds: Mapping[str, str]) -> bytes:
    """Return the template of a Prometheus rule file with one group."""
    return encode(
        {
            "groups": [
                {
                    "name": "tenant-${tenant}",
                    "rules": [
                        {
                            "alert": rule.name,
                            "expr": _compared(rule.expr, rule, thresholds),
                            "for": rule.period,
                            "labels": {
                                "severity": rule.severity,
                                "tenant": "${tenant}",
                                "region": "${region}",
                                "blueprint": blueprint,
                            },
                            "annotations": {"summary": _compared(rule.summary, rule, thresholds)},
                        }
                        for rule in rules
                    ],
                }
            ]
        }
    )


def _compared(text: str, rule: Alert, thresholds: Mapping[str, str]) -> str:
    return text.replace("${threshold}", thresholds.get(rule.name, ""))


def objects(target: str, state: str, database: Database, privileges: Privileges, *, adopt: bool) -> bytes:
    """Return the template of the tenant's PostgreSQL objects: two roles, a schema, and who may do what in it."""
    owner, app = "${schema}_owner", "${schema}_app"

    def item(kind: str, name: str, wave: int, attributes: Mapping[str, JSON]) -> Object:
        return Object(ObjectId(target, kind, name), attributes, wave, "${tenant}", adopt)

    return encode_objects(
        [
            item("role", owner, 1, {"login": False}),
            item(
                "role",
                app,
                1,
                {
                    "login": state == "active",
                    "connection_limit": database.connection_limit,
                    "password": "${password}",
                    "settings": {name: getattr(database, name) for name in _SETTINGS},
                },
            ),
            item("schema", "${schema}", 2, {"owner": owner}),
            item(
                "grants",
                "${schema}",
                3,
                {
                    "owner": owner,
                    "role": app,
                    "tables": sorted(set(privileges.tables)),
                    "sequences": sorted(set(privileges.sequences)),
                    "functions": sorted(set(privileges.functions)),
                },
            ),
        ]
    )


def ended(target: str, releases: Iterable[str]) -> bytes:
    """Return the template of what is left of a deprovisioned tenant: its archive, and the proof that it is gone."""
    names: Mapping[str, JSON] = {"owner": "${schema}_owner", "role": "${schema}_app"}
    return encode_objects(
        [
            Object(ObjectId(target, ARCHIVE, "${schema}"), names, 1, "${tenant}"),
            Object(ObjectId(target, ABSENCE, "${schema}"), names, PROOF_WAVE, "${tenant}"),
            *(Object(ObjectId(name, ABSENCE, "${tenant}"), {}, PROOF_WAVE, "${tenant}") for name in releases),
        ]
    )
