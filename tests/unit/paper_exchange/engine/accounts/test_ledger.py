"""Every change of a wallet is booked."""

from decimal import Decimal
from typing import Any

D = Decimal


def test_realised_profit_and_fees_reach_the_wallet(desk: Any) -> None:
    desk.create("Buy", "1")
    desk.book(bids=[("110.0", "2")], asks=[], snapshot=True)
    desk.create("Sell", "1")
    assert desk.cash() == D(100_000) + D("9.9") - (D("100.1") + D("110.0")) * D("0.00055")
    wallet = desk.engine.wallet("u1")
    assert D(wallet["totalEquity"]) == desk.cash().quantize(D("0.00000001"))
