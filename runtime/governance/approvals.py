"""Git x commit -> the approvals that the branch `approvals` holds, change by change (plan, section 7).

There a change's folder is `<change>/`; in it lie `change.json` and one `<sha256>.sigstore.json` for each statement.
Rules kept: what is malformed, too large or under a wrong name is reported and never stops anybody (anyone who may push
could put it there); nor does it hide anything: every file that is named as a statement is read, however many there are;
no folder is opened but those of the changes asked about, and none within them; nothing here believes a signature; a
file's name is its digest, so what was read is what was named.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from runtime.contract.canonical import MAX_SNAPSHOT, sha256
from runtime.contract.change import Change
from runtime.contract.envelope import SUFFIX
from runtime.contract.errors import FormatError
from runtime.contract.manifest import SHA256
from runtime.git.interface import Git, TreeFile
from runtime.governance.case import Signed

BRANCH = "approvals"
PORTION = 512
"""Files in memory at once. Their number has no limit: whoever filled it up would choose which withdrawals are read."""
MAX_BYTES = 64 * 1024
CHANGE_BYTES = MAX_SNAPSHOT
_PLAIN = "100644"


def filed(change: Change, *statements: Signed) -> dict[str, bytes]:
    """The files of a change and of statements about it: path on the branch -> content. Raises FormatError for a change
    that nobody would read."""
    if len(change.data) > CHANGE_BYTES:
        raise FormatError(
            f"a change of {len(change.data)} bytes is not approved: at most {CHANGE_BYTES} are read",
            help="split it into several steps",
        )
    files = {f"{change.digest}/{one.sha256}{SUFFIX}": one.envelope.data for one in statements}
    return {f"{change.digest}/change.json": change.data, **files}


@dataclass(frozen=True)
class Malformed:
    """A file among the approvals that is none, and why."""

    path: str
    message: str


@dataclass(frozen=True)
class Approvals:
    """The approvals of one commit's tree. Without a commit: none."""

    git: Git
    commit: str | None
    _read: dict[str, tuple[tuple[Signed, ...], tuple[Malformed, ...]]] = field(default_factory=dict, compare=False)

    def of(self, change: str) -> tuple[Signed, ...]:
        """The statements filed under a change, by digest."""
        return self._folder(change)[0]

    def malformed(self, change: str) -> tuple[Malformed, ...]:
        """What is filed under a change and is no statement."""
        return self._folder(change)[1]

    def changes(self) -> tuple[str, ...]:
        """Digests of the changes that have a folder, sorted."""
        return () if self.commit is None else tuple(sorted(filter(SHA256.fullmatch, self.git.folder(self.commit))))

    def change(self, digest: str) -> Change | None:
        """The content of a change, None if it is not there; raises FormatError for bytes that are not that change."""
        entry = self._files(digest).get(f"{digest}/change.json")
        if entry is None:
            return None
        data = self.git.readable([entry.oid], CHANGE_BYTES).get(entry.oid)
        if data is None or sha256(data) != digest:
            raise FormatError(f"{digest}/change.json has not the digest that it is filed under")
        return Change.from_bytes(data)

    def _folder(self, change: str) -> tuple[tuple[Signed, ...], tuple[Malformed, ...]]:
        if change not in self._read:
            self._read[change] = self._statements(change)
        return self._read[change]

    def _files(self, change: str) -> Mapping[str, TreeFile]:
        """Path -> entry."""
        if self.commit is None:
            return {}
        return {f"{change}/{name}": file for name, file in self.git.folder(self.commit, change).items()}

    def _statements(self, change: str) -> tuple[tuple[Signed, ...], tuple[Malformed, ...]]:
        found: list[Signed] = []
        malformed: list[Malformed] = []
        wanted: list[tuple[str, TreeFile]] = []
        for path, entry in sorted(self._files(change).items()):
            if path == f"{change}/change.json":
                continue
            if (why := _misplaced(path, entry)) is None:
                wanted.append((path, entry))
            else:
                malformed.append(Malformed(path, why))
        for start in range(0, len(wanted), PORTION):
            portion = wanted[start : start + PORTION]
            blobs = self.git.readable((entry.oid for _, entry in portion), MAX_BYTES)
            for path, entry in portion:
                try:
                    found.append(_statement(path, blobs.get(entry.oid)))
                except FormatError as error:
                    malformed.append(Malformed(path, error.message))
        return tuple(found), tuple(malformed)


def statements_in(git: Git, folder: Mapping[str, TreeFile]) -> dict[str, Signed]:
    """Those entries of a folder, by name, that are statements about whatever change."""
    named = {name: file.oid for name, file in folder.items() if _misplaced(f"/{name}", file) is None}
    found: dict[str, Signed] = {}
    names = sorted(named)
    for start in range(0, len(names), PORTION):
        portion = names[start : start + PORTION]
        blobs = git.readable((named[name] for name in portion), MAX_BYTES)
        for name in portion:
            with suppress(FormatError):
                found[name] = _statement(f"/{name}", blobs.get(named[name]))
    return found


def _misplaced(path: str, entry: TreeFile) -> str | None:
    """Why a file cannot be a statement, whatever is in it."""
    if entry.mode != _PLAIN:
        return f"mode {entry.mode}: an approval is a plain file"
    name = path.split("/", 1)[1]
    if not name.endswith(SUFFIX) or SHA256.fullmatch(name.removesuffix(SUFFIX)) is None:
        return f"an approval is called <sha256>{SUFFIX}"
    return None


def _statement(path: str, data: bytes | None) -> Signed:
    if data is None:
        raise FormatError(f"it is no file, or a larger one: an approval has at most {MAX_BYTES} bytes")
    if sha256(data) != path.split("/", 1)[1].removesuffix(SUFFIX):
        raise FormatError("its content has not the digest that its name says")
    return Signed.from_bytes(data)
