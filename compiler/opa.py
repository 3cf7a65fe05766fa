"""The real OPA, for those who change Rego: Rego -> policy.wasm; Rego and tests -> findings.

Rules kept: only the pinned version is used, from PATH or from the tools' cache as far as that is to be believed
(`compiler.own_cache`), and whoever has none is told the ways to get it; it runs in a fresh folder over relative
paths, which lie in the wasm, so the same Rego gives the same bytes on every machine.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from compiler.own_cache import UnfitCacheError, fit, place
from compiler.rego import OPA_VERSION
from runtime.contract.children import environment
from runtime.contract.errors import ConductorError, EnvironmentFailedError
from runtime.policy.engine import ALLOWED, ENTRYPOINTS

SECONDS = 120
_BATCH = {
    "conductor/batch.rego": b"""package conductor.batch

# one value: a rule of the same name beside it that says something else is an error, and no answer
allowed := [index | some index, question in input; data.conductor.allow == true with input as question]
"""
}
"""What asks `conductor/allow` many questions at once. It lies beside `policies/`, so that it takes no file's place."""
_RELEASE = f"https://github.com/open-policy-agent/opa/releases/tag/v{OPA_VERSION}"
INSTALL = (
    f"with Go: (umask 022; CGO_ENABLED=0 GOBIN={{folder}} go install github.com/open-policy-agent/opa@v{OPA_VERSION}); "
    f"without: take the binary for your system from {_RELEASE}, compare it with the SHA-256 that lies beside it there, "
    "make it executable and put it on your PATH as `opa`; `conductor doctor` says whether it is found"
)


class RegoError(ConductorError):
    """OPA does not accept the Rego; the message is OPA's own."""


def cached() -> Path:
    """Where the tools' cache keeps the pinned version."""
    return place("tools", f"opa-{OPA_VERSION}", "opa")


@dataclass(frozen=True)
class Opa:
    """An executable of the pinned version."""

    path: Path

    @classmethod
    def find(cls, repo: Path) -> Opa:
        """Find one on PATH, or in the cache of whoever works on a repository; raises EnvironmentFailedError with the
        ways to get it."""
        others: list[str] = []
        on_path = shutil.which("opa")
        for path in (None if on_path is None else Path(on_path), _in_cache(repo, others)):
            version = None if path is None else version_of(path)
            if path is not None and version == OPA_VERSION:
                return cls(path)
            if version is not None:
                others.append(f"{path} is {version}")
        seen = f" ({'; '.join(others)})" if others else ""
        raise EnvironmentFailedError(f"OPA {OPA_VERSION} is needed and was not found{seen}", help=_install(repo))

    def build(self, rego: Mapping[str, bytes]) -> bytes:
        """Return policy.wasm of these sources (path below `policies/` -> bytes); raises RegoError."""
        with _folder({**rego, **_BATCH}) as folder:
            options = [option for name in (*ENTRYPOINTS, ALLOWED) for option in ("--entrypoint", name)]
            output = "bundle.tar.gz"
            self._succeed(
                folder, "build", "--target", "wasm", *options, "--output", output, *sorted({**rego, **_BATCH})
            )
            with tarfile.open(fileobj=io.BytesIO((folder / output).read_bytes())) as bundle:
                wasm = bundle.extractfile("/policy.wasm")
                if wasm is None:
                    raise RegoError("OPA built a bundle without a policy.wasm")
                return wasm.read()

    def faults(self, rego: Mapping[str, bytes], tests: Mapping[str, bytes]) -> Iterator[str]:
        """What is wrong with the Rego, in the order of looking: strict check, format, tests, coverage."""
        files = {**rego, **tests}
        with _folder(files) as folder:
            strict = self._run(folder, "check", "--strict", *sorted(files))
            if strict.returncode:
                yield _text(strict)
                return
            unformatted = self._run(folder, "fmt", "--list", "--fail", *sorted(files))
            if unformatted.returncode:
                for path in sorted(set(unformatted.stdout.decode().split())):
                    yield f"{path}: not formatted; say `opa fmt --write {path}`"
            failing = self._run(folder, "test", *sorted(files))
            if failing.returncode:
                yield _text(failing)
                return
            coverage = self._run(folder, "test", "--coverage", "--threshold", "100", *sorted(files))
            if coverage.returncode:
                # below the threshold OPA gives no report, only the number
                yield from _unreached(self._run(folder, "test", "--coverage", *sorted(files)))
                yield _text(coverage)

    def failing(self, rego: Mapping[str, bytes], tests: Mapping[str, bytes]) -> str | None:
        """What OPA says of tests that fail; None if none does."""
        files = {**rego, **tests}
        with _folder(files) as folder:
            done = self._run(folder, "test", *sorted(files))
            return _text(done) if done.returncode else None

    def count(self, rego: Mapping[str, bytes], tests: Mapping[str, bytes]) -> int:
        """How many tests there are."""
        files = {**rego, **tests}
        with _folder(files) as folder:
            return len(json.loads(self._run(folder, "test", "--format", "json", *sorted(files)).stdout))

    def _succeed(self, folder: Path, *arguments: str) -> bytes:
        done = self._run(folder, *arguments)
        if done.returncode:
            raise RegoError(_text(done).removeprefix("error: "), help="fix it, and run `conductor policy build` again")
        return done.stdout

    def _run(self, folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        try:
            return subprocess.run(  # noqa: S603 -- the pinned OPA, by an argument list
                [self.path, *arguments],
                cwd=folder,
                env=environment(),
                capture_output=True,
                timeout=SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise EnvironmentFailedError(f"{self.path} did not answer: {error}") from None


def _in_cache(repo: Path, others: list[str]) -> Path | None:
    """The one in the cache; why it is not to be believed is added to what else was found."""
    path = cached()
    try:
        return fit(path, repo) if os.path.lexists(path) else None
    except UnfitCacheError as error:
        others.append(f"{path} is not started: {error.message}")
        return None


def _install(repo: Path) -> str:
    folder = cached().parent
    try:
        return INSTALL.format(folder=fit(folder, repo))
    except UnfitCacheError as error:
        return f"put the binary from {_RELEASE} on your PATH as `opa`; or {error.help}"


def version_of(path: Path) -> str | None:
    """What an executable says its version is; None if it is no OPA."""
    try:
        done = subprocess.run(  # noqa: S603 -- an argument list
            [path, "version"], env=environment(), capture_output=True, timeout=SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    for line in done.stdout.decode(errors="replace").splitlines():
        if line.startswith("Version: "):
            return line.removeprefix("Version: ").strip()
    return None


@contextmanager
def _folder(files: Mapping[str, bytes]) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="conductor-opa-") as name:
        folder = Path(name)
        for path, data in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
        yield folder


def _text(done: subprocess.CompletedProcess[bytes]) -> str:
    """What OPA said, on whichever stream."""
    return (done.stdout + done.stderr).decode(errors="replace").strip()


def _unreached(coverage: subprocess.CompletedProcess[bytes]) -> Iterator[str]:
    """Every line that no test reaches."""
    report = json.loads(coverage.stdout or "{}")
    for path, file in sorted(report.get("files", {}).items()):
        rows = {
            row for part in file.get("not_covered", ()) for row in range(part["start"]["row"], part["end"]["row"] + 1)
        }
        for row in sorted(rows):
            yield f"{path}:{row}: no test reaches this line"
