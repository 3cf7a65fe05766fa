"""Operations -> alert rules for Prometheus, a dashboard for Grafana, and what makes Grafana find all dashboards.

They go out with the release (`config/`): Prometheus reads `config/*/alerts/*.json`, Grafana is started with
`GF_PATHS_PROVISIONING` at `config/resilience/grafana`. JSON is YAML, and Grafana reads no file that is not called so.
"""

from __future__ import annotations

from collections.abc import Iterator

from compiler.domains.domain import Model, Resource, Spec
from compiler.domains.resilience.alerts import alerts
from compiler.domains.resilience.dashboard import dashboard
from compiler.domains.resilience.kinds import OperationsSpec
from compiler.domains.written import as_input
from runtime.contract.canonical import JSON, encode

_PROVIDERS = (("Conductor", "resilience"), ("Tenants", "tenants"))


def render(resource: Resource[Spec], model: Model) -> Iterator[tuple[str, bytes]]:  # noqa: ARG001 -- a Domain's
    """Give the files of one resource."""
    operations = resource.spec
    if isinstance(operations, OperationsSpec):
        name = resource.name
        yield f"config/resilience/alerts/{name}.json", encode(alerts(operations))
        yield f"config/resilience/dashboard/{name}.json", encode(dashboard(operations))
        yield f"config/resilience/grafana/dashboards/{name}.yaml", encode(_provisioning())


def _provisioning() -> JSON:
    """Grafana's list of where dashboards lie; it fills `$CONDUCTOR_RELEASE` in from its environment."""
    return {
        "apiVersion": 1,
        "providers": [
            {
                "name": f"conductor-{domain}",
                "folder": folder,
                "type": "file",
                "disableDeletion": False,
                "allowUiUpdates": False,
                "updateIntervalSeconds": 30,
                "options": {"path": f"$CONDUCTOR_RELEASE/config/{domain}/dashboard"},
            }
            for folder, domain in _PROVIDERS
        ],
    }


def policy_input(resource: Resource[Spec], model: Model) -> JSON:  # noqa: ARG001 -- a Domain's
    """Say what `conductor/deny` is told."""
    return as_input(resource, {})
