"""Open positions are closed by what the configuration says, once for each cause."""

from dataclasses import replace
from decimal import Decimal
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import select

from bot.safety.positions.conditions import Cause
from bot.safety.positions.monitor import PositionMonitor
from models.enums import ScopeKind, TradingState, VenueReason
from models.repositories.safety import states
from models.repositories.safety import watching as rows
from models.tables import AuditRow, PositionExitRow, PositionRow, PositionWatchRow, TradingStateRow
from tests.support.accounts.watched import enter, price
from tests.support.desk import ACCOUNT, Desk
from tests.support.fakes import PRICE

D = Decimal


def causes(desk: Desk) -> list[str]:
    with desk.db.reading() as session:
        query = select(PositionExitRow).order_by(PositionExitRow.asked_at)
        return [row.cause for row in session.scalars(query)]


def facts(desk: Desk, kind: str) -> list[dict[str, Any]]:
    with desk.db.reading() as session:
        query = select(AuditRow.payload).where(AuditRow.kind == kind).order_by(AuditRow.seq)
        return list(session.scalars(query))


def execute(desk: Desk) -> None:
    desk.send_due()
    desk.stream()


def test_a_position_without_a_reason_stays(desk: Desk, watching: PositionMonitor) -> None:
    enter(desk)
    assert watching.look() == 0
    assert causes(desk) == []


@pytest.mark.parametrize(
    ("side", "factor", "cause"),
    [
        ("buy", "0.95", Cause.STOP_LOSS),
        ("buy", "1.15", Cause.TAKE_PROFIT),
        ("sell", "1.06", Cause.STOP_LOSS),
        ("sell", "0.85", Cause.TAKE_PROFIT),
    ],
)
def test_a_price_closes_the_whole_position_with_one_exit(
    desk: Desk, watching: PositionMonitor, side: str, factor: str, cause: Cause
) -> None:
    enter(desk, side=side)
    held = desk.position()
    price(desk, factor)
    assert (watching.look(), watching.look()) == (1, 0)
    assert causes(desk) == [cause]
    execute(desk)
    assert (held, desk.position()) != (0, held)
    assert desk.position() == 0
    (entry,) = facts(desk, "position_exit")
    assert entry["cause"] == cause
    assert entry["limit"] in ("0.05", "0.15")
    # The position has gone, and with it the memory.
    assert watching.look() == 0
    with desk.db.reading() as session:
        assert session.get(PositionWatchRow, (ACCOUNT, "BTCUSDT")) is None


def test_many_looks_at_once_ask_for_one_exit(desk: Desk, watching: PositionMonitor) -> None:
    enter(desk)
    price(desk, "0.94")
    found: list[int] = []
    threads = [Thread(target=lambda: found.append(watching.look())) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(found), sum(found), len(causes(desk))) == (6, 1, 1)


def test_an_exit_passes_in_a_halt(desk: Desk, watching: PositionMonitor) -> None:
    enter(desk)
    desk.trading_halt.halt(reason="test", actor="test")
    price(desk, "0.94")
    assert watching.look() == 1
    execute(desk)
    assert desk.position() == 0


def test_an_exit_that_did_not_fill_is_asked_for_again_after_a_while(
    desk: Desk, watching: PositionMonitor
) -> None:
    enter(desk)
    price(desk, "0.94")
    desk.exchange.fill_share = D(0)
    assert watching.look() == 1
    for _ in range(40):
        execute(desk)
        desk.pass_time(30)
        desk.reconciler.expire_overdue()
        for row in desk.children():
            if row.reduce_only and not row.state.is_final:
                desk.exchange.end(row.order_link_id, reason=VenueReason.NO_LIQUIDITY)
        desk.stream()
        if watching.look():
            break
    assert len(causes(desk)) == 2
    desk.exchange.fill_share = D(1)
    execute(desk)
    assert desk.position() == 0


def test_a_strategys_own_stop_is_enforced(desk: Desk, watching: PositionMonitor) -> None:
    enter(desk, signal_data={"stop_price": "64000"})
    desk.market.touch = desk.exchange.touch = D("64000.1")
    assert watching.look() == 0
    desk.market.touch = desk.exchange.touch = D("64000")
    assert watching.look() == 1
    assert causes(desk) == [Cause.STRATEGY_STOP]


def test_age_and_lost_confidence_close_at_the_configured_interval(
    desk: Desk, watching: PositionMonitor
) -> None:
    enter(desk)
    watching.look()
    desk.pass_time(10)
    # Denied, and a prediction all the same.
    desk.approve("r-2", ml_predictions={"confidence": 0.6})
    assert watching.look() == 0
    desk.pass_time(20)
    assert watching.look() == 1
    assert causes(desk) == [Cause.CONFIDENCE]
    execute(desk)
    assert desk.position() == 0


def test_a_position_that_is_too_old_is_closed(desk: Desk, watching: PositionMonitor) -> None:
    enter(desk)
    desk.pass_time(24 * 3600 - 60)
    assert watching.look() == 0
    desk.pass_time(60)
    assert watching.look() == 1
    assert causes(desk) == [Cause.AGE]


def test_a_fall_from_the_best_value_halts_once(desk: Desk, watching: PositionMonitor) -> None:
    rules = replace(desk.limits.value.positions, take_profit=D(5), stop_loss=D("0.9"))
    desk.limits.change(positions=rules)
    enter(desk)
    price(desk, "1.5")
    watching.look()
    price(desk, "1.2")
    watching.look()
    watching.look()
    (entry,) = facts(desk, "position_drawdown")
    assert entry["cause"] == Cause.DRAWDOWN
    with desk.db.reading() as session:
        found = session.get_one(TradingStateRow, (ScopeKind.GLOBAL, states.GLOBAL_KEY))
    assert found.state == TradingState.HALTED


def test_people_are_alerted_once_before_the_stop(desk: Desk, watching: PositionMonitor) -> None:
    enter(desk)
    price(desk, "0.969")
    watching.look()
    watching.look()
    assert [entry["cause"] for entry in facts(desk, "position_alert")] == [Cause.LOSS]


def test_an_unknown_price_is_alerted_and_judges_nothing(
    desk: Desk, watching: PositionMonitor
) -> None:
    enter(desk)
    desk.market.away = True
    desk.pass_time(60)
    assert watching.look() == 0
    watching.look()
    assert [entry["cause"] for entry in facts(desk, "position_alert")] == [Cause.NO_PRICE]


def test_a_liquidation_that_is_near_closes(desk: Desk, watching: PositionMonitor) -> None:
    enter(desk)
    with desk.db.transaction() as session:
        session.get_one(PositionRow, (ACCOUNT, "BTCUSDT")).liquidation_price = PRICE * D("0.92")
    assert watching.look() == 1
    assert causes(desk) == [Cause.LIQUIDATION]


def test_another_position_begins_a_new_memory(desk: Desk, watching: PositionMonitor) -> None:
    enter(desk)
    price(desk, "1.1")
    watching.look()
    enter(desk, "r-2", side="sell", signal_data={"position_size": "9000", "reduce_only": True})
    desk.pass_time(1)
    enter(desk, "r-3")
    watching.look()
    with desk.db.reading() as session:
        row = rows.watches(session, ACCOUNT)["BTCUSDT"]
        held = session.get_one(PositionRow, (ACCOUNT, "BTCUSDT"))
    assert row.opened_at == held.opened_at
    assert row.best_price == held.entry_price


def test_an_id_that_somebody_used_first_keeps_no_exit_back(
    desk: Desk, watching: PositionMonitor
) -> None:
    enter(desk)
    with desk.db.reading() as session:
        opened_at = session.get_one(PositionRow, (ACCOUNT, "BTCUSDT")).opened_at
    assert opened_at is not None
    squatted = f"position-exit.BTCUSDT.{int(opened_at.timestamp() * 1_000_000)}.0"
    desk.approve(squatted, metadata={"strategy": "position-monitor"})
    price(desk, "0.9")
    assert watching.look() == 1
    with desk.db.reading() as session:
        (asked,) = session.scalars(select(PositionExitRow)).all()
    assert (asked.cause, asked.attempt) == (Cause.STOP_LOSS, 1)
    assert asked.request_id != squatted
