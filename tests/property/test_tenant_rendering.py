"""Any tenants of a blueprint: their files are canonical, whole, and speak of nobody else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from compiler.diagnostics.full import full
from compiler.diagnostics.model import Diagnostics
from compiler.driver import compile_tree
from compiler.source import from_files
from runtime.contract.canonical import decode
from runtime.contract.objects import decode_objects
from runtime.tenants.config import TenantConfig

ROOT = Path(__file__).resolve().parents[2]
REST = {
    path.relative_to(ROOT).as_posix(): path.read_bytes()
    for folder in ("spec/targets", "tenants/blueprints")
    for path in (ROOT / folder).glob("*.yaml")
}
NAMES = st.from_regex(r"[a-z](?:-?[a-z0-9]){1,19}", fullmatch=True)
MONEY = st.from_regex(r"(0|[1-9][0-9]{0,8})\.[0-9]{2}", fullmatch=True)
SPECS = st.fixed_dictionaries(
    {"blueprint": st.just("standard")},
    optional={
        "region": st.sampled_from(["eu-central", "us-east"]),
        "state": st.sampled_from(["active", "suspended"]),
        "budgets": st.fixed_dictionaries({"monthly": MONEY, "currency": st.sampled_from(["EUR", "USD"])}),
        "quotas": st.fixed_dictionaries({}, optional={"storage_gib": st.integers(1, 9000)}),
        "legal_hold": st.booleans(),
        "retention_days": st.integers(30, 3650),
        "overrides": st.fixed_dictionaries(
            {},
            optional={
                "database": st.fixed_dictionaries({}, optional={"connection_limit": st.integers(1, 1000)}),
                "alerts": st.fixed_dictionaries({"TenantSlowQueries": st.decimals(0, 90, places=2).map(str)}),
            },
        ),
    },
)


def document(name: str, spec: dict[str, Any]) -> bytes:
    header = {"apiVersion": "conductor/v1", "kind": "Tenant", "metadata": {"name": name}}
    return json.dumps(header | {"spec": spec}).encode()


@given(st.dictionaries(NAMES, SPECS, min_size=1, max_size=3))
def test_files_of_tenants_are_canonical_whole_and_speak_of_nobody_else(tenants: dict[str, Any]) -> None:
    files = REST | {f"tenants/{name}.yaml": document(name, spec) for name, spec in tenants.items()}
    tree, diagnostics = from_files(files), Diagnostics()
    bundle = compile_tree(tree, diagnostics)
    assert bundle is not None, full(diagnostics, tree.files)
    for path, data in bundle.items():
        if not path.startswith("policy/.manifest"):
            decode(data)
    for name, spec in tenants.items():
        config = TenantConfig.from_bytes(bundle[f"config/tenants/tenant/{name}.json"])
        assert (
            config.model_dump(mode="json").items()
            >= {
                key: spec[key] for key in ("region", "state", "budgets", "legal_hold", "retention_days") if key in spec
            }.items()
        )
        objects = decode_objects(bundle[f"objects/tenant/{name}.json"])
        schema = f"t_{name.replace('-', '_')}"
        assert {item.id.name for item in objects} == {schema, f"{schema}_app", f"{schema}_owner"}
        assert [item.attributes["login"] for item in objects if "login" in item.attributes].count(True) == (
            config.state == "active"
        )
        assert (f"config/tenants/alerts/{name}.json" in bundle) == (config.state == "active")
        alone = compile_tree(from_files(REST | {f"tenants/{name}.yaml": files[f"tenants/{name}.yaml"]}), Diagnostics())
        assert alone is not None
        assert alone.items() <= bundle.items()
