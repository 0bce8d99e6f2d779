"""Funding at the interval's multiples of the exchange's clock."""

from decimal import Decimal
from typing import Any

D = Decimal
HOUR = 3_600_000


def test_longs_pay_shorts_a_positive_rate_at_eight_hours(desk: Any) -> None:
    desk.mark("100", funding_rate=D("0.0001"))
    desk.create("Buy", "1")
    desk.create("Sell", "1", uid="u2")
    before = {uid: desk.cash(uid=uid) for uid in ("u1", "u2")}
    desk.events()
    desk.now = 8 * HOUR - 1
    desk.engine.advance(desk.now)
    assert desk.events() == []
    desk.wait(1)
    assert desk.cash(uid="u1") - before["u1"] == D("-0.01")
    assert desk.cash(uid="u2") - before["u2"] == D("0.01")
    rows = desk.events("execution")
    assert [(r["execType"], r["execFee"], r["orderType"]) for r in rows] == [
        ("Funding", "0.01", "UNKNOWN"),
        ("Funding", "-0.01", "UNKNOWN"),
    ]
    log = desk.engine.transaction_log("u1", {"type": "SETTLEMENT"})
    assert [(r["funding"], r["change"]) for r in log] == [("-0.01", "-0.01")]
    desk.wait(16 * HOUR)
    assert desk.cash(uid="u1") - before["u1"] == D("-0.03")


def test_the_next_payment_is_a_multiple_of_the_interval(desk: Any) -> None:
    assert desk.engine.world.markets["linear", "BTCUSDT"].next_funding_ms == 8 * HOUR
