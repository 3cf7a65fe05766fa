"""The import contracts would notice: what they forbid is done in a scratch copy, and each of them breaks."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OFFENCES = {
    "compiler/domains/flags/rules.py": "import runtime.tenants.config\n",
    "compiler/parse.py": "import compiler.plan\n",
    "compiler/render.py": "import runtime.targets.secrets\n",
    "runtime/governance/judge.py": "import subprocess\n",
    "runtime/contract/manifest.py": "import compiler.nodes\n",
}
BROKEN = {
    "a domain knows of the runtime its contracts and the domain's own configuration",
    "the stages of the compiler are layers",
    "the compiler speaks contracts, never to the agent or its targets; its command line puts all together",
    "who judges neither runs programs nor opens sockets",
    "the runtime never imports the compiler, nor what only the compiler needs",
}


def test_an_import_through_the_wrong_door_breaks_its_contract(tmp_path: Path) -> None:
    for package in ("compiler", "runtime"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for path, line in OFFENCES.items():
        file = tmp_path / path
        file.write_text(file.read_text("utf-8").replace("\nfrom ", f"\n{line}from ", 1), "utf-8")
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    told = re.sub(r"\s+", " ", done.stdout)
    assert done.returncode == 1
    assert {name for name in BROKEN if f"{name} BROKEN" in told} == BROKEN


def test_every_module_of_the_plan_is_in_its_layer() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    layers = next(item["layers"] for item in contracts if item["name"] == "the stages of the compiler are layers")
    named = set(re.findall(r"compiler\.(plan\w*)", " ".join(layers)))
    assert named == {path.stem for path in (ROOT / "compiler").glob("plan*.py")}
