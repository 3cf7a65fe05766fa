"""A case's folder -> its tree on disk, and files that are compared with what was made, or written (README.md here)."""

from __future__ import annotations

import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cases.inputs import BASE, ROOT, lay_out, own_policy
from tests.services.commands import git

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Golden:
    """Files that a test compares with, or writes."""

    update: bool

    def check(self, path: Path, made: str) -> None:
        """Compare a file with what was made; write it when goldens are updated."""
        if self.update:
            if not path.exists() or path.read_text(encoding="utf-8") != made:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(made, encoding="utf-8")
            return
        assert path.exists(), f"{path.relative_to(ROOT)} is missing: pytest tests/cases --update-goldens"
        assert made == path.read_text(encoding="utf-8")


@dataclass(frozen=True)
class Trees:
    """Lays trees out: the base, the repository's own Rego, and a case's files over them."""

    at: Path

    def base(self, name: str = "base") -> Path:
        """Write the base tree and return its folder."""
        tree = self.at / name
        shutil.copytree(BASE, tree)
        lay_out(tree, own_policy())
        return tree

    def failing(self, case: Path) -> Path:
        """Write a case's tree: `tree/` over the base, then what `case.toml` says."""
        tree = self.base("failing")
        if (case / "tree").is_dir():
            shutil.copytree(case / "tree", tree, dirs_exist_ok=True)
        settings = self.settings(case)
        for path in settings.get("remove", ()):
            (tree / path).unlink()
        for path, text in settings.get("write", {}).items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_bytes(text.encode("latin-1"))
        for path, size in settings.get("pad", {}).items():
            with (tree / path).open("ab") as file:
                file.write(b"# padding\n" * (size // 10))
        for path, to in settings.get("symlink", {}).items():
            (tree / path).unlink(missing_ok=True)
            (tree / path).symlink_to(to)
        for path in settings.get("executable", ()):
            (tree / path).chmod(0o755)
        if "submodule" in settings:
            _with_submodule(tree, settings["submodule"])
        return tree

    def mended(self, case: Path) -> Path:
        """Write the same case put right: `fixed/` over the base."""
        tree = self.base("mended")
        if (case / "fixed").is_dir():
            shutil.copytree(case / "fixed", tree, dirs_exist_ok=True)
        return tree

    def settings(self, case: Path) -> dict[str, Any]:
        """Return `case.toml`: what the files of a case cannot say."""
        path = case / "case.toml"
        return tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _with_submodule(tree: Path, path: str) -> None:
    for arguments in (["init", "-q"], ["update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},{path}"]):
        git(tree, *arguments)
