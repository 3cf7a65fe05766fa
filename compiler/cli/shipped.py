"""Path in this project's repository -> the file: in a checkout where it lies, installed from the wheel's shared files.

Rules kept: what is shipped stands once, in the repository; `tool.setuptools.data-files` of pyproject.toml lists it.
"""

from __future__ import annotations

import sysconfig
from collections.abc import Iterator
from pathlib import Path

from runtime.contract.errors import EnvironmentFailedError

_CHECKOUT = Path(__file__).resolve().parents[2]
_SHARED = Path("share", "intelgraph-conductor")


def shipped(path: str) -> Path:
    """Return where a file or folder is; raises EnvironmentFailedError where it was not installed."""
    for root in _roots():
        if (root / path).exists():
            return root / path
    raise EnvironmentFailedError(f"{path} is not installed", help="reinstall the package")


def _roots() -> Iterator[Path]:
    """A checkout; where pip puts a wheel's data, for everybody and for one user."""
    if (_CHECKOUT / "pyproject.toml").is_file():
        yield _CHECKOUT
    yield Path(sysconfig.get_path("data")) / _SHARED
    yield Path(sysconfig.get_path("data", sysconfig.get_preferred_scheme("user"))) / _SHARED
