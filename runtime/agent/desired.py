"""Snapshot -> the objects that must exist, and the targets they must exist on.

Rules kept: the objects are those of `objects/**`, and one `current` for each release target, which the agent adds
itself because it depends on everything: the manifest's digest, and the digest of the files that go out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from runtime.agent.diff import Limits
from runtime.contract.canonical import encode, sha256
from runtime.contract.change import Snapshot
from runtime.contract.errors import FormatError
from runtime.contract.manifest import Manifest
from runtime.contract.objects import Object, ObjectId, decode_objects
from runtime.targets.config import TargetConfig, targets_of

OBJECTS = "objects/"
RELEASED = ("config/", "policy/")
RELEASE_WAVE = 9
"""After all that a tenant is made of: what is served speaks of what is there."""


@dataclass(frozen=True)
class Desired:
    """What one snapshot asks of the running systems."""

    snapshot: Snapshot

    @cached_property
    def targets(self) -> Mapping[str, TargetConfig]:
        """Every declared target, by name."""
        return targets_of(self.snapshot.contents)

    @cached_property
    def objects(self) -> Mapping[ObjectId, Object]:
        """Every object, by id; raises FormatError for one on a target that is not declared, or one named twice."""
        found: dict[ObjectId, Object] = {}
        for path, text in sorted(self.snapshot.contents.items()):
            if path.startswith(OBJECTS):
                for item in decode_objects(text.encode()):
                    if item.id in found or item.id.target not in self.targets:
                        raise FormatError(f"{path}: {item.id} is named twice, or on a target that is not declared")
                    found[item.id] = item
        for item in self._releases():
            found[item.id] = item
        return found

    @property
    def control(self) -> TargetConfig:
        """The control database; raises FormatError unless there is exactly one."""
        controls = [config for config in self.targets.values() if config.control]
        if len(controls) != 1:
            raise FormatError(f"{len(controls)} targets are declared as the control database, exactly one must be")
        return controls[0]

    @property
    def limits(self) -> Limits:
        """How much of each target may be deleted at once."""
        return Limits({name: config.max_delete_percent for name, config in self.targets.items()})

    def _releases(self) -> list[Object]:
        manifest = self.snapshot.manifest
        return [
            Object(
                ObjectId(name, "release", "current"),
                {"manifest": manifest.digest, "files": files_digest(manifest)},
                RELEASE_WAVE,
                None,
            )
            for name, config in self.targets.items()
            if config.type == "release"
        ]


def released(path: str) -> bool:
    """Whether a bundle file goes out with a release."""
    return path.startswith(RELEASED)


def released_of(bundle: Mapping[str, bytes]) -> Mapping[str, bytes]:
    """The files of a bundle that go out with a release."""
    return {path: data for path, data in bundle.items() if released(path)}


def files_digest(manifest: Manifest) -> str:
    """SHA-256 over path and digest of every file that goes out."""
    return sha256(encode({path: digest for path, digest in manifest.bundle.items() if released(path)}))
