"""The shell of evidence/README.md lists keys, tells agents' from people's, and judges what hardware keys sign."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.contract.envelope import Envelope
from runtime.signing.envelopes import sign
from runtime.signing.keys import PublicKey
from runtime.testing.chronicle import Chronicle
from runtime.testing.court import Court
from runtime.testing.hardware_key import VERIFIED, Authenticator
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


def functions() -> str:
    """All that the page defines."""
    text = "".join(re.findall(r"^```bash\n(.*?)^```$", README.read_text(), flags=re.MULTILINE | re.DOTALL))
    return "\n".join(re.findall(r"^(?:\w+\(\) \{ .* \}|\w+\(\) \{\n(?:.*\n)*?\})$", text, flags=re.MULTILINE))


def judged(folder: Path, envelope: Envelope, public: PublicKey) -> str:
    """What `dsse` says of an envelope."""
    (folder / "a.sigstore.json").write_bytes(envelope.data)
    (folder / "keys").write_text(f"{public.fingerprint} {public.line}\n")
    script = f"work=. ; failed=\n{functions()}\ndsse a.sigstore.json"
    done = subprocess.run(("bash", "-c", script), cwd=folder, capture_output=True, check=False, timeout=30, text=True)
    return done.stdout


def test_a_hardware_keys_signature_is_verified_by_openssl_and_counts_only_with_a_touch(tmp_path: Path) -> None:
    statement = Court.open().sign("2" * 64, key_of("mara")).statement
    token, untouched = Authenticator(bytes(range(32))), Authenticator(bytes(range(32)), flags=VERIFIED)
    signed = sign(statement, token.key)
    assert "Signature Verified Successfully" in judged(tmp_path, signed, token.public)
    assert "FAILS: a.sigstore.json" in judged(tmp_path, sign(statement, untouched.key), token.public)
    other = bytearray(signed.signature)
    other[67] ^= 1
    assert "FAILS: a.sigstore.json" in judged(tmp_path, replace(signed, signature=bytes(other)), token.public)
