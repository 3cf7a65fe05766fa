"""The shell of evidence/README.md that lists keys finds all of a genesis and of a change, and tells agents' apart."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from runtime.testing.chronicle import Chronicle
from runtime.testing.small_tree import AGENT, agent, key_of, small_tree

pytestmark = pytest.mark.service

README = Path(__file__).parents[2] / "evidence" / "README.md"


def listed(by: str, data: bytes) -> set[str]:
    """The fingerprints that `keys` or `agents` lists."""
    functions = re.findall(r"^(?:text=|(?:keys|agents)\(\)).*$", README.read_text(), re.MULTILINE)
    assert len(functions) == 3
    script = "\n".join((*functions, by))
    done = subprocess.run(("bash", "-c", script), input=data, capture_output=True, check=False, timeout=30)
    return {line.split()[0] for line in done.stdout.decode().splitlines()}


def test_agents_with_several_keys_are_told_from_people() -> None:
    path, other = f"policies/agents/{AGENT}.yaml", "policies/agents/conductor-us.yaml"
    two = agent(keys=2)
    chronicle = Chronicle.start(small_tree(**{path: two.data()}))
    (genesis,) = (
        chronicle.git.blob(file.oid)
        for name, file in chronicle.git.files(chronicle.head, "evidence").items()
        if name.startswith("evidence/genesis/")
    )
    both = {key.fingerprint for key in two.keys}
    people = {key_of(name).fingerprint for name in ("mara", "tomas", "ines")}
    assert listed("agents", genesis) == both
    assert listed("keys", genesis) == both | people
    renewed = agent(keys=3)
    us = agent("conductor-us")
    change = chronicle.change(chronicle.edit({path: renewed.data(), other: us.data()}))
    added = {key.fingerprint for key in (*renewed.keys, *us.keys)}
    assert listed("agents", change.data) == added
