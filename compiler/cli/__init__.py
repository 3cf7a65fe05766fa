"""The command line: one file per group of commands, which calls a driver, prints, and gives the exit code.

`main` is the console script. Nothing is imported here, so that completion and `--version` are quick.
"""

from __future__ import annotations


def main() -> None:
    """Run `conductor` with the arguments of the process."""
    from compiler.cli.app import run  # noqa: PLC0415 -- see above

    run()
