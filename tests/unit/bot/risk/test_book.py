"""Positions and working orders of an account, seen from one trade."""

import pytest

from bot.risk.gate import evaluate
from models.enums import TradeBlockReason, Verdict
from tests.unit.bot.risk import cases
from tests.unit.bot.risk.cases import held
from tests.unit.bot.risk.checks.asking import (
    BUY,
    SELL,
    asked,
    owning,
    works,
)


def test_the_book_is_counted_with_every_sign() -> None:
    """Positions and working orders elsewhere, long and short, reduce-only ones not at all."""
    snapshot = owning(
        positions=(held("0.1", "ETHUSDT", "2000"), held("-0.2", "SOLUSDT", "100")),
        working=(
            works("ETHUSDT", BUY, "0.5", "1000"),
            works("SOLUSDT", SELL, "2", "200"),
            works("XRPUSDT", SELL, "9", "9000", only_reduces=True),
        ),
    )
    expected = {BUY: ("4420", "4180"), SELL: ("4420", "3020")}
    for side, (gross, net) in expected.items():
        intent = cases.intent(side=side)
        assert asked("gross_exposure", intent, snapshot).value == gross
        assert asked("net_exposure", intent, snapshot).value == net
        assert asked("open_positions", intent, snapshot).value == "3"


def test_an_order_works_only_against_its_own_symbols_position() -> None:
    snapshot = owning(positions=(held("0.3"),), working=(works("ETHUSDT", SELL, "0.3", "600"),))
    decision = evaluate(cases.intent(side=SELL), snapshot, cases.LIMITS)
    assert decision.reduce_only
    assert decision.verdict is Verdict.ALLOW


@pytest.mark.parametrize(("qty", "notional"), [("NaN", "1"), ("1", "NaN"), ("Infinity", "1")])
def test_a_working_order_that_cant_be_read_denies(qty: str, notional: str) -> None:
    snapshot = owning(working=(works("ETHUSDT", BUY, qty, notional),))
    decision = evaluate(cases.intent(), snapshot, cases.LIMITS)
    assert decision.verdict is Verdict.DENY
    assert decision.reasons == (TradeBlockReason.DATA_MISSING,)
