"""A source that can't be read is noted, is read again, and tells no password."""

import logging
import threading

import pytest
from redis import Redis

from models.database import Database
from tests.support.services import free_port
from workers.exporter import catalogue as c
from workers.exporter import sources
from workers.exporter.board import Board


def test_servers_that_are_away_are_noted_without_their_passwords(
    caplog: pytest.LogCaptureFixture,
) -> None:
    port = free_port()
    board = Board(lambda: 0.0)
    db = Database(f"postgresql+psycopg://u:hidden-word@127.0.0.1:{port}/x", pool_size=1)
    broker = Redis.from_url(f"redis://u:hidden-word@127.0.0.1:{port}/0", retry=None)
    found = (
        sources.rows_source(board, db, "paper"),
        sources.state_source(board, db, "paper"),
        sources.redis_source(board, broker),
    )
    with caplog.at_level(logging.WARNING):
        assert [source.look() for source in found] == [False, False, False]
    db.dispose()
    broker.close()
    assert "hidden-word" not in caplog.text
    assert [source.name for source in found] == [c.ROWS, c.STATE, c.REDIS]
    assert board.readiness().reasons == ("Postgres was not read for 0 s: OperationalError",)


def test_it_reads_until_it_is_told_to_stop() -> None:
    stop, seen = threading.Event(), []

    def read(began: float) -> None:
        seen.append(began)
        if len(seen) == 3:
            stop.set()

    sources.Source(c.ROWS, 0.0, Board(lambda: 7.0), read).run(stop)
    assert seen == [7.0, 7.0, 7.0]
