"""What a job's variables, standard input or a server that answers anything at all make of `conductor comment`."""

from __future__ import annotations

import io
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from compiler.forges import MARKER
from tests.services.commands import Ran, conductor

SECRET = "ghp_SECRET"  # noqa: S105 -- of nobody
Answer = Callable[[str], bytes]
"""The first line of a request -> every byte that comes back."""


@contextmanager
def answering(answer: Answer) -> Iterator[str]:
    """The address of a server that answers so, and closes the connection."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            asked = self.rfile.readline().decode()
            length = 0
            while (line := self.rfile.readline().strip()) != b"":
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            self.rfile.read(length)
            self.wfile.write(answer(asked))

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def saying(body: str | bytes) -> bytes:
    data = body.encode() if isinstance(body, str) else body
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(data), data)


@pytest.fixture
def comment(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """`conductor comment` as a job of the forge runs it, with variables and standard input as they are given."""

    def run(forge: str, address: str, *, token: str = SECRET, text: bytes = b"a plan\n", **more: str) -> Ran:
        given = {
            "github": {"GITHUB_API_URL": address, "GITHUB_REPOSITORY": "a/b", "GITHUB_TOKEN": token},
            "gitlab": {"CI_API_V4_URL": address, "CI_PROJECT_ID": "7", "CONDUCTOR_GITLAB_TOKEN": token},
        }
        for name, value in (given[forge] | more).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text), encoding="utf-8"))
        return conductor("comment", "--on", forge, "--number", "3")

    return run


@pytest.mark.parametrize("token", [f"{SECRET}\nX: y", f"{SECRET} two", f"{SECRET}\u00fc", f"{SECRET}\udcff"])
def test_a_token_that_cannot_be_one_is_named_by_its_variable_and_never_quoted(
    comment: Callable[..., Ran], token: str
) -> None:
    ran = comment("github", "http://127.0.0.1:9", token=token)
    assert (ran.code, SECRET in ran.out + ran.err) == (2, False)
    assert "error: GITHUB_TOKEN " in ran.err


@pytest.mark.parametrize("forge", ["github", "gitlab"])
def test_the_end_of_line_that_a_file_of_the_token_had_is_no_part_of_it(comment: Callable[..., Ran], forge: str) -> None:
    answers = {"GET /user": '{"id": 1}', "GET": "[]", "POST": '{"id": 2}'}

    def answer(asked: str) -> bytes:
        return saying(next(text for start, text in answers.items() if asked.startswith(start)))

    with answering(answer) as address:
        assert comment(forge, f" {address}\n", token=f"{SECRET}\n") == Ran(0, "comment made\n", "")


@pytest.mark.parametrize("address", ["https://[::1", "https://forge.example:port", "https://", "forge.example"])
@pytest.mark.parametrize(("forge", "name"), [("github", "GITHUB_API_URL"), ("gitlab", "CI_API_V4_URL")])
def test_an_address_that_is_none_is_named_by_its_variable(
    comment: Callable[..., Ran], forge: str, name: str, address: str
) -> None:
    ran = comment(forge, address)
    assert ran.code == 2
    assert f"error: {name} " in ran.err


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param(b"SSH-2.0-OpenSSH_9.6\r\n", "did not answer with valid HTTP", id="not-http"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n[", "valid HTTP", id="cut-off"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", "did not answer with valid HTTP", id="headers"
        ),
        pytest.param(b"", "did not answer", id="nothing"),
        pytest.param(saying("[" * 200_000), "valid JSON", id="deep"),
        pytest.param(saying(b"\xff\xfe\xff"), "valid JSON", id="not-text"),
        pytest.param(saying("9" * 5000), "valid JSON", id="long-number"),
    ],
)
@pytest.mark.parametrize("forge", ["github", "gitlab"])
def test_an_answer_that_is_none_is_said_and_not_traced(
    comment: Callable[..., Ran], forge: str, answer: bytes, said: str
) -> None:
    with answering(lambda _: answer) as address:
        ran = comment(forge, address)
    assert (ran.code, said in ran.err, SECRET in ran.err) == (3, True, False), ran.err


MINE: dict[str, Any] = {"github": '"user": {"login": "github-actions[bot]"}', "gitlab": '"author": {"id": 1}'}


@pytest.mark.parametrize("given", ["", '"id": null, ', '"id": "7/../8", ', '"id": 1e999, ', '"id": [1], '])
@pytest.mark.parametrize("forge", ["github", "gitlab"])
def test_a_comment_of_ours_without_a_number_is_not_written_anew_somewhere_else(
    comment: Callable[..., Ran], forge: str, given: str
) -> None:
    listed = f'[{{{given}"body": "{MARKER}", {MINE[forge]}}}]'
    asked: list[str] = []

    def answer(line: str) -> bytes:
        asked.append(line.partition(" ")[0])
        return saying('{"id": 1}' if line.startswith("GET /user") else listed)

    with answering(answer) as address:
        ran = comment(forge, address)
    assert (ran.code, "a comment that has no number" in ran.err, set(asked)) == (3, True, {"GET"}), ran.err


@pytest.mark.parametrize("me", ["null", "[]", "{}", '{"id": null}', '{"id": "1"}', '"root"'])
def test_gitlab_that_does_not_say_who_we_are_gets_no_note(comment: Callable[..., Ran], me: str) -> None:
    listed = f'[{{"id": 5, "body": "{MARKER}", "author": null}}]'
    with answering(lambda line: saying(me if line.startswith("GET /user") else listed)) as address:
        ran = comment("gitlab", address)
    assert (ran.code, "did not say whose token it is" in ran.err) == (3, True), ran.err


@pytest.mark.parametrize("odd", ["1", '"text"', "[]", '{"user": "github-actions[bot]"}', '{"user": [], "body": 1}'])
def test_what_is_no_comment_is_none_of_ours(comment: Callable[..., Ran], odd: str) -> None:
    def answer(line: str) -> bytes:
        return saying('{"id": 2}' if line.startswith("POST") else f"[{odd}]")

    with answering(answer) as address:
        assert comment("github", address) == Ran(0, "comment made\n", "")


def test_standard_input_that_is_no_text_is_not_commented(comment: Callable[..., Ran]) -> None:
    with answering(lambda _: saying("[]")) as address:
        ran = comment("github", address, text=b"caf\xe9\n")
    assert (ran.code, "standard input is not UTF-8 text" in ran.err, ran.out) == (2, True, "")
