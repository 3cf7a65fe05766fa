"""A demo that was played -> the example of docs/example: its history as a git bundle, its trust root, when it ended.

Rules kept: main alone goes into the bundle, and nothing of the demo's keys, secrets and servers; the keys are the
demo's, which whoever makes an example throws away.
"""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

from compiler.cli.demo.stage import Stage
from runtime.contract.instant import text

BUNDLE, TRUST_ROOT, FINISHED = "history.bundle", "trust-root", "finished-at"


def keep(folder: Path, stage: Stage, to: Path) -> None:
    """Write the three files into a folder that is there."""
    stage.git(
        "bundle", "create", "-q", str((to / BUNDLE).resolve()), "HEAD", "main", cwd=folder / "remote.git", shown=False
    )
    shutil.copyfile(folder / "trust-root", to / TRUST_ROOT)
    (to / FINISHED).write_text(f"{text(datetime.now(tz=UTC).replace(microsecond=0))}\n")
