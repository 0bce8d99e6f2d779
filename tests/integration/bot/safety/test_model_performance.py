"""Predictions with their outcomes, blocked ones too, and the end of a model that is wrong."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from bot.errors import DependencyDown
from bot.market.bars import MINUTE, Bar
from bot.safety.model_performance import ModelPerformance
from bot.state import model_shrink
from models.enums import CircuitBreakerType, ScopeKind
from models.locks import lock_account, try_lock_predictions
from models.tables import BreakerRow, ModelLaneRow, PredictionRow
from tests.support.desk import ACCOUNT, Desk
from tests.support.statements import rows_fetched, statements

pytestmark = pytest.mark.services

D = Decimal


class Minutes:
    """The exchange's minutes, by a price for each minute's end."""

    def __init__(self, close: Callable[[datetime], Decimal]) -> None:
        self.close = close
        self.away = False

    def minute_bars(self, symbol: str, start: datetime, end: datetime) -> Sequence[Bar]:
        if self.away:
            raise DependencyDown("the exchange is away")
        first = start.replace(second=0, microsecond=0)
        count = int((end - first) / MINUTE) + 1
        starts = [first + number * MINUTE for number in range(count)]
        prices = [self.close(at + MINUTE) for at in starts]
        return [Bar(at, p, p, p, p, D(1), p) for at, p in zip(starts, prices, strict=True)]


@pytest.fixture
def falling(desk: Desk) -> ModelPerformance:
    """A market that falls with every minute, so that each purchase was wrong."""
    epoch = desk.clock.now()
    minutes = Minutes(lambda at: D(60000) - D(int((at - epoch) / MINUTE)))
    return ModelPerformance(desk.db, ACCOUNT, minutes, desk.clock)


def ask(desk: Desk, number: int, *, side: str = "buy", **predictions: object) -> str:
    stated = {"confidence": "0.95"} | predictions
    answer = desk.approve(
        f"r-{number}",
        side=side,
        signal_data={"position_size": "1000", "horizon_seconds": 60},
        ml_predictions=stated,
    )
    return str(answer["verdict"])


def rows(desk: Desk) -> list[PredictionRow]:
    with desk.db.reading() as session:
        return list(session.query(PredictionRow).order_by(PredictionRow.predicted_at))


def breaker(desk: Desk, kind: str) -> BreakerRow | None:
    with desk.db.reading() as session:
        return session.get(BreakerRow, (ScopeKind.STRATEGY, "test", kind))


def test_a_blocked_prediction_has_its_outcome_and_an_exit_has_none(
    desk: Desk, falling: ModelPerformance
) -> None:
    desk.limits.change(min_confidence=0.99)
    assert ask(desk, 1) == "deny"
    assert ask(desk, 2, side="sell") == "deny"
    desk.approve("r-out", side="sell", signal_data={"position_size": "10", "reduce_only": True})
    assert falling.look() == 0
    assert [row.outcome for row in rows(desk)] == [None, None]
    desk.pass_time(180)
    assert falling.look() == 2
    assert falling.look() == 0
    assert {row.side: row.outcome for row in rows(desk)} == {"buy": 0.0, "sell": 1.0}
    assert all(row.settled_at and row.start_price and row.end_price for row in rows(desk))


def test_overlapping_predictions_are_in_lanes_of_their_own(
    desk: Desk, falling: ModelPerformance
) -> None:
    desk.limits.change(max_repeated_orders=100)
    for number in range(3):
        ask(desk, number)
        desk.pass_time(1)
    falling.look()
    assert [row.lane for row in rows(desk)] == [0, 1, 2]
    desk.pass_time(300)
    ask(desk, 9)
    falling.look()
    assert rows(desk)[-1].lane == 0


def test_a_model_that_is_wrong_shrinks_and_then_stops_its_strategy(
    desk: Desk, falling: ModelPerformance
) -> None:
    shrunk_first = False
    for number in range(20):
        ask(desk, number)
        desk.pass_time(200)
        falling.look()
        small = breaker(desk, model_shrink.KIND)
        stop = breaker(desk, CircuitBreakerType.MODEL_PERFORMANCE_DEGRADED)
        if small is not None and stop is None:
            shrunk_first = True
            assert small.share == model_shrink.SHARE
            assert not small.tripped
        if stop is not None:
            break
    assert shrunk_first
    assert stop is not None
    assert stop.tripped
    assert 3 <= number <= 10, "three wrong ones are no proof, ten are"
    assert ask(desk, 100) == "deny"
    assert desk.audit_kinds().count("size_shrunk") == 1
    assert desk.audit_kinds().count("breaker_tripped") == 1
    with desk.db.reading() as session:
        assert max(sum(lane.sums) for lane in session.query(ModelLaneRow)) == 0


def test_an_outcome_waits_for_the_exchange_and_is_given_up_in_the_end(
    desk: Desk, falling: ModelPerformance
) -> None:
    ask(desk, 1)
    falling.look()
    falling.minutes.away = True  # type: ignore[attr-defined]
    desk.pass_time(300)
    assert falling.look() == 0
    falling.minutes.away = False  # type: ignore[attr-defined]
    assert falling.look() == 1
    ask(desk, 2)
    falling.look()
    falling.minutes.away = True  # type: ignore[attr-defined]
    desk.pass_time(timedelta(hours=7).total_seconds())
    assert falling.look() == 1
    assert rows(desk)[-1].outcome is None
    with desk.db.reading() as session:
        assert sum(lane.labels for lane in session.query(ModelLaneRow)) == 1


def ask_many(desk: Desk, count: int) -> None:
    """Requests as they are stored, denied ones among them."""
    desk.limits.change(min_confidence=0.99)
    ask(desk, 0)
    with desk.db.transaction() as session:
        session.execute(
            text(
                "INSERT INTO trade_request SELECT (jsonb_populate_record(one, jsonb_build_object("
                "'request_id', 'many-' || n))).* FROM trade_request AS one, "
                "generate_series(1, :count) AS n"
            ),
            {"count": count},
        )


def test_a_look_holds_no_lock_that_decisions_wait_for(
    desk: Desk, falling: ModelPerformance
) -> None:
    """Seen: at 13 requests a second a look held the account's lock for 14 s, and decisions that
    waited for it failed."""
    ask(desk, 1)
    with desk.db.transaction() as session:
        assert lock_account(session, ACCOUNT)
        falling.look()
        desk.clock.move_to(desk.clock.now() + timedelta(seconds=180))
        assert falling.look() == 1


def test_one_process_at_a_time_notes_and_settles(desk: Desk, falling: ModelPerformance) -> None:
    ask(desk, 1)
    with desk.db.transaction() as session:
        assert try_lock_predictions(session, ACCOUNT)
        assert falling.look() == 0
        assert rows(desk) == []
    falling.look()
    assert len(rows(desk)) == 1


def test_one_look_takes_all_that_waits_and_asks_little_for_each(
    desk: Desk, falling: ModelPerformance
) -> None:
    """Seen: 500 of 780 a minute were noted, and each read every lane of its stream."""
    ask_many(desk, 250)
    with statements(desk.db) as said, rows_fetched(desk.db) as fetched:
        falling.look()
    assert len(rows(desk)) == 251
    assert sorted(row.lane for row in rows(desk)) == list(range(251))
    assert len([line for line in said if line.startswith("SELECT")]) < 40
    assert sum(fetched) < 5 * 251
    desk.pass_time(180)
    assert falling.look() == 251
