"""Connections -> a thread each, of which there are few, and none for long: the socket under the agent's HTTP server.

Whoever reaches the port must not use up what the loop needs. Rules kept: at most `CONNECTIONS` are open, one more is
closed at once; a connection ends `SECONDS` after it began, whatever it sends meanwhile.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CONNECTIONS = 16
SECONDS = 10.0
_PAUSE = 0.1


class Listening(ThreadingHTTPServer):
    """See the module."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._open: dict[socket.socket, float] = {}
        self._turn = threading.Lock()
        super().__init__(address, handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection. Where this process may have no more files, wait a moment: it stays in the queue."""
        try:
            return super().get_request()
        except OSError:
            time.sleep(_PAUSE)
            raise

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Whether there is room for one more."""
        del client_address
        with self._turn:
            if len(self._open) >= CONNECTIONS:
                return False
            self._open[request] = time.monotonic()
            return True

    def service_actions(self) -> None:
        """End what has been open for too long; asked twice a second."""
        latest = time.monotonic() - SECONDS
        with self._turn:
            late = [request for request, begun in self._open.items() if begun < latest]
        for request in late:
            with suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        with self._turn:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that is gone is no trouble of the agent's."""
