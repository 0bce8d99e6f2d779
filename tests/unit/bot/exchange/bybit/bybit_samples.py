"""Orders to place and rows to read that several tests of the adapter share."""

from decimal import Decimal
from typing import Any

from bot.exchange.protocol import OrderIntent, OrderType, TimeInForce
from models.enums import TradeSide

D = Decimal
LIMIT = OrderIntent(
    order_link_id="a-1",
    symbol="BTCUSDT",
    side=TradeSide.SELL,
    qty=D("0.010"),
    order_type=OrderType.LIMIT,
    time_in_force=TimeInForce.IOC,
    price=D("60000.10"),
    reduce_only=True,
)
MARKET = OrderIntent(
    "a-2", "X", TradeSide.BUY, D("5E+3"), OrderType.MARKET, TimeInForce.GTC, None, False
)


def order_row(link_id: str = "a-1", **changes: Any) -> dict[str, Any]:
    row = {
        "orderId": f"id-{link_id}",
        "orderLinkId": link_id,
        "symbol": "BTCUSDT",
        "side": "Buy",
        "qty": "1",
        "price": "60000",
        "orderStatus": "New",
        "cumExecQty": "0",
        "avgPrice": "",
        "reduceOnly": False,
        "rejectReason": "EC_NoError",
        "cancelType": "UNKNOWN",
        "updatedTime": "1700000000000",
    }
    return row | changes
