"""Health -> /healthz, /readyz, /metrics over HTTP, on loopback unless told otherwise.

Rules kept: read-only, no request changes anything; nothing else is served; a slow client holds up nobody.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

from prometheus_client import CONTENT_TYPE_LATEST

from runtime.agent.health import Health
from runtime.contract.errors import EnvironmentFailedError

_TEXT = "text/plain; charset=utf-8"


class _Handler(BaseHTTPRequestHandler):
    health: ClassVar[Health]
    timeout = 10
    server_version = "conductor"
    sys_version = ""

    def do_GET(self) -> None:
        health = self.health
        match self.path.split("?", 1)[0]:
            case "/healthz":
                self._answer(health.alive, "the loop hangs")
            case "/readyz":
                self._answer(health.problem is None, health.problem or "")
            case "/metrics":
                self._send(HTTPStatus.OK, health.metrics(), CONTENT_TYPE_LATEST)
            case _:
                self._send(HTTPStatus.NOT_FOUND, b"not here\n", _TEXT)

    def _answer(self, good: bool, problem: str) -> None:  # noqa: FBT001 -- private
        status = HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE
        self._send(status, b"ok\n" if good else f"{problem}\n".encode(), _TEXT)

    def _send(self, status: HTTPStatus, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- http.server's name
        """Say nothing: probes come every few seconds."""


@contextmanager
def serving(health: Health, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """Serve while the block runs; gives the port (a free one for 0)."""
    handler = type("Handler", (_Handler,), {"health": health})
    try:
        server = ThreadingHTTPServer((host, port), handler)
    except OSError as error:
        raise EnvironmentFailedError(
            f"{host}:{port} cannot be listened on: {error.strerror}", help="name another port: --port"
        ) from None
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="http", daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
