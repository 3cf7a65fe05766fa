"""Measured facts -> the clone, until a result has them: what a proof was cannot be measured twice.

Rules kept: one ref of our own, `refs/conductor/journal`, holds what was measured for the intent in hand; it is not
evidence, only what the agent's next life tells the result about an action that is found done.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from runtime.contract.canonical import JSON, decode, encode
from runtime.contract.errors import FormatError
from runtime.git.interface import Author, Git

JOURNAL = "refs/conductor/journal"
_FILE = "facts.json"
_NOBODY = Author("conductor", "conductor@conductor.invalid")

Facts = Mapping[str, JSON]


class Journal:
    """What was measured for one intent (SHA-256 of its file): index of the action -> facts."""

    def __init__(self, git: Git, intent: str) -> None:
        self._git = git
        self._intent = intent
        self._facts: dict[str, Facts] = {}

    def note(self, index: int, facts: Facts, at: datetime) -> None:
        """Keep the facts of an action, if there are any."""
        if not facts:
            return
        self._facts[str(index)] = facts
        data = encode({"intent": self._intent, "facts": {key: dict(value) for key, value in self._facts.items()}})
        commit = self._git.write(None, {_FILE: data}, message="Note what was measured", author=_NOBODY, at=at)
        self._git.set_ref(JOURNAL, commit, old=self._git.resolve(JOURNAL))

    def read(self) -> Mapping[int, Facts]:
        """What an earlier life noted for this intent."""
        commit = self._git.resolve(JOURNAL)
        entry = None if commit is None else self._git.files(commit).get(_FILE)
        if entry is None:
            return {}
        try:
            match decode(self._git.blob(entry.oid)):
                case {"intent": self._intent, "facts": dict(facts)}:
                    return {int(index): value for index, value in facts.items()}
        except (FormatError, ValueError):
            pass
        return {}
