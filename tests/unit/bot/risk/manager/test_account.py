"""A notebook's account: fills, equity, the day's loss and what the gate sees of them."""

from datetime import timedelta

import pytest

from bot.clock import FixedClock
from bot.risk.manager.account import ASSUMED_VALUE, UnifiedRiskManager
from bot.risk.portfolio.parameters import RiskParameters
from models.enums import TradeSide
from tests.unit.bot.risk.cases import NOW, D

BUY, SELL = TradeSide.BUY, TradeSide.SELL


def account(value: str | None = "1000", **more: object) -> tuple[UnifiedRiskManager, FixedClock]:
    clock = FixedClock(NOW)
    params = RiskParameters(portfolio_value=value, **more)  # type: ignore[arg-type]
    return UnifiedRiskManager(params, clock), clock


def test_a_round_trip_moves_the_equity_by_its_profit_after_fees() -> None:
    one, _ = account()
    assert one.record_fill("BTCUSDT", BUY, D(2), D(100), D(1)) == D(-1)
    one.mark({"BTCUSDT": D(110), "ETHUSDT": D(1)})
    assert one.equity == D(1019)
    assert one.record_fill("BTCUSDT", SELL, D(2), D(105), D(1)) == D(9)
    assert one.equity == D(1008)
    assert one.view().positions == ()
    assert one.mark_of("BTCUSDT") is None


def test_losing_closes_in_a_row_are_counted_and_a_winner_ends_the_row() -> None:
    one, _ = account()
    for price, losses in (("99", 1), ("98", 2), ("120", 0)):
        one.record_fill("BTCUSDT", BUY, D(1), D(100))
        one.record_fill("BTCUSDT", SELL, D(1), D(price))
        assert one.consecutive_losses == losses


def test_the_days_loss_is_measured_from_midnight() -> None:
    one, clock = account()
    one.set_equity(D(900))
    assert one.daily_loss_share == D("0.1")
    clock.move_to(NOW + timedelta(days=1))
    assert one.daily_loss_share == 0
    view = one.view()
    assert (view.equity, view.equity_peak, view.equity_day_start) == (D(900), D(1000), D(900))


def test_a_claimed_value_counts_only_while_none_is_known() -> None:
    unknown, _ = account(None)
    assert unknown.value_assumed
    assert unknown.equity == ASSUMED_VALUE
    assert unknown.claim_value(D(500), 0.01) is None
    assert (unknown.equity, unknown.daily_loss_share, unknown.value_assumed) == (D(500), 0, False)
    known, _ = account()
    assert known.claim_value(D(1005), 0.01) is None
    told = known.claim_value(D(2000), 0.01)
    assert told is not None and "it is 1000" in told
    assert known.equity == D(1000)


def test_orders_of_the_last_second_and_free_margin_reach_the_gate() -> None:
    one, clock = account(leverage="2")
    one.record_fill("BTCUSDT", BUY, D(2), D(100))
    one.note_order()
    view = one.view()
    assert (view.orders_last_second, view.available_margin) == (1, D(900))
    clock.move_to(NOW + timedelta(seconds=2))
    assert one.view().orders_last_second == 0


def test_parameters_of_another_kind_are_refused_by_name() -> None:
    with pytest.raises(TypeError, match="dict"):
        UnifiedRiskManager({"portfolio_value": "1"})  # type: ignore[arg-type]
