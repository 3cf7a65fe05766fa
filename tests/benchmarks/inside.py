"""What has no peer: plan beyond compiling, decisions in process, verify, the agent's turn that finds nothing to do,
as a process of its own and within `agent run`.

Each runs on the real thing: a repository with a genesis, PostgreSQL from the wheel, the committed policy.wasm.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from compiler.cli.demo import copy, world
from runtime.policy.engine import Policy
from tests.benchmarks import ledgers, trees
from tests.benchmarks.timing import RUNS, Contender, Measured, in_memory, interleave

CONDUCTOR = str(Path(sys.executable).parent / "conductor")
ROOT = Path(__file__).resolve().parents[2]
TODAY = date(2026, 11, 24)


@dataclass(frozen=True)
class Figures:
    """Seconds, but `decision` in microseconds."""

    plan: float
    decision: float
    verify: Measured
    since: Measured
    noop: float
    turn: float


def figures(tenants: int, entries: int) -> Figures:
    """Measure all of them."""
    with _running(tenants) as here:
        plan, noop, turn = _plan_beyond_compiling(here), _noop(here), _turn(here)
    return Figures(plan, _decision(1000), *_verify(entries), noop, turn)


def _conductor(*arguments: str) -> None:
    subprocess.run([CONDUCTOR, *arguments], check=True, capture_output=True, timeout=600)


def _git(here: Path, *arguments: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=Bench", "-c", "user.email=bench@bench.invalid", "-C", str(here), *arguments],
        check=True, capture_output=True, timeout=600,
    )  # fmt: skip


@contextmanager
def _running(tenants: int) -> Iterator[world.World]:
    """An installation of this many tenants that an agent has made real."""
    folder = Path(tempfile.mkdtemp(prefix="conductor-bench-"))
    folder.chmod(0o755)
    try:
        keys = world.keys(folder)
        own = [path.stem for path in (ROOT / "tenants").glob("*.yaml")]
        names = [*own, *(trees.name(i) for i in range(tenants))]
        with world.opened(folder, names, TODAY) as made:
            made.repo.mkdir()
            trees.conductor(ROOT, made.repo, tenants)
            list(copy.replace(made.repo, keys=keys, targets=made.places(), created=TODAY.isoformat()))
            _git(made.repo, "init", "-q", "-b", "main")
            _git(made.repo, "add", "--all")
            _git(made.repo, "commit", "-q", "-m", "All tenants")
            for person in ("mara-lindqvist", "ines-carvalho"):
                _conductor("genesis", "--repo", str(made.repo), "--person", person, "--key", made.key(person))
            _conductor("agent", "once", "--repo", str(made.repo), "--key", made.key("agent"))
            _git(made.repo, "reset", "-q", "--hard")
            _git(made.repo, "repack", "-a", "-d", "-q")  # as in a clone
            yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _plan_beyond_compiling(here: world.World) -> float:
    """Median of `plan` less median of `build`, both of the same commit, run in turn: both compile it."""
    _git(here.repo, "switch", "-q", "-c", "one-file")
    edited = here.repo / "tenants" / f"{trees.name(7)}.yaml"
    edited.write_text(edited.read_text().replace("legal_hold: false", "legal_hold: true"))
    _git(here.repo, "commit", "-q", "-am", "Edit one file")
    with in_memory() as memory:
        command = [CONDUCTOR, "build", "--rev", "HEAD", "--repo", str(here.repo), "-o", str(memory / "bundle-{run}")]
        build, plan = interleave(
            [
                Contender("build", command, memory),
                Contender("plan", [CONDUCTOR, "plan", "--repo", str(here.repo)], here.repo),
            ]
        )
    _git(here.repo, "switch", "-q", "main")
    return plan.median - build.median


def _noop(here: world.World) -> float:
    """Median of a whole `agent once` that finds nothing to do, start-up included."""
    once = [CONDUCTOR, "agent", "once", "--repo", str(here.repo), "--key", here.key("agent")]
    (measured,) = interleave([Contender("noop", once, here.repo)])
    return measured.median


def _turn(here: world.World, turns: int = 10) -> float:
    """Mean of the turns of an `agent run` after its first, by its own metrics."""
    command = [CONDUCTOR, "agent", "run", "--repo", str(here.repo), "--key", here.key("agent")]
    with subprocess.Popen([*command, "--interval", "0.1", "--port", "0"], stderr=subprocess.PIPE, text=True) as agent:
        try:
            assert agent.stderr is not None
            port = int(json.loads(agent.stderr.readline())["port"])
            first = _turns(port, 1)
            last = _turns(port, first[0] + turns)
        finally:
            agent.terminate()
    return (last[1] - first[1]) / (last[0] - first[0])


def _turns(port: int, least: float) -> tuple[float, float]:
    """Wait until the agent has turned so often: how often it has, and how long that took."""
    name = "conductor_agent_turn_duration_seconds"
    while True:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            families = text_string_to_metric_families(answer.read().decode())
        found = {sample.name: sample.value for family in families for sample in family.samples if not sample.labels}
        if found[f"{name}_count"] >= least:
            return found[f"{name}_count"], found[f"{name}_sum"]
        time.sleep(0.2)


def _decision(batch: int) -> float:
    """Microseconds a decision, in a batch: whether a role may have a flag. Half of the flags are refused, in words."""
    policy = Policy.load((ROOT / "policies" / "policy.wasm").read_bytes())
    roles = ["admin", "pm"]
    asked = {
        "resources": [
            {
                "kind": "Flag",
                "name": f"flag-{i}",
                "path": f"flags/flag-{i}.yaml",
                "spec": {"type": "boolean", "ttl_seconds": 604_800 + i % 2, "owner": "mara-lindqvist"},
                "derived": {},
            }
            for i in range(batch)
        ],
        "roles": roles,
    }
    taken = []
    for _ in range(9):
        start = time.perf_counter()
        policy.deny(asked)  # type: ignore[arg-type]  # JSON of the input's form
        taken.append(time.perf_counter() - start)
    return statistics.median(taken) / (batch * len(roles)) * 1e6


def _verify(entries: int) -> tuple[Measured, Measured]:
    """A whole `verify` over a ledger of this many entries, every commit signed; and one of the last ten, from the
    checkpoint of whoever verified those before."""
    folder = Path(tempfile.mkdtemp(prefix="conductor-bench-"))
    try:
        root = ledgers.build(folder / "repo", entries)
        command = [CONDUCTOR, "verify", "--repo", str(folder / "repo")]
        known = [*command, "--trust-root", f"sha256:{root}"]
        file, (earlier, at) = folder / "checkpoint", ledgers.before(folder / "repo", 10)
        subprocess.run(
            [*known, "--rev", earlier, "--at", at, "--checkpoint", str(file)],
            check=True,
            capture_output=True,
            timeout=600,
        )
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        whole, since = interleave(
            [
                Contender("verify", known, folder),
                Contender("verify since", [*command, "--since", str(file), "--checkpoint-digest", digest], folder),
            ],
            runs=3 if entries > 1000 else RUNS,
        )
        return whole, since
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONHASHSEED", "0")
    print(figures(int(sys.argv[1]), int(sys.argv[2])))  # noqa: T201 -- a command
