"""Logins over TLS, as the DSN's `sslmode` says. The wheel's server has no OpenSSL, so this is PostgreSQL 15's."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from psycopg.conninfo import make_conninfo

from runtime.targets.interface import TerminalError
from runtime.targets.postgres.login import Door
from runtime.testing.embedded_postgres import EmbeddedPostgres
from tests.services.postgres import server
from tests.services.tenant import Secrets, Tenant, apply, create, lines, target

pytestmark = pytest.mark.service

ACME = Tenant("acme-retail")


@dataclass(frozen=True)
class Encrypted:
    """A server that takes connections over TLS alone, and the certificate to know it by."""

    server: EmbeddedPostgres
    roots: Path

    def dsn(self, **parameters: str) -> str:
        return make_conninfo(self.server.dsn(), **parameters)


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Encrypted]:
    roots = tmp_path_factory.mktemp("tls") / "root.crt"
    with server(15) as running, psycopg.connect(running.dsn(), autocommit=True) as admin:
        row = admin.execute("SHOW data_directory").fetchone()
        assert row is not None
        _certificate(Path(row[0]), roots)
        admin.execute("ALTER SYSTEM SET ssl = on")
        rules = Path(row[0]) / "pg_hba.conf"
        rules.write_text("hostssl all all 127.0.0.1/32 scram-sha-256\n")
        admin.execute("SELECT pg_reload_conf()")
        while True:  # the server reads it in its own time
            try:
                psycopg.connect(make_conninfo(running.dsn(), sslmode="require")).close()
                break
            except psycopg.OperationalError:
                continue
        yield Encrypted(running, roots)


def _certificate(data: Path, roots: Path) -> None:
    """A certificate for 127.0.0.1 that signs itself, where the server looks for it and in `roots`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    start = datetime.now(tz=UTC) - timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=3))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    owner = data.stat()
    for path, content in ((data / "server.crt", pem), (data / "server.key", private)):
        path.write_bytes(content)
        path.chmod(0o600)
        if path.stat().st_uid != owner.st_uid:
            os.chown(path, owner.st_uid, owner.st_gid)
    roots.write_bytes(pem)


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_a_tenant_is_made_and_proved_over_tls(encrypted: Encrypted, mode: str) -> None:
    roots = {} if mode == "require" else {"sslrootcert": str(encrypted.roots)}
    with target(Secrets.of(encrypted.dsn(sslmode=mode, **roots), ACME)) as running:
        facts = running.perform(create(ACME.object("app")), intent=1)
        assert facts["login"]["after"] == {"credential": "00000", "wrong_password": "28P01"}
        apply(running, (), intent=2, former=(ACME,))
        assert lines(running, ()) == ()


def _door(encrypted: Encrypted, **tls: str) -> Door:
    return Door("127.0.0.1", "127.0.0.1", encrypted.server.port, "postgres", tls)


def test_a_password_never_leaves_unencrypted_where_the_dsn_asks_for_tls(encrypted: Encrypted) -> None:
    with pytest.raises(TerminalError, match="before it asks for a password"):
        _door(encrypted, sslmode="disable").refuse_unless_scram("anybody")
    _door(encrypted, sslmode="prefer").refuse_unless_scram("anybody")
    with server(18) as plain:
        without = Door("127.0.0.1", "127.0.0.1", plain.port, "postgres", {"sslmode": "require"})
        with pytest.raises(TerminalError, match="does not support TLS"):
            without.refuse_unless_scram("anybody")


def test_a_server_that_cannot_prove_its_name_is_not_logged_into(encrypted: Encrypted) -> None:
    with pytest.raises(TerminalError, match="certificate"):
        _door(encrypted, sslmode="verify-full").refuse_unless_scram("anybody")
    named = Door(
        "localhost",
        "127.0.0.1",
        encrypted.server.port,
        "postgres",
        {"sslmode": "verify-full", "sslrootcert": str(encrypted.roots)},
    )
    with pytest.raises(TerminalError, match="certificate"):
        named.refuse_unless_scram("anybody")
