"""`--key` and `--passphrase` of every command that signs -> the key.

A public key file stands for its private half in the ssh-agent, as it does for `ssh-keygen -Y sign`.
Rules kept: a passphrase is asked for on the terminal or comes by reference, never as an argument: arguments are shown
to everybody on the machine.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from compiler.cli.terminal import ask_passphrase
from runtime.signing.keys import PrivateKey
from runtime.signing.ssh_agent import open_key
from runtime.targets.secrets import resolve

KeyFile: TypeAlias = Annotated[
    Path,
    typer.Option(
        "--key", metavar="FILE", help="Your private key (OpenSSH or PEM), or FILE.pub to sign with the ssh-agent."
    ),
]
PassphraseFrom: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--passphrase",
        metavar="REFERENCE",
        show_default=False,
        help="Where to read the key's passphrase: env:NAME or file:PATH (default: ask on the terminal).",
    ),
]


def signing_key(path: Path, passphrase: str | None) -> PrivateKey:
    """Return the key that a command signs with; raises UsageError, EnvironmentFailedError."""
    if passphrase is None:
        return open_key(path, ask_passphrase)
    secret = resolve(passphrase).encode()
    os.environ.pop(passphrase.removeprefix("env:"), None)  # no program that is started from here needs it
    tries = iter((secret,))
    return open_key(path, lambda _: next(tries, None))
