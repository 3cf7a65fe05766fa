"""structlog -> one JSON object a line on stderr, words for people where stderr is a terminal: what the agent did.

Rules kept: never a secret, never a statement of SQL; every line of a turn carries its id (`turn`), which stands in the
turn's commits and entries too.
"""

from __future__ import annotations

import os
import sys
from typing import TextIO

import structlog


def configure(stream: TextIO | None = None) -> structlog.typing.FilteringBoundLogger:
    """Configure structlog for this process and return the agent's logger."""
    to = stream or sys.stderr
    written: list[structlog.typing.Processor] = [
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(sort_keys=True),
    ]
    if to.isatty():
        written = [structlog.dev.ConsoleRenderer(colors="NO_COLOR" not in os.environ)]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *written,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(20),
        logger_factory=structlog.WriteLoggerFactory(file=to),
        cache_logger_on_first_use=False,
    )
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger("agent")
    return logger
