"""The caller's environment -> that of a program which is started: what it needs, by name, and nothing else.

An agent has its tenants' passwords in its environment. Rule kept: no child has them, nor what starts from a child: a
hook, ssh, a credential helper. What only a remote is reached by, only a program that reaches one is given.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

_NAMES = frozenset({"HOME", "LANG", "LANGUAGE", "LOGNAME", "PATH", "TMPDIR", "TZ", "USER"})
_BEGINNINGS = ("LC_", "XDG_")
_PROXIES = ("all_proxy", "ftp_proxy", "http_proxy", "https_proxy", "no_proxy")
_REMOTE = frozenset(
    {
        *_PROXIES,
        *map(str.upper, _PROXIES),
        "GIT_ASKPASS",
        "GIT_PROXY_COMMAND",
        "GIT_SSH",
        "GIT_SSH_COMMAND",
        "GIT_SSH_VARIANT",
        "GIT_SSL_CAINFO",
        "GIT_SSL_CERT",
        "GIT_SSL_KEY",
        "SSH_AUTH_SOCK",
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
    }
)


def environment(caller: Mapping[str, str] = os.environ, *, remote: bool = False) -> dict[str, str]:
    """Return the variables for a program; `remote`: it reaches a remote."""
    return {
        name: value
        for name, value in caller.items()
        if name in _NAMES or name.startswith(_BEGINNINGS) or (remote and name in _REMOTE)
    }
