"""Trust root -> its policy, loaded on another core while the history is walked.

Compiling a wasm takes as long as walking a thousand commits, and leaves the interpreter to others. Rules kept: only the
policy of the very genesis that was given from outside is loaded, which history starts with in any case; nothing is
believed, decided or reported here. Whoever replays asks for the policy as ever, finds it loaded (the engine keeps it by
its digest), and meets whatever was wrong with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread

from runtime.contract.canonical import sha256
from runtime.contract.errors import ConductorError
from runtime.contract.genesis import Genesis
from runtime.git.interface import Git
from runtime.ledger.start import genesis_path
from runtime.policy.engine import Policy

WASM = "policies/policy.wasm"


@contextmanager
def loading(git: Git, head: str, trust_root: str) -> Iterator[None]:
    """Load it meanwhile. At the end it is loaded, or never will be: no thread goes on."""
    wasm = _wasm(git, head, trust_root)
    if wasm is None:
        yield
        return
    thread = Thread(target=_load, args=(wasm,), daemon=True)
    with suppress(RuntimeError):  # there are no more threads to be had: it is loaded when it is asked for
        thread.start()
    try:
        yield
    finally:
        if thread.ident is not None:
            thread.join()


def _wasm(git: Git, head: str, trust_root: str) -> bytes | None:
    """The policy of the genesis, if `head` still has that file and the repository its commit."""
    with suppress(ConductorError):
        path = genesis_path(trust_root)
        file = git.files(head, path).get(path)
        data = git.blob(file.oid) if file is not None else b""
        if sha256(data) != trust_root:
            return None
        genesis = Genesis.from_bytes(data)
        policy = git.files(genesis.commit, WASM).get(WASM)
        wasm = git.blob(policy.oid) if policy is not None else b""
        return wasm if sha256(wasm) == genesis.snapshot.manifest.inputs.get(WASM) else None
    return None


def _load(wasm: bytes) -> None:
    with suppress(ConductorError):
        Policy.load(wasm)
