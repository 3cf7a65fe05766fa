"""The real cosign of the pinned version, built once: a second program to verify what people and agents sign."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from tests.services.go_tools import built

VERSION = "3.1.3"


def cosign() -> Path:
    """Find `cosign` of the pinned version in the cache, or build it (eight minutes of one core)."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "conductor" / "tools"
    module = f"github.com/sigstore/cosign/v3/cmd/cosign@v{VERSION}"
    return built(module, cache / f"cosign-{VERSION}" / "cosign", fits=_fits)


def _fits(path: Path) -> bool:
    if not path.is_file():
        return False
    said = subprocess.run([path, "version"], capture_output=True, text=True, check=False, timeout=60).stdout
    found = re.search(r"^GitVersion:\s+v(\S+)$", said, flags=re.MULTILINE)
    return found is not None and found[1] == VERSION
