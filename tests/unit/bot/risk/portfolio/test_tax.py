"""Lots close in the order that is asked for, and twelve months are twelve calendar months."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from bot.risk.portfolio.kinds import LotOrder
from bot.risk.portfolio.parameters import RiskParameters
from bot.risk.portfolio.tax import TaxLots, threshold_day
from models.enums import TradeSide

D = Decimal
BUY, SELL = TradeSide.BUY, TradeSide.SELL


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def lots(**params: Any) -> TaxLots:
    book = TaxLots(RiskParameters(**params))
    # Booked late: the fill of 2023 came second.
    book.record("X", BUY, D(1), D(100), day("2024-03-01"))
    book.record("X", BUY, D(1), D(300), day("2023-06-01"))
    book.record("X", BUY, D(1), D(200), day("2025-01-15"))
    return book


@pytest.mark.parametrize(
    ("order", "first"),
    [
        (LotOrder.FIFO, [100, 300, 200]),
        (LotOrder.LIFO, [200, 300, 100]),
        (LotOrder.HIGHEST_COST, [300, 200, 100]),
        (LotOrder.LONGEST_HELD, [300, 100, 200]),
    ],
)
def test_an_exit_closes_lots_in_its_order(order: LotOrder, first: list[int]) -> None:
    book = lots(lot_order=order)
    closed = book.record("X", SELL, D("2.5"), D(400), day("2025-02-15"))
    assert closed is not None
    assert [lot.price for lot in closed.lots] == first
    assert [lot.qty for lot in closed.lots] == [1, 1, D("0.5")]
    assert [(lot.qty, lot.price) for lot in book.open_lots("X")] == [(D("0.5"), first[2])]


def test_optimisation_is_an_order_of_lots() -> None:
    assert RiskParameters().order_of_lots is LotOrder.LONGEST_HELD
    assert RiskParameters(enable_tax_optimization=False).order_of_lots is LotOrder.FIFO


@pytest.mark.parametrize(
    ("opened", "eligible"),
    [
        ("2023-03-01", "2024-03-01"),  # 366 days: a leap day lies between
        ("2024-03-01", "2025-03-01"),
        ("2024-02-29", "2025-03-01"),
        ("2023-02-28", "2024-02-28"),
    ],
)
def test_twelve_months_are_not_365_days(opened: str, eligible: str) -> None:
    assert threshold_day(date.fromisoformat(opened), 365) == date.fromisoformat(eligible)


def test_other_thresholds_are_days() -> None:
    assert threshold_day(date(2025, 1, 1), 30) == date(2025, 1, 31)
    assert threshold_day(date(2025, 1, 1), 730) == date(2027, 1, 1)
    assert threshold_day(date(2025, 1, 1), 0) == date(2025, 1, 1)


def test_a_lot_close_to_the_threshold_is_pointed_out() -> None:
    book = TaxLots(RiskParameters())
    book.record("X", BUY, D(1), D(100), day("2023-03-01"))
    last_day = book.estimate("X", SELL, D(1), D(200), day("2024-02-29"))
    assert last_day is not None
    assert (last_day.lots[0].held_days, last_day.discount_eligible) == (365, False)
    assert last_day.near_threshold
    assert "2024-03-01" in last_day.sentence
    assert "no tax advice" in last_day.sentence
    after = book.estimate("X", SELL, D(1), D(200), day("2024-03-01"))
    assert after is not None
    assert (after.discount_eligible, after.near_threshold) == (True, False)
    assert last_day.estimated_tax == D("32.5")
    assert after.estimated_tax == D("16.25")
    early = book.estimate("X", SELL, D(1), D(200), day("2024-01-30"))
    assert early is not None
    assert not early.near_threshold


def test_rates_are_parameters_and_losses_come_off_undiscounted_gains_first() -> None:
    book = lots(tax_rate="0.4", cgt_discount="0.25", lot_order=LotOrder.FIFO)
    # At 250: 150 discounted, 50 lost (discount or not), 50 short.
    closed = book.estimate("X", SELL, D(3), D(250), day("2025-06-01"))
    assert closed is not None
    assert closed.gain == D(150)
    assert closed.estimated_tax == D(150) * D("0.75") * D("0.4")
    loss = book.estimate("X", SELL, D(3), D(50), day("2025-06-01"))
    assert loss is not None
    assert loss.estimated_tax == 0


def test_fees_and_shorts_are_in_the_gain_and_a_flip_opens_what_is_left() -> None:
    book = TaxLots(RiskParameters(lot_order=LotOrder.HIGHEST_COST))
    book.record("X", SELL, D(1), D(100), day("2025-01-01"), fee=D(1))
    book.record("X", SELL, D(1), D(90), day("2025-01-01"), fee=D(1))
    assert book.estimate("X", SELL, D(1), D(80), day("2025-01-02")) is None
    closed = book.record("X", BUY, D(3), D(80), day("2025-01-02"), fee=D(3))
    assert closed is not None
    assert [lot.price for lot in closed.lots] == [90, 100]
    assert closed.gain == D(20 + 10) - 2 - 2
    assert [(lot.qty, lot.fee) for lot in book.open_lots("X")] == [(1, 1)]
    assert book.realised == [closed]
