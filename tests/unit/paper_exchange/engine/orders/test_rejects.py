"""Orders are refused with Bybit's codes."""

from decimal import Decimal
from typing import Any

import pytest

from paper_exchange.types import Reject

D = Decimal


def refused(code: int, call: Any, *args: Any, **kwargs: Any) -> None:
    with pytest.raises(Reject) as caught:
        call(*args, **kwargs)
    assert caught.value.ret_code == code, caught.value


@pytest.mark.parametrize(
    ("code", "change"),
    [
        (10001, {"qty": "0.0001"}),
        (10001, {"qty": "0"}),
        (10001, {"qty": "1e-3"}),
        (10001, {"qty": 1}),
        (10001, {"qty": "2000"}),
        (10001, {"price": "100.05"}),
        (110094, {"qty": "0.001"}),
        (110017, {"reduceOnly": True}),
        (10001, {"positionIdx": 1}),
        (10001, {"orderLinkId": "x" * 37}),
        (110007, {"qty": "1000"}),
    ],
)
def test_a_wrong_order_is_refused_with_bybits_code(
    desk: Any, code: int, change: dict[str, Any]
) -> None:
    params = {
        "category": "linear",
        "symbol": "BTCUSDT",
        "side": "Buy",
        "orderType": "Limit",
        "qty": "1",
        "price": "99",
        "leverage": "10",
    }
    if code == 110007:
        desk.engine.world.accounts["u1"].wallet["USDT"] = D(5_000)
    refused(code, desk.engine.create_order, "u1", {**params, **change}, desk.now)
    assert desk.events() == []
