"""The exporter answers over HTTP: metrics in both formats, alive, ready, and nothing else."""

import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.support.services import free_port
from tests.support.waiting import PATIENCE_SECONDS, eventually
from workers.exporter import catalogue as c
from workers.exporter import server
from workers.exporter.board import Board
from workers.exporter.server import Exporter


class Answering:
    """A server on a board that a test fills."""

    def __init__(self) -> None:
        self.now, self.alive = 0.0, True
        self.board = Board(lambda: self.now)
        self.port = free_port()
        self.server = Exporter(("127.0.0.1", self.port), self.board, lambda: self.alive)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def get(self, path: str, accept: str = "", method: str = "GET") -> tuple[int, str, bytes]:
        url = f"http://127.0.0.1:{self.port}{path}"
        asked = urllib.request.Request(url, headers={"Accept": accept}, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(asked, timeout=PATIENCE_SECONDS) as reply:
                return reply.status, reply.headers["Content-Type"], reply.read()
        except urllib.error.HTTPError as error:
            with closing(error):
                return error.code, error.headers["Content-Type"], error.read()


@pytest.fixture
def answering() -> Iterator[Answering]:
    found = Answering()
    yield found
    found.server.shutdown()
    found.server.server_close()


def test_metrics_come_in_the_format_that_is_asked_for(answering: Answering) -> None:
    status, kind, body = answering.get("/metrics")
    assert (status, kind.partition(";")[0]) == (200, "text/plain")
    assert b"# HELP mlrisk_up " in body
    assert b'mlrisk_up{source="rows"} 0.0' in body
    status, kind, body = answering.get("/metrics", "application/openmetrics-text;version=1.0.0")
    assert (status, kind.partition(";")[0]) == (200, "application/openmetrics-text")
    assert body.endswith(b"# EOF\n")
    assert answering.get("/metrics", method="HEAD")[2] == b""


def test_ready_says_why_not_and_alive_is_another_question(answering: Answering) -> None:
    assert answering.get("/healthz")[0] == 200
    status, kind, body = answering.get("/readyz")
    said = json.loads(body)
    assert (status, kind, said["ready"]) == (503, "application/json", False)
    assert "Postgres was not read" in said["reasons"][0]
    answering.board.post(c.STATE, {}, 0.0)
    answering.board.post_readiness(('global * is halted: "a\n\x1b"',), 0.0, 0.0)
    assert json.loads(answering.get("/readyz")[2])["reasons"] == ['global * is halted: "a\n\x1b"']
    answering.board.post_readiness((), 6.0, 0.0)
    status, _, body = answering.get("/readyz")
    assert (status, json.loads(body)) == (200, {"ready": True, "reasons": []})
    answering.now = 6.0
    assert answering.get("/readyz")[0] == 503
    answering.alive = False
    assert answering.get("/healthz")[0] == 503


def test_nothing_else_is_there_and_nothing_can_be_sent(answering: Answering) -> None:
    assert answering.get("/")[0] == 404
    assert answering.get("/metrics/..%2f..%2fetc/passwd")[0] == 404
    assert answering.get("/metrics", method="POST")[0] == 501


def test_an_answer_that_fails_is_in_the_log(
    answering: Answering, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> bool:
        raise ValueError("a fault of ours")

    answering.server.alive = broken
    with pytest.raises(ConnectionError):
        answering.get("/healthz")
    eventually(lambda: "a fault of ours" in caplog.text, "the line of the log")


def test_clients_that_say_nothing_keep_nobody_out_for_long(
    answering: Answering,
) -> None:
    silent = [
        socket.create_connection(("127.0.0.1", answering.port))
        for _ in range(server.MOST_AT_ONCE + 5)
    ]
    try:
        for one in silent[server.MOST_AT_ONCE :]:
            one.settimeout(PATIENCE_SECONDS)
            assert one.recv(1) == b"", "further connections are closed"
    finally:
        for one in silent:
            one.close()
    eventually(lambda: _is_alive(answering), "room for others again")


def _is_alive(answering: Answering) -> bool:
    try:
        return answering.get("/healthz")[0] == 200
    except OSError:
        return False
