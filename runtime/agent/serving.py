"""Health -> /healthz, /readyz, /status, /metrics over HTTP, on loopback unless told otherwise.

Rules kept: read-only, only GET and HEAD; nothing else is served; a slow client holds up nobody, and many use up nothing
(`runtime.agent.listening`). A request must name this server by an IP address, `localhost` or a name that was declared:
a web page that has its own name lead here (DNS rebinding) reads nothing.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_address
from typing import ClassVar
from urllib.parse import urlsplit

from prometheus_client import CONTENT_TYPE_LATEST

from runtime.agent.health import Health
from runtime.agent.listening import SECONDS, Listening
from runtime.agent.status_page import CSP, page
from runtime.contract.canonical import encode
from runtime.contract.errors import EnvironmentFailedError

_TEXT = "text/plain; charset=utf-8"
_HANGS = "the loop hangs"
_METHODS = ("GET", "HEAD")
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": CSP,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept",
    "X-Content-Type-Options": "nosniff",
}


class _Handler(BaseHTTPRequestHandler):
    health: ClassVar[Health]
    hosts: ClassVar[frozenset[str]]
    timeout = SECONDS
    server_version = "conductor"
    sys_version = ""

    def parse_request(self) -> bool:
        """Read the request line and headers; refuse what no path answers."""
        if not super().parse_request():
            return False
        if isinstance(self.server, Listening):
            self.server.heard(self.request)
        if self.command not in _METHODS:
            self._send(HTTPStatus.METHOD_NOT_ALLOWED, b"only GET and HEAD\n", _TEXT)
            return False
        if not named_well(self.headers.get_all("Host") or [], self.hosts):
            told = b"this server does not go by that name: start the agent with --allow-host NAME\n"
            self._send(HTTPStatus.MISDIRECTED_REQUEST, told, _TEXT)
            return False
        return True

    def do_GET(self) -> None:
        health = self.health
        match self.path.split("?", 1)[0]:
            case "/healthz":
                self._answer(health.alive, _HANGS)
            case "/readyz":
                self._answer(health.problem is None, health.problem or "")
            case "/status":
                self._status()
            case "/metrics":
                self._send(HTTPStatus.OK, health.metrics(), CONTENT_TYPE_LATEST)
            case _:
                self._send(HTTPStatus.NOT_FOUND, b"not here\n", _TEXT)

    def do_HEAD(self) -> None:
        self.do_GET()

    def _status(self) -> None:
        """A page for whoever asks for one, JSON for everybody else."""
        status, problem = self.health.status, self.health.problem if self.health.alive else _HANGS
        if "text/html" in self.headers.get("Accept", ""):
            self._send(HTTPStatus.OK, page(status, problem), "text/html; charset=utf-8")
        elif status is None:
            self._send(HTTPStatus.SERVICE_UNAVAILABLE, encode({"problem": problem}), "application/json")
        else:
            self._send(HTTPStatus.OK, status.data(), "application/json")

    def _answer(self, good: bool, problem: str) -> None:  # noqa: FBT001 -- private
        status = HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE
        self._send(status, b"ok\n" if good else f"{problem}\n".encode(), _TEXT)

    def _send(self, status: HTTPStatus, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", ", ".join(_METHODS))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- http.server's name
        """Say nothing: probes come every few seconds."""


def named_well(given: Collection[str], hosts: Collection[str]) -> bool:
    """Whether a request's `Host` headers are one that only somebody who means this server sends: an address cannot be
    made to lead elsewhere, `localhost` leads here, and declared names are ours."""
    if len(given) != 1:
        return False
    (host,) = given
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        return False
    if not name:
        return False
    if name in {"localhost", *(item.lower() for item in hosts)}:
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


@contextmanager
def serving(health: Health, *, host: str = "127.0.0.1", port: int = 0, hosts: Collection[str] = ()) -> Iterator[int]:
    """Serve while the block runs; gives the port (a free one for 0). `hosts` are names that it is asked by."""
    handler = type("Handler", (_Handler,), {"health": health, "hosts": frozenset({host, *hosts})})
    try:
        server = Listening((host, port), handler)
    except (OSError, UnicodeError) as error:
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        why = error.strerror if isinstance(error, OSError) else "it is no host name"
        of_port = isinstance(error, OSError) and error.errno in {errno.EADDRINUSE, errno.EACCES}
        raise EnvironmentFailedError(
            f"{where} cannot be opened for listening: {why}",
            help="name another port: --port" if of_port else "name an address of this machine: --host",
        ) from None
    thread = threading.Thread(target=server.serve_forever, name="http", daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
