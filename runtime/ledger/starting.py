"""Commits of main x what the reader was told -> the genesis that history starts from, and the line through it.

Rules kept: the genesis that was asked for counts wherever main reaches it; where nobody asked for one, the first that
two people signed is assumed, and only if whatever else is a genesis comes after it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from runtime.contract.errors import ConductorError
from runtime.git.inputs import digests
from runtime.git.interface import Git
from runtime.ledger.blobs import Blobs
from runtime.ledger.entry import GENESIS, GENESIS_APPROVALS
from runtime.ledger.facts import GenesisFacts, Stage
from runtime.ledger.findings import Finding, finding
from runtime.ledger.genesis import PEOPLE
from runtime.ledger.line import Place, walk
from runtime.ledger.rules import Rule
from runtime.ledger.start import Start, read_starts


class NoGenesisError(ConductorError):
    """No two people have started a history here yet, or not the one that was asked for."""


class SeveralGenesesError(ConductorError):
    """More than one genesis that two people signed is there, none comes after the other, and nobody said which."""

    def __init__(self, found: Iterable[str]) -> None:
        named = " and ".join(f"sha256:{digest}" for digest in sorted(found))
        super().__init__(
            f"this history descends from several geneses, and none comes after the other: {named}",
            help="somebody has merged a history of another start; ask, by another way than this repository, which one "
            "holds, and say so: --trust-root sha256:…",
        )


def line_through(
    git: Git, blobs: Blobs, head: str, trust_root: str | None, through: Collection[str]
) -> tuple[list[Place], list[Start]]:
    """Main's line, through the genesis that was asked for and all that it is known to have held."""
    places = walk(git, head)
    starts = read_starts(blobs, places)
    on = {place.commit.oid for place in places}
    if any(start.genesis.ledger is not None for start in starts if trust_root in {None, start.genesis.digest}):
        through = ()  # they are of the ledger's own branch
    missing = [commit for commit in through if commit not in on and git.is_ancestor(commit, head)]
    if trust_root is not None and all(start.genesis.digest != trust_root for start in starts):
        missing += _bringing(git, blobs, places, trust_root)
    if missing:
        places = walk(git, head, through=missing)
        starts = read_starts(blobs, places)
    return places, starts


def _hidden(git: Git, places: list[Place]) -> list[Place]:
    """The commits that are not on the line, as far as they bring geneses."""
    folders = GENESIS.rstrip("/"), GENESIS_APPROVALS.rstrip("/")
    steps = git.beside([place.commit.oid for place in places], *folders)
    return [Place(step.commit, step.changes, main=False) for step in reversed(steps) if step.changes]


def _bringing(git: Git, blobs: Blobs, places: list[Place], digest: str) -> list[str]:
    """A commit beside the line that brings a genesis: the one that two people made, rather than a copy."""
    found = [start for start in read_starts(blobs, _hidden(git, places)) if start.genesis.digest == digest]
    made = [start for start in found if git.commit(start.commit).parents == (start.genesis.commit,)]
    return [start.commit for start in (made or found)[:1]]


def check_alone(git: Git, blobs: Blobs, places: list[Place], starts: list[Start], chosen: Start) -> None:
    """Make sure that whatever else is a genesis came after the one that was assumed."""
    others = {
        start.genesis.digest
        for start in (*starts, *read_starts(blobs, _hidden(git, places)))
        if start.genesis.digest != chosen.genesis.digest
        and len(start.signers) >= PEOPLE
        and not git.is_ancestor(chosen.commit, start.commit)
    }
    if others:
        raise SeveralGenesesError({chosen.genesis.digest, *others})


def choose(
    git: Git, starts: list[Start], places: list[Place], trust_root: str | None, rules: tuple[Rule, ...]
) -> tuple[Start, list[Finding]]:
    """The genesis to start from, and what is wrong with it; raises NoGenesisError without one."""
    if not starts:
        raise NoGenesisError(
            "no genesis yet", help="two people start the history: `conductor genesis --person NAME --key FILE`"
        )
    known = [start for start in starts if trust_root in {None, start.genesis.digest}]
    if not known:
        raise NoGenesisError(
            f"no genesis here has the SHA-256 {trust_root}",
            help=f"this history starts from sha256:{starts[0].genesis.digest}; ask whoever gave you the trust root",
        )
    judged = [(start, _genesis_findings(git, start, places, rules)) for start in known]
    return next((item for item in judged if not item[1]), judged[0])


def _genesis_findings(git: Git, start: Start, places: list[Place], rules: tuple[Rule, ...]) -> list[Finding]:
    before = {place.commit.oid for place in places[: start.number] if place.main}
    commit = start.genesis.commit
    facts = GenesisFacts(start.genesis, start.signers, digests(git, commit) if commit in before else None)
    return [
        finding(rule.name, message, path=f"{GENESIS}{start.genesis.digest}.json", commit=start.commit)
        for rule in rules
        if rule.stage is Stage.GENESIS
        for message in rule.check(facts)
    ]
