"""`python -m compiler.cli` is `conductor`."""

from __future__ import annotations

from compiler.cli import main

main()
