"""Key file -> PrivateKey; OpenSSH public line -> PublicKey.

Private keys are OpenSSH or PEM files, with or without a passphrase, Ed25519 (RFC 8032) or ECDSA on P-256 with SHA-256,
or lie with the ssh-agent (`runtime.signing.ssh_agent`): hardware keys (`sk-ssh-ed25519@openssh.com`) always do.
Public keys travel as OpenSSH lines (`ssh-ed25519 AAAA…`), and are named by their fingerprint as `ssh-keygen -l` prints
it.
Signatures are raw for Ed25519 (64 bytes) and DER for ECDSA, as DSSE and cosign expect them. A hardware key's is the
Ed25519 signature, the byte of flags and the four of the counter, 69 bytes: what OpenSSH's PROTOCOL.u2f puts after the
key's type, without the length. What it signs is SHA-256 of the application, flags, counter, SHA-256 of the message.

Rules kept: no secret is in a message, a `repr` or a log; a public line has one spelling, without comment; a hardware
key's signature counts only where it says that somebody touched the key, and only for the purpose `ssh:`.
"""

from __future__ import annotations

import os
import struct
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from hashlib import sha256
from pathlib import Path
from shlex import quote
from typing import Protocol, TypeAlias

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_ssh_private_key,
    load_ssh_public_key,
)

from runtime.contract.errors import EnvironmentFailedError, FormatError, UsageError
from runtime.signing.weak_keys import refuse_weak


class SignsForUs(Protocol):
    """Somebody who has the private half and signs with it."""

    def sign(self, data: bytes) -> bytes:
        """Return the signature in the form that `PublicKey.verify` reads."""
        ...


_Private: TypeAlias = Ed25519PrivateKey | EllipticCurvePrivateKey
_Public: TypeAlias = Ed25519PublicKey | EllipticCurvePublicKey
Passphrase: TypeAlias = Callable[[Path], bytes | None]
"""Key file -> its passphrase, None where nobody can be asked."""

_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
ED25519 = "ssh-ed25519"
ECDSA_P256 = "ecdsa-sha2-nistp256"
SK_ED25519 = "sk-ssh-ed25519@openssh.com"
KINDS = (ED25519, ECDSA_P256, SK_ED25519)
LINE = r"(?:ssh-ed25519|ecdsa-sha2-nistp256|sk-ssh-ed25519@openssh\.com) [A-Za-z0-9+/=]+"
"""A public line, as a regular expression."""
SK_TAIL = 5
"""Flags and counter."""
_TOUCHED = 0x01
_NAME_ONE = (
    "name the private half of a key that policies/ gives; a new one, of ssh-keygen -t ed25519 -f FILE, counts once a "
    "change that adds its public half there is taken"
)
_TRIES = 3
_MAX_KEY_BYTES = 64 * 1024


@dataclass(frozen=True)
class PublicKey:
    """A public key: `line` is its OpenSSH line without comment."""

    line: str
    _key: _Public = field(repr=False, compare=False)
    _application: bytes | None = field(default=None, repr=False, compare=False)
    """A hardware key's purpose."""

    @classmethod
    def parse(cls, line: str) -> PublicKey:
        """Read an OpenSSH line, with or without a comment; raises FormatError."""
        return _parse(line)

    @property
    def algorithm(self) -> str:
        """`ssh-ed25519`, `ecdsa-sha2-nistp256` or `sk-ssh-ed25519@openssh.com`."""
        return self.line.split(" ", 1)[0]

    @cached_property
    def blob(self) -> bytes:
        """The key in SSH's wire format (RFC 4253, section 6.6)."""
        return b64decode(self.line.split(" ")[1])

    @cached_property
    def sha256(self) -> str:
        """SHA-256 (hex) of the key in SSH's wire format: the fingerprint, in other digits."""
        return sha256(self.blob).hexdigest()

    @cached_property
    def fingerprint(self) -> str:
        """`SHA256:…`, as `ssh-keygen -l` prints it."""
        return "SHA256:" + b64encode(sha256(self.blob).digest()).decode().rstrip("=")

    def verify(self, signature: bytes, data: bytes, *, one: bool = False) -> bool:
        """Whether `signature` (raw Ed25519, DER ECDSA, or a hardware key's) is this key's over `data`. With `one`, of
        the forms that an ECDSA signature has only the one that `sign` makes counts: nobody makes a second one of it
        without the key."""
        try:
            if self._application is not None:
                signature, tail = signature[:-SK_TAIL], signature[-SK_TAIL:]
                if len(tail) != SK_TAIL or not tail[0] & _TOUCHED:
                    return False
                data = sha256(self._application).digest() + tail + sha256(data).digest()
            if isinstance(self._key, Ed25519PublicKey):
                self._key.verify(signature, data)
            else:
                self._key.verify(signature, data, ECDSA(SHA256()))
                return not one or lowest(signature) == signature
        except InvalidSignature:
            return False
        return True

    @cached_property
    def pem(self) -> str:
        """The key as PEM (SubjectPublicKeyInfo): what openssl and cosign read."""
        return self._key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@dataclass(frozen=True)
class PrivateKey:
    """A private key. Its secret is in no `repr`."""

    public: PublicKey
    _key: _Private | SignsForUs = field(repr=False, compare=False)

    @property
    def public_line(self) -> str:
        """The OpenSSH line of the public half, without comment."""
        return self.public.line

    @property
    def fingerprint(self) -> str:
        """`SHA256:…` of the public half."""
        return self.public.fingerprint

    def sign(self, data: bytes) -> bytes:
        """Return the signature over `data`, as `PublicKey.verify` reads it."""
        if isinstance(self._key, EllipticCurvePrivateKey):
            return lowest(self._key.sign(data, ECDSA(SHA256())))
        return self._key.sign(data)

    @classmethod
    def of(cls, key: _Private) -> PrivateKey:
        """Wrap a key of the cryptography package."""
        line = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
        return cls(PublicKey.parse(line), key)

    @classmethod
    def from_seed(cls, seed: bytes) -> PrivateKey:
        """Return the Ed25519 key of a 32-byte seed: for tests and demonstrations that are to be repeatable."""
        return cls.of(Ed25519PrivateKey.from_private_bytes(seed))

    @classmethod
    def generate(cls) -> PrivateKey:
        """Return a new Ed25519 key."""
        return cls.of(Ed25519PrivateKey.generate())


def lowest(signature: bytes) -> bytes:
    """The same signature with the lower one of its two `s`, in DER's only encoding."""
    r, s = decode_dss_signature(signature)
    return encode_dss_signature(r, min(s, _P256_ORDER - s))


def fingerprint(line: str) -> str:
    """Return the fingerprint of an OpenSSH line; raises FormatError."""
    return PublicKey.parse(line).fingerprint


def load_private(path: Path, passphrase: Passphrase | None = None) -> PrivateKey:
    """Read a private key file; raises UsageError where it cannot be used, saying what to do.

    `passphrase` is asked for that of a locked key, three times at most; it gives None where there is nobody to ask.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_KEY_BYTES + 1)
    except OSError as error:
        raise UsageError(f"the key file {path} cannot be read: {error.strerror}", help=_NAME_ONE) from None
    if data.startswith((b"ssh-", b"ecdsa-", b"sk-", b"-----BEGIN PUBLIC KEY", b"-----BEGIN SSH2 PUBLIC KEY")):
        private = path.name.removesuffix(".pub")
        raise UsageError(
            f"{path} is a public key; a private one signs",
            help=f"name the file without .pub: {path.with_name(private)}"
            if private not in {"", path.name}
            else "name the file of its private half; ssh-keygen writes both beside each other",
        )
    try:
        key = _opened(data, None)
    except TypeError:  # so the library says that it is locked
        key = _unlocked(path, data, passphrase)
    except (ValueError, UnsupportedAlgorithm, NotImplementedError):
        # the library's text is left out: it may quote what it read
        if _of_hardware(data):
            raise UsageError(
                f"{path} leads to a hardware key, which signs through the ssh-agent",
                help=f"ssh-add {quote(str(path))}; then name its public half: --key {quote(f'{path}.pub')}",
            ) from None
        raise UsageError(f"{path} holds no OpenSSH or PEM private key", help=_NAME_ONE) from None
    if isinstance(key, Ed25519PrivateKey):
        return PrivateKey.of(key)
    if isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1):
        return PrivateKey.of(key)
    raise UsageError(f"{path} is neither an Ed25519 nor an ECDSA P-256 key", help=_NAME_ONE)


def _unlocked(path: Path, data: bytes, passphrase: Passphrase | None) -> object:
    for _ in range(_TRIES):
        given = None if passphrase is None else passphrase(path)
        if given is None:
            raise UsageError(
                f"the key file {path} has a passphrase, and there is no terminal to ask for it on",
                help="call it on a terminal, or say --passphrase file:PATH; what runs unattended may have a key "
                "without one, in a file that only it can read",
            )
        try:
            return _opened(data, given)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            continue
    raise UsageError(f"wrong passphrase for {path}", help="ssh-keygen -y -f FILE can check it")


def _opened(data: bytes, passphrase: bytes | None) -> object:
    if b"-----BEGIN OPENSSH PRIVATE KEY-----" in data:
        return load_ssh_private_key(data, passphrase)
    return load_pem_private_key(data, passphrase)


def _of_hardware(data: bytes) -> bool:
    """Whether an OpenSSH key file is the handle of a hardware key."""
    body = b"".join(line for line in data.splitlines() if not line.startswith(b"-----"))
    try:
        return SK_ED25519.encode() in b64decode(body, validate=True)
    except ValueError:
        return False


def write_keypair(path: Path, seed: bytes | None = None) -> PrivateKey:
    """Write an Ed25519 key as OpenSSH file `path` (mode 0600) with `path.pub` beside it; never over another file."""
    secret = Ed25519PrivateKey.generate() if seed is None else Ed25519PrivateKey.from_private_bytes(seed)
    key = PrivateKey.of(secret)
    _write_new(path, 0o600, secret.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    try:
        _write_new(path.with_name(f"{path.name}.pub"), 0o644, f"{key.public_line} {path.name}\n".encode())
    except BaseException:
        path.unlink()  # no half of a pair stays, and a private one least of all
        raise
    return key


def _write_new(path: Path, mode: int, data: bytes) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
        except BaseException:
            path.unlink()
            raise
    except OSError as error:
        raise EnvironmentFailedError(
            f"the key file {path} cannot be written: {error.strerror}", help="name a file that does not exist yet"
        ) from None


@lru_cache(maxsize=4096)
def _parse(line: str) -> PublicKey:
    parts = line.strip().split(None, 2)
    if len(parts) < 2 or parts[0] not in KINDS:
        raise FormatError(
            "a public key is an OpenSSH line of an Ed25519 or ECDSA P-256 key",
            help="copy the line of the .pub file: ssh-ed25519 AAAA…",
        )
    canonical = " ".join(parts[:2])
    if parts[0] == SK_ED25519:
        return _parse_hardware(canonical)
    try:
        key = load_ssh_public_key(canonical.encode())
    except (ValueError, UnsupportedAlgorithm, NotImplementedError):
        raise FormatError(f"no public key follows {parts[0]}", help="copy the whole line of the .pub file") from None
    if not isinstance(key, Ed25519PublicKey | EllipticCurvePublicKey):
        raise FormatError(f"{parts[0]} is neither an Ed25519 nor an ECDSA P-256 key")
    if key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode() != canonical:
        raise FormatError("the public key is not in its canonical encoding", help="ssh-keygen -y -f FILE prints it")
    if isinstance(key, Ed25519PublicKey):
        refuse_weak(key.public_bytes(Encoding.Raw, PublicFormat.Raw))
    return PublicKey(canonical, key)


def _parse_hardware(line: str) -> PublicKey:
    """Read `string type, string public key, string application` (OpenSSH's PROTOCOL.u2f, "SSH U2F Key formats")."""
    kind, text = line.split(" ")
    fixed = struct.pack(">I", len(kind)) + kind.encode() + struct.pack(">I", 32)
    try:
        blob = b64decode(text, validate=True)
    except ValueError:
        blob = b""
    key, rest = blob[len(fixed) : len(fixed) + 32], blob[len(fixed) + 32 :]
    application = rest[4:]
    if (
        blob[: len(fixed)] != fixed
        or rest[:4] != struct.pack(">I", len(application))
        or b64encode(blob).decode() != text
    ):
        raise FormatError(f"no public key follows {kind}", help="copy the whole line of the .pub file")
    if not application.startswith(b"ssh:"):
        raise FormatError(
            "the hardware key is for another purpose than ssh:", help="ssh-keygen -t ed25519-sk makes one for it"
        )
    refuse_weak(key)
    return PublicKey(line, Ed25519PublicKey.from_public_bytes(key), application)
