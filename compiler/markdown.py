"""Text of others -> Markdown in which it means only itself.

Rule kept: content of files never becomes Markdown or HTML: what has a meaning there is escaped, also in a table.
"""

from __future__ import annotations

import re

from compiler.diagnostics.printable import shown

_SPECIAL = re.compile(r"([\\`*_\[\]#|<>~@&])")


def cell(text: str) -> str:
    """Text that means only itself, also in a table."""
    return _SPECIAL.sub(r"\\\1", shown(text))


def code(text: str) -> str:
    """Text between two backticks, also in a table."""
    return shown(text).replace("`", "'").replace("|", "\\|") or " "
