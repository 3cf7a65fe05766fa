"""Connections -> a thread each, of which there are few, and none for long: the socket under the agent's HTTP server.

Whoever reaches the port must not use up what the loop needs, nor keep others from an answer. Rules kept: at most
`CONNECTIONS` are open; one more ends the oldest of whoever has most, so that a probe always gets in; a request has
`HEADER_SECONDS` to say what it wants, and `SECONDS` in all, whatever is sent meanwhile; where the threads of those that
were ended have not gone yet, one more is closed at once.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CONNECTIONS = 16
HEADER_SECONDS = 3.0
SECONDS = 10.0
_THREADS = 2 * CONNECTIONS
_PAUSE = 0.1


@dataclass
class _Open:
    """Whose a connection is, when it began, and how long it may last."""

    peer: str
    begun: float
    seconds: float
    ended: bool = False


class Listening(ThreadingHTTPServer):
    """See the module."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._open: dict[socket.socket, _Open] = {}
        self._turn = threading.Lock()
        host, port = address
        # the first of the host's addresses: of IPv4, or of IPv6
        self.address_family, *_, place = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        super().__init__((str(place[0]), port), handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection. Where this process may have no more files, wait a moment: it stays in the queue."""
        try:
            return super().get_request()
        except OSError:
            time.sleep(_PAUSE)
            raise

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Make room for one more; False where that takes a moment."""
        with self._turn:
            if len(self._open) >= _THREADS:
                return False
            there = {one: item for one, item in self._open.items() if not item.ended}
            if len(there) >= CONNECTIONS:
                self._end(_in_the_way(there))
            self._open[request] = _Open(client_address[0], time.monotonic(), HEADER_SECONDS)
            return True

    def heard(self, request: Any) -> None:
        """A request has said what it wants: it has time to read the answer."""
        with self._turn:
            if request in self._open:
                self._open[request].seconds = SECONDS

    def service_actions(self) -> None:
        """End what has been open for too long; asked twice a second."""
        now = time.monotonic()
        with self._turn:
            for request, item in self._open.items():
                if not item.ended and now - item.begun > item.seconds:
                    self._end(request)

    def _end(self, request: socket.socket) -> None:
        """Let nothing more come or go; its thread notices."""
        self._open[request].ended = True
        with suppress(OSError):
            request.shutdown(socket.SHUT_RDWR)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        with self._turn:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that is gone is no trouble of the agent's."""


def _in_the_way(there: dict[socket.socket, _Open]) -> socket.socket:
    """The oldest connection of whoever has most: an honest one is answered in less time than it takes to get old."""
    share = Counter(item.peer for item in there.values())
    return min(there, key=lambda one: (-share[there[one].peer], there[one].begun))
