"""`conductor build`: the bundle as a folder, and the manifest's digest."""

from __future__ import annotations

import gc
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import typer

from compiler.aside import Aside
from compiler.cli.options import HERE, Format, FormatOption, Repo, Rev, read_tree, written
from compiler.cli.progress import progress
from compiler.diagnostics.model import Diagnostics
from compiler.source import WASM
from runtime.contract.canonical import sha256
from runtime.contract.errors import EnvironmentFailedError, UsageError
from runtime.contract.manifest import Manifest

WRITERS = 4
TOP = frozenset({"config", "objects", "policy"})


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("build")(build)


def build(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder for the bundle.")],
    repo: Repo = HERE,
    rev: Rev = None,
    form: FormatOption = Format.FULL,
) -> None:
    """Write the bundle to a new folder and print the manifest's digest. Findings go to stderr."""
    with progress("building"):
        refuse_foreign(output)
        tree = read_tree(repo, rev)
        with Aside(tree.files.get(WASM)) as aside:
            # the compiler is imported while the other process loads the policy
            from compiler.driver import compile_tree  # noqa: PLC0415 -- see above

            diagnostics = Diagnostics()
            bundle = compile_tree(tree, diagnostics, deny=aside.deny)
        gc.freeze()  # what is left to do is to write and to end
        sys.stderr.write(written(diagnostics, tree, form, sys.stderr, repo=repo) if len(diagnostics) else "")
        if bundle is None:
            raise typer.Exit(1)
        manifest = Manifest(tree.digests(), {path: sha256(data) for path, data in bundle.items()})
        try:
            write(output, bundle)
        except OSError as error:
            raise EnvironmentFailedError(
                f"the bundle cannot be written to {output}: {(error.strerror or str(error)).lower()}",
                help="name a folder in a place where you may write",
            ) from None
    sys.stdout.write(f"sha256:{manifest.digest}\n")


def refuse_foreign(output: Path) -> None:
    """Refuse to replace what is not a bundle: it would be lost."""
    if output.is_symlink() or (output.exists() and not output.is_dir()):
        raise UsageError(f"{output} is no folder", help="name one that does not exist yet")
    if output.is_dir():
        names = {path.name for path in output.iterdir()}
        if names and not (names <= TOP and (output / "policy" / ".manifest").is_file()):
            raise UsageError(
                f"{output} contains something other than a bundle", help="name a folder that does not exist yet"
            )


def write(output: Path, bundle: Mapping[str, bytes]) -> None:
    """Write the bundle beside its place and move it there: what is seen there is whole, the old one or the new one.

    Two renames do it, since one cannot put a folder over a full one: for the moment between them nothing is there.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{output.name}.", dir=output.parent) as name:
        made = Path(name) / "new"
        made.mkdir(mode=0o755)
        for folder in sorted({path.rpartition("/")[0] for path in bundle}):
            os.makedirs(f"{made}/{folder}", exist_ok=True)  # noqa: PTH103 -- thousands; pathlib takes ten times as long

        def write_some(items: Sequence[tuple[str, bytes]]) -> None:
            for path, data in items:
                _write(f"{made}/{path}", data)

        everything = tuple(bundle.items())
        with ThreadPoolExecutor(WRITERS) as writers:  # the kernel does the work, on every core
            list(writers.map(write_some, (everything[first::WRITERS] for first in range(WRITERS))))
        if output.exists():
            output.rename(Path(name) / "old")
        made.rename(output)


def _write(path: str, data: bytes) -> None:
    """Write a new file; three system calls, half the time of `open`, which also looks at what it has opened."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    finally:
        os.close(descriptor)


__all__ = ["build", "refuse_foreign", "register", "write"]
