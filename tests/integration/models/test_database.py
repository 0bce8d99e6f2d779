"""The pool of connections, on real Postgres."""

from contextlib import ExitStack

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

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


def test_a_transaction_that_was_ended_for_its_silence_is_a_lost_connection(db: Database) -> None:
    with db.unit_of_work() as uow:
        session = uow.session
        pid = session.scalar(text("SELECT pg_backend_pid()"))
        session.execute(text("SET LOCAL idle_in_transaction_session_timeout = '10ms'"))
        there = text("SELECT count(*) FROM pg_stat_activity WHERE pid = :pid")
        with db.reading() as looker:
            while looker.scalar(there, {"pid": pid}):
                pass
        with pytest.raises(OperationalError, match="idle-in-transaction"):
            session.scalar(text("SELECT 1"))
    with db.unit_of_work() as uow:
        assert uow.session.scalar(text("SELECT 1")) == 1
