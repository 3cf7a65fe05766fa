"""Arguments -> the one group of commands that they name, imported only then.

A group is a file of this folder that has `register(app)`; a new command is a line in COMMANDS. What the libraries raise
becomes a message with what to do about it on stderr, and the exit code: 1 findings, 2 wrong usage, 3 the environment,
and what nobody foresaw: 1 would say that the files were looked at. Of that only type and place are told, unless the
variable CONDUCTOR_TRACEBACK asks for all: its words may be anybody's, or a secret.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from typer._click.exceptions import NoSuchOption, UsageError  # what typer raises; it has no public name there
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

from compiler.cli.terminal import colourful, prepare
from compiler.diagnostics.printable import shown_lines
from runtime.contract.errors import MISTAKE, ConductorError, unforeseen
from runtime.release import VERSION

COMMANDS: dict[str, tuple[str, str]] = {
    # command: (module, what it does)
    "init": ("compiler.cli.init", "Create a new repository, ready for two people to start."),
    "check": ("compiler.cli.check", "Validate all YAML and report every mistake."),
    "explain": ("compiler.cli.explain", "Explain a diagnostic code such as MC0012, or show a runbook."),
    "build": ("compiler.cli.build", "Write the bundle and print the manifest's digest."),
    "plan": ("compiler.cli.plan", "Show what a change would do, and whose approval it needs."),
    "comment": ("compiler.cli.comment", "Create or update the plan comment on a pull request."),
    "approve": ("compiler.cli.approve", "Sign a change after reading its plan."),
    "key": ("compiler.cli.key", "Prove that a new key is yours; list the keys that count."),
    "withdraw": ("compiler.cli.withdraw", "Withdraw an approval that you gave."),
    "rollback": ("compiler.cli.rollback", "Create a branch that goes back to an earlier verified commit."),
    "genesis": ("compiler.cli.genesis", "Sign the initial state, which starts the history."),
    "verify": ("compiler.cli.verify", "Check every verdict and the whole ledger, offline."),
    "status": ("compiler.cli.status", "Show what is running, what is verified, and what waits for whom."),
    "evidence": ("compiler.cli.evidence", "Read the ledger."),
    "policy": ("compiler.cli.policy", "Build policy.wasm, and test the Rego."),
    "schema": ("compiler.cli.schema", "Write the JSON Schemas and reference pages."),
    "agent": ("compiler.cli.agent", "Apply approved changes and record them."),
    "doctor": ("compiler.cli.doctor", "List what is missing here, and the command that fixes it."),
    "demo": ("compiler.cli.demo", "Run a complete walkthrough on a temporary PostgreSQL."),
}
SIGPIPE_EXIT = 128 + 13
"""What a shell says of a program that a closed pipe has ended."""
TRACEBACK = "CONDUCTOR_TRACEBACK"
EPILOG = (
    "Exit codes: 0 clean, 1 findings or failed verification, 2 wrong usage, 3 the environment failed, or Conductor."
)


@contextmanager
def _in_our_words() -> Iterator[None]:
    """Say of wrong arguments what is wrong with them, and not how the libraries came to see it."""
    try:
        yield
    except UsageError as error:
        error.message = error.message.removeprefix("Value error, ")
        if isinstance(error, NoSuchOption) and error.possibilities:
            error.message += f". Did you mean {' or '.join(sorted(error.possibilities))}?"
            error.possibilities = None
        raise


class _ReaderGoneError(Exception):
    """Whoever read standard output (`| head`) has seen enough."""


@contextmanager
def _reader_may_go() -> Iterator[None]:
    """Say so under a name of our own: the library would end with 1, which means findings."""
    try:
        yield
    except BrokenPipeError as error:
        raise _ReaderGoneError from error


class LazyGroup(TyperGroup):
    """Knows every command by name and help; loads one when it is called or completed."""

    def make_context(self, *args: Any, **extra: Any) -> Any:
        """Read the arguments; `--help` is printed here."""
        with _reader_may_go(), _in_our_words():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        with _reader_may_go(), _in_our_words():
            return super().invoke(ctx)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Load the command that is named, and give it."""
        if args and isinstance(self.commands.get(args[0]), _Stub):
            module, _ = COMMANDS[args[0]]
            app = typer.Typer(rich_markup_mode=None, context_settings=CONTEXT)
            importlib.import_module(module).register(app)
            self.commands.update(get_group(app).commands)
        return super().resolve_command(ctx, args)


class _Stub(TyperCommand):
    """Stands for a command in the help text."""


CONTEXT = {"help_option_names": ["-h", "--help"]}
app = typer.Typer(
    name="conductor",
    cls=LazyGroup,
    help="Manage a multi-tenant platform from git, with signed changes and a signed record of them.",
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=CONTEXT,
)


def _version(wanted: bool) -> None:  # noqa: FBT001 -- typer calls it so
    if wanted:
        typer.echo(f"conductor {VERSION}")
        raise typer.Exit


@app.callback()
def _conductor(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the release.", is_eager=True, callback=_version),
    ] = False,
) -> None:
    """Manage a multi-tenant platform from git, with signed changes and a signed record of them."""


def command() -> TyperGroup:
    """Return the whole command line."""
    group = get_command(app)
    if not isinstance(group, LazyGroup):
        raise TypeError("the command line is one group")
    group.commands.update({name: _Stub(name=name, help=help_) for name, (_, help_) in COMMANDS.items()})
    return group


def run(arguments: list[str] | None = None) -> None:
    """Run with these arguments (the process's own if None), and end with the exit code: raises SystemExit."""
    prepare()
    try:
        try:
            command()(arguments, prog_name="conductor")
        finally:
            sys.stdout.flush()
    except ConductorError as error:
        _complain(error.message, error.help)
        sys.exit(error.exit_code)
    except (_ReaderGoneError, BrokenPipeError):
        # the interpreter must not complain about it at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(SIGPIPE_EXIT)
    except OSError as error:
        _complain(str(error), None)
        sys.exit(3)
    except MemoryError:
        _complain("this machine has no memory left for it", "free some, or run it on a larger one")
        sys.exit(3)
    except Exception as error:  # noqa: BLE001 -- the last resort
        if os.environ.get(TRACEBACK):
            traceback.print_exc()
        _complain(
            f"this is {MISTAKE}: {unforeseen(error)}",
            f"report this line, the command and `conductor --version`; {TRACEBACK}=1 shows all of it, which may hold "
            "what your files and variables hold: read it before you send it",
        )
        sys.exit(3)


def _complain(message: str, help_: str | None) -> None:
    word = "\x1b[1;31merror\x1b[0m" if colourful(sys.stderr) else "error"
    told = f"  = help: {shown_lines(help_)}\n" if help_ else ""
    sys.stderr.write(f"{word}: {shown_lines(message)}\n{told}")
