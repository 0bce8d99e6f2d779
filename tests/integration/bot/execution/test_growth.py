"""What is done again and again reads what is open, never a past that grows."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPICursor

from bot.account import reservations
from bot.execution.working.parent_worker import StepResult
from console.views.live import queries
from models.database import Database
from tests.support.bulk import Bulk
from tests.support.desk import ACCOUNT, Desk

pytestmark = pytest.mark.services

PAST = 20_000
"""Finished children; every one of them would be seen if a statement looked at them all."""
MANY = 500
"""More rows than anything that is open here."""
GROWING = {
    "trade_request", "decision", "reservation", "parent_order", "child_order", "fill", "equity",
    "audit_entry",
}  # fmt: skip


@pytest.fixture
def old_desk(desk: Desk) -> Desk:
    """A desk with a long past: one finished trade, copied."""
    desk.approve("model")
    desk.send_due()
    desk.stream()
    assert desk.at_rest()
    bulk = Bulk(desk.db, "model")
    bulk.children(PAST, of_a_parent=10)
    bulk.fills()
    bulk.equity(ACCOUNT, PAST)
    bulk.analyse()
    return desk


def _dispatch(desk: Desk) -> None:
    desk.dispatcher.tick()


def _sweep(desk: Desk) -> None:
    desk.reconciler.expire_overdue()
    desk.reconciler.resolve_all(older_than=timedelta(seconds=1))
    desk.reconciler.recheck_expired()


def _reconcile(desk: Desk) -> None:
    desk.reconciler.reconcile_account()


def _rebuild(desk: Desk) -> None:
    reservations.rebuild(desk.db, ACCOUNT, desk.clock, desk.exchange)


def _pace(desk: Desk) -> None:
    desk.throttling.tick()


def _decide_and_send(desk: Desk) -> None:
    assert desk.approve("fresh")["verdict"] == "allow"
    for child in desk.children("fresh"):
        desk.send(child.child_id)
    for execution in list(desk.exchange.fills):
        desk.fill_book.apply_execution(execution, desk.clock.now(), source="stream")
    for order in list(desk.exchange.orders.values()):
        desk.fill_book.apply_order(order, desk.clock.now())


def _screen(desk: Desk) -> None:
    with desk.db.reading() as session:
        queries.live(session, ACCOUNT)


@pytest.mark.parametrize(
    "work", [_dispatch, _sweep, _reconcile, _rebuild, _pace, _decide_and_send, _screen]
)
def test_repeated_work_reads_little_of_a_long_past(
    old_desk: Desk, work: Callable[[Desk], None]
) -> None:
    with _plans(old_desk.db) as plans:
        work(old_desk)
    assert plans, "nothing was looked at"
    greedy = [f"{rows} rows of {table}: {sql}" for sql, table, rows in plans if rows > MANY]
    assert not greedy


def test_a_step_does_not_read_its_parent_s_own_past(desk: Desk) -> None:
    answer = desk.approve(
        "iceberg",
        signal_data={"position_size": "3000", "algorithm": "iceberg", "display_size": "1000"},
    )
    assert answer["verdict"] == "allow"
    desk.step("iceberg")
    bulk = Bulk(desk.db, "iceberg")
    bulk.past_children("iceberg", PAST)
    bulk.analyse()
    desk.pass_time(6)
    with _plans(desk.db) as plans:
        assert desk.worker.step("iceberg") is StepResult.STEPPED
    greedy = [f"{rows} rows of {table}: {sql}" for sql, table, rows in plans if rows > MANY]
    assert plans
    assert not greedy


@contextmanager
def _plans(db: Database) -> Iterator[list[tuple[str, str, int]]]:
    """(statement, table, rows read) of every scan of a growing table by what runs meanwhile.

    Each statement is explained with its own values just before it runs, on its own connection;
    one that writes is explained in a savepoint that is rolled back.
    """
    found: list[tuple[str, str, int]] = []

    def explain(
        connection: Any,
        cursor: DBAPICursor,
        statement: str,
        parameters: Any,
        context: Any,
        executemany: bool,
    ) -> None:
        if executemany or not statement.lstrip().upper().startswith(("SELECT", "UPDATE", "WITH")):
            return
        looker = cursor.connection.cursor()
        looker.execute("SAVEPOINT looking") if not cursor.connection.autocommit else None
        looker.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters)
        (plan,) = looker.fetchone()  # type: ignore[misc]
        if not cursor.connection.autocommit:
            looker.execute("ROLLBACK TO SAVEPOINT looking")
        plan = plan if isinstance(plan, list) else json.loads(plan)
        found.extend((" ".join(statement.split())[:300], *scan) for scan in _scans(plan[0]["Plan"]))

    event.listen(db.engine, "before_cursor_execute", explain)
    try:
        yield found
    finally:
        event.remove(db.engine, "before_cursor_execute", explain)


def _scans(node: dict[str, Any]) -> Iterator[tuple[str, int]]:
    table = node.get("Relation Name")
    if table in GROWING and "Actual Rows" in node:
        seen = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
        yield (
            table,
            int((seen + node.get("Rows Removed by Index Recheck", 0)) * node["Actual Loops"]),
        )
    for child in node.get("Plans", ()):
        yield from _scans(child)
