"""Work tree -> findings about resources in a folder that is nearly one of the five: nothing reads them there.

Rules kept: only folders at the top are looked at, and only those whose name is near; each gives one finding; at most
`MOST` files are opened, and of each only its beginning is read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from compiler.diagnostics.suggest import nearest
from runtime.contract import regular
from runtime.contract.manifest import INPUT_FOLDERS

NEAR = 0.7
"""`policy` is as near to `policies`; `tests` is farther from `tenants`."""
MOST = 1000
HEAD = 4096
_OURS = re.compile(rb"^apiVersion:[ \t]*[\"']?conductor/", re.MULTILINE)


def misplaced(repo: Path) -> Iterator[tuple[str, str, int]]:
    """Give for each such folder its first resource, where that was meant to lie, and how many lie beside it."""
    with os.scandir(repo) as entries:
        folders = sorted(item.name for item in entries if item.is_dir(follow_symlinks=False))
    for folder in folders:
        if folder in INPUT_FOLDERS or folder.startswith("."):
            continue
        meant = nearest(folder.lower(), INPUT_FOLDERS, cutoff=NEAR)
        ours = [path for path in islice(_yaml(repo, folder), MOST) if _is_resource(repo / path)] if meant else []
        if ours:
            stem = ours[0].removeprefix(f"{folder}/").rsplit(".", 1)[0]
            yield ours[0], f"{meant}/{stem}.yaml", len(ours) - 1


def _yaml(repo: Path, folder: str) -> Iterator[str]:
    for parent, below, names in os.walk(repo / folder):
        below.sort()
        for name in sorted(names):
            if name.endswith((".yaml", ".yml")):
                yield Path(parent, name).relative_to(repo).as_posix()


def _is_resource(path: Path) -> bool:
    try:
        return _OURS.search(regular.read(path, HEAD)) is not None
    except (OSError, regular.OddFileError):
        return False
