"""Files x folder -> the folder holds them. Nothing that is there is overwritten, and nothing is written through a link.

Rules kept: what the compiler would read besides ours is refused before anything is written; of the rest (README, CI,
settings of git) what is there stays, and is named.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from compiler.diagnostics.printable import shown
from runtime.contract.errors import EnvironmentFailedError, UsageError
from runtime.contract.manifest import INPUT_FOLDERS
from runtime.git.process import run
from runtime.git.repository import Repository

_KEPT = (*INPUT_FOLDERS, "evidence")


def require_room(folder: Path, files: Mapping[str, bytes]) -> None:
    """Raise UsageError where the files cannot all become what the compiler reads there."""
    for below in {"", *(part for path in files for part in _parents(path))}:
        place = folder / below
        if place.is_symlink() or (place.exists() and not place.is_dir()):
            raise UsageError(f"{shown(str(place))} is no folder", help="name another one: conductor init DIR")
    there = sorted(
        str(file.relative_to(folder))
        for name in _KEPT
        for file in (folder / name).rglob("*")
        if file.is_symlink() or not file.is_dir()
    )
    foreign = [
        path for path in there if (folder / path).is_symlink() or files.get(path) != (folder / path).read_bytes()
    ]
    if foreign:
        more = f" and {len(foreign) - 1} more" if len(foreign) > 1 else ""
        raise UsageError(
            f"{shown(foreign[0])}{more} already exists, and nothing is overwritten",
            help=f"the folders {', '.join(_KEPT)} belong to Conductor: move what lies there, or begin in another "
            "folder; `conductor check` reads what an earlier init has written",
        )
    if not (folder / ".git").exists() and folder.is_dir() and any(folder.iterdir()):
        top = run(folder, "rev-parse", "--show-toplevel")
        if top.code == 0:
            raise UsageError(
                f"{shown(str(folder))} lies inside the repository {shown(top.out.decode(errors='replace').strip())}",
                help="name that one, or a folder of its own: approvals speak of a whole repository",
            )


def write(folder: Path, files: Mapping[str, bytes]) -> tuple[str, ...]:
    """Write what is not there yet; returns the paths of others' files that were left as they are."""
    left = []
    for path, data in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        except FileExistsError:
            if place.is_symlink() or place.read_bytes() != data:
                left.append(path)
            continue
        except OSError as error:
            raise EnvironmentFailedError(
                f"{shown(str(place))} cannot be written: {error.strerror}", help="check the folder's owner and mode"
            ) from None
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
    return tuple(left)


def begin(folder: Path) -> tuple[bool, str]:
    """Make it a git repository if it is none; whether it was made one, and the branch that is checked out."""
    made = not (folder / ".git").exists()
    if made:
        Repository.init(folder).close()
    return made, run(folder, "symbolic-ref", "--quiet", "--short", "HEAD").out.decode(errors="replace").strip()


def _parents(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: index + 1]) for index in range(len(parts))]
