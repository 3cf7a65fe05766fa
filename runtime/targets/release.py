"""A folder as a target: the one object `release/current`, `config/` and `policy/` of a manifest, swapped whole; and
`absence/<tenant>`, which exists once nothing there speaks of a tenant any more but that it is deprovisioned.

    <folder>/.conductor-target          the folder's identity, random, made when it is first prepared
    <folder>/releases/<manifest>/       config/**, policy/**, and `.release.json`: repository, intent, manifest
    <folder>/current                    a symlink to one of them: what workers read

Rules kept:
- a reader of `current` sees one release, never parts of two: files are written and forced to disk beside it, renamed
  into place, and then the symlink is replaced, which is atomic;
- observe reads every byte: a file changed, missing, added, or open to others by hand is drift;
- folder and `releases` are refused where anybody else may write to them, and no link is followed but `current`;
- a release that is damaged is written anew under a name of its own (`<manifest>.<intent>`), never repaired under a
  reader's feet; the releases before it are kept, a few;
- what was written is read again once `current` leads to it;
- one agent writes at a time (a lock on the folder), and a release that a newer intent wrote is left alone.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Self

from runtime.contract.canonical import JSON, decode, encode, sha256
from runtime.contract.errors import EnvironmentFailedError, FormatError
from runtime.contract.objects import ABSENCE, FOREIGN, Action, ObjectId
from runtime.targets import owned
from runtime.targets.disk import disk
from runtime.targets.interface import RetryableError, TerminalError
from runtime.targets.secrets import Resolve
from runtime.whole import sync

IDENTITY = ".conductor-target"
LOCK = ".lock"
MARK = ".release.json"
CURRENT = "current"
RELEASES = "releases"
KEPT = 3
"""Releases that stay beside the current one, so that a reader who has just opened one can finish, and a person can
look at what was before."""

Files = Callable[[], Mapping[str, bytes]]
"""The files of `config/` and `policy/` of the manifest that is wanted, path -> content."""

ONE_BY_ONE = 64
"""Up to so many files are forced to disk one by one, more all at once."""

_MAX_MARK = 65_536
_MAX_IDENTITY = 256
_IDENTITY = re.compile(rb"[\x21-\x7e]{1,200}\n?")
_NAME = re.compile(r"[0-9a-f]{64}(\.\d+)*")


class ReleaseTarget:
    """One folder. `folder` is a reference like any DSN; `new_id` gives the identity of a folder that has none."""

    def __init__(
        self,
        name: str,
        *,
        folder: str,
        expected: str | None,
        repository: str,
        files: Files,
        resolve: Resolve,
        new_id: Callable[[], str],
        kept: int = KEPT,
    ) -> None:
        self.name = name
        self._reference = folder
        self._expected = expected
        self._repository = repository
        self._files = files
        self._resolve = resolve
        self._new_id = new_id
        self._kept = kept
        self._folder: Path | None = None

    def __enter__(self) -> Self:
        """Prepare the folder if it is new; raises TerminalError if it is somebody else's, or another than named."""
        folder = Path(self._resolve(self._reference))
        if not folder.is_absolute():
            raise EnvironmentFailedError(
                f"the folder of target {self.name} is not an absolute path", help=f"set {self._reference} to one"
            )
        with disk(f"target {self.name}"):
            found = self._identity_of(folder)
        if self._expected is not None and self._expected != found:
            raise TerminalError(
                f"target {self.name} is the folder {self._expected}, and what lies there is {found}",
                help=f"if that is the one you mean, set `identity: {found}` in spec/targets/{self.name}.yaml;"
                f" if not, set {self._reference} right",
            )
        self._folder = folder
        return self

    def __exit__(self, *exc: object) -> None:
        """Nothing is held."""
        self._folder = None

    def identity(self) -> str:
        """What `.conductor-target` says."""
        return self._identity_of(self._opened())

    def observe(
        self, ids: Iterable[ObjectId], adopt: Mapping[ObjectId, Mapping[str, JSON]] | None = None
    ) -> Mapping[ObjectId, Mapping[str, JSON]]:
        """See `Target.observe`. There is one object, whoever asks, and absences, which are named; none is adopted."""
        del adopt
        folder = self._opened()
        with disk(f"target {self.name}"):
            absent = [
                item
                for item in ids
                if (item.target, item.type) == (self.name, ABSENCE) and not _of_tenant(folder / CURRENT, item.name)
            ]
            return {**{item: {} for item in absent}, **self._current(folder)}

    def _current(self, folder: Path) -> Mapping[ObjectId, Mapping[str, JSON]]:
        current = folder / CURRENT
        if not current.is_symlink():
            return {self._id: FOREIGN} if current.exists() else {}
        mark = self._mark(current)
        if mark is None:
            return {self._id: FOREIGN}
        return {self._id: {"manifest": mark[0], "files": _digest(_read(folder))}}

    def perform(self, action: Action, *, intent: int) -> Mapping[str, JSON]:
        """See `Target.perform`."""
        folder = self._opened()
        if action.id.type == ABSENCE and action.after is not None:
            return _proof(folder, action.id)
        if action.id != self._id:
            raise TerminalError(f"a release target has no object {action.id.type}/{action.id.name}")
        with disk(str(action.id)), _locked(folder):
            self._refuse_newer(folder, intent)
            before = _goal(folder)
            if action.after is None:
                (folder / CURRENT).unlink(missing_ok=True)
                return {"release": {"before": before, "after": None}}
            match action.after:
                case {"manifest": str(manifest), "files": str(digest)} if len(action.after) == 2:
                    written = self._write(folder, manifest, digest, intent)
                case _:
                    raise TerminalError(f"{action.id} has exactly manifest and files")
            _point(folder, written)
            there = _read(folder)
            if _digest(there) != digest:
                raise RetryableError(f"release {written} was altered while it was published", after=5)
            self._forget(folder, written)
            return {"release": {"before": before, "after": written, "files": len(there)}}

    def _write(self, folder: Path, manifest: str, digest: str, intent: int) -> str:
        """Write a release beside the others; its name."""
        if _NAME.fullmatch(manifest) is None:
            raise TerminalError(f"{manifest!r} is no manifest's digest")
        files = self._files()
        if _digest({path: sha256(data) for path, data in files.items()}) != digest:
            raise TerminalError(
                f"the files at hand are not those of manifest {manifest}",
                help="the agent compiled a different commit from the one it is applying; start it again",
            )
        releases = folder / RELEASES
        releases.mkdir(exist_ok=True, mode=owned.FOLDER_MODE)
        owned.require_folder(releases)
        scratch = releases / f".{manifest}.{intent}"
        owned.remove(scratch)
        scratch.mkdir(mode=owned.FOLDER_MODE)
        mark = {"repository": self._repository, "intent": intent, "manifest": manifest}
        _write_all({**{scratch / _safe(path): data for path, data in files.items()}, scratch / MARK: encode(mark)})
        name, attempt = manifest, 0
        while os.path.lexists(releases / name):
            name = f"{manifest}.{intent}" + (f".{attempt}" if attempt else "")
            attempt += 1
        scratch.rename(releases / name)
        sync(releases)
        return name

    def _refuse_newer(self, folder: Path, intent: int) -> None:
        current = folder / CURRENT
        if not current.is_symlink() and not current.exists():
            return
        mark = self._mark(current) if current.is_symlink() else None
        if mark is None:
            raise TerminalError(
                f"{current} exists and Conductor did not make it",
                help=f"remove {current} by hand, or name another folder",
            )
        if mark[1] > intent:
            raise TerminalError(
                f"the current release was written by intent {mark[1]}, which is newer than this one ({intent})",
                help="nothing to do: a newer agent has already acted",
            )

    def _mark(self, current: Path) -> tuple[str, int] | None:
        """Manifest and intent of the current release; None if it is not ours."""
        name = current.readlink()
        if len(name.parts) != 2 or name.parts[0] != RELEASES or _NAME.fullmatch(name.name) is None:
            return None
        by_name = (name.name.split(".")[0], 0)  # damaged by hand: still a release of ours by its name
        try:
            if (current.parent / name).is_symlink():
                return by_name
            value = decode(owned.read(current / MARK, _MAX_MARK))
        except (FileNotFoundError, owned.OddError):
            return by_name
        except FormatError:
            return None
        match value:
            case {"repository": self._repository, "intent": int(intent), "manifest": str(manifest)}:
                return manifest, intent
        return None

    def _forget(self, folder: Path, current: str) -> None:
        """Remove all but the newest few releases beside the current one, and what a killed agent left."""
        places = [item for item in (folder / RELEASES).iterdir() if item.name != current]
        ended = [item for item in places if _NAME.fullmatch(item.name)]
        ended.sort(key=lambda item: item.lstat().st_mtime_ns, reverse=True)
        for place in [*ended[self._kept :], *(item for item in places if item.name.startswith("."))]:
            with suppress(OSError, RecursionError):  # the release is out; what cannot go now goes with the next
                owned.remove(place)

    def _identity_of(self, folder: Path) -> str:
        path = folder / IDENTITY
        if not path.is_symlink() and not path.exists():
            folder.mkdir(parents=True, exist_ok=True, mode=owned.FOLDER_MODE)
            owned.require_folder(folder, follow=True)
            if any(folder.iterdir()):
                raise TerminalError(
                    f"{folder} holds files and no {IDENTITY}: Conductor did not make it",
                    help="name an empty folder, or one that does not exist yet",
                )
            _write_all({path: f"{self._new_id()}\n".encode()})
        owned.require_folder(folder, follow=True)
        if os.path.lexists(folder / RELEASES):
            owned.require_folder(folder / RELEASES)
        try:
            text = owned.read(path, _MAX_IDENTITY)
        except owned.OddError:
            text = b""
        if _IDENTITY.fullmatch(text) is None:
            raise TerminalError(
                f"{path} holds no identity", help="bring it back from a copy: the Target names what it should hold"
            )
        return text.decode("ascii").strip()

    @property
    def _id(self) -> ObjectId:
        return ObjectId(self.name, "release", "current")

    def _opened(self) -> Path:
        if self._folder is None:
            raise RetryableError(f"target {self.name} is not opened")
        return self._folder


def _of_tenant(current: Path, tenant: str) -> list[str]:
    """What is served about a tenant, but for the file that says what state it is in."""
    files = [*current.glob(f"config/tenants/*/{tenant}.json"), *current.glob(f"policy/tenants/{tenant}/**/*.json")]
    paths = sorted(str(path.relative_to(current)) for path in files)
    return [path for path in paths if not path.startswith("config/tenants/tenant/")]


def _proof(folder: Path, item: ObjectId) -> Mapping[str, JSON]:
    """Look for what speaks of a tenant; raises TerminalError for what is found."""
    with disk(str(item)):
        found = _of_tenant(folder / CURRENT, item.name)
        current = _goal(folder)
    if found:
        raise TerminalError(f"the current release still speaks of {item.name}: {', '.join(found)}")
    looked = [f"config/tenants/*/{item.name}.json", f"policy/tenants/{item.name}/**"]
    return {"absence": {"release": current, "looked_for": [*looked], "found": 0}}


def _read(folder: Path) -> dict[str, str]:
    """Path -> SHA-256 of every file of the current release; anything else in it makes it another release."""
    found = dict(owned.digests(folder / RELEASES / (_goal(folder) or "")))
    if len(found.pop(MARK, "")) != len(sha256(b"")):
        found[MARK] = "not as it was written"
    return found


def _digest(files: Mapping[str, str]) -> str:
    """The `files` attribute: SHA-256 of the canonical JSON of path -> SHA-256."""
    return sha256(encode(dict(files)))


def _goal(folder: Path) -> str | None:
    """Name of the current release."""
    current = folder / CURRENT
    return current.readlink().name if current.is_symlink() else None


def _point(folder: Path, name: str) -> None:
    """Let `current` be this release, from one moment to the next."""
    fresh = folder / f".{CURRENT}"
    owned.remove(fresh)
    fresh.symlink_to(PurePosixPath(RELEASES) / name)
    fresh.replace(folder / CURRENT)
    sync(folder)


def _safe(path: str) -> PurePosixPath:
    """A path that stays inside the release."""
    safe = PurePosixPath(path)
    if safe.is_absolute() or ".." in safe.parts or not path or path == MARK:
        raise TerminalError(f"{path!r} is no path of a release")
    return safe


def _write_all(files: Mapping[Path, bytes]) -> None:
    """Write files and force them, and the names in their folders, to disk."""
    home = Path(os.path.commonpath([path.parent for path in files]))
    folders = {home, *(folder for path in files for folder in path.parents if folder.is_relative_to(home))}
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True, mode=owned.FOLDER_MODE)
    for path, data in files.items():
        owned.write_new(path, data)
    if len(files) > ONE_BY_ONE:
        os.sync()  # Linux waits until all is written: 0.3 s where 4,000 calls of fsync took 19
        return
    for path in (*files, *folders):
        sync(path)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder; raises RetryableError if another agent does."""
    with ExitStack() as stack:
        try:
            fcntl.flock(stack.enter_context(owned.opened_lock(folder / LOCK)), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RetryableError(f"another agent is writing to {folder}", after=2) from None
        except owned.OddError:
            raise TerminalError(
                f"{folder / LOCK} is no file of the agent's", help="remove it by hand; look who has put it there"
            ) from None
        yield
