from __future__ import annotations

import stat
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from runtime.contract.envelope import decode_envelope, pae
from runtime.contract.errors import EnvironmentFailedError, FormatError, UsageError
from runtime.contract.predicates import Approval, Seen
from runtime.contract.statement import Statement, subject
from runtime.signing import envelopes, sshsig
from runtime.signing.keys import Passphrase, PrivateKey, PublicKey, fingerprint, load_private, write_keypair

AT = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
# the example of RFC 8032, section 7.1, TEST 2, as an OpenSSH line; its fingerprint is ssh-keygen's
RFC8032_SEED = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")


def ecdsa_key() -> PrivateKey:
    return PrivateKey.of(ec.derive_private_key(7, ec.SECP256R1()))


KEYS = [pytest.param(PrivateKey.from_seed(bytes(32)), id="ed25519"), pytest.param(ecdsa_key(), id="ecdsa")]


def approval() -> Statement:
    seen = Seen(base=None, head="a" * 40)
    predicate = Approval(kind="approval", after="1" * 64, signed_at=AT, expires_at=AT, seen=seen)
    return Statement(subject=subject(change="2" * 64), predicate=predicate)


def test_the_key_of_rfc_8032_signs_as_the_rfc_says() -> None:
    key = PrivateKey.from_seed(RFC8032_SEED)
    assert key.sign(b"\x72").hex().startswith("92a009a9f0d4cab8720e820b5f642540")
    assert key.public.blob[-32:].hex() == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"


@pytest.mark.parametrize("form", [PrivateFormat.OpenSSH, PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
@pytest.mark.parametrize("kind", ["ed25519", "ecdsa"])
def test_openssh_and_pem_files_of_both_kinds_load(tmp_path: Path, form: PrivateFormat, kind: str) -> None:
    if kind == "ed25519" and form is PrivateFormat.TraditionalOpenSSL:
        form = PrivateFormat.PKCS8
    secret = (
        Ed25519PrivateKey.from_private_bytes(bytes(32))
        if kind == "ed25519"
        else ec.derive_private_key(7, ec.SECP256R1())
    )
    path = tmp_path / "key"
    path.write_bytes(secret.private_bytes(Encoding.PEM, form, NoEncryption()))
    assert load_private(path) == PrivateKey.of(secret)


def locked(path: Path, form: PrivateFormat) -> PrivateKey:
    secret = Ed25519PrivateKey.from_private_bytes(bytes(32))
    encryption = (
        form.encryption_builder().kdf_rounds(2).build(b"open sesame") if form is PrivateFormat.OpenSSH else None
    )
    path.write_bytes(secret.private_bytes(Encoding.PEM, form, encryption or BestAvailableEncryption(b"open sesame")))
    return PrivateKey.of(secret)


@pytest.mark.parametrize("form", [PrivateFormat.OpenSSH, PrivateFormat.PKCS8])
def test_a_locked_key_opens_with_its_passphrase_at_the_second_try(tmp_path: Path, form: PrivateFormat) -> None:
    key = locked(tmp_path / "key", form)
    answers = [b"open sesame", b"close sesame"]
    assert load_private(tmp_path / "key", lambda _: answers.pop()) == key
    assert answers == []


@pytest.mark.parametrize("form", [PrivateFormat.OpenSSH, PrivateFormat.PKCS8])
def test_a_locked_key_asks_three_times_and_never_quotes_the_answer(tmp_path: Path, form: PrivateFormat) -> None:
    locked(tmp_path / "key", form)
    asked: list[Path] = []

    def passphrase(path: Path) -> bytes:
        asked.append(path)
        return b"close sesame"

    with pytest.raises(UsageError, match="wrong passphrase") as caught:
        load_private(tmp_path / "key", passphrase)
    assert asked == [tmp_path / "key"] * 3
    assert "sesame" not in f"{caught.value.message} {caught.value.help}"


@pytest.mark.parametrize("passphrase", [None, lambda _: None])
def test_a_locked_key_is_refused_where_nobody_can_be_asked(tmp_path: Path, passphrase: Passphrase | None) -> None:
    locked(tmp_path / "key", PrivateFormat.OpenSSH)
    with pytest.raises(UsageError, match="has a passphrase") as caught:
        load_private(tmp_path / "key", passphrase)
    assert "on a terminal" in str(caught.value.help)


@pytest.mark.parametrize("secret", [rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1())])
def test_a_key_of_another_kind_is_refused(
    tmp_path: Path, secret: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
) -> None:
    path = tmp_path / "key"
    path.write_bytes(secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(UsageError, match="neither an Ed25519 nor an ECDSA"):
        load_private(path)


def test_no_error_about_a_key_file_quotes_its_content(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("-----BEGIN PRIVATE KEY-----\nc2VjcmV0LXNlY3JldA==\n-----END PRIVATE KEY-----\n")
    with pytest.raises(UsageError) as caught:
        load_private(path)
    assert "c2VjcmV0" not in f"{caught.value.message} {caught.value.help}"
    assert caught.value.__suppress_context__


def test_a_public_key_file_is_refused_with_the_name_of_the_private_one(tmp_path: Path) -> None:
    write_keypair(tmp_path / "mara")
    with pytest.raises(UsageError, match="is a public key") as caught:
        load_private(tmp_path / "mara.pub")
    assert str(caught.value.help).endswith(str(tmp_path / "mara"))


@pytest.mark.parametrize("name", ["ey5.key", "ey5.key.v2", ".pub"])
def test_a_public_key_file_of_another_name_is_refused_without_a_name_that_is_wrong(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(PrivateKey.from_seed(bytes(32)).public_line)
    with pytest.raises(UsageError, match="is a public key") as caught:
        load_private(tmp_path / name)
    assert caught.value.help == "name the file of its private half; ssh-keygen writes both beside each other"


def test_an_absent_key_file_is_wrong_usage_and_says_when_a_new_key_counts(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read") as caught:
        load_private(tmp_path / "absent")
    assert "counts once a change that adds its public half" in str(caught.value.help)


def test_a_written_pair_is_private_loads_and_is_never_overwritten(tmp_path: Path) -> None:
    key = write_keypair(tmp_path / "mara", seed=bytes(32))
    assert stat.S_IMODE((tmp_path / "mara").stat().st_mode) == 0o600
    assert load_private(tmp_path / "mara") == key == PrivateKey.from_seed(bytes(32))
    line = (tmp_path / "mara.pub").read_text()
    assert line == f"{key.public_line} mara\n"
    assert fingerprint(line) == key.fingerprint
    with pytest.raises(EnvironmentFailedError, match="cannot be written"):
        write_keypair(tmp_path / "mara")


def test_a_pair_whose_public_half_cannot_be_written_leaves_no_private_key_behind(tmp_path: Path) -> None:
    (tmp_path / "mara.pub").write_text("another's\n")
    with pytest.raises(EnvironmentFailedError, match=r"mara\.pub cannot be written"):
        write_keypair(tmp_path / "mara")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("mara.pub", "another's\n")]


def test_a_secret_is_in_no_repr() -> None:
    assert bytes(32).hex() not in repr(PrivateKey.from_seed(bytes(32)))
    assert "_key" not in repr(PrivateKey.from_seed(bytes(32)))


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ssh-ed25519",
        "ssh-ed25519 AAAA",
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAQQ==",
        "nonsense AAAA",
        "ssh-ed25519 \x00",
    ],
)
def test_a_line_that_is_no_key_is_refused(line: str) -> None:
    with pytest.raises(FormatError):
        PublicKey.parse(line)


def test_a_public_line_has_one_spelling() -> None:
    key = PrivateKey.from_seed(bytes(32))
    assert PublicKey.parse(f"  {key.public_line}   a comment ") == key.public
    trailing = b64encode(key.public.blob + b"x").decode()
    with pytest.raises(FormatError):
        PublicKey.parse(f"ssh-ed25519 {trailing}")


@pytest.mark.parametrize("key", KEYS)
def test_an_envelope_verifies_with_its_key_and_no_other(key: PrivateKey) -> None:
    envelope = envelopes.sign(approval(), key)
    other = PrivateKey.from_seed(b"\1" * 32)
    assert envelopes.verify(envelope, key.public_line)
    assert not envelopes.verify(envelope, other.public_line)
    assert decode_envelope(envelope.data) == envelope
    assert envelopes.verified_by(envelope, {key.fingerprint: key.public_line}) == key.fingerprint
    assert envelopes.verified_by(envelope, {other.fingerprint: other.public_line}) is None
    assert envelopes.verified_by(envelope, {}) is None


def test_an_envelope_that_names_another_key_than_signed_it_is_refused() -> None:
    key, other = PrivateKey.from_seed(bytes(32)), PrivateKey.from_seed(b"\1" * 32)
    envelope = envelopes.sign(approval(), key)
    renamed = type(envelope)(envelope.payload, envelope.signature, other.fingerprint)
    assert not envelopes.verify(renamed, key.public_line)
    assert not envelopes.verify(renamed, other.public_line)
    assert envelopes.verified_by(renamed, {other.fingerprint: key.public_line}) is None


def test_a_signature_over_the_bare_payload_is_none() -> None:
    key = PrivateKey.from_seed(bytes(32))
    envelope = envelopes.sign(approval(), key)
    bare = type(envelope)(envelope.payload, key.sign(envelope.payload), key.fingerprint)
    assert not envelopes.verify(bare, key.public_line)


@pytest.mark.parametrize("key", KEYS)
def test_an_ssh_signature_gives_the_fingerprint_of_its_key(key: PrivateKey) -> None:
    armoured = sshsig.sign(b"data", key)
    assert sshsig.verify(armoured, b"data") == key.fingerprint
    assert sshsig.verify(armoured, b"datA") is None
    assert sshsig.verify(armoured, b"data", namespace="file") is None


def test_an_ssh_signature_for_another_purpose_is_refused() -> None:
    armoured = sshsig.sign(b"data", PrivateKey.from_seed(bytes(32)), namespace="file")
    assert sshsig.verify(armoured, b"data") is None
    assert sshsig.verify(armoured, b"data", namespace="file") is not None


@pytest.mark.parametrize("text", ["", "x", "-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----", "\n" * 9000])
def test_text_that_is_no_ssh_signature_is_refused(text: str) -> None:
    assert sshsig.verify(text, b"data") is None


@pytest.mark.parametrize("number", range(8))
def test_an_envelope_has_no_twin_that_somebody_makes_without_its_key(number: int) -> None:
    key = PrivateKey.of(ec.derive_private_key(7 + number, ec.SECP256R1()))
    envelope = envelopes.sign(approval(), key)
    r, s = decode_dss_signature(envelope.signature)
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    assert s <= order // 2
    twin = replace(envelope, signature=encode_dss_signature(r, order - s))
    assert envelopes.verify(envelope, key.public_line)
    assert not envelopes.verify(twin, key.public_line)
    assert key.public.verify(twin.signature, pae(twin.payload)), "ssh-keygen makes such signatures of commits, too"
