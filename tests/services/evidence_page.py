"""evidence/README.md: the shell that an auditor is told to paste, and how it ends on a repository.

Rule kept: nothing is added to the page's blocks and nothing left out, so that page and test cannot part.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from tests.services.own_history import ROOT, trust_root

_COSIGN = "### 6. With cosign"


def script(*, cosign: bool = False) -> str:
    """Every block of the page in its order; with those of the last section, which needs cosign, if asked."""
    text = (ROOT / "evidence" / "README.md").read_text()
    assert _COSIGN in text
    blocks = re.findall(
        r"^```bash\n(.*?)^```$", text if cosign else text.partition(_COSIGN)[0], re.MULTILINE | re.DOTALL
    )
    return "".join(blocks)


def by_hand(repo: Path, root: str | None = None, *, cosign: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Paste it, in a clone's top folder; with this cosign on PATH, its section too."""
    path = os.environ["PATH"] if cosign is None else f"{cosign.parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ("bash", "-c", script(cosign=cosign is not None)),
        cwd=repo,
        env={"PATH": path, "HOME": str(repo.parent), "trust_root": root or trust_root(repo)},
        check=False,
        capture_output=True,
        timeout=300,
        text=True,
    )
