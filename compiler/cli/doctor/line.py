"""What was looked at -> one line of the doctor's: how it is, and the command that mends it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """`warn`: something cannot be done here that others may need; `fail`: what everybody does would go wrong."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Line:
    """One thing. `command` is what to type, or do; None where all is well."""

    topic: str
    state: State
    message: str
    command: str | None = None

    def to_json(self) -> dict[str, str | None]:
        """As `--format json` has it."""
        return {"topic": self.topic, "state": self.state.value, "message": self.message, "command": self.command}


def ok(topic: str, message: str) -> Line:
    """All is well."""
    return Line(topic, State.OK, message)


def warn(topic: str, message: str, command: str) -> Line:
    """Somebody may miss something."""
    return Line(topic, State.WARN, message, command)


def fail(topic: str, message: str, command: str) -> Line:
    """Something will go wrong."""
    return Line(topic, State.FAIL, message, command)
