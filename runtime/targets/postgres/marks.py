"""Text in `conductor_locks.object` <-> ownership mark.

`conductor:` and canonical JSON: which repository made the object, for which database, by which intent, and what an
observer needs and no catalog tells: the *reference* of a role's password (never the password), the settings it was
given, and for a schema the grants that go with it, and the archive that holds all of it.

Rules kept: a mark lies where nobody but the agent can write; the object's comment, which a schema's owner can write and
everybody can read, only hints at it (repository, database, intent). A mark counts for the object it was written for:
the one with the same oid, or the one whose comment still is its hint, as after a restore. A text that is not exactly a
mark is somebody else's; so is a mark of another repository or database.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeGuard

from runtime.contract.canonical import JSON, decode, encode
from runtime.contract.errors import FormatError

PREFIX = "conductor:"
_MORE = ("password", "grants", "unproved", "settings", "archive", "lent", "adopting")


@dataclass(frozen=True)
class Owner:
    """Whose objects are ours."""

    repository: str
    database: str


@dataclass(frozen=True)
class Mark:
    """What we know of an object. `password` and `settings` are set on roles that have them, `grants` on schemas that
    have been granted, `archive` on those that may be dropped with what is in them.

    `unproved`: the role was written, and nothing has shown yet that it is as it should be. `lent`: oids of those whose
    membership was taken back, and whose sessions have still to end. `adopting`: somebody else made it, and could still
    act on it when it was looked at.
    """

    owner: Owner
    intent: int
    password: str | None = None
    grants: Mapping[str, JSON] | None = None
    unproved: bool = False
    settings: Mapping[str, str] | None = None
    archive: Mapping[str, JSON] | None = None
    lent: tuple[int, ...] = ()
    adopting: bool = False

    @property
    def text(self) -> str:
        """As it is kept."""
        value = self._head()
        if self.password is not None:
            value["password"] = self.password
        if self.settings is not None:
            value["settings"] = dict(self.settings)
        if self.grants is not None:
            value["grants"] = dict(self.grants)
        if self.unproved:
            value["unproved"] = True
        if self.archive is not None:
            value["archive"] = dict(self.archive)
        if self.lent:
            value["lent"] = list(self.lent)
        if self.adopting:
            value["adopting"] = True
        return PREFIX + encode(value).decode()

    @property
    def hint(self) -> str:
        """The object's comment."""
        return PREFIX + encode(self._head()).decode()

    def _head(self) -> dict[str, JSON]:
        return {"repository": self.owner.repository, "database": self.owner.database, "intent": self.intent}


def read(text: str | None, owner: Owner) -> Mark | None:
    """The mark, None if the text is none of this owner's."""
    if text is None or not text.startswith(PREFIX):
        return None
    try:
        value = decode(text.removeprefix(PREFIX).encode())
    except FormatError:
        return None
    match value:
        case {"repository": owner.repository, "database": owner.database, "intent": int(intent), **rest}:
            password, grants, unproved, settings, archive, lent, adopting = (rest.pop(key, None) for key in _MORE)
            if rest or not isinstance(archive, dict | None) or not _oids(lent):
                return None
            if isinstance(password, str | None) and _grants(grants) and _settings(settings):
                oids = tuple(lent or ())
                return Mark(
                    owner, intent, password, grants, unproved is True, settings, archive, oids, adopting is True
                )
    return None


def believed(text: str | None, owner: Owner, *, same: bool | None, comment: str | None) -> Mark | None:
    """The mark of an object, None if it is not ours. `same`: whether it has the oid that the mark was written for."""
    mark = read(text, owner)
    return mark if mark is not None and (same or comment == mark.hint) else None


def _settings(value: JSON) -> TypeGuard[dict[str, str] | None]:
    return value is None or (isinstance(value, dict) and all(isinstance(item, str) for item in value.values()))


def _oids(value: JSON) -> TypeGuard[list[int] | None]:
    return value is None or (isinstance(value, list) and all(type(item) is int for item in value))


def _grants(value: JSON) -> TypeGuard[dict[str, JSON] | None]:
    """An owner, a role, and lists of privileges."""
    if not isinstance(value, dict):
        return value is None
    names = {key for key, item in value.items() if isinstance(item, str)}
    lists = (item for key, item in value.items() if key not in names)
    return names == {"owner", "role"} and all(
        isinstance(item, list) and all(isinstance(word, str) for word in item) for item in lists
    )
