"""Number of entries -> a real repository with that ledger, every commit signed: what `verify` is measured on.

The repository's own YAML and policy with generated tenants beside it. A fifth of the entries are heartbeats; the rest
are changes of one flag, each approved by three people: verdict, intent, result. Entries are four hours apart, so that
folders fill as they do in life; the last is of today, so that all of it verifies; and no two changes are the same. All
is written in memory and unpacked: few different trees are compiled, and the changes are the ways from one to another.
"""

from __future__ import annotations

import math
import os
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from compiler.cli.demo.copy import replace
from compiler.driver import compile_commit
from runtime.agent.decide import compile_once
from runtime.git.pack import encode_pack
from runtime.ledger import append
from runtime.ledger.append import Written
from runtime.signing.sshsig import sign_commit
from runtime.testing.chronicle import Chronicle, writer
from runtime.testing.small_tree import AGENT, key_of
from tests.benchmarks import trees

ROOT = Path(__file__).resolve().parents[2]
PEOPLE = ("mara-lindqvist", "tomas-okafor", "ines-carvalho")
FLAG = "flags/audit-log-verbosity.yaml"
APART = timedelta(hours=4)
TTL = b"ttl_seconds: 604800"


def build(folder: Path, entries: int, *, tenants: int = 100) -> str:
    """Make the repository; returns the trust root."""
    files = _files(tenants)
    chronicle = Chronicle.start(
        files,
        map(key_of, PEOPLE),
        lambda git: compile_once(compile_commit(git), git),
        began=datetime.now(UTC).replace(microsecond=0) - (entries + 10) * APART,  # the last may come in three
    )
    sign = sign_commit(key_of(AGENT))

    def push(entry: Written) -> None:
        at = entry.tip.time
        chronicle.git.commit_files(
            entry.files, message=append.message([entry]), author=writer().author, at=at, sign=sign
        )
        chronicle.note(entry)
        chronicle.now = entry.tip.time + APART - timedelta(minutes=1)  # which the next one takes

    begun = chronicle.intent()
    push(begun)
    push(chronicle.result(begun))
    for value in _walk(math.isqrt(entries // 3) + 2):
        if chronicle.tip.sequence >= entries:
            break
        if chronicle.tip.sequence % 5 == 0:
            push(chronicle.heartbeat())
        commit = chronicle.edit({FLAG: files[FLAG].replace(TTL, b"ttl_seconds: %d" % (86400 + value))})
        change = chronicle.change(commit)
        verdict = chronicle.verdict(commit, [chronicle.approval(change, name) for name in PEOPLE])
        push(verdict)
        chronicle.moved(commit, verdict)
        intent = chronicle.intent()
        push(intent)
        push(chronicle.result(intent))
    _unpack(chronicle, folder)
    return chronicle.root


def before(folder: Path, entries: int) -> tuple[str, str]:
    """The commit with which the ledger had so many entries less, and the time of its last one."""
    log = ("git", "log", "--format=%H %cd", "--date=format-local:%Y-%m-%dT%H:%M:%SZ", f"--skip={entries}", "-1")
    done = subprocess.run(
        (*log, "--", "evidence/ledger"),
        cwd=folder,
        env={**os.environ, "TZ": "UTC"},
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    commit, at = done.stdout.split()
    return commit, at


def _walk(values: int) -> Iterator[int]:
    """Go from one of some values to the next, and the same way never twice: a de Bruijn sequence of pairs."""
    for one in range(values):
        for other in range(one + 1, values):
            yield from (one, other)


def _files(tenants: int) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as name:
        tree = Path(name)
        trees.conductor(ROOT, tree, tenants)
        keys = {name: key_of(name).public_line for name in (*PEOPLE, AGENT)}
        list(replace(tree, keys=keys, targets={}, created="2026-11-20"))
        return {path.relative_to(tree).as_posix(): path.read_bytes() for path in tree.rglob("*") if path.is_file()}


def _unpack(chronicle: Chronicle, folder: Path) -> None:
    folder.mkdir(parents=True)
    pack = encode_pack(list(chronicle.git.objects.values()))
    for args, data in (
        (("init", "--quiet", "--initial-branch=main"), b""),
        (("index-pack", "--stdin"), pack),
        (("update-ref", "refs/heads/main", chronicle.head), b""),
        (("repack", "-adfq"), b""),
        (("reset", "--quiet", "--hard"), b""),
    ):
        subprocess.run(("git", *args), cwd=folder, input=data, check=True, capture_output=True, timeout=900)
