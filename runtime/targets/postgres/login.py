"""Name and password -> SQLSTATE of a real login over TCP: the measurement behind every proof.

libpq hides the SQLSTATE of a connection that fails, and its message depends on the server's language; so this speaks
the few messages of the PostgreSQL protocol 3.0 that a login takes: startup, SASL with SCRAM-SHA-256, and the answer.

Rules kept: never a password by another method than SCRAM-SHA-256; a server that lets somebody in without asking, or
asks otherwise, is not one that can prove anything. With TLS wherever the DSN's `sslmode` says so.
"""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from runtime.targets.interface import RetryableError, TerminalError
from runtime.targets.postgres.scram import METHOD, Client, ProtocolError

SUCCESS = "00000"
WRONG_PASSWORD = "28P01"  # noqa: S105 -- an SQLSTATE
NOT_PERMITTED = "28000"

_PROTOCOL = 196_608  # 3.0
_SSL_REQUEST = 80_877_103
_MAX_MESSAGE = 1_000_000
_METHODS = {0: "nothing at all (trust)", 3: "a clear-text password", 5: "an MD5 password", 7: "GSSAPI", 9: "SSPI"}
_SASL, _SASL_CONTINUE, _SASL_FINAL, _OK = 10, 11, 12, 0

_ROOTS = Path.home() / ".postgresql" / "root.crt"
"""Where libpq looks for certificates that a DSN does not name."""

Nonce = Callable[[], str]


@dataclass(frozen=True)
class Door:
    """Where logins knock: address, port, database, and what the DSN says about TLS."""

    host: str
    address: str
    port: int
    database: str
    tls: Mapping[str, str]
    seconds: float = 10.0

    def login(self, user: str, password: str, nonce: Nonce) -> str:
        """The SQLSTATE a login ends with, `00000` for one that works. Raises RetryableError when nobody answers,
        TerminalError when the server does not ask for SCRAM-SHA-256."""
        with self._connected() as wire:
            _refuse_unless_scram(_ask(wire, user, self.database))
            return _authenticate(wire, Client(password, nonce()))

    def refuse_unless_scram(self, user: str) -> None:
        """Look how the server would authenticate a user, without trying: TerminalError unless SCRAM-SHA-256."""
        with self._connected() as wire:
            _refuse_unless_scram(_ask(wire, user, self.database))

    def _connected(self) -> _Wire:
        try:
            plain = socket.create_connection((self.address, self.port), timeout=self.seconds)
        except OSError as error:
            raise RetryableError(f"{self.address}:{self.port} does not answer: {error.strerror or error}") from None
        try:
            return _Wire(self._encrypted(plain))
        except BaseException:
            plain.close()
            raise

    def _encrypted(self, plain: socket.socket) -> socket.socket:
        mode = self.tls.get("sslmode", "prefer")
        if mode in ("disable", "allow"):
            return plain
        try:
            plain.sendall(struct.pack("!ii", 8, _SSL_REQUEST))
            if plain.recv(1) == b"S":
                return self._context(mode).wrap_socket(plain, server_hostname=self.host)
        except ssl.SSLCertVerificationError as error:
            raise TerminalError(
                f"the certificate of {self.host}:{self.port} does not verify: {error.verify_message}",
                help="let the DSN's sslrootcert name the certificate that signed it, and its host be the one it names",
            ) from None
        except OSError as error:
            raise RetryableError(f"TLS with {self.host}:{self.port} failed: {error}") from None
        if mode == "prefer":
            return plain
        raise TerminalError(f"{self.host}:{self.port} does not support TLS, but the DSN has sslmode={mode}")

    def _context(self, mode: str) -> ssl.SSLContext:
        roots = self.tls.get("sslrootcert")
        if roots is None and _ROOTS.exists():
            roots = str(_ROOTS)
        context = ssl.create_default_context(cafile=None if roots == "system" else roots)
        context.check_hostname = mode == "verify-full"
        if mode in ("prefer", "require"):
            context.verify_mode = ssl.CERT_NONE  # as libpq: encrypted, the other side unproven
        if "sslcert" in self.tls:
            context.load_cert_chain(self.tls["sslcert"], self.tls.get("sslkey"))
        return context


@dataclass(frozen=True)
class _Refused:
    sqlstate: str


@dataclass(frozen=True)
class _Method:
    code: int
    body: bytes


class _Wire:
    """Messages of the protocol over one socket."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._stream.close()

    def send(self, kind: bytes, body: bytes) -> None:
        try:
            self._stream.sendall(kind + struct.pack("!i", len(body) + 4) + body)
        except OSError as error:
            raise RetryableError(f"the server went away during a login: {error}") from None

    def receive(self) -> tuple[bytes, bytes]:
        kind, length = struct.unpack("!ci", self._exactly(5))
        if not 4 <= length <= _MAX_MESSAGE:
            raise TerminalError("what answers there does not speak PostgreSQL's protocol")
        return kind, self._exactly(length - 4)

    def _exactly(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            try:
                part = self._stream.recv(count - len(data))
            except OSError as error:
                raise RetryableError(f"the server went away during a login: {error}") from None
            if not part:
                raise RetryableError("the server went away during a login")
            data += part
        return bytes(data)


def _ask(wire: _Wire, user: str, database: str) -> _Method | _Refused:
    fields = ("user", user, "database", database, "application_name", "conductor login proof")
    body = b"".join(field.encode() + b"\0" for field in fields) + b"\0"
    wire.send(b"", struct.pack("!i", _PROTOCOL) + body)
    return _next(wire)


def _next(wire: _Wire) -> _Method | _Refused:
    """The next authentication request, or the error that ends the login."""
    while True:
        kind, body = wire.receive()
        match kind:
            case b"E":
                return _Refused(_field(body, "C"))
            case b"R":
                return _Method(struct.unpack("!i", body[:4])[0], body[4:])
            case b"N" | b"v":
                continue
            case _:
                raise TerminalError("what answers there does not speak PostgreSQL's protocol")


def _refuse_unless_scram(method: _Method | _Refused) -> None:
    if isinstance(method, _Refused):
        # before any password: SQLSTATE 28000 here would be pg_hba.conf's, not NOLOGIN's
        if method.sqlstate[:2] in ("53", "57"):
            raise RetryableError(f"the server takes no login at the moment ({method.sqlstate})")
        raise TerminalError(
            f"the server refuses logins over TCP before it asks for a password ({method.sqlstate})",
            help="let pg_hba.conf have a `host … scram-sha-256` line for the tenants' roles",
        )
    offered = method.body.split(b"\0")
    if method.code != _SASL or METHOD.encode() not in offered:
        raise TerminalError(
            f"the server asks a login over TCP for {_METHODS.get(method.code, 'another method')},"
            " so that neither a login nor its refusal would prove anything",
            help="let pg_hba.conf ask the tenants' roles for scram-sha-256",
        )


def _authenticate(wire: _Wire, client: Client) -> str:
    try:
        first = client.first
        wire.send(b"p", METHOD.encode() + b"\0" + struct.pack("!i", len(first)) + first)
        answer = _expect(wire, _SASL_CONTINUE)
        if isinstance(answer, str):
            return answer
        wire.send(b"p", client.final(answer))
        answer = _expect(wire, _SASL_FINAL)
        if isinstance(answer, str):
            return answer
        client.verify(answer)
        answer = _expect(wire, _OK)
        return answer if isinstance(answer, str) else _ready(wire)
    except ProtocolError as error:
        raise TerminalError(f"the server's half of SCRAM-SHA-256 is wrong: {error}") from error


def _expect(wire: _Wire, code: int) -> bytes | str:
    """The body of the awaited request, or the SQLSTATE that came instead."""
    answer = _next(wire)
    if isinstance(answer, _Refused):
        return answer.sqlstate
    if answer.code != code:
        raise ProtocolError(f"authentication request {answer.code} where {code} was due")
    return answer.body


def _ready(wire: _Wire) -> str:
    """After the password: the session is ready, or the role may not log in after all."""
    while True:
        kind, body = wire.receive()
        if kind == b"E":
            return _field(body, "C")
        if kind == b"Z":
            wire.send(b"X", b"")
            return SUCCESS


def _field(body: bytes, name: str) -> str:
    for part in body.split(b"\0"):
        if part[:1].decode("ascii", "replace") == name:
            return part[1:].decode("ascii", "replace")
    return "XX000"
