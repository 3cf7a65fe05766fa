"""Comment on a role or schema <-> ownership mark.

`conductor:` and canonical JSON: which repository made the object, for which database, by which intent, and what an
observer needs and no catalog tells: the *reference* of a role's password (never the password), and for a schema the
grants that go with it. Whoever may connect can read comments, so nothing secret is in one.

Rules kept: a comment that is not exactly a mark is somebody else's; so is a mark of another repository or database
(roles belong to the whole server, so two databases of one server would otherwise take each other's).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from runtime.contract.canonical import JSON, decode, encode
from runtime.contract.errors import FormatError

PREFIX = "conductor:"


@dataclass(frozen=True)
class Owner:
    """Whose objects are ours."""

    repository: str
    database: str


@dataclass(frozen=True)
class Mark:
    """What our comment says. `password` is set on roles that have one, `grants` on schemas that have been granted.

    `unproved`: the role was written, and no login has shown yet that it is as it should be.
    """

    owner: Owner
    intent: int
    password: str | None = None
    grants: Mapping[str, JSON] | None = None
    unproved: bool = False

    @property
    def text(self) -> str:
        """The comment."""
        value: dict[str, JSON] = {
            "repository": self.owner.repository,
            "database": self.owner.database,
            "intent": self.intent,
        }
        if self.password is not None:
            value["password"] = self.password
        if self.grants is not None:
            value["grants"] = dict(self.grants)
        if self.unproved:
            value["unproved"] = True
        return PREFIX + encode(value).decode()


def read(comment: str | None, owner: Owner) -> Mark | None:
    """The mark, None if the comment is none of this owner's."""
    if comment is None or not comment.startswith(PREFIX):
        return None
    try:
        value = decode(comment.removeprefix(PREFIX).encode())
    except FormatError:
        return None
    match value:
        case {"repository": owner.repository, "database": owner.database, "intent": int(intent), **rest}:
            password, grants, unproved = (rest.pop(key, None) for key in ("password", "grants", "unproved"))
            if not rest and isinstance(password, str | None) and isinstance(grants, dict | None):
                return Mark(owner, intent, password, grants, unproved is True)
    return None
