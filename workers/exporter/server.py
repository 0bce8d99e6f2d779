"""Answers `/metrics`, `/healthz` and `/readyz` from what was read, without asking any server."""

import json
import logging
import sys
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from workers.exporter.board import Board

log = logging.getLogger(__name__)

MOST_AT_ONCE = 16
"""So many answers may be under way; further connections are closed."""
TIMEOUT_SECONDS = 5.0
"""A client that sends or takes nothing for so long is left."""
_TEXT, _JSON = "text/plain; charset=utf-8", "application/json"
Answer = tuple[HTTPStatus, str, bytes]


class Exporter(ThreadingHTTPServer):
    """The HTTP server of one board."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], board: Board, alive: Callable[[], bool]) -> None:
        """`alive` tells whether the threads that read still run."""
        self.board, self.alive = board, alive
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(board)
        self._free = threading.BoundedSemaphore(MOST_AT_ONCE)
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answers in a thread while there are few; otherwise closes the connection."""
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """One answer, in its thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, *_: object) -> None:
        """Logs a fault of ours. A client that goes away in the middle is no event."""
        error = sys.exception()
        if not isinstance(error, OSError):
            log.error("an answer failed", exc_info=error, extra={"event": "exporter_answer_failed"})


class _Handler(BaseHTTPRequestHandler):
    server: Exporter
    timeout = TIMEOUT_SECONDS
    server_version = "mlrisk"
    sys_version = ""

    def do_GET(self) -> None:
        answer = _ANSWERS.get(self.path.partition("?")[0], _not_found)
        status, kind, body = answer(self.server, self.headers.get("Accept") or "")
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Scrapes come every few seconds; they are no events."""


def _metrics(server: Exporter, accept: str) -> Answer:
    encoder, kind = choose_encoder(accept)
    return HTTPStatus.OK, kind, encoder(server.registry)


def _healthz(server: Exporter, _accept: str) -> Answer:
    if server.alive():
        return HTTPStatus.OK, _TEXT, b"alive\n"
    return HTTPStatus.SERVICE_UNAVAILABLE, _TEXT, b"a thread that reads has ended\n"


def _readyz(server: Exporter, _accept: str) -> Answer:
    found = server.board.readiness()
    status = HTTPStatus.OK if found.ready else HTTPStatus.SERVICE_UNAVAILABLE
    said = {"ready": found.ready, "reasons": list(found.reasons)}
    return status, _JSON, json.dumps(said).encode() + b"\n"


def _not_found(_server: Exporter, _accept: str) -> Answer:
    return HTTPStatus.NOT_FOUND, _TEXT, b"there are /metrics, /healthz and /readyz\n"


_ANSWERS: dict[str, Callable[[Exporter, str], Answer]] = {
    "/metrics": _metrics,
    "/healthz": _healthz,
    "/readyz": _readyz,
}
