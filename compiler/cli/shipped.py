"""Path in this project's repository -> the file: in a checkout where it lies, installed from the wheel's shared files.

Rules kept: what is shipped stands once, in the repository; `tool.setuptools.data-files` of pyproject.toml lists it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from runtime.contract.errors import EnvironmentFailedError

CHECKOUT = Path(__file__).resolve().parents[2]
SHARED = Path(sys.prefix) / "share" / "intelgraph-conductor"


def shipped(path: str) -> Path:
    """Return where a file or folder is; raises EnvironmentFailedError where it was not installed."""
    for root in (CHECKOUT, SHARED):
        if (root / path).exists():
            return root / path
    raise EnvironmentFailedError(f"{path} is not installed", help="install the package anew")
