from __future__ import annotations

import socket
import struct
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from runtime.contract.errors import ConductorError
from runtime.targets.interface import RetryableError, TerminalError
from runtime.targets.postgres.login import Door


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def request(code: int, body: bytes = b"") -> bytes:
    return message(b"R", struct.pack("!i", code) + body)


def refusal(sqlstate: str) -> bytes:
    return message(b"E", f"SFEHLER\0VFATAL\0C{sqlstate}\0Mnein, danke\0\0".encode())


SCRAM = request(10, b"SCRAM-SHA-256\0\0")
FIRST = request(11, b"r=nonce-of-ours-and-theirs,s=" + b64encode(b"0123456789abcdef") + b",i=4096")


@contextmanager
def server(*answers: bytes) -> Iterator[Door]:
    """A server that reads something and says the next of its answers, then hangs up."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(10)

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(10)
            for answer in answers:
                if not connection.recv(4096):
                    return
                connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield Door("127.0.0.1", "127.0.0.1", listener.getsockname()[1], "graph", {"sslmode": "disable"}, seconds=5)
    finally:
        thread.join()
        listener.close()


def login(*answers: bytes) -> str:
    with server(*answers) as door:
        return door.login("t_acme_app", "secret", lambda: "nonce-of-ours")


def test_the_sqlstate_of_a_refusal_is_read_in_any_language() -> None:
    assert login(SCRAM, FIRST, refusal("28P01")) == "28P01"
    assert login(SCRAM, refusal("28P01")) == "28P01"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (request(0), "trust"),
        (request(3), "clear-text"),
        (request(5, b"salt"), "MD5"),
        (request(7), "GSSAPI"),
        (request(10, b"SCRAM-SHA-1\0\0"), "another method"),
        (request(99), "another method"),
        (refusal("28000"), "before it asks for a password"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak"),
        (b"R\xff\xff\xff\xff", "does not speak"),
        (message(b"Z", b"I"), "does not speak"),
    ],
)
def test_a_server_that_does_not_ask_for_scram_is_never_given_a_password(answer: bytes, said: str) -> None:
    with pytest.raises(TerminalError, match=said):
        login(answer)
    with server(answer) as door, pytest.raises(TerminalError, match=said):
        door.refuse_unless_scram("t_acme_app")


@pytest.mark.parametrize(
    "answers",
    [
        (SCRAM, request(0)),
        (SCRAM, request(11, b"r=another,s=AAAA,i=4096")),
        (SCRAM, FIRST, request(0)),
        (SCRAM, FIRST, request(12, b"v=" + b64encode(b"0" * 32))),
        (SCRAM, FIRST, request(12, b"")),
    ],
    ids=["lets in without proof", "another nonce", "skips its own proof", "wrong proof", "empty proof"],
)
def test_a_server_that_cannot_prove_itself_proves_nothing(answers: tuple[bytes, ...]) -> None:
    with pytest.raises(TerminalError, match=r"server's half of SCRAM-SHA-256"):
        login(*answers)


@pytest.mark.parametrize("answers", [(), (b"R",), (SCRAM,), (SCRAM, FIRST), (refusal("57P03"),), (refusal("53300"),)])
def test_a_server_that_goes_away_or_is_busy_may_come_back(answers: tuple[bytes, ...]) -> None:
    with pytest.raises(RetryableError):
        login(*answers)


def test_nobody_there_may_come_later() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    door = Door("127.0.0.1", "127.0.0.1", port, "graph", {})
    with pytest.raises(RetryableError, match="does not answer"):
        door.login("t_acme_app", "secret", lambda: "nonce")


def test_a_server_without_tls_is_refused_where_the_dsn_asks_for_it() -> None:
    with server(b"N") as door:
        strict = Door(door.host, door.address, door.port, door.database, {"sslmode": "verify-full"})
        with pytest.raises(TerminalError, match="does not support TLS"):
            strict.login("t_acme_app", "secret", lambda: "nonce")


def test_no_message_of_a_failed_login_holds_the_password() -> None:
    for answers in ((), (request(3),), (SCRAM, FIRST, request(0)), (b"garbage",)):
        with pytest.raises(ConductorError) as raised:
            login(*answers)
        assert "secret" not in f"{raised.value} {raised.value.help}"
