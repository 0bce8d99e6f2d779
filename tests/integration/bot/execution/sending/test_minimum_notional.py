"""The venue's minimum notional is counted at the price of the order, not at the decision's."""

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import update

from bot.execution.sending.sender import SendResult
from models.tables import InstrumentRow
from tests.support.desk import Desk

D = Decimal
TWO_LOTS = D("129.9")
"""Two lots are worth this at the reference price of 64,999.9, and less at any lower bound."""


@pytest.fixture
def strict(desk: Desk) -> Desk:
    """A venue whose minimum is just under two lots at the reference price."""
    with desk.db.transaction() as session:
        session.execute(update(InstrumentRow).values(min_notional=TWO_LOTS))
    desk.exchange.min_notional = TWO_LOTS
    return desk


def twap(side: str, size: str) -> dict[str, Any]:
    signal = {
        "position_size": size,
        "algorithm": "twap",
        "horizon_seconds": 30,
        "interval_seconds": 5,
    }
    return {"side": side, "signal_data": signal}


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_every_slice_of_a_small_trade_is_accepted(strict: Desk, side: str) -> None:
    outcome = strict.approve("r-1", **twap(side, "790"))
    assert outcome["verdict"] in ("allow", "shrink")
    results = []
    for _ in range(7):
        results += strict.send_due()
        strict.stream()
        strict.pass_time(5)
    assert set(results) == {SendResult.SENT}
    assert abs(strict.position()) == D(outcome["approved_qty"])
    assert strict.parent("r-1").state == "completed"
    strict.check_balance()


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_a_size_that_is_only_sendable_at_the_reference_is_denied_by_name(
    strict: Desk, side: str
) -> None:
    outcome = strict.approve("r-1", side=side, signal_data={"position_size": "130.1"})
    assert outcome["verdict"] == "deny"
    assert "feasible_schedule" in [check["name"] for check in outcome["checks_failed"]]


@pytest.mark.parametrize(("side", "fall"), [("buy", "0.02"), ("sell", "0.003")])
def test_slices_are_accepted_although_the_market_has_fallen_since(
    strict: Desk, side: str, fall: str
) -> None:
    strict.approve("r-1", **twap(side, "790"))
    strict.market.touch = (strict.market.touch * (1 - D(fall))).quantize(D("0.1"))
    strict.exchange.touch = strict.market.touch
    assert set(strict.send_due()) == {SendResult.SENT}


@pytest.mark.parametrize("algorithm", ["pov", "passive", "iceberg"])
@pytest.mark.parametrize("side", ["buy", "sell"])
def test_children_of_stepped_trades_are_accepted_too(
    strict: Desk, side: str, algorithm: str
) -> None:
    strict.approve(
        "r-1",
        side=side,
        signal_data={"position_size": "790", "algorithm": algorithm, "horizon_seconds": 20},
    )
    strict.market.touch = (strict.market.touch * D("0.998")).quantize(D("0.1"))
    strict.exchange.touch = strict.market.touch
    for _ in range(22):
        strict.worker.step("r-1")
        assert SendResult.REFUSED not in strict.send_due()
        strict.stream()
        strict.pass_time(1)
