"""pydantic's errors -> one sentence of ours: where, and what is wrong there."""

from __future__ import annotations

from pydantic import ValidationError

_SAID = {
    "missing": "is missing",
    "extra_forbidden": "is not known",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "literal_error": "has a value that is not allowed",
}


def reason(error: ValidationError) -> str:
    """Say the first thing that is wrong, and at which field."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    if said := _SAID.get(first["type"]):
        return f"`{where}` {said}" if where else f"it {said}"
    message = first["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    message = message.replace("Input should ", "it should ", 1)
    return f"`{where}`: {message}" if where else message
