"""`conductor init`: somebody else's platform, from an empty folder or a copy."""

from __future__ import annotations

from compiler.cli.init.command import register

__all__ = ["register"]
