"""Work tree or commit -> SourceTree: the inputs of the compiler, by their raw bytes (plan, section 1).

Inputs are the `*.yaml`, `*.json`, `*.rego` and `*.wasm` files of the five folders; `README.md` is none. Rules kept:

- any other file is a finding, and so is a symbolic link, a submodule, an LFS pointer, a nested `.gitattributes`, a mode
  other than 100644, a path that is not lower-case ASCII, and a file that nothing reads: one finding a file; so is what
  is no file at all, and nobody waits for what a pipe has to say;
- from a commit, bytes are the raw blobs; from a work tree, the bytes on disk: no attribute or filter ever applies;
- beside the five folders nothing is an input; a resource in a folder with nearly the name of one is a warning;
- of a work tree of git, and of a folder in one, tracked files count, and untracked ones that are not ignored, because
  they are what `git add` would take; of any other folder, and of one that is ignored itself, every file counts.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from compiler.checkout import top_of
from compiler.diagnostics import codes
from compiler.diagnostics.model import Code, Diagnostic, Diagnostics, Label, Span
from compiler.diagnostics.printable import shown as printable
from compiler.misplaced import misplaced
from runtime.contract import regular
from runtime.contract.canonical import sha256
from runtime.contract.children import environment
from runtime.contract.errors import EnvironmentFailedError, UsageError
from runtime.contract.manifest import INPUT_FOLDERS, INPUT_SUFFIXES, PATH
from runtime.contract.plural import plural
from runtime.git.interface import Git

MAX_BYTES = 1024 * 1024
MAX_WASM_BYTES = 16 * 1024 * 1024
MAX_TREE_BYTES = 512 * 1024 * 1024
"""Of all inputs of a commit: what somebody pushes is small, and may be large when it is read."""
PORTION = 1024
READ_JSON = frozenset({"policies/policy.lock.json"})
WASM = "policies/policy.wasm"
LFS = b"version https://git-lfs.github.com/spec/"
GIT_SECONDS = 60

_REGULAR, _EXECUTABLE, _LINK, _SUBMODULE = "100644", "100755", "120000", "160000"
_OTHER = "000000"
"""Of a pipe, a socket or a device, which git knows nothing of."""
_LITTER = re.compile(
    r"\..*\.sw[a-z]|.*~|\.#.*|#.*#|.*\.(?:bak|orig|rej|tmp)|\.DS_Store|Thumbs\.db|desktop\.ini", re.IGNORECASE
)
"""What editors, merges and desktops leave behind."""
_STAGED = re.compile(r"[0-7]{6} [0-9a-f]{40,64} [0-3]\t")


@dataclass(frozen=True)
class SourceTree:
    """Path -> raw bytes of every input, sorted by path, and what is wrong with the files as such."""

    files: Mapping[str, bytes]
    findings: tuple[Diagnostic, ...] = ()

    @property
    def refused(self) -> tuple[str, ...]:
        """Paths that a finding is about and that are not among the files."""
        paths = (item.primary.span.path for item in self.findings)
        return tuple(path for path in paths if path not in self.files)

    def digests(self) -> dict[str, str]:
        """Path -> SHA-256 (hex) of the raw bytes: the first half of the manifest."""
        return {path: sha256(data) for path, data in self.files.items()}


def from_worktree(repo: Path) -> SourceTree:
    """Read the five folders of a work tree; raises UsageError where there are none."""
    if not any((repo / folder).is_dir() for folder in INPUT_FOLDERS):
        raise UsageError(
            f"{shown(str(repo.absolute()))} has none of the folders {', '.join(INPUT_FOLDERS)}",
            help="go to the repository, or name it with --repo DIR",
        )
    sorter = _Sorter()
    paths = _listed(repo) if _is_gits(repo) else _walked(repo)
    for path, is_submodule in sorted(paths.items()):
        if is_submodule:
            sorter.admit(path, _SUBMODULE)
            continue
        try:
            status = os.lstat(repo / path)
        except (FileNotFoundError, NotADirectoryError):
            continue  # tracked, and removed in the work tree, or a file took its folder's place
        if stat.S_ISDIR(status.st_mode) and not (repo / path / ".git").exists():
            continue  # as well: a folder took its place, and its files are listed themselves
        if not sorter.admit(path, _mode(status), status.st_size):
            continue
        if (data := _read(repo / path)) is None:
            sorter.admit(path, _OTHER)  # since it was looked at
        elif sorter.fits(path, len(data)):
            sorter.keep(path, data)
    for path, meant, more in misplaced(repo):
        sorter.stray(path, meant, more)
    return sorter.tree()


def from_commit(git: Git, commit: str) -> SourceTree:
    """Read the five folders of a commit."""
    sorter = _Sorter()
    files = git.files(commit, *INPUT_FOLDERS)
    wanted = [(path, file.oid) for path, file in sorted(files.items()) if sorter.admit(path, file.mode)]
    left = MAX_TREE_BYTES
    for start in range(0, len(wanted), PORTION):
        portion = wanted[start : start + PORTION]
        blobs = git.readable((oid for _, oid in portion), MAX_WASM_BYTES)
        for path, oid in portion:
            size = len(blobs[oid]) if oid in blobs else MAX_WASM_BYTES + 1
            if sorter.fits(path, size if size <= left else MAX_WASM_BYTES + 1):
                sorter.keep(path, blobs[oid])
                left -= size
    return sorter.tree()


def from_files(files: Mapping[str, bytes]) -> SourceTree:
    """Take files that are already in memory."""
    sorter = _Sorter()
    for path, data in sorted(files.items()):
        if sorter.admit(path, _REGULAR, len(data)):
            sorter.keep(path, data)
    return sorter.tree()


def typed(path: str) -> str:
    """Return a path as one types it in a shell: `mv` and its like work for a file that git knows and for a new one."""
    if printable(path) == path:
        return shlex.quote(path)
    data = path.encode("utf-8", "surrogateescape")
    return (
        "$'"
        + "".join(chr(byte) if 32 <= byte < 127 and chr(byte) not in "'\\" else f"\\x{byte:02x}" for byte in data)
        + "'"
    )


def shown(path: str) -> str:
    """Return a path as it may be printed: what is not printable is escaped."""
    return printable(path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace"))


@dataclass
class _Sorter:
    """Admits each path once, or says what is wrong with it."""

    files: dict[str, bytes] = field(default_factory=dict)
    found: Diagnostics = field(default_factory=Diagnostics)

    def tree(self) -> SourceTree:
        return SourceTree(self.files, tuple(self.found))

    def admit(self, path: str, mode: str, size: int = 0) -> bool:
        """Whether a file is an input; adds the one finding if it is none and should not be there."""
        name = path.rsplit("/", 1)[-1]
        if mode == _LINK:
            return self._refuse(codes.SYMLINK, path, "is a symbolic link", "put the file itself here")
        if mode == _SUBMODULE:
            return self._refuse(codes.SUBMODULE, path, "is a submodule", "put the files themselves here")
        if mode == _OTHER:
            return self._refuse(codes.FOREIGN_FILE, path, "is neither a file nor a folder", f"rm {typed(path)}")
        if name == ".gitattributes":
            return self._refuse(codes.NESTED_ATTRIBUTES, path, "would change how files are read", f"rm {typed(path)}")
        if name == "README.md":
            return False
        if not name.endswith(INPUT_SUFFIXES):
            return self._refuse(codes.FOREIGN_FILE, path, "is not an input", _foreign_help(path, name))
        if PATH.fullmatch(path) is None:
            lower = path.lower()
            proposal = lower if PATH.fullmatch(lower) else re.sub(r"[^a-z0-9_./-]+", "-", lower)
            return self._refuse(codes.PATH_NAME, path, "is not lower-case ASCII", f"mv {typed(path)} {typed(proposal)}")
        if not _is_read(path):
            return self._refuse(codes.UNREAD_FILE, path, "is read by nothing", _unread_help(path))
        if mode != _REGULAR:  # its content is still looked at
            self._refuse(codes.FILE_MODE, path, "is executable", f"chmod a-x {typed(path)}")
        return self.fits(path, size)

    def fits(self, path: str, size: int) -> bool:
        limit = MAX_WASM_BYTES if path.endswith(".wasm") else MAX_BYTES
        if size > limit:
            mib = limit // (1024 * 1024)
            return self._refuse(codes.TOO_LARGE, path, f"is larger than {mib} MiB", "split it into several files")
        return True

    def keep(self, path: str, data: bytes) -> None:
        if data.startswith(LFS):
            self._refuse(
                codes.LFS_POINTER, path, "is a Git LFS pointer", f"git lfs untrack {path} and add the content itself"
            )
        else:
            self.files[path] = data

    def stray(self, path: str, meant: str, more: int) -> None:
        """Warn of a resource that lies beside the five folders."""
        folder, right = (one.split("/", 1)[0] for one in (path, meant))
        others = f", nor the {plural(more, 'resource')} beside it" if more else ""
        self.found.add(
            codes.FOLDER_UNREAD,
            f"`{shown(path)}` is a resource, and nothing reads it in {shown(folder)}/{others}",
            Label(Span(shown(path), 1, 1, 1, 1)),
            help=f"did you mean {right}/? mv {typed(path)} {typed(meant)}",
        )

    def _refuse(self, code: Code, path: str, what: str, help: str) -> bool:  # noqa: A002 -- as in the model
        self.found.add(code, f"`{shown(path)}` {what}", Label(Span(shown(path), 1, 1, 1, 1)), help=help)
        return False


def _is_read(path: str) -> bool:
    if path.endswith(".rego"):
        return path.startswith("policies/")
    if path.endswith(".json"):
        return path in READ_JSON
    return not path.endswith(".wasm") or path == WASM


def _unread_help(path: str) -> str:
    if path.endswith(".rego"):
        return "Rego lies under policies/"
    if path.endswith(".json"):
        return "a resource is written in YAML"
    return "`conductor policy build` writes the only one, policies/policy.wasm"


def _foreign_help(path: str, name: str) -> str:
    if name.lower().endswith((".yml", ".yaml")):
        return f"mv {typed(path)} {typed(path.rsplit('.', 1)[0] + '.yaml')}"
    if _LITTER.fullmatch(name):
        return f"rm {typed(path)}; an editor or the system left it here, and a line in .gitignore keeps it out"
    return "only *.yaml, *.json, *.rego, *.wasm and README.md lie here; move it elsewhere, or name it in .gitignore"


def _mode(status: os.stat_result) -> str:
    if stat.S_ISLNK(status.st_mode):
        return _LINK
    if stat.S_ISREG(status.st_mode):
        return _EXECUTABLE if status.st_mode & stat.S_IXUSR else _REGULAR
    return _SUBMODULE if stat.S_ISDIR(status.st_mode) else _OTHER


def _read(file: Path) -> bytes | None:
    """Return the bytes of a regular file, None if it is another thing."""
    try:
        return regular.read(file, MAX_WASM_BYTES + 1)
    except regular.OddFileError:
        return None


def _walked(repo: Path) -> dict[str, bool]:
    """Every file below the five folders of a folder that is no git repository."""
    paths: dict[str, bool] = {}
    for folder in INPUT_FOLDERS:
        for parent, folders, names in os.walk(repo / folder):
            links = [name for name in folders if (Path(parent) / name).is_symlink()]
            below = Path(parent).relative_to(repo).as_posix()
            paths |= {f"{below}/{name}": False for name in (*names, *links)}
        if (repo / folder).is_symlink():
            paths = {path: link for path, link in paths.items() if not path.startswith(f"{folder}/")} | {folder: False}
    return paths


def _is_gits(repo: Path) -> bool:
    """Whether git knows what there is of the folder: it lies in a checkout that does not ignore it."""
    top = top_of(repo)
    return top is not None and (top == repo.resolve() or _git(repo, "check-ignore", "-q", ".").returncode != 0)


def _listed(repo: Path) -> dict[str, bool]:
    """Tracked files, and untracked ones that are not ignored: path -> whether it is a submodule."""
    listed = _git(repo, "ls-files", "-z", "--stage", "--cached", "--others", "--exclude-standard", "--", *INPUT_FOLDERS)
    if listed.returncode:
        reason = listed.stderr.decode(errors="backslashreplace").strip()
        raise EnvironmentFailedError(f"git did not list the files: {reason}", help="run `git status` in the repository")
    return dict(_entries(os.fsdecode(item) for item in listed.stdout.split(b"\0") if item))


def _git(repo: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(  # noqa: S603 -- fixed arguments
            ["git", "-c", "core.fsmonitor=false", "-c", "core.quotepath=false", *arguments],  # noqa: S607 -- its PATH
            cwd=repo,
            env=environment() | {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
            capture_output=True,
            timeout=GIT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EnvironmentFailedError(
            f"git did not list the files: {error}", help="install git, or free resources for it"
        ) from None


def _entries(items: Iterable[str]) -> Iterable[tuple[str, bool]]:
    for item in items:
        tracked = _STAGED.match(item)
        if tracked:
            yield item[tracked.end() :], item.startswith(_SUBMODULE)
        else:
            yield item.rstrip("/"), item.endswith("/")  # an untracked folder is another repository
