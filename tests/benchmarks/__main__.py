"""`python -m tests.benchmarks [--tenants 1000 10000] [--runs 5] [--write]`: the table of what has to hold.

Peers and ours run interleaved on the same generated tenants, with equal rules (`trees.py`). `--write` replaces the
table in `docs/benchmarks.md`, and, where there are two sizes or more, draws what grows with the tree beside it.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from runtime.release import VERSION
from tests.benchmarks import peers, trees
from tests.benchmarks.inside import figures
from tests.benchmarks.plot import Panel, drawn
from tests.benchmarks.timing import RUNS, Contender, Measured, in_memory, interleave, machine
from tests.benchmarks.watched import round_seconds

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "benchmarks.md"
PICTURE = ROOT / "docs" / "benchmarks.svg"
BETWEEN = (2500, 5000)
"""Sizes that are drawn and not in the table."""
DRAWN = ("check", "cue vet", "build", "cue export")
FEW = 3
"""Runs of what takes ten seconds, and of sizes that are only drawn: the whole ends within a quarter of an hour."""
CONDUCTOR = str(Path(sys.executable).parent / "conductor")


@dataclass(frozen=True)
class Line:
    """One line of the table."""

    work: str
    ours: str
    peer: str
    hold: str
    held: bool | None

    def __str__(self) -> str:
        verdict = {True: "yes", False: "**no**", None: "printed only"}[self.held]
        return f"| {self.work} | {self.ours} | {self.peer} | {self.hold} | {verdict} |"


def main() -> None:
    """Measure, print, and write the page if asked."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--tenants", type=int, nargs="+", default=[1000], help="sizes of the generated tree")
    parser.add_argument("--runs", type=int, default=RUNS, help="counted runs of each command")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    options = parser.parse_args()
    begun = machine()
    lines: list[Line] = []
    grown: dict[int, dict[str, Measured]] = {}
    folder = Path(tempfile.mkdtemp(prefix="conductor-bench-"))
    try:
        least, most = min(options.tenants), max(options.tenants)
        for count in sorted({*options.tenants, *(size for size in BETWEEN if least < size < most)}):
            with in_memory() as memory:
                runs = options.runs if count in options.tenants else min(options.runs, FEW)
                grown[count] = compare(count, runs, folder / str(count), memory)
            if count in options.tenants:
                lines += _lines(count, grown[count])
                lines.append(_watched(count, folder / str(count) / "ours"))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    lines += inside(most)
    head = "| work | ours | peer | hold | held |\n|---|---|---|---|---|"
    table = "\n".join([head, *map(str, lines)])
    command = "python -m tests.benchmarks " + " ".join(sys.argv[1:])
    versions = (
        f"conductor {VERSION}, Python {sys.version.split()[0]}, cue {peers.CUE[1]}, conftest {peers.CONFTEST[1]}, "
        f"kapitan {peers.KAPITAN}"
    )
    text = (
        f"{table}\n\nMade by `{command}`. {versions}. {begun}; at the end: {machine()}. "
        "Median (least-most), peak memory.\n"
    )
    sys.stdout.write(text)
    if options.write:
        before, mark, _ = PAGE.read_text().partition("<!-- table -->\n")
        picture = ""
        if len(grown) > 1:
            PICTURE.write_text(drawn(panels(grown)))
            picture = f"![Time and memory over the number of tenants, ours and cue's]({PICTURE.name})\n\n"
        PAGE.write_text(f"{before}{mark}{picture}{text}")


def panels(grown: dict[int, dict[str, Measured]]) -> list[Panel]:
    """What grows with the tree, as diagrams."""
    return [
        Panel(
            "Whole processes, cold",
            "s",
            {name: [(size, found[name].median) for size, found in grown.items()] for name in DRAWN},
        ),
        Panel(
            "Peak memory",
            "MiB",
            {name: [(size, found[name].mebibytes) for size, found in grown.items()] for name in DRAWN},
        ),
    ]


def compare(count: int, runs: int, folder: Path, memory: Path) -> dict[str, Measured]:
    """Whole processes beside their peers, interleaved, at `count` tenants. Every run writes to a folder of its own, in
    memory; `build` once more to a disk."""
    ours, plain, kapitan = folder / "ours", folder / "plain", folder / "kapitan"
    folder.mkdir()
    trees.conductor(ROOT, ours, count)
    trees.plain(plain, count)
    cue, conftest = str(peers.go_tool(peers.CUE)), str(peers.go_tool(peers.CONFTEST))
    files = [f"tenants/{trees.name(i)}.yaml" for i in range(count)]
    cue_input = ["-d", "#Tenant", "tenant.cue", *files]
    edited = ours / "tenants" / f"{trees.name(7)}.yaml"
    edits = iter(range(10_000))

    def edit() -> None:
        edited.write_text(trees.tenant(7).replace("Generated tenant", f"Edited tenant, {next(edits)} times, once"))

    check = [CONDUCTOR, "check", "--repo", str(ours)]
    cache = {"XDG_CACHE_HOME": str(folder / "cache")}
    few = FEW if count > 1000 else None
    build = [CONDUCTOR, "build", "--repo", str(ours), "-o"]
    export = [cue, "export", *cue_input, "-o"]
    contenders = [
        Contender("check", [*check, "--no-cache"], ours),
        Contender("cue vet", [cue, "vet", "-c", *cue_input], plain, most=few),
        Contender("conftest", [conftest, "test", "-p", "policy", "tenants"], plain, most=few),
        Contender("build", [*build, str(memory / "bundle-{run}")], ours),
        Contender("cue export", [*export, str(memory / "export-{run}.json")], plain, most=few),
        Contender("build to disk", [*build, str(folder / "bundle-{run}")], ours),
        Contender("check, one file changed", check, ours, prepare=edit, environment=cache),
    ]
    found = {item.name: item for item in interleave(contenders, runs=runs)}
    if count <= 1000:
        trees.kapitan(kapitan, count)
        command = [str(peers.kapitan()), "compile", "--output-path", str(memory / "kapitan-{run}")]
        # by itself, because it deletes as many files as it makes
        there = {"TMPDIR": str(memory)}
        (found["kapitan"],) = interleave([Contender("kapitan", command, kapitan, environment=there)], runs=runs)
    return found


def _lines(count: int, found: dict[str, Measured]) -> list[Line]:
    large = count > 1000
    check, vet, build, export = (found[name] for name in ("check", "cue vet", "build", "cue export"))
    changed = found["check, one file changed"]

    def ratio(ours: Measured, theirs: Measured, limit: float) -> tuple[str, bool]:
        value = ours.median / theirs.median
        return f"≤ {limit} × ({value:.2f} ×)", value <= limit

    check_hold = ratio(check, vet, 0.7 if large else 1.3)
    build_hold = ratio(build, export, 0.9 if large else 1.8)
    memory = check.mebibytes / vet.mebibytes
    lines = [
        Line(f"`check`, cold, {count:,} tenants", str(check), f"cue vet {vet}", *check_hold),
        Line(f"`check`, memory, {count:,}", f"{check.mebibytes:.0f} MiB", f"cue vet {vet.mebibytes:.0f} MiB",
             f"≤ 0.5 × ({memory:.2f} ×)", memory <= 0.5),
        Line(f"`check` beside conftest, {count:,}", str(check), f"conftest {found['conftest']}", "–", None),
        Line(f"`build`, cold, {count:,}", str(build), f"cue export {export}", *build_hold),
        Line(f"`build` to disk, {count:,}", str(found["build to disk"]), "–", "–", None),
        Line(f"`check` after one file changed, {count:,}", str(changed), "–", f"≤ {2 if large else 0.6} s",
             changed.median <= (2 if large else 0.6)),
    ]  # fmt: skip
    if "kapitan" in found:
        times = found["kapitan"].median / build.median
        lines.append(
            Line(f"`build` beside kapitan, {count:,}", str(build), f"kapitan {found['kapitan']}",
                 f"≥ 8 times faster ({times:.1f})", times >= 8)
        )  # fmt: skip
    return lines


def _watched(count: int, ours: Path) -> Line:
    """`check --watch`, from saving a file to the answer."""
    texts = [trees.tenant(7).replace("Generated tenant", f"Edited tenant, {turn} times, seen") for turn in range(6)]
    command = [CONDUCTOR, "check", "--watch", "--format", "json", "--repo", str(ours)]
    seconds = round_seconds(command, ours / "tenants" / f"{trees.name(7)}.yaml", texts)
    return Line(f"`check --watch`, from saving a file to the answer, {count:,}", f"{seconds:.2f} s", "–", "–", None)


def inside(entries: int) -> list[Line]:
    """Measure what has no peer, `verify` at as many entries as there are tenants at most."""
    found = figures(tenants=1000, entries=entries)
    whole = 6 * entries / 10_000
    return [
        Line("`plan` for a one-file change, 1,000 tenants", f"{found.plan:.2f} s beyond compiling", "–", "≤ 0.3 s",
             found.plan <= 0.3),
        Line("policy decision in process, in batches (a role and a flag)", f"{found.decision:.1f} µs", "–", "≤ 10 µs",
             found.decision <= 10),
        Line(f"`verify`, {entries:,} entries, not re-rendered, start-up included", found.verify.time, "–",
             f"≤ {whole:.1f} s", found.verify.median <= whole),
        Line(f"`verify --since` a checkpoint, 10 new of {entries:,} entries", found.since.time, "–", "≤ 0.5 s",
             found.since.median <= 0.5),
        Line("a turn of `agent run` that finds nothing to do, 1,000 tenants", f"{found.turn:.2f} s", "–", "≤ 1 s",
             found.turn <= 1),
        Line("`agent once` that finds nothing to do, start-up included", f"{found.noop:.2f} s", "–", "–", None),
    ]  # fmt: skip


if __name__ == "__main__":
    main()
