"""n -> the same n tenants in four spellings: a Conductor repository, a CUE package, a Rego policy, a kapitan inventory.

The rules are equal: types, ranges, patterns, enumerations, no unknown fields, an existing blueprint. Each file has 32
lines. Deterministic: tenant `i` is the same everywhere and always.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from runtime.contract.manifest import INPUT_FOLDERS

_REGIONS = ("eu-central", "us-east")
_CURRENCY = {"eu-central": "EUR", "us-east": "USD"}


def name(i: int) -> str:
    """Return the name of tenant `i`."""
    return f"bench-{i:05d}"


def tenant(i: int) -> str:
    """Return the YAML of tenant `i`: 32 lines."""
    region = _REGIONS[i % 2]
    return f"""\
apiVersion: conductor/v1
kind: Tenant
metadata:
  name: {name(i)}
  labels:
    tier: {("gold", "silver", "bronze")[i % 3]}
  description: Generated tenant number {i}
spec:
  blueprint: standard
  region: {region}
  state: {"suspended" if i % 50 == 49 else "active"}
  budgets:
    monthly: "{1000 + i % 9000}.00"
    currency: {_CURRENCY[region]}
  quotas:
    graph_nodes: {1_000_000 + i}
    graph_edges: {8_000_000 + i}
    storage_gib: {10 + i % 500}
    queries_per_second: {5 + i % 200}
    ingest_rows_per_day: {100_000 + i}
  contacts:
    - purpose: owner
      email: owner@{name(i)}.example
    - purpose: technical
      email: ops@{name(i)}.example
    - purpose: billing
      email: billing@{name(i)}.example
  legal_hold: {"true" if i % 97 == 0 else "false"}
  retention_days: {90 + i % 900}
  overrides:
    database:
      connection_limit: {10 + i % 50}
"""


def conductor(source: Path, to: Path, count: int) -> None:
    """Copy the repository's own five folders and add `count` tenants."""
    for folder in INPUT_FOLDERS:
        shutil.copytree(source / folder, to / folder)
    for i in range(count):
        (to / "tenants" / f"{name(i)}.yaml").write_text(tenant(i))


def plain(to: Path, count: int) -> None:
    """Write the tenants alone, with the CUE schema and the Rego policy beside them."""
    (to / "tenants").mkdir(parents=True)
    for i in range(count):
        (to / "tenants" / f"{name(i)}.yaml").write_text(tenant(i))
    (to / "tenant.cue").write_text(CUE)
    (to / "policy").mkdir()
    (to / "policy" / "tenant.rego").write_text(REGO)


def kapitan(to: Path, count: int) -> None:
    """Write an inventory that renders three files for each tenant, as Conductor does."""
    (to / "inventory" / "targets").mkdir(parents=True)
    (to / "inventory" / "classes").mkdir()
    (to / "templates").mkdir()
    (to / "inventory" / "classes" / "tenant.yml").write_text(KAPITAN_CLASS)
    for template, text in KAPITAN_TEMPLATES.items():
        (to / "templates" / template).write_text(text)
    for i in range(count):
        body = "".join(f"    {line}\n" for line in tenant(i).splitlines())
        (to / "inventory" / "targets" / f"{name(i)}.yml").write_text(
            f"classes:\n  - tenant\nparameters:\n  target_name: {name(i)}\n  tenant:\n{body}"
        )


CUE = """\
package tenants

import "strings"

#Tenant: {
	apiVersion: "conductor/v1"
	kind:       "Tenant"
	metadata: close({
		name: =~"^[a-z][a-z0-9-]{1,39}$"
		labels?: [string]: string
		description?: string
	})
	spec: close({
		blueprint: "standard" | "regulated"
		region?:   =~"^[a-z]{2,}(-[a-z0-9]+)+$"
		state?:    "active" | "suspended"
		budgets?: close({
			monthly:  =~"^(0|[1-9][0-9]{0,11})(\\\\.[0-9]{2})?$"
			currency: =~"^[A-Z]{3}$"
		})
		quotas?: close({
			graph_nodes?:         int & >=1
			graph_edges?:         int & >=1
			storage_gib?:         int & >=1
			queries_per_second?:  int & >=1
			ingest_rows_per_day?: int & >=1
		})
		contacts?: [...close({
			purpose: "owner" | "technical" | "security" | "billing"
			email:   =~"^[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\\\\.[A-Za-z0-9-]+)*\\\\.[a-z]{2,}$" & strings.MaxRunes(200)
		})]
		legal_hold?:     bool
		retention_days?: int & >=1 & <=36500
		overrides?: close({
			database?: close({
				connection_limit?: int & >=1 & <=1000
			})
		})
	})
}
"""

REGO = """\
package main

import rego.v1

spec := input.spec

deny contains "apiVersion" if not input.apiVersion == "conductor/v1"

deny contains "kind" if not input.kind == "Tenant"

deny contains "name" if not regex.match(`^[a-z][a-z0-9-]{1,39}$`, input.metadata.name)

deny contains $"unknown key {key}" if some key in object.keys(input) - {"apiVersion", "kind", "metadata", "spec"}

deny contains $"unknown metadata {key}" if some key in object.keys(input.metadata) - {"name", "labels", "description"}

fields := {
	"blueprint", "region", "state", "budgets", "quotas", "contacts", "legal_hold", "retention_days", "overrides",
	"database",
}

deny contains $"unknown field {key}" if some key in object.keys(spec) - fields

deny contains "blueprint" if not spec.blueprint in {"standard", "regulated"}

deny contains "region" if not regex.match(`^[a-z]{2,}(-[a-z0-9]+)+$`, spec.region)

deny contains "state" if not spec.state in {"active", "suspended"}

deny contains "monthly" if not regex.match(`^(0|[1-9][0-9]{0,11})(\\.[0-9]{2})?$`, spec.budgets.monthly)

deny contains "currency" if not regex.match(`^[A-Z]{3}$`, spec.budgets.currency)

deny contains $"unknown budget {key}" if some key in object.keys(spec.budgets) - {"monthly", "currency"}

deny contains $"quota {key}" if {
	some key, value in spec.quotas
	not positive(value)
}

quotas := {"graph_nodes", "graph_edges", "storage_gib", "queries_per_second", "ingest_rows_per_day"}

deny contains $"unknown quota {key}" if some key in object.keys(spec.quotas) - quotas

deny contains $"contact {i}" if {
	some i, contact in spec.contacts
	not known_contact(contact)
}

deny contains "legal_hold" if not is_boolean(spec.legal_hold)

deny contains "retention_days" if not between(spec.retention_days, 1, 36500)

deny contains "connection_limit" if not between(spec.overrides.database.connection_limit, 1, 1000)

positive(value) if {
	is_number(value)
	value >= 1
	floor(value) == value
}

between(value, low, high) if {
	positive(value)
	value >= low
	value <= high
}

known_contact(contact) if {
	object.keys(contact) == {"purpose", "email"}
	contact.purpose in {"owner", "technical", "security", "billing"}
	regex.match(`^[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\\.[A-Za-z0-9-]+)*\\.[a-z]{2,}$`, contact.email)
}
"""

KAPITAN_CLASS = """\
parameters:
  kapitan:
    vars:
      target: ${target_name}
    compile:
      - output_path: out
        input_type: jinja2
        input_paths:
          - templates
"""

KAPITAN_TEMPLATES = {
    "config.json": '{"name": {{ inventory.parameters.tenant.metadata.name | tojson }}, '
    '"tenant": {{ inventory.parameters.tenant.spec | tojson }}}\n',
    "objects.json": '{"objects": [{"type": "role", "name": "t_{{ inventory.parameters.tenant.metadata.name | '
    'replace("-", "_") }}_app", "attributes": {"login": true, "connection_limit": '
    "{{ inventory.parameters.tenant.spec.overrides.database.connection_limit }}}}]}\n",
    "data.json": '{"region": {{ inventory.parameters.tenant.spec.region | tojson }}, '
    '"state": {{ inventory.parameters.tenant.spec.state | tojson }}}\n',
}
