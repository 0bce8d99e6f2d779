"""A trade is put against the book: what it adds, and what it only reduces."""

from decimal import Decimal
from typing import Any

import pytest

from bot.risk.exposure import classify
from bot.risk.gate import evaluate
from bot.risk.snapshot import PositionView, RiskSnapshot, WorkingView
from models.enums import (
    ExposureDelta,
    TradeBlockReason,
    TradeSide,
)
from tests.unit.bot.risk import cases
from tests.unit.bot.risk.cases import D, held

BUY, SELL = TradeSide.BUY, TradeSide.SELL


def holding(*positions: PositionView, **changes: Any) -> RiskSnapshot:
    return cases.snapshot(
        portfolio=cases.portfolio(positions=positions, **changes),
        correlations={"ETHUSDT": 0.0},
    )


def selling(qty: str, **changes: Any) -> Any:
    return cases.intent(side=SELL, notional=D(qty) * D("29999.9"), **changes)


@pytest.mark.parametrize(
    ("position", "side", "qty", "delta"),
    [
        ("0", BUY, "0.1", ExposureDelta.ADDS),
        ("0.1", BUY, "0.1", ExposureDelta.ADDS),
        ("-0.3", BUY, "0.1", ExposureDelta.REDUCES),
        ("-0.1", BUY, "0.1", ExposureDelta.CLOSES),
        ("-0.05", BUY, "0.1", ExposureDelta.FLIPS),
    ],
)
def test_a_trade_is_classified_against_the_net_position(
    position: str, side: TradeSide, qty: str, delta: ExposureDelta
) -> None:
    snapshot = holding(held(position)) if position != "0" else holding()
    intent = cases.intent(side=side, notional=D(qty) * 30000)
    assert evaluate(intent, snapshot, cases.LIMITS).exposure is delta


def test_working_orders_on_the_same_side_use_up_what_is_left_to_close() -> None:
    working = (WorkingView("BTCUSDT", SELL, D("0.2"), D("6000"), reduce_only=True),)
    snapshot = holding(held("0.3"), working=working)
    assert evaluate(selling("0.1"), snapshot, cases.LIMITS).exposure is ExposureDelta.REDUCES
    assert evaluate(selling("0.2"), snapshot, cases.LIMITS).exposure is ExposureDelta.FLIPS
    busy = holding(held("0.3"), working=(WorkingView("BTCUSDT", SELL, D("0.3"), D("9000"), True),))
    assert evaluate(selling("0.1"), busy, cases.LIMITS).exposure is ExposureDelta.ADDS
    denied = evaluate(selling("0.1", reduce_only=True), busy, cases.LIMITS)
    assert TradeBlockReason.NOTHING_TO_REDUCE in denied.reasons


def test_working_orders_on_the_other_side_prove_nothing() -> None:
    """They may not fill; a sell without a position opens a short."""
    working = (WorkingView("BTCUSDT", BUY, D("1"), D("30000")),)
    assert evaluate(selling("0.1"), holding(working=working), cases.LIMITS).exposure is (
        ExposureDelta.ADDS
    )


def test_classifying_leaves_the_snapshot_alone() -> None:
    snapshot, intent = holding(held("0.3")), selling("0.1")
    exposure = classify(intent, snapshot)
    assert exposure.reducing_qty == D("0.1")
    assert exposure.opening_notional == Decimal(0)
    assert not exposure.adds
