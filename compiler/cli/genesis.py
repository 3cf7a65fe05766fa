"""`conductor genesis`: the first person's call writes and signs where history starts, the second's completes it.

Rules kept: what is signed is what HEAD of the branch compiles to, never the work tree; the commit holds the genesis and
its statements and nothing else; no branch moves unless it is still where the genesis says.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from compiler.cli.options import HERE, Repo, where
from compiler.cli.progress import progress
from compiler.cli.signing import KeyFile, PassphraseFrom, signing_key
from compiler.cli.trust_root import digest_of
from compiler.diagnostics.suggest import did_you_mean
from compiler.driver import compile_commit
from runtime.contract.errors import EnvironmentFailedError, UsageError
from runtime.contract.manifest import INPUT_FOLDERS
from runtime.git.interface import Author
from runtime.git.process import run
from runtime.git.repository import Repository
from runtime.governance.config import Governance
from runtime.ledger import genesis as start
from runtime.ledger.entry import GENESIS, GENESIS_APPROVALS
from runtime.release import VERSION
from runtime.targets.config import NO_SYSTEM, targets_of

BRANCH = "main"
Person = Annotated[str, typer.Option("--person", metavar="NAME", help="Your name, as in policies/people/.")]
Previous = Annotated[
    str | None,
    typer.Option(
        "--previous", metavar="DIGEST", help="SHA-256 of the lost history's genesis, which this one replaces."
    ),
]
Ledger = Annotated[
    str | None,
    typer.Option(
        "--ledger", metavar="BRANCH", help=f"Branch that the agent writes to, if it may not push to {BRANCH}."
    ),
]


More = Annotated[
    bool,
    typer.Option("--more", help="Do not commit it yet, although two people have signed: another person will sign too."),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("genesis")(genesis)


def genesis(  # noqa: PLR0917 -- options
    person: Person,
    key: KeyFile,
    previous: Previous = None,
    ledger: Ledger = None,
    repo: Repo = HERE,
    passphrase: PassphraseFrom = None,
    *,
    more: More = False,
) -> None:
    """Start the history of this repository: two people named in it sign what HEAD of main compiles to.

    The first person's call writes the genesis and signs it; the second person's signs it too and commits it. Signing
    proves that they have their key. With --more, others can sign before it is committed. A key that has not signed
    does not count until its owner runs `conductor key prove`. With --previous, they start again after a history was
    lost (see `conductor explain runbooks/new-genesis`). With --ledger, the agent pushes to a branch of its own and
    never to main; both signers must pass --ledger.
    """
    ledger = None if ledger == BRANCH else ledger
    replaced = digest_of("--previous", previous)
    private = signing_key(key, passphrase)
    with Repository(repo) as git, progress("compiling HEAD"):
        head = _head(git)
        compile_ = compile_commit(git)
        pending = start.read_pending(_pending_files(git, head))
        start.check_previous(start.existing(git, head), replaced, pending)
        start.check_ledger(start.ledgers(git, head), ledger, BRANCH, pending)
        if pending is None:
            repository = secrets.token_hex(16)
            made = start.create(
                compile_,
                head,
                branch=BRANCH,
                repository=repository,
                release=VERSION,
                previous=replaced,
                ledger=ledger,
            )
            pending = start.Pending(made)
        else:
            start.check(pending, compile_, head, BRANCH)
        _means_a_system(pending)
        people = Governance.of(pending.genesis.snapshot.contents).people
        if person not in people and (meant := did_you_mean(person, people)) is not None:
            raise UsageError(f"commit {head[:12]} names no person `{person}`", help=meant)
        signed = start.sign(pending, person, private, datetime.now(tz=UTC).replace(microsecond=0))
        for path, data in signed.files.items():
            _write(repo / path, data)
        commit = _committed(git, signed, head) if signed.complete and not more else None
    sys.stdout.write(_told(signed, person, commit, repo))


def _means_a_system(pending: start.Pending) -> None:
    """Refuse a control database that is nobody's yet: no agent could get its lock, and so none could take a change that
    names another."""
    for name, target in targets_of(pending.genesis.snapshot.contents).items():
        if target.control and target.identity.startswith(NO_SYSTEM):
            raise start.GenesisError(
                f"the control database {name} has no identity yet (still a placeholder: {target.identity}), "
                "so no agent could ever act",
                help=f"`conductor doctor --targets` says who answers at {target.dsn}: put that into "
                f"spec/targets/{name}.yaml as `identity`, and commit it",
            )


def _head(git: Repository) -> str:
    """Main's head, if it is what is checked out and nothing beside it is going on."""
    head = git.resolve("HEAD")
    if head is None:
        raise UsageError("there is no commit yet", help="commit the five folders first")
    branch = run(git.path, "symbolic-ref", "--quiet", "--short", "HEAD").out.decode().strip()
    if branch != BRANCH:
        raise UsageError(
            f"`{branch or head[:12]}` is checked out, but history starts on {BRANCH}", help="git checkout main"
        )
    if dirty := git.uncommitted(*INPUT_FOLDERS):
        raise start.GenesisError(
            f"{dirty[0]} is not committed, so you would not sign what you see",
            help="commit it, or undo it with git restore",
        )
    return head


def _pending_files(git: Repository, head: str) -> dict[str, bytes]:
    folders = (GENESIS.rstrip("/"), GENESIS_APPROVALS.rstrip("/"))
    committed = git.files(head, *folders)
    return {
        path: (git.path / path).read_bytes()
        for path in git.uncommitted(*folders)
        if path not in committed and (git.path / path).is_file()
    }


def _committed(git: Repository, pending: start.Pending, head: str) -> str:
    """Commit all three files to main; the index follows, so that the work tree is clean afterwards."""
    at = datetime.now(tz=UTC).replace(microsecond=0)
    commit = start.complete(git, pending, author=_author(git, pending), at=at)
    if not git.set_ref(f"refs/heads/{BRANCH}", commit, old=head):
        raise start.GenesisError(f"{BRANCH} moved while you signed", help=start.START_ANEW)
    output = run(git.path, "add", "--force", "--", *pending.files)
    if output.code:
        raise EnvironmentFailedError(
            f"the commit is made, but git's index could not be brought up to date: {output.error}"
        )
    return commit


def _author(git: Repository, pending: start.Pending) -> Author:
    person = pending.signers[-1]
    found = [run(git.path, "config", "--get", f"user.{what}").out.decode().strip() for what in ("name", "email")]
    return Author(found[0] or person, found[1] or f"{person}@conductor.invalid")


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def unsigned(owners: Mapping[str, str], signed: Collection[str]) -> list[str]:
    """Say whose keys have not signed, of key -> owner: of somebody with two, another one than that which did."""
    have = {owners[key] for key in signed if key in owners}
    lacking = sorted({name for key, name in owners.items() if key not in signed})
    return [f"another key of {name}" if name in have else f"that of {name}" for name in lacking]


def _unproved(pending: start.Pending) -> list[str]:
    """Who is named with a key that has not signed."""
    signed = {item.keyid for item in pending.statements}
    owners = Governance.of(pending.genesis.snapshot.contents).owner_of_key
    names = unsigned(owners, signed)
    if not names:
        return []
    return [
        f"Keys that have not signed it: {', '.join(names)}. Each counts once its holder has proved it:",
        "  conductor key prove --person NAME --key FILE, and have that taken.",
    ]


def _told(pending: start.Pending, person: str, commit: str | None, repo: Path) -> str:
    genesis_ = pending.genesis
    anew = "" if genesis_.previous is None else f" --previous sha256:{genesis_.previous}"
    lines = [f"{person} signed the genesis at commit {genesis_.commit[:12]}."]
    if genesis_.previous is not None:
        lines.append(f"It replaces genesis sha256:{genesis_.previous}.")
    if genesis_.ledger is not None:
        lines.append(f"The agent writes to the branch {genesis_.ledger}, and never to {BRANCH}.")
        anew += f" --ledger {genesis_.ledger}"
    if commit is None:
        lines += [
            "",
            "It is pending: it lies in the work tree, and nothing is committed.",
            *(f"  {path}" for path in pending.files),
            "",
            "Next: another person whom policies/people/ names signs it, at the same commit. In another clone, bring",
            f"those files along. They say:  conductor genesis{where(repo)}{anew} --person NAME --key FILE",
        ]
        return "\n".join(lines) + "\n"
    lines += [
        "",
        f"{' and '.join(pending.signers)} have signed; commit {commit[:12]} on {BRANCH} brings the genesis.",
        f"trust root: sha256:{genesis_.digest}",
        "",
        "Give the trust root to your auditors by another way than this repository.",
        *_unproved(pending),
    ]
    if genesis_.previous is None:
        lines.append(f"Next: git push origin {BRANCH}; then `conductor agent once` makes what it says.")
    else:
        lines += [
            "Tell everybody who approves or runs an agent too: without it they follow the genesis that it replaces.",
            f"Next: git push origin {BRANCH}; then go on as `conductor explain runbooks/new-genesis` says.",
        ]
    return "\n".join(lines) + "\n"
