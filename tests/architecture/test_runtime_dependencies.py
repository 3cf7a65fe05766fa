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

absent = frozenset(json.loads(sys.argv[1]))


class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in absent:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Absent())
import runtime

for module in pkgutil.walk_packages(runtime.__path__, "runtime."):
    importlib.import_module(module.name)
print(sum(name.startswith("runtime.") for name in sys.modules))
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
    allowed = _closure(set(project["dependencies"])) | {"intelgraph-conductor", "setuptools"}
    absent = {
        module
        for module, owners in packages_distributions().items()
        if not any(owner.lower().replace("_", "-") in allowed for owner in owners)
    }
    assert {"yaml", "jinja2", "typer", "rich", "pytest"} <= absent, "what only others need is taken away"
    done = subprocess.run(
        [sys.executable, "-c", _IMPORT_ALL, json.dumps(sorted(absent))],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 50


def test_the_contracts_between_the_rooms_hold() -> None:
    lint = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([str(lint), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout
