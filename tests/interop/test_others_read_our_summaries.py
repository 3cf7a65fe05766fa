"""Every statement is an in-toto one, and a verdict a SLSA verification summary: in-toto's own types read them."""

from __future__ import annotations

import json
import subprocess
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from tests.services.commands import conductor, git
from tests.services.own_history import trust_root

pytestmark = pytest.mark.interop


def payload(path: Path) -> bytes:
    return b64decode(json.loads(path.read_bytes())["dsseEnvelope"]["payload"])


def read(reader: Path, statement: bytes) -> dict[str, Any]:
    done = subprocess.run((reader,), input=statement, capture_output=True, check=True, timeout=60)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture
def verdict(finished_history: Path) -> bytes:
    (file,) = (finished_history / "repo/evidence/ledger").rglob("*-verdict-*.sigstore.json")
    return payload(file)


def test_every_statement_of_a_history_is_valid_in_toto(finished_history: Path, reader: Path) -> None:
    files = sorted((finished_history / "repo" / "evidence").rglob("*.sigstore.json"))
    assert len(files) > 7
    for file in files:
        read(reader, payload(file))


def test_a_verdict_is_read_as_a_slsa_verification_summary(finished_history: Path, reader: Path, verdict: bytes) -> None:
    repo, found, said = finished_history / "repo", read(reader, verdict), json.loads(verdict)["predicate"]
    assert found["verificationResult"] == "PASSED"
    assert found["verifier"]["id"] == "https://conductor.intelgraph.io/agent/conductor-eu"
    assert found["timeVerified"] == said["timeVerified"]
    assert git(repo, "cat-file", "-t", found["resourceUri"].rsplit(":", 1)[1]) == "commit"
    assert found["policy"] == said["policy"]
    assert {item["uri"]: item["digest"]["sha256"] for item in found["inputAttestations"]} == {
        path.relative_to(repo).as_posix(): path.name.partition(".")[0]
        for path in (repo / "evidence/approvals").glob("??/*/*.sigstore.json")
    }
    assert found["verifiedLevels"] == said["verifiedLevels"]
    assert found["slsaVersion"] == "1.1"
    assert set(said) - set(found) == {"conductor", "ledger"}


@pytest.mark.parametrize(
    ("before", "after"),
    [(b'"timeVerified":"2', b'"timeVerified":"on 2'), (b"in-toto.io/Statement/v1", b"in-toto.io/Statement/v2")],
)
def test_those_types_refuse_what_is_no_summary(reader: Path, verdict: bytes, before: bytes, after: bytes) -> None:
    assert before in verdict
    other = verdict.replace(before, after)
    assert subprocess.run((reader,), input=other, capture_output=True, check=False, timeout=60).returncode == 1


def test_a_summary_of_a_whole_history_is_read_so_too_and_cosign_verifies_it_over_the_ledgers_end(
    finished_history: Path, reader: Path, cosign: Path, tmp_path: Path
) -> None:
    repo, key, bundle = finished_history / "repo", finished_history / "keys/tomas-okafor", tmp_path / "summary.json"
    done = conductor("verify", "--repo", repo, "--trust-root", trust_root(repo), "--vsa", bundle, "--key", key)
    assert done.code == 0, done.err
    found = read(reader, payload(bundle))
    assert found["verificationResult"] == "PASSED"
    assert found["verifiedLevels"] == ["CONDUCTOR_INTEGRITY", "CONDUCTOR_COMPLETENESS"]
    assert ["-verdict-" in item["uri"] for item in found["inputAttestations"]] == [True]
    last = max((repo / "evidence/ledger").rglob("*.sigstore.json"), key=lambda file: file.name)
    public = tmp_path / "key.pem"
    public.write_bytes(
        subprocess.run(
            ("ssh-keygen", "-e", "-m", "PKCS8", "-f", key), capture_output=True, check=True, timeout=60
        ).stdout
    )
    command = (cosign, "verify-blob-attestation", "--key", public, "--insecure-ignore-tlog")
    asked = (*command, "--type", "https://slsa.dev/verification_summary/v1", "--bundle", bundle)
    assert subprocess.run((*asked, last), capture_output=True, check=False, timeout=60).returncode == 0
    assert subprocess.run((*asked, bundle), capture_output=True, check=False, timeout=60).returncode != 0
