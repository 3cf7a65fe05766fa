"""The runtime imports with the base dependencies alone, and the contracts between the rooms hold."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]

_IMPORT_ALL = """
import importlib, json, pkgutil, sys
import runtime
for module in pkgutil.walk_packages(runtime.__path__, "runtime."):
    importlib.import_module(module.name)
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def _closure(names: set[str]) -> set[str]:
    """Every distribution that these need, by their own metadata, for this interpreter."""
    found: set[str] = set()
    queue = [(name, frozenset[str]()) for name in names]
    while queue:
        name, extras = queue.pop()
        requirement = Requirement(name)
        extras = extras | frozenset(requirement.extras)
        key = requirement.name.lower().replace("_", "-")
        if key in found:
            continue
        found.add(key)
        try:
            needed = requires(requirement.name) or []
        except PackageNotFoundError:
            continue
        for line in needed:
            item = Requirement(line)
            if item.marker is None or any(item.marker.evaluate({"extra": extra}) for extra in {"", *extras}):
                queue.append((line.partition(";")[0], frozenset(item.extras)))
    return found


def test_the_runtime_imports_with_the_base_dependencies_alone() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    allowed = _closure(set(project["dependencies"]))
    printed = subprocess.run(
        [sys.executable, "-c", _IMPORT_ALL], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    ).stdout
    owners = packages_distributions()
    foreign = {
        f"{module} (of {owner})"
        for module in json.loads(printed)
        for owner in owners.get(module, [])
        if owner.lower().replace("_", "-") not in allowed | {"intelgraph-conductor"}
    }
    assert not {item for item in foreign if not item.startswith("_distutils_hack")}, "not in [project.dependencies]"


def test_the_contracts_between_the_rooms_hold() -> None:
    lint = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([str(lint), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout
