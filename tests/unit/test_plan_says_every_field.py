"""Every field of every kind is either grave, and a change of it alone is told before any table, or plain for a reason.

A new field fails the first test until somebody has decided which.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, get_args

import pytest
from pydantic import BaseModel

from compiler.domains.registry import ALL
from compiler.plan_text import as_text
from runtime.testing.small_tree import key_of
from tests.cases.flips_world import grant
from tests.cases.plan_world import AGENT, PlanWorld, base_files
from tests.unit.test_plan_access import EVE, eve
from tests.unit.test_plan_consequences import BLUEPRINT, READER, RULES, TARGET

FJORD, FLOE, OPERATIONS, GRANT = (
    "tenants/fjord.yaml",
    "tenants/floe.yaml",
    "spec/operations/conductor.yaml",
    "policies/grants/reading.yaml",
)
AGENT_FILE, ELSEWHERE = f"policies/agents/{AGENT}.yaml", "spec/targets/pg-us.yaml"
OTHER_READER = b"age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
DATABASE = ("connection_limit", "statement_timeout", "idle_in_transaction_session_timeout", "lock_timeout", "work_mem")
QUOTAS = ("graph_nodes", "graph_edges", "storage_gib", "queries_per_second", "ingest_rows_per_day")


class Grave(NamedTuple):
    """A change of one field, and what is said of it first."""

    path: str
    old: str
    new: str
    said: str


LABEL = "a name or a reason for readers: nothing is decided by it"
SHOWN = "what the platform does for tenants day by day, and the table of fields tells it"
PROOF = "it proves a key that the people's files give, and those are told"
WHOLE = "a part of an alert: the alert still tells somebody"

TENANT: dict[str, Grave | str] = {
    "blueprint": Grave(FLOE, "blueprint: standard", "blueprint: small", "can no longer INSERT"),
    "region": Grave(FJORD, "region: eu-central", "region: us-east", "would end fjord on pg-eu without an archive"),
    "state": Grave(FJORD, "state: active", "state: suspended", "locks out the application of fjord"),
    "budgets.monthly": Grave(FJORD, '"2500.00"', '"25000.00"', "fjord may cost 25000.00 EUR a month (was 2500.00 EUR)"),
    "budgets.currency": Grave(FJORD, "currency: EUR", "currency: USD", "fjord may cost 2500.00 USD a month"),
    **{
        f"quotas.{name}": Grave(FJORD, f"{name}: 500", f"{name}: 2", f"quota {name} of fjord is 2 (was 500)")
        for name in QUOTAS
    },
    "contacts.purpose": LABEL,
    "contacts.email": LABEL,
    "legal_hold": Grave(FJORD, "legal_hold: true", "legal_hold: false", "lifts the legal hold of fjord"),
    "retention_days": Grave(FJORD, "retention_days: 365", "retention_days: 40", "data of fjord is kept 40 days"),
    "database.password": Grave(FJORD, "FJORD_PASSWORD", "FJORD_OTHER", "the password of the application of fjord is"),
    "adopt": Grave(FJORD, "adopt: false", "adopt: true", "adopts fjord"),
    **{
        f"overrides.database.{name}": SHOWN
        if name == "work_mem"
        else Grave(FJORD, f"{name}: {old}", f"{name}: {new}", said)
        for name, old, new, said in (
            ("connection_limit", "40", "1", "the application of fjord may open 1 connection (was 40)"),
            ("statement_timeout", "30s", "10ms", "statements of the application of fjord end after 10 ms"),
            ("idle_in_transaction_session_timeout", "1min", "1s", "sessions of the application of fjord end after"),
            ("lock_timeout", "5s", "1s", "end after waiting for a lock for 1 s (was 5 s)"),
            ("work_mem", "16MB", "1MB", ""),
        )
    },
    "overrides.privileges.tables": Grave(FJORD, "INSERT, ", "TRUNCATE, ", "fjord can no longer INSERT"),
    "overrides.privileges.sequences": Grave(FJORD, "[USAGE]", "[USAGE, UPDATE]", "gives UPDATE on sequences to the"),
    "overrides.privileges.functions": Grave(FJORD, "[EXECUTE]", "[]", "takes EXECUTE on functions from the"),
    "overrides.alerts": WHOLE,
}

OF_BLUEPRINT: dict[str, Grave | str] = {
    "region": Grave(BLUEPRINT, "region: eu-central", "region: us-east", "would end acme-retail, floe on pg-eu"),
    "budgets.monthly": Grave(BLUEPRINT, '"2500.00"', '"25000.00"', "acme-retail, floe may cost 25000.00 EUR a month"),
    "budgets.currency": Grave(BLUEPRINT, "currency: EUR", "currency: USD", "floe may cost 2500.00 USD a month"),
    **{
        f"quotas.{name}": Grave(BLUEPRINT, f"{name}: ", f"{name}: 1 #", f"quota {name} of acme-retail, floe is 1 (was")
        for name in QUOTAS
    },
    "contacts.purpose": LABEL,
    "contacts.email": LABEL,
    "retention_days": Grave(BLUEPRINT, " retention_days: 365", " retention_days: 40", "floe is kept 40 days"),
    "legal_hold": Grave(
        BLUEPRINT, "legal_hold: true", "legal_hold: false", "lifts the legal hold of acme-retail, floe"
    ),
    "database.connection_limit": Grave(BLUEPRINT, "limit: 40", "limit: 1", "acme-retail, floe may open 1 connection"),
    "database.statement_timeout": Grave(
        BLUEPRINT, "30s", "10ms", "statements of the applications of acme-retail, floe"
    ),
    "database.idle_in_transaction_session_timeout": Grave(BLUEPRINT, "1min", "1s", "sessions of the applications of"),
    "database.lock_timeout": Grave(BLUEPRINT, "5s", "1s", "floe end after waiting for a lock for 1 s"),
    "database.work_mem": SHOWN,
    "privileges.tables": Grave(BLUEPRINT, "INSERT, UPDATE, ", "", "acme-retail, floe can no longer INSERT, UPDATE"),
    "privileges.sequences": Grave(BLUEPRINT, "[USAGE, SELECT]", "[USAGE]", "takes SELECT on sequences from the app"),
    "privileges.functions": Grave(BLUEPRINT, "[EXECUTE]", "[]", "takes EXECUTE on functions from the applications"),
    "policies.data_classification": Grave(BLUEPRINT, "confidential", "internal", "is held to be only internal"),
    "policies.bulk_export": Grave(BLUEPRINT, "export: true", "export: false", "pm loses graph.export at"),
    "policies.cross_region_reads": Grave(BLUEPRINT, "reads: true", "reads: false", "pm loses graph.read at"),
    "policies.max_query_depth": SHOWN,
    "policies.min_retention_days": Grave(
        BLUEPRINT, "min_retention_days: 30", "min_retention_days: 1", "only 1 day, at"
    ),
    **dict.fromkeys(("dashboard.title", "dashboard.kind", "dashboard.unit", "dashboard.expr"), SHOWN),
    "alerts.name": Grave(BLUEPRINT, "name: Wakes", "name: Sleeps", "nobody is told of Wakes at tenants of blueprint"),
    **dict.fromkeys(("alerts.expr", "alerts.threshold", "alerts.period", "alerts.summary"), WHOLE),
    "alerts.severity": Grave(
        BLUEPRINT, "severity: page", "severity: ticket", "Wakes at tenants of blueprint standard pages"
    ),
    "overridable": Grave(
        BLUEPRINT, "- privileges.functions", "- privileges.functions\n    - alerts.Wakes", "may set alerts"
    ),
}

WHEN = (
    "attribute",
    "equals",
    "not_equals",
    "one_of",
    "none_of",
    "starts_with",
    "ends_with",
    "at_least",
    "below",
    "version",
)
OF_FLAG: dict[str, Grave | str] = {
    **dict.fromkeys(("type", "variants", "default", "safe", "tenants", "ttl_seconds"), SHOWN),
    **dict.fromkeys((f"targeting.{name}" for name in ("name", "serve", "split", "by")), SHOWN),
    **dict.fromkeys((f"targeting.when.{name}" for name in WHEN), SHOWN),
    **dict.fromkeys(("owner", "reason", "created"), LABEL),
}

OF_TARGET: dict[str, Grave | str] = {
    "type": "refused while it has tenants, and told as another `identity`: no two types have one",
    "region": Grave(
        ELSEWHERE, "region: us-east", "region: us-west", "pg-us is postgres of region us-west, postgres of us-east"
    ),
    "dsn": Grave(TARGET, "env:PG_EU", "env:PG_EUROPE", "the agent reaches pg-eu by env:PG_EUROPE, by env:PG_EU before"),
    "identity": Grave(TARGET, "/cases", "/other", "pg-eu is another system"),
    "drift": Grave(TARGET, "drift: report", "drift: heal", "altered by hand on pg-eu is undone"),
    "max_delete_percent": Grave(TARGET, "percent: 10", "percent: 90", "90 % of pg-eu may be deleted at once"),
    "control": "one target alone may have it, so two files change; said of the one that becomes it",
    "archive.folder": Grave(TARGET, "file:/srv/a", "file:/srv/b", "archives of pg-eu go to file:/srv/b"),
    "archive.recipients": Grave(TARGET, READER.decode(), OTHER_READER.decode(), "new archives of pg-eu can be read by"),
}

FIELDS: dict[str, dict[str, Grave | str]] = {
    "Tenant": TENANT,
    "Blueprint": OF_BLUEPRINT,
    "Flag": OF_FLAG,
    "Target": OF_TARGET,
    "Operations": {
        name: Grave(OPERATIONS, f"{name}: {value}", f"{name}: {value * 2}", f"{name} is {value * 2}, {value} before")
        for name, value in (
            ("not_converging_seconds", 600),
            ("action_deadline_seconds", 1800),
            ("pending_hours", 24),
            ("clock_gap_seconds", 30),
        )
    },
    "Person": {
        "title": LABEL,
        "roles": Grave(EVE, "[pm, sec-tl]", "[pm, sec-tl, platform]", "eve may approve as platform from now on"),
        "keys": Grave(
            EVE, key_of("eve").public_line, key_of("two").public_line, "signs as eve from now on, and no key"
        ),
    },
    "Grant": {
        "roles": Grave(GRANT, "[pm]", "[pm, qa]", "qa gains graph.read at"),
        "scopes": Grave(GRANT, "[graph.read, graph.export]", "[graph.read]", "pm loses graph.export at"),
        "blueprints": Grave(GRANT, "[standard]", "[standard, small]", "pm gains graph.read at ice"),
        "tenants": Grave(GRANT, "[fjord]", "[fjord, ice]", "pm gains graph.read at ice"),
    },
    "Agent": {
        "keys": Grave(AGENT_FILE, key_of(AGENT).public_line, key_of("two").public_line, "writes the ledger as agent"),
        "heartbeat_seconds": Grave(AGENT_FILE, "seconds: 86400", "seconds: 172800", "may be silent 172800 seconds"),
        "ledger_head": Grave(
            AGENT_FILE, "head: control", "head: file:/srv/head", "keeps the ledger's head in file:/srv"
        ),
    },
    "KeyProof": dict.fromkeys(("holder", "key", "repository", "signed_at", "signature"), PROOF),
    "ApprovalPolicy": {
        "approval_days": Grave(RULES, "approval_days: 14", "approval_days: 60", "approvals hold 60 days, 14 before"),
        "emergency_hours": Grave(
            RULES, "emergency_hours: 24", "emergency_hours: 48", "may stay unapproved for 48 hours"
        ),
        "clock_gap_seconds": Grave(
            RULES, "gap_seconds: 3600", "gap_seconds: 7200", "the ledger may be silent 7200 seconds"
        ),
        "rules.name": LABEL,
        "rules.paths": Grave(RULES, "objects/tenant/**", "flags/**", "objects/tenant/**"),
        "rules.people": Grave(RULES, "{platform: 1, pm: 1}", "{pm: 1}", "no longer need platform"),
        "rules.carry": Grave(RULES, "carry: exact", "carry: changes", "no longer need approvals that count only until"),
    },
    "Compiler": {"release": "a plan is made by the release that the head pins, so no plan can be asked for here"},
}
GRAVE = [
    (f"{kind}.{name}", how)
    for kind, fields in FIELDS.items()
    for name, how in fields.items()
    if not isinstance(how, str)
]


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from models(inner)


def fields_of(model: type[BaseModel], before: str = "") -> Iterator[str]:
    """Every field that holds a value, by its dotted name."""
    for name, field in model.model_fields.items():
        inner = [*models(field.annotation)]
        for one in inner:
            yield from fields_of(one, f"{before}{name}.")
        if not inner:
            yield f"{before}{name}"


def files() -> dict[str, bytes]:
    """A tree in which every grave field has a value."""
    own = base_files()
    blueprint = own[BLUEPRINT].replace(b"  dashboard:", b"  legal_hold: true\n  dashboard:")
    blueprint = blueprint.replace(
        b"  overridable:\n",
        b'    - {name: Wakes, expr: "up < ${threshold}", threshold: 1, period: 1m, severity: page, summary: up}\n'
        b"  overridable:\n"
        + b"".join(f"    - database.{name}\n".encode() for name in DATABASE[1:])
        + b"    - privileges.tables\n    - privileges.sequences\n    - privileges.functions\n",
    )
    small = own[BLUEPRINT].replace(b"name: standard", b"name: small").replace(b"INSERT, UPDATE, ", b"")
    elsewhere = own[TARGET].replace(b"  control: true\n", b"").replace(b"7561840233917260418", b"7")
    for old, new in ((b"pg-eu", b"pg-us"), (b"eu-central", b"us-east"), (b"PG_EU", b"PG_US")):
        elsewhere = elsewhere.replace(old, new)
    operations = "".join(f"  {how.old}\n" for how in FIELDS["Operations"].values() if not isinstance(how, str))
    named = "apiVersion: conductor/v1\nkind: {}\nmetadata:\n  name: {}\nspec:\n"
    quotas = "".join(f", {name}: 500" for name in QUOTAS)[2:]
    fjord = (
        "  blueprint: standard\n  region: eu-central\n  state: active\n"
        f'  budgets: {{monthly: "2500.00", currency: EUR}}\n  quotas: {{{quotas}}}\n'
        "  legal_hold: true\n  retention_days: 365\n  adopt: false\n"
        "  database: {password: env:CONDUCTOR_TENANT_FJORD_PASSWORD}\n"
        "  overrides:\n    database:\n      connection_limit: 40\n      statement_timeout: 30s\n"
        "      idle_in_transaction_session_timeout: 1min\n      lock_timeout: 5s\n      work_mem: 16MB\n"
        "    privileges: {tables: [INSERT, SELECT], sequences: [USAGE], functions: [EXECUTE]}\n"
    )
    archive = (
        b"  drift: report\n  max_delete_percent: 10\n  archive: {folder: file:/srv/a, recipients: [" + READER + b"]}\n"
    )
    rules = own[RULES].replace(
        b"approval_days: 14\n", b"approval_days: 14\n  emergency_hours: 24\n  clock_gap_seconds: 3600\n"
    )
    return {
        BLUEPRINT: blueprint,
        "tenants/blueprints/small.yaml": small,
        ELSEWHERE: elsewhere,
        TARGET: own[TARGET] + archive,
        OPERATIONS: (named.format("Operations", "conductor") + operations).encode(),
        FJORD: (named.format("Tenant", "fjord") + fjord).encode(),
        FLOE: (named.format("Tenant", "floe") + "  blueprint: standard\n").encode(),
        "tenants/ice.yaml": (named.format("Tenant", "ice") + "  blueprint: small\n").encode(),
        EVE: eve("pm", "sec-tl"),
        GRANT: grant(
            "reading", "pm", "graph.read, graph.export", "blueprints: [standard]", "tenants: [fjord]"
        ).encode(),
        RULES: rules + b"      carry: exact\n",
    }


def test_every_field_is_grave_or_plain() -> None:
    kinds = {kind.name: {*fields_of(kind.spec)} for domain in ALL for kind in domain.kinds}
    assert {kind: {*fields} for kind, fields in FIELDS.items()} == kinds


@pytest.fixture(scope="module")
def tree() -> dict[str, bytes]:
    return files()


@pytest.mark.parametrize(("name", "how"), GRAVE, ids=[name for name, _ in GRAVE])
def test_a_change_of_a_grave_field_alone_is_told_before_any_table(
    tree: dict[str, bytes], name: str, how: Grave
) -> None:
    before = {**base_files(), **tree}[how.path].decode()
    assert how.old in before, name
    world = PlanWorld.begun(tree)
    world.commit({how.path: before.replace(how.old, how.new, 1)})
    text = as_text(world.plan())
    assert how.said in text[: text.index("\nResources")]
