"""Somebody's platform, made by the commands that a person types: a clone, a bare remote, keys, one database."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from runtime.signing.keys import write_keypair
from tests.services.commands import Ran, git
from tests.services.own_history import trust_root

PROGRAM = Path(sys.executable).with_name("conductor")
PEOPLE = ("mara", "tomas")
DSN = "CONDUCTOR_PG"


@dataclass(frozen=True)
class Platform:
    """`folder` holds `repo`, `remote.git`, `keys`; commands run in `repo` unless they say otherwise."""

    folder: Path
    dsn: str

    @classmethod
    def laid_out(cls, folder: Path, dsn: str) -> Platform:
        """Up to the first commit, pushed."""
        made = cls(folder, dsn)
        (folder / "keys").mkdir(parents=True)
        for name in PEOPLE:
            write_keypair(made.key(name))
        named = [f"--person={name}={made.key(name)}.pub" for name in PEOPLE]
        made.done("init", str(made.repo), "--yes", *named, f"--agent-key={made.key('agent')}", cwd=folder)
        for name, value in (("user.name", "Mara"), ("user.email", "mara@acme.example")):
            git(made.repo, "config", name, value)
        git(folder, "init", "--quiet", "--bare", "--initial-branch=main", "remote.git")
        git(made.repo, "remote", "add", "origin", str(folder / "remote.git"))
        made.commit("Lay out the installation")
        return made

    @classmethod
    def started(cls, folder: Path, dsn: str) -> Platform:
        """With its genesis and one tenant, made real by its agent."""
        made = cls.laid_out(folder, dsn)
        made.tenant()
        made.commit("Add Acme Retail")
        for name in PEOPLE:
            made.done("genesis", "--person", name, "--key", str(made.key(name)))
        git(made.repo, "push", "--quiet", "origin", "main")
        made.done("agent", "once", "--key", str(made.key("agent")))
        git(made.repo, "pull", "--quiet", "--ff-only", "origin", "main")
        return made

    @property
    def repo(self) -> Path:
        """The clone in which people work."""
        return self.folder / "repo"

    @property
    def root(self) -> str:
        """The trust root."""
        return trust_root(self.repo)

    def key(self, name: str) -> Path:
        """A private key."""
        return self.folder / "keys" / name

    def tenant(self, more: str = "") -> None:
        """Write the tenant's file."""
        text = "apiVersion: conductor/v1\nkind: Tenant\nmetadata:\n  name: acme-retail\nspec:\n  blueprint: standard\n"
        (self.repo / "tenants" / "acme-retail.yaml").write_text(text + more)

    def commit(self, message: str) -> None:
        """Commit everything to main, and push."""
        git(self.repo, "add", "--all")
        git(self.repo, "commit", "--quiet", f"--message={message}")
        git(self.repo, "push", "--quiet", "origin", "main")

    def conductor(self, *arguments: str, cwd: Path | None = None, **environment: str) -> Ran:
        """Run the installed command, as a shell would."""
        known = {DSN: self.dsn, "CONDUCTOR_TENANT_ACME_RETAIL_PASSWORD": "correct horse battery staple"}
        home = {"HOME": str(self.folder), "XDG_CONFIG_HOME": str(self.folder / "config")}
        ran = subprocess.run(
            [PROGRAM, *arguments],
            cwd=cwd or self.repo,
            env={**os.environ, **known, **home, **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Ran(ran.returncode, ran.stdout, ran.stderr)

    def done(self, *arguments: str, cwd: Path | None = None) -> str:
        """Run it, and fail where it fails; returns what it prints."""
        ran = self.conductor(*arguments, cwd=cwd)
        assert ran.code == 0, ran
        return ran.out
