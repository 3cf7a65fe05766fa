"""The demo: the main job on a real PostgreSQL, one scene after the other, in plain words."""

from __future__ import annotations

from compiler.cli.demo.command import register

__all__ = ["register"]
