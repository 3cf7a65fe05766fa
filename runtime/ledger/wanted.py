"""Contents of a snapshot, and the changes taken since -> the objects that P declares, looked up by name.

Rules kept: nothing is read before it is asked for, and then only once; what cannot be read declares nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from runtime.contract.canonical import decode
from runtime.contract.change import Change, Snapshot
from runtime.contract.errors import FormatError
from runtime.contract.objects import Object, ObjectId
from runtime.ledger.owed import OBJECTS, altered, objects_in

_TARGETS = "config/targets/target/"


class Wanted:
    """What P declares. All of it follows from P's snapshot: it is kept only to be found sooner."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._objects: dict[ObjectId, Object] | None = None
        self._targets: dict[str, tuple[str, str]] | None = None
        self._releases: frozenset[ObjectId] | None = None

    def copy(self) -> Wanted:
        """Return one that goes on by itself."""
        twin = Wanted(self._snapshot)
        twin._objects, twin._targets = None if self._objects is None else dict(self._objects), self._targets
        return twin

    def taken(self, change: Change, snapshot: Snapshot) -> None:
        """P has moved by a change to a snapshot."""
        self._snapshot = snapshot
        if any(path.startswith(_TARGETS) for path in change.contents):
            self._targets = self._releases = None
        if self._objects is not None:
            rows = list(altered(change))
            for found, _, _ in rows:
                self._objects.pop(found, None)
            self._objects.update((found, new) for found, _, new in rows if new is not None)

    @property
    def manifest(self) -> str:
        """SHA-256 of P's manifest."""
        return self._snapshot.manifest.digest

    @property
    def objects(self) -> Mapping[ObjectId, Object]:
        """Every object of `objects/`, by its name."""
        if self._objects is None:
            self._objects = {}
            for path, text in self._snapshot.contents.items():
                if path.startswith(OBJECTS):
                    self._objects.update(objects_in(text))
        return self._objects

    @property
    def releases(self) -> frozenset[ObjectId]:
        """The one object of each release target: it depends on all that goes out, so no file declares it."""
        if self._releases is None:
            names = (name for name, (kind, _) in self.targets.items() if kind == "release")
            self._releases = frozenset(ObjectId(name, "release", "current") for name in names)
        return self._releases

    def heals(self, target: str) -> bool:
        """Whether drift on a target is undone, and not only reported."""
        return self.targets.get(target, ("", "heal"))[1] == "heal"

    @property
    def targets(self) -> Mapping[str, tuple[str, str]]:
        """Type of each target, and what is done about its drift."""
        if self._targets is None:
            self._targets = {}
            for path, text in self._snapshot.contents.items():
                if path.startswith(_TARGETS):
                    with suppress(FormatError):
                        match decode(text.encode()):
                            case {"name": str(name), "type": str(kind), "drift": str(drift)}:
                                self._targets[name] = kind, drift
        return self._targets
