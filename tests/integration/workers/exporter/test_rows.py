"""The exporter's counters are those of SQL: at the first reading, later, and after a restart."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from bot.safety.lease.sensing import database_time
from models.database import Database
from tests.support.scene import ACCOUNT, Scene
from tests.support.services import PostgresServer
from workers.exporter import catalogue as c
from workers.exporter import ledger
from workers.exporter.metric import Figures, Metric
from workers.exporter.rows import NO_CODE, CountedRows

pytestmark = pytest.mark.services

_TABLES = ("trade_request", "decision", "decision_figures", "parent_order", "child_order")
COPIES = {
    "trade_request": "'request_id', 'c-' || n, 'strategy', 'twin-' || n % 3",
    "decision": "'request_id', 'c-' || n, 'decided_at', {at}",
    "decision_figures": "'request_id', 'c-' || n, 'decided_at', {at}, 'confidence', {confidence}",
    "parent_order": "'request_id', 'c-' || n, 'strategy', 'twin-' || n % 3, 'finished_at', {at}",
    "child_order": "'request_id', 'c-' || n, 'order_link_id', 'mr-' || n, 'sent_at', {at},"
    " 'planned_at', {at} - interval '30 milliseconds', 'final_at', {at}, 'ret_code', n % 2",
}
_COLUMNS = text(
    "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public'"
    " AND table_name = :table AND is_identity = 'NO'"
)
AGED = "clock_timestamp() - interval '1 hour' + n * interval '1 second'"
FRESH = "clock_timestamp()"


@pytest.fixture
def reader(postgres: PostgresServer, scene: Scene) -> Iterator[Database]:
    """The scene's database as the exporter's role, which may read it and nothing else."""
    scene.trade("r-1")
    scene.decide("r-2", predictions={"confidence": 0.1})
    database = Database(postgres.logins(scene.database_url).exporter, pool_size=1)
    yield database
    database.dispose()


def copy(scene: Scene, numbers: range, at: str) -> None:
    """Copies the scene's trade; the time of each copy is an expression with its number `n`."""
    with scene.db.transaction() as session:
        for table in _TABLES:
            changes = COPIES[table].format(at=at, confidence="(n % 11) / 10.0")
            columns = session.scalars(_COLUMNS, {"table": table}).all()
            named = ", ".join(f'"{name}"' for name in columns)
            picked = ", ".join(f'(made.copied)."{name}"' for name in columns)
            session.execute(
                text(
                    f"INSERT INTO {table} ({named}) SELECT {picked} FROM ("
                    f"SELECT jsonb_populate_record(model, jsonb_build_object({changes})) AS copied"
                    f" FROM {table} AS model,"
                    " generate_series(CAST(:first AS int), CAST(:last AS int)) AS n"
                    " WHERE model.request_id = 'r-1') AS made"
                ),
                {"first": numbers.start, "last": numbers.stop - 1},
            )


def read(counted: CountedRows, db: Database) -> Figures:
    with db.reading() as session:
        return counted.read(session, database_time(session))


def number(figures: Figures, metric: Metric, *values: str) -> float:
    return figures[metric, values][0]


def by_sql(session: Session, statement: str) -> dict[str, float]:
    return {str(value): float(count) for value, count in session.execute(text(statement))}


def assert_as_sql(figures: Figures, db: Database) -> None:
    with db.reading() as session:
        verdicts = by_sql(session, "SELECT verdict, count(*) FROM decision GROUP BY 1")
        reasons = by_sql(
            session,
            "SELECT reason, count(*) FROM decision_figures, unnest(reasons) AS reason"
            " WHERE verdict = 'deny' GROUP BY 1",
        )
        traded = by_sql(
            session,
            "SELECT strategy, count(*) FROM parent_order WHERE finished_at IS NOT NULL GROUP BY 1",
        )
        codes = by_sql(
            session,
            f"SELECT coalesce(ret_code::text, '{NO_CODE}'), count(*) FROM child_order"
            " WHERE final_at IS NOT NULL GROUP BY 1",
        )
        confidence = by_sql(
            session,
            "SELECT le, count(*) FROM decision_figures,"
            " unnest(ARRAY[0.1, 0.5, 0.9, 1.0]::float8[]) AS le WHERE confidence <= le GROUP BY 1",
        )
        sent = session.scalar(text("SELECT count(*) FROM child_order WHERE sent_at IS NOT NULL"))
    counted = {v: number(figures, c.DECISIONS, v) for v in ("allow", "shrink", "deny")}
    assert {verdict: count for verdict, count in counted.items() if count} == verdicts
    assert {v[0]: n for (m, v), (n, *_) in figures.items() if m is c.BLOCKS} == reasons
    strategies: dict[str, float] = {}
    for (metric, values), (count, *_) in figures.items():
        if metric is c.STRATEGY_TRADES:
            strategies[values[0]] = strategies.get(values[0], 0.0) + count
    assert strategies == traded
    assert {v[0]: n for (m, v), (n, *_) in figures.items() if m is c.RET_CODES} == codes
    for bound, count in confidence.items():
        place = c.CONFIDENCE.buckets.index(float(bound))
        total = sum(
            sum(numbers[: place + 1])
            for (metric, _), numbers in figures.items()
            if metric is c.CONFIDENCE
        )
        assert total == count, bound
    assert sum(figures[c.LATENESS, ()][:-1]) == sent


def test_counters_are_those_of_sql_while_rows_come_and_after_restarts(
    scene: Scene, reader: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "PIECE", 7)
    settled_after = timedelta(seconds=1)
    counted = CountedRows(ACCOUNT, settled_after)
    copy(scene, range(40), AGED)
    assert_as_sql(read(counted, reader), reader)
    for step in range(1, 4):
        copy(scene, range(step * 100, step * 100 + 10), FRESH)
        assert_as_sql(read(counted, reader), reader)
        again = CountedRows(ACCOUNT, settled_after)
        assert_as_sql(read(again, reader), reader)
        counted = again if step == 2 else counted
    assert number(read(counted, reader), c.STOPS) == 0


def test_rows_that_were_written_late_are_found_by_the_next_count_of_everything(
    scene: Scene, reader: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = CountedRows(ACCOUNT)
    before = number(read(counted, reader), c.DECISIONS, "allow")
    copy(scene, range(5), AGED)
    assert number(read(counted, reader), c.DECISIONS, "allow") == before
    monkeypatch.setattr(ledger, "RECOUNT_AFTER", timedelta(0))
    assert number(read(counted, reader), c.DECISIONS, "allow") == before + 5
    assert_as_sql(read(counted, reader), reader)


def test_many_rows_of_one_moment_are_counted_once(
    scene: Scene, reader: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "PIECE", 3)
    copy(scene, range(30), "timestamptz '2026-01-01 00:00:00Z'")
    assert_as_sql(read(CountedRows(ACCOUNT), reader), reader)


def test_slippage_time_and_outcomes_are_those_of_the_trades(scene: Scene, reader: Database) -> None:
    figures = read(CountedRows(ACCOUNT), reader)
    assert number(figures, c.TRADES, "immediate", "completed") == 1

    with reader.reading() as session:
        paid, filled = session.execute(
            text(
                "SELECT filled_notional - filled_qty * reference_price,"
                " filled_qty * reference_price FROM parent_order WHERE request_id = 'r-1'"
            )
        ).one()
    assert number(figures, c.PAID) == pytest.approx(float(paid))
    assert number(figures, c.GAINED) == 0
    assert number(figures, c.FILLED) == pytest.approx(float(filled))
    *buckets, total = figures[c.SLIPPAGE, ("buy",)]
    assert sum(buckets) == 1
    assert total == pytest.approx(float(paid / filled))
    assert sum(figures[c.EXECUTION, ("immediate",)][:-1]) == 1
