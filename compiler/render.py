"""CheckedModel -> Bundle: every domain's files and the policy's (plan, section 5).

Rules kept: a file has one owner; paths are sorted; the bytes depend on nothing but the inputs. `policy/` is a real OPA
bundle: a manifest with fixed roots, the Rego without its tests, policy.wasm, and a data.json for each resource.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from compiler.check import CheckedModel
from compiler.domains.domain import Domain
from runtime.contract.canonical import encode

Bundle: TypeAlias = dict[str, bytes]
"""Path -> bytes, sorted by path."""

ROOTS = ("conductor", "intelgraph", "people", "grants", "tenants", "flags")
"""What the OPA bundle owns of `data`: the packages of policies/ and the data of resources."""


def render(checked: CheckedModel, files: Mapping[str, bytes], domains: Iterable[Domain]) -> Bundle:
    """Render a sound model."""
    bundle: Bundle = {}
    for domain in domains:
        for kind in domain.kinds:
            for _, resource in sorted(checked.model.resources.get(kind.name, {}).items()):
                for path, data in domain.render(resource, checked.model):
                    if path in bundle:
                        raise AssertionError(f"two resources render {path}")
                    bundle[path] = data
    bundle |= policy_files(files)
    return dict(sorted(bundle.items()))


def policy_files(files: Mapping[str, bytes]) -> Bundle:
    """Return the files of the OPA bundle that come from policies/ as they are."""
    found = {
        f"policy/{path.removeprefix('policies/')}": data
        for path, data in files.items()
        if path.startswith("policies/") and path.endswith((".rego", ".wasm")) and not path.endswith("_test.rego")
    }
    manifest = {
        "rego_version": 1,
        "roots": sorted(ROOTS),
    }
    return found | {"policy/.manifest": encode(manifest)}
