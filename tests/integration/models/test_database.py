"""The pool of connections, on real Postgres."""

from contextlib import ExitStack

import pytest
from sqlalchemy import text

from models.database import Database

pytestmark = pytest.mark.services


def test_connections_that_the_server_ended_are_replaced_before_they_are_used(db: Database) -> None:
    pid = text("SELECT pg_backend_pid()")
    with ExitStack() as stack:
        sessions = [stack.enter_context(db.reading()) for _ in range(3)]
        ended = {session.scalar(pid) for session in sessions}
    with db.reading() as session:
        ended.discard(session.scalar(pid))
        for each in ended:
            assert session.scalar(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": each})
    with ExitStack() as stack:
        sessions = [stack.enter_context(db.reading()) for _ in range(3)]
        fresh = {session.scalar(pid) for session in sessions}
    assert len(fresh) == 3
    assert not fresh & ended


def test_reading_keeps_what_the_connection_has_prepared(db: Database) -> None:
    prepared = text("SELECT count(*) FROM pg_prepared_statements")
    with db.reading() as session:
        for _ in range(7):  # psycopg prepares what it has seen five times
            session.scalar(text("SELECT 42"))
        before = session.scalar(prepared)
    with db.reading() as session:
        assert session.scalar(prepared) == before
    assert before is not None
    assert before >= 1
