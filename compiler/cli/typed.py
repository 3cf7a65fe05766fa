"""The options a command was given -> the line that calls it so, for a report that says how it was made."""

from __future__ import annotations

import shlex
from datetime import datetime

import typer

from runtime.contract.instant import text


def typed(context: typer.Context) -> str:
    """Return the line; what was left out is left out."""
    words = ["conductor", context.info_name or ""]
    for parameter in context.command.params:
        source, value = context.get_parameter_source(parameter.name or ""), context.params.get(parameter.name or "")
        if source is None or source.name != "COMMANDLINE" or value is False:
            continue
        words.append(parameter.opts[0])
        if value is not True:
            words.append(text(value) if isinstance(value, datetime) else str(value))
    return shlex.join(words)
