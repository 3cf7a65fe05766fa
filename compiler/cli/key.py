"""`conductor key prove | list`: a new key's holder shows that they have it; which keys count now, and whose they are.

Rules kept: a proof is for the repository whose genesis this clone has; it is written as an input beside the key that it
is about, so that the change that brings the key brings the proof; no other file is touched.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from compiler.cli.clone import Clone
from compiler.cli.options import HERE, Repo
from compiler.cli.progress import progress
from compiler.cli.signing import KeyFile, PassphraseFrom, signing_key
from compiler.cli.trust_root import TrustRoot, digest_of
from compiler.diagnostics.suggest import did_you_mean
from compiler.domains.governance.kinds import KEY_PROOF
from runtime.contract.errors import EnvironmentFailedError, UsageError
from runtime.contract.instant import text
from runtime.contract.possession import Holder
from runtime.git.repository import Repository
from runtime.governance.config import KeyProof
from runtime.ledger.history import History
from runtime.ledger.starting import NoGenesisError
from runtime.signing.keys import PublicKey

_FOLDERS = {"person": "policies/people", "agent": "policies/agents"}


class ListFormat(StrEnum):
    """How the list is written."""

    TEXT = "text"
    JSON = "json"


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Prove that a new key is yours, and list the keys that count.")
    group.command("prove", short_help="Prove that a new key is yours.")(prove)
    group.command("list", short_help="List the keys that count at the last verified commit, and their owners.")(list_)
    app.add_typer(group, name="key")


def prove(
    key: KeyFile,
    person: Annotated[
        str | None, typer.Option("--person", metavar="NAME", help="The person whose key it is, as in policies/people/.")
    ] = None,
    agent: Annotated[
        str | None,
        typer.Option("--agent", metavar="NAME", help="Or the agent whose key it is, as in policies/agents/."),
    ] = None,
    repo: Repo = HERE,
    *,
    passphrase: PassphraseFrom = None,
    trust_root: TrustRoot = None,
) -> None:
    """Prove that a new key is yours by signing with it. A change that adds a key without such a proof is refused.

    First add the public key to policies/people/NAME.yaml (or policies/agents/NAME.yaml); then commit both files.
    """
    holder = _holder(person, agent)
    _declared(repo, holder)
    private = signing_key(key, passphrase)
    _line_there(repo, holder, private.public)
    with Repository(repo) as git, progress("reading the history"):
        repository = _history(Clone.read(git, trust_root=digest_of("--trust-root", trust_root))).genesis.repository
    name = f"{holder.name[:54].rstrip('-')}-{private.public.sha256[:8]}"
    proof = KeyProof.by(private, holder, repository, datetime.now(tz=UTC).replace(microsecond=0), name)
    path = Path(KEY_PROOF.folder) / f"{name}.yaml"
    _write(repo / path, as_yaml(proof))
    sys.stdout.write(f"{path} proves that {private.fingerprint} is {holder}'s.\nCommit it with the key.\n")


def list_(
    repo: Repo = HERE,
    trust_root: TrustRoot = None,
    form: Annotated[ListFormat, typer.Option("--format", help="Output format.")] = ListFormat.TEXT,
) -> None:
    """List the keys that count at the last verified commit, their owners, and how each owner proved to have theirs."""
    with Repository(repo) as git, progress("reading the history"):
        history = _history(Clone.read(git, trust_root=digest_of("--trust-root", trust_root)))
    rows = [
        (holder, key.fingerprint, key.public.split(" ", 1)[0], _known_by(history, holder, key.fingerprint))
        for holder, keys in sorted(history.governance.holdings.items())
        for key in keys
    ]
    unproved = history.verified.unproved
    if form is ListFormat.JSON:
        fields = ("holder", "fingerprint", "type", "proof", "counts")
        listed = [
            dict(zip(fields, (str(holder), key, *more, key not in unproved), strict=True))
            for holder, key, *more in rows
        ]
        sys.stdout.write(json.dumps({"commit": history.commit, "keys": listed}, indent=2) + "\n")
        return
    sys.stdout.write(f"at the last verified commit, {history.commit[:12]}\n")
    for holder, fingerprint, algorithm, proof in rows:
        how = f"proved by {KEY_PROOF.folder}/{proof}.yaml" if proof else "of the genesis, or proved before"
        if fingerprint in unproved:
            how = f"only named by the genesis: conductor key prove --{holder.kind} {holder.name} makes it count"
        sys.stdout.write(f"  {holder}  {fingerprint}  {algorithm}  {how}\n")


def _known_by(history: History, holder: Holder, fingerprint: str) -> str | None:
    named = (proof for proof in history.governance.proofs if proof.key.fingerprint == fingerprint)
    return next((proof.name for proof in named if proof.holder == str(holder)), None)


def _holder(person: str | None, agent: str | None) -> Holder:
    if (person is None) == (agent is None):
        raise UsageError("say whose key it is", help="--person NAME or --agent NAME")
    return Holder.parse(f"person/{person}" if person is not None else f"agent/{agent}")


def _declared(repo: Path, holder: Holder) -> None:
    folder = _FOLDERS[holder.kind]
    if not (repo / folder / f"{holder.name}.yaml").is_file():
        there = [path.stem for path in (repo / folder).glob("*.yaml")]
        raise UsageError(
            f"there is no {folder}/{holder.name}.yaml",
            help=did_you_mean(holder.name, there, "write it first, with the public line of the key in `keys`"),
        )


def _line_there(repo: Path, holder: Holder, key: PublicKey) -> None:
    path = f"{_FOLDERS[holder.kind]}/{holder.name}.yaml"
    if key.line.split(" ")[1] not in (repo / path).read_text(errors="replace"):
        raise UsageError(f"{path} does not give the key {key.fingerprint}", help=f"add it to `keys` there: {key.line}")


def _history(clone: Clone) -> History:
    if clone.history is None:
        raise NoGenesisError(
            "no genesis yet, and a proof is for the repository that one starts",
            help="before it nothing is to be proved: those who sign the genesis vouch for the keys in it",
        )
    return clone.history


def as_yaml(proof: KeyProof) -> str:
    """Return the input file."""
    return (
        "apiVersion: conductor/v1\nkind: KeyProof\nmetadata:\n"
        f"  name: {proof.name}\nspec:\n  holder: {proof.holder}\n  key: {proof.key.public}\n"
        f'  repository: "{proof.repository}"\n  signed_at: "{text(proof.signed_at)}"\n'
        f'  signature: "{proof.signature}"\n'
    )


def _write(path: Path, content: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    except OSError as error:
        raise EnvironmentFailedError(
            f"{path} cannot be written: {error.strerror}", help="fix that and run the command again"
        ) from None
