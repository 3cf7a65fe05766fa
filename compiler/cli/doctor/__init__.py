"""`conductor doctor`: what is missing on this machine or in this repository, and the command that mends it."""

from __future__ import annotations

from compiler.cli.doctor.command import register

__all__ = ["register"]
